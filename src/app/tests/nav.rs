use super::*;
use crate::app::msg::Click;
use crate::app::{Overlay, Screen, Target};
use crate::fleet::Purchase;

#[test]
fn the_cursor_moves_within_its_rows() {
    let mut state = screen(5);
    press(&mut state, "2");
    assert_eq!(state.screen, Screen::Machines);
    let all = names(&state, Pane::Machines);
    assert_eq!(all.len(), 9);
    assert_eq!(cursor(&state).as_ref(), all.first());
    press(&mut state, "j j");
    assert_eq!(cursor(&state).as_ref(), all.get(2));
    press(&mut state, "k k k k");
    assert_eq!(cursor(&state).as_ref(), all.first());
    press(&mut state, "G");
    assert_eq!(cursor(&state).as_ref(), all.last());
    assert!(
        !update(&mut state, Msg::Key("j".parse().unwrap())).changed,
        "there is nothing below"
    );
    state.fit([(Pane::Machines, 4)]);
    press(&mut state, "g pgdn");
    assert_eq!(state.tables[&Pane::Machines].position(), Some(4));
    assert_eq!(state.tables[&Pane::Machines].offset, 1);
}

#[test]
fn the_cursor_stays_on_its_machine_while_others_come_and_go() {
    let mut state = screen(4);
    press(&mut state, "2 j j");
    let on = cursor(&state);
    let new = example::instance(3, "servers", Purchase::OnDemand);
    observe(&mut state, 1, vec![Observation::Instance(Box::new(new))]);
    assert_eq!(cursor(&state), on);
    let before = names(&state, Pane::Machines);
    let at = state.tables[&Pane::Machines].position().unwrap();
    let gone = state.row().unwrap().clone();
    let RowId::Machine(crate::fleet::MachineId::Instance(id)) = gone else {
        panic!("{gone:?}")
    };
    let node = crate::fleet::NodeKey::new(&crate::fleet::ContextId::new("prod-admin"), on.unwrap());
    observe(
        &mut state,
        1,
        vec![Observation::InstanceGone(id), Observation::NodeGone(node)],
    );
    assert_eq!(cursor(&state), before.get(at + 1).cloned(), "the neighbour");
}

#[test]
fn cursors_wait_in_the_first_row_until_the_operator_is_there() {
    let mut state = State::new(Fleet::default(), example::now());
    project(&mut state);
    let mut all = example::observations(5);
    all.reverse();
    for observation in all {
        observe(&mut state, 1, vec![observation]);
    }
    assert_eq!(state.tables[&Pane::FleetMachines].position(), Some(0));
    press(&mut state, "tab tab");
    let on = cursor(&state);
    let first = example::instance(0, "servers", Purchase::OnDemand);
    observe(&mut state, 1, vec![Observation::Instance(Box::new(first))]);
    assert_eq!(cursor(&state), on);
    assert_eq!(state.tables[&Pane::FleetMachines].position(), Some(1));
}

#[test]
fn enter_drills_down_and_esc_comes_back() {
    let mut state = screen(3);
    assert_eq!(state.focused(), Pane::FleetClusters);
    press(&mut state, "enter");
    assert_eq!(state.cluster.as_ref().unwrap().name, "prod");
    assert_eq!(state.focused(), Pane::FleetMachines);
    press(&mut state, "esc");
    assert_eq!((state.cluster.clone(), state.focused()), (None, Pane::FleetClusters));
    press(&mut state, "3 j j");
    assert_eq!(cursor(&state).as_deref(), Some("workers"));
    press(&mut state, "enter");
    assert_eq!(state.screen, Screen::Machines);
    assert_eq!(state.tables[&Pane::Machines].line.value(), "pool=workers");
    assert_eq!(
        names(&state, Pane::Machines),
        ["workers-10", "workers-11", "workers-12"]
    );
    press(&mut state, "enter");
    assert!(matches!(state.overlays.last(), Some(Overlay::Describe { .. })));
    press(&mut state, "esc");
    assert!(state.overlays.is_empty());
    press(&mut state, "[");
    assert_eq!((state.screen, state.cluster.clone()), (Screen::Pools, None));
    press(&mut state, "]");
    assert_eq!(
        names(&state, Pane::Machines),
        ["workers-10", "workers-11", "workers-12"]
    );
}

