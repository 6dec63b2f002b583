//! How many AWS calls a launch makes one after the other: told by its plan, and measured. In a simulated region where every
//! call takes eight seconds of a clock that runs while nothing else does, the time tells how many waited for another.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench tells its figures, or fails"
)]

use std::sync::Arc;

use k3fleet::fleet::{Arch, Fleet, Purchase};
use k3fleet::ops::launch::Profile;
use k3fleet::ops::survey::survey;
use k3fleet::ops::wish::Wish;
use k3fleet::ops::{CloudStep, Executor, Job, Journal, OperationId, Part, Plan, Request, Step, StepId, What, plan};
use k3fleet::provider::sim::{Scenario, World};
use tokio::sync::{mpsc, watch};

/// What a call takes in a slow region, in seconds.
const CALL: u64 = 8;

const SCENARIO: &str = r#"
clusters = []

[market]
history = "1d"
history_step = "6h"
live_step = "1h"

[life]
from = "5000h"
every = "5000h"

[[regions]]
name = "eu-west-1"
account = "111122223333"
zones = [{ name = "eu-west-1a", spot = 0.30, volatility = 0.0 }]

[[types]]
name = "t4g.small"
arch = "arm64"
vcpu = 2
memory_gib = 2
usd = { eu-west-1 = 0.0184 }

[[faults]]
at = "1m"
for = "1000h"
kind = "slow"
target = { scope = "eu-west-1" }
"#;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    println!("sequential AWS calls of a launch, the cluster's lock included, until");
    println!("{:<34}{:>14}{:>14}{:>20}", "", "launched", "measured", "its kubeconfig");
    let rows = [
        ("quick, a lone server", 0, Profile::Own),
        ("quick, a server and two workers", 2, Profile::Own),
        ("quick, without a profile", 0, Profile::None),
    ];
    for (what, workers, profile) in rows {
        let (until, measured, whole) = runtime.block_on(launch(workers, profile));
        println!("{what:<34}{until:>14}{measured:>14}{whole:>20}");
        assert_eq!(
            until, measured,
            "{what}: more calls wait for another than the plan says"
        );
    }
}

/// Launches a cluster; gives the calls until its machines are launched as planned and as measured, and those of the
/// whole plan.
async fn launch(workers: u32, profile: Profile) -> (usize, usize, usize) {
    let start: jiff::Timestamp = "2026-03-02T09:00:00Z".parse().expect("a time");
    let world = World::load(&Scenario::parse(SCENARIO).expect("a scenario"), 1, start, 1.0);
    let plan = planned(&world, workers, profile).await;
    let last = plan.steps().filter(|(_, step)| launches(step)).map(|(id, _)| id).last();
    let until = calls_to(&plan, last.expect("a launch launches"));
    // From here on every call is slow.
    tokio::time::sleep(std::time::Duration::from_secs(90)).await;

    let directory = tempfile::tempdir().expect("a directory");
    let clock = {
        let world = Arc::clone(&world);
        Arc::new(move || world.now())
    };
    let (questions, _asked) = mpsc::channel(8);
    let (events, mut told) = mpsc::channel(256);
    let executor = Executor {
        control: world.control(),
        questions,
        events,
        clock,
        by: "ana@desk".into(),
        kubeconfigs: directory.path().to_owned(),
        speed: 1.0,
    };
    let id = OperationId::new("launch", start, 1);
    let (_stop, stopped) = watch::channel(false);
    let job = Job {
        id: id.clone(),
        plan: plan.clone(),
        journal: Journal::create(directory.path(), &id).expect("a journal"),
        resumed: None,
        take_over: false,
        stop: stopped,
    };
    let begun = world.now();
    tokio::spawn(async move { executor.run(job).await });
    while let Some((_, event)) = told.recv().await {
        match event.what {
            What::StepDone { step, .. } if Some(step) == last => {
                let took = event.at.duration_since(begun).as_secs().unsigned_abs();
                let measured = usize::try_from(took / CALL).unwrap_or(usize::MAX);
                return (until, measured, plan.round_trips());
            }
            What::StepFailed { error, .. } => panic!("{error}"),
            _ => {}
        }
    }
    panic!("the operation ended too soon")
}

async fn planned(world: &Arc<World>, workers: u32, profile: Profile) -> Plan {
    let providers = world.providers();
    let cloud = providers.clouds.first().expect("a region");
    let fleet = Fleet::default();
    let survey = survey(&**cloud, providers.web.as_deref()).await.expect("a survey");
    let wish = Wish {
        name: "shop".into(),
        arch: Arch::Arm64,
        workers,
        purchase: Purchase::Spot,
        ssh: Some(k3fleet::ops::launch::SshKey::Pair("ana".into())),
        profile,
        ..Wish::default()
    };
    let spec = wish.spec(&survey, fleet.market(), world.now()).expect("a spec");
    let launch = survey.place(&**cloud, spec).await.expect("a place");
    plan(&fleet, &Request::Launch(Box::new(launch)), world.now()).expect("a plan")
}

fn launches(step: &Step) -> bool {
    let workers = |step: &CloudStep| {
        matches!(
            step,
            CloudStep::Make {
                part: Part::Workers,
                ..
            }
        )
    };
    matches!(step, Step::Cloud(_, step) if workers(step) || matches!(step, CloudStep::LaunchServer { .. }))
}

/// The calls until a step is done, the lock's first.
fn calls_to(plan: &Plan, last: StepId) -> usize {
    let of = |stage: &k3fleet::ops::Plan, at: usize| {
        let steps = stage.steps().filter(|(id, _)| id.stage == at);
        steps.map(|(_, step)| step.round_trips()).max().unwrap_or(0)
    };
    1 + (0..=last.stage).map(|stage| of(plan, stage)).sum::<usize>()
}
