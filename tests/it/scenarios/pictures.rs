//! The pictures of the README: the program's own screen over the demo, as SVG.
//!
//! `K3FLEET_PICTURES=1 cargo test --test it pictures` writes them anew.

use std::path::Path;

use k3fleet::runtime::surface::Look;
use k3fleet::runtime::themes;
use k3fleet::tui::colour::Depth;
use k3fleet::tui::glyphs::Glyphs;
use k3fleet::tui::picture::svg;

use crate::support::rig::Rig;

fn dark() -> Look {
    let theme = themes::load("dark", Path::new("no-own-themes"), Depth::TrueColour)
        .unwrap()
        .theme;
    Look {
        theme,
        glyphs: Glyphs::of(false),
    }
}

fn keep(name: &str, picture: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets").join(name);
    if std::env::var_os("K3FLEET_PICTURES").is_some() {
        std::fs::write(&file, picture).unwrap();
    }
    assert!(file.is_file(), "{} is missing: see the module's docs", file.display());
}

#[tokio::test(start_paused = true)]
async fn the_fleet_screen() {
    let rig = Rig::demo(128, 36, dark());
    rig.wait_for("interruption notice", 60).await;
    rig.pass(36).await;
    let picture = svg(&rig.buffer());
    assert!(picture.contains("prod") && picture.contains("Ready"));
    keep("fleet.svg", &picture);
}

#[tokio::test(start_paused = true)]
async fn the_price_chart() {
    let rig = Rig::demo(128, 36, dark());
    rig.wait_for("prod", 60).await;
    rig.press("4").await;
    rig.pass(30).await;
    let picture = svg(&rig.buffer());
    assert!(picture.contains("on-demand"));
    keep("prices.svg", &picture);
}
