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

    pub(super) fn name(&self) -> &SmolStr {
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
            let limit = "RequestLimitExceeded: Request limit exceeded.";
            let words = if call.starts_with("ec2:") {
                limit
            } else {
                "Throttling: Rate exceeded"
            };
            let mend = "polling slows down by itself; what you asked for, ask again in a minute";
            (FaultKind::Throttled, words.into(), mend.into())
        }
        FaultSort::Denied => (
            FaultKind::Denied,
            format_smolstr!("UnauthorizedOperation: no identity-based policy allows the {call} action"),
            format_smolstr!(r#"allow it in IAM: {{"Effect": "Allow", "Action": "{call}", "Resource": "*"}}"#),
        ),
        FaultSort::ExpiredCredentials => (
            FaultKind::Credentials,
            "ExpiredToken: The security token included in the request is expired".into(),
            "the session has expired: run `aws sso login`, or renew its keys".into(),
        ),
        FaultSort::Malformed => (
            FaultKind::Malformed,
            "HTTP 200 with a body that is not an answer of this service: <html>".into(),
            "check that proxies and AWS_ENDPOINT_URL lead to AWS".into(),
        ),
        FaultSort::Dead | FaultSort::Slow => (
            FaultKind::Unreachable,
            "no answer in time: connecting timed out".into(),
            "check the network, the proxy, the region's name and AWS_ENDPOINT_URL if it is set".into(),
        ),
    }
}

fn kube(kind: FaultSort, context: &str, call: &str) -> (FaultKind, SmolStr, SmolStr) {
    match kind {
        FaultSort::Throttled => (
            FaultKind::Throttled,
            "429 the server has received too many requests".into(),
            SmolStr::default(),
        ),
        FaultSort::Denied => {
            let (verb, resource) = call.split_once(' ').unwrap_or((call, ""));
            let (resource, group) = resource.split_once('.').unwrap_or((resource, ""));
            (
                FaultKind::Denied,
                format_smolstr!(r#"403 {resource} is forbidden: User "viewer" cannot {verb} it at the cluster scope"#),
                format_smolstr!(
                    r#"a ClusterRole bound to this user grants it with the rule - {{apiGroups: ["{group}"], resources: [{resource}], verbs: [{verb}]}}"#
                ),
            )
        }
        FaultSort::ExpiredCredentials => (
            FaultKind::Credentials,
            "401 Unauthorized".into(),
            format_smolstr!("renew the credentials of context `{context}`"),
        ),
        FaultSort::Malformed => (
            FaultKind::Malformed,
            "the answer is not understood: expected value at line 1 column 1".into(),
            "check that the context's server is a Kubernetes API server".into(),
        ),
        FaultSort::Dead | FaultSort::Slow => (
            FaultKind::Unreachable,
            "Connection refused".into(),
            "check that the API server runs, and its address and port in the kubeconfig".into(),
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
            "connecting to port 22 timed out".into(),
            format_smolstr!("check power and network of {host}"),
        ),
    }
}
