//! The whole program over the simulated world, under paused time.

mod changes;
mod highly_available;
mod pictures;

use k3fleet::provider::sim::Scenario;
use k3fleet::runtime::surface::Look;
use k3fleet::tui::glyphs::Glyphs;
use k3fleet::tui::theme::Theme;

use crate::support::rig::Rig;

fn plain() -> Look {
    Look {
        theme: Theme::default(),
        glyphs: Glyphs::of(false),
    }
}

#[tokio::test(start_paused = true)]
async fn within_two_minutes_an_onlooker_has_seen_the_demo_live() {
    let rig = Rig::demo(160, 50, plain());
    rig.wait_for("prod", 10).await;
    rig.wait_for("interruption notice", 120).await;
    rig.pass(120 - 60).await;
    rig.press("6").await;
    rig.wait_for("does not answer", 60).await;
    rig.wait_for("answers again", 60).await;
    rig.wait_for("launched in", 60).await;
}

#[tokio::test(start_paused = true)]
async fn a_paused_demo_draws_nothing() {
    let rig = Rig::demo(120, 40, plain());
    rig.wait_for("prod", 10).await;
    rig.press("p").await;
    // What happened before the halt arrives with each feed's next reading.
    rig.pass(120).await;
    let frames = rig.frames();
    rig.pass(300).await;
    assert_eq!(rig.frames(), frames, "nothing changes, nothing is drawn");
}

#[tokio::test(start_paused = true)]
async fn an_idle_screen_draws_at_most_once_a_second() {
    let rig = Rig::demo(120, 40, plain());
    rig.wait_for("prod", 10).await;
    let frames = rig.frames();
    rig.pass(10).await;
    let drawn = rig.frames() - frames;
    assert!((1..=50).contains(&drawn), "{drawn} frames in ten seconds");
}

#[tokio::test(start_paused = true)]
async fn a_denied_region_says_so_and_hides_nothing_else() {
    let faults = "\n[[faults]]\nat = \"0s\"\nfor = \"1h\"\ntarget.scope = \"us-east-1\"\nkind = \"denied\"\n";
    let text = include_str!("../../../assets/scenarios/demo.toml").to_owned() + faults;
    let rig = Rig::start(&Scenario::parse(&text).unwrap(), 160, 50, plain());
    rig.wait_for("prod", 10).await;
    rig.press("7").await;
    rig.wait_for("ec2:DescribeInstances", 30).await;
}

#[tokio::test(start_paused = true)]
async fn quitting_ends_the_program() {
    let rig = Rig::demo(120, 40, plain());
    rig.wait_for("prod", 10).await;
    rig.press(":q\n").await;
    assert!(rig.end().await.is_ok());
}
