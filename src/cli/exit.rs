//! What the program's exit code says.

use std::process::ExitCode;

use crate::ops::Refusal;
use crate::provider::ProviderError;

/// The end of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Done.
    Done,
    /// Failed.
    Failed,
    /// The command line or a file is wrong.
    Usage,
    /// A guard refuses it; stderr says which, why, and what would lift it.
    Refused,
    /// Some of it is done; stderr says what is not.
    Partly,
    /// As the command that was run ended.
    Of(u8),
}

/// Why a command goes no further.
#[derive(Debug)]
pub(super) struct Halt {
    exit: Exit,
    why: String,
}

impl Halt {
    /// What was typed does not do.
    pub(super) fn usage(why: impl Into<String>) -> Self {
        let (exit, why) = (Exit::Usage, why.into());
        Self { exit, why }
    }

    /// Something did not work.
    pub(super) fn failed(why: impl Into<String>) -> Self {
        let (exit, why) = (Exit::Failed, why.into());
        Self { exit, why }
    }

    /// It is not allowed.
    pub(super) fn refused(why: impl Into<String>) -> Self {
        let (exit, why) = (Exit::Refused, why.into());
        Self { exit, why }
    }

    /// Says why, and gives the exit code.
    pub(super) fn tell(self) -> Exit {
        super::complain(&self.why);
        self.exit
    }
}

impl From<ProviderError> for Halt {
    fn from(error: ProviderError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Refused => 3,
            Exit::Partly => 4,
            Exit::Of(code) => code,
        })
    }
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        let why = format!("{} ({})", refusal, refusal.guard);
        let exit = Exit::Refused;
        Self { exit, why }
    }
}
