//! Hosts on their way into a cluster: what is asked, what is shown of it, and what comes of it.

mod ways;

use smol_str::SmolStr;

use super::*;
use crate::app::Overlay;
use crate::app::joining::{Found, JoinForm, KeyStanding, Tally};
use crate::fleet::{Arch, ClusterId, ContextId, EdgeHost, HostName, KubeServer, NodeKey, Purchase, Severity, Source};
use crate::ops::joining::{Facts, Reached, Sudo};
use crate::ops::{HostKey, Request, Secret};

const SERVER: &str = "10.0.0.1:6443";

fn facts(name: &str) -> Facts {
    Facts {
        machine: "aarch64".into(),
        arch: Some(Arch::Arm64),
        userland_bits: Some(64),
        hostname: name.into(),
        init: Some("systemd".into()),
        sudo: Sudo::Free,
        memory_cgroup: Some(true),
        cmdline: Some("/boot/firmware/cmdline.txt".into()),
        vxlan: Some(true),
        memory_mib: Some(4096),
        disk_free_mib: Some(20_000),
        clock_skew: Some(0),
        clock_synced: Some(true),
        swap_mib: Some(0),
        downloader: Some("curl".into()),
        node_password: Some(false),
        reached: vec![Reached {
            address: SERVER.into(),
            answers: true,
        }],
        ..Facts::default()
    }
}

fn key(end: &str) -> HostKey {
    HostKey {
        kind: "ED25519".into(),
        fingerprint: format!("SHA256:{end}").into(),
        line: format!("host ssh-ed25519 {end}"),
    }
}

fn context() -> ContextId {
    ContextId::new("prod-admin")
}

fn host(state: &State, name: &str) -> EdgeHost {
    let machine = state.fleet.machine(&crate::fleet::MachineId::Edge(HostName::new(name)));
    machine.unwrap().edge().unwrap().clone()
}

fn form(state: &State) -> &JoinForm {
    let found = state.overlays.iter().find_map(|overlay| match overlay {
        Overlay::Join(form) => Some(form),
        _ => None,
    });
    found.expect("the preflight is open")
}

fn send(state: &mut State, msg: Msg) -> Vec<Effect> {
    let effects = update(state, msg).effects;
    project(state);
    effects
}

fn looked(state: &mut State, name: &str, found: Found) -> Vec<Effect> {
    send(state, Msg::Looked(HostName::new(name), found))
}

fn good(name: &str) -> Found {
    Found::Facts(Box::new(facts(name)))
}

/// Both hosts on their way into the only cluster, which has told where it is reached.
fn asked() -> State {
    let mut state = screen(2);
    assert_eq!(
        press(&mut state, "5 g space j space J"),
        [Effect::Advertised(context())]
    );
    let effects = send(&mut state, Msg::Advertised(context(), Ok(vec![SERVER.into()])));
    let hosts = vec![host(&state, "pi-1"), host(&state, "pi-2")];
    assert_eq!(effects, [Effect::LookAt(hosts, vec![SmolStr::new(SERVER)])]);
    state
}

fn notice(state: &State) -> &str {
    state.notice.as_ref().map_or("", |(_, text, _)| text.as_str())
}

#[test]
fn from_two_hosts_to_the_plan_of_their_join() {
    let mut state = asked();
    press(&mut state, "p");
    assert_eq!(notice(&state), "2 hosts have not answered yet");
    looked(&mut state, "pi-1", good("pi-1"));
    looked(&mut state, "pi-2", good("pi-2"));
    let tally = Tally {
        well: 2,
        ..Tally::default()
    };
    assert_eq!(form(&state).tally(), tally, "{:?}", form(&state).hosts);
    press(&mut state, "p");
    let Some(Overlay::Plan(planning)) = state.overlays.last() else {
        panic!("no plan: {}", notice(&state))
    };
    let Request::Join(join) = &planning.request else {
        panic!("no join")
    };
    assert_eq!(
        (join.version.as_str(), join.server.as_str()),
        ("v1.36.4+k3s1", "https://10.0.0.1:6443")
    );
    assert_eq!(join.hosts.len(), 2);
    press(&mut state, "esc");
    assert!(
        matches!(state.overlays.last(), Some(Overlay::Join(_))),
        "back leads to the preflight"
    );
}

