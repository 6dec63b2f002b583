//! The views an operator came from, to go back to.

use super::{Pane, Screen, State};
use crate::fleet::ClusterId;
use crate::fleet::query::Query;

/// How many views are kept.
const KEPT: usize = 100;

/// A view: what makes a screen show what it shows.
#[derive(Clone, Debug, PartialEq)]
struct Spot {
    screen: Screen,
    pane: Pane,
    cluster: Option<ClusterId>,
    zoomed: bool,
    filter: String,
}

/// The views before and after the present one.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    back: Vec<Spot>,
    forward: Vec<Spot>,
}

impl Spot {
    fn of(state: &State) -> Self {
        let pane = state.focused();
        let filter = state.tables.get(&pane).map(|t| t.line.value().to_owned());
        Self {
            screen: state.screen,
            pane,
            cluster: state.cluster.clone(),
            zoomed: state.zoomed,
            filter: filter.unwrap_or_default(),
        }
    }

    fn restore(self, state: &mut State) {
        state.screen = self.screen;
        state.focus.insert(self.screen, self.pane);
        state.cluster = self.cluster;
        state.zoomed = self.zoomed;
        if let Some(table) = state.tables.get_mut(&self.pane) {
            table.query = Query::parse(&self.filter);
            table.line = self.filter.into();
        }
        state.made.stale = true;
    }
}

/// Notes the present view: the next step leaves it.
pub(super) fn leave(state: &mut State) {
    let spot = Spot::of(state);
    state.history.forward.clear();
    if state.history.back.last() == Some(&spot) {
        return;
    }
    if state.history.back.len() == KEPT {
        state.history.back.remove(0);
    }
    state.history.back.push(spot);
}

/// Goes to the view before; gives whether there was one.
pub(super) fn back(state: &mut State) -> bool {
    let present = Spot::of(state);
    while let Some(spot) = state.history.back.pop() {
        if spot != present {
            state.history.forward.push(present);
            spot.restore(state);
            return true;
        }
    }
    false
}

/// Goes to the view after; gives whether there was one.
pub(super) fn forward(state: &mut State) -> bool {
    let Some(spot) = state.history.forward.pop() else {
        return false;
    };
    state.history.back.push(Spot::of(state));
    spot.restore(state);
    true
}
