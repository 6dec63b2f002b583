//! Rules about clusters: versions, quorum, placement of servers, and the end of a `ci` cluster.

use jiff::Timestamp;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::skew::version_skew;
use super::{Sight, Verdict, counted};
use crate::fleet::{Cluster, ClusterId, ContextId, Finding, Machine, MachineState, Readiness, Role, Severity};

/// How long before its end a `ci` cluster is pointed out, and how long before it is urgent.
const ENDING: i64 = 1_800;
const ENDING_SOON: i64 = 600;
/// How long destroying itself may take.
const DESTROYING: i64 = 900;

/// The nodes of each context, as far as these rules need them.
#[derive(Default)]
pub(super) struct Contexts<'a>(FxHashMap<&'a ContextId, Nodes<'a>>);

#[derive(Default)]
struct Nodes<'a> {
    servers: Vec<Server<'a>>,
    /// How many agents run each version.
    agents: SmallVec<[(&'a str, usize); 4]>,
}

struct Server<'a> {
    version: &'a str,
    zone: Option<&'a str>,
    voter: Option<bool>,
    ready: bool,
    /// Whether its instance is being taken away.
    leaving: bool,
}

impl<'a> Contexts<'a> {
    /// Takes in one machine.
    pub(super) fn add(&mut self, machine: &Machine<'a>, state: MachineState) {
        let Some(node) = machine.node() else { return };
        if state == MachineState::Ghost {
            return;
        }
        let nodes = self.0.entry(&node.key.context).or_default();
        if node.role == Role::Server {
            nodes.servers.push(Server {
                version: &node.version,
                zone: machine.zone(),
                voter: node.etcd_voter,
                ready: node.ready == Readiness::Ready,
                leaving: matches!(
                    state,
                    MachineState::Interrupted
                        | MachineState::ShuttingDown
                        | MachineState::Stopping
                        | MachineState::Stopped
                ),
            });
            return;
        }
        match nodes.agents.iter_mut().find(|(version, _)| *version == node.version) {
            Some((_, n)) => *n += 1,
            None => nodes.agents.push((&node.version, 1)),
        }
    }

    /// Judges each context whose nodes are known now.
    pub(super) fn judge(&self, sight: &Sight<'_>, findings: &mut Vec<Finding>) {
        for (context, nodes) in self.0.iter().filter(|(context, _)| sight.nodes_live(context)) {
            let cluster = sight.fleet.cluster_of_context(context);
            let servers = nodes.servers.iter().map(|s| (s.version, 1));
            let verdicts = [
                version_skew(&cluster, servers, nodes.agents.iter().copied()),
                quorum_at_risk(&cluster, &nodes.servers),
                single_zone(&nodes.servers),
            ];
            findings.extend(verdicts.into_iter().flatten().map(|v| v.of_cluster(&cluster)));
        }
    }
}

