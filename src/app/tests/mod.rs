//! Transitions of the screen's state: messages in, state and effects out. No I/O, no async.

mod filter;
mod joining;
mod launching;
mod nav;
mod operations;
mod overlays;
mod property;
mod restoring;
mod running;
mod stacks;
mod updating;
mod upkeep;

use jiff::{SignedDuration, Timestamp};

use super::key::Key;
use super::{Action, Effect, Msg, Pane, State, project, update};
use crate::fleet::table::RowId;
use crate::fleet::{Fleet, Observation, example};

/// A screen over the example fleet, projected.
fn screen(agents: u32) -> State {
    let mut state = State::new(example::fleet(agents), example::now());
    state.themes = (vec!["dark".into(), "light".into()], "dark".into());
    project(&mut state);
    state
}

/// Presses keys, each written as in the configuration; gives all effects but price histories.
fn press(state: &mut State, keys: &str) -> Vec<Effect> {
    let mut effects = vec![];
    for key in keys.split(' ').filter(|k| !k.is_empty()) {
        effects.extend(update(state, Msg::Key(key.parse().unwrap())).effects);
        project(state);
    }
    effects.retain(|e| !matches!(e, Effect::History(..)));
    effects
}

/// Types text into whatever takes it.
fn type_in(state: &mut State, text: &str) {
    for c in text.chars() {
        let key = if c == ' ' {
            "space".parse().unwrap()
        } else {
            c.to_string().parse::<Key>().unwrap()
        };
        update(state, Msg::Key(key));
        project(state);
    }
}

fn act(state: &mut State, action: Action) -> Vec<Effect> {
    let effects = update(state, Msg::Do(action)).effects;
    project(state);
    effects
}

fn observe(state: &mut State, seconds: i64, observations: Vec<Observation>) {
    let at = state.now + SignedDuration::from_secs(seconds);
    update(state, Msg::Observed(at, observations));
    update(state, Msg::Clock(at));
    project(state);
}

/// The names of the rows a pane shows.
fn names(state: &State, pane: Pane) -> Vec<String> {
    let kind = pane.table().unwrap();
    let view = state.view();
    let rows = state.tables[&pane].shown.rows.iter();
    rows.map(|id| kind.row(&view, id).unwrap().values[0].text().into_owned())
        .collect()
}

/// The name of the row under the cursor.
fn cursor(state: &State) -> Option<String> {
    let kind = state.focused().table()?;
    let row = kind.row(&state.view(), state.row()?)?;
    Some(row.values[0].text().into_owned())
}

/// Everything that the view shows but the fleet and the time.
fn visible(state: &State) -> String {
    let tables: Vec<_> = state
        .tables
        .iter()
        .map(|(p, t)| {
            (
                p,
                &t.cursor,
                t.offset,
                t.scrolled,
                &t.marks,
                &t.query,
                &t.line,
                t.sort,
                &t.columns,
                t.wide,
                t.faults_only,
            )
        })
        .map(|t| format!("{t:?}"))
        .collect();
    let all = format!(
        "{:?}",
        (
            (
                state.size,
                state.screen,
                state.focused(),
                state.zoomed,
                &state.cluster,
                tables
            ),
            (
                state.log_scroll,
                state.span_days,
                &state.overlays,
                state.filtering,
                &state.notice
            ),
            (state.demo, state.mouse, state.window_focus, &state.themes),
            (&state.operation, state.steps_scroll, &state.operations, &state.stopping),
        )
    );
    // What a text field keeps for the next yank is not shown.
    all.replace("last_was_cut: true", "last_was_cut: false")
}
