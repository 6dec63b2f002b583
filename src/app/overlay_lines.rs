//! What the overlays have in common: a text field, a cursor or a first line, and so many lines.

use super::help::help;
use super::overlay::Overlay;
use super::update::Turn;
use super::{describe, source};

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
    pub(super) fn place(&mut self) -> Option<&mut usize> {
        Some(match self {
            Self::Plan(planning) => &mut planning.scroll,
            Self::Scale(_)
            | Self::Launch(_)
            | Self::Types(_)
            | Self::Extend(_)
            | Self::Inquiry(_)
            | Self::Password(_)
            | Self::Form(_)
            | Self::TokenMade(_)
            | Self::Update(_)
            | Self::Locked { .. }
            | Self::Abort { .. } => return None,
            Self::Choosing(choosing) => &mut choosing.cursor,
            Self::Join(form) => &mut form.at,
            Self::Keys(keys) => &mut keys.at,
            Self::Ran(view) => &mut view.scroll,
            Self::Tokens(view) => &mut view.cursor,
            Self::Snapshots(view) => &mut view.cursor,
            Self::Help { scroll, .. }
            | Self::Describe { scroll, .. }
            | Self::Source { scroll, .. }
            | Self::Checks { scroll, .. }
            | Self::Feeds { scroll } => scroll,
            Self::Palette { cursor, .. }
            | Self::Menu { cursor, .. }
            | Self::Columns { cursor, .. }
            | Self::Sort { cursor }
            | Self::Themes { cursor, .. } => cursor,
        })
    }

    /// Whether its lines are chosen from, rather than read.
    pub(super) fn is_list(&self) -> bool {
        matches!(
            self,
            Self::Palette { .. }
                | Self::Menu { .. }
                | Self::Columns { .. }
                | Self::Sort { .. }
                | Self::Themes { .. }
                | Self::Launch(_)
                | Self::Types(_)
                | Self::Choosing(_)
                | Self::Join(_)
                | Self::Keys(_)
                | Self::Form(_)
                | Self::Tokens(_)
                | Self::Snapshots(_)
        )
    }
}

impl Turn<'_> {
    /// How many lines the topmost overlay has.
    pub(super) fn overlay_lines(&self) -> usize {
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
            Some(Overlay::Choosing(choosing)) => choosing.clusters.len(),
            Some(Overlay::Join(form)) => form.hosts.len(),
            Some(Overlay::Checks { host, .. }) => self.checks_of(host),
            Some(Overlay::Keys(keys)) => keys.keys.len(),
            Some(Overlay::Form(asking)) => asking.form.fields.len(),
            Some(Overlay::Ran(view)) => view.height(),
            Some(Overlay::Tokens(view)) => view.tokens().len(),
            Some(Overlay::Snapshots(view)) => view.snapshots().len(),
            Some(Overlay::Types(_)) => super::launching::types::rows(state).len(),
            Some(
                Overlay::Scale(_)
                | Overlay::Extend(_)
                | Overlay::Inquiry(_)
                | Overlay::Password(_)
                | Overlay::TokenMade(_)
                | Overlay::Update(_)
                | Overlay::Locked { .. }
                | Overlay::Abort { .. },
            ) => 0,
        }
    }

    /// How many checks were made of a host that is to join.
    fn checks_of(&self, host: &crate::fleet::HostName) -> usize {
        let forms = self.state.overlays.iter().filter_map(|overlay| match overlay {
            Overlay::Join(form) => form.host(host),
            _ => None,
        });
        forms.map(|host| host.judged.len()).sum()
    }
}
