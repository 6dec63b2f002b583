//! How work on a stack goes on: jobs begin when what they need is there, take their time, and what fails stops the rest.

use std::collections::BTreeSet;

use smol_str::{SmolStr, format_smolstr};

use super::super::clock::whole;
use super::super::state::{Event, State};
use super::template::Template;
use super::{Act, Job, SimStack, StackNo, Stands, Verb, Work};
use crate::provider::{StackEvent, StackStatus};

/// The type of a stack as its own events tell it.
pub(super) const STACK: &str = "AWS::CloudFormation::Stack";
pub(super) const WAIT: &str = "AWS::CloudFormation::WaitCondition";

/// What happens to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Step {
    /// Its resource is there, or is asked for.
    Initiated,
    /// It is done.
    Done,
    /// Nobody told a wait condition in time.
    TimedOut,
}

impl Verb {
    /// The status while it is done, while it cleans up, when it is done, and when it has failed.
    pub(super) fn words(self) -> [&'static str; 4] {
        match self {
            Self::Create => ["CREATE_IN_PROGRESS", "", "CREATE_COMPLETE", "CREATE_FAILED"],
            Self::UndoCreate => ["ROLLBACK_IN_PROGRESS", "", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"],
            Self::Update => [
                "UPDATE_IN_PROGRESS",
                "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
                "UPDATE_COMPLETE",
                "UPDATE_FAILED",
            ],
            Self::UndoUpdate => [
                "UPDATE_ROLLBACK_IN_PROGRESS",
                "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
                "UPDATE_ROLLBACK_COMPLETE",
                "UPDATE_ROLLBACK_FAILED",
            ],
            Self::Delete => ["DELETE_IN_PROGRESS", "", "DELETE_COMPLETE", "DELETE_FAILED"],
        }
    }

    pub(super) fn is_update(self) -> bool {
        matches!(self, Self::Update | Self::UndoUpdate)
    }
}

impl Act {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Make => "CREATE",
            Self::Change | Self::Replace => "UPDATE",
            Self::Drop | Self::DropOld => "DELETE",
        }
    }

    pub(super) fn drops(self) -> bool {
        matches!(self, Self::Drop | Self::DropOld)
    }
}

impl Job {
    pub(super) fn new(resource: SmolStr, act: Act, after: BTreeSet<SmolStr>) -> Self {
        Self {
            resource,
            act,
            after,
            stands: Stands::Waits,
            fails: None,
        }
    }

    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.stands, Stands::Begun | Stands::Made)
    }

    fn is_over(&self) -> bool {
        matches!(self.stands, Stands::Done | Stands::Failed)
    }
}

impl SimStack {
    pub(super) fn is_moving(&self) -> bool {
        self.work.is_some()
    }

    fn job_mut(&mut self, n: usize) -> Option<&mut Job> {
        self.work.as_mut()?.jobs.get_mut(n)
    }

    /// Deletes all parts, what needs another before that.
    pub(super) fn drops(&self) -> Vec<Job> {
        let users = |name: &SmolStr| {
            let all = self.parts.iter().filter(|(_, part)| part.needs.contains(name));
            all.map(|(name, _)| name.clone()).collect()
        };
        let all = self
            .parts
            .keys()
            .map(|name| Job::new(name.clone(), Act::Drop, users(name)));
        let old = (self.replaced.iter()).map(|(name, _)| Job::new(name.clone(), Act::DropOld, BTreeSet::new()));
        all.chain(old).collect()
    }
}

impl State {
    /// Notes what happens in a stack; a resource that is none is the stack itself.
    pub(super) fn tell_stack(
        &mut self,
        no: StackNo,
        resource: Option<&str>,
        kind: &str,
        status: &str,
        why: Option<SmolStr>,
    ) {
        self.stack_moves += 1;
        let at = whole(self.now);
        let number = self.names.uuid(&mut self.rng);
        let Some(stack) = self.stacks.get_mut(no) else { return };
        if resource.is_none() {
            stack.status = status.into();
            stack.reason.clone_from(&why);
        }
        stack.events.push(StackEvent {
            id: match resource {
                Some(name) => format_smolstr!("{name}-{status}-{number}"),
                None => number,
            },
            at,
            resource: resource.map_or_else(|| stack.name.clone(), Into::into),
            kind: kind.into(),
            status: StackStatus(status.into()),
            reason: why,
        });
    }

