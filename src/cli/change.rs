//! What commands that change something are about: from the words typed to a request by ids.

use crate::cli::args::{Command, Draining, Scale};
use crate::fleet::{Fleet, Machine, MachineId, Summary};
use crate::ops::{DrainOptions, Request};

/// The request that a command makes of the fleet; `None` for a command that changes nothing.
pub(super) fn request(command: &Command, fleet: &Fleet, summary: &Summary) -> Option<Result<Request, String>> {
    Some(match command {
        Command::Scale(scale) => scale_request(scale, summary),
        Command::Cordon(chosen) => machines(fleet, &chosen.machines).map(|machines| Request::Cordon { machines }),
        Command::Uncordon(chosen) => machines(fleet, &chosen.machines).map(|machines| Request::Uncordon { machines }),
        Command::Drain(of) => machines(fleet, &of.chosen.machines).map(|machines| Request::Drain {
            machines,
            drain: options(&of.draining, &DrainOptions::default()),
        }),
        Command::Replace(of) => machines(fleet, &of.chosen.machines).map(|machines| Request::Replace {
            machines,
            drain: options(&of.draining, &DrainOptions::ending()),
        }),
        Command::Remove(of) => machines(fleet, &of.chosen.machines).map(|machines| Request::Remove {
            machines,
            drain: options(&of.draining, &DrainOptions::ending()),
        }),
        Command::Leave(leave) => machines(fleet, &leave.hosts).map(|machines| Request::Leave {
            machines,
            drain: options(&leave.draining, &DrainOptions::ending()),
            forget: leave.forget,
        }),
        Command::Reboot(reboot) => machines(fleet, &reboot.of.chosen.machines).map(|machines| Request::Reboot {
            machines,
            drain: options(&reboot.of.draining, &DrainOptions::default()),
        }),
        Command::Certificates(of) => {
            machines_or_clusters(fleet, summary, &of.machines).map(|machines| Request::RotateCertificates { machines })
        }
        _ => return None,
    })
}

pub(super) fn options(draining: &Draining, usual: &DrainOptions) -> DrainOptions {
    DrainOptions {
        timeout: draining.timeout,
        force: draining.force,
        bare_pods: draining.bare_pods,
        empty_dir_data: draining.empty_dir_data.unwrap_or(usual.empty_dir_data),
    }
}

fn scale_request(scale: &Scale, summary: &Summary) -> Result<Request, String> {
    Ok(Request::Scale {
        pool: pool(&scale.pool, summary)?,
        to: scale.to,
        raise: scale.raise,
        order: scale.order.clone(),
        drain: options(&scale.draining, &DrainOptions::ending()),
    })
}

/// The pool that is called so, as `CLUSTER/POOL`, or as `POOL` where only one cluster has such a one.
fn pool(typed: &str, summary: &Summary) -> Result<crate::fleet::PoolId, String> {
    let (cluster, name) = match typed.split_once('/') {
        Some((cluster, name)) => (Some(cluster), name),
        None => (None, typed),
    };
    let fits = |pool: &&crate::fleet::Pool| {
        let of = pool.cluster.as_ref().map(|c| c.name.as_str());
        (pool.name == name || own_name(pool) == Some(name)) && (cluster.is_none() || of == cluster)
    };
    let found: Vec<_> = summary.pools.values().filter(fits).collect();
    let called = |pool: &crate::fleet::Pool| {
        let cluster = pool.cluster.as_ref().map_or("", |c| c.name.as_str());
        format!("{cluster}/{}", pool.name)
    };
    match found.as_slice() {
        [one] => Ok(one.id.clone()),
        [] => {
            let all: Vec<_> = summary.pools.values().map(called).collect();
            Err(format!("there is no pool {typed:?}; there are: {}", all.join(", ")))
        }
        several => {
            let all: Vec<_> = several.iter().map(|pool| called(pool)).collect();
            Err(format!(
                "{typed:?} may be any of {}: name its cluster too",
                all.join(", ")
            ))
        }
    }
}

/// The group's own name at AWS.
fn own_name(pool: &crate::fleet::Pool) -> Option<&str> {
    match &pool.id {
        crate::fleet::PoolId::Asg(_, name) | crate::fleet::PoolId::SpotFleet(_, name) => Some(name),
        _ => None,
    }
}

/// Machines, and of clusters those that run K3s: each once, in the order in which they are named.
fn machines_or_clusters(fleet: &Fleet, summary: &Summary, typed: &[String]) -> Result<Vec<MachineId>, String> {
    let mut found: Vec<MachineId> = vec![];
    for word in typed {
        let clusters: Vec<_> = summary.clusters.keys().filter(|id| id.name == *word).collect();
        let meant = match clusters.as_slice() {
            [] => vec![machine(fleet, word)?],
            [cluster] => {
                let own = fleet.machines().filter(|m| m.node().is_some() && m.belongs_to(cluster));
                own.map(|m| m.id()).collect()
            }
            several => {
                let all: Vec<_> = several.iter().map(ToString::to_string).collect();
                return Err(format!("{word:?} may be any of the clusters {}", all.join(", ")));
            }
        };
        found.extend(meant.into_iter().filter(|id| !found.contains(id)).collect::<Vec<_>>());
    }
    match found.is_empty() {
        true => Err("none of the machines meant runs K3s".to_owned()),
        false => Ok(found),
    }
}

fn machines(fleet: &Fleet, typed: &[String]) -> Result<Vec<MachineId>, String> {
    typed.iter().map(|word| machine(fleet, word)).collect()
}

/// The machine that is called so: by its instance, node or host, else by its name.
pub(super) fn machine(fleet: &Fleet, typed: &str) -> Result<MachineId, String> {
    let by_part = |m: &Machine<'_>| {
        m.instance().is_some_and(|i| i.id.as_str() == typed)
            || m.node().is_some_and(|n| n.key.name == typed)
            || m.edge().is_some_and(|e| e.name.as_str() == typed)
    };
    let mut found: Vec<_> = fleet.machines().filter(by_part).collect();
    if found.is_empty() {
        found = fleet.machines().filter(|m| m.name() == typed).collect();
    }
    match found.as_slice() {
        [one] => Ok(one.id()),
        [] => Err(format!(
            "there is no machine {typed:?}; k3fleet get machines lists them"
        )),
        several => {
            let mut ids: Vec<_> = several.iter().map(|m| m.id().to_string()).collect();
            ids.sort();
            Err(format!(
                "{typed:?} may be any of {}: name one by its id",
                ids.join(", ")
            ))
        }
    }
}
