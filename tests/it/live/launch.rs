//! The real program launches, scales and destroys a cluster on a moto server, whose machines come up as a test lets them.

use k3fleet::provider::{Cloud, CloudControl};

use super::stand::Stand;

#[tokio::test]
async fn a_cluster_is_launched_scaled_and_destroyed_and_nothing_is_left_behind() {
    let Some(stand) = Stand::of("700000000016").await else {
        return;
    };
    let cloud = &stand.cloud;
    let run = async |args: &[&str]| {
        let ran = stand.run(args).await;
        // moto has no price list, and the server it invents no API: what is read without them is read in part.
        let fine: &[i32] = if args.contains(&"get") { &[0, 4] } else { &[0] };
        assert!(
            ran.code.is_some_and(|code| fine.contains(&code)),
            "{args:?}: {}",
            ran.told
        );
        ran
    };

    let launch = [
        "launch",
        "shop",
        "--workers",
        "2",
        "--type",
        "t4g.small",
        "--image",
        "al2023",
        "--k3s",
        "v1.36.4+k3s1",
        "--from",
        "198.51.100.0/24",
        "--no-ssh",
        "--yes",
    ];
    let launched = run(&launch).await;
    let token = cloud.parameter("/k3fleet/shop/server-token").await.expect("an answer");
    let token = token.expect("the token is there");
    let rows = run(&["get", "machines", "-o", "json"]).await.rows();
    let ready: Vec<_> = rows
        .iter()
        .filter(|row| row["state"] == "Ready" && row["cluster"] == "shop")
        .collect();
    assert_eq!((rows.len(), ready.len()), (3, 3), "{rows:#?}");

    let kubeconfig = run(&["kubeconfig", "shop", "--print"]).await.printed;
    assert!(
        kubeconfig.contains("current-context: shop") && !kubeconfig.contains("127.0.0.1"),
        "{kubeconfig}"
    );
    // As on another operator's machine, who has only the cluster's tags.
    let kept = stand
        .files()
        .into_iter()
        .find(|file| file.ends_with("kubeconfigs/shop"));
    std::fs::remove_file(kept.expect("it is kept")).expect("removed");
    run(&["scale", "shop/workers", "3", "--yes"]).await;
    let made = cloud.resources(Some("shop")).await.expect("resources");
    assert!(made.len() > 10, "{made:#?}");
    let destroyed = run(&["destroy", "shop", "--yes"]).await;
    assert_eq!(
        cloud.resources(Some("shop")).await.expect("resources"),
        [],
        "{}",
        destroyed.printed
    );
    assert_eq!(cloud.parameter("/k3fleet/shop/lock").await.expect("an answer"), None);

    // What was secret is in nothing that was said or written down.
    let written = stand.written();
    assert!(written.contains("launch"), "the journals are there");
    for text in [&launched.printed, &launched.told, &written] {
        assert!(!text.contains(&token) && !text.contains("of-the-kubeconfig"));
    }
}
