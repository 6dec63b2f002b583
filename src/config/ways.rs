//! `[reach.…]`: how edge hosts reach the API of each cluster.

use std::path::PathBuf;

use smol_str::SmolStr;

use super::reader::Table;
use super::settings::is_name;
use crate::fleet::{Way, Ways, is_lasting_path, is_server_url};

/// The keys of a cluster's table.
pub(super) const SERVER: &str = "server";
pub(super) const VPN: &str = "vpn-auth-file";
pub(super) const WIREGUARD: &str = "wireguard";

/// The ways of all clusters; a table that says nothing is none.
pub(super) fn read_ways(table: &Table<'_>) -> Ways {
    let mut ways = Ways::default();
    for (name, value) in table.entries() {
        if !is_name(name) {
            value.key_fault("expected the name of a cluster, such as \"eu-west-1/edge-lab\"");
            continue;
        }
        if let Some(table) = value.table() {
            ways.set(name.into(), read_way(table));
        }
    }
    ways
}

fn read_way(mut table: Table<'_>) -> Way {
    let server = table.get(SERVER).and_then(|value| {
        value.parsed("the URL of a server, such as \"https://192.0.2.7:6443\"", |text| {
            is_server_url(text).then(|| SmolStr::new(text))
        })
    });
    let vpn_auth_file = table.get(VPN).and_then(|value| {
        value.parsed("the path of a file, from / or ~/ on", |text| {
            Some(PathBuf::from(text)).filter(|path| is_lasting_path(path))
        })
    });
    let wireguard = table.get(WIREGUARD).and_then(|value| value.flag());
    table.finish();
    Way {
        server,
        vpn_auth_file,
        wireguard: wireguard.unwrap_or(false),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::reader;

    fn ways(text: &str) -> Result<Ways, Vec<String>> {
        let read = reader::read(Path::new("config.toml"), text, |table| {
            table.table("reach").map(|table| read_ways(&table)).unwrap_or_default()
        });
        read.map_err(|error| error.faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn each_cluster_has_its_way() {
        let ways = ways(
            "[reach.lab]\nserver = \"https://192.0.2.7:6443\"\nwireguard = true\n[reach.\"eu-west-1/ship\"]\n\
             vpn-auth-file = \"~/vpn-auth\"\n[reach.none]\n",
        )
        .unwrap();
        assert_eq!(ways.0.len(), 2, "{ways:?}");
        let lab = &ways.0["lab"];
        assert_eq!(lab.server.as_deref(), Some("https://192.0.2.7:6443"));
        assert!(lab.wireguard && lab.vpn_auth_file.is_none());
        assert_eq!(
            ways.0["eu-west-1/ship"].vpn_auth_file.as_deref(),
            Some(Path::new("~/vpn-auth"))
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let faults = ways(
            "[reach.lab]\nserver = \"192.0.2.7\"\nvpn-auth-file = \"vpn-auth\"\nwireguard = 1\nvia = 2\n[reach]\n\" \" = {}\n",
        )
        .unwrap_err();
        let at = |start: &str| {
            assert!(
                faults.iter().any(|fault| fault.starts_with(start)),
                "{start}: {faults:#?}"
            );
        };
        at("config.toml:2:10: reach.lab.server: expected the URL of a server");
        at(
            "config.toml:3:17: reach.lab.vpn-auth-file: expected the path of a file, from / or ~/ on, found \"vpn-auth\"",
        );
        at("config.toml:4:13: reach.lab.wireguard:");
        at("config.toml:5:1: reach.lab.via:");
        assert_eq!(faults.len(), 5, "{faults:#?}");
    }
}
