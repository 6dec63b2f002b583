//! What is seen of a cluster's tokens, and of its way to another release.

use jiff::SignedDuration;
use k3fleet::app::tokens::TokenMade;
use k3fleet::app::{Effect, Msg, State, update};
use k3fleet::fleet::{ClusterId, EdgeHost, HostName, MachineId, Role};
use k3fleet::ops::launch::Channel;
use k3fleet::ops::rotation::{Held, Holder, Which};
use k3fleet::ops::tokens::{Own, Parameter, Tokens};
use k3fleet::ops::{BootstrapToken, ParameterVersion, Reach, Secret};

use super::demo::{press, write};
use super::{SIZES, demo, plainly, shown};

fn holder(name: &str, role: Role, held: &[(Role, Which)]) -> Holder {
    let hold = |(kind, which): &(Role, Which)| Held {
        kind: *kind,
        place: "/etc/rancher/k3s/config.yaml token".into(),
        which: which.clone(),
    };
    Holder {
        machine: MachineId::Edge(HostName::new(name)),
        name: name.into(),
        reach: None,
        node: None,
        role,
        holds: match held {
            [] => Err("connect to pi-kiosk-05: connection timed out".into()),
            held => Ok(held.iter().map(hold).collect()),
        },
    }
}

fn told(state: &State, cluster: &ClusterId) -> Tokens {
    let version = |version, days: i64| ParameterVersion {
        version,
        at: state.now - SignedDuration::from_hours(24 * days),
        by: "arn:aws:iam::111122223333:user/ana".into(),
    };
    let of = |kind, version| (kind, Which::Version(kind, version));
    let machines = vec![
        holder(
            "edge-lab-server",
            Role::Server,
            &[of(Role::Server, 1), of(Role::Agent, 3)],
        ),
        holder("pi-kiosk-01", Role::Agent, &[of(Role::Agent, 3)]),
        holder("pi-kiosk-02", Role::Agent, &[of(Role::Agent, 3)]),
        holder("pi-kiosk-03", Role::Agent, &[of(Role::Agent, 2)]),
        holder(
            "pi-kiosk-04",
            Role::Agent,
            &[(Role::Agent, Which::Bootstrap("abc234".into()))],
        ),
        holder("pi-kiosk-05", Role::Agent, &[]),
    ];
    let parameter = |kind: Role, versions: Vec<ParameterVersion>| {
        let parameter = Parameter {
            name: format!("/k3fleet/{}/{}-token", cluster.name, kind.as_str()).into(),
            newest: versions.first().map_or(1, |v| v.version),
            versions,
        };
        (kind, parameter)
    };
    let bootstrap = |id: &str, description: &str, hours: Option<i64>| BootstrapToken {
        id: id.into(),
        description: description.into(),
        expires_at: hours.map(|hours| state.now + SignedDuration::from_hours(hours)),
        made_at: Some(state.now - SignedDuration::from_hours(3)),
    };
    Tokens {
        cluster: cluster.clone(),
        version: Some("v1.36.4+k3s1".into()),
        datastore: None,
        parameters: [
            parameter(Role::Server, vec![version(1, 400)]),
            parameter(Role::Agent, vec![version(3, 12), version(2, 90), version(1, 400)]),
        ]
        .into(),
        own: [].into(),
        machines,
        bootstrap: vec![
            bootstrap("abc234", "boards of the second floor", Some(21)),
            bootstrap("xyz777", "", None),
        ],
        faults: vec![],
    }
}

/// The view while the cluster is asked.
fn asked() -> (State, ClusterId) {
    let mut state = demo();
    press(&mut state, "1 g");
    let effects = update(&mut state, Msg::Key("T".parse().expect("a key"))).effects;
    match effects.as_slice() {
        [Effect::Tokens(roll)] => (state, roll.cluster.clone()),
        other => panic!("{other:?}"),
    }
}

