//! Restore: a cluster's etcd goes back to a snapshot. One server is restored and is its only member then; the others put
//! their state aside and join it one after the other, and agents are restarted at last (K3s documentation, etcd-snapshot).
//! What keeps servers in number is held meanwhile, or it would end them while K3s is stopped.

use jiff::{SignedDuration, Timestamp};
use smol_str::{SmolStr, format_smolstr};

use super::super::condition::Condition;
use super::super::plan::{Plan, Refusal, Stage};
use super::super::request::Request;
use super::super::restoring::Restore;
use super::super::step::{CloudStep, Reach, Step};
use super::super::{cost, guard};
use super::restarting;
use crate::blueprint::machine::Task;
use crate::fleet::{Fleet, InstanceState, Machine, MachineState, Role};

/// What a group does of itself to servers that do not answer its load balancer.
const HELD: [&str; 2] = ["HealthCheck", "ReplaceUnhealthy"];
/// How many agents restart at once.
const WAVE: usize = 10;
/// How long a node may take to be ready again.
const READY: SignedDuration = SignedDuration::from_mins(10);

pub(in crate::ops) fn plan(
    fleet: &Fleet,
    request: &Request,
    restore: &Restore,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let cluster = &restore.cluster;
    let own: Vec<Machine<'_>> = fleet.machines().filter(|m| m.belongs_to(cluster)).collect();
    let living = |m: &&Machine<'_>| {
        let instance = m.instance().map(|i| i.state);
        instance.is_none_or(|s| matches!(s, InstanceState::Running | InstanceState::Pending))
            && m.state(now) != MachineState::Ghost
    };
    let of = |role: Role| {
        own.iter()
            .filter(living)
            .filter(move |m| m.role() == Some(role))
            .copied()
    };
    let mut servers: Vec<_> = of(Role::Server).collect();
    servers.sort_by_key(|m| (m.since(), m.id()));
    judge(restore, &servers)?;
    let chosen = chosen(restore, &servers)?;
    let others: Vec<_> = servers.iter().filter(|m| m.id() != chosen.id()).collect();
    let mut reaches: Vec<(Reach, &Machine<'_>)> = vec![];
    for server in &servers {
        // One that goes on by itself would keep what was before.
        let reach = guard::reached(server, now).map_err(|refusal| Refusal {
            lift: format!("{}; or end it: while it is there it has to be stopped", refusal.lift),
            ..refusal
        })?;
        reaches.push((reach, server));
    }
    let reach = |m: &Machine<'_>| guard::reached(m, now).ok();
    let mut warnings = warnings(restore, now);
    let mut stages = vec![];
    let look = reaches.iter().map(|(reach, m)| {
        let task = match m.id() == chosen.id() {
            true => Task::Restorable {
                snapshot: restore.snapshot.clone(),
                s3: restore.s3,
            },
            false => Task::Joinable,
        };
        Step::Machine(reach.clone(), task)
    });
    Stage::push(&mut stages, "look", look);
    let held = held(fleet, &servers);
    Stage::push(&mut stages, "hold the servers' groups", hold(&held, true));
    match saves(&servers, now) {
        Some(server) => {
            let name = format_smolstr!("k3fleet-before-restore-{}", restore.when);
            let save = reach(server).map(|reach| Step::Machine(reach, Task::Snapshot { name }));
            Stage::push(&mut stages, "save the present state", save);
        }
        None => warnings.push(
            "too few servers are well for etcd to answer: the present state is not saved as a snapshot, but kept beside the restored one"
                .to_owned(),
        ),
    }
    let stop = reaches
        .iter()
        .map(|(reach, _)| Step::Machine(reach.clone(), Task::Stop));
    Stage::push(&mut stages, "stop the servers", stop);
    let task = Task::Restore {
        snapshot: restore.snapshot.clone(),
        s3: restore.s3,
        when: restore.when.clone(),
    };
    Stage::push(&mut stages, "restore", reach(&chosen).map(|r| Step::Machine(r, task)));
    Stage::push(
        &mut stages,
        "start the restored server",
        reach(&chosen).map(|r| Step::Machine(r, Task::Restart)),
    );
    Stage::push(&mut stages, "be ready", ready(&chosen));
    for other in others {
        let when = restore.when.clone();
        let join = reach(other).map(|r| Step::Machine(r, Task::Rejoin { when }));
        Stage::push(&mut stages, "join again", join);
        Stage::push(&mut stages, "be ready", ready(other));
    }
    let agents: Vec<_> = of(Role::Agent).filter(|m| m.node().is_some()).collect();
    let (met, missed): (Vec<_>, Vec<_>) = agents.into_iter().partition(|m| reach(m).is_some());
    for missed in missed {
        warnings.push(format!(
            "{} is not reached: where it joined after the snapshot its K3s has to be restarted by hand",
            missed.name()
        ));
    }
    for wave in met.chunks(WAVE) {
        let restart = wave
            .iter()
            .filter_map(|m| Some(Step::Machine(reach(m)?, Task::Restart)));
        Stage::push(&mut stages, "agents", restart);
        Stage::push(
            &mut stages,
            "be ready",
            wave.iter().filter_map(|m| restarting::up(m, None)),
        );
    }
    release(&mut stages, &held);
    Ok(Plan {
        request: request.clone(),
        title: format!("restore {cluster} on {} from {}", chosen.name(), restore.snapshot),
        stages,
        cost: cost::same(fleet, cluster),
        bill: None,
        warnings,
        cluster: cluster.clone(),
        confirm: Some(cluster.name.to_string()),
    })
}

