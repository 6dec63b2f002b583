//! What the scenario's own clusters would have been launched from: their specs, and the launch templates of their pools. So
//! another release reaches new machines in the same way as in clusters that operators launch.

use smol_str::SmolStr;

use super::first_boot::{Settings, settings};
use super::made::{Tagged, Template, Thing, What};
use super::scenario::{ClusterSpec, Shape};
use super::state::{ClusterNo, State};
use crate::blueprint::{Image, Names, Profile, Spec, user_data};
use crate::fleet::{Arch, Purchase, Role, Scope, TAG_CLUSTER, TAG_EXPIRES_AT, TAG_POOL, TAG_ROLE, TAG_SHAPE};
use crate::provider::ResourceKind;

impl State {
    /// The spec of a cluster of the scenario.
    pub(super) fn spec_of(&self, name: &SmolStr, scope: &Scope, tags: &Tagged, of: &ClusterSpec) -> Spec {
        let pools = of.pools.iter().flat_map(|p| &p.types);
        let lone = of.machines.iter().map(|m| &m.instance_type);
        let mut types: Vec<SmolStr> = pools.chain(lone).map(|t| t.get_ref().clone()).collect();
        types.dedup();
        let arch = types
            .first()
            .and_then(|t| self.types.get(t))
            .map_or(Arch::Amd64, |t| t.arch);
        let agents = of.pools.iter().filter(|p| p.role == Role::Agent);
        let on_demand = agents.clone().all(|p| p.on_demand_percent == 100);
        Spec {
            name: name.clone(),
            shape: match of.shape {
                Shape::Quick => crate::fleet::Shape::Quick,
                Shape::Ci => crate::fleet::Shape::Ci,
                Shape::Ha => crate::fleet::Shape::Ha,
            },
            region: scope.region.clone(),
            arch,
            types,
            workers: agents.map(|p| p.desired).sum(),
            purchase: if on_demand { Purchase::OnDemand } else { Purchase::Spot },
            on_demand_fallback: false,
            volume_gib: 20,
            version: of.k3s.clone(),
            image: Image::Ubuntu,
            from: vec![],
            ssh: None,
            network: None,
            profile: Profile::Own,
            expires_at: tags.get(TAG_EXPIRES_AT).and_then(|at| at.parse().ok()),
            ha: None,
        }
    }

    /// Makes the launch templates of a cluster whose machines are launched: one for each role that has a pool.
    pub(super) fn template_pools(&mut self, no: ClusterNo) {
        let Some(cluster) = self.clusters.get(no) else { return };
        let (scope, name, of) = (
            cluster.scope.clone(),
            cluster.name.clone(),
            std::sync::Arc::clone(&cluster.spec),
        );
        let names = Names::new(&name, &scope.region);
        let mut own = self
            .machines
            .values()
            .filter(|m| m.cluster == no && m.role == Role::Server);
        let server = own.next().and_then(|m| m.instance.private_ip);
        for pool in &of.pools {
            let id = names.launch_template(pool.role);
            if self.thing(&scope, ResourceKind::LaunchTemplate, &id).is_some() {
                continue;
            }
            let tags: Tagged = [
                (TAG_CLUSTER, name.as_str()),
                (TAG_SHAPE, of.shape.as_str()),
                ("k3fleet:created-by", &of.created_by),
            ]
            .into_iter()
            .map(|(k, v)| (k.into(), v.into()))
            .collect();
            let spec = self.spec_of(&name, &scope, &tags, &of);
            let script = match (pool.role, server) {
                (Role::Agent, Some(server)) => user_data::agent(&spec, server),
                _ => user_data::server(&spec),
            };
            let group = self.things.iter().find(|(k, t)| {
                k.kind == ResourceKind::SecurityGroup && k.scope == scope && t.tags.get(TAG_CLUSTER) == Some(&name)
            });
            let mut machines = tags.clone();
            machines.insert(TAG_POOL.into(), pool.name.clone());
            machines.insert(TAG_ROLE.into(), pool.role.as_str().into());
            let template = Template {
                image: super::machine::image(self.seed, &scope.region, spec.arch.as_str()),
                group: group.map(|(k, _)| k.id.clone()).unwrap_or_default(),
                profile: Some(names.instance_profile(pool.role).into()),
                key_pair: None,
                tags: machines,
                settings: settings(&script),
                user_data: script,
            };
            let thing = Thing {
                name: None,
                tags,
                what: What::Template(Box::new(template)),
                by_hand: false,
            };
            self.make(&scope, ResourceKind::LaunchTemplate, &id, thing);
        }
    }

    /// The settings by which new machines of a scenario's pool boot.
    pub(super) fn settings_of(&self, no: ClusterNo, role: Role) -> Option<Settings> {
        let cluster = self.clusters.get(no)?;
        let id = Names::new(&cluster.name, &cluster.scope.region).launch_template(role);
        match &self.thing(&cluster.scope, ResourceKind::LaunchTemplate, &id)?.what {
            What::Template(template) => Some(template.settings.clone()),
            _ => None,
        }
    }
}
