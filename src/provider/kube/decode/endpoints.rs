//! The addresses behind a service: `Endpoints`, or the `EndpointSlice`s that have followed them.

use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;
use smol_str::{SmolStr, format_smolstr};

use super::text::{Str, nullable};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Endpoints<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    subsets: Vec<Subset<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Subset<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    addresses: Vec<Address<'a>>,
    #[serde(deserialize_with = "nullable")]
    ports: Vec<Port>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Address<'a> {
    #[serde(borrow)]
    ip: Str<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Port {
    port: Option<u16>,
}

#[derive(Deserialize)]
struct Slices<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    items: Vec<Slice<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Slice<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    endpoints: Vec<Endpoint<'a>>,
    #[serde(deserialize_with = "nullable")]
    ports: Vec<Port>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Endpoint<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    addresses: Vec<Str<'a>>,
}

/// The addresses of an `Endpoints` object, each as `host:port`.
pub(in crate::provider::kube) fn endpoints(body: &[u8]) -> serde_json::Result<Vec<SmolStr>> {
    let Endpoints { subsets } = serde_json::from_slice(body)?;
    Ok(joined(subsets.iter().map(|one| {
        (one.addresses.iter().map(|a| &*a.ip).collect(), one.ports.as_slice())
    })))
}

/// The addresses of a list of `EndpointSlice`s, each as `host:port`.
pub(in crate::provider::kube) fn endpoint_slices(body: &[u8]) -> serde_json::Result<Vec<SmolStr>> {
    let Slices { items } = serde_json::from_slice(body)?;
    Ok(joined(items.iter().map(|one| {
        let addresses = one.endpoints.iter().flat_map(|endpoint| &endpoint.addresses);
        (addresses.map(|a| &**a).collect(), one.ports.as_slice())
    })))
}

fn joined<'a>(parts: impl Iterator<Item = (Vec<&'a str>, &'a [Port])>) -> Vec<SmolStr> {
    let mut found: Vec<_> = parts
        .flat_map(|(addresses, ports)| {
            let ports = ports.iter().filter_map(|one| one.port);
            let each = |port| {
                addresses
                    .clone()
                    .into_iter()
                    .map(move |host| address(host, port))
                    .collect::<Vec<_>>()
            };
            ports.flat_map(each).collect::<Vec<_>>()
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn address(host: &str, port: u16) -> SmolStr {
    match host.parse::<IpAddr>() {
        Ok(ip) => format_smolstr!("{}", SocketAddr::new(ip, port)),
        Err(_name) => format_smolstr!("{host}:{port}"),
    }
}