    /// Begins work on a stack.
    pub(super) fn work_on_stack(&mut self, no: StackNo, verb: Verb, jobs: Vec<Job>, undo: bool, why: Option<SmolStr>) {
        let Some(stack) = self.stacks.get_mut(no) else { return };
        stack.works += 1;
        stack.work = Some(Work {
            verb,
            jobs,
            undo,
            cleans_up: false,
        });
        let [begins, ..] = verb.words();
        self.tell_stack(no, None, STACK, begins, why);
        self.go_on(no);
    }

    /// Begins the jobs that nothing stands against.
    pub(super) fn go_on(&mut self, no: StackNo) {
        loop {
            let Some(work) = self.stacks.get(no).and_then(|s| s.work.as_ref()) else {
                return;
            };
            let verb = work.verb;
            // Nothing is deleted before all else is done.
            let cleans_up = work.jobs.iter().all(|job| job.act.drops() || job.is_over());
            let open: Vec<&Job> = work.jobs.iter().filter(|job| job.stands != Stands::Done).collect();
            let free = |job: &Job| {
                let here = |other: &&&Job| other.act.drops() == job.act.drops();
                job.stands == Stands::Waits
                    && job.act.drops() == cleans_up
                    && !open
                        .iter()
                        .filter(here)
                        .any(|other| job.after.contains(&other.resource))
            };
            let next: Vec<usize> = (0..)
                .zip(&work.jobs)
                .filter(|(_, job)| free(job))
                .map(|(n, _)| n)
                .collect();
            let under_way = work.jobs.iter().any(Job::is_under_way);
            if cleans_up && verb.is_update() && !work.cleans_up && !open.is_empty() {
                if let Some(work) = self.stacks.get_mut(no).and_then(|s| s.work.as_mut()) {
                    work.cleans_up = true;
                }
                let [_, cleans, ..] = verb.words();
                self.tell_stack(no, None, STACK, cleans, None);
                continue;
            }
            if next.is_empty() {
                if !under_way {
                    self.work_ends(no);
                }
                return;
            }
            for n in next {
                self.begin_job(no, n);
            }
            // What was begun may be done already, or have ended all.
            let works = |s: &SimStack| s.work.as_ref().is_some_and(|w| w.jobs.iter().any(Job::is_under_way));
            if self.stacks.get(no).is_none_or(works) {
                return;
            }
        }
    }

    fn begin_job(&mut self, no: StackNo, n: usize) {
        let Some(stack) = self.stacks.get(no) else { return };
        let Some(job) = stack.work.as_ref().and_then(|w| w.jobs.get(n)) else {
            return;
        };
        if job.stands != Stands::Waits {
            return;
        }
        let (name, act, region) = (job.resource.clone(), job.act, stack.scope.region.clone());
        let Some(kind) = self.kind_of(no, &name, act) else {
            return;
        };
        let retained = match act {
            Act::Drop => stack.parts.get(&name).and_then(|p| p.retained.clone()),
            _ => None,
        };
        let after_create = stack.work.as_ref().is_some_and(|w| w.verb == Verb::UndoCreate);
        if retained.is_some_and(|policy| policy == "Retain" || !after_create) {
            if let Some(stack) = self.stacks.get_mut(no) {
                stack.parts.remove(&name);
            }
            self.set_job(no, n, Stands::Done);
            self.tell_stack(no, Some(&name), &kind, "DELETE_SKIPPED", None);
            return;
        }
        let fails = self.part_snag(&region, &name, act.drops());
        if let Some(job) = self.stacks.get_mut(no).and_then(|s| s.job_mut(n)) {
            job.stands = Stands::Begun;
            job.fails = fails;
        }
        let why = (act == Act::Replace)
            .then_some("Requested update requires the creation of a new physical resource; hence creating one.".into());
        self.tell_stack(no, Some(&name), &kind, &format!("{}_IN_PROGRESS", act.word()), why);
        self.step_later(no, n, Step::Initiated, 1.0);
    }

