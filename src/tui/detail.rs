//! The finding under the cursor, told in full: what is the matter, and what mends it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::layout::inside;
use super::look::Look;
use super::strip::{self, Piece};
use super::text::wrap;
use super::{activity, keys, pane};
use crate::app::changes::mends;
use crate::app::{Action, Pane, State};
use crate::fleet::table::age;
use crate::fleet::{Finding, RowId};

/// Draws the finding under the cursor of the Findings screen.
pub(super) fn draw(buffer: &mut Buffer, state: &State, look: Look<'_>, area: Rect) {
    let finding = state
        .tables
        .get(&Pane::Findings)
        .and_then(|table| find(state, table.cursor.as_ref()?));
    let (first, _) = super::layout::top(area, 1);
    let line = Rect {
        x: first.x.saturating_add(1),
        width: first.width.saturating_sub(2),
        ..first
    };
    let title = match finding {
        Some(finding) => {
            let (sign, style) = look.severity(finding.severity);
            let spans = vec![
                Span::styled(format!(" {sign} "), style),
                Span::styled(format!("{} ", finding.subject), look.theme.title),
                Span::styled(format!("{} {} ", look.glyphs.separator, finding.rule), look.theme.muted),
            ];
            strip::place(vec![Piece::spans(spans)], line, 0)
        }
        None => vec![],
    };
    let mend = finding.and_then(|finding| mends(state, &finding.row()));
    let below = mend.map(|action| {
        Piece::spans(vec![
            Span::styled(format!(" {}", keys::of(state, Action::Mend)), look.theme.key),
            Span::raw(format!(" mends it: {} ", action.name())),
        ])
    });
    pane::draw_frame(buffer, look, area, false, &title, below);
    let Some(finding) = finding else { return };
    let inner = inside(area);
    let lines = lines(state, look, finding, inner.width.saturating_sub(4));
    for (y, spans) in (inner.y..inner.bottom()).zip(&lines) {
        let place = Rect {
            x: inner.x.saturating_add(1),
            y,
            width: inner.width.saturating_sub(2),
            height: 1,
        };
        strip::put(buffer, place, spans);
    }
}

fn find<'a>(state: &'a State, id: &RowId) -> Option<&'a Finding> {
    let RowId::Finding(rule, about) = id else { return None };
    let mut findings = state.summary.findings.iter();
    findings.find(|f| f.rule == *rule && f.about == **about)
}

fn lines(state: &State, look: Look<'_>, finding: &Finding, room: u16) -> Vec<Vec<Span<'static>>> {
    let mut lines = vec![];
    let told = wrap(&finding.line, room);
    lines.extend(told.into_iter().map(|text| vec![Span::raw(text)]));
    for (i, text) in wrap(&finding.mend, room).into_iter().enumerate() {
        let lead = if i == 0 { look.glyphs.right } else { " " };
        lines.push(vec![
            Span::styled(format!("{lead} "), look.theme.accent),
            Span::raw(text),
        ]);
    }
    let since = finding.since.map(|at| {
        let ago = age(state.now.duration_since(at).as_secs().max(0));
        format!("since {} UTC, {ago} ago", activity::time(at, state.now))
    });
    let cluster = finding.cluster.as_ref().map(|c| format!("cluster {c}"));
    let facts: Vec<String> = cluster.into_iter().chain(since).collect();
    if !facts.is_empty() {
        let separator = format!(" {} ", look.glyphs.separator);
        lines.push(vec![Span::styled(facts.join(&separator), look.theme.muted)]);
    }
    lines
}
