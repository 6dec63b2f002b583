//! Plans for whole clusters: launching, destroying and extending them.

use jiff::SignedDuration;

use super::super::launch::{Ground, Launch, OnFailure, PartPrice, PricedPart, Profile, Site, Subnet};
use super::*;
use crate::blueprint::example;
use crate::fleet::{ClusterId, Glob, Policy, Purchase, Shape};
use crate::provider::{Resource, ResourceKind};

fn launch() -> Launch {
    let subnet = |zone: &str| Subnet {
        id: format!("subnet-{zone}").into(),
        zone: zone.into(),
        public: true,
    };
    Launch {
        scope: scope(),
        spec: example(),
        ground: Ground {
            account: "123456789012".into(),
            image: "ami-1".into(),
            vpc: "vpc-1".into(),
            subnets: vec![subnet("eu-west-1a"), subnet("eu-west-1b")],
            leftovers: vec![],
            parts: vec![],
        },
        site: None,
        dsn_file: None,
        on_failure: OnFailure::Keep,
    }
}

fn asked(launch: Launch) -> Request {
    Request::Launch(Box::new(launch))
}

fn cluster(name: &str) -> ClusterId {
    ClusterId {
        name: name.into(),
        home: Some(scope()),
    }
}

fn resource(kind: ResourceKind, id: &str) -> Resource {
    Resource {
        kind,
        id: id.into(),
        name: None,
        cluster: "prod".into(),
        expires_at: None,
        of_kubernetes: false,
        gib: None,
    }
}

fn destroy(resources: Vec<Resource>, volumes: bool) -> Request {
    Request::Destroy {
        cluster: cluster("prod"),
        resources,
        volumes,
        snapshots: false,
    }
}

fn whats(plan: &Plan) -> Vec<String> {
    plan.steps().map(|(_, step)| step.describe()).collect()
}

#[test]
fn a_launch_prepares_side_by_side_and_waits_at_the_end() {
    let plan = planned(&World::live(), &asked(launch()));
    assert_eq!(
        titles(&plan),
        [
            "prepare",
            "describe the server",
            "launch the server",
            "describe the workers",
            "launch the workers",
            "come up",
            "be ready"
        ]
    );
    assert_eq!(plan.stages[0].steps.len(), 7, "{:?}", whats(&plan));
    assert_eq!(plan.stages[1].steps.len(), 4, "{:?}", whats(&plan));
    // The lock, three stages, the server's address and the workers' template, their group, the kubeconfig and its address.
    assert_eq!(plan.round_trips(), 1 + 3 + 2 + 1 + 2);
    assert_eq!(plan.confirm, None);
}

#[test]
fn a_lone_server_without_a_profile_makes_no_role_and_no_secret() {
    let mut lone = launch();
    lone.spec.workers = 0;
    lone.spec.profile = Profile::None;
    let plan = planned(&World::live(), &asked(lone));
    assert_eq!(
        whats(&plan),
        [
            "make the security group k3fleet-shop",
            "make the parameter /k3fleet/shop/spec",
            "make the launch template k3fleet-shop-server",
            "open the ports of k3fleet-shop",
            "launch the server from k3fleet-shop-server",
            "wait for the kubeconfig, read it over SSH, and keep it",
            "wait until the server is ready",
        ]
    );
    assert!(
        plan.calls()
            .iter()
            .all(|call| !call.permission().starts_with("iam:Create"))
    );
}

