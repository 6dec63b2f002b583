//! Launching a highly available cluster: what its stack must find there is made first, then CloudFormation makes the stack,
//! whose servers have made the cluster by then; it is up when its workers have joined.

use super::READY;
use crate::blueprint::ha::{Ha, Store};
use crate::fleet::{Fleet, Role};
use crate::ops::bill::{Bill, bill};
use crate::ops::condition::Condition;
use crate::ops::launch::{Launch, Site};
use crate::ops::plan::{CostChange, Plan, Stage};
use crate::ops::request::Request;
use crate::ops::step::{CloudStep, Part, StackWork, Step};

/// Plans it; spec and name are judged already.
pub(super) fn plan(fleet: &Fleet, request: &Request, launch: &Launch, ha: &Ha, site: &Site) -> Plan {
    let spec = &launch.spec;
    let mut warnings = spec.warnings();
    if !ha.public_api {
        let text = "its API is reached from within its network only: from here through k3fleet tunnel, or a VPN";
        warnings.push(text.to_owned());
    }
    if site.vpc.is_some() && !site.public && spec.ssh.is_none() {
        let text = "its machines have no public addresses and no SSH key: they are reached by Session Manager only";
        warnings.push(text.to_owned());
    }
    let bill = bill(fleet.market(), launch);
    let cost = bill.as_ref().map_or(
        CostChange {
            before: Some(0.0),
            after: None,
        },
        Bill::change,
    );
    warnings.extend(bill.iter().flat_map(Bill::unknown));
    let workers: u32 = ha.pools.iter().map(|pool| pool.desired).sum();
    let pools = match ha.pools.as_slice() {
        [] => "no worker".to_owned(),
        [_] => format!("{workers} workers"),
        pools => format!("{workers} workers in {} pools", pools.len()),
    };
    Plan {
        request: request.clone(),
        cluster: launch.cluster(),
        title: format!(
            "launch {} (ha: {} servers, {pools}, K3s {})",
            spec.name, ha.servers, spec.version
        ),
        stages: stages(launch, ha),
        cost,
        bill,
        warnings,
        confirm: None,
    }
}

fn stages(launch: &Launch, ha: &Ha) -> Vec<Stage> {
    let spec = &launch.spec;
    let names = spec.names();
    let step = |step| Step::Cloud(launch.scope.clone(), step);
    let make = |part, name| step(CloudStep::Make { part, name });
    let mut first = vec![
        make(Part::ServerToken, names.server_token()),
        make(Part::AgentToken, names.agent_token()),
        make(Part::Spec, names.spec()),
        make(Part::Site, names.site()),
    ];
    if ha.store == Store::External {
        first.push(make(Part::Dsn, names.dsn()));
    }
    let stack = CloudStep::Stack {
        name: names.stack(),
        work: StackWork::Make,
    };
    let secret = Some(names.kubeconfig());
    let up = |role, count| {
        let of = Condition::Up {
            cluster: launch.cluster(),
            role,
            count,
            inner: true,
        };
        Step::Wait(of, READY)
    };
    let workers = ha.pools.iter().map(|pool| pool.desired).sum();
    let ready = [(Role::Server, ha.servers), (Role::Agent, workers)];
    let ready = ready.into_iter().filter(|(_, count)| *count > 0);

    let mut stages = vec![];
    Stage::push(&mut stages, "prepare", first);
    Stage::push(&mut stages, "make the stack", [step(stack)]);
    Stage::push(&mut stages, "come up", [step(CloudStep::FetchKubeconfig { secret })]);
    Stage::push(&mut stages, "be ready", ready.map(|(role, count)| up(role, count)));
    stages
}
