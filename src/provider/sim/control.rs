//! The ports that change the world. What they change is played by the same rules as what happens by itself.

mod cloud;
mod kube;

use super::fault::Target;
use super::scaling::Refused;
use crate::fleet::FaultKind;
use crate::provider::ProviderError;

pub(super) use cloud::SimCloudControl;
pub(super) use kube::SimKubeControl;

/// The error of a call that was understood and refused.
fn refused(target: &Target, call: &str, why: Refused) -> ProviderError {
    ProviderError {
        kind: FaultKind::Other,
        call: call.into(),
        target: target.name().clone(),
        message: why.message,
        mend: why.mend,
    }
}
