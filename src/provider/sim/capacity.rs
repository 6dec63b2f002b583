//! AWS without capacity: a group's launches fail, are noted as failed, and are tried again until they succeed.

use jiff::SignedDuration;
use smol_str::{SmolStr, format_smolstr};

use super::clock::{later, whole};
use super::state::{Event, GroupNo, State};
use crate::fleet::{Activity, Purchase};

impl State {
    /// There is no capacity for a group's launches for a while.
    pub(super) fn no_capacity(&mut self, group: Option<GroupNo>, lasts: SignedDuration) {
        let until = later(self.now, lasts);
        if let Some(group) = group.and_then(|no| self.groups.get_mut(no)) {
            group.short_until = Some(until);
        }
    }

    /// Whether AWS has no capacity for a group now.
    pub(super) fn is_short(&self, no: GroupNo) -> bool {
        let until = self.groups.get(no).and_then(|g| g.short_until);
        until.is_some_and(|until| self.now < until)
    }

    /// A launch found no capacity. The group tries again by itself.
    pub(super) fn launch_failed(&mut self, no: GroupNo, kind: &str, zone: &str, purchase: Purchase) {
        let id = self.names.uuid(&mut self.rng);
        let now = whole(self.now);
        let Some(group) = self.groups.get_mut(no) else {
            return;
        };
        let why = shortage(kind, zone, purchase);
        group.record(Activity {
            scope: group.scope.clone(),
            id,
            asg: group.name.clone(),
            started_at: now,
            ended_at: Some(now),
            status: "Failed".into(),
            description: format_smolstr!("Launching a new EC2 instance. Status Reason: {why}"),
            message: Some(why),
            progress: 100,
        });
        if !std::mem::replace(&mut group.retries, true) {
            let secs = self.between(20.0, 40.0);
            self.after(secs, Event::Retry(no));
        }
    }

    /// A group that found no capacity tries again.
    pub(super) fn retry(&mut self, no: GroupNo) {
        if let Some(group) = self.groups.get_mut(no) {
            group.retries = false;
            self.reconcile(no);
        }
    }
}

/// Auto Scaling's words.
pub(super) fn shortage(kind: &str, zone: &str, purchase: Purchase) -> SmolStr {
    match purchase {
        Purchase::Spot => "Could not launch Spot Instances. InsufficientInstanceCapacity - There is no Spot capacity \
                           available that matches your request. Launching EC2 instance failed."
            .into(),
        Purchase::OnDemand => format_smolstr!(
            "Could not launch On-Demand Instances. InsufficientInstanceCapacity - We currently do not have sufficient \
             {kind} capacity in the Availability Zone you requested ({zone}). Launching EC2 instance failed."
        ),
    }
}
