//! Launching a cluster: what its machines need is made side by side, then the server, then its workers; it is up when its
//! API answers and its nodes are ready.

mod ha;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::super::bill;
use super::super::condition::Condition;
use super::super::guard;
use super::super::launch::{Launch, Profile, Spec};
use super::super::plan::{CostChange, Plan, Refusal, Stage};
use super::super::request::Request;
use super::super::step::{CloudStep, Part, Step};
use crate::fleet::{Fleet, Offer, Purchase, Role};

/// How long the server may take from its kubeconfig to its ready node, and workers to join.
pub(super) const READY: SignedDuration = SignedDuration::from_mins(15);

/// Plans a launch.
pub(in crate::ops) fn plan(fleet: &Fleet, request: &Request, launch: &Launch, now: Timestamp) -> Result<Plan, Refusal> {
    let spec = &launch.spec;
    sound(spec, now)?;
    free(fleet, launch)?;
    if let (Some(ha), Some(site)) = (&spec.ha, &launch.site) {
        return Ok(ha::plan(fleet, request, launch, ha, site));
    }
    let mut warnings = spec.warnings();
    let cost = cost(fleet, launch, &mut warnings);
    if spec.from.is_empty() {
        let text = "no network may reach it: neither its API nor SSH can be used from here";
        warnings.push(text.to_owned());
    }
    if launch.ground.subnets.iter().all(|subnet| !subnet.public) {
        let text = "its subnets give no public addresses: its API is reached only from within the network";
        warnings.push(text.to_owned());
    }
    let machines = match spec.workers {
        0 => "one server".to_owned(),
        1 => "one server, 1 worker".to_owned(),
        n => format!("one server, {n} workers"),
    };
    let title = format!(
        "launch {} ({machines}, {}, {}, K3s {})",
        spec.name,
        spec.types.join(" or "),
        spec.purchase.as_str(),
        spec.version
    );
    Ok(Plan {
        request: request.clone(),
        cluster: launch.cluster(),
        title,
        stages: stages(launch),
        cost,
        bill: None,
        warnings,
        confirm: None,
    })
}

/// Refuses a spec with faults, all of them told at once.
fn sound(spec: &Spec, now: Timestamp) -> Result<(), Refusal> {
    let mut faults: Vec<_> = spec.check().iter().map(ToString::to_string).collect();
    if spec.expires_at.is_some_and(|at| at <= now) {
        faults.push("expires_at: expected a time to come".to_owned());
    }
    guard::without_faults(faults)
}

/// Refuses a name that a cluster has already: its kubeconfig is known by it. Nor is anything taken over that one has left
/// behind: it would not be as this spec wants it.
fn free(fleet: &Fleet, launch: &Launch) -> Result<(), Refusal> {
    let name = &launch.spec.name;
    let taken: BTreeSet<_> = fleet.machines().filter_map(|m| m.cluster()).collect();
    if let Some(cluster) = taken.iter().find(|cluster| cluster.name == *name) {
        let place = cluster
            .home
            .as_ref()
            .map_or_else(String::new, |home| format!(" in {home}"));
        let why = format!("there is a cluster {name}{place} already");
        let lift = "choose another name, or destroy that one first";
        return Err(Refusal::new("name-taken", why, lift));
    }
    let leftovers = &launch.ground.leftovers;
    let Some(left) = leftovers.first() else { return Ok(()) };
    let count = leftovers.len();
    let why = format!(
        "{count} resources of a cluster {name} are there, such as the {}",
        left.describe()
    );
    let lift = format!("delete them first: k3fleet destroy {name}; or choose another name");
    Err(Refusal::new("leftovers", why, lift))
}

