//! The load balancers: an internal one for the API, and where it is asked for one that the internet reaches.

use serde_json::{Value, json};

use super::network::Place;
use super::{Draft, PUBLIC_API, attribute, refer, substitute};
use crate::blueprint::API_PORT;

/// Adds the load balancers, their listeners and targets.
pub(super) fn add(draft: &mut Draft<'_>, place: &Place) {
    balancer(draft, "ApiBalancer", "internal", &place.subnets, None);
    api_targets(draft, place, "ApiTargets");
    listener(draft, "ApiListener", "ApiBalancer", API_PORT, "ApiTargets");
    let url = substitute(format!("https://${{ApiBalancer.DNSName}}:{API_PORT}"));
    draft.output("ApiEndpoint", url);
    if !draft.ha.ingress {
        return;
    }
    balancer(
        draft,
        "PublicBalancer",
        "internet-facing",
        &place.public,
        Some("PublicSecurity"),
    );
    for (kind, port) in [("Http", 80), ("Https", 443)] {
        let targets = format!("{kind}Targets");
        let properties = json!({
            "VpcId": place.vpc,
            "Protocol": "TCP",
            "Port": port,
            "TargetType": "instance",
            "HealthCheckProtocol": "TCP",
            "HealthCheckIntervalSeconds": 10,
            "TargetGroupAttributes": drained_within(30),
        });
        draft.add(targets.as_str(), "ElasticLoadBalancingV2::TargetGroup", properties);
        listener(draft, &format!("{kind}Listener"), "PublicBalancer", port, &targets);
    }
    if draft.ha.public_api {
        api_targets(draft, place, "PublicApiTargets");
        listener(
            draft,
            "PublicApiListener",
            "PublicBalancer",
            API_PORT,
            "PublicApiTargets",
        );
        draft.output(PUBLIC_API, attribute("DNSName", "PublicBalancer"));
    }
    draft.output("PublicEndpoint", attribute("DNSName", "PublicBalancer"));
}

fn balancer(draft: &mut Draft<'_>, name: &str, scheme: &str, subnets: &Value, group: Option<&str>) {
    let mut balancer = json!({
        "Type": "network",
        "Scheme": scheme,
        "Subnets": subnets,
        "LoadBalancerAttributes": [{"Key": "load_balancing.cross_zone.enabled", "Value": "true"}],
    });
    if let Some(group) = group {
        balancer["SecurityGroups"] = json!([refer(group)]);
    }
    draft.add(name, "ElasticLoadBalancingV2::LoadBalancer", balancer);
    if scheme != "internal" {
        // A load balancer of the internet's needs the gateway first, where the stack makes that.
        if draft.ha.made_vpc.is_some() {
            draft.after(name, &["PublicRoute".to_owned()]);
        }
    }
}

/// The servers' API. A server that asks for it may be sent to itself, which fails where the client's address is kept.
fn api_targets(draft: &mut Draft<'_>, place: &Place, name: &str) {
    let mut attributes = drained_within(30);
    if let Some(list) = attributes.as_array_mut() {
        list.push(json!({"Key": "preserve_client_ip.enabled", "Value": "false"}));
    }
    let targets = json!({
        "VpcId": place.vpc,
        "Protocol": "TCP",
        "Port": API_PORT,
        "TargetType": "instance",
        "HealthCheckProtocol": "HTTPS",
        "HealthCheckPath": "/ping",
        "HealthCheckIntervalSeconds": 10,
        "HealthyThresholdCount": 2,
        "UnhealthyThresholdCount": 3,
        "TargetGroupAttributes": attributes,
    });
    draft.add(name, "ElasticLoadBalancingV2::TargetGroup", targets);
}

fn drained_within(seconds: u32) -> Value {
    json!([{"Key": "deregistration_delay.timeout_seconds", "Value": seconds.to_string()}])
}

fn listener(draft: &mut Draft<'_>, name: &str, balancer: &str, port: u16, targets: &str) {
    let listener = json!({
        "LoadBalancerArn": refer(balancer),
        "Protocol": "TCP",
        "Port": port,
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": refer(targets)}],
    });
    draft.add(name, "ElasticLoadBalancingV2::Listener", listener);
}