#[test]
fn a_launch_costs_what_its_dearest_choice_costs() {
    let mut world = World::live();
    let mut launch = launch();
    launch.spec.types = vec!["t4g.small".into()];
    assert_eq!(planned(&world, &asked(launch.clone())).cost.after, None);
    world.see(spot_price("eu-west-1a", 0.01));
    world.see(spot_price("eu-west-1b", 0.02));
    world.see(spot_price("eu-west-1c", 0.09));
    let cost = planned(&world, &asked(launch.clone())).cost;
    assert_eq!(
        cost.after,
        Some(0.06),
        "a server and two workers, not in a zone they cannot get"
    );
    let mut priced = launch.clone();
    priced.ground.parts = vec![PartPrice {
        part: PricedPart::VolumeGp3,
        usd: Some(0.073),
        why: None,
        fetched_at: None,
    }];
    let plan = planned(&world, &asked(priced));
    let after = plan.cost.after.unwrap();
    assert!((after - 0.066).abs() < 1e-9, "three volumes of 20 GiB besides: {after}");
    assert!(!plan.warnings.iter().any(|w| w.contains("gp3")), "{:?}", plan.warnings);
    launch.spec.purchase = Purchase::OnDemand;
    let plan = planned(&world, &asked(launch));
    assert_eq!(plan.cost.after, None, "a spot price never stands in");
    assert!(plan.warnings.iter().any(|w| w.contains("t4g.small costs is not known")));
}

#[test]
fn every_fault_of_a_spec_is_told_at_once() {
    let mut bad = launch();
    bad.spec.name = "Shop".into();
    bad.spec.version = "newest".into();
    bad.spec.shape = Shape::Ci;
    bad.spec.expires_at = Some(now() - SignedDuration::from_mins(1));
    let refusal = plan(&World::live().0, &asked(bad), now()).unwrap_err();
    assert_eq!(refusal.guard, "spec");
    for field in ["name:", "version:", "expires_at: expected a time to come"] {
        assert!(refusal.why.contains(field), "{}", refusal.why);
    }
}

#[test]
fn a_name_is_used_once_and_nothing_left_is_taken_over() {
    let mut taken = launch();
    taken.spec.name = "prod".into();
    assert_eq!(refused(&prod(1), &asked(taken)), "name-taken");
    let mut left = launch();
    left.ground.leftovers = vec![resource(ResourceKind::LaunchTemplate, "k3fleet-shop-server")];
    assert_eq!(refused(&prod(1), &asked(left)), "leftovers");
}

#[test]
fn destroying_deletes_what_uses_another_before_it() {
    let all = [
        resource(ResourceKind::Secret, "k3fleet/prod/kubeconfig"),
        resource(ResourceKind::Role, "k3fleet-prod-server"),
        resource(ResourceKind::SecurityGroup, "sg-1"),
        resource(ResourceKind::InstanceProfile, "k3fleet-prod-server"),
        resource(ResourceKind::Instance, "i-1"),
        resource(ResourceKind::Asg, "workers"),
    ];
    let plan = planned(&prod(1), &destroy(all.to_vec(), false));
    assert_eq!(
        titles(&plan),
        [
            "end groups",
            "end machines",
            "wait",
            "delete the rest",
            "delete roles",
            "prove"
        ]
    );
    assert_eq!(plan.confirm.as_deref(), Some("prod"));
    let deleted = whats(&plan)
        .iter()
        .filter(|what| what.starts_with("delete the"))
        .count();
    assert_eq!(deleted, all.len());
}

#[test]
fn what_kubernetes_made_is_named_and_stays_unless_told() {
    let volume = Resource {
        of_kubernetes: true,
        gib: Some(8),
        ..resource(ResourceKind::Volume, "vol-1")
    };
    let balancer = Resource {
        of_kubernetes: true,
        ..resource(ResourceKind::LoadBalancer, "arn:lb")
    };
    let all = vec![volume, balancer, resource(ResourceKind::Instance, "i-1")];
    let kept = planned(&World::live(), &destroy(all.clone(), false));
    assert_eq!(kept.warnings.len(), 2, "{:?}", kept.warnings);
    assert!(!whats(&kept).iter().any(|what| what.contains("vol-1")));
    let staying = kept.steps().find_map(|(_, step)| match step {
        Step::Cloud(_, CloudStep::Prove { staying, .. }) => Some(staying.clone()),
        _ => None,
    });
    assert_eq!(staying.unwrap(), ["vol-1", "arn:lb"]);
    let gone = planned(&prod(1), &destroy(all, true));
    assert!(whats(&gone).iter().any(|what| what == "delete the volume vol-1"));
}

