//! Commands on hosts, hosts of `hosts.toml`, tokens and upgrades, by keys.

use smol_str::SmolStr;

use super::*;
use crate::app::Overlay;
use crate::app::tokens::{Token, TokenMade, TokensView, lines};
use crate::fleet::{ClusterId, ContextId, EdgeHost, HostName, MachineId, Purchase, Role, Severity};
use crate::ops::launch::Channel;
use crate::ops::rotation::{Held, Holder, Which};
use crate::ops::tokens::{Parameter, Tokens};
use crate::ops::{BootstrapToken, ParameterVersion, Ran, Request, Secret};

fn send(state: &mut State, msg: Msg) -> Vec<Effect> {
    let effects = update(state, msg).effects;
    project(state);
    effects
}

fn notice(state: &State) -> &str {
    state.notice.as_ref().map_or("", |(_, text, _)| text.as_str())
}

fn cluster(state: &State) -> ClusterId {
    state.summary.clusters.keys().next().unwrap().clone()
}

/// Adds hosts until there are so many.
fn more_hosts(state: &mut State, many: usize) {
    let like = state.fleet.machine(&MachineId::Edge(HostName::new("pi-1")));
    let like = like.unwrap().edge().unwrap().clone();
    let host = |n: usize| {
        let name = HostName::new(format!("pi-{n}"));
        Observation::EdgeHost(Box::new(EdgeHost { name, ..like.clone() }))
    };
    observe(state, 1, (1..=many).map(host).collect());
}

#[test]
fn a_command_is_run_on_the_marked_hosts_and_its_results_are_grouped() {
    let mut state = screen(2);
    more_hosts(&mut state, 3);
    press(&mut state, "5 g space space space !");
    assert_eq!(press(&mut state, "enter"), [], "nothing is typed");
    type_in(&mut state, "uname -r");
    let effects = press(&mut state, "enter");
    let [Effect::RunOn(hosts, argv)] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!((hosts.len(), argv.join("|").as_str()), (3, "sh|-c|uname -r"));
    let ran = |code, output: &str| {
        Ok(Ran {
            code: Some(code),
            output: output.to_owned(),
        })
    };
    for (name, result) in [
        ("pi-1", ran(0, "6.12\n")),
        ("pi-3", ran(0, "6.12\n")),
        ("pi-2", Err("connection timed out".to_owned())),
        ("pi-9", ran(1, "who is that")),
    ] {
        send(&mut state, Msg::Ran(HostName::new(name), result));
    }
    let Some(Overlay::Ran(view)) = state.overlays.last() else {
        panic!("no results")
    };
    assert!(view.waiting.is_empty());
    let told: Vec<_> = view
        .groups()
        .iter()
        .map(|group| {
            (
                group.hosts.len(),
                group.severity(),
                group.ended(),
                group.output().to_owned(),
            )
        })
        .collect();
    let expected = [
        (
            1,
            Severity::Critical,
            "not run".to_owned(),
            "connection timed out".to_owned(),
        ),
        (2, Severity::Ok, "done".to_owned(), "6.12".to_owned()),
    ];
    assert_eq!(told, expected);
}

#[test]
fn over_five_hosts_their_number_is_typed() {
    let mut state = screen(2);
    more_hosts(&mut state, 7);
    press(&mut state, "5 g space G ctrl-space !");
    type_in(&mut state, "reboot");
    assert_eq!(press(&mut state, "enter"), []);
    type_in(&mut state, "6");
    assert_eq!(press(&mut state, "enter"), [], "there are seven");
    press(&mut state, "ctrl-u 7");
    let effects = press(&mut state, "enter");
    assert!(
        matches!(effects.as_slice(), [Effect::RunOn(hosts, _)] if hosts.len() == 7),
        "{effects:?}"
    );
    state.read_only = true;
    assert_eq!(press(&mut state, "esc !"), []);
    assert!(notice(&state).contains("read-only"));
}

