//! What an operator says of the cluster to be launched, by flags or in the form, with usual values for all the rest. With
//! what a region tells it becomes a spec: the channel of K3s a release, the own address a network, and no types at all the
//! cheapest that will do. What only a highly available cluster has stands in [`HaWish`].

mod ha;
mod pool;

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use smol_str::{SmolStr, format_smolstr};

pub use ha::{HaWish, USUAL_ZONES, VpcWish, changed_pool, new_pool, priced_for, store, way_out};
pub use pool::PoolWish;

use super::launch::{Channel, Image, InstanceType, Network, Profile, Spec, SshKey};
use super::survey::Survey;
use crate::fleet::{Arch, Market, Offer, Purchase, Shape};

/// The least memory of a K3s server, in MiB (K3s documentation, requirements).
pub const SERVER_MEMORY_MIB: u64 = 2048;
/// The least virtual CPUs of a K3s server (ibid.).
pub const SERVER_VCPUS: u32 = 2;
/// How many types are chosen where none is named and machines are bought spot, or are many: of several, capacity is found.
const SPOT_TYPES: usize = 4;
/// How many types are priced before one is chosen.
const CANDIDATES: usize = 24;

/// Who may reach the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum From {
    /// The address by which the internet sees this machine, and no other.
    Own,
    /// These networks in CIDR notation.
    Networks(Vec<SmolStr>),
}

/// The cluster that is wished for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// Its name.
    pub name: SmolStr,
    /// `quick`, `ci` or `ha`.
    pub shape: Shape,
    /// The processor architecture; for `ha`, of the servers.
    pub arch: Arch,
    /// The instance types; none: chosen by price. For `ha`, those of the servers.
    pub types: Vec<SmolStr>,
    /// How many workers; for `ha` they stand in [`Wish::ha`].
    pub workers: u32,
    /// How machines are bought.
    pub purchase: Purchase,
    /// Whether they are bought on-demand where there is no spot capacity.
    pub on_demand_fallback: bool,
    /// The size of each volume, in GiB.
    pub volume_gib: u32,
    /// A release of K3s, or a channel.
    pub k3s: SmolStr,
    /// The operating system.
    pub image: Image,
    /// Who may reach it.
    pub from: From,
    /// Who may log in.
    pub ssh: Option<SshKey>,
    /// The VPC; none: the default one.
    pub vpc: Option<SmolStr>,
    /// Its subnets; none: those that are public.
    pub subnets: Vec<SmolStr>,
    /// What its machines may do in AWS.
    pub profile: Profile,
    /// How long it lives; for `ci`.
    pub ttl: SignedDuration,
    /// What only `ha` has; for it, and only there.
    pub ha: Option<HaWish>,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            name: SmolStr::default(),
            shape: Shape::Quick,
            arch: Arch::Arm64,
            types: vec![],
            workers: 0,
            purchase: Purchase::OnDemand,
            on_demand_fallback: false,
            volume_gib: 20,
            k3s: SmolStr::new_static("stable"),
            image: Image::Ubuntu,
            from: From::Own,
            ssh: None,
            vpc: None,
            subnets: vec![],
            profile: Profile::Own,
            ttl: SignedDuration::from_hours(2),
            ha: None,
        }
    }
}

impl Wish {
    /// The spec it becomes; the error says what cannot be found out, and what to type instead.
    pub fn spec(&self, survey: &Survey, market: &Market, now: Timestamp) -> Result<Spec, String> {
        Ok(Spec {
            name: self.name.clone(),
            shape: self.shape,
            region: survey.scope.region.clone(),
            arch: self.arch,
            types: match self.types.is_empty() {
                true => self.usual_types(survey, market),
                false => self.types.clone(),
            },
            workers: self.workers,
            purchase: self.purchase,
            on_demand_fallback: self.on_demand_fallback,
            volume_gib: self.volume_gib,
            version: release(&self.k3s, &survey.channels, "--k3s")?,
            image: self.image,
            from: self.networks(&survey.own_address)?,
            ssh: self.ssh.clone(),
            network: self.vpc.as_ref().map(|vpc| Network {
                vpc: vpc.clone(),
                subnets: self.subnets.clone(),
                cidrs: vec![],
            }),
            profile: self.profile.clone(),
            expires_at: (self.shape == Shape::Ci).then(|| now + self.ttl),
            ha: match &self.ha {
                Some(ha) => Some(ha.spec(self, survey, market)?),
                None => None,
            },
        })
    }

    /// The types whose prices are needed before it becomes a spec.
    pub fn priced(&self, survey: &Survey) -> Vec<SmolStr> {
        if let Some(ha) = &self.ha {
            return ha.priced(self, survey);
        }
        match self.types.as_slice() {
            [] => {
                let found = candidates(&survey.types, self.arch, self.purchase);
                found.iter().map(|t| t.name.clone()).collect()
            }
            named => named.to_vec(),
        }
    }

    fn networks(&self, own: &Result<IpAddr, String>) -> Result<Vec<SmolStr>, String> {
        match &self.from {
            From::Networks(networks) => Ok(networks.clone()),
            From::Own => match own {
                Ok(IpAddr::V4(address)) => Ok(vec![format_smolstr!("{address}/32")]),
                Ok(IpAddr::V6(address)) => Ok(vec![format_smolstr!("{address}/128")]),
                Err(why) => Err(format!(
                    "your own address is not known ({why}): name networks with --from"
                )),
            },
        }
    }

