//! The actions: the words of the keymap, the palette, the context menu and the help.

/// Something an operator can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Move the cursor.
    Down,
    /// Move the cursor.
    Up,
    /// Move the cursor by a window.
    PageDown,
    /// Move the cursor by a window.
    PageUp,
    /// To the first row.
    Top,
    /// To the last row.
    Bottom,
    /// Scroll the columns.
    Left,
    /// Scroll the columns.
    Right,
    /// Go into what is under the cursor.
    Open,
    /// Close, clear, or go back: one step at a time; never quits.
    Back,
    /// The next pane.
    NextPane,
    /// The pane before.
    PreviousPane,
    /// To a screen.
    ShowFleet,
    /// To a screen.
    ShowMachines,
    /// To a screen.
    ShowPools,
    /// To a screen.
    ShowPrices,
    /// To a screen.
    ShowEdge,
    /// To a screen.
    ShowOperations,
    /// To a screen.
    ShowFindings,
    /// All clusters again.
    AllClusters,
    /// To the view before.
    HistoryBack,
    /// To the view after.
    HistoryForward,
    /// The focused pane over the whole screen, or back.
    Zoom,
    /// The command palette.
    Palette,
    /// The context menu.
    Menu,
    /// The help.
    Help,
    /// Type a filter.
    Filter,
    /// Only rows with something to look at, or all.
    FaultsOnly,
    /// Choose the column to sort by.
    SortPicker,
    /// Sort by the next column.
    SortNext,
    /// Turn the sort order round.
    SortReverse,
    /// Choose the columns.
    ColumnPicker,
    /// All columns, or the usual ones.
    Wide,
    /// Mark or unmark the row.
    Mark,
    /// Mark from the last mark to the cursor.
    MarkRange,
    /// Unmark all.
    ClearMarks,
    /// Everything about the row.
    Describe,
    /// The row as YAML or JSON.
    Source,
    /// Copy the row's id.
    CopyId,
    /// Save the table as CSV.
    SaveCsv,
    /// Ask all sources again.
    Refresh,
    /// All feeds and how they do.
    Feeds,
    /// A shorter price history.
    SpanShorter,
    /// A longer price history.
    SpanLonger,
    /// Choose a theme.
    Themes,
    /// Halt the simulated world, or let it go on.
    Pause,
    /// Mouse on or off.
    Mouse,
    /// Clear and draw anew.
    Redraw,
    /// Suspend.
    Suspend,
    /// Leave.
    Quit,
    /// Launch a cluster.
    Launch,
    /// Scale a pool.
    Scale,
    /// Cordon a node.
    Cordon,
    /// Uncordon a node.
    Uncordon,
    /// Drain a node.
    Drain,
    /// Replace a machine.
    Replace,
    /// Remove a machine, destroy a cluster.
    Remove,
    /// Mend what a finding is about.
    Mend,
    /// Stop an operation.
    Stop,
    /// Resume an operation.
    Resume,
    /// Give an operation up.
    Abort,
    /// Join edge hosts.
    Join,
    /// Take edge hosts out of their cluster.
    Leave,
    /// Restart machines.
    Reboot,
    /// Run a command on edge hosts.
    Run,
    /// Write a new host into `hosts.toml`.
    AddHost,
    /// Change a host of `hosts.toml`.
    EditHost,
    /// Write the keys of edge hosts down.
    AcceptKey,
    /// The cluster's tokens.
    Tokens,
    /// Renew certificates.
    Certificates,
    /// Save the cluster's state.
    Backup,
    /// What the cluster can be restored from.
    Snapshots,
    /// Take the cluster's failed stack back.
    RollBack,
    /// Upgrade K3s.
    Upgrade,
    /// Change what the cluster is.
    Update,
    /// Extend a TTL.
    Extend,
    /// Whether the cluster's reaper works.
    TestReaper,
    /// Whether the cluster's stack has drifted.
    DetectDrift,
    /// Where the cluster's kubeconfig is.
    Kubeconfig,
    /// The cluster's kubeconfig into the operator's own.
    MergeKubeconfig,
    /// A shell on the machine.
    Shell,
    /// The machine's logs.
    Logs,
    /// Give the password that sudo wants on edge hosts.
    SudoPassword,
}
