//! The ports that change the world. What they change is played by the same rules as what happens by itself.

mod cloud;
mod kube;
mod shell;

use super::fault::Target;
use super::scaling::Refused;
use crate::provider::ProviderError;

pub(super) use cloud::SimCloudControl;
pub(super) use kube::SimKubeControl;
pub(super) use shell::SimShellControl;

/// The error of a call that was understood and refused.
pub(super) fn refused(target: &Target, call: &str, why: Refused) -> ProviderError {
    ProviderError {
        kind: why.kind,
        call: call.into(),
        target: target.name().clone(),
        message: why.message,
        mend: why.mend,
    }
}
