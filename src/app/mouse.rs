//! The mouse: the same actions as the keys', at the place that is pointed at.

use super::msg::{Click, Target};
use super::update::Turn;
use super::{Pane, Screen};

/// Rows by which the wheel moves.
const WHEEL: isize = 3;

impl Turn<'_> {
    pub(super) fn mouse(&mut self, target: Target, click: Click) {
        if !self.state.overlays.is_empty() {
            return self.mouse_in_overlay(&target, click);
        }
        let wheel = match click {
            Click::WheelUp => Some(-WHEEL),
            Click::WheelDown => Some(WHEEL),
            Click::Left | Click::Double | Click::Right => None,
        };
        self.settle();
        match (target, wheel) {
            (Target::Pane(pane) | Target::Row(pane, _) | Target::Heading(pane, _), Some(by)) => self.move_in(pane, by),
            (_, Some(_)) | (Target::Item(_) | Target::Option(_) | Target::Press(_) | Target::Outside, None) => {}
            (Target::Tab(screen), None) => self.show_screen(screen),
            (Target::Pane(pane), None) => {
                self.leave_filter(pane);
                self.focus(pane);
                if click == Click::Right {
                    self.open_menu();
                }
            }
            (Target::Row(pane, at), None) => self.click_row(pane, at, click),
            (Target::Heading(pane, name), None) => {
                self.leave_filter(pane);
                self.focus(pane);
                let columns = pane.table().map(|kind| kind.columns()).unwrap_or_default();
                match columns.iter().find(|c| c.name == name) {
                    Some(column) if click != Click::Right => self.sort_by(pane, column),
                    _ => self.open_columns(),
                }
            }
            (Target::Chip(pane, at), None) => self.remove_term(pane, at),
            (Target::Hint(action), None) => self.act(action),
            (Target::Freshness, None) => self.open_feeds(),
            (Target::Findings, None) => self.show_screen(Screen::Findings),
        }
    }

    fn click_row(&mut self, pane: Pane, at: usize, click: Click) {
        self.leave_filter(pane);
        self.focus(pane);
        if pane == Pane::Operations {
            self.click_operation(at);
            return match click {
                Click::Double => self.open(),
                Click::Right => self.open_menu(),
                _ => {}
            };
        }
        let Some(table) = self.state.tables.get_mut(&pane).filter(|t| at < t.shown.rows.len()) else {
            return;
        };
        if table.put_cursor(at) {
            self.touch();
        }
        match click {
            Click::Double => self.open(),
            Click::Right => self.open_menu(),
            _ => {}
        }
    }

    /// Ends typing when something else than the filtered pane is clicked.
    fn leave_filter(&mut self, pane: Pane) {
        if self.state.filtering.is_some_and(|typed| typed != pane) {
            self.keep_filter();
        }
    }

    fn mouse_in_overlay(&mut self, target: &Target, click: Click) {
        match (target, click) {
            (_, Click::WheelUp) => self.wheel_overlay(-1),
            (_, Click::WheelDown) => self.wheel_overlay(1),
            (Target::Item(at), Click::Left | Click::Double) => self.click_overlay(*at),
            (Target::Item(_), Click::Right) => {}
            (Target::Option(option), Click::Left | Click::Double) => self.turn_option(*option),
            (Target::Hint(action), _) => self.act(*action),
            (Target::Press(key), _) => self.overlay_key(*key),
            (_, Click::Left | Click::Double | Click::Right) => self.close(),
        }
    }
}
