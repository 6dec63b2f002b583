//! Faults of the calls that change things, and the course of a world that is changed.

use super::*;
use crate::provider::ProviderError;

fn fault(target: &str, kind: &str, more: &str) -> String {
    format!("[[faults]]\nat = \"10s\"\nfor = \"20s\"\ntarget.{target}\nkind = \"{kind}\"\n{more}\n")
}

/// Every call, each on something that is there; gives the errors.
async fn all_calls(world: &Arc<World>, worker: &InstanceId) -> Vec<ProviderError> {
    let (aws, api) = (cloud_control(world, "eu-west-1"), kube_control(world, "prod"));
    let pod = crate::provider::BoundPod {
        namespace: "shop".into(),
        name: "db-0".into(),
        uid: "other".into(),
        owner: crate::fleet::OwnerKind::StatefulSet,
        finished: false,
        empty_dir: false,
        ending: false,
    };
    let node = worker.as_str();
    let results = [
        aws.set_desired("k3s_workers", 7).await,
        aws.set_bounds("k3s_workers", 1, 9).await,
        aws.end_member(worker, false).await,
        aws.end(worker).await,
        aws.parameter("/lock").await.map(drop),
        aws.create_parameter("/lock", "ana").await.map(drop),
        aws.put_parameter("/lock", "ben").await,
        aws.delete_parameter("/lock").await,
        api.set_schedulable(node, false).await,
        api.pods_on(node).await.map(drop),
        api.evict(&pod).await.map(drop),
        api.delete_pod(&pod).await,
        api.delete_node(node).await,
    ];
    results.into_iter().filter_map(std::result::Result::err).collect()
}

/// All that operators change.
async fn things(p: &Providers) -> (Vec<Instance>, Vec<Asg>, Vec<Node>, Vec<crate::fleet::Pod>) {
    let (aws, api) = (cloud(p, "eu-west-1"), kube(p, "prod"));
    (
        aws.instances().await.unwrap(),
        aws.asgs().await.unwrap(),
        api.list_nodes().await.unwrap(),
        api.list_pods().await.unwrap(),
    )
}

#[tokio::test(start_paused = true)]
async fn a_fault_hits_every_call_and_leaves_everything_as_it_is() {
    for (word, kind) in [
        ("throttled", FaultKind::Throttled),
        ("denied", FaultKind::Denied),
        ("dead", FaultKind::Unreachable),
        ("expired-credentials", FaultKind::Credentials),
        ("malformed", FaultKind::Malformed),
    ] {
        let all = ["scope = \"eu-west-1\"", "context = \"prod\""].map(|t| fault(t, word, ""));
        let (world, p) = told(&all.concat());
        let id = workers(&p).await.members[0].id.clone();
        let before = things(&p).await;
        secs(10).await;
        let errors = all_calls(&world, &id).await;
        let calls: BTreeSet<_> = errors.iter().map(|e| e.call.as_str()).collect();
        assert_eq!((errors.len(), calls.len()), (13, 12), "{word}: {calls:?}");
        assert!(errors.iter().all(|e| e.kind == kind && !e.message.is_empty()), "{word}");
        secs(20).await;
        assert_eq!(things(&p).await, before, "{word}");
        assert_eq!(all_calls(&world, &id).await.len(), 0, "{word} has passed");
        assert_eq!(workers(&p).await.desired, 7);
    }
}

#[tokio::test(start_paused = true)]
async fn one_call_may_be_denied_and_a_slow_one_is_done_late() {
    let denied = fault("context = \"prod\"", "denied", "call = \"create pods/eviction\"");
    let (world, p) = told(&(denied + &fault("scope = \"eu-west-1\"", "slow", "")));
    secs(12).await;
    let node = workers(&p).await.members[0].id.clone();
    let api = kube_control(&world, "prod");
    api.set_schedulable(node.as_str(), false).await.unwrap();
    let pod = api.pods_on(node.as_str()).await.unwrap().remove(0);
    let error = api.evict(&pod).await.unwrap_err();
    assert_eq!(error.kind, FaultKind::Denied);
    assert!(
        error.mend.contains("resources: [pods/eviction], verbs: [create]"),
        "{error}"
    );

    let (asked, aws) = (world.now(), cloud_control(&world, "eu-west-1"));
    aws.set_desired("k3s_workers", 8).await.unwrap();
    assert_eq!(world.now().duration_since(asked).as_secs(), 8);
    secs(10).await;
    assert_eq!(workers(&p).await.desired, 8);
}

#[tokio::test(start_paused = true)]
async fn the_same_calls_at_the_same_times_give_the_same_course() {
    let course = async || {
        let (world, p) = demo(42);
        let (aws, api) = (cloud_control(&world, "eu-west-1"), kube_control(&world, "prod"));
        let mut seen = Vec::new();
        for n in 0..60 {
            let member = workers(&p).await.members[0].id.clone();
            match n {
                3 => aws.set_desired("k3s_workers", 8).await.unwrap(),
                9 => api.set_schedulable(member.as_str(), false).await.unwrap(),
                10 => {
                    let all = api.pods_on(member.as_str()).await.unwrap();
                    seen.push(format!("{all:?}"));
                    let asked = all.iter().map(|pod| api.evict(pod));
                    seen.push(format!("{:?}", futures::future::join_all(asked).await));
                }
                20 => aws.end_member(&member, false).await.unwrap(),
                30 => api.delete_node(member.as_str()).await.unwrap(),
                _ => {}
            }
            seen.extend(observe(&world, &p).await);
            secs(5).await;
        }
        seen
    };
    let (first, second) = (course().await, course().await);
    assert_eq!(first.len(), second.len());
    assert!(first == second);
}
