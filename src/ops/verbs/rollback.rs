//! Taking a failed stack back. One that failed while it was changed is as it was before then; of one that failed while it
//! was made nothing is left, so that it is emptied first, as when it is destroyed.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::super::condition::Condition;
use super::super::plan::{Plan, Refusal, Stage};
use super::super::request::Request;
use super::super::step::{CloudStep, StackWork, Step};
use super::super::{cost, guard};
use crate::fleet::{ClusterId, Fleet, PoolId};
use crate::provider::Stack;

/// How long EC2 may take to end all instances.
const ENDING: SignedDuration = SignedDuration::from_mins(15);

pub(in crate::ops) fn plan(
    fleet: &Fleet,
    request: &Request,
    cluster: &ClusterId,
    stack: &Stack,
) -> Result<Plan, Refusal> {
    let scope = guard::home(cluster)?;
    let making = match stack.status.0.as_str() {
        "CREATE_FAILED" => true,
        "UPDATE_FAILED" => false,
        _ => return Err(refused(cluster, stack)),
    };
    if making {
        guard::not_protected(fleet, cluster)?;
    }
    let own: Vec<_> = fleet.machines().filter(|m| m.belongs_to(cluster)).collect();
    let ending: Vec<_> = own
        .iter()
        .filter(|m| making && m.instance().is_some())
        .copied()
        .collect();
    let step = |step| Step::Cloud(scope.clone(), step);
    let mut stages = vec![];
    if making {
        let pools: BTreeSet<_> = ending.iter().filter_map(|m| m.pool()).collect();
        let emptied = pools.into_iter().filter_map(|pool| match pool {
            PoolId::Asg(_, asg) => Some(CloudStep::Empty { asg }),
            PoolId::SpotFleet(_, fleet) => Some(CloudStep::SetTarget {
                fleet,
                target: 0,
                end_excess: true,
            }),
            PoolId::Instance(_) | PoolId::Edge(_) => None,
        });
        Stage::push(&mut stages, "empty groups", emptied.map(step));
        let cluster = cluster.clone();
        Stage::push(
            &mut stages,
            "wait",
            [Step::Wait(Condition::Emptied { cluster }, ENDING)],
        );
    }
    let undo = CloudStep::Stack {
        name: stack.name.to_string(),
        work: StackWork::Undo,
    };
    Stage::push(&mut stages, "take the stack back", [step(undo)]);
    let mut warnings: Vec<_> = stack.reason.iter().map(|why| format!("it failed: {why}")).collect();
    if making {
        let name = &cluster.name;
        warnings.push(format!(
            "the cluster was never made whole: all its machines end; its parameters stay: k3fleet destroy {name} deletes them, and k3fleet ops resume makes the cluster anew"
        ));
    }
    Ok(Plan {
        request: request.clone(),
        cluster: cluster.clone(),
        title: format!("roll back {cluster}: the stack {}", stack.name),
        stages,
        cost: cost::without(fleet, cluster, &ending),
        warnings,
        confirm: making.then(|| cluster.name.to_string()),
        bill: None,
    })
}

/// Why a stack that stands so is not taken back.
fn refused(cluster: &ClusterId, stack: &Stack) -> Refusal {
    let (name, status) = (&stack.name, stack.status.0.as_str());
    let destroy = format!("k3fleet destroy {} deletes what is left of it", cluster.name);
    let lift = match status {
        "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "DELETE_FAILED" | "REVIEW_IN_PROGRESS" => destroy,
        "UPDATE_ROLLBACK_COMPLETE" => "it is as it was before: mend what failed, and change it anew".to_owned(),
        "UPDATE_ROLLBACK_FAILED" => format!(
            "mend what its events tell, then aws cloudformation continue-update-rollback --stack-name {name} --region {}",
            cluster.home.as_ref().map_or("", |home| home.region.as_str())
        ),
        _ if stack.status.is_moving() => "wait until it has ended".to_owned(),
        _ => "only what has failed is taken back".to_owned(),
    };
    Refusal::new("stack-stands", format!("the stack {name} is {status}"), lift)
}
