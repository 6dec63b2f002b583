//! What an operator does to nodes and pods.

use super::long::check;
use super::*;
use crate::fleet::{OwnerKind, Pod};
use crate::provider::{BoundPod, Eviction};

const WORDS: &str = "Cannot evict pod as it would violate the pod's disruption budget. The disruption budget ";

async fn pods(p: &Providers, context: &str) -> Vec<Pod> {
    kube(p, context).list_pods().await.unwrap()
}

async fn node(p: &Providers, context: &str, name: &str) -> Option<Node> {
    let all = kube(p, context).list_nodes().await.unwrap();
    all.into_iter().find(|n| n.key.name == name)
}

/// The pods that one budget covers.
fn storefront<'a>(pods: impl IntoIterator<Item = &'a Pod>) -> Vec<&'a Pod> {
    let stems = ["shop/web-", "shop/api-", "shop/cart-"];
    let covered = |p: &&Pod| stems.iter().any(|s| p.key.name.starts_with(s));
    pods.into_iter().filter(covered).collect()
}

/// A worker of `prod` that runs at least two of those.
async fn crowded(p: &Providers) -> SmolStr {
    let all = pods(p, "prod").await;
    let mut on = std::collections::BTreeMap::<SmolStr, usize>::new();
    for pod in storefront(&all) {
        *on.entry(pod.node.clone().unwrap()).or_default() += 1;
    }
    for (name, count) in on {
        let agent = node(p, "prod", &name).await.unwrap().role == crate::fleet::Role::Agent;
        if agent && count >= 2 {
            return name;
        }
    }
    panic!("no such worker");
}

fn must_go(pod: &BoundPod) -> bool {
    pod.owner != OwnerKind::DaemonSet
}

