//! The tokens by which machines join a cluster, as its servers know them, and the passwords by which nodes are known again.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::k3s::K3s;
use super::noise::hash;
use super::scaling::Refused;
use super::snapshot::Saved;
use super::state::{ClusterNo, Host, State};
use crate::blueprint::machine::{HeldToken, Kept, KeptToken};
use crate::fleet::Role;
use crate::provider::{BootstrapOrder, BootstrapToken};

/// What a cluster keeps of what is secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Secrets {
    /// The token that its datastore is encrypted with.
    pub(super) server: SmolStr,
    pub(super) bootstrap: BTreeMap<SmolStr, Bootstrap>,
    /// The passwords of nodes of boards.
    pub(super) passwords: BTreeMap<SmolStr, u64>,
    /// The snapshots that operators took, which hold all of it.
    #[serde(default)]
    pub(super) snapshots: Vec<Saved>,
    /// How often its etcd was restored: members of before are none any longer.
    #[serde(default)]
    pub(super) resets: u32,
}

/// A bootstrap token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Bootstrap {
    secret: SmolStr,
    description: String,
    expires_at: Option<Timestamp>,
    made_at: Timestamp,
}

/// A token that a server keeps, and does not go by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Beside {
    kind: Role,
    /// Since when it is an old one; `None`: it is the next one.
    when: Option<SmolStr>,
    secret: SmolStr,
}

impl Beside {
    /// As the server tells it.
    pub(super) fn told(&self) -> KeptToken {
        KeptToken {
            kind: self.kind,
            when: self.when.clone(),
            digest: HeldToken::digest_of(&self.secret),
        }
    }

    fn is_next(&self, of: Role) -> bool {
        self.kind == of && self.when.is_none()
    }
}

/// A token as it is written: `K10<hash>::user:secret`, `K10<hash>::id.secret`, or the secret alone.
pub(super) struct Token<'a> {
    /// The hash of the certificate authority.
    pub(super) authority: Option<&'a str>,
    /// The id of a bootstrap token.
    pub(super) bootstrap: Option<&'a str>,
    /// Its secret half.
    pub(super) secret: &'a str,
}

impl<'a> Token<'a> {
    pub(super) fn read(text: &'a str) -> Self {
        let (authority, rest) = match text.strip_prefix("K10").and_then(|t| t.split_once("::")) {
            Some((hash, rest)) => (Some(hash), rest),
            None => (None, text),
        };
        let small = |s: &str| s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let bootstrap = |(id, secret): &(&str, &str)| id.len() == 6 && secret.len() == 16 && small(id) && small(secret);
        match (rest.split_once('.').filter(bootstrap), rest.split_once(':')) {
            (Some((id, secret)), _) => Self {
                authority,
                bootstrap: Some(id),
                secret,
            },
            (None, Some((_user, secret))) if authority.is_some() => Self {
                authority,
                bootstrap: None,
                secret,
            },
            _ => Self {
                authority,
                bootstrap: None,
                secret: rest,
            },
        }
    }
}

impl State {
    /// The hash by which a cluster's certificate authority is known.
    pub(super) fn ca_hash(&self, no: ClusterNo) -> String {
        let name = self.clusters.get(no).map_or("", |c| c.name.as_str());
        let number = no.to_string();
        let part = |n: &str| format!("{:016x}", hash(self.seed, &["authority", &number, name, n]));
        ["0", "1", "2", "3"].map(part).concat()
    }

    /// Whether servers of a cluster let agents join by this secret.
    pub(super) fn takes_agents(&self, no: ClusterNo, secret: &str) -> bool {
        let servers = self
            .machines
            .values()
            .filter(|m| m.cluster == no && m.role == Role::Server);
        let own = self.clusters.get(no).is_some_and(|c| c.secrets.server == secret);
        let mut running = servers.filter(|m| m.k3s.is_active());
        own || running.any(|m| m.k3s.grants.as_deref() == Some(secret))
    }

    /// Whether a bootstrap token is there, and good still.
    pub(super) fn takes_bootstrap(&self, no: ClusterNo, token: &Token<'_>) -> bool {
        let known = self.clusters.get(no).map(|c| &c.secrets.bootstrap);
        let found = known.zip(token.bootstrap).and_then(|(known, id)| known.get(id));
        found.is_some_and(|b| b.secret == token.secret && b.is_good(self.now))
    }

