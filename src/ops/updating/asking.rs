//! From another spec to the change that is asked for: it is judged, the images that it needs are found, CloudFormation works
//! out what it means, and what its bill rests on is asked for.

use std::collections::BTreeSet;
use std::collections::btree_map::Entry;

use jiff::Timestamp;
use smol_str::SmolStr;

use super::super::bill::{self, Basis};
use super::super::event::OperationId;
use super::super::guard;
use super::super::plan::Refusal;
use super::super::survey::{SurveyError, image_parameter, part_prices};
use super::{Known, Update, UpdateError, propose};
use crate::blueprint::Spec;
use crate::blueprint::ha::{PoolKind, SERVERS, Site};
use crate::fleet::Fleet;
use crate::provider::{Cloud, CloudControl};

/// What tells CloudFormation this request from others.
pub fn token(now: Timestamp) -> OperationId {
    let salt = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
    OperationId::new("update", now, salt)
}

/// The spec of a cluster with the sizes that its groups have by now: a change of something else leaves those as they are.
pub fn sized(fleet: &Fleet, known: &Known) -> Spec {
    let mut spec = known.spec.clone();
    let region = spec.region.clone();
    let group = |name: String| {
        let mut groups = fleet.asgs().filter(|g| g.scope.region == region && g.name == name);
        groups.next()
    };
    let names = known.spec.names();
    if let Some(ha) = &mut spec.ha {
        if let Some(servers) = group(names.group(SERVERS)) {
            ha.servers = servers.desired;
        }
        for pool in ha.pools.iter_mut().filter(|pool| pool.kind == PoolKind::Asg) {
            if let Some(now) = group(names.group(&pool.name)) {
                (pool.min, pool.desired, pool.max) = (now.min, now.desired, now.max);
            }
        }
    }
    spec
}

/// Asks what it means that a cluster, which is `old` by now, becomes `spec`: `cloud` and `control` are those of its region.
/// What is refused whatever it means asks CloudFormation nothing. The change set waits until it is executed or discarded.
pub async fn ask(
    cloud: &dyn Cloud,
    control: &dyn CloudControl,
    known: &Known,
    old: Spec,
    spec: Spec,
    token: &OperationId,
) -> Result<Update, UpdateError> {
    judge(&old, &spec)?;
    let mut place = known.clone();
    add_images(cloud, &spec, &mut place.site).await?;
    let (basis, change_set) = futures::join!(
        basis(cloud, &old, &spec, &place.site),
        propose(control, &place, &spec, token.as_str()),
    );
    Ok(Update {
        scope: cloud.scope().clone(),
        old,
        spec,
        site: (place.site != known.site).then_some(place.site),
        change_set: change_set?,
        basis: Some(basis),
    })
}

/// Refuses what would harm a cluster, or cannot be done to one that stands.
pub fn judge(old: &Spec, new: &Spec) -> Result<(), Refusal> {
    let cluster = &old.name;
    let fixed = fixed(old, new);
    if !fixed.is_empty() {
        let why = format!("{} cannot be changed once the cluster stands", fixed.join(", "));
        return Err(Refusal::new(
            "fixed",
            why,
            "leave it as it is, or launch another cluster",
        ));
    }
    if old.version != new.version {
        let why = "the release of K3s is not changed this way: machines that run would stay behind";
        let lift = format!("upgrade: k3fleet upgrade {cluster} --to {}", new.version);
        return Err(Refusal::new("release", why, lift));
    }
    guard::without_faults(new.check().iter().map(ToString::to_string))?;
    let servers = |spec: &Spec| spec.ha.as_ref().map_or(0, |ha| ha.servers);
    let (before, after) = (servers(old), servers(new));
    if after < before {
        let why = format!(
            "its group would end {} servers at once, whatever they hold",
            before - after
        );
        let lift = format!("take them out one by one: k3fleet scale {cluster}/k3s_servers {after}");
        return Err(Refusal::new("etcd-quorum", why, lift));
    }
    Ok(())
}

/// What another spec changes that no update can: those parts are made once.
fn fixed(old: &Spec, new: &Spec) -> Vec<&'static str> {
    let part = |spec: &Spec| {
        let ha = spec.ha.as_ref();
        (
            ha.map(|ha| ha.store.kind()),
            ha.and_then(|ha| ha.made_vpc.clone()),
            ha.map(|ha| ha.shared_storage),
        )
    };
    let ((store, vpc, storage), (new_store, new_vpc, new_storage)) = (part(old), part(new));
    let changed = [
        ("name", old.name != new.name),
        ("shape", old.shape != new.shape || old.ha.is_some() != new.ha.is_some()),
        ("region", old.region != new.region),
        ("network", old.network != new.network),
        ("ha.store", store != new_store),
        ("ha.made_vpc", vpc != new_vpc),
        // Taken away, it would take what pods keep there with it.
        ("ha.shared_storage", storage == Some(true) && new_storage != storage),
    ];
    changed
        .into_iter()
        .filter(|(_, is)| *is)
        .map(|(field, _)| field)
        .collect()
}

/// Finds the images that a place lacks for a spec: a cluster may get its first pool of an architecture.
async fn add_images(cloud: &dyn Cloud, spec: &Spec, site: &mut Site) -> Result<(), SurveyError> {
    let pools = spec.ha.iter().flat_map(|ha| ha.pools.iter().map(|pool| pool.arch));
    let archs: BTreeSet<_> = pools.chain([spec.arch]).collect();
    for arch in archs {
        if let Entry::Vacant(unknown) = site.images.entry(arch) {
            unknown.insert(cloud.image(&image_parameter(spec, arch)?).await?);
        }
    }
    Ok(())
}

/// Asks what the bills of a cluster rest on, as it is and as it is to be. What is not told is left blank in them.
async fn basis(cloud: &dyn Cloud, old: &Spec, spec: &Spec, site: &Site) -> Basis {
    let parts: BTreeSet<_> = [old, spec].into_iter().flat_map(bill::parts).collect();
    let parts: Vec<_> = parts.into_iter().collect();
    let zones = async {
        if site.vpc.is_none() {
            return bill::made_zones(spec, site);
        }
        let vpcs = cloud.vpcs().await.unwrap_or_default();
        let subnets = vpcs.into_iter().flat_map(|vpc| vpc.subnets);
        let own = subnets.filter(|subnet| site.subnets.contains(&subnet.id));
        own.map(|subnet| subnet.zone).collect()
    };
    let (parts, zones) = futures::join!(part_prices(cloud, &parts), zones);
    Basis {
        site: site.clone(),
        zones,
        parts,
    }
}

/// The types of machines that such bills are about.
pub fn types(old: &Spec, spec: &Spec) -> BTreeSet<SmolStr> {
    let of = |spec: &Spec| {
        let pools = spec
            .ha
            .iter()
            .flat_map(|ha| ha.pools.iter().flat_map(|pool| pool.types.clone()));
        spec.types.iter().cloned().chain(pools).collect::<Vec<_>>()
    };
    [old, spec].into_iter().flat_map(of).collect()
}
