//! Hosts that are added, changed and taken out, and the text around them.

use proptest::prelude::*;
use smol_str::SmolStr;

use super::*;

const FILE: &str = "hosts.toml";

const SHOP: &str = r#"# the shop's boards
[groups.shop]
cluster = "edge-lab"
user = "pi"
labels = { site = "shop" }
hosts = [
    "pi-1", # by the door
    # the cellar
    { name = "pi-2", address = "10.0.0.7" },
]

[groups.vision] # one line
hosts = ["jetson-1", "jetson-2"] # both
"#;

fn hosts(text: &str) -> Vec<EdgeHost> {
    read_hosts(Path::new(FILE), text).unwrap()
}

fn host(text: &str, name: &str) -> EdgeHost {
    let mut found = hosts(text).into_iter().filter(|host| host.name.as_str() == name);
    found.next().unwrap()
}

fn group(text: &str, name: &str) -> Group {
    let (groups, _) = read_groups(Path::new(FILE), text).unwrap();
    groups.into_iter().find(|group| group.name == name).unwrap()
}

fn add(text: &str, host: &EdgeHost) -> Result<String, String> {
    add_host(Path::new(FILE), text, host).map_err(|error| error.to_string())
}

fn replace(text: &str, name: &str, host: &EdgeHost) -> Result<String, String> {
    replace_host(Path::new(FILE), text, &HostName::new(name), host).map_err(|error| error.to_string())
}

fn remove(text: &str, name: &str) -> Result<String, String> {
    remove_host(Path::new(FILE), text, &HostName::new(name)).map_err(|error| error.to_string())
}

#[test]
fn a_host_says_only_what_its_group_does_not() {
    let new = group(SHOP, "shop").host(HostName::new("pi-3"));
    let after = add(SHOP, &new).unwrap();
    assert_eq!(
        after,
        SHOP.replace("\"10.0.0.7\" },\n", "\"10.0.0.7\" },\n    \"pi-3\",\n")
    );
    let other = EdgeHost {
        user: Some("admin".into()),
        port: Some(2222),
        labels: [("site".into(), "yard".into()), ("x.y/z".into(), "1".into())].into(),
        taints: ["edge=true:NoSchedule".into()].into(),
        ..new
    };
    let after = add(SHOP, &other).unwrap();
    let item = "    { name = \"pi-3\", user = \"admin\", port = 2222, labels = { site = \"yard\", \"x.y/z\" = \"1\" }, taints = [\"edge=true:NoSchedule\"] },\n";
    assert!(after.contains(item), "{after}");
    assert_eq!(host(&after, "pi-3"), other);
}

#[test]
fn a_group_that_is_not_there_is_appended() {
    let new = EdgeHost {
        group: "yard".into(),
        user: Some("pi".into()),
        ..group(SHOP, "vision").host(HostName::new("pi-9"))
    };
    let new = EdgeHost {
        cluster: Some("lab".into()),
        ..new
    };
    let after = add(SHOP, &new).unwrap();
    let block = "\n[groups.yard]\ncluster = \"lab\"\nhosts = [\n    { name = \"pi-9\", user = \"pi\" },\n]\n";
    assert_eq!(after, format!("{SHOP}{block}"));
    assert_eq!(add("", &new).unwrap(), block.trim_start());
}

#[test]
fn a_host_is_changed_where_it_stands() {
    let changed = EdgeHost {
        address: Some("10.0.0.8".into()),
        ..host(SHOP, "pi-1")
    };
    let after = replace(SHOP, "pi-1", &changed).unwrap();
    assert_eq!(
        after,
        SHOP.replace("\"pi-1\",", "{ name = \"pi-1\", address = \"10.0.0.8\" },")
    );
    let renamed = EdgeHost {
        name: HostName::new("pi-7"),
        address: None,
        ..host(SHOP, "pi-2")
    };
    let after = replace(SHOP, "pi-2", &renamed).unwrap();
    assert_eq!(
        after,
        SHOP.replace("{ name = \"pi-2\", address = \"10.0.0.7\" }", "\"pi-7\"")
    );
}

