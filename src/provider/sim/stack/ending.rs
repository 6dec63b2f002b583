//! How work on a stack ends: well, or by what has failed, which is undone then or left as it is; and how work that the end
//! of a run has cut off goes on in the next.

use std::collections::BTreeSet;

use smol_str::{SmolStr, format_smolstr};

use super::super::clock::whole;
use super::super::state::State;
use super::engine::{STACK, Step, WAIT};
use super::template::Template;
use super::value::Known;
use super::{Act, Held, Job, SimStack, StackNo, Stands, Verb};

impl State {
    /// A job has failed. What is deleted can fail alone; else all ends there.
    pub(super) fn job_fails(&mut self, no: StackNo, n: usize, why: SmolStr) {
        let Some(stack) = self.stacks.get(no) else { return };
        let Some(job) = stack.work.as_ref().and_then(|w| w.jobs.get(n)) else {
            return;
        };
        let (name, act) = (job.resource.clone(), job.act);
        let Some(kind) = self.kind_of(no, &name, act) else {
            return;
        };
        self.set_job(no, n, Stands::Failed);
        self.tell_stack(no, Some(&name), &kind, &format!("{}_FAILED", act.word()), Some(why));
        if !act.drops() {
            self.cancel(no);
            self.work_ends(no);
        } else {
            self.go_on(no);
        }
    }

    /// Ends what is under way besides what has failed.
    fn cancel(&mut self, no: StackNo) {
        let Some(work) = self.stacks.get_mut(no).and_then(|s| s.work.as_mut()) else {
            return;
        };
        let mut ended = vec![];
        for job in work.jobs.iter_mut().filter(|job| job.is_under_way()) {
            job.stands = Stands::Failed;
            ended.push((job.resource.clone(), job.act));
        }
        for (name, act) in ended {
            let Some(kind) = self.kind_of(no, &name, act) else {
                continue;
            };
            let what = if act == Act::Make { "creation" } else { "update" };
            let why = format_smolstr!("Resource {what} cancelled");
            self.tell_stack(no, Some(&name), &kind, &format!("{}_FAILED", act.word()), Some(why));
        }
    }

    /// Work has come to its end, or to where it cannot go on.
    pub(super) fn work_ends(&mut self, no: StackNo) {
        let Some(stack) = self.stacks.get_mut(no) else { return };
        let Some(work) = stack.work.take() else { return };
        let failed: Vec<&str> = work
            .jobs
            .iter()
            .filter(|j| j.stands == Stands::Failed)
            .map(|j| j.resource.as_str())
            .collect();
        let [_, _, good, bad] = work.verb.words();
        // What an update could not delete is left behind.
        let only_old = work.verb.is_update() && work.jobs.iter().all(|j| j.act.drops() || j.stands == Stands::Done);
        if failed.is_empty() || only_old {
            self.work_succeeds(no, work.verb, good);
            return;
        }
        let what = match work.verb {
            Verb::Create => "create",
            Verb::Update | Verb::UndoUpdate => "update",
            Verb::UndoCreate | Verb::Delete => "delete",
        };
        let why = format!("The following resource(s) failed to {what}: [{}]. ", failed.join(", "));
        let undone = work.undo && matches!(work.verb, Verb::Create | Verb::Update);
        let touched = work.jobs;
        if let Some(stack) = self.stacks.get_mut(no) {
            stack.last = touched;
        }
        if undone {
            self.undo_work(no, Some(format_smolstr!("{why}Rollback requested by user.")));
        } else {
            self.tell_stack(no, None, STACK, bad, Some(why.into()));
        }
    }

    fn work_succeeds(&mut self, no: StackNo, verb: Verb, good: &str) {
        match verb {
            Verb::Create | Verb::Update => {
                let outputs = self.outputs(no);
                if let Some(stack) = self.stacks.get_mut(no) {
                    stack.before = None;
                    stack.last.clear();
                    stack.outputs = outputs;
                }
            }
            Verb::UndoUpdate => {
                if let Some(stack) = self.stacks.get_mut(no) {
                    stack.before = None;
                    stack.last.clear();
                }
            }
            Verb::UndoCreate | Verb::Delete => self.stack_is_empty(no),
        }
        self.tell_stack(no, None, STACK, good, None);
    }

