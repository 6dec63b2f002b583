//! The second context of a cluster's kept kubeconfig: the same API through a tunnel that ends on this machine.
//!
//! Its server is `https://127.0.0.1:PORT`, and everything else is the first context's: the same user, the same certificate
//! authority. Where the first one reaches the API by a name, the certificate is held against that name; K3s' certificates
//! name 127.0.0.1 as well, so that an address needs none. The port is made of the cluster's name, so that a context that
//! was handed on stays right, until another is chosen.

use std::net::IpAddr;
use std::path::Path;

use http::Uri;
use kube::config::{Cluster, Context, Kubeconfig, NamedCluster, NamedContext};
use smol_str::SmolStr;

use super::context::{self, KubeContext};
use super::file;
use super::kubeconfig::{KEEP, READ, disk, no_file, path, read, written};
use crate::blueprint::fold;
use crate::fleet::FaultKind;
use crate::provider::{ProviderError, Secret};

/// The first port that a tunnel has unless told.
const FIRST: u16 = 16_443;
/// Over how many ports clusters are spread: up to 20538, below those of NodePorts and of outgoing connections.
const PORTS: u16 = 4_096;

/// The name of the context that goes through the tunnel.
pub fn context_name(context: &str) -> String {
    format!("{context}-tunnel")
}

/// The port that a cluster's tunnel has unless told: always the same one.
pub fn default_port(cluster: &str) -> u16 {
    let spread = u16::try_from(fold(cluster) % u32::from(PORTS)).unwrap_or_default();
    FIRST.saturating_add(spread)
}

/// Puts the context of the tunnel into a cluster's kept kubeconfig, or gives it another port; gives whether that changed
/// anything. `None`: no kubeconfig of the cluster is kept.
pub fn set(directory: &Path, cluster: &str, port: u16) -> Result<Option<bool>, ProviderError> {
    let path = path(directory, cluster).ok_or_else(|| no_file(cluster))?;
    let Some(text) = read(directory, cluster)? else {
        return Ok(None);
    };
    let wrong = |message: &str| ProviderError {
        kind: FaultKind::Malformed,
        call: READ.into(),
        target: path.display().to_string().into(),
        message: message.into(),
        mend: "fetch it anew: k3fleet kubeconfig --fetch CLUSTER".into(),
    };
    let mut kubeconfig = Kubeconfig::from_yaml(text.expose()).map_err(|error| wrong(&context::unreadable(&error)))?;
    add(&mut kubeconfig, cluster, port).map_err(wrong)?;
    let new = written(&kubeconfig).map_err(|_unwritable| wrong("it cannot be written as YAML"))?;
    if new == text.expose() {
        return Ok(Some(false));
    }
    file::write(&path, &new).map_err(|error| disk(KEEP, &path, &error))?;
    Ok(Some(true))
}

/// The port in the kept kubeconfig of a cluster, where it has a context of a tunnel.
pub fn port(directory: &Path, cluster: &str) -> Option<u16> {
    let context = open(directory, cluster).ok()?;
    context.endpoint.parse::<Uri>().ok()?.port_u16()
}

/// The context of the tunnel in the kept kubeconfig of a cluster.
pub fn open(directory: &Path, cluster: &str) -> Result<KubeContext, ProviderError> {
    let path = path(directory, cluster).ok_or_else(|| no_file(cluster))?;
    context::only(&path, &context_name(cluster))
}

/// By which name the certificate of the API at a URL is held when the URL is another one; `None` for an address.
pub fn server_name(endpoint: &str) -> Option<SmolStr> {
    let url = endpoint.parse::<Uri>().ok()?;
    let host = url.host()?.trim_matches(['[', ']']);
    host.parse::<IpAddr>().is_err().then(|| SmolStr::new(host))
}

/// Adds the context of the tunnel, or puts it in place of an older one. The current context is the cluster's own.
pub(super) fn add(kubeconfig: &mut Kubeconfig, cluster: &str, port: u16) -> Result<(), &'static str> {
    let direct = context::cluster(kubeconfig, cluster).ok_or("it has no context of the cluster's name")?;
    let server = direct.server.as_deref().ok_or("its cluster names no server")?;
    let through = Cluster {
        server: Some(format!("https://127.0.0.1:{port}")),
        tls_server_name: server_name(server).map(String::from),
        ..direct.clone()
    };
    let own = kubeconfig.contexts.iter().find(|c| c.name == cluster);
    let user = own.and_then(|c| c.context.as_ref()).and_then(|c| c.user.clone());
    let name = context_name(cluster);
    kubeconfig.clusters.retain(|c| c.name != name);
    kubeconfig.contexts.retain(|c| c.name != name);
    kubeconfig.clusters.push(NamedCluster {
        name: name.clone(),
        cluster: Some(through),
        other: Default::default(),
    });
    kubeconfig.contexts.push(NamedContext {
        name: name.clone(),
        context: Some(Context {
            cluster: name,
            user,
            ..Context::default()
        }),
        other: Default::default(),
    });
    Ok(())
}

