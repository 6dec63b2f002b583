//! Every screen and overlay as it is drawn, over the simulated world at a fixed seed and time.

mod demo;
mod dump;
mod hits;
mod joining;
mod launching;
mod operations;
mod restoring;
mod stacks;
mod tokens;

use std::path::Path;

use jiff::SignedDuration;
use k3fleet::app::{Msg, Screen, State, update};
use k3fleet::fleet::{FeedKind, Fleet, Observation, Severity};
use k3fleet::runtime::themes;
use k3fleet::tui::colour::Depth;
use k3fleet::tui::glyphs::Glyphs;
use k3fleet::tui::theme::Theme;

fn theme(depth: Depth) -> Theme {
    themes::load("dark", Path::new("none"), depth)
        .expect("a built-in theme")
        .theme
}

/// A state as it is drawn: at two sizes, in ASCII without colour, and where which style lies.
fn shown(state: &mut State) -> String {
    let (dark, mono) = (theme(Depth::TrueColour), theme(Depth::None));
    let mut text = String::new();
    for (title, theme, glyphs, size) in [
        ("80x24", &dark, &Glyphs::UNICODE, (80, 24)),
        ("120x40", &dark, &Glyphs::UNICODE, (120, 40)),
        ("80x24 in ASCII without colour", &mono, &Glyphs::ASCII, (80, 24)),
    ] {
        demo::settle(state, size);
        let buffer = dump::buffer(state, theme, glyphs, size);
        text = format!("{text}== {title}\n{}\n", dump::text(&buffer));
    }
    demo::settle(state, (80, 24));
    let buffer = dump::buffer(state, &dark, &Glyphs::UNICODE, (80, 24));
    format!("{text}== styles at 80x24\n{}", dump::styles(&buffer))
}

/// The demo after a hundred seconds: it has lost an instance, and is about to lose another.
fn demo() -> State {
    let (fleet, now) = demo::fleet(&[0, 100]);
    demo::state(fleet, now)
}

/// A state as it is drawn at both sizes.
fn plainly(state: &mut State, screen: &str, sizes: &[(u16, u16)]) -> String {
    let (theme, mut text) = (theme(Depth::TrueColour), String::new());
    for size in sizes {
        demo::settle(state, *size);
        let drawn = dump::text(&dump::buffer(state, &theme, &Glyphs::UNICODE, *size));
        text = format!("{text}== {screen} at {}x{}\n{drawn}\n", size.0, size.1);
    }
    text
}

/// The usual sizes.
const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

#[test]
fn screens() {
    let mut state = demo();
    for screen in Screen::ALL {
        demo::press(&mut state, &screen.number().to_string());
        insta::assert_snapshot!(screen.title().to_lowercase(), shown(&mut state));
    }
}

#[test]
fn large_terminals() {
    let mut state = demo();
    let mut text = plainly(&mut state, "Fleet", &[(160, 50), (200, 60)]);
    demo::press(&mut state, "4");
    text.push_str(&plainly(&mut state, "Prices", &[(200, 60)]));
    insta::assert_snapshot!("large", text);
}

#[test]
fn panes_that_take_turns_and_fill_the_screen() {
    let mut state = demo();
    demo::press(&mut state, "tab");
    let mut text = plainly(&mut state, "the second pane", &[(80, 24)]);
    demo::press(&mut state, "tab tab");
    text.push_str(&plainly(&mut state, "the fourth pane", &[(80, 24)]));
    demo::press(&mut state, "z");
    text.push_str(&plainly(&mut state, "the fourth pane, zoomed", &[(80, 24)]));
    insta::assert_snapshot!("panes", text);
}

#[test]
fn overlays() {
    for (name, keys, typed) in [
        ("help", "2 ?", ""),
        ("help_found", "2 ?", "pods"),
        ("palette", "2 :", "prod"),
        ("menu", "2 j m", ""),
        ("columns", "2 t", ""),
        ("sort", "2 shift-o shift-s", ""),
        ("describe", "2 g d", ""),
        ("source", "2 g y", ""),
        ("source_json", "2 g y y", ""),
        ("feeds", "i", ""),
    ] {
        let mut state = demo();
        demo::press(&mut state, keys);
        demo::write(&mut state, typed);
        insta::assert_snapshot!(format!("overlay_{name}"), plainly(&mut state, name, &SIZES));
    }
}

#[test]
fn themes_are_chosen_from_a_list_beside_the_screen() {
    let mut state = demo();
    let names = ["arctic", "dark", "paper"].map(str::to_owned).to_vec();
    update(&mut state, Msg::Themes(names, "dark".to_owned()));
    demo::press(&mut state, "ctrl-t");
    insta::assert_snapshot!("overlay_themes", plainly(&mut state, "themes", &[(80, 24)]));
}

