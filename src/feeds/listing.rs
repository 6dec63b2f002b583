//! Sources that list all they have: only what differs from the last listing is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures::future::BoxFuture;

use super::diff::Diff;
use super::item::Item;
use super::ours::Ours;
use super::poll::{Answer, Halt, Next, Poll};
use super::sink::Sink;
use crate::fleet::{Asg, Instance, NodeUsage, Notice, Purchase, SpotFleet};
use crate::provider::{Cloud, Kube, Result};

type List<T> = Box<dyn Fn() -> BoxFuture<'static, Result<Vec<T>>> + Send>;

/// A source that lists things of one kind.
pub(super) struct Listing<T: Item> {
    list: List<T>,
    urgent: Option<Arc<AtomicBool>>,
    diff: Diff<T::Key>,
}

impl<T: Item> Listing<T> {
    fn new(list: List<T>) -> Self {
        Self {
            list,
            urgent: None,
            diff: Diff::default(),
        }
    }
}

#[async_trait]
impl<T: Item> Poll for Listing<T> {
    async fn read(&mut self, _: &Sink) -> std::result::Result<Answer, Halt> {
        let items = (self.list)().await?;
        self.diff.begin();
        let mut observations = Vec::new();
        for item in items {
            if self.diff.see(item.key(), &item) {
                observations.push(item.seen());
            }
        }
        observations.extend(self.diff.finish().into_iter().filter_map(T::gone));
        Ok(Answer {
            observations,
            next: Next::Paced,
        })
    }

    fn urgent(&self) -> bool {
        self.urgent.as_ref().is_some_and(|u| u.load(Ordering::Relaxed))
    }
}

/// The instances of a scope. `spot` tells from then on whether any of them is a spot instance, `ours` which are those of
/// highly available clusters.
pub(super) fn instances(cloud: Arc<dyn Cloud>, spot: Arc<AtomicBool>, ours: Ours) -> Listing<Instance> {
    Listing::new(Box::new(move || {
        let (cloud, spot, ours) = (cloud.clone(), spot.clone(), ours.clone());
        Box::pin(async move {
            let instances = cloud.instances().await?;
            let any = instances.iter().any(|i| i.purchase == Purchase::Spot);
            spot.store(any, Ordering::Relaxed);
            ours.listed(&instances);
            Ok(instances)
        })
    }))
}

/// The Auto Scaling groups of a scope.
pub(super) fn asgs(cloud: Arc<dyn Cloud>) -> Listing<Asg> {
    Listing::new(Box::new(move || {
        let cloud = cloud.clone();
        Box::pin(async move { cloud.asgs().await })
    }))
}

/// The Spot Fleets of a scope.
pub(super) fn spot_fleets(cloud: Arc<dyn Cloud>) -> Listing<SpotFleet> {
    Listing::new(Box::new(move || {
        let cloud = cloud.clone();
        Box::pin(async move { cloud.spot_fleets().await })
    }))
}

/// The interruption notices of a scope: urgent while it has spot instances.
pub(super) fn notices(cloud: Arc<dyn Cloud>, spot: Arc<AtomicBool>) -> Listing<Notice> {
    let list: List<Notice> = Box::new(move || {
        let cloud = cloud.clone();
        Box::pin(async move { cloud.notices().await })
    });
    Listing {
        urgent: Some(spot),
        ..Listing::new(list)
    }
}

/// What the nodes of a context use.
pub(super) fn usage(kube: Arc<dyn Kube>) -> Listing<NodeUsage> {
    Listing::new(Box::new(move || {
        let kube = kube.clone();
        Box::pin(async move { kube.usage().await })
    }))
}