/// A kubeconfig with the context of the tunnel.
pub(super) fn added(text: &Secret, cluster: &str, port: u16) -> Option<Secret> {
    let mut kubeconfig = Kubeconfig::from_yaml(text.expose()).ok()?;
    add(&mut kubeconfig, cluster, port).ok()?;
    written(&kubeconfig).ok().map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::kube::kubeconfig::{At, keep};
    use crate::provider::kube::merge::merge;

    const K3S: &str = "apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: Y2E=
    server: https://127.0.0.1:6443
  name: default
contexts:
- context:
    cluster: default
    user: default
  name: default
current-context: default
kind: Config
users:
- name: default
  user:
    client-key-data: czNjcjN0
";

    fn kept(at: At<'_>) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        keep(home.path(), "shop", at, &Secret::new(K3S)).unwrap();
        home
    }

    fn value(home: &Path) -> serde_json::Value {
        let text = read(home, "shop").unwrap().unwrap();
        serde_saphyr::from_str(text.expose()).unwrap()
    }

    #[test]
    fn ports_are_in_their_range_and_stay() {
        assert_eq!(default_port("shop"), default_port("shop"));
        let ports: std::collections::BTreeSet<u16> = (0..500).map(|n| default_port(&format!("c{n}"))).collect();
        assert!(ports.len() > 400, "{}", ports.len());
        assert!(ports.iter().all(|port| (16_443..=20_538).contains(port)));
        // Contexts that were handed on hold it: it may never change.
        assert_eq!(default_port("prod"), 16_815);
    }

    #[test]
    fn a_cluster_behind_a_name_has_both_contexts() {
        let home = kept(At::Name("k3fleet-shop.elb.example.com"));
        let all = value(home.path());
        assert_eq!(all["current-context"], "shop");
        assert_eq!(
            all["clusters"][0]["cluster"]["server"],
            "https://k3fleet-shop.elb.example.com:6443"
        );
        let through = &all["clusters"][1];
        assert_eq!(through["name"], "shop-tunnel");
        let port = default_port("shop");
        assert_eq!(through["cluster"]["server"], format!("https://127.0.0.1:{port}"));
        assert_eq!(through["cluster"]["tls-server-name"], "k3fleet-shop.elb.example.com");
        assert_eq!(through["cluster"]["certificate-authority-data"], "Y2E=");
        assert_eq!(all["contexts"][1]["context"]["user"], "shop");
        assert_eq!(super::port(home.path(), "shop"), Some(port));
    }

    #[test]
    fn another_port_stays_when_the_kubeconfig_is_fetched_anew() {
        let home = kept(At::Name("api.example.com"));
        assert_eq!(set(home.path(), "shop", 7000).unwrap(), Some(true));
        assert_eq!(set(home.path(), "shop", 7000).unwrap(), Some(false));
        keep(home.path(), "shop", At::Name("api.example.com"), &Secret::new(K3S)).unwrap();
        assert_eq!(port(home.path(), "shop"), Some(7000));
        assert_eq!(value(home.path())["contexts"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn an_address_needs_no_name_and_no_tunnel_unless_asked() {
        let home = kept(At::Address("203.0.113.7".parse().unwrap()));
        assert_eq!(port(home.path(), "shop"), None);
        assert_eq!(set(home.path(), "shop", 7000).unwrap(), Some(true));
        let all = value(home.path());
        assert_eq!(all["clusters"][1]["cluster"].get("tls-server-name"), None);
        assert_eq!(set(home.path(), "none", 7000).unwrap(), None);
        assert_eq!(server_name("https://[2001:db8::1]:6443"), None);
    }

    #[test]
    fn both_contexts_are_merged_in_one_stroke_under_one_name() {
        let home = kept(At::Name("api.example.com"));
        let own = home.path().join("own");
        let now = "2026-11-23T00:00:00Z".parse().unwrap();
        let text = read(home.path(), "shop").unwrap().unwrap();
        let merged = merge(&own, &text, "work", now).unwrap();
        assert!(merged.changed && merged.tunnel && merged.current && merged.backup.is_none());
        let all: serde_json::Value = serde_saphyr::from_str(&std::fs::read_to_string(&own).unwrap()).unwrap();
        let names = |list: &str| -> Vec<String> {
            let all = all[list].as_array().unwrap();
            all.iter().map(|e| e["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names("contexts"), ["work", "work-tunnel"]);
        assert_eq!(names("clusters"), ["work", "work-tunnel"]);
        assert_eq!(all["clusters"][1]["cluster"]["tls-server-name"], "api.example.com");
        assert_eq!(all["current-context"], "work");
        assert!(!merge(&own, &text, "work", now).unwrap().changed);
        set(home.path(), "shop", 7000).unwrap();
        let text = read(home.path(), "shop").unwrap().unwrap();
        let again = merge(&own, &text, "work", now).unwrap();
        assert!(again.changed && again.backup.is_some());
        let context = context::only(&own, "work-tunnel").unwrap();
        assert_eq!(context.endpoint, "https://127.0.0.1:7000");
    }
}
