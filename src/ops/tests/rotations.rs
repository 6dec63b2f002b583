//! Plans that change a cluster's token: K3s' order, who is refused, who is left, and how it is finished.

use super::super::rotation::{Datastore, Held, Holder, Rotation, Which};
use super::joins::cluster;
use super::restarts::{id, keeps_quorum, worked};
use super::*;
use crate::blueprint::machine::Task;
use crate::fleet::{NodeKey, Role};
use Role::{Agent, Server};

pub(super) fn held(kind: Role, which: Which) -> Held {
    Held {
        kind,
        place: "/etc/rancher/k3s/token".into(),
        which,
    }
}

pub(super) fn holder(n: usize, role: Role, holds: Vec<Held>) -> Holder {
    Holder {
        machine: id(n),
        name: format!("m-{n}").into(),
        reach: Some(Reach::Instance(scope(), instance_id(n))),
        node: Some(node(n).key),
        role,
        holds: Ok(holds),
    }
}

pub(super) fn a_server(n: usize, version: u64) -> Holder {
    let tokens = [(Server, version), (Agent, 1)];
    let holds = tokens.map(|(kind, version)| held(kind, Which::Version(kind, version)));
    holder(n, Server, holds.into())
}

/// An agent that joined with a version of a token.
pub(super) fn an_agent(n: usize, kind: Role, version: u64) -> Holder {
    holder(n, Agent, vec![held(Agent, Which::Version(kind, version))])
}

pub(super) fn silent(holder: Holder) -> Holder {
    Holder {
        holds: Err("no route to host".into()),
        ..holder
    }
}

pub(super) fn rotation(kind: Role, from: u64, machines: Vec<Holder>) -> Rotation {
    Rotation {
        cluster: cluster(),
        kind,
        parameter: Some(format!("/k3fleet/prod/{}-token", kind.as_str()).into()),
        from: Some(from),
        under_way: false,
        version: "v1.36.4+k3s1".into(),
        datastore: Some(Datastore::Etcd),
        machines,
        leave_unreached: false,
        wave: 2,
    }
}

pub(super) fn servers(version: u64) -> Vec<Holder> {
    (1..=3).map(|n| a_server(n, version)).collect()
}

pub(super) fn with(mut machines: Vec<Holder>, more: impl IntoIterator<Item = Holder>) -> Vec<Holder> {
    machines.extend(more);
    machines
}

pub(super) fn asked(rotation: Rotation) -> Request {
    Request::Rotate(Box::new(rotation))
}

pub(super) fn places(plan: &Plan) -> Vec<Vec<String>> {
    worked(plan, |task| matches!(task, Task::PlaceToken { .. }))
}

/// The nodes that a plan marks, and those it unmarks.
fn marks(plan: &Plan) -> (Vec<String>, Vec<String>) {
    let (mut marked, mut unmarked) = (vec![], vec![]);
    for (_, step) in plan.steps() {
        if let Step::Kube(node, KubeStep::Mark(marks)) = step {
            for (key, value) in &marks.annotations {
                assert_eq!(key, "k3fleet.dev/old-token");
                match value {
                    Some(_) => marked.push(node.name.to_string()),
                    None => unmarked.push(node.name.to_string()),
                }
            }
        }
    }
    (marked, unmarked)
}

/// A world in which a node is marked as left with an old token.
fn marked_world(n: usize, kind: Role) -> World {
    let mut world = prod(5);
    world.node(Node {
        old_token: Some(kind),
        ..node(n)
    });
    world
}

pub(super) fn name(n: usize) -> String {
    instance_id(n).to_string()
}

#[test]
fn the_server_token_changes_in_the_documented_order() {
    let machines = with(
        servers(1),
        [
            an_agent(11, Server, 1),
            an_agent(12, Agent, 1),
            an_agent(13, Server, 1),
            an_agent(14, Server, 1),
        ],
    );
    let plan = planned(&prod(4), &asked(rotation(Server, 1, machines)));
    let takes = ["write the token", "restart K3s", "be ready"];
    let mut expected = vec!["save the datastore", "make the token", "change the token"];
    for _ in 0..5 {
        expected.extend(takes);
    }
    expected.push("prove");
    assert_eq!(titles(&plan), expected);
    assert_eq!(
        places(&plan),
        [
            vec![name(1)],
            vec![name(2)],
            vec![name(3)],
            vec![name(11), name(13)],
            vec![name(14)]
        ],
        "servers one by one, then the agents that use it in waves; one with the agent token is not touched"
    );
    assert!(keeps_quorum(&plan, 3));
    let voters = plan
        .steps()
        .filter(|(_, step)| matches!(step, Step::Wait(Condition::NodeUp { voter: true, .. }, _)));
    assert_eq!(voters.count(), 3);
    assert_eq!(plan.title, "change the server token of prod");
}

