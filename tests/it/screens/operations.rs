//! What is seen of operations: the form, the plan, the refusal, the lock of another, and how they run.

use jiff::{SignedDuration, Timestamp};
use k3fleet::app::planning::PlanOption;
use k3fleet::app::{Action, Effect, Msg, Overlay, Pane, State, Target, update};
use k3fleet::fleet::{Fleet, Observation, RowId};
use k3fleet::ops::{Event, OperationId, Outcome, Plan, Progress, StepId, What};
use k3fleet::tui::hit;

use super::demo::{press, settle, write};
use super::{SIZES, demo, plainly, shown};

/// Puts the cursor on the first row whose name or id ends so.
fn on(state: &mut State, screen: &str, end: &str) {
    press(state, &format!("{screen} g"));
    let kind = state.focused().table().expect("a table");
    for _ in 0..60 {
        let id = state.row().expect("a row");
        let row = kind.row(&state.view(), id).expect("it is there");
        let by_id = matches!(id, RowId::Machine(id) if id.to_string().ends_with(end));
        if by_id || row.values[0].text().ends_with(end) {
            return;
        }
        press(state, "j");
    }
    panic!("no row ends with {end}");
}

/// Runs what is asked for by these keys; gives its plan.
fn plan(state: &mut State, keys: &str) -> Plan {
    press(state, keys);
    let effects = update(state, Msg::Do(Action::Open)).effects;
    match effects.into_iter().next() {
        Some(Effect::Run { plan, .. }) => *plan,
        other => panic!("{other:?}"),
    }
}

fn id(text: &str) -> OperationId {
    OperationId::parse(text).expect("an id")
}

/// What happens to an operation, each so many seconds after it began.
fn happen(state: &mut State, operation: &OperationId, began: Timestamp, events: Vec<(i64, What)>) {
    for (after, what) in events {
        let at = began + SignedDuration::from_secs(after);
        update(state, Msg::Clock(at));
        update(state, Msg::Operation(operation.clone(), Event { at, what }));
    }
}

fn began(plan: &Plan) -> What {
    What::Began {
        plan: Box::new(plan.clone()),
        by: "ana@desk".into(),
    }
}

fn step(stage: usize, step: usize) -> StepId {
    StepId { stage, step }
}

fn done(at: StepId, line: &str) -> What {
    What::StepDone {
        step: at,
        line: line.to_owned(),
    }
}

/// A state that has seen three operations: one that runs, one that failed, one that is done.
fn at_work() -> State {
    let mut state = demo();
    let start = state.now;
    on(&mut state, "2", "30374");
    let cordon = plan(&mut state, "c");
    let first = id("cordon-20261122T120140-0001");
    happen(
        &mut state,
        &first,
        start,
        vec![
            (0, began(&cordon)),
            (0, What::StepBegan { step: step(0, 0) }),
            (1, done(step(0, 0), "")),
            (1, What::Ended { outcome: Outcome::Done }),
        ],
    );
    on(&mut state, "2", "01af9");
    let drain = plan(&mut state, "r");
    let second = id("drain-20261122T120150-0002");
    let error = "17 pods still stand after 10 min: default/web-0 (budget web allows no disruption) and 16 more; mend what \
                 holds them back and resume, or delete them with --force";
    happen(
        &mut state,
        &second,
        start,
        vec![
            (5, began(&drain)),
            (5, What::StepBegan { step: step(0, 0) }),
            (6, done(step(0, 0), "")),
            (6, What::StepBegan { step: step(1, 0) }),
            (
                40,
                What::StepFailed {
                    step: step(1, 0),
                    error: error.to_owned(),
                },
            ),
            (
                40,
                What::Ended {
                    outcome: Outcome::Failed,
                },
            ),
        ],
    );
    on(&mut state, "3", "k3s_workers");
    press(&mut state, "s 5 w");
    let scale = plan(&mut state, "enter");
    let third = id("scale-20261122T120230-0003");
    let said = What::StepSaid {
        step: step(2, 0),
        line: "3 of 8 pods gone; kube-system/coredns-7c4f waits".to_owned(),
    };
    happen(
        &mut state,
        &third,
        start,
        vec![
            (50, began(&scale)),
            (50, What::StepBegan { step: step(0, 0) }),
            (51, done(step(0, 0), "")),
            (51, What::StepBegan { step: step(1, 0) }),
            (52, done(step(1, 0), "")),
            (52, What::StepBegan { step: step(2, 0) }),
            (52, What::StepBegan { step: step(2, 1) }),
            (60, said),
            (72, done(step(2, 1), "4 pods evicted")),
        ],
    );
    let now = start + SignedDuration::from_secs(85);
    update(&mut state, Msg::Clock(now));
    state
}

