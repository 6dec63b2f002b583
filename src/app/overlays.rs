//! Opening, moving in and closing what lies over the screen.

use super::help::help;
use super::key::{Key, KeyCode};
use super::key_table::{Group, Place};
use super::overlay::Overlay;
use super::update::Turn;
use super::{Action, Effect, describe, line, rows, source};
use crate::fleet::Freshness;

/// Lines by which the wheel scrolls a text.
const WHEEL: isize = 3;

impl Overlay {
    /// The text field in it.
    pub(super) fn line(&mut self) -> Option<&mut tui_input::Input> {
        match self {
            Self::Help { line, .. } | Self::Palette { line, .. } | Self::Locked { line, .. } => Some(line),
            Self::Scale(form) => Some(&mut form.line),
            Self::Types(picker) => Some(&mut picker.line),
            Self::Extend(form) => Some(&mut form.line),
            Self::Plan(planning) if planning.word().is_some() => Some(&mut planning.line),
            _ => None,
        }
    }

    /// The cursor, or the first line shown.
    fn place(&mut self) -> Option<&mut usize> {
        Some(match self {
            Self::Plan(planning) => &mut planning.scroll,
            Self::Scale(_)
            | Self::Launch(_)
            | Self::Types(_)
            | Self::Extend(_)
            | Self::Inquiry(_)
            | Self::Locked { .. }
            | Self::Abort { .. } => return None,
            Self::Help { scroll, .. }
            | Self::Describe { scroll, .. }
            | Self::Source { scroll, .. }
            | Self::Feeds { scroll } => scroll,
            Self::Palette { cursor, .. }
            | Self::Menu { cursor, .. }
            | Self::Columns { cursor, .. }
            | Self::Sort { cursor }
            | Self::Themes { cursor, .. } => cursor,
        })
    }

    /// Whether its lines are chosen from, rather than read.
    fn is_list(&self) -> bool {
        matches!(
            self,
            Self::Palette { .. }
                | Self::Menu { .. }
                | Self::Columns { .. }
                | Self::Sort { .. }
                | Self::Themes { .. }
                | Self::Launch(_)
                | Self::Types(_)
        )
    }
}