/// Refuses where there is nothing that can be restored.
fn judge(restore: &Restore, servers: &[Machine<'_>]) -> Result<(), Refusal> {
    let cluster = &restore.cluster;
    if servers.is_empty() {
        return Err(Refusal::new(
            "no-server",
            format!("no server of {cluster} is seen"),
            "name its profile and region with --profile and --region",
        ));
    }
    let mut nodes = servers.iter().filter_map(|m| m.node()).peekable();
    if nodes.peek().is_some() && nodes.all(|n| n.etcd_voter.is_none()) {
        return Err(Refusal::new(
            "no-etcd",
            format!("no server of {cluster} is a member of etcd"),
            "a database of its own has backups of its own; a lone server's SQLite is copied back by hand, with K3s stopped",
        ));
    }
    match (restore.made_at, restore.token_since) {
        (Some(made_at), Some(since)) if made_at < since => Err(Refusal::new(
            "token-changed",
            format!("the snapshot is of {made_at}, and the cluster has had its server token since {since}"),
            "take a snapshot that is newer than the token: K3s opens an older one with the token of its time alone",
        )),
        _ => Ok(()),
    }
}

/// The server that is restored.
fn chosen<'a>(restore: &Restore, servers: &[Machine<'a>]) -> Result<Machine<'a>, Refusal> {
    let found = match &restore.on {
        Some(id) => servers.iter().find(|m| m.id() == *id),
        None => servers.first(),
    };
    found.copied().ok_or_else(|| {
        let cluster = &restore.cluster;
        let why = match &restore.on {
            Some(id) => format!("{id} is no server of {cluster} that is there"),
            None => format!("no server of {cluster} is seen"),
        };
        Refusal::new("no-server", why, "name one with --on, or take a snapshot that is in S3")
    })
}

/// The server that saves the present state: a member of etcd that is well.
fn saves<'m, 'a>(servers: &'m [Machine<'a>], now: Timestamp) -> Option<&'m Machine<'a>> {
    let well = |m: &&Machine<'_>| matches!(m.state(now), MachineState::Ready | MachineState::Cordoned);
    let votes = |m: &&Machine<'_>| m.node().and_then(|n| n.etcd_voter) == Some(true);
    // Without a quorum etcd saves nothing.
    let fit = servers.iter().filter(well).filter(votes).count();
    let members = servers
        .iter()
        .filter(|m| m.node().is_some_and(|n| n.etcd_voter.is_some()));
    (fit > members.count() / 2)
        .then(|| servers.iter().filter(well).find(votes))
        .flatten()
}

fn warnings(restore: &Restore, now: Timestamp) -> Vec<String> {
    let since = match restore.made_at {
        Some(at) => {
            let hours = now.duration_since(at).as_hours();
            format!("since {at}, {hours} h ago,")
        }
        None => "since the snapshot was taken".to_owned(),
    };
    vec![
        format!(
            "all that was changed in the cluster {since} is lost: deployments, secrets, volume claims, bootstrap tokens, nodes \
             that joined or were cordoned"
        ),
        "volumes are no part of a snapshot: what pods have written stays, and claims that were deleted since come back \
         without what they held"
            .to_owned(),
        "the API does not answer from the stop of the servers on until one is restored; pods run on meanwhile".to_owned(),
        "where it fails half-way, mend what it says and resume it: do not start K3s on the other servers by hand".to_owned(),
    ]
}

/// Waits until the node of a server is ready and votes, where its node is known.
fn ready(machine: &Machine<'_>) -> Option<Step> {
    let condition = Condition::NodeUp {
        node: machine.node()?.key.clone(),
        version: None,
        voter: true,
    };
    Some(Step::Wait(condition, READY))
}

/// A group that holds servers, and what it has to be kept from; what is suspended already stays so.
type Held = (crate::fleet::Scope, SmolStr, Vec<SmolStr>);

fn held(fleet: &Fleet, servers: &[Machine<'_>]) -> Vec<Held> {
    let mine = |asg: &crate::fleet::Asg| {
        servers
            .iter()
            .filter_map(|m| m.instance())
            .any(|i| asg.members.iter().any(|member| member.id == i.id))
    };
    let mut found: Vec<Held> = fleet
        .asgs()
        .filter(|asg| mine(asg))
        .map(|asg| {
            let free = HELD
                .iter()
                .filter(|process| !asg.suspended.iter().any(|s| s == **process));
            (asg.scope.clone(), asg.name.clone(), free.map(SmolStr::new).collect())
        })
        .collect();
    found.retain(|(_, _, processes)| !processes.is_empty());
    found.sort();
    found
}

fn hold(held: &[Held], hold: bool) -> impl Iterator<Item = Step> {
    held.iter().map(move |(scope, asg, processes)| {
        let step = CloudStep::Hold {
            asg: asg.clone(),
            processes: processes.clone(),
            held: hold,
        };
        Step::Cloud(scope.clone(), step)
    })
}

/// Lets the groups go again, however the restore ends.
fn release(stages: &mut Vec<Stage>, held: &[Held]) {
    let before = stages.len();
    Stage::push(stages, "let the servers' groups go", hold(held, false));
    if let Some(stage) = stages.get_mut(before) {
        stage.whatever = true;
    }
}