#[test]
fn plans() {
    let mut state = demo();
    on(&mut state, "2", "30374");
    press(&mut state, "r");
    insta::assert_snapshot!("plan_drain", shown(&mut state));
    press(&mut state, "f b");
    let mut text = plainly(&mut state, "with options", &SIZES);
    press(&mut state, "esc x");
    text.push_str(&plainly(&mut state, "replace", &SIZES));
    press(&mut state, "j j j j j j");
    text.push_str(&plainly(&mut state, "replace, scrolled", &[(80, 24)]));
    press(&mut state, "esc ctrl-d");
    text.push_str(&plainly(&mut state, "remove", &SIZES));
    press(&mut state, "esc u");
    text.push_str(&plainly(&mut state, "nothing to do", &[(80, 24)]));
    state.read_only = true;
    press(&mut state, "esc c");
    text.push_str(&plainly(&mut state, "read-only", &[(80, 24)]));
    insta::assert_snapshot!("plans", text);
}

#[test]
fn a_plan_that_wants_a_word() {
    let mut state = demo();
    on(&mut state, "2", "30374");
    press(&mut state, "ctrl-d");
    let Some(Overlay::Plan(planning)) = state.overlays.last_mut() else {
        panic!("no plan")
    };
    planning.outcome.as_mut().expect("a plan").confirm = Some("prod".to_owned());
    write(&mut state, "pro");
    insta::assert_snapshot!("plan_word", plainly(&mut state, "a word", &SIZES));
}

#[test]
fn a_plan_of_many_machines_scrolls() {
    let mut state = demo();
    press(&mut state, "2 /");
    write(&mut state, "k3s_workers !pending");
    press(&mut state, "enter g space G ctrl-space r");
    let mut text = plainly(&mut state, "many", &SIZES);
    press(&mut state, "G");
    text.push_str(&plainly(&mut state, "many, at the end", &[(80, 24)]));
    insta::assert_snapshot!("plan_many", text);
}

#[test]
fn a_price_that_is_not_known_is_no_price() {
    let (fleet, now) = demo::fleet(&[0]);
    let mut unpriced = Fleet::default();
    for machine in fleet.all_machines() {
        if let Some(instance) = machine.instance() {
            unpriced.apply(Observation::Instance(Box::new(instance.clone())), now);
        }
        if let Some(node) = machine.node() {
            unpriced.apply(Observation::Node(Box::new(node.clone())), now);
        }
    }
    let mut state = demo::state(unpriced, now);
    on(&mut state, "2", "30374");
    press(&mut state, "ctrl-d");
    let text = plainly(&mut state, "no prices", &[(120, 40)]);
    assert!(text.contains("machines unknown"), "{text}");
    assert!(!text.contains("$0"), "nothing is made up: {text}");
}

#[test]
fn refusals() {
    let mut state = demo();
    on(&mut state, "2", "edge-lab-server");
    press(&mut state, "ctrl-d");
    let mut text = plainly(&mut state, "the last server", &SIZES);
    on(&mut state, "esc 3", "k3s_workers");
    press(&mut state, "s 9 9 enter");
    text.push_str(&plainly(&mut state, "bounds", &[(80, 24)]));
    insta::assert_snapshot!("refusals", text);
}

