//! When frames are drawn, rows projected, and sources asked.

use super::*;
use crate::app::{Screen, projection_due};
use crate::fleet::{FaultKind, FeedId, FeedKind, FeedReport, Offer, Purchase, Severity, Source};

fn later(state: &State, millis: i64) -> Timestamp {
    state.now + SignedDuration::from_millis(millis)
}

#[test]
fn a_busy_fleet_is_projected_four_times_a_second() {
    let mut state = screen(2);
    assert_eq!(projection_due(&state), None, "nothing has changed");
    let one = || {
        vec![Observation::Instance(Box::new(example::instance(
            30,
            "workers",
            Purchase::Spot,
        )))]
    };
    let start = state.now;
    let at = later(&state, 10);
    let done = update(&mut state, Msg::Observed(at, one()));
    assert!(!done.changed, "it waits for the projection");
    assert_eq!(projection_due(&state), Some(start + SignedDuration::from_millis(250)));
    let at = later(&state, 100);
    assert!(!update(&mut state, Msg::Clock(at)).changed);
    project(&mut state);
    assert_eq!(state.summary.total.machines, 6, "not yet");
    let at = start + SignedDuration::from_millis(250);
    assert!(update(&mut state, Msg::Clock(at)).changed);
    project(&mut state);
    assert_eq!(state.summary.total.machines, 7);
    assert_eq!(projection_due(&state), None);
}

#[test]
fn a_key_is_answered_at_once_from_the_rows_that_are_counted() {
    let mut state = screen(2);
    let new = example::instance(30, "workers", Purchase::Spot);
    let at = later(&state, 10);
    update(
        &mut state,
        Msg::Observed(at, vec![Observation::Instance(Box::new(new))]),
    );
    press(&mut state, "2");
    assert_eq!(state.tables[&Pane::Machines].shown.rows.len(), 6);
    let at = later(&state, 300);
    update(&mut state, Msg::Clock(at));
    project(&mut state);
    assert_eq!(state.tables[&Pane::Machines].shown.rows.len(), 7);
}

#[test]
fn the_answer_to_a_key_does_not_wait_for_counting() {
    let mut state = screen(2);
    let new = example::instance(30, "workers", Purchase::Spot);
    let at = later(&state, 400);
    update(
        &mut state,
        Msg::Observed(at, vec![Observation::Instance(Box::new(new))]),
    );
    update(&mut state, Msg::Clock(at));
    press(&mut state, "j");
    assert_eq!(state.summary.total.machines, 6, "put off");
    assert!(projection_due(&state).unwrap() <= at);
    project(&mut state);
    assert_eq!(state.summary.total.machines, 7, "by one frame");
}

#[test]
fn what_comes_while_the_world_stands_still_is_shown_at_once() {
    let mut state = screen(2);
    state.demo = Some(true);
    let now = state.now;
    let new = example::instance(30, "workers", Purchase::Spot);
    update(
        &mut state,
        Msg::Observed(now, vec![Observation::Instance(Box::new(new))]),
    );
    press(&mut state, "j");
    assert_eq!(projection_due(&state), Some(now));
    assert!(update(&mut state, Msg::Clock(now)).changed);
    project(&mut state);
    assert_eq!(state.summary.total.machines, 7);
    assert_eq!(projection_due(&state), None);
    assert!(!update(&mut state, Msg::Clock(now)).changed, "idle");
}

#[test]
fn time_alone_draws_once_a_second_and_judges_every_ten() {
    let mut state = screen(2);
    let at = later(&state, 300);
    assert!(!update(&mut state, Msg::Clock(at)).changed);
    let at = later(&state, 800);
    assert!(update(&mut state, Msg::Clock(at)).changed, "ages have changed");
    assert!(!update(&mut state, Msg::Clock(at)).changed);
    project(&mut state);
    let ends = example::now() + SignedDuration::from_secs(9);
    update(&mut state, Msg::Clock(ends));
    let judged = format!("{:?}", state.made);
    project(&mut state);
    assert_eq!(format!("{:?}", state.made), judged);
    update(&mut state, Msg::Clock(ends + SignedDuration::from_secs(1)));
    project(&mut state);
    assert_ne!(format!("{:?}", state.made), judged);
}

