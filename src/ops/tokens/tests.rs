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