/// Evicts all pods of a node, as a drain does; gives what held it back.
async fn drain(world: &Arc<World>, context: &str, node: &str) -> BTreeSet<SmolStr> {
    let control = kube_control(world, context);
    control.set_schedulable(node, false).await.unwrap();
    let all = control.pods_on(node).await.unwrap();
    let (mut held, mut told) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..60 {
        let there: Vec<_> = control
            .pods_on(node)
            .await
            .unwrap()
            .into_iter()
            .filter(must_go)
            .collect();
        if there.is_empty() {
            return held;
        }
        for pod in there {
            assert!(all.iter().any(|p| p.uid == pod.uid), "{pod:?} came to a cordoned node");
            if told.contains(&pod.uid) {
                assert!(pod.ending);
                continue;
            }
            match control.evict(&pod).await.unwrap() {
                Eviction::Accepted => assert!(told.insert(pod.uid)),
                Eviction::Gone => panic!("{pod:?} is there"),
                Eviction::Blocked(why) => assert!(held.insert(why.clone()) || why.starts_with(WORDS)),
            }
        }
        secs(1).await;
    }
    panic!("{node} is not drained after a minute");
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_the_budget_and_goes_on() {
    let (world, p) = told("");
    let before = pods(&p, "prod").await;
    let name = crowded(&p).await;
    let expected = storefront(&before).len();

    let least = async {
        let mut least = expected;
        for _ in 0..60 {
            let all = pods(&p, "prod").await;
            let running = storefront(&all).iter().filter(|p| p.phase == PodPhase::Running).count();
            least = least.min(running);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        least
    };
    let (held, least) = futures::join!(drain(&world, "prod", &name), least);
    let words = format!(
        "{WORDS}storefront needs {} healthy pods and has {} currently",
        expected - 1,
        expected - 1
    );
    assert!(held.contains(&*words), "{held:?}");
    assert!(least >= expected - 1, "{least} of {expected} ran");

    let rest = async || {
        let all = pods(&p, "prod").await;
        all.len() == before.len() && all.iter().all(|p| p.phase == PodPhase::Running)
    };
    within(15, "all pods elsewhere", rest).await;
    let left = kube_control(&world, "prod").pods_on(&name).await.unwrap();
    assert_eq!(left.iter().map(|p| p.owner).collect::<Vec<_>>(), [OwnerKind::DaemonSet]);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_is_drained_and_ended_leaves_a_sound_world() {
    let (world, p) = told("");
    let (mut retired, mut alive) = (BTreeSet::new(), BTreeSet::new());
    check(&p, &mut retired, &mut alive).await;
    let count = pods(&p, "prod").await.len();
    let name = crowded(&p).await;
    drain(&world, "prod", &name).await;
    let (aws, api) = (cloud_control(&world, "eu-west-1"), kube_control(&world, "prod"));
    aws.set_bounds("k3s_workers", 5, 8).await.unwrap();
    let id = InstanceId::new(&*name);
    aws.end_member(&id, true).await.unwrap();
    api.delete_node(&name).await.unwrap();
    api.delete_node(&name).await.unwrap();
    for _ in 0..60 {
        secs(1).await;
        check(&p, &mut retired, &mut alive).await;
        assert!(node(&p, "prod", &name).await.is_none(), "its kubelet has ended");
    }
    assert!(retired.contains(&id));
    let all = pods(&p, "prod").await;
    assert_eq!(all.len(), count - 1, "all but that node's DaemonSet pod");
    assert!(all.iter().all(|p| p.phase == PodPhase::Running));
}

#[tokio::test(start_paused = true)]
async fn a_budget_may_hold_a_pod_back_for_ever() {
    let budget = r#"budget = { cluster = "prod", workload = "shop/cart", max_unavailable = 0 }"#;
    let (world, p) = told(&format!("[[events]]\nat = \"2s\"\nevent.{budget}\n"));
    let control = kube_control(&world, "prod");
    let all = pods(&p, "prod").await;
    let on = all.iter().find(|p| p.key.name.starts_with("shop/cart-")).unwrap();
    let on = on.node.clone().unwrap();
    let cart = async || {
        let there = control.pods_on(&on).await.unwrap();
        there.into_iter().find(|p| p.name.starts_with("cart-")).unwrap()
    };
    secs(3).await;
    let pod = cart().await;
    for _ in 0..20 {
        let Eviction::Blocked(why) = control.evict(&pod).await.unwrap() else {
            panic!("{pod:?} may go");
        };
        assert_eq!(why, format!("{WORDS}cart needs 5 healthy pods and has 5 currently"));
        assert_eq!(cart().await, pod);
        secs(5).await;
    }
    control.delete_pod(&pod).await.unwrap();
    assert!(cart().await.ending);
    secs(6).await;
    assert!(control.pods_on(&on).await.unwrap().iter().all(|p| p.uid != pod.uid));
    assert_eq!(control.evict(&pod).await.unwrap(), Eviction::Gone);
    control.delete_pod(&pod).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_pod_made_anew_under_its_name_is_another() {
    let (world, p) = told("");
    let control = kube_control(&world, "prod");
    let db = async || {
        let all = pods(&p, "prod").await;
        let on = all.iter().find(|p| p.key.name == "shop/db-0")?.node.clone()?;
        let there = control.pods_on(&on).await.unwrap();
        there.into_iter().find(|p| p.name == "db-0")
    };
    let first = db().await.unwrap();
    assert_eq!(control.evict(&first).await.unwrap(), Eviction::Accepted);
    let ending = BoundPod {
        ending: true,
        ..first.clone()
    };
    assert_eq!(db().await, Some(ending));
    within(10, "its successor", async || {
        db().await.is_some_and(|second| second.uid != first.uid)
    })
    .await;
    assert_eq!(control.evict(&first).await.unwrap(), Eviction::Gone);
    control.delete_pod(&first).await.unwrap();
    assert!(!db().await.unwrap().ending);
}

#[tokio::test(start_paused = true)]
async fn a_node_deleted_under_a_live_kubelet_comes_back() {
    let (world, p) = told("");
    let worker = crowded(&p).await;
    let nodes = kube(&p, "edge-lab").list_nodes().await.unwrap();
    let server = nodes.iter().find(|n| n.role == crate::fleet::Role::Server).unwrap();
    for (context, name) in [
        ("prod", worker),
        ("edge-lab", server.key.name.clone()),
        ("edge-lab", "jetson-02".into()),
    ] {
        let control = kube_control(&world, context);
        let before = node(&p, context, &name).await.unwrap();
        control.set_schedulable(&name, false).await.unwrap();
        control.delete_node(&name).await.unwrap();
        assert!(node(&p, context, &name).await.is_none());
        assert_eq!(control.pods_on(&name).await.unwrap(), []);
        let ready = async || {
            let node = node(&p, context, &name).await;
            node.is_some_and(|n| n.ready == Readiness::Ready)
        };
        within(25, "the node again", ready).await;
        let after = node(&p, context, &name).await.unwrap();
        assert!(after.schedulable && after.joined_at > before.joined_at);
        assert_eq!((after.version, after.provider_id), (before.version, before.provider_id));
        let daemons = control.pods_on(&name).await.unwrap();
        assert!(daemons.iter().any(|p| p.owner == OwnerKind::DaemonSet));
    }
    check(&p, &mut BTreeSet::new(), &mut BTreeSet::new()).await;
    let control = kube_control(&world, "prod");
    control.delete_node("ip-10-9-9-9").await.unwrap();
    let error = control.set_schedulable("ip-10-9-9-9", true).await.unwrap_err();
    assert!(error.message.contains("404") && !error.mend.is_empty(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_pod_of_a_silent_kubelet_stays_until_it_is_back() {
    let drop = "[[events]]\nat = \"2s\"\nevent.board-drop = { host = \"pi-kiosk-01\", for = \"100s\" }\n";
    let (world, _p) = told(drop);
    let control = kube_control(&world, "edge-lab");
    let there = async || {
        let all = control.pods_on("pi-kiosk-01").await.unwrap();
        all.into_iter().find(must_go)
    };
    secs(60).await;
    let pod = there().await.unwrap();
    assert_eq!(control.evict(&pod).await.unwrap(), Eviction::Accepted);
    secs(40).await;
    assert!(there().await.is_some_and(|p| p.uid == pod.uid && p.ending));
    assert_eq!(control.evict(&pod).await.unwrap(), Eviction::Accepted);
    let gone = async || {
        let all = control.pods_on("pi-kiosk-01").await.unwrap();
        all.iter().all(|p| p.uid != pod.uid)
    };
    within(15, "its end", gone).await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_has_ended_may_go_and_is_not_run_again() {
    let (world, p) = told("");
    let control = kube_control(&world, "ci");
    let node = kube(&p, "ci").list_nodes().await.unwrap().remove(0).key.name;
    let job = async || {
        let all = control.pods_on(&node).await.unwrap();
        all.into_iter().find(|p| p.owner == OwnerKind::Job && !p.ending)
    };
    let first = job().await.unwrap();
    assert_eq!(control.evict(&first).await.unwrap(), Eviction::Accepted);
    secs(10).await;
    let second = job().await.unwrap();
    assert!(second.uid != first.uid && !second.finished);
    within(250, "its end", async || job().await.is_some_and(|j| j.finished)).await;
    check(&p, &mut BTreeSet::new(), &mut BTreeSet::new()).await;
    let second = job().await.unwrap();
    assert_eq!(control.evict(&second).await.unwrap(), Eviction::Accepted);
    assert_eq!(job().await, None);
    secs(30).await;
    assert_eq!(job().await, None);
}