    /// The type of a job's resource.
    pub(super) fn kind_of(&self, no: StackNo, name: &str, act: Act) -> Option<SmolStr> {
        let stack = self.stacks.get(no)?;
        match act {
            Act::DropOld => stack
                .replaced
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, p)| p.kind.clone()),
            Act::Drop => stack.parts.get(name).map(|p| p.kind.clone()),
            Act::Make | Act::Change | Act::Replace => Template::again(&stack.held.as_ref()?.template)
                .kind(name)
                .map(SmolStr::new),
        }
    }

    pub(super) fn set_job(&mut self, no: StackNo, n: usize, stands: Stands) {
        if let Some(job) = self.stacks.get_mut(no).and_then(|s| s.job_mut(n)) {
            job.stands = stands;
        }
    }

    pub(super) fn step_later(&mut self, no: StackNo, n: usize, step: Step, secs: f64) {
        let Some(works) = self.stacks.get(no).map(|s| s.works) else {
            return;
        };
        let secs = if secs < 2.0 {
            secs
        } else {
            secs * self.between(0.85, 1.15)
        };
        self.after(secs, Event::StackStep(no, works, n, step));
    }

    /// A step of a job is due, if its work has not ended.
    pub(in super::super) fn stack_step(&mut self, no: StackNo, works: u64, n: usize, step: Step) {
        let Some(stack) = self.stacks.get(no).filter(|s| s.works == works) else {
            return;
        };
        let Some(job) = stack.work.as_ref().and_then(|w| w.jobs.get(n)) else {
            return;
        };
        let (name, act, fails) = (job.resource.clone(), job.act, job.fails.clone());
        let Some(kind) = self.kind_of(no, &name, act) else {
            return;
        };
        match (step, job.stands) {
            (Step::Initiated, Stands::Begun) => self.initiate(no, n, &name, act, &kind),
            (Step::TimedOut, Stands::Made) => {
                let (told, wanted) = self.told_of(no, &name);
                let why =
                    format_smolstr!("WaitCondition timed out. Received {told} conditions when expecting {wanted}");
                self.job_fails(no, n, why);
            }
            (Step::Done, Stands::Made) => match fails {
                Some(why) => self.job_fails(no, n, why),
                None => self.job_done_at(no, n, &name, act, &kind),
            },
            _ => {}
        }
    }

    fn initiate(&mut self, no: StackNo, n: usize, name: &SmolStr, act: Act, kind: &SmolStr) {
        let done = match act {
            Act::Make | Act::Replace => self.make_part(no, name, kind, act == Act::Replace),
            Act::Change => self.change_part(no, name, kind),
            Act::Drop | Act::DropOld => self.drop_part(no, name, act == Act::DropOld),
        };
        if let Err(why) = done {
            self.job_fails(no, n, why);
            return;
        }
        self.set_job(no, n, Stands::Made);
        if matches!(act, Act::Make | Act::Replace) {
            let status = format!("{}_IN_PROGRESS", act.word());
            self.tell_stack(
                no,
                Some(name),
                kind,
                &status,
                Some("Resource creation Initiated".into()),
            );
        }
        let [makes, drops] = super::sort::sort_of(kind).takes;
        let fails = self
            .stacks
            .get(no)
            .and_then(|s| s.work.as_ref()?.jobs.get(n)?.fails.clone());
        if act == Act::Make && kind == WAIT && fails.is_none() {
            let wait = self.wait_seconds(no, name);
            self.step_later(no, n, Step::TimedOut, wait);
            self.hear_signals(no);
            return;
        }
        let secs = match act {
            Act::Make | Act::Replace => makes,
            Act::Change => makes.min(20.0),
            Act::Drop | Act::DropOld => drops,
        };
        self.step_later(no, n, Step::Done, secs);
    }

    fn job_done_at(&mut self, no: StackNo, n: usize, name: &SmolStr, act: Act, kind: &SmolStr) {
        if act.drops() {
            if self.still_there(no, name, act == Act::DropOld) {
                self.step_later(no, n, Step::Done, 5.0);
                return;
            }
            match act {
                Act::DropOld => self.forget_old(no, name),
                _ => self.forget_part(no, name),
            }
        }
        self.set_job(no, n, Stands::Done);
        self.tell_stack(no, Some(name), kind, &format!("{}_COMPLETE", act.word()), None);
        // It may have been waited for by what lies in its queue.
        self.wake_reaper(no);
        self.go_on(no);
    }

    /// What was told to wait conditions may be enough now, or tell that it never will be.
    pub(super) fn hear_signals(&mut self, no: StackNo) {
        let Some(work) = self.stacks.get(no).and_then(|s| s.work.as_ref()) else {
            return;
        };
        let waits = |job: &&Job| job.stands == Stands::Made && job.act == Act::Make && job.fails.is_none();
        let waiting: Vec<_> = (0..)
            .zip(&work.jobs)
            .filter(|(_, job)| waits(job))
            .map(|(n, j)| (n, j.resource.clone()))
            .collect();
        for (n, name) in waiting {
            let Some(kind) = self.kind_of(no, &name, Act::Make).filter(|kind| kind == WAIT) else {
                continue;
            };
            match self.told_enough(no, &name) {
                Some(Err(why)) => return self.job_fails(no, n, why),
                Some(Ok(())) => self.job_done_at(no, n, &name, Act::Make, &kind),
                None => {}
            }
        }
    }
}
