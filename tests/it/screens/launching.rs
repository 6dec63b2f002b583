//! What is seen of launching, destroying and extending clusters: the form, the table of types, plans and refusals.

use k3fleet::app::launching::{OwnKey, Surveyed};
use k3fleet::app::{Action, Effect, Msg, State, update};
use k3fleet::blueprint::ha::{Ha, Pool, PoolKind, Store, WORKERS};
use k3fleet::fleet::{Arch, Glob, Observation, OnDemandPrice, Policy, Scope, Shape, SpotPrice};
use k3fleet::ops::bill::parts;
use k3fleet::ops::launch::{
    Channel, Ground, InstanceType, Launch, OnFailure, PartPrice, PricedPart, Site, Spec, SshKey, Subnet, Vpc,
};
use k3fleet::ops::survey::Survey;
use k3fleet::ops::{Resource, ResourceKind};
use smol_str::SmolStr;

use super::demo::{press, write};
use super::{SIZES, demo, plainly, shown};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdd0bVZ0xUqWQ1VwQ8mQJ0aZbqGxN9lqL1k6Zc9b2Xy ana@desk";
const TYPES: [(&str, Arch, u32, u64, f64); 8] = [
    ("t4g.nano", Arch::Arm64, 2, 512, 0.0046),
    ("t4g.small", Arch::Arm64, 2, 2048, 0.0184),
    ("t4g.medium", Arch::Arm64, 2, 4096, 0.0368),
    ("t4g.large", Arch::Arm64, 2, 8192, 0.0736),
    ("c7g.large", Arch::Arm64, 2, 4096, 0.0777),
    ("m7g.large", Arch::Arm64, 2, 8192, 0.0912),
    ("c6g.xlarge", Arch::Arm64, 4, 8192, 0.0),
    ("t3.small", Arch::Amd64, 2, 2048, 0.0228),
];

fn surveyed(scope: &Scope) -> Surveyed {
    let kind = |(name, arch, vcpus, memory_mib, _): (&str, Arch, u32, u64, f64)| InstanceType {
        name: name.into(),
        arch,
        vcpus,
        memory_mib,
        spot: true,
    };
    let subnet = |n: u32, zone: &str, public| Subnet {
        id: format!("subnet-0a1b2c3d{n}").into(),
        zone: format!("{}{zone}", scope.region).into(),
        public,
    };
    let channel = |name: &str, version: &str| Channel {
        name: name.into(),
        version: version.into(),
    };
    Surveyed {
        survey: Survey {
            scope: scope.clone(),
            account: "111122223333".into(),
            types: TYPES.map(kind).to_vec(),
            vpcs: vec![Vpc {
                id: "vpc-0d4e5f6a".into(),
                name: None,
                is_default: true,
                cidrs: vec!["172.31.0.0/16".into()],
                subnets: vec![subnet(0, "a", true), subnet(1, "b", true), subnet(2, "c", false)],
            }],
            channels: Ok(vec![
                channel("stable", "v1.36.4+k3s1"),
                channel("latest", "v1.37.0+k3s1"),
            ]),
            own_address: Ok("203.0.113.7".parse().expect("an address")),
        },
        keys: vec![OwnKey {
            file: "~/.ssh/id_ed25519.pub".to_owned(),
            key: SshKey::Public(KEY.into()),
        }],
    }
}

/// What the types cost: on-demand, and in two zones on the spot market. One of them costs nobody knows what.
fn prices(state: &mut State, region: &SmolStr) {
    let at = state.now;
    let of = |(name, _, _, _, usd): (&str, Arch, u32, u64, f64)| {
        let spot = |zone: &str, part: f64| {
            Observation::SpotPrice(SpotPrice {
                region: region.clone(),
                instance_type: name.into(),
                zone: format!("{region}{zone}").into(),
                at,
                usd: usd * part,
            })
        };
        let on_demand = Observation::OnDemandPrice(OnDemandPrice {
            region: region.clone(),
            instance_type: name.into(),
            usd: (usd > 0.0).then_some(usd),
            fetched_at: at,
        });
        [on_demand, spot("a", 0.41), spot("b", 0.36)]
    };
    update(state, Msg::Observed(at, TYPES.into_iter().flat_map(of).collect()));
}

/// The form over the demo, its region asked; gives the region.
fn asked() -> (State, Scope) {
    let mut state = demo();
    press(&mut state, "1 g");
    let effects = update(&mut state, Msg::Do(Action::Launch)).effects;
    match effects.as_slice() {
        [Effect::Survey(scope)] => (state, scope.clone()),
        other => panic!("{other:?}"),
    }
}

