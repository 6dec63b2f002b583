//! The progress of an operation on standard error: a line for each running step and a bar for the whole where that is a
//! terminal, one line for each event elsewhere.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::ops::{Event, Plan, Progress, Step, StepId, StepState, What};
use crate::provider::StackEvent;

/// How often what is shown moves.
const TICK: Duration = Duration::from_millis(120);
/// A whole operation.
const WHOLE: &str = "[{bar:24}] {pos}/{len} steps, {elapsed}";
/// One step of it.
const STEP: &str = "{spinner} {wide_msg} {elapsed:>4}";
/// Something that is counted.
const COUNT: &str = "{spinner} {msg}: {pos} of {len}";

/// Tells the progress of one operation.
pub(super) enum Teller {
    /// One line for each event.
    Lines,
    /// Lines and a bar that are drawn anew.
    Bars(Box<Bars>),
}

/// What is drawn.
pub(super) struct Bars {
    all: MultiProgress,
    whole: ProgressBar,
    running: BTreeMap<StepId, ProgressBar>,
}

impl Teller {
    /// As standard error allows.
    pub(super) fn new(plan: &Plan) -> Self {
        if is_dumb() {
            return Self::Lines;
        }
        let steps = plan.steps().count();
        let all = MultiProgress::new();
        let whole = all.add(ProgressBar::new(u64::try_from(steps).unwrap_or_default()));
        whole.set_style(style(WHOLE));
        whole.enable_steady_tick(TICK);
        let running = BTreeMap::new();
        Self::Bars(Box::new(Bars { all, whole, running }))
    }

    /// Something has happened.
    pub(super) fn take(&mut self, plan: &Plan, event: &Event) {
        match self {
            Self::Lines => {
                if let Some(line) = line(plan, event) {
                    let at = event.at.strftime("%H:%M:%S");
                    say(&format!("{at} {line}"));
                }
            }
            Self::Bars(bars) => bars.take(plan, event),
        }
    }

    /// Does something that writes to the terminal as well.
    pub(super) fn aside<R>(&self, what: impl FnOnce() -> R) -> R {
        match self {
            Self::Lines => what(),
            Self::Bars(bars) => bars.all.suspend(what),
        }
    }

    /// Nothing more happens: what is drawn is taken away, and the times are told.
    pub(super) fn end(self, progress: Option<&Progress>) {
        if let Self::Bars(bars) = self {
            bars.running.values().for_each(ProgressBar::finish_and_clear);
            bars.whole.finish_and_clear();
        }
        if let Some(line) = progress.and_then(times) {
            say(&line);
        }
    }
}

/// How many of something are done, drawn on a terminal while it lasts.
pub(super) struct Count {
    bar: ProgressBar,
}

impl Count {
    /// None of so many is done yet.
    pub(super) fn new(what: &'static str, of: usize) -> Self {
        if is_dumb() {
            return Self {
                bar: ProgressBar::hidden(),
            };
        }
        let bar = ProgressBar::new(u64::try_from(of).unwrap_or_default());
        bar.set_style(style(COUNT));
        bar.set_message(what);
        bar.enable_steady_tick(TICK);
        Self { bar }
    }

    /// One more is done.
    pub(super) fn step(&self) {
        self.bar.inc(1);
    }

    /// Does something that writes to the terminal as well.
    pub(super) fn aside<R>(&self, what: impl FnOnce() -> R) -> R {
        self.bar.suspend(what)
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Whether nothing can be drawn anew on standard error.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term == "dumb") || !io::stderr().is_terminal()
}

