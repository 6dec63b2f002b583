//! What the tagging API tells of services that are not asked themselves.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_resourcegroupstagging::types::TagFilter;
use futures::{StreamExt, TryStreamExt};
use smol_str::SmolStr;

use super::{ELB_CLUSTER, Found, OF_KUBERNETES, OWNED};
use crate::fleet::TAG_CLUSTER;
use crate::provider::aws::AwsCloud;
use crate::provider::{ResourceKind, Result};

/// How many questions are asked at once.
const AT_ONCE: usize = 4;

type TagPairs = Vec<(SmolStr, SmolStr)>;

/// What was told.
#[derive(Default)]
pub(super) struct Told {
    /// Things of services that nobody else is asked about.
    pub(super) elsewhere: Vec<Found>,
    /// The tags of parameters, by name.
    pub(super) parameters: BTreeMap<SmolStr, TagPairs>,
    /// The names of secrets that may be there.
    pub(super) secrets: Vec<SmolStr>,
}

/// What carries the tag of one cluster or of any, or that of its load balancer controller.
pub(super) async fn told(cloud: &AwsCloud, cluster: Option<&str>) -> Result<Told> {
    let mut questions = vec![filter(TAG_CLUSTER, cluster), filter(ELB_CLUSTER, cluster)];
    questions.extend(cluster.map(owned_by));
    ask(cloud, questions).await
}

/// What Kubernetes made for any of these clusters.
pub(super) async fn owned(cloud: &AwsCloud, clusters: &BTreeSet<SmolStr>) -> Result<Vec<Found>> {
    let questions = clusters.iter().map(|cluster| owned_by(cluster)).collect();
    Ok(ask(cloud, questions).await?.elsewhere)
}

fn filter(key: &str, value: Option<&str>) -> TagFilter {
    let values = value.map(|value| vec![value.to_owned()]);
    TagFilter::builder().key(key).set_values(values).build()
}

fn owned_by(cluster: &str) -> TagFilter {
    filter(&format!("{OF_KUBERNETES}{cluster}"), Some(OWNED))
}

async fn ask(cloud: &AwsCloud, questions: Vec<TagFilter>) -> Result<Told> {
    let answers = futures::stream::iter(questions.into_iter().map(|question| listed(cloud, question)));
    let answers: Vec<_> = answers.buffered(AT_ONCE).try_collect().await?;
    let mut told = Told::default();
    for (arn, tags) in answers.into_iter().flatten() {
        sort(&arn, tags, &mut told);
    }
    Ok(told)
}

async fn listed(cloud: &AwsCloud, question: TagFilter) -> Result<Vec<(String, TagPairs)>> {
    const CALL: &str = "tag:GetResources";
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let ask = cloud.tagging.get_resources().tag_filters(question.clone());
        let ask = ask
            .resources_per_page(cloud.page(100))
            .set_pagination_token(token.clone());
        let page = cloud.call(CALL, ask.send()).await?;
        for one in page.resource_tag_mapping_list.unwrap_or_default() {
            let tags = one.tags.into_iter().flatten();
            let tags = tags.map(|tag| (SmolStr::from(tag.key), SmolStr::from(tag.value)));
            found.extend(one.resource_arn.map(|arn| (arn, tags.collect())));
        }
        token = cloud.next_page(CALL, token, page.pagination_token)?;
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// Puts a thing to its like: `arn:partition:service:region:account:thing`.
fn sort(arn: &str, tags: TagPairs, told: &mut Told) {
    let mut parts = arn.splitn(6, ':');
    let (Some(service), Some(thing)) = (parts.nth(2), parts.nth(2)) else {
        return;
    };
    let other = |tags| Found::new(ResourceKind::Other, arn, tags);
    match (service, thing.split_once(['/', ':'])) {
        // These are asked themselves.
        ("ec2" | "autoscaling" | "iam", _) => {}
        ("ssm", Some(("parameter", name))) => {
            told.parameters.insert(SmolStr::new(format!("/{name}")), tags);
        }
        ("secretsmanager", Some(("secret", name))) => {
            // An ARN ends in a hyphen and six characters of its own.
            let name = name.rsplit_once('-').map_or(name, |(name, _)| name);
            told.secrets.push(SmolStr::new(name));
        }
        ("cloudformation", Some(("stack", rest))) => {
            let name = rest.split_once('/').map_or(rest, |(name, _)| name);
            told.elsewhere.push(Found {
                name: None,
                ..Found::new(ResourceKind::Stack, name, tags)
            });
        }
        ("elasticloadbalancing", Some(("loadbalancer", rest))) => {
            // `net/name/hash`, or the name of a classic one.
            let name = rest.split('/').nth(1).unwrap_or(rest);
            told.elsewhere.push(Found {
                name: Some(SmolStr::new(name)),
                ..Found::new(ResourceKind::LoadBalancer, arn, tags)
            });
        }
        // They go with their load balancer.
        ("elasticloadbalancing", Some(("listener" | "listener-rule", _))) => {}
        _ => told.elsewhere.push(other(tags)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_arn_comes_to_its_like() {
        let mut told = Told::default();
        for arn in [
            "arn:aws:ec2:eu-west-1:123456789012:instance/i-1",
            "arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:u:autoScalingGroupName/g",
            "arn:aws:ssm:eu-west-1:123456789012:parameter/k3fleet/shop/spec",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:k3fleet/shop/kubeconfig-AbCdEf",
            "arn:aws:cloudformation:eu-west-1:123456789012:stack/k3fleet-shop/5d1e",
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/net/web/50dc",
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/a1b2c3",
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/net/web/50dc/1",
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/50dc",
            "arn:aws:sqs:eu-west-1:123456789012:events",
            "nonsense",
        ] {
            sort(arn, vec![], &mut told);
        }
        assert!(told.parameters.contains_key("/k3fleet/shop/spec"));
        assert_eq!(told.secrets, ["k3fleet/shop/kubeconfig"]);
        let elsewhere: Vec<_> = told
            .elsewhere
            .iter()
            .map(|one| (one.kind, one.id.as_str(), one.name.as_deref()))
            .collect();
        let arn = |rest: &str| format!("arn:aws:elasticloadbalancing:eu-west-1:123456789012:{rest}");
        assert_eq!(
            elsewhere,
            [
                (ResourceKind::Stack, "k3fleet-shop", None),
                (
                    ResourceKind::LoadBalancer,
                    arn("loadbalancer/net/web/50dc").as_str(),
                    Some("web")
                ),
                (
                    ResourceKind::LoadBalancer,
                    arn("loadbalancer/a1b2c3").as_str(),
                    Some("a1b2c3")
                ),
                (ResourceKind::Other, arn("targetgroup/web/50dc").as_str(), None),
                (ResourceKind::Other, "arn:aws:sqs:eu-west-1:123456789012:events", None),
            ]
        );
    }
}
