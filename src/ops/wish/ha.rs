//! What is wished of a highly available cluster besides what every cluster has, and the way from it to that part of a spec.

use std::path::PathBuf;

use smol_str::SmolStr;

use super::{PoolWish, SPOT_TYPES, Wish, by_price, fitting, one_arch, smallest};
use crate::blueprint::ha::{Ha, MadeVpc, Pool, Store, WORKERS, WayOut};
use crate::fleet::{Arch, Market, Purchase};
use crate::ops::launch::InstanceType;
use crate::ops::survey::Survey;

/// The least memory of a server that is chosen by price, in MiB: what K3s' documentation has for servers of up to 350 agents.
const MEMORY_MIB: u64 = 4096;
/// How many workers the pool of that name begins with: one for each zone.
const USUAL_WORKERS: u32 = 3;
/// How many zones are used where there are more, and nothing is said.
pub const USUAL_ZONES: usize = 3;
/// The most workers of a cluster.
const MOST_WORKERS: u32 = 250;

/// What only a highly available cluster has.
#[derive(Clone, Debug, PartialEq)]
pub struct HaWish {
    /// How many servers.
    pub servers: u32,
    /// How many workers the pool `k3s_workers` begins with; `None`: 3 where no pool is named, else none.
    pub workers: Option<u32>,
    /// Pools of workers.
    pub pools: Vec<PoolWish>,
    /// Where the servers keep the cluster's state.
    pub store: Store,
    /// The file with the DSN of a database of the operator's own: read when the cluster is launched, and never part of the
    /// spec.
    pub dsn_file: Option<PathBuf>,
    /// Whether the machines share a file system.
    pub shared_storage: bool,
    /// Whether a load balancer brings ports 80 and 443 from the internet to the workers.
    pub ingress: bool,
    /// Whether that one brings port 6443 to the servers as well.
    pub public_api: bool,
    /// The VPC that the stack makes; `None`: the one that is named, or the default one.
    pub made_vpc: Option<VpcWish>,
    /// Where machines take the files of a K3s release from.
    pub mirror: Option<SmolStr>,
}

/// A VPC that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpcWish {
    /// Its network in CIDR notation.
    pub cidr: SmolStr,
    /// In how many zones it has subnets; `None`: 3 where the region has as many, else 2.
    pub zones: Option<u32>,
    /// How its machines reach the internet.
    pub way_out: WayOut,
}

impl Default for HaWish {
    fn default() -> Self {
        Self {
            servers: 3,
            workers: None,
            pools: vec![],
            store: Store::default(),
            dsn_file: None,
            shared_storage: false,
            ingress: false,
            public_api: false,
            made_vpc: None,
            mirror: None,
        }
    }
}

impl HaWish {
    /// The part of the spec it becomes; the error says what is not clear.
    pub(super) fn spec(&self, wish: &Wish, survey: &Survey, market: &Market) -> Result<Ha, String> {
        let pools = self.wanted()?;
        let pools = pools.iter().map(|pool| whole(pool, wish, survey, market));
        Ok(Ha {
            servers: self.servers,
            pools: pools.collect::<Result<_, _>>()?,
            store: self.store.clone(),
            shared_storage: self.shared_storage,
            ingress: self.ingress,
            public_api: self.public_api,
            made_vpc: self.made_vpc.as_ref().map(|vpc| MadeVpc {
                cidr: vpc.cidr.clone(),
                zones: vpc.zones.unwrap_or_else(|| usual_zones(survey)),
                way_out: vpc.way_out,
            }),
            mirror: self.mirror.clone(),
        })
    }

    /// The pools, that of the usual name first.
    fn wanted(&self) -> Result<Vec<PoolWish>, String> {
        let named = self.pools.iter().any(|pool| pool.name == WORKERS);
        let workers = match self.workers {
            Some(_) if named => {
                return Err(format!(
                    "how many workers {WORKERS} begins with is said twice: leave --workers out, and say desired=N in its --pool"
                ));
            }
            Some(workers) => workers,
            None if self.pools.is_empty() => USUAL_WORKERS,
            None => 0,
        };
        let usual = (workers > 0).then(|| PoolWish {
            name: SmolStr::new_static(WORKERS),
            desired: Some(workers),
            ..PoolWish::default()
        });
        Ok(usual.into_iter().chain(self.pools.iter().cloned()).collect())
    }

    /// The types from which the servers' are chosen.
    pub(super) fn for_servers(types: &[InstanceType], arch: Arch, purchase: Purchase) -> Vec<&InstanceType> {
        let mut fit = fitting(types, arch, purchase);
        fit.retain(|t| t.memory_mib >= MEMORY_MIB);
        fit
    }

    /// The types whose prices are needed to choose those of its machines.
    pub(super) fn priced(&self, wish: &Wish, survey: &Survey) -> Vec<SmolStr> {
        let mut names = wish.types.clone();
        if names.is_empty() {
            let fit = Self::for_servers(&survey.types, wish.arch, wish.purchase);
            names.extend(smallest(fit).into_iter().map(|t| t.name.clone()));
        }
        for pool in self.wanted().unwrap_or_default() {
            if pool.types.is_empty() {
                let fit = fitting(&survey.types, pool.arch.unwrap_or(wish.arch), purchase(&pool));
                names.extend(smallest(fit).into_iter().map(|t| t.name.clone()));
            }
            names.extend(pool.types);
        }
        names.sort();
        names.dedup();
        names
    }
}

