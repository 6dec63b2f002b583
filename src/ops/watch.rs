//! How a running operation asks about the fleet: whoever owns the fleet holds the questions and looks at them each time
//! observations have come in. The operation only waits for what it is told.

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::condition::{Condition, Standing};
use super::passing;
use super::step::Step;
use crate::fleet::{Fleet, InstanceId};

/// What is asked.
#[derive(Clone, Debug)]
pub enum About {
    /// Tell whenever it stands differently, until it is met.
    Until(Condition),
    /// Tell when an instance goes, or is gone.
    Gone(InstanceId),
    /// Tell once whether a step is done already.
    Done(Box<Step>),
}

/// A question, and where the answers go.
#[derive(Debug)]
pub struct Question {
    /// What is asked.
    pub about: About,
    /// Where the answers go; when nobody listens any longer, the question is dropped.
    pub tell: mpsc::Sender<Standing>,
}

/// The open questions.
#[derive(Debug, Default)]
pub struct Questions(Vec<(Question, Option<Standing>)>);

impl Questions {
    /// Takes a new question. It is answered at the next look.
    pub fn ask(&mut self, question: Question) {
        self.0.push((question, None));
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Looks at the fleet for all questions, and tells what has changed.
    pub fn look(&mut self, fleet: &Fleet, now: Timestamp) {
        self.0.retain_mut(|(question, told)| {
            let (standing, last) = match &question.about {
                About::Until(condition) => {
                    let standing = condition.look(fleet, now);
                    let last = standing.is_met();
                    (standing, last)
                }
                About::Gone(instance) if passing::is_gone(fleet, instance) => (Standing::Met, true),
                About::Gone(_) => (Standing::Waiting(String::new()), false),
                About::Done(step) if step.done(fleet, now) => (Standing::Met, true),
                About::Done(_) => (Standing::Waiting(String::new()), true),
            };
            if told.as_ref() == Some(&standing) {
                return !question.tell.is_closed();
            }
            match question.tell.try_send(standing.clone()) {
                Ok(()) => {
                    *told = Some(standing);
                    !last
                }
                // The operation has not read the last answer yet: the next look tells it again.
                Err(mpsc::error::TrySendError::Full(_)) => true,
                Err(mpsc::error::TrySendError::Closed(_)) => false,
            }
        });
    }
}