    /// The bootstrap tokens of a cluster. Those that have expired are swept away.
    pub(super) fn bootstrap_tokens(&self, no: ClusterNo) -> Vec<BootstrapToken> {
        let all = self.clusters.get(no).into_iter().flat_map(|c| &c.secrets.bootstrap);
        let good = all.filter(|(_, b)| b.is_good(self.now));
        good.map(|(id, b)| BootstrapToken {
            id: id.clone(),
            description: SmolStr::new(&b.description),
            expires_at: b.expires_at,
            made_at: Some(b.made_at),
        })
        .collect()
    }

    /// Makes a bootstrap token, or sets one of the same id anew.
    pub(super) fn make_bootstrap(&mut self, no: ClusterNo, order: &BootstrapOrder) {
        let made_at = super::clock::whole(self.now);
        if let Some(cluster) = self.clusters.get_mut(no) {
            let token = Bootstrap {
                secret: order.secret.expose().into(),
                description: order.description.clone(),
                expires_at: order.expires_at,
                made_at,
            };
            cluster.secrets.bootstrap.insert(order.id.clone(), token);
        }
    }

    pub(super) fn delete_bootstrap(&mut self, no: ClusterNo, id: &str) {
        if let Some(cluster) = self.clusters.get_mut(no) {
            cluster.secrets.bootstrap.remove(id);
        }
    }
}

impl State {
    fn server_mut(&mut self, on: &Host) -> Result<&mut K3s, Refused> {
        let server = self.k3s_mut(on).filter(|k| k.role == Role::Server);
        server.ok_or_else(|| Refused::new("this machine is no server", ""))
    }

    /// A server keeps a new token, and its present one beside it.
    pub(super) fn keep_token(
        &mut self,
        on: &Host,
        kind: Role,
        when: &SmolStr,
        stays: bool,
        token: &str,
    ) -> Result<String, Refused> {
        let k3s = self.server_mut(on)?;
        let Some(own) = k3s.token(kind).map(|t| SmolStr::new(Token::read(t).secret)) else {
            return Err(Refused::new("no token of this kind is configured on this server", ""));
        };
        let there = k3s.beside.iter().find(|b| b.is_next(kind)).map(|b| b.secret.clone());
        let next = match there.filter(|there| stays && *there != own) {
            Some(there) => there,
            None => Token::read(token).secret.into(),
        };
        k3s.beside.retain(|b| !b.is_next(kind));
        let beside = |when: Option<&SmolStr>, secret: &SmolStr| Beside {
            kind,
            when: when.cloned(),
            secret: secret.clone(),
        };
        if own != next && !k3s.beside.iter().any(|b| b.kind == kind && b.secret == own) {
            k3s.beside.push(beside(Some(when), &own));
        }
        k3s.beside.push(beside(None, &next));
        Ok("the new token is kept".to_owned())
    }

    /// A server forgets the new token that it kept; old ones stay.
    pub(super) fn drop_token(&mut self, on: &Host, kind: Role) -> Result<String, Refused> {
        self.server_mut(on)?.beside.retain(|b| !b.is_next(kind));
        Ok("the old token stays".to_owned())
    }

    /// A token that a server keeps.
    pub(super) fn kept_token(&self, on: &Host, kind: Role, kept: Kept) -> Result<Option<SmolStr>, Refused> {
        let server = self.k3s(on).filter(|k| k.role == Role::Server);
        let server = server.ok_or_else(|| Refused::new("this machine is no server", ""))?;
        Ok(match kept {
            Kept::Present => server.token(kind).cloned(),
            Kept::Next => server.beside.iter().find(|b| b.is_next(kind)).map(|b| b.secret.clone()),
        })
    }
}

impl Bootstrap {
    fn is_good(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| now < at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_in_all_their_forms() {
        let hash = "a".repeat(64);
        let server = format!("K10{hash}::server:p:w");
        let read = Token::read(&server);
        assert_eq!(
            (read.authority, read.bootstrap, read.secret),
            (Some(&*hash), None, "p:w")
        );
        let bootstrap = format!("K10{hash}::abc123.0123456789abcdef");
        let read = Token::read(&bootstrap);
        assert_eq!((read.bootstrap, read.secret), (Some("abc123"), "0123456789abcdef"));
        let read = Token::read("short");
        assert_eq!((read.authority, read.bootstrap, read.secret), (None, None, "short"));
    }
}
