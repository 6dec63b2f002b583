//! From a key to a plan, from the plan to an operation, and what is seen of it.

use super::*;
use crate::app::operations::{self, OperationState};
use crate::app::plan_lines::{self, PlanLine};
use crate::app::planning::{PlanOption, Planning};
use crate::app::tasks::{self, TaskState};
use crate::app::{Overlay, Screen, Target};
use crate::fleet::{PoolId, Severity};
use crate::ops::{Event, OperationId, Outcome, Plan, Progress, Request, StepId, VictimOrder, What};

fn planning(state: &State) -> &Planning {
    match state.overlays.last() {
        Some(Overlay::Plan(planning)) => planning,
        other => panic!("{other:?}"),
    }
}

fn notice(state: &State) -> &str {
    state.notice.as_ref().map_or("", |(_, text, _)| text)
}

/// Puts the cursor of the Machines screen on a machine.
fn on(state: &mut State, name: &str) {
    press(state, "2 g");
    while cursor(state).as_deref() != Some(name) {
        let before = cursor(state);
        press(state, "j");
        assert_ne!(
            cursor(state),
            before,
            "{name} is not there: {:?}",
            names(state, Pane::Machines)
        );
    }
}

fn plan_of(effects: Vec<Effect>) -> Plan {
    match effects.into_iter().next() {
        Some(Effect::Run { plan, take_over: false }) => *plan,
        other => panic!("{other:?}"),
    }
}

/// An operation that is run from here, with what has happened to it.
fn run(state: &mut State, id: &str, plan: Plan, events: Vec<What>) -> OperationId {
    let id = OperationId::parse(id).unwrap();
    let by = "ana@desk".into();
    let began = What::Began {
        plan: Box::new(plan),
        by,
    };
    for what in std::iter::once(began).chain(events) {
        let event = Event { at: state.now, what };
        update(state, Msg::Operation(id.clone(), event));
    }
    id
}

fn drain_plan(state: &mut State) -> Plan {
    on(state, "workers-10");
    plan_of(press(state, "r enter"))
}

#[test]
fn a_key_on_a_machine_shows_the_plan_and_enter_runs_it() {
    let mut state = screen(4);
    for (key, verb) in [("c", "cordon"), ("r", "drain"), ("x", "replace"), ("ctrl-d", "remove")] {
        on(&mut state, "workers-10");
        assert_eq!(press(&mut state, key), [], "nothing is done by the key alone");
        assert_eq!(planning(&state).request.verb(), verb);
        assert_eq!(
            plan_lines::title(planning(&state)),
            format!("Plan: {verb} workers-10 0000a")
        );
        press(&mut state, "esc");
        assert!(state.overlays.is_empty());
    }
    let plan = drain_plan(&mut state);
    assert_eq!(plan.title, "drain workers-10");
    assert!(state.overlays.is_empty());
    assert_eq!((state.screen, state.focused()), (Screen::Operations, Pane::Operations));
    press(&mut state, "esc");
    assert_eq!(state.screen, Screen::Machines, "and back");
}

#[test]
fn marked_machines_go_together_and_marks_end_with_the_run() {
    let mut state = screen(5);
    on(&mut state, "workers-10");
    press(&mut state, "space space c");
    let Request::Cordon { machines } = &planning(&state).request else {
        panic!("no cordon")
    };
    assert_eq!(machines.len(), 2);
    assert_eq!(plan_of(press(&mut state, "y")).title, "cordon 2 machines");
    assert!(state.tables[&Pane::Machines].marks.is_empty());
}