#[test]
fn an_unknown_key_is_taken_only_after_a_yes() {
    let mut state = asked();
    looked(&mut state, "pi-1", Found::NewKey(key("abc")));
    looked(&mut state, "pi-2", good("pi-2"));
    assert_eq!(form(&state).tally().barred, 1);
    let taken = press(&mut state, "y");
    assert_eq!(taken, [Effect::Trust(Box::new(host(&state, "pi-1")), key("abc"))]);
    let again = send(&mut state, Msg::Trusted(HostName::new("pi-1"), Ok(())));
    assert_eq!(again, [Effect::LookAt(vec![host(&state, "pi-1")], vec![SERVER.into()])]);
    looked(&mut state, "pi-1", good("pi-1"));
    assert_eq!(form(&state).tally().well, 2);
}

#[test]
fn all_unknown_keys_are_listed_before_they_are_taken() {
    let mut state = asked();
    looked(&mut state, "pi-1", Found::NewKey(key("abc")));
    looked(&mut state, "pi-2", Found::NewKey(key("def")));
    assert_eq!(press(&mut state, "a"), []);
    let Some(Overlay::Keys(keys)) = state.overlays.last() else {
        panic!("no keys")
    };
    assert_eq!(keys.keys.len(), 2);
    let taken = press(&mut state, "a");
    assert_eq!(taken.len(), 2, "{taken:?}");
    send(
        &mut state,
        Msg::Trusted(HostName::new("pi-2"), Err("the disk is full".into())),
    );
    press(&mut state, "esc");
    let failed = form(&state).host(&HostName::new("pi-2")).unwrap();
    assert_eq!(failed.found, Found::Failed("the disk is full".into()));
}

#[test]
fn a_changed_key_is_never_taken() {
    let mut state = asked();
    looked(
        &mut state,
        "pi-1",
        Found::ChangedKey("the key of pi-1 is another one".into()),
    );
    let worst = form(&state).hosts[0].worst().unwrap();
    assert!(
        worst.verdict == Severity::Critical && worst.said.starts_with("HAS CHANGED"),
        "{worst:?}"
    );
    for keys in ["y", "enter y", "esc a"] {
        let effects = press(&mut state, keys);
        assert!(effects.iter().all(|e| !matches!(e, Effect::Trust(..))), "{keys}");
    }
}

#[test]
fn a_key_is_accepted_from_the_edge_screen_too() {
    let mut state = screen(2);
    let asked = press(&mut state, "5 g a");
    assert_eq!(asked, [Effect::HostKeys(vec![host(&state, "pi-1")])]);
    let pi = HostName::new("pi-1");
    send(
        &mut state,
        Msg::HostKey(pi.clone(), KeyStanding::Changed("another".into())),
    );
    assert_eq!(press(&mut state, "y"), []);
    send(&mut state, Msg::HostKey(pi.clone(), KeyStanding::New(key("abc"))));
    assert_eq!(
        press(&mut state, "y"),
        [Effect::Trust(Box::new(host(&state, "pi-1")), key("abc"))]
    );
    assert_eq!(
        send(&mut state, Msg::Trusted(pi, Ok(()))),
        [Effect::Refresh(vec![Source::Hosts])]
    );
    assert_eq!(press(&mut state, "y"), []);
    assert_eq!(notice(&state), "it is known already");
}

#[test]
fn sudos_password_is_given_for_upgrades_and_tokens_too() {
    let mut state = asked();
    press(&mut state, "esc");
    assert_eq!(press(&mut state, "alt-s"), []);
    type_in(&mut state, "hunter2");
    let given = press(&mut state, "enter");
    assert_eq!(given, [Effect::SudoPassword(Secret::new("hunter2"))]);
    assert!(state.overlays.is_empty());
    assert!(!format!("{state:?}").contains("hunter2"));
}

