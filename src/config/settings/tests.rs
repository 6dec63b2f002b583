use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;

const VOCABULARY: Vocabulary<'static> = Vocabulary {
    actions: &["drain", "delete", "help"],
    check_key: |text| {
        if text.contains('!') {
            Err(format!("\"{text}\" is no key"))
        } else {
            Ok(())
        }
    },
};

fn config(text: &str) -> Config {
    read_config(Path::new("config.toml"), text, &VOCABULARY).unwrap()
}

fn faults(text: &str) -> Vec<String> {
    let error = read_config(Path::new("config.toml"), text, &VOCABULARY).unwrap_err();
    error.faults.iter().map(ToString::to_string).collect()
}

#[test]
fn an_empty_file_leaves_the_defaults() {
    assert_eq!(config(""), Config::default());
}

#[test]
fn every_setting_is_read() {
    let config = config(
        r#"
        profiles = ["prod", "lab"]
        regions = ["eu-west-1", "us-gov-east-1"]
        contexts = ["edge"]
        read-only = true
        theme = "light"
        ascii = true
        mouse = false
        [price-cap]
        t3.medium = 0.03
        "m7g.*" = 1
        [poll]
        aws = "1m"
        spot-prices = "1h 30m"
        [columns]
        machines = ["state", "name"]
        [keys]
        drain = "r"
        delete = ["ctrl-d", "delete"]
        help = []
        [[adopt]]
        cluster = "shop"
        tags = { project = "shop*" }
        role = "agent"
        "#,
    );
    assert_eq!(config.profiles, ["prod", "lab"]);
    assert_eq!(config.regions, ["eu-west-1", "us-gov-east-1"]);
    assert_eq!(config.contexts, ["edge"]);
    assert!(config.read_only && config.ascii && !config.mouse && !config.all_contexts);
    assert_eq!(config.theme, "light");
    assert_eq!(config.price_caps.of("t3.medium"), Some(0.03));
    assert_eq!(config.price_caps.of("m7g.large"), Some(1.0));
    assert_eq!(config.poll.aws, SignedDuration::from_mins(1));
    assert_eq!(config.poll.spot_prices, SignedDuration::from_mins(90));
    assert_eq!(config.poll.edge, Poll::default().edge);
    assert_eq!(
        config.columns.get(&TableKind::Machines).unwrap().as_slice(),
        ["state", "name"]
    );
    assert_eq!(config.keys.get("delete").unwrap().as_slice(), ["ctrl-d", "delete"]);
    assert_eq!(config.keys.get("drain").unwrap().as_slice(), ["r"]);
    assert!(config.keys.get("help").unwrap().is_empty());
    assert_eq!(config.adopt.len(), 1);
}

#[test]
fn all_faults_are_told_at_once() {
    let text = "regions = [\"eu-west-1\", \"mars\"]\ntheme = \"../x\"\nread_only = true\n\n[price-cap]\n\"t3.nano\" = -1\n\
                [poll]\naws = \"1s\"\nec2 = \"1m\"\n[columns]\nmachines = [\"nam\"]\nhosts = []\n[keys]\ndrian = \"r\"\nhelp = [\"!\"]\n";
    assert_eq!(
        faults(text),
        [
            "config.toml:1:25: regions[1]: expected an AWS region, such as \"eu-west-1\", found \"mars\"",
            "config.toml:2:9: theme: expected the name of a theme, such as \"dark\", found \"../x\"",
            "config.toml:3:1: read_only: no such key; did you mean read-only?",
            "config.toml:6:13: price-cap.\"t3.nano\": expected a price in USD per hour, such as 0.05, found -1",
            "config.toml:8:7: poll.aws: expected a time from \"5s\" to \"10m\", such as \"15s\", found \"1s\"",
            "config.toml:9:1: poll.ec2: no such key; expected one of aws, spot-prices, kube, edge",
            "config.toml:11:13: columns.machines[0]: no such column; did you mean name?",
            "config.toml:12:1: columns.hosts: no such table; expected one of clusters, pools, machines, prices, edge, findings",
            "config.toml:14:1: keys.drian: no such action; did you mean drain?",
            "config.toml:15:9: keys.help[0]: \"!\" is no key",
        ]
    );
}

#[test]
fn wrong_kinds_are_told_too() {
    let text =
        "profiles = \"prod\"\nmouse = 1\npoll = 3\nadopt = 1\nkeys = []\ncontexts = [\"a\"]\nall-contexts = true\n";
    let found = faults(text);
    assert_eq!(found.len(), 6, "{found:#?}");
    assert!(found.iter().any(|fault| fault.contains("found both")), "{found:#?}");
}

#[test]
fn the_command_line_wins() {
    let file = config("all-contexts = true\nregions = [\"eu-west-1\"]\nread-only = true");
    let options = Options {
        contexts: Some(vec!["lab".into()]),
        theme: Some("mono".into()),
        ..Options::default()
    };
    let both = file.clone().with(options);
    assert_eq!(
        (both.all_contexts, both.contexts.as_slice()),
        (false, ["lab".into()].as_slice())
    );
    assert_eq!((both.theme.as_str(), both.read_only), ("mono", true));
    assert_eq!(both.regions, file.regions);
    assert_eq!(file.clone().with(Options::default()), file);

    let all = Options {
        all_contexts: Some(true),
        ..Options::default()
    };
    let both = config("contexts = [\"lab\"]").with(all);
    assert!(both.all_contexts && both.contexts.is_empty());
}

#[test]
fn regions() {
    for good in [
        "eu-west-1",
        "us-gov-west-1",
        "cn-north-1",
        "ap-southeast-7",
        "us-iso-east-10",
    ] {
        assert!(is_region(good), "{good}");
    }
    for bad in [
        "",
        "eu",
        "eu-west",
        "eu-west-1a",
        "EU-WEST-1",
        "eu--1",
        "-west-1",
        "eu-west-0",
        "eu-west-100",
    ] {
        assert!(!is_region(bad), "{bad}");
    }
}

const KEYS: &[&str] = &[
    "profiles",
    "regions",
    "contexts",
    "all-contexts",
    "read-only",
    "theme",
    "ascii",
    "mouse",
    "price-cap",
    "poll",
    "columns",
    "keys",
    "adopt",
    "reach",
    "nonsense",
];
const VALUES: &[&str] = &[
    "true",
    "1",
    "-1",
    "1.5",
    "nan",
    "\"\"",
    "\"x\"",
    "\"15s\"",
    "[]",
    "[[]]",
    "[{}]",
    "{}",
    "{ aws = \"1h\" }",
    "[\"a\", \"a\"]",
    "{ machines = [\"name\"] }",
    "{ help = [1, \"!\"] }",
    "[{ cluster = 1, tags = [] }]",
    "{ a.b.c = 1 }",
    "2026-11-22",
];

proptest! {
    #[test]
    fn any_value_anywhere_is_read_or_told_with_its_place(
        picks in prop::collection::hash_map(prop::sample::select(KEYS), prop::sample::select(VALUES), 0..8),
    ) {
        let text: String = picks.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        if let Err(error) = read_config(Path::new("config.toml"), &text, &VOCABULARY) {
            prop_assert!(!error.faults.is_empty());
            for fault in &error.faults {
                let line = fault.position.unwrap().line;
                let key = text.lines().nth(line - 1).and_then(|line| line.split(' ').next()).unwrap();
                prop_assert!(fault.key.starts_with(key), "{} in line {}", fault, key);
            }
        }
    }
}
