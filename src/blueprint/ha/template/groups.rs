//! Who may reach whom: a security group for each part, and one rule for each port that K3s or the part itself needs.
//!
//! Servers and workers have a group of their own each, and one in common for what all nodes need of each other. Rules stand
//! apart from the groups, since groups name each other.

use serde_json::{Value, json};

use super::network::{self, Place};
use super::{Draft, refer};
use crate::blueprint::{API_PORT, SSH_PORT};

const NODES: &str = "NodeSecurity";
const SERVERS: &str = "ServerSecurity";
const WORKERS: &str = "WorkerSecurity";
const REAPER: &str = "ReaperSecurity";
const ENDPOINTS: &str = "EndpointSecurity";
const FILES: &str = "FileSecurity";
const DATABASE: &str = "DatabaseSecurity";
const PUBLIC: &str = "PublicSecurity";

/// Adds the groups and their rules.
pub(super) fn add(draft: &mut Draft<'_>, place: &Place) {
    let has_workers = !draft.ha.pools.is_empty();
    group(draft, place, NODES, "servers and workers", None);
    group(draft, place, SERVERS, "servers", None);
    if has_workers {
        group(draft, place, WORKERS, "workers", None);
    }
    for (i, cidr) in place.cidrs.iter().enumerate() {
        let from = Source::Network(i, cidr.clone());
        rule(draft, SERVERS, from, "tcp", (API_PORT, API_PORT), "API");
    }
    if draft.ha.store.is_etcd() {
        rule(draft, SERVERS, Source::Group(SERVERS), "tcp", (2379, 2380), "etcd");
    }
    rule(draft, NODES, Source::Group(NODES), "udp", (8472, 8472), "flannel");
    rule(draft, NODES, Source::Group(NODES), "tcp", (10250, 10250), "kubelet");
    if draft.spec.ssh.is_some() {
        for from in &draft.spec.from {
            let from = Source::Outside(from.to_string());
            rule(draft, NODES, from, "tcp", (SSH_PORT, SSH_PORT), "SSH");
        }
    }
    add_reaper(draft, place);
    add_storage(draft, place);
    if draft.ha.ingress {
        add_public(draft, place, if has_workers { WORKERS } else { SERVERS });
    }
}

fn add_reaper(draft: &mut Draft<'_>, place: &Place) {
    let mut out = vec![json!({
        "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0", "Description": "AWS",
    })];
    out.extend(place.cidrs.iter().map(|cidr| {
        json!({
            "IpProtocol": "tcp", "FromPort": API_PORT, "ToPort": API_PORT, "CidrIp": cidr, "Description": "API",
        })
    }));
    group(draft, place, REAPER, "the reaper", Some(json!(out)));
    let wanted = network::wanted(draft);
    if wanted.is_empty() {
        return;
    }
    group(draft, place, ENDPOINTS, "endpoints", Some(nothing_out()));
    rule(draft, ENDPOINTS, Source::Group(REAPER), "tcp", (443, 443), "AWS");
    // In a VPC of its own their names lead to them for all that stands there, machines and later clusters as well.
    if draft.ha.made_vpc.is_some() {
        for (i, cidr) in place.cidrs.iter().enumerate() {
            let from = Source::Network(i, cidr.clone());
            rule(draft, ENDPOINTS, from, "tcp", (443, 443), "AWS");
        }
    }
}

fn add_storage(draft: &mut Draft<'_>, place: &Place) {
    if draft.ha.shared_storage {
        group(draft, place, FILES, "the file system", Some(nothing_out()));
        rule(draft, FILES, Source::Group(NODES), "tcp", (2049, 2049), "NFS");
    }
    if matches!(draft.ha.store, super::super::Store::Aurora { .. }) {
        group(draft, place, DATABASE, "the database", Some(nothing_out()));
        rule(
            draft,
            DATABASE,
            Source::Group(SERVERS),
            "tcp",
            (5432, 5432),
            "PostgreSQL",
        );
    }
}

fn add_public(draft: &mut Draft<'_>, place: &Place, targets: &'static str) {
    group(draft, place, PUBLIC, "the public load balancer", None);
    for port in [80, 443] {
        let anyone = Source::Outside("0.0.0.0/0".to_owned());
        rule(draft, PUBLIC, anyone, "tcp", (port, port), "ingress");
        rule(draft, targets, Source::Group(PUBLIC), "tcp", (port, port), "ingress");
    }
    if draft.ha.public_api {
        for from in &draft.spec.from {
            let from = Source::Outside(from.to_string());
            rule(draft, PUBLIC, from, "tcp", (API_PORT, API_PORT), "API");
        }
        rule(
            draft,
            SERVERS,
            Source::Group(PUBLIC),
            "tcp",
            (API_PORT, API_PORT),
            "API",
        );
    }
}

fn group(draft: &mut Draft<'_>, place: &Place, name: &str, of: &str, out: Option<Value>) {
    let mut group = json!({
        "GroupDescription": format!("k3fleet {}: {of}", draft.spec.name),
        "VpcId": place.vpc,
    });
    if let Some(out) = out {
        group["SecurityGroupEgress"] = out;
    }
    draft.add(name, "EC2::SecurityGroup", group);
}

/// CloudFormation lets everything out of a group without rules: one that leads nowhere prevents that.
fn nothing_out() -> Value {
    json!([{"IpProtocol": "-1", "CidrIp": "127.0.0.1/32", "Description": "nothing"}])
}

/// From where a port may be reached.
enum Source {
    Group(&'static str),
    /// A network of the VPC.
    Network(usize, Value),
    /// Another network.
    Outside(String),
}

fn rule(draft: &mut Draft<'_>, to: &str, from: Source, protocol: &str, ports: (u16, u16), what: &str) {
    let (first, last) = ports;
    let mut rule = json!({
        "GroupId": refer(to),
        "IpProtocol": protocol,
        "FromPort": first,
        "ToPort": last,
        "Description": what,
    });
    let source = match from {
        Source::Group(group) => {
            rule["SourceSecurityGroupId"] = refer(group);
            group.trim_end_matches("Security").to_owned()
        }
        Source::Network(i, cidr) => {
            rule["CidrIp"] = cidr;
            format!("Network{}", i + 1)
        }
        Source::Outside(cidr) => {
            // Named by what it is, so that no rule takes another's place when the list changes.
            let name = cidr.replace(|c: char| !c.is_ascii_alphanumeric(), "x");
            let key = if cidr.contains(':') { "CidrIpv6" } else { "CidrIp" };
            rule[key] = cidr.into();
            name
        }
    };
    let to = to.trim_end_matches("Security");
    draft.add(format!("{to}{first}From{source}"), "EC2::SecurityGroupIngress", rule);
}
