//! An operator changes the demo from the screen alone: scales a pool up and down, drains and replaces a machine.

use crossterm::event::{KeyCode, KeyModifiers};
use k3fleet::provider::sim::Scenario;

use super::plain;
use crate::support::rig::Rig;

/// The built-in world, before anything happens in it by itself.
fn calm() -> Scenario {
    calm_but("")
}

/// The same, but for what is told.
pub(super) fn calm_but(told: &str) -> Scenario {
    let text = include_str!("../../../assets/scenarios/demo.toml");
    let (world, _) = text
        .split_once("# What an onlooker sees")
        .expect("the told events come last");
    let quiet = world.replace("from = \"135s\"", "from = \"900h\"");
    Scenario::parse(&format!("{quiet}\n{told}")).expect("the world alone is a scenario")
}

#[tokio::test(start_paused = true)]
async fn a_pool_is_scaled_from_the_screen() {
    let rig = Rig::start(&calm(), 120, 40, plain());
    rig.wait_for("prod", 10).await;
    rig.press("3Gs").await;
    rig.wait_for("Scale k3s_workers", 5).await;
    rig.press("8\n").await;
    rig.wait_for("Plan: scale k3s_workers from 6 to 8", 5).await;
    rig.wait_for("autoscaling:SetDesiredCapacity", 5).await;
    rig.press("\n").await;
    rig.press("6").await;
    rig.wait_for("running", 10).await;
    rig.wait_for("of 8 ready", 30).await;
    rig.wait_for("done", 300).await;
    rig.press("3").await;
    rig.wait_for("8/8", 60).await;
}

#[tokio::test(start_paused = true)]
async fn a_machine_is_replaced_from_the_screen() {
    let rig = Rig::start(&calm(), 120, 40, plain());
    rig.wait_for("prod", 10).await;
    rig.press("2/k3s_workers\n").await;
    rig.press("x").await;
    rig.wait_for("Plan: replace", 5).await;
    rig.press("\n").await;
    rig.press("6").await;
    rig.wait_for("running", 10).await;
    rig.wait_for("7/7", 900).await;
    rig.wait_for("done", 10).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_guard_refuses_is_told_with_what_would_lift_it() {
    let rig = Rig::start(&calm(), 120, 40, plain());
    rig.wait_for("prod", 10).await;
    rig.press("2/edge-lab-server\n").await;
    rig.press_key(KeyCode::Char('d'), KeyModifiers::CONTROL).await;
    rig.wait_for("last-server", 5).await;
    rig.wait_for("destroy", 5).await;
}

#[tokio::test(start_paused = true)]
async fn a_cluster_is_launched_scaled_and_destroyed_from_the_screen() {
    let rig = Rig::start(&calm(), 120, 40, plain());
    rig.wait_for("prod", 10).await;
    rig.press("l").await;
    rig.wait_for("Launch a cluster", 5).await;
    rig.press("shop\t\t\t\t\t\t2").await;
    rig.wait_for("account ", 20).await;
    rig.wait_for("/h, the cheapest", 60).await;
    rig.press("\n").await;
    rig.wait_for("Plan: launch shop", 20).await;
    rig.press("y").await;
    rig.wait_for("running", 10).await;
    rig.wait_for("done in", 1_200).await;
    rig.press("3/shop\n").await;
    rig.wait_for("2/2", 60).await;
    for to in ["4", "1"] {
        rig.press("3Gs").await;
        rig.wait_for("to how many machines?", 5).await;
        rig.press(to).await;
        rig.press("\n").await;
        rig.wait_for("Plan: scale", 5).await;
        rig.press("y").await;
        rig.wait_for("running", 10).await;
        rig.press("3").await;
        rig.wait_for(&format!("{to}/{to}"), 1_200).await;
        // The group is as large as it shall be a little before the operation has ended.
        rig.pass(60).await;
    }
    rig.press("1g").await;
    rig.press("/shop\n").await;
    rig.press_key(KeyCode::Char('d'), KeyModifiers::CONTROL).await;
    rig.wait_for("Plan: destroy shop", 20).await;
    rig.press("shop\n").await;
    rig.wait_for("running", 10).await;
    rig.wait_for("done in", 1_200).await;
    rig.press("1").await;
    rig.wait_for("None of the ", 120).await;
}
