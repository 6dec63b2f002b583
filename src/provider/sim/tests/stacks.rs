//! Highly available clusters, made by the template that is made for them, call by call as the launch makes it.

use super::*;
use crate::blueprint::Spec;
use crate::blueprint::ha::{self, Ha, MadeVpc, Pool, PoolKind, Site, Store, WayOut, example};
use crate::fleet::{Arch, Role};
use crate::provider::{
    ChangeSet, ParameterOrder, ParameterValue, Resource, ResourceKind, Secret, StackAction, StackOrder, TagList,
};

mod failing;
mod kept;
mod living;

const EU: &str = "eu-west-1";
const STACK: &str = "k3fleet-shop";

/// A world in which nothing happens by itself but these events.
fn quiet(events: &str) -> (Arc<World>, Providers) {
    remembered(events, None)
}

fn remembered(events: &str, file: Option<&std::path::Path>) -> (Arc<World>, Providers) {
    let text = include_str!("../../../../assets/scenarios/demo.toml");
    let quiet = text.split_once("# What an onlooker sees").unwrap().0;
    let quiet = quiet.replace("from = \"135s\"", "from = \"9000h\"");
    let world = World::load(&Scenario::parse(&format!("{quiet}\n{events}")).unwrap(), 1, base(), 1.0);
    if let Some(file) = file {
        assert_eq!(world.remember(file.to_owned()), None);
    }
    let providers = world.providers();
    (world, providers)
}

/// The example, changed.
fn spec(change: impl FnOnce(&mut Spec, &mut Ha)) -> Spec {
    let mut spec = example();
    let mut ha = spec.ha.take().unwrap();
    change(&mut spec, &mut ha);
    spec.ha = Some(ha);
    assert_eq!(spec.check(), []);
    spec
}

fn all_options() -> Spec {
    spec(|spec, ha| {
        ha.store = Store::Aurora {
            min_half_acus: 1,
            max_half_acus: 4,
        };
        ha.shared_storage = true;
        (ha.ingress, ha.public_api) = (true, true);
        ha.made_vpc = Some(MadeVpc {
            cidr: "10.60.0.0/16".into(),
            zones: 3,
            way_out: WayOut::Nat,
        });
        ha.pools[0].labels = vec![("tier".into(), "web".into())];
        ha.pools.push(fleet());
        spec.ssh = None;
    })
}

fn fleet() -> Pool {
    Pool {
        name: "batch".into(),
        kind: PoolKind::SpotFleet,
        arch: Arch::Amd64,
        types: vec!["t3.medium".into(), "t3a.medium".into()],
        min: 0,
        desired: 2,
        max: 4,
        on_demand_base: 1,
        on_demand_percent: 0,
        volume_gib: 20,
        labels: vec![],
        taints: vec!["batch=yes:NoSchedule".into()],
    }
}

fn tags() -> TagList {
    let tags = [
        ("k3fleet:cluster", "shop"),
        ("k3fleet:shape", "ha"),
        ("k3fleet:created-by", "ana"),
    ];
    tags.map(|(k, v)| (k.to_owned(), v.to_owned())).into()
}

async fn site(p: &Providers, spec: &Spec) -> Site {
    let aws = cloud(p, EU);
    let vpc = aws.vpcs().await.unwrap().into_iter().find(|v| v.is_default).unwrap();
    let given = spec.ha.as_ref().unwrap().made_vpc.is_none();
    Site {
        images: [(Arch::Arm64, "ami-1".into()), (Arch::Amd64, "ami-2".into())].into(),
        cidrs: vpc.cidrs.clone(),
        subnets: vpc.subnets.iter().map(|s| s.id.clone()).collect(),
        public: true,
        endpoints: aws.endpoints(&vpc.id).await.unwrap(),
        zones: vpc.subnets.iter().map(|s| s.zone.clone()).collect(),
        vpc: given.then_some(vpc.id),
    }
}

async fn order(p: &Providers, spec: &Spec, token: &str) -> StackOrder {
    StackOrder {
        name: STACK.to_owned(),
        template: ha::template::template(spec, &site(p, spec).await).to_string(),
        parameters: vec![],
        kept: vec![],
        tags: tags(),
        token: token.to_owned(),
    }
}

