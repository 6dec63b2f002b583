//! What an operator says of the cluster to be launched, by flags or in the form, with usual values for all the rest. With
//! what a region tells it becomes a spec: the channel of K3s a release, the own address a network, and no types at all the
//! cheapest that will do.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use smol_str::{SmolStr, format_smolstr};

use super::launch::{Channel, Image, InstanceType, Network, Profile, Spec, SshKey};
use super::survey::Survey;
use crate::fleet::{Arch, Market, Offer, Purchase, Shape};

/// The least memory of a K3s server, in MiB (K3s documentation, requirements).
pub const SERVER_MEMORY_MIB: u64 = 2048;
/// The least virtual CPUs of a K3s server (ibid.).
pub const SERVER_VCPUS: u32 = 2;
/// How many types are chosen where none is named and machines are bought spot: of several, capacity is found.
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
    /// `quick` or `ci`.
    pub shape: Shape,
    /// The processor architecture.
    pub arch: Arch,
    /// The instance types; none: chosen by price.
    pub types: Vec<SmolStr>,
    /// How many workers.
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
            ha: None,
        })
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
        let count = match self.purchase {
            Purchase::Spot => SPOT_TYPES,
            Purchase::OnDemand => 1,
        };
        let fit = fitting(&survey.types, self.arch, self.purchase);
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
    let mut fit = fitting(types, arch, purchase);
    fit.sort_by(|a, b| (a.memory_mib, a.vcpus, &a.name).cmp(&(b.memory_mib, b.vcpus, &b.name)));
    fit.truncate(CANDIDATES);
    fit
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
mod tests {
    use super::*;
    use crate::fleet::{OnDemandPrice, Scope, SpotPrice};

    fn kind(name: &str, vcpus: u32, memory_mib: u64) -> InstanceType {
        InstanceType {
            name: name.into(),
            arch: Arch::Arm64,
            vcpus,
            memory_mib,
            spot: name != "a1.large",
        }
    }

    fn survey() -> Survey {
        Survey {
            scope: Scope::new("", "eu-west-1"),
            account: "123456789012".into(),
            types: vec![
                kind("t4g.nano", 2, 512),
                kind("t4g.medium", 2, 4096),
                kind("t4g.small", 2, 2048),
                kind("a1.large", 2, 4096),
                kind("c7g.medium", 1, 2048),
            ],
            vpcs: vec![],
            channels: Ok(vec![Channel {
                name: "stable".into(),
                version: "v1.36.4+k3s1".into(),
            }]),
            own_address: Ok("203.0.113.7".parse().unwrap()),
        }
    }

    fn priced() -> Market {
        let mut market = Market::default();
        for (name, usd) in [("t4g.small", 0.0184), ("t4g.medium", 0.0368), ("a1.large", 0.01)] {
            market.add_on_demand(OnDemandPrice {
                region: "eu-west-1".into(),
                instance_type: name.into(),
                usd: Some(usd),
                fetched_at: Timestamp::UNIX_EPOCH,
            });
        }
        for (zone, usd) in [("eu-west-1a", 0.007), ("eu-west-1b", 0.005)] {
            market.add_spot(SpotPrice {
                region: "eu-west-1".into(),
                instance_type: "t4g.medium".into(),
                zone: zone.into(),
                at: Timestamp::UNIX_EPOCH,
                usd,
            });
        }
        market
    }

    fn spec(wish: &Wish) -> Result<Spec, String> {
        wish.spec(&survey(), &priced(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn what_is_not_said_is_found_out() {
        let spec = spec(&Wish::default()).unwrap();
        assert_eq!(spec.types, ["a1.large"], "the cheapest that has 2 vCPUs and 2 GiB");
        assert_eq!((spec.version.as_str(), spec.expires_at), ("v1.36.4+k3s1", None));
        assert_eq!(spec.from, ["203.0.113.7/32"]);
    }

    #[test]
    fn spot_takes_several_types_that_are_sold_so_the_priced_ones_first() {
        let wish = Wish {
            purchase: Purchase::Spot,
            ..Wish::default()
        };
        assert_eq!(spec(&wish).unwrap().types, ["t4g.medium", "t4g.small"]);
        let (market, offer) = (priced(), Offer::new("eu-west-1", "t4g.medium"));
        assert_eq!(cheapest_zone(&market, &offer), Some((&"eu-west-1b".into(), 0.005)));
    }

    #[test]
    fn a_ci_cluster_ends_after_its_ttl() {
        let wish = Wish {
            shape: Shape::Ci,
            ttl: SignedDuration::from_mins(30),
            ..Wish::default()
        };
        let expected = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(30);
        assert_eq!(spec(&wish).unwrap().expires_at, Some(expected));
    }

    #[test]
    fn what_cannot_be_found_out_can_be_typed() {
        let mut lost = survey();
        lost.channels = Err("timed out".into());
        lost.own_address = Err("timed out".into());
        let ask = |wish: &Wish| wish.spec(&lost, &priced(), Timestamp::UNIX_EPOCH);
        let wish = Wish {
            k3s: "v1.36.4+k3s1".into(),
            ..Wish::default()
        };
        assert!(ask(&Wish::default()).unwrap_err().contains("--k3s"));
        assert!(ask(&wish).unwrap_err().contains("--from"));
        let from = From::Networks(vec!["198.51.100.0/24".into()]);
        assert!(ask(&Wish { from, ..wish }).is_ok());
        let wish = Wish {
            k3s: "newest".into(),
            ..Wish::default()
        };
        assert!(spec(&wish).unwrap_err().contains("one of: stable"));
    }

    #[test]
    fn candidates_are_small_and_fit() {
        let survey = survey();
        let names = |purchase| {
            let found = candidates(&survey.types, Arch::Arm64, purchase);
            found.iter().map(|t| t.name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(names(Purchase::OnDemand), ["t4g.small", "a1.large", "t4g.medium"]);
        assert_eq!(names(Purchase::Spot), ["t4g.small", "t4g.medium"]);
        assert!(candidates(&survey.types, Arch::Amd64, Purchase::Spot).is_empty());
    }
}
