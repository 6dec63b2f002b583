//! A cluster's parts made, seen, changed and deleted, against moto.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k3fleet::fleet::{Arch, FaultKind, InstanceId, InstanceState, Purchase};
use k3fleet::provider::aws::AwsCloud;
use k3fleet::provider::{
    AsgOrder, Cloud, CloudControl, GroupOrder, MachineOrder, Opening, ParameterOrder, ParameterValue, Resource,
    ResourceKind, RoleOrder, Secret, TagList, TemplateOrder,
};

use super::moto::seen_through;
use super::options;
use super::seed::Seed;
use crate::support::moto;

const REGION: &str = "eu-west-1";
const TRUST: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#;
const POLICY: &str =
    r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": "*"}]}"#;

pub(super) fn tags(cluster: &str, role: Option<&str>) -> TagList {
    let mut tags = vec![
        ("k3fleet:cluster".to_owned(), cluster.to_owned()),
        ("k3fleet:expires-at".to_owned(), "2026-11-22T13:00:00Z".to_owned()),
        ("Name".to_owned(), format!("{cluster}-{}", role.unwrap_or("all"))),
    ];
    if let Some(role) = role {
        tags.push(("k3fleet:role".to_owned(), role.to_owned()));
        tags.push(("k3fleet:pool".to_owned(), role.to_owned()));
    }
    tags
}

pub(super) fn role(cluster: &str, role: &str) -> RoleOrder {
    RoleOrder {
        name: format!("k3fleet-{cluster}-{REGION}-{role}"),
        trust: TRUST.to_owned(),
        policy_name: "k3fleet".to_owned(),
        policy: POLICY.to_owned(),
        tags: tags(cluster, Some(role)),
    }
}

pub(super) fn group(cluster: &str, vpc: &str) -> GroupOrder {
    let open = |port, what| Opening {
        port,
        from: vec!["203.0.113.7/32".into(), "2001:db8::/48".into()],
        what,
    };
    GroupOrder {
        name: format!("k3fleet-{cluster}"),
        vpc: vpc.into(),
        description: "The machines".to_owned(),
        open: vec![open(6443, "Kubernetes API"), open(22, "SSH")],
        tags: tags(cluster, None),
    }
}

pub(super) fn parameter(cluster: &str, name: &str, value: ParameterValue) -> ParameterOrder {
    ParameterOrder {
        name: format!("/k3fleet/{cluster}/{name}"),
        value,
        tags: tags(cluster, None),
    }
}

pub(super) fn template(cluster: &str, role: &str, image: &str, group: &str) -> TemplateOrder {
    TemplateOrder {
        name: format!("k3fleet-{cluster}-{role}"),
        image: image.into(),
        root_device: "/dev/xvda",
        volume_gib: 20,
        instance_type: "t3.small".into(),
        profile: Some(format!("k3fleet-{cluster}-{REGION}-{role}")),
        key_pair: None,
        group: group.into(),
        user_data: "#!/bin/sh\necho ü\n".to_owned(),
        tags: tags(cluster, Some(role)),
    }
}

pub(super) fn machine(cluster: &str, subnets: &[String], purchase: Purchase) -> MachineOrder {
    MachineOrder {
        template: format!("k3fleet-{cluster}-server"),
        types: vec!["t3.small".into(), "t3a.small".into()],
        subnets: subnets.iter().map(Into::into).collect(),
        purchase,
        client_token: "launch-20261122T120000-00ff".to_owned(),
        tags: tags(cluster, Some("server")),
    }
}

pub(super) fn workers(cluster: &str, subnets: &[String]) -> AsgOrder {
    AsgOrder {
        name: format!("k3fleet-{cluster}-agent"),
        template: format!("k3fleet-{cluster}-agent"),
        types: vec!["t3.small".into(), "t3a.small".into()],
        subnets: subnets.iter().map(Into::into).collect(),
        purchase: Purchase::Spot,
        desired: 2,
        max: 10,
        tags: tags(cluster, Some("agent")),
    }
}

async fn vpc(cloud: &AwsCloud) -> (String, Vec<String>) {
    let vpcs = cloud.vpcs().await.expect("VPCs");
    let vpc = vpcs.into_iter().next().expect("the default VPC");
    let subnets = vpc.subnets.iter().map(|subnet| subnet.id.to_string());
    (vpc.id.to_string(), subnets.collect())
}