/// A pool that joins a cluster of this architecture, with volumes of this size where nothing else is said.
pub fn new_pool(
    pool: &PoolWish,
    arch: Arch,
    volume_gib: u32,
    survey: &Survey,
    market: &Market,
) -> Result<Pool, String> {
    let wish = Wish {
        arch,
        volume_gib,
        ..Wish::default()
    };
    whole(pool, &wish, survey, market)
}

/// The types whose prices are needed to choose those of such a pool.
pub fn priced_for(pool: &PoolWish, arch: Arch, survey: &Survey) -> Vec<SmolStr> {
    match pool.types.is_empty() {
        true => {
            let fit = fitting(&survey.types, pool.arch.unwrap_or(arch), purchase(pool));
            smallest(fit).into_iter().map(|t| t.name.clone()).collect()
        }
        false => pool.types.clone(),
    }
}

/// Changes what is said of a pool that is there; what keeps its machines stays.
pub fn changed_pool(pool: &mut Pool, wish: &PoolWish) {
    let set = |at: &mut u32, to: Option<u32>| *at = to.unwrap_or(*at);
    set(&mut pool.min, wish.min);
    set(&mut pool.desired, wish.desired);
    set(&mut pool.max, wish.max);
    set(&mut pool.on_demand_base, wish.base);
    set(&mut pool.on_demand_percent, wish.on_demand);
    set(&mut pool.volume_gib, wish.volume_gib);
    pool.arch = wish.arch.unwrap_or(pool.arch);
    if !wish.types.is_empty() {
        pool.types.clone_from(&wish.types);
    }
    if !wish.labels.is_empty() {
        pool.labels.clone_from(&wish.labels);
    }
    if !wish.taints.is_empty() {
        pool.taints.clone_from(&wish.taints);
    }
}

/// How the machines of a pool are bought but for a few of them.
fn purchase(pool: &PoolWish) -> Purchase {
    match pool.on_demand {
        Some(100) => Purchase::OnDemand,
        _ => Purchase::Spot,
    }
}

/// The pool with all that was not said.
fn whole(pool: &PoolWish, wish: &Wish, survey: &Survey, market: &Market) -> Result<Pool, String> {
    let arch = one_arch(pool.arch, &pool.types, &survey.types)
        .map_err(|why| format!("--pool {}: {why}", pool.name))?
        .unwrap_or(wish.arch);
    let types = match pool.types.is_empty() {
        true => {
            let fit = fitting(&survey.types, arch, purchase(pool));
            let cheapest = by_price(fit, &survey.scope.region, purchase(pool), market);
            cheapest.into_iter().take(SPOT_TYPES).map(|t| t.name.clone()).collect()
        }
        false => pool.types.clone(),
    };
    let usual = pool.min.unwrap_or(1).min(pool.max.unwrap_or(u32::MAX));
    let desired = pool.desired.unwrap_or(usual);
    let room = desired.saturating_mul(2).min(MOST_WORKERS).max(desired).max(1);
    Ok(Pool {
        name: pool.name.clone(),
        kind: pool.kind,
        arch,
        types,
        min: pool.min.unwrap_or_else(|| desired.min(1)),
        desired,
        max: pool.max.unwrap_or(room),
        on_demand_base: pool.base.unwrap_or_else(|| u32::from(pool.name == WORKERS)),
        on_demand_percent: pool.on_demand.unwrap_or(0),
        volume_gib: pool.volume_gib.unwrap_or(wish.volume_gib),
        labels: pool.labels.clone(),
        taints: pool.taints.clone(),
    })
}

fn usual_zones(survey: &Survey) -> u32 {
    match survey.zones().len() {
        0..USUAL_ZONES => 2,
        _ => 3,
    }
}

/// Reads a store as it is typed: `etcd`, `external`, `aurora` or `aurora:0.5-4`, in ACUs.
pub fn store(text: &str) -> Result<Store, String> {
    match text {
        "etcd" => return Ok(Store::default()),
        "external" => return Ok(Store::External),
        _ => {}
    }
    let sizes = match text.split_once(':') {
        None if text == "aurora" => "0.5-4",
        Some(("aurora", sizes)) => sizes,
        _ => return Err("expected etcd, external, aurora or aurora:MIN-MAX".to_owned()),
    };
    let both = sizes.split_once('-');
    let halves = both.and_then(|(min, max)| Some((half_acus(min)?, half_acus(max)?)));
    match halves {
        Some((min_half_acus, max_half_acus)) => Ok(Store::Aurora {
            min_half_acus,
            max_half_acus,
        }),
        None => Err(format!(
            "at character 8, {sizes:?}: expected a least and a most of ACUs in halves, such as 0.5-4"
        )),
    }
}

/// ACUs in halves.
fn half_acus(text: &str) -> Option<u32> {
    let (whole, half) = match text.split_once('.') {
        None => (text, 0),
        Some((whole, "0")) => (whole, 0),
        Some((whole, "5")) => (whole, 1),
        Some(_) => return None,
    };
    whole.parse::<u32>().ok()?.checked_mul(2)?.checked_add(half)
}

/// Reads a way out as it is typed: `public`, `nat` or `endpoints`.
pub fn way_out(text: &str) -> Result<WayOut, String> {
    match text {
        "public" => Ok(WayOut::Public),
        "nat" => Ok(WayOut::Nat),
        "endpoints" => Ok(WayOut::Endpoints),
        _ => Err("expected public, nat or endpoints".to_owned()),
    }
}

#[cfg(test)]
mod tests;