#[test]
fn options_are_turned_in_the_plan_and_it_is_made_anew() {
    let mut state = screen(4);
    on(&mut state, "workers-10");
    press(&mut state, "r");
    let shown = planning(&state).options();
    assert_eq!(
        shown,
        [
            PlanOption::Force,
            PlanOption::Timeout,
            PlanOption::BarePods,
            PlanOption::EmptyDir
        ]
    );
    let warnings = |s: &State| planning(s).outcome.as_ref().unwrap().warnings.len();
    let before = warnings(&state);
    press(&mut state, "f b");
    assert_eq!(warnings(&state), before + 2);
    update(
        &mut state,
        Msg::Mouse(Target::Option(PlanOption::EmptyDir), crate::app::msg::Click::Left),
    );
    assert_eq!(warnings(&state), before + 3);
    let Request::Drain { drain, .. } = plan_of(press(&mut state, "enter")).request else {
        panic!("no drain")
    };
    assert!(drain.force && drain.bare_pods && drain.empty_dir_data);
}

#[test]
fn what_is_refused_says_why_and_does_not_run() {
    let mut state = screen(3);
    press(&mut state, "2 g");
    on(&mut state, "servers-1");
    press(&mut state, "space");
    on(&mut state, "servers-2");
    press(&mut state, "space ctrl-d");
    assert_eq!(planning(&state).outcome.as_ref().unwrap_err().guard, "last-server");
    let lines = plan_lines::lines(&state, planning(&state));
    assert!(
        matches!(
            &lines[0],
            PlanLine::Refused {
                guard: "last-server",
                ..
            }
        ),
        "{lines:?}"
    );
    assert_eq!(press(&mut state, "enter y enter"), []);
    assert!(notice(&state).starts_with("refused: "), "{}", notice(&state));
}

#[test]
fn read_only_shows_the_plan_and_runs_nothing() {
    let mut state = screen(4);
    state.read_only = true;
    on(&mut state, "workers-10");
    press(&mut state, "r");
    assert!(planning(&state).outcome.is_ok());
    assert_eq!(press(&mut state, "enter y"), []);
    assert!(notice(&state).contains("--read-only"));
    assert!(matches!(state.overlays.as_slice(), [Overlay::Plan(_)]));
}

#[test]
fn a_plan_that_the_fleet_has_overtaken_is_shown_anew_first() {
    let mut state = screen(4);
    on(&mut state, "workers-10");
    press(&mut state, "r");
    let of = example::instance(10, "workers", crate::fleet::Purchase::Spot);
    let mut node = example::node(&of);
    node.schedulable = false;
    observe(&mut state, 1, vec![Observation::Node(Box::new(node))]);
    assert_eq!(press(&mut state, "enter"), []);
    assert!(notice(&state).contains("changed meanwhile"), "{}", notice(&state));
    assert_eq!(plan_of(press(&mut state, "enter")).stages.len(), 1, "no need to cordon");
}

#[test]
fn a_plan_that_wants_a_word_runs_once_it_is_typed() {
    let mut state = screen(4);
    on(&mut state, "workers-10");
    press(&mut state, "r");
    let Some(Overlay::Plan(planning)) = state.overlays.last_mut() else {
        panic!("no plan")
    };
    planning.outcome.as_mut().unwrap().confirm = Some("prod".to_owned());
    type_in(&mut state, "pro");
    assert_eq!(
        self::planning(&state).held_back(false).as_deref(),
        Some("type prod to confirm it")
    );
    type_in(&mut state, "d");
    assert_eq!(self::planning(&state).held_back(false), None);
    assert!(self::planning(&state).held_back(true).is_some());
}