/// The form once its region has told.
pub(super) fn told() -> (State, Scope) {
    let (mut state, scope) = asked();
    prices(&mut state, &scope.region);
    update(&mut state, Msg::Surveyed(scope.clone(), Ok(Box::new(surveyed(&scope)))));
    (state, scope)
}

/// Lets the region tell the image; the plan is shown then.
fn place(state: &mut State, scope: &Scope) -> Spec {
    place_as(state, scope, |_| {})
}

/// Likewise, where the region makes something else of the launch.
fn place_as(state: &mut State, scope: &Scope, change: impl FnOnce(&mut Launch)) -> Spec {
    let effects = update(state, Msg::Do(Action::Open)).effects;
    let Some(Effect::Place(survey, spec, _)) = effects.into_iter().next() else {
        panic!("the form is not right: {:?}", state.overlays)
    };
    let mut launch = Launch {
        scope: scope.clone(),
        spec: (*spec).clone(),
        ground: Ground {
            account: survey.account.clone(),
            image: "ami-0123456789abcdef0".into(),
            vpc: "vpc-0d4e5f6a".into(),
            subnets: survey.vpcs[0].subnets.iter().filter(|s| s.public).cloned().collect(),
            leftovers: vec![],
            parts: vec![],
        },
        site: None,
        dsn_file: None,
        on_failure: OnFailure::Keep,
    };
    change(&mut launch);
    update(state, Msg::Placed(spec.clone(), Ok(Box::new(launch))));
    *spec
}

#[test]
fn the_form() {
    let (mut state, scope) = asked();
    let mut text = plainly(&mut state, "while its region is asked", &[(80, 24)]);
    let why = "ec2:DescribeInstanceTypes was denied: allow it for this user: k3fleet export iam-policy --operator prints \
               the policy";
    update(&mut state, Msg::Surveyed(scope, Err(why.to_owned())));
    text.push_str(&plainly(&mut state, "the region does not tell", &[(80, 24)]));
    insta::assert_snapshot!("launch_asked", text);
    let (mut state, _) = told();
    write(&mut state, "shop");
    insta::assert_snapshot!("launch", shown(&mut state));
    press(&mut state, "tab right tab tab tab tab right");
    let mut text = plainly(&mut state, "a ci cluster on the spot market", &SIZES);
    press(&mut state, "pgdn enter");
    text.push_str(&plainly(&mut state, "all fields", &SIZES));
    press(&mut state, "pgdn space");
    text.push_str(&plainly(&mut state, "the last field", &[(80, 24)]));
    insta::assert_snapshot!("launch_more", text);
}

#[test]
fn what_is_wrong_stands_at_its_field() {
    let (mut state, _) = told();
    write(&mut state, "prod");
    press(&mut state, "pgdn up up 1 0 up up 9 9 pgup");
    insta::assert_snapshot!("launch_faults", plainly(&mut state, "faults", &SIZES));
}

#[test]
fn the_table_of_types() {
    let (mut state, _) = told();
    press(&mut state, "tab tab tab tab tab enter");
    insta::assert_snapshot!("launch_types", shown(&mut state));
    write(&mut state, "large");
    press(&mut state, "space down space");
    let mut text = plainly(&mut state, "filtered and marked", &SIZES);
    press(&mut state, "ctrl-u x");
    text.push_str(&plainly(&mut state, "nothing found", &[(80, 24)]));
    press(&mut state, "ctrl-u enter");
    text.push_str(&plainly(&mut state, "taken", &[(80, 24)]));
    insta::assert_snapshot!("launch_types_found", text);
}

#[test]
fn the_plan_of_a_launch() {
    let (mut state, scope) = told();
    write(&mut state, "shop");
    press(&mut state, "tab tab tab tab right tab tab tab 2");
    place(&mut state, &scope);
    insta::assert_snapshot!("plan_launch", plainly(&mut state, "a launch", &SIZES));
}

