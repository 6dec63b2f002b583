//! Taking in what scales machines: Auto Scaling groups, their activities, and Spot Fleet requests.

use jiff::Timestamp;
use smol_str::SmolStr;

use super::store::Fleet;
use super::{Activity, Asg, FeedKind, PoolId, Scope, Severity, Source, SpotFleet};

/// How many scaling activities are kept of each group.
const ACTIVITIES: usize = 20;

impl Fleet {
    pub(super) fn apply_asg(&mut self, mut asg: Asg, at: Timestamp) {
        // Sorted, so that a member is found without a walk through all.
        if !asg.members.is_sorted_by(|a, b| a.id <= b.id) {
            asg.members.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        }
        let pool = PoolId::Asg(asg.scope.clone(), asg.name.clone());
        self.count_short(&pool, asg.in_service() < asg.desired as usize, at);
        let old = self.asgs.insert(pool.clone(), asg);
        self.note_members(&pool, old.as_ref());
    }

    pub(super) fn drop_asg(&mut self, scope: Scope, name: SmolStr) {
        let group = (scope, name);
        self.activities.remove(&group);
        let pool = PoolId::Asg(group.0, group.1);
        let old = self.asgs.remove(&pool);
        self.note_members(&pool, old.as_ref());
        self.short_since.remove(&pool);
    }

    pub(super) fn apply_spot_fleet(&mut self, fleet: SpotFleet, at: Timestamp) {
        let pool = PoolId::SpotFleet(fleet.scope.clone(), fleet.id.clone());
        self.count_short(&pool, fleet.fulfilled < fleet.target, at);
        self.spot_fleets.insert(pool, fleet);
    }

    pub(super) fn drop_spot_fleet(&mut self, scope: Scope, id: SmolStr) {
        let pool = PoolId::SpotFleet(scope, id);
        self.spot_fleets.remove(&pool);
        self.short_since.remove(&pool);
    }

    /// Notes at each instance what its group now says of it, where that differs from what the group said before.
    fn note_members(&mut self, pool: &PoolId, old: Option<&Asg>) {
        let new = self.asgs.get(pool);
        let left = old.into_iter().flat_map(|o| &o.members);
        let left = left.filter(|m| new.is_none_or(|n| n.member(&m.id).is_none()));
        let changed = new.into_iter().flat_map(|n| &n.members);
        let changed = changed.filter(|m| old.and_then(|o| o.member(&m.id)) != Some(*m));
        for (member, stays) in left.map(|m| (m, false)).chain(changed.map(|m| (m, true))) {
            if let Some(entry) = self.instances.get_mut(&member.id).filter(|e| e.place.pool == *pool) {
                entry.member = stays.then(|| (member.lifecycle.clone(), member.healthy));
            }
        }
    }

    fn count_short(&mut self, pool: &PoolId, short: bool, at: Timestamp) {
        if short {
            self.short_since.entry(pool.clone()).or_insert(at);
        } else {
            self.short_since.remove(pool);
        }
    }

    pub(super) fn apply_activity(&mut self, activity: Activity, at: Timestamp) {
        let news = self.is_news(FeedKind::Activities, Source::Aws(activity.scope.clone()));
        let kept = self
            .activities
            .entry((activity.scope.clone(), activity.asg.clone()))
            .or_default();
        let place = kept.partition_point(|a| (a.started_at, &a.id) > (activity.started_at, &activity.id));
        let known = kept
            .get(place)
            .filter(|a| a.id == activity.id)
            .map(|a| a.status.clone());
        if known.is_some() {
            kept[place] = activity.clone();
        } else {
            kept.insert(place, activity.clone());
            kept.truncate(ACTIVITIES);
        }
        if news && known.as_ref() != Some(&activity.status) {
            let failed = activity.status == "Failed" || activity.status == "Cancelled";
            let severity = if failed { Severity::Warning } else { Severity::Info };
            let mut text = format!("{}: {} · {}", activity.asg, activity.description, activity.status);
            if let Some(message) = activity.message.filter(|_| failed) {
                text = format!("{text}: {message}");
            }
            self.log.push(at, severity, None, text);
        }
    }
}
