use super::*;
use crate::app::Target;
use crate::app::msg::Click;

fn line(state: &State) -> &str {
    state.tables[&Pane::Machines].line.value()
}

#[test]
fn a_filter_works_as_it_is_typed() {
    let mut state = screen(3);
    press(&mut state, "2 /");
    assert_eq!(state.filtering, Some(Pane::Machines));
    type_in(&mut state, "buy:spot !12");
    assert_eq!(names(&state, Pane::Machines), ["workers-10", "workers-11"]);
    assert_eq!(state.tables[&Pane::Machines].shown.of, 7);
    press(&mut state, "ctrl-w backspace");
    assert_eq!(line(&state), "buy:spot ");
    assert_eq!(names(&state, Pane::Machines).len(), 3);
    press(&mut state, "enter");
    assert_eq!(state.filtering, None);
    press(&mut state, "/");
    type_in(&mut state, " colour:red price>cheap");
    assert_eq!(
        state.tables[&Pane::Machines].shown.inactive,
        ["colour:red", "price>cheap"]
    );
    press(&mut state, "esc");
    assert_eq!(
        (line(&state), state.filtering),
        ("buy:spot ", None),
        "esc drops what was typed"
    );
    press(&mut state, "esc");
    assert_eq!(line(&state), "");
    assert_eq!(names(&state, Pane::Machines).len(), 7);
}

#[test]
fn filters_kept_earlier_come_back() {
    let mut state = screen(3);
    press(&mut state, "2 / a r c h enter / ctrl-u s p o t enter / ctrl-u x up");
    assert_eq!(line(&state), "spot");
    press(&mut state, "up up up");
    assert_eq!(line(&state), "arch");
    press(&mut state, "down");
    assert_eq!(line(&state), "spot");
    press(&mut state, "down");
    assert_eq!(line(&state), "x", "what was typed is not lost");
    press(&mut state, "down");
    assert_eq!(line(&state), "x");
}

#[test]
fn a_click_takes_one_term_away() {
    let mut state = screen(3);
    press(&mut state, "2 /");
    update(&mut state, Msg::Paste("\"no such\" buy:spot\nage<2h".into()));
    press(&mut state, "enter");
    assert!(names(&state, Pane::Machines).is_empty());
    update(&mut state, Msg::Mouse(Target::Chip(Pane::Machines, 7), Click::Left));
    update(&mut state, Msg::Mouse(Target::Chip(Pane::Machines, 2), Click::Left));
    assert_eq!(line(&state), "\"no such\" buy:spot");
    update(&mut state, Msg::Mouse(Target::Chip(Pane::Machines, 0), Click::Left));
    project(&mut state);
    assert_eq!(line(&state), "buy:spot");
    assert_eq!(names(&state, Pane::Machines).len(), 3);
}

#[test]
fn letters_sort_and_the_order_turns_round() {
    let mut state = screen(3);
    let sort = |s: &State| s.tables[&Pane::Machines].sort;
    press(&mut state, "2 N");
    assert_eq!(sort(&state), Some(("name", false)));
    press(&mut state, "N");
    assert_eq!(sort(&state), Some(("name", true)));
    press(&mut state, "P");
    assert_eq!(sort(&state), Some(("pool", false)));
    press(&mut state, "P P");
    assert_eq!(sort(&state), Some(("pods", true)), "pool, price, pods");
    press(&mut state, "O");
    assert_eq!(sort(&state), Some(("pods", false)));
    press(&mut state, "shift-right");
    assert_eq!(sort(&state), Some(("age", true)), "the next column");
    press(&mut state, "S down enter");
    assert_ne!(sort(&state), Some(("age", true)));
    press(&mut state, "X");
    assert!(state.notice.is_some());
}

#[test]
fn faults_only_leaves_what_wants_looking_at() {
    let mut state = screen(3);
    press(&mut state, "2 f");
    assert_eq!(
        names(&state, Pane::Machines),
        ["workers-12", "pi-2"],
        "no node; no answer"
    );
    press(&mut state, "esc");
    assert_eq!(names(&state, Pane::Machines).len(), 7);
}

#[test]
fn prices_of_types_that_nobody_uses_are_asked_for() {
    let mut state = screen(3);
    press(&mut state, "4 /");
    type_in(&mut state, "type:c7g.xlarge m7g.large 0.5");
    let effects = press(&mut state, "enter");
    assert_eq!(
        effects,
        [Effect::WantPrices(vec![("eu-west-1".into(), "c7g.xlarge".into())])]
    );
}

#[test]
fn actions_after_a_filter_meet_the_row_that_is_left() {
    let mut state = screen(3);
    update(&mut state, Msg::Key("2".parse().unwrap()));
    for key in ["/", "p", "i", "-", "2", "enter"] {
        update(&mut state, Msg::Key(key.parse().unwrap()));
    }
    let effects = update(&mut state, Msg::Key("Y".parse().unwrap())).effects;
    assert_eq!(
        effects,
        [Effect::Copy("pi-2".into())],
        "though no frame was drawn in between"
    );
}
