//! Plans for clusters that a stack holds: destroying them, and taking a failed stack back.

use super::*;
use crate::fleet::{ClusterId, Glob, Policy};
use crate::provider::{Resource, ResourceKind, Stack, StackStatus};

fn cluster() -> ClusterId {
    ClusterId {
        name: "prod".into(),
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

fn of_kubernetes(kind: ResourceKind, id: &str) -> Resource {
    Resource {
        of_kubernetes: true,
        ..resource(kind, id)
    }
}

/// What carries the tag of a cluster with a stack, in the order in which AWS tells it.
fn all() -> Vec<Resource> {
    use ResourceKind::{
        Asg, Instance, LaunchTemplate, LoadBalancer, Other, Parameter, Secret, SecurityGroup, SpotFleet, Stack, Volume,
    };
    vec![
        resource(Stack, "k3fleet-prod"),
        resource(Asg, "k3fleet-prod-k3s_servers"),
        resource(SpotFleet, "sfr-1"),
        resource(Instance, instance_id(11).as_str()),
        resource(Instance, "i-lone"),
        resource(
            LoadBalancer,
            "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/net/api/1",
        ),
        resource(LaunchTemplate, "k3fleet-prod-k3s_servers"),
        resource(SecurityGroup, "sg-own"),
        of_kubernetes(SecurityGroup, "sg-k8s"),
        of_kubernetes(
            LoadBalancer,
            "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/net/web/2",
        ),
        of_kubernetes(Volume, "vol-1"),
        resource(Parameter, "/k3fleet/prod/server-token"),
        resource(Secret, "k3fleet/prod/kubeconfig"),
        resource(Other, "arn:aws:s3:::k3fleet-prod-snapshots-1"),
        resource(Other, "arn:aws:sqs:eu-west-1:1:k3fleet-prod-FeedQueue-1"),
        resource(Other, "arn:aws:lambda:eu-west-1:1:function:k3fleet-prod-Reaper-1"),
    ]
}

fn destroy(resources: Vec<Resource>, volumes: bool) -> Request {
    Request::Destroy {
        cluster: cluster(),
        resources,
        volumes,
        snapshots: false,
    }
}

fn whats(plan: &Plan) -> Vec<String> {
    plan.steps().map(|(_, step)| step.describe()).collect()
}

#[test]
fn what_a_stack_holds_goes_with_it_and_nothing_keeps_it_waiting() {
    let plan = planned(&prod(1), &destroy(all(), true));
    assert_eq!(plan.confirm.as_deref(), Some("prod"));
    assert_eq!(
        whats(&plan),
        [
            "see that the stack k3fleet-prod may be deleted",
            "delete the Services and Ingresses with load balancers at AWS, and wait until those are gone",
            "end all machines of k3fleet-prod-k3s_servers, without its hooks",
            "set the target of sfr-1 to 0",
            "delete the instance i-lone",
            "take the function k3fleet-prod-Reaper-1 out of its VPC, and wait until its network interfaces are gone",
            "wait until no instance of prod is left",
            "delete the security group sg-k8s",
            "delete the volume vol-1",
            "delete the stack k3fleet-prod",
            "delete what the servers of prod left in SSM for each other",
            "delete the parameter /k3fleet/prod/server-token",
            "delete the secret k3fleet/prod/kubeconfig",
            "see that nothing of prod is left",
        ]
    );
    let permissions: Vec<_> = plan.calls().into_iter().map(|call| call.permission()).collect();
    for needed in [
        "autoscaling:DeleteLifecycleHook",
        "autoscaling:UpdateAutoScalingGroup",
        "cloudformation:DeleteStack",
        "ssm:DeleteParameter",
    ] {
        assert!(permissions.contains(&needed), "{permissions:?}");
    }
}

#[test]
fn of_what_kubernetes_made_only_data_is_kept() {
    let plan = planned(&prod(1), &destroy(all(), false));
    let what = whats(&plan);
    assert!(
        what.contains(&"delete the security group sg-k8s".to_owned()),
        "{what:?}"
    );
    assert!(!what.iter().any(|what| what.contains("vol-1")), "{what:?}");
    assert_eq!(plan.warnings.len(), 2, "the volume and the bucket: {:?}", plan.warnings);
}

#[test]
fn snapshots_and_what_kubernetes_made_stay_and_are_named() {
    // No node is known, and so no API server that could be asked.
    let plan = planned(&World::live(), &destroy(all(), false));
    let staying = plan.steps().find_map(|(_, step)| match step {
        Step::Cloud(_, CloudStep::Prove { staying, .. }) => Some(staying.clone()),
        _ => None,
    });
    let staying = staying.expect("a proof");
    assert_eq!(
        staying,
        [
            "sg-k8s",
            "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/net/web/2",
            "vol-1",
            "arn:aws:s3:::k3fleet-prod-snapshots-1"
        ]
    );
    assert_eq!(plan.warnings.len(), staying.len(), "{:?}", plan.warnings);
    assert!(
        plan.warnings
            .iter()
            .any(|w| w.contains("the bucket k3fleet-prod-snapshots-1 stays"))
    );
    assert!(!whats(&plan).iter().any(|what| what.contains("vol-1")));
    let mut all_of_it = destroy(all(), false);
    if let Request::Destroy { snapshots, .. } = &mut all_of_it {
        *snapshots = true;
    }
    let plan = planned(&World::live(), &all_of_it);
    let bucket = "delete the bucket k3fleet-prod-snapshots-1".to_owned();
    assert!(whats(&plan).contains(&bucket), "{:?}", whats(&plan));
    assert!(
        plan.calls()
            .iter()
            .any(|call| call.permission() == "s3:DeleteObjectVersion")
    );
}

#[test]
fn what_a_stack_has_left_is_known_for_what_it_is() {
    let left = || {
        vec![
            resource(ResourceKind::Parameter, "/k3fleet/prod/spec"),
            resource(ResourceKind::Secret, "k3fleet/prod/reaper"),
        ]
    };
    let plan = planned(&World::live(), &destroy(left(), false));
    assert_eq!(titles(&plan), ["wait", "forget", "delete the rest", "prove"]);
    let mut quick = left();
    quick.push(resource(ResourceKind::Role, "k3fleet-prod-eu-west-1-server"));
    let plan = planned(&World::live(), &destroy(quick, false));
    assert!(
        !titles(&plan).contains(&"forget"),
        "a quick cluster leaves no such marks"
    );
}

fn rollback(status: &str) -> Request {
    Request::RollBack {
        cluster: cluster(),
        stack: Stack {
            name: "k3fleet-prod".into(),
            id: "arn:stack".into(),
            status: StackStatus(status.into()),
            reason: Some("no quota".into()),
            created_at: now(),
            drift: None,
            outputs: vec![],
            tags: vec![],
            guarded: false,
        },
    }
}

#[test]
fn only_a_stack_that_failed_is_taken_back() {
    let changed = planned(&prod(2), &rollback("UPDATE_FAILED"));
    assert_eq!(whats(&changed), ["take the stack k3fleet-prod back to how it was"]);
    assert_eq!((changed.confirm, changed.cost.before), (None, changed.cost.after));

    let mut world = prod(2);
    let made = planned(&world, &rollback("CREATE_FAILED"));
    assert_eq!(titles(&made), ["empty groups", "wait", "take the stack back"]);
    assert_eq!(made.confirm.as_deref(), Some("prod"), "its machines end");
    assert!(made.warnings.iter().any(|w| w.contains("no quota")));

    for stands in [
        "CREATE_COMPLETE",
        "CREATE_IN_PROGRESS",
        "ROLLBACK_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "UPDATE_ROLLBACK_FAILED",
        "DELETE_FAILED",
    ] {
        assert_eq!(refused(&world, &rollback(stands)), "stack-stands", "{stands}");
    }
    world.0.set_policy(Policy {
        protected: vec![Glob::new("pro*")],
        ..Policy::default()
    });
    assert_eq!(refused(&world, &rollback("CREATE_FAILED")), "protected");
}