/// Writes what stands before the stack, and has it made.
async fn launch(aws: &dyn CloudControl, p: &Providers, spec: &Spec, undo: bool) -> ChangeSet {
    let names = spec.names();
    for (name, secret) in [
        (names.server_token(), "s"),
        (names.agent_token(), "a"),
        (names.dsn(), "postgres://x"),
    ] {
        let value = ParameterValue::Secure(Secret::new(secret));
        let order = ParameterOrder {
            name,
            value,
            tags: tags(),
        };
        aws.make_parameter(&order).await.unwrap();
    }
    let set = aws.propose_stack(&order(p, spec, "launch-1").await).await.unwrap();
    assert!(set.creates && set.changes.iter().all(|c| c.action == StackAction::Add));
    aws.execute_change_set(&set, "run-1", undo).await.unwrap();
    set
}

async fn status(aws: &dyn CloudControl) -> String {
    aws.stack_now(STACK)
        .await
        .unwrap()
        .map_or_else(String::new, |s| s.status.0.to_string())
}

/// Waits until nothing is being done to the stack; gives how it stands then.
async fn settled(aws: &dyn CloudControl) -> String {
    for _ in 0..720 {
        let now = status(aws).await;
        if !now.ends_with("_IN_PROGRESS") {
            return now;
        }
        secs(5).await;
    }
    panic!("{} for an hour", status(aws).await);
}

async fn happened(aws: &dyn CloudControl) -> Vec<String> {
    let all = aws.stack_happened(STACK, None).await.unwrap().into_iter();
    all.map(|e| format!("{} {} {} {:?}", e.at, e.resource, e.status.0, e.reason))
        .collect()
}

async fn nodes(world: &Arc<World>) -> Vec<Node> {
    let Some((kube, _)) = world.kube(&ContextId::new("shop")) else {
        return vec![];
    };
    kube.list_nodes().await.unwrap_or_default()
}

async fn ready(world: &Arc<World>, role: Role) -> usize {
    let all = nodes(world).await;
    all.iter()
        .filter(|n| n.role == role && n.ready == Readiness::Ready)
        .count()
}

async fn own(p: &Providers) -> Vec<Instance> {
    let all = cloud(p, EU).instances().await.unwrap();
    all.into_iter()
        .filter(|i| i.tag("k3fleet:cluster") == Some("shop"))
        .collect()
}

/// A cluster that has come up.
async fn shop(events: &str, spec: &Spec) -> (Arc<World>, Providers, Arc<dyn CloudControl>) {
    let (world, p) = quiet(events);
    let aws = cloud_control(&world, EU);
    launch(&*aws, &p, spec, true).await;
    assert_eq!(settled(&*aws).await, "CREATE_COMPLETE", "{:#?}", happened(&*aws).await);
    let workers: u32 = spec.ha.as_ref().unwrap().pools.iter().map(|pool| pool.desired).sum();
    within(120, "the workers are ready", async || {
        ready(&world, Role::Agent).await == usize::try_from(workers).unwrap()
    })
    .await;
    (world, p, aws)
}

fn kinds(all: &[Resource]) -> BTreeSet<ResourceKind> {
    all.iter().map(|r| r.kind).collect()
}

