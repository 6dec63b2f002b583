//! A plan for people who read a terminal, and their yes.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, BufRead, IsTerminal, Write};

use super::exit::Exit;
use super::{bill, complain};
use crate::fleet::table::money;
use crate::ops::launch::{Launch, Profile, Spec, SshKey};
use crate::ops::parts::{self, Parts};
use crate::ops::{CostChange, Plan, Request};

/// A plan as text.
pub(super) fn text(plan: &Plan) -> String {
    let mut text = format!("{}, in cluster {}\n", plan.title, plan.cluster.name);
    if let Request::Launch(launch) = &plan.request {
        match parts::of(launch) {
            Some(parts) => text.push_str(&made(launch, &parts)),
            None => text.push_str(&chosen(launch)),
        }
    }
    if let Request::Update(update) = &plan.request {
        for change in update.told() {
            let _ = writeln!(text, "  {} {}", change.about, change.text);
        }
    }
    if plan.stages.is_empty() {
        text.push_str("  nothing to do: it is so already\n");
    }
    for (at, stage) in plan.stages.iter().enumerate() {
        let _ = writeln!(text, "  {}. {}", at + 1, stage.title);
        for step in &stage.steps {
            let _ = writeln!(text, "     - {}", step.describe());
        }
    }
    if let Request::Launch(_) = &plan.request {
        let trips = plan.round_trips();
        let _ = writeln!(text, "AWS calls: {trips} one after the other, the rest beside them");
    }
    let what = if plan.costs_all() { "cost" } else { "cost of machines" };
    let _ = writeln!(text, "{what}: {}", cost(&plan.cost));
    if let Some(whole) = &plan.bill {
        text.push_str(&bill::text(whole));
    }
    let calls = plan.calls().into_iter().map(|call| call.permission());
    let permissions: Vec<_> = calls.chain(plan.needs_besides()).collect();
    if !permissions.is_empty() {
        let _ = writeln!(text, "needs: {}", permissions.join(", "));
    }
    for warning in &plan.warnings {
        let _ = writeln!(text, "warning: {warning}");
    }
    text
}

/// What a launch is to make, and what was found out for it.
fn chosen(launch: &Launch) -> String {
    let Launch {
        scope, spec, ground, ..
    } = launch;
    let zones: BTreeSet<_> = ground.subnets.iter().map(|s| s.zone.as_str()).collect();
    let zones: Vec<_> = zones.into_iter().collect();
    let profile = match &spec.profile {
        Profile::Own => "its own roles".to_owned(),
        Profile::Named(name) => format!("the instance profile {name}"),
        Profile::None => "no instance profile".to_owned(),
    };
    let mut text = format!(
        "  in {scope}: {}, {}; {}, {} ({}), {} GiB each; {profile}\n  {}\n",
        ground.vpc,
        zones.join(", "),
        spec.arch.as_str(),
        spec.image.as_str(),
        ground.image,
        spec.volume_gib,
        reached(spec),
    );
    if let Some(at) = spec.expires_at {
        let _ = writeln!(text, "  destroys itself at {}", at.strftime("%F %T UTC"));
    }
    text
}

/// What a highly available cluster is made of, and where.
fn made(launch: &Launch, parts: &Parts) -> String {
    let mut text = String::new();
    for part in parts.pools.iter().chain(&parts.place) {
        let _ = writeln!(text, "  {:<12} {}", part.about, part.text);
    }
    let _ = writeln!(text, "  {}", reached(&launch.spec));
    let _ = writeln!(text, "  its stack holds {} resources:", parts.resources);
    for part in &parts.held {
        let _ = writeln!(text, "     {:<9} {}", part.about, part.text);
    }
    text
}

/// Who reaches a cluster, and who logs in.
fn reached(spec: &Spec) -> String {
    let from = match spec.from.as_slice() {
        [] => "nowhere".to_owned(),
        networks => networks.join(", "),
    };
    let ssh = match &spec.ssh {
        None => "nobody".to_owned(),
        Some(SshKey::Pair(name)) => format!("the key pair {name}"),
        // Its type and comment tell it apart; the middle is long.
        Some(SshKey::Public(key)) => {
            let words: Vec<_> = key.split_whitespace().enumerate().filter(|(at, _)| *at != 1).collect();
            words.iter().map(|(_, word)| *word).collect::<Vec<_>>().join(" ")
        }
    };
    format!("reached from {from}; SSH for {ssh}")
}

fn cost(cost: &CostChange) -> String {
    let both = |usd: f64| format!("${}/h (${:.2} a month)", money(usd), usd * CostChange::HOURS_PER_MONTH);
    match (cost.before, cost.after) {
        (Some(before), Some(after)) if before == after => format!("{}, as before", both(before)),
        (Some(before), Some(after)) => format!("{} before, {} after", both(before), both(after)),
        (Some(before), None) => format!("{} before, unknown after", both(before)),
        _ => "unknown: some prices are not known".to_owned(),
    }
}

/// The operator's answer.
pub(super) enum Answer {
    /// Go on.
    Yes,
    /// Leave it.
    No,
    /// Nobody is there to be asked.
    Nobody,
}

impl Answer {
    /// The exit code where the answer is not yes, told.
    pub(super) fn refused(self) -> Option<Exit> {
        match self {
            Self::Yes => None,
            Self::No => {
                complain("nothing was done");
                Some(Exit::Failed)
            }
            Self::Nobody => {
                complain("nobody can be asked here: give --yes to go on, or --dry-run to see the plan only");
                Some(Exit::Usage)
            }
        }
    }
}

/// Asks whether to go on; `word` has to be typed, where one is given.
pub(super) fn ask(word: Option<&str>, question: &str) -> io::Result<Answer> {
    if !io::stdin().is_terminal() {
        return Ok(Answer::Nobody);
    }
    let mut out = io::stderr().lock();
    match word {
        Some(word) => write!(out, "type {word} to go on: ")?,
        None => write!(out, "{question} [y/N] ")?,
    }
    out.flush()?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let typed = line.trim();
    let yes = match word {
        Some(word) => typed == word,
        None => ["y", "Y", "yes", "Yes"].contains(&typed),
    };
    Ok(if yes { Answer::Yes } else { Answer::No })
}