#[test]
fn hosts_are_written_into_hosts_toml() {
    let mut state = screen(2);
    press(&mut state, "5 g n");
    assert_eq!(press(&mut state, "enter"), [], "it has no name yet");
    type_in(&mut state, "pi-1");
    assert_eq!(press(&mut state, "enter"), [], "there is one of that name");
    type_in(&mut state, "0");
    press(&mut state, "down down down down x");
    assert_eq!(press(&mut state, "enter"), [], "x is no port");
    press(&mut state, "ctrl-u 2 2 down down");
    type_in(&mut state, "site=shop, kind=kiosk");
    let effects = press(&mut state, "enter");
    let [Effect::SaveHost { name: None, host }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(
        (host.name.as_str(), host.group.as_str(), host.port),
        ("pi-10", "shop", Some(22))
    );
    assert_eq!(host.labels.len(), 2);
    send(
        &mut state,
        Msg::HostSaved(HostName::new("pi-10"), Err("the disk is full".into())),
    );
    let Some(Overlay::Form(asking)) = state.overlays.last() else {
        panic!("the form stays")
    };
    assert_eq!(asking.refused.as_deref(), Some("the disk is full"));
    press(&mut state, "enter");
    send(&mut state, Msg::HostSaved(HostName::new("pi-10"), Ok(())));
    assert!(state.overlays.is_empty());
    press(&mut state, "e");
    let effects = press(&mut state, "enter");
    assert!(matches!(effects.as_slice(), [Effect::SaveHost { name: Some(name), .. }] if name.as_str() == "pi-1"));
    state.demo = Some(false);
    press(&mut state, "esc n");
    assert!(state.overlays.is_empty() && notice(&state).contains("simulated"));
}

#[test]
fn an_upgrade_goes_to_a_channel_or_to_a_release() {
    let mut state = screen(3);
    assert_eq!(press(&mut state, "1 g U"), [Effect::Channels]);
    let channel = |name: &str, version: &str| Channel {
        name: name.into(),
        version: version.into(),
    };
    let channels = vec![channel("latest", "v1.37.0+k3s1"), channel("stable", "v1.36.5+k3s1")];
    send(&mut state, Msg::Channels(Ok(channels)));
    let planned = |state: &State| match state.overlays.last() {
        Some(Overlay::Plan(planning)) => match &planning.request {
            Request::Upgrade(upgrade) => (**upgrade).clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    press(&mut state, "enter");
    let upgrade = planned(&state);
    assert_eq!(
        (upgrade.to.as_str(), upgrade.wave, upgrade.drain),
        ("v1.36.5+k3s1", 3, None)
    );
    press(&mut state, "esc left down space down 9");
    press(&mut state, "enter");
    let upgrade = planned(&state);
    assert_eq!((upgrade.to.as_str(), upgrade.wave), ("v1.37.0+k3s1", 9));
    assert!(upgrade.drain.is_some());
    press(&mut state, "esc up up");
    type_in(&mut state, "v1.36.6");
    press(&mut state, "enter");
    assert!(
        matches!(state.overlays.last(), Some(Overlay::Form(_))),
        "that is no release"
    );
    type_in(&mut state, "+k3s1");
    press(&mut state, "enter");
    assert_eq!(planned(&state).to, "v1.36.6+k3s1");
}

fn holder(name: &str, role: Role, which: Option<Which>) -> Holder {
    Holder {
        machine: MachineId::Edge(HostName::new(name)),
        name: name.into(),
        reach: None,
        node: None,
        role,
        holds: match which {
            Some(which) => Ok(vec![Held {
                kind: Role::Agent,
                place: "/etc/rancher/k3s/token".into(),
                which,
            }]),
            None => Err("connection timed out".into()),
        },
    }
}

fn told(state: &State) -> Tokens {
    let version = |version, days: i64| ParameterVersion {
        version,
        at: state.now - SignedDuration::from_hours(24 * days),
        by: "arn:aws:iam::111122223333:user/ana".into(),
    };
    let parameter = Parameter {
        name: "/k3fleet/prod/agent-token".into(),
        newest: 2,
        versions: vec![version(2, 3), version(1, 90)],
    };
    Tokens {
        cluster: cluster(state),
        version: Some("v1.36.4+k3s1".into()),
        datastore: None,
        parameters: [(Role::Agent, parameter)].into(),
        own: [].into(),
        machines: vec![
            holder("a", Role::Agent, Some(Which::Version(Role::Agent, 2))),
            holder("b", Role::Agent, Some(Which::Version(Role::Agent, 1))),
            holder("c", Role::Agent, None),
        ],
        bootstrap: vec![BootstrapToken {
            id: "abc234".into(),
            description: "new boards".into(),
            expires_at: Some(state.now + SignedDuration::from_hours(2)),
            made_at: None,
        }],
        faults: vec![],
    }
}

/// The cluster that is asked for its tokens.
fn asked(effects: &[Effect]) -> &ClusterId {
    match effects {
        [Effect::Tokens(roll)] => &roll.cluster,
        other => panic!("{other:?}"),
    }
}

fn view(state: &State) -> &TokensView {
    let found = state.overlays.iter().find_map(|overlay| match overlay {
        Overlay::Tokens(view) => Some(view),
        _ => None,
    });
    found.expect("the tokens are shown")
}

#[test]
fn the_tokens_of_a_cluster_tell_who_uses_which() {
    let mut state = screen(3);
    let of = cluster(&state);
    assert_eq!(*asked(&press(&mut state, "1 g T")), of);
    assert_eq!(press(&mut state, "r"), [], "they are not known yet");
    let answer = told(&state);
    send(&mut state, Msg::Tokens(Box::new(answer)));
    let rows = lines(view(&state), state.now);
    let text: Vec<_> = rows[1].lines.iter().map(|l| l.text.as_str()).collect();
    assert!(
        text.contains(&"a uses version 2") && text.contains(&"b still uses version 1"),
        "{text:?}"
    );
    assert!(text.contains(&"c did not tell which it uses"), "{text:?}");
    assert_eq!(
        (rows[1].age.as_str(), rows[2].age.as_str()),
        ("3d00h old", "ends in 2h00m")
    );
    press(&mut state, "j r");
    let Some(Overlay::Plan(planning)) = state.overlays.last() else {
        panic!("no plan")
    };
    assert!(matches!(&planning.request, Request::Rotate(r) if r.kind == Role::Agent && !r.leave_unreached));
    press(&mut state, "u");
    let Some(Overlay::Plan(planning)) = state.overlays.last() else {
        panic!("no plan")
    };
    assert!(matches!(&planning.request, Request::Rotate(r) if r.leave_unreached));
}

#[test]
fn bootstrap_tokens_are_made_shown_once_and_deleted() {
    let mut state = screen(3);
    let of = cluster(&state);
    press(&mut state, "1 g T");
    let answer = told(&state);
    send(&mut state, Msg::Tokens(Box::new(answer)));
    press(&mut state, "n x");
    assert_eq!(press(&mut state, "enter"), [], "x is no time");
    press(&mut state, "ctrl-u 2 h");
    let effects = press(&mut state, "enter");
    let expires_at = state.now + SignedDuration::from_hours(2);
    assert!(
        matches!(effects.as_slice(), [Effect::MakeToken { expires_at: Some(at), .. }] if *at == expires_at),
        "{effects:?}"
    );
    let made = TokenMade {
        cluster: of.clone(),
        token: Secret::new("K10abc::abcdef.0123456789abcdef"),
        expires_at: Some(expires_at),
    };
    assert_eq!(*asked(&send(&mut state, Msg::TokenMade(Ok(made)))), of);
    assert!(!format!("{state:?}").contains("0123456789abcdef"));
    let copied = press(&mut state, "c");
    assert_eq!(
        copied,
        [Effect::CopySecret(Secret::new("K10abc::abcdef.0123456789abcdef"))]
    );
    press(&mut state, "esc j j");
    assert_eq!(view(&state).here(), Some(Token::Bootstrap("abc234".into())));
    assert_eq!(press(&mut state, "ctrl-d x"), [], "anything but a yes leaves it");
    let deleted = press(&mut state, "ctrl-d y");
    let id: SmolStr = "abc234".into();
    let context = ContextId::new("prod-admin");
    assert_eq!(
        deleted,
        [Effect::DeleteToken {
            cluster: of,
            context,
            id
        }]
    );
}

#[test]
fn certificates_are_renewed_of_a_machine_or_of_a_whole_cluster() {
    let mut state = screen(3);
    let machines = |state: &State| match state.overlays.last() {
        Some(Overlay::Plan(planning)) => match &planning.request {
            Request::RotateCertificates { machines } => machines.len(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    press(&mut state, "1 g alt-c");
    assert_eq!(machines(&state), 4, "one agent has no node");
    press(&mut state, "esc 2 g alt-c");
    assert_eq!(machines(&state), 1);
}

#[test]
fn a_plan_that_only_names_another_time_is_run() {
    let mut state = screen(3);
    press(&mut state, "1 g T");
    let server = MachineId::Instance(example::instance(1, "servers", Purchase::OnDemand).id);
    let machine = state.fleet.machine(&server).unwrap();
    let holds = Holder {
        machine: server.clone(),
        reach: crate::ops::Reach::of(&machine),
        node: machine.node().map(|node| node.key.clone()),
        role: Role::Server,
        ..holder("server", Role::Server, Some(Which::Version(Role::Agent, 2)))
    };
    let answer = Tokens {
        machines: vec![holds],
        ..told(&state)
    };
    send(&mut state, Msg::Tokens(Box::new(answer)));
    press(&mut state, "j r");
    let later = state.now + SignedDuration::from_secs(5);
    send(&mut state, Msg::Clock(later));
    let effects = press(&mut state, "enter");
    assert!(
        matches!(effects.as_slice(), [Effect::Run { .. }]),
        "{effects:?} {:?}",
        state.overlays.last()
    );
}
