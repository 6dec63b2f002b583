//! Unit tests of merging kubeconfigs.

use proptest::prelude::*;

use super::*;

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// A kept kubeconfig.
fn kept(server: &str, authority: &str) -> Secret {
    Secret::new(format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {authority}\n    server: {server}\n  name: shop\n\
         contexts:\n- context:\n    cluster: shop\n    user: shop\n  name: shop\ncurrent-context: shop\nkind: Config\n\
         users:\n- name: shop\n  user:\n    client-certificate-data: Y2VydA==\n    client-key-data: {authority}s3cr3t\n"
    ))
}

fn shop() -> Secret {
    kept("https://203.0.113.7:6443", "Y2Ex")
}

fn merged(old: &str, cluster: &Secret, name: &str) -> Result<New, Refusal> {
    Entries::of(cluster, name).unwrap().merged(old)
}

fn get<'a>(all: &'a Map<String, Value>, list: &str, name: &str) -> Option<&'a Value> {
    all.get(list)?.as_array()?.iter().find(|e| e["name"] == name)
}

/// As kubectl and people write it.
const OWN: &str = "# my clusters
apiVersion: v1
kind: Config
preferences: {}
clusters:
# at work
- cluster:
    server: https://work:6443 # behind the VPN
    certificate-authority-data: d29yaw==
  name: work

users:
  - name: work
    user:
      token: 012345   # not quoted
contexts:
- context: {cluster: work, user: work, namespace: web}
  name: work
current-context: work
";

#[test]
fn a_new_cluster_is_put_at_the_end_of_each_list_and_nothing_else_changes() {
    let new = merged(OWN, &shop(), "shop").unwrap();
    assert!(new.changed && !new.known && !new.current && !new.rewritten);
    let added: Vec<_> = new
        .text
        .lines()
        .filter(|line| !OWN.lines().any(|old| old == *line))
        .collect();
    assert!(
        added.iter().all(|line| line.contains("shop")
            || line.contains("Y2")
            || ["cluster:", "user:", "context:", "server:"]
                .iter()
                .any(|w| line.contains(w))),
        "{added:#?}"
    );
    let mut lines = new.text.lines();
    assert!(
        OWN.lines().all(|old| lines.any(|line| line == old)),
        "every line stays, in its order:\n{}",
        new.text
    );
    let all = read(&new.text).unwrap();
    assert_eq!(
        get(&all, "clusters", "shop").unwrap()["cluster"]["server"],
        "https://203.0.113.7:6443"
    );
    assert_eq!(
        get(&all, "contexts", "shop").unwrap()["context"],
        json!({ "cluster": "shop", "user": "shop" })
    );
    assert_eq!(
        get(&all, "users", "shop").unwrap()["user"]["client-key-data"],
        "Y2Exs3cr3t"
    );
    assert_eq!(all["current-context"], "work");
    let again = merged(&new.text, &shop(), "shop").unwrap();
    assert!(!again.changed && again.known && again.text == new.text);
}

#[test]
fn the_same_clusters_older_entry_is_replaced() {
    let before = merged(OWN, &shop(), "shop").unwrap().text;
    let chosen = before.replace(
        "    cluster: shop\n    user: shop",
        "    cluster: shop\n    namespace: jobs\n    user: shop",
    );
    assert_ne!(before, chosen);
    // It has a new address, or a new authority.
    for cluster in [
        kept("https://203.0.113.9:6443", "Y2Ex"),
        kept("https://203.0.113.7:6443", "Y2Ey"),
    ] {
        let new = merged(&chosen, &cluster, "shop").unwrap();
        assert!(new.changed && new.known && !new.rewritten);
        let all = read(&new.text).unwrap();
        assert_eq!(all["clusters"].as_array().unwrap().len(), 2);
        assert_eq!(
            get(&all, "contexts", "shop").unwrap()["context"]["namespace"],
            "jobs",
            "the operator's choice stays"
        );
        let wanted: Value = serde_saphyr::from_str(cluster.expose()).unwrap();
        assert_eq!(
            get(&all, "clusters", "shop").unwrap()["cluster"],
            wanted["clusters"][0]["cluster"]
        );
        assert_eq!(get(&all, "users", "shop").unwrap()["user"], wanted["users"][0]["user"]);
        assert!(new.text.contains("# behind the VPN") && new.text.contains("012345   # not quoted"));
    }
}

#[test]
fn anothers_entry_of_that_name_is_refused_with_the_way_out() {
    let cases = [
        (
            "clusters:\n- name: shop\n  cluster: {server: 'https://other:6443', certificate-authority-data: eA==}\n",
            "cluster shop",
        ),
        (
            "contexts:\n- name: shop\n  context: {cluster: work, user: work}\n",
            "context shop",
        ),
        ("users:\n- name: shop\n  user: {token: s3cr3t}\n", "user shop"),
        (
            "clusters:\n- name: shop\n  cluster: {server: 'https://203.0.113.7:6443'}\nusers:\n- name: shop\n  user: {token: s3cr3t}\n\
             contexts:\n- name: x\n  context: {cluster: work, user: shop}\n",
            "user shop",
        ),
    ];
    for (old, what) in cases {
        let (why, mend) = merged(old, &shop(), "shop").err().unwrap();
        assert!(why.contains(what), "{why}");
        assert!(
            mend.contains("--as NAME") && mend.contains("kubectl config delete-"),
            "{mend}"
        );
        assert!(!why.contains("s3cr3t"));
        let new = merged(old, &shop(), "shop2").unwrap();
        assert_eq!(
            get(&read(&new.text).unwrap(), "contexts", "shop2").unwrap()["context"]["cluster"],
            "shop2"
        );
    }
}

