//! Destroying a cluster: all that carries its tag is deleted, what uses another before it, and at the end nothing that
//! carries the tag may be left. It works from the tags alone, and never takes one off.
//!
//! What a stack holds CloudFormation deletes; [`stack`] says what is done before, so that it can, and after.

mod stack;

use jiff::SignedDuration;
use smol_str::SmolStr;

use super::super::condition::Condition;
use super::super::plan::{CostChange, Plan, Refusal, Stage};
use super::super::request::Request;
use super::super::step::{CloudStep, Step};
use super::super::{cost, guard};
use crate::fleet::{ClusterId, ContextId, Fleet, InstanceId, Machine, MachineId, Scope};
use crate::provider::{Resource, ResourceKind};

/// How long EC2 may take to end all instances.
const ENDING: SignedDuration = SignedDuration::from_mins(15);

/// What is deleted beyond the cluster itself, with the data it holds.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) struct Data {
    /// The volumes that Kubernetes made.
    pub(in crate::ops) volumes: bool,
    /// The snapshots of etcd.
    pub(in crate::ops) snapshots: bool,
}

/// Plans it.
pub(in crate::ops) fn plan(
    fleet: &Fleet,
    request: &Request,
    cluster: &ClusterId,
    resources: &[Resource],
    data: Data,
) -> Result<Plan, Refusal> {
    let scope = guard::home(cluster)?;
    guard::not_protected(fleet, cluster)?;
    let own: Vec<_> = fleet.machines().filter(|m| m.belongs_to(cluster)).collect();
    guard::not_adopted(cluster, &own)?;
    if let Some(foreign) = resources.iter().find(|r| r.cluster != cluster.name) {
        let why = format!("the {} is of {}, not of {cluster}", foreign.describe(), foreign.cluster);
        return Err(Refusal::new(
            "foreign-resource",
            why,
            "look the cluster's resources up anew",
        ));
    }
    // What they are for is deleted where the API server is known, and they go with it.
    let balancers = resources
        .iter()
        .any(|r| r.of_kubernetes && r.kind == ResourceKind::LoadBalancer);
    let context = own.iter().find_map(|m| m.node()).map(|node| node.key.context.clone());
    let context = context.filter(|_| balancers);
    let nothing_served = !balancers || context.is_some();
    let goes = |r: &&Resource| match r.kind {
        ResourceKind::LoadBalancer => r.of_kubernetes && context.is_some(),
        _ if r.bucket().is_some() => data.snapshots,
        // Those of load balancers hold no data, and would keep a VPC of the stack's own from going.
        ResourceKind::SecurityGroup => !r.of_kubernetes || nothing_served,
        kind => kind.is_deletable() && (!r.of_kubernetes || data.volumes),
    };
    let stack = resources.iter().find(|r| r.kind == ResourceKind::Stack);
    let whose = |r: &&Resource| stack.is_some() && stack::holds(r);
    let (held, own_way): (Vec<_>, Vec<_>) = resources.iter().partition(whose);
    let (going, staying): (Vec<_>, Vec<_>) = own_way.into_iter().partition(goes);
    let mut warnings: Vec<_> = staying.iter().map(|r| stays(r)).collect();
    let edge = own.iter().filter(|m| m.instance().is_none() && m.is_edge()).count();
    if edge > 0 {
        warnings.push(format!(
            "{edge} edge hosts lose their cluster: k3s goes on running on them"
        ));
    }
    let stages = match resources.is_empty() && own.iter().all(|m| m.instance().is_none()) {
        true => vec![],
        false => {
            let parts = Parts {
                fleet,
                cluster,
                scope,
                context: context.as_ref(),
                going: &going,
                staying: &staying,
            };
            match stack {
                Some(stack) => stack::stages(&parts, stack, &held),
                None => parts.stages(),
            }
        }
    };
    let title = match stack {
        Some(stack) => format!(
            "destroy {cluster}: the {} and {} resources",
            stack.describe(),
            going.len()
        ),
        None => format!("destroy {cluster}: {} resources", going.len()),
    };
    Ok(Plan {
        request: request.clone(),
        cluster: cluster.clone(),
        title,
        stages,
        cost: cost_of(fleet, cluster, &own),
        bill: None,
        warnings,
        confirm: Some(cluster.name.to_string()),
    })
}

