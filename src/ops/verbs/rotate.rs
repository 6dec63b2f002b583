//! Rotate: a cluster's token is changed, in the order that K3s documents (k3s.io, token rotation): the datastore is saved,
//! the token is changed on one server, each server takes it one after the other, then the agents that hold it in waves, and
//! at the end a join is tried. Machines that were left out are brought after when it is asked for again.

mod kept;

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::super::plan::{Plan, Refusal, Stage};
use super::super::release::Release;
use super::super::request::Request;
use super::super::rotation::{Datastore, Holder, Rotation, Which};
use super::super::step::{KubeStep, Reach, Step};
use super::super::{cost, guard};
use super::restarting;
use crate::blueprint::machine::Task;
use crate::fleet::{Fleet, Machine, NodeKey, Role};
use crate::provider::Marks;
use kept::Token;

/// The releases from which on `k3s token rotate` is there: minor and patch (K3s release notes).
const ROTATES: [(u32, u32); 4] = [(28, 2), (27, 7), (26, 10), (25, 15)];
/// The annotation of nodes whose machines still go by a token that their cluster has given up.
const OLD_TOKEN: &str = "k3fleet.dev/old-token";

/// What a machine has to do with the token that changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// It holds the version that the cluster goes by.
    Current,
    /// It holds another version.
    Old,
    /// It holds a token that nobody knows.
    Unknown,
    /// It does not hold this token.
    None,
    /// It does not answer.
    Unreached,
}

/// A machine, what it told, and how it is reached.
struct Told<'a> {
    holder: &'a Holder,
    machine: Option<Machine<'a>>,
    uses: Use,
}

impl Told<'_> {
    fn reach(&self) -> Option<&Reach> {
        self.holder.reach.as_ref()
    }

    /// Whether its node says that it still goes by the old token of this kind.
    fn is_marked(&self, kind: Role) -> bool {
        let node = self.machine.as_ref().and_then(Machine::node);
        node.is_some_and(|n| n.old_token == Some(kind))
    }
}

pub(in crate::ops) fn plan(
    fleet: &Fleet,
    request: &Request,
    rotation: &Rotation,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    can_change(rotation)?;
    let kind = rotation.kind.as_str();
    let told: Vec<_> = rotation.machines.iter().map(|h| told(fleet, rotation, h)).collect();
    let (servers, agents): (Vec<_>, Vec<_>) = told.into_iter().partition(|t| t.holder.role == Role::Server);
    let reached = judge_servers(rotation, &servers)?;
    let first = reached.first().copied().ok_or_else(|| no_server(rotation))?;
    let token = Token::of(rotation)?;
    let behind: Vec<_> = servers
        .iter()
        .filter(|t| t.uses != Use::Current || rotation.under_way)
        .collect();
    let stragglers: Vec<_> = agents.iter().filter(|t| t.uses == Use::Old).collect();
    let well_again = |t: &&Told<'_>| t.uses != Use::Unreached && t.is_marked(rotation.kind);
    let marked: Vec<_> = agents.iter().filter(well_again).collect();
    // Servers take a new token only after the cluster has: where some have, the rest follows.
    let begun = rotation.under_way || (!behind.is_empty() && behind.len() < servers.len());
    let goes_on = begun || (behind.is_empty() && !(stragglers.is_empty() && marked.is_empty()));
    let left: Vec<_> = agents.iter().filter(|t| t.uses == Use::Unreached).collect();
    may_leave(rotation, &left, goes_on)?;
    let changing: Vec<_> = match goes_on {
        true => stragglers,
        false => agents
            .iter()
            .filter(|t| matches!(t.uses, Use::Current | Use::Old))
            .collect(),
    };
    let placing: Vec<_> = match goes_on {
        true => behind,
        false => servers.iter().collect(),
    };
    token.reaches(servers.iter().chain(changing.iter().copied()))?;
    let mut warnings = vec![];
    for server in &placing {
        let machine = server.machine.as_ref();
        let restart = machine.map_or(Ok(None), |m| guard::restart(fleet, &rotation.cluster, m, now))?;
        warnings.extend(restart);
    }
    warnings.extend(remarks(rotation, &agents, &left, goes_on));
    let all: Vec<_> = servers.iter().chain(&agents).collect();
    warnings.extend(token.remarks(&all, goes_on));
    let mut stages = match goes_on {
        true if placing.is_empty() && changing.is_empty() => vec![],
        true => token.taken().into_iter().collect(),
        false => token.made(&reached, now),
    };
    for server in &placing {
        stages.extend(takes(rotation.kind, &[*server]));
    }
    let leave = left.iter().filter(|t| !t.is_marked(rotation.kind));
    Stage::push(
        &mut stages,
        "mark who is left",
        leave.filter_map(|t| mark(t, Some(rotation.kind))),
    );
    for wave in changing.chunks(rotation.wave.max(1)) {
        stages.extend(takes(rotation.kind, wave));
        let done = wave.iter().filter(|t| t.is_marked(rotation.kind));
        Stage::push(&mut stages, "unmark", done.filter_map(|t| mark(t, None)));
    }
    let names: BTreeSet<_> = changing.iter().map(|t| &t.holder.machine).collect();
    let rest = marked.iter().filter(|t| !names.contains(&t.holder.machine));
    Stage::push(&mut stages, "unmark", rest.filter_map(|t| mark(t, None)));
    if !(placing.is_empty() && changing.is_empty()) {
        let prove = Step::Machine(first.clone(), Task::Handshake { kind: rotation.kind });
        stages.push(stage("prove", prove));
        Stage::push(&mut stages, "forget what kept it", token.dropped(&reached));
    }
    let verb = if goes_on { "finish changing" } else { "change" };
    Ok(Plan {
        request: request.clone(),
        title: format!("{verb} the {kind} token of {}", rotation.cluster),
        stages,
        cost: cost::same(fleet, &rotation.cluster),
        bill: None,
        warnings,
        cluster: rotation.cluster.clone(),
        confirm: None,
    })
}