    fn outputs(&self, no: StackNo) -> Vec<(SmolStr, SmolStr)> {
        let Some((stack, held)) = self.stacks.get(no).and_then(|s| Some((s, s.held.as_ref()?))) else {
            return vec![];
        };
        let template = Template::again(&held.template);
        let place = self.place_of(stack);
        let lists = template.lists();
        let known = Known {
            parameters: &held.parameters,
            lists: &lists,
            mappings: template.mappings(),
            parts: &stack.parts,
            place: &place,
        };
        let value = |(name, value): (&String, _)| {
            let value = known.resolve(value).ok()?;
            Some((SmolStr::new(name), SmolStr::from(super::value::text(&value))))
        };
        template.outputs().filter_map(value).collect()
    }

    /// Goes back to how a stack was before the change that failed.
    pub(super) fn undo_work(&mut self, no: StackNo, why: Option<SmolStr>) {
        let Some(stack) = self.stacks.get_mut(no) else { return };
        let Some(before) = stack.before.take() else {
            let jobs = stack.drops();
            self.work_on_stack(no, Verb::UndoCreate, jobs, false, why);
            return;
        };
        let touched: BTreeSet<(SmolStr, Act)> = stack
            .last
            .iter()
            .filter(|job| job.stands != Stands::Waits)
            .map(|job| (job.resource.clone(), job.act))
            .collect();
        stack.last.clear();
        stack.before = Some(before.clone());
        // What has another in its place takes it back, and that one goes instead.
        for (name, old) in std::mem::take(&mut stack.replaced) {
            if let Some(new) = stack.parts.insert(name.clone(), old) {
                stack.replaced.push((name, new));
            }
        }
        let template = Template::again(&before.template);
        let mut jobs = vec![];
        for (name, act) in touched {
            match act {
                // What cannot be changed has not been.
                Act::Change if template.kind(&name) == Some(WAIT) => {}
                Act::Change if template.has(&name) => {
                    jobs.push(Job::new(name.clone(), Act::Change, template.needs(&name)))
                }
                Act::Make if stack.parts.contains_key(&name) => {
                    let users = stack
                        .parts
                        .iter()
                        .filter(|(_, p)| p.needs.contains(&name))
                        .map(|(n, _)| n.clone());
                    jobs.push(Job::new(name.clone(), Act::Drop, users.collect()));
                }
                _ => {}
            }
        }
        let old = stack.replaced.iter();
        jobs.extend(old.map(|(name, _)| Job::new(name.clone(), Act::DropOld, BTreeSet::new())));
        stack.held = Some(Held { ..before });
        self.work_on_stack(no, Verb::UndoUpdate, jobs, false, why);
    }

    /// Brings back the stacks of an earlier run. It may have been further on than this one is.
    pub(in super::super) fn restore_stacks(&mut self, stacks: Vec<SimStack>) {
        let now = whole(self.now);
        self.stacks = stacks;
        for stack in &mut self.stacks {
            stack.created_at = stack.created_at.min(now);
            for event in &mut stack.events {
                event.at = event.at.min(now);
            }
            stack.queues_begin(now);
            stack.look_begins(now);
        }
    }

    /// What was being made when the world ended goes on in this one.
    pub(in super::super) fn stacks_go_on(&mut self) {
        for no in 0..self.stacks.len() {
            let Some(stack) = self.stacks.get(no) else { continue };
            let jobs = stack.work.iter().flat_map(|w| &w.jobs);
            let open: Vec<_> = (0..)
                .zip(jobs)
                .map(|(n, job)| (n, job.stands, job.resource.clone(), job.act))
                .collect();
            for (n, stands, name, act) in open {
                let Some(kind) = self.kind_of(no, &name, act) else {
                    continue;
                };
                let [makes, drops] = super::sort::sort_of(&kind).takes;
                let waits = kind == WAIT && act == Act::Make;
                match stands {
                    Stands::Begun => self.step_later(no, n, Step::Initiated, 1.0),
                    Stands::Made if waits => {
                        let wait = self.wait_seconds(no, &name);
                        self.step_later(no, n, Step::TimedOut, wait);
                    }
                    Stands::Made => self.step_later(no, n, Step::Done, if act.drops() { drops } else { makes }),
                    Stands::Waits | Stands::Done | Stands::Failed => {}
                }
            }
            self.wake_reaper(no);
            self.hear_signals(no);
            self.go_on(no);
        }
    }
}
