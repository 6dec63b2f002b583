//! What the feeds shall fetch for the fleet that is there: prices of the types in use, activities of its groups, stacks and
//! events of its highly available clusters, probes of the hosts that its nodes tell of.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use smol_str::SmolStr;

use super::session::Session;
use crate::blueprint::Names;
use crate::config::Poll;
use crate::feeds::{Feeds, Settings};
use crate::fleet::{EdgeHost, Offer, PoolId, Scope, Shape, Summary, View, found_hosts};

/// What is wanted now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// The instance types that machines and groups use, by region.
    types: BTreeMap<SmolStr, BTreeSet<SmolStr>>,
    /// The Auto Scaling groups of the fleet's clusters, by scope.
    groups: BTreeMap<Scope, BTreeSet<SmolStr>>,
    /// The highly available clusters by scope, each with the name of its stack.
    stacks: BTreeMap<Scope, BTreeMap<SmolStr, SmolStr>>,
    /// The edge hosts: those that are written down, then those that nodes tell of.
    hosts: Vec<EdgeHost>,
}

impl Wants {
    /// Reads off the fleet what it wants, besides the hosts that are written down.
    pub fn of(view: &View<'_>, listed: &[EdgeHost]) -> Self {
        let mut wants = Self {
            hosts: listed.iter().cloned().chain(found_hosts(view.fleet, listed)).collect(),
            ..Self::default()
        };
        for instance in view.fleet.machines().filter_map(|m| m.instance()) {
            wants.add_type(&instance.scope.region, &instance.instance_type);
        }
        wants.add_pools(view.summary);
        wants.stacks = stacks(view.summary);
        wants
    }

    /// Tells the feeds what the fleet wants, if that has changed since they were told.
    pub fn tell(&mut self, feeds: &Feeds, view: &View<'_>, listed: &[EdgeHost]) {
        let wants = Self::of(view, listed);
        if wants == *self {
            return;
        }
        for (region, types) in &wants.types {
            feeds.want_prices(region, types.iter().cloned());
        }
        feeds.set_hosts(wants.hosts.clone());
        for (scope, groups) in &wants.groups {
            feeds.want_activities(scope, groups.iter().cloned());
        }
        // A scope that has none any longer is told so.
        for scope in wants.stacks.keys().chain(self.stacks.keys()) {
            feeds.want_stacks(scope, wants.stacks.get(scope).cloned().unwrap_or_default());
        }
        *self = wants;
    }

    fn add_type(&mut self, region: &SmolStr, instance_type: &SmolStr) {
        let types = match self.types.get_mut(region) {
            Some(types) => types,
            None => self.types.entry(region.clone()).or_default(),
        };
        if !types.contains(instance_type) {
            types.insert(instance_type.clone());
        }
    }

    fn add_pools(&mut self, summary: &Summary) {
        for pool in summary.pools.values() {
            let Some(scope) = pool.id.scope() else { continue };
            for instance_type in &pool.types {
                self.add_type(&scope.region, instance_type);
            }
            if let PoolId::Asg(scope, name) = &pool.id {
                self.groups.entry(scope.clone()).or_default().insert(name.clone());
            }
        }
    }
}

/// The highly available clusters by scope, each with the name of its stack.
pub fn stacks(summary: &Summary) -> BTreeMap<Scope, BTreeMap<SmolStr, SmolStr>> {
    let mut stacks: BTreeMap<Scope, BTreeMap<SmolStr, SmolStr>> = BTreeMap::new();
    for cluster in summary.clusters.values().filter(|c| c.shape == Shape::Ha) {
        if let Some(home) = &cluster.id.home {
            let stack = Names::new(&cluster.id.name, &home.region).stack();
            let of_scope = stacks.entry(home.clone()).or_default();
            of_scope.insert(cluster.id.name.clone(), stack.into());
        }
    }
    stacks
}

/// The offers that the fleet uses.
pub fn offers(view: &View<'_>) -> Vec<Offer> {
    let wants = Wants::of(view, &[]);
    let of_region = |(region, types): (&SmolStr, &BTreeSet<SmolStr>)| {
        types.iter().map(|t| Offer::new(region, t)).collect::<Vec<_>>()
    };
    wants.types.iter().flat_map(of_region).collect()
}

/// The feeds' settings, as the configuration says. What it does not say is as usual. Simulated prices walk fast, so
/// that an onlooker sees them walk; they are asked for as often as it takes.
pub fn feed_settings(poll: &Poll, session: &Session) -> Settings {
    let usual = Settings::default();
    let or = |told, usual| Duration::try_from(told).unwrap_or(usual);
    Settings {
        aws: or(poll.aws, usual.aws),
        spot_prices: match session.world {
            Some(_) => Duration::from_secs(20),
            None => or(poll.spot_prices, usual.spot_prices),
        },
        kube: or(poll.kube, usual.kube),
        edge: or(poll.edge, usual.edge),
        seed: if session.world.is_some() { 1 } else { usual.seed },
        speed: session.speed,
        ..usual
    }
}
