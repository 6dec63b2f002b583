//! Stacks once, and how their queues stand: of the clusters that the fleet was found to have.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{FutureExt, StreamExt, stream};

use super::{Batch, Once, Want, side_by_side};
use crate::feeds::Clock;
use crate::feeds::stacks::{AT_ONCE, OfClusters, cluster, is_of_one, look};
use crate::fleet::{FaultKind, FeedKind, Observation, Scope, Source};
use crate::provider::{Cloud, Providers, Result};

/// Reads the stacks of these clusters once, each by its cluster's name. Scopes that no provider reaches are left out.
pub async fn gather_stacks(
    providers: &Providers,
    clock: &Clock,
    want: &Want,
    mut stacks: BTreeMap<Scope, OfClusters>,
) -> Vec<Batch> {
    let once = Arc::new(Once {
        clock: clock.clone(),
        want: want.clone(),
    });
    let clouds = providers.clouds.iter();
    let wanted = clouds.filter_map(|cloud| Some((cloud.clone(), stacks.remove(cloud.scope())?)));
    let sources = wanted.map(|(cloud, stacks)| scope(once.clone(), cloud, stacks).boxed());
    side_by_side(sources.collect()).await
}

async fn scope(once: Arc<Once>, cloud: Arc<dyn Cloud>, stacks: OfClusters) -> Vec<Batch> {
    let source = Source::Aws(cloud.scope().clone());
    vec![once.read(FeedKind::Stacks, source, read(&*cloud, stacks)).await]
}

async fn read(cloud: &dyn Cloud, stacks: OfClusters) -> Result<Vec<Observation>> {
    let asked = stacks.into_iter().map(|(name, stack)| async move {
        let cluster = cluster(cloud.scope(), &name);
        look(cloud, cluster, &stack).await
    });
    let answers: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
    let mut observations = vec![];
    for answer in answers {
        let seen = match answer {
            Ok(seen) => seen,
            Err(error) if error.kind == FaultKind::Unsupported || is_of_one(&error) => continue,
            Err(error) => return Err(error),
        };
        observations.extend(seen.stack.map(|stack| Observation::Stack(Box::new(stack))));
        observations.extend(seen.queues.map(|queues| Observation::Queues(Box::new(queues))));
    }
    Ok(observations)
}
