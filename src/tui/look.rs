//! What the view draws with, and how severities and states look: a sign and a style each, so that colour is
//! never the only sign.

use jiff::Timestamp;
use ratatui::style::{Modifier, Style};

use super::glyphs::Glyphs;
use super::theme::Theme;
use crate::app::operations::OperationState;
use crate::app::tasks::TaskState;
use crate::fleet::{FaultKind, Severity};

/// A theme and a set of signs.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) theme: &'a Theme,
    pub(super) glyphs: &'a Glyphs,
}

impl Look<'_> {
    /// The sign and style of a severity.
    pub(super) fn severity(&self, severity: Severity) -> (&'static str, Style) {
        match severity {
            Severity::Ok => (self.glyphs.ok, self.theme.ok),
            Severity::Info => (self.glyphs.info, self.theme.info),
            Severity::Warning => (self.glyphs.warning, self.theme.warning),
            Severity::Critical => (self.glyphs.critical, self.theme.critical),
        }
    }

    /// The sign and style of a row: its severity's, or its state's where nothing is the matter with it.
    pub(super) fn row(&self, severity: Severity, state: &str) -> (&'static str, Style) {
        if severity >= Severity::Warning {
            return self.severity(severity);
        }
        match state {
            "Pending" | "Joining" => (self.glyphs.pending, self.theme.pending),
            "Stopping" | "ShuttingDown" => (self.glyphs.fading, self.theme.pending),
            "Stopped" => (self.glyphs.gone, self.theme.muted),
            _ => self.severity(severity),
        }
    }

    /// The style of a machine's state.
    pub(super) fn state(&self, state: &str) -> Style {
        match state {
            "Ready" => self.theme.ok,
            "Pending" | "Joining" | "Stopping" | "ShuttingDown" => self.theme.pending,
            "NotReady" | "Unknown" | "Interrupted" => self.theme.critical,
            "Stray" | "Ghost" | "Silent" => self.theme.warning,
            "Cordoned" | "Unjoined" => self.theme.info,
            _ => self.theme.muted,
        }
    }

    /// A sign that something goes on, by the second.
    pub(super) fn spinner(&self, now: Timestamp) -> &'static str {
        let frame = usize::try_from(now.as_second()).unwrap_or_default() % self.glyphs.spinner.len();
        self.glyphs.spinner.get(frame).copied().unwrap_or_default()
    }

    /// The sign and style of an operation that stands so.
    pub(super) fn operation(&self, stands: OperationState, now: Timestamp) -> (&'static str, Style) {
        match stands {
            OperationState::Running => (self.spinner(now), self.theme.pending),
            OperationState::Stopping => (self.glyphs.fading, self.theme.pending),
            OperationState::CutOff | OperationState::Partly => (self.glyphs.warning, self.theme.warning),
            OperationState::Failed => (self.glyphs.critical, self.theme.critical),
            OperationState::Cancelled => (self.glyphs.fading, self.theme.info),
            OperationState::Done => (self.glyphs.ok, self.theme.ok),
            OperationState::Aborted => (self.glyphs.gone, self.theme.muted),
        }
    }

    /// The sign and style of a stage or a step that stands so.
    pub(super) fn task(&self, stands: TaskState, now: Timestamp) -> (&'static str, Style) {
        match stands {
            TaskState::Waiting => (self.glyphs.none, self.theme.muted),
            TaskState::Running => (self.spinner(now), self.theme.pending),
            TaskState::Stopped => (self.glyphs.fading, self.theme.info),
            TaskState::Done => (self.glyphs.ok, self.theme.ok),
            TaskState::Failed => (self.glyphs.critical, self.theme.critical),
        }
    }

    /// The row under the cursor. A theme without colours still shows it.
    pub(super) fn selection(&self, focused: bool) -> Style {
        let style = if focused {
            self.theme.selection
        } else {
            self.theme.selection_away
        };
        match (style == Style::default(), focused) {
            (true, true) => style.add_modifier(Modifier::REVERSED),
            (true, false) => style.add_modifier(Modifier::BOLD),
            _ => style,
        }
    }

    /// A word set apart from the words around it: by its background, or by brackets where that has none.
    pub(super) fn chip(&self, text: &str, style: Style) -> String {
        let apart = style.bg.is_some() || style.add_modifier.contains(Modifier::REVERSED);
        if apart {
            format!(" {text} ")
        } else {
            format!("[{text}]")
        }
    }
}

/// A failure in a word or two.
pub(super) fn fault_word(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::Throttled => "throttled",
        FaultKind::Denied => "denied",
        FaultKind::Credentials => "no credentials",
        FaultKind::Unreachable => "unreachable",
        FaultKind::Unsupported => "not offered",
        FaultKind::Malformed => "not understood",
        FaultKind::NotYet => "not yet",
        FaultKind::NoCapacity => "no capacity",
        FaultKind::Crashed => "crashed",
        FaultKind::Other => "failed",
    }
}
