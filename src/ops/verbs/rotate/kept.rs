//! Where a cluster's token is kept, and what that means for changing it. One that is in an SSM parameter gets another
//! version there, which machines at AWS read by themselves. One that is in none is kept by the servers: the new one is
//! written to a file of each of them before the cluster goes by it, so that it outlives whoever changes it and any one of
//! the servers, and is handed from there to the other machines over SSH.

use jiff::Timestamp;
use smol_str::SmolStr;

use super::super::super::guard;
use super::super::super::plan::{Refusal, Stage};
use super::super::super::rotation::{Datastore, Rotation};
use super::super::super::step::{CloudStep, Reach, Step};
use super::{Told, stage};
use crate::blueprint::machine::Task;
use crate::fleet::{Role, Scope};

/// What is changed, and where it is kept.
pub(super) struct Token<'a> {
    rotation: &'a Rotation,
    from: u64,
    place: Place<'a>,
}

enum Place<'a> {
    Parameter(&'a Scope, &'a SmolStr),
    Servers,
}

impl<'a> Token<'a> {
    /// Refuses what nobody knows.
    pub(super) fn of(rotation: &'a Rotation) -> Result<Self, Refusal> {
        let kind = rotation.kind.as_str();
        let cluster = &rotation.cluster;
        let (from, place) = match (&rotation.parameter, rotation.from) {
            (Some(parameter), Some(from)) => (from, Place::Parameter(guard::home(cluster)?, parameter)),
            (None, Some(from)) => (from, Place::Servers),
            (Some(parameter), None) => {
                let why = format!("the {kind} token that the servers go by is no version of {parameter}");
                let lift = format!("put the token that they go by into {parameter}, or delete it if nothing reads it");
                return Err(Refusal::new("token-not-kept", why, lift));
            }
            (None, None) => {
                let why = format!("which {kind} token {cluster} goes by is not known");
                let lift = format!("k3fleet tokens list {cluster} tells what could not be asked");
                return Err(Refusal::new("token-not-kept", why, lift));
            }
        };
        Ok(Self { rotation, from, place })
    }

    /// Refuses machines that a token of no parameter cannot be handed to: what goes through Run Command stays in its
    /// history.
    pub(super) fn reaches<'b>(&self, machines: impl Iterator<Item = &'b Told<'b>>) -> Result<(), Refusal> {
        let Place::Servers = self.place else { return Ok(()) };
        let others = machines.filter(|t| matches!(t.reach(), Some(Reach::Instance(..))));
        let names: Vec<_> = others.map(|t| t.holder.name.as_str()).collect();
        if names.is_empty() {
            return Ok(());
        }
        let (kind, cluster) = (self.rotation.kind.as_str(), &self.rotation.cluster.name);
        let why = format!(
            "the {kind} token is in no SSM parameter, and AWS would keep it in the history of Run Command, which alone \
             reaches {}",
            names.join(", ")
        );
        let lift = format!(
            "write them down as hosts that are reached over SSH (k3fleet hosts add), or keep the token in the parameter \
             /k3fleet/{cluster}/{kind}-token and let their role read it"
        );
        Err(Refusal::new("not-over-ssh", why, lift))
    }

    /// What makes another token, and makes it the cluster's.
    pub(super) fn made(&self, servers: &[&Reach], now: Timestamp) -> Vec<Stage> {
        let kind = self.rotation.kind;
        let Some((first, others)) = servers.split_first() else {
            return vec![];
        };
        let first = *first;
        let mut stages = vec![];
        if self.rotation.datastore != Some(Datastore::External) {
            let name = now.strftime("k3fleet-token-%Y%m%dT%H%M%S").to_string().into();
            stages.push(stage(
                "save the datastore",
                Step::Machine(first.clone(), Task::Snapshot { name }),
            ));
        }
        match self.place {
            Place::Parameter(scope, parameter) => {
                let new = CloudStep::NewToken {
                    kind,
                    parameter: parameter.clone(),
                    from: self.from,
                };
                stages.push(stage("make the token", Step::Cloud(scope.clone(), new)));
            }
            Place::Servers => {
                let when: SmolStr = now.strftime("%Y%m%dT%H%M%S").to_string().into();
                let keep = |reach: &Reach, stays| {
                    let when = when.clone();
                    Step::Machine(reach.clone(), Task::KeepToken { kind, when, stays })
                };
                stages.push(stage("make the token", keep(first, true)));
                Stage::push(
                    &mut stages,
                    "keep it on every server",
                    others.iter().map(|reach| keep(reach, false)),
                );
            }
        }
        if kind == Role::Server {
            stages.push(stage(
                "change the token",
                Step::Machine(first.clone(), Task::RotateToken),
            ));
        }
        stages
    }

    /// What takes the token that the cluster goes by already.
    pub(super) fn taken(&self) -> Option<Stage> {
        let Place::Parameter(scope, parameter) = self.place else {
            return None;
        };
        let step = CloudStep::UseToken {
            kind: self.rotation.kind,
            parameter: parameter.clone(),
            version: self.from,
        };
        Some(stage("take the token", Step::Cloud(scope.clone(), step)))
    }

    /// What takes away the files that kept it for those who had not taken it yet.
    pub(super) fn dropped(&self, servers: &[&Reach]) -> Vec<Step> {
        let kind = self.rotation.kind;
        match self.place {
            Place::Parameter(..) => vec![],
            Place::Servers => {
                let each = servers.iter().map(|reach| (*reach).clone());
                each.map(|reach| Step::Machine(reach, Task::DropToken { kind }))
                    .collect()
            }
        }
    }

    /// What people should know of a token that is in no parameter.
    pub(super) fn remarks(&self, all: &[&Told<'_>], goes_on: bool) -> Vec<String> {
        let Place::Servers = self.place else { return vec![] };
        let kind = self.rotation.kind.as_str();
        let mut remarks = vec![];
        if !goes_on {
            remarks.push(format!(
                "the old {kind} token stays on each server, as server/k3fleet-old-{kind}-token-… in the data directory of \
                 K3s: snapshots of its time need it"
            ));
        }
        let at_aws = |t: &&&Told<'_>| t.machine.as_ref().is_some_and(|m| m.instance().is_some());
        if all.iter().any(|t| at_aws(&t)) {
            remarks.push(format!(
                "what launches its EC2 machines has the {kind} token from elsewhere: new ones that hold the old one do not \
                 join until it is changed there too (the user data of launch templates)"
            ));
        }
        remarks
    }
}