#[test]
fn lists_that_are_empty_or_missing_are_filled() {
    for old in [
        "",
        "# nothing yet\n",
        "apiVersion: v1\nkind: Config\nclusters: null\ncontexts: null\nusers: null\ncurrent-context: \"\"\n",
        "apiVersion: v1\nclusters: []\ncontexts:\nkind: Config\nusers: []  # none",
        "kind: Config",
    ] {
        let new = merged(old, &shop(), "shop").unwrap();
        assert!(new.changed && new.current && !new.rewritten, "{old}:\n{}", new.text);
        let all = read(&new.text).unwrap();
        assert_eq!(all["current-context"], "shop");
        assert!(
            LISTS.iter().all(|(list, _)| all[*list].as_array().unwrap().len() == 1),
            "{}",
            new.text
        );
        assert!(new.text.starts_with(old.split('\n').next().unwrap()), "{}", new.text);
        assert_eq!(all["kind"], "Config");
    }
}

#[test]
fn what_has_no_lines_is_written_anew_as_a_whole() {
    let json =
        r#"{"kind":"Config","clusters":[{"name":"work","cluster":{"server":"https://work"}}],"x":[1,{"y":true}]}"#;
    let new = merged(json, &shop(), "shop").unwrap();
    assert!(new.rewritten);
    let all = read(&new.text).unwrap();
    assert_eq!(
        (&all["x"], all["clusters"][0]["name"].as_str()),
        (&json!([1, { "y": true }]), Some("work"))
    );
    assert!(get(&all, "users", "shop").is_some());
    let digits = r#"{"users":[{"name":"work","user":{"token":12345678901234567890123}}]}"#;
    let (why, mend) = merged(digits, &shop(), "shop").err().unwrap();
    assert!(why.contains("without quotes") && mend.contains("--print") && !why.contains("12345"));
}

#[test]
fn what_is_no_kubeconfig_is_left_alone_and_not_quoted() {
    for old in ["users: [s3cr3t", "s3cr3t", "- s3cr3t", "clusters: s3cr3t\n"] {
        let (why, _) = merged(old, &shop(), "shop").err().unwrap();
        assert!(!why.contains("s3cr3t"), "{why}");
    }
}

#[test]
fn a_file_is_backed_up_and_changed_in_one_stroke() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(".kube").join("config");
    let first = merge(&path, &shop(), "shop", now()).unwrap();
    assert!(first.changed && first.current && first.backup.is_none() && !first.rewritten);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let text = fs::read_to_string(&path).unwrap();
    assert!(!merge(&path, &shop(), "shop", now()).unwrap().changed);
    assert_eq!(
        fs::read_dir(path.parent().unwrap()).unwrap().count(),
        1,
        "what does not change needs no backup"
    );
    for n in ["", "-1"] {
        let merged = merge(&path, &shop(), &format!("other{n}"), now()).unwrap();
        let backup = merged.backup.unwrap();
        let name = format!("config.k3fleet-backup-20261122T120000Z{n}");
        assert_eq!(backup.file_name().unwrap().to_str().unwrap(), name);
        if n.is_empty() {
            assert_eq!(fs::read_to_string(backup).unwrap(), text);
        }
    }
    fs::write(&path, "clusters: s3cr3t\n").unwrap();
    let error = merge(&path, &shop(), "shop", now()).unwrap_err().to_string();
    assert!(error.contains("config") && !error.contains("s3cr3t"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "clusters: s3cr3t\n");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever a file is like, what comes of it says the same but for the cluster's entries.
    #[test]
    fn everything_else_stays(
        names in proptest::collection::btree_set("[a-z][a-z0-9-]{0,8}", 0..4),
        words in proptest::collection::vec("\\PC{0,30}", 4),
        indent in 0usize..3,
        order in any::<bool>(),
        end in any::<bool>(),
    ) {
        let quoted = |n: usize| serde_json::to_string(&words[n]).unwrap();
        let pad = " ".repeat(indent);
        let mut lists: Vec<String> = LISTS.iter().map(|(list, own)| {
            let entry = |name: &String| {
                let (one, two) = (quoted(0), quoted(1));
                format!("{pad}- {own}:\n{pad}    x: {one}\n\n{pad}    # {list}\n{pad}    y: [1, {two}]\n{pad}  name: {name}\n")
            };
            format!("{list}:\n{}", names.iter().map(entry).collect::<String>())
        }).collect();
        lists.push(format!("x: {}\n", quoted(2)));
        if order {
            lists.reverse();
        }
        let mut old = lists.concat();
        if end {
            old.pop();
        }
        prop_assume!(!names.contains("shop"));
        let before = read(&old).unwrap();
        let new = merged(&old, &shop(), "shop").unwrap();
        prop_assert!(!new.rewritten, "{}\n---\n{}", old, new.text);
        let mut after = read(&new.text).unwrap();
        for (list, _) in LISTS {
            let entries = after[list].as_array_mut().unwrap();
            entries.retain(|e| e["name"] != "shop");
            let was = before[list].as_array().cloned().unwrap_or_default();
            prop_assert_eq!(&*entries, &was);
        }
        prop_assert_eq!(&after["x"], &before["x"]);
        let comments = |text: &str| text.lines().filter(|l| l.trim().starts_with('#')).count();
        prop_assert_eq!(comments(&old), comments(&new.text));
    }
}
