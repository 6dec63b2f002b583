//! The one way to change the screen's state: a message goes in, effects come out.
//!
//! A [`Turn`] is the work on one message. Each concern has a file of its own with the part of the turn that deals
//! with it: moving ([`nav`](super::nav)), rows ([`rows`](super::rows)), filters ([`filter`](super::filter)),
//! overlays ([`overlays`](super::overlays)), the palette and the mouse.

use jiff::{SignedDuration, Timestamp};

use super::key::{Key, KeyCode};
use super::key_table::Reach;
use super::projection::{project_panes, projection_due};
use super::{Action, Effect, Msg, State};
use crate::fleet::{Observation, Severity};

/// How long a message stays in the bottom line.
const NOTICE: SignedDuration = SignedDuration::from_secs(6);
/// How long a bad one does.
const WARNING: SignedDuration = SignedDuration::from_secs(15);

/// What came of a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    /// What the driver shall do, in this order.
    pub effects: Vec<Effect>,
    /// Whether anything visible changed, so that a frame is worth drawing.
    pub changed: bool,
}

/// Takes in a message.
pub fn update(state: &mut State, msg: Msg) -> Update {
    let mut turn = Turn {
        state,
        done: Update::default(),
    };
    turn.take(msg);
    turn.want_history();
    turn.done
}

/// The work on one message.
pub(super) struct Turn<'s> {
    pub(super) state: &'s mut State,
    done: Update,
}

