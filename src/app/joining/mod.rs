//! Hosts on their way into a cluster: what is found of each, what stands in the way, and what can be done about it.
//!
//! ```text
//!  join ─▶ (which cluster?) ─▶ Effect::Advertised ─▶ Msg::Advertised
//!                              Effect::LookAt     ─▶ Msg::Looked, host by host ─▶ judged
//!  keys that are not known ─▶ Effect::Trust ─▶ Msg::Trusted ─▶ looked at again
//!  sudo's password         ─▶ Effect::SudoPassword
//!  the API is out of reach ─▶ a way to it ─▶ Effect::KeepWay ─▶ Msg::WayKept ─▶ looked at again
//!  plan ─▶ Request::Join ─▶ the plan, over the preflight
//! ```
//! Everything is asked in the background and shown as it comes; nothing is touched before the plan is run.

mod choosing;
mod hostkeys;
mod judged;
mod options;
mod password;
mod turn;
mod way;
pub(in crate::app) use turn::hosts as so_many;

use std::path::PathBuf;

use smol_str::{SmolStr, format_smolstr};

pub use choosing::Choosing;
pub(in crate::app) use choosing::{context, no_context};
pub use hostkeys::{HostKeys, KeyLine, KeyStanding};
pub(in crate::app) use judged::as_keys;
pub use judged::{Judged, Standing, Tally};
pub(in crate::app) use options::check as check_options;
pub use password::PasswordForm;
pub(in crate::app) use way::check as check_way;

use super::State;
use crate::fleet::{ClusterId, ContextId, EdgeHost, HostName};
use crate::ops::HostKey;
use crate::ops::files::Source;
use crate::ops::joining::{Candidate, Facts, Join, Sudo};

/// The hosts that are to join a cluster, and how.
#[derive(Clone, Debug)]
pub struct JoinForm {
    /// The cluster.
    pub cluster: ClusterId,
    /// Its kube context.
    pub context: ContextId,
    /// The addresses at which its API servers say that they are reached; `None` while they are asked.
    pub advertised: Option<Result<Vec<SmolStr>, String>>,
    /// The URL of its server, as the hosts reach it.
    pub server: SmolStr,
    /// The release of K3s.
    pub version: SmolStr,
    /// A local directory or a mirror with the files of the release; empty: all is downloaded.
    pub files: String,
    /// The local file with the key of the VPN that the hosts join first; empty: they join none.
    pub vpn: String,
    /// Why that file is no key of a VPN.
    pub vpn_fault: Option<String>,
    /// Whether servers and hosts speak WireGuard.
    pub wireguard: bool,
    /// Whether they join the way that is kept for the cluster.
    pub kept: bool,
    /// Whether what can be mended is mended.
    pub mend: bool,
    /// The hosts, in the order in which they were chosen.
    pub hosts: Vec<JoinHost>,
    /// The place of the host under the cursor.
    pub at: usize,
    /// Whether sudo's password has been given.
    pub password: bool,
}

/// A host that is to join.
#[derive(Clone, Debug)]
pub struct JoinHost {
    /// The host.
    pub host: EdgeHost,
    /// What was found of it.
    pub found: Found,
    /// Whether it is left out.
    pub left_out: bool,
    /// What was judged of it.
    pub judged: Vec<Judged>,
}

/// What was found of a host.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// It is being asked.
    Asked,
    /// It shows a key that is not known yet.
    NewKey(HostKey),
    /// It shows another key than the one that is known.
    ChangedKey(String),
    /// It does not answer, or does not let us in.
    Failed(String),
    /// What it is like.
    Facts(Box<Facts>),
}

impl JoinForm {
    /// Hosts that are to join a cluster, with what the fleet tells of it.
    pub fn new(state: &State, cluster: ClusterId, context: ContextId, hosts: Vec<EdgeHost>) -> Self {
        let server = way::endpoint(state, &context);
        let version = state.summary.clusters.get(&cluster).and_then(|c| c.version.clone());
        let host = |host| JoinHost {
            host,
            found: Found::Asked,
            left_out: false,
            judged: vec![],
        };
        let mut form = Self {
            cluster,
            context,
            advertised: None,
            server,
            version: version.unwrap_or_default(),
            files: String::new(),
            vpn: String::new(),
            vpn_fault: None,
            wireguard: false,
            kept: false,
            mend: true,
            hosts: hosts.into_iter().map(host).collect(),
            at: 0,
            password: false,
        };
        form.go_as_kept(state);
        form
    }

    /// The host under the cursor.
    pub fn here(&self) -> Option<&JoinHost> {
        self.hosts.get(self.at)
    }

    /// A host by its name.
    pub fn host(&self, name: &HostName) -> Option<&JoinHost> {
        self.hosts.iter().find(|host| host.host.name == *name)
    }

    /// What is asked for as it stands; hosts that are left out are no part of it.
    pub fn join(&self) -> Join {
        let path = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
        Join {
            cluster: self.cluster.clone(),
            context: self.context.clone(),
            server: self.server.clone(),
            advertised: self.advertised.clone().and_then(Result::ok).unwrap_or_default(),
            version: self.version.clone(),
            hosts: self
                .hosts
                .iter()
                .filter(|h| !h.left_out)
                .map(JoinHost::candidate)
                .collect(),
            files: self.source(),
            vpn_auth_file: path(&self.vpn),
            wireguard: self.wireguard,
            mend: self.mend,
            sudo_password: self.password,
        }
    }

    /// Where the files of the release come from; the form takes none that will not do.
    fn source(&self) -> Option<Source> {
        Source::parse(&self.files).ok().filter(|_| !self.files.is_empty())
    }

    /// The addresses that hosts try to reach, each as `host:port`.
    pub fn addresses(&self) -> Vec<SmolStr> {
        let advertised = self.advertised.as_ref().and_then(|told| told.as_ref().ok());
        match self.server.is_empty() {
            true => advertised.cloned().unwrap_or_default(),
            false => Join::addresses(
                &self.server,
                advertised.map_or(&[], Vec::as_slice),
                self.source().as_ref(),
            ),
        }
    }

    /// Whether a host that is to join wants sudo's password, and nobody has given it.
    pub fn wants_password(&self) -> bool {
        let asks = |host: &&JoinHost| matches!(&host.found, Found::Facts(facts) if facts.sudo == Sudo::Password);
        !self.password && self.hosts.iter().filter(|h| !h.left_out).any(|h| asks(&h))
    }

    /// How many hosts are still being asked.
    pub fn asked(&self) -> usize {
        self.hosts.iter().filter(|host| host.found == Found::Asked).count()
    }
}

impl JoinHost {
    fn candidate(&self) -> Candidate {
        let facts = match &self.found {
            Found::Facts(facts) => Ok((**facts).clone()),
            Found::Asked => Err(SmolStr::new_static("it has not answered yet")),
            Found::NewKey(key) => Err(format_smolstr!("its key {} has not been accepted", key.fingerprint)),
            Found::ChangedKey(why) | Found::Failed(why) => Err(why.into()),
        };
        Candidate {
            host: self.host.clone(),
            facts,
        }
    }
}
