//! What concerns the program and its sources: refreshing, the price history's span, the demo's pause, the mouse.

use std::collections::BTreeSet;

use super::update::Turn;
use super::{Effect, Screen};
use crate::fleet::{Severity, Source};

/// The spans of price history, in days.
pub const SPANS: [u8; 4] = [1, 3, 7, 14];

impl Turn<'_> {
    pub(super) fn refresh(&mut self) {
        let sources: BTreeSet<Source> = self
            .state
            .fleet
            .feeds()
            .keys()
            .map(|feed| feed.source.clone())
            .collect();
        let text = match sources.len() {
            0 => "there is no source yet".to_owned(),
            1 => "asking the source again".to_owned(),
            n => format!("asking all {n} sources again"),
        };
        self.state.histories.clear();
        if !sources.is_empty() {
            self.effect(Effect::Refresh(sources.into_iter().collect()));
        }
        self.say(Severity::Info, text);
    }

    /// One span of price history further or back.
    pub(super) fn change_span(&mut self, by: isize) {
        let at = SPANS.iter().position(|days| *days == self.state.span_days).unwrap_or(0);
        let days = SPANS.get(at.saturating_add_signed(by)).copied();
        self.set(|s| &mut s.span_days, days.unwrap_or(if by < 0 { 1 } else { 14 }));
    }

    /// Asks for the price history that the chart shows, once for each offer and span.
    pub(super) fn want_history(&mut self) {
        if !matches!(self.state.screen, Screen::Fleet | Screen::Prices) {
            return;
        }
        let Some(offer) = self.state.chosen_offer() else { return };
        let days = self.state.span_days;
        if self.state.histories.get(&offer).is_none_or(|asked| *asked < days) {
            self.state.histories.insert(offer.clone(), days);
            self.effect(Effect::History(offer, days));
        }
    }

    pub(super) fn pause(&mut self) {
        match self.state.demo {
            Some(paused) => self.effect(Effect::Pause(!paused)),
            None => self.say(Severity::Info, "only the simulated world (--demo) can be halted"),
        }
    }

    pub(super) fn toggle_mouse(&mut self) {
        self.state.mouse = !self.state.mouse;
        self.effect(Effect::Mouse(self.state.mouse));
        let text = if self.state.mouse {
            "the mouse acts here"
        } else {
            "the mouse is the terminal's: it selects text"
        };
        self.say(Severity::Info, text);
    }
}