#[tokio::test(start_paused = true)]
async fn a_small_cluster_comes_up_with_one_that_makes_it_and_two_that_join() {
    let (world, p) = quiet("");
    let aws = cloud_control(&world, EU);
    let small = spec(|_, _| {});
    let set = aws.propose_stack(&order(&p, &small, "launch-1").await).await.unwrap();
    assert_eq!(status(&*aws).await, "REVIEW_IN_PROGRESS");
    assert!(own(&p).await.is_empty(), "nothing is made yet");
    assert_eq!(
        launch(&*aws, &p, &small, true).await,
        set,
        "the token makes one of both calls"
    );
    let begun = world.now();
    let mut most_joining = 0;
    for _ in 0..400 {
        let learners = nodes(&world)
            .await
            .into_iter()
            .filter(|n| n.etcd_voter == Some(false))
            .count();
        most_joining = most_joining.max(learners);
        if status(&*aws).await != "CREATE_IN_PROGRESS" {
            break;
        }
        secs(2).await;
    }
    assert_eq!(status(&*aws).await, "CREATE_COMPLETE", "{:#?}", happened(&*aws).await);
    let took = world.now().duration_since(begun).as_mins();
    assert!((4..=12).contains(&took), "{took} minutes");
    assert_eq!(most_joining, 1, "servers join one at a time");
    let servers: Vec<_> = nodes(&world)
        .await
        .into_iter()
        .filter(|n| n.role == Role::Server)
        .collect();
    assert_eq!(servers.len(), 3);
    assert!(
        servers
            .iter()
            .all(|n| n.ready == Readiness::Ready && n.etcd_voter == Some(true))
    );
    assert!(servers.iter().all(|n| n.version == small.version));
    let first = aws.parameter(&small.names().initialised()).await.unwrap().unwrap();
    assert_eq!(
        aws.parameter(&format!("{}-1", small.names().first_server()))
            .await
            .unwrap(),
        Some(first.clone())
    );
    assert_eq!(
        aws.parameter(&format!("{}-2", small.names().first_server()))
            .await
            .unwrap(),
        None
    );
    assert!(
        servers.iter().any(|n| n.key.name == first),
        "the node is named after its instance"
    );
    within(120, "the workers join", async || ready(&world, Role::Agent).await == 3).await;

    let stack = aws.stack_now(STACK).await.unwrap().unwrap();
    let api = stack.output("ApiEndpoint").unwrap();
    let config = aws.secret(&small.names().kubeconfig()).await.unwrap().unwrap();
    assert!(
        config.expose().contains(&format!("server: {api}")),
        "the load balancer is its server"
    );
    assert!(aws.secret(&small.names().reaper()).await.unwrap().is_some());
    assert_eq!(stack.tags.iter().find(|(k, _)| k == "k3fleet:shape").unwrap().1, "ha");
    for url in ["FeedQueue", "ReaperQueue", "DeadLetterQueue"] {
        assert!(
            stack
                .output(url)
                .unwrap()
                .starts_with("https://sqs.eu-west-1.amazonaws.com/")
        );
    }
    let machines = own(&p).await;
    assert!(
        machines
            .iter()
            .all(|i| i.tag("k3fleet:shape") == Some("ha") && i.tag("k3fleet:created-by") == Some("ana"))
    );
    let groups = cloud(&p, EU).asgs().await.unwrap();
    let workers = groups.iter().find(|g| g.name == "k3fleet-shop-k3s_workers").unwrap();
    assert_eq!((workers.min, workers.desired, workers.max), (1, 3, 6));
    assert_eq!((workers.on_demand_base, workers.on_demand_percent), (Some(1), Some(0)));
    let bought = machines
        .iter()
        .filter(|i| i.asg() == Some(&workers.name) && i.purchase == Purchase::Spot);
    assert_eq!(bought.count(), 2);
    assert_eq!(workers.tags.get("k3fleet:pool"), Some("k3s_workers"));
    let all = cloud(&p, EU).resources(Some("shop")).await.unwrap();
    use ResourceKind::{Asg, Instance, LaunchTemplate, LoadBalancer, Other, Parameter, SecurityGroup, Stack};
    let expected = [
        Stack,
        Asg,
        Instance,
        LoadBalancer,
        LaunchTemplate,
        SecurityGroup,
        Parameter,
        Other,
    ];
    assert!(kinds(&all).is_superset(&expected.into()), "{all:#?}");

    let told = happened(&*aws).await;
    for part in ["ApiBalancer", "Servers", "ServersReady", "Reaper", "FeedQueue"] {
        let of_part = |status: &str| told.iter().position(|e| e.contains(&format!(" {part} {status} ")));
        assert!(
            of_part("CREATE_IN_PROGRESS") < of_part("CREATE_COMPLETE"),
            "{part}: {told:#?}"
        );
    }
    let events = aws.stack_happened(STACK, None).await.unwrap();
    let after = aws.stack_happened(STACK, Some(&events[9].id)).await.unwrap();
    assert_eq!(after, events[10..]);
    let again = aws.propose_stack(&order(&p, &small, "change-1").await).await.unwrap();
    assert!(!again.creates && again.changes.is_empty(), "{again:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_cluster_with_everything_comes_up_in_a_network_of_its_own() {
    let whole = all_options();
    let (world, p, aws) = shop("", &whole).await;
    let servers: Vec<_> = nodes(&world)
        .await
        .into_iter()
        .filter(|n| n.role == Role::Server)
        .collect();
    assert!(
        servers.len() == 3 && servers.iter().all(|n| n.etcd_voter.is_none()),
        "{servers:?}"
    );
    let stack = aws.stack_now(STACK).await.unwrap().unwrap();
    let vpcs = cloud(&p, EU).vpcs().await.unwrap();
    let made = vpcs.iter().find(|v| Some(&v.id) == stack.output("Vpc")).unwrap();
    assert_eq!(
        (made.subnets.len(), made.cidrs.as_slice()),
        (6, &["10.60.0.0/16".into()][..])
    );
    let machines = own(&p).await;
    assert!(machines.iter().all(|i| i.vpc.as_ref() == Some(&made.id)));
    assert_eq!(machines.iter().map(|i| &i.zone).collect::<BTreeSet<_>>().len(), 3);
    let fleets = cloud(&p, EU).spot_fleets().await.unwrap();
    assert_eq!((fleets.len(), fleets[0].target, fleets[0].fulfilled), (1, 2, 2));
    let members: Vec<_> = machines
        .iter()
        .filter(|i| i.tag("k3fleet:pool") == Some("batch"))
        .collect();
    assert!(
        members
            .iter()
            .all(|i| i.tag("aws:ec2spot:fleet-request-id") == Some(&*fleets[0].id) && i.asg().is_none())
    );
    assert_eq!(members.iter().filter(|i| i.purchase == Purchase::OnDemand).count(), 1);
    let tainted = nodes(&world)
        .await
        .into_iter()
        .filter(|n| n.taints.iter().any(|t| t == "batch=yes:NoSchedule"));
    assert_eq!(tainted.count(), 2);
    aws.set_target(&fleets[0].id, 3, true).await.unwrap();
    within(120, "the fleet grows", async || ready(&world, Role::Agent).await == 6).await;

    aws.delete_stack(STACK, "end-1").await.unwrap();
    assert_eq!(settled(&*aws).await, "");
    assert_eq!(
        aws.stack_now(&stack.id).await.unwrap().unwrap().status.0,
        "DELETE_COMPLETE"
    );
    assert!(cloud(&p, EU).spot_fleets().await.unwrap().is_empty());
    assert!(cloud(&p, EU).vpcs().await.unwrap().iter().all(|v| v.id != made.id));
    let left = aws.left("shop").await.unwrap();
    assert_eq!(kinds(&left), [ResourceKind::Parameter].into(), "{left:#?}");
}

#[tokio::test(start_paused = true)]
async fn deleting_leaves_the_snapshots_and_what_the_stack_did_not_make() {
    let (_world, p, aws) = shop("", &spec(|_, _| {})).await;
    let before = aws.stack_now(STACK).await.unwrap().unwrap();
    let bucket = format!("arn:aws:s3:::{}", before.output("SnapshotBucket").unwrap());
    aws.delete_stack(STACK, "end-1").await.unwrap();
    aws.delete_stack(STACK, "end-1").await.unwrap();
    assert_eq!(status(&*aws).await, "DELETE_IN_PROGRESS");
    assert_eq!(settled(&*aws).await, "");
    let events = aws.stack_happened(&before.id, None).await.unwrap();
    let skipped = events.iter().filter(|e| e.status.0 == "DELETE_SKIPPED");
    assert_eq!(skipped.map(|e| e.resource.as_str()).collect::<Vec<_>>(), ["Snapshots"]);
    assert!(own(&p).await.is_empty());
    let left = aws.left("shop").await.unwrap();
    let (others, parameters): (Vec<_>, Vec<_>) = left.into_iter().partition(|r| r.kind != ResourceKind::Parameter);
    assert_eq!(others.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(), [bucket]);
    assert!(
        parameters.iter().all(|r| r.id.starts_with("/k3fleet/shop/")),
        "{parameters:?}"
    );
    assert!(aws.secret("k3fleet/shop/kubeconfig").await.unwrap().is_none());
    for parameter in parameters {
        aws.delete_parameter(&parameter.id).await.unwrap();
    }
    let left = aws.left("shop").await.unwrap();
    assert_eq!(
        kinds(&left),
        [ResourceKind::Other].into(),
        "what servers wrote goes by its name: {left:#?}"
    );
}
