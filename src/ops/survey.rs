//! What has to be asked of a region before a change there can be planned: the ground for a launch, and the resources of a
//! cluster. It only reads.
//!
//! [`survey()`] tells what can be chosen, a [`Wish`](super::wish::Wish) becomes a [`Spec`] by it, and [`Survey::place`]
//! makes a [`Launch`] of the spec, which is planned as any request; a highly available cluster gets its
//! [`site`](Survey::site) instead.

use std::collections::BTreeSet;
use std::net::IpAddr;

use smol_str::{SmolStr, format_smolstr};

use super::bill;
use super::launch::{
    Channel, Ground, InstanceType, Launch, Network, OnFailure, PartPrice, PricedPart, Spec, Subnet, Vpc,
};
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
    pub(super) fn unfit(why: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::Unfit {
            why: why.into(),
            mend: mend.into(),
        }
    }
}

/// The public parameter that names the image of a spec for an architecture.
pub(super) fn image_parameter(spec: &Spec, arch: Arch) -> Result<String, SurveyError> {
    spec.image.parameter(arch).ok_or_else(|| {
        SurveyError::unfit(
            format!("{} is not published for {}", spec.image.as_str(), arch.as_str()),
            format!("choose {} or {}", Arch::Arm64.as_str(), Arch::Amd64.as_str()),
        )
    })
}

/// The VPC among these that a spec names, else the default one; and of its subnets those that the spec names, else all that
/// are public, else all.
pub(super) fn network<'a>(
    scope: &Scope,
    spec: &Spec,
    vpcs: &'a [Vpc],
) -> Result<(&'a Vpc, Vec<&'a Subnet>), SurveyError> {
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
    let subnets: Vec<_> = vpc.subnets.iter().filter(|s| fits(&s.id, s.public)).collect();
    if subnets.is_empty() {
        let mend = "make one, or name another VPC with --vpc";
        return Err(SurveyError::unfit(format!("{} has no subnet", vpc.id), mend));
    }
    Ok((vpc, subnets))
}

/// Tells a spec the VPC it will be in, by whose networks it is judged.
pub(super) fn settle(spec: &mut Spec, vpc: &Vpc) {
    let named = spec.network.take().map_or_else(Vec::new, |network| network.subnets);
    spec.network = Some(Network {
        vpc: vpc.id.clone(),
        subnets: named,
        cidrs: vpc.cidrs.clone(),
    });
}

fn place(scope: Scope, mut spec: Spec, account: SmolStr, image: SmolStr, vpcs: &[Vpc]) -> Result<Launch, SurveyError> {
    let (vpc, subnets) = network(&scope, &spec, vpcs)?;
    settle(&mut spec, vpc);
    let ground = Ground {
        account,
        image,
        vpc: vpc.id.clone(),
        subnets: subnets.into_iter().cloned().collect(),
        leftovers: vec![],
        parts: vec![],
    };
    Ok(Launch {
        scope,
        spec,
        ground,
        site: None,
        dsn_file: None,
        on_failure: OnFailure::default(),
    })
}

/// What these parts cost. A bill does without what is not told; the reason stands in place of the price.
pub(super) async fn part_prices(cloud: &dyn Cloud, parts: &[PricedPart]) -> Vec<PartPrice> {
    let failed = match cloud.part_prices(parts).await {
        Ok(prices) => return prices,
        Err(failed) => failed,
    };
    let why = format_smolstr!("{failed}");
    let blank = |part: &PricedPart| PartPrice {
        part: *part,
        usd: None,
        why: Some(why.clone()),
        fetched_at: None,
    };
    parts.iter().map(blank).collect()
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
    /// The zones of the region, as far as its default VPC tells them; of local zones it tells none.
    pub fn zones(&self) -> BTreeSet<&SmolStr> {
        let default = self.vpcs.iter().filter(|vpc| vpc.is_default);
        let zones = default.flat_map(|vpc| vpc.subnets.iter().map(|s| &s.zone));
        // Of a zone of the region itself only a letter follows the region's name.
        let is_own = |zone: &&SmolStr| {
            let rest = zone.strip_prefix(self.scope.region.as_str());
            rest.is_some_and(|rest| rest.len() == 1)
        };
        zones.filter(is_own).collect()
    }

    /// The launch of a highly available cluster that a spec becomes here.
    async fn place_stack(&self, cloud: &dyn Cloud, spec: Spec) -> Result<Launch, SurveyError> {
        let name = spec.name.clone();
        let leftovers = async { Ok(cloud.resources(Some(&name)).await?) };
        let priced = bill::parts(&spec);
        let prices = async { Ok(part_prices(cloud, &priced).await) };
        let (site, leftovers, parts) = futures::try_join!(self.site(cloud, spec), leftovers, prices)?;
        let (spec, site) = site;
        let own = |subnet: &&Subnet| site.subnets.contains(&subnet.id);
        let subnets = self.vpcs.iter().flat_map(|vpc| &vpc.subnets).filter(own);
        let ground = Ground {
            account: self.account.clone(),
            image: site.images.get(&spec.arch).cloned().unwrap_or_default(),
            vpc: site.vpc.clone().unwrap_or_default(),
            subnets: subnets.cloned().collect(),
            leftovers,
            parts,
        };
        Ok(Launch {
            scope: self.scope.clone(),
            spec,
            ground,
            site: Some(site),
            dsn_file: None,
            on_failure: OnFailure::default(),
        })
    }

    /// The launch that a spec becomes here, once it is known which image it takes, and what a cluster of that name has
    /// left behind.
    pub async fn place(&self, cloud: &dyn Cloud, spec: Spec) -> Result<Launch, SurveyError> {
        if spec.ha.is_some() {
            return self.place_stack(cloud, spec).await;
        }
        let parameter = image_parameter(&spec, spec.arch)?;
        let priced = bill::parts(&spec);
        let prices = async { Ok(part_prices(cloud, &priced).await) };
        let (image, leftovers, parts) =
            futures::try_join!(cloud.image(&parameter), cloud.resources(Some(&spec.name)), prices)?;
        let mut launch = place(self.scope.clone(), spec, self.account.clone(), image, &self.vpcs)?;
        launch.ground.leftovers = leftovers;
        launch.ground.parts = parts;
        Ok(launch)
    }
}
