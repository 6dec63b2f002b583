//! What machines and boards tell of themselves: how their K3s stands, what they are before they join, how they fare.

use jiff::SignedDuration;
use smol_str::{SmolStr, format_smolstr};

use super::board::{Board, boot_id};
use super::k3s::{K3s, Service};
use super::node::gib;
use super::noise::{hash, unit, wave};
use super::state::State;
use super::token::Token;
use crate::blueprint::machine::{Datastore, Facts, HeldToken, Inside, Reached, Sudo};
use crate::fleet::{Arch, EdgeHealth, HostName, InstanceId, Role};

/// How long certificates of K3s are good for from the start that renewed them.
const CERTIFICATES: SignedDuration = SignedDuration::from_hours(365 * 24);

impl State {
    /// How K3s stands on an instance that runs.
    pub(super) fn inside_machine(&self, id: &InstanceId) -> Option<Inside> {
        let machine = self.machines.get(id).filter(|m| m.is_reached())?;
        let k3s = &machine.k3s;
        let datastore = (machine.role == Role::Server).then(|| match self.has_etcd(machine.cluster) {
            true => Datastore::Etcd,
            false if self.clusters.get(machine.cluster).is_some_and(|c| c.external) => Datastore::External,
            false => Datastore::Sqlite,
        });
        let told = Inside {
            boot: boot_id(self.seed, id.as_str(), machine.boots),
            datastore,
            ..Inside::default()
        };
        let mut told = self.with_k3s(told, Some(k3s));
        // Its first boot has not come so far yet.
        if !machine.joined && k3s.is_active() {
            told.service = Some(Service::Activating.as_str().into());
        }
        Some(told)
    }

    /// How K3s stands on a board.
    pub(super) fn inside_board(&self, board: &Board) -> Inside {
        let told = Inside {
            boot: boot_id(self.seed, board.host.name.as_str(), board.life.boots),
            ..Inside::default()
        };
        self.with_k3s(told, board.life.k3s.as_ref())
    }

    fn with_k3s(&self, told: Inside, k3s: Option<&K3s>) -> Inside {
        let Some(k3s) = k3s else { return told };
        let server = k3s
            .config
            .as_ref()
            .map_or("https://127.0.0.1:6443", |c| c.server.as_str());
        let journal = match (k3s.service, k3s.trouble) {
            (_, Some(trouble)) => trouble.lines(server),
            (Service::Inactive, None) => vec!["Stopped Lightweight Kubernetes.".into()],
            (Service::Activating, None) => vec!["Starting Lightweight Kubernetes...".into()],
            (Service::Active, None) => vec![
                "Starting Lightweight Kubernetes...".into(),
                format_smolstr!("level=info msg=\"{} is up and running\"", k3s.unit()),
                "Started Lightweight Kubernetes.".into(),
            ],
        };
        Inside {
            unit: Some(k3s.unit().into()),
            service: Some(k3s.service.as_str().into()),
            version: Some(k3s.installed.clone()),
            journal,
            tokens: [Role::Server, Role::Agent]
                .into_iter()
                .filter_map(|kind| held(kind, k3s.token(kind)?))
                .collect(),
            kept: k3s.beside.iter().map(super::token::Beside::told).collect(),
            ..told
        }
    }

    /// What has to be known of a board before it joins.
    pub(super) fn facts(&self, board: &Board, addresses: &[SmolStr]) -> Facts {
        let spec = &board.spec;
        let life = &board.life;
        let pi = spec.model.starts_with("Raspberry");
        let health = self.health(board);
        let free = health.disk.map(|(used, size)| size.saturating_sub(used) / 1_048_576);
        let reached = addresses.iter().map(|address| Reached {
            address: address.clone(),
            answers: self.cluster_at(address).is_some_and(|no| self.api_up(no)),
        });
        Facts {
            machine: machine_word(spec.arch).into(),
            arch: Some(spec.arch),
            userland_bits: health.userland_bits,
            hostname: spec.name.to_lowercase().into(),
            os: Some(spec.os.clone()),
            init: Some("systemd".into()),
            sudo: match (&spec.sudo_password, board.host.user.as_deref()) {
                (_, Some("root")) => Sudo::Root,
                (Some(_), _) => Sudo::Password,
                (None, _) => Sudo::Free,
            },
            memory_cgroup: Some(life.cgroups),
            cmdline: pi.then(|| "/boot/firmware/cmdline.txt".into()),
            vxlan: Some(true),
            memory_mib: Some(gib(spec.memory_gib) / 1_048_576),
            disk_free_mib: free,
            clock_skew: Some(spec.clock_off.as_secs()),
            clock_synced: Some(spec.clock_off.is_zero()),
            swap_mib: Some(if pi { 512 } else { 0 }),
            firewall: None,
            iptables: Some("1.8.11".into()),
            downloader: Some("curl".into()),
            k3s: life.k3s.as_ref().map(|k| k.unit().into()),
            k3s_server: life.k3s.as_ref().and_then(|k| Some(k.config.as_ref()?.server.clone())),
            node_password: Some(life.password.is_some()),
            selinux: Some(false),
            reached: reached.collect(),
        }
    }