#[test]
fn a_clock_that_goes_back_stops_nothing() {
    let mut state = screen(2);
    update(&mut state, Msg::Clock(example::now() - SignedDuration::from_hours(9)));
    project(&mut state);
    assert_eq!(projection_due(&state), None);
}

#[test]
fn notices_go_after_a_while() {
    let mut state = screen(2);
    update(
        &mut state,
        Msg::Say(Severity::Ok, "saved x.csv\nand more\nlines".into()),
    );
    assert_eq!(state.notice.as_ref().unwrap().1, "saved x.csv (+2 more)");
    let at = later(&state, 5_000);
    update(&mut state, Msg::Clock(at));
    assert!(state.notice.is_some());
    let at = later(&state, 1_001);
    assert!(update(&mut state, Msg::Clock(at)).changed);
    assert!(state.notice.is_none());
}

#[test]
fn price_histories_are_asked_for_once_for_each_span() {
    let mut state = screen(3);
    let histories = |effects: Vec<Effect>| effects.into_iter().filter(|e| matches!(e, Effect::History(..))).count();
    let mut press = |key: &str| {
        let done = update(&mut state, Msg::Key(key.parse().unwrap()));
        project(&mut state);
        histories(done.effects)
    };
    press("4");
    assert_eq!(press("j"), 1, "of the price under the cursor");
    assert_eq!(press("j"), 0, "another zone of the same type");
    assert_eq!(press(">"), 1);
    assert_eq!(press("<"), 0, "a shorter span is known already");
    assert_eq!(press(">"), 0);
    assert_eq!((press(">"), press(">"), press(">")), (1, 1, 0));
    assert_eq!(press("ctrl-r"), 1, "asked anew");
    assert_eq!(state.span_days, 14);
    assert_eq!(state.chosen_offer(), Some(Offer::new("eu-west-1", "m7g.large")));
}

#[test]
fn sources_are_asked_again() {
    let mut state = screen(2);
    let effects = press(&mut state, "ctrl-r");
    let Some(Effect::Refresh(sources)) = effects.first() else {
        panic!("{effects:?}")
    };
    assert_eq!(sources.len(), 2, "each once: {sources:?}");
    let id = FeedId {
        kind: FeedKind::Asgs,
        source: Source::Aws(example::scope()),
    };
    let fault = crate::fleet::Fault {
        call: "autoscaling:DescribeAutoScalingGroups".into(),
        kind: FaultKind::Denied,
        message: "not authorized".into(),
        mend: "allow it".into(),
    };
    let retry_at = later(&state, 60_000);
    observe(
        &mut state,
        1,
        vec![Observation::Feed(id.clone(), FeedReport::Failed { fault, retry_at })],
    );
    assert_eq!(press(&mut state, "i enter"), [Effect::Retry(id.clone())]);
    let view = state.view();
    let first = &crate::app::feeds::feeds(&view)[0];
    assert_eq!(
        (first.id, first.severity),
        (&id, Severity::Critical),
        "what fails stands first"
    );
}

#[test]
fn the_program_is_steered() {
    let mut state = screen(2);
    assert_eq!(press(&mut state, "p"), []);
    assert!(state.notice.as_ref().unwrap().1.contains("--demo"));
    state.demo = Some(false);
    assert_eq!(press(&mut state, "p"), [Effect::Pause(true)]);
    assert!(update(&mut state, Msg::Paused(true)).changed);
    assert!(!update(&mut state, Msg::Paused(true)).changed);
    assert_eq!(press(&mut state, "p"), [Effect::Pause(false)]);
    assert_eq!(press(&mut state, "alt-m"), [Effect::Mouse(false)]);
    assert_eq!(press(&mut state, "ctrl-z ctrl-l"), [Effect::Suspend, Effect::Redraw]);
    assert!(update(&mut state, Msg::Resize(120, 40)).changed);
    assert!(!update(&mut state, Msg::Resize(120, 40)).changed);
    assert_eq!(act(&mut state, Action::ShowEdge), []);
    assert_eq!(state.screen, Screen::Edge);
}