/// Makes a launch one of a highly available cluster with a database of its own, where all parts have a price but endpoints.
fn highly_available(launch: &mut Launch) {
    let spec = &mut launch.spec;
    spec.shape = Shape::Ha;
    spec.types = vec!["t4g.medium".into()];
    let pool = Pool {
        name: WORKERS.into(),
        kind: PoolKind::Asg,
        arch: Arch::Arm64,
        types: vec!["t4g.medium".into(), "t4g.large".into(), "c7g.large".into()],
        min: 1,
        desired: 3,
        max: 6,
        on_demand_base: 1,
        on_demand_percent: 0,
        volume_gib: 20,
        labels: vec![],
        taints: vec![],
    };
    spec.ha = Some(Ha {
        servers: 3,
        pools: vec![pool],
        store: Store::Aurora {
            min_half_acus: 1,
            max_half_acus: 8,
        },
        shared_storage: true,
        ingress: true,
        public_api: false,
        made_vpc: None,
        mirror: None,
    });
    let price = |part: PricedPart| PartPrice {
        part,
        usd: (part != PricedPart::InterfaceEndpoint).then_some(0.1),
        why: (part == PricedPart::InterfaceEndpoint).then(|| "the price list has none in USD here".into()),
        fetched_at: None,
    };
    launch.ground.parts = parts(spec).into_iter().map(price).collect();
    launch.site = Some(Site {
        images: [(Arch::Arm64, launch.ground.image.clone())].into(),
        vpc: Some(launch.ground.vpc.clone()),
        cidrs: vec!["172.31.0.0/16".into()],
        subnets: launch.ground.subnets.iter().map(|subnet| subnet.id.clone()).collect(),
        public: true,
        endpoints: vec![],
        zones: vec![],
    });
}

#[test]
fn the_bill_of_a_highly_available_cluster() {
    let (mut state, scope) = told();
    write(&mut state, "shop");
    press(&mut state, "tab tab tab tab right tab tab tab");
    place_as(&mut state, &scope, highly_available);
    let text = plainly(&mut state, "what it costs", &SIZES);
    let line = |what: &str, sums: &str| {
        let mut lines = text.lines();
        assert!(
            lines.any(|line| line.contains(what) && line.contains(sums)),
            "{what} {sums} in {text}"
        );
    };
    line("", "on-demand $/h  as bought $/h  $ a month");
    line("k3s_workers: 1 on-demand + 2 ", "0.2331         0.1414     103.23");
    line("2 network load balancers", "0.2000         0.2000     146.00");
    line("of that without load", "0.1000      73.00");
    line(
        "total: at least, without what is blank",
        "2.1603         2.0035    1462.57",
    );
    line("the price of 2 interface endpoints in 2 zones is not known", "");
}

/// The cluster of this name under the cursor of the Fleet screen; gives the plan of destroying it.
fn destroy(mut state: State, name: &str) -> State {
    press(&mut state, "1 g");
    for _ in 0..9 {
        let at = state.row().map(|id| format!("{id:?}")).unwrap_or_default();
        if at.contains(name) {
            break;
        }
        press(&mut state, "j");
    }
    let effects = update(&mut state, Msg::Key("ctrl-d".parse().expect("a key"))).effects;
    if let Some(Effect::Resources(cluster)) = effects.into_iter().find(|e| matches!(e, Effect::Resources(_))) {
        let resource = |kind, id: &str| Resource {
            kind,
            id: id.into(),
            name: None,
            cluster: cluster.name.clone(),
            expires_at: None,
            of_kubernetes: false,
            gib: None,
        };
        let volume = Resource {
            of_kubernetes: true,
            gib: Some(20),
            ..resource(ResourceKind::Volume, "vol-0f1e2d3c")
        };
        let all = vec![
            resource(ResourceKind::Asg, &format!("{}-workers", cluster.name)),
            resource(ResourceKind::Instance, "i-0a1b2c3d4e5f60718"),
            volume,
            resource(ResourceKind::SecurityGroup, "sg-0a1b2c3d"),
            resource(
                ResourceKind::Parameter,
                &format!("/k3fleet/{}/server-token", cluster.name),
            ),
            resource(ResourceKind::Secret, &format!("k3fleet/{}/kubeconfig", cluster.name)),
        ];
        update(&mut state, Msg::Resources(cluster, Ok(all)));
    }
    state
}

#[test]
fn destroying_wants_the_name() {
    let mut state = destroy(demo(), "edge-lab");
    write(&mut state, "edge-");
    insta::assert_snapshot!("plan_destroy", plainly(&mut state, "destroy", &SIZES));
    let mut state = demo();
    state.fleet.set_policy(Policy {
        protected: vec![Glob::new("prod")],
        ..Policy::default()
    });
    let mut state = destroy(state, "prod");
    insta::assert_snapshot!("plan_destroy_protected", plainly(&mut state, "refused", &[(80, 24)]));
}
