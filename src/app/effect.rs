//! What the driver shall do. The screen's state never does anything itself.

use std::path::PathBuf;

use jiff::Timestamp;
use smol_str::SmolStr;

use super::login::Login;
use super::updating::Proposal;
use crate::fleet::{ClusterId, ContextId, EdgeHost, FeedId, HostName, Offer, Scope, Source, Way};
use crate::ops::launch::Spec;
use crate::ops::survey::Survey;
use crate::ops::tokens::Roll;
use crate::ops::updating::Update;
use crate::ops::{HostKey, OperationId, Plan, Secret};

/// Something to be done outside the screen's state.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Leave the program.
    Quit,
    /// Give the terminal back and stop until continued (Ctrl-Z).
    Suspend,
    /// Put text on the clipboard.
    Copy(String),
    /// Write text to a file of this name in the working directory, and say where.
    Save {
        /// The file's name.
        name: String,
        /// What it holds.
        text: String,
    },
    /// Ask these sources again now.
    Refresh(Vec<Source>),
    /// Try a failed feed again now.
    Retry(FeedId),
    /// Fetch the price history of an offer, this many days back.
    History(Offer, u8),
    /// Use a theme.
    Theme(String),
    /// Show the spot prices of these types beside those in use.
    WantPrices(Vec<(SmolStr, SmolStr)>),
    /// Halt the simulated world, or let it go on.
    Pause(bool),
    /// Turn mouse capture on or off.
    Mouse(bool),
    /// Clear the terminal and draw anew.
    Redraw,
    /// Ask a region what it offers to a launch; it comes back as [`Msg::Surveyed`](super::Msg::Surveyed).
    Survey(Scope),
    /// Find the place for a cluster by what its region told; it comes back as [`Msg::Placed`](super::Msg::Placed). The file
    /// with the DSN of a database of the operator's own, as it was typed, is looked into before.
    Place(Box<Survey>, Box<Spec>, Option<PathBuf>),
    /// Ask for all that carries a cluster's tag; it comes back as [`Msg::Resources`](super::Msg::Resources).
    Resources(ClusterId),
    /// Ask how a cluster's stack stands; it comes back as [`Msg::Stack`](super::Msg::Stack).
    Stack(ClusterId),
    /// Ask what a highly available cluster is; it comes back as [`Msg::Known`](super::Msg::Known).
    Known(ClusterId),
    /// Give the terminal to the operator's editor, with a text in a file of this name; what it is then comes back as
    /// [`Msg::Edited`](super::Msg::Edited).
    Edit {
        /// The file's name.
        name: String,
        /// The text.
        text: String,
    },
    /// Ask CloudFormation what another spec would change; it comes back as [`Msg::Proposed`](super::Msg::Proposed).
    Propose(Box<Proposal>),
    /// Discard what CloudFormation has worked out.
    Discard(Box<Update>),
    /// Ask what a cluster can be restored from; it comes back as [`Msg::Snapshots`](super::Msg::Snapshots).
    Snapshots(ClusterId, ContextId),
    /// Ask where a cluster's API servers say that they are reached; it comes back as
    /// [`Msg::Advertised`](super::Msg::Advertised).
    Advertised(ContextId),
    /// Look at hosts that are to join a cluster, which try these addresses; each comes back as
    /// [`Msg::Looked`](super::Msg::Looked).
    LookAt(Vec<EdgeHost>, Vec<SmolStr>),
    /// Ask hosts for their keys; each comes back as [`Msg::HostKey`](super::Msg::HostKey).
    HostKeys(Vec<EdgeHost>),
    /// Write a host's key down, the very one that was shown; it comes back as [`Msg::Trusted`](super::Msg::Trusted).
    Trust(Box<EdgeHost>, HostKey),
    /// Keep the password that sudo wants, in memory alone.
    SudoPassword(Secret),
    /// Run a command on hosts; each comes back as [`Msg::Ran`](super::Msg::Ran).
    RunOn(Vec<EdgeHost>, Vec<String>),
    /// Write a host into `hosts.toml`, in place of the one with this name if there is one; it comes back as
    /// [`Msg::HostSaved`](super::Msg::HostSaved).
    SaveHost {
        /// The name it has had.
        name: Option<HostName>,
        /// The host.
        host: Box<EdgeHost>,
    },
    /// Keep in `config.toml`, under this key, how hosts reach a cluster's API; it comes back as
    /// [`Msg::WayKept`](super::Msg::WayKept).
    KeepWay(SmolStr, Box<Way>),
    /// Look whether a file is the key of a VPN that nobody else reads; it comes back as
    /// [`Msg::VpnKey`](super::Msg::VpnKey).
    VpnKey(String),
    /// Ask for the release channels of K3s; they come back as [`Msg::Channels`](super::Msg::Channels).
    Channels,
    /// Ask which tokens a cluster has, and who uses which; it comes back as [`Msg::Tokens`](super::Msg::Tokens).
    Tokens(Box<Roll>),
    /// Make a bootstrap token; it comes back as [`Msg::TokenMade`](super::Msg::TokenMade).
    MakeToken {
        /// The cluster.
        cluster: ClusterId,
        /// Its kube context.
        context: ContextId,
        /// When it expires; `None`: never.
        expires_at: Option<Timestamp>,
        /// What it is for.
        description: String,
    },
    /// Delete a bootstrap token; it comes back as [`Msg::TokenGone`](super::Msg::TokenGone).
    DeleteToken {
        /// The cluster.
        cluster: ClusterId,
        /// Its kube context.
        context: ContextId,
        /// The token's id.
        id: SmolStr,
    },
    /// Put a secret on the clipboard, without saying what it is.
    CopySecret(Secret),
    /// Give the terminal to a program that logs in to a machine, and take it again when that has ended.
    Shell(Login),
    /// Send a test event to the reaper of a cluster, and say whether it is worked on.
    TestReaper(ClusterId),
    /// Have CloudFormation look whether the stack of a cluster has drifted, and say what it has found.
    DetectDrift(ClusterId),
    /// Find a cluster's kubeconfig, fetch it if need be, and copy how it is used; or merge it into the operator's own.
    Kubeconfig {
        /// The cluster.
        cluster: ClusterId,
        /// Whether it is merged.
        merge: bool,
    },
    /// Run a plan as a new operation. What happens to it comes back as [`Msg::Operation`](super::Msg::Operation); a lock
    /// that another holds as [`Msg::Locked`](super::Msg::Locked).
    Run {
        /// What it does.
        plan: Box<Plan>,
        /// Whether another's lock is taken over.
        take_over: bool,
    },
    /// Stop an operation that runs, as soon as its steps let it.
    Stop(OperationId),
    /// Go on with an operation that did not come to its end.
    Resume(OperationId),
    /// Give an operation up: the event that it has ended so goes into its journal, and comes back.
    Abort(OperationId),
}
