//! Backup: the state of a cluster saved on one of its servers: a snapshot of etcd, or a copy of a lone server's database.

use jiff::Timestamp;

use super::super::plan::{Plan, Refusal, Stage};
use super::super::request::Request;
use super::super::step::Step;
use super::super::{cost, guard};
use crate::blueprint::machine::Task;
use crate::fleet::{ClusterId, Fleet, Machine, MachineState, Role};

pub(in crate::ops) fn plan(
    fleet: &Fleet,
    request: &Request,
    cluster: &ClusterId,
    now: Timestamp,
) -> Result<Plan, Refusal> {
    let own = |m: &Machine<'_>| m.belongs_to(cluster) && m.role() == Some(Role::Server);
    let mut servers: Vec<_> = fleet.machines().filter(own).collect();
    servers.sort_by_key(Machine::id);
    let votes = |m: &Machine<'_>| m.node().and_then(|n| n.etcd_voter) == Some(true);
    let well = |m: &Machine<'_>| matches!(m.state(now), MachineState::Ready | MachineState::Cordoned);
    let has_etcd = servers.iter().any(votes);
    if servers.len() > 1 && !has_etcd {
        return Err(Refusal::new(
            "no-etcd",
            format!("none of the {} servers of {cluster} is a member of etcd", servers.len()),
            "where its datastore is a database of its own, that one's backups are it",
        ));
    }
    // A member that is not well may not have all that the others have.
    let fit = servers.iter().filter(|m| well(m) && (!has_etcd || votes(m)));
    let Some(server) = fit
        .into_iter()
        .find(|m| guard::reached(m, now).is_ok())
        .or(servers.first())
    else {
        return Err(Refusal::new(
            "no-server",
            format!("no server of {cluster} is seen"),
            "name its profile and region with --profile and --region",
        ));
    };
    if !well(server) {
        let name = server.name();
        let lift = "mend it first; what it has lost would be missing from the backup";
        return Err(Refusal::new("not-ready", format!("{name} is not ready"), lift));
    }
    let reach = guard::reached(server, now)?;
    let mut warnings =
        vec!["it is no use without the token of the server: keep that too (k3fleet tokens show)".to_owned()];
    if !has_etcd {
        let name = server.name();
        warnings.push(format!(
            "{name} stops while its database is copied: the API does not answer meanwhile, pods run on"
        ));
    }
    let name = now.strftime("k3fleet-%Y%m%dT%H%M%SZ").to_string();
    let save = Step::Machine(reach, Task::Snapshot { name: name.into() });
    let mut stages = vec![];
    Stage::push(&mut stages, "save the datastore", [save]);
    Ok(Plan {
        request: request.clone(),
        title: format!("back up {cluster} on {}", server.name()),
        stages,
        cost: cost::same(fleet, cluster),
        bill: None,
        warnings,
        cluster: cluster.clone(),
        confirm: None,
    })
}
