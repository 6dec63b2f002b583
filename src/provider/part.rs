//! Parts of a cluster that AWS bills besides its instances, and what one unit of each costs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Something with a price in each region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PricedPart {
    /// A network load balancer.
    NetworkLoadBalancer,
    /// What such a one carries, in capacity units.
    LoadBalancerCapacity,
    /// A NAT gateway.
    NatGateway,
    /// What goes through it.
    NatTraffic,
    /// An interface endpoint, in each zone where it is.
    InterfaceEndpoint,
    /// What goes through it.
    EndpointTraffic,
    /// A public IPv4 address in use.
    PublicAddress,
    /// A secret in Secrets Manager.
    Secret,
    /// Capacity of Aurora PostgreSQL Serverless.
    AuroraAcu,
    /// What is stored in Aurora.
    AuroraStorage,
    /// A gp3 volume with the throughput that it has anyway.
    VolumeGp3,
    /// What is stored in EFS Standard.
    EfsStandard,
    /// What is stored in S3 Standard, of its first 50 TB.
    S3Standard,
}

impl PricedPart {
    /// Its name as a word, such as `nat-gateway`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NetworkLoadBalancer => "network-load-balancer",
            Self::LoadBalancerCapacity => "load-balancer-capacity",
            Self::NatGateway => "nat-gateway",
            Self::NatTraffic => "nat-traffic",
            Self::InterfaceEndpoint => "interface-endpoint",
            Self::EndpointTraffic => "endpoint-traffic",
            Self::PublicAddress => "public-address",
            Self::Secret => "secret",
            Self::AuroraAcu => "aurora-acu",
            Self::AuroraStorage => "aurora-storage",
            Self::VolumeGp3 => "volume-gp3",
            Self::EfsStandard => "efs-standard",
            Self::S3Standard => "s3-standard",
        }
    }

    /// What its price is for.
    pub fn unit(self) -> &'static str {
        match self {
            Self::NetworkLoadBalancer | Self::NatGateway | Self::InterfaceEndpoint | Self::PublicAddress => "hour",
            Self::LoadBalancerCapacity => "NLCU-hour",
            Self::AuroraAcu => "ACU-hour",
            Self::NatTraffic | Self::EndpointTraffic => "GB",
            Self::Secret => "month",
            Self::AuroraStorage | Self::VolumeGp3 | Self::EfsStandard | Self::S3Standard => "GiB-month",
        }
    }
}

/// The price of a part in a region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartPrice {
    /// The part.
    pub part: PricedPart,
    /// USD per [`unit`](PricedPart::unit); `None` where it is not known.
    pub usd: Option<f64>,
    /// Why it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<SmolStr>,
    /// When the price list was read; `None` where it could not be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched_at: Option<Timestamp>,
}