    fn usual_types(&self, survey: &Survey, market: &Market) -> Vec<SmolStr> {
        let (count, fit) = match (&self.ha, self.purchase) {
            (Some(_), purchase) => (SPOT_TYPES, HaWish::for_servers(&survey.types, self.arch, purchase)),
            (None, Purchase::Spot) => (SPOT_TYPES, fitting(&survey.types, self.arch, Purchase::Spot)),
            (None, Purchase::OnDemand) => (1, fitting(&survey.types, self.arch, Purchase::OnDemand)),
        };
        let cheapest = by_price(fit, &survey.scope.region, self.purchase, market);
        cheapest.into_iter().take(count).map(|t| t.name.clone()).collect()
    }
}

/// The types that a K3s server can run on.
pub fn fitting(types: &[InstanceType], arch: Arch, purchase: Purchase) -> Vec<&InstanceType> {
    let able = |t: &&InstanceType| {
        t.arch == arch
            && t.vcpus >= SERVER_VCPUS
            && t.memory_mib >= SERVER_MEMORY_MIB
            && (t.spot || purchase == Purchase::OnDemand)
    };
    types.iter().filter(able).collect()
}

/// Of the types that a K3s server can run on those worth a look at their prices before one is chosen: the smallest ones.
pub fn candidates(types: &[InstanceType], arch: Arch, purchase: Purchase) -> Vec<&InstanceType> {
    smallest(fitting(types, arch, purchase))
}

/// The smallest of these, as many as are priced before one is chosen.
fn smallest(mut types: Vec<&InstanceType>) -> Vec<&InstanceType> {
    types.sort_by(|a, b| (a.memory_mib, a.vcpus, &a.name).cmp(&(b.memory_mib, b.vcpus, &b.name)));
    types.truncate(CANDIDATES);
    types
}

/// The architecture that is meant: what is said, else that of the types named; `None` where nothing tells. Machines that are
/// scaled as one have one architecture.
pub fn one_arch(said: Option<Arch>, types: &[SmolStr], sold: &[InstanceType]) -> Result<Option<Arch>, String> {
    let mut meant = said;
    for name in types {
        match (sold.iter().find(|t| t.name == *name), meant) {
            (Some(known), Some(arch)) if known.arch != arch => {
                return Err(format!(
                    "{name} is {}, not {}: machines of one pool have one architecture",
                    known.arch.as_str(),
                    arch.as_str()
                ));
            }
            (Some(known), _) => meant = Some(known.arch),
            (None, Some(_)) => {}
            (None, None) => {
                return Err(format!(
                    "the architecture of {name} is not known here: say it, or choose another type"
                ));
            }
        }
    }
    Ok(meant)
}

/// Types by price, the cheapest first: those without a known price come last, the smallest first.
pub fn by_price<'a>(
    mut types: Vec<&'a InstanceType>,
    region: &str,
    purchase: Purchase,
    market: &Market,
) -> Vec<&'a InstanceType> {
    let price = |t: &InstanceType| {
        let offer = Offer::new(region, &t.name);
        match purchase {
            Purchase::OnDemand => market.on_demand(&offer),
            Purchase::Spot => cheapest_zone(market, &offer).map(|(_, usd)| usd),
        }
    };
    types.sort_by(|a, b| {
        let known = match (price(a), price(b)) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (None, None) => std::cmp::Ordering::Equal,
        };
        let size = |t: &InstanceType| (t.memory_mib, t.vcpus);
        known
            .then_with(|| size(a).cmp(&size(b)))
            .then_with(|| a.name.cmp(&b.name))
    });
    types
}

/// The zone where a type is cheapest on the spot market, and its price there, in USD per hour.
pub fn cheapest_zone<'a>(market: &'a Market, offer: &Offer) -> Option<(&'a SmolStr, f64)> {
    let zones = market.zones(offer)?.iter();
    let priced = zones.filter_map(|(zone, series)| Some((zone, series.latest()?.1)));
    priced.min_by(|(_, a), (_, b)| a.total_cmp(b))
}

/// The release that was asked for by its number or by a channel such as `stable` or `v1.36`; `flag` is where another can be
/// named.
pub fn release(asked: &SmolStr, channels: &Result<Vec<Channel>, String>, flag: &str) -> Result<SmolStr, String> {
    if asked.contains("+k3s") {
        return Ok(asked.clone());
    }
    let channels = channels.as_ref().map_err(|why| {
        format!("the channel {asked} is not resolved ({why}): name a release such as v1.36.4+k3s1 with {flag}")
    })?;
    let named = channels.iter().find(|c| c.name == *asked);
    named.map(|c| c.version.clone()).ok_or_else(|| {
        let all: Vec<_> = channels.iter().map(|c| c.name.as_str()).collect();
        format!(
            "K3s has no channel {asked:?}; choose a release, or one of: {}",
            all.join(", ")
        )
    })
}

#[cfg(test)]
mod tests;