#[test]
fn sudos_password_is_asked_once_and_seen_by_nobody() {
    let mut state = asked();
    let asks = |name: &str| {
        let sudo = Sudo::Password;
        Found::Facts(Box::new(Facts { sudo, ..facts(name) }))
    };
    looked(&mut state, "pi-1", asks("pi-1"));
    looked(&mut state, "pi-2", asks("pi-2"));
    press(&mut state, "p");
    assert!(matches!(state.overlays.last(), Some(Overlay::Password(_))));
    type_in(&mut state, "hunter2");
    assert!(!format!("{state:?}").contains("hunter2"));
    let given = press(&mut state, "enter");
    assert_eq!(given, [Effect::SudoPassword(Secret::new("hunter2"))]);
    assert!(!format!("{given:?}").contains("hunter2"));
    let Some(Overlay::Plan(planning)) = state.overlays.last() else {
        panic!("no plan: {}", notice(&state))
    };
    assert!(matches!(&planning.request, Request::Join(join) if join.sudo_password));
    press(&mut state, "esc p");
    assert!(
        matches!(state.overlays.last(), Some(Overlay::Plan(_))),
        "it is not asked twice"
    );
    assert!(!format!("{state:?}").contains("hunter2"));
}

#[test]
fn another_server_has_the_hosts_looked_at_again() {
    let mut state = asked();
    looked(&mut state, "pi-1", good("pi-1"));
    looked(&mut state, "pi-2", good("pi-2"));
    press(&mut state, "o ctrl-u");
    type_in(&mut state, "api.example.com");
    assert_eq!(press(&mut state, "enter"), [], "that is no URL");
    press(&mut state, "ctrl-u");
    type_in(&mut state, "https://api.example.com:6443");
    let effects = press(&mut state, "enter");
    let addresses: Vec<SmolStr> = vec!["api.example.com:6443".into(), SERVER.into()];
    assert!(
        matches!(effects.as_slice(), [Effect::LookAt(hosts, a)] if hosts.len() == 2 && *a == addresses),
        "{effects:?}"
    );
    assert_eq!(form(&state).asked(), 2);
}

#[test]
fn hosts_are_left_out_and_looked_at_again() {
    let mut state = asked();
    looked(&mut state, "pi-1", Found::Failed("connection refused".into()));
    looked(&mut state, "pi-2", good("pi-2"));
    press(&mut state, "space");
    assert_eq!((form(&state).tally().left_out, form(&state).at), (1, 1));
    assert_eq!(form(&state).join().hosts.len(), 1);
    let again = press(&mut state, "r");
    assert!(
        matches!(again.as_slice(), [Effect::LookAt(hosts, _)] if hosts.len() == 1),
        "only who failed: {again:?}"
    );
    press(&mut state, "m");
    assert!(!form(&state).mend);
    press(&mut state, "esc");
    assert!(state.overlays.is_empty());
    assert_eq!(
        looked(&mut state, "pi-1", good("pi-1")),
        [],
        "a late answer is of no use"
    );
}

