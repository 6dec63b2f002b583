//! The key table: every action with its name, keys, place and help. The keymap, the help, the hints in the bottom
//! line, the palette and the context menu are all made from it, so that none can say what another does not.

use super::{Action, Pane};

/// What is known of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionInfo {
    /// The action.
    pub action: Action,
    /// Its name in the configuration and the palette.
    pub name: &'static str,
    /// Where it stands in the help.
    pub group: Group,
    /// The keys it has unless told otherwise.
    pub keys: &'static [&'static str],
    /// Where it applies.
    pub place: Place,
    /// Which layers of the screen it reaches.
    pub reach: Reach,
    /// What it does, in one line.
    pub help: &'static str,
}

/// Where actions stand in the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// Moving the cursor.
    Move,
    /// Going from view to view.
    Go,
    /// Which rows and columns are shown, and which are marked.
    Rows,
    /// Looking at one row.
    Row,
    /// The program itself.
    Program,
    /// Changing the fleet.
    Change,
}

impl Group {
    /// All groups, in the order of the help.
    pub const ALL: [Self; 6] = [Self::Move, Self::Go, Self::Rows, Self::Row, Self::Change, Self::Program];

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Move => "Move",
            Self::Go => "Go",
            Self::Rows => "Rows and columns",
            Self::Row => "The row",
            Self::Program => "The program",
            Self::Change => "Change the fleet",
        }
    }
}

/// Where an action applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Everywhere.
    Anywhere,
    /// In panes that show a table.
    Tables,
    /// In these panes. Its keys there go before those of wider actions: `s` scales a pool and opens a shell on a
    /// machine.
    Panes(&'static [Pane]),
}

impl Place {
    /// Whether the pane belongs to it.
    pub fn holds(self, pane: Pane) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Tables => pane.table().is_some(),
            Self::Panes(panes) => panes.contains(&pane),
        }
    }

    /// The nearer place wins where two actions have one key.
    pub(super) fn nearness(self) -> u8 {
        match self {
            Self::Anywhere => 0,
            Self::Tables => 1,
            Self::Panes(_) => 2,
        }
    }
}

/// Which layers of the screen an action reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// The panes only.
    Screen,
    /// Overlays with lines to move in too.
    Lists,
    /// Text fields too.
    Everywhere,
}

const CLUSTERS: &[Pane] = &[Pane::FleetClusters];
const LAUNCHES: &[Pane] = &[Pane::FleetClusters, Pane::FleetPools, Pane::Pools];
const POOLS: &[Pane] = &[Pane::FleetPools, Pane::Pools];
const MACHINES: &[Pane] = &[Pane::FleetMachines, Pane::Machines, Pane::Edge];
const EDGE: &[Pane] = &[Pane::Edge];
const PRICES: &[Pane] = &[Pane::Prices, Pane::PriceChart, Pane::FleetSpot];
const REMOVABLE: &[Pane] = &[Pane::FleetClusters, Pane::FleetMachines, Pane::Machines];
const CERTIFIED: &[Pane] = &[Pane::FleetClusters, Pane::FleetMachines, Pane::Machines, Pane::Edge];
const REAPED: &[Pane] = &[Pane::FleetClusters, Pane::Findings];
const FINDINGS: &[Pane] = &[Pane::Findings];
const OPERATIONS: &[Pane] = &[Pane::Operations, Pane::Steps];

const fn row(
    action: Action,
    name: &'static str,
    group: Group,
    keys: &'static [&'static str],
    place: Place,
    reach: Reach,
    help: &'static str,
) -> ActionInfo {
    ActionInfo {
        action,
        name,
        group,
        keys,
        place,
        reach,
        help,
    }
}

