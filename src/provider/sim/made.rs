//! What there is at AWS besides machines and groups: roles, security groups, parameters, secrets, launch templates,
//! volumes. Operators make them, and the scenario's own clusters rest on some from the start. Each is known by its kind and
//! id within a scope, and belongs to the cluster that its tags name.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use super::clock::{earlier, whole};
use super::first_boot::Settings;
use super::noise::hash;
use super::parameter::Parameter;
use super::scenario::ClusterSpec;
use super::state::{ClusterNo, State};
use crate::blueprint::Names;
use crate::fleet::{Role, Scope, TAG_CLUSTER, TAG_EXPIRES_AT, TAG_SHAPE};
use crate::provider::{Resource, ResourceKind, TagList};

/// What the key of the tag begins with by which Kubernetes marks what it makes.
pub(super) const OF_KUBERNETES: &str = "kubernetes.io/cluster/";

/// Tags by their keys.
pub(super) type Tagged = BTreeMap<SmolStr, SmolStr>;

/// By what a thing is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct ThingKey {
    pub(super) scope: Scope,
    pub(super) kind: ResourceKind,
    pub(super) id: SmolStr,
}

/// A thing at AWS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Thing {
    /// Its name for people, where that is not its id.
    pub(super) name: Option<SmolStr>,
    pub(super) tags: Tagged,
    pub(super) what: What,
    /// An operator made it.
    pub(super) by_hand: bool,
}

/// What is special about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum What {
    Plain,
    /// A secret, and whether it has its value: a kubeconfig, which is made up anew whenever it is asked for.
    Secret(bool),
    Template(Box<Template>),
    /// A volume, and its size in GiB.
    Volume(u32),
    /// The load balancer of a Service: whether nobody deletes it, and when it goes, once the Service is deleted.
    Balancer {
        stuck: bool,
        ends: Option<Timestamp>,
    },
    /// A security group, and its VPC.
    Group(SmolStr),
}

/// How a launch template has machines launched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Template {
    pub(super) image: SmolStr,
    pub(super) group: SmolStr,
    pub(super) profile: Option<SmolStr>,
    pub(super) key_pair: Option<SmolStr>,
    pub(super) tags: Tagged,
    /// The settings of its user data.
    pub(super) settings: Settings,
    pub(super) user_data: String,
}

/// Tags as an order lists them.
pub(super) fn tagged(tags: &TagList) -> Tagged {
    tags.iter().map(|(k, v)| (k.into(), v.into())).collect()
}

/// The cluster that tags name, and whether it is Kubernetes that says so.
fn owner(tags: &Tagged) -> Option<(&str, bool)> {
    if let Some(name) = tags.get(TAG_CLUSTER) {
        return Some((name, false));
    }
    let mut keys = tags.keys().filter_map(|key| key.strip_prefix(OF_KUBERNETES));
    keys.next().map(|name| (name, true))
}

fn expires_at(tags: &Tagged) -> Option<Timestamp> {
    tags.get(TAG_EXPIRES_AT).and_then(|at| at.parse().ok())
}

fn resource(kind: ResourceKind, id: &SmolStr, name: Option<SmolStr>, tags: &Tagged) -> Option<Resource> {
    let (cluster, of_kubernetes) = owner(tags)?;
    Some(Resource {
        kind,
        id: id.clone(),
        name,
        cluster: cluster.into(),
        expires_at: expires_at(tags),
        of_kubernetes,
        gib: None,
    })
}

impl State {
    /// Makes a thing; one that is there already stays as it is.
    pub(super) fn make(&mut self, scope: &Scope, kind: ResourceKind, id: &str, thing: Thing) {
        self.things.entry(key(scope, kind, id)).or_insert(thing);
    }

    /// A thing, if it is there.
    pub(super) fn thing(&self, scope: &Scope, kind: ResourceKind, id: &str) -> Option<&Thing> {
        self.things.get(&key(scope, kind, id))
    }

    /// The same, to be changed.
    pub(super) fn thing_mut(&mut self, scope: &Scope, kind: ResourceKind, id: &str) -> Option<&mut Thing> {
        self.things.get_mut(&key(scope, kind, id))
    }

    /// The id of the security group with a name in a VPC.
    pub(super) fn group_id(&self, scope: &Scope, vpc: &str, name: &str) -> Option<SmolStr> {
        let here = |what: &What| matches!(what, What::Group(of) if of == vpc);
        let named = |thing: &Thing| thing.name.as_deref() == Some(name) && here(&thing.what);
        let mut groups = self
            .things
            .iter()
            .filter(|(k, _)| k.kind == ResourceKind::SecurityGroup);
        groups
            .find(|(k, t)| k.scope == *scope && named(t))
            .map(|(k, _)| k.id.clone())
    }

