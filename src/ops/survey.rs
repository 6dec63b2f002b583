//! What has to be asked of a region before a change there can be planned: the ground for a launch, and the resources of a
//! cluster. It only reads.

use smol_str::SmolStr;

use super::launch::{Ground, Launch, Network, Spec, Vpc};
use crate::fleet::{Arch, Scope};
use crate::provider::{Cloud, ProviderError};

/// Why no ground is found.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] ProviderError),
    /// The region has no such place, or none that will do.
    #[error("{why}; {mend}")]
    Unfit {
        /// What is missing.
        why: String,
        /// What to do.
        mend: String,
    },
}

impl SurveyError {
    fn unfit(why: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::Unfit {
            why: why.into(),
            mend: mend.into(),
        }
    }
}

/// Finds the ground for a spec, and writes the networks of its VPC into it.
pub async fn ground(cloud: &dyn Cloud, spec: Spec) -> Result<Launch, SurveyError> {
    let parameter = spec.image.parameter(spec.arch).ok_or_else(|| no_image(&spec))?;
    let (account, image, vpcs) = futures::try_join!(cloud.account(), cloud.image(&parameter), cloud.vpcs())?;
    place(cloud.scope().clone(), spec, account, image, &vpcs)
}

fn no_image(spec: &Spec) -> SurveyError {
    SurveyError::unfit(
        format!("{} is not published for {}", spec.image.as_str(), spec.arch.as_str()),
        format!("choose {} or {}", Arch::Arm64.as_str(), Arch::Amd64.as_str()),
    )
}

/// The place among these VPCs that a spec wants: the VPC it names, else the default one; the subnets it names, else all
/// that are public, else all.
pub fn place(
    scope: Scope,
    mut spec: Spec,
    account: SmolStr,
    image: SmolStr,
    vpcs: &[Vpc],
) -> Result<Launch, SurveyError> {
    let vpc = match &spec.network {
        Some(network) => vpcs.iter().find(|vpc| vpc.id == network.vpc).ok_or_else(|| {
            let all: Vec<_> = vpcs.iter().map(|vpc| vpc.id.as_str()).collect();
            SurveyError::unfit(
                format!("there is no VPC {} in {scope}", network.vpc),
                format!("choose one of: {}", all.join(", ")),
            )
        })?,
        None => vpcs.iter().find(|vpc| vpc.is_default).ok_or_else(|| {
            let mend = "name a VPC with --vpc, or make the default one: aws ec2 create-default-vpc";
            SurveyError::unfit(format!("{scope} has no default VPC"), mend)
        })?,
    };
    let named = spec.network.as_ref().map_or(&[][..], |network| &network.subnets);
    if let Some(lost) = named.iter().find(|id| vpc.subnets.iter().all(|s| s.id != **id)) {
        let all: Vec<_> = vpc.subnets.iter().map(|s| s.id.as_str()).collect();
        return Err(SurveyError::unfit(
            format!("{} has no subnet {lost}", vpc.id),
            format!("choose of: {}", all.join(", ")),
        ));
    }
    let any_public = vpc.subnets.iter().any(|s| s.public);
    let fits = |id: &SmolStr, public: bool| match named {
        [] => public || !any_public,
        named => named.contains(id),
    };
    let subnets: Vec<_> = vpc.subnets.iter().filter(|s| fits(&s.id, s.public)).cloned().collect();
    if subnets.is_empty() {
        let mend = "make one, or name another VPC with --vpc";
        return Err(SurveyError::unfit(format!("{} has no subnet", vpc.id), mend));
    }
    spec.network = Some(Network {
        vpc: vpc.id.clone(),
        subnets: named.to_vec(),
        cidrs: vpc.cidrs.clone(),
    });
    let ground = Ground {
        account,
        image,
        vpc: vpc.id.clone(),
        subnets,
    };
    Ok(Launch { scope, spec, ground })
}
