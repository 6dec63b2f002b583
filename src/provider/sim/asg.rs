//! Auto Scaling groups that an operator makes over a launch template, and their scheduled ends.

use std::sync::Arc;

use jiff::Timestamp;
use smol_str::SmolStr;
use toml::Spanned;

use super::ground::Site;
use super::launch::role;
use super::made::{Tagged, Template, tagged};
use super::scaling::Refused;
use super::scenario::PoolSpec;
use super::state::{ClusterNo, Event, Group, GroupNo, State};
use crate::fleet::{Purchase, Role, Scope, TAG_POOL};
use crate::provider::AsgOrder;

/// A group that is to be.
pub(super) struct NewGroup {
    pub(super) name: SmolStr,
    pub(super) template: SmolStr,
    pub(super) types: Vec<SmolStr>,
    pub(super) subnets: Vec<SmolStr>,
    /// How many members are bought on-demand first, and how many per cent of those above.
    pub(super) base: u32,
    pub(super) percent: u32,
    /// Fewest, wanted, most.
    pub(super) size: [u32; 3],
    pub(super) tags: Tagged,
    /// The stack that makes it, by its ARN.
    pub(super) stack: Option<SmolStr>,
    /// Whether its members wait before they end.
    pub(super) hook: bool,
    /// Whether it is a Spot Fleet.
    pub(super) fleet: bool,
}

impl NewGroup {
    /// As an operator orders one.
    fn ordered(order: &AsgOrder) -> Self {
        Self {
            name: SmolStr::new(&order.name),
            template: SmolStr::new(&order.template),
            types: order.types.clone(),
            subnets: order.subnets.clone(),
            base: 0,
            percent: if order.purchase == Purchase::OnDemand { 100 } else { 0 },
            size: [0, order.desired, order.max],
            tags: tagged(&order.tags),
            stack: None,
            hook: false,
            fleet: false,
        }
    }
}

fn named(names: impl Iterator<Item = SmolStr>) -> Vec<Spanned<SmolStr>> {
    names.map(|name| Spanned::new(0..0, name)).collect()
}

impl Group {
    /// Gives it other types, places and shares of what is bought on-demand: its base, and the per cent above.
    pub(super) fn remake(&mut self, types: &[SmolStr], sites: &[Site], [base, percent]: [u32; 2]) {
        self.spec = Arc::new(PoolSpec {
            types: named(types.iter().cloned()),
            zones: named(sites.iter().map(|s| s.zone.clone())),
            on_demand_base: base,
            on_demand_percent: percent,
            ..(*self.spec).clone()
        });
    }
}

impl State {
    /// Makes a group, and lets it launch its machines. One that is there already stays as it is.
    pub(super) fn ask_group(&mut self, scope: &Scope, order: &AsgOrder) -> Result<(), Refused> {
        if self.group_in(scope, &order.name).is_ok() {
            return Ok(());
        }
        let template = self.template(scope, &order.template)?;
        let sites = self.sites(scope, &order.subnets)?;
        self.sold(scope, &order.types)?;
        self.check_profile(scope, &template)?;
        if order.desired > order.max {
            return Err(Refused::new(
                "ValidationError: Desired capacity must be between the specified min size and max size",
                "raise the most it may have",
            ));
        }
        let cluster = self.cluster_for(scope, &template, Role::Agent);
        let no = self.add_group(scope, cluster, &NewGroup::ordered(order), &sites);
        self.reconcile(no);
        Ok(())
    }

    /// A group over a launch template; it has no members yet.
    pub(super) fn add_group(&mut self, scope: &Scope, cluster: ClusterNo, new: &NewGroup, sites: &[Site]) -> GroupNo {
        let [min, desired, max] = new.size;
        let spec = PoolSpec {
            name: new.tags.get(TAG_POOL).unwrap_or(&new.name).clone(),
            role: role(&new.tags),
            types: named(new.types.iter().cloned()),
            desired,
            min,
            max,
            on_demand_base: new.base,
            on_demand_percent: new.percent,
            zones: named(sites.iter().map(|s| s.zone.clone())),
        };
        let mut group = Group::new(spec, scope.clone(), cluster);
        group.name = new.name.clone();
        group.tags = Some(new.tags.clone());
        group.template = Some(new.template.clone());
        group.subnets.clone_from(&new.subnets);
        group.stack.clone_from(&new.stack);
        (group.hook, group.fleet) = (new.hook, new.fleet);
        self.groups.push(group);
        self.groups.len() - 1
    }

    /// What a member of a group is launched with, where an operator made the group.
    pub(super) fn member_from(&self, no: GroupNo, zone: &str) -> Option<(Template, Site)> {
        let group = self.groups.get(no)?;
        let template = self.template(&group.scope, group.template.as_deref()?).ok()?;
        let mut sites = group.subnets.iter().filter_map(|id| self.site(&group.scope, id));
        Some((template, sites.find(|s| s.zone == zone)?))
    }

    /// Sets when a group ends all its machines.
    pub(super) fn end_group_at(&mut self, no: GroupNo, at: Timestamp) {
        if let Some(group) = self.groups.get_mut(no) {
            group.ends_at = Some(at);
            self.at(at, Event::EndGroup(no));
        }
    }

    /// The scheduled action of a group: it ends its machines and keeps none.
    pub(super) fn end_group(&mut self, no: GroupNo) {
        let now = self.now;
        // One that was put off meanwhile has its own event.
        let due = |g: &&mut Group| g.ends_at.is_some_and(|at| at <= now);
        if let Some(group) = self.groups.get_mut(no).filter(due) {
            group.ends_at = None;
            (group.min, group.max, group.desired) = (0, 0, 0);
            self.reconcile(no);
        }
    }
}
