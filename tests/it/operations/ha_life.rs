//! Highly available clusters in bad times and with boards at the edge: storms of spot interruptions, lost servers, boards
//! that join from outside, and the tokens of all of them.

use k3fleet::fleet::{ClusterId, Instance, InstanceState, MachineId, NoticeKind, PoolId, Role};
use k3fleet::ops::rotation::Which;
use k3fleet::ops::wish::{HaWish, Wish};
use k3fleet::ops::{DrainOptions, Outcome, Request, VictimOrder};

use super::air_gap::key_of_vpn;
use super::desk::Desk;
use super::edge::{have_joined, ids, join_of};
use super::ending::id;
use super::ha::{is_up, launched_in, of, one, ready, shop};
use super::rotating::tokens_of;

const BOARDS: [&str; 2] = ["quay-1", "quay-3"];

fn with(workers: u32) -> Wish {
    Wish {
        ha: Some(HaWish {
            workers: Some(workers),
            ingress: true,
            public_api: true,
            ..HaWish::default()
        }),
        ..shop()
    }
}

async fn runs(desk: &mut Desk, request: &Request) {
    let outcome = desk.run(request).await.unwrap();
    assert_eq!(outcome, Outcome::Done, "{request:?}: {:?}", desk.failures());
}

/// How many of the cluster keep this version of its agent token, and how many the token by which they have joined.
async fn hold(desk: &Desk, cluster: &ClusterId, version: u64) -> (usize, usize) {
    let tokens = tokens_of(desk, cluster).await;
    assert_eq!(tokens.faults, Vec::<String>::new());
    let held = tokens.machines.iter().flat_map(|holder| holder.holds.as_ref().unwrap());
    let held: Vec<_> = held
        .filter(|held| held.kind == Role::Agent)
        .map(|held| &held.which)
        .collect();
    let count = |is: &dyn Fn(&Which) -> bool| held.iter().filter(|which| is(which)).count();
    let counts = (
        count(&|which| *which == Which::Version(Role::Agent, version)),
        count(&|which| matches!(which, Which::Bootstrap(_))),
    );
    assert_eq!(counts.0 + counts.1, held.len(), "{held:?}");
    counts
}

#[tokio::test(start_paused = true)]
async fn boards_join_are_drained_and_get_the_new_agent_token_with_all_machines() {
    let mut desk = launched_in(Desk::edge(1, "").await, &with(2)).await;
    let cluster = id("shop");
    let stack = desk.world.providers().clouds[0]
        .stack("k3fleet-shop")
        .await
        .unwrap()
        .unwrap();
    let api = format!("https://{}:6443", stack.output("PublicApi").unwrap());
    // Its servers advertise addresses of their own network, which boards reach through a VPN alone.
    let mut request = join_of(&desk, (cluster.clone(), Some(&api)), &BOARDS, false).await;
    let refused = desk.plan(&request).unwrap_err();
    assert_eq!(refused.guard, "api-unreached", "{refused}");
    assert!(refused.to_string().contains("--vpn-auth-file"), "{refused}");
    let home = tempfile::tempdir().unwrap();
    if let Request::Join(join) = &mut request {
        join.vpn_auth_file = Some(key_of_vpn(home.path()));
    }
    runs(&mut desk, &request).await;
    desk.until(|fleet| have_joined(fleet, &BOARDS)).await;
    let boards = ids(&desk, &BOARDS);
    let of_shop = |id: &MachineId| desk.fleet.machine(id).and_then(|m| m.cluster()).map(|c| c.name);
    assert!(boards.iter().all(|id| of_shop(id).as_deref() == Some("shop")));

    let drain = DrainOptions::ending();
    let mut machines = vec![boards[0].clone(), one(&desk, Role::Agent)];
    runs(
        &mut desk,
        &Request::Drain {
            machines: machines.clone(),
            drain: drain.clone(),
        },
    )
    .await;
    desk.until(|fleet| {
        let mut nodes = machines.iter().map(|id| fleet.machine(id).unwrap().node().unwrap());
        nodes.all(|node| !node.schedulable)
    })
    .await;
    runs(
        &mut desk,
        &Request::Uncordon {
            machines: machines.clone(),
        },
    )
    .await;
    // The drained worker is replaced, and so is a server: two at once are not taken away.
    let worker = machines.remove(1);
    let servers: Vec<_> = desk
        .fleet
        .machines()
        .filter(|m| of(m, Role::Server))
        .map(|m| m.id())
        .collect();
    let both = Request::Remove {
        machines: servers[..2].to_vec(),
        drain: drain.clone(),
    };
    assert_eq!(desk.plan(&both).unwrap_err().guard, "etcd-quorum");
    for gone in [worker, servers[0].clone()] {
        let replace = Request::Replace {
            machines: vec![gone.clone()],
            drain: drain.clone(),
        };
        runs(&mut desk, &replace).await;
        desk.until(|fleet| fleet.machine(&gone).is_none()).await;
    }
    let world = desk.world.clone();
    desk.until(|fleet| ready(fleet, Role::Server, world.now()) == 3 && ready(fleet, Role::Agent, world.now()) == 4)
        .await;

    assert_eq!(hold(&desk, &cluster, 1).await, (5, 2));
    let rotation = tokens_of(&desk, &cluster).await.rotation(Role::Agent, false, 3);
    runs(&mut desk, &Request::Rotate(Box::new(rotation))).await;
    // The boards have certificates of their own since they joined by a token that was theirs alone.
    assert_eq!(hold(&desk, &cluster, 2).await, (5, 2));
    let leave = Request::Leave {
        machines: boards.clone(),
        drain,
        forget: false,
    };
    runs(&mut desk, &leave).await;
    is_up(&mut desk, 2).await;
    assert_eq!(hold(&desk, &cluster, 2).await, (5, 0));
}