/// A highly available cluster on three subnets of the default VPC.
fn ha() -> Launch {
    let mut ha = launch();
    ha.spec = crate::blueprint::ha::example();
    let site = Site {
        images: [(ha.spec.arch, "ami-1".into())].into(),
        vpc: Some("vpc-1".into()),
        cidrs: vec!["172.31.0.0/16".into()],
        subnets: vec!["subnet-1".into(), "subnet-2".into(), "subnet-3".into()],
        public: true,
        endpoints: vec![],
        zones: vec![],
    };
    ha.site = Some(site);
    ha
}

#[test]
fn a_highly_available_cluster_is_what_its_stack_needs_then_the_stack() {
    let plan = planned(&World::live(), &asked(ha()));
    assert_eq!(titles(&plan), ["prepare", "make the stack", "come up", "be ready"]);
    let steps = whats(&plan);
    assert_eq!(plan.stages[0].steps.len(), 4, "{steps:?}");
    assert_eq!(steps[4], "make the stack k3fleet-shop");
    assert_eq!(
        steps[6..],
        ["wait until 3 servers are ready", "wait until 3 agents are ready"]
    );
    assert_eq!(plan.round_trips(), 1 + 1 + 4 + 2);
    let mut external = ha();
    external.spec.ha.as_mut().unwrap().store = crate::blueprint::ha::Store::External;
    let plan = planned(&World::live(), &asked(external));
    assert!(whats(&plan).contains(&"make the parameter /k3fleet/shop/dsn".to_owned()));
}

#[test]
fn the_name_of_a_cluster_is_not_taken_twice_nor_are_its_leftovers_taken_over() {
    let mut left = ha();
    left.ground.leftovers = vec![resource(ResourceKind::Stack, "k3fleet-shop")];
    assert_eq!(refused(&World::live(), &asked(left)), "leftovers");
    let mut bad = ha();
    bad.spec.ha.as_mut().unwrap().servers = 2;
    assert_eq!(refused(&World::live(), &asked(bad)), "spec");
}

#[test]
fn what_must_not_be_destroyed_is_refused() {
    let mut world = prod(1);
    let one = vec![resource(ResourceKind::Instance, "i-1")];
    world.0.set_policy(Policy {
        protected: vec![Glob::new("pro*")],
        ..Policy::default()
    });
    assert_eq!(refused(&world, &destroy(one.clone(), false)), "protected");
    world.0.set_policy(Policy::default());
    let foreign = Resource {
        cluster: "other".into(),
        ..one[0].clone()
    };
    assert_eq!(refused(&world, &destroy(vec![foreign], false)), "foreign-resource");
    let homeless = Request::Destroy {
        cluster: ClusterId {
            name: "prod".into(),
            home: None,
        },
        resources: vec![],
        volumes: false,
        snapshots: false,
    };
    assert_eq!(refused(&world, &homeless), "no-home");
    assert!(planned(&World::live(), &destroy(vec![], false)).stages.is_empty());
}

#[test]
fn only_what_destroys_itself_is_extended_and_into_the_future() {
    let extend = |until| Request::Extend {
        cluster: cluster("prod"),
        until,
        resources: vec![
            resource(ResourceKind::Asg, "workers"),
            resource(ResourceKind::Instance, "i-1"),
        ],
    };
    let later = now() + SignedDuration::from_hours(1);
    assert_eq!(refused(&prod(1), &extend(later)), "no-ttl");
    let mut world = prod(0);
    let end = (now() + SignedDuration::from_hours(2)).to_string();
    world.instance(Instance {
        tags: tags(&[
            ("k3fleet:cluster", "prod"),
            ("k3fleet:shape", "ci"),
            ("k3fleet:expires-at", &end),
        ]),
        ..instance(9)
    });
    assert_eq!(refused(&world, &extend(now())), "past");
    let plan = planned(&world, &extend(later));
    assert_eq!(titles(&plan), ["groups", "tags"]);
    assert_eq!(plan.steps().count(), 3);
    assert!(plan.warnings[0].contains("sooner"), "{:?}", plan.warnings);
}