/// Everything that comes before the workers, made twice.
async fn made(cloud: &AwsCloud, cluster: &str, image: &str) -> (InstanceId, Vec<String>) {
    let (vpc, subnets) = vpc(cloud).await;
    let mut groups = BTreeSet::new();
    for again in [false, true] {
        for name in ["server", "agent"] {
            cloud.make_role(&role(cluster, name)).await.expect("a role");
            cloud.grant_role(&role(cluster, name)).await.expect("its policy");
        }
        let order = group(cluster, &vpc);
        let id = cloud.make_group(&order).await.expect("a group");
        cloud.open_group(&id, &order).await.expect("open");
        groups.insert(id);
        let secret = if again { "another" } else { "first" };
        let token = ParameterValue::Secure(Secret::new(secret));
        cloud
            .make_parameter(&parameter(cluster, "server-token", token))
            .await
            .expect("a token");
        let spec = ParameterValue::Plain(format!("spec {again}"));
        cloud
            .make_parameter(&parameter(cluster, "spec", spec))
            .await
            .expect("a spec");
        let name = format!("k3fleet/{cluster}/kubeconfig");
        cloud.make_secret(&name, &tags(cluster, None)).await.expect("a secret");
        assert_eq!(cloud.secret(&name).await.expect("an answer"), None);
        let group = groups.iter().next().expect("made");
        for name in ["server", "agent"] {
            let order = template(cluster, name, image, group);
            cloud.make_template(&order).await.expect("a template");
        }
    }
    assert_eq!(groups.len(), 1, "the same group both times");
    let order = machine(cluster, &subnets, Purchase::Spot);
    let server = cloud.launch(&order).await.expect("launched");
    (server, subnets)
}

fn told(resources: &[Resource]) -> BTreeSet<(ResourceKind, &str)> {
    resources.iter().map(|one| (one.kind, one.id.as_str())).collect()
}

/// Deletes what is there, what uses another before it, as often as it takes.
async fn destroy(cloud: &AwsCloud, cluster: &str) {
    let mut all = cloud.left(cluster).await.expect("resources");
    all.sort();
    for resource in &all {
        cloud.delete(resource).await.expect("deleted");
    }
    // moto has no word of its own for a launch template that is not there.
    for resource in all.iter().filter(|one| one.kind != ResourceKind::LaunchTemplate) {
        cloud.delete(resource).await.expect("it is deleted already");
    }
    assert_eq!(cloud.left(cluster).await.expect("resources"), []);
}

