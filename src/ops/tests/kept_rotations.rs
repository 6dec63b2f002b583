//! Plans that change a token of no parameter: the servers keep it, and all that need it are reached over SSH.

use super::super::rotation::{Held, Holder, Rotation, Which};
use super::joins::cluster;
use super::restarts::worked;
use super::rotations::{a_server, an_agent, asked, places, rotation, servers, silent, with};
use super::*;
use crate::blueprint::machine::Task;
use crate::fleet::Role;
use crate::fleet::testing::host;
use Role::{Agent, Server};

fn ssh(holder: Holder) -> Holder {
    Holder {
        reach: Some(Reach::Edge(host(&holder.name))),
        ..holder
    }
}

/// A change of the token in force, of machines that are all reached over SSH.
fn over_ssh(kind: Role, from: u64, machines: Vec<Holder>) -> Rotation {
    Rotation {
        parameter: None,
        ..rotation(kind, from, machines.into_iter().map(ssh).collect())
    }
}

/// The servers that a plan has keep the new token, those that it has forget it, and where one that is there stays.
fn kept(plan: &Plan) -> [Vec<Vec<String>>; 3] {
    let keep = |stay: bool| {
        worked(
            plan,
            move |t| matches!(t, Task::KeepToken { stays, .. } if !stay || *stays),
        )
    };
    [
        keep(false),
        worked(plan, |t| matches!(t, Task::DropToken { .. })),
        keep(true),
    ]
}

fn names(numbers: &[usize]) -> Vec<String> {
    numbers.iter().map(|n| format!("m-{n}")).collect()
}

#[test]
fn the_servers_keep_the_new_token_before_the_cluster_goes_by_it() {
    let machines = with(servers(1), [an_agent(11, Server, 1), an_agent(12, Agent, 1)]);
    let mut asked_for = over_ssh(Server, 1, machines);
    // With machines at AWS, and where nothing of it is there.
    for (world, home) in [(prod(2), asked_for.cluster.home.clone()), (World::live(), None)] {
        asked_for.cluster.home = home;
        let plan = planned(&world, &asked(asked_for.clone()));
        assert_eq!(
            titles(&plan).get(..4).unwrap(),
            [
                "save the datastore",
                "make the token",
                "keep it on every server",
                "change the token"
            ]
        );
        assert_eq!(titles(&plan).last(), Some(&"forget what kept it"));
        let first = vec![names(&[1])];
        assert_eq!(
            kept(&plan),
            [vec![names(&[1]), names(&[2, 3])], vec![names(&[1, 2, 3])], first]
        );
        assert_eq!(
            places(&plan),
            [names(&[1]), names(&[2]), names(&[3]), names(&[11])],
            "AWS has no part in it"
        );
        assert!(plan.steps().all(|(_, step)| !matches!(step, Step::Cloud(..))));
        let text = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    }
}

#[test]
fn what_it_leaves_to_people_is_told() {
    let plan = planned(&prod(1), &asked(over_ssh(Agent, 1, servers(1))));
    let told = plan.warnings.join("\n");
    assert!(told.contains("k3fleet-old-agent-token"), "{told}");
    assert!(told.contains("launch templates"), "its machines are at EC2: {told}");
    assert!(worked(&plan, |t| *t == Task::RotateToken).is_empty());

    let boards = World::live();
    let plan = planned(&boards, &asked(over_ssh(Server, 1, vec![a_server(1, 1)])));
    assert!(
        !plan.warnings.join("\n").contains("launch templates"),
        "{:?}",
        plan.warnings
    );
}

#[test]
fn machines_that_only_run_command_reaches_are_handed_no_token() {
    let machines = with(servers(1), [an_agent(11, Server, 1), an_agent(12, Agent, 1)]);
    for unreached in [1, 3] {
        let mut asked_for = over_ssh(Server, 1, machines.clone());
        asked_for.machines[unreached] = machines[unreached].clone();
        let refusal = plan(&prod(2).0, &asked(asked_for), now()).unwrap_err();
        assert_eq!(refusal.guard, "not-over-ssh");
        assert!(refusal.why.contains(machines[unreached].name.as_str()), "{refusal}");
        assert!(refusal.lift.contains("/k3fleet/prod/server-token"), "{refusal}");
    }
    let mut asked_for = over_ssh(Server, 1, machines.clone());
    asked_for.machines[4] = machines[4].clone();
    let plan = planned(&prod(2), &asked(asked_for));
    assert!(!places(&plan).concat().contains(&"m-12".to_owned()), "it needs none");
}

#[test]
fn what_was_begun_is_finished_with_the_token_that_a_server_has_taken() {
    let machines = with(vec![a_server(1, 2), a_server(2, 1)], [an_agent(11, Server, 1)]);
    let plan = planned(&prod(1), &asked(over_ssh(Server, 2, machines)));
    assert_eq!(plan.title, "finish changing the server token of prod");
    assert_eq!(places(&plan), [names(&[2]), names(&[11])]);
    assert_eq!(kept(&plan), [vec![], vec![names(&[1, 2])], vec![]]);
    assert_eq!(titles(&plan)[0], "write the token");
}

#[test]
fn a_change_that_all_servers_have_taken_and_none_has_ended_is_finished_with_a_restart_of_each() {
    let mut begun = over_ssh(Server, 2, with(servers(2), [an_agent(11, Server, 1)]));
    begun.under_way = true;
    let plan = planned(&prod(1), &asked(begun));
    assert!(plan.title.starts_with("finish"), "{}", plan.title);
    assert_eq!(places(&plan), [names(&[1]), names(&[2]), names(&[3]), names(&[11])]);
    let restarts = worked(&plan, |t| *t == Task::Restart);
    assert_eq!(
        restarts,
        places(&plan),
        "what a server has in its configuration it may not go by yet"
    );
    assert!(kept(&plan)[0].is_empty() && worked(&plan, |t| *t == Task::RotateToken).is_empty());
}

#[test]
fn who_is_away_is_left_here_too_and_what_nobody_knows_refused() {
    let mut leaving = over_ssh(Server, 1, with(servers(1), [silent(an_agent(11, Server, 1))]));
    assert_eq!(refused(&prod(1), &asked(leaving.clone())), "unreached");
    leaving.leave_unreached = true;
    assert!(titles(&planned(&prod(1), &asked(leaving))).contains(&"mark who is left"));

    let unknown = |holder: Holder| Holder {
        holds: Ok(vec![Held {
            kind: Server,
            place: "/etc/rancher/k3s/config.yaml token".into(),
            which: Which::Unknown,
        }]),
        ..holder
    };
    let mut differ = over_ssh(Server, 1, servers(1).into_iter().map(unknown).collect());
    differ.from = None;
    let refusal = plan(&prod(1).0, &asked(differ), now()).unwrap_err();
    assert_eq!(refusal.guard, "token-not-kept");
    assert!(
        refusal.lift.contains(&format!("tokens list {}", cluster())),
        "{refusal}"
    );
}
