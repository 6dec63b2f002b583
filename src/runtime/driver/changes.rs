//! The loop's part in changing things: it starts and stops operations, shows what they tell, and answers what they ask
//! about the fleet.

use super::Driver;
use crate::app::Msg;
use crate::fleet::Severity;
use crate::ops::{JournalError, LockError, Made, RunError, What};
use crate::runtime::contexts;
use crate::runtime::operations::{Happened, Operations, nudge};
use crate::runtime::session::Session;
use crate::runtime::surface::Surface;

/// What happens next to an operation.
pub(super) async fn next(operations: &mut Option<Operations>) -> Happened {
    match operations {
        Some(operations) => operations.next().await,
        None => std::future::pending().await,
    }
}

impl<S: Surface> Driver<S> {
    /// Makes ready to run operations, and shows those that have a journal.
    pub(super) fn open_operations(&mut self, session: &Session) {
        let Session {
            control,
            clock,
            journals,
            kubeconfigs,
            speed,
            ..
        } = session;
        let operations =
            Operations::new(control.clone(), clock.clone(), journals.clone(), kubeconfigs.clone()).at_speed(*speed);
        let (found, faults) = operations.journals();
        self.take(Msg::Journals(found));
        for fault in faults {
            self.say(Severity::Warning, fault.to_string());
        }
        self.operations = Some(operations);
    }

    pub(super) fn operate(&mut self, what: impl FnOnce(&mut Operations) -> Result<(), JournalError>) {
        let done = match &mut self.operations {
            Some(operations) => what(operations).map_err(|error| error.to_string()),
            None => Err("nothing is open yet".to_owned()),
        };
        if let Err(why) = done {
            self.say(Severity::Critical, why);
        }
    }

    pub(super) fn operated(&mut self, happened: Happened) {
        match happened {
            Happened::Told(id, event) => {
                if let (What::StepDone { .. }, Some(feeds), Some(plan)) = (
                    &event.what,
                    &self.feeds,
                    self.operations.as_ref().and_then(|o| o.plan(&id)),
                ) {
                    nudge(feeds, plan);
                }
                if let What::StepMade { made, .. } = &event.what {
                    self.made(made);
                }
                self.take(Msg::Operation(id, event));
            }
            Happened::Asked => {}
            Happened::Ended(id, plan, Err(error)) => {
                let found = self.operations.as_ref().map(|operations| operations.journals().0);
                let journal: Vec<_> = found.unwrap_or_default().into_iter().filter(|p| p.id == id).collect();
                match error {
                    // What never began has no journal: it may be begun once more.
                    RunError::Lock(held @ LockError::Held { .. }) if journal.is_empty() => {
                        self.take(Msg::Locked(plan, held.to_string()));
                    }
                    error => self.say(Severity::Critical, format!("{id}: {error}")),
                }
                self.take(Msg::Journals(journal));
            }
            Happened::Ended(_, _, Ok(_)) => {}
        }
        self.answer();
    }

    /// Looks at a cluster that was launched, and no longer at one that is gone.
    fn made(&mut self, made: &Made) {
        let (Some(session), Some(feeds), Some(operations)) = (&mut self.session, &mut self.feeds, &mut self.operations)
        else {
            return;
        };
        if let Err(fault) = contexts::made(made, session, feeds, operations) {
            self.say(Severity::Warning, fault.to_string());
        }
    }

    /// Answers what operations ask about the fleet.
    pub(super) fn answer(&mut self) {
        if let Some(operations) = &mut self.operations {
            operations.look(&self.state.fleet);
        }
    }
}
