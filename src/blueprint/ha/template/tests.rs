//! What holds of every template, whatever the spec.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::{MadeVpc, Pool, PoolKind, Store, WayOut, example};
use super::*;
use crate::blueprint::{Image, SshKey};
use crate::fleet::Arch;

mod access;
mod rights;
mod whole;

fn site() -> Site {
    Site {
        images: BTreeMap::from([
            (Arch::Amd64, "ami-0123456789abcdef0".into()),
            (Arch::Arm64, "ami-0fedcba9876543210".into()),
        ]),
        vpc: Some("vpc-0123456789abcdef0".into()),
        cidrs: vec!["172.31.0.0/16".into()],
        subnets: ["a", "b", "c"]
            .map(|end| format!("subnet-0123456789abcdef{end}").into())
            .into(),
        public: true,
        endpoints: vec![],
        zones: ["a", "b", "c"].map(|end| format!("eu-west-1{end}").into()).into(),
    }
}

/// The example with something else in it.
fn changed(change: impl FnOnce(&mut Spec, &mut Ha)) -> Spec {
    let spec = changed_unchecked(change);
    assert_eq!(spec.check(), []);
    spec
}

fn changed_unchecked(change: impl FnOnce(&mut Spec, &mut Ha)) -> Spec {
    let mut spec = example();
    let mut ha = spec.ha.take().unwrap();
    change(&mut spec, &mut ha);
    spec.ha = Some(ha);
    spec
}

fn rendered(change: impl FnOnce(&mut Spec, &mut Ha)) -> Value {
    template(&changed(change), &site())
}

const AURORA: Store = Store::Aurora {
    min_half_acus: 1,
    max_half_acus: 8,
};

fn made(way_out: WayOut) -> Option<MadeVpc> {
    Some(MadeVpc {
        cidr: "10.0.0.0/20".into(),
        zones: 3,
        way_out,
    })
}

/// Every option in each of its values, with every other one.
fn combinations() -> Vec<Spec> {
    let stores = [Store::default(), Store::External, AURORA];
    let vpcs = [None, made(WayOut::Public), made(WayOut::Nat), made(WayOut::Endpoints)];
    let pools: [&[PoolKind]; 4] = [
        &[],
        &[PoolKind::Asg],
        &[PoolKind::SpotFleet],
        &[PoolKind::Asg, PoolKind::SpotFleet],
    ];
    let keys = [None, example().ssh, Some(SshKey::Pair("ana".into()))];
    let mut all = vec![];
    for store in &stores {
        for vpc in &vpcs {
            for (ingress, public_api) in [(false, false), (true, false), (true, true)] {
                for kinds in pools {
                    for shared_storage in [false, true] {
                        let n = all.len();
                        let closed = vpc.as_ref().is_some_and(|vpc| vpc.way_out == WayOut::Endpoints);
                        all.push(changed(|spec, ha| {
                            ha.store = store.clone();
                            ha.made_vpc = vpc.clone();
                            (ha.ingress, ha.public_api) = (ingress && !closed, public_api && !closed);
                            ha.shared_storage = shared_storage;
                            let mirrored = closed || n.is_multiple_of(5);
                            ha.mirror = mirrored.then(|| "https://files.example/k3s".into());
                            ha.pools = kinds
                                .iter()
                                .map(|kind| pool(&format!("p{kind:?}").to_lowercase(), *kind))
                                .collect();
                            spec.ssh = keys[n % 3].clone();
                            spec.image = if n.is_multiple_of(2) {
                                Image::Ubuntu
                            } else {
                                Image::Al2023
                            };
                        }));
                    }
                }
            }
        }
    }
    all
}

fn pool(name: &str, kind: PoolKind) -> Pool {
    Pool {
        name: name.into(),
        kind,
        arch: Arch::Amd64,
        types: vec!["t3.medium".into(), "c6a.large".into()],
        ..example().ha.unwrap().pools[0].clone()
    }
}

fn resources(template: &Value) -> &Map<String, Value> {
    template["Resources"].as_object().unwrap()
}

fn of_type<'a>(template: &'a Value, kind: &str) -> Vec<(&'a str, &'a Value)> {
    let kind = format!("AWS::{kind}");
    let all = resources(template)
        .iter()
        .filter(|(_, resource)| resource["Type"] == kind);
    all.map(|(name, resource)| (name.as_str(), &resource["Properties"]))
        .collect()
}