#[test]
fn the_agent_token_changes_on_all_servers_first() {
    let machines = with(
        servers(7),
        [an_agent(11, Agent, 1), an_agent(12, Agent, 1), an_agent(13, Server, 7)],
    );
    let plan = planned(&prod(3), &asked(rotation(Agent, 1, machines)));
    assert_eq!(
        places(&plan),
        [vec![name(1)], vec![name(2)], vec![name(3)], vec![name(11), name(12)]]
    );
    assert!(
        worked(&plan, |t| *t == Task::RotateToken).is_empty(),
        "only the server token is changed in the datastore"
    );
    assert!(keeps_quorum(&plan, 3));
    let proof = plan.steps().last().unwrap().1;
    assert!(
        matches!(proof, Step::Machine(_, Task::Handshake { kind: Agent })),
        "{proof:?}"
    );
}

#[test]
fn servers_that_share_one_token_for_both_are_given_an_agent_token() {
    let shared = |n| {
        let holds = [Server, Agent].map(|kind| held(kind, Which::Version(Server, 3)));
        holder(n, Server, holds.into())
    };
    let machines = vec![shared(1), shared(2), shared(3)];
    let plan = planned(&prod(1), &asked(rotation(Agent, 4, machines)));
    assert_eq!(places(&plan).len(), 3);
    assert!(titles(&plan).contains(&"make the token"));
}

#[test]
fn what_cannot_be_changed_is_refused() {
    let world = prod(2);
    let refuse = |change: &dyn Fn(&mut Rotation)| {
        let mut asked_for = rotation(Server, 1, with(servers(1), [an_agent(11, Server, 1)]));
        change(&mut asked_for);
        refused(&world, &asked(asked_for))
    };
    for old in ["v1.28.1+k3s1", "v1.27.6+k3s1", "v1.24.17+k3s1", "v1.30.0", ""] {
        assert_eq!(refuse(&|r| r.version = old.into()), "release", "{old:?}");
    }
    assert_eq!(refuse(&|r| r.parameter = None), "not-over-ssh");
    assert_eq!(refuse(&|r| (r.parameter, r.from) = (None, None)), "token-not-kept");
    assert_eq!(refuse(&|r| r.from = None), "token-not-kept");
    assert_eq!(
        refuse(&|r| r.machines[1].holds = Err("timed out".into())),
        "server-unreached"
    );
    let leaves = |r: &mut Rotation| {
        r.machines[1].holds = Err("timed out".into());
        r.leave_unreached = true;
    };
    assert_eq!(refuse(&leaves), "server-unreached", "a server is never left");
    assert_eq!(refuse(&|r| r.machines[0].reach = None), "server-unreached");
    assert_eq!(
        refuse(&|r| r.machines[0].holds = Ok(vec![held(Server, Which::Unknown)])),
        "token-not-kept"
    );
    assert_eq!(refuse(&|r| r.machines[3].holds = Err("timed out".into())), "unreached");
    assert_eq!(refuse(&|r| r.machines.retain(|m| m.role == Agent)), "no-server");
    assert_eq!(refuse(&|r| r.cluster.home = None), "no-home");
    let no_agent_token = |r: &mut Rotation| {
        r.kind = Agent;
        r.machines[2].holds = Ok(vec![held(Server, Which::Version(Server, 1))]);
    };
    assert_eq!(refuse(&no_agent_token), "no-agent-token");
    let mut down = prod(1);
    down.node(Node {
        ready: Readiness::NotReady,
        ..server(2)
    });
    assert_eq!(refused(&down, &asked(rotation(Server, 1, servers(1)))), "etcd-quorum");
}

#[test]
fn old_releases_change_the_agent_token_all_the_same() {
    let mut old = rotation(Agent, 1, with(servers(1), [an_agent(11, Agent, 1)]));
    old.version = "v1.25.1+k3s1".into();
    assert!(!planned(&prod(1), &asked(old)).stages.is_empty());
}

