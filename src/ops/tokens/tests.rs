//! Which token is which: by digests and shapes.

use super::*;

#[test]
fn shapes_of_bootstrap_tokens() {
    for yes in ["abcdef.0123456789abcdef", "000000.zzzzzzzzzzzzzzzz"] {
        assert!(is_bootstrap(yes), "{yes}");
    }
    for no in [
        "",
        "abcdef",
        "Abcdef.0123456789abcdef",
        "abcdef.0123456789abcde",
        "abcdef.0123456789abcdef.x",
    ] {
        assert!(!is_bootstrap(no), "{no}");
    }
}

#[test]
fn tokens_that_servers_keep_are_counted_the_one_in_force_last() {
    use crate::blueprint::machine::KeptToken;
    let server = |own: &[&str], next: Option<&str>, old: &[(&str, &str)]| Inside {
        tokens: own
            .iter()
            .map(|digest| HeldToken {
                kind: Role::Server,
                place: "/x".into(),
                digest: (*digest).into(),
                bootstrap: None,
            })
            .collect(),
        kept: next
            .iter()
            .map(|digest| (None, *digest))
            .chain(old.iter().map(|(when, digest)| (Some(SmolStr::new(when)), *digest)))
            .map(|(when, digest)| KeptToken {
                kind: Role::Server,
                when,
                digest: digest.into(),
            })
            .collect(),
        ..Inside::default()
    };
    let number = |servers: &[Inside]| {
        let mut known = Known::default();
        let servers: Vec<_> = servers.iter().collect();
        let number = own::number(&mut known, Role::Server, &servers);
        let of = |digest: &str| known.digests.get(digest).map(|all| all[0].1);
        (number.map(|own| own.number), of("a"), of("b"), of("c"))
    };
    let plain = |own: &str| server(&[own], None, &[]);
    assert_eq!(number(&[plain("a"), plain("a")]), (Some(1), Some(1), None, None));
    assert_eq!(
        number(&[plain("a"), plain("b")]),
        (None, None, None, None),
        "they differ"
    );
    assert_eq!(number(&[]), (None, None, None, None));
    assert_eq!(number(&[server(&[], Some("a"), &[])]), (None, None, None, None));

    let kept = |own: &str| server(&[own], Some("b"), &[("20261122T101112", "a")]);
    assert_eq!(
        number(&[kept("a"), kept("a")]),
        (Some(1), Some(1), None, None),
        "nobody took the new one"
    );
    assert_eq!(number(&[kept("b"), kept("a")]), (Some(2), Some(1), Some(2), None));
    assert_eq!(number(&[kept("b"), kept("b")]), (Some(2), Some(1), Some(2), None));
    let under_way = |servers: &[&Inside]| {
        let own = own::number(&mut Known::default(), Role::Server, servers);
        own.is_some_and(|own| own.under_way)
    };
    assert!(under_way(&[&kept("b"), &kept("b")]) && under_way(&[&kept("a"), &kept("b")]));
    assert!(!under_way(&[&kept("a"), &kept("a")]) && !under_way(&[&plain("b")]));
    let olds = server(&["c"], None, &[("20261122T101112", "b"), ("20261121T101112", "a")]);
    assert_eq!(number(&[plain("c"), olds]), (Some(3), Some(1), Some(2), Some(3)));
    let two = server(&["a", "b"], Some("b"), &[]);
    assert_eq!(
        number(&[two]),
        (Some(2), Some(1), Some(2), None),
        "in two places of one server"
    );
}

#[test]
fn of_equal_tokens_the_one_for_its_use_is_meant() {
    let mut known = Known::default();
    known.keep("d1".into(), Role::Server, 1);
    known.keep("d1".into(), Role::Agent, 4);
    known.keep("d2".into(), Role::Server, 2);
    let held = |kind, digest: &str, bootstrap: Option<&str>| {
        known
            .which(&HeldToken {
                kind,
                place: "/x".into(),
                digest: digest.into(),
                bootstrap: bootstrap.map(Into::into),
            })
            .which
    };
    assert_eq!(held(Role::Server, "d1", None), Which::Version(Role::Server, 1));
    assert_eq!(held(Role::Agent, "d1", None), Which::Version(Role::Agent, 4));
    assert_eq!(held(Role::Agent, "d2", None), Which::Version(Role::Server, 2));
    assert_eq!(held(Role::Agent, "d9", None), Which::Unknown);
    assert_eq!(
        held(Role::Agent, "d1", Some("abcdef")),
        Which::Bootstrap("abcdef".into())
    );
}