#[test]
fn scaling_asks_for_a_number_and_tells_what_would_be_wrong() {
    let mut state = screen(3);
    press(&mut state, "3");
    let row = |s: &State| cursor(s).unwrap();
    while row(&state) != "workers" {
        press(&mut state, "j");
    }
    press(&mut state, "s");
    let form = |s: &State| match s.overlays.last() {
        Some(Overlay::Scale(form)) => (**form).clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(form(&state).outcome, None);
    press(&mut state, "enter");
    assert!(notice(&state).starts_with("type how many"));
    press(&mut state, "9");
    assert_eq!(form(&state).outcome.unwrap().unwrap_err().guard, "pool-bounds");
    press(&mut state, "w");
    assert!(form(&state).outcome.unwrap().is_ok());
    press(&mut state, "x z w backspace up up");
    assert_eq!(form(&state).line.value(), "5", "from the 3 that it wants");
    assert!(form(&state).outcome.unwrap().is_ok());
    press(&mut state, "ctrl-u");
    type_in(&mut state, "99999999999");
    assert_eq!(form(&state).outcome.unwrap().unwrap_err().guard, "number");
    press(&mut state, "ctrl-u 5 enter");
    assert_eq!(
        plan_lines::title(planning(&state)),
        "Plan: scale prod-workers from 3 to 5"
    );
    assert_eq!(planning(&state).options(), [], "nothing is drained");
    press(&mut state, "esc");
    assert!(
        matches!(state.overlays.as_slice(), [Overlay::Scale(_)]),
        "back in the form"
    );
    press(&mut state, "ctrl-u 1 enter v");
    let Request::Scale { pool, to: 1, order, .. } = plan_of(press(&mut state, "enter")).request else {
        panic!("no scale")
    };
    assert_eq!(pool, PoolId::Asg(example::scope(), "prod-workers".into()));
    assert_eq!(order[0], VictimOrder::MostExpensive);
    assert!(state.overlays.is_empty(), "the form goes too");
}

#[test]
fn a_pool_is_refused_in_its_plan_until_its_bounds_may_be_widened() {
    let mut state = screen(3);
    press(&mut state, "3");
    while cursor(&state).unwrap() != "workers" {
        press(&mut state, "j");
    }
    press(&mut state, "s 9 enter");
    assert_eq!(planning(&state).options(), [PlanOption::Raise]);
    press(&mut state, "w");
    assert_eq!(planning(&state).outcome.as_ref().unwrap().stages[0].title, "bounds");
    press(&mut state, "w");
    assert!(planning(&state).outcome.is_err(), "and back");
}

#[test]
fn findings_are_mended_with_one_key() {
    let mut state = screen(3);
    // The node of a machine that is gone.
    let of = example::instance(10, "workers", crate::fleet::Purchase::Spot);
    observe(&mut state, 0, vec![Observation::InstanceGone(of.id)]);
    observe(
        &mut state,
        20,
        vec![example::synced(
            crate::fleet::FeedKind::Instances,
            crate::fleet::Source::Aws(example::scope()),
        )],
    );
    press(&mut state, "7");
    let rule = |s: &State| match s.row() {
        Some(crate::fleet::RowId::Finding(rule, _)) => *rule,
        _ => "",
    };
    press(&mut state, "g");
    for _ in 0..20 {
        if rule(&state) == "ghost-node" {
            break;
        }
        press(&mut state, "j");
    }
    assert_eq!(rule(&state), "ghost-node");
    press(&mut state, "x");
    assert_eq!(plan_lines::title(planning(&state)), "Plan: remove workers-10");
    press(&mut state, "esc G");
    assert_ne!(rule(&state), "ghost-node");
    press(&mut state, "x");
    assert!(state.overlays.is_empty());
    assert!(notice(&state).starts_with("no one key mends"), "{}", notice(&state));
}

#[test]
fn actions_without_anything_to_act_on_say_so() {
    let mut state = State::new(Fleet::default(), example::now());
    project(&mut state);
    for (keys, text) in [
        ("2 r", "there is no machine under the cursor"),
        ("3 s", "there is no pool under the cursor"),
        ("7 x", "there is no finding under the cursor"),
        ("6 s", "no operation has been run yet"),
        ("6 r", "no operation has been run yet"),
        ("6 ctrl-d", "no operation has been run yet"),
    ] {
        assert_eq!(press(&mut state, keys), []);
        assert_eq!(notice(&state), text);
        assert!(state.overlays.is_empty());
    }
    press(&mut state, "1 ctrl-d");
    assert_eq!(notice(&state), "there is no cluster under the cursor");
}

#[test]
fn what_happens_to_an_operation_is_seen_step_by_step() {
    let mut state = screen(4);
    let plan = drain_plan(&mut state);
    let step = StepId { stage: 0, step: 0 };
    let id = run(&mut state, "drain-1", plan, vec![What::StepBegan { step }]);
    let stands = |s: &State| operations::state_of(s, operations::chosen(s).unwrap());
    assert_eq!(stands(&state), OperationState::Running);
    state.now += SignedDuration::from_secs(7);
    let lines = tasks::lines(&state, operations::chosen(&state).unwrap());
    assert_eq!(lines[1].text, "cordon workers-10");
    assert_eq!((lines[1].stands, lines[1].seconds), (TaskState::Running, Some(7)));
    assert_eq!(
        (lines[0].stands, lines[2].stands),
        (TaskState::Running, TaskState::Waiting)
    );
    assert_eq!(tasks::active(&lines), 1);
    let error = "evict on prod failed: denied; allow it".to_owned();
    for what in [
        What::StepDone {
            step,
            line: "so".to_owned(),
        },
        What::StepFailed {
            step: StepId { stage: 1, step: 0 },
            error: error.clone(),
        },
        What::Ended {
            outcome: Outcome::Failed,
        },
    ] {
        let event = Event { at: state.now, what };
        assert!(update(&mut state, Msg::Operation(id.clone(), event)).changed);
    }
    let lines = tasks::lines(&state, operations::chosen(&state).unwrap());
    assert_eq!(
        (lines[1].stands, lines[1].seconds, lines[1].said.as_str()),
        (TaskState::Done, Some(7), "so")
    );
    assert_eq!(
        (lines[3].stands, lines[3].error.clone()),
        (TaskState::Failed, Some(error))
    );
    assert_eq!(stands(&state), OperationState::Failed);
    assert_eq!(state.notice.as_ref().unwrap().0, Severity::Critical);
}

#[test]
fn operations_are_stopped_resumed_and_given_up() {
    let mut state = screen(4);
    let plan = drain_plan(&mut state);
    let id = run(&mut state, "drain-1", plan, vec![]);
    press(&mut state, "6");
    assert_eq!(press(&mut state, "r"), [], "it runs");
    assert_eq!(press(&mut state, "ctrl-d"), []);
    assert!(state.overlays.is_empty(), "{}", notice(&state));
    assert_eq!(press(&mut state, "s"), [Effect::Stop(id.clone())]);
    assert_eq!(press(&mut state, "s"), [], "only once");
    let event = Event {
        at: state.now,
        what: What::Ended {
            outcome: Outcome::Cancelled,
        },
    };
    update(&mut state, Msg::Operation(id.clone(), event));
    assert_eq!(press(&mut state, "s"), []);
    assert_eq!(press(&mut state, "r"), [Effect::Resume(id.clone())]);
    assert_eq!(press(&mut state, "ctrl-d esc"), []);
    assert_eq!(press(&mut state, "ctrl-d y"), [Effect::Abort(id.clone())]);
    assert_eq!(press(&mut state, "ctrl-d enter"), [Effect::Abort(id.clone())]);
    let event = Event {
        at: state.now,
        what: What::Ended {
            outcome: Outcome::Aborted,
        },
    };
    update(&mut state, Msg::Operation(id.clone(), event));
    assert_eq!(press(&mut state, "r ctrl-d"), []);
    state.read_only = true;
    state.operations.get_mut(&id).unwrap().outcome = Some(Outcome::Failed);
    assert_eq!(press(&mut state, "r"), []);
    assert!(notice(&state).contains("read-only"));
}

#[test]
fn leaving_while_an_operation_runs_is_asked_for_twice() {
    let mut state = screen(4);
    let plan = drain_plan(&mut state);
    let id = run(&mut state, "drain-1", plan, vec![]);
    assert_eq!(press(&mut state, "ctrl-c"), []);
    assert!(notice(&state).starts_with("an operation runs"));
    assert_eq!(press(&mut state, "ctrl-c"), [Effect::Quit]);
    let event = Event {
        at: state.now,
        what: What::Ended { outcome: Outcome::Done },
    };
    update(&mut state, Msg::Operation(id, event));
    assert_eq!(press(&mut state, "ctrl-c"), [Effect::Quit]);
}

#[test]
fn findings_that_are_mended_in_different_ways_are_not_mended_together() {
    let mut state = screen(3);
    let of = example::instance(10, "workers", crate::fleet::Purchase::Spot);
    let mut cordoned = example::node(&example::instance(1, "servers", crate::fleet::Purchase::OnDemand));
    cordoned.schedulable = false;
    let live = || {
        vec![
            example::synced(
                crate::fleet::FeedKind::Instances,
                crate::fleet::Source::Aws(example::scope()),
            ),
            example::synced(
                crate::fleet::FeedKind::Nodes,
                crate::fleet::Source::Kube(cordoned.key.context.clone()),
            ),
        ]
    };
    let gone = vec![
        Observation::InstanceGone(of.id),
        Observation::Node(Box::new(cordoned.clone())),
    ];
    observe(&mut state, 0, gone);
    observe(&mut state, 4_000, live());
    press(&mut state, "7 g");
    let mut marked = 0;
    for _ in 0..state.tables[&Pane::Findings].shown.rows.len() {
        match state.row() {
            Some(crate::fleet::RowId::Finding("ghost-node" | "cordoned-long", _)) => {
                marked += 1;
                press(&mut state, "space");
            }
            _ => drop(press(&mut state, "j")),
        }
    }
    assert_eq!(marked, 2, "{:?}", names(&state, Pane::Findings));
    press(&mut state, "x");
    assert!(state.overlays.is_empty());
    assert_eq!(
        notice(&state),
        "the marked findings want uncordon and remove: mark those of one kind"
    );
}

#[test]
fn unfinished_operations_are_offered_and_stand_before_those_that_ended() {
    let mut state = screen(4);
    let plan = drain_plan(&mut state);
    let progress = |id: &str, outcome| {
        let first = Event {
            at: example::now(),
            what: What::Began {
                plan: Box::new(plan.clone()),
                by: "ana@desk".into(),
            },
        };
        let mut progress = Progress::begin(OperationId::parse(id).unwrap(), &first).unwrap();
        progress.outcome = outcome;
        progress
    };
    let read = vec![
        progress("a", None),
        progress("b", Some(Outcome::Done)),
        progress("c", Some(Outcome::Failed)),
    ];
    update(&mut state, Msg::Journals(read));
    assert!(
        notice(&state).starts_with("2 operations are unfinished"),
        "{}",
        notice(&state)
    );
    run(&mut state, "d", plan.clone(), vec![]);
    let ids: Vec<_> = operations::listed(&state).iter().map(|p| p.id.to_string()).collect();
    assert_eq!(ids, ["d", "c", "a", "b"]);
    press(&mut state, "6 g j j");
    assert_eq!(operations::chosen(&state).unwrap().id.as_str(), "a");
    assert_eq!(
        operations::state_of(&state, operations::chosen(&state).unwrap()),
        OperationState::CutOff
    );
    press(&mut state, "enter j j j k");
    assert_eq!(state.focused(), Pane::Steps);
    assert!(state.steps_scroll.is_some());
    // Its program ended it without a word: it can be resumed now.
    update(&mut state, Msg::Journals(vec![progress("d", None)]));
    assert!(state.running.is_empty());
}

#[test]
fn a_lock_is_taken_over_only_by_its_clusters_name() {
    let mut state = screen(4);
    let plan = drain_plan(&mut state);
    let why = "prod is being changed by ben@lab".to_owned();
    update(&mut state, Msg::Locked(Box::new(plan.clone()), why));
    assert_eq!(press(&mut state, "enter"), []);
    assert_eq!(notice(&state), "type prod to take its lock over");
    type_in(&mut state, "prod");
    let taken = press(&mut state, "enter");
    assert_eq!(
        taken,
        [Effect::Run {
            plan: Box::new(plan),
            take_over: true
        }]
    );
    assert!(state.overlays.is_empty());
}
