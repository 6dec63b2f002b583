//! The groups and Spot Fleets of a stack. Both keep machines by the same rules; a fleet differs in how it is listed.

use serde_json::Value;
use smol_str::{SmolStr, format_smolstr};

use super::super::asg::NewGroup;
use super::super::launch::{Founding, role};
use super::super::made::{Tagged, Template};
use super::super::scaling::Refused;
use super::super::scenario::Shape;
use super::super::state::{ClusterNo, State};
use super::part::{Wanted, listed};
use super::value::text;
use super::{Part, StackNo};
use crate::fleet::{Role, Scope, TAG_CLUSTER, TAG_SHAPE};

/// What a template wants of a group or a fleet.
struct Pool {
    template: SmolStr,
    types: Vec<SmolStr>,
    subnets: Vec<SmolStr>,
    base: u32,
    percent: u32,
    size: [u32; 3],
    tags: Tagged,
    hook: bool,
}

fn number(value: Option<&Value>) -> Option<u32> {
    text(value?).parse().ok()
}

fn said(refused: Refused) -> SmolStr {
    refused.message
}

/// The types of a list of overrides.
fn types(overrides: Option<&Value>) -> Vec<SmolStr> {
    let all = overrides.and_then(Value::as_array).into_iter().flatten();
    all.filter_map(|one| Some(text(one.get("InstanceType")?).into()))
        .collect()
}

impl State {
    /// The name of a launch template of a stack by its id.
    fn template_named(&self, no: StackNo, spec: Option<&Value>) -> SmolStr {
        let id = spec
            .and_then(|s| s.get("LaunchTemplateId"))
            .map(text)
            .unwrap_or_default();
        let parts = self.stacks.get(no).map(|s| &s.parts);
        let own = parts.into_iter().flatten().find(|(_, part)| part.physical == id);
        own.and_then(|(_, part)| Some(text(part.tells.get("Name")?).into()))
            .unwrap_or_default()
    }

    fn group_wanted(&self, no: StackNo, wanted: &Wanted) -> Result<Pool, SmolStr> {
        let of = &wanted.properties;
        let (mixed, launch) = (
            of.pointer("/MixedInstancesPolicy/InstancesDistribution"),
            of.pointer("/MixedInstancesPolicy/LaunchTemplate"),
        );
        let share = |key: &str, usual: u32| number(mixed.and_then(|m| m.get(key))).unwrap_or(usual);
        let size = |key: &str| number(of.get(key));
        let (min, max) = (size("MinSize").unwrap_or(0), size("MaxSize").unwrap_or(0));
        let desired = size("DesiredCapacity").unwrap_or(min);
        if min > max || desired > max {
            return Err("Desired capacity must be between the specified min size and max size".into());
        }
        let mut tags = wanted.tags.clone();
        tags.extend(listed(of.get("Tags")));
        let subnets = of
            .get("VPCZoneIdentifier")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        Ok(Pool {
            template: self.template_named(no, launch.and_then(|l| l.get("LaunchTemplateSpecification"))),
            types: types(launch.and_then(|l| l.get("Overrides"))),
            subnets: subnets.map(|s| text(s).into()).collect(),
            base: share("OnDemandBaseCapacity", 0),
            percent: share("OnDemandPercentageAboveBaseCapacity", 100),
            size: [min, desired, max],
            tags,
            hook: of
                .get("LifecycleHookSpecificationList")
                .and_then(Value::as_array)
                .is_some_and(|l| !l.is_empty()),
        })
    }

    fn fleet_wanted(&self, no: StackNo, wanted: &Wanted) -> Pool {
        let of = wanted
            .properties
            .get("SpotFleetRequestConfigData")
            .unwrap_or(&Value::Null);
        let launch = of.pointer("/LaunchTemplateConfigs/0");
        let overrides = launch.and_then(|l| l.get("Overrides"));
        let subnets = overrides
            .and_then(|o| o.pointer("/0/SubnetId"))
            .map(text)
            .unwrap_or_default();
        let target = number(of.get("TargetCapacity")).unwrap_or(0);
        let mut tags = wanted.tags.clone();
        tags.extend(listed(of.pointer("/TagSpecifications/0/Tags")));
        Pool {
            template: self.template_named(no, launch.and_then(|l| l.get("LaunchTemplateSpecification"))),
            types: types(overrides),
            subnets: subnets.split(',').filter(|s| !s.is_empty()).map(SmolStr::new).collect(),
            base: number(of.get("OnDemandTargetCapacity")).unwrap_or(0),
            percent: 0,
            size: [0, target, u32::MAX],
            tags,
            hook: false,
        }
    }

    pub(super) fn make_stack_group(&mut self, no: StackNo, name: &str, wanted: &Wanted) -> Result<[u32; 3], SmolStr> {
        let pool = self.group_wanted(no, wanted)?;
        self.make_pool(no, name, pool, false)
    }

    pub(super) fn make_fleet(&mut self, no: StackNo, name: &str, wanted: &Wanted) -> Result<[u32; 3], SmolStr> {
        let pool = self.fleet_wanted(no, wanted);
        self.make_pool(no, name, pool, true)
    }

