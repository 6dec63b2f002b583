//! The tokens of a cluster: which there are, how old they are, and which machine holds which. It is asked of the machines,
//! of SSM and of the API server before a token is changed; a rotation and the view of tokens are both made of it. Secrets
//! are compared by their digests, and stay in memory.
//!
//! ```text
//!  Roll::of(&Fleet) ─▶ survey (machines, SSM, API server) ─▶ Tokens ─▶ rotation: part of the request
//!                                                              └─────▶ view: what people see
//! ```

mod own;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use smol_str::{SmolStr, format_smolstr};

use super::rotation::{Held, Holder, Rotation, Which};
use super::step::Reach;
use crate::blueprint::Names;
use crate::blueprint::machine::{Datastore, HeldToken, Inside};
use crate::fleet::{ClusterId, ContextId, Fleet, InstanceState, MachineId, NodeKey, Role, Scope};
use crate::provider::{BootstrapToken, CloudControl, Control, ParameterVersion, ProviderError, Providers};

pub use view::{TokenKind, TokenRow, TokenUser, TokenView};

/// How many machines are asked at once.
const AT_ONCE: usize = 20;
/// How many older versions of a parameter are read to tell which one a machine holds.
const OLDER: usize = 20;

/// Who is asked: the machines of a cluster as the fleet knows them.
#[derive(Clone, Debug, PartialEq)]
pub struct Roll {
    /// The cluster.
    pub cluster: ClusterId,
    /// The kube context of one of its nodes.
    pub context: Option<ContextId>,
    /// The oldest release that its servers run.
    pub version: Option<SmolStr>,
    /// Its machines, servers first, by name.
    machines: Vec<Listed>,
}

#[derive(Clone, Debug, PartialEq)]
struct Listed {
    machine: MachineId,
    name: SmolStr,
    reach: Result<Reach, SmolStr>,
    node: Option<NodeKey>,
    role: Role,
}

impl Roll {
    /// The machines of a cluster that have joined it or are on their way.
    pub fn of(fleet: &Fleet, cluster: &ClusterId) -> Self {
        let own = || fleet.machines().filter(|m| m.belongs_to(cluster));
        // A host of hosts.toml that never joined holds nothing of the cluster's.
        let members = own().filter(|m| m.node().is_some() || m.instance().is_some());
        let ended = |state| matches!(state, InstanceState::ShuttingDown | InstanceState::Stopping);
        let members = members.filter(|m| !m.instance().is_some_and(|i| ended(i.state)) && m.ghost_since().is_none());
        let mut machines: Vec<_> = members
            .map(|m| Listed {
                machine: m.id(),
                name: m.name().into(),
                reach: match (Reach::of(&m), m.instance().map(|i| i.state)) {
                    (Some(_), Some(state)) if state != InstanceState::Running => {
                        Err(format_smolstr!("it is {}", state.as_str()))
                    }
                    (Some(reach), _) => Ok(reach),
                    (None, _) => Err("it is no instance, and no host of hosts.toml".into()),
                },
                node: m.node().map(|n| n.key.clone()),
                role: m.role().unwrap_or(Role::Agent),
            })
            .collect();
        tell_apart(&mut machines);
        machines.sort_by(|a, b| (a.role, &a.name, &a.machine).cmp(&(b.role, &b.name, &b.machine)));
        let servers = own().filter(|m| m.role() == Some(Role::Server));
        let versions = servers.filter_map(|m| m.node()).map(|n| n.version.clone());
        Self {
            cluster: cluster.clone(),
            context: machines.iter().find_map(|m| Some(m.node.as_ref()?.context.clone())),
            version: versions.min_by(|a, b| super::release::compare(a, b)),
            machines,
        }
    }
}

/// Names machines that share a name, as the members of a group do, by their instances too.
fn tell_apart(machines: &mut [Listed]) {
    let mut names: Vec<_> = machines.iter().map(|m| m.name.clone()).collect();
    names.sort();
    let is_shared = |name: &SmolStr| names.partition_point(|n| n <= name) - names.partition_point(|n| n < name) > 1;
    for machine in machines.iter_mut().filter(|m| is_shared(&m.name)) {
        if let MachineId::Instance(id) = &machine.machine {
            machine.name = format_smolstr!("{} {id}", machine.name);
        }
    }
}

/// A parameter that holds a token.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: SmolStr,
    /// Its newest version.
    pub newest: u64,
    /// Its versions, the newest first, as far as SSM tells.
    pub versions: Vec<ParameterVersion>,
}

/// A token that the servers alone keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own {
    /// Its number: older ones are counted from 1.
    pub number: u64,
    /// Whether a server has taken it, and still keeps it for others: its change was given up before its end.
    pub under_way: bool,
}

/// What is known of a cluster's tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct Tokens {
    /// The cluster.
    pub cluster: ClusterId,
    /// The oldest release that its servers run.
    pub version: Option<SmolStr>,
    /// Where the servers keep the cluster's state, where one told.
    pub datastore: Option<Datastore>,
    /// The parameters of the server token and of the agent token, where they are kept.
    pub parameters: BTreeMap<Role, Parameter>,
    /// Those that are in no parameter, but on the servers alone.
    pub own: BTreeMap<Role, Own>,
    /// The machines with what they hold.
    pub machines: Vec<Holder>,
    /// The bootstrap tokens.
    pub bootstrap: Vec<BootstrapToken>,
    /// What could not be asked, and why.
    pub faults: Vec<String>,
}