#[tokio::test(start_paused = true)]
async fn a_storm_that_warns_half_of_the_workers_is_seen_and_outlived() {
    let storm =
        "[[events]]\nat = \"30m\"\nevent.spot-storm = { pool = \"shop/k3s_workers\", percent = 50, within = \"1m\" }\n";
    let mut desk = launched_in(Desk::with(storm).await, &with(7)).await;
    let world = desk.world.clone();
    let first: Vec<_> = desk
        .fleet
        .machines()
        .filter(|m| of(m, Role::Agent))
        .map(|m| m.id())
        .collect();
    desk.until(|_| world.now() >= "2026-03-02T09:31:01Z".parse().unwrap())
        .await;
    let began = world.now();
    let warned = |desk: &Desk| {
        let noticed = desk.fleet.machines().filter(|m| of(m, Role::Agent));
        noticed
            .filter(|m| m.notice().is_some_and(|n| n.kind == NoticeKind::Interruption))
            .count()
    };
    // Of seven workers the base is bought on demand.
    desk.until(|fleet| {
        let own = fleet.machines().filter(|m| of(m, Role::Agent) && m.notice().is_some());
        own.count() == 3
    })
    .await;
    assert_eq!(warned(&desk), 3);
    assert!(world.now().duration_since(began).as_secs() < 60, "{}", world.now());
    is_up(&mut desk, 7).await;
    let stayed = desk.fleet.machines().filter(|m| first.contains(&m.id())).count();
    assert_eq!(stayed, 4, "those that were warned are gone, with their nodes");
}

/// The server that has begun the cluster.
async fn initialised(desk: &Desk) -> Option<String> {
    let cloud = std::sync::Arc::clone(&desk.world.control().clouds[0]);
    cloud.parameter("/k3fleet/shop/initialised").await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn with_two_servers_lost_nothing_is_done_that_ends_the_last_one() {
    let lost = "[[events]]\nat = \"30m\"\nevent.machines-end = { pool = \"shop/k3s_servers\", count = 2 }\n";
    let mut desk = launched_in(Desk::with(lost).await, &with(2)).await;
    let first = initialised(&desk).await;
    assert!(first.is_some());
    let world = desk.world.clone();
    desk.until(|fleet| ready(fleet, Role::Server, world.now()) < 2).await;
    let drain = DrainOptions::ending;
    let servers: Vec<_> = desk.fleet.machines().filter(|m| of(m, Role::Server)).collect();
    let runs = |i: &Instance| i.state == InstanceState::Running;
    let last = servers
        .iter()
        .find(|m| m.instance().is_some_and(runs) && m.node().is_some());
    let last = vec![last.expect("the one that is left").id()];
    let pool = desk
        .fleet
        .asgs()
        .find(|g| g.name == "k3fleet-shop-k3s_servers")
        .map(|g| PoolId::Asg(g.scope.clone(), g.name.clone()));
    let refusals = [
        Request::Replace {
            machines: last.clone(),
            drain: drain(),
        },
        Request::Remove {
            machines: last.clone(),
            drain: drain(),
        },
        Request::Reboot {
            machines: last.clone(),
            drain: drain(),
        },
        Request::RotateCertificates { machines: last.clone() },
        Request::Scale {
            pool: pool.expect("its group"),
            to: 1,
            raise: true,
            order: VictimOrder::USUAL.to_vec(),
            drain: drain(),
        },
    ];
    for request in &refusals {
        let refused = desk.plan(request).unwrap_err();
        assert!(
            matches!(refused.guard, "etcd-quorum" | "last-server"),
            "{request:?}: {refused}"
        );
    }
    // Those that take their places begin no cluster of their own.
    desk.until(|_| world.now() >= "2026-03-02T10:10:00Z".parse().unwrap())
        .await;
    assert_eq!(initialised(&desk).await, first);
    assert!(ready(&desk.fleet, Role::Server, world.now()) < 2);
}
