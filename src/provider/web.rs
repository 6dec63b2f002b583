//! The live adapter of the port [`Web`]: what is asked of the open web before a launch. Both questions have an answer that
//! can be typed instead, so that they may fail, and must not take long.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use smol_str::{SmolStr, format_smolstr};

use super::kube::page::page;
use super::{Channel, ProviderError, Result, Web};
use crate::fleet::FaultKind;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The open web.
#[derive(Clone, Debug)]
pub struct OpenWeb {
    address: String,
    channels: String,
    patience: Duration,
}

impl Default for OpenWeb {
    /// The services of AWS and of K3s.
    fn default() -> Self {
        Self::at(
            "https://checkip.amazonaws.com",
            "https://update.k3s.io/v1-release/channels",
            PATIENCE,
        )
    }
}

impl OpenWeb {
    /// Other services of the same kind, by their URLs, and how long each may take.
    pub fn at(address: impl Into<String>, channels: impl Into<String>, patience: Duration) -> Self {
        Self {
            address: address.into(),
            channels: channels.into(),
            patience,
        }
    }
}

/// What the channel server of K3s lists.
#[derive(Deserialize)]
struct Listed {
    data: Vec<ListedChannel>,
}

#[derive(Deserialize)]
struct ListedChannel {
    name: String,
    /// Missing, or empty, where no release fits.
    #[serde(default)]
    latest: Option<String>,
}

#[async_trait]
impl Web for OpenWeb {
    async fn own_address(&self) -> Result<IpAddr> {
        const MEND: &str = "say who may reach the cluster with --from, such as --from 203.0.113.7/32";
        let failed = |(kind, message): (FaultKind, String)| refused("own address", &self.address, MEND, kind, &message);
        let body = page(&self.address, self.patience).await.map_err(failed)?;
        let text = String::from_utf8_lossy(&body);
        text.trim().parse().map_err(|_no_address| {
            let start: String = text.trim().chars().take(60).collect();
            failed((FaultKind::Malformed, format!("{start:?} is no address")))
        })
    }

    async fn channels(&self) -> Result<Vec<Channel>> {
        const MEND: &str = "name a release of K3s with --version, such as --version v1.36.4+k3s1";
        let failed =
            |(kind, message): (FaultKind, String)| refused("channels of K3s", &self.channels, MEND, kind, &message);
        let body = page(&self.channels, self.patience).await.map_err(failed)?;
        let listed: Listed = serde_json::from_slice(&body).map_err(|why| {
            let text = format!("the answer is not understood: {why}");
            failed((FaultKind::Malformed, text))
        })?;
        let channel = |one: ListedChannel| {
            let version = one.latest.filter(|version| !version.is_empty())?;
            Some(Channel {
                name: one.name.into(),
                version: version.into(),
            })
        };
        Ok(listed.data.into_iter().filter_map(channel).collect())
    }
}

fn refused(call: &'static str, url: &str, mend: &'static str, kind: FaultKind, message: &str) -> ProviderError {
    ProviderError {
        kind,
        call: SmolStr::new_static(call),
        target: SmolStr::new(url),
        message: SmolStr::new(message),
        mend: format_smolstr!("check the network (no proxy is used), or {mend}"),
    }
}
