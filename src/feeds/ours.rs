//! Whose an instance is: EventBridge tells of all instances of a region, and only what is ours is worth a look.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use smol_str::SmolStr;
use tokio::time::Instant;

use crate::fleet::{Instance, InstanceId, Shape, TAG_CLUSTER, TAG_SHAPE, tag};

/// For how long an instance is known that is listed no longer: its last events come later than that.
const REMEMBERED: Duration = Duration::from_mins(15);

/// The instances of the highly available clusters of a scope, as last listed: each with its cluster's name.
#[derive(Clone, Default)]
pub(super) struct Ours(Arc<Mutex<FxHashMap<InstanceId, (SmolStr, Instant)>>>);

impl Ours {
    /// Takes a listing in.
    pub(super) fn listed(&self, instances: &[Instance]) {
        let now = Instant::now();
        let ha = |i: &&Instance| tag(&i.tags, TAG_SHAPE) == Some(Shape::Ha.as_str());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for instance in instances.iter().filter(ha) {
            if let Some(cluster) = tag(&instance.tags, TAG_CLUSTER) {
                known.insert(instance.id.clone(), (SmolStr::new(cluster), now));
            }
        }
        known.retain(|_, (_, at)| now.duration_since(*at) < REMEMBERED);
    }

    /// Whether an instance is a cluster's.
    pub(super) fn has(&self, cluster: &str, instance: &InstanceId) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(instance).is_some_and(|(of, _)| of == cluster)
    }
}
