//! From the API server's JSON straight into the fleet's types.
//!
//! Bodies are parsed into borrowed raw structs that name only the fields that are read; serde skips the rest
//! (`managedFields`, images, most labels and annotations) without building anything. Each object of a list
//! becomes its slim form before the next one is parsed. Parsing is lenient where K3s or older servers leave
//! things out: a missing or `null` field is a blank, never an error.

mod answer;
mod bound;
mod endpoints;
mod list;
mod meta;
mod node;
mod pod;
mod quantity;
mod service;
mod snapshot;
mod text;
mod token;
mod usage;
mod watch;

use std::hash::Hash;

use serde::Deserialize;
use smol_str::SmolStr;

pub(super) use answer::answer;
pub(super) use endpoints::{endpoint_slices, endpoints};
pub(super) use list::page;
pub use list::{Page, nodes, pods};
pub(super) use meta::Meta;
pub(super) use service::{Ingress, Service};
pub(super) use text::base64;
pub(super) use usage::usage;
pub(super) use watch::{Cause, Event, Refusal, event};

use crate::fleet::ContextId;

/// A kind of object that is listed.
pub(super) trait Listed: Send + Sized + 'static {
    /// The resource's name in paths and permissions.
    const RESOURCE: &'static str;

    /// The API group, whose version is `v1`; the core group has no name.
    const GROUP: &'static str = "";

    /// The one namespace whose objects are listed; `None`: all.
    const NAMESPACE: Option<&'static str> = None;

    /// Whether the objects hold secrets: a list that is not understood is not quoted.
    const IS_SECRET: bool = false;

    /// The fields that are read of it, borrowed from the body.
    type Raw<'de>: Deserialize<'de>;

    /// What is kept of it.
    fn slim(raw: Self::Raw<'_>, context: &ContextId) -> Self;
}

/// A kind of object that is watched too.
pub(super) trait Object: Listed + Hash {
    /// Its metadata.
    fn meta<'a, 'de>(raw: &'a Self::Raw<'de>) -> &'a Meta<'de>;

    /// Its name within the context: `name`, or `namespace/name`.
    fn name(&self) -> &SmolStr;
}

/// The version of an API server, from `GET /version`.
pub(super) fn version(body: &[u8]) -> serde_json::Result<SmolStr> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Version {
        git_version: SmolStr,
    }
    serde_json::from_slice::<Version>(body).map(|v| v.git_version)
}

#[cfg(test)]
mod tests;
