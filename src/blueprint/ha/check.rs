//! What is wrong with the part of a spec that only highly available clusters have.

use super::super::check::{Faults, MOST_WORKERS, VOLUMES, is_type};
use super::super::{Cidr, Spec};
use super::{Ha, MadeVpc, Pool, SERVERS, Store, WayOut, template};
use crate::fleet::Purchase;

/// More make each write slower, and none makes the cluster safer.
const MOST_SERVERS: u32 = 7;
/// More than a template has room for, but for the plainest of clusters.
pub(super) const MOST_POOLS: usize = 10;
/// So many fit into a template with all options, whatever their names; with more it is looked at.
pub(super) const FITTING_POOLS: usize = 1;
/// The largest subnets that AWS has, and the smallest VPC that has room for six of a useful size.
const VPC_LENGTHS: std::ops::RangeInclusive<u8> = 16..=22;
/// Effects that Kubernetes knows.
const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// Adds the faults of a highly available cluster.
pub(in crate::blueprint) fn check(spec: &Spec, ha: &Ha, faults: &mut Faults) {
    match ha.store {
        Store::Etcd { .. } => faults.unless(
            ha.servers % 2 == 1 && (3..=MOST_SERVERS).contains(&ha.servers),
            "ha.servers",
            ha.servers,
            "3, 5 or 7: etcd needs more than half of them",
        ),
        Store::External | Store::Aurora { .. } => faults.unless(
            (2..=MOST_SERVERS).contains(&ha.servers),
            "ha.servers",
            ha.servers,
            "2 to 7",
        ),
    }
    faults.unless(
        spec.workers == 0,
        "workers",
        spec.workers,
        "0: the workers of an ha cluster stand in its pools",
    );
    faults.unless(
        !spec.on_demand_fallback,
        "on_demand_fallback",
        "true",
        "false: the pools of an ha cluster name their share of on-demand machines",
    );
    faults.unless(
        !ha.public_api || ha.ingress,
        "ha.public_api",
        "true",
        "ingress as well: the API shares its load balancer",
    );
    check_pools(ha, faults);
    check_store(&ha.store, faults);
    if let Some(vpc) = &ha.made_vpc {
        check_vpc(spec, ha, vpc, faults);
    }
    if faults.is_empty() && ha.pools.len() > FITTING_POOLS {
        let size = template::size(spec);
        faults.unless(
            size < template::LIMIT,
            "ha.pools",
            format!("{} pools, with which the template has {size} bytes", ha.pools.len()),
            "fewer pools, or fewer types, labels and taints in them: CloudFormation takes 51200 bytes",
        );
    }
    if let Some(mirror) = &ha.mirror {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/:%+".contains(&b);
        let good = mirror.starts_with("https://") && mirror.len() <= 200 && mirror.bytes().all(plain);
        faults.unless(good, "ha.mirror", mirror, "an https URL without a user and a query");
    }
}

fn check_pools(ha: &Ha, faults: &mut Faults) {
    faults.unless(
        ha.pools.len() <= MOST_POOLS,
        "ha.pools",
        ha.pools.len(),
        "at most 10 pools of workers",
    );
    let workers: u64 = ha.pools.iter().map(|pool| u64::from(pool.max)).sum();
    faults.unless(
        workers <= u64::from(MOST_WORKERS),
        "ha.pools",
        format!("{workers} workers at most"),
        "at most 250 workers: K3s has networks for 256 nodes",
    );
    for (i, pool) in ha.pools.iter().enumerate() {
        let again = ha.pools.iter().take(i).any(|before| before.name == pool.name);
        faults.unless(!again, "ha.pools.name", &pool.name, "another name for each pool");
        check_pool(pool, faults);
    }
}

