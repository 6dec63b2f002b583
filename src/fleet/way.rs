//! How edge hosts reach the API of a cluster, where the server of its kubeconfig is not the way: chosen once for the
//! cluster, and kept in `config.toml`.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

use smol_str::{SmolStr, format_smolstr};

use super::ClusterId;

/// The way that is chosen for a cluster; the default: as its kubeconfig says, through no VPN.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// The URL of its server, as the hosts reach it; `None`: that of its kubeconfig.
    pub server: Option<SmolStr>,
    /// The local file with the key of the VPN that the hosts join first, as K3s' `vpn-auth-file` has it. Only its path is
    /// kept.
    pub vpn_auth_file: Option<PathBuf>,
    /// Whether servers and hosts speak WireGuard: pods' packets go through it, not through vxlan.
    pub wireguard: bool,
}

impl Way {
    /// Whether nothing is chosen.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// What it needs of the operator, each in a sentence (K3s documentation: distributed and multicloud clusters).
    pub fn needs(&self) -> Vec<String> {
        let mut needs = vec![];
        if self.server.is_some() && self.vpn_auth_file.is_none() {
            needs.push(
                "the servers have to advertise that address too (node-external-ip, or advertise-address), for hosts go on to \
                 what is advertised; 6443/tcp has to be open to the hosts"
                    .to_owned(),
            );
        }
        if self.vpn_auth_file.is_some() {
            needs.push(
                "the servers have to be in the VPN too (vpn-auth-file), tailscale has to be installed on each host, and the \
                 routes of the pods have to be accepted in the VPN"
                    .to_owned(),
            );
        }
        if self.wireguard {
            needs.push(
                "the servers have to run with flannel-backend: wireguard-native, flannel-external-ip: true and \
                 node-external-ip: their public address; 51820/udp has to be open between them and the hosts"
                    .to_owned(),
            );
            needs.push(
                "a host with a public address of its own names it: node-external-ip in /etc/rancher/k3s/config.yaml.d/ there"
                    .to_owned(),
            );
        }
        needs
    }
}

/// Through what a tunnel to a cluster's API goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// A session of AWS Systems Manager, for which no port of a server has to be open.
    Ssm,
    /// SSH.
    Ssh,
}

impl Via {
    /// Its word in the settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ssm => "ssm",
            Self::Ssh => "ssh",
        }
    }

    /// Reads its word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Ssm, Self::Ssh].into_iter().find(|via| via.as_str() == word)
    }
}

/// The ways of all clusters for which one is chosen, each under the cluster's name, alone or after its region
/// (`eu-west-1/edge-lab`) or its profile and region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ways(pub BTreeMap<SmolStr, Way>);

impl Ways {
    /// The way of a cluster, and what it stands under; what names the cluster more closely counts first.
    pub fn of(&self, cluster: &ClusterId) -> Option<(&SmolStr, &Way)> {
        let named = names(cluster).into_iter().find_map(|name| self.0.get_key_value(&name));
        named.or_else(|| {
            // Where only its kube context is known, its region is not: one cluster of the name is it.
            let end = format!("/{}", cluster.name);
            let mut ending = self.0.iter().filter(|(key, _)| key.ends_with(&end));
            let only = ending.next().filter(|_| cluster.home.is_none())?;
            ending.next().is_none().then_some(only)
        })
    }

    /// What the way of a cluster stands under, or is to stand under.
    pub fn key(&self, cluster: &ClusterId) -> SmolStr {
        match (self.of(cluster), &cluster.home) {
            (Some((key, _)), _) => key.clone(),
            (None, Some(home)) => format_smolstr!("{home}/{}", cluster.name),
            (None, None) => cluster.name.clone(),
        }
    }

    /// Puts a way in force for what stands under a key.
    pub fn set(&mut self, key: SmolStr, way: Way) {
        match way.is_default() {
            true => self.0.remove(&key),
            false => self.0.insert(key, way),
        };
    }
}

/// What a cluster's way may stand under, the closest name first.
fn names(cluster: &ClusterId) -> Vec<SmolStr> {
    let mut names = vec![];
    if let Some(home) = &cluster.home {
        names.push(format_smolstr!("{home}/{}", cluster.name));
        names.push(format_smolstr!("{}/{}", home.region, cluster.name));
    }
    names.push(cluster.name.clone());
    names.dedup();
    names
}

