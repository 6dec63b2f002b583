//! Reading `hosts.toml`.

use proptest::prelude::*;

use super::*;

fn hosts(text: &str) -> Vec<EdgeHost> {
    read_hosts(Path::new("hosts.toml"), text).unwrap()
}

fn faults(text: &str) -> Vec<String> {
    let error = read_hosts(Path::new("hosts.toml"), text).unwrap_err();
    error.faults.iter().map(ToString::to_string).collect()
}

#[test]
fn no_hosts_are_fine() {
    assert!(hosts("").is_empty());
    assert!(hosts("[groups]\n").is_empty());
    assert!(hosts("[groups.a]\nhosts = []\n").is_empty());
}

#[test]
fn a_host_takes_from_its_group_what_it_does_not_say() {
    let hosts = hosts(
        r#"
        [groups.shop-pi]
        cluster = "edge-lab"
        user = "pi"
        port = 2222
        labels = { site = "shop", "example.com/kind" = "kiosk" }
        taints = ["edge=true:NoSchedule"]
        hosts = [
            "pi-1",
            { name = "pi-2", address = "10.0.0.7", user = "root", port = 22, labels = { site = "yard" }, taints = [] },
        ]
        [groups.alone]
        hosts = ["jetson"]
        "#,
    );
    let label = |k: &str, v: &str| (SmolStr::new(k), SmolStr::new(v));
    let first = EdgeHost {
        name: HostName::new("pi-1"),
        group: "shop-pi".into(),
        address: None,
        user: Some("pi".into()),
        port: Some(2222),
        cluster: Some("edge-lab".into()),
        labels: [label("example.com/kind", "kiosk"), label("site", "shop")].into(),
        taints: ["edge=true:NoSchedule".into()].into(),
    };
    let second = EdgeHost {
        name: HostName::new("pi-2"),
        address: Some("10.0.0.7".into()),
        user: Some("root".into()),
        port: Some(22),
        labels: [label("example.com/kind", "kiosk"), label("site", "yard")].into(),
        taints: [].into(),
        ..first.clone()
    };
    let third = EdgeHost {
        name: HostName::new("jetson"),
        group: "alone".into(),
        address: None,
        user: None,
        port: None,
        cluster: None,
        labels: [].into(),
        taints: [].into(),
    };
    assert_eq!(hosts, [first, second, third]);
}

#[test]
fn the_example_works() {
    let example = include_str!("../../../assets/hosts.toml");
    assert!(hosts(example).is_empty());
    let uncomment = |line: &str| {
        line.strip_prefix('#')
            .filter(|rest| !rest.starts_with(' '))
            .unwrap_or(line)
            .to_owned()
    };
    let hosts = hosts(&example.lines().map(uncomment).collect::<Vec<_>>().join("\n"));
    let users: Vec<_> = hosts
        .iter()
        .map(|host| (host.name.as_str(), host.user.as_deref()))
        .collect();
    assert_eq!(
        users,
        [
            ("pi-kiosk-01", Some("pi")),
            ("pi-kiosk-02", Some("pi")),
            ("pi-kiosk-03", Some("admin")),
            ("jetson-01", None)
        ]
    );
}

#[test]
fn tells_all_that_is_wrong() {
    let found = faults(
        "[groups.a]\nport = 0\nusr = \"pi\"\nhosts = [\"x\", \"-oProxyCommand=x\", { address = \"1.2.3.4\" }, 7]\n\
         [groups.b]\nlabels = { \"bad key\" = \"v\", good = \"-\" }\ntaints = [\"a=b:Never\"]\nhosts = [{ name = \"x\" }]\n\
         [groups.c]\n",
    );
    let starts = [
        "hosts.toml:2:8: groups.a.port: expected a port from 1 to 65535, found 0",
        "hosts.toml:3:1: groups.a.usr: no such key; did you mean user?",
        "hosts.toml:4:15: groups.a.hosts[1]: expected a host",
        "hosts.toml:4:35: groups.a.hosts[2]: expected name = \"…\", found none",
        "hosts.toml:4:60: groups.a.hosts[3]: expected a host",
        "hosts.toml:6:12: groups.b.labels.\"bad key\": expected a label's key",
        "hosts.toml:6:36: groups.b.labels.good: expected a label's value",
        "hosts.toml:7:11: groups.b.taints[0]: expected a taint",
        "hosts.toml:8:19: groups.b.hosts[0].name: host \"x\" is already in line 4",
        "hosts.toml:9:1: groups.c: expected hosts",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (fault, start) in found.iter().zip(starts) {
        assert!(fault.starts_with(start), "{fault}\nshould start with\n{start}");
    }
}

#[test]
fn taints_and_labels_follow_kubernetes() {
    for good in ["key:NoExecute", "a.b/c=d:PreferNoSchedule", "key=:NoSchedule"] {
        assert!(is_taint(good), "{good}");
    }
    for bad in [
        "",
        "key",
        ":NoSchedule",
        "k=v:noschedule",
        "k v:NoSchedule",
        "A.b/c:NoSchedule",
        "a/b/c:NoSchedule",
    ] {
        assert!(!is_taint(bad), "{bad}");
    }
    assert!(is_label_part(&"a".repeat(63)) && !is_label_part(&"a".repeat(64)));
}

proptest! {
    #[test]
    fn a_hosts_name_is_never_an_option_nor_two_words(name in "[-a-z0-9 .@é\t]{0,8}") {
        let text = format!("[groups.g]\nhosts = [{name:?}]\n");
        if let Ok(hosts) = read_hosts(Path::new("h"), &text) {
            let host = hosts.first().unwrap().name.as_str();
            prop_assert!(!host.starts_with('-') && !host.contains(char::is_whitespace) && !host.is_empty());
        }
    }
}
