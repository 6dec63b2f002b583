//! The one error of all providers: what was tried, on what, why it failed, what to do.

use smol_str::SmolStr;

use crate::fleet::{Fault, FaultKind};

/// A failed call to the outside.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{call} on {target} failed: {message}{}", if mend.is_empty() { String::new() } else { format!("; {mend}") })]
pub struct ProviderError {
    /// The class of the failure.
    pub kind: FaultKind,
    /// The call, as a permission names it: `ec2:DescribeInstances`, `list nodes`.
    pub call: SmolStr,
    /// What it was made on: a scope, a context, a host.
    pub target: SmolStr,
    /// The other side's own words.
    pub message: SmolStr,
    /// What to do about it; empty when there is nothing to say.
    pub mend: SmolStr,
}

impl ProviderError {
    /// Whether the same call may succeed later without anybody mending anything.
    pub fn retryable(&self) -> bool {
        matches!(
            self.kind,
            FaultKind::Throttled | FaultKind::Unreachable | FaultKind::NotYet
        )
    }
}

impl From<ProviderError> for Fault {
    fn from(error: ProviderError) -> Self {
        Self {
            call: error.call,
            kind: error.kind,
            message: error.message,
            mend: error.mend,
        }
    }
}

/// The answer of a call that is not built yet.
pub(crate) fn pending(call: &'static str) -> ProviderError {
    ProviderError {
        kind: FaultKind::Unsupported,
        call: SmolStr::new_static(call),
        target: SmolStr::default(),
        message: SmolStr::new_static("not built yet"),
        mend: SmolStr::default(),
    }
}
