//! What lies over the screen: a box with a field to type in, lines to choose from, or text to read.

mod bill;
mod body;
mod checks;
mod choosing;
mod describe;
mod feeds;
mod field;
mod form;
mod help;
mod hostkeys;
mod inquiry;
mod joining;
mod launch;
mod lists;
mod locked;
mod palette;
mod password;
mod plan;
mod ran;
mod scale;
mod snapshots;
mod source;
mod tokens;
pub(super) mod types;
mod updating;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::Span;

use super::glyphs::Glyphs;
use super::layout::{inside, top};
use super::look::Look;
use super::strip::{self, Piece};
use super::text::{clip, width, wrap};
use super::theme::Theme;
use super::{footer, pane};
use crate::app::key::Key;
use crate::app::plan_lines::named;
use crate::app::{Action, Overlay, State, Target};

use body::Body;
pub(in crate::tui) use body::{first, last_page};

/// A line on the screen.
pub(super) type Line = Vec<Span<'static>>;

/// What is in a box.
struct Content {
    title: String,
    /// The field that is typed into, with the sign before it.
    field: Option<(&'static str, tui_input::Input)>,
    body: Body,
}

fn content(state: &State, look: Look<'_>, overlay: &Overlay, width: u16) -> Content {
    match overlay {
        Overlay::Help { line, scroll } => help::content(state, look, line, *scroll, width),
        Overlay::Palette { line, matches, cursor } => palette::content(state, look, line, matches, *cursor, width),
        Overlay::Menu { about, items, cursor } => lists::menu(state, look, about.as_ref(), items, *cursor, width),
        Overlay::Columns { items, cursor } => lists::columns(state, look, items, *cursor),
        Overlay::Sort { cursor } => lists::sort(state, look, *cursor),
        Overlay::Themes { items, cursor, before } => lists::themes(look, items, *cursor, before),
        Overlay::Describe { about, scroll } => describe::content(state, look, about, *scroll, width),
        Overlay::Source { about, json, scroll } => source::content(state, look, about, *json, *scroll),
        Overlay::Feeds { scroll } => feeds::content(state, look, *scroll, width),
        Overlay::Plan(planning) => plan::content(state, look, planning, width),
        Overlay::Scale(form) => scale::content(state, look, form, width),
        Overlay::Launch(form) => launch::content(state, look, form, width),
        Overlay::Types(picker) => types::content(state, look, picker),
        Overlay::Extend(form) => inquiry::extend(state, look, form),
        Overlay::Inquiry(inquiry) => inquiry::content(state, look, inquiry, width),
        Overlay::Choosing(choosing) => choosing::content(look, choosing),
        Overlay::Join(form) => joining::content(state, look, form, width),
        Overlay::Checks { host, scroll } => checks::content(state, look, host, *scroll, width),
        Overlay::Keys(keys) => hostkeys::content(state, look, keys, width),
        Overlay::Password(form) => password::content(look, form),
        Overlay::Form(asking) => form::content(look, asking, width),
        Overlay::Ran(view) => ran::content(state, look, view, width),
        Overlay::Tokens(view) => tokens::content(state, look, view, width),
        Overlay::Snapshots(view) => snapshots::content(state, look, view, width),
        Overlay::TokenMade(made) => tokens::made(state, look, made, width),
        Overlay::Update(view) => updating::content(state, look, view, width),
        Overlay::Locked { plan, why, line } => locked::content(look, &plan.cluster, why, line, width),
        Overlay::Abort { id } => locked::abort(look, state.operations.get(id).map(|p| named(&p.plan)), width),
    }
}

/// What stands at the lower end of a box, whatever is scrolled: what can be chosen, and which keys do what.
fn foot(state: &State, look: Look<'_>, overlay: &Overlay, width: u16) -> Vec<Vec<Piece<'static>>> {
    match overlay {
        Overlay::Plan(planning) => plan::foot(state, look, planning, width),
        Overlay::Scale(form) => scale::foot(state, look, form),
        Overlay::Launch(form) => launch::foot(state, look, form, width),
        Overlay::Types(picker) => types::foot(state, look, picker, width),
        Overlay::Extend(_) => inquiry::extend_foot(look),
        Overlay::Inquiry(inquiry) => inquiry::foot(look, inquiry),
        Overlay::Choosing(_) => vec![keys_line(look, &[("enter", "choose", Some(Action::Open)), LEAVE])],
        Overlay::Join(form) => joining::foot(state, look, form, width),
        Overlay::Checks { host, .. } => checks::foot(state, look, host),
        Overlay::Keys(keys) => hostkeys::foot(look, keys, width),
        Overlay::Password(_) => vec![keys_line(look, &[("enter", "give it", Some(Action::Open)), LEAVE])],
        Overlay::Form(asking) => form::foot(state, look, asking, width),
        Overlay::Tokens(view) => tokens::foot(look, view, width),
        Overlay::TokenMade(_) => tokens::made_foot(look),
        Overlay::Snapshots(view) => snapshots::foot(look, view, width),
        Overlay::Update(view) => updating::foot(look, view, width),
        Overlay::Locked { .. } => vec![keys_line(look, &[("enter", "take over", Some(Action::Open)), LEAVE])],
        Overlay::Abort { .. } => vec![keys_line(look, &[("enter", "give it up", Some(Action::Open)), LEAVE])],
        _ => vec![],
    }
}

/// The way out of a box.
const LEAVE: (&str, &str, Option<Action>) = ("esc", "leave", Some(Action::Back));

/// Keys with what they do, and what a click on each means.
fn keys_line(look: Look<'_>, keys: &[(&str, &str, Option<Action>)]) -> Vec<Piece<'static>> {
    let piece = |(key, word, action): &(&str, &str, Option<Action>)| {
        let piece = Piece::spans(vec![
            Span::styled((*key).to_owned(), look.theme.key),
            Span::raw(format!(" {word}")),
        ]);
        match action {
            Some(action) => piece.at(Target::Hint(*action)),
            None => piece,
        }
    };
    keys.iter().map(piece).collect()
}

/// Keys of an overlay itself with what they do; a click on one presses it.
fn own_keys(look: Look<'_>, keys: &[(&str, &str)]) -> Vec<Piece<'static>> {
    let piece = |(key, word): &(&str, &str)| {
        let piece = Piece::spans(vec![
            Span::styled((*key).to_owned(), look.theme.key),
            Span::raw(format!(" {word}")),
        ]);
        match key.parse::<Key>() {
            Ok(key) => piece.at(Target::Press(key)),
            Err(_) => piece,
        }
    };
    keys.iter().map(piece).collect()
}

/// Text behind a sign, its later lines under its first.
fn signed(sign: (&str, Style), text: &str, style: Style, room: u16) -> Vec<Line> {
    let lines = wrap(text, room.saturating_sub(2)).into_iter().enumerate();
    let line = |(i, text): (usize, String)| {
        let lead = if i == 0 { sign.0 } else { " " };
        vec![Span::styled(format!("{lead} "), sign.1), Span::styled(text, style)]
    };
    lines.map(line).collect()
}

/// Pieces in as many lines as they need, two cells apart.
fn flow(pieces: Vec<Piece<'static>>, room: u16) -> Vec<Vec<Piece<'static>>> {
    let mut lines: Vec<Vec<Piece<'static>>> = vec![];
    let mut used = 0u16;
    for piece in pieces {
        let wide = piece.width().saturating_add(2);
        match lines
            .last_mut()
            .filter(|_| used.saturating_add(wide) <= room.saturating_add(2))
        {
            Some(line) => line.push(piece),
            None => {
                lines.push(vec![piece]);
                used = 0;
            }
        }
        used = used.saturating_add(wide);
    }
    lines
}

/// How high a box must be to show all that is in it.
pub(super) fn height(state: &State, overlay: &Overlay, width: u16) -> u16 {
    // Every sign is one cell wide: any look takes the same room.
    let look = Look {
        theme: &Theme::default(),
        glyphs: &Glyphs::UNICODE,
    };
    let room = width.saturating_sub(4);
    let content = content(state, look, overlay, room);
    let lines = content.body.height();
    let field = if content.field.is_some() { 2 } else { 0 };
    let foot = match foot(state, look, overlay, room).len() {
        0 => 0,
        n => n + 1,
    };
    u16::try_from(lines + field + foot + 2).unwrap_or(u16::MAX)
}

/// Draws an overlay; gives the place of the terminal's cursor, when text is typed in it.
pub(super) fn draw(
    buffer: &mut Buffer,
    state: &State,
    look: Look<'_>,
    overlay: &Overlay,
    area: Rect,
) -> Option<Position> {
    clear(buffer, look, area);
    let inner = inside(area);
    let content = content(state, look, overlay, inner.width.saturating_sub(2));
    let line = Rect {
        x: area.x.saturating_add(1),
        width: area.width.saturating_sub(2),
        height: 1.min(area.height),
        ..area
    };
    let title = clip(&content.title, line.width.saturating_sub(2), look.glyphs.ellipsis);
    let title = Piece::text(format!(" {title} "), look.theme.title);
    pane::border(buffer, look, area, look.theme.popup_border);
    strip::draw(buffer, &strip::place(vec![title], line, 0));
    let foot = foot(state, look, overlay, inner.width.saturating_sub(2));
    let (field, lines, below) = parts(&content, foot.len(), inner);
    let cursor = content.field.as_ref().map(|(sign, line)| {
        let (shown, column) = footer::visible(line, field.width.saturating_sub(width(sign).saturating_add(3)));
        let spans = [
            Span::styled(format!(" {sign} "), look.theme.key),
            Span::styled(shown, look.theme.input),
        ];
        strip::put(buffer, field, &spans);
        Position::new(
            field
                .x
                .saturating_add(width(sign))
                .saturating_add(2)
                .saturating_add(column),
            field.y,
        )
    });
    let caret = body::draw(buffer, look, &content.body, lines);
    for line in placed(foot, below) {
        strip::draw(buffer, &line);
    }
    cursor.or(caret)
}

/// The line of the field, the lines below it, and those of the foot.
fn parts(content: &Content, foot: usize, inner: Rect) -> (Rect, Rect, Rect) {
    let (field, rest) = match content.field {
        None => top(inner, 0),
        Some(_) => {
            let (field, rest) = top(inner, 1);
            (field, top(rest, 1).1)
        }
    };
    let foot = u16::try_from(foot).unwrap_or(u16::MAX);
    let gap = u16::from(foot > 0);
    let (body, below) = top(rest, rest.height.saturating_sub(foot.saturating_add(gap)));
    (field, body, top(below, gap).1)
}

/// The lines of a foot in their places.
fn placed(foot: Vec<Vec<Piece<'static>>>, area: Rect) -> Vec<Vec<(Rect, Piece<'static>)>> {
    let line = |(y, pieces)| {
        let line = Rect {
            x: area.x.saturating_add(1),
            y,
            width: area.width.saturating_sub(2),
            height: 1,
        };
        strip::place(pieces, line, 2)
    };
    (area.y..area.bottom()).zip(foot).map(line).collect()
}

/// Empties a place for what lies over it.
fn clear(buffer: &mut Buffer, look: Look<'_>, area: Rect) {
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            if let Some(cell) = buffer.cell_mut(Position::new(x, y)) {
                cell.reset();
            }
        }
    }
    buffer.set_style(area, look.theme.text.patch(look.theme.popup));
}

/// What stands at a cell inside an overlay.
pub(super) fn target_at(state: &State, look: Look<'_>, overlay: &Overlay, area: Rect, at: Position) -> Option<Target> {
    let inner = inside(area);
    let content = content(state, look, overlay, inner.width.saturating_sub(2));
    let foot = foot(state, look, overlay, inner.width.saturating_sub(2));
    let (_, lines, below) = parts(&content, foot.len(), inner);
    if below.contains(at) {
        let lines = placed(foot, below);
        return lines.iter().find_map(|line| strip::target_at(line, at.x, at.y));
    }
    body::item_at(&content.body, lines, at).map(Target::Item)
}