/// Embedded etcd: how many voters work, against how many must.
fn quorum_at_risk(cluster: &ClusterId, servers: &[Server<'_>]) -> Option<Verdict> {
    let voters: SmallVec<[&Server<'_>; 8]> = servers.iter().filter(|s| s.voter == Some(true)).collect();
    let (all, need) = (voters.len(), voters.len() / 2 + 1);
    let ready = voters.iter().filter(|s| s.ready).count();
    let staying = voters.iter().filter(|s| s.ready && !s.leaving).count();
    let learners = servers.iter().filter(|s| s.voter == Some(false)).count();
    let (severity, line, mend) = match all {
        0 => return None,
        _ if ready < need => (
            Severity::Critical,
            format!("etcd quorum lost: {ready} of {all} voters ready, {need} needed"),
            "bring a server back; if none returns: k3s server --cluster-reset on the last good one".to_owned(),
        ),
        _ if staying < need => (
            Severity::Critical,
            format!("etcd quorum is about to go: {staying} of {all} voters stay, {need} needed"),
            format!(
                "add a server before these leave: k3fleet scale {cluster}/POOL {}",
                all + 1
            ),
        ),
        2.. if staying == need && staying < all => (
            Severity::Warning,
            format!("no further server may fail: {staying} of {all} etcd voters stay ready, {need} needed"),
            "mend or replace the server that fails, one at a time".to_owned(),
        ),
        2.. if all % 2 == 0 => (
            if learners > 0 {
                Severity::Info
            } else {
                Severity::Warning
            },
            format!("{all} etcd voters bear no more loss than {}", all - 1),
            match learners {
                0 => format!(
                    "have an odd number of servers: k3fleet scale {cluster}/POOL {}",
                    all + 1
                ),
                n => format!("nothing yet: {} to become a voter", counted(n, "learner")),
            },
        ),
        _ => return None,
    };
    Some(Verdict {
        rule: "quorum-at-risk",
        severity,
        line,
        mend,
        since: None,
    })
}

/// Several servers, all in one zone.
fn single_zone(servers: &[Server<'_>]) -> Option<Verdict> {
    let zone = servers.first()?.zone?;
    if servers.len() < 3 || servers.iter().any(|s| s.zone != Some(zone)) {
        return None;
    }
    Some(Verdict {
        rule: "single-zone",
        severity: Severity::Info,
        line: format!(
            "all {} servers stand in {zone}: an outage of the zone stops the cluster",
            servers.len()
        ),
        mend: "give the servers' pool subnets in three zones, then replace one server at a time".to_owned(),
        since: None,
    })
}

/// Judges each cluster as it is counted.
pub(super) fn judge(sight: &Sight<'_>, findings: &mut Vec<Finding>) {
    for cluster in sight.summary.clusters.values() {
        let verdicts = [ttl(sight, cluster), unwatched(cluster)];
        findings.extend(verdicts.into_iter().flatten().map(|v| v.of_cluster(&cluster.id)));
    }
}

fn ttl(sight: &Sight<'_>, cluster: &Cluster) -> Option<Verdict> {
    let end = cluster.expires_at.filter(|_| cluster.count.instances > 0)?;
    let name = &cluster.id;
    match end.duration_since(sight.now).as_secs() {
        ENDING.. => None,
        left @ 0.. => Some(Verdict {
            rule: "ttl-ending",
            severity: if left < ENDING_SOON {
                Severity::Warning
            } else {
                Severity::Info
            },
            line: format!("destroys itself in {}", super::age(left)),
            mend: format!("to keep it: k3fleet extend {name} 1h"),
            since: None,
        }),
        _ => Some(ttl_over(sight, cluster, end)),
    }
}

fn ttl_over(sight: &Sight<'_>, cluster: &Cluster, end: Timestamp) -> Verdict {
    let late = sight.seconds(end) > DESTROYING;
    let left = counted(cluster.count.instances as usize, "instance");
    Verdict {
        rule: "ttl-over",
        severity: if late { Severity::Warning } else { Severity::Info },
        line: format!("its time ended {} ago, {left} still there", sight.ago(end)),
        mend: match late {
            true => format!("k3fleet destroy {}", cluster.id),
            false => "nothing yet: it is destroying itself".to_owned(),
        },
        since: Some(end),
    }
}

/// Instances of a cluster whose nodes nobody looks at.
fn unwatched(cluster: &Cluster) -> Option<Verdict> {
    if cluster.count.instances == 0 || cluster.count.nodes > 0 || !cluster.contexts.is_empty() {
        return None;
    }
    Some(Verdict {
        rule: "unwatched",
        severity: Severity::Info,
        line: "no kube context shows its nodes: only its instances are known".to_owned(),
        mend: format!(
            "name its context with --context, or k3fleet kubeconfig {} --merge",
            cluster.id
        ),
        since: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(voter: Option<bool>, ready: bool, leaving: bool) -> Server<'static> {
        Server {
            version: "v1.36.4+k3s1",
            zone: Some("eu-west-1a"),
            voter,
            ready,
            leaving,
        }
    }

    fn quorum(ready: usize, leaving: usize, down: usize, learners: usize) -> Option<(Severity, String)> {
        let mut servers = vec![];
        servers.extend((0..ready).map(|_| server(Some(true), true, false)));
        servers.extend((0..leaving).map(|_| server(Some(true), true, true)));
        servers.extend((0..down).map(|_| server(Some(true), false, false)));
        servers.extend((0..learners).map(|_| server(Some(false), true, false)));
        let cluster = ClusterId {
            name: "prod".into(),
            home: None,
        };
        quorum_at_risk(&cluster, &servers).map(|v| (v.severity, v.line))
    }

    #[test]
    fn whole_quorums_say_nothing() {
        assert_eq!(quorum(1, 0, 0, 0), None);
        assert_eq!(quorum(3, 0, 0, 0), None);
        assert_eq!(quorum(4, 0, 1, 0), None, "four of five stay, three are needed");
        assert_eq!(quorum(0, 0, 0, 3), None, "no voter known, nothing known");
    }

    #[test]
    fn a_lost_quorum_is_critical_and_so_is_one_that_goes() {
        assert_eq!(quorum(1, 0, 2, 0).unwrap().0, Severity::Critical);
        let (severity, line) = quorum(1, 2, 0, 0).unwrap();
        assert_eq!(severity, Severity::Critical);
        assert!(line.contains("about to go"), "{line}");
    }

    #[test]
    fn the_last_spare_server_is_a_warning() {
        let (severity, line) = quorum(2, 0, 1, 0).unwrap();
        assert_eq!(severity, Severity::Warning);
        assert_eq!(
            line,
            "no further server may fail: 2 of 3 etcd voters stay ready, 2 needed"
        );
        assert_eq!(
            quorum(2, 1, 0, 0).unwrap().0,
            Severity::Warning,
            "an interruption counts as a failure to come"
        );
    }

    #[test]
    fn even_numbers_are_pointed_out_but_not_while_a_learner_joins() {
        assert_eq!(quorum(2, 0, 0, 0).unwrap().0, Severity::Warning);
        assert_eq!(quorum(4, 0, 0, 0).unwrap().0, Severity::Warning);
        assert_eq!(quorum(2, 0, 0, 1).unwrap().0, Severity::Info);
    }

    #[test]
    fn three_servers_in_one_zone_are_pointed_out() {
        let mut servers = vec![server(None, true, false), server(None, true, false)];
        assert!(single_zone(&servers).is_none());
        servers.push(server(None, true, false));
        assert!(single_zone(&servers).is_some());
        servers[1].zone = Some("eu-west-1b");
        assert!(single_zone(&servers).is_none());
    }
}
