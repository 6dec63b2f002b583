//! Which cluster is meant, and what carries its tag: AWS is asked for it, so that a cluster can be destroyed which the
//! fleet does not show any longer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::join_all;
use jiff::Timestamp;
use smol_str::SmolStr;

use super::complain_of;
use super::exit::Halt;
use super::operate::Desk;
use crate::blueprint::Names;
use crate::fleet::{ClusterId, Scope, Summary};
use crate::provider::{Cloud, ProviderError, Resource, ResourceKind};

/// A cluster, and all that carries its tag.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) cluster: ClusterId,
    pub(super) resources: Vec<Resource>,
}

impl Found {
    /// When it ends, as the tags say.
    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        self.resources.iter().filter_map(|r| r.expires_at).max()
    }
}

impl Desk<'_> {
    /// The profiles and regions that are meant.
    pub(super) fn clouds(&self) -> impl Iterator<Item = &Arc<dyn Cloud>> {
        let any = |words: &Option<Vec<SmolStr>>, word: &SmolStr| words.as_ref().is_none_or(|w| w.contains(word));
        let options = self.options;
        let meant = move |scope: &Scope| any(&options.regions, &scope.region) && any(&options.profiles, &scope.profile);
        self.session.providers.clouds.iter().filter(move |c| meant(c.scope()))
    }

    /// The cluster of this name. The fleet has been read.
    pub(super) async fn find(&self, name: &SmolStr) -> Result<Found, Halt> {
        let summary = Summary::of(&self.fleet, (self.session.clock)());
        let scopes: BTreeSet<_> = self.clouds().map(|cloud| cloud.scope().clone()).collect();
        let meant = |id: &&ClusterId| id.name == *name && id.home.as_ref().is_none_or(|home| scopes.contains(home));
        let shown: Vec<_> = summary.clusters.values().map(|c| &c.id).filter(meant).collect();
        let homes: Vec<_> = shown.iter().filter_map(|id| id.home.clone()).collect();
        let (found, faults) = match homes.as_slice() {
            [home] => {
                let resources = self.carrying(home, name).await?;
                let cluster = ClusterId {
                    name: name.clone(),
                    home: Some(home.clone()),
                };
                return Ok(Found { cluster, resources });
            }
            [] => self.everywhere(Some(name)).await,
            several => return Err(ambiguous(name, several.iter())),
        };
        faults.iter().for_each(complain_of);
        let places: Vec<_> = found.iter().filter_map(|f| f.cluster.home.clone()).collect();
        let mut found = found.into_iter();
        match (found.next(), found.next(), shown.first()) {
            (Some(one), None, _) => Ok(one),
            (Some(_), Some(_), _) => Err(ambiguous(name, places.iter())),
            // Known from its nodes alone: what can be done with it the plan says.
            (None, _, Some(shown)) => Ok(Found {
                cluster: (*shown).clone(),
                resources: vec![],
            }),
            (None, _, None) if faults.is_empty() => {
                let all: BTreeSet<_> = summary.clusters.values().map(|c| c.id.name.as_str()).collect();
                let all: Vec<_> = all.into_iter().collect();
                Err(Halt::usage(format!(
                    "there is no cluster {name:?}, and nothing carries its tag; there are: {}",
                    all.join(", ")
                )))
            }
            (None, _, None) => Err(Halt::failed(format!(
                "no cluster {name:?} is seen, and not everything could be asked for what carries its tag"
            ))),
        }
    }

    /// All that carries the tag of this cluster, or of any, in every place that is meant: by cluster. What could not be
    /// asked is told besides.
    pub(super) async fn everywhere(&self, name: Option<&SmolStr>) -> (Vec<Found>, Vec<ProviderError>) {
        let asked = self
            .clouds()
            .map(async |cloud| (cloud.scope().clone(), here(&**cloud, name).await));
        let mut found: BTreeMap<ClusterId, Vec<Resource>> = BTreeMap::new();
        let mut faults = vec![];
        for (scope, answer) in join_all(asked).await {
            match answer {
                Ok(resources) => {
                    for resource in resources {
                        let cluster = ClusterId {
                            name: resource.cluster.clone(),
                            home: Some(scope.clone()),
                        };
                        found.entry(cluster).or_default().push(resource);
                    }
                }
                Err(fault) => faults.push(fault),
            }
        }
        let found = found
            .into_iter()
            .map(|(cluster, resources)| Found { cluster, resources });
        (found.collect(), faults)
    }

    /// All that carries a cluster's tag in its home.
    pub(super) async fn carrying(&self, home: &Scope, name: &SmolStr) -> Result<Vec<Resource>, Halt> {
        let cloud = self.session.providers.clouds.iter().find(|cloud| cloud.scope() == home);
        match cloud {
            Some(cloud) => Ok(here(&**cloud, Some(name)).await?),
            None => Err(Halt::usage(format!(
                "{home} is not reached from here: name it with --profile and --region"
            ))),
        }
    }
}

fn ambiguous<'a>(name: &str, places: impl Iterator<Item = &'a Scope>) -> Halt {
    let places: Vec<_> = places.map(ToString::to_string).collect();
    Halt::usage(format!(
        "there are several clusters {name}, in {}: name one with --region and --profile",
        places.join(", ")
    ))
}

async fn here(cloud: &dyn Cloud, name: Option<&SmolStr>) -> Result<Vec<Resource>, ProviderError> {
    let mut resources = cloud.resources(name.map(SmolStr::as_str)).await?;
    resources.retain(|resource| is_of(cloud.scope(), resource));
    Ok(resources)
}

/// Whether a resource is of this region. Roles belong to the account and are seen from every region; their names tell.
fn is_of(scope: &Scope, resource: &Resource) -> bool {
    let global = matches!(resource.kind, ResourceKind::Role | ResourceKind::InstanceProfile);
    !global || Names::new(&resource.cluster, &scope.region).has_role(&resource.id)
}
