//! The findings, worst first.

use std::cmp::Reverse;

use super::{Column, RowId, Table, TableKind, Value, View, column, hidden, numeric, seconds_since};
use crate::fleet::{ClusterId, Finding, Severity};

pub(super) struct Findings;

impl Table for Findings {
    const KIND: TableKind = TableKind::Findings;

    type Row<'a> = &'a Finding;

    const COLUMNS: &'static [Column<Self>] = &[
        column("severity", "SEVERITY", 8, |_, f| Value::text_of(f.severity.as_str())),
        column("cluster", "CLUSTER", 12, |_, f| {
            Value::maybe(f.cluster.as_ref().map(|c| c.name.as_str()))
        }),
        column("subject", "SUBJECT", 22, |_, f| Value::text_of(&f.subject)),
        column("finding", "FINDING", 48, |_, f| Value::text_of(&f.line)),
        numeric("since", "SINCE", 7, |v, f| {
            f.since.map_or(Value::Missing, |at| seconds_since(v, at))
        }),
        column("mend", "MEND", 40, |_, f| Value::text_of(&f.mend)),
        hidden("rule", "RULE", 16, |_, f| Value::text_of(f.rule)),
    ];

    fn rows<'a>(view: &View<'a>) -> Vec<&'a Finding> {
        view.summary.findings.iter().collect()
    }

    fn row<'a>(view: &View<'a>, id: &RowId) -> Option<&'a Finding> {
        view.summary.finding(id)
    }

    fn id(row: &&Finding) -> RowId {
        row.row()
    }

    fn severity(_: &View<'_>, row: &&Finding) -> Severity {
        row.severity
    }

    fn in_cluster(row: &&Finding, cluster: &ClusterId) -> bool {
        row.cluster.as_ref() == Some(cluster)
    }

    type Key<'a> = (Reverse<Severity>, Option<&'a ClusterId>, &'static str, &'a RowId);

    fn keys<'a>(_: &View<'a>, rows: &[&'a Finding]) -> Vec<Self::Key<'a>> {
        let key = |f: &&'a Finding| (Reverse(f.severity), f.cluster.as_ref(), f.rule, &f.about);
        rows.iter().map(key).collect()
    }
}
