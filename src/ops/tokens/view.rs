//! The tokens of a cluster as people see them: never their secrets.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;
use smol_str::{SmolStr, format_smolstr};

use super::Tokens;
use crate::fleet::Role;
use crate::ops::rotation::{Held, Which};

/// Which kind of token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// The one that joins servers, and opens snapshots.
    Server,
    /// The one that joins agents.
    Agent,
    /// One that joins agents for a while.
    Bootstrap,
}

impl TokenKind {
    /// `server`, `agent` or `bootstrap`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Agent => "agent",
            Self::Bootstrap => "bootstrap",
        }
    }
}

/// One token of a cluster.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TokenRow {
    /// Its kind.
    pub kind: TokenKind,
    /// The parameter and version that holds it, or its id where it is a bootstrap token.
    pub name: SmolStr,
    /// Whether it is the newest of its kind; an older one only opens snapshots of its time. Bootstrap tokens always are.
    pub newest: bool,
    /// What it is for, where that is told.
    pub description: SmolStr,
    /// When it was made.
    pub made_at: Option<Timestamp>,
    /// Who made it, as an ARN.
    pub made_by: Option<SmolStr>,
    /// When it expires; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// The names of the machines that hold it.
    pub machines: Vec<SmolStr>,
}

/// A machine, and what it holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TokenUser {
    /// Its name.
    pub name: SmolStr,
    /// Server or agent.
    pub role: Role,
    /// What it uses which token for, and where it keeps it: `agent token from version 3, in /etc/…`.
    pub holds: Vec<String>,
    /// Why it told nothing, where it did not.
    pub why: Option<SmolStr>,
}

/// The tokens of a cluster.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TokenView {
    /// The cluster's name.
    pub cluster: SmolStr,
    /// The tokens that there are: newest first of each kind; older versions only where a machine still holds them.
    pub tokens: Vec<TokenRow>,
    /// The machines, servers first.
    pub machines: Vec<TokenUser>,
    /// What an operator should see to.
    pub remarks: Vec<String>,
    /// What could not be asked, and why.
    pub faults: Vec<String>,
}

impl Tokens {
    /// As people see them.
    pub fn view(&self) -> TokenView {
        let mut tokens = vec![];
        for (role, parameter) in &self.parameters {
            let held = self.held().filter_map(|(_, held)| match held.which {
                Which::Version(kind, version) if kind == *role => Some(version),
                _ => None,
            });
            let mut versions: BTreeSet<u64> = held.collect();
            versions.insert(parameter.newest);
            for version in versions.into_iter().rev() {
                let told = parameter.versions.iter().find(|v| v.version == version);
                tokens.push(TokenRow {
                    kind: kind_of(*role),
                    name: format_smolstr!("{}:{version}", parameter.name),
                    newest: version == parameter.newest,
                    description: SmolStr::default(),
                    made_at: told.map(|v| v.at),
                    made_by: told.map(|v| v.by.clone()).filter(|by| !by.is_empty()),
                    expires_at: None,
                    machines: self.holders(|which| *which == Which::Version(*role, version)),
                });
            }
        }
        for (role, own) in &self.own {
            for version in (1..=own.number).rev() {
                let machines = self.holders(|which| *which == Which::Version(*role, version));
                if version < own.number && machines.is_empty() {
                    continue;
                }
                tokens.push(TokenRow {
                    kind: kind_of(*role),
                    name: "on the servers".into(),
                    newest: version == own.number,
                    description: SmolStr::default(),
                    made_at: None,
                    made_by: None,
                    expires_at: None,
                    machines,
                });
            }
        }
        tokens.extend(self.bootstrap.iter().map(|token| TokenRow {
            kind: TokenKind::Bootstrap,
            name: token.id.clone(),
            newest: true,
            description: token.description.clone(),
            made_at: token.made_at,
            made_by: None,
            expires_at: token.expires_at,
            machines: self.holders(|which| matches!(which, Which::Bootstrap(id) if *id == token.id)),
        }));
        let machines = self.machines.iter().map(|machine| TokenUser {
            name: machine.name.clone(),
            role: machine.role,
            holds: machine.holds.iter().flatten().map(|held| self.told(held)).collect(),
            why: machine.holds.as_ref().err().cloned(),
        });
        TokenView {
            cluster: self.cluster.name.clone(),
            tokens,
            machines: machines.collect(),
            remarks: self.remarks(),
            faults: self.faults.clone(),
        }
    }

    fn held(&self) -> impl Iterator<Item = (&SmolStr, &Held)> {
        let all = self.machines.iter();
        all.flat_map(|machine| machine.holds.iter().flatten().map(move |held| (&machine.name, held)))
    }

    fn holders(&self, is_it: impl Fn(&Which) -> bool) -> Vec<SmolStr> {
        let holding = self.held().filter(|(_, held)| is_it(&held.which));
        let names: BTreeSet<&SmolStr> = holding.map(|(name, _)| name).collect();
        names.into_iter().cloned().collect()
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = vec![];
        let agents = |kind: Role| {
            let agents = self.machines.iter().filter(|m| m.role == Role::Agent);
            let holding = agents.filter(|m| {
                let mut held = m.holds.iter().flatten();
                held.any(|h| matches!(h.which, Which::Version(k, _) if k == kind))
            });
            holding.map(|m| m.name.as_str()).collect::<Vec<_>>()
        };
        let shared = agents(Role::Server);
        if !shared.is_empty() {
            remarks.push(format!(
                "{} joined with the server token, which may join servers and opens snapshots: give agents one of their own",
                shared.join(", ")
            ));
        }
        for kind in [Role::Server, Role::Agent] {
            let parameter = self.parameters.get(&kind).map(|parameter| parameter.newest);
            let Some(newest) = parameter.or_else(|| self.own.get(&kind).map(|own| own.number)) else {
                remarks.push(format!(
                    "no {} token is kept in SSM, and the servers tell none: it cannot be changed from here",
                    kind.as_str()
                ));
                continue;
            };
            let behind = self.holders(|which| matches!(which, Which::Version(k, v) if *k == kind && *v < newest));
            if !behind.is_empty() {
                remarks.push(format!(
                    "{} still hold an older {} token: k3fleet rotate {} --{} finishes it",
                    behind.join(", "),
                    kind.as_str(),
                    self.cluster,
                    kind.as_str()
                ));
            }
        }
        for machine in &self.machines {
            let unknown = machine.holds.iter().flatten().any(|held| held.which == Which::Unknown);
            if unknown {
                remarks.push(format!("{} holds a token that is not known", machine.name));
            }
        }
        for token in self.bootstrap.iter().filter(|token| token.expires_at.is_none()) {
            remarks.push(format!(
                "the bootstrap token {} never expires: delete it when it is not needed",
                token.id
            ));
        }
        remarks
    }

    fn told(&self, held: &Held) -> String {
        let which = match &held.which {
            Which::Version(kind, version) => match self.own.get(kind) {
                Some(own) if own.number == *version => format!("the {} token", kind.as_str()),
                Some(_) => format!("an older {} token", kind.as_str()),
                None => format!("version {version} of the {} token", kind.as_str()),
            },
            Which::Bootstrap(id) => format!("the bootstrap token {id}"),
            Which::Unknown => "a token that is not known".to_owned(),
        };
        format!("joins {}s by {which}, in {}", held.kind.as_str(), held.place)
    }
}

fn kind_of(role: Role) -> TokenKind {
    match role {
        Role::Server => TokenKind::Server,
        Role::Agent => TokenKind::Agent,
    }
}
