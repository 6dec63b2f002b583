//! What an operator deletes, tags and puts off, and what AWS keeps as long as something uses it.

use jiff::Timestamp;
use smol_str::{SmolStr, format_smolstr};

use super::made::{Tagged, tagged};
use super::scaling::Refused;
use super::state::{Event, State};
use crate::fleet::{FaultKind, InstanceId, InstanceState, Role, Scope, TAG_CLUSTER, TAG_EXPIRES_AT};
use crate::provider::{Resource, ResourceKind, TagList};

impl State {
    /// Deletes a resource. One that is not there is no error.
    pub(super) fn ask_delete(&mut self, scope: &Scope, resource: &Resource) -> Result<(), Refused> {
        let id = &resource.id;
        match resource.kind {
            ResourceKind::Asg => self.delete_group(scope, id),
            ResourceKind::Instance => {
                let id = InstanceId::new(id);
                self.give_up(scope, |s| s.machines.get(&id).map(|m| m.cluster));
                self.ask_end(scope, &id);
            }
            ResourceKind::SpotFleet => self.drop_stack_group(scope, id),
            ResourceKind::Other if resource.bucket().is_some() => self.forget(scope, ResourceKind::Other, id),
            ResourceKind::Stack | ResourceKind::LoadBalancer | ResourceKind::NetworkInterface | ResourceKind::Other => {
                return Err(Refused::new(
                    format_smolstr!("{} is nothing that k3fleet deletes", resource.describe()),
                    "delete it with what made it",
                ));
            }
            kind => {
                if let Some(why) = self.thing(scope, kind, id).and_then(|_| self.in_use(scope, resource)) {
                    return Err(Refused {
                        kind: FaultKind::NotYet,
                        ..Refused::new(why, "delete first what uses it")
                    });
                }
                self.forget(scope, kind, id);
            }
        }
        Ok(())
    }

    /// AWS' words when something still uses a thing.
    fn in_use(&self, scope: &Scope, resource: &Resource) -> Option<SmolStr> {
        let id = &resource.id;
        let of_cluster = |tag: Option<&str>| tag == Some(&*resource.cluster);
        let mut own = self.machines.values().filter(|m| m.instance.scope == *scope);
        let used = own.any(|m| of_cluster(m.instance.tag(TAG_CLUSTER)));
        match resource.kind {
            ResourceKind::SecurityGroup if used => Some(format_smolstr!(
                "DependencyViolation: resource {id} has a dependent object"
            )),
            ResourceKind::Volume if used => Some(format_smolstr!(
                "VolumeInUse: Volume {id} is currently attached to an instance"
            )),
            ResourceKind::Role if self.thing(scope, ResourceKind::InstanceProfile, id).is_some() => {
                Some("DeleteConflict: Cannot delete entity, must remove roles from instance profile first.".into())
            }
            _ => None,
        }
    }

    /// A thing is no more.
    pub(super) fn forget(&mut self, scope: &Scope, kind: ResourceKind, id: &SmolStr) {
        if kind == ResourceKind::Parameter {
            let key = self.parameter_key(scope, id);
            self.parameters.remove(&key);
        }
        let key = super::made::ThingKey {
            scope: scope.clone(),
            kind,
            id: id.clone(),
        };
        self.things.remove(&key);
    }

    fn delete_group(&mut self, scope: &Scope, name: &str) {
        let Ok(no) = self.group_in(scope, name) else {
            return;
        };
        self.give_up(scope, |s| s.groups.get(no).map(|g| g.cluster));
        let Some(group) = self.groups.get_mut(no) else {
            return;
        };
        group.alive = false;
        (group.min, group.max, group.desired) = (0, 0, 0);
        for id in group.members.keys().cloned().collect::<Vec<_>>() {
            self.ask_end(scope, &id);
        }
    }

    /// A cluster whose machines are deleted is being destroyed: nothing takes its place.
    fn give_up(&mut self, scope: &Scope, cluster: impl Fn(&Self) -> Option<usize>) {
        let cluster = cluster(self).and_then(|no| self.clusters.get_mut(no));
        if let Some(cluster) = cluster.filter(|c| c.scope == *scope) {
            cluster.destroyed = true;
        }
    }

    /// Sets tags of a resource. That of its end is what the timer of a server goes by.
    pub(super) fn ask_tag(&mut self, scope: &Scope, resource: &Resource, tags: &TagList) -> Result<(), Refused> {
        let new = tagged(tags);
        let done = match resource.kind {
            ResourceKind::Instance => self.tag_machine(scope, &InstanceId::new(&resource.id), &new),
            ResourceKind::Asg => match self.group_in(scope, &resource.id) {
                Ok(no) => self.tag_group(no, &new),
                Err(_gone) => None,
            },
            kind => {
                let thing = self.thing_mut(scope, kind, &resource.id);
                thing.map(|thing| thing.tags.extend(new))
            }
        };
        done.ok_or_else(|| {
            Refused::new(
                format_smolstr!("InvalidID: The ID '{}' is not valid", resource.id),
                "look the cluster's resources up anew",
            )
        })
    }

    /// Sets tags of an instance; `None` where it is gone.
    pub(super) fn tag_machine(&mut self, scope: &Scope, id: &InstanceId, new: &Tagged) -> Option<()> {
        let machine = self.machines.get_mut(id).filter(|m| m.instance.scope == *scope)?;
        let old = machine
            .instance
            .tags
            .iter()
            .map(|(k, v)| (SmolStr::new(k), SmolStr::new(v)));
        let mut all: Tagged = old.collect();
        all.extend(new.clone());
        machine.instance.tags = all.into_iter().collect();
        let lives = machine.instance.state != InstanceState::ShuttingDown;
        let (no, role) = (machine.cluster, machine.role);
        let until: Option<Timestamp> = new.get(TAG_EXPIRES_AT).and_then(|at| at.parse().ok());
        let cluster = self.clusters.get_mut(no).filter(|c| c.expires_at.is_some());
        if let Some((cluster, until)) = cluster.zip(until).filter(|_| lives && role == Role::Server) {
            cluster.expires_at = Some(until);
            self.at(until, Event::Expire(no));
        }
        Some(())
    }

    fn tag_group(&mut self, no: usize, new: &Tagged) -> Option<()> {
        let group = self.groups.get(no)?;
        let tags = match &group.tags {
            Some(tags) => tags.clone(),
            None => {
                let own = self.cluster_tags(group.cluster, &group.spec.name, group.spec.role);
                own.into_iter().collect()
            }
        };
        let group = self.groups.get_mut(no)?;
        let tags = group.tags.insert(tags);
        tags.extend(new.clone());
        Some(())
    }

    /// Sets when a group ends all its machines.
    pub(super) fn ask_expire(&mut self, scope: &Scope, asg: &str, at: Timestamp) -> Result<(), Refused> {
        let no = self.group_in(scope, asg)?;
        self.end_group_at(no, at);
        Ok(())
    }
}
