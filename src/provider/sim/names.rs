//! Ids and addresses, never given twice while they are in use; instance ids never at all.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};

use smol_str::{SmolStr, format_smolstr};

use crate::fleet::InstanceId;

/// What has been given out.
#[derive(Debug, Default)]
pub(super) struct Names {
    ids: HashSet<u64>,
    private: HashSet<Ipv4Addr>,
    next_host: u16,
    next_public: u32,
}

impl Names {
    /// A new number for an id.
    pub(super) fn number(&mut self, rng: &mut fastrand::Rng) -> u64 {
        loop {
            let n = rng.u64(..);
            if self.ids.insert(n) {
                return n;
            }
        }
    }

    /// A new instance id.
    pub(super) fn instance(&mut self, rng: &mut fastrand::Rng) -> InstanceId {
        InstanceId::new(format_smolstr!("i-0{:016x}", self.number(rng)))
    }

    /// A free address in a cluster's VPC (`10.<cluster>.0.0/16`, a /20 for each zone).
    pub(super) fn private_ip(&mut self, cluster: usize, zone: usize) -> Ipv4Addr {
        self.private_ip_in([10, u8::try_from(cluster % 250).unwrap_or(0)], zone)
    }

    /// A free address in a VPC with these first two bytes, a /20 for each zone.
    pub(super) fn private_ip_in(&mut self, net: [u8; 2], zone: usize) -> Ipv4Addr {
        let zone = u8::try_from(zone % 16).unwrap_or(0);
        for _ in 0..=u16::MAX {
            // A step that is prime to the range visits all of it, without looking like counting.
            self.next_host = self.next_host.wrapping_add(1_571);
            let [high, low] = (self.next_host % 0x1000).to_be_bytes();
            let ip = Ipv4Addr::new(net[0], net[1], zone * 16 + high, low);
            if (4..=250).contains(&low) && self.private.insert(ip) {
                return ip;
            }
        }
        Ipv4Addr::UNSPECIFIED
    }

    /// Takes an id that was given out in an earlier run.
    pub(super) fn take_id(&mut self, id: &InstanceId) {
        let number = id.as_str().strip_prefix("i-0");
        self.ids.extend(number.and_then(|n| u64::from_str_radix(n, 16).ok()));
    }

    /// Takes an address that was given out in an earlier run.
    pub(super) fn take(&mut self, ip: Option<IpAddr>) {
        if let Some(IpAddr::V4(ip)) = ip {
            self.private.insert(ip);
        }
    }

    /// Gives an address back.
    pub(super) fn free(&mut self, ip: Option<IpAddr>) {
        if let Some(IpAddr::V4(ip)) = ip {
            self.private.remove(&ip);
        }
    }

    /// A public address, from the range kept for tests (198.18.0.0/15): it must never reach anybody's host.
    pub(super) fn public_ip(&mut self) -> IpAddr {
        self.next_public = (self.next_public + 40_503) % 0x2_0000;
        IpAddr::V4(Ipv4Addr::from(0xC612_0000 + self.next_public))
    }

    /// An id as AWS writes those of activities.
    pub(super) fn uuid(&mut self, rng: &mut fastrand::Rng) -> SmolStr {
        let (a, b) = (self.number(rng), self.number(rng));
        let a = format!("{a:016x}");
        let b = format!("{b:016x}");
        let part = |s: &str, from: usize, to: usize| s.get(from..to).unwrap_or_default().to_owned();
        format_smolstr!(
            "{}-{}-4{}-a{}-{}",
            part(&a, 0, 8),
            part(&a, 8, 12),
            part(&a, 13, 16),
            part(&b, 1, 4),
            part(&b, 4, 16)
        )
    }
}

/// The name EC2 gives a host by its address: `ip-10-0-3-17`.
pub(super) fn ip_name(ip: Ipv4Addr) -> SmolStr {
    let [a, b, c, d] = ip.octets();
    format_smolstr!("ip-{a}-{b}-{c}-{d}")
}

/// A suffix as Kubernetes generates them.
pub(super) fn suffix(rng: &mut fastrand::Rng, length: usize) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    (0..length)
        .filter_map(|_| rng.choice(LETTERS).map(|b| char::from(*b)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_use_are_not_given_again() {
        let mut names = Names::default();
        let all: HashSet<_> = (0..3_000).map(|_| names.private_ip(3, 1)).collect();
        assert_eq!(all.len(), 3_000);
        assert!(
            all.iter()
                .all(|ip| ip.octets()[0..2] == [10, 3] && (16..32).contains(&ip.octets()[2]))
        );
    }
}
