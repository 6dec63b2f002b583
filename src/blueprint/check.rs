//! What is wrong with a spec, all of it at once, and what is dangerous in it.

use std::fmt;
use std::ops::RangeInclusive;

use super::{Cidr, Profile, Spec, SshKey, ha};
use crate::fleet::{Purchase, Shape};

/// The volumes that every image fits on, with room for K3s, and that every region offers of type gp3, in GiB.
pub(super) const VOLUMES: RangeInclusive<u32> = 8..=16_384;
/// K3s gives each node a /24 of 10.42.0.0/16: 256 nodes, the server and some room for replacements taken off.
pub(super) const MOST_WORKERS: u32 = 250;
/// What a standard SSM parameter holds, in bytes.
const MOST_JSON: usize = 4096;
/// The networks that K3s gives to pods and services.
const OF_K3S: [(&str, &str); 2] = [("10.42.0.0/16", "pods"), ("10.43.0.0/16", "services")];
/// The types of SSH keys that both images take.
const KEY_TYPES: [&str; 5] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
];

/// One thing that is wrong with a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field, as the spec's JSON names it.
    pub field: &'static str,
    /// What was given; left out where it may be a secret.
    pub given: Option<String>,
    /// What is expected instead.
    pub expected: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.given {
            Some(given) => write!(f, "{}: {given:?} was given; expected {}", self.field, self.expected),
            None => write!(f, "{}: expected {}", self.field, self.expected),
        }
    }
}

impl std::error::Error for Fault {}

/// The faults found so far.
#[derive(Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, field: &'static str, given: impl ToString, expected: impl Into<String>) {
        self.0.push(Fault {
            field,
            given: Some(given.to_string()),
            expected: expected.into(),
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn unless(&mut self, good: bool, field: &'static str, given: impl ToString, expected: &str) {
        if !good {
            self.add(field, given, expected);
        }
    }

    /// All of them.
    pub(super) fn into_list(self) -> Vec<Fault> {
        self.0
    }

    fn secret(&mut self, field: &'static str, expected: &str) {
        self.0.push(Fault {
            field,
            given: None,
            expected: expected.to_owned(),
        });
    }
}

impl Spec {
    /// Every fault of the spec. An empty list means that a cluster can be made from it.
    pub fn check(&self) -> Vec<Fault> {
        let mut faults = Faults::default();
        self.check_cluster(&mut faults);
        self.check_machines(&mut faults);
        self.check_reach(&mut faults);
        self.check_network(&mut faults);
        self.check_profile(&mut faults);
        let size = serde_json::to_vec(self).map_or(0, |json| json.len());
        faults.unless(
            size <= MOST_JSON,
            "spec",
            format!("{size} bytes of JSON"),
            "at most 4096 bytes, which an SSM parameter holds",
        );
        faults.0
    }

    /// What is allowed but dangerous, one line each.
    pub fn warnings(&self) -> Vec<String> {
        let parsed = self.from.iter().filter_map(|from| Cidr::parse(from).ok());
        let open = parsed.filter(|cidr| cidr.is_everything());
        let mut warnings: Vec<_> = open
            .map(|cidr| format!("ports 22 and 6443 are open to the whole internet ({cidr})"))
            .collect();
        if let Some(own) = &self.ha {
            warnings.append(&mut ha::warnings(self, own));
        }
        warnings
    }

    fn check_cluster(&self, faults: &mut Faults) {
        faults.unless(
            is_label(&self.name),
            "name",
            &self.name,
            "1 to 40 lower-case letters, digits and hyphens, a letter first and no hyphen last",
        );
        match (self.shape, &self.ha) {
            (Shape::Quick | Shape::Ci, None) => {}
            (Shape::Ha, Some(ha)) => ha::check(self, ha, faults),
            (Shape::Ha, None) => faults.add("ha", "nothing", "the parts of a highly available cluster"),
            (Shape::Quick | Shape::Ci, Some(_)) => faults.add("ha", "something", "nothing: the shape is not ha"),
            (Shape::Adopted, _) => faults.add("shape", self.shape.as_str(), "quick, ci or ha"),
        }
        faults.unless(
            is_region(&self.region),
            "region",
            &self.region,
            "a region such as eu-west-1",
        );
        faults.unless(
            is_version(&self.version),
            "version",
            &self.version,
            "a release of K3s as vX.Y.Z+k3sN, such as v1.36.4+k3s1",
        );
        match (self.shape, self.expires_at) {
            (Shape::Ci, None) => faults.add("expires_at", "nothing", "a time: a ci cluster destroys itself"),
            (Shape::Quick | Shape::Ha, Some(at)) => {
                faults.add("expires_at", at, "none: only a ci cluster destroys itself")
            }
            _ => {}
        }
    }

    fn check_machines(&self, faults: &mut Faults) {
        faults.unless(
            self.image.parameter(self.arch).is_some(),
            "arch",
            self.arch.as_str(),
            "amd64 or arm64",
        );
        faults.unless(
            !self.types.is_empty(),
            "types",
            "none",
            "at least one instance type, such as t4g.small",
        );
        for (i, kind) in self.types.iter().enumerate() {
            let expected = "an instance type such as t4g.small";
            faults.unless(is_type(kind), "types", kind, expected);
            let again = self.types.iter().take(i).any(|before| before == kind);
            faults.unless(!again, "types", kind, "each instance type once");
        }
        faults.unless(
            self.workers <= MOST_WORKERS,
            "workers",
            self.workers,
            "at most 250: K3s has networks for 256 nodes",
        );
        faults.unless(
            VOLUMES.contains(&self.volume_gib),
            "volume_gib",
            self.volume_gib,
            "8 to 16384 GiB",
        );
        faults.unless(
            !self.on_demand_fallback || self.purchase == Purchase::Spot,
            "on_demand_fallback",
            "true",
            "false: the machines are bought on-demand anyway",
        );
    }

    fn check_reach(&self, faults: &mut Faults) {
        for from in &self.from {
            if let Err(why) = Cidr::parse(from) {
                let expected = format!("a network such as 203.0.113.7/32: {why}");
                faults.add("from", from, expected);
            }
        }
        match &self.ssh {
            Some(SshKey::Public(key)) => check_key(key, faults),
            Some(SshKey::Pair(name)) => {
                let good = (1..=255).contains(&name.len()) && name.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
                faults.unless(good, "ssh", name, "the name of an EC2 key pair");
            }
            None => {}
        }
    }

    fn check_network(&self, faults: &mut Faults) {
        let Some(network) = &self.network else { return };
        faults.unless(is_id(&network.vpc, "vpc-"), "network.vpc", &network.vpc, "vpc-…");
        for subnet in &network.subnets {
            faults.unless(is_id(subnet, "subnet-"), "network.subnets", subnet, "subnet-…");
        }
        for text in &network.cidrs {
            let cidr = match Cidr::parse(text) {
                Ok(cidr) => cidr,
                Err(why) => {
                    faults.add("network.cidrs", text, format!("a network: {why}"));
                    continue;
                }
            };
            apart_from_k3s("network.cidrs", text, cidr, faults);
        }
    }

    fn check_profile(&self, faults: &mut Faults) {
        if self.shape == Shape::Ha {
            let own = self.profile == Profile::Own;
            return faults.unless(
                own,
                "profile",
                "another",
                "own: the stack makes the roles of an ha cluster",
            );
        }
        match &self.profile {
            Profile::Own => {}
            Profile::Named(name) => faults.unless(
                (1..=128).contains(&name.len())
                    && name
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"+=,.@-_".contains(&b)),
                "profile",
                name,
                "the name of an instance profile: letters, digits and +=,.@-_",
            ),
            Profile::None => {
                faults.unless(
                    self.workers == 0,
                    "workers",
                    self.workers,
                    "0: without an instance profile no worker can read its token",
                );
                faults.unless(
                    self.ssh.is_some(),
                    "ssh",
                    "nothing",
                    "a key: without an instance profile the kubeconfig is read over SSH",
                );
            }
        }
    }
}

