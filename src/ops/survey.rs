//! What has to be asked of a region before a change there can be planned: the ground for a launch, and the resources of a
//! cluster. It only reads.
//!
//! [`survey()`] tells what can be chosen, a [`Wish`](super::wish::Wish) becomes a [`Spec`] by it, and [`Survey::place`]
//! makes a [`Launch`] of the spec, which is planned as any request.

use std::net::IpAddr;

use smol_str::SmolStr;

use super::launch::{Channel, Ground, InstanceType, Launch, Network, Spec, Vpc};
use crate::fleet::{Arch, Scope};
use crate::provider::{Cloud, ProviderError, Web};

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

fn no_image(spec: &Spec) -> SurveyError {
    SurveyError::unfit(
        format!("{} is not published for {}", spec.image.as_str(), spec.arch.as_str()),
        format!("choose {} or {}", Arch::Arm64.as_str(), Arch::Amd64.as_str()),
    )
}

/// The place among these VPCs that a spec wants: the VPC it names, else the default one; the subnets it names, else all
/// that are public, else all.
fn place(scope: Scope, mut spec: Spec, account: SmolStr, image: SmolStr, vpcs: &[Vpc]) -> Result<Launch, SurveyError> {
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
        leftovers: vec![],
    };
    Ok(Launch { scope, spec, ground })
}

/// What a region and the web tell before a cluster can be chosen there.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// The profile and region.
    pub scope: Scope,
    /// The account.
    pub account: SmolStr,
    /// The instance types that are sold there.
    pub types: Vec<InstanceType>,
    /// Its VPCs.
    pub vpcs: Vec<Vpc>,
    /// The release channels of K3s; why they are not known, where they are not.
    pub channels: Result<Vec<Channel>, String>,
    /// The address by which the internet sees this machine; why it is not known, where it is not.
    pub own_address: Result<IpAddr, String>,
}

/// Asks a region and the web, all at once. What the web does not tell can be typed instead, so that is no error.
pub async fn survey(cloud: &dyn Cloud, web: Option<&dyn Web>) -> Result<Survey, ProviderError> {
    let asked = async {
        let Some(web) = web else {
            let nobody = || "nothing asks the web from here".to_owned();
            return (Err(nobody()), Err(nobody()));
        };
        let (channels, address) = futures::join!(web.channels(), web.own_address());
        (channels.map_err(|e| e.to_string()), address.map_err(|e| e.to_string()))
    };
    let region = async { futures::try_join!(cloud.account(), cloud.instance_types(), cloud.vpcs()) };
    let (region, (channels, own_address)) = futures::join!(region, asked);
    let (account, types, vpcs) = region?;
    Ok(Survey {
        scope: cloud.scope().clone(),
        account,
        types,
        vpcs,
        channels,
        own_address,
    })
}

impl Survey {
    /// The launch that a spec becomes here, once it is known which image it takes, and what a cluster of that name has
    /// left behind.
    pub async fn place(&self, cloud: &dyn Cloud, spec: Spec) -> Result<Launch, SurveyError> {
        let parameter = spec.image.parameter(spec.arch).ok_or_else(|| no_image(&spec))?;
        let (image, leftovers) = futures::try_join!(cloud.image(&parameter), cloud.resources(Some(&spec.name)))?;
        let mut launch = place(self.scope.clone(), spec, self.account.clone(), image, &self.vpcs)?;
        launch.ground.leftovers = leftovers;
        Ok(launch)
    }
}