#[test]
fn the_checks_of_each_host_are_gone_through() {
    let mut state = asked();
    looked(&mut state, "pi-1", good("pi-1"));
    looked(&mut state, "pi-2", good("pi-2"));
    press(&mut state, "enter");
    let shown = |state: &State| match state.overlays.last() {
        Some(Overlay::Checks { host, .. }) => host.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(shown(&state), "pi-1");
    press(&mut state, "right right");
    assert_eq!(shown(&state), "pi-2");
    press(&mut state, "left esc");
    assert_eq!(form(&state).at, 0);
}

#[test]
fn of_several_clusters_one_is_chosen() {
    let mut state = screen(2);
    let lab = Observation::Server(KubeServer {
        context: ContextId::new("lab"),
        version: "v1.36.4+k3s1".into(),
        endpoint: "https://10.9.0.1:6443".into(),
    });
    let of = example::instance(1, "servers", Purchase::OnDemand);
    let mut node = example::node(&of);
    node.key = NodeKey::new(&ContextId::new("lab"), "lab-1");
    node.provider_id = None;
    node.internal_ip = None;
    let anywhere = EdgeHost {
        cluster: None,
        ..host(&state, "pi-1")
    };
    let seen = vec![
        lab,
        Observation::Node(Box::new(node)),
        Observation::EdgeHost(Box::new(anywhere)),
    ];
    observe(&mut state, 1, seen);
    assert_eq!(press(&mut state, "5 g J"), []);
    let Some(Overlay::Choosing(choosing)) = state.overlays.last() else {
        panic!("no choice: {:?}", state.overlays)
    };
    let at = choosing.clusters.iter().position(|(_, c)| c.as_str() == "lab").unwrap();
    let keys = ["j", "enter"]
        .into_iter()
        .skip(1 - at.min(1))
        .collect::<Vec<_>>()
        .join(" ");
    assert_eq!(press(&mut state, &keys), [Effect::Advertised(ContextId::new("lab"))]);
    assert_eq!(form(&state).server, "https://10.9.0.1:6443");
}

#[test]
fn what_is_no_edge_host_does_not_join() {
    let mut state = screen(2);
    assert_eq!(press(&mut state, "2 / p r o d enter g J"), []);
    assert!(state.overlays.is_empty());
    assert!(notice(&state).contains("no edge host"), "{}", notice(&state));
}

#[test]
fn edge_hosts_leave_and_silent_ones_are_forgotten() {
    let mut state = screen(2);
    let request = |state: &mut State, keys: &str| {
        press(state, keys);
        match state.overlays.last() {
            Some(Overlay::Plan(planning)) => planning.request.clone(),
            other => panic!("{other:?}"),
        }
    };
    let left = request(&mut state, "5 g ctrl-d");
    assert!(matches!(left, Request::Leave { forget: false, .. }), "{left:?}");
    let forgotten = request(&mut state, "x");
    assert!(matches!(forgotten, Request::Leave { forget: true, .. }));
    let silent = request(&mut state, "esc j ctrl-d");
    assert!(matches!(silent, Request::Leave { forget: true, .. }));
    let rebooted = request(&mut state, "esc b");
    assert!(matches!(rebooted, Request::Reboot { .. }));
}

#[test]
fn a_cluster_that_nobody_looks_at_is_told() {
    let mut state = screen(2);
    let named = EdgeHost {
        cluster: Some("elsewhere".into()),
        ..host(&state, "pi-1")
    };
    observe(&mut state, 1, vec![Observation::EdgeHost(Box::new(named))]);
    assert_eq!(press(&mut state, "5 g J"), []);
    let elsewhere = ClusterId {
        name: "elsewhere".into(),
        home: None,
    };
    assert!(
        notice(&state).starts_with(&format!("no API server of {elsewhere}")),
        "{}",
        notice(&state)
    );
}

#[test]
fn of_many_hosts_those_come_first_that_want_looking_at() {
    let mut state = screen(2);
    let like = host(&state, "pi-1");
    let named = |n: usize| HostName::new(format!("pi-{n:02}"));
    let new = (10..30).map(|n| {
        let host = EdgeHost {
            name: named(n),
            ..like.clone()
        };
        Observation::EdgeHost(Box::new(host))
    });
    observe(&mut state, 1, new.collect());
    press(&mut state, "5 g space G ctrl-space J");
    send(&mut state, Msg::Advertised(context(), Ok(vec![SERVER.into()])));
    let names: Vec<_> = form(&state).hosts.iter().map(|host| host.host.name.clone()).collect();
    for name in &names {
        let found = match name.as_str() {
            "pi-20" => Found::Failed("connection timed out".into()),
            other => good(other),
        };
        looked(&mut state, name.as_str(), found);
    }
    assert_eq!(form(&state).hosts[0].host.name, named(20));
    assert_eq!(form(&state).at, 0);
}
