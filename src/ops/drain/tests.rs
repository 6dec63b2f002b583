//! What becomes of each pod of a node, in a cluster whose pods do as a test says.

mod choosing;
mod cluster;

use self::cluster::{BUDGET, Cluster, Does};
use super::*;
use crate::fleet::FaultKind;

fn pod(name: &str) -> BoundPod {
    BoundPod {
        namespace: "demo".into(),
        name: name.into(),
        uid: format!("uid-{name}").into(),
        owner: OwnerKind::ReplicaSet,
        finished: false,
        empty_dir: false,
        ending: false,
    }
}

fn owned(name: &str, owner: OwnerKind) -> BoundPod {
    BoundPod { owner, ..pod(name) }
}

fn options(seconds: i64) -> DrainOptions {
    DrainOptions {
        timeout: SignedDuration::from_secs(seconds),
        ..DrainOptions::default()
    }
}

fn forced(seconds: i64) -> DrainOptions {
    DrainOptions {
        force: true,
        ..options(seconds)
    }
}

fn error(kind: FaultKind, message: &str) -> ProviderError {
    ProviderError {
        kind,
        call: "create pods/eviction".into(),
        target: "lab".into(),
        message: message.into(),
        mend: "mend it".into(),
    }
}

/// Drains the cluster's node: how it went, how long it took in seconds, and what was said when.
async fn drained(cluster: &Cluster, options: &DrainOptions) -> (Result<usize, DrainError>, u64, Vec<(u64, String)>) {
    let mut said = vec![];
    let say = |line| said.push((cluster.began.elapsed().as_secs(), line));
    let result = drain(cluster, "n1", options, 1.0, say).await;
    (result, cluster.began.elapsed().as_secs(), said)
}

