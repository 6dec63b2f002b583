//! Unit tests of the kept kubeconfigs.

use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// As K3s writes it.
const K3S: &str = "apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJkekNDQVIyZ0F3SUJBZ0lCQURBS0JnZ3Foa2pPUFFRREFqQWpNU0V3SHdZRFZRUUREQmhyTTNNdGMyVnkKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=
    server: https://127.0.0.1:6443
  name: default
contexts:
- context:
    cluster: default
    user: default
  name: default
current-context: default
kind: Config
preferences: {}
users:
- name: default
  user:
    client-certificate-data: LS0tLS1CRUdJTiBDRVJU
    client-key-data: czNjcjN0
";

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

fn value(yaml: &str) -> Value {
    serde_saphyr::from_str(yaml).unwrap()
}

fn rewrite(text: &str) -> Result<String, ProviderError> {
    rewritten("shop", ADDRESS, &Secret::new(text)).map(|text| text.expose().to_owned())
}

/// What a rewriting is to make of K3s' kubeconfig.
fn expected(text: &str, name: &str, server: &str) -> Value {
    let mut all = value(text);
    all["clusters"][0]["cluster"]["server"] = server.into();
    all["clusters"][0]["name"] = name.into();
    all["users"][0]["name"] = name.into();
    all["contexts"][0]["name"] = name.into();
    all["contexts"][0]["context"]["cluster"] = name.into();
    all["contexts"][0]["context"]["user"] = name.into();
    all["current-context"] = name.into();
    all
}

#[test]
fn the_server_and_the_names_are_the_clusters_and_all_else_stays() {
    let text = rewrite(K3S).unwrap();
    assert_eq!(value(&text), expected(K3S, "shop", "https://203.0.113.7:6443"));
    let lines: Vec<_> = text.lines().collect();
    let long = lines
        .iter()
        .filter(|line| line.contains("certificate-authority-data: LS0t"))
        .count();
    assert_eq!(long, 1, "data stays on one line, as every reader expects it:\n{text}");
    assert_eq!(rewrite(&text).unwrap(), text, "once more changes nothing");
}

#[test]
fn an_ipv6_address_is_bracketed() {
    let address = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
    let text = rewritten("shop", address, &Secret::new(K3S)).unwrap();
    assert_eq!(
        value(text.expose()),
        expected(K3S, "shop", "https://[2001:db8::1]:6443")
    );
}

#[test]
fn what_is_no_kubeconfig_is_told_without_its_words() {
    let without = |line: &str| K3S.replace(line, "");
    let cases = [
        ("", "it has no current context"),
        ("s3cr3t", "not as a kubeconfig is written"),
        ("users: [s3cr3t\n", "not as a kubeconfig is written"),
        ("users: s3cr3t\n", "not as a kubeconfig is written"),
        ("token: s3cr3t\n", "it has no current context"),
        (&without("current-context: default\n"), "it has no current context"),
        (&without("    user: default\n"), "its context names no user of it"),
        (
            &K3S.replace("    cluster: default", "    cluster: s3cr3t"),
            "its context names no cluster of it",
        ),
    ];
    for (text, why) in cases {
        let error = rewrite(text).unwrap_err();
        let words = format!("{error} {error:?}");
        assert!(words.contains(why) && words.contains("shop"), "{text}: {words}");
        assert!(!words.contains("s3cr3t") && !words.contains("LS0t"), "{words}");
    }
}

#[test]
fn a_cluster_is_kept_opened_and_forgotten() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("kubeconfigs");
    assert_eq!(read(&directory, "shop").unwrap(), None);
    assert!(all(&directory).0.is_empty() && all(&directory).1.is_empty());
    keep(&directory, "shop", ADDRESS, &Secret::new(K3S)).unwrap();
    keep(&directory, "ci-1", ADDRESS, &Secret::new(K3S)).unwrap();
    keep(&directory, "shop", ADDRESS, &Secret::new(K3S)).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&directory), mode(&directory.join("shop"))), (0o700, 0o600));
    }
    let opened = open(&directory, &context("shop")).unwrap();
    assert_eq!(opened.id, ContextId::new("shop"));
    assert_eq!(opened.endpoint, "https://203.0.113.7:6443");
    assert_eq!(opened.files[..], [directory.join("shop")]);

    fs::write(directory.join("broken"), "users: s3cr3t\n").unwrap();
    fs::write(directory.join(".shop.1234"), "half").unwrap();
    fs::create_dir(directory.join("old")).unwrap();
    let (found, faults) = all(&directory);
    assert_eq!(
        found.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(),
        ["ci-1", "shop"]
    );
    assert_eq!(faults.len(), 1);
    let words = faults[0].to_string();
    assert!(words.contains("broken") && !words.contains("s3cr3t"), "{words}");

    forget(&directory, "shop").unwrap();
    forget(&directory, "shop").unwrap();
    assert_eq!(read(&directory, "shop").unwrap(), None);
    assert!(open(&directory, &context("shop")).is_err());
}

#[test]
fn no_name_leads_out_of_the_directory() {
    let home = tempfile::tempdir().unwrap();
    for name in ["", ".", "..", "../x", "a/b", ".hidden"] {
        assert!(keep(home.path(), name, ADDRESS, &Secret::new(K3S)).is_err(), "{name}");
        assert_eq!(read(home.path(), name).unwrap(), None);
        forget(home.path(), name).unwrap();
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_else_stands_in_it_stays(
        name in "[a-z][a-z0-9-]{0,39}",
        address in any::<u32>(),
        data in "[A-Za-z0-9+/]{1,400}={0,2}",
        key in "[a-z][a-z-]{0,12}",
        extra in "\\PC{0,60}",
    ) {
        let mut all = value(K3S);
        all["clusters"][0]["cluster"]["certificate-authority-data"] = data.clone().into();
        all["users"][0]["user"]["client-key-data"] = data.into();
        all["users"][0]["user"][format!("x-{key}")] = extra.clone().into();
        all[format!("x-{key}")] = serde_json::json!({ "a": [1, true, null, extra] });
        let text = serde_json::to_string(&all).unwrap();
        let address = IpAddr::V4(address.into());
        let new = rewritten(&name, address, &Secret::new(text.clone())).unwrap();
        prop_assert_eq!(value(new.expose()), expected(&text, &name, &format!("https://{address}:6443")));
    }

    #[test]
    fn no_text_is_too_odd(text in "\\PC{0,200}|([a-z]{1,9}: ?[\\[{\"'a-z&*!|>-]{0,9}\n){0,9}") {
        if let Err(error) = rewrite(&text) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
