//! Why a step failed: what was tried, on what, why it failed and what to do.

use std::path::PathBuf;

use smol_str::SmolStr;

use super::{making, stack};
use crate::fleet::{ContextId, Scope};
use crate::ops::bootstrap::BootstrapError;
use crate::ops::drain;
use crate::ops::updating::UpdateError;
use crate::ops::vpn_auth::VpnAuthError;
use crate::provider::ProviderError;

/// What stopped a step.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    #[error(transparent)]
    Call(#[from] ProviderError),
    #[error(transparent)]
    Drain(#[from] drain::DrainError),
    #[error("nothing changes {0} from here; name its profile and region with --profile and --region")]
    NoCloud(Scope),
    #[error("nothing changes the cluster of context {0} from here; name it with --context")]
    NoKube(ContextId),
    #[error("{what} took longer than {minutes} min: {standing}; mend it and resume")]
    Waited {
        what: String,
        minutes: i64,
        standing: String,
    },
    #[error(transparent)]
    Make(#[from] making::MakeError),
    #[error("{0}; see why each is kept, delete it, and resume")]
    Left(String),
    #[error("{machine}: {what}; {mend}")]
    Trouble {
        machine: String,
        what: String,
        mend: String,
    },
    #[error(
        "{what} still there after {minutes} min, and the load balancers with it; `kubectl describe` tells what keeps it: mend \
         that, or delete the load balancers at AWS and take the finalizers off by hand, and resume"
    )]
    Balancers { what: String, minutes: u64 },
    #[error("there is no {0} any longer: nobody knows the token it held; begin anew")]
    NoToken(String),
    #[error("read {}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    VpnAuth(#[from] VpnAuthError),
    #[error("there is no {0}; K3s publishes it with each release")]
    NoFile(SmolStr),
    #[error(transparent)]
    Update(#[from] UpdateError),
    #[error(transparent)]
    Stack(#[from] stack::StackError),
    #[error("{0}")]
    Broken(&'static str),
    #[error("stopped")]
    Stopped,
}

impl From<BootstrapError> for StepError {
    fn from(error: BootstrapError) -> Self {
        match error {
            BootstrapError::Call(error) => Self::Call(error),
            BootstrapError::NoRandom => Self::Broken("the system gives no random numbers"),
        }
    }
}

impl StepError {
    /// The failed call, when it was one.
    pub(super) fn call(&self) -> Option<&ProviderError> {
        match self {
            Self::Call(error)
            | Self::Make(making::MakeError::Call(error))
            | Self::Update(UpdateError::Call(error))
            | Self::Stack(stack::StackError::Call(error)) => Some(error),
            _ => None,
        }
    }
}
