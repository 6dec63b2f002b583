//! The simulated edge hosts, as they are read over SSH.

use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use smol_str::{SmolStr, format_smolstr};

use super::board::Board;
use super::fault::{Target, error};
use super::noise::hash;
use super::scenario::FaultSort;
use super::state::{Host, Machine, State};
use super::world::World;
use crate::blueprint::machine::Facts;
use crate::fleet::{EdgeHealth, EdgeHost, FaultKind, HostName, InstanceId};
use crate::provider::{HostKey, ProviderError, Result, Shell};

const PROBE: &str = "ssh probe";
const KEY: &str = "ssh-keyscan";

/// All edge hosts.
#[derive(Debug)]
pub(super) struct SimShell {
    world: Arc<World>,
}

impl SimShell {
    pub(super) fn new(world: Arc<World>) -> Self {
        Self { world }
    }
}

/// Whose calls fail that are made on a host.
pub(super) fn target(host: &EdgeHost) -> Target {
    Target::Host(SmolStr::new(host.name.as_str()))
}

/// A board that lets the operator in.
pub(super) fn board<'a>(state: &'a State, host: &EdgeHost, call: &str) -> Result<&'a Board> {
    let target = target(host);
    let board = state.reached_board(&host.name);
    let board = board.ok_or_else(|| error(FaultSort::Dead, &target, call))?;
    match board.life.trusted {
        true => Ok(board),
        false => Err(ProviderError {
            kind: FaultKind::Credentials,
            call: call.into(),
            target: target.name().clone(),
            message: "its host key is not in known_hosts".into(),
            mend: format_smolstr!("look at its key and accept it, or log in once with ssh {}", host.name),
        }),
    }
}

/// What a host is that lets the operator in: a board, or a machine of a cluster that others have made.
pub(super) fn host(state: &State, host: &EdgeHost, call: &str) -> Result<Host> {
    match state.machine_of_host(host.name.as_str()) {
        Some(id) => match state.machines.get(&id).is_some_and(Machine::is_reached) {
            true => Ok(Host::Machine(id)),
            false => Err(error(FaultSort::Dead, &target(host), call)),
        },
        None => board(state, host, call).map(|board| Host::Board(board.host.name.clone())),
    }
}

impl State {
    fn of_others(&self) -> impl Iterator<Item = (&InstanceId, &Machine, &SmolStr)> {
        self.machines.iter().filter_map(|(id, machine)| {
            let cluster = self.clusters.get(machine.cluster).filter(|c| c.spec.others)?;
            Some((id, machine, &cluster.name))
        })
    }

    /// The machine that is reached over SSH by this name.
    fn machine_of_host(&self, name: &str) -> Option<InstanceId> {
        let found = self.of_others().find(|(_, machine, _)| machine.node == name);
        found.map(|(id, ..)| id.clone())
    }

    /// The machines that are reached over SSH.
    pub(super) fn machine_hosts(&self) -> Vec<EdgeHost> {
        let hosts = self.of_others().map(|(_, machine, cluster)| EdgeHost {
            name: HostName::new(&machine.node),
            group: "machines".into(),
            address: None,
            user: Some("ubuntu".into()),
            port: None,
            cluster: Some(cluster.clone()),
            labels: Box::default(),
            taints: Box::default(),
        });
        hosts.collect()
    }
}

/// The key that a board shows.
pub(super) fn host_key(seed: u64, board: &Board) -> HostKey {
    let part = |n: u8| hash(seed, &["host key", board.host.name.as_str(), &n.to_string()]).to_be_bytes();
    let key: Vec<u8> = (0..4).flat_map(part).collect();
    let sized = |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap_or(0).to_be_bytes()[..], bytes].concat();
    let blob = [sized(b"ssh-ed25519"), sized(&key)].concat();
    let print = base64(&Sha256::digest(&blob));
    HostKey {
        kind: "ED25519".into(),
        fingerprint: format_smolstr!("SHA256:{}", print.trim_end_matches('=')),
        line: format!("{} ssh-ed25519 {}", board.spec.address, base64(&blob)),
    }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let three = [0, 1, 2].map(|n| u32::from(chunk.get(n).copied().unwrap_or(0)));
        let [a, b, c] = three;
        let bits = (a << 16) | (b << 8) | c;
        for n in 0..4_usize {
            let sextet = usize::try_from((bits >> (18 - 6 * n)) & 0x3f).unwrap_or(0);
            let letter = LETTERS.get(sextet).filter(|_| n <= chunk.len());
            text.push(letter.copied().map_or('=', char::from));
        }
    }
    text
}

#[async_trait]
impl Shell for SimShell {
    async fn probe(&self, host: &EdgeHost) -> Result<EdgeHealth> {
        let found = |s: &State| match self::host(s, host, PROBE)? {
            Host::Board(_) => board(s, host, PROBE).map(|b| s.health(b)),
            Host::Machine(_) => Ok(EdgeHealth {
                latency_ms: 12,
                ..EdgeHealth::default()
            }),
        };
        self.world.call(&target(host), PROBE, found).await?
    }

    async fn facts(&self, host: &EdgeHost, addresses: &[SmolStr]) -> Result<Facts> {
        let call = "ssh facts";
        let found = |s: &State| board(s, host, call).map(|b| s.facts(b, addresses));
        self.world.call(&target(host), call, found).await?
    }

    async fn host_key(&self, host: &EdgeHost) -> Result<Option<HostKey>> {
        let target = target(host);
        let shown = |s: &State| {
            if s.machine_of_host(host.name.as_str()).is_some() {
                return Ok(None);
            }
            let board = s.reached_board(&host.name);
            let board = board.ok_or_else(|| error(FaultSort::Dead, &target, KEY))?;
            Ok((!board.life.trusted).then(|| host_key(s.seed, board)))
        };
        self.world.call(&target, KEY, shown).await?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_as_it_is_written_elsewhere() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
