//! Destroying a cluster: all that carries its tag is deleted, what uses another before it, and at the end nothing that
//! carries the tag may be left. It works from the tags alone, and never takes one off.

use jiff::SignedDuration;

use super::super::condition::Condition;
use super::super::plan::{CostChange, Plan, Refusal, Stage};
use super::super::request::Request;
use super::super::step::{CloudStep, Step};
use super::super::{cost, guard};
use crate::fleet::{ClusterId, Fleet, InstanceId, Machine, MachineId, Scope};
use crate::provider::{Resource, ResourceKind};

/// How long EC2 may take to end all instances.
const ENDING: SignedDuration = SignedDuration::from_mins(15);

/// Plans it; `volumes`: those that Kubernetes made are deleted too.
pub(in crate::ops) fn plan(
    fleet: &Fleet,
    request: &Request,
    cluster: &ClusterId,
    resources: &[Resource],
    volumes: bool,
) -> Result<Plan, Refusal> {
    let scope = guard::home(cluster)?;
    if fleet.policy().protects(&cluster.name) {
        let why = format!("{cluster} is protected");
        return Err(Refusal::new(
            "protected",
            why,
            "take it off `protected` in config.toml first",
        ));
    }
    let own: Vec<_> = fleet.machines().filter(|m| m.belongs_to(cluster)).collect();
    guard::not_adopted(cluster, &own)?;
    if let Some(stack) = resources.iter().find(|r| r.kind == ResourceKind::Stack) {
        let why = format!("{cluster} is held by the {}", stack.describe());
        return Err(Refusal::new("stack", why, "delete the stack"));
    }
    if let Some(foreign) = resources.iter().find(|r| r.cluster != cluster.name) {
        let why = format!("the {} is of {}, not of {cluster}", foreign.describe(), foreign.cluster);
        return Err(Refusal::new(
            "foreign-resource",
            why,
            "look the cluster's resources up anew",
        ));
    }
    let goes = |r: &&Resource| r.kind.is_deletable() && (!r.of_kubernetes || volumes);
    let (going, staying): (Vec<_>, Vec<_>) = resources.iter().partition(goes);
    let mut warnings: Vec<_> = staying.iter().map(|r| stays(r)).collect();
    let edge = own.iter().filter(|m| m.instance().is_none() && m.is_edge()).count();
    if edge > 0 {
        warnings.push(format!(
            "{edge} edge hosts lose their cluster: k3s goes on running on them"
        ));
    }
    let stages = match resources.is_empty() && own.iter().all(|m| m.instance().is_none()) {
        true => vec![],
        false => stages(fleet, cluster, scope, &going, &staying),
    };
    Ok(Plan {
        request: request.clone(),
        cluster: cluster.clone(),
        title: format!("destroy {cluster}: {} resources", going.len()),
        stages,
        cost: cost_of(fleet, cluster, &own),
        bill: None,
        warnings,
        confirm: Some(cluster.name.to_string()),
    })
}

fn stays(resource: &Resource) -> String {
    let what = resource.describe();
    match (resource.of_kubernetes, resource.kind) {
        (_, ResourceKind::LoadBalancer) => format!(
            "the {what} was made by Kubernetes and stays, and is billed: delete its Service before the cluster is gone"
        ),
        (true, ResourceKind::Volume) => {
            let gib = resource.gib.map_or_else(String::new, |gib| format!(", {gib} GiB"));
            format!(
                "the {what}{gib} was made by Kubernetes and stays, and is billed: --volumes deletes it with its data"
            )
        }
        _ => format!("the {what} stays: k3fleet did not make it"),
    }
}

fn stages(fleet: &Fleet, cluster: &ClusterId, scope: &Scope, going: &[&Resource], staying: &[&Resource]) -> Vec<Stage> {
    let delete = |kinds: &[ResourceKind]| -> Vec<Step> {
        let of = going.iter().filter(|r| kinds.contains(&r.kind));
        let step = |r: &&Resource| CloudStep::Delete {
            resource: (*r).clone(),
            usd: price(fleet, r),
        };
        of.map(|r| Step::Cloud(scope.clone(), step(r))).collect()
    };
    let mut stages = vec![];
    // A group left alone would launch others in place of what is ended.
    Stage::push(
        &mut stages,
        "end groups",
        delete(&[ResourceKind::Asg, ResourceKind::SpotFleet]),
    );
    Stage::push(&mut stages, "end machines", delete(&[ResourceKind::Instance]));
    let emptied = Condition::Emptied {
        cluster: cluster.clone(),
    };
    Stage::push(&mut stages, "wait", [Step::Wait(emptied, ENDING)]);
    let loose = [
        ResourceKind::LaunchTemplate,
        ResourceKind::Volume,
        ResourceKind::SecurityGroup,
        ResourceKind::KeyPair,
        ResourceKind::InstanceProfile,
        ResourceKind::Parameter,
        ResourceKind::Secret,
    ];
    Stage::push(&mut stages, "delete the rest", delete(&loose));
    Stage::push(&mut stages, "delete roles", delete(&[ResourceKind::Role]));
    let prove = CloudStep::Prove {
        cluster: cluster.clone(),
        staying: staying.iter().map(|r| r.id.clone()).collect(),
    };
    Stage::push(&mut stages, "prove", [Step::Cloud(scope.clone(), prove)]);
    stages
}

/// What a resource costs, in USD per hour: prices are known of machines alone.
fn price(fleet: &Fleet, resource: &Resource) -> Option<f64> {
    let instance = (resource.kind == ResourceKind::Instance).then(|| InstanceId::new(&resource.id))?;
    fleet.machine(&MachineId::Instance(instance))?.price()
}

fn cost_of(fleet: &Fleet, cluster: &ClusterId, own: &[Machine<'_>]) -> CostChange {
    let ending: Vec<_> = own.iter().filter(|m| m.instance().is_some()).copied().collect();
    cost::without(fleet, cluster, &ending)
}