impl Turn<'_> {
    pub(super) fn push(&mut self, overlay: Overlay) {
        if self.state.filtering.is_some() {
            self.keep_filter();
        }
        self.state.overlays.push(overlay);
        self.touch();
    }

    /// How many lines the topmost overlay has.
    fn overlay_lines(&self) -> usize {
        let state = &*self.state;
        let view = state.view();
        match state.overlays.last() {
            None => 0,
            Some(Overlay::Help { line, .. }) => {
                let lines = help(&state.keys, line.value());
                let groups: std::collections::BTreeSet<_> = lines.iter().map(|l| l.group).collect();
                lines.len() + 2 * groups.len()
            }
            Some(Overlay::Palette { matches, .. }) => matches.len(),
            Some(Overlay::Menu { items, .. }) => items.len(),
            Some(Overlay::Columns { items, .. }) => items.len(),
            Some(Overlay::Sort { .. }) => self.focused_table().map_or(0, |(_, kind)| kind.columns().len()),
            Some(Overlay::Themes { items, .. }) => items.len(),
            Some(Overlay::Describe { about, .. }) => describe::describe(&view, about).map_or(0, |d| d.height()),
            Some(Overlay::Source { about, json, .. }) => {
                source::text(&view, about, *json).map_or(0, |text| text.lines().count())
            }
            Some(Overlay::Feeds { .. }) => super::feeds::feeds(&view).len(),
            Some(Overlay::Plan(planning)) => super::plan_lines::lines(state, planning).len(),
            Some(Overlay::Launch(form)) => form.fields().len(),
            Some(Overlay::Types(_)) => super::launching::types::rows(state).len(),
            Some(
                Overlay::Scale(_)
                | Overlay::Extend(_)
                | Overlay::Inquiry(_)
                | Overlay::Locked { .. }
                | Overlay::Abort { .. },
            ) => 0,
        }
    }

    pub(super) fn overlay_key(&mut self, key: Key) {
        match self.state.overlays.last() {
            Some(Overlay::Scale(_)) => return self.scale_key(key),
            Some(Overlay::Launch(_)) => return self.launch_key(key),
            Some(Overlay::Types(_)) => return self.types_key(key),
            Some(Overlay::Extend(_)) => return self.extend_key(key),
            _ => {}
        }
        if self.plan_key(key) {
            return;
        }
        if matches!(self.state.overlays.last(), Some(Overlay::Abort { .. })) && key == Key::char('y') {
            return self.abort_asked();
        }
        let Some(overlay) = self.state.overlays.last_mut() else {
            return;
        };
        if overlay.line().is_some() {
            return self.text_overlay_key(key);
        }
        if let (Overlay::Columns { .. }, KeyCode::Char(c @ ('j' | 'k')), true) =
            (&*overlay, key.code(), key.has_shift())
        {
            return self.move_column(if c == 'j' { 1 } else { -1 });
        }
        match self.state.keys.in_list(key) {
            Some(action) => self.overlay_action(action),
            None if key.code() == KeyCode::Esc => self.close(),
            None => {}
        }
    }

    fn text_overlay_key(&mut self, key: Key) {
        match key.code() {
            KeyCode::Esc => return self.close(),
            KeyCode::Enter => return self.overlay_action(Action::Open),
            KeyCode::Up => return self.move_in_overlay(-1),
            KeyCode::Down => return self.move_in_overlay(1),
            KeyCode::Tab if key.has_shift() => return self.move_in_overlay(-1),
            KeyCode::Tab => return self.move_in_overlay(1),
            KeyCode::PageUp => return self.move_in_overlay(-self.overlay_page()),
            KeyCode::PageDown => return self.move_in_overlay(self.overlay_page()),
            _ => {}
        }
        let Some(field) = self.state.overlays.last_mut().and_then(Overlay::line) else {
            return;
        };
        match line::edit(field, key) {
            line::Edited::Text => self.overlay_text_changed(),
            line::Edited::Cursor => self.touch(),
            line::Edited::Nothing => {}
        }
    }

    pub(super) fn paste_into_overlay(&mut self, text: &str) {
        if let Some(Overlay::Launch(_)) = self.state.overlays.last() {
            return self.paste_into_form(text);
        }
        let field = self.state.overlays.last_mut().and_then(Overlay::line);
        if field.is_some_and(|field| line::paste(field, text)) {
            self.overlay_text_changed();
        }
    }

    fn overlay_text_changed(&mut self) {
        self.touch();
        match self.state.overlays.last_mut() {
            Some(Overlay::Scale(_)) => return self.number_changed(),
            Some(Overlay::Types(_)) => return self.types_filtered(),
            // What is typed to confirm a plan finds nothing in it.
            Some(Overlay::Plan(_) | Overlay::Extend(_)) => return,
            Some(overlay) => {
                if let Some(place) = overlay.place() {
                    *place = 0;
                }
            }
            None => return,
        }
        self.find_in_palette();
    }

    /// Does what an action says within the topmost overlay.
    pub(super) fn overlay_action(&mut self, action: Action) {
        let page = self.overlay_page();
        match action {
            Action::Down => self.move_in_overlay(1),
            Action::Up => self.move_in_overlay(-1),
            Action::PageDown => self.move_in_overlay(page),
            Action::PageUp => self.move_in_overlay(-page),
            Action::Top => self.move_in_overlay(isize::MIN),
            Action::Bottom => self.move_in_overlay(isize::MAX),
            Action::Back => self.close(),
            Action::Open => self.choose(),
            Action::Mark => self.toggle_column(),
            Action::Describe => self.turn_over(false),
            Action::Source => self.turn_over(true),
            Action::CopyId => self.copy_from_overlay(),
            _ => {}
        }
    }

    fn overlay_page(&self) -> isize {
        isize::from(
            i16::try_from(self.state.size.1)
                .unwrap_or(i16::MAX)
                .saturating_sub(8)
                .max(1),
        )
    }

    fn move_in_overlay(&mut self, by: isize) {
        match self.state.overlays.last() {
            Some(Overlay::Launch(_)) => return self.step_field(by),
            Some(Overlay::Types(_)) => return self.move_type(by),
            _ => {}
        }
        let last = self.overlay_lines().saturating_sub(1);
        let Some(overlay) = self.state.overlays.last_mut() else {
            return;
        };
        let Some(place) = overlay.place() else { return };
        let to = place.saturating_add_signed(by).min(last);
        if to == *place {
            return;
        }
        *place = to;
        if let Overlay::Themes { items, .. } = overlay
            && let Some(name) = items.get(to).cloned()
        {
            self.effect(Effect::Theme(name));
        }
        self.touch();
    }

    /// The wheel over the topmost overlay.
    pub(super) fn wheel_overlay(&mut self, by: isize) {
        let list = self.state.overlays.last().is_some_and(Overlay::is_list);
        self.move_in_overlay(if list { by } else { by * WHEEL });
    }

    /// A click on a line of the topmost overlay.
    pub(super) fn click_overlay(&mut self, at: usize) {
        match self.state.overlays.last() {
            Some(Overlay::Launch(_)) => return self.click_field(at),
            Some(Overlay::Types(_)) => return self.click_type(at),
            _ => {}
        }
        let lines = self.overlay_lines();
        let Some(overlay) = self.state.overlays.last_mut().filter(|o| o.is_list() && at < lines) else {
            return;
        };
        if let Some(place) = overlay.place() {
            *place = at;
        }
        let is_columns = matches!(overlay, Overlay::Columns { .. });
        self.touch();
        if is_columns {
            self.toggle_column();
        } else {
            self.choose();
        }
    }

    /// Closes the topmost overlay. A theme that was only tried on is taken off.
    pub(super) fn close(&mut self) {
        let Some(overlay) = self.state.overlays.pop() else {
            return;
        };
        self.touch();
        if let Overlay::Themes { items, cursor, before } = overlay
            && items.get(cursor) != Some(&before)
        {
            self.effect(Effect::Theme(before));
        }
    }

    pub(super) fn close_all(&mut self) {
        while !self.state.overlays.is_empty() {
            self.close();
        }
    }

    /// Does what the line under the cursor stands for.
    fn choose(&mut self) {
        match self.state.overlays.last() {
            Some(Overlay::Palette { .. }) => self.choose_in_palette(),
            Some(Overlay::Menu { items, cursor, .. }) => {
                let action = items.get(*cursor).copied();
                self.close();
                if let Some(action) = action {
                    self.act(action);
                }
            }
            Some(Overlay::Sort { cursor }) => {
                let column = self
                    .focused_table()
                    .and_then(|(pane, kind)| Some((pane, *kind.columns().get(*cursor)?)));
                self.close();
                if let Some((pane, column)) = column {
                    self.sort_by(pane, &column);
                }
            }
            Some(Overlay::Columns { .. }) => self.close(),
            Some(Overlay::Themes { .. }) => {
                self.state.overlays.pop();
                self.touch();
            }
            Some(Overlay::Feeds { .. }) => self.retry_failed(),
            Some(Overlay::Plan(_)) => self.run_plan(),
            Some(Overlay::Scale(_)) => self.plan_scale(),
            Some(Overlay::Launch(_)) => self.plan_launch(),
            Some(Overlay::Types(_)) => self.take_types(),
            Some(Overlay::Extend(_)) => self.plan_extend(),
            Some(Overlay::Inquiry(_)) => self.inquire_again(),
            Some(Overlay::Locked { .. }) => self.take_over(),
            Some(Overlay::Abort { .. }) => self.abort_asked(),
            Some(Overlay::Help { .. } | Overlay::Describe { .. } | Overlay::Source { .. }) | None => {}
        }
    }

    fn retry_failed(&mut self) {
        let feeds = self.state.fleet.feeds().iter();
        let failed: Vec<_> = feeds
            .filter(|(_, feed)| matches!(feed.freshness(self.state.now), Freshness::Failed { .. }))
            .map(|(id, _)| id.clone())
            .collect();
        let text = match failed.len() {
            0 => "no source fails".to_owned(),
            1 => "asking the source that fails again".to_owned(),
            n => format!("asking the {n} sources that fail again"),
        };
        self.say(crate::fleet::Severity::Info, text);
        failed.into_iter().for_each(|feed| self.effect(Effect::Retry(feed)));
    }

    pub(super) fn open_help(&mut self) {
        self.push(Overlay::Help {
            line: Default::default(),
            scroll: 0,
        });
    }

    pub(super) fn open_feeds(&mut self) {
        self.push(Overlay::Feeds { scroll: 0 });
    }

    pub(super) fn open_describe(&mut self) {
        if let Some(about) = self.state.row().cloned() {
            self.push(Overlay::Describe { about, scroll: 0 });
        }
    }

    pub(super) fn open_source(&mut self) {
        if let Some(about) = self.state.row().cloned() {
            let json = false;
            self.push(Overlay::Source { about, json, scroll: 0 });
        }
    }

    /// From the description of a row to its source, to its other notation, and back.
    fn turn_over(&mut self, to_source: bool) {
        let turned = match (self.state.overlays.last(), to_source) {
            (Some(Overlay::Describe { about, .. }), true) => Overlay::Source {
                about: about.clone(),
                json: false,
                scroll: 0,
            },
            (Some(Overlay::Source { about, json, .. }), true) => Overlay::Source {
                about: about.clone(),
                json: !json,
                scroll: 0,
            },
            (Some(Overlay::Source { about, .. }), false) => Overlay::Describe {
                about: about.clone(),
                scroll: 0,
            },
            _ => return,
        };
        self.state.overlays.pop();
        self.push(turned);
    }

    fn copy_from_overlay(&mut self) {
        let text = match self.state.overlays.last() {
            Some(Overlay::Describe { about, .. }) => Some(rows::id_text(about)),
            Some(Overlay::Source { about, json, .. }) => source::text(&self.state.view(), about, *json),
            _ => None,
        };
        if let Some(text) = text {
            self.effect(Effect::Copy(text));
        }
    }

    pub(super) fn open_menu(&mut self) {
        let about = self.state.row().cloned();
        let pane = self.state.focused();
        let fits = |action: &Action| {
            let info = action.info();
            let of_row = matches!(info.group, Group::Row | Group::Change) && info.place != Place::Anywhere;
            let wanted = of_row && (about.is_some() || self.state.on_operation() || action.needs_no_row())
                || matches!(action, Action::Open | Action::Mark) && about.is_some()
                || info.group == Group::Rows && *action != Action::Mark;
            wanted && info.place.holds(pane) && self.state.is_worth(*action)
        };
        let mut items: Vec<_> = Action::ALL.into_iter().filter(fits).collect();
        // What is done with the row stands before what is done with the table.
        items.sort_by_key(|action| match action.info().group {
            Group::Move => 0,
            Group::Row => 1,
            Group::Change => 2,
            _ => 3,
        });
        if items.is_empty() {
            items.extend([Action::Zoom, Action::Palette, Action::Help]);
        }
        let cursor = 0;
        self.push(Overlay::Menu { about, items, cursor });
    }

    pub(super) fn open_themes(&mut self) {
        let (items, before) = self.state.themes.clone();
        let cursor = items.iter().position(|name| *name == before).unwrap_or(0);
        self.push(Overlay::Themes { items, cursor, before });
    }
}
