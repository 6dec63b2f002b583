//! Parameters of SSM, whose path says whose they are, and secrets, whose list lags behind by minutes.

use std::collections::BTreeSet;

use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};
use aws_sdk_ssm::types::ParameterStringFilter;
use futures::{StreamExt, TryStreamExt};
use smol_str::SmolStr;

use super::Found;
use crate::fleet::TAG_CLUSTER;
use crate::provider::aws::{AwsCloud, error};
use crate::provider::{ResourceKind, Result};

/// The path of all parameters of k3fleet.
const PATH: &str = "/k3fleet/";
/// What the names of all its secrets begin with.
const PREFIX: &str = "k3fleet/";
/// The last part of the name of a cluster's lock, which is held while its resources are looked at.
const LOCK: &str = "lock";
/// How many secrets are looked at at once.
const AT_ONCE: usize = 8;

pub(super) async fn parameters(cloud: &AwsCloud, cluster: Option<&str>) -> Result<Vec<Found>> {
    const CALL: &str = "ssm:DescribeParameters";
    let path = cluster.map_or_else(|| PATH.trim_end_matches('/').to_owned(), |one| format!("{PATH}{one}"));
    let below = ParameterStringFilter::builder()
        .key("Path")
        .option("Recursive")
        .values(path)
        .build()
        .map_err(|why| error::refused(CALL, &cloud.scope, why.to_string()))?;
    let ask = || {
        let ask = cloud.ssm.describe_parameters().parameter_filters(below.clone());
        ask.max_results(cloud.page(50))
    };
    let listed = pages!(cloud, CALL, ask(), parameters);
    let found = listed.into_iter().filter_map(|one| {
        let name = one.name?;
        let (cluster, rest) = name.strip_prefix(PATH)?.split_once('/')?;
        let tags = vec![(SmolStr::new_static(TAG_CLUSTER), SmolStr::new(cluster))];
        (rest != LOCK).then(|| Found::new(ResourceKind::Parameter, name.as_str(), tags))
    });
    Ok(found.collect())
}

/// The names of the secrets that may be ours.
pub(super) async fn names(cloud: &AwsCloud) -> Result<Vec<SmolStr>> {
    const CALL: &str = "secretsmanager:ListSecrets";
    let ask = || {
        let ours = Filter::builder().key(FilterNameStringType::Name).values(PREFIX).build();
        cloud.secrets.list_secrets().filters(ours).max_results(cloud.page(100))
    };
    let listed = pages!(cloud, CALL, ask(), secret_list);
    Ok(listed
        .into_iter()
        .filter_map(|one| one.name)
        .map(SmolStr::from)
        .collect())
}

/// The secrets of these names or ARNs that are there and not going to be deleted.
pub(super) async fn found(cloud: &AwsCloud, names: BTreeSet<SmolStr>) -> Result<Vec<Found>> {
    const CALL: &str = "secretsmanager:DescribeSecret";
    let gone = |code: &str, _: &str| code == "ResourceNotFoundException";
    let look = |name: SmolStr| async move {
        let ask = cloud.secrets.describe_secret().secret_id(name).send();
        let Some(secret) = cloud.call_unless(CALL, ask, gone).await? else {
            return Ok(None);
        };
        let (Some(name), None) = (secret.name, secret.deleted_date) else {
            return Ok(None);
        };
        let tags = secret.tags.into_iter().flatten();
        let tags = tags.filter_map(|tag| Some((SmolStr::from(tag.key?), SmolStr::from(tag.value?))));
        Ok(Some(Found {
            name: None,
            ..Found::new(ResourceKind::Secret, name, tags.collect())
        }))
    };
    let found = futures::stream::iter(names.into_iter().map(look)).buffer_unordered(AT_ONCE);
    found.try_filter_map(|one| async { Ok(one) }).try_collect().await
}