impl Bars {
    fn take(&mut self, plan: &Plan, event: &Event) {
        match &event.what {
            What::StepBegan { step } => {
                let bar = ProgressBar::new_spinner();
                bar.set_style(style(STEP).tick_chars("|/-\\ "));
                let bar = self.all.insert_before(&self.whole, bar);
                bar.set_message(described(plan, *step));
                bar.enable_steady_tick(TICK);
                self.running.insert(*step, bar);
            }
            What::StepSaid { step, line } => {
                if let Some(bar) = self.running.get(step) {
                    bar.set_message(format!("{}: {line}", described(plan, *step)));
                }
            }
            What::StepDone { step, .. } | What::StepFailed { step, .. } => {
                if let Some(bar) = self.running.remove(step) {
                    bar.finish_and_clear();
                }
                if let What::StepDone { .. } = event.what {
                    self.whole.inc(1);
                }
                self.keep(plan, event);
            }
            What::Began { .. } | What::Resumed { .. } | What::Ended { .. } => self.keep(plan, event),
            What::StackSaid { happened, .. } => {
                if happened.status.has_failed() && !happened.was_stopped() {
                    self.keep(plan, event);
                }
            }
            What::StepMade { .. } => {}
        }
    }

    /// Leaves a line above what is drawn.
    fn keep(&self, plan: &Plan, event: &Event) {
        if let Some(line) = line(plan, event) {
            self.all.suspend(|| say(&line));
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_misspelt| ProgressStyle::default_bar());
    style.progress_chars("=> ")
}

fn say(line: &str) {
    // Nobody reads standard error: then nobody wants to know.
    let _unread = writeln!(io::stderr(), "{line}");
}

fn described(plan: &Plan, id: StepId) -> String {
    plan.step(id).map_or_else(String::new, Step::describe)
}

/// What has happened, in one line.
fn line(plan: &Plan, event: &Event) -> Option<String> {
    let what = |id| described(plan, id);
    Some(match &event.what {
        What::Began { plan, .. } => plan.title.clone(),
        What::Resumed { .. } => format!("going on: {}", plan.title),
        What::StepBegan { step } => format!("{step} {} …", what(*step)),
        What::StepSaid { step, line } => format!("{step} {line}"),
        // That each resource begins is said by how many are under way.
        What::StackSaid { happened, .. } if happened.status.is_moving() && !happened.status.has_failed() => {
            return None;
        }
        What::StackSaid { step, happened } => format!("{step} {}", stack_line(happened)),
        What::StepMade { .. } => return None,
        What::StepDone { step, line } if line.is_empty() => format!("{step} done: {}", what(*step)),
        What::StepDone { step, line } => format!("{step} done: {}, {line}", what(*step)),
        What::StepFailed { step, error } => format!("{step} failed: {}: {error}", what(*step)),
        What::Ended { outcome } => outcome.as_str().to_owned(),
    })
}

/// What has happened to a resource of a stack.
fn stack_line(event: &StackEvent) -> String {
    let why = event.reason.as_ref().map_or_else(String::new, |why| format!(": {why}"));
    format!("{} {} ({}){why}", event.status.0, event.resource, event.kind)
}

/// How long each stage took: as long as the longest of its steps, for they run side by side.
fn times(progress: &Progress) -> Option<String> {
    let plan = &progress.plan;
    let mut whole = 0.0;
    let mut told = vec![];
    for (stage, of) in plan.stages.iter().enumerate() {
        let took = (0..of.steps.len()).filter_map(|step| match progress.state(StepId { stage, step }) {
            StepState::Done(seconds) => Some(seconds),
            _ => None,
        });
        if let Some(took) = took.max_by(f64::total_cmp) {
            whole += took;
            told.push(format!("{} {}", of.title, span(took)));
        }
    }
    (!told.is_empty()).then(|| format!("took {}: {}", span(whole), told.join(", ")))
}

fn span(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds.max(0.0))
        .unwrap_or_default()
        .as_secs_f64()
        .round();
    match whole {
        s if s < 60.0 => format!("{s:.0} s"),
        s => format!("{:.0} min {:.0} s", (s / 60.0).floor(), s % 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_minutes_and_seconds() {
        assert_eq!(
            [0.0, 59.4, 60.0, 125.0].map(span),
            ["0 s", "59 s", "1 min 0 s", "2 min 5 s"]
        );
    }

    #[test]
    fn the_styles_are_spelt_rightly() {
        for template in [WHOLE, STEP, COUNT] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
