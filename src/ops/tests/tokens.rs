//! What a survey of tokens becomes: the rotation that is asked for, the view, and plans from any state of them.

use super::super::rotation::{Datastore, Holder, Which};
use super::super::tokens::Tokens;
use super::joins::cluster;
use super::restarts::keeps_quorum;
use super::rotations::{a_server, an_agent, asked, held, holder, name, places, rotation, servers, silent, with};
use super::*;
use crate::fleet::Role;
use Role::{Agent, Server};

fn tokens(machines: Vec<Holder>) -> Tokens {
    let parameter = |kind: Role, newest| super::super::tokens::Parameter {
        name: format!("/k3fleet/prod/{}-token", kind.as_str()).into(),
        newest,
        versions: vec![],
    };
    Tokens {
        cluster: cluster(),
        version: Some("v1.36.4+k3s1".into()),
        datastore: Some(Datastore::Etcd),
        parameters: [(Server, parameter(Server, 5)), (Agent, parameter(Agent, 1))].into(),
        own: [].into(),
        machines,
        bootstrap: vec![],
        faults: vec![],
    }
}

#[test]
fn the_cluster_goes_by_the_newest_version_that_a_server_holds() {
    let from = |machines| tokens(machines).rotation(Server, false, 5).from;
    assert_eq!(
        from(servers(3)),
        Some(3),
        "a newer one that no server took is not in force"
    );
    assert_eq!(from(vec![a_server(1, 3), a_server(2, 2)]), Some(3));
    assert_eq!(from(vec![holder(1, Server, vec![held(Server, Which::Unknown)])]), None);
    assert_eq!(from(vec![an_agent(11, Server, 4)]), None, "agents do not tell");
}

#[test]
fn the_view_tells_who_holds_what_and_what_to_see_to() {
    let machines = with(
        servers(5),
        [
            an_agent(11, Server, 4),
            an_agent(12, Agent, 1),
            silent(an_agent(13, Agent, 1)),
        ],
    );
    let view = tokens(machines).view();
    let rows: Vec<_> = view
        .tokens
        .iter()
        .map(|t| (t.name.as_str(), t.newest, t.machines.len()))
        .collect();
    assert_eq!(
        rows,
        [
            ("/k3fleet/prod/server-token:5", true, 3),
            ("/k3fleet/prod/server-token:4", false, 1),
            ("/k3fleet/prod/agent-token:1", true, 4),
        ]
    );
    let remarks = view.remarks.join("\n");
    assert!(remarks.contains("m-11 joined with the server token"), "{remarks}");
    assert!(remarks.contains("m-11 still hold an older server token"), "{remarks}");
    let silent = view.machines.iter().find(|m| m.name == "m-13").unwrap();
    assert_eq!(silent.why.as_deref(), Some("no route to host"));
}

proptest! {
    #[test]
    fn any_state_is_finished_without_losing_quorum_or_touching_a_machine_twice(
        versions in prop::collection::vec(1_u64..4, 3),
        agents in prop::collection::vec((0_u8..5, any::<bool>()), 0..5),
        leave in any::<bool>(),
        wave in 0_usize..4,
    ) {
        let mut machines: Vec<_> = versions.iter().enumerate().map(|(n, v)| a_server(n + 1, *v)).collect();
        let mut world = prod(5);
        for (n, (state, marked)) in agents.iter().enumerate() {
            let n = n + 11;
            machines.push(match state {
                0 => silent(an_agent(n, Server, 1)),
                1 => holder(n, Agent, vec![held(Agent, Which::Bootstrap("abcdef".into()))]),
                2 => holder(n, Agent, vec![held(Agent, Which::Unknown)]),
                version => an_agent(n, Server, u64::from(*version) - 2),
            });
            if *marked {
                world.node(Node { old_token: Some(Server), ..node(n) });
            }
        }
        let from = tokens(machines.clone()).rotation(Server, leave, wave).from;
        prop_assert_eq!(from, versions.iter().max().copied());
        let mut asked_for = rotation(Server, from.unwrap(), machines.clone());
        asked_for.leave_unreached = leave;
        asked_for.wave = wave;
        let is_silent = agents.iter().any(|(state, _)| *state == 0);
        match super::plan(&world.0, &asked(asked_for), now()) {
            Err(refusal) => {
                prop_assert_eq!(refusal.guard, "unreached");
                prop_assert!(is_silent && !leave);
            }
            Ok(plan) => {
                prop_assert!(keeps_quorum(&plan, 3));
                let placed = places(&plan).concat();
                let mut once = placed.clone();
                once.sort();
                once.dedup();
                prop_assert_eq!(once.len(), placed.len());
                let limit = wave.max(1);
                prop_assert!(places(&plan).iter().all(|stage| stage.len() <= limit.max(1)));
                for holder in machines.iter().filter(|m| m.holds.is_err()) {
                    prop_assert!(!placed.contains(&holder.reach.as_ref().unwrap().name().to_owned()));
                }
                // Servers come before agents.
                let servers: Vec<_> = (1..=3).map(name).collect();
                let first_agent = placed.iter().position(|p| !servers.contains(p)).unwrap_or(placed.len());
                prop_assert!(placed.iter().skip(first_agent).all(|p| !servers.contains(p)));
                let makes = titles(&plan).contains(&"make the token");
                let takes = titles(&plan).contains(&"take the token");
                prop_assert!(!(makes && takes));
                prop_assert_eq!(makes || takes, !placed.is_empty());
            }
        }
    }
}
