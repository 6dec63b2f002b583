//! Moving in what lies over the screen, choosing there, and closing it.

use super::key::{Key, KeyCode};
use super::overlay::Overlay;
use super::update::Turn;
use super::{Action, Effect, line};

/// Lines by which the wheel scrolls a text.
const WHEEL: isize = 3;

impl Turn<'_> {
    pub(super) fn push(&mut self, overlay: Overlay) {
        if self.state.filtering.is_some() {
            self.keep_filter();
        }
        self.state.overlays.push(overlay);
        self.touch();
    }

    pub(super) fn overlay_key(&mut self, key: Key) {
        match self.state.overlays.last() {
            Some(Overlay::Scale(_)) => return self.scale_key(key),
            Some(Overlay::Launch(_)) => return self.launch_key(key),
            Some(Overlay::Types(_)) => return self.types_key(key),
            Some(Overlay::Extend(_)) => return self.extend_key(key),
            Some(Overlay::Password(_)) => return self.password_key(key),
            Some(Overlay::Form(_)) => return self.form_key(key),
            _ => {}
        }
        let own = match self.state.overlays.last() {
            Some(Overlay::Plan(_)) => self.plan_key(key),
            Some(Overlay::Join(_)) => self.join_key(key),
            Some(Overlay::Checks { .. }) => self.checks_key(key),
            Some(Overlay::Keys(_)) => self.keys_key(key),
            Some(Overlay::Tokens(_)) => self.tokens_key(key),
            Some(Overlay::Snapshots(_)) => self.snapshots_key(key),
            Some(Overlay::TokenMade(_)) if key == Key::char('c') => {
                self.copy_token();
                true
            }
            _ => false,
        };
        if own {
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
        match self.state.overlays.last() {
            Some(Overlay::Launch(_)) => return self.paste_into_form(text),
            Some(Overlay::Form(_)) => return self.paste_into_small_form(text),
            Some(Overlay::Password(_)) => return self.paste_password(text),
            _ => {}
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
            Some(Overlay::Form(_)) => return self.step_in_form(by),
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
            Some(Overlay::Form(_)) => return self.click_in_form(at),
            _ => {}
        }
        let lines = self.overlay_lines();
        let Some(overlay) = self.state.overlays.last_mut().filter(|o| o.is_list() && at < lines) else {
            return;
        };
        let before = overlay.place().map(|place| std::mem::replace(place, at));
        let looked_at = matches!(
            overlay,
            Overlay::Join(_) | Overlay::Keys(_) | Overlay::Tokens(_) | Overlay::Snapshots(_)
        );
        let is_columns = matches!(overlay, Overlay::Columns { .. });
        self.touch();
        match is_columns {
            true => self.toggle_column(),
            // What is looked at row by row is gone to first.
            false if looked_at && before != Some(at) => {}
            false => self.choose(),
        }
    }

    /// Closes the topmost overlay. A theme that was only tried on is taken off, and a change that was only planned discarded.
    pub(super) fn close(&mut self) {
        let Some(overlay) = self.state.overlays.pop() else {
            return;
        };
        self.touch();
        match overlay {
            Overlay::Themes { items, cursor, before } if items.get(cursor) != Some(&before) => {
                self.effect(Effect::Theme(before));
            }
            Overlay::Plan(planning) => self.leave_update(&planning),
            _ => {}
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
            Some(Overlay::Choosing(_)) => self.cluster_chosen(),
            Some(Overlay::Join(_)) => self.open_checks(),
            Some(Overlay::Keys(_)) => drop(self.keys_key(KeyCode::Enter.into())),
            Some(Overlay::Password(_)) => self.password_typed(),
            Some(Overlay::Form(_)) => self.form_done(),
            Some(Overlay::Tokens(_)) => drop(self.tokens_key(KeyCode::Enter.into())),
            Some(Overlay::Snapshots(_)) => self.restore_here(),
            Some(Overlay::Update(_)) => self.edit_again(),
            Some(Overlay::Checks { .. } | Overlay::Ran(_) | Overlay::TokenMade(_)) => {}
            Some(Overlay::Help { .. } | Overlay::Describe { .. } | Overlay::Source { .. }) | None => {}
        }
    }
}