impl Turn<'_> {
    fn take(&mut self, msg: Msg) {
        match msg {
            Msg::Key(key) => {
                self.meet();
                self.key(key);
            }
            Msg::Paste(text) => self.paste(&text),
            Msg::Mouse(target, click) => {
                self.meet();
                self.mouse(target, click);
            }
            Msg::Resize(columns, rows) => self.set(|s| &mut s.size, (columns, rows)),
            Msg::Observed(at, observations) => self.observe(at, observations),
            Msg::Clock(now) => self.clock(now),
            Msg::Focus(focus) => self.set(|s| &mut s.window_focus, focus),
            Msg::Do(action) => {
                if !self.state.overlays.is_empty() && action.info().reach == Reach::Screen {
                    self.close_all();
                }
                self.act(action);
            }
            Msg::Say(severity, text) => self.say(severity, text),
            Msg::Themes(names, used) => self.set(|s| &mut s.themes, (names, used)),
            Msg::Paused(paused) => self.set(|s| &mut s.demo, Some(paused)),
            Msg::Operation(id, event) => self.operation(id, &event),
            Msg::Journals(read) => self.journals(read),
            Msg::Locked(plan, why) => self.locked(plan, why),
            Msg::Kubeconfig(path) => self.effect(Effect::Copy(format!("export KUBECONFIG={path}"))),
            Msg::Surveyed(scope, answer) => self.surveyed(scope, answer),
            Msg::Placed(spec, answer) => self.placed(&spec, answer),
            Msg::Resources(cluster, answer) => self.inquired(&cluster, answer),
            Msg::Stack(cluster, answer) => self.stack_told(&cluster, answer),
            Msg::Known(cluster, answer) => self.known(&cluster, answer),
            Msg::Edited(answer) => self.edited(answer),
            Msg::Proposed(cluster, answer) => self.proposed(&cluster, answer),
            Msg::Snapshots(cluster, answer) => self.snapshots_told(&cluster, answer),
            Msg::Advertised(context, answer) => self.advertised(&context, answer),
            Msg::Looked(host, found) => self.looked(&host, found),
            Msg::HostKey(host, stands) => self.key_shown(&host, stands),
            Msg::Trusted(host, outcome) => self.trusted(&host, outcome),
            Msg::Ran(host, result) => self.ran(host, result),
            Msg::HostSaved(host, outcome) => self.host_saved(&host, outcome),
            Msg::WayKept(key, way, outcome) => self.way_kept(&key, &way, outcome),
            Msg::VpnKey(file, outcome) => self.vpn_key(&file, outcome),
            Msg::Channels(answer) => self.channels(answer),
            Msg::Tokens(told) => self.tokens_told(told),
            Msg::TokenMade(made) => self.token_made(made),
            Msg::TokenGone(id, outcome) => self.token_gone(&id, outcome),
        }
    }

    /// Something visible changed.
    pub(super) fn touch(&mut self) {
        self.done.changed = true;
    }

    /// The rows shown have to be found anew.
    pub(super) fn touch_rows(&mut self) {
        self.state.made.stale = true;
        self.touch();
    }

    /// Sets a visible field.
    pub(super) fn set<T: PartialEq>(&mut self, field: impl FnOnce(&mut State) -> &mut T, value: T) {
        let field = field(self.state);
        if *field != value {
            *field = value;
            self.touch();
        }
    }

    /// Brings the rows up to date, so that what is done next meets the rows that the operator will see.
    pub(super) fn settle(&mut self) {
        if self.state.made.stale {
            project_panes(self.state);
            self.touch();
        }
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.done.effects.push(effect);
    }

    /// Says something in the bottom line: the first line of what is given.
    pub(super) fn say(&mut self, severity: Severity, text: impl Into<String>) {
        let mut text = text.into();
        if let Some((first, rest)) = text.split_once('\n') {
            let more = rest.lines().count();
            text = format!("{first} (+{more} more)");
        }
        let stay = if severity >= Severity::Warning { WARNING } else { NOTICE };
        let until = self.state.now.checked_add(stay).unwrap_or(Timestamp::MAX);
        self.state.notice = Some((severity, text, until));
        self.touch();
    }

    fn meet(&mut self) {
        self.state.made.met = true;
        self.state.made.hurry = true;
    }

    fn observe(&mut self, at: Timestamp, observations: Vec<Observation>) {
        // Drawn with the next projection, which the driver asks for: see `projection_due`.
        for observation in observations {
            self.state.fleet.apply(observation, at);
        }
    }

    fn clock(&mut self, now: Timestamp) {
        let shown = self.state.now.as_second();
        self.state.now = now;
        if now.as_second() != shown || projection_due(self.state).is_some_and(|due| due <= now) {
            self.touch();
        }
        if self.state.notice.as_ref().is_some_and(|(_, _, until)| *until <= now) {
            self.state.notice = None;
            self.touch();
        }
    }

    fn key(&mut self, key: Key) {
        if let Some(action) = self.state.keys.in_text(key) {
            self.act(action);
        } else if !self.state.overlays.is_empty() {
            self.overlay_key(key);
        } else if self.state.filtering.is_some() {
            self.filter_key(key);
        } else if let Some(action) = self.state.keys.in_pane(key, self.state.focused()) {
            self.act(action);
        } else if let KeyCode::Char(letter) = key.code()
            && key.has_shift()
        {
            self.sort_by_letter(letter);
        }
    }

    /// Does what an action says.
    pub(super) fn act(&mut self, action: Action) {
        self.settle();
        let info = action.info();
        if !self.state.overlays.is_empty() && info.reach == Reach::Lists {
            return self.overlay_action(action);
        }
        if self.state.filtering.is_some() && info.reach != Reach::Everywhere {
            match action {
                Action::Back => return self.drop_filter(),
                _ => self.keep_filter(),
            }
        }
        let fits = info.place.holds(self.state.focused()) || action.needs_no_row();
        if !fits {
            return self.say(Severity::Info, format!("{} does nothing in this pane", action.name()));
        }
        match action {
            Action::Down => self.move_cursor(1),
            Action::Up => self.move_cursor(-1),
            Action::PageDown => self.move_pages(1),
            Action::PageUp => self.move_pages(-1),
            Action::Top => self.move_cursor(isize::MIN),
            Action::Bottom => self.move_cursor(isize::MAX),
            Action::Left => self.scroll_columns(-1),
            Action::Right => self.scroll_columns(1),
            Action::Open => self.open(),
            Action::Back => self.back(),
            Action::NextPane => self.step_pane(1),
            Action::PreviousPane => self.step_pane(-1),
            Action::ShowFleet
            | Action::ShowMachines
            | Action::ShowPools
            | Action::ShowPrices
            | Action::ShowEdge
            | Action::ShowOperations
            | Action::ShowFindings => self.show_by_action(action),
            Action::AllClusters => self.all_clusters(),
            Action::HistoryBack => self.step_history(super::history::back),
            Action::HistoryForward => self.step_history(super::history::forward),
            Action::Zoom => self.zoom(),
            Action::Palette => self.open_palette(),
            Action::Menu => self.open_menu(),
            Action::Help => self.open_help(),
            Action::Filter => self.start_filter(),
            Action::FaultsOnly => self.toggle_faults(),
            Action::SortPicker => self.open_sort(),
            Action::SortNext => self.sort_next(),
            Action::SortReverse => self.sort_reverse(),
            Action::ColumnPicker => self.open_columns(),
            Action::Wide => self.toggle_wide(),
            Action::Mark => self.mark(),
            Action::MarkRange => self.mark_range(),
            Action::ClearMarks => self.clear_marks(),
            Action::Describe => self.open_describe(),
            Action::Source => self.open_source(),
            Action::CopyId => self.copy_id(),
            Action::SaveCsv => self.save_csv(),
            Action::Refresh => self.refresh(),
            Action::Feeds => self.open_feeds(),
            Action::SpanShorter => self.change_span(-1),
            Action::SpanLonger => self.change_span(1),
            Action::Themes => self.open_themes(),
            Action::Pause => self.pause(),
            Action::Mouse => self.toggle_mouse(),
            Action::Redraw => {
                self.effect(Effect::Redraw);
                self.touch();
            }
            Action::Suspend => self.effect(Effect::Suspend),
            Action::Quit => self.quit(),
            Action::Launch => self.open_launch(),
            Action::Extend => self.open_extend(),
            Action::Scale
            | Action::Cordon
            | Action::Uncordon
            | Action::Drain
            | Action::Replace
            | Action::Remove
            | Action::Leave
            | Action::Reboot
            | Action::Certificates
            | Action::Backup
            | Action::Mend => self.change(action),
            Action::Stop => self.stop_operation(),
            Action::Resume => self.resume_operation(),
            Action::Abort => self.abort_operation(),
            Action::TestReaper => self.test_reaper(),
            Action::DetectDrift => self.detect_drift(),
            Action::Kubeconfig | Action::MergeKubeconfig => self.kubeconfig(action),
            Action::Shell => self.open_shell(),
            Action::Logs => self.open_logs(),
            Action::SudoPassword => self.open_sudo(),
            Action::Join => self.open_join(),
            Action::Run => self.open_run(),
            Action::AddHost => self.open_add_host(),
            Action::EditHost => self.open_edit_host(),
            Action::AcceptKey => self.open_keys(),
            Action::Tokens => self.open_tokens(),
            Action::Snapshots => self.open_snapshots(),
            Action::Update => self.open_update(),
            Action::RollBack => self.open_rollback(),
            Action::Upgrade => self.open_upgrade(),
        }
    }
}