    fn make_pool(&mut self, no: StackNo, name: &str, pool: Pool, fleet: bool) -> Result<[u32; 3], SmolStr> {
        let Some((scope, id)) = self.stacks.get(no).map(|s| (s.scope.clone(), s.id.clone())) else {
            return Ok(pool.size);
        };
        let template = self.template(&scope, &pool.template).map_err(said)?;
        let sites = self.sites(&scope, &pool.subnets).map_err(said)?;
        self.sold(&scope, &pool.types).map_err(said)?;
        self.check_profile(&scope, &template).map_err(said)?;
        if sites.is_empty() {
            return Err(format_smolstr!(
                "At least one Availability Zone or VPC Subnet is required for {name}"
            ));
        }
        let cluster = self.cluster_of_pool(&scope, &pool.tags, &template);
        let size = pool.size;
        let new = NewGroup {
            name: name.into(),
            template: pool.template,
            types: pool.types,
            subnets: pool.subnets,
            base: pool.base,
            percent: pool.percent,
            size,
            tags: pool.tags,
            stack: Some(id),
            hook: pool.hook,
            fleet,
        };
        let group = self.add_group(&scope, cluster, &new, &sites);
        self.reconcile(group);
        Ok(size)
    }

    /// The cluster of a pool; one of which nothing is there yet begins with it.
    fn cluster_of_pool(&mut self, scope: &Scope, tags: &Tagged, template: &Template) -> ClusterNo {
        let name = tags.get(TAG_CLUSTER).cloned().unwrap_or_default();
        let setting = |key: &str| template.settings.get(key).cloned().unwrap_or_default();
        let no = match self.launched_cluster(scope, &name) {
            Some(no) => no,
            None => self.add_launched(Founding {
                scope: scope.clone(),
                name,
                shape: match tags.get(TAG_SHAPE).map(SmolStr::as_str) {
                    Some("quick") => Shape::Quick,
                    Some("ci") => Shape::Ci,
                    _ => Shape::Ha,
                },
                k3s: setting("version"),
                disable: setting("disable"),
                created_by: tags.get("k3fleet:created-by").cloned().unwrap_or_default(),
                expires_at: None,
                external: false,
            }),
        };
        if role(tags) == Role::Server
            && let Some(cluster) = self.clusters.get_mut(no)
        {
            cluster.external = matches!(setting("store").as_str(), "dsn" | "aurora");
        }
        no
    }

    pub(super) fn change_stack_group(
        &mut self,
        no: StackNo,
        part: &Part,
        wanted: &Wanted,
    ) -> Result<[u32; 3], SmolStr> {
        let pool = self.group_wanted(no, wanted)?;
        self.change_pool(no, part, pool)
    }

    pub(super) fn change_fleet(&mut self, no: StackNo, part: &Part, wanted: &Wanted) -> Result<[u32; 3], SmolStr> {
        let pool = self.fleet_wanted(no, wanted);
        self.change_pool(no, part, pool)
    }

    /// Gives a group what its template wants of it now. Sizes that the template has not changed stay as others have set
    /// them; machines that run go on.
    fn change_pool(&mut self, no: StackNo, part: &Part, pool: Pool) -> Result<[u32; 3], SmolStr> {
        let Some(scope) = self.stacks.get(no).map(|s| s.scope.clone()) else {
            return Ok(pool.size);
        };
        let sites = self.sites(&scope, &pool.subnets).map_err(said)?;
        self.sold(&scope, &pool.types).map_err(said)?;
        let named = |g: &super::super::state::Group| g.alive && g.scope == scope && g.name == part.physical;
        let Some(at) = self.groups.iter().rposition(named) else {
            return Err(format_smolstr!(
                "AutoScalingGroup name not found - {} not found",
                part.physical
            ));
        };
        let Some(group) = self.groups.get_mut(at) else {
            return Ok(pool.size);
        };
        group.remake(&pool.types, &sites, [pool.base, pool.percent]);
        group.template = Some(pool.template);
        group.subnets = pool.subnets;
        group.tags = Some(pool.tags);
        let before = part.size.unwrap_or(pool.size);
        let [min, desired, max] = pool.size;
        let [old_min, old_desired, old_max] = before;
        if min != old_min {
            group.min = min;
        }
        if max != old_max {
            group.max = max;
        }
        if desired != old_desired {
            group.desired = desired;
        }
        let wants = group.desired.clamp(group.min, group.max.max(group.min));
        group.desired = wants;
        self.reconcile(at);
        Ok(pool.size)
    }

    /// A group ends its machines, and goes when they are gone.
    pub(in super::super) fn drop_stack_group(&mut self, scope: &Scope, name: &str) {
        let own = |g: &super::super::state::Group| g.alive && g.scope == *scope && g.name == name;
        let Some(no) = self.groups.iter().rposition(own) else {
            return;
        };
        let Some(group) = self.groups.get_mut(no) else { return };
        group.alive = false;
        (group.min, group.max, group.desired) = (0, 0, 0);
        for id in group.members.keys().cloned().collect::<Vec<_>>() {
            self.ended.insert(id.clone());
            self.leave(&id, "User initiated");
        }
    }

    /// The cluster of a stack that is gone: nothing takes its place.
    pub(super) fn end_cluster_of(&mut self, no: StackNo) {
        let Some(stack) = self.stacks.get(no) else { return };
        let groups = self.groups.iter().filter(|g| g.stack.as_ref() == Some(&stack.id));
        let clusters: Vec<_> = groups.map(|g| g.cluster).collect();
        for cluster in clusters {
            if let Some(cluster) = self.clusters.get_mut(cluster) {
                cluster.destroyed = true;
            }
        }
    }
}