#[test]
fn a_host_moves_to_another_group_with_what_it_was() {
    let moved = EdgeHost {
        group: "vision".into(),
        cluster: None,
        ..host(SHOP, "pi-1")
    };
    let after = replace(SHOP, "pi-1", &moved).unwrap();
    assert_eq!(host(&after, "pi-1"), moved);
    assert!(
        after.contains("\"jetson-2\", { name = \"pi-1\", user = \"pi\", labels = { site = \"shop\" } }] # both"),
        "{after}"
    );
    assert!(
        !after.contains("by the door") && after.contains("# the cellar"),
        "{after}"
    );
}

#[test]
fn a_host_is_taken_out_with_its_own_line() {
    assert_eq!(
        remove(SHOP, "pi-1").unwrap(),
        SHOP.replace("    \"pi-1\", # by the door\n", "")
    );
    for (before, name, after) in [
        ("[\"a\", \"b\", \"c\"]", "a", "[\"b\", \"c\"]"),
        ("[\"a\", \"b\", \"c\"]", "b", "[\"a\", \"c\"]"),
        ("[\"a\", \"b\", \"c\"]", "c", "[\"a\", \"b\"]"),
        ("[\"a\"]", "a", "[]"),
        ("[ \"a\", ]", "a", "[ ]"),
        ("[\n  \"a\"\n]", "a", "[\n]"),
        ("[\n  \"a\", \"b\",\n]", "b", "[\n  \"a\", \n]"),
        ("[\n  \"a\" # x, y\n  , \"b\"\n]", "a", "[\n   \"b\"\n]"),
        ("[\n  \"a\", # x\n  \"b\"]", "b", "[\n  \"a\", # x\n  ]"),
    ] {
        let text = |list: &str| format!("[groups.g]\nhosts = {list}\n");
        assert_eq!(remove(&text(before), name).unwrap(), text(after), "{before}");
    }
}

#[test]
fn what_cannot_be_said_is_told() {
    let shop = group(SHOP, "shop");
    let new = shop.host(HostName::new("pi-3"));
    let with = |change: fn(&mut EdgeHost)| {
        let mut host = new.clone();
        change(&mut host);
        add(SHOP, &host).unwrap_err()
    };
    for (error, said) in [
        (with(|h| h.user = None), "gives its hosts user pi"),
        (with(|h| h.labels = [].into()), "gives its hosts the label site"),
        (
            with(|h| h.cluster = Some("other".into())),
            "has cluster edge-lab, not cluster other",
        ),
        (
            with(|h| h.name = HostName::new("pi-1")),
            "pi-1 is already in group shop",
        ),
        (
            with(|h| h.name = HostName::new("-oProxyCommand=x")),
            "cannot be changed in the form it has",
        ),
        (remove(SHOP, "pi-9").unwrap_err(), "there is no host pi-9"),
        (
            replace(SHOP, "pi-1", &host(SHOP, "pi-2")).unwrap_err(),
            "pi-2 is already in group shop",
        ),
        (
            remove("[[groups.g.hosts]]\nname = \"a\"\n", "a").unwrap_err(),
            "change it in an editor",
        ),
        (add("[groups.g]\nhosts = 7\n", &new).unwrap_err(), "hosts.toml:2:9"),
    ] {
        assert!(error.contains(said), "{error}\nshould say\n{said}");
    }
}