/// Refuses a VPC in whose networks K3s has its own.
pub(super) fn apart_from_k3s(field: &'static str, given: &str, cidr: Cidr, faults: &mut Faults) {
    for (own, what) in OF_K3S {
        if Cidr::parse(own).is_ok_and(|own| own.overlaps(cidr)) {
            let expected = format!("a VPC apart from {own}, which K3s gives to {what}");
            faults.add(field, given, expected);
        }
    }
}

/// Whether it is a DNS label that AWS takes in every name made from it.
pub(super) fn is_label(text: &str) -> bool {
    let within = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    let first = text.starts_with(|c: char| c.is_ascii_lowercase());
    text.len() <= 40 && within && first && !text.ends_with('-')
}

fn is_region(text: &str) -> bool {
    let mut parts = text.rsplit('-');
    let number = parts.next().is_some_and(is_number);
    let words: Vec<&str> = parts.collect();
    let letters = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    text.len() <= 32 && number && words.len() >= 2 && words.iter().all(letters)
}

/// `vX.Y.Z+k3sN`, or `vX.Y.Z-rcN+k3sN`.
fn is_version(text: &str) -> bool {
    let parts = || {
        let (kubernetes, build) = text.strip_prefix('v')?.split_once("+k3s")?;
        let (numbers, candidate) = match kubernetes.split_once("-rc") {
            Some((numbers, candidate)) => (numbers, Some(candidate)),
            None => (kubernetes, None),
        };
        Some((numbers, candidate, build))
    };
    parts().is_some_and(|(numbers, candidate, build)| {
        let numbers: Vec<&str> = numbers.split('.').collect();
        numbers.len() == 3 && numbers.into_iter().all(is_number) && candidate.is_none_or(is_number) && is_number(build)
    })
}

fn is_number(text: &str) -> bool {
    (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

pub(super) fn is_type(text: &str) -> bool {
    let word = |word: &str| {
        let within = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !word.is_empty() && word.bytes().all(within)
    };
    text.len() <= 40
        && text
            .split_once('.')
            .is_some_and(|(family, size)| word(family) && word(size))
}

fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|id| (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// A key's text is never told back: it may be the private one.
fn check_key(key: &str, faults: &mut Faults) {
    if key.contains("PRIVATE KEY") {
        faults.secret(
            "ssh",
            "the public key: this is the private one, which must never leave your machine",
        );
        return;
    }
    let mut words = key.split(' ');
    let kind = words.next().unwrap_or_default();
    let body = words.next().unwrap_or_default();
    let base64 = |b: u8| b.is_ascii_alphanumeric() || b"+/=".contains(&b);
    let good = KEY_TYPES.contains(&kind) && body.starts_with("AAAA") && body.bytes().all(base64);
    if !good || body.len() < 64 || key.chars().any(char::is_control) {
        faults.secret("ssh", "a public key on one line, such as: ssh-ed25519 AAAA… you@desk");
    }
}

#[cfg(test)]
mod tests;
