//! What lies over a screen: one at a time, or several stacked; the topmost takes the keys.

use tui_input::Input;

use super::action::Action;
use super::asking::Asking;
use super::inquiry::{ExtendForm, Inquiry};
use super::joining::{Choosing, HostKeys, JoinForm, PasswordForm};
use super::launching::LaunchForm;
use super::launching::types::TypePicker;
use super::planning::Planning;
use super::running::RunView;
use super::scaling::ScaleForm;
use super::snapshots::SnapshotsView;
use super::tokens::{TokenMade, TokensView};
use super::updating::UpdateView;
use crate::fleet::HostName;
use crate::fleet::table::RowId;
use crate::ops::{OperationId, Plan};

/// An overlay.
#[derive(Clone, Debug)]
pub enum Overlay {
    /// Keys and what they do, from the key table; filterable.
    Help {
        /// What is looked for.
        line: Input,
        /// First line shown.
        scroll: usize,
    },
    /// The command palette.
    Palette {
        /// What is typed.
        line: Input,
        /// The matches, best first: what would be done, with the highlighted places of the match.
        matches: Vec<PaletteMatch>,
        /// The match under the cursor.
        cursor: usize,
    },
    /// The actions that fit the row under the cursor.
    Menu {
        /// The row.
        about: Option<RowId>,
        /// The actions.
        items: Vec<Action>,
        /// The action under the cursor.
        cursor: usize,
    },
    /// The column picker of the focused table.
    Columns {
        /// All columns in their order, and whether each is shown.
        items: Vec<(&'static str, bool)>,
        /// The column under the cursor.
        cursor: usize,
    },
    /// The sort picker of the focused table.
    Sort {
        /// The column under the cursor.
        cursor: usize,
    },
    /// All themes, to try and choose.
    Themes {
        /// Their names.
        items: Vec<String>,
        /// The theme under the cursor: it is in force while the overlay is open.
        cursor: usize,
        /// The theme to go back to.
        before: String,
    },
    /// Everything known about a row, in sections.
    Describe {
        /// The row.
        about: RowId,
        /// First line shown.
        scroll: usize,
    },
    /// A row as YAML or JSON.
    Source {
        /// The row.
        about: RowId,
        /// Whether JSON is shown rather than YAML.
        json: bool,
        /// First line shown.
        scroll: usize,
    },
    /// A change before it is made: its plan, or why it is refused.
    Plan(Box<Planning>),
    /// How many machines a pool shall have.
    Scale(Box<ScaleForm>),
    /// The cluster that is wished for.
    Launch(Box<LaunchForm>),
    /// The instance types to choose from; over the form.
    Types(Box<TypePicker>),
    /// How much longer a cluster shall live.
    Extend(Box<ExtendForm>),
    /// What a cluster is made of is asked for.
    Inquiry(Box<Inquiry>),
    /// The cluster that hosts are to join.
    Choosing(Box<Choosing>),
    /// The hosts that are to join a cluster, and what was found of each.
    Join(Box<JoinForm>),
    /// What was judged of one of them; over the list.
    Checks {
        /// The host.
        host: HostName,
        /// First line shown.
        scroll: usize,
    },
    /// Keys of hosts that are looked at before they are written down.
    Keys(Box<HostKeys>),
    /// The password that sudo wants.
    Password(Box<PasswordForm>),
    /// A small form.
    Form(Box<Asking>),
    /// What came of a command on hosts.
    Ran(Box<RunView>),
    /// The tokens of a cluster.
    Tokens(Box<TokensView>),
    /// What a cluster can be restored from.
    Snapshots(Box<SnapshotsView>),
    /// A cluster that is being changed; its plan lies above.
    Update(Box<UpdateView>),
    /// A bootstrap token that was just made: it is shown this once.
    TokenMade(Box<TokenMade>),
    /// A plan was not run, for another operator changes the cluster.
    Locked {
        /// The plan.
        plan: Box<Plan>,
        /// Who changes the cluster, since when.
        why: String,
        /// The cluster's name, typed to take its lock over.
        line: Input,
    },
    /// Whether an operation shall be given up.
    Abort {
        /// The operation.
        id: OperationId,
    },
    /// Every feed with its freshness, faults and mends.
    Feeds {
        /// First line shown.
        scroll: usize,
    },
}

/// A line of the palette.
#[derive(Clone, Debug, PartialEq)]
pub struct PaletteMatch {
    /// What choosing it does.
    pub choice: Choice,
    /// As shown.
    pub label: String,
    /// Which characters of the label matched.
    pub places: Vec<u32>,
}

/// What a line of the palette stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// An action.
    Do(Action),
    /// A row to go to.
    Go(RowId),
    /// A theme to use.
    Theme(String),
}