    /// Whatever in a scope belongs to a cluster, or to any: in the order of deletion.
    pub(super) fn resources(&self, scope: &Scope, cluster: Option<&str>) -> Vec<Resource> {
        let machines = self
            .machines
            .values()
            .map(|m| &m.instance)
            .filter(|i| i.scope == *scope);
        let machines = machines.filter_map(|i| {
            let tags: Tagged = i.tags.iter().map(|(k, v)| (k.into(), v.into())).collect();
            resource(
                ResourceKind::Instance,
                &i.id.as_str().into(),
                i.tag("Name").map(Into::into),
                &tags,
            )
        });
        let fleets = self.spot_fleets(scope).into_iter().filter_map(|fleet| {
            let tags: Tagged = fleet.tags.iter().map(|(k, v)| (k.into(), v.into())).collect();
            resource(ResourceKind::SpotFleet, &fleet.id, None, &tags)
        });
        let groups = (0..self.groups.len()).filter_map(|no| self.describe_group(no));
        let groups = groups.filter(|g| g.scope == *scope).filter_map(|g| {
            let tags: Tagged = g.tags.iter().map(|(k, v)| (k.into(), v.into())).collect();
            resource(ResourceKind::Asg, &g.name, None, &tags)
        });
        let gone =
            |thing: &Thing| matches!(thing.what, What::Balancer { stuck: false, ends: Some(at) } if at <= self.now);
        let things = self.things.iter().filter(|(k, t)| k.scope == *scope && !gone(t));
        let things = things.filter_map(|(k, thing)| {
            let found = resource(k.kind, &k.id, thing.name.clone(), &thing.tags)?;
            let gib = match thing.what {
                What::Volume(gib) => Some(gib),
                _ => None,
            };
            Some(Resource { gib, ..found })
        });
        let stacks = self.stack_resources(scope).into_iter();
        let all = machines.chain(groups).chain(fleets).chain(things).chain(stacks);
        let mut all: Vec<_> = all.filter(|r| cluster.is_none_or(|name| r.cluster == name)).collect();
        all.sort();
        all
    }

    /// Makes what a cluster of the scenario rests on. Nothing here is drawn: it must not change what happens.
    pub(super) fn underlay(&mut self, no: ClusterNo, founded: bool) {
        let Some(cluster) = self.clusters.get(no) else {
            return;
        };
        let (scope, name, spec) = (
            cluster.scope.clone(),
            cluster.name.clone(),
            std::sync::Arc::clone(&cluster.spec),
        );
        let mut tags: Tagged = [
            (TAG_CLUSTER.into(), name.clone()),
            (TAG_SHAPE.into(), SmolStr::new(spec.shape.as_str())),
            ("k3fleet:created-by".into(), spec.created_by.clone()),
        ]
        .into();
        if let Some(at) = cluster.expires_at {
            tags.insert(TAG_EXPIRES_AT.into(), format_smolstr!("{}", whole(at)));
        }
        let vpc = super::ground::cluster_vpc(self.seed, no);
        let age = if founded { spec.age } else { SignedDuration::ZERO };
        self.underlay_with((&scope, &name), &tags, &spec, vpc, age);
        if founded {
            for volume in &spec.volumes {
                self.claim_in(&scope, &name, &volume.claim, volume.gib);
            }
        }
    }

    fn underlay_with(
        &mut self,
        of: (&Scope, &SmolStr),
        tags: &Tagged,
        spec: &ClusterSpec,
        vpc: SmolStr,
        age: SignedDuration,
    ) {
        let (scope, name) = of;
        let made_at = earlier(self.now, age);
        let names = Names::new(name, &scope.region);
        let thing = |name: Option<String>, what| Thing {
            name: name.map(Into::into),
            tags: tags.clone(),
            what,
            by_hand: false,
        };
        let sg = format!("sg-0{:016x}", hash(self.seed, &["group", &scope.region, name]));
        self.make(
            scope,
            ResourceKind::SecurityGroup,
            &sg,
            thing(Some(names.security_group()), What::Group(vpc)),
        );
        let agents = spec.pools.iter().any(|p| p.role == Role::Agent);
        for role in [Role::Server, Role::Agent].into_iter().take(1 + usize::from(agents)) {
            self.make(scope, ResourceKind::Role, &names.role(role), thing(None, What::Plain));
            let profile = names.instance_profile(role);
            self.make(scope, ResourceKind::InstanceProfile, &profile, thing(None, What::Plain));
        }
        let tokens = [names.server_token(), names.agent_token()];
        let tokens = tokens.into_iter().filter(|_| !spec.others);
        let tokens: Vec<_> = tokens
            .map(|parameter| {
                let value = format!("{:016x}", hash(self.seed, &["token", &scope.region, &parameter]));
                (parameter, value)
            })
            .collect();
        let as_json = serde_json::to_string(&self.spec_of(name, scope, tags, spec)).unwrap_or_default();
        for (parameter, value) in tokens.into_iter().chain([(names.spec(), as_json)]) {
            self.make(scope, ResourceKind::Parameter, &parameter, thing(None, What::Plain));
            let key = self.parameter_key(scope, &parameter);
            let by = user(&key.0, &spec.created_by);
            self.parameters
                .entry(key)
                .or_insert_with(|| Parameter::new(value, whole(made_at), by));
        }
        self.make(
            scope,
            ResourceKind::Secret,
            &names.kubeconfig(),
            thing(None, What::Secret(true)),
        );
    }

    /// What is left of a cluster that ended before the world begins.
    pub(super) fn leave_behind(&mut self, no: ClusterNo, name: &SmolStr, ended: Timestamp) {
        let Some(cluster) = self.clusters.get(no) else {
            return;
        };
        let (scope, like) = (cluster.scope.clone(), std::sync::Arc::clone(&cluster.spec));
        let tags = [
            (TAG_CLUSTER.into(), name.clone()),
            (TAG_SHAPE.into(), SmolStr::new(like.shape.as_str())),
            ("k3fleet:created-by".into(), like.created_by.clone()),
            (TAG_EXPIRES_AT.into(), format_smolstr!("{}", whole(ended))),
        ];
        let vpc = super::ground::cluster_vpc(self.seed, no);
        let age = self.now.duration_since(ended) + like.age;
        self.underlay_with((&scope, name), &tags.into(), &like, vpc, age);
    }
}

/// The ARN of a user.
pub(super) fn user(account: &str, name: &str) -> SmolStr {
    format_smolstr!("arn:aws:iam::{account}:user/{name}")
}

fn key(scope: &Scope, kind: ResourceKind, id: &str) -> ThingKey {
    ThingKey {
        scope: scope.clone(),
        kind,
        id: id.into(),
    }
}