fn stays(resource: &Resource) -> String {
    let what = resource.describe();
    if let Some(bucket) = resource.bucket() {
        return format!(
            "the bucket {bucket} stays with its snapshots of etcd, and is billed: --snapshots delete deletes it with them"
        );
    }
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

/// What a plan is made of.
struct Parts<'a> {
    fleet: &'a Fleet,
    cluster: &'a ClusterId,
    scope: &'a Scope,
    /// Through which the Services and Ingresses with load balancers at AWS are deleted, where there are such.
    context: Option<&'a ContextId>,
    going: &'a [&'a Resource],
    staying: &'a [&'a Resource],
}

impl Parts<'_> {
    fn stages(&self) -> Vec<Stage> {
        let mut stages = vec![];
        Stage::push(&mut stages, "delete load balancers", self.balancers());
        // A group left alone would launch others in place of what is ended.
        Stage::push(
            &mut stages,
            "end groups",
            self.delete(&[ResourceKind::Asg, ResourceKind::SpotFleet]),
        );
        Stage::push(&mut stages, "end machines", self.delete(&[ResourceKind::Instance]));
        Stage::push(&mut stages, "wait", [self.emptied()]);
        Stage::push(&mut stages, "forget", self.forget());
        let loose = [
            ResourceKind::LaunchTemplate,
            ResourceKind::Volume,
            ResourceKind::SecurityGroup,
            ResourceKind::KeyPair,
            ResourceKind::InstanceProfile,
            ResourceKind::Parameter,
            ResourceKind::Secret,
            // Of these only a bucket goes.
            ResourceKind::Other,
        ];
        Stage::push(&mut stages, "delete the rest", self.delete(&loose));
        Stage::push(&mut stages, "delete roles", self.delete(&[ResourceKind::Role]));
        Stage::push(&mut stages, "prove", [self.prove(vec![])]);
        stages
    }

    /// The deletion of what goes by itself of these kinds.
    fn delete(&self, kinds: &[ResourceKind]) -> Vec<Step> {
        let of = self.going.iter().filter(|r| kinds.contains(&r.kind));
        of.map(|r| self.delete_one(r)).collect()
    }

    fn delete_one(&self, resource: &Resource) -> Step {
        self.step(CloudStep::Delete {
            resource: resource.clone(),
            usd: price(self.fleet, resource),
        })
    }

    /// What servers of a stack have left, once their stack is gone: it carries no tag. Whether there was a stack tells what
    /// is left of the cluster: its parameters, and none of what a quick one is made of besides.
    fn forget(&self) -> Option<Step> {
        let of_stack =
            |r: &&Resource| matches!(r.kind, ResourceKind::Parameter | ResourceKind::Secret) || r.bucket().is_some();
        let rest = self.going.iter().all(|r| of_stack(r) || r.of_kubernetes);
        let any = self.going.iter().any(|r| r.kind == ResourceKind::Parameter);
        (rest && any).then(|| self.forgotten())
    }

    fn balancers(&self) -> Option<Step> {
        self.context.cloned().map(Step::Balancers)
    }

    fn forgotten(&self) -> Step {
        self.step(CloudStep::Forget {
            cluster: self.cluster.clone(),
        })
    }

    fn emptied(&self) -> Step {
        let emptied = Condition::Emptied {
            cluster: self.cluster.clone(),
        };
        Step::Wait(emptied, ENDING)
    }

    /// The proof; `held`: what CloudFormation deletes.
    fn prove(&self, held: Vec<SmolStr>) -> Step {
        self.step(CloudStep::Prove {
            cluster: self.cluster.clone(),
            staying: self.staying.iter().map(|r| r.id.clone()).collect(),
            held,
        })
    }

    fn step(&self, step: CloudStep) -> Step {
        Step::Cloud(self.scope.clone(), step)
    }
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
