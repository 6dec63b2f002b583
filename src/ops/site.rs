//! Where a highly available cluster is to stand: from what a region told to the [`Site`] that its template is made for.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join_all;
use smol_str::SmolStr;

use super::launch::{Spec, Subnet};
use super::survey::{Survey, SurveyError, image_parameter, network, settle};
use super::wish::USUAL_ZONES;
use crate::blueprint::ha::{Ha, MadeVpc, Site};
use crate::fleet::Arch;
use crate::provider::Cloud;

/// Fewer do not outlive the loss of one, and some of AWS' services want two.
const LEAST_ZONES: usize = 2;

impl Survey {
    /// The site that a spec of the shape `ha` gets here; the spec learns its VPC by it.
    pub async fn site(&self, cloud: &dyn Cloud, mut spec: Spec) -> Result<(Spec, Site), SurveyError> {
        let mut site = match spec.ha.as_ref().and_then(|ha| ha.made_vpc.as_ref()) {
            Some(made) => self.to_be_made(made)?,
            None => self.given(&mut spec)?,
        };
        let images = images(cloud, &spec);
        let endpoints = async {
            match &site.vpc {
                Some(vpc) => Ok(cloud.endpoints(vpc).await?),
                None => Ok(vec![]),
            }
        };
        let (images, endpoints) = futures::try_join!(images, endpoints)?;
        site.images = images;
        site.endpoints = endpoints;
        Ok((spec, site))
    }

    /// A site whose VPC the stack makes. Where the zones are not known, CloudFormation finds them.
    fn to_be_made(&self, made: &MadeVpc) -> Result<Site, SurveyError> {
        let zones: Vec<_> = self.zones().into_iter().cloned().collect();
        let wanted = usize::try_from(made.zones).unwrap_or(usize::MAX);
        if !zones.is_empty() && zones.len() < wanted {
            return Err(SurveyError::unfit(
                format!("{} has {} zones for subnets, not {wanted}", self.scope, zones.len()),
                "choose fewer with --zones, but 2 at least, or another region",
            ));
        }
        Ok(Site { zones, ..empty() })
    }

    /// A site in a VPC that is there: with the subnets that are named, else with one in each of the first three zones.
    fn given(&self, spec: &mut Spec) -> Result<Site, SurveyError> {
        let named = spec.network.as_ref().is_some_and(|network| !network.subnets.is_empty());
        let (vpc, found) = network(&self.scope, spec, &self.vpcs)?;
        let mut subnets: Vec<&Subnet> = vec![];
        for subnet in found {
            match subnets.iter().find(|other| other.zone == subnet.zone) {
                Some(other) if named => {
                    return Err(SurveyError::unfit(
                        format!("{} and {} are both in {}", other.id, subnet.id, subnet.zone),
                        "name one subnet of each zone with --subnet: a load balancer takes no more",
                    ));
                }
                Some(_) => {}
                None => subnets.push(subnet),
            }
        }
        if subnets.len() < LEAST_ZONES {
            let zones: Vec<_> = subnets.iter().map(|s| s.zone.as_str()).collect();
            let of = if named {
                "the subnets named are"
            } else {
                "its usable subnets are"
            };
            return Err(SurveyError::unfit(
                format!(
                    "{}: {of} in {} only, and an ha cluster wants two zones at least",
                    vpc.id,
                    zones.join(", ")
                ),
                "name subnets of two zones with --subnet, another VPC with --vpc, or have one made with --vpc-cidr",
            ));
        }
        if !named {
            subnets.sort_by(|a, b| a.zone.cmp(&b.zone));
            subnets.truncate(USUAL_ZONES);
        }
        settle(spec, vpc);
        Ok(Site {
            vpc: Some(vpc.id.clone()),
            cidrs: vpc.cidrs.clone(),
            public: subnets.iter().all(|s| s.public),
            subnets: subnets.iter().map(|s| s.id.clone()).collect(),
            zones: self.zones().into_iter().cloned().collect(),
            ..empty()
        })
    }
}

fn empty() -> Site {
    Site {
        images: BTreeMap::new(),
        vpc: None,
        cidrs: vec![],
        subnets: vec![],
        public: false,
        endpoints: vec![],
        zones: vec![],
    }
}

/// The image of each architecture that a spec has.
async fn images(cloud: &dyn Cloud, spec: &Spec) -> Result<BTreeMap<Arch, SmolStr>, SurveyError> {
    let pools = spec.ha.iter().flat_map(|ha: &Ha| ha.pools.iter().map(|pool| pool.arch));
    let archs: BTreeSet<Arch> = pools.chain([spec.arch]).collect();
    let asked = archs.into_iter().map(async |arch| -> Result<_, SurveyError> {
        let parameter = image_parameter(spec, arch)?;
        Ok((arch, cloud.image(&parameter).await?))
    });
    Ok(try_join_all(asked).await?.into_iter().collect())
}

#[cfg(test)]
mod tests;
