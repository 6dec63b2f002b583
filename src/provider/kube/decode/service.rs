//! The JSON of Services and Ingresses, as far as it tells of a load balancer.

use serde::Deserialize;

use super::Listed;
use super::text::{Str, nullable};
use crate::fleet::ContextId;
use smol_str::SmolStr;

/// A Service, or what is like one here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::provider::kube) struct Service {
    pub(in crate::provider::kube) namespace: SmolStr,
    pub(in crate::provider::kube) name: SmolStr,
    /// Whether it has a load balancer at AWS. One that K3s makes itself has addresses of nodes, and no name.
    pub(in crate::provider::kube) is_at_aws: bool,
    /// Whether it is being deleted already.
    pub(in crate::provider::kube) ending: bool,
}

/// An Ingress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::provider::kube) struct Ingress(pub(in crate::provider::kube) Service);

/// The fields that are read of either.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::provider::kube) struct RawService<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    metadata: Meta<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    spec: Spec<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    status: Status<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Meta<'a> {
    #[serde(borrow)]
    namespace: Str<'a>,
    #[serde(borrow)]
    name: Str<'a>,
    #[serde(borrow)]
    deletion_timestamp: Str<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spec<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    load_balancer: Balancer<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Balancer<'a> {
    #[serde(borrow, deserialize_with = "nullable")]
    ingress: Vec<Point<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Point<'a> {
    #[serde(borrow)]
    hostname: Str<'a>,
}

impl Listed for Service {
    const RESOURCE: &'static str = "services";

    type Raw<'de> = RawService<'de>;

    fn slim(raw: Self::Raw<'_>, _: &ContextId) -> Self {
        let is_served = &*raw.spec.kind == "LoadBalancer";
        Self::of(raw, is_served)
    }
}

impl Listed for Ingress {
    const RESOURCE: &'static str = "ingresses";

    const GROUP: &'static str = "networking.k8s.io";

    type Raw<'de> = RawService<'de>;

    fn slim(raw: Self::Raw<'_>, _: &ContextId) -> Self {
        Self(Service::of(raw, true))
    }
}

impl Service {
    fn of(raw: RawService<'_>, is_served: bool) -> Self {
        let RawService { metadata, status, .. } = raw;
        let of_aws = |name: &str| name.ends_with(".amazonaws.com") || name.ends_with(".amazonaws.com.cn");
        let mut names = status.load_balancer.ingress.iter().map(|ingress| &*ingress.hostname);
        Self {
            namespace: metadata.namespace.owned(),
            name: metadata.name.owned(),
            is_at_aws: is_served && names.any(of_aws),
            ending: !metadata.deletion_timestamp.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::page;
    use super::*;

    #[test]
    fn only_load_balancers_at_aws_are_known_as_such() {
        let body = br#"{"kind": "ServiceList", "apiVersion": "v1", "metadata": {}, "items": [
            {"metadata": {"namespace": "demo", "name": "web"}, "spec": {"type": "LoadBalancer"},
             "status": {"loadBalancer": {"ingress": [{"hostname": "a1.elb.eu-west-1.amazonaws.com"}]}}},
            {"metadata": {"namespace": "kube-system", "name": "traefik"}, "spec": {"type": "LoadBalancer"},
             "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.4"}]}}},
            {"metadata": {"namespace": "demo", "name": "db", "deletionTimestamp": "2026-11-22T10:00:00Z"},
             "spec": {"type": "ClusterIP"}, "status": {"loadBalancer": {}}}
        ]}"#;
        let services = page::<Service>(body, &ContextId::new("shop")).unwrap().items;
        let told: Vec<_> = services
            .iter()
            .map(|s| (s.name.as_str(), s.is_at_aws, s.ending))
            .collect();
        assert_eq!(
            told,
            [("web", true, false), ("traefik", false, false), ("db", false, true)]
        );
    }
}
