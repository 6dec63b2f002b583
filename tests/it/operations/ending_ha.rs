//! The ends of highly available clusters, whose stack CloudFormation deletes.

use k3fleet::fleet::Role;
use k3fleet::ops::{CloudStep, Outcome, Request, Step, What};
use k3fleet::provider::{Resource, ResourceKind};

use super::desk::Desk;
use super::ending::destroy;
use super::ha::{launched_in, of, shop};

/// When what is told of the shop has happened, and it is up.
const UP: &str = "2026-03-02T09:30:10Z";

/// Somebody's Service and claim come to the shop.
fn served(stuck: bool) -> String {
    format!(
        "[[events]]\nat = \"30m\"\nevent.serve = {{ cluster = \"shop\", service = \"demo/web\", stuck = {stuck} }}\n\
         [[events]]\nat = \"30m\"\nevent.claim = {{ cluster = \"shop\", claim = \"data\", gib = 20 }}\n"
    )
}

/// A desk with a highly available cluster named shop, half an hour on.
async fn with_shop(events: &str) -> Desk {
    let mut desk = launched_in(Desk::with(events).await, &shop()).await;
    let world = desk.world.clone();
    desk.until(|_| world.now() >= UP.parse().unwrap()).await;
    desk.told.clear();
    desk
}

async fn balancers(desk: &Desk) -> usize {
    let all = desk.resources(Some("shop")).await;
    let of_kubernetes = |r: &&Resource| r.of_kubernetes && r.kind == ResourceKind::LoadBalancer;
    all.iter().filter(of_kubernetes).count()
}

/// The same request with the snapshots kept.
fn keeping(mut request: Request) -> Request {
    if let Request::Destroy { snapshots, .. } = &mut request {
        *snapshots = false;
    }
    request
}

async fn parameters_left(desk: &Desk) -> Vec<&'static str> {
    let cloud = std::sync::Arc::clone(&desk.world.control().clouds[0]);
    let mut left = vec![];
    for name in [
        "server-token",
        "agent-token",
        "spec",
        "lock",
        "first-server-1",
        "initialised",
        "join-lock",
    ] {
        if cloud
            .parameter(&format!("/k3fleet/shop/{name}"))
            .await
            .unwrap()
            .is_some()
        {
            left.push(name);
        }
    }
    left
}

#[tokio::test(start_paused = true)]
async fn a_highly_available_cluster_goes_whole_and_its_snapshots_when_that_is_asked_for() {
    let mut desk = with_shop("").await;
    let began = desk.world.now();
    let request = keeping(destroy(&desk, "shop", true).await);
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    let took = desk.world.now().duration_since(began).as_mins();
    assert!(took < 30, "nothing waits for hooks: {took} min");
    let left = desk.resources(Some("shop")).await;
    assert!(left.len() == 1 && left[0].bucket().is_some(), "{left:#?}");
    assert_eq!(parameters_left(&desk).await, [""; 0]);

    let request = destroy(&desk, "shop", true).await;
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    assert_eq!(desk.resources(Some("shop")).await, []);
}

#[tokio::test(start_paused = true)]
async fn its_destruction_killed_and_resumed_leaves_nothing() {
    let mut desk = with_shop(&served(false)).await;
    assert_eq!(balancers(&desk).await, 1);
    let request = destroy(&desk, "shop", true).await;
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
        let mut desk = with_shop(&served(false)).await;
        let request = destroy(&desk, "shop", true).await;
        let operation = desk.run_and_kill(&request, kill).await;
        let resumed = desk.resume(&operation).await.unwrap();
        assert_eq!(
            resumed,
            Outcome::Done,
            "killed after {kill} events: {:?}",
            desk.failures()
        );
        assert_eq!(desk.resources(Some("shop")).await, []);
        assert_eq!(parameters_left(&desk).await, [""; 0], "killed after {kill} events");
    }
}

#[tokio::test(start_paused = true)]
async fn load_balancers_of_services_go_while_the_cluster_stands_and_volumes_before_their_stack() {
    let mut desk = with_shop(&served(false)).await;
    let request = destroy(&desk, "shop", true).await;
    let plan = desk.plan(&request).unwrap();
    let step = |meant: &dyn Fn(&Step) -> bool| plan.steps().find(|(_, step)| meant(step)).map(|(id, _)| id).unwrap();
    let served = step(&|step| matches!(step, Step::Balancers(_)));
    let volume = step(&|step| match step {
        Step::Cloud(_, CloudStep::Delete { resource, .. }) => resource.kind == ResourceKind::Volume,
        _ => false,
    });
    let emptied = step(&|step| matches!(step, Step::Cloud(_, CloudStep::Empty { .. })));
    let stack = step(&|step| step.describe() == "delete the stack k3fleet-shop");
    let id = desk.operations.start(plan, false).unwrap();
    while !desk
        .told
        .iter()
        .any(|(_, e)| matches!(e.what, What::StepDone { step, .. } if step == served))
    {
        desk.turn().await;
    }
    assert_eq!(balancers(&desk).await, 0, "AWS has it no longer");
    let machines = desk
        .fleet
        .machines()
        .filter(|m| of(m, Role::Server) || of(m, Role::Agent));
    assert_eq!(machines.count(), 5, "all machines stand still");
    assert_eq!(desk.finish(&id).await.unwrap(), Outcome::Done, "{:?}", desk.failures());
    assert_eq!(desk.resources(Some("shop")).await, []);
    let told = |meant: &dyn Fn(&What) -> bool| desk.told.iter().position(|(_, e)| meant(&e.what)).unwrap();
    let done = |one| told(&|what| matches!(what, What::StepDone { step, .. } if *step == one));
    let began = |one| told(&|what| matches!(what, What::StepBegan { step } if *step == one));
    assert!(done(served) < began(emptied) && done(volume) < began(stack));
}

