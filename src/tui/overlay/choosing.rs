//! The clusters that hosts can join.

use ratatui::text::Span;

use super::{Body, Content, Line};
use crate::app::joining::Choosing;
use crate::tui::look::Look;

pub(super) fn content(look: Look<'_>, choosing: &Choosing) -> Content {
    let line = |(cluster, context): &(crate::fleet::ClusterId, crate::fleet::ContextId)| -> Line {
        let home = cluster
            .home
            .as_ref()
            .map_or_else(|| "context ".to_owned() + context.as_str(), ToString::to_string);
        vec![
            Span::raw(format!("{:<24} ", cluster.name)),
            Span::styled(home, look.theme.muted),
        ]
    };
    let many = match choosing.hosts.len() {
        1 => "1 host".to_owned(),
        n => format!("{n} hosts"),
    };
    Content {
        title: format!("Which cluster shall {many} join?"),
        field: None,
        body: Body::List {
            lines: choosing.clusters.iter().map(line).collect(),
            cursor: choosing.cursor,
        },
    }
}