fn stage(title: &str, step: Step) -> Stage {
    Stage {
        title: title.to_owned(),
        steps: vec![step],
        whatever: false,
        passing: vec![],
    }
}

/// Refuses K3s that cannot change its server token.
fn can_change(rotation: &Rotation) -> Result<(), Refusal> {
    if rotation.kind == Role::Agent {
        return Ok(());
    }
    let release = Release::parse(&rotation.version);
    if release.as_ref().is_some_and(|release| release.has(&ROTATES)) {
        return Ok(());
    }
    let why = match release {
        Some(_) => format!("K3s {} cannot change its server token", rotation.version),
        None => format!("{:?}, which the servers run, is no release of K3s", rotation.version),
    };
    let lift = "upgrade it first: v1.28.2+k3s1 can, and v1.27.7, v1.26.10 and v1.25.15";
    Err(Refusal::new("release", why, lift))
}

fn told<'a>(fleet: &'a Fleet, rotation: &Rotation, holder: &'a Holder) -> Told<'a> {
    let wants = |held: &&super::super::rotation::Held| match holder.role {
        // A server keeps both tokens; an agent one, whichever it is.
        Role::Server => held.kind == rotation.kind,
        Role::Agent => true,
    };
    let uses = match &holder.holds {
        Err(_) => Use::Unreached,
        Ok(_) if holder.reach.is_none() => Use::Unreached,
        Ok(held) => {
            let mut uses = Use::None;
            for held in held.iter().filter(wants) {
                uses = match &held.which {
                    Which::Version(kind, version) if *kind == rotation.kind => match Some(*version) == rotation.from {
                        true => Use::Current,
                        false => Use::Old,
                    },
                    // Agents that use the token of servers are given one of their own.
                    Which::Version(..) if holder.role == Role::Server => Use::Old,
                    Which::Version(..) | Which::Bootstrap(_) => continue,
                    Which::Unknown => Use::Unknown,
                };
                break;
            }
            uses
        }
    };
    Told {
        holder,
        machine: fleet.machine(&holder.machine),
        uses,
    }
}