/// Asks machines, SSM and the API server. What does not answer is told in the result.
pub async fn survey(control: &Control, providers: &Providers, roll: &Roll) -> Tokens {
    let home = roll.cluster.home.as_ref();
    let cloud = home.and_then(|home| control.cloud(home));
    let (insides, bootstrap, history) = futures::join!(
        insides(control, roll),
        bootstrap(providers, roll.context.as_ref()),
        history(providers, &roll.cluster),
    );
    let mut faults = vec![];
    let bootstrap = bootstrap.unwrap_or_else(|why| {
        faults.push(why);
        vec![]
    });
    let datastore = insides.iter().find_map(|inside| inside.as_ref().ok()?.datastore);
    let mut known = Known::default();
    let mut missing = vec![];
    match (home, cloud) {
        (Some(home), Some(cloud)) => {
            let names = Names::new(&roll.cluster.name, &home.region);
            for (role, name) in [(Role::Server, names.server_token()), (Role::Agent, names.agent_token())] {
                let read = known.read(&**cloud, role, name.into(), &insides, &history);
                match read.await {
                    Ok(()) if known.parameters.contains_key(&role) => {}
                    Ok(()) => missing.push(role),
                    Err(error) => faults.push(error.to_string()),
                }
            }
        }
        (Some(_), None) if control.is_read_only() => {
            faults.push("which machine holds which token is not looked at in read-only mode".to_owned());
        }
        (Some(home), None) => faults.push(format!("nothing reads the tokens of {home} from here")),
        // Nothing of it is at AWS, as far as anyone knows.
        (None, _) => missing = vec![Role::Server, Role::Agent],
    }
    let servers = roll
        .machines
        .iter()
        .zip(&insides)
        .filter(|(m, _)| m.role == Role::Server);
    let servers: Vec<&Inside> = servers.filter_map(|(_, inside)| inside.as_ref().ok()).collect();
    let mut numbered = BTreeMap::new();
    for kind in missing {
        if let Some(own) = own::number(&mut known, kind, &servers) {
            numbered.insert(kind, own);
        }
    }
    if home.is_none() && numbered.is_empty() {
        faults.push(format!(
            "it is not known where {} is: its tokens are not looked up",
            roll.cluster
        ));
    }
    let machines = roll.machines.iter().zip(insides).map(|(listed, inside)| Holder {
        machine: listed.machine.clone(),
        name: listed.name.clone(),
        reach: listed.reach.clone().ok(),
        node: listed.node.clone(),
        role: listed.role,
        holds: inside.map(|inside| inside.tokens.iter().map(|token| known.which(token)).collect()),
    });
    let machines = machines.collect();
    let mut parameters = known.parameters;
    // Without a look at the values the history alone tells that they are there.
    for (role, name, versions) in history.into_iter().flatten() {
        if let Some(newest) = versions.first().map(|v| v.version) {
            parameters.entry(role).or_insert(Parameter { name, newest, versions });
        }
    }
    Tokens {
        cluster: roll.cluster.clone(),
        version: roll.version.clone(),
        datastore,
        parameters,
        own: numbered,
        machines,
        bootstrap,
        faults,
    }
}

async fn insides(control: &Control, roll: &Roll) -> Vec<Result<Inside, SmolStr>> {
    let asked = roll.machines.iter().map(|listed| inside(control, &listed.reach));
    let asked: Vec<_> = asked.collect();
    stream::iter(asked).buffered(AT_ONCE).collect().await
}

async fn inside(control: &Control, reach: &Result<Reach, SmolStr>) -> Result<Inside, SmolStr> {
    let told = match reach.as_ref().map_err(SmolStr::clone)? {
        Reach::Edge(host) => match control.shell.as_deref() {
            Some(shell) => shell.inside(host).await,
            None => return Err("nothing works on edge hosts from here".into()),
        },
        Reach::Instance(scope, id) => match control.cloud(scope) {
            Some(cloud) => cloud.inside(id).await,
            None => return Err(format_smolstr!("nothing changes {scope} from here")),
        },
    };
    told.map_err(|error| SmolStr::new(error.to_string()))
}

async fn bootstrap(providers: &Providers, context: Option<&ContextId>) -> Result<Vec<BootstrapToken>, String> {
    let Some(context) = context else {
        return Err("no API server is known to tell its bootstrap tokens".to_owned());
    };
    let Some(kube) = providers.kubes.iter().find(|kube| kube.context() == context) else {
        return Err(format!("nothing asks the cluster of context {context} from here"));
    };
    kube.bootstrap_tokens().await.map_err(|error| error.to_string())
}

/// A token's role, its parameter, and that one's versions, the newest first.
type Kept = (Role, SmolStr, Vec<ParameterVersion>);

