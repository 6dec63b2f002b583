//! The real program launches a highly available cluster on the fake AWS: its stack comes up, or says what failed and comes
//! up when the launch is resumed.

mod events;
mod leftovers;

use k3fleet::provider::{Cloud, CloudControl, Resource, ResourceKind};
use serde_json::{Value, json};

use super::stand::Stand;
use crate::aws::stack_rig::behave;

const LAUNCH: [&str; 16] = [
    "launch",
    "shop",
    "--shape",
    "ha",
    "--workers",
    "2",
    "--type",
    "t4g.medium",
    "--image",
    "al2023",
    "--k3s",
    "v1.36.4+k3s1",
    "--from",
    "198.51.100.0/24",
    "--no-ssh",
    "--yes",
];

#[tokio::test]
async fn a_stack_that_fails_says_why_and_comes_up_when_the_launch_is_resumed() {
    let Some(stand) = Stand::of("700000000051").await else {
        return;
    };
    let (account, cloud) = (&stand.account, &stand.cloud);
    behave(
        account,
        json!({"signal": true, "fail": {"ApiBalancer": "Your quota of load balancers is used up"}}),
    )
    .await;
    let run = async |args: &[&str]| {
        let ran = stand.run(args).await;
        (ran.code, ran.printed, ran.told)
    };

    let (code, printed, failed) = run(&LAUNCH).await;
    assert_eq!(code, Some(4), "{failed}");
    assert!(
        failed.contains("CREATE_FAILED ApiBalancer") && failed.contains("Your quota of load balancers is used up"),
        "{failed}"
    );
    assert!(failed.contains("k3fleet destroy shop"), "what to do is told: {failed}");
    let stack = cloud.stack("k3fleet-shop").await.expect("told").expect("it is kept");
    assert_eq!(stack.status.0, "CREATE_FAILED");

    behave(account, json!({"signal": true, "fail": {}})).await;
    let (_, listed, _) = run(&["ops", "list", "-o", "json"]).await;
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    let id = listed[0]["id"].as_str().expect("an operation").to_owned();
    let (code, _, resumed) = run(&["ops", "resume", &id]).await;
    assert_eq!(code, Some(0), "{resumed}");
    assert!(resumed.contains("deleting it"), "{resumed}");
    let stack = cloud.stack("k3fleet-shop").await.expect("told").expect("a stack");
    assert!(stack.status.is_good(), "{:?}", stack.status);
    let tag = |key: &str| stack.tags.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
    assert_eq!(
        (tag("k3fleet:cluster"), tag("k3fleet:shape")),
        (Some("shop"), Some("ha"))
    );

    let (_, rows, _) = run(&["get", "machines", "-o", "json"]).await;
    let rows: Vec<Value> = serde_json::from_str(&rows).expect("JSON");
    let of = |role: &str| {
        rows.iter()
            .filter(|r| r["role"] == role && r["state"] == "Ready")
            .count()
    };
    assert_eq!((of("server"), of("agent"), rows.len()), (3, 2, 5), "{rows:#?}");
    let (_, clusters, _) = run(&["get", "clusters", "-o", "json"]).await;
    assert!(clusters.contains("shop"), "{clusters}");

    events::are_seen_by_all_who_look(&stand).await;

    // A pool is worked out, comes, changes, and goes; what cannot be changed is refused and leaves no change set.
    let spare = [
        "update",
        "shop",
        "--pool",
        "name=spare,types=t4g.large,min=0,desired=0,max=2",
    ];
    let (code, planned, told) = run(&[&spare[..], &["--dry-run", "-o", "json"]].concat()).await;
    assert_eq!(code, Some(0), "{told}");
    let planned: Value = serde_json::from_str(&planned).expect("JSON");
    let changes = planned["changes"].as_array().expect("changes");
    let added = |change: &Value| change["action"] == "add" && change["kind"] == "AWS::AutoScaling::AutoScalingGroup";
    assert!(changes.iter().any(added), "{changes:#?}");
    assert!(
        changes.iter().all(|change| change["action"] != "remove"),
        "{changes:#?}"
    );
    let groups = async || -> Vec<(String, u32)> {
        let groups = cloud.asgs().await.expect("groups");
        let mut all: Vec<_> = groups.iter().map(|g| (g.name.to_string(), g.max)).collect();
        all.sort();
        all
    };
    let before = groups().await;
    assert_eq!(before.len(), 2, "nothing is done yet: {before:?}");
    let (code, _, told) = run(&[&spare[..], &["--yes"]].concat()).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(groups().await.contains(&("k3fleet-shop-spare".to_owned(), 2)));
    let (code, _, told) = run(&["update", "shop", "--pool", "name=spare,max=4", "--yes"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(groups().await.contains(&("k3fleet-shop-spare".to_owned(), 4)));
    let (code, printed_spec, _) = run(&["spec", "shop"]).await;
    let spec: Value = serde_json::from_str(&printed_spec).expect("JSON");
    assert_eq!((code, &spec["ha"]["pools"][1]["max"]), (Some(0), &json!(4)), "{spec}");
    let (code, _, told) = run(&["update", "shop", "--remove-pool", "spare", "--yes"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(groups().await, before);
    let (code, _, told) = run(&["update", "shop", "--servers", "1", "--yes"]).await;
    assert_eq!(code, Some(3), "{told}");
    let (code, _, told) = run(&["update", "shop", "--remove-pool", "spare", "--yes"]).await;
    assert!(code == Some(2) && told.contains("k3s_workers"), "{told}");

    let token = cloud.parameter("/k3fleet/shop/server-token").await.expect("an answer");
    let token = token.expect("the token is there");

    // What stands is not taken back. What is destroyed goes whole, after a resource that at first does not, but for the
    // snapshots and volumes; and so do load balancers of Services, and what servers have left, which carries no tag.
    leftovers::of_kubernetes(&stand).await;
    let (code, _, told) = run(&["rollback", "shop", "--yes"]).await;
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains("the stack k3fleet-shop is"), "{told}");
    for mark in ["first-server-1", "initialised"] {
        let mark = format!("/k3fleet/shop/{mark}");
        assert!(cloud.create_parameter(&mark, "i-1").await.expect("made"));
    }
    let locked = json!({"FeedQueue": {"reason": "The queue is locked", "on": "delete", "times": 1}});
    behave(account, json!({"signal": true, "fail": locked})).await;
    let (code, _, failed) = run(&["destroy", "shop", "--yes"]).await;
    assert_eq!(code, Some(4), "{failed}");
    assert!(failed.contains("FeedQueue: The queue is locked"), "{failed}");
    assert_eq!(
        cloud.instances().await.expect("instances").len(),
        0,
        "its groups were emptied before"
    );
    let (_, listed, _) = run(&["ops", "list", "-o", "json"]).await;
    let listed: Vec<Value> = serde_json::from_str(&listed).expect("JSON");
    let id = listed
        .iter()
        .find(|one| one["state"] == "failed")
        .expect("the one that failed");
    let (code, _, told) = run(&["ops", "resume", id["id"].as_str().expect("an id")]).await;
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(cloud.stack("k3fleet-shop").await.expect("told"), None);
    assert_eq!(stand.services(), [""; 0], "they went before their cluster");
    let left = cloud.resources(Some("shop")).await.expect("resources");
    let buckets: Vec<_> = left.iter().filter_map(Resource::bucket).collect();
    let volumes = left
        .iter()
        .filter(|one| one.kind == ResourceKind::Volume && one.of_kubernetes);
    assert_eq!((buckets.len(), volumes.count(), left.len()), (1, 1, 2), "{left:#?}");
    // Those go when that is asked for: each version of each snapshot, and each mark of a deletion.
    leftovers::snapshots(&stand, buckets[0]).await;
    let (code, _, told) = run(&["destroy", "shop", "--snapshots", "delete", "--volumes", "--yes"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(cloud.resources(Some("shop")).await.expect("resources"), []);
    for name in ["first-server-1", "initialised", "server-token", "spec", "lock"] {
        let name = format!("/k3fleet/shop/{name}");
        assert_eq!(cloud.parameter(&name).await.expect("an answer"), None, "{name}");
    }
    let written = stand.written();
    assert!(written.contains("launch"), "the journals are there");
    for text in [&printed, &failed, &resumed, &written] {
        assert!(!text.contains(&token));
    }
}
