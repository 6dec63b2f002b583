//! From what was chosen and typed of a highly available cluster to a wish, and from the faults of its spec to fields.

use smol_str::SmolStr;

use super::{HaField, HaForm, StoreKind};
use crate::app::launching::{Checked, Field, LaunchForm};
use crate::ops::launch::{Store, WORKERS};
use crate::ops::wish::{HaWish, PoolWish, VpcWish, Wish, store};

/// More than these have no network in K3s.
const MOST_WORKERS: u32 = 250;

/// What is wished for, as it is chosen and typed, with so many workers in the usual pool.
pub(in crate::app::launching) fn wish(form: &HaForm, workers: u32, checked: &mut Checked) -> HaWish {
    if workers > MOST_WORKERS {
        checked.add(Field::Workers, "expected at most 250: K3s has networks for 256 nodes");
    }
    let base = form.base.value().trim();
    let base = base.parse().unwrap_or_else(|_| {
        let why = format!("expected a whole number, not {base:?}");
        checked.add(Field::Ha(HaField::Base), why);
        1
    });
    let usual = (workers > 0).then(|| PoolWish {
        name: SmolStr::new_static(WORKERS),
        desired: Some(workers),
        types: form.worker_types.clone(),
        base: Some(base),
        ..PoolWish::default()
    });
    let pools: Vec<_> = usual.into_iter().chain(pools(form, checked)).collect();
    let mirror = form.mirror.value().trim();
    HaWish {
        servers: form.servers,
        workers: pools.is_empty().then_some(0),
        pools,
        store: kept(form, checked),
        dsn_file: form.dsn_file(),
        shared_storage: form.shared_storage,
        ingress: form.ingress,
        public_api: form.ingress && form.public_api,
        made_vpc: form.way_out.map(|way_out| VpcWish {
            cidr: form.cidr.value().trim().into(),
            zones: form.zones,
            way_out,
        }),
        mirror: (!mirror.is_empty()).then(|| mirror.into()),
    }
}

/// The pools that are typed; the first that is wrong is told.
fn pools(form: &HaForm, checked: &mut Checked) -> Vec<PoolWish> {
    let words: Vec<_> = form.pools.value().split_whitespace().collect();
    let mut pools = vec![];
    for (at, word) in words.iter().enumerate() {
        match PoolWish::parse(word) {
            Ok(pool) => pools.push(pool),
            Err(why) if words.len() == 1 => checked.add(Field::Ha(HaField::Pools), why),
            Err(why) => checked.add(Field::Ha(HaField::Pools), format!("pool {}: {why}", at + 1)),
        }
    }
    pools
}

/// Where the state is kept.
fn kept(form: &HaForm, checked: &mut Checked) -> Store {
    let at = Field::Ha(HaField::Store);
    match form.store {
        StoreKind::Etcd => Store::default(),
        StoreKind::External => {
            if form.dsn_file().is_none() {
                checked.add(at, "type the file that holds its DSN, which only you may read");
            }
            Store::External
        }
        StoreKind::Aurora => store(&format!("aurora:{}", form.acus.value().trim())).unwrap_or_else(|_| {
            checked.add(at, "expected a least and a most of ACUs in halves, such as 0.5-4");
            Store::default()
        }),
    }
}

/// Gives the pools what only the region can tell, so that all else can be judged before it has told.
pub(in crate::app::launching) fn judged_alone(wish: &mut Wish, kind: &'static str) {
    let arch = wish.arch;
    for pool in wish.ha.iter_mut().flat_map(|ha| &mut ha.pools) {
        pool.arch.get_or_insert(arch);
        if pool.types.is_empty() {
            pool.types.push(SmolStr::new_static(kind));
        }
    }
}

/// The field that a fault of this part of a spec is about, by the name that the fault has.
pub(in crate::app::launching) fn field(form: &LaunchForm, fault: &str) -> Option<Field> {
    // Of the usual pool, each entry has a field of its own.
    let typed = !form.ha.pools.value().trim().is_empty();
    Some(Field::Ha(match fault {
        "ha.servers" => HaField::Servers,
        "ha.store" | "ha.store.snapshots" | "ha.store.keep" => HaField::Store,
        "ha.ingress" => HaField::Ingress,
        "ha.public_api" => HaField::PublicApi,
        "ha.mirror" => HaField::Mirror,
        "ha.made_vpc.cidr" => HaField::Cidr,
        "ha.made_vpc.zones" => HaField::Zones,
        "spec" => HaField::Pools,
        _ if !fault.starts_with("ha.pools") => return None,
        _ if typed => HaField::Pools,
        "ha.pools.types" => HaField::WorkerTypes,
        "ha.pools.volume_gib" => return Some(Field::Volume),
        _ => return Some(Field::Workers),
    }))
}
