//! The first boot of a highly available cluster's servers, as its scripts have it: one makes the cluster, which the others
//! join one at a time, and no later one ever makes another. What they go by stands in SSM parameters of the cluster.

use smol_str::{SmolStr, format_smolstr};

use super::super::clock::whole;
use super::super::made::{Tagged, Thing, What, user};
use super::super::parameter::Parameter;
use super::super::state::{Event, State};
use super::Signal;
use crate::fleet::{InstanceId, InstanceState, Readiness, Role, Scope, TAG_CLUSTER};
use crate::provider::ResourceKind;

/// How long a group leaves a server alone that is not healthy yet, in seconds.
const GRACE: f64 = 900.0;
/// How often a server that waits looks again.
const LOOK: f64 = 10.0;
/// After how many looks at a server that is gone the next is elected.
const GONE: u32 = 6;
/// How often the API is asked for before a joining server gives up: twenty minutes.
const ASKS: u32 = 120;
/// For how long a server holds the lock under which servers join, in seconds.
const HOLDS: i64 = 600;

/// What a machine that is to join does now.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) enum Turn {
    /// It is no server of such a cluster: it joins as others do.
    Usual,
    /// It makes the cluster.
    Founds,
    /// It joins.
    Joins,
    /// It waits, and looks again then.
    Waits,
    /// It gives up at this step.
    Fails(SmolStr),
}

impl State {
    /// A parameter that a machine reads or writes.
    fn said(&self, scope: &Scope, name: &str) -> Option<SmolStr> {
        self.newest(scope, name)
    }

    /// A machine writes a parameter of its cluster.
    fn say(&mut self, scope: &Scope, name: &str, value: String, cluster: &str) {
        let key = self.parameter_key(scope, name);
        let (at, by) = (whole(self.now), user(&key.0, "k3fleet-server"));
        match self.parameters.get_mut(&key) {
            Some(there) => {
                there.put(value, at, by);
            }
            None => {
                self.parameters.insert(key, Parameter::new(value, at, by));
            }
        }
        let tags: Tagged = [(TAG_CLUSTER.into(), cluster.into())].into();
        let thing = Thing {
            name: None,
            tags,
            what: What::Plain,
            by_hand: true,
        };
        self.make(scope, ResourceKind::Parameter, name, thing);
    }

    /// What a machine that is to join does now.
    pub(in super::super) fn turn(&mut self, id: &InstanceId) -> Turn {
        let Some(machine) = self.machines.get(id).filter(|m| m.role == Role::Server && !m.joined) else {
            return Turn::Usual;
        };
        let Some(boot) = machine.first_boot.as_ref().filter(|b| !b.setting("first").is_empty()) else {
            return Turn::Usual;
        };
        let (scope, cluster) = (machine.instance.scope.clone(), machine.cluster);
        let initialised: SmolStr = boot.setting("initialised").into();
        let etcd = boot.setting("store") == "etcd";
        let lock: SmolStr = boot.setting("join_lock").into();
        let name: SmolStr = boot.setting("cluster").into();
        if self.said(&scope, &initialised).is_none() {
            return if self.elect(id) { Turn::Founds } else { Turn::Waits };
        }
        if !etcd {
            return Turn::Joins;
        }
        if !self.api_up(cluster) {
            let Some(boot) = self.machines.get_mut(id).and_then(|m| m.first_boot.as_mut()) else {
                return Turn::Usual;
            };
            boot.looks += 1;
            return match boot.looks > ASKS {
                true => Turn::Fails(format_smolstr!(
                    "{name} was made before, but its API did not answer for 20 minutes: 'k3fleet restore {name}' restores \
                     a snapshot"
                )),
                false => Turn::Waits,
            };
        }
        let now = self.now.as_second();
        let held = self.said(&scope, &lock).filter(|lock| {
            let (holder, until) = lock.split_once(' ').unwrap_or((lock, ""));
            let until: i64 = until.parse().unwrap_or(0);
            holder != "free" && holder != id.as_str() && until >= now && until <= now + 900
        });
        if held.is_some() {
            return Turn::Waits;
        }
        self.say(&scope, &lock, format!("{id} {}", now + HOLDS), &name);
        Turn::Joins
    }

