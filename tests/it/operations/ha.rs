//! Highly available clusters over the simulated world: launched, killed at every step, failing at each resource, taken
//! back, healing, changed, upgraded.

use k3fleet::blueprint::Names;
use k3fleet::blueprint::ha::template::template;
use k3fleet::fleet::{Arch, Fleet, Machine, MachineId, MachineState, Role};
use k3fleet::ops::launch::{Launch, OnFailure};
use k3fleet::ops::updating;
use k3fleet::ops::wish::{HaWish, Wish};
use k3fleet::ops::{DrainOptions, Outcome, Request, What};

use super::desk::Desk;
use super::launching::of_shop;

/// A highly available cluster named shop.
pub(super) fn shop() -> Wish {
    Wish {
        name: "shop".into(),
        shape: k3fleet::fleet::Shape::Ha,
        types: vec!["t4g.small".into()],
        ha: Some(HaWish {
            workers: Some(2),
            ..HaWish::default()
        }),
        ..Wish::default()
    }
}

pub(super) fn of(machine: &Machine<'_>, role: Role) -> bool {
    of_shop(machine) && machine.role() == Some(role)
}

pub(super) fn ready(fleet: &Fleet, role: Role, now: jiff::Timestamp) -> usize {
    let own = fleet.machines().filter(|m| of(m, role));
    own.filter(|m| m.state(now) == MachineState::Ready).count()
}

fn voters(fleet: &Fleet) -> usize {
    let nodes = fleet.machines().filter(of_shop);
    nodes
        .filter(|m| m.node().and_then(|n| n.etcd_voter) == Some(true))
        .count()
}

/// The shop is there with so many workers and three servers that vote, and all its machines are ready.
pub(super) async fn is_up(desk: &mut Desk, workers: usize) {
    let world = desk.world.clone();
    desk.until(|fleet| {
        let now = world.now();
        ready(fleet, Role::Server, now) == 3
            && ready(fleet, Role::Agent, now) == workers
            && fleet.machines().filter(of_shop).count() == 3 + workers
            && voters(fleet) == 3
    })
    .await;
}

pub(super) async fn launched() -> Desk {
    launched_in(Desk::plain().await, &shop()).await
}

/// Launches a highly available cluster.
pub(super) async fn launched_in(mut desk: Desk, wish: &Wish) -> Desk {
    let request = desk.launch(wish).await;
    let outcome = desk.run(&request).await.unwrap();
    assert_eq!(outcome, Outcome::Done, "{:?}", desk.failures());
    let workers = wish.ha.as_ref().and_then(|ha| ha.workers).unwrap();
    is_up(&mut desk, workers as usize).await;
    desk
}

fn launch_of(request: Request) -> Launch {
    match request {
        Request::Launch(launch) => *launch,
        other => panic!("{other:?}"),
    }
}

/// A server or worker of the shop.
pub(super) fn one(desk: &Desk, role: Role) -> MachineId {
    let mut own: Vec<_> = desk.fleet.machines().filter(|m| of(m, role)).map(|m| m.id()).collect();
    own.sort();
    own.swap_remove(0)
}

#[tokio::test(start_paused = true)]
async fn a_stack_comes_up_and_its_events_are_told() {
    let desk = launched().await;
    let complete = desk.told.iter().filter(|(_, event)| match &event.what {
        What::StackSaid { happened, .. } => happened.status.0 == "CREATE_COMPLETE",
        _ => false,
    });
    assert!(complete.count() > 40);
    let stack = desk.world.providers().clouds[0]
        .stack("k3fleet-shop")
        .await
        .unwrap()
        .unwrap();
    assert!(stack.status.is_good());
    let text = desk.written();
    let token = desk.world.control().clouds[0]
        .parameter("/k3fleet/shop/server-token")
        .await;
    assert!(!text.contains(&token.unwrap().unwrap()), "no token is told or written");
}

#[tokio::test(start_paused = true)]
async fn a_launch_killed_at_any_step_and_resumed_makes_one_stack() {
    let mut desk = Desk::plain().await;
    let request = desk.launch(&shop()).await;
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    let said = |what: &What| matches!(what, What::StackSaid { .. } | What::StepSaid { .. });
    // After all that is no line, and after a few of those.
    let kills: Vec<_> = (1..desk.told.len())
        .filter(|kill| !said(&desk.told[kill - 1].1.what) || kill % 41 == 0)
        .collect();
    assert!(kills.len() > 20, "{kills:?}");
    for kill in kills {
        let mut desk = Desk::plain().await;
        let request = desk.launch(&shop()).await;
        let id = desk.run_and_kill(&request, kill).await;
        let resumed = desk.resume(&id).await.unwrap();
        assert_eq!(
            resumed,
            Outcome::Done,
            "killed after {kill} events: {:?}",
            desk.failures()
        );
        is_up(&mut desk, 2).await;
        assert!(desk.operations.journals().0.iter().all(|p| !p.is_unfinished()));
    }
}