fn stages(launch: &Launch) -> Vec<Stage> {
    let spec = &launch.spec;
    let names = spec.names();
    let step = |step| Step::Cloud(launch.scope.clone(), step);
    let make = |part, name| step(CloudStep::Make { part, name });
    let has_role = spec.profile != Profile::None;
    let workers = spec.workers > 0;

    let roles: &[Role] = match (&spec.profile, workers) {
        (Profile::Own, true) => &[Role::Server, Role::Agent],
        (Profile::Own, false) => &[Role::Server],
        _ => &[],
    };
    let mut first = vec![make(Part::SecurityGroup, names.security_group())];
    first.extend(roles.iter().map(|role| make(Part::Role(*role), names.role(*role))));
    if has_role {
        first.push(make(Part::ServerToken, names.server_token()));
        first.push(make(Part::AgentToken, names.agent_token()));
        first.push(make(Part::Secret, names.kubeconfig()));
    }
    first.push(make(Part::Spec, names.spec()));
    // What follows from those, beside the template: no call waits for one whose answer it does not need.
    let server = names.launch_template(Role::Server);
    let mut second = vec![
        make(Part::Template(Role::Server), server.clone()),
        make(Part::Openings, names.security_group()),
    ];
    second.extend(roles.iter().map(|role| make(Part::Grant(*role), names.role(*role))));

    let mut stages = vec![];
    Stage::push(&mut stages, "prepare", first);
    Stage::push(&mut stages, "describe the server", second);
    Stage::push(
        &mut stages,
        "launch the server",
        [step(CloudStep::LaunchServer { template: server })],
    );
    if workers {
        let template = make(Part::Template(Role::Agent), names.launch_template(Role::Agent));
        Stage::push(&mut stages, "describe the workers", [template]);
        Stage::push(
            &mut stages,
            "launch the workers",
            [make(Part::Workers, names.asg(Role::Agent))],
        );
    }
    if let Some(until) = spec.expires_at.filter(|_| workers) {
        let end = CloudStep::Expire {
            asg: names.asg(Role::Agent).into(),
            action: names.expiry_action(),
            until,
        };
        Stage::push(&mut stages, "let the workers end in time", [step(end)]);
    }
    let secret = has_role.then(|| names.kubeconfig());
    Stage::push(&mut stages, "come up", [step(CloudStep::FetchKubeconfig { secret })]);
    let up = |role, count| {
        let cluster = launch.cluster();
        let inner = false;
        Step::Wait(
            Condition::Up {
                cluster,
                role,
                count,
                inner,
            },
            READY,
        )
    };
    let ready = [(Role::Server, 1), (Role::Agent, spec.workers)];
    let ready = ready.into_iter().filter(|(_, count)| *count > 0);
    Stage::push(&mut stages, "be ready", ready.map(|(role, count)| up(role, count)));
    stages
}

/// What its machines cost at most with their volumes, each at the dearest of the types and zones it may get.
fn cost(fleet: &Fleet, launch: &Launch, warnings: &mut Vec<String>) -> CostChange {
    let spec = &launch.spec;
    let market = fleet.market();
    let mut dearest = Some(0.0_f64);
    for kind in &spec.types {
        let offer = Offer::new(&spec.region, kind);
        let on_demand = market.on_demand(&offer);
        let spot = launch
            .ground
            .subnets
            .iter()
            .filter_map(|s| market.spot(&offer, &s.zone));
        let price = match spec.purchase {
            Purchase::OnDemand => on_demand,
            Purchase::Spot if spec.on_demand_fallback => on_demand,
            Purchase::Spot => spot.max_by(f64::total_cmp),
        };
        if price.is_none() {
            warnings.push(format!("what {kind} costs is not known"));
        }
        dearest = dearest.zip(price).map(|(a, b)| a.max(b));
    }
    let gib = u64::from(spec.volume_gib) * (1 + u64::from(spec.workers));
    let volumes = bill::volumes(launch, gib).unwrap_or_else(|| {
        warnings.push(format!("{gib} GiB of gp3 volumes are billed besides"));
        0.0
    });
    CostChange {
        before: Some(0.0),
        after: dearest.map(|price| price * (1.0 + f64::from(spec.workers)) + volumes),
    }
}
