//! The open web as the simulated world's operator finds it.

use std::net::{IpAddr, Ipv4Addr};

use async_trait::async_trait;

use crate::provider::{Channel, Result, Web};

/// The operator's address: one kept for documentation, which is nobody's.
const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

/// The channels of K3s, and what they stand for in this world.
const CHANNELS: [(&str, &str); 5] = [
    ("stable", "v1.36.4+k3s1"),
    ("latest", "v1.36.5+k3s1"),
    ("v1.36", "v1.36.4+k3s1"),
    ("v1.35", "v1.35.8+k3s1"),
    ("v1.34", "v1.34.11+k3s1"),
];

/// The open web.
#[derive(Debug)]
pub(super) struct SimWeb;

#[async_trait]
impl Web for SimWeb {
    async fn own_address(&self) -> Result<IpAddr> {
        Ok(OWN)
    }

    async fn channels(&self) -> Result<Vec<Channel>> {
        let channel = |(name, version): (&str, &str)| Channel {
            name: name.into(),
            version: version.into(),
        };
        Ok(CHANNELS.map(channel).into())
    }
}
