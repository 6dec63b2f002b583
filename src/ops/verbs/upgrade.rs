//! Upgrade: a cluster comes to another release of K3s: servers one after the other, then what new machines start with, then
//! agents in waves. Agents are never newer than servers, minors are not skipped, and nothing goes back.

use jiff::Timestamp;
use smol_str::SmolStr;

use super::super::files::Source;
use super::super::joining::FILES;
use super::super::plan::{Plan, Refusal, Stage};
use super::super::release::{BEHIND, Release};
use super::super::request::Request;
use super::super::step::{CloudStep, Reach, StackWork, Step};
use super::super::upgrading::Upgrade;
use super::super::{cost, guard};
use super::{ending, restarting};
use crate::blueprint::Names;
use crate::blueprint::machine::Task;
use crate::fleet::{ClusterId, Fleet, Machine, MachineState, Node, Readiness, Role, Shape, TAG_CLUSTER};

/// A machine that has a node, and the release it runs.
struct Runs<'a> {
    machine: Machine<'a>,
    node: &'a Node,
    release: Release<'a>,
    /// How it is reached, or why it is not.
    reach: Result<Reach, Refusal>,
}

pub(in crate::ops) fn plan(
    fleet: &Fleet,
    request: &Request,
    upgrade: &Upgrade,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let Some(target) = Release::parse(&upgrade.to) else {
        let why = format!("{:?} is no release of K3s", upgrade.to);
        return Err(Refusal::new(
            "release",
            why,
            "name one such as v1.36.4+k3s1, or a channel",
        ));
    };
    let cluster = &upgrade.cluster;
    let mut own: Vec<_> = fleet.machines().filter(|m| m.belongs_to(cluster)).collect();
    own.sort_by_key(Machine::id);
    let mut warnings = nodeless(&own, now);
    let (servers, agents) = running(&own, now)?;
    judge(upgrade, &target, &servers, &agents)?;
    let waits = |runs: &&Runs<'_>| runs.release != target;
    let servers: Vec<_> = servers.iter().filter(waits).collect();
    let agents: Vec<_> = agents.iter().filter(waits).collect();
    let (agents, left) = reached(upgrade, agents)?;
    for runs in &left {
        let name = runs.machine.name();
        warnings.push(format!(
            "{name} is not reached and stays with {}: upgrade again when it is back",
            runs.node.version
        ));
    }
    let mut stages = vec![];
    let all = servers.iter().chain(&agents);
    Stage::push(&mut stages, "bring files", bring(upgrade, all)?);
    if let Some(first) = servers.first() {
        let name = upgrade.to.replace('+', "-");
        let task = Task::Snapshot {
            name: format!("k3fleet-before-{name}").into(),
        };
        Stage::push(&mut stages, "save the datastore", on(first, task));
    }
    for server in &servers {
        warnings.extend(guard::restart(fleet, cluster, &server.machine, now)?);
        if let Err(refusal) = &server.reach {
            return Err(refusal.clone());
        }
        stages.extend(comes_to(upgrade, &[server]));
    }
    let (release, remark) = new_machines(upgrade, &own);
    Stage::push(&mut stages, "new machines", release);
    warnings.extend(remark);
    for wave in agents.chunks(upgrade.wave.max(1)) {
        stages.extend(comes_to(upgrade, wave));
    }
    if let Some(options) = &upgrade.drain {
        warnings.extend(ending::risks(options));
        if own.iter().filter(|m| m.node().is_some()).count() == 1 {
            warnings.push("there is no other node: the evicted pods wait until it is back".to_owned());
        }
    }
    let count = servers.len() + agents.len();
    Ok(Plan {
        request: request.clone(),
        title: match count {
            1 => format!("upgrade {cluster} to {}: 1 machine", upgrade.to),
            many => format!("upgrade {cluster} to {}: {many} machines", upgrade.to),
        },
        stages,
        cost: cost::same(fleet, cluster),
        bill: None,
        warnings,
        cluster: cluster.clone(),
        confirm: None,
    })
}

