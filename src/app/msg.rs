//! What can happen to the screen.

use jiff::Timestamp;
use smol_str::SmolStr;

use super::joining::{Found, KeyStanding};
use super::key::Key;
use super::launching::Surveyed;
use super::planning::PlanOption;
use super::tokens::TokenMade;
use super::{Action, Pane, Screen};
use crate::fleet::{ClusterId, ContextId, HostName, Observation, Scope, Severity, Way};
use crate::ops::launch::{Channel, Launch, Spec};
use crate::ops::restoring::Restorable;
use crate::ops::tokens::Tokens;
use crate::ops::updating::{Known, Update};
use crate::ops::{Event, OperationId, Plan, Progress, Ran, Resource, Stack};

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted.
    Paste(String),
    /// The mouse did something to a part of the screen.
    Mouse(Target, Click),
    /// The terminal has this many columns and rows now.
    Resize(u16, u16),
    /// Feeds saw something at a time.
    Observed(Timestamp, Vec<Observation>),
    /// It is this time now. Sent when something on the screen shows an age, at most once a second.
    Clock(Timestamp),
    /// The window gained or lost the focus.
    Focus(bool),
    /// An action was asked for from outside the keyboard.
    Do(Action),
    /// Something to say in the bottom line.
    Say(Severity, String),
    /// The themes that can be chosen, and the one in use.
    Themes(Vec<String>, String),
    /// The simulated world stands still, or goes on.
    Paused(bool),
    /// Something happened to an operation that this program runs.
    Operation(OperationId, Event),
    /// Operations as their journals tell them, none of which this program runs: read at the start, and for one that
    /// ended without saying so.
    Journals(Vec<Progress>),
    /// A plan was not run, for somebody else changes its cluster: who, since when.
    Locked(Box<Plan>, String),
    /// Where the kubeconfig is kept that was asked for.
    Kubeconfig(String),
    /// What a region offers to a launch, or why it does not tell.
    Surveyed(Scope, Result<Box<Surveyed>, String>),
    /// The launch that a spec became, or why it has no place.
    Placed(Box<Spec>, Result<Box<Launch>, String>),
    /// All that carries a cluster's tag, or why that is not known.
    Resources(ClusterId, Result<Vec<Resource>, String>),
    /// How a cluster's stack stands, or why that is not known.
    Stack(ClusterId, Result<Box<Stack>, String>),
    /// What a highly available cluster is, or why that is not known.
    Known(ClusterId, Result<Box<Known>, String>),
    /// What was typed in the editor, or why that is not known.
    Edited(Result<String, String>),
    /// What another spec would change, or why it is not worked out.
    Proposed(ClusterId, Result<Box<Update>, String>),
    /// What a cluster can be restored from, or why that is not known.
    Snapshots(ClusterId, Result<Restorable, String>),
    /// Where a cluster's API servers say that they are reached, each as `host:port`, or why that is not known.
    Advertised(ContextId, Result<Vec<SmolStr>, String>),
    /// What was found of a host that is to join a cluster.
    Looked(HostName, Found),
    /// Which key a host shows.
    HostKey(HostName, KeyStanding),
    /// A host's key was written down, or why not.
    Trusted(HostName, Result<(), String>),
    /// What came of a command on a host, or why it was not run.
    Ran(HostName, Result<Ran, String>),
    /// A host was written into `hosts.toml`, or why not.
    HostSaved(HostName, Result<(), String>),
    /// What is kept under a key of how hosts reach a cluster's API was written down, or why not.
    WayKept(SmolStr, Box<Way>, Result<(), String>),
    /// Whether a file is the key of a VPN that nobody else reads, or why not.
    VpnKey(String, Result<(), String>),
    /// The release channels of K3s, or why they are not known.
    Channels(Result<Vec<Channel>, String>),
    /// The tokens of a cluster, and what could not be asked.
    Tokens(Box<Tokens>),
    /// A bootstrap token was made, or why not.
    TokenMade(Result<TokenMade, String>),
    /// The bootstrap token with this id was deleted, or why not.
    TokenGone(SmolStr, Result<(), String>),
}

/// A part of the screen that the mouse can hit. The view tells which; see `tui::hit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A screen's tab.
    Tab(Screen),
    /// A pane's empty part or frame.
    Pane(Pane),
    /// A row of a table pane, by its place among the rows shown.
    Row(Pane, usize),
    /// A column heading of a table pane.
    Heading(Pane, &'static str),
    /// A filter chip of a pane, by its place.
    Chip(Pane, usize),
    /// An action's hint.
    Hint(Action),
    /// The freshness in the header or footer.
    Freshness,
    /// The count of findings in the header.
    Findings,
    /// A line of the topmost overlay, by its place.
    Item(usize),
    /// An option of the plan that is looked at.
    Option(PlanOption),
    /// The hint of a key of the topmost overlay.
    Press(Key),
    /// Beside the topmost overlay.
    Outside,
}

/// What the mouse did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Click {
    /// Left button.
    Left,
    /// Left button, twice.
    Double,
    /// Right button.
    Right,
    /// Wheel up.
    WheelUp,
    /// Wheel down.
    WheelDown,
}
