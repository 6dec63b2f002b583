//! The life of a highly available cluster, all of it from the screen: launched, changed, saved, warned by EC2, bereft of a
//! server, scaled, looked at for drift, restored and destroyed.

use crossterm::event::{KeyCode, KeyModifiers};

use super::changes::calm_but;
use super::plain;
use crate::support::rig::Rig;

/// What befalls the cluster once it stands.
const TOLD: &str = r#"
[[events]]
at = "40m"
event.spot-storm = { pool = "shop/k3s_workers", percent = 50, within = "1m" }

[[events]]
at = "70m"
event.machines-end = { pool = "shop/k3s_servers", count = 1 }
"#;

const NONE: KeyModifiers = KeyModifiers::NONE;

/// On the cluster's row.
async fn on_cluster(rig: &Rig) {
    rig.press("1").await;
    rig.wait_for("shop", 60).await;
    rig.press("G").await;
}

/// Runs the plan that is shown, and waits for its end.
async fn run(rig: &Rig, title: &str, typed: &str) {
    rig.wait_for(title, 60).await;
    rig.press(typed).await;
    rig.press_key(KeyCode::Enter, NONE).await;
    rig.wait_for("1 running", 10).await;
    for _ in 0..5_400 {
        if !rig.text().contains("1 running") {
            break;
        }
        rig.pass(1).await;
    }
    assert!(rig.text().contains("done"), "{}", rig.text());
    assert!(!rig.text().contains("failed"), "{}", rig.text());
}

#[tokio::test(start_paused = true)]
async fn a_highly_available_cluster_lives_on_the_screen() {
    let rig = Rig::start(&calm_but(TOLD), 120, 40, plain());
    rig.wait_for("prod", 10).await;
    rig.press("l").await;
    rig.wait_for("account ", 20).await;
    rig.press("shop\t").await;
    rig.press_key(KeyCode::Left, NONE).await;
    rig.wait_for("survives the loss of a server", 5).await;
    rig.wait_for("/h, the cheapest", 60).await;
    rig.press("\n").await;
    run(&rig, "Plan: launch shop (ha: 3 servers, 3 workers", "").await;

    // Its spec is changed in the editor: first with a slip, then another pool.
    on_cluster(&rig).await;
    rig.will_edit(&[
        |text| text.replacen("\"max\":", "\"max\"", 1),
        |text| {
            let mut spec: serde_json::Value = serde_json::from_str(&text.replacen("\"max\"", "\"max\":", 1)).unwrap();
            let mut pool = spec["ha"]["pools"][0].clone();
            pool["name"] = "batch".into();
            pool["desired"] = 1.into();
            spec["ha"]["pools"].as_array_mut().unwrap().push(pool);
            spec.to_string()
        },
    ]);
    rig.press_key(KeyCode::Char('u'), KeyModifiers::ALT).await;
    rig.wait_for("expected `:`", 60).await;
    rig.press("\n").await;
    rig.wait_for("(AWS::AutoScaling::AutoScalingGroup)", 60).await;
    run(&rig, "Plan: update shop", "").await;

    on_cluster(&rig).await;
    rig.press("B").await;
    rig.wait_for("take one now", 60).await;
    rig.press("n").await;
    run(&rig, "Plan: ", "").await;

    // EC2 warns spot machines: they are drained, and others come.
    rig.press("1").await;
    rig.wait_for("interruption notice", 3_000).await;
    on_cluster(&rig).await;
    rig.wait_for(" 7/7 ", 1_500).await;
    // A server goes: another one joins by itself.
    rig.wait_for(" 6/7 ", 3_000).await;
    rig.wait_for(" 7/7 ", 1_500).await;

    rig.press("3/batch\n").await;
    rig.press("Gs").await;
    rig.wait_for("to how many machines?", 5).await;
    rig.press("2\n").await;
    run(&rig, "Plan: scale k3fleet-shop-batch", "").await;

    on_cluster(&rig).await;
    rig.press_key(KeyCode::Char('d'), KeyModifiers::ALT).await;
    rig.wait_for("of the stack of shop", 600).await;

    on_cluster(&rig).await;
    rig.press("B").await;
    // The server that has taken it may be the one that went: it is in S3 too.
    rig.wait_for("S3 k3fleet-sh", 60).await;
    rig.press("\n").await;
    run(&rig, "Plan: restore shop", "shop").await;

    on_cluster(&rig).await;
    rig.press_key(KeyCode::Char('d'), KeyModifiers::CONTROL).await;
    run(&rig, "Plan: destroy shop", "shop").await;
    rig.press("1").await;
    for _ in 0..120 {
        if !rig.text().contains("shop  ") {
            return;
        }
        rig.pass(1).await;
    }
    panic!("it is still there:\n{}", rig.text());
}
