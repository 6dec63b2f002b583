//! Imported hosts in the text of a `hosts.toml`.

use std::fs;

use proptest::prelude::*;

use super::*;

fn host(name: &str) -> Candidate {
    Candidate {
        name: name.into(),
        ..Candidate::default()
    }
}

fn plan(text: &str, hosts: &[Candidate]) -> Addition {
    Addition::plan(Path::new("hosts.toml"), text, hosts, "shop", None).unwrap()
}

#[test]
fn a_new_group_is_appended_with_what_all_share() {
    let hosts = [
        Candidate {
            user: Some("pi".into()),
            address: Some("10.0.0.1".into()),
            ..host("a")
        },
        Candidate {
            user: Some("pi".into()),
            port: Some(2222),
            ..host("b")
        },
    ];
    let made = Addition::plan(
        Path::new("h"),
        "# mine\n[groups.x]\nhosts = [\"y\"] # z",
        &hosts,
        "new group?",
        Some("edge"),
    );
    // The group's name is checked by the reader.
    assert!(made.unwrap_err().to_string().contains("expected a group's name"));
    let made = Addition::plan(
        Path::new("h"),
        "# mine\n[groups.x]\nhosts = [\"y\"] # z",
        &hosts,
        "a.b",
        Some("edge"),
    )
    .unwrap();
    assert_eq!(
        made.after,
        "# mine\n[groups.x]\nhosts = [\"y\"] # z\n\n[groups.\"a.b\"]\ncluster = \"edge\"\nuser = \"pi\"\nhosts = [\n    \
         { name = \"a\", address = \"10.0.0.1\" },\n    { name = \"b\", port = 2222 },\n]\n"
    );
    assert!(made.after.ends_with(&made.shown));
}

#[test]
fn a_group_that_is_there_gets_its_hosts_at_the_end_of_the_list() {
    for (before, after) in [
        ("hosts = []\n", "hosts = [\"a\", \"b\"]\n"),
        ("hosts = [\"x\"] # c\n", "hosts = [\"x\", \"a\", \"b\"] # c\n"),
        ("hosts = [\"x\", ]\n", "hosts = [\"x\",  \"a\", \"b\"]\n"),
        (
            "hosts = [\n    \"x\" # no comma, here\n]\nuser = \"pi\"\n",
            "hosts = [\n    \"x\", # no comma, here\n    \"a\",\n    \"b\",\n]\nuser = \"pi\"\n",
        ),
        (
            "hosts = [\n    \"x\", # c\n]\n",
            "hosts = [\n    \"x\", # c\n    \"a\",\n    \"b\",\n]\n",
        ),
    ] {
        let made = plan(&format!("[groups.shop]\n{before}"), &[host("a"), host("x"), host("b")]);
        let there = before.contains("\"x\"");
        let after = if there {
            after.to_owned()
        } else {
            after.replace("\"a\", ", "\"a\", \"x\", ")
        };
        assert_eq!(made.after, format!("[groups.shop]\n{after}"));
        assert_eq!(made.already.len(), usize::from(there));
    }
}

#[test]
fn another_cluster_and_odd_forms_are_refused() {
    let text = "[groups.shop]\ncluster = \"a\"\nhosts = []\n";
    let add = |text: &str, cluster| Addition::plan(Path::new("h"), text, &[host("x")], "shop", cluster);
    assert!(add(text, Some("a")).is_ok());
    let error = add(text, Some("b")).unwrap_err().to_string();
    assert!(
        error.contains("has cluster \"a\"") && error.contains("--group"),
        "{error}"
    );
    let error = add("groups = { other = { hosts = [] } }\n", None)
        .unwrap_err()
        .to_string();
    assert!(error.contains("in the form it has"), "{error}");
    let error = add("[groups.shop]\nhosts = 7\n", None).unwrap_err().to_string();
    assert!(error.starts_with("h:2:9:"), "{error}");
}

#[test]
fn it_is_written_whole_and_only_over_what_was_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/hosts.toml");
    let made = plan("", &[host("a")]);
    made.write(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), made.after);
    let error = made.write(&path).unwrap_err().to_string();
    assert!(error.contains("was changed"), "{error}");
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}

proptest! {
    #[test]
    fn what_is_added_is_read_back(
        names in proptest::collection::btree_set("[a-z0-9.:]{1,6}", 1..6),
        user in proptest::option::of("[a-z]{1,4}"),
        port in proptest::option::of(1u16..),
        before in "(# c,\n)?(\\[groups\\.shop\\]\nhosts = \\[(\n|\"OLD\"|\"OLD\", |\n\"OLD\" # a, b\n|\n  \"OLD\",\n)\\])?\n?",
    ) {
        let hosts: Vec<Candidate> = names.iter().map(|n| Candidate { user: user.clone().map(Into::into), port, ..host(n) }).collect();
        let made = plan(&before, &hosts);
        let read = read_hosts(Path::new("h"), &made.after).unwrap();
        for host in &hosts {
            let found = read.iter().find(|read| read.name.as_str() == host.name).unwrap();
            prop_assert_eq!((&found.user, found.port), (&host.user, host.port));
        }
        for line in before.lines().filter(|line| line.starts_with('#')) {
            prop_assert!(made.after.contains(line));
        }
    }
}