async fn history(providers: &Providers, cluster: &ClusterId) -> [Option<Kept>; 2] {
    let cloud = |home: &Scope| providers.clouds.iter().find(|cloud| cloud.scope() == home);
    let Some((home, cloud)) = cluster.home.as_ref().and_then(|home| Some((home, cloud(home)?))) else {
        return [None, None];
    };
    let names = Names::new(&cluster.name, &home.region);
    let of = |role, name: String| async move {
        // Only the age is lost where it cannot be asked.
        let versions = cloud.parameter_versions(&name).await.unwrap_or_default();
        Some((role, SmolStr::new(name), versions))
    };
    let (server, agent) = futures::join!(
        of(Role::Server, names.server_token()),
        of(Role::Agent, names.agent_token())
    );
    [server, agent]
}

/// The digests of the versions that have been read.
#[derive(Default)]
struct Known {
    digests: BTreeMap<SmolStr, Vec<(Role, u64)>>,
    parameters: BTreeMap<Role, Parameter>,
}

impl Known {
    /// Reads the newest version of a parameter, and as many older ones as it takes to know what the machines hold.
    async fn read(
        &mut self,
        cloud: &dyn CloudControl,
        role: Role,
        name: SmolStr,
        insides: &[Result<Inside, SmolStr>],
        history: &[Option<Kept>; 2],
    ) -> Result<(), ProviderError> {
        let Some((newest, secret)) = cloud.secure(&name, None).await? else {
            return Ok(());
        };
        self.keep(HeldToken::digest_of(secret.expose()), role, newest);
        let versions = history.iter().flatten().find(|(r, ..)| *r == role);
        let versions = versions.map_or_else(Vec::new, |(_, _, versions)| versions.clone());
        let held = |known: &Self| {
            let all = insides.iter().flatten().flat_map(|inside| &inside.tokens);
            let mut own = all.filter(|token| token.bootstrap.is_none());
            own.any(|token| !known.digests.contains_key(&token.digest))
        };
        for older in (1..newest).rev().take(OLDER) {
            if !held(self) {
                break;
            }
            // SSM forgets the oldest of a hundred versions.
            if let Some((version, secret)) = cloud.secure(&name, Some(older)).await? {
                self.keep(HeldToken::digest_of(secret.expose()), role, version);
            }
        }
        self.parameters.insert(role, Parameter { name, newest, versions });
        Ok(())
    }

    fn keep(&mut self, digest: SmolStr, role: Role, version: u64) {
        self.digests.entry(digest).or_default().push((role, version));
    }

    /// Which token it is that a machine holds. Of two of the same value that which is meant for its use.
    fn which(&self, token: &HeldToken) -> Held {
        let which = match (&token.bootstrap, self.digests.get(&token.digest)) {
            (Some(id), _) => Which::Bootstrap(id.clone()),
            (None, None) => Which::Unknown,
            (None, Some(all)) => {
                let best = all.iter().max_by_key(|(role, version)| (*role == token.kind, *version));
                best.map_or(Which::Unknown, |(role, version)| Which::Version(*role, *version))
            }
        };
        Held {
            kind: token.kind,
            place: token.place.clone(),
            which,
        }
    }
}

/// Whether K3s takes a text for a bootstrap token: `[a-z0-9]{6}.[a-z0-9]{16}`. A server token of this shape locks a cluster
/// (k3s issue 12982).
pub(super) fn is_bootstrap(token: &str) -> bool {
    let of =
        |text: &str, length| text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
    token
        .split_once('.')
        .is_some_and(|(id, secret)| of(id, 6) && of(secret, 16))
}

impl Tokens {
    /// What changing the server token or the agent token rests on; what is not known is not made up, and refused when it is
    /// planned.
    pub fn rotation(&self, kind: Role, leave_unreached: bool, wave: usize) -> Rotation {
        let parameter = self.parameters.get(&kind);
        Rotation {
            cluster: self.cluster.clone(),
            kind,
            parameter: parameter.map(|p| p.name.clone()),
            from: match parameter {
                Some(parameter) => self.in_force(kind, parameter.newest),
                None => self.own.get(&kind).map(|own| own.number),
            },
            under_way: parameter.is_none() && self.own.get(&kind).is_some_and(|own| own.under_way),
            version: self.version.clone().unwrap_or_default(),
            datastore: self.datastore,
            machines: self.machines.clone(),
            leave_unreached,
            wave,
        }
    }

    /// The version that the cluster goes by: the newest that a server holds. Where servers use the other token for this, the
    /// newest is still nobody's.
    fn in_force(&self, kind: Role, newest: u64) -> Option<u64> {
        let servers = self.machines.iter().filter(|m| m.role == Role::Server);
        let held = servers
            .flat_map(|m| m.holds.iter().flatten())
            .filter(|h| h.kind == kind);
        let held: Vec<_> = held.collect();
        let own = held.iter().filter_map(|h| match h.which {
            Which::Version(k, version) if k == kind => Some(version),
            _ => None,
        });
        let shared = held.iter().any(|h| matches!(h.which, Which::Version(..)));
        own.max().or_else(|| shared.then_some(newest))
    }
}
