//! What a signal to end means to a running operation: that depends on what runs, and on how often it was asked before.

use super::complain;
use crate::runtime::signals::End;

/// What is done about a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The operation stops before its next step.
    Stop,
    /// It is left where it is.
    Leave,
    /// Nothing.
    GoOn,
}

/// What runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Running {
    /// Something that can be resumed.
    #[default]
    Change,
    /// Something that is undone whatever becomes of it.
    Undone,
    /// The undoing itself.
    Undoing,
}

/// How often the program was asked to end.
#[derive(Debug, Default)]
pub(super) struct Patience {
    pub(super) running: Running,
    /// The first signal.
    pub(super) first: Option<End>,
}

impl Patience {
    /// A signal has come, and something else sees to it.
    pub(super) fn note(&mut self, end: End) {
        self.first.get_or_insert(end);
    }

    /// A signal has come.
    pub(super) fn lose(&mut self, end: End) -> Then {
        let again = self.first.is_some();
        self.note(end);
        match (self.running, again) {
            (Running::Change, false) => {
                complain("stopping before the next step; once more leaves at once");
                Then::Stop
            }
            (Running::Undone, false) => {
                complain("stopping; what is made so far is destroyed");
                Then::Stop
            }
            (Running::Undone, true) => Then::GoOn,
            (Running::Undoing, false) => {
                complain("it is being destroyed; once more leaves at once");
                Then::GoOn
            }
            (Running::Change | Running::Undoing, true) => Then::Leave,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience(running: Running) -> Patience {
        let first = None;
        Patience { running, first }
    }

    #[test]
    fn a_change_stops_and_is_left_at_the_second_signal() {
        let mut patience = patience(Running::Change);
        assert_eq!(
            [End::Interrupt; 2].map(|end| patience.lose(end)),
            [Then::Stop, Then::Leave]
        );
    }

    #[test]
    fn what_is_undone_is_never_left_before_and_its_undoing_only_at_the_second() {
        let mut patience = patience(Running::Undone);
        assert_eq!(
            [End::Terminate, End::Interrupt].map(|end| patience.lose(end)),
            [Then::Stop, Then::GoOn]
        );
        assert_eq!(patience.first, Some(End::Terminate));
        patience.running = Running::Undoing;
        assert_eq!(patience.lose(End::Interrupt), Then::Leave);
        let mut calm = super::tests::patience(Running::Undoing);
        assert_eq!([End::Interrupt; 2].map(|end| calm.lose(end)), [Then::GoOn, Then::Leave]);
    }
}