/// Whether a text is the URL of a server: `https://`, a host, and a port if need be.
pub fn is_server_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else {
        return false;
    };
    let address = rest.strip_suffix('/').unwrap_or(rest);
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    if let Some(inner) = address.strip_prefix('[') {
        let Some((host, rest)) = inner.split_once(']') else {
            return false;
        };
        let port = rest.strip_prefix(':');
        return host.parse::<Ipv6Addr>().is_ok() && (rest.is_empty() || port.is_some_and(is_port));
    }
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "443"));
    let good = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    !host.is_empty() && host.chars().all(good) && is_port(port)
}

/// Whether a path names a file wherever the program is started: an absolute one, or one below `~`.
pub fn is_lasting_path(path: &Path) -> bool {
    path.is_absolute() || path.starts_with("~")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Scope;

    fn way(server: &str) -> Way {
        Way {
            server: Some(server.into()),
            ..Way::default()
        }
    }

    fn ways(keys: &[&str]) -> Ways {
        Ways(keys.iter().map(|key| ((*key).into(), way(key))).collect())
    }

    fn cluster(home: Option<(&str, &str)>) -> ClusterId {
        ClusterId {
            name: "lab".into(),
            home: home.map(|(profile, region)| Scope::new(profile, region)),
        }
    }

    #[test]
    fn the_closest_name_counts() {
        let here = cluster(Some(("ops", "eu-west-1")));
        let of = |ways: &Ways, id: &ClusterId| ways.of(id).map(|(key, _)| key.to_string());
        let all = ways(&["lab", "eu-west-1/lab", "ops/eu-west-1/lab", "us-east-1/lab"]);
        assert_eq!(of(&all, &here).as_deref(), Some("ops/eu-west-1/lab"));
        assert_eq!(
            of(&ways(&["lab", "eu-west-1/lab"]), &here).as_deref(),
            Some("eu-west-1/lab")
        );
        assert_eq!(of(&ways(&["lab", "us-east-1/lab"]), &here).as_deref(), Some("lab"));
        assert_eq!(of(&ways(&["us-east-1/lab"]), &here), None);
    }

    #[test]
    fn a_cluster_without_a_region_is_the_only_one_of_its_name() {
        let nowhere = cluster(None);
        let of = |ways: &Ways| ways.of(&nowhere).map(|(key, _)| key.to_string());
        assert_eq!(of(&ways(&["eu-west-1/lab"])).as_deref(), Some("eu-west-1/lab"));
        assert_eq!(of(&ways(&["eu-west-1/lab", "us-east-1/lab"])), None);
        assert_eq!(of(&ways(&["eu-west-1/collab"])), None);
        assert_eq!(ways(&[]).key(&nowhere), "lab");
        assert_eq!(ways(&[]).key(&cluster(Some(("", "eu-west-1")))), "eu-west-1/lab");
        assert_eq!(ways(&["lab"]).key(&cluster(Some(("", "eu-west-1")))), "lab");
    }

    #[test]
    fn a_default_way_is_none() {
        let mut all = ways(&["lab"]);
        all.set("lab".into(), Way::default());
        assert_eq!(all, Ways::default());
        all.set("lab".into(), way("https://a"));
        assert_eq!(all.0.len(), 1);
    }

    #[test]
    fn urls_of_servers() {
        for good in [
            "https://192.0.2.7:6443",
            "https://api.example.com",
            "https://api.example.com:6443/",
            "https://[2001:db8::1]:6443",
            "https://[2001:db8::1]",
        ] {
            assert!(is_server_url(good), "{good}");
        }
        for bad in [
            "",
            "192.0.2.7:6443",
            "http://192.0.2.7:6443",
            "https://",
            "https://:6443",
            "https://a b:6443",
            "https://a:0",
            "https://a:70000",
            "https://a:",
            "https://a/b",
            "https://[::1",
            "https://[lab]:1",
            "https://u@a:1",
        ] {
            assert!(!is_server_url(bad), "{bad}");
        }
    }

    #[test]
    fn what_a_way_needs_is_told() {
        assert!(Way::default().needs().is_empty());
        let wireguard = Way {
            wireguard: true,
            ..way("https://a:6443")
        };
        let told = wireguard.needs().join(" ");
        for word in [
            "wireguard-native",
            "flannel-external-ip",
            "node-external-ip",
            "51820/udp",
        ] {
            assert!(told.contains(word), "{told}");
        }
        let vpn = Way {
            vpn_auth_file: Some("/k".into()),
            ..Way::default()
        };
        assert!(vpn.needs().join(" ").contains("tailscale"));
    }
}