#[test]
fn esc_goes_back_one_step_at_a_time_and_never_quits() {
    let mut state = screen(3);
    press(&mut state, "tab tab / w enter space z d");
    assert_eq!(state.focused(), Pane::FleetMachines);
    press(&mut state, "esc");
    assert!(state.overlays.is_empty());
    let table = |s: &State| s.tables[&Pane::FleetMachines].clone();
    assert!(!table(&state).query.is_empty() && !table(&state).marks.is_empty() && state.zoomed);
    press(&mut state, "esc");
    assert!(table(&state).query.is_empty() && !table(&state).marks.is_empty());
    press(&mut state, "q");
    assert!(table(&state).marks.is_empty() && state.zoomed);
    press(&mut state, "esc");
    assert!(!state.zoomed);
    for _ in 0..5 {
        assert_eq!(press(&mut state, "esc q"), []);
    }
    assert_eq!(press(&mut state, "ctrl-c"), [Effect::Quit]);
}

#[test]
fn panes_take_turns_and_screens_keep_their_focus() {
    let mut state = screen(2);
    press(&mut state, "shift-tab");
    assert_eq!(state.focused(), Pane::FleetActivity);
    press(&mut state, "tab tab");
    assert_eq!(state.focused(), Pane::FleetPools);
    press(&mut state, "4 tab");
    assert_eq!(state.focused(), Pane::PriceChart);
    press(&mut state, "1");
    assert_eq!(state.focused(), Pane::FleetPools);
    press(&mut state, "4");
    assert_eq!(state.focused(), Pane::PriceChart);
}

#[test]
fn the_mouse_does_what_keys_do() {
    let mut state = screen(3);
    let mut mouse = |target: Target, click: Click| {
        let effects = update(&mut state, Msg::Mouse(target, click)).effects;
        project(&mut state);
        (state.clone_for_test(), effects)
    };
    let (s, _) = mouse(Target::Row(Pane::FleetMachines, 2), Click::Left);
    assert_eq!((s.0, s.1), (Pane::FleetMachines, Some(2)));
    let (s, _) = mouse(Target::Row(Pane::FleetMachines, 4_000), Click::Double);
    assert_eq!(s.1, Some(2), "there is no such row");
    mouse(Target::Heading(Pane::FleetMachines, "price"), Click::Left);
    mouse(Target::Row(Pane::FleetMachines, 1), Click::Right);
    let (s, _) = mouse(Target::Outside, Click::Left);
    assert_eq!(s.2, 0, "a click beside the menu closes it");
    mouse(Target::Row(Pane::FleetMachines, 1), Click::Double);
    let (s, _) = mouse(Target::Pane(Pane::FleetPools), Click::WheelDown);
    assert_eq!(s.2, 1, "the description stays");
    mouse(Target::Outside, Click::Left);
    mouse(Target::Tab(Screen::Findings), Click::Left);
    mouse(Target::Freshness, Click::Left);
    assert_eq!(state.screen, Screen::Findings);
    assert!(matches!(state.overlays.last(), Some(Overlay::Feeds { .. })));
    assert_eq!(state.tables[&Pane::FleetMachines].sort, Some(("price", true)));
}

impl State {
    /// Focus, cursor's place and number of overlays.
    fn clone_for_test(&self) -> (Pane, Option<usize>, usize) {
        let pane = self.focused();
        (
            pane,
            self.tables.get(&pane).and_then(|t| t.position()),
            self.overlays.len(),
        )
    }
}

#[test]
fn a_finding_leads_to_its_subject_past_filters() {
    let mut state = screen(3);
    press(&mut state, "2 / n o p e enter 1");
    assert!(names_or_none(&state).is_empty());
    let row = RowId::Machine(crate::fleet::MachineId::Instance(crate::fleet::InstanceId::new(
        "i-0000000000000000b",
    )));
    let mut turn = state;
    press(&mut turn, ": w o r k e r s - 1 1 enter");
    assert_eq!(turn.screen, Screen::Machines);
    assert_eq!(turn.row(), Some(&row));
    assert!(
        turn.tables[&Pane::Machines].query.is_empty(),
        "the filter that hid it is gone"
    );
}

fn names_or_none(state: &State) -> Vec<String> {
    names(state, Pane::Machines)
}
