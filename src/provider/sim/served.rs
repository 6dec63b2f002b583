//! What Kubernetes makes at AWS for the objects of a cluster: the load balancer of a Service, and the volume of a claim. A
//! load balancer goes some time after its Service is deleted, and the Service with it; a volume stays until somebody deletes
//! it.

use jiff::SignedDuration;
use smol_str::{SmolStr, format_smolstr};

use super::clock::later;
use super::made::{OF_KUBERNETES, Thing, What};
use super::noise::hash;
use super::state::{ClusterNo, State};
use crate::fleet::Scope;
use crate::provider::ResourceKind;

/// How long the cloud's controller takes to delete a load balancer.
const ENDING: SignedDuration = SignedDuration::from_secs(50);

/// What Kubernetes makes for an object of a cluster.
fn owned(cluster: &str, (key, object): (&'static str, &str), what: What) -> Thing {
    let tags = [
        (format_smolstr!("{OF_KUBERNETES}{cluster}"), "owned".into()),
        (key.into(), object.into()),
    ];
    Thing {
        name: Some(object.into()),
        tags: tags.into(),
        what,
        by_hand: false,
    }
}

impl State {
    /// A Service of a cluster has its load balancer. It is `stuck` where nobody deletes that; told again,
    /// it may be so no longer.
    pub(super) fn serve(&mut self, cluster: &str, service: &str, stuck: bool) {
        let Some((account, scope)) = self.home_of(cluster) else {
            return;
        };
        let n = hash(self.seed, &["balancer", cluster, service]);
        let arn = format_smolstr!(
            "arn:aws:elasticloadbalancing:{}:{account}:loadbalancer/net/k8s-{n:016x}/{n:016x}",
            scope.region
        );
        if let Some(thing) = self.thing_mut(&scope, ResourceKind::LoadBalancer, &arn)
            && let What::Balancer { stuck: was, .. } = &mut thing.what
        {
            *was = stuck;
            return;
        }
        let what = What::Balancer { stuck, ends: None };
        let balancer = owned(cluster, ("kubernetes.io/service-name", service), what);
        self.make(&scope, ResourceKind::LoadBalancer, &arn, balancer);
    }

    /// A claim of a cluster has its volume.
    pub(super) fn claim(&mut self, cluster: &str, claim: &str, gib: u32) {
        if let Some((_, scope)) = self.home_of(cluster) {
            self.claim_in(&scope, cluster, claim, gib);
        }
    }

    /// The same, where it is known where the cluster is.
    pub(super) fn claim_in(&mut self, scope: &Scope, cluster: &str, claim: &str, gib: u32) {
        let id = format!("vol-0{:016x}", hash(self.seed, &["volume", cluster, claim]));
        let volume = owned(
            cluster,
            ("kubernetes.io/created-for/pvc/name", claim),
            What::Volume(gib),
        );
        self.make(scope, ResourceKind::Volume, &id, volume);
    }

    /// The account and scope of a cluster that is there.
    fn home_of(&self, cluster: &str) -> Option<(SmolStr, Scope)> {
        let mut living = self.clusters.iter().filter(|c| !c.destroyed);
        let scope = living.find(|c| c.name == cluster)?.scope.clone();
        let region = self.regions.iter().find(|r| super::build::scope(r) == scope)?;
        Some((region.account.clone(), scope))
    }

    /// Deletes the Services of a cluster that have load balancers; gives those that are still there.
    pub(super) fn delete_balancers(&mut self, no: ClusterNo) -> Vec<SmolStr> {
        let Some(cluster) = self.clusters.get(no) else {
            return vec![];
        };
        let tag = format_smolstr!("{OF_KUBERNETES}{}", cluster.name);
        let (scope, now) = (cluster.scope.clone(), self.now);
        let mut left = vec![];
        for (_, thing) in self.things.iter_mut().filter(|(key, _)| key.scope == scope) {
            if let What::Balancer { stuck, ends } = &mut thing.what
                && thing.tags.contains_key(&tag)
            {
                let at = *ends.get_or_insert(later(now, ENDING));
                if *stuck || at > now {
                    left.extend(thing.name.iter().map(|name| format_smolstr!("Service {name}")));
                }
            }
        }
        left
    }
}
