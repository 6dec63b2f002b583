//! What is seen of edge hosts on their way into a cluster: the preflight, each host's checks, keys, sudo's password, the
//! options, the plan; of commands on them and of their forms.

use k3fleet::app::joining::{Found, KeyStanding};
use k3fleet::app::{Effect, Msg, State, update};
use k3fleet::fleet::{Arch, ContextId, EdgeHost, HostName, Observation};
use k3fleet::ops::joining::{Facts, Firewall, Reached, Sudo};
use k3fleet::ops::{HostKey, Ran};
use smol_str::SmolStr;

use super::demo::{press, write};
use super::{SIZES, demo, plainly, shown};

/// Where the API servers are reached.
const SERVER: &str = "10.40.1.4:6443";

/// The hosts of these tests, beside those of the demo.
fn host(n: usize) -> EdgeHost {
    EdgeHost {
        name: HostName::new(format!("dock-{n:02}")),
        group: "docks".into(),
        address: Some(format!("192.0.2.{n}").into()),
        user: Some("pi".into()),
        port: None,
        cluster: Some("edge-lab".into()),
        labels: [].into(),
        taints: [].into(),
    }
}

fn facts(name: &HostName, addresses: &[SmolStr]) -> Facts {
    let reached = |address: &SmolStr| Reached {
        address: address.clone(),
        answers: true,
    };
    Facts {
        machine: "aarch64".into(),
        arch: Some(Arch::Arm64),
        userland_bits: Some(64),
        hostname: name.as_str().into(),
        os: Some("Debian GNU/Linux 13 (trixie)".into()),
        init: Some("systemd".into()),
        sudo: Sudo::Free,
        memory_cgroup: Some(true),
        cmdline: Some("/boot/firmware/cmdline.txt".into()),
        vxlan: Some(true),
        memory_mib: Some(3794),
        disk_free_mib: Some(22_310),
        clock_skew: Some(0),
        clock_synced: Some(true),
        swap_mib: Some(0),
        iptables: Some("1.8.11".into()),
        downloader: Some("curl".into()),
        node_password: Some(false),
        reached: addresses.iter().map(reached).collect(),
        ..Facts::default()
    }
}

fn key(n: usize) -> HostKey {
    HostKey {
        kind: "ED25519".into(),
        fingerprint: format!("SHA256:{n}Jrq3cPpJ0v8hXN2sYc1n5qQd7uQ0s8o4wQmTf6kZxk").into(),
        line: String::new(),
    }
}

/// The Edge screen with so many more hosts, filtered to them.
fn docks(many: usize) -> State {
    let mut state = demo();
    let at = state.now;
    let hosts = (1..=many).map(|n| Observation::EdgeHost(Box::new(host(n))));
    update(&mut state, Msg::Observed(at, hosts.collect()));
    press(&mut state, "5 /");
    write(&mut state, "dock");
    press(&mut state, "enter g");
    state
}

/// The preflight of so many hosts, while they are asked; gives what they try to reach.
fn asked(many: usize) -> (State, Vec<SmolStr>) {
    let mut state = docks(many);
    press(&mut state, "space G ctrl-space");
    let effects = update(&mut state, Msg::Key("J".parse().expect("a key"))).effects;
    let [Effect::Advertised(context)] = effects.as_slice() else {
        panic!("{effects:?} {:?}", state.notice)
    };
    let context: ContextId = context.clone();
    let answer = Msg::Advertised(context, Ok(vec![SERVER.into()]));
    let effects = update(&mut state, answer).effects;
    match effects.into_iter().next() {
        Some(Effect::LookAt(hosts, addresses)) => {
            assert_eq!(hosts.len(), many);
            (state, addresses)
        }
        other => panic!("{other:?}"),
    }
}

fn looked(state: &mut State, n: usize, found: Found) {
    update(state, Msg::Looked(host(n).name, found));
}

fn told(state: &mut State, n: usize, addresses: &[SmolStr], change: impl Fn(&mut Facts)) {
    let mut facts = facts(&host(n).name, addresses);
    change(&mut facts);
    looked(state, n, Found::Facts(Box::new(facts)));
}

/// Five hosts, each of which stands otherwise.
fn five() -> (State, Vec<SmolStr>) {
    let (mut state, addresses) = asked(5);
    told(&mut state, 1, &addresses, |_| {});
    told(&mut state, 2, &addresses, |facts| {
        facts.memory_cgroup = Some(false);
        facts.firewall = Some(Firewall::Ufw);
    });
    looked(&mut state, 3, Found::NewKey(key(3)));
    let why = "the key of dock-04 (192.0.2.4) is not the one in ~/.ssh/known_hosts, line 12";
    looked(&mut state, 4, Found::ChangedKey(why.to_owned()));
    told(&mut state, 5, &addresses, |facts| {
        facts.machine = "armv6l".into();
        facts.arch = None;
        facts.reached.iter_mut().for_each(|reached| reached.answers = false);
    });
    (state, addresses)
}

#[test]
fn the_preflight() {
    let (mut state, _) = asked(5);
    let text = plainly(&mut state, "while they are asked", &[(80, 24)]);
    insta::assert_snapshot!("preflight_asked", text);
    let (mut state, _) = five();
    insta::assert_snapshot!("preflight", shown(&mut state));
    press(&mut state, "j j");
    let mut text = plainly(&mut state, "on one with a new key", &[(80, 24)]);
    press(&mut state, "space");
    text.push_str(&plainly(&mut state, "left out", &[(160, 50)]));
    insta::assert_snapshot!("preflight_told", text);
}

