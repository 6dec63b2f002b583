//! What an upgrade is asked to do.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::files::Source;
use super::request::DrainOptions;
use crate::fleet::ClusterId;

/// A cluster that is to run another release of K3s.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Upgrade {
    /// The cluster.
    pub cluster: ClusterId,
    /// The release, such as `v1.36.4+k3s1`.
    pub to: SmolStr,
    /// Whether, and how, nodes are drained before they restart: pods run on while K3s does.
    pub drain: Option<DrainOptions>,
    /// How many agents at once.
    pub wave: usize,
    /// Where the files of the release come from; `None`: from where K3s publishes them.
    pub files: Option<Source>,
    /// Whether machines that cannot be reached are left with the release they have.
    pub leave_unreached: bool,
}
