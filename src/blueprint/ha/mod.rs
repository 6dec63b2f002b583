//! The highly available cluster: two Auto Scaling groups and more, load balancers, datastore, storage, spot events and the
//! reaper, all of it one CloudFormation stack that keeps nothing of ours running.
//!
//! From a [`Spec`](super::Spec) whose shape is `ha` and from the [`Site`] on which it is to stand comes the template, and
//! nothing else goes into it: the same both give the same template. What machines run at their boot is in
//! `assets/user-data/ha`, the reaper in `assets/reaper`.

pub mod boot;
mod check;
pub mod rights;
mod site;
mod spec;
pub mod template;

pub(super) use check::{check, warnings};
pub use site::Site;
pub use spec::{Ha, MadeVpc, Pool, PoolKind, SERVERS, Store, WORKERS, WayOut};

/// An example for unit tests: three servers, one pool of workers with both markets.
#[cfg(test)]
pub(crate) fn example() -> super::Spec {
    let mut spec = super::example();
    spec.shape = crate::fleet::Shape::Ha;
    spec.purchase = crate::fleet::Purchase::OnDemand;
    spec.workers = 0;
    spec.ha = Some(Ha {
        servers: 3,
        pools: vec![Pool {
            name: WORKERS.into(),
            kind: PoolKind::Asg,
            arch: spec.arch,
            types: vec!["t4g.medium".into(), "t4g.large".into(), "c7g.large".into()],
            min: 1,
            desired: 3,
            max: 6,
            on_demand_base: 1,
            on_demand_percent: 0,
            volume_gib: 20,
            labels: vec![],
            taints: vec![],
        }],
        store: Store::default(),
        shared_storage: false,
        ingress: false,
        public_api: false,
        made_vpc: None,
        mirror: None,
    });
    spec
}
