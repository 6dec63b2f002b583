//! What changing a cluster's token rests on: where it is kept, and which machine uses which. It is asked of the machines
//! before anything is planned, and is part of the request.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

pub use crate::blueprint::machine::{Datastore, HeldToken, Inside};

use super::step::Reach;
use crate::fleet::{ClusterId, MachineId, NodeKey, Role};

/// A token that is to change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rotation {
    /// The cluster.
    pub cluster: ClusterId,
    /// Which token: the one that joins servers, or agents.
    pub kind: Role,
    /// The SSM parameter that holds it; `None`: it is not kept there, but by the servers alone.
    pub parameter: Option<SmolStr>,
    /// The version that the cluster goes by now: of the parameter or, without one, as the tokens that servers keep are
    /// counted. `None`: it is not known.
    pub from: Option<u64>,
    /// Whether servers that have taken it may not have been restarted since: its change was given up before its end.
    #[serde(default)]
    pub under_way: bool,
    /// The release of the servers.
    pub version: SmolStr,
    /// Where the servers keep the cluster's state, where one of them told.
    pub datastore: Option<Datastore>,
    /// The machines.
    pub machines: Vec<Holder>,
    /// Whether machines that cannot be reached are left with the old token.
    pub leave_unreached: bool,
    /// How many agents restart at once.
    pub wave: usize,
}

/// A machine of a cluster, and the tokens it keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Holder {
    /// The machine.
    pub machine: MachineId,
    /// Its name, for people.
    pub name: SmolStr,
    /// How it is reached.
    pub reach: Option<Reach>,
    /// Its node.
    pub node: Option<NodeKey>,
    /// What it is.
    pub role: Role,
    /// What it told, or why it told nothing.
    pub holds: Result<Vec<Held>, SmolStr>,
}

/// A token that a machine keeps, and which one it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What the machine uses it for.
    pub kind: Role,
    /// Where it is kept.
    pub place: SmolStr,
    /// Which one it is.
    pub which: Which,
}

/// Which token of a cluster it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// A version of the parameter of this kind of token or, without one, of those that servers keep.
    Version(Role, u64),
    /// A bootstrap token, by its id.
    Bootstrap(SmolStr),
    /// None that is known.
    Unknown,
}
