//! Which machines there are: clusters of up to 500, each with three servers and agents of which half are spot, and
//! every twentieth machine an edge host that is no instance.

use std::net::Ipv4Addr;

/// The region of all instances.
pub(crate) const REGION: &str = "eu-west-1";
/// The instance types, and what an hour costs.
pub(crate) const TYPES: [(&str, f64); 4] = [
    ("t4g.small", 0.0184),
    ("t4g.medium", 0.0368),
    ("m7g.large", 0.0896),
    ("c7g.xlarge", 0.1581),
];
/// The zones.
pub(crate) const ZONES: [&str; 3] = ["eu-west-1a", "eu-west-1b", "eu-west-1c"];
/// Machines in one cluster.
pub(crate) const CLUSTER: usize = 500;
/// Every this many machines one is an edge host.
const EDGE: usize = 20;

/// Machine number `0`.
#[derive(Clone, Copy)]
pub(crate) struct Machine(pub(crate) usize);

impl Machine {
    pub(crate) fn is_server(self) -> bool {
        self.0 % CLUSTER < 3
    }

    pub(crate) fn is_edge(self) -> bool {
        self.0 % EDGE == EDGE - 1
    }

    pub(crate) fn is_spot(self) -> bool {
        !self.is_server() && self.0.is_multiple_of(2)
    }

    pub(crate) fn cluster(self) -> String {
        format!("cluster-{:02}", self.0 / CLUSTER)
    }

    pub(crate) fn group(self) -> String {
        let pool = match (self.is_server(), self.is_spot()) {
            (true, _) => "servers",
            (false, true) => "workers-spot",
            (false, false) => "workers-on-demand",
        };
        format!("{}-k3s-{pool}", self.cluster())
    }

    pub(crate) fn zone(self) -> &'static str {
        ZONES[self.0 % ZONES.len()]
    }

    pub(crate) fn instance_type(self) -> &'static str {
        TYPES[self.0 % TYPES.len()].0
    }

    pub(crate) fn ip(self) -> Ipv4Addr {
        Ipv4Addr::from(0x0a40_0000 + u32::try_from(self.0).unwrap_or_default())
    }

    pub(crate) fn instance_id(self) -> String {
        format!("i-0{:016x}", self.0 * 7_919 + 1)
    }

    /// The node's name.
    pub(crate) fn node(self) -> String {
        if self.is_edge() {
            format!("k3s-agent-edge-{:05}", self.0)
        } else {
            format!("ip-{}", self.ip().to_string().replace('.', "-"))
        }
    }

    /// The node's provider ID.
    pub(crate) fn provider_id(self) -> String {
        if self.is_edge() {
            format!("k3s://{}", self.node())
        } else {
            format!("aws:///{}/{}", self.zone(), self.instance_id())
        }
    }
}
