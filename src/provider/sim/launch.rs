//! What an operator launches from a launch template. The cluster that the template's tags name comes to be with its first
//! server.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};
use toml::Spanned;

use super::capacity::shortage;
use super::first_boot::FirstBoot;
use super::ground::Site;
use super::machine::Order;
use super::made::{Tagged, Template, What};
use super::scaling::Refused;
use super::scenario::{ClusterSpec, Hostnames, Shape};
use super::state::{Cluster, ClusterNo, Event, Group, State};
use super::store::Store;
use super::token::Secrets;
use super::workload::system_workloads;
use crate::fleet::{
    ContextId, FaultKind, InstanceId, InstanceState, Purchase, Role, Scope, TAG_CLUSTER, TAG_EXPIRES_AT, TAG_POOL,
    TAG_ROLE, TAG_SHAPE,
};
use crate::provider::{MachineOrder, ResourceKind};

/// What a cluster is that an operator launches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Founding {
    pub(super) scope: Scope,
    pub(super) name: SmolStr,
    pub(super) shape: Shape,
    pub(super) k3s: SmolStr,
    /// What of K3s it does without.
    pub(super) disable: SmolStr,
    pub(super) created_by: SmolStr,
    pub(super) expires_at: Option<Timestamp>,
    /// Its servers keep its state elsewhere than in etcd on themselves.
    #[serde(default)]
    pub(super) external: bool,
}

/// What a scenario has in store for the next launches in a region.
#[derive(Clone, Debug)]
pub(super) enum Snag {
    /// No capacity, of one kind or any, until then.
    Short(Option<Purchase>, Timestamp),
    /// The next server fails at this step of its first boot.
    FailsAt(SmolStr),
    /// The next launch meets a profile that EC2 does not know yet.
    UnknownProfile,
    /// The resource of a stack with this name fails when it is made, changed or deleted next.
    PartFails {
        resource: SmolStr,
        reason: SmolStr,
        deleting: bool,
    },
}

/// What a machine from a template is launched with.
pub(super) struct FromTemplate<'a> {
    pub(super) template: &'a Template,
    pub(super) site: Site,
}

impl State {
    pub(super) fn template(&self, scope: &Scope, name: &str) -> Result<Template, Refused> {
        match self.thing(scope, ResourceKind::LaunchTemplate, name).map(|t| &t.what) {
            Some(What::Template(template)) => Ok((**template).clone()),
            _ => Err(Refused::new(
                format_smolstr!(
                    "InvalidLaunchTemplateName.NotFoundException: there is no launch template named {name}"
                ),
                "check its name, profile and region",
            )),
        }
    }

    pub(super) fn sites(&self, scope: &Scope, subnets: &[SmolStr]) -> Result<Vec<Site>, Refused> {
        let site = |id: &SmolStr| {
            self.site(scope, id).ok_or_else(|| {
                Refused::new(
                    format_smolstr!("InvalidSubnetID.NotFound: The subnet ID '{id}' does not exist"),
                    "choose a subnet of this region",
                )
            })
        };
        subnets.iter().map(site).collect()
    }

    pub(super) fn sold(&self, scope: &Scope, types: &[SmolStr]) -> Result<(), Refused> {
        let sold = |name: &SmolStr| self.types.get(name).is_some_and(|t| t.usd.contains_key(&scope.region));
        match types.iter().find(|name| !sold(name)) {
            None if !types.is_empty() => Ok(()),
            lost => Err(Refused::new(
                format_smolstr!(
                    "InvalidParameterValue: Invalid value '{}' for InstanceType.",
                    lost.map_or("", SmolStr::as_str)
                ),
                "choose a type that is sold in this region",
            )),
        }
    }

    /// Whether EC2 has no capacity in a region for what is bought in this way.
    pub(super) fn region_is_short(&self, region: &str, purchase: Purchase) -> bool {
        let now = self.now;
        self.snags.iter().any(|(at, snag)| {
            *at == region
                && matches!(snag, Snag::Short(of, until) if of.is_none_or(|of| of == purchase) && now < *until)
        })
    }

    /// Takes the first snag of a region that is such a one.
    pub(super) fn snag<T>(&mut self, region: &str, is: impl Fn(&Snag) -> Option<T>) -> Option<T> {
        let place = self
            .snags
            .iter()
            .position(|(at, snag)| *at == region && is(snag).is_some())?;
        let (_, snag) = self.snags.remove(place);
        is(&snag)
    }

