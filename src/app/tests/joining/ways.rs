//! The ways to an API that hosts do not reach: shown, chosen, kept for the cluster.

use super::*;
use crate::fleet::Way;

/// Both hosts looked at; the first does not reach the server.
fn unreached() -> State {
    let mut state = asked();
    let mut far = facts("pi-1");
    far.reached[0].answers = false;
    looked(&mut state, "pi-1", Found::Facts(Box::new(far)));
    looked(&mut state, "pi-2", good("pi-2"));
    state
}

fn key_of(state: &State) -> SmolStr {
    state.reach.key(&form(state).cluster)
}

fn public() -> Way {
    Way {
        server: Some("https://api.example.com:6443".into()),
        ..Way::default()
    }
}

/// Chooses the public endpoint on the screen.
fn choose(state: &mut State) -> Vec<Effect> {
    press(state, "w ctrl-u");
    type_in(state, "https://api.example.com:6443");
    press(state, "enter")
}

#[test]
fn hosts_that_do_not_reach_the_api_are_shown_the_ways() {
    let mut state = unreached();
    assert!(form(&state).unreached());
    let worst = form(&state).hosts[0].worst().unwrap();
    assert!(worst.mend.contains("w in the preflight"), "{}", worst.mend);
    assert_eq!(press(&mut state, "enter w"), [], "from the checks of the host too");
    let Some(Overlay::Form(asking)) = state.overlays.last() else {
        panic!("no form: {}", notice(&state))
    };
    assert_eq!(asking.title(), "How hosts reach prod");
    for way in ["public endpoint", "Tailscale", "WireGuard"] {
        assert!(asking.notes.iter().any(|note| note.starts_with(way)), "{way}");
    }
    let mut fine = asked();
    looked(&mut fine, "pi-1", good("pi-1"));
    assert!(!form(&fine).unreached());
}

#[test]
fn the_chosen_way_is_kept_and_the_hosts_looked_at_again() {
    let mut state = unreached();
    let key = key_of(&state);
    assert_eq!(choose(&mut state), [Effect::KeepWay(key.clone(), Box::new(public()))]);
    let again = send(&mut state, Msg::WayKept(key.clone(), Box::new(public()), Ok(())));
    let addresses: Vec<SmolStr> = vec!["api.example.com:6443".into(), SERVER.into()];
    assert!(
        matches!(again.as_slice(), [Effect::LookAt(hosts, a)] if hosts.len() == 2 && *a == addresses),
        "{again:?}"
    );
    assert!(form(&state).kept);
    press(&mut state, "esc J");
    assert_eq!(
        form(&state).server,
        "https://api.example.com:6443",
        "the next join starts from it"
    );
    assert_eq!(form(&state).join().server, "https://api.example.com:6443");
    press(&mut state, "o ctrl-u");
    type_in(&mut state, "https://other.example.com:6443");
    press(&mut state, "enter");
    assert!(!form(&state).kept, "what is said for one join wins over it");
    assert_eq!(state.reach.of(&form(&state).cluster), Some((&key, &public())));
}

#[test]
fn the_kubeconfigs_server_is_no_choice() {
    let mut state = unreached();
    let key = key_of(&state);
    let none = Way::default();
    assert_eq!(
        press(&mut state, "w enter"),
        [Effect::KeepWay(key.clone(), Box::new(none.clone()))]
    );
    state.reach.set(key.clone(), public());
    send(&mut state, Msg::WayKept(key.clone(), Box::new(none), Ok(())));
    assert_eq!(form(&state).server, "https://10.0.0.1:6443");
    assert!(!form(&state).kept && state.reach.0.is_empty());
    press(&mut state, "w ctrl-u");
    let emptied = press(&mut state, "enter");
    assert_eq!(emptied, [Effect::KeepWay(key, Box::default())]);
}

#[test]
fn what_cannot_be_kept_is_told_in_the_form() {
    let mut state = unreached();
    let key = key_of(&state);
    press(&mut state, "w ctrl-u");
    type_in(&mut state, "api.example.com");
    assert_eq!(press(&mut state, "enter"), [], "that is no URL");
    press(&mut state, "ctrl-u down ctrl-u");
    type_in(&mut state, "vpn-auth");
    assert_eq!(press(&mut state, "enter"), [], "that is nowhere");
    press(&mut state, "ctrl-u");
    type_in(&mut state, "/keys/vpn-auth");
    let way = Way {
        vpn_auth_file: Some("/keys/vpn-auth".into()),
        ..Way::default()
    };
    assert_eq!(
        press(&mut state, "enter"),
        [Effect::KeepWay(key.clone(), Box::new(way.clone()))]
    );
    let why = "the VPN's key /keys/vpn-auth can be read by others than you".to_owned();
    send(&mut state, Msg::WayKept(key, Box::new(way), Err(why.clone())));
    match state.overlays.last() {
        Some(Overlay::Form(asking)) => assert_eq!(asking.refused.as_deref(), Some(why.as_str())),
        other => panic!("{other:?}"),
    }
    assert!(state.reach.0.is_empty());
}

#[test]
fn a_key_that_others_can_read_keeps_hosts_from_joining() {
    let mut state = asked();
    let key = key_of(&state);
    let way = Way {
        vpn_auth_file: Some("/keys/vpn-auth".into()),
        wireguard: true,
        ..Way::default()
    };
    state.reach.set(key, way);
    let begun = press(&mut state, "esc J");
    assert_eq!(
        begun,
        [Effect::Advertised(context()), Effect::VpnKey("/keys/vpn-auth".into())]
    );
    assert!(form(&state).join().wireguard);
    send(&mut state, Msg::Advertised(context(), Ok(vec![SERVER.into()])));
    looked(&mut state, "pi-1", good("pi-1"));
    looked(&mut state, "pi-2", good("pi-2"));
    send(
        &mut state,
        Msg::VpnKey("/keys/vpn-auth".into(), Err("chmod 600 /keys/vpn-auth".into())),
    );
    press(&mut state, "p");
    assert_eq!(notice(&state), "chmod 600 /keys/vpn-auth");
    send(&mut state, Msg::VpnKey("/keys/vpn-auth".into(), Ok(())));
    press(&mut state, "p");
    assert!(
        matches!(state.overlays.last(), Some(Overlay::Plan(_))),
        "{}",
        notice(&state)
    );
}

#[test]
fn a_simulated_world_writes_no_config() {
    let mut state = unreached();
    state.demo = Some(false);
    let effects = choose(&mut state);
    assert!(matches!(effects.as_slice(), [Effect::LookAt(..)]), "{effects:?}");
    assert!(notice(&state).contains("simulated"), "{}", notice(&state));
    assert!(form(&state).kept);
}

#[test]
fn in_read_only_mode_nothing_is_chosen() {
    let mut state = unreached();
    state.read_only = true;
    press(&mut state, "w");
    assert!(matches!(state.overlays.last(), Some(Overlay::Join(_))));
    assert!(notice(&state).contains("read-only"), "{}", notice(&state));
}