#[test]
fn the_scale_form() {
    let mut state = demo();
    on(&mut state, "3", "k3s_workers");
    press(&mut state, "s");
    insta::assert_snapshot!("scale", shown(&mut state));
    press(&mut state, "9 9");
    let mut text = plainly(&mut state, "out of bounds", &SIZES);
    press(&mut state, "w");
    text.push_str(&plainly(&mut state, "bounds widened", &[(80, 24)]));
    press(&mut state, "ctrl-u w up up");
    text.push_str(&plainly(&mut state, "two more", &[(80, 24)]));
    press(&mut state, "enter");
    text.push_str(&plainly(&mut state, "the plan of two more", &SIZES));
    press(&mut state, "esc ctrl-u 2 w enter v");
    text.push_str(&plainly(&mut state, "the plan of fewer", &SIZES));
    insta::assert_snapshot!("scale_told", text);
}

#[test]
fn findings_are_mended_with_one_key() {
    let mut state = demo();
    press(&mut state, "7 g x");
    insta::assert_snapshot!("plan_mend", plainly(&mut state, "mend", &SIZES));
}

#[test]
fn another_operator_holds_the_lock() {
    let mut state = demo();
    on(&mut state, "2", "30374");
    let drain = plan(&mut state, "r");
    let why = "prod is being changed by ben@lab (scale-20261122T115900-00af) since 2026-11-22 11:59:00 UTC; wait for it, or \
               take the lock over with --take-over once you know that it is dead";
    update(&mut state, Msg::Locked(Box::new(drain), why.to_owned()));
    write(&mut state, "pr");
    insta::assert_snapshot!("locked", shown(&mut state));
}

#[test]
fn operations_are_watched() {
    let mut state = at_work();
    insta::assert_snapshot!("operations_running", shown(&mut state));
    let mut text = plainly(&mut state, "running", &[(200, 60)]);
    press(&mut state, "j");
    text.push_str(&plainly(&mut state, "failed", &SIZES));
    press(&mut state, "ctrl-d");
    text.push_str(&plainly(&mut state, "given up?", &[(80, 24)]));
    press(&mut state, "esc m");
    text.push_str(&plainly(&mut state, "the menu", &[(80, 24)]));
    press(&mut state, "esc tab z");
    text.push_str(&plainly(&mut state, "zoomed", &[(80, 24)]));
    press(&mut state, "esc 2");
    text.push_str(&plainly(&mut state, "from another screen", &SIZES));
    insta::assert_snapshot!("operations_watched", text);
}

#[test]
fn unfinished_operations_are_offered_at_the_start() {
    let mut before = demo();
    on(&mut before, "2", "30374");
    let drain = plan(&mut before, "r");
    let at = before.now - SignedDuration::from_mins(70);
    let mut progress = Progress::begin(
        id("drain-20261122T105140-0009"),
        &Event {
            at,
            what: began(&drain),
        },
    )
    .expect("begun");
    progress.take(&Event {
        at: at + SignedDuration::from_secs(3),
        what: What::StepBegan { step: step(0, 0) },
    });
    let mut state = demo();
    update(&mut state, Msg::Journals(vec![progress]));
    let mut text = plainly(&mut state, "at the start", &SIZES);
    press(&mut state, "6");
    text.push_str(&plainly(&mut state, "the operation", &SIZES));
    insta::assert_snapshot!("operations_unfinished", text);
}

#[test]
fn what_can_be_done_is_hit_by_the_mouse() {
    let cells = |state: &State| {
        let (columns, rows) = state.size;
        let all = (0..rows).flat_map(move |y| (0..columns).map(move |x| (x, y)));
        all.filter_map(|(x, y)| hit(state, x, y)).collect::<Vec<_>>()
    };
    let mut state = demo();
    settle(&mut state, (80, 24));
    on(&mut state, "2", "30374");
    press(&mut state, "r");
    let targets = cells(&state);
    for target in [
        Target::Option(PlanOption::Force),
        Target::Option(PlanOption::EmptyDir),
        Target::Hint(Action::Open),
        Target::Hint(Action::Back),
    ] {
        assert!(targets.contains(&target), "{target:?}");
    }
    let mut state = at_work();
    settle(&mut state, (80, 24));
    let targets = cells(&state);
    for at in 0..3 {
        assert!(targets.contains(&Target::Row(Pane::Operations, at)), "{at}");
    }
    assert!(!targets.contains(&Target::Row(Pane::Operations, 3)));
}