fn check_pool(pool: &Pool, faults: &mut Faults) {
    let within = pool
        .name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b));
    let first = pool.name.starts_with(|c: char| c.is_ascii_lowercase());
    faults.unless(
        within && first && pool.name.len() <= 24 && pool.name != SERVERS,
        "ha.pools.name",
        &pool.name,
        "1 to 24 lower-case letters, digits, hyphens and underlines, a letter first; not k3s_servers",
    );
    faults.unless(
        !pool.types.is_empty() && pool.types.len() <= 20,
        "ha.pools.types",
        pool.types.len(),
        "1 to 20 instance types, such as t4g.medium",
    );
    for (i, kind) in pool.types.iter().enumerate() {
        faults.unless(
            is_type(kind),
            "ha.pools.types",
            kind,
            "an instance type such as t4g.medium",
        );
        let again = pool.types.iter().take(i).any(|before| before == kind);
        faults.unless(!again, "ha.pools.types", kind, "each instance type once");
    }
    faults.unless(
        pool.arch != crate::fleet::Arch::Arm,
        "ha.pools.arch",
        pool.arch.as_str(),
        "amd64 or arm64",
    );
    faults.unless(
        pool.min <= pool.desired && pool.desired <= pool.max && pool.max > 0,
        "ha.pools.desired",
        format!("{} of {} to {}", pool.desired, pool.min, pool.max),
        "no fewer than min and no more than max",
    );
    faults.unless(
        pool.on_demand_percent <= 100,
        "ha.pools.on_demand_percent",
        pool.on_demand_percent,
        "0 to 100",
    );
    faults.unless(
        VOLUMES.contains(&pool.volume_gib),
        "ha.pools.volume_gib",
        pool.volume_gib,
        "8 to 16384 GiB",
    );
    for (key, value) in &pool.labels {
        let good = is_key(key) && is_value(value) && !is_reserved(key);
        faults.unless(
            good,
            "ha.pools.labels",
            format!("{key}={value}"),
            "a label as Kubernetes takes it, and of kubernetes.io and k8s.io none but those of node.kubernetes.io: kubelets \
             do not start with others",
        );
    }
    for taint in &pool.taints {
        let parts = taint.rsplit_once(':').map(|(rest, effect)| {
            let (key, value) = rest.split_once('=').unwrap_or((rest, ""));
            (key, value, effect)
        });
        let good =
            parts.is_some_and(|(key, value, effect)| is_key(key) && is_value(value) && EFFECTS.contains(&effect));
        faults.unless(
            good,
            "ha.pools.taints",
            taint,
            "key=value:NoSchedule, :PreferNoSchedule or :NoExecute",
        );
    }
}

fn check_store(store: &Store, faults: &mut Faults) {
    match store {
        Store::Etcd { snapshots, keep } => {
            let fields = snapshots.split(' ').filter(|field| !field.is_empty());
            let cron = |b: u8| b.is_ascii_digit() || b"*/,- ".contains(&b);
            faults.unless(
                fields.count() == 5 && snapshots.bytes().all(cron) && snapshots.len() <= 60,
                "ha.store.snapshots",
                snapshots,
                "five fields as cron has them, such as 0 */12 * * *",
            );
            faults.unless((1..=500).contains(keep), "ha.store.keep", keep, "1 to 500 snapshots");
        }
        Store::External => {}
        Store::Aurora {
            min_half_acus,
            max_half_acus,
        } => faults.unless(
            (1..=256).contains(min_half_acus) && (2..=512).contains(max_half_acus) && min_half_acus <= max_half_acus,
            "ha.store",
            format!("{min_half_acus} to {max_half_acus} half ACUs"),
            "a least of 0.5 to 128 ACUs, and a most of 1 to 256 that is no less",
        ),
    }
}

fn check_vpc(spec: &Spec, ha: &Ha, vpc: &MadeVpc, faults: &mut Faults) {
    faults.unless(
        spec.network.is_none(),
        "network",
        "a VPC",
        "none: the stack is to make one",
    );
    faults.unless((2..=3).contains(&vpc.zones), "ha.made_vpc.zones", vpc.zones, "2 or 3");
    match Cidr::parse(&vpc.cidr) {
        Ok(cidr) => {
            let private = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];
            let within = private
                .iter()
                .any(|own| Cidr::parse(own).is_ok_and(|own| own.overlaps(cidr)));
            faults.unless(
                within && VPC_LENGTHS.contains(&cidr.length()),
                "ha.made_vpc.cidr",
                &vpc.cidr,
                "a private network of a /16 to a /22, such as 10.0.0.0/20",
            );
            super::super::check::apart_from_k3s("ha.made_vpc.cidr", &vpc.cidr, cidr, faults);
        }
        Err(why) => faults.add("ha.made_vpc.cidr", &vpc.cidr, format!("a network: {why}")),
    }
    let closed = vpc.way_out == WayOut::Endpoints;
    faults.unless(
        !closed || ha.mirror.is_some(),
        "ha.mirror",
        "nothing",
        "a mirror of K3s' releases: these machines do not reach the internet",
    );
    faults.unless(
        !closed || !ha.ingress,
        "ha.ingress",
        "true",
        "false: a VPC without a way out has no public subnets",
    );
}

fn is_key(key: &str) -> bool {
    let word = |word: &str| {
        let within = word
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        within && !word.is_empty() && !word.starts_with('-') && !word.ends_with('-')
    };
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let dns = |prefix: &str| prefix.len() <= 253 && prefix.split('.').all(word);
    prefix.is_none_or(dns) && !name.is_empty() && is_value(name)
}

fn is_value(value: &str) -> bool {
    let within = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let ends = [value.chars().next(), value.chars().last()];
    value.len() <= 63 && within && ends.into_iter().flatten().all(|c| c.is_ascii_alphanumeric())
}

/// Whether a label is one of those that kubelets may not give themselves (Kubernetes documentation, NodeRestriction).
fn is_reserved(key: &str) -> bool {
    let Some((prefix, _)) = key.split_once('/') else {
        return false;
    };
    let within = |domain: &str| {
        let below = prefix.strip_suffix(domain);
        below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
    };
    let allowed = within("node.kubernetes.io") || within("kubelet.kubernetes.io");
    (within("kubernetes.io") || within("k8s.io")) && !allowed
}