#[test]
fn the_preflight_of_a_hundred_hosts_scrolls() {
    let (mut state, addresses) = asked(100);
    for n in 1..=97 {
        told(&mut state, n, &addresses, |_| {});
    }
    press(&mut state, "G");
    insta::assert_snapshot!("preflight_many", plainly(&mut state, "a hundred hosts", &SIZES));
}

#[test]
fn the_checks_of_a_host() {
    let (mut state, _) = five();
    press(&mut state, "j enter");
    insta::assert_snapshot!("checks", shown(&mut state));
    press(&mut state, "right");
    let mut text = plainly(&mut state, "a new key", &[(80, 24)]);
    press(&mut state, "right");
    text.push_str(&plainly(&mut state, "a changed key", &SIZES));
    press(&mut state, "right j j");
    text.push_str(&plainly(&mut state, "one that cannot join, scrolled", &[(80, 24)]));
    insta::assert_snapshot!("checks_told", text);
}

#[test]
fn keys_are_compared_before_they_are_accepted() {
    let (mut state, _) = asked(3);
    for n in 1..=3 {
        looked(&mut state, n, Found::NewKey(key(n)));
    }
    press(&mut state, "a");
    insta::assert_snapshot!("host_keys", shown(&mut state));
    let mut state = docks(3);
    press(&mut state, "space G ctrl-space a");
    let of = |n: usize| host(n).name;
    update(&mut state, Msg::HostKey(of(1), KeyStanding::Known));
    let why = "the key of dock-02 (192.0.2.2) is not the one in ~/.ssh/known_hosts, line 12";
    update(&mut state, Msg::HostKey(of(2), KeyStanding::Changed(why.to_owned())));
    let text = plainly(&mut state, "from the Edge screen", &SIZES);
    insta::assert_snapshot!("host_keys_told", text);
}

#[test]
fn the_password_is_typed_unseen() {
    let (mut state, addresses) = asked(2);
    for n in 1..=2 {
        told(&mut state, n, &addresses, |facts| facts.sudo = Sudo::Password);
    }
    press(&mut state, "p");
    write(&mut state, "correct horse");
    let text = plainly(&mut state, "typed", &SIZES);
    assert!(!text.contains("horse") && !format!("{state:?}").contains("horse"));
    insta::assert_snapshot!("password", text);
}

#[test]
fn the_options_and_the_plan_of_a_join() {
    let (mut state, addresses) = asked(3);
    for n in 1..=3 {
        told(&mut state, n, &addresses, |facts| facts.memory_cgroup = Some(n != 2));
    }
    press(&mut state, "o");
    let mut text = plainly(&mut state, "options", &SIZES);
    press(&mut state, "ctrl-u x enter");
    text.push_str(&plainly(&mut state, "what is no URL", &[(80, 24)]));
    insta::assert_snapshot!("join_options", text);
    press(&mut state, "esc p");
    insta::assert_snapshot!("plan_join", plainly(&mut state, "the plan", &SIZES));
}

#[test]
fn commands_on_hosts() {
    let mut state = docks(7);
    press(&mut state, "space G ctrl-space !");
    write(&mut state, "vcgencmd get_throttled");
    let mut text = plainly(&mut state, "over five hosts", &SIZES);
    press(&mut state, "enter");
    text.push_str(&plainly(&mut state, "their number is missing", &[(80, 24)]));
    write(&mut state, "7");
    press(&mut state, "enter");
    for n in 1..=6 {
        let result = match n {
            6 => Err("connect to dock-06 (192.0.2.6): connection timed out".to_owned()),
            n => Ok(Ran {
                code: Some(if n == 2 { 127 } else { 0 }),
                output: match n {
                    2 => "sh: 1: vcgencmd: not found\n".to_owned(),
                    _ => "throttled=0x0\n".to_owned(),
                },
            }),
        };
        update(&mut state, Msg::Ran(host(n).name, result));
    }
    text.push_str(&plainly(&mut state, "six of seven have answered", &SIZES));
    insta::assert_snapshot!("run", text);
}

#[test]
fn hosts_are_added_and_edited() {
    let mut state = docks(2);
    state.demo = None;
    press(&mut state, "n");
    let mut text = plainly(&mut state, "a new host", &SIZES);
    press(&mut state, "enter");
    text.push_str(&plainly(&mut state, "without a name", &[(80, 24)]));
    press(&mut state, "esc e down down down down x enter");
    text.push_str(&plainly(&mut state, "another port", &[(80, 24)]));
    insta::assert_snapshot!("host_form", text);
}

#[test]
fn edge_hosts_leave() {
    let mut state = demo();
    press(&mut state, "5 g ctrl-d");
    let mut text = plainly(&mut state, "leave", &SIZES);
    press(&mut state, "x");
    text.push_str(&plainly(&mut state, "forget", &[(80, 24)]));
    press(&mut state, "esc b");
    text.push_str(&plainly(&mut state, "reboot", &[(80, 24)]));
    press(&mut state, "esc m");
    text.push_str(&plainly(&mut state, "the menu of an edge host", &SIZES));
    insta::assert_snapshot!("plan_leave", text);
}
