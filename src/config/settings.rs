//! `config.toml`: every setting, its default, and how it is read.

use std::collections::BTreeMap;
use std::path::Path;

use smol_str::SmolStr;

use super::Vocabulary;
use super::adopt::read_rules;
use super::fault::ConfigError;
use super::keys::{read_columns, read_keys};
use super::poll::{Poll, read_poll};
use super::reader::{self, Table, Value};
use crate::fleet::table::TableKind;
use crate::fleet::{AdoptRule, Glob, PriceCaps};

/// All settings, as they hold after the layers are put over each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// AWS profiles to look through; none: the default credential chain.
    pub profiles: Vec<SmolStr>,
    /// AWS regions to look into; none: the region of the profile or the environment.
    pub regions: Vec<SmolStr>,
    /// Kube contexts to watch; none: the current one.
    pub contexts: Vec<SmolStr>,
    /// Watch all contexts of the kubeconfig.
    pub all_contexts: bool,
    /// Refuse everything that would change something.
    pub read_only: bool,
    /// Name of the theme.
    pub theme: SmolStr,
    /// Draw with ASCII only.
    pub ascii: bool,
    /// Listen to the mouse.
    pub mouse: bool,
    /// The clusters that are never destroyed from here; `*` stands for any text.
    pub protected: Vec<SmolStr>,
    /// Above which price a machine is a finding.
    pub price_caps: PriceCaps,
    /// How often the outside is asked.
    pub poll: Poll,
    /// Columns shown, in order, per table; a table that is not named shows its own choice.
    pub columns: BTreeMap<TableKind, Vec<&'static str>>,
    /// Keys per action, as text that names keys; an empty list takes the action's keys away.
    pub keys: BTreeMap<SmolStr, Vec<SmolStr>>,
    /// How clusters that others made are recognised, in order.
    pub adopt: Vec<AdoptRule>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            profiles: Vec::new(),
            regions: Vec::new(),
            contexts: Vec::new(),
            all_contexts: false,
            read_only: false,
            theme: SmolStr::new_static("dark"),
            ascii: false,
            mouse: true,
            protected: Vec::new(),
            price_caps: PriceCaps::default(),
            poll: Poll::default(),
            columns: BTreeMap::new(),
            keys: BTreeMap::new(),
            adopt: Vec::new(),
        }
    }
}

impl Config {
    /// These settings with the command line's over them.
    pub fn with(mut self, options: Options) -> Self {
        fn put<T>(place: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *place = value;
            }
        }
        // Naming contexts is a wish for just these, whatever the file says of all.
        if options.contexts.is_some() {
            self.all_contexts = false;
        }
        if options.all_contexts == Some(true) {
            self.contexts.clear();
        }
        put(&mut self.profiles, options.profiles);
        put(&mut self.regions, options.regions);
        put(&mut self.contexts, options.contexts);
        put(&mut self.all_contexts, options.all_contexts);
        put(&mut self.read_only, options.read_only);
        put(&mut self.theme, options.theme);
        put(&mut self.ascii, options.ascii);
        put(&mut self.mouse, options.mouse);
        self
    }
}

/// What the command line says of the settings; `None` where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// See [`Config::profiles`].
    pub profiles: Option<Vec<SmolStr>>,
    /// See [`Config::regions`].
    pub regions: Option<Vec<SmolStr>>,
    /// See [`Config::contexts`]; given, it puts [`Config::all_contexts`] out of force.
    pub contexts: Option<Vec<SmolStr>>,
    /// See [`Config::all_contexts`]; true, it puts the file's [`Config::contexts`] out of force.
    pub all_contexts: Option<bool>,
    /// See [`Config::read_only`].
    pub read_only: Option<bool>,
    /// See [`Config::theme`].
    pub theme: Option<SmolStr>,
    /// See [`Config::ascii`].
    pub ascii: Option<bool>,
    /// See [`Config::mouse`].
    pub mouse: Option<bool>,
}