/// What is allowed but dangerous, one line each.
pub(in crate::blueprint) fn warnings(spec: &Spec, ha: &Ha) -> Vec<String> {
    let mut warnings = vec![];
    if spec.purchase == Purchase::Spot {
        let text = "the servers are bought on the spot market: AWS may take several of them at once, and etcd its quorum with them";
        warnings.push(text.to_owned());
    }
    if ha.pools.is_empty() {
        warnings.push("there are no workers: the servers do the work".to_owned());
    }
    if ha.made_vpc.as_ref().is_some_and(|vpc| vpc.way_out == WayOut::Nat) {
        warnings
            .push("one NAT gateway serves all zones: where its zone fails, private machines reach nothing".to_owned());
    }
    warnings
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{PoolKind, example};
    use super::*;

    fn faults_of(change: impl FnOnce(&mut Spec, &mut Ha)) -> Vec<String> {
        let mut spec = example();
        let mut ha = spec.ha.take().unwrap();
        change(&mut spec, &mut ha);
        spec.ha = Some(ha);
        spec.check().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_example_is_sound() {
        assert_eq!(faults_of(|_, _| ()), Vec::<String>::new());
        assert_eq!(example().warnings(), Vec::<String>::new());
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        type Change = fn(&mut Spec, &mut Ha);
        let cases: [(&str, Change); 17] = [
            ("ha.servers: \"4\"", |_, ha| ha.servers = 4),
            ("ha.servers: \"1\"", |_, ha| {
                ha.store = Store::External;
                ha.servers = 1;
            }),
            ("workers: \"2\"", |spec, _| spec.workers = 2),
            ("ha.public_api", |_, ha| ha.public_api = true),
            ("ha.pools.name: \"k3s_servers\"", |_, ha| {
                ha.pools[0].name = SERVERS.into()
            }),
            ("ha.pools.name: \"k3s_workers\"", |_, ha| {
                ha.pools.push(ha.pools[0].clone())
            }),
            ("ha.pools.desired: \"9 of 1 to 6\"", |_, ha| ha.pools[0].desired = 9),
            ("ha.pools.types", |_, ha| ha.pools[0].types = vec!["T4G".into()]),
            ("ha.pools.labels", |_, ha| {
                ha.pools[0].labels = vec![("node-role.kubernetes.io/worker".into(), "true".into())];
            }),
            ("ha.pools.labels", |_, ha| {
                ha.pools[0].labels = vec![("app.kubernetes.io/part-of".into(), "shop".into())];
            }),
            ("ha.pools.labels", |_, ha| {
                ha.pools[0].labels = vec![("/part-of".into(), "shop".into())]
            }),
            ("ha.pools.labels", |_, ha| {
                ha.pools[0].labels = vec![("a..b/part-of".into(), "shop".into())]
            }),
            ("ha.pools.taints: \"a=b\"", |_, ha| {
                ha.pools[0].taints = vec!["a=b".into()]
            }),
            ("ha.store.snapshots", |_, ha| {
                ha.store = Store::Etcd {
                    snapshots: "hourly".into(),
                    keep: 3,
                };
            }),
            ("ha.mirror: \"http://m\"", |_, ha| ha.mirror = Some("http://m".into())),
            ("ha.mirror: \"nothing\"", |_, ha| {
                ha.made_vpc = Some(vpc("10.0.0.0/20", WayOut::Endpoints))
            }),
            ("ha.made_vpc.cidr: \"10.42.0.0/20\"", |_, ha| {
                ha.made_vpc = Some(vpc("10.42.0.0/20", WayOut::Nat));
            }),
        ];
        for (expected, change) in cases {
            let faults = faults_of(change);
            assert!(
                faults.iter().any(|fault| fault.starts_with(expected)),
                "{expected}: {faults:?}"
            );
        }
    }

    fn vpc(cidr: &str, way_out: WayOut) -> MadeVpc {
        MadeVpc {
            cidr: cidr.into(),
            zones: 2,
            way_out,
        }
    }

    #[test]
    fn servers_on_the_spot_market_are_warned_of() {
        let mut spec = example();
        spec.purchase = Purchase::Spot;
        assert!(spec.warnings()[0].contains("quorum"));
        spec.ha.as_mut().unwrap().pools[0].kind = PoolKind::SpotFleet;
        assert!(spec.check().is_empty());
    }

    proptest! {
        #[test]
        fn labels_that_pass_hold_nothing_that_ends_a_shell_word(key in ".{0,80}", value in ".{0,80}") {
            if is_key(&key) && is_value(&value) {
                let text = format!("{key}={value}");
                prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./=".contains(&b)));
            }
        }
    }
}