#[tokio::test(start_paused = true)]
async fn a_load_balancer_that_nobody_deletes_keeps_its_cluster_until_that_is_mended() {
    let mended = "[[events]]\nat = \"2h\"\nevent.serve = { cluster = \"shop\", service = \"demo/web\" }\n";
    let mut desk = with_shop(&format!("{}{mended}", served(true))).await;
    let request = destroy(&desk, "shop", true).await;
    assert_eq!(desk.run(&request).await.unwrap(), Outcome::Failed);
    let told = desk.failures();
    assert!(
        told[0].contains("Service demo/web still there after 10 min") && told[0].contains("kubectl describe"),
        "{told:?}"
    );
    let machines = desk
        .fleet
        .machines()
        .filter(|m| of(m, Role::Server) || of(m, Role::Agent));
    assert_eq!((machines.count(), balancers(&desk).await), (5, 1), "nothing was ended");
    let world = desk.world.clone();
    desk.until(|_| world.now() >= "2026-03-02T11:00:10Z".parse().unwrap())
        .await;
    let id = desk.told.last().unwrap().0.clone();
    assert_eq!(desk.resume(&id).await.unwrap(), Outcome::Done, "{:?}", desk.failures());
    assert_eq!(desk.resources(Some("shop")).await, []);
}

#[tokio::test(start_paused = true)]
async fn it_ends_well_while_aws_throttles_each_third_call_and_for_half_a_minute() {
    let throttled = |at: u32, secs: u32| {
        format!("[[faults]]\nat = \"{at}s\"\nfor = \"{secs}s\"\ntarget.scope = \"eu-west-1\"\nkind = \"throttled\"\n")
    };
    let up = 30 * 60 + 10;
    // As calls come evenly, each third of the time is each third call.
    let thirds: String = (0..800).map(|n| throttled(up + 3 * n, 1)).collect();
    let whole: String = (0..20).map(|n| throttled(up + 20 + 120 * n, 30)).collect();
    let mut desk = with_shop(&format!("{}{thirds}{whole}", served(false))).await;
    let cloud = std::sync::Arc::clone(&desk.world.control().clouds[0]);
    let request = loop {
        match desk.world.providers().clouds[0].resources(Some("shop")).await {
            Ok(resources) => {
                break Request::Destroy {
                    cluster: super::ending::id("shop"),
                    resources,
                    volumes: true,
                    snapshots: true,
                };
            }
            Err(_) => desk.turn().await,
        }
    };
    let began = desk.world.now();
    assert_eq!(
        desk.run(&request).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures()
    );
    assert!(desk.said("trying again"), "some calls were throttled");
    assert!(desk.world.now().duration_since(began).as_mins() < 40);
    let world = desk.world.clone();
    desk.until(|_| world.now() >= "2026-03-02T10:20:00Z".parse().unwrap())
        .await;
    assert_eq!(desk.resources(Some("shop")).await, []);
    assert_eq!(
        cloud.parameter("/k3fleet/shop/lock").await.unwrap(),
        None,
        "the lock is given back"
    );
}

#[tokio::test(start_paused = true)]
async fn where_no_server_is_left_to_delete_them_the_rest_goes_and_load_balancers_are_named() {
    let lost = "[[events]]\nat = \"30m\"\nevent.machines-end = { pool = \"shop/k3s_servers\", count = 3 }\n";
    let mut desk = with_shop(&format!("{}{lost}", served(false))).await;
    let request = destroy(&desk, "shop", true).await;
    assert!(
        desk.plan(&request)
            .unwrap()
            .steps()
            .any(|(_, step)| matches!(step, Step::Balancers(_)))
    );
    assert_eq!(desk.run(&request).await.unwrap(), Outcome::Failed);
    assert!(desk.said("Connection refused"), "it is waited for the API server");
    let told = desk.failures();
    assert!(
        told.len() == 1 && told[0].contains("still there: load balancer"),
        "{told:?}"
    );
    let left = desk.resources(Some("shop")).await;
    assert_eq!((left.len(), balancers(&desk).await), (1, 1), "{left:#?}");
}
