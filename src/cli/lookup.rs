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
use crate::fleet::{ClusterId, ContextId, Scope, Summary};
use crate::ops::wish::release;
use crate::provider::{Cloud, Kube, ProviderError, Resource, ResourceKind};

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

/// A cluster as the fleet shows it.
pub(super) struct Known {
    pub(super) cluster: ClusterId,
    /// The release of its API server.
    pub(super) version: Option<SmolStr>,
    contexts: Vec<ContextId>,
}

impl Known {
    /// The kube context that it is changed through.
    pub(super) fn context(&self) -> Result<ContextId, Halt> {
        let first = self.contexts.first().cloned();
        first.ok_or_else(|| {
            let name = &self.cluster.name;
            Halt::usage(format!(
                "no API server of {name} is looked at: name its kube context with --context, or fetch its kubeconfig with \
                 k3fleet kubeconfig {name}"
            ))
        })
    }
}

impl Desk<'_> {
    /// The cluster of this name that the fleet shows. The fleet has been read.
    pub(super) fn known(&self, name: &SmolStr) -> Result<Known, Halt> {
        let summary = Summary::of(&self.fleet, (self.session.clock)());
        let scopes: BTreeSet<_> = self.clouds().map(|cloud| cloud.scope()).collect();
        let meant = |id: &ClusterId| id.name == *name && id.home.as_ref().is_none_or(|home| scopes.contains(home));
        let shown: Vec<_> = summary.clusters.values().filter(|c| meant(&c.id)).collect();
        match shown.as_slice() {
            [one] => Ok(Known {
                cluster: one.id.clone(),
                version: one.version.clone(),
                contexts: one.contexts.iter().cloned().collect(),
            }),
            [] => {
                let all: BTreeSet<_> = summary.clusters.values().map(|c| c.id.name.as_str()).collect();
                let all: Vec<_> = all.into_iter().collect();
                Err(Halt::usage(format!(
                    "there is no cluster {name:?}; there are: {}",
                    all.join(", ")
                )))
            }
            several => Err(ambiguous(name, several.iter().filter_map(|c| c.id.home.as_ref()))),
        }
    }

    /// What reads the cluster behind a context.
    pub(super) fn kube(&self, context: &ContextId) -> Result<&Arc<dyn Kube>, Halt> {
        let kube = self
            .session
            .providers
            .kubes
            .iter()
            .find(|kube| kube.context() == context);
        kube.ok_or_else(|| Halt::failed(format!("the context {context} is not open")))
    }

    /// The URL of a context's server, as the kubeconfig has it.
    pub(super) fn endpoint(&self, context: &ContextId) -> Result<SmolStr, Halt> {
        let server = self.fleet.servers().find(|server| server.context == *context);
        server.map(|server| server.endpoint.clone()).ok_or_else(|| {
            Halt::failed(format!(
                "the server of {context} did not answer: its URL is not known; name it with --server"
            ))
        })
    }

    /// The release that a word means which an option names: one by its number, or that of a channel.
    pub(super) async fn release(&self, option: &str, asked: &SmolStr) -> Result<SmolStr, Halt> {
        let channels = match &self.session.providers.web {
            _ if asked.contains("+k3s") => Ok(vec![]),
            Some(web) => web.channels().await.map_err(|error| error.to_string()),
            None => Err("nothing asks the web from here".to_owned()),
        };
        release(asked, &channels, option).map_err(Halt::usage)
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
