//! Opening what lies over the screen, and going from one such thing to another.

use super::key_table::{Group, Place};
use super::overlay::Overlay;
use super::update::Turn;
use super::{Action, Effect, rows, source};
use crate::fleet::Freshness;

impl Turn<'_> {
    pub(super) fn retry_failed(&mut self) {
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
    pub(super) fn turn_over(&mut self, to_source: bool) {
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

    pub(super) fn copy_from_overlay(&mut self) {
        let text = match self.state.overlays.last() {
            Some(Overlay::Describe { about, .. }) => Some(rows::id_text(about)),
            Some(Overlay::Source { about, json, .. }) => source::text(&self.state.view(), about, *json),
            Some(Overlay::TokenMade(_)) => return self.copy_token(),
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