/// Whether a machine goes, or has nothing behind its node.
fn is_going(machine: &Machine<'_>, now: Timestamp) -> bool {
    matches!(machine.state(now), MachineState::ShuttingDown | MachineState::Ghost)
}

/// Instances without a node: what they run is not known.
fn nodeless(own: &[Machine<'_>], now: Timestamp) -> Vec<String> {
    let nodeless = |m: &&Machine<'_>| m.node().is_none() && m.instance().is_some() && !is_going(m, now);
    let told = |m: &Machine<'_>| format!("{} has no node: what it runs is not known, and stays", m.name());
    own.iter().filter(nodeless).map(told).collect()
}

/// The servers and agents with what they run.
fn running<'a>(own: &[Machine<'a>], now: Timestamp) -> Result<(Vec<Runs<'a>>, Vec<Runs<'a>>), Refusal> {
    let mut all = vec![];
    for machine in own.iter().filter(|m| !is_going(m, now)) {
        let Some(node) = machine.node() else { continue };
        let Some(release) = Release::parse(&node.version) else {
            let why = format!("{} runs {}, which is no release of K3s", machine.name(), node.version);
            return Err(Refusal::new("release", why, "upgrade it with what made it"));
        };
        let reach = match guard::reached(machine, now) {
            Ok(_) if node.ready == Readiness::Unknown => {
                let why = format!("the node of {} does not report", machine.name());
                Err(Refusal::new(
                    "unreached",
                    why,
                    "see why its K3s is silent, and bring it back",
                ))
            }
            reach => reach,
        };
        all.push(Runs {
            machine: *machine,
            node,
            release,
            reach,
        });
    }
    let (servers, agents): (Vec<_>, Vec<_>) = all.into_iter().partition(|runs| runs.node.role == Role::Server);
    if servers.is_empty() {
        let why = "no server of it is known by its node";
        return Err(Refusal::new("no-server", why, "name its kube context with --context"));
    }
    Ok((servers, agents))
}

/// Refuses to go back, to skip minors, and to leave kubelets too far behind.
fn judge(upgrade: &Upgrade, target: &Release<'_>, servers: &[Runs<'_>], agents: &[Runs<'_>]) -> Result<(), Refusal> {
    let to = &upgrade.to;
    if let Some(newer) = servers.iter().chain(agents).find(|runs| runs.release > *target) {
        let why = format!(
            "{} runs {} already: K3s does not go back to {to}",
            newer.machine.name(),
            newer.node.version
        );
        let lift = "name a newer release; the way back is a snapshot from before, restored with the old binary";
        return Err(Refusal::new("downgrade", why, lift));
    }
    for server in servers {
        let ahead = target.minors_after(&server.release);
        if ahead.is_none_or(|ahead| ahead > 1) {
            let why = format!(
                "{} runs {}: {to} skips a minor",
                server.machine.name(),
                server.node.version
            );
            let next = server.release.next_minor();
            let lift = format!("upgrade to {next} first: --to {next}");
            return Err(Refusal::new("minor-skipped", why, lift));
        }
    }
    for agent in agents {
        let behind = target.minors_after(&agent.release);
        if behind.is_none_or(|behind| behind > BEHIND) {
            let name = agent.machine.name();
            let why = format!(
                "{name} runs {}: it would be more than {BEHIND} minors behind servers with {to}",
                agent.node.version
            );
            let present = servers
                .iter()
                .min_by_key(|runs| runs.release)
                .map(|runs| &runs.node.version);
            let lift = match present {
                Some(present) => format!("bring it to the servers' release first (--to {present}), or take it out"),
                None => "take it out".to_owned(),
            };
            return Err(Refusal::new("version-skew", why, lift));
        }
    }
    Ok(())
}

