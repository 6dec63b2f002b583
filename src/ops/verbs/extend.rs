//! Letting a cluster that destroys itself live longer, or shorter: its end stands in the tag `k3fleet:expires-at`, which
//! its server reads every minute, and in the scheduled actions of its groups.

use jiff::Timestamp;

use super::super::plan::{Plan, Refusal, Stage};
use super::super::request::Request;
use super::super::step::{CloudStep, Step};
use super::super::{cost, guard};
use crate::blueprint::Names;
use crate::fleet::{ClusterId, Fleet};
use crate::provider::{Resource, ResourceKind};

/// Plans it.
pub(in crate::ops) fn plan(
    fleet: &Fleet,
    request: &Request,
    cluster: &ClusterId,
    until: Timestamp,
    resources: &[Resource],
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let scope = guard::home(cluster)?;
    let own: Vec<_> = fleet.machines().filter(|m| m.belongs_to(cluster)).collect();
    let Some(ends) = own.iter().filter_map(|m| m.expires_at()).max() else {
        let why = format!("{cluster} does not destroy itself");
        return Err(Refusal::new("no-ttl", why, "only a ci cluster is extended"));
    };
    guard::not_adopted(cluster, &own)?;
    if until <= now {
        let why = format!("{until} is past");
        return Err(Refusal::new(
            "past",
            why,
            format!("to end it now: k3fleet destroy {cluster}"),
        ));
    }
    let mut warnings = vec![];
    if until < ends {
        warnings.push(format!("it ends sooner than before: it had until {ends}"));
    }
    let action = Names::new(&cluster.name, &scope.region).expiry_action();
    // The groups first: a group that ends while its server lives on would leave it without workers.
    let groups = resources.iter().filter(|r| r.kind == ResourceKind::Asg);
    let groups = groups.map(|r| CloudStep::Expire {
        asg: r.id.clone(),
        action: action.clone(),
        until,
    });
    let tags = resources
        .iter()
        .filter(|r| !r.of_kubernetes && r.kind != ResourceKind::Other);
    let tags = tags.map(|r| CloudStep::Retag {
        resource: r.clone(),
        until,
    });
    let step = |step| Step::Cloud(scope.clone(), step);
    let mut stages = vec![];
    Stage::push(&mut stages, "groups", groups.map(step));
    Stage::push(&mut stages, "tags", tags.map(step));
    Ok(Plan {
        request: request.clone(),
        cluster: cluster.clone(),
        title: format!("let {cluster} live until {until}"),
        stages,
        cost: cost::same(fleet, cluster),
        bill: None,
        warnings,
        confirm: None,
    })
}