/// Hosts of up to three groups, each a way in which lists are written.
fn texts() -> impl Strategy<Value = String> {
    let item = |n: usize| {
        prop_oneof![
            Just(format!("\"h{n}\"")),
            Just(format!("{{ name = \"h{n}\", port = 2{n} }}")),
            Just(format!(
                "{{ name = \"h{n}\", labels = {{ a = \"{n}\" }}, taints = [] }}"
            )),
        ]
    };
    let gap = "( |\n|\n  |  # c, d\n)";
    let about =
        "(user = \"pi\"\n)?(port = 22 # p\n)?(taints = \\[\"a:NoExecute\"\\]\n)?(labels = \\{ a = \"x\" \\}\n)?";
    let block = move |name: &'static str, first: usize| {
        let items = proptest::collection::vec((gap, gap), 0..4).prop_flat_map(move |gaps| {
            let items: Vec<_> = (first..)
                .zip(gaps)
                .map(|(n, gaps)| item(n).prop_map(move |item| (item, gaps.clone())))
                .collect();
            items
        });
        (about, items, "(,)?", gap).prop_map(move |(about, items, comma, end)| {
            let last = items.len().saturating_sub(1);
            let list: String = items
                .iter()
                .enumerate()
                .map(|(at, (item, (before, after)))| {
                    let comma = if at == last { comma.as_str() } else { "," };
                    format!("{before}{item}{after}{comma}")
                })
                .collect();
            format!("# {name}\n[groups.{name}]\n{about}hosts = [{list}{end}] # end\n")
        })
    };
    (block("g", 0), block("k", 10), proptest::option::of(block("m", 20)))
        .prop_map(|(a, b, c)| format!("{a}{b}{}", c.unwrap_or_default()))
}

fn comments(text: &str) -> usize {
    text.lines().filter(|line| line.trim_start().starts_with('#')).count()
}

proptest! {
    #[test]
    fn what_is_added_and_taken_out_again_leaves_the_same_hosts(
        text in texts(),
        name in "[a-z]{1,4}x",
        into in "[gkn]",
        address in proptest::option::of("10\\.0\\.0\\.[0-9]"),
        port in proptest::option::of(1_u16..),
        label in proptest::option::of("[a-c]{1,2}"),
    ) {
        let (groups, before) = read_groups(Path::new(FILE), &text).unwrap();
        let there = groups.iter().find(|group| group.name == into).cloned();
        let group = there.unwrap_or_else(|| Group { name: into.into(), ..Group::default() });
        let mut new = group.host(HostName::new(name.as_str()));
        new.address = address.map(SmolStr::from);
        new.port = port.or(new.port);
        if let Some(label) = label {
            new.labels = [(SmolStr::new("a"), SmolStr::from(label))].into();
        }
        let added = add(&text, &new).unwrap();
        prop_assert_eq!(host(&added, &name), new);
        prop_assert_eq!(comments(&added), comments(&text));
        let removed = remove(&added, &name).unwrap();
        prop_assert_eq!(hosts(&removed), before);
        prop_assert_eq!(comments(&removed), comments(&text));
    }

    #[test]
    fn any_host_can_be_changed_moved_and_taken_out(
        text in texts(),
        at in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        port in 1_u16..,
    ) {
        let (groups, before) = read_groups(Path::new(FILE), &text).unwrap();
        prop_assume!(!before.is_empty());
        let old = &before[at.index(before.len())];
        let name = old.name.as_str();
        let changed = EdgeHost { port: Some(port), ..old.clone() };
        prop_assert_eq!(host(&replace(&text, name, &changed).unwrap(), name), changed);
        let group = &groups[to.index(groups.len())];
        let moved = EdgeHost { address: old.address.clone(), ..group.host(old.name.clone()) };
        prop_assert_eq!(host(&replace(&text, name, &moved).unwrap(), name), moved);
        let removed = remove(&text, name).unwrap();
        let left: Vec<_> = before.iter().filter(|host| host.name != old.name).cloned().collect();
        prop_assert_eq!(hosts(&removed), left);
    }

    #[test]
    fn no_text_makes_it_panic(text in "(\\[groups\\.g\\]\n|hosts = \\[|\"a\"|,| |\n|#|\\]|\\{ name = \"a\" \\}|é){0,12}") {
        let host = Group { name: "g".into(), ..Group::default() }.host(HostName::new("a"));
        let _any = (add(&text, &host), remove(&text, "a"), replace(&text, "a", &host));
    }
}