/// The agents that are reached, and those that are not; refuses the latter unless they may be left.
fn reached<'r, 'a>(
    upgrade: &Upgrade,
    agents: Vec<&'r Runs<'a>>,
) -> Result<(Vec<&'r Runs<'a>>, Vec<&'r Runs<'a>>), Refusal> {
    let (reached, left): (Vec<_>, Vec<_>) = agents.into_iter().partition(|runs| runs.reach.is_ok());
    match left.iter().find_map(|runs| runs.reach.as_ref().err()) {
        Some(refusal) if !upgrade.leave_unreached => {
            let names: Vec<_> = left.iter().map(|runs| runs.machine.name()).collect();
            let why = match names.as_slice() {
                [_] => refusal.why.clone(),
                many => format!("{} are not reached: {}", many.join(", "), refusal.why),
            };
            let lift = format!("{}; or leave such machines behind with --leave-unreached", refusal.lift);
            Err(Refusal::new("unreached", why, lift))
        }
        _ => Ok((reached, left)),
    }
}

fn on(runs: &Runs<'_>, task: Task) -> Option<Step> {
    let reach = runs.reach.as_ref().ok()?;
    Some(Step::Machine(reach.clone(), task))
}

/// Machines come to the release, side by side, drained before where that is asked for.
fn comes_to(upgrade: &Upgrade, machines: &[&Runs<'_>]) -> Vec<Stage> {
    let mut work = vec![];
    let tasks = machines.iter().filter_map(|runs| {
        let edge = matches!(runs.reach, Ok(Reach::Edge(_)));
        let files = upgrade.files.as_ref().filter(|_| edge).map(|source| match source {
            Source::Directory(_) => SmolStr::new_static(FILES),
            Source::Mirror(url) => url.clone(),
        });
        let version = upgrade.to.clone();
        on(runs, Task::Upgrade { version, files })
    });
    Stage::push(&mut work, "upgrade", tasks);
    let machines: Vec<_> = machines.iter().map(|runs| runs.machine).collect();
    restarting::out_and_back(&machines, upgrade.drain.as_ref(), work, Some(&upgrade.to))
}

/// Brings the files of an air-gapped installation to the edge hosts.
fn bring<'r, 'a: 'r>(upgrade: &Upgrade, all: impl Iterator<Item = &'r &'r Runs<'a>>) -> Result<Vec<Step>, Refusal> {
    let Some(Source::Directory(directory)) = &upgrade.files else {
        return Ok(vec![]);
    };
    let mut steps = vec![];
    for runs in all {
        let Ok(Reach::Edge(host)) = &runs.reach else { continue };
        let Some(arch) = runs.machine.arch() else {
            let why = format!("the architecture of {} is not known", runs.machine.name());
            return Err(Refusal::new("arch", why, "wait until it has been probed"));
        };
        steps.push(Step::Bring(host.clone(), arch, directory.clone()));
    }
    Ok(steps)
}

/// Lets machines that come up later run the release, where k3fleet made the cluster.
fn new_machines(upgrade: &Upgrade, own: &[Machine<'_>]) -> (Option<Step>, Option<String>) {
    let ClusterId { name, home } = &upgrade.cluster;
    let mut instances = own.iter().filter_map(|m| m.instance()).peekable();
    let (Some(home), Some(_)) = (home, instances.peek()) else {
        return (None, None);
    };
    if !instances.any(|i| i.tag(TAG_CLUSTER).is_some()) {
        let remark = format!(
            "{name} was made by others: let its launch templates install {} too, or new machines come up with the old release",
            upgrade.to
        );
        return (None, Some(remark));
    }
    let names = Names::new(name, &home.region);
    if own
        .iter()
        .any(|m| m.instance().is_some() && m.shape() == Some(Shape::Ha))
    {
        let step = CloudStep::Stack {
            name: names.stack(),
            work: StackWork::Release {
                version: upgrade.to.clone(),
            },
        };
        return (Some(Step::Cloud(home.clone(), step)), None);
    }
    let step = CloudStep::SetRelease {
        templates: [Role::Server, Role::Agent]
            .map(|role| names.launch_template(role))
            .into(),
        spec: names.spec(),
        version: upgrade.to.clone(),
    };
    (Some(Step::Cloud(home.clone(), step)), None)
}
