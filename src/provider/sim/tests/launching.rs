//! What an operator makes, launches and deletes through the ports, call by call.

use super::*;
use crate::provider::{
    AsgOrder, GroupOrder, MachineOrder, ParameterOrder, ParameterValue, Resource, ResourceKind, RoleOrder, Secret,
    TagList, TemplateOrder,
};

const EU: &str = "eu-west-1";
pub(super) const SECRET: &str = "k3fleet/shop/kubeconfig";

fn tags(role: &str) -> TagList {
    let mut tags = [
        ("k3fleet:cluster", "shop"),
        ("k3fleet:shape", "quick"),
        ("Name", "shop"),
    ]
    .to_vec();
    if !role.is_empty() {
        tags.extend([("k3fleet:role", role), ("k3fleet:pool", role)]);
    }
    tags.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

fn template(role: &str, group: &str) -> TemplateOrder {
    let profile = format!("k3fleet-shop-{role}");
    TemplateOrder {
        name: format!("shop-{role}"),
        image: "ami-1".into(),
        root_device: "/dev/sda1",
        volume_gib: 20,
        instance_type: "t4g.small".into(),
        profile: Some(profile),
        key_pair: None,
        group: group.into(),
        user_data: format!(
            "#!/bin/sh\nversion='v1.36.4+k3s1'\nssh_key=''\n{role}_token='/k3fleet/shop/{role}-token'\n\
             secret='{}'\nset -eu\n",
            if role == "server" { SECRET } else { "" }
        ),
        tags: tags(role),
    }
}

async fn subnets(p: &Providers) -> Vec<SmolStr> {
    let vpcs = cloud(p, EU).vpcs().await.unwrap();
    let own = vpcs.iter().find(|v| v.is_default).unwrap();
    assert_eq!(
        (own.cidrs.as_slice(), own.subnets.len()),
        (&["172.31.0.0/16".into()][..], 3)
    );
    own.subnets.iter().map(|s| s.id.clone()).collect()
}

/// Makes all that machines of a role need; gives the security group.
async fn prepare(aws: &dyn CloudControl, p: &Providers, role: &str) -> SmolStr {
    let vpcs = cloud(p, EU).vpcs().await.unwrap();
    let group = GroupOrder {
        name: "k3fleet-shop".to_owned(),
        vpc: vpcs[0].id.clone(),
        description: "shop".to_owned(),
        open: vec![],
        tags: tags(""),
    };
    let id = aws.make_group(&group).await.unwrap();
    aws.open_group(&id, &group).await.unwrap();
    let own = RoleOrder {
        name: format!("k3fleet-shop-{role}"),
        trust: "{}".to_owned(),
        policy_name: "k3fleet".to_owned(),
        policy: "{}".to_owned(),
        tags: tags(role),
    };
    aws.make_role(&own).await.unwrap();
    aws.grant_role(&own).await.unwrap();
    let token = ParameterOrder {
        name: format!("/k3fleet/shop/{role}-token"),
        value: ParameterValue::Secure(Secret::new("t")),
        tags: tags(""),
    };
    aws.make_parameter(&token).await.unwrap();
    aws.make_secret(SECRET, &tags("")).await.unwrap();
    aws.make_template(&template(role, &id)).await.unwrap();
    id
}

async fn server(p: &Providers, purchase: Purchase) -> MachineOrder {
    MachineOrder {
        template: "shop-server".to_owned(),
        types: vec!["t4g.small".into(), "t4g.medium".into()],
        subnets: subnets(p).await,
        purchase,
        client_token: "launch-1".to_owned(),
        tags: tags("server"),
    }
}

fn group() -> AsgOrder {
    AsgOrder {
        name: "shop-agent".to_owned(),
        template: "shop-agent".to_owned(),
        types: vec!["t4g.small".into()],
        subnets: vec![],
        purchase: Purchase::Spot,
        desired: 2,
        max: 5,
        tags: tags("agent"),
    }
}

/// A cluster named shop that has come up, with so many agents; what its server was ordered with, and what came of it.
pub(super) async fn shop(aws: &dyn CloudControl, p: &Providers, agents: u32) -> (MachineOrder, InstanceId) {
    prepare(aws, p, "server").await;
    let order = server(p, Purchase::OnDemand).await;
    let launched = aws.launch(&order).await.unwrap();
    prepare(aws, p, "agent").await;
    let group = AsgOrder {
        subnets: subnets(p).await,
        desired: agents,
        ..group()
    };
    aws.make_asg(&group).await.unwrap();
    (order, launched)
}

fn kinds(all: &[Resource]) -> Vec<ResourceKind> {
    all.iter().map(|r| r.kind).collect()
}

#[tokio::test(start_paused = true)]
async fn a_cluster_is_launched_grows_and_is_deleted_in_order() {
    use ResourceKind::{Asg, Instance, InstanceProfile, LaunchTemplate, Parameter, Role, SecurityGroup};
    let (world, p) = told("");
    let aws = cloud_control(&world, EU);
    let sg = prepare(&*aws, &p, "server").await;
    assert_eq!(prepare(&*aws, &p, "server").await, sg, "made once");
    let order = server(&p, Purchase::Spot).await;
    let (first, again) = (aws.launch(&order).await.unwrap(), aws.launch(&order).await.unwrap());
    assert_eq!(first, again, "the token makes one machine of both calls");
    let machine = aws.look(&first).await.unwrap().unwrap();
    assert!(machine.private_ip.unwrap().to_string().starts_with("172.31."));
    assert_eq!(machine.state, InstanceState::Pending);
    assert_eq!(aws.console(&first).await.unwrap(), None);

    let launched = world.now();
    let mut seen = String::new();
    while aws.secret(SECRET).await.unwrap().is_none() {
        let text = aws.console(&first).await.unwrap().unwrap_or_default();
        assert!(text.starts_with(&seen), "it grows: {text}");
        assert!(!text.contains("ready"), "{text}");
        seen = text;
        secs(1).await;
    }
    let took = world.now().duration_since(launched).as_secs();
    assert!((40..=70).contains(&took), "{took}");
    let text = aws.console(&first).await.unwrap().unwrap();
    assert!(text.ends_with(&format!("k3fleet: ready: {first}\n")), "{text}");
    let (shop, control) = world.kube(&ContextId::new("shop")).unwrap();
    assert_eq!(control.context(), shop.context());
    within(15, "the server's node is ready", async || {
        let nodes = shop.list_nodes().await.unwrap();
        nodes.len() == 1 && nodes[0].ready == Readiness::Ready && nodes[0].key.name == first.as_str()
    })
    .await;
    within(15, "K3s' own pods run", async || {
        let pods = shop.list_pods().await.unwrap();
        pods.len() == 5 && pods.iter().all(|p| p.phase == PodPhase::Running)
    })
    .await;
    assert_eq!(shop.usage().await.unwrap().len(), 1);

    prepare(&*aws, &p, "agent").await;
    let agents = AsgOrder {
        subnets: subnets(&p).await,
        ..group()
    };
    aws.make_asg(&agents).await.unwrap();
    aws.make_asg(&agents).await.unwrap();
    within(90, "two agents join", async || {
        let nodes = shop.list_nodes().await.unwrap();
        nodes.iter().filter(|n| n.ready == Readiness::Ready).count() == 3
    })
    .await;
    let groups = cloud(&p, EU).asgs().await.unwrap();
    assert_eq!(
        groups
            .iter()
            .filter(|g| g.name == "shop-agent" && g.desired == 2)
            .count(),
        1
    );

    let all = aws.left("shop").await.unwrap();
    assert_eq!(cloud(&p, EU).resources(Some("shop")).await.unwrap(), all);
    let (things, machines): (Vec<_>, Vec<_>) = all.iter().cloned().partition(|r| !matches!(r.kind, Asg | Instance));
    assert_eq!(kinds(&machines), [Asg, Instance, Instance, Instance]);
    assert_eq!(
        kinds(&things),
        [
            LaunchTemplate,
            LaunchTemplate,
            SecurityGroup,
            InstanceProfile,
            InstanceProfile,
            Role,
            Role,
            Parameter,
            Parameter,
            ResourceKind::Secret
        ]
    );
    let early = things.iter().find(|r| r.kind == SecurityGroup).unwrap();
    let error = aws.delete(early).await.unwrap_err();
    assert!(
        error.retryable() && error.message.starts_with("DependencyViolation"),
        "{error}"
    );
    for resource in &machines {
        aws.delete(resource).await.unwrap();
        aws.delete(resource).await.unwrap();
    }
    within(40, "the machines are gone", async || {
        aws.left("shop").await.unwrap() == things
    })
    .await;
    assert!(shop.list_nodes().await.is_err(), "nothing answers any longer");
    for resource in &things {
        aws.delete(resource).await.unwrap();
    }
    assert_eq!(aws.left("shop").await.unwrap(), []);
    assert_eq!(aws.parameter("/k3fleet/shop/server-token").await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_region_may_have_no_capacity_and_a_profile_may_be_news_to_it() {
    let events = "[[events]]\nat = \"1s\"\nevent.no-launches = { region = \"eu-west-1\", purchase = \"spot\", for = \"5m\" }\n\
                  [[events]]\nat = \"1s\"\nevent.unknown-profile = { region = \"eu-west-1\" }\n";
    let (world, p) = told(events);
    secs(2).await;
    let aws = cloud_control(&world, EU);
    prepare(&*aws, &p, "server").await;
    let mut order = server(&p, Purchase::Spot).await;
    let unknown = aws.launch(&order).await.unwrap_err();
    assert_eq!(unknown.kind, FaultKind::NotYet);
    let short = aws.launch(&order).await.unwrap_err();
    assert_eq!(short.kind, FaultKind::NoCapacity);
    assert!(short.message.contains("InsufficientInstanceCapacity"), "{short}");
    order.purchase = Purchase::OnDemand;
    let launched = aws.launch(&order).await.unwrap();
    let machine = aws.look(&launched).await.unwrap().unwrap();
    assert_eq!(
        (machine.purchase, machine.instance_type.as_str()),
        (Purchase::OnDemand, "t4g.small")
    );
}

#[tokio::test(start_paused = true)]
async fn a_first_boot_fails_where_its_needs_are_not_met() {
    let (world, p) = told("");
    let aws = cloud_control(&world, EU);
    prepare(&*aws, &p, "server").await;
    let token = "/k3fleet/shop/server-token";
    aws.delete_parameter(token).await.unwrap();
    let launched = aws.launch(&server(&p, Purchase::OnDemand).await).await.unwrap();
    let last = format!("k3fleet: failed: reading the SSM parameter {token}\n");
    within(60, "it says why", async || {
        let text = aws.console(&launched).await.unwrap();
        text.is_some_and(|text| text.ends_with(&last))
    })
    .await;
    secs(300).await;
    assert!(aws.secret(SECRET).await.unwrap().is_none());
    aws.end(&launched).await.unwrap();
    secs(60).await;
    assert_eq!(aws.look(&launched).await.unwrap(), None);
    assert!(aws.console(&launched).await.unwrap().unwrap().ends_with(&last));
}

#[tokio::test(start_paused = true)]
async fn the_demo_has_something_to_sweep_and_clusters_to_destroy() {
    let (_world, p) = demo(1);
    let here = cloud(&p, "us-east-1").resources(None).await.unwrap();
    let swept: Vec<_> = here
        .iter()
        .filter(|r| r.expires_at.is_some_and(|at| at < base()))
        .collect();
    assert!(
        swept.len() >= 5 && swept.iter().all(|r| r.cluster == "ci-4807"),
        "{swept:?}"
    );
    let prod = cloud(&p, EU).resources(Some("prod")).await.unwrap();
    let count = |kind| prod.iter().filter(|r| r.kind == kind).count();
    assert_eq!((count(ResourceKind::Asg), count(ResourceKind::Instance)), (2, 9));
    let volumes: Vec<_> = prod.iter().filter(|r| r.kind == ResourceKind::Volume).collect();
    assert!(volumes.iter().all(|v| v.of_kubernetes && v.gib.is_some()) && volumes.len() == 2);
    assert!(prod.is_sorted_by_key(|r| r.kind));
}

#[tokio::test(start_paused = true)]
async fn a_destroyed_ci_cluster_is_not_followed_by_another() {
    let (world, p) = told("");
    let aws = cloud_control(&world, "us-east-1");
    let all = aws.left("ci-4821").await.unwrap();
    for resource in all.iter().filter(|r| r.kind == ResourceKind::Instance) {
        aws.delete(resource).await.unwrap();
    }
    secs(60).await;
    for resource in &all {
        aws.delete(resource).await.unwrap();
    }
    secs(3_600).await;
    let here = cloud(&p, "us-east-1").instances().await.unwrap();
    assert!(
        here.iter().all(|i| i.tag("k3fleet:cluster") == Some("edge-lab")),
        "{here:?}"
    );
    assert!(kube(&p, "ci").server().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_cluster_is_put_off_by_its_tags() {
    let (world, p) = told("");
    let aws = cloud_control(&world, "us-east-1");
    let until = base() + SignedDuration::from_mins(60);
    let tag = vec![("k3fleet:expires-at".to_owned(), until.to_string())];
    for resource in aws.left("ci-4821").await.unwrap() {
        aws.tag(&resource, &tag).await.unwrap();
    }
    let own = aws.left("ci-4821").await.unwrap();
    assert!(own.iter().all(|r| r.expires_at == Some(until)), "{own:?}");
    secs(59 * 60).await;
    assert!(kube(&p, "ci").server().await.is_ok());
    secs(120).await;
    let left = kinds(&aws.left("ci-4821").await.unwrap());
    assert!(
        !left.contains(&ResourceKind::Instance) && left.contains(&ResourceKind::SecurityGroup),
        "{left:?}"
    );
    assert!(kube(&p, "ci").server().await.is_err());
}
