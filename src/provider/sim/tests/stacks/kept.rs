//! Stacks that one run of the program has begun, and the next finds.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_stack_half_made_goes_on_in_the_next_run_and_stays_in_those_after() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("world.json");
    let small = spec(|_, _| {});
    let (_world, p) = remembered("", Some(&file));
    let aws = cloud_control(&_world, EU);
    launch(&*aws, &p, &small, true).await;
    secs(100).await;
    assert_eq!(status(&*aws).await, "CREATE_IN_PROGRESS");
    let events = aws.stack_happened(STACK, None).await.unwrap().len();
    let network = cloud(&p, EU)
        .endpoints(&site(&p, &small).await.vpc.unwrap())
        .await
        .unwrap();
    assert_eq!(
        network,
        Vec::<SmolStr>::new(),
        "those of a shared VPC answer under names of their own"
    );

    let (world, p) = remembered("", Some(&file));
    let aws = cloud_control(&world, EU);
    assert_eq!(status(&*aws).await, "CREATE_IN_PROGRESS");
    assert_eq!(aws.stack_happened(STACK, None).await.unwrap().len(), events);
    // From here on only time passes, which is remembered too.
    assert_eq!(settled(&*aws).await, "CREATE_COMPLETE", "{:#?}", happened(&*aws).await);
    within(120, "the workers join", async || ready(&world, Role::Agent).await == 3).await;
    let machines: BTreeSet<_> = own(&p).await.into_iter().map(|i| i.id).collect();
    assert_eq!(machines.len(), 6);
    aws.detect_drift(STACK).await.unwrap();

    let (world, p) = remembered("", Some(&file));
    let aws = cloud_control(&world, EU);
    assert_eq!(status(&*aws).await, "CREATE_COMPLETE");
    let looked = cloud(&p, EU).stack(STACK).await.unwrap().unwrap().drift;
    assert_eq!(looked.map(|drift| drift.drifted), Some(false));
    assert_eq!(
        own(&p).await.into_iter().map(|i| i.id).collect::<BTreeSet<_>>(),
        machines
    );
    assert_eq!(
        (ready(&world, Role::Server).await, ready(&world, Role::Agent).await),
        (3, 3)
    );
    let lost = machines
        .iter()
        .find(|id| own_role(&world, id) == Some(Role::Server))
        .unwrap();
    aws.end(lost).await.unwrap();
    within(300, "it heals in this run too", async || {
        let nodes = nodes(&world).await;
        nodes.iter().all(|n| n.key.name != lost.as_str())
            && nodes
                .iter()
                .filter(|n| n.etcd_voter == Some(true) && n.ready == Readiness::Ready)
                .count()
                == 3
    })
    .await;
    aws.delete_stack(STACK, "end-1").await.unwrap();
    secs(10).await;
    assert_eq!(status(&*aws).await, "DELETE_IN_PROGRESS");

    let (world, p) = remembered("", Some(&file));
    let aws = cloud_control(&world, EU);
    assert_eq!(settled(&*aws).await, "");
    let (world, _) = (remembered("", Some(&file)), p);
    let aws = cloud_control(&world.0, EU);
    assert!(own(&world.1).await.is_empty());
    assert_eq!(status(&*aws).await, "");
}

fn own_role(world: &World, id: &InstanceId) -> Option<Role> {
    world.look(|s| s.machines.get(id).map(|m| m.role))
}

#[tokio::test(start_paused = true)]
async fn the_cut_may_come_at_any_time() {
    for cut in [2, 30, 170, 250, 300, 400] {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("world.json");
        let (world, p) = remembered("", Some(&file));
        launch(&*cloud_control(&world, EU), &p, &spec(|_, _| {}), true).await;
        secs(cut).await;
        own(&p).await;
        let (world, p) = remembered("", Some(&file));
        let aws = cloud_control(&world, EU);
        assert_eq!(
            settled(&*aws).await,
            "CREATE_COMPLETE",
            "cut after {cut} s: {:#?}",
            happened(&*aws).await
        );
        within(120, "all are ready", async || {
            (ready(&world, Role::Server).await, ready(&world, Role::Agent).await) == (3, 3)
        })
        .await;
        assert_eq!(own(&p).await.len(), 6, "cut after {cut} s");
    }
}