    pub(super) fn check_profile(&mut self, scope: &Scope, template: &Template) -> Result<(), Refused> {
        let Some(profile) = &template.profile else {
            return Ok(());
        };
        // Those that operators bring along are not this world's to know.
        let made = |id: &str| self.thing(scope, ResourceKind::InstanceProfile, id).is_some();
        let missing = profile.starts_with("k3fleet-") && !made(profile);
        let late = self.snag(&scope.region, |snag| matches!(snag, Snag::UnknownProfile).then_some(()));
        match missing || late.is_some() {
            false => Ok(()),
            true => Err(Refused {
                kind: FaultKind::NotYet,
                ..Refused::new(
                    format_smolstr!(
                        "InvalidParameterValue: Value ({profile}) for parameter iamInstanceProfile.name is invalid. \
                         Invalid IAM Instance Profile name"
                    ),
                    "EC2 learns of new profiles within seconds",
                )
            }),
        }
    }

    /// Launches one machine from a template. The same token gives the same machine.
    pub(super) fn ask_launch(&mut self, scope: &Scope, order: &MachineOrder) -> Result<InstanceId, Refused> {
        let token = (scope.clone(), SmolStr::new(&order.client_token));
        if let Some(launched) = self.tokens.get(&token) {
            return Ok(launched.clone());
        }
        let template = self.template(scope, &order.template)?;
        let sites = self.sites(scope, &order.subnets)?;
        self.sold(scope, &order.types)?;
        if self
            .thing(scope, ResourceKind::SecurityGroup, &template.group)
            .is_none()
        {
            let group = &template.group;
            return Err(Refused::new(
                format_smolstr!("InvalidGroup.NotFound: The security group '{group}' does not exist"),
                "the launch template names a group that is gone: make the cluster anew",
            ));
        }
        self.check_profile(scope, &template)?;
        let Some((kind, site)) = self.offer(scope, &order.types, &sites, order.purchase) else {
            return Err(Refused::new("MissingParameter: no subnet is named", "name a subnet"));
        };
        if self.region_is_short(&scope.region, order.purchase) {
            let why = shortage(&kind, &site.zone, order.purchase);
            return Err(Refused {
                kind: FaultKind::NoCapacity,
                ..Refused::new(why, "take more types or zones, or buy it on-demand")
            });
        }
        let role = role(&template.tags);
        let cluster = self.cluster_for(scope, &template, role);
        let pool = template.tags.get(TAG_POOL).cloned().unwrap_or_default();
        let zone = site.zone.clone();
        let from = FromTemplate {
            template: &template,
            site,
        };
        let id = self.launch(&Order {
            cluster,
            group: None,
            pool: &pool,
            role,
            instance_type: &kind,
            zone: &zone,
            purchase: order.purchase,
            age: None,
            from: Some(from),
        });
        let Some(launched) = id else {
            return Err(Refused::new("InternalError: nothing was launched", "try again"));
        };
        self.fault_of_boot(&launched);
        self.tokens.insert(token, launched.clone());
        Ok(launched)
    }

    /// The first boot of a server that was just launched fails, where that is in store.
    pub(super) fn fault_of_boot(&mut self, id: &InstanceId) {
        let server = self
            .machines
            .get(id)
            .filter(|m| m.role == Role::Server && m.first_boot.is_some());
        let Some(region) = server.map(|m| m.instance.scope.region.clone()) else {
            return;
        };
        let step = self.snag(&region, |snag| match snag {
            Snag::FailsAt(step) => Some(step.clone()),
            _ => None,
        });
        if let Some(boot) = self.machines.get_mut(id).and_then(|m| m.first_boot.as_mut()) {
            boot.fails = step;
        }
    }

    /// The type and place that a machine gets: on-demand the preferred type, spot where it is cheapest.
    fn offer(&mut self, scope: &Scope, types: &[SmolStr], sites: &[Site], bought: Purchase) -> Option<(SmolStr, Site)> {
        if bought == Purchase::OnDemand {
            let site = self.rng.choice(sites)?.clone();
            return Some((types.first()?.clone(), site));
        }
        let region = self.regions.iter().find(|r| super::build::scope(r) == *scope)?;
        let price = |name: &SmolStr, site: &Site| {
            let zone = region.zones.iter().find(|z| z.name == site.zone)?;
            let prices = self
                .market
                .prices(region, zone, self.types.get(name)?, self.now, self.now);
            prices.last().map(|p| p.usd)
        };
        let all = types.iter().flat_map(|name| sites.iter().map(move |site| (name, site)));
        let all = all.filter_map(|(name, site)| Some((price(name, site)?, name, site)));
        let best = all.min_by(|(a, ..), (b, ..)| a.total_cmp(b))?;
        Some((best.1.clone(), best.2.clone()))
    }

    /// The living cluster with a name in a scope that an operator launched.
    pub(super) fn launched_cluster(&self, scope: &Scope, name: &str) -> Option<ClusterNo> {
        let is = |c: &Cluster| c.launched && !c.destroyed && c.scope == *scope && c.name == name;
        self.clusters.iter().rposition(is)
    }

