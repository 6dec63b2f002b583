//! A command on edge hosts: typed, run on all of them side by side, its results grouped by what they have in common.

use std::collections::{BTreeMap, BTreeSet};

use super::Effect;
use super::asking::{About, Asking};
use super::changes::READ_ONLY;
use super::form::{Form, FormField};
use super::overlay::Overlay;
use super::update::Turn;
use crate::fleet::{EdgeHost, HostName, Severity};
use crate::ops::Ran;

/// Over so many hosts their number has to be typed.
const FEW: usize = 5;

/// What came of a command.
#[derive(Clone, Debug)]
pub struct RunView {
    /// The command, as it was typed.
    pub command: String,
    /// The hosts that have not answered yet.
    pub waiting: BTreeSet<HostName>,
    /// What came of it on the others.
    pub answers: BTreeMap<HostName, Result<Ran, String>>,
    /// First line shown.
    pub scroll: usize,
}

/// Hosts with the same result.
#[derive(Clone, Debug, PartialEq)]
pub struct RunGroup<'a> {
    /// The hosts.
    pub hosts: Vec<&'a HostName>,
    /// What came of it, or why it was not run.
    pub result: &'a Result<Ran, String>,
}

impl RunGroup<'_> {
    /// How it went: well, with another exit code than 0, or not at all.
    pub fn severity(&self) -> Severity {
        match self.result {
            Ok(ran) if ran.code == Some(0) => Severity::Ok,
            Ok(_) => Severity::Warning,
            Err(_) => Severity::Critical,
        }
    }

    /// How it ended, in a few words.
    pub fn ended(&self) -> String {
        match self.result {
            Ok(Ran { code: Some(0), .. }) => "done".to_owned(),
            Ok(Ran { code: Some(code), .. }) => format!("exit code {code}"),
            Ok(Ran { code: None, .. }) => "ended by a signal".to_owned(),
            Err(_) => "not run".to_owned(),
        }
    }

    /// What it wrote, or why it was not run.
    pub fn output(&self) -> &str {
        match self.result {
            Ok(ran) => ran.output.trim_end(),
            Err(why) => why,
        }
    }
}

impl RunView {
    /// The hosts by what came of the command: what went wrong first, and of that the largest group.
    pub fn groups(&self) -> Vec<RunGroup<'_>> {
        let mut by_result: BTreeMap<&Result<Ran, String>, Vec<&HostName>> = BTreeMap::new();
        for (host, result) in &self.answers {
            by_result.entry(result).or_default().push(host);
        }
        let group = |(result, hosts)| RunGroup { hosts, result };
        let mut groups: Vec<_> = by_result.into_iter().map(group).collect();
        groups.sort_by_key(|group| {
            (
                std::cmp::Reverse(group.severity()),
                std::cmp::Reverse(group.hosts.len()),
            )
        });
        groups
    }

    /// How many lines all of it takes, when none is wrapped.
    pub(super) fn height(&self) -> usize {
        let lines = |group: &RunGroup<'_>| 2 + group.output().lines().count();
        self.groups().iter().map(lines).sum::<usize>() + 1
    }
}

/// Judges the fields.
pub(super) fn check(hosts: &[EdgeHost], form: &mut Form) {
    let fault = form.value("command").is_empty().then(|| "type a command".to_owned());
    form.tell("command", "", fault);
    let many = hosts.len().to_string();
    let fault = (form.value("count") != many).then(|| format!("type {many}: so many hosts run it"));
    form.tell("count", "", fault);
}

impl Turn<'_> {
    /// Asks for the command that the chosen hosts shall run.
    pub(super) fn open_run(&mut self) {
        if self.state.read_only {
            return self.say(Severity::Warning, READ_ONLY);
        }
        let Some(hosts) = self.edge_hosts() else { return };
        let mut fields = vec![FormField::text("command", "command", "")];
        if hosts.len() > FEW {
            fields.push(FormField::value("count", "how many", ""));
        }
        let names: Vec<_> = hosts.iter().map(|host| host.name.as_str()).collect();
        let mut asking = Asking::new(About::Run(vec![]), Form::new(fields));
        asking.notes = vec![
            format!("on {}", names.join(", ")),
            "a shell there runs it, as the user who logs in".to_owned(),
        ];
        asking.about = About::Run(hosts);
        self.ask(asking);
    }

    pub(super) fn run_on(&mut self, hosts: Vec<EdgeHost>, form: &Form) {
        let command = form.value("command").to_owned();
        self.close();
        self.push(Overlay::Ran(Box::new(RunView {
            command: command.clone(),
            waiting: hosts.iter().map(|host| host.name.clone()).collect(),
            answers: BTreeMap::new(),
            scroll: 0,
        })));
        let argv = ["sh", "-c", &command].map(str::to_owned).to_vec();
        self.effect(Effect::RunOn(hosts, argv));
    }

    /// Takes in what came of a command on a host.
    pub(super) fn ran(&mut self, host: HostName, result: Result<Ran, String>) {
        let shown = self.state.overlays.iter_mut().rev().find_map(|overlay| match overlay {
            Overlay::Ran(view) if view.waiting.contains(&host) => Some(view),
            _ => None,
        });
        if let Some(view) = shown {
            view.waiting.remove(&host);
            view.answers.insert(host, result);
            self.touch();
        }
    }
}