#[test]
fn rows_filtered_sorted_marked_and_scrolled() {
    let mut state = demo();
    demo::press(&mut state, "2 /");
    demo::write(&mut state, "prod age<3d no-such:col");
    let mut text = plainly(&mut state, "while a filter is typed", &SIZES);
    demo::press(&mut state, "enter shift-p space j space");
    text.push_str(&plainly(&mut state, "sorted and marked", &SIZES));
    demo::press(&mut state, "right right");
    text.push_str(&plainly(&mut state, "columns scrolled", &SIZES));
    insta::assert_snapshot!("rows", text);
}

#[test]
fn nothing_to_show_is_explained() {
    let mut state = demo::state(Fleet::default(), demo::base());
    let mut text = plainly(&mut state, "before any source was asked", &[(80, 24)]);
    demo::answer(&mut state, FeedKind::Instances, None);
    demo::answer(&mut state, FeedKind::Asgs, None);
    for screen in Screen::ALL {
        demo::press(&mut state, &screen.number().to_string());
        text.push_str(&plainly(&mut state, "nothing found", &[(80, 24)]));
    }
    let mut state = demo();
    demo::press(&mut state, "2 /");
    demo::write(&mut state, "no-such-machine");
    demo::press(&mut state, "enter");
    text.push_str(&plainly(&mut state, "filtered away", &[(80, 24)]));
    insta::assert_snapshot!("empty", text);
}

#[test]
fn an_unknown_price_is_no_price() {
    let (fleet, now) = demo::fleet(&[0]);
    let mut unpriced = Fleet::default();
    let instances = fleet.all_machines().filter_map(|m| m.instance().cloned());
    instances.for_each(|i| unpriced.apply(Observation::Instance(Box::new(i)), now));
    let mut state = demo::state(unpriced, now);
    demo::press(&mut state, "2");
    let text = plainly(&mut state, "no prices", &[(120, 40)]);
    let rows: Vec<_> = text.lines().filter(|l| l.contains("k3s_")).collect();
    assert!(rows.len() > 5 && rows.iter().all(|row| row.contains(" ?")), "{text}");
    assert!(text.lines().any(|l| l.contains("unpriced")), "{text}");
    assert!(!text.contains("0.0"), "nothing is made up: {text}");
}

#[test]
fn what_is_awaited_is_named() {
    let mut state = demo::state(Fleet::default(), demo::base());
    demo::begin(&mut state);
    let mut text = plainly(&mut state, "waiting", &SIZES);
    for keys in ["2", "4", "i"] {
        demo::press(&mut state, keys);
        text.push_str(&plainly(&mut state, "waiting", &[(80, 24)]));
    }
    insta::assert_snapshot!("waiting", text);
}

#[test]
fn failures_are_told_where_they_are_felt() {
    let mut state = demo();
    demo::answer(
        &mut state,
        FeedKind::Instances,
        Some(demo::denied("ec2:DescribeInstances")),
    );
    demo::answer(
        &mut state,
        FeedKind::Asgs,
        Some(demo::denied("autoscaling:DescribeAutoScalingGroups")),
    );
    demo::answer(
        &mut state,
        FeedKind::SpotPrices,
        Some(demo::denied("ec2:DescribeSpotPriceHistory")),
    );
    let mut text = plainly(&mut state, "denied", &SIZES);
    demo::press(&mut state, "2");
    text.push_str(&plainly(&mut state, "denied", &SIZES));
    demo::press(&mut state, "i");
    text.push_str(&plainly(&mut state, "denied", &[(120, 40)]));
    let mut state = demo::state(Fleet::default(), demo::base());
    demo::answer(&mut state, FeedKind::Instances, Some(demo::expired()));
    text.push_str(&plainly(&mut state, "never read", &[(80, 24)]));
    insta::assert_snapshot!("failed", text);
}

#[test]
fn old_data_is_drawn_as_old() {
    let mut state = demo();
    let later = state.now + SignedDuration::from_mins(9);
    update(&mut state, Msg::Clock(later));
    let text = plainly(&mut state, "nine minutes of silence", &SIZES);
    let theme = theme(Depth::TrueColour);
    demo::settle(&mut state, (80, 24));
    let buffer = dump::buffer(&state, &theme, &Glyphs::UNICODE, (80, 24));
    let old = buffer
        .content()
        .iter()
        .filter(|cell| Some(cell.fg) == theme.stale.fg)
        .count();
    assert!(old > 200, "rows are drawn as old: {old} cells");
    insta::assert_snapshot!("stale", text);
}

#[test]
fn badges_and_notices() {
    let mut state = demo();
    state.read_only = true;
    update(&mut state, Msg::Paused(true));
    update(
        &mut state,
        Msg::Say(Severity::Warning, "copied nothing: no row is marked".to_owned()),
    );
    let text = plainly(&mut state, "paused, read-only, with a notice", &SIZES);
    let lines: Vec<_> = text
        .lines()
        .filter(|l| l.contains("k3fleet ") || l.contains("copied"))
        .collect();
    insta::assert_snapshot!("badges", lines.join("\n"));
}