/// Refuses where a server does not answer, or goes by a token that nobody knows; gives the servers, the one that does the
/// work first.
fn judge_servers<'a>(rotation: &Rotation, servers: &'a [Told<'_>]) -> Result<Vec<&'a Reach>, Refusal> {
    let kind = rotation.kind.as_str();
    let cluster = &rotation.cluster;
    for server in servers {
        let name = &server.holder.name;
        match server.uses {
            Use::Unreached => {
                let why = match &server.holder.holds {
                    Err(why) => format!("the server {name} is not reached: {why}"),
                    Ok(_) => format!("nothing reaches the server {name}"),
                };
                let lift = "bring it back first: a server that misses the new token does not start again";
                return Err(Refusal::new("server-unreached", why, lift));
            }
            Use::None if rotation.kind == Role::Agent => {
                let why = format!(
                    "the server {name} has no agent token of its own: agents join {cluster} by its server token"
                );
                return Err(Refusal::new("no-agent-token", why, "change the server token"));
            }
            Use::None | Use::Unknown => {
                let why = match &rotation.parameter {
                    Some(parameter) => {
                        format!("the server {name} goes by a {kind} token that is no version of {parameter}")
                    }
                    None => format!(
                        "the {kind} token of the server {name} is in no SSM parameter that is read from here, and is not \
                         that of all servers"
                    ),
                };
                let lift = format!("see which token it is configured with: k3fleet tokens list {cluster}");
                return Err(Refusal::new("token-not-kept", why, lift));
            }
            Use::Current | Use::Old => {}
        }
    }
    Ok(servers.iter().filter_map(Told::reach).collect())
}

fn no_server(rotation: &Rotation) -> Refusal {
    let why = format!("no server of {} is known", rotation.cluster);
    Refusal::new("no-server", why, "name its kube context with --context")
}

/// Refuses to leave machines behind unless that is told; those that were left before stay so without a word.
fn may_leave(rotation: &Rotation, left: &[&Told<'_>], goes_on: bool) -> Result<(), Refusal> {
    let known = |t: &&&Told<'_>| goes_on && t.is_marked(rotation.kind);
    let new: Vec<_> = left.iter().filter(|t| !known(t)).collect();
    if rotation.leave_unreached || new.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = new.iter().map(|t| t.holder.name.as_str()).collect();
    let why = format!("{} cannot be reached, and would keep the old token", names.join(", "));
    let lift = "bring them back, or leave them with --leave-unreached and finish when they are back";
    Err(Refusal::new("unreached", why, lift))
}

/// Machines take the token, restart their K3s with it, and are ready again.
fn takes(kind: Role, machines: &[&Told<'_>]) -> Vec<Stage> {
    let each = |task: Task| {
        let reached = machines.iter().filter_map(|t| t.reach());
        reached.map(move |reach| Step::Machine(reach.clone(), task.clone()))
    };
    let mut stages = vec![];
    Stage::push(&mut stages, "write the token", each(Task::PlaceToken { kind }));
    Stage::push(&mut stages, "restart K3s", each(Task::Restart));
    let up = machines
        .iter()
        .filter_map(|t| restarting::up(t.machine.as_ref()?, None));
    Stage::push(&mut stages, "be ready", up);
    stages
}

/// Writes on a node that its machine goes by an old token, or takes that away.
fn mark(told: &Told<'_>, kind: Option<Role>) -> Option<Step> {
    let node: NodeKey = told.holder.node.clone()?;
    let marks = Marks {
        labels: vec![],
        annotations: vec![(OLD_TOKEN.into(), kind.map(|kind| kind.as_str().into()))],
    };
    Some(Step::Kube(node, KubeStep::Mark(marks)))
}

fn remarks(rotation: &Rotation, agents: &[Told<'_>], left: &[&Told<'_>], goes_on: bool) -> Vec<String> {
    let kind = rotation.kind.as_str();
    let mut remarks = vec![];
    match rotation.datastore {
        _ if goes_on => {}
        Some(Datastore::External) => remarks.push(
            "its datastore is elsewhere and is not saved from here: back it up first, and keep the old token with the backup"
                .to_owned(),
        ),
        Some(Datastore::Sqlite) => {
            remarks.push("the API does not answer while the datastore is copied".to_owned());
        }
        Some(Datastore::Etcd) | None => {}
    }
    for told in left {
        let why = told
            .holder
            .holds
            .as_ref()
            .err()
            .map_or("nothing reaches it", |why| why.as_str());
        remarks.push(format!(
            "{} keeps the old {kind} token ({why}): change it again when it is back, which finishes it",
            told.holder.name
        ));
    }
    for told in agents.iter().filter(|t| t.uses == Use::Unknown) {
        remarks.push(format!(
            "{} goes by a token that is not known, and stays so: it cannot join again with it",
            told.holder.name
        ));
    }
    remarks
}