/// Reads the text of `config.toml` over the defaults. `file` is its name in messages.
pub fn read_config(file: &Path, text: &str, vocabulary: &Vocabulary<'_>) -> Result<Config, ConfigError> {
    reader::read(file, text, |table| settings(table, vocabulary))
}

fn settings(table: &mut Table<'_>, vocabulary: &Vocabulary<'_>) -> Config {
    let mut config = Config::default();
    let set_names = |place: &mut Vec<SmolStr>, value: Option<Value<'_>>, expected: &str, good: fn(&str) -> bool| {
        if let Some(names) = value.and_then(|value| value.names(expected, good)) {
            *place = names;
        }
    };
    let set_flag = |place: &mut bool, value: Option<Value<'_>>| {
        if let Some(flag) = value.and_then(|value| value.flag()) {
            *place = flag;
        }
    };
    set_names(
        &mut config.profiles,
        table.get("profiles"),
        "the name of an AWS profile, such as \"prod\"",
        is_name,
    );
    set_names(
        &mut config.regions,
        table.get("regions"),
        "an AWS region, such as \"eu-west-1\"",
        is_region,
    );
    set_names(
        &mut config.contexts,
        table.get("contexts"),
        "the name of a kube context",
        is_name,
    );
    let all_contexts = table.get("all-contexts");
    set_flag(&mut config.all_contexts, all_contexts.clone());
    if let Some(value) = all_contexts.filter(|_| config.all_contexts && !config.contexts.is_empty()) {
        value.fault("expected either contexts or all-contexts = true, found both");
    }
    set_flag(&mut config.read_only, table.get("read-only"));
    set_names(
        &mut config.protected,
        table.get("protected"),
        "the name of a cluster, such as \"prod\" or \"prod-*\"",
        is_name,
    );
    set_flag(&mut config.ascii, table.get("ascii"));
    set_flag(&mut config.mouse, table.get("mouse"));
    let theme = table.get("theme");
    if let Some(theme) = theme.and_then(|value| value.parsed("the name of a theme, such as \"dark\"", theme_name)) {
        config.theme = theme;
    }
    if let Some(caps) = table.table("price-cap") {
        config.price_caps = price_caps(&caps);
    }
    if let Some(poll) = table.table("poll") {
        config.poll = read_poll(poll);
    }
    if let Some(columns) = table.table("columns") {
        config.columns = read_columns(&columns);
    }
    if let Some(keys) = table.table("keys") {
        config.keys = read_keys(&keys, vocabulary);
    }
    if let Some(rules) = table.get("adopt") {
        config.adopt = read_rules(&rules);
    }
    config
}

/// A name of anything: not empty, on one line, without space around it.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.chars().any(char::is_control)
}

/// Letters in groups, then a number: `eu-west-1`, `us-gov-east-1`.
fn is_region(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let Some((number, words)) = groups.split_last() else {
        return false;
    };
    let lower = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    words.len() >= 2
        && words.iter().all(lower)
        && matches!(number.as_bytes(), [b'1'..=b'9'] | [b'1'..=b'9', b'0'..=b'9'])
}

/// A theme's name is a file's name: nothing in it may lead to another directory.
pub(super) fn theme_name(text: &str) -> Option<SmolStr> {
    let good = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    (!text.is_empty() && text.chars().all(good)).then(|| SmolStr::new(text))
}

const PRICE: &str = "a price in USD per hour, such as 0.05";

fn price_caps(table: &Table<'_>) -> PriceCaps {
    let mut caps = Vec::new();
    for (name, value) in table.entries() {
        if !value.is_table() {
            caps.extend(value.positive(PRICE).map(|cap| (Glob::new(name), cap)));
            continue;
        }
        // Without quotes TOML reads `t3.medium = 0.05` as a table `t3`; what is meant is plain.
        for (size, value) in value.table().map(|table| table.entries()).unwrap_or_default() {
            let instance_type = format!("{name}.{size}");
            caps.extend(value.positive(PRICE).map(|cap| (Glob::new(instance_type), cap)));
        }
    }
    PriceCaps::new(caps)
}

#[cfg(test)]
mod tests {
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
}
