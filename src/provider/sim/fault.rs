//! Faults: which calls fail when, and the errors they answer with, in the words of the real services.

use jiff::{SignedDuration, Timestamp};
use smol_str::{SmolStr, format_smolstr};

use super::scenario::{FaultSort, TargetSpec};
use super::state::{Event, State};
use crate::fleet::FaultKind;
use crate::provider::ProviderError;

/// How long a slow source takes to answer.
pub(super) const SLOW: SignedDuration = SignedDuration::from_secs(8);

/// A span of time in which calls fail.
#[derive(Clone, Debug)]
pub(super) struct Outage {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    pub(super) target: Target,
    pub(super) kind: FaultSort,
    /// The only call that fails; every call if absent.
    pub(super) call: Option<SmolStr>,
}

/// Whose calls fail, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Scope(SmolStr),
    Context(SmolStr),
    Host(SmolStr),
}

impl Target {
    pub(super) fn of(spec: &TargetSpec) -> Self {
        match spec {
            TargetSpec::Scope(r) => Self::Scope(r.get_ref().clone()),
            TargetSpec::Context(r) => Self::Context(r.get_ref().clone()),
            TargetSpec::Host(r) => Self::Host(r.get_ref().clone()),
        }
    }

    fn name(&self) -> &SmolStr {
        match self {
            Self::Scope(name) | Self::Context(name) | Self::Host(name) => name,
        }
    }
}

impl State {
    /// Puts an outage into the world's future; watches wake at its bounds.
    pub(super) fn add_outage(&mut self, outage: Outage) {
        self.at(outage.from, Event::Outage);
        self.at(outage.until, Event::Outage);
        self.outages.push(outage);
    }

    pub(super) fn forget_outages(&mut self) {
        let now = self.now;
        self.outages.retain(|o| o.until > now);
    }

    /// Whether a call fails now, or else how long it takes.
    pub(super) fn try_call(&self, target: &Target, call: &str) -> Result<Option<SignedDuration>, ProviderError> {
        let hit = self.outages.iter().find(|o| {
            o.target == *target
                && o.from <= self.now
                && self.now < o.until
                && o.call.as_deref().is_none_or(|c| c == call)
        });
        match hit.map(|o| o.kind) {
            None => Ok(None),
            Some(FaultSort::Slow) => Ok(Some(SLOW)),
            Some(kind) => Err(error(kind, target, call)),
        }
    }
}

/// The error of a call.
pub(super) fn error(kind: FaultSort, target: &Target, call: &str) -> ProviderError {
    let (kind, message, mend) = match target {
        Target::Scope(_) => aws(kind, call),
        Target::Context(context) => kube(kind, context, call),
        Target::Host(host) => ssh(kind, host),
    };
    ProviderError {
        kind,
        call: call.into(),
        target: target.name().clone(),
        message,
        mend,
    }
}

fn aws(kind: FaultSort, call: &str) -> (FaultKind, SmolStr, SmolStr) {
    match kind {
        FaultSort::Throttled => {
            let code = if call.starts_with("ec2:") {
                "RequestLimitExceeded: Request limit exceeded."
            } else {
                "Throttling: Rate exceeded"
            };
            (
                FaultKind::Throttled,
                code.into(),
                "asked less often until AWS answers again".into(),
            )
        }
        FaultSort::Denied => (
            FaultKind::Denied,
            format_smolstr!("UnauthorizedOperation: no identity-based policy allows the {call} action"),
            format_smolstr!("allow it: {{\"Effect\":\"Allow\",\"Action\":\"{call}\",\"Resource\":\"*\"}}"),
        ),
        FaultSort::ExpiredCredentials => (
            FaultKind::Credentials,
            "ExpiredToken: The security token included in the request is expired".into(),
            "sign in again, for instance with `aws sso login`".into(),
        ),
        FaultSort::Malformed => (
            FaultKind::Malformed,
            "the answer is not what this call returns: unexpected end of document".into(),
            "see whether a proxy stands between this machine and AWS".into(),
        ),
        FaultSort::Dead | FaultSort::Slow => (
            FaultKind::Unreachable,
            "no answer: connecting timed out".into(),
            "check the network and the endpoint".into(),
        ),
    }
}

fn kube(kind: FaultSort, context: &str, call: &str) -> (FaultKind, SmolStr, SmolStr) {
    match kind {
        FaultSort::Throttled => (
            FaultKind::Throttled,
            "429 TooManyRequests: the server has received too many requests".into(),
            "asked less often until the server answers again".into(),
        ),
        FaultSort::Denied => (
            FaultKind::Denied,
            format_smolstr!("403 Forbidden: the user may not {call} at the cluster scope"),
            format_smolstr!("grant it: a ClusterRole that allows to {call}, bound to this user"),
        ),
        FaultSort::ExpiredCredentials => (
            FaultKind::Credentials,
            "401 Unauthorized".into(),
            format_smolstr!("renew the credentials of context {context} in the kubeconfig"),
        ),
        FaultSort::Malformed => (
            FaultKind::Malformed,
            "the answer is not JSON: expected value at line 1 column 1".into(),
            "see whether a proxy stands between this machine and the API server".into(),
        ),
        FaultSort::Dead | FaultSort::Slow => (
            FaultKind::Unreachable,
            "connection refused".into(),
            "check that the server runs and that port 6443 is reachable".into(),
        ),
    }
}

fn ssh(kind: FaultSort, host: &str) -> (FaultKind, SmolStr, SmolStr) {
    match kind {
        FaultSort::Denied | FaultSort::ExpiredCredentials => (
            FaultKind::Denied,
            "Permission denied (publickey)".into(),
            format_smolstr!("add your public key to ~/.ssh/authorized_keys on {host}"),
        ),
        FaultSort::Malformed => (FaultKind::Malformed, "the answer is cut off".into(), SmolStr::default()),
        FaultSort::Throttled | FaultSort::Dead | FaultSort::Slow => (
            FaultKind::Unreachable,
            "connecting to port 22 timed out after 10 s".into(),
            format_smolstr!("check power and network of {host}"),
        ),
    }
}
