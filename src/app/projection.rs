//! From the fleet to what the visible panes show. Observations only change the fleet; counting, judging, filtering
//! and sorting wait until a frame is drawn, and a busy fleet is counted and judged anew at most four times a
//! second. What the operator does is projected at once, over the counts that are there.

use jiff::{SignedDuration, Timestamp};

use super::{Pane, State};
use crate::fleet::table::{Ask, RowId, View};
use crate::fleet::{Severity, Summary};

/// How often a changing fleet is counted and judged anew, at most.
const BUSY: SignedDuration = SignedDuration::from_millis(250);
/// How often an unchanged fleet is judged anew: some rules look at the clock.
const QUIET: SignedDuration = SignedDuration::from_secs(10);
/// How much longer an operator's keys may put counting and judging off, so that the answer to a key does not wait for it.
const PUT_OFF: SignedDuration = SignedDuration::from_secs(1);

/// What the last projection was made from.
#[derive(Clone, Debug, Default)]
pub(super) struct Made {
    /// The fleet's revision when it was last counted and judged, and when that was.
    judged: Option<(u64, Timestamp)>,
    /// Whether the operator has asked for other rows since.
    pub(super) stale: bool,
    /// Whether the operator has done anything yet: until then cursors wait in the first row while tables fill.
    pub(super) met: bool,
    /// Whether the operator waits for an answer.
    pub(super) hurry: bool,
}

impl Made {
    /// Whether counting and judging is worth doing now.
    fn wants_judging(&self, state: &State) -> bool {
        let Some((revision, at)) = self.judged else { return true };
        let age = state.now.duration_since(at);
        let least = match revision == state.fleet.revision() {
            true => paced(QUIET, state),
            // The time stands still with the world: no use to wait for it.
            false if state.demo == Some(true) && !self.hurry => SignedDuration::ZERO,
            false => paced(BUSY, state),
        };
        let least = if self.hurry { least + PUT_OFF } else { least };
        age < SignedDuration::ZERO || age >= least
    }
}

/// How long counting and judging waits, given the least it waits for a small fleet. Ten thousand machines take tens of
/// milliseconds: the larger the fleet, the longer, so that it never takes more than a few hundredths of a core.
fn paced(least: SignedDuration, state: &State) -> SignedDuration {
    let thousands = state.summary.total.machines / 1_000;
    least.saturating_mul(i32::try_from(1 + thousands / 2).unwrap_or(i32::MAX))
}

/// When [`project`] has something to do; `None` as long as nothing has changed. A clock message at that time makes
/// the driver draw.
pub fn projection_due(state: &State) -> Option<Timestamp> {
    match state.made.judged {
        None => Some(state.now),
        _ if state.made.stale => Some(state.now),
        Some((revision, _)) if revision == state.fleet.revision() => None,
        Some(_) if state.demo == Some(true) => Some(state.now),
        Some((_, at)) => Some(at + paced(BUSY, state)),
    }
}

/// Brings the visible panes up to date. To be called before a frame is drawn; cheap when nothing has changed.
pub fn project(state: &mut State) {
    let judge = state.made.wants_judging(state);
    state.made.hurry = false;
    if judge {
        state.summary = Summary::of(&state.fleet, state.now);
        state.made.judged = Some((state.fleet.revision(), state.now));
    }
    if judge || state.made.stale {
        project_panes(state);
    }
}

/// Filters and sorts the visible panes over the counts that are there.
pub(super) fn project_panes(state: &mut State) {
    state.made.stale = false;
    let zoomed = state.zoomed.then(|| state.focused());
    let State {
        fleet,
        summary,
        now,
        tables,
        cluster,
        made,
        screen,
        filtering,
        ..
    } = state;
    let view = View {
        fleet,
        summary,
        now: *now,
    };
    for pane in screen.panes().iter().filter(|pane| zoomed.is_none_or(|z| z == **pane)) {
        let (Some(kind), Some(table)) = (pane.table(), tables.get_mut(pane)) else {
            continue;
        };
        let ask = Ask {
            query: Some(&table.query),
            cluster: cluster.as_ref().filter(|_| *pane != Pane::FleetClusters),
            sort: table.sort,
            at_least: table.faults_only.then_some(Severity::Warning),
        };
        if *filtering == Some(*pane) {
            kind.prepare_words(&view);
        }
        let shown = kind.project(&view, &ask);
        table.show(shown, |id| now_called(&view, id));
        if !made.met {
            table.put_cursor(0);
        }
    }
}

/// The id by which a row goes now; `None` when it is gone.
pub(super) fn now_called(view: &View<'_>, id: &RowId) -> Option<RowId> {
    let kept = match id {
        RowId::Machine(id) => return view.fleet.machine(id).map(|m| RowId::Machine(m.id())),
        RowId::Edge(id) => return view.fleet.machine(id).map(|m| RowId::Edge(m.id())),
        RowId::Host(host) => {
            let id = crate::fleet::MachineId::Edge(host.clone());
            view.fleet.machine(&id).is_some()
        }
        RowId::Cluster(id) => view.summary.clusters.contains_key(id),
        RowId::Pool(id) => view.summary.pools.contains_key(id),
        RowId::Price(offer, zone) => {
            let zones = view.fleet.market().zones(offer);
            let told = || zone.is_empty() && view.fleet.market().on_demand_entry(offer).is_some();
            zones.is_some_and(|z| z.contains_key(zone)) || told()
        }
        RowId::Feed(feed) => view.fleet.feeds().contains_key(feed),
        RowId::Finding(..) => view.summary.finding(id).is_some(),
    };
    kept.then(|| id.clone())
}