/// All actions, in the order of [`Action`].
#[rustfmt::skip]
pub(super) const TABLE: [ActionInfo; Action::COUNT] = [
    row(Action::Down, "down", Group::Move, &["j", "down"], Place::Anywhere, Reach::Lists, "one row down"),
    row(Action::Up, "up", Group::Move, &["k", "up"], Place::Anywhere, Reach::Lists, "one row up"),
    row(Action::PageDown, "page-down", Group::Move, &["pgdn", "ctrl-f"], Place::Anywhere, Reach::Lists, "a window down"),
    row(Action::PageUp, "page-up", Group::Move, &["pgup", "ctrl-b"], Place::Anywhere, Reach::Lists, "a window up"),
    row(Action::Top, "top", Group::Move, &["g", "home"], Place::Anywhere, Reach::Lists, "to the first row"),
    row(Action::Bottom, "bottom", Group::Move, &["shift-g", "end"], Place::Anywhere, Reach::Lists, "to the last row"),
    row(Action::Left, "left", Group::Move, &["left", "h"], Place::Anywhere, Reach::Lists, "columns to the left"),
    row(Action::Right, "right", Group::Move, &["right", "l"], Place::Anywhere, Reach::Lists, "columns to the right"),
    row(Action::Open, "open", Group::Move, &["enter"], Place::Anywhere, Reach::Lists, "go into the row: a cluster's machines, a pool's, a finding's subject, a price's chart"),
    row(Action::Back, "back", Group::Go, &["esc", "q"], Place::Anywhere, Reach::Lists, "close, clear the filter, clear the marks, or go back: one step at a time"),
    row(Action::NextPane, "next-pane", Group::Go, &["tab"], Place::Anywhere, Reach::Screen, "the next pane"),
    row(Action::PreviousPane, "previous-pane", Group::Go, &["shift-tab"], Place::Anywhere, Reach::Screen, "the pane before"),
    row(Action::ShowFleet, "fleet", Group::Go, &["1"], Place::Anywhere, Reach::Screen, "all panes at a glance"),
    row(Action::ShowMachines, "machines", Group::Go, &["2"], Place::Anywhere, Reach::Screen, "all machines"),
    row(Action::ShowPools, "pools", Group::Go, &["3"], Place::Anywhere, Reach::Screen, "all pools"),
    row(Action::ShowPrices, "prices", Group::Go, &["4"], Place::Anywhere, Reach::Screen, "spot and on-demand prices, with their history"),
    row(Action::ShowEdge, "edge", Group::Go, &["5"], Place::Anywhere, Reach::Screen, "edge hosts"),
    row(Action::ShowOperations, "operations", Group::Go, &["6"], Place::Anywhere, Reach::Screen, "what has been and is being done"),
    row(Action::ShowFindings, "findings", Group::Go, &["7"], Place::Anywhere, Reach::Screen, "what wants looking at"),
    row(Action::AllClusters, "all-clusters", Group::Go, &["0"], Place::Anywhere, Reach::Screen, "all clusters again"),
    row(Action::HistoryBack, "history-back", Group::Go, &["[", "-"], Place::Anywhere, Reach::Screen, "to the view before"),
    row(Action::HistoryForward, "history-forward", Group::Go, &["]"], Place::Anywhere, Reach::Screen, "to the view after"),
    row(Action::Zoom, "zoom", Group::Go, &["z"], Place::Anywhere, Reach::Screen, "this pane over the whole screen, or back"),
    row(Action::Palette, "palette", Group::Go, &[":"], Place::Anywhere, Reach::Screen, "type an action, a cluster, a machine or a theme"),
    row(Action::Menu, "menu", Group::Go, &["m"], Place::Anywhere, Reach::Screen, "the actions that fit the row"),
    row(Action::Help, "help", Group::Go, &["?", "f1"], Place::Anywhere, Reach::Screen, "the keys"),
    row(Action::Filter, "filter", Group::Rows, &["/"], Place::Tables, Reach::Screen, "only rows that match: word, !word, column:word, age<2h"),
    row(Action::FaultsOnly, "faults-only", Group::Rows, &["f"], Place::Tables, Reach::Screen, "only rows with something to look at, or all"),
    row(Action::SortPicker, "sort", Group::Rows, &["shift-s"], Place::Tables, Reach::Screen, "choose the column to sort by (shift and a column's first letter does too)"),
    row(Action::SortNext, "sort-next", Group::Rows, &["shift-right"], Place::Tables, Reach::Screen, "sort by the next column"),
    row(Action::SortReverse, "sort-reverse", Group::Rows, &["shift-o"], Place::Tables, Reach::Screen, "turn the order round"),
    row(Action::ColumnPicker, "columns", Group::Rows, &["t"], Place::Tables, Reach::Screen, "choose the columns and their order"),
    row(Action::Wide, "wide", Group::Rows, &["w", "ctrl-w"], Place::Tables, Reach::Screen, "all columns, or the usual ones"),
    row(Action::Mark, "mark", Group::Rows, &["space"], Place::Tables, Reach::Lists, "mark the row, or unmark it"),
    row(Action::MarkRange, "mark-range", Group::Rows, &["ctrl-space"], Place::Tables, Reach::Screen, "mark from the last mark to here"),
    row(Action::ClearMarks, "clear-marks", Group::Rows, &["ctrl-\\"], Place::Tables, Reach::Screen, "unmark all"),
    row(Action::Describe, "describe", Group::Row, &["d"], Place::Tables, Reach::Lists, "everything about the row"),
    row(Action::Source, "source", Group::Row, &["y"], Place::Tables, Reach::Lists, "the row as YAML, and as JSON"),
    row(Action::CopyId, "copy-id", Group::Row, &["shift-y"], Place::Tables, Reach::Lists, "copy the id of the row, or of the marked rows"),
    row(Action::SaveCsv, "save-csv", Group::Rows, &["ctrl-s"], Place::Tables, Reach::Screen, "save the table as CSV"),
    row(Action::Refresh, "refresh", Group::Program, &["ctrl-r"], Place::Anywhere, Reach::Screen, "ask all sources again"),
    row(Action::Feeds, "feeds", Group::Program, &["i"], Place::Anywhere, Reach::Screen, "all sources: how fresh, what fails, what mends it"),
    row(Action::SpanShorter, "span-shorter", Group::Row, &["<", ","], Place::Panes(PRICES), Reach::Screen, "a shorter price history"),
    row(Action::SpanLonger, "span-longer", Group::Row, &[">", "."], Place::Panes(PRICES), Reach::Screen, "a longer price history"),
    row(Action::Themes, "themes", Group::Program, &["ctrl-t"], Place::Anywhere, Reach::Screen, "choose a theme"),
    row(Action::Pause, "pause", Group::Program, &["p"], Place::Anywhere, Reach::Screen, "halt the simulated world, or let it go on"),
    row(Action::Mouse, "mouse", Group::Program, &["alt-m"], Place::Anywhere, Reach::Screen, "mouse on or off: off lets the terminal select text"),
    row(Action::Redraw, "redraw", Group::Program, &["ctrl-l"], Place::Anywhere, Reach::Everywhere, "clear and draw anew"),
    row(Action::Suspend, "suspend", Group::Program, &["ctrl-z"], Place::Anywhere, Reach::Everywhere, "suspend; fg comes back"),
    row(Action::Quit, "quit", Group::Program, &["ctrl-c"], Place::Anywhere, Reach::Everywhere, "leave"),
    row(Action::Launch, "launch", Group::Change, &["l"], Place::Panes(LAUNCHES), Reach::Screen, "launch a cluster"),
    row(Action::Scale, "scale", Group::Change, &["s"], Place::Panes(POOLS), Reach::Screen, "scale the pool: asks for a number"),
    row(Action::Cordon, "cordon", Group::Change, &["c"], Place::Panes(MACHINES), Reach::Screen, "take no new pods on the node"),
    row(Action::Uncordon, "uncordon", Group::Change, &["u"], Place::Panes(MACHINES), Reach::Screen, "take pods on the node again"),
    row(Action::Drain, "drain", Group::Change, &["r"], Place::Panes(MACHINES), Reach::Screen, "move the pods off the node"),
    row(Action::Replace, "replace", Group::Change, &["x"], Place::Panes(MACHINES), Reach::Screen, "drain the machine and put a new one in its place"),
    row(Action::Remove, "remove", Group::Change, &["ctrl-d"], Place::Panes(REMOVABLE), Reach::Screen, "remove the machine, take an edge host out of its cluster, or destroy the cluster"),
    row(Action::Mend, "mend", Group::Change, &["x"], Place::Panes(FINDINGS), Reach::Screen, "mend what the finding is about: drain, replace, remove or uncordon its machine"),
    row(Action::Stop, "stop", Group::Change, &["s"], Place::Panes(OPERATIONS), Reach::Screen, "stop the operation between its steps; it can be resumed"),
    row(Action::Resume, "resume", Group::Change, &["r"], Place::Panes(OPERATIONS), Reach::Screen, "go on with the operation; what is done is skipped"),
    row(Action::Abort, "abort", Group::Change, &["ctrl-d"], Place::Panes(OPERATIONS), Reach::Screen, "give the operation up: it is not offered any longer"),
    row(Action::Join, "join", Group::Change, &["shift-j"], Place::Panes(MACHINES), Reach::Screen, "let edge hosts join a cluster: what stands in the way of each is shown first"),
    row(Action::Leave, "leave", Group::Change, &["ctrl-d"], Place::Panes(EDGE), Reach::Screen, "take edge hosts out of their cluster, or forget those that are gone for good"),
    row(Action::Reboot, "reboot", Group::Change, &["b"], Place::Panes(MACHINES), Reach::Screen, "restart machines one by one, each drained first"),
    row(Action::Run, "run", Group::Change, &["!"], Place::Panes(MACHINES), Reach::Screen, "run a command on edge hosts"),
    row(Action::AddHost, "add-host", Group::Change, &["n"], Place::Panes(EDGE), Reach::Screen, "write a new host into hosts.toml"),
    row(Action::EditHost, "edit-host", Group::Change, &["e"], Place::Panes(EDGE), Reach::Screen, "change the host in hosts.toml"),
    row(Action::AcceptKey, "accept-key", Group::Change, &["a"], Place::Panes(EDGE), Reach::Screen, "see the keys of edge hosts, and accept new ones"),
    row(Action::Tokens, "tokens", Group::Change, &["shift-t"], Place::Panes(CLUSTERS), Reach::Screen, "the cluster's tokens: who uses which; rotate, make and delete them"),
    row(Action::Certificates, "rotate-certificates", Group::Change, &["alt-c"], Place::Panes(CERTIFIED), Reach::Screen, "renew the certificates of K3s: of the machines, or of a whole cluster"),
    row(Action::Backup, "backup", Group::Change, &["alt-b"], Place::Panes(CLUSTERS), Reach::Screen, "save the cluster's state on one of its servers: a snapshot of etcd, or a copy of its database"),
    row(Action::Snapshots, "snapshots", Group::Change, &["shift-b"], Place::Panes(CLUSTERS), Reach::Screen, "the snapshots of the cluster's etcd, and the way back to one of them"),
    row(Action::RollBack, "roll-back", Group::Change, &["alt-r"], Place::Panes(REAPED), Reach::Screen, "take the failed stack of a highly available cluster back to how it was before"),
    row(Action::Upgrade, "upgrade", Group::Change, &["shift-u"], Place::Panes(CLUSTERS), Reach::Screen, "bring the cluster to another release of K3s"),
    row(Action::Update, "update", Group::Change, &["alt-u"], Place::Panes(CLUSTERS), Reach::Screen, "change what a highly available cluster is: its spec in your editor, and what that means as a plan"),
    row(Action::Extend, "extend", Group::Change, &["shift-e"], Place::Panes(CLUSTERS), Reach::Screen, "let a ci cluster live longer"),
    row(Action::TestReaper, "test-reaper", Group::Change, &["alt-t"], Place::Panes(REAPED), Reach::Screen, "send a test event to the reaper of a highly available cluster, and see whether it works"),
    row(Action::DetectDrift, "detect-drift", Group::Change, &["alt-d"], Place::Panes(REAPED), Reach::Screen, "have CloudFormation look whether the stack of a highly available cluster is still as its template says"),
    row(Action::Kubeconfig, "kubeconfig", Group::Row, &["e"], Place::Panes(CLUSTERS), Reach::Screen, "copy export KUBECONFIG=… with the cluster's kubeconfig, fetched if need be"),
    row(Action::MergeKubeconfig, "merge-kubeconfig", Group::Row, &["alt-e"], Place::Panes(CLUSTERS), Reach::Screen, "merge the cluster's kubeconfig into your own, with a backup"),
    row(Action::Shell, "shell", Group::Change, &["s"], Place::Panes(MACHINES), Reach::Screen, "a shell on the machine"),
    row(Action::Logs, "logs", Group::Change, &["l"], Place::Panes(MACHINES), Reach::Screen, "follow the journal of K3s on the machine"),
    row(Action::SudoPassword, "sudo-password", Group::Change, &["alt-s"], Place::Anywhere, Reach::Screen, "give the password that sudo wants on edge hosts"),
];

// The table is read by the action's number.
const _: () = {
    let mut i = 0;
    while i < TABLE.len() {
        assert!(
            TABLE[i].action as usize == i,
            "the table stands in the order of the actions"
        );
        i += 1;
    }
};

impl Action {
    /// How many actions there are.
    pub(super) const COUNT: usize = Self::SudoPassword as usize + 1;

    /// All actions.
    pub const ALL: [Self; Self::COUNT] = {
        let mut all = [Self::Down; Self::COUNT];
        let mut i = 0;
        while i < Self::COUNT {
            all[i] = TABLE[i].action;
            i += 1;
        }
        all
    };

    /// What is known of it.
    pub fn info(self) -> &'static ActionInfo {
        const ROWS: &[ActionInfo; Action::COUNT] = &TABLE;
        &ROWS[self as usize]
    }

    /// Its name in the configuration and the palette, such as `page-down`.
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// Whether it does the same in every pane: its keys are those of some only, but the palette reaches it from all.
    pub fn needs_no_row(self) -> bool {
        matches!(self, Self::Launch | Self::AddHost)
    }

    /// The action that goes by a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}
