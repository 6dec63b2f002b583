//! The one error of all providers: what was tried, on what, why it failed, what to do.

use smol_str::{SmolStr, format_smolstr};

use super::Secret;
use crate::fleet::{Fault, FaultKind};

/// So many characters of a secret are a part of it that could be told.
const TELLING: usize = 4;

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

    /// The same, where the other side's words do not repeat any part of what it was sent in secret; its words without
    /// their rest otherwise.
    pub(crate) fn without(mut self, secret: &Secret) -> Self {
        let start: String = secret.expose().chars().take(TELLING).collect();
        if let (false, Some((before, _))) = (start.is_empty(), self.message.split_once(&start)) {
            self.message = format_smolstr!("{before}… (not shown: it repeats a secret)");
        }
        self
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

/// The answer of a call that a stand-in for a port does not take.
#[cfg(test)]
pub(crate) fn pending(call: &'static str) -> ProviderError {
    ProviderError {
        kind: FaultKind::Unsupported,
        call: SmolStr::new_static(call),
        target: SmolStr::default(),
        message: SmolStr::new_static("no such call is expected here"),
        mend: SmolStr::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(message: &str) -> ProviderError {
        ProviderError {
            kind: FaultKind::Other,
            call: "ssm:PutParameter".into(),
            target: "prod/eu-west-1".into(),
            message: message.into(),
            mend: SmolStr::default(),
        }
    }

    #[test]
    fn a_secret_is_not_repeated_not_even_in_part() {
        let secret = Secret::new("s3cr3t-value");
        for message in ["Value 's3cr3t-value' at 'value' is too long", "Value 's3cr3", "s3cr"] {
            let told = refusal(message).without(&secret).to_string();
            assert!(!told.contains("s3cr"), "{told}");
            assert!(
                told.starts_with("ssm:PutParameter on prod/eu-west-1 failed: "),
                "{told}"
            );
        }
        assert_eq!(refusal("no such key").without(&secret).message, "no such key");
        assert_eq!(refusal("no such key").without(&Secret::new("")).message, "no such key");
    }
}