#[tokio::test]
async fn a_cluster_of_three_machines_is_made_once_seen_whole_and_gone_without_a_trace() {
    let Some(account) = moto::account("700000000011").await else {
        return;
    };
    let seed = Seed::new(&account, REGION);
    let image = seed.image().await;
    let cloud = seen_through(&account, REGION, options());
    let elsewhere = seen_through(&account, "us-east-1", options());
    // Somebody else's, in the same account.
    seed.lone(1, &image, false, &[("Name", "other")]).await;

    let (server, subnets) = made(&cloud, "shop", &image).await;
    let ends: Timestamp = "2030-01-01T00:00:00Z".parse().expect("a time");
    cloud.make_asg(&workers("shop", &subnets)).await.expect("workers");

    let seen = cloud.look(&server).await.expect("an answer").expect("there");
    assert!(matches!(seen.state, InstanceState::Pending | InstanceState::Running));
    assert_eq!((seen.private_ip.is_some(), seen.purchase), (true, Purchase::Spot));
    assert_eq!(seen.tag("k3fleet:role"), Some("server"));
    let group = &cloud.asgs().await.expect("groups")[0];
    assert_eq!((group.desired, group.min, group.max), (2, 0, 10));
    assert_eq!((group.on_demand_base, group.on_demand_percent), (Some(0), Some(0)));
    let of_spec = cloud.parameter("/k3fleet/shop/spec").await.expect("an answer");
    assert_eq!(of_spec.as_deref(), Some("spec true"), "plain text is set anew");
    let of_token = cloud.parameter("/k3fleet/shop/server-token").await.expect("an answer");
    assert_eq!(of_token.as_deref(), Some("first"), "a token stays");
    assert!(cloud.create_parameter("/k3fleet/shop/lock", "me").await.expect("made"));

    let resources = cloud.resources(Some("shop")).await.expect("resources");
    let workers: Vec<_> = group.members.iter().map(|one| one.id.clone()).collect();
    let group_id = resources.iter().find(|one| one.kind == ResourceKind::SecurityGroup);
    let group_id = group_id.expect("the group").id.clone();
    let expected: BTreeSet<_> = [
        (ResourceKind::Asg, "k3fleet-shop-agent"),
        (ResourceKind::Instance, server.as_str()),
        (ResourceKind::Instance, workers[0].as_str()),
        (ResourceKind::Instance, workers[1].as_str()),
        (ResourceKind::LaunchTemplate, "k3fleet-shop-server"),
        (ResourceKind::LaunchTemplate, "k3fleet-shop-agent"),
        (ResourceKind::SecurityGroup, group_id.as_str()),
        (ResourceKind::InstanceProfile, "k3fleet-shop-eu-west-1-server"),
        (ResourceKind::InstanceProfile, "k3fleet-shop-eu-west-1-agent"),
        (ResourceKind::Role, "k3fleet-shop-eu-west-1-server"),
        (ResourceKind::Role, "k3fleet-shop-eu-west-1-agent"),
        (ResourceKind::Parameter, "/k3fleet/shop/server-token"),
        (ResourceKind::Parameter, "/k3fleet/shop/spec"),
        (ResourceKind::Secret, "k3fleet/shop/kubeconfig"),
    ]
    .into();
    // moto does not tag the volumes of a launch template.
    let mut listed = told(&resources);
    listed.retain(|(kind, _)| *kind != ResourceKind::Volume);
    assert_eq!(listed, expected);
    for one in &resources {
        assert_eq!((one.cluster.as_str(), one.of_kubernetes), ("shop", false), "{one:?}");
        assert_eq!(one.gib.is_some(), one.kind == ResourceKind::Volume, "{one:?}");
        assert_eq!(one.expires_at, "2026-11-22T13:00:00Z".parse().ok(), "{one:?}");
    }
    assert_eq!(cloud.resources(None).await.expect("resources"), resources);
    assert_eq!(elsewhere.resources(None).await.expect("resources"), []);

    // It lives an hour longer.
    let later: TagList = vec![("k3fleet:expires-at".to_owned(), "2026-11-22T14:00:00Z".to_owned())];
    for one in &resources {
        cloud.tag(one, &later).await.expect("tagged");
    }
    let action = "k3fleet-expires";
    cloud.expire("k3fleet-shop-agent", action, ends).await.expect("later");
    let after = cloud.resources(Some("shop")).await.expect("resources");
    assert_eq!(told(&after), told(&resources));
    // moto tells of a launch template's first tags for ever.
    for one in after.iter().filter(|one| one.kind != ResourceKind::LaunchTemplate) {
        assert_eq!(one.expires_at, "2026-11-22T14:00:00Z".parse().ok(), "{one:?}");
    }

    destroy(&cloud, "shop").await;
    assert_eq!(cloud.look(&server).await.expect("an answer"), None);
    let alive = cloud.instances().await.expect("instances");
    assert_eq!(alive.len(), 1, "only somebody else's is left: {alive:?}");
    cloud.delete_parameter("/k3fleet/shop/lock").await.expect("free");
}

#[tokio::test]
async fn a_region_tells_its_types_networks_and_images() {
    let Some(account) = moto::account("700000000012").await else {
        return;
    };
    let cloud = seen_through(&account, REGION, options());
    let types = cloud.instance_types().await.expect("types");
    assert!(types.len() > 100, "{}", types.len());
    let by_name = |name: &str| types.iter().find(|one| one.name == name);
    let small = by_name("t4g.small").expect("t4g.small");
    assert_eq!(
        (small.arch, small.vcpus, small.memory_mib, small.spot),
        (Arch::Arm64, 2, 2048, true)
    );
    assert_eq!(by_name("m7i.large").map(|one| one.arch), Some(Arch::Amd64));
    for left_out in [
        "t2.micro.none",
        "m1.small",
        "m7i.metal-24xl",
        "mac2.metal",
        "m7i.8xlarge",
    ] {
        assert!(by_name(left_out).is_none(), "{left_out}");
    }
    assert!(types.iter().all(|one| (1..=16).contains(&one.vcpus)));

    let vpcs = cloud.vpcs().await.expect("VPCs");
    let [vpc] = vpcs.as_slice() else {
        panic!("the default VPC: {vpcs:?}");
    };
    assert!(vpc.is_default);
    assert_eq!(vpc.cidrs, ["172.31.0.0/16"]);
    let zones: Vec<_> = vpc.subnets.iter().map(|one| one.zone.as_str()).collect();
    assert_eq!(zones, ["eu-west-1a", "eu-west-1b", "eu-west-1c"]);
    assert!(vpc.subnets.iter().all(|one| one.public));

    let known = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64";
    let image = cloud.image(known).await.expect("an image");
    assert!(image.starts_with("ami-"), "{image}");
    let unknown = "/aws/service/ami-amazon-linux-latest/al1999";
    let refused = cloud.image(unknown).await.expect_err("there is none");
    assert!(
        refused.kind == FaultKind::Other && refused.to_string().contains(unknown),
        "{refused}"
    );
}