#[tokio::test(start_paused = true)]
async fn pods_are_evicted_once_and_waited_for() {
    let cluster = Cluster::of([
        (pod("a"), Does::ends(3)),
        (pod("b"), Does::ends(30)),
        (owned("daemon", OwnerKind::DaemonSet), Does::ends(0)),
    ]);
    let (result, took, said) = drained(&cluster, &options(600)).await;
    assert_eq!(result.unwrap(), 2);
    assert!((30..34).contains(&took), "{took} s");
    assert_eq!(cluster.times("evict", "uid-a").len(), 1);
    assert_eq!(cluster.times("evict", "uid-b").len(), 1);
    assert_eq!(cluster.times("evict", "uid-daemon").len(), 0);
    let lines: Vec<_> = said.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(
        lines,
        [
            "0 of 2 pods gone; ending: demo/a and demo/b",
            "1 of 2 pods gone; ending: demo/b",
            "2 of 2 pods gone"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_without_pods_is_drained_at_once() {
    let cluster = Cluster::of([(owned("daemon", OwnerKind::DaemonSet), Does::ends(0))]);
    let (result, took, _) = drained(&cluster, &options(600)).await;
    assert_eq!((result.unwrap(), took), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_evicted_where_something_would_be_lost() {
    let cluster = Cluster::of([(pod("a"), Does::ends(0)), (owned("b", OwnerKind::None), Does::ends(0))]);
    let (result, ..) = drained(&cluster, &options(600)).await;
    assert!(matches!(result, Err(DrainError::Bare { .. })), "{result:?}");
    assert!(cluster.asked.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn pods_are_evicted_side_by_side_but_not_all_at_once() {
    let cluster = Cluster::of((0..110).map(|i| (pod(&format!("p{i}")), Does::ends(0))));
    let (result, took, _) = drained(&cluster, &options(600)).await;
    assert_eq!(result.unwrap(), 110);
    assert!(took < 2, "{took} s");
    assert_eq!(cluster.busy.lock().unwrap().1, AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn pods_that_are_held_back_never_keep_the_others() {
    let held = (0..2 * AT_ONCE).map(|i| (pod(&format!("held{i}")), Does::blocked()));
    let free = (0..5).map(|i| (pod(&format!("free{i}")), Does::ends(1)));
    let cluster = Cluster::of(held.chain(free));
    let (result, _, said) = drained(&cluster, &options(60)).await;
    assert!(matches!(result, Err(DrainError::Timeout { .. })), "{result:?}");
    let went = said.iter().find(|(_, line)| line.starts_with("5 of 45 pods gone"));
    let (at, line) = went.expect("the free ones went");
    assert!(*at <= 3, "after {at} s");
    assert!(
        line.contains("held back: demo/held0 ") && line.contains(BUDGET),
        "{line}"
    );
    assert!((0..5).all(|i| cluster.times("evict", &format!("uid-free{i}")).len() == 1));
}

#[tokio::test(start_paused = true)]
async fn a_pod_is_tried_again_until_its_budget_lets_it_go() {
    let no = || Ok(Eviction::Blocked(BUDGET.into()));
    let cluster = Cluster::of([(pod("web"), Does::first([no(), no(), no()]))]);
    let (result, took, said) = drained(&cluster, &options(600)).await;
    assert_eq!(result.unwrap(), 1);
    let times = cluster.times("evict", "uid-web");
    assert_eq!(times.len(), 4);
    assert!(times.windows(2).all(|w| (5..8).contains(&(w[1] - w[0]))), "{times:?}");
    assert!(took < 25, "{took} s");
    assert_eq!(said[0].1, format!("0 of 1 pods gone; held back: demo/web ({BUDGET})"));
}

#[tokio::test(start_paused = true)]
async fn a_pod_blocked_for_ever_ends_in_a_timeout_that_names_it_and_its_budget() {
    let cluster = Cluster::of([
        (
            pod("slow"),
            Does {
                ends: None,
                ..Does::ends(0)
            },
        ),
        (pod("web"), Does::blocked()),
        (pod("other"), Does::ends(1)),
    ]);
    let (result, took, _) = drained(&cluster, &options(120)).await;
    assert_eq!(
        result.unwrap_err().to_string(),
        format!(
            "demo/web ({BUDGET}) and demo/slow still on the node after 2 min; mend what holds them back and resume, or \
             delete them with --force"
        )
    );
    assert!((120..123).contains(&took), "{took} s");
    assert!(cluster.asked.lock().unwrap().iter().all(|(what, ..)| *what == "evict"));
}

#[tokio::test(start_paused = true)]
async fn force_deletes_what_still_stands_after_the_timeout_and_not_before() {
    let cluster = Cluster::of(
        [(
            pod("web"),
            Does {
                ends: Some(Duration::from_secs(8)),
                ..Does::blocked()
            },
        )]
        .into_iter()
        .chain([(pod("other"), Does::ends(1))]),
    );
    let (result, took, _) = drained(&cluster, &forced(60)).await;
    assert_eq!(result.unwrap(), 2);
    let deleted = cluster.times("delete", "uid-web");
    assert_eq!(deleted.len(), 1);
    assert!((60..63).contains(&deleted[0]), "{deleted:?}");
    assert!((68..73).contains(&took), "it is given time to end: {took} s");
    assert!(cluster.times("delete", "uid-other").is_empty());
}

#[tokio::test(start_paused = true)]
async fn force_does_not_wait_for_a_kubelet_that_is_dead() {
    let cluster = Cluster::of([(
        pod("web"),
        Does {
            ends: None,
            ..Does::ends(0)
        },
    )]);
    let (result, took, _) = drained(&cluster, &forced(60)).await;
    assert_eq!(result.unwrap(), 1);
    assert_eq!(cluster.times("delete", "uid-web").len(), 1);
    assert!((90..95).contains(&took), "{took} s");
}

#[tokio::test(start_paused = true)]
async fn a_pod_made_anew_under_the_same_name_is_not_touched() {
    for options in [options(600), forced(600)] {
        let remade = Does {
            remade: Some(Duration::from_secs(20)),
            ..Does::blocked()
        };
        let cluster = Cluster::of([(owned("state-0", OwnerKind::StatefulSet), remade)]);
        let (result, took, _) = drained(&cluster, &options).await;
        assert_eq!(result.unwrap(), 1, "the pod that was meant has gone");
        assert!((20..24).contains(&took), "{took} s");
        assert!(cluster.times("evict", "uid-state-0").len() > 1);
        let asked = cluster.asked.lock().unwrap();
        assert!(asked.iter().all(|(_, uid, _)| uid != "uid-made-anew"), "{asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_ending_already_is_waited_for_and_not_evicted() {
    let ending = BoundPod {
        ending: true,
        ..pod("web")
    };
    let cluster = Cluster::of([(ending, Does::ends(20))]);
    let (result, took, _) = drained(&cluster, &options(600)).await;
    assert_eq!(result.unwrap(), 1);
    assert!((20..23).contains(&took), "{took} s");
    assert!(cluster.asked.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_may_go_better_later_is_tried_again() {
    let lost = || error(FaultKind::Unreachable, "no answer");
    let busy = || error(FaultKind::Throttled, "slow down");
    let cluster =
        Cluster::of([(pod("web"), Does::first([Err(lost()), Err(busy())]))]).that_fails_to_list([lost(), busy()]);
    let (result, took, said) = drained(&cluster, &options(600)).await;
    assert_eq!(result.unwrap(), 1);
    assert_eq!(cluster.times("evict", "uid-web").len(), 3);
    assert!((20..25).contains(&took), "{took} s");
    assert_eq!(said[0].1, "no answer; looking again");
    assert!(
        said.iter()
            .any(|(_, line)| line.ends_with("held back: demo/web (slow down)")),
        "{said:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_look_that_fails_for_a_while_loses_no_pod() {
    let cluster = Cluster::of([(pod("web"), Does::ends(3))]);
    let work = async {
        sleep(Duration::from_secs(1)).await;
        let lost = error(FaultKind::Unreachable, "no answer");
        cluster.lists.lock().unwrap().extend([lost.clone(), lost]);
    };
    let options = options(600);
    let ((result, took, _), ()) = tokio::join!(drained(&cluster, &options), work);
    assert_eq!(result.unwrap(), 1);
    assert!((6..9).contains(&took), "{took} s");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_lists_ends_in_its_own_words() {
    let lost = || error(FaultKind::Unreachable, "no answer");
    let cluster = Cluster::of([]).that_fails_to_list((0..1000).map(|_| lost()));
    let (result, took, _) = drained(&cluster, &options(60)).await;
    assert!(
        matches!(&result, Err(DrainError::Call(e)) if e.message == "no answer"),
        "{result:?}"
    );
    assert!((60..66).contains(&took), "{took} s");
    let cluster = Cluster::of([]).that_fails_to_list([error(FaultKind::Denied, "403")]);
    let (result, took, _) = drained(&cluster, &options(60)).await;
    assert!(
        matches!(&result, Err(DrainError::Call(e)) if e.message == "403"),
        "{result:?}"
    );
    assert_eq!(took, 0);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_refused_fails_the_drain_after_the_others_went() {
    let two = error(FaultKind::Other, "500 This pod has more than one PodDisruptionBudget");
    let cluster = Cluster::of([(pod("web"), Does::for_ever(Err(two))), (pod("other"), Does::ends(10))]);
    let (result, took, _) = drained(&cluster, &options(600)).await;
    assert_eq!(
        result.unwrap_err().to_string(),
        "demo/web cannot be moved away: create pods/eviction on lab failed: 500 This pod has more than one \
         PodDisruptionBudget; mend it"
    );
    assert!((10..13).contains(&took), "no waiting for what cannot come: {took} s");
    assert_eq!(cluster.times("evict", "uid-web").len(), 1);
    assert!(cluster.pass().iter().all(|(pod, ..)| pod.name == "web"));
}

#[tokio::test(start_paused = true)]
async fn force_deletes_a_pod_that_is_refused_too() {
    let two = error(FaultKind::Other, "500 more than one budget");
    let cluster = Cluster::of([(pod("web"), Does::for_ever(Err(two)))]);
    let (result, ..) = drained(&cluster, &forced(60)).await;
    assert_eq!(result.unwrap(), 1);
    let deleted = cluster.times("delete", "uid-web");
    assert!(deleted.len() == 1 && (60..63).contains(&deleted[0]), "{deleted:?}");
    assert!(cluster.times("evict", "uid-web").len() > 5, "it may be mended in time");
}

#[tokio::test(start_paused = true)]
async fn no_timeout_is_too_long_or_too_short() {
    for timeout in [SignedDuration::MAX, SignedDuration::MIN, SignedDuration::ZERO] {
        let options = DrainOptions {
            timeout,
            ..DrainOptions::default()
        };
        let cluster = Cluster::of([(pod("web"), Does::ends(0))]);
        assert_eq!(drained(&cluster, &options).await.0.unwrap(), 1);
    }
    let cluster = Cluster::of([(pod("web"), Does::blocked())]);
    let (result, took, _) = drained(&cluster, &options(0)).await;
    assert!(matches!(result, Err(DrainError::Timeout { .. })), "{result:?}");
    assert_eq!(took, 0, "one try is always made");
    assert_eq!(cluster.times("evict", "uid-web").len(), 1);
}

#[test]
fn times_and_names_are_told_as_people_say_them() {
    let told = [600, 90, 0].map(|secs| lasting(SignedDuration::from_secs(secs)));
    assert_eq!(told, ["10 min", "90 s", "0 min"]);
    let names: Vec<_> = (1..=5).map(|i| format!("p{i}")).collect();
    assert_eq!(listed(&names[..0]), "");
    assert_eq!(listed(&names[..1]), "p1");
    assert_eq!(listed(&names[..4]), "p1, p2, p3 and p4");
    assert_eq!(listed(&names), "p1 and 4 more");
}
