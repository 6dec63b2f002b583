use super::*;
use crate::app::help::hints;
use crate::app::key_table::Place;
use crate::app::overlay::{Choice, PaletteMatch};
use crate::app::{Overlay, Screen};

fn palette(state: &State) -> &[PaletteMatch] {
    match state.overlays.last() {
        Some(Overlay::Palette { matches, .. }) => matches,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_action_is_in_the_palette_and_short_names_work() {
    let mut state = screen(2);
    press(&mut state, ":");
    let offered: Vec<_> = palette(&state).iter().map(|m| m.choice.clone()).collect();
    for action in Action::ALL {
        assert!(offered.contains(&Choice::Do(action)), "{action:?}");
    }
    for (typed, action) in [
        ("q", Action::Quit),
        ("no", Action::ShowMachines),
        ("po", Action::ShowPools),
        ("ctx", Action::ShowFleet),
        ("describe", Action::Describe),
        ("cordon", Action::Cordon),
    ] {
        press(&mut state, "ctrl-u");
        type_in(&mut state, typed);
        assert_eq!(palette(&state)[0].choice, Choice::Do(action), "{typed}");
        let same = palette(&state)
            .iter()
            .filter(|m| m.choice == Choice::Do(action))
            .count();
        assert_eq!(same, 1);
    }
    press(&mut state, "ctrl-u");
    type_in(&mut state, "q");
    assert_eq!(press(&mut state, "enter"), [Effect::Quit]);
    assert!(state.overlays.is_empty());
}

#[test]
fn what_a_name_matches_stands_before_what_an_explanation_matches() {
    let mut state = screen(3);
    state.themes = (vec!["dark".to_owned()], "dark".to_owned());
    press(&mut state, ":");
    type_in(&mut state, "the");
    assert_eq!(palette(&state)[0].choice, Choice::Do(Action::Themes));
    assert_eq!(palette(&state)[1].choice, Choice::Theme("dark".to_owned()));
}

#[test]
fn the_palette_finds_machines_clusters_and_themes() {
    let mut state = screen(3);
    press(&mut state, ":");
    type_in(&mut state, "wrk11");
    let found = &palette(&state)[0];
    assert!(found.label.starts_with("workers-11  i-"), "{}", found.label);
    assert_eq!(found.places, [0, 2, 3, 8, 9]);
    press(&mut state, "ctrl-u");
    type_in(&mut state, "i-0000000000000000c");
    assert!(palette(&state)[0].label.starts_with("workers-12"), "by its id too");
    press(&mut state, "ctrl-u");
    type_in(&mut state, "theme light");
    assert_eq!(press(&mut state, "enter"), [Effect::Theme("light".into())]);
    press(&mut state, ": p r o d enter");
    assert_eq!(state.cluster.as_ref().unwrap().name, "prod");
    press(&mut state, ":");
    type_in(&mut state, "zzzqqq");
    assert!(palette(&state).is_empty());
    assert_eq!(press(&mut state, "enter"), []);
}

#[test]
fn the_menu_offers_what_fits_the_row_and_does_it() {
    let mut state = screen(2);
    press(&mut state, "2 m");
    let Some(Overlay::Menu { items, about, .. }) = state.overlays.last() else {
        panic!("no menu")
    };
    assert!(about.is_some());
    assert_eq!(items.first(), Some(&Action::Open));
    assert!(items.contains(&Action::Drain) && items.contains(&Action::Describe) && !items.contains(&Action::Scale));
    let at = items.iter().position(|a| *a == Action::Source).unwrap();
    for _ in 0..at {
        press(&mut state, "down");
    }
    press(&mut state, "enter");
    assert!(matches!(
        state.overlays.as_slice(),
        [Overlay::Source { json: false, .. }]
    ));
}

#[test]
fn a_row_is_shown_as_text_and_as_source() {
    let mut state = screen(2);
    press(&mut state, "2 d");
    assert!(matches!(
        state.overlays.last(),
        Some(Overlay::Describe { scroll: 0, .. })
    ));
    press(&mut state, "j j");
    assert!(matches!(
        state.overlays.last(),
        Some(Overlay::Describe { scroll: 2, .. })
    ));
    press(&mut state, "y y");
    let Some(Overlay::Source { about, json: true, .. }) = state.overlays.last() else {
        panic!("no source")
    };
    let json = crate::app::source::text(&state.view(), about, true).unwrap();
    let yaml = crate::app::source::text(&state.view(), about, false).unwrap();
    assert!(json.contains("\"price_per_hour\": null"));
    assert!(
        yaml.contains("price_per_hour: null") && yaml.starts_with("id: i-"),
        "{yaml}"
    );
    assert_eq!(press(&mut state, "Y"), [Effect::Copy(json)]);
    press(&mut state, "d");
    assert!(matches!(state.overlays.as_slice(), [Overlay::Describe { .. }]));
    press(&mut state, "esc");
    assert!(state.overlays.is_empty());
}

#[test]
fn columns_are_chosen_and_moved() {
    let mut state = screen(2);
    let shown = |s: &State| {
        let table = &s.tables[&Pane::Pools];
        table
            .shown_columns(crate::fleet::TableKind::Pools)
            .iter()
            .map(|c| c.name)
            .collect::<Vec<_>>()
    };
    press(&mut state, "3");
    let usual = shown(&state);
    press(&mut state, "t space");
    assert_eq!(shown(&state), usual, "the first column stays");
    press(&mut state, "down space down J");
    assert_eq!(&shown(&state)[..3], ["name", "kind", "role"]);
    press(&mut state, "K K esc");
    assert_eq!(&shown(&state)[..2], ["name", "role"]);
    assert_eq!(
        state.tables[&Pane::FleetPools].columns,
        state.tables[&Pane::Pools].columns
    );
    press(&mut state, "w");
    assert_eq!(shown(&state).len(), crate::fleet::TableKind::Pools.columns().len());
    press(&mut state, "w");
    assert_eq!(&shown(&state)[..2], ["name", "role"]);
}

#[test]
fn themes_are_tried_on_and_taken_off() {
    let mut state = screen(2);
    assert_eq!(press(&mut state, "ctrl-t down"), [Effect::Theme("light".into())]);
    assert_eq!(press(&mut state, "esc"), [Effect::Theme("dark".into())]);
    press(&mut state, "ctrl-t down");
    assert_eq!(press(&mut state, "enter"), [], "it stays on");
    assert_eq!(press(&mut state, "ctrl-t esc"), []);
}

#[test]
fn marks_are_rows_and_survive_changes() {
    let mut state = screen(4);
    press(&mut state, "2 space j ctrl-space");
    assert_eq!(state.tables[&Pane::Machines].marks.len(), 3);
    let marked = state.tables[&Pane::Machines].marks.clone();
    observe(&mut state, 1, example::observations(4));
    assert_eq!(state.tables[&Pane::Machines].marks, marked, "a resync changes nothing");
    let Effect::Copy(ids) = press(&mut state, "Y").remove(0) else {
        panic!("no copy")
    };
    assert_eq!(ids.lines().count(), 3);
    press(&mut state, "ctrl-\\");
    assert!(state.tables[&Pane::Machines].marks.is_empty());
}

#[test]
fn hints_fit_where_the_operator_is() {
    let mut state = screen(2);
    for pane in Pane::ALL {
        state.screen = pane.screen();
        state.focus.insert(pane.screen(), pane);
        for hint in hints(&state) {
            assert!(hint.action.info().place.holds(pane), "{pane:?}: {hint:?}");
            assert_eq!(state.keys.in_pane(hint.key, pane), Some(hint.action), "{pane:?}");
        }
        // What can be done with an operation depends on how it stands.
        let of_operation = matches!(pane, Pane::Operations | Pane::Steps);
        if !of_operation
            && Action::ALL
                .iter()
                .any(|a| matches!(a.info().place, Place::Panes(p) if p.contains(&pane)))
        {
            assert!(
                hints(&state)
                    .iter()
                    .any(|h| matches!(h.action.info().place, Place::Panes(_)))
            );
        }
    }
    state.screen = Screen::Machines;
    press(&mut state, "d");
    assert!(hints(&state).iter().any(|h| h.action == Action::Source));
}

#[test]
fn tables_are_saved_as_they_are_shown() {
    let mut state = screen(2);
    press(&mut state, "3 t down space esc");
    let Effect::Save { name, text } = press(&mut state, "ctrl-s").remove(0) else {
        panic!("nothing saved")
    };
    assert_eq!(name, "k3fleet-pools-20261122T120000Z.csv");
    let mut lines = text.lines();
    assert!(lines.next().unwrap().starts_with("name,role,kind,ready,"), "{text}");
    assert!(text.ends_with(",\"eu-west-1b,eu-west-1c\"\r\n"), "{text}");
    assert!(text.contains("\r\nworkers,agent,asg,1/2,2,1,8,1,0.062,"), "{text}");
}
