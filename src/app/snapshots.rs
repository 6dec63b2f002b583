//! The snapshots of a cluster's etcd, and the way back to one of them.
//!
//! ```text
//!  snapshots ─▶ Effect::Snapshots ─▶ Msg::Snapshots ─▶ the list ─▶ Request::Restore ─▶ the plan, over the list
//! ```

use jiff::Timestamp;

use super::joining::{context, no_context};
use super::key::{Key, KeyCode};
use super::overlay::Overlay;
use super::update::Turn;
use super::{Effect, State};
use crate::fleet::table::{age, bytes};
use crate::fleet::{ClusterId, ContextId, Severity};
use crate::ops::restoring::{Restorable, Restore};
use crate::ops::{Request, Snapshot};

/// The list of a cluster's snapshots.
#[derive(Clone, Debug)]
pub struct SnapshotsView {
    /// The cluster.
    pub cluster: ClusterId,
    /// The kube context that tells them.
    pub context: ContextId,
    /// What is known, or why it is not; `None` while it is asked.
    pub told: Option<Result<Restorable, String>>,
    /// The place of the snapshot under the cursor.
    pub cursor: usize,
}

/// A snapshot as it is shown.
#[derive(Clone, Debug, PartialEq)]
pub struct SnapshotRow {
    /// Its name.
    pub name: String,
    /// How long ago it was taken; blank where that is not told.
    pub age: String,
    /// How large it is; blank likewise.
    pub size: String,
    /// Where it is.
    pub place: String,
    /// Why no cluster can be restored from it.
    pub fault: Option<String>,
}

impl SnapshotsView {
    /// The snapshots that are known, the newest first.
    pub fn snapshots(&self) -> &[Snapshot] {
        match &self.told {
            Some(Ok(told)) => &told.snapshots,
            _ => &[],
        }
    }
}

/// The snapshots as they are shown at a time, the newest first.
pub fn rows(view: &SnapshotsView, now: Timestamp) -> Vec<SnapshotRow> {
    let row = |snapshot: &Snapshot| {
        let made = snapshot.made_at.map(|at| age(now.duration_since(at).as_secs()));
        SnapshotRow {
            name: snapshot.name.to_string(),
            age: made.unwrap_or_default(),
            size: snapshot.size.filter(|size| *size > 0).map(bytes).unwrap_or_default(),
            place: snapshot.place(),
            fault: snapshot.fault().map(ToOwned::to_owned),
        }
    };
    view.snapshots().iter().map(row).collect()
}

impl Turn<'_> {
    pub(super) fn open_snapshots(&mut self) {
        let Some(cluster) = self.cluster_here() else { return };
        let Some(context) = context(self.state, &cluster) else {
            return self.say(Severity::Warning, no_context(&cluster));
        };
        self.effect(Effect::Snapshots(cluster.clone(), context.clone()));
        self.push(Overlay::Snapshots(Box::new(SnapshotsView {
            cluster,
            context,
            told: None,
            cursor: 0,
        })));
    }

    /// Takes in what a cluster can be restored from.
    pub(super) fn snapshots_told(&mut self, of: &ClusterId, told: Result<Restorable, String>) {
        let view = self.state.overlays.iter_mut().find_map(|overlay| match overlay {
            Overlay::Snapshots(view) if view.cluster == *of => Some(&mut **view),
            _ => None,
        });
        let Some(view) = view else { return };
        view.told = Some(told);
        view.cursor = view.cursor.min(view.snapshots().len().saturating_sub(1));
        self.touch();
    }

    /// A key in the list; gives whether it was one of its own.
    pub(super) fn snapshots_key(&mut self, key: Key) -> bool {
        match (key.code(), key.text()) {
            (KeyCode::Enter, _) => self.restore_here(),
            (_, Some('n')) => self.snapshot_now(),
            (KeyCode::Char('r'), _) if key.has_ctrl() => self.ask_snapshots(),
            _ => return false,
        }
        true
    }

    /// Asks anew. What was known stays until it is told.
    fn ask_snapshots(&mut self) {
        if let Some(Overlay::Snapshots(view)) = self.state.overlays.last() {
            let (cluster, context) = (view.cluster.clone(), view.context.clone());
            self.effect(Effect::Snapshots(cluster, context));
            self.say(Severity::Info, "asking again");
        }
    }

    /// From the list to the plan of another snapshot.
    fn snapshot_now(&mut self) {
        let Some(Overlay::Snapshots(view)) = self.state.overlays.last() else {
            return;
        };
        let cluster = view.cluster.clone();
        self.show_plan(Request::Backup { cluster });
    }

    /// From the snapshot under the cursor to the plan of going back to it.
    pub(super) fn restore_here(&mut self) {
        let Some(Overlay::Snapshots(view)) = self.state.overlays.last() else {
            return;
        };
        let chosen = view.snapshots().get(view.cursor);
        let Some((snapshot, Some(Ok(told)))) = chosen.zip(Some(&view.told)) else {
            return self.say(Severity::Info, "there is no snapshot under the cursor");
        };
        let State { fleet, now, .. } = &*self.state;
        match Restore::of(fleet, &view.cluster, &view.context, snapshot, told.token_since, *now) {
            Ok(restore) => self.show_plan(Request::Restore(Box::new(restore))),
            Err(why) => self.say(Severity::Warning, why),
        }
    }
}
