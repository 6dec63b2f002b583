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
use super::ways::read_ways;
use crate::fleet::table::TableKind;
use crate::fleet::{AdoptRule, Glob, PriceCaps, Via, Ways};

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
    /// How edge hosts reach the API of each cluster.
    pub reach: Ways,
    /// The clusters to whose API a tunnel is kept, each by its name, alone or after its region, and through what it goes.
    pub tunnels: BTreeMap<SmolStr, Via>,
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
            reach: Ways::default(),
            tunnels: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Through what a tunnel to a cluster is kept, and in which region it is where that is said.
    pub fn tunnel(&self, cluster: &str) -> Option<(Option<SmolStr>, Via)> {
        self.tunnels.iter().find_map(|(key, via)| match key.rsplit_once('/') {
            Some((region, name)) => (name == cluster).then(|| (Some(SmolStr::new(region)), *via)),
            None => (*key == cluster).then_some((None, *via)),
        })
    }

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
    if let Some(ways) = table.table("reach") {
        config.reach = read_ways(&ways);
    }
    if let Some(tunnels) = table.table("tunnels") {
        config.tunnels = read_tunnels(&tunnels);
    }
    if let Some(rules) = table.get("adopt") {
        config.adopt = read_rules(&rules);
    }
    config
}

fn read_tunnels(table: &Table<'_>) -> BTreeMap<SmolStr, Via> {
    let mut tunnels = BTreeMap::new();
    for (name, value) in table.entries() {
        if !is_name(name) {
            value.key_fault("expected the name of a cluster, such as \"eu-west-1/prod\"");
        } else if let Some(via) = value.parsed("\"ssm\" or \"ssh\"", Via::parse) {
            tunnels.insert(SmolStr::new(name), via);
        }
    }
    tunnels
}

/// A name of anything: not empty, on one line, without space around it.
pub fn is_name(text: &str) -> bool {
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
mod tests;
