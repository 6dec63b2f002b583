//! What will be asked: told before anything is, so that the first frame names what it waits for.

use crate::fleet::{FeedId, FeedKind, FeedReport, Observation, Source};
use crate::provider::Providers;

/// One observation for each feed that answers whatever it finds. Feeds that begin only once another has answered
/// (the nodes of an API server, prices of types in use) are not among them.
pub fn awaited(providers: &Providers) -> Vec<Observation> {
    let clouds = providers.clouds.iter().flat_map(|cloud| {
        [FeedKind::Instances, FeedKind::Asgs, FeedKind::SpotFleets].map(|kind| FeedId {
            kind,
            source: Source::Aws(cloud.scope().clone()),
        })
    });
    let kubes = providers.kubes.iter().map(|kube| FeedId {
        kind: FeedKind::Server,
        source: Source::Kube(kube.context().clone()),
    });
    clouds
        .chain(kubes)
        .map(|id| Observation::Feed(id, FeedReport::Begun))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{Fleet, Freshness};
    use crate::provider::sim::{Scenario, World};

    #[test]
    fn what_is_asked_first_is_awaited() {
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let world = World::load(&Scenario::demo().unwrap(), 7, now, 1.0);
        let mut fleet = Fleet::default();
        for observation in awaited(&world.providers()) {
            fleet.apply(observation, now);
        }
        let waiting = |kind| {
            let feeds = fleet.feeds().iter().filter(move |(id, _)| id.kind == kind);
            feeds
                .filter(|(_, feed)| feed.freshness(now) == Freshness::Waiting)
                .count()
        };
        assert_eq!(waiting(FeedKind::Instances), 2, "one for each region");
        assert_eq!(waiting(FeedKind::Server), 3, "one for each context");
        assert_eq!(waiting(FeedKind::Nodes), 0);
    }
}