    /// Whether a server is the one that makes the cluster.
    fn elect(&mut self, id: &InstanceId) -> bool {
        let Some(machine) = self.machines.get(id) else {
            return false;
        };
        let Some(boot) = machine.first_boot.as_ref() else {
            return false;
        };
        let (scope, generation) = (machine.instance.scope.clone(), boot.generation.max(1));
        let parameter = format!("{}-{generation}", boot.setting("first"));
        let name: SmolStr = boot.setting("cluster").into();
        let Some(holder) = self.said(&scope, &parameter) else {
            self.say(&scope, &parameter, id.to_string(), &name);
            return true;
        };
        if holder == id.as_str() {
            return true;
        }
        let lives = self
            .machines
            .get(&InstanceId::new(&holder))
            .is_some_and(|m| m.instance.state != InstanceState::ShuttingDown);
        let Some(boot) = self.machines.get_mut(id).and_then(|m| m.first_boot.as_mut()) else {
            return false;
        };
        boot.gone = if lives { 0 } else { boot.gone + 1 };
        if boot.gone > GONE {
            boot.generation = generation + 1;
            boot.gone = 0;
        }
        false
    }

    /// How long until a machine that waits looks again.
    pub(in super::super) fn until_turn(&self) -> f64 {
        LOOK
    }

    /// Whether the script of a server comes to its end now; `None` where it is no server of such a cluster.
    pub(in super::super) fn takes_part(&self, id: &InstanceId) -> Option<bool> {
        let machine = self.machines.get(id)?;
        let boot = machine.first_boot.as_ref()?;
        if machine.role != Role::Server || boot.setting("first").is_empty() {
            return None;
        }
        let node = self.clusters.get(machine.cluster)?.nodes.get(&machine.node);
        Some(node.is_some_and(|n| n.node.ready == Readiness::Ready && n.node.etcd_voter != Some(false)))
    }

    /// What a server writes when it takes part: the first how to get in and that the cluster is made, each of the others
    /// that the next may join. The error is the step at which it fails.
    pub(in super::super) fn settle_server(&mut self, id: &InstanceId) -> Result<(), SmolStr> {
        let Some(machine) = self.machines.get(id) else {
            return Ok(());
        };
        let Some(boot) = machine.first_boot.as_ref() else {
            return Ok(());
        };
        let scope = machine.instance.scope.clone();
        let setting = |key: &str| SmolStr::new(boot.setting(key));
        let (initialised, lock, name) = (setting("initialised"), setting("join_lock"), setting("cluster"));
        let secrets = [
            (setting("reaper_secret"), "how the reaper gets in"),
            (setting("secret"), "the kubeconfig"),
        ];
        if self.said(&scope, &initialised).is_none() && self.elect(id) {
            for (secret, what) in secrets {
                match self.thing_mut(&scope, ResourceKind::Secret, &secret) {
                    Some(thing) => thing.what = What::Secret(true),
                    None => return Err(format_smolstr!("writing {what} to the secret {secret}")),
                }
            }
            self.say(&scope, &initialised, id.to_string(), &name);
        }
        let own = |held: &SmolStr| held.split(' ').next() == Some(id.as_str());
        if self.said(&scope, &lock).filter(own).is_some() {
            let free = format!("free {}", self.now.as_second());
            self.say(&scope, &lock, free, &name);
        }
        Ok(())
    }

    /// A server that never takes part fails the health checks of its load balancer: its group replaces it once it has had
    /// its time.
    pub(in super::super) fn never_healthy(&mut self, id: &InstanceId) {
        let of_stack =
            |m: &super::super::state::Machine| m.group.and_then(|no| self.groups.get(no)?.stack.as_ref()).is_some();
        if self
            .machines
            .get(id)
            .is_some_and(|m| m.role == Role::Server && of_stack(m))
        {
            self.after(GRACE, Event::Unhealthy(id.clone()));
        }
    }

    /// A machine tells the stack that waits for it how its first boot ended.
    pub(in super::super) fn signal(&mut self, id: &InstanceId) {
        let Some(boot) = self.machines.get(id).and_then(|m| m.first_boot.as_ref()) else {
            return;
        };
        let handle: SmolStr = boot.setting("signal").into();
        let failed = boot.fails.clone().filter(|_| boot.failed);
        if handle.is_empty() || !(boot.ready || boot.failed) {
            return;
        }
        let listens = |s: &super::SimStack| s.parts.values().any(|part| part.physical == handle);
        let Some(no) = self.stacks.iter().rposition(listens) else {
            return;
        };
        let Some(stack) = self.stacks.get_mut(no) else { return };
        if stack.signals.iter().all(|s| s.from != id.as_str()) {
            stack.signals.push(Signal {
                handle,
                from: id.as_str().into(),
                failed,
            });
            self.stack_moves += 1;
            self.hear_signals(no);
        }
    }
}