    /// The cluster for machines from a template: the one that is there, or a new one for its first server.
    pub(super) fn cluster_for(&mut self, scope: &Scope, template: &Template, role: Role) -> ClusterNo {
        let name = template.tags.get(TAG_CLUSTER).cloned().unwrap_or_default();
        let lives = |no: &ClusterNo| {
            let mut own = self
                .machines
                .values()
                .filter(|m| m.cluster == *no && m.role == Role::Server);
            own.any(|m| m.instance.state != InstanceState::ShuttingDown)
        };
        match self
            .launched_cluster(scope, &name)
            .filter(|no| role == Role::Agent || lives(no))
        {
            Some(no) => no,
            None => self.found_from(scope, name, template),
        }
    }

    fn found_from(&mut self, scope: &Scope, name: SmolStr, template: &Template) -> ClusterNo {
        let tag = |key| template.tags.get(key);
        let shape = match tag(TAG_SHAPE).map(SmolStr::as_str) {
            Some("ci") => Shape::Ci,
            Some("ha") => Shape::Ha,
            _ => Shape::Quick,
        };
        let setting = |key| template.settings.get(key).cloned().unwrap_or_default();
        self.add_launched(Founding {
            scope: scope.clone(),
            name,
            shape,
            k3s: setting("version"),
            disable: setting("disable"),
            created_by: tag("k3fleet:created-by").cloned().unwrap_or_default(),
            expires_at: tag(TAG_EXPIRES_AT).and_then(|at| at.parse().ok()),
            external: false,
        })
    }

    /// A cluster that an operator launched; nothing is in it yet.
    pub(super) fn add_launched(&mut self, of: Founding) -> ClusterNo {
        let no = self.clusters.len();
        let spec = ClusterSpec {
            name: of.name,
            context: None,
            shape: of.shape,
            region: Spanned::new(0..0, of.scope.region.clone()),
            k3s: of.k3s,
            behind: None,
            ttl: None,
            age: SignedDuration::ZERO,
            created_by: of.created_by,
            hostnames: Hostnames::ResourceName,
            pods_per_node: 0,
            public: false,
            others: false,
            volumes: Vec::new(),
            pools: Vec::new(),
            machines: Vec::new(),
        };
        self.clusters.push(Cluster {
            context: ContextId::new(&spec.name),
            name: spec.name.clone(),
            spec: Arc::new(spec),
            scope: of.scope,
            expires_at: of.expires_at,
            launched: true,
            destroyed: false,
            nodes: Store::default(),
            pods: Store::default(),
            workloads: system_workloads(&of.disable),
            disable: of.disable,
            external: of.external,
            budgets: Vec::new(),
            pods_made: 0,
            secrets: Secrets::default(),
        });
        if let Some(at) = of.expires_at {
            self.at(at, Event::Expire(no));
        }
        no
    }

    /// K3s on a cluster's first server deploys what it brings along.
    pub(super) fn deploy(&mut self, no: ClusterNo) {
        let Some(cluster) = self
            .clusters
            .get(no)
            .filter(|c| c.launched && c.pods.iter().all(|(_, p)| p.workload.is_none()))
        else {
            return;
        };
        for workload in 0..cluster.workloads.len() {
            self.add_pod(no, workload);
        }
    }
}

/// The role that tags name.
pub(super) fn role(tags: &Tagged) -> Role {
    match tags.get(TAG_ROLE).map(SmolStr::as_str) {
        Some("server") => Role::Server,
        _ => Role::Agent,
    }
}

/// The first boot of a machine from a template.
pub(super) fn first_boot(template: &Template) -> FirstBoot {
    let key = template.settings.get("ssh_key").is_some_and(|key| !key.is_empty());
    FirstBoot::new(template.settings.clone(), key || template.key_pair.is_some(), None)
}

/// The instance that a group's member runs on, and what it is tagged as.
pub(super) fn machine_tags(template: &Template, group: Option<&Group>) -> Vec<(SmolStr, SmolStr)> {
    let own = group.map(|group| match group.fleet {
        true => ("aws:ec2spot:fleet-request-id".into(), group.name.clone()),
        false => ("aws:autoscaling:groupName".into(), group.name.clone()),
    });
    // A group that a stack made hands its tags on; a fleet does not.
    let handed = group.filter(|group| group.stack.is_some() && !group.fleet);
    let handed = handed.and_then(|group| group.tags.as_ref()).into_iter().flatten();
    let mut tags = template.tags.clone();
    tags.extend(handed.map(|(k, v)| (k.clone(), v.clone())));
    tags.into_iter().chain(own).collect()
}
