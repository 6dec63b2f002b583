//! NodeMetricsList of metrics.k8s.io into [`NodeUsage`].

use serde::Deserialize;

use super::meta::Meta;
use super::node::Amounts;
use super::text::nullable;
use crate::fleet::{ContextId, NodeKey, NodeUsage};

#[derive(Deserialize)]
struct RawUsages<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    items: Vec<RawUsage<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawUsage<'a> {
    #[serde(borrow)]
    metadata: Meta<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    usage: Amounts<'a>,
}

/// Decodes what the nodes use; a node without a readable figure is left out, not shown as idle.
pub(in crate::provider::kube) fn usage(body: &[u8], context: &ContextId) -> serde_json::Result<Vec<NodeUsage>> {
    let list: RawUsages<'_> = serde_json::from_slice(body)?;
    Ok(list
        .items
        .iter()
        .filter_map(|raw| {
            Some(NodeUsage {
                node: NodeKey::new(context, &*raw.metadata.name),
                cpu_milli: raw.usage.cpu_milli()?,
                memory: raw.usage.memory()?,
            })
        })
        .collect())
}
