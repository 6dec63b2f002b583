//! A row as YAML or JSON: the contract of the command line, on the screen.

use serde_json::Value;

use crate::fleet::table::{RowId, View};
use crate::fleet::{Freshness, json};

/// A row as a JSON value; `None` when it is gone.
pub fn value(view: &View<'_>, id: &RowId) -> Option<Value> {
    let RowId::Feed(feed) = id else {
        return serde_json::to_value(json::row(view, id)?).ok();
    };
    let state = view.fleet.feeds().get(feed)?;
    let (word, fault) = match state.freshness(view.now) {
        Freshness::Waiting => ("waiting", None),
        Freshness::Live => ("live", None),
        Freshness::Stale { .. } => ("stale", None),
        Freshness::Failed { why, .. } => ("failed", Some(why)),
    };
    Some(serde_json::json!({
        "feed": feed.to_string(),
        "state": word,
        "synced_at": state.synced_at,
        "fault": fault.map(|f| serde_json::json!({ "call": f.call, "message": f.message, "mend": f.mend })),
    }))
}

/// A row as text; `None` when it is gone.
pub fn text(view: &View<'_>, id: &RowId, json: bool) -> Option<String> {
    if json {
        return serde_json::to_string_pretty(&value(view, id)?).ok();
    }
    match json::row(view, id) {
        // Straight from the row, so that the fields keep their order.
        Some(row) => serde_saphyr::to_string(&row).ok(),
        None => serde_saphyr::to_string(&value(view, id)?).ok(),
    }
}