fn known() -> (State, ClusterId) {
    let (mut state, cluster) = asked();
    let answer = told(&state, &cluster);
    update(&mut state, Msg::Tokens(Box::new(answer)));
    (state, cluster)
}

#[test]
fn the_tokens_of_a_cluster() {
    let (mut state, cluster) = asked();
    let mut text = plainly(&mut state, "while it is asked", &[(80, 24)]);
    let answer = Tokens {
        parameters: [].into(),
        machines: vec![],
        bootstrap: vec![],
        faults: vec!["ssm:GetParameter was denied: allow it for this user".to_owned()],
        ..told(&state, &cluster)
    };
    update(&mut state, Msg::Tokens(Box::new(answer)));
    text.push_str(&plainly(&mut state, "it does not tell", &[(80, 24)]));
    insta::assert_snapshot!("tokens_asked", text);
    let (mut state, _) = known();
    insta::assert_snapshot!("tokens", shown(&mut state));
    press(&mut state, "G");
    let mut text = plainly(&mut state, "the last one", &[(80, 24)]);
    press(&mut state, "ctrl-d");
    text.push_str(&plainly(&mut state, "deleted?", &[(80, 24)]));
    insta::assert_snapshot!("tokens_delete", text);
}

#[test]
fn the_tokens_that_servers_keep_change_over_ssh() {
    let (mut state, cluster) = asked();
    let mut answer = Tokens {
        parameters: [].into(),
        own: [(Role::Server, 1), (Role::Agent, 3)]
            .map(|(kind, number)| {
                (
                    kind,
                    Own {
                        number,
                        under_way: false,
                    },
                )
            })
            .into(),
        ..told(&state, &cluster)
    };
    answer.machines.pop();
    for holder in &mut answer.machines {
        holder.reach = Some(Reach::Edge(EdgeHost {
            name: HostName::new(&holder.name),
            group: "shop-pi".into(),
            address: None,
            user: None,
            port: None,
            cluster: Some(cluster.name.clone()),
            labels: [].into(),
            taints: [].into(),
        }));
    }
    update(&mut state, Msg::Tokens(Box::new(answer)));
    let mut text = plainly(&mut state, "they are in no parameter", &[(120, 36)]);
    press(&mut state, "r");
    text.push_str(&plainly(&mut state, "the plan", &[(120, 36)]));
    insta::assert_snapshot!("tokens_kept", text);
}

#[test]
fn a_bootstrap_token_is_shown_once() {
    let (mut state, cluster) = known();
    press(&mut state, "n");
    let mut text = plainly(&mut state, "the form", &SIZES);
    let token = "K10e8c1d2f3a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f::k3m7qa.0123456789abcdef";
    let made = TokenMade {
        cluster,
        token: Secret::new(token),
        expires_at: Some(state.now + SignedDuration::from_hours(24)),
    };
    update(&mut state, Msg::TokenMade(Ok(made)));
    assert!(!format!("{state:?}").contains("0123456789abcdef"));
    text.push_str(&plainly(&mut state, "made", &SIZES));
    insta::assert_snapshot!("token_made", text);
}

#[test]
fn the_way_to_another_release() {
    let mut state = demo();
    press(&mut state, "1 g U");
    let mut text = plainly(&mut state, "while the channels are asked", &[(80, 24)]);
    let channel = |name: &str, version: &str| Channel {
        name: name.into(),
        version: version.into(),
    };
    let channels = vec![channel("stable", "v1.37.1+k3s1"), channel("v1.36", "v1.36.5+k3s1")];
    update(&mut state, Msg::Channels(Ok(channels)));
    text.push_str(&plainly(&mut state, "a channel", &SIZES));
    write(&mut state, "v1.40");
    press(&mut state, "down space down 0");
    text.push_str(&plainly(&mut state, "what is no release", &[(80, 24)]));
    insta::assert_snapshot!("upgrade", text);
}
