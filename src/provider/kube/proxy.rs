//! Which servers are reached past the proxy that the environment names, as `NO_PROXY` tells.

use std::net::IpAddr;

use http::Uri;

/// Whether the environment sends no proxy before this server.
pub(super) fn is_direct(server: &Uri) -> bool {
    let exceptions = ["NO_PROXY", "no_proxy"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    server.scheme_str() != Some("https")
        || server
            .host()
            .is_none_or(|host| excepted(host, exceptions.as_deref().unwrap_or("")))
}

/// Whether a server is on this machine.
pub(super) fn is_here(server: &Uri) -> bool {
    server.host().is_some_and(|host| excepted(host, ""))
}

/// Whether a host is this machine or among the exceptions: `*`, a host or domain, an address, a range of addresses.
fn excepted(host: &str, exceptions: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|a| a.is_loopback()) {
        return true;
    }
    exceptions.split(',').map(str::trim).any(|entry| {
        let entry = entry.to_ascii_lowercase();
        match (address, entry.split_once('/')) {
            _ if entry == "*" => true,
            (Some(address), Some((network, bits))) => in_range(address, network, bits),
            (Some(address), None) => entry.parse() == Ok(address),
            (None, _) => {
                let domain = entry.trim_start_matches("*.").trim_start_matches('.');
                !domain.is_empty()
                    && host
                        .strip_suffix(domain)
                        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
        }
    })
}

fn in_range(address: IpAddr, network: &str, bits: &str) -> bool {
    let Ok(bits) = bits.parse::<u32>() else { return false };
    match (address, network.parse()) {
        (IpAddr::V4(address), Ok(IpAddr::V4(network))) => {
            let differ = u32::from(address) ^ u32::from(network);
            bits <= 32 && differ.leading_zeros() >= bits
        }
        (IpAddr::V6(address), Ok(IpAddr::V6(network))) => {
            let differ = u128::from(address) ^ u128::from(network);
            bits <= 128 && differ.leading_zeros() >= bits
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_hosts_domains_addresses_and_ranges() {
        for (host, exceptions) in [
            ("127.0.0.1", ""),
            ("[::1]", ""),
            ("localhost", ""),
            ("api.lab.example", "*"),
            ("api.lab.example", "lab.example"),
            ("api.lab.example", "other, .lab.example"),
            ("api.lab.example", "*.lab.example"),
            ("API.lab.example", "api.LAB.example"),
            ("10.1.2.3", "10.1.2.3"),
            ("10.1.2.3", "10.0.0.0/8"),
            ("10.1.2.3", "0.0.0.0/0"),
            ("[fd00::7]", "fd00::/8"),
        ] {
            assert!(excepted(host, exceptions), "{host} in {exceptions}");
        }
        for (host, exceptions) in [
            ("api.lab.example", ""),
            ("api.lab.example", ","),
            ("apilab.example", "lab.example"),
            ("api.lab.example", "api.lab"),
            ("10.1.2.3", "10.1.2.30"),
            ("11.1.2.3", "10.0.0.0/8"),
            ("10.1.2.3", "10.0.0.0/40"),
            ("10.1.2.3", "10.0.0.0/x"),
            ("10.1.2.3", "fd00::/8"),
        ] {
            assert!(!excepted(host, exceptions), "{host} in {exceptions}");
        }
    }

    #[test]
    fn plain_http_knows_no_proxy() {
        assert!(is_direct(&Uri::from_static("http://api.lab.example:8080")));
    }
}