    /// What one probing command finds on a board.
    pub(super) fn health(&self, board: &Board) -> EdgeHealth {
        #[expect(clippy::cast_precision_loss, reason = "seconds of this millennium")]
        let t = self.now.as_second() as f64;
        let spec = &board.spec;
        let key = hash(self.seed, &["board", &spec.name]);
        let load = f64::from(spec.cores) * (0.22 + 0.16 * wave(key, t, 180.0));
        let memory = spec.memory_gib * (0.45 + 0.08 * wave(key ^ 1, t, 1_200.0));
        let disk = spec.disk_gib * (0.3 + 0.35 * unit(key ^ 2));
        let pi = spec.model.starts_with("Raspberry");
        let temperature = 52.0 + 10.0 * unit(key ^ 3) + 6.0 * wave(key ^ 4, t, 300.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small and positive"
        )]
        let latency_ms = (14.0 + 30.0 * unit(key ^ 5) + 8.0 * (1.0 + wave(key ^ 6, t, 20.0))) as u32;
        #[expect(clippy::cast_possible_truncation, reason = "a reading has one decimal")]
        let tenth = |x: f64| ((x * 10.0).round() / 10.0) as f32;
        let k3s = board.life.k3s.as_ref();
        // A node that never joined has no certificate.
        let certified = k3s.filter(|_| board.life.password.is_some());
        EdgeHealth {
            latency_ms,
            model: Some(spec.model.clone()),
            arch: Some(spec.arch),
            userland_bits: Some(if spec.userland_32 || spec.arch == Arch::Arm {
                32
            } else {
                64
            }),
            os: Some(spec.os.clone()),
            kernel: Some(spec.kernel.clone()),
            load: Some(tenth(load)),
            memory: Some((gib(memory), gib(spec.memory_gib))),
            disk: Some((gib(disk), gib(spec.disk_gib))),
            temperature: Some(tenth(temperature)),
            throttled: pi.then_some(temperature > 80.0),
            clock_skew: Some(spec.clock_off.as_secs()),
            clock_synced: Some(spec.clock_off.is_zero()),
            service: k3s.map(|k| k.service.as_str().into()),
            version: k3s.map(|k| k.installed.clone()),
            certificate_until: certified.map(|k| super::clock::whole(super::clock::later(k.up_since, CERTIFICATES))),
        }
    }

    /// A board, while it answers.
    pub(super) fn reached_board(&self, host: &HostName) -> Option<&Board> {
        self.boards.get(host).filter(|b| b.up)
    }
}

/// The kernel's word for an architecture.
pub(super) fn machine_word(arch: Arch) -> &'static str {
    match arch {
        Arch::Amd64 => "x86_64",
        Arch::Arm64 => "aarch64",
        Arch::Arm => "armv7l",
    }
}

/// What a machine tells of a token that it keeps.
fn held(kind: Role, token: &SmolStr) -> Option<HeldToken> {
    let read = Token::read(token);
    let half = match read.bootstrap {
        Some(id) => format!("{id}.{}", read.secret),
        None => read.secret.to_owned(),
    };
    Some(HeldToken {
        kind,
        place: format_smolstr!("/etc/rancher/k3s/{}-token", kind.as_str()),
        digest: HeldToken::digest_of(&half),
        bootstrap: read.bootstrap.map(Into::into),
    })
}
