//! Auto Scaling groups that an operator makes over a launch template, and their scheduled ends.

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
        let tags = tagged(&order.tags);
        let no = self.add_group(scope, cluster, order, &sites, tags);
        self.reconcile(no);
        Ok(())
    }

    /// A group over a launch template, as it was ordered; it has no members yet.
    pub(super) fn add_group(
        &mut self,
        scope: &Scope,
        cluster: ClusterNo,
        order: &AsgOrder,
        sites: &[Site],
        tags: Tagged,
    ) -> GroupNo {
        let named = |names: &mut dyn Iterator<Item = SmolStr>| names.map(|n| Spanned::new(0..0, n)).collect();
        let spec = PoolSpec {
            name: tags.get(TAG_POOL).cloned().unwrap_or_else(|| SmolStr::new(&order.name)),
            role: role(&tags),
            types: named(&mut order.types.iter().cloned()),
            desired: order.desired,
            min: 0,
            max: order.max,
            on_demand_base: 0,
            on_demand_percent: if order.purchase == Purchase::OnDemand { 100 } else { 0 },
            zones: named(&mut sites.iter().map(|s| s.zone.clone())),
        };
        let mut group = Group::new(spec, scope.clone(), cluster);
        group.name = SmolStr::new(&order.name);
        group.tags = Some(tags);
        group.template = Some(SmolStr::new(&order.template));
        group.subnets.clone_from(&order.subnets);
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
