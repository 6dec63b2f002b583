//! The mouse hits what is drawn, and nothing that can be drawn panics.

use k3fleet::app::{Action, Msg, Overlay, Pane, Screen, State, Target, update};
use k3fleet::fleet::RowId;
use k3fleet::tui::colour::Depth;
use k3fleet::tui::glyphs::Glyphs;
use k3fleet::tui::hit;
use k3fleet::tui::layout::Layout;
use proptest::prelude::*;
use ratatui::layout::Rect;

use super::{demo, dump, theme};

/// What a click on each cell means, from the top left.
fn targets(state: &State) -> Vec<((u16, u16), Target)> {
    let (columns, rows) = state.size;
    let cells = (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y)));
    cells.filter_map(|(x, y)| Some(((x, y), hit(state, x, y)?))).collect()
}

#[test]
fn every_drawn_row_is_hit_as_itself() {
    let mut state = demo();
    for size in [(80, 24), (120, 40), (200, 60)] {
        for screen in Screen::ALL {
            demo::press(&mut state, &screen.number().to_string());
            demo::settle(&mut state, size);
            let text = dump::text(&dump::buffer(&state, &theme(Depth::None), &Glyphs::UNICODE, size));
            let lines: Vec<&str> = text.lines().collect();
            let mut seen = 0;
            for ((x, y), target) in targets(&state) {
                let Target::Row(pane, at) = target else { continue };
                let id = state.tables[&pane].shown.rows.get(at).unwrap();
                let kind = pane.table().expect("rows are in tables");
                let row = kind.row(&state.view(), id).expect("it is shown");
                let name: String = row.values[0].text().chars().take(5).collect();
                let line: String = lines[usize::from(y)].chars().skip(usize::from(x)).collect();
                let place = Layout::of(&state, Rect::new(0, 0, size.0, size.1));
                let left = place.pane(pane).expect("it is visible").x + 1;
                if x == left {
                    assert!(line.contains(&name), "{name} in {line:?}");
                    seen += 1;
                }
            }
            assert!(seen > 0 || screen == Screen::Operations, "{screen:?}");
        }
    }
}

#[test]
fn headings_tabs_hints_and_findings_are_hit() {
    let mut state = demo();
    demo::press(&mut state, "2");
    demo::settle(&mut state, (120, 40));
    let targets: Vec<Target> = targets(&state).into_iter().map(|(_, target)| target).collect();
    for screen in Screen::ALL {
        assert!(targets.contains(&Target::Tab(screen)), "{screen:?}");
    }
    for name in ["name", "state", "price"] {
        assert!(targets.contains(&Target::Heading(Pane::Machines, name)), "{name}");
    }
    assert!(targets.contains(&Target::Hint(Action::Help)));
    assert!(targets.contains(&Target::Findings));
    assert!(targets.contains(&Target::Freshness));
    assert!(targets.contains(&Target::Pane(Pane::Machines)));
}

#[test]
fn chips_and_the_lines_of_overlays_are_hit() {
    let mut state = demo();
    demo::press(&mut state, "2 /");
    demo::write(&mut state, "prod age<3d");
    demo::press(&mut state, "enter");
    let places = targets(&state);
    assert!(places.iter().any(|(_, t)| *t == Target::Chip(Pane::Machines, 0)));
    assert!(places.iter().any(|(_, t)| *t == Target::Chip(Pane::Machines, 1)));
    demo::press(&mut state, "m");
    let places = targets(&state);
    let Some(Overlay::Menu { items, .. }) = state.overlays.last() else {
        panic!("the menu is open")
    };
    let text = dump::text(&dump::buffer(&state, &theme(Depth::None), &Glyphs::UNICODE, state.size));
    for (at, action) in items.iter().enumerate() {
        let ((_, y), _) = places
            .iter()
            .find(|(_, t)| *t == Target::Item(at))
            .expect("each line is hit");
        let line = text.lines().nth(usize::from(*y)).expect("a line");
        assert!(line.contains(action.name()), "{action:?} in {line:?}");
    }
    assert_eq!(places.first().map(|(_, t)| t.clone()), Some(Target::Outside));
}

#[test]
fn a_terminal_that_is_too_small_says_so_and_hits_nothing() {
    let mut state = demo();
    for (columns, rows) in [(79, 24), (80, 23), (20, 5), (1, 1)] {
        demo::settle(&mut state, (columns, rows));
        let text = dump::text(&dump::buffer(
            &state,
            &theme(Depth::None),
            &Glyphs::ASCII,
            (columns, rows),
        ));
        let first = text.lines().next().expect("a line");
        assert!(first.contains("80x24") || columns < 5, "{first:?}");
        assert_eq!(text.lines().filter(|line| !line.is_empty()).count(), 1);
        assert!(targets(&state).is_empty());
    }
}

/// Every overlay, over whatever row there is.
fn overlays(row: Option<RowId>) -> Vec<&'static str> {
    let mut keys = vec!["?", ":", "m", "t", "shift-s", "i", "ctrl-t"];
    if row.is_some() {
        keys.extend(["d", "y"]);
    }
    match row {
        Some(RowId::Machine(_) | RowId::Edge(_)) => keys.extend(["r", "x", "ctrl-d"]),
        Some(RowId::Pool(_)) => keys.push("s"),
        Some(RowId::Finding(..)) => keys.push("x"),
        _ => {}
    }
    keys
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_screen_is_drawn_at_any_size(
        columns in 1u16..250,
        rows in 1u16..80,
        screen in 0usize..7,
        overlay in 0usize..15,
        focus in 0usize..5,
        zoom: bool,
        scroll in 0usize..40,
        ascii: bool,
        filter in "[a-z:<0-9 é東]{0,12}",
    ) {
        thread_local! {
            static STATE: std::cell::RefCell<State> = std::cell::RefCell::new(demo());
        }
        STATE.with_borrow_mut(|state| {
            state.overlays.clear();
            state.zoomed = false;
            demo::press(state, &Screen::ALL[screen].number().to_string());
            demo::settle(state, (columns, rows));
            let panes = Screen::ALL[screen].panes();
            state.focus.insert(Screen::ALL[screen], panes[focus % panes.len()]);
            state.zoomed = zoom;
            if let Some(table) = state.tables.get_mut(&state.focused()) {
                table.scrolled = scroll % 12;
                table.offset = scroll;
            }
            if focus == 0 {
                demo::press(state, "/");
                demo::write(state, &filter);
            }
            let keys = overlays(state.row().cloned());
            if let Some(key) = keys.get(overlay) {
                demo::press(state, key);
                for _ in 0..scroll {
                    update(state, Msg::Do(Action::Down));
                }
            }
            let glyphs = Glyphs::of(ascii);
            let buffer = dump::buffer(state, &theme(Depth::TrueColour), &glyphs, (columns, rows));
            let odd = buffer.content().iter().find(|cell| ascii && !cell.symbol().is_ascii());
            prop_assert!(odd.is_none(), "{odd:?}");
            for y in 0..rows {
                for x in [0, columns / 3, columns / 2, columns - 1] {
                    hit(state, x, y);
                }
            }
            demo::press(state, "esc esc esc");
            Ok(())
        })?;
    }
}