#[test]
fn who_is_left_is_marked_and_named() {
    let mut leaving = rotation(
        Server,
        1,
        with(servers(1), [an_agent(11, Server, 1), silent(an_agent(12, Server, 1))]),
    );
    leaving.leave_unreached = true;
    let plan = planned(&prod(2), &asked(leaving));
    assert_eq!(marks(&plan), (vec!["node-12".to_owned()], vec![]));
    let told = plan.warnings.join("\n");
    assert!(
        told.contains("m-12 keeps the old server token (no route to host)"),
        "{told}"
    );
    let at = |title: &str| titles(&plan).iter().position(|t| *t == title).unwrap();
    assert!(at("mark who is left") > at("change the token"));
    assert_eq!(places(&plan).concat(), [1, 2, 3, 11].map(name));
}

#[test]
fn one_that_is_back_is_brought_after_and_nothing_else_is_done() {
    let machines = with(servers(2), [an_agent(11, Server, 2), an_agent(12, Server, 1)]);
    let plan = planned(&marked_world(12, Server), &asked(rotation(Server, 2, machines)));
    assert_eq!(
        titles(&plan),
        [
            "take the token",
            "write the token",
            "restart K3s",
            "be ready",
            "unmark",
            "prove"
        ]
    );
    assert_eq!(places(&plan), [[name(12)]]);
    assert_eq!(marks(&plan), (vec![], vec!["node-12".to_owned()]));
    assert_eq!(plan.title, "finish changing the server token of prod");
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

#[test]
fn one_still_away_stays_left_while_another_is_finished() {
    let machines = with(servers(2), [an_agent(12, Server, 1), silent(an_agent(13, Server, 1))]);
    let mut world = marked_world(12, Server);
    world.node(Node {
        old_token: Some(Server),
        ..node(13)
    });
    let plan = planned(&world, &asked(rotation(Server, 2, machines)));
    assert_eq!(
        marks(&plan),
        (vec![], vec!["node-12".to_owned()]),
        "it is marked already, and stays so"
    );
    assert!(plan.warnings.iter().any(|w| w.contains("m-13")), "{:?}", plan.warnings);
}

#[test]
fn with_nobody_back_it_changes_once_more() {
    let mut again = rotation(Server, 2, with(servers(2), [silent(an_agent(12, Server, 1))]));
    assert_eq!(refused(&marked_world(12, Server), &asked(again.clone())), "unreached");
    again.leave_unreached = true;
    let plan = planned(&marked_world(12, Server), &asked(again));
    assert!(titles(&plan).contains(&"change the token"));
}

#[test]
fn one_that_took_the_token_otherwise_is_only_unmarked() {
    let bootstrap = holder(12, Agent, vec![held(Agent, Which::Bootstrap("abcdef".into()))]);
    let plan = planned(
        &marked_world(12, Server),
        &asked(rotation(Server, 2, with(servers(2), [bootstrap]))),
    );
    assert_eq!(titles(&plan), ["unmark"]);
}

#[test]
fn a_change_that_was_given_up_half_way_is_finished() {
    let machines = with(
        vec![a_server(1, 2), a_server(2, 1), a_server(3, 1)],
        [an_agent(11, Server, 1)],
    );
    let plan = planned(&prod(1), &asked(rotation(Server, 2, machines)));
    assert_eq!(places(&plan), [[name(2)], [name(3)], [name(11)]]);
    assert_eq!(titles(&plan)[0], "take the token");
    assert!(worked(&plan, |t| *t == Task::RotateToken).is_empty());
    assert!(keeps_quorum(&plan, 3));
}

#[test]
fn other_datastores_are_told_of() {
    let with_datastore = |datastore| {
        let mut asked_for = rotation(Server, 1, servers(1));
        asked_for.datastore = datastore;
        planned(&prod(1), &asked(asked_for))
    };
    let external = with_datastore(Some(Datastore::External));
    assert!(!titles(&external).contains(&"save the datastore"));
    assert!(
        external.warnings[0].contains("back it up first"),
        "{:?}",
        external.warnings
    );
    let unknown = with_datastore(None);
    assert!(
        titles(&unknown).contains(&"save the datastore"),
        "the server itself knows what it has"
    );
    assert!(with_datastore(Some(Datastore::Sqlite)).warnings[0].contains("does not answer"));
}

#[test]
fn nodes_are_known_by_their_keys() {
    let plan = planned(&prod(1), &asked(rotation(Server, 1, servers(1))));
    let waits = plan.steps().filter_map(|(_, step)| match step {
        Step::Wait(Condition::NodeUp { node, .. }, _) => Some(node.clone()),
        _ => None,
    });
    let expected: Vec<NodeKey> = (1..=3).map(|n| server(n).key).collect();
    assert_eq!(waits.collect::<Vec<_>>(), expected);
}