#[tokio::test(start_paused = true)]
async fn whichever_resource_fails_is_told_and_the_resumed_launch_comes_up() {
    let desk = Desk::plain().await;
    let launch = launch_of(desk.launch(&shop()).await);
    let whole = template(&launch.spec, launch.site.as_ref().unwrap());
    let names: Vec<_> = whole["Resources"].as_object().unwrap().keys().cloned().collect();
    for (nth, name) in names.iter().enumerate() {
        let fails = format!(
            "[[events]]\nat = \"1s\"\nevent.stack-fails = {{ region = \"eu-west-1\", resource = \"{name}\", reason = \"no more of \
             these\" }}\n"
        );
        let mut desk = Desk::with(&fails).await;
        let mut launch = launch_of(desk.launch(&shop()).await);
        let undone = nth % 2 == 0;
        launch.on_failure = if undone { OnFailure::RollBack } else { OnFailure::Keep };
        let outcome = desk.run(&Request::Launch(Box::new(launch))).await.unwrap();
        let told = desk.failures();
        assert_eq!(outcome, Outcome::Failed, "{name}");
        assert!(
            told[0].contains(&format!("{name}: no more of these")),
            "{name}: {told:?}"
        );
        let stack = desk.world.providers().clouds[0]
            .stack("k3fleet-shop")
            .await
            .unwrap()
            .unwrap();
        let expected = if undone { "ROLLBACK_COMPLETE" } else { "CREATE_FAILED" };
        assert_eq!(stack.status.0, expected, "{name}");
        if nth % 7 == 0 {
            let id = desk.told.last().unwrap().0.clone();
            let resumed = desk.resume(&id).await.unwrap();
            assert_eq!(resumed, Outcome::Done, "{name}: {:?}", desk.failures());
            is_up(&mut desk, 2).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_server_is_replaced_by_itself_and_a_second_one_is_not_let_go_meanwhile() {
    let mut desk = launched().await;
    let lost = one(&desk, Role::Server);
    let MachineId::Instance(instance) = lost.clone() else {
        panic!("{lost:?}")
    };
    desk.world.control().clouds[0].end(&instance).await.unwrap();
    let world = desk.world.clone();
    desk.until(|fleet| ready(fleet, Role::Server, world.now()) == 2).await;
    let second = desk
        .fleet
        .machines()
        .find(|m| of(m, Role::Server) && m.id() != lost && m.state(world.now()) == MachineState::Ready);
    let replace = Request::Replace {
        machines: vec![second.unwrap().id()],
        drain: DrainOptions::ending(),
    };
    let refused = desk.plan(&replace).unwrap_err();
    assert_eq!(refused.guard, "etcd-quorum", "{refused}");
    is_up(&mut desk, 2).await;
    assert!(
        desk.fleet.machines().all(|m| m.id() != lost),
        "its node and member are gone"
    );
}

#[tokio::test(start_paused = true)]
async fn servers_and_workers_are_scaled_and_replaced() {
    let mut desk = launched().await;
    for role in [Role::Server, Role::Agent] {
        let old = one(&desk, role);
        let request = Request::Replace {
            machines: vec![old.clone()],
            drain: DrainOptions::ending(),
        };
        let outcome = desk.run(&request).await.unwrap();
        assert_eq!(outcome, Outcome::Done, "{role:?}: {:?}", desk.failures());
        is_up(&mut desk, 2).await;
        assert!(desk.fleet.machines().all(|m| m.id() != old));
    }
    let pool = desk
        .fleet
        .machines()
        .find(|m| of(m, Role::Agent))
        .and_then(|m| m.pool())
        .unwrap();
    for to in [4, 1] {
        let request = Request::Scale {
            pool: pool.clone(),
            to,
            raise: true,
            order: k3fleet::ops::VictimOrder::USUAL.to_vec(),
            drain: DrainOptions::ending(),
        };
        let outcome = desk.run(&request).await.unwrap();
        assert_eq!(outcome, Outcome::Done, "{to}: {:?}", desk.failures());
        is_up(&mut desk, to as usize).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_may_get_its_first_pool_of_another_architecture() {
    let mut desk = launched().await;
    let reader = std::sync::Arc::clone(&desk.world.providers().clouds[0]);
    let cloud = std::sync::Arc::clone(&desk.world.control().clouds[0]);
    let names = Names::new("shop", "eu-west-1");
    let known = updating::read(&*cloud, names).await.unwrap();
    let old = known.spec.clone();
    let mut spec = old.clone();
    if let Some(ha) = &mut spec.ha {
        let mut pool = ha.pools[0].clone();
        (pool.name, pool.arch, pool.types) = ("intel".into(), Arch::Amd64, vec!["t4g.small".into()]);
        (pool.min, pool.desired) = (0, 0);
        ha.pools.push(pool);
    }
    let token = updating::token(desk.world.now());
    let update = updating::ask(&*reader, &*cloud, &known, old, spec.clone(), &token)
        .await
        .unwrap();
    let site = update.site.clone().expect("its place has another image");
    assert!(site.images.contains_key(&Arch::Amd64));
    let basis = update.basis.as_ref().expect("what the bill rests on");
    assert!(!basis.zones.is_empty() && basis.parts.iter().all(|part| part.usd.is_some()));
    let request = Request::Update(Box::new(update));
    let plan = desk.plan(&request).unwrap();
    let bill = plan.bill.expect("a bill");
    assert!(
        bill.rows.iter().any(|row| row.what.starts_with("3 servers, t4g.small")),
        "{bill:?}"
    );
    let gp3 = bill
        .rows
        .iter()
        .find(|row| row.what.starts_with("gp3"))
        .expect("volumes");
    assert!(gp3.as_bought.is_some_and(|usd| usd > 0.0), "{gp3:?}");
    let outcome = desk.run(&request).await.unwrap();
    assert_eq!(outcome, Outcome::Done, "{:?}", desk.failures());
    let kept = updating::read(&*cloud, names).await.unwrap();
    assert_eq!((kept.spec, kept.site), (spec, site));
}