#[tokio::test]
async fn what_kubernetes_made_is_found_and_told_apart() {
    let Some(account) = moto::account("700000000013").await else {
        return;
    };
    use aws_sdk_ec2::types as ec2;
    let seed = Seed::new(&account, REGION);
    let cloud = seen_through(&account, REGION, options());
    let volume = |size, tags: &[(&str, &str)]| {
        let tags = tags.iter().map(|(k, v)| ec2::Tag::builder().key(*k).value(*v).build());
        let tags = ec2::TagSpecification::builder()
            .resource_type(ec2::ResourceType::Volume)
            .set_tags(Some(tags.collect()));
        seed.ec2
            .create_volume()
            .availability_zone("eu-west-1a")
            .size(size)
            .tag_specifications(tags.build())
            .send()
    };
    let claimed = [("ebs.csi.aws.com/cluster-name", "shop"), ("Name", "pvc-1")];
    let claimed = volume(7, &claimed).await.expect("a volume").volume_id.expect("its id");
    let owned = [("kubernetes.io/cluster/shop", "owned")];
    let owned = volume(3, &owned).await.expect("a volume").volume_id.expect("its id");
    let foreign = [("kubernetes.io/cluster/eks", "owned")];
    volume(9, &foreign).await.expect("a volume");
    assert_eq!(
        cloud.resources(None).await.expect("resources"),
        [],
        "no cluster of ours is known"
    );

    cloud
        .make_secret("k3fleet/shop/kubeconfig", &tags("shop", None))
        .await
        .expect("a secret");
    let resources = cloud.resources(None).await.expect("resources");
    assert_eq!(cloud.resources(Some("shop")).await.expect("resources"), resources);
    let volumes: BTreeSet<_> = resources
        .iter()
        .filter(|one| one.kind == ResourceKind::Volume)
        .map(|one| (one.id.as_str(), one.gib, one.name.as_deref(), one.of_kubernetes))
        .collect();
    let expected = [
        (claimed.as_str(), Some(7), Some("pvc-1"), true),
        (owned.as_str(), Some(3), None, true),
    ];
    assert_eq!(volumes, expected.into());
    assert_eq!(resources.len(), 3, "{resources:?}");
    destroy(&cloud, "shop").await;
}

#[tokio::test]
async fn a_group_of_somebody_else_is_not_taken() {
    let Some(account) = moto::account("700000000014").await else {
        return;
    };
    let cloud = seen_through(&account, REGION, options());
    let (vpc, _) = vpc(&cloud).await;
    cloud.make_group(&group("shop", &vpc)).await.expect("a group");
    let mut other = group("shop", &vpc);
    other.tags = tags("market", None);
    let refused = cloud.make_group(&other).await.expect_err("it is the shop's");
    assert!(
        !refused.retryable() && refused.message.contains("somebody else"),
        "{refused}"
    );
}

#[tokio::test]
async fn what_is_not_there_is_deleted_and_what_is_of_others_is_not() {
    let Some(account) = moto::account("700000000015").await else {
        return;
    };
    let cloud = seen_through(&account, REGION, options());
    let resource = |kind, id: &str| Resource {
        kind,
        id: id.into(),
        name: None,
        cluster: "shop".into(),
        expires_at: None,
        of_kubernetes: false,
        gib: None,
    };
    for (kind, id) in [
        (ResourceKind::Asg, "k3fleet-shop-workers"),
        (ResourceKind::Instance, "i-0123456789abcdef0"),
        (ResourceKind::Volume, "vol-0123456789abcdef0"),
        (ResourceKind::SecurityGroup, "sg-0123456789abcdef0"),
        (ResourceKind::KeyPair, "k3fleet-shop"),
        (ResourceKind::InstanceProfile, "k3fleet-shop"),
        (ResourceKind::Role, "k3fleet-shop"),
        (ResourceKind::Parameter, "/k3fleet/shop/spec"),
        (ResourceKind::Secret, "k3fleet/shop/kubeconfig"),
    ] {
        cloud.delete(&resource(kind, id)).await.expect("there is none");
    }
    for kind in [ResourceKind::Stack, ResourceKind::LoadBalancer, ResourceKind::Other] {
        let refused = cloud.delete(&resource(kind, "arn:x")).await.expect_err("not ours");
        assert_eq!(refused.kind, FaultKind::Unsupported);
    }
    let none = InstanceId::new("i-0123456789abcdef0");
    assert_eq!(cloud.look(&none).await.expect("an answer"), None);
}
