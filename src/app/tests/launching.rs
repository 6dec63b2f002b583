//! From the launch key to a launch: the form, the table of types, and what comes back of what is asked.

use super::*;
use crate::app::Overlay;
use crate::app::launching::types::{self, TypeSort};
use crate::app::launching::{Field, FieldLine, LaunchForm, Login, OwnKey, Reach, Surveyed, check, lines};
use crate::app::msg::{Click, Target};
use crate::app::plan_lines;
use crate::app::planning::PlanOption;
use crate::fleet::{
    Arch, FeedId, FeedKind, FeedReport, OnDemandPrice, Purchase, Scope, Severity, Shape, Source, SpotPrice,
};
use crate::ops::launch::{Channel, Ground, InstanceType, Launch, OnFailure, Profile, Spec, SshKey, Subnet, Vpc};
use crate::ops::survey::Survey;
use crate::ops::{Request, Resource, ResourceKind};

mod ha;

pub(super) use ha::ha_launch;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdd0bVZ0xUqWQ1VwQ8mQJ0aZbqGxN9lqL1k6Zc9b2Xy ana@desk";

fn scope() -> Scope {
    Scope::new("", "eu-west-1")
}

fn kind(name: &str, arch: Arch, memory_mib: u64) -> InstanceType {
    InstanceType {
        name: name.into(),
        arch,
        vcpus: 2,
        memory_mib,
        spot: true,
    }
}

fn subnet(n: u32, public: bool) -> Subnet {
    Subnet {
        id: format!("subnet-{n}").into(),
        zone: format!("eu-west-1{}", ["a", "b", "c"][n as usize % 3]).into(),
        public,
    }
}

fn surveyed() -> Surveyed {
    Surveyed {
        survey: Survey {
            scope: scope(),
            account: "123456789012".into(),
            types: vec![
                kind("t4g.nano", Arch::Arm64, 512),
                kind("t4g.small", Arch::Arm64, 2048),
                kind("t4g.medium", Arch::Arm64, 4096),
                kind("t3.small", Arch::Amd64, 2048),
            ],
            vpcs: vec![Vpc {
                id: "vpc-1".into(),
                name: None,
                is_default: true,
                cidrs: vec!["172.31.0.0/16".into()],
                subnets: vec![subnet(0, true), subnet(1, true), subnet(2, false)],
            }],
            channels: Ok(vec![
                Channel {
                    name: "stable".into(),
                    version: "v1.36.4+k3s1".into(),
                },
                Channel {
                    name: "latest".into(),
                    version: "v1.37.0+k3s1".into(),
                },
            ]),
            own_address: Ok("203.0.113.7".parse().unwrap()),
        },
        keys: vec![OwnKey {
            file: "~/.ssh/id_ed25519.pub".to_owned(),
            key: SshKey::Public(KEY.into()),
        }],
    }
}

fn priced(state: &mut State) {
    let at = state.now;
    let on_demand = |name: &str, usd| {
        Observation::OnDemandPrice(OnDemandPrice {
            region: "eu-west-1".into(),
            instance_type: name.into(),
            usd: Some(usd),
            fetched_at: at,
        })
    };
    let spot = |name: &str, zone: &str, usd| {
        Observation::SpotPrice(SpotPrice {
            region: "eu-west-1".into(),
            instance_type: name.into(),
            zone: zone.into(),
            at,
            usd,
        })
    };
    let seen = vec![
        on_demand("t4g.small", 0.0184),
        on_demand("t4g.medium", 0.0368),
        on_demand("t3.small", 0.0228),
        spot("t4g.small", "eu-west-1a", 0.0071),
        spot("t4g.small", "eu-west-1b", 0.0062),
        spot("t4g.medium", "eu-west-1a", 0.0111),
    ];
    observe(state, 0, seen);
}

/// A screen that looks at one region.
fn looking() -> State {
    let mut state = screen(3);
    let feed = FeedId {
        kind: FeedKind::Instances,
        source: Source::Aws(scope()),
    };
    observe(&mut state, 0, vec![Observation::Feed(feed, FeedReport::Begun)]);
    press(&mut state, "1");
    state
}

/// The form once the region has told.
fn opened() -> State {
    let mut state = looking();
    assert_eq!(press(&mut state, "l"), [Effect::Survey(scope())]);
    answer(&mut state);
    state
}

fn answer(state: &mut State) -> Vec<Effect> {
    update(state, Msg::Surveyed(scope(), Ok(Box::new(surveyed())))).effects
}

fn form(state: &State) -> &LaunchForm {
    let found = state.overlays.iter().find_map(|overlay| match overlay {
        Overlay::Launch(form) => Some(form),
        _ => None,
    });
    found.expect("the form is open")
}

fn line(state: &State, field: Field) -> FieldLine {
    let found = lines(state, form(state)).into_iter().find(|line| line.field == field);
    found.expect("the field is shown")
}

fn go(state: &mut State, field: Field) {
    press(state, "pgup");
    while form(state).at != field {
        let before = form(state).at;
        press(state, "tab");
        assert_ne!(form(state).at, before, "{field:?} is not shown");
    }
}

fn placed(effects: &[Effect]) -> Spec {
    match effects {
        [Effect::Place(survey, spec, None)] => {
            assert_eq!(survey.scope, scope());
            (**spec).clone()
        }
        other => panic!("{other:?}"),
    }
}

fn launch(spec: &Spec) -> Box<Launch> {
    Box::new(Launch {
        scope: scope(),
        spec: spec.clone(),
        ground: Ground {
            account: "123456789012".into(),
            image: "ami-1".into(),
            vpc: "vpc-1".into(),
            subnets: vec![subnet(0, true)],
            leftovers: vec![],
            parts: vec![],
        },
        site: None,
        dsn_file: None,
        on_failure: OnFailure::Keep,
    })
}

#[test]
fn a_name_is_enough_to_come_to_a_plan_and_back() {
    let mut state = opened();
    priced(&mut state);
    type_in(&mut state, "shop");
    let spec = placed(&press(&mut state, "enter"));
    assert_eq!(spec.name, "shop");
    assert_eq!(spec.types, ["t4g.small"], "the cheapest that will do");
    assert_eq!(spec.version, "v1.36.4+k3s1");
    assert_eq!(spec.from, ["203.0.113.7/32"]);
    assert_eq!(spec.ssh, Some(SshKey::Public(KEY.into())));
    assert_eq!((spec.shape, spec.workers, spec.expires_at), (Shape::Quick, 0, None));
    update(&mut state, Msg::Placed(Box::new(spec.clone()), Ok(launch(&spec))));
    let Some(Overlay::Plan(planning)) = state.overlays.last() else {
        panic!("no plan")
    };
    assert!(planning.outcome.is_ok(), "{:?}", planning.outcome);
    press(&mut state, "esc");
    assert_eq!(form(&state).name.value(), "shop", "everything is kept");
    update(&mut state, Msg::Placed(Box::new(spec.clone()), Ok(launch(&spec))));
    assert!(
        matches!(state.overlays.last(), Some(Overlay::Launch(_))),
        "an answer that nobody waits for"
    );
    let spec = placed(&press(&mut state, "enter"));
    update(&mut state, Msg::Placed(Box::new(spec.clone()), Ok(launch(&spec))));
    let effects = press(&mut state, "y");
    let [Effect::Run { plan, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(plan.request.verb(), "launch");
    assert!(state.overlays.is_empty());
}

#[test]
fn a_name_is_judged_while_it_is_typed() {
    let mut state = opened();
    assert_eq!(line(&state, Field::Name).fault, None, "nothing was typed yet");
    type_in(&mut state, "Shop");
    assert!(line(&state, Field::Name).fault.unwrap().contains("lower-case"));
    press(&mut state, "ctrl-u p r o d");
    assert_eq!(
        line(&state, Field::Name).fault.as_deref(),
        Some("there is a cluster prod in eu-west-1 already")
    );
    press(&mut state, "2");
    assert_eq!(line(&state, Field::Name).fault, None);
    // Before the region has told, too.
    let mut state = looking();
    press(&mut state, "l p r o d");
    assert!(line(&state, Field::Name).fault.unwrap().contains("already"));
}

#[test]
fn what_is_wrong_is_told_at_its_field_and_enter_goes_there() {
    let mut state = opened();
    assert_eq!(press(&mut state, "enter"), [], "there is no name");
    assert_eq!(form(&state).at, Field::Name);
    assert!(line(&state, Field::Name).fault.is_some());
    type_in(&mut state, "shop");
    go(&mut state, Field::Workers);
    press(&mut state, "ctrl-u 9 9 9");
    assert!(line(&state, Field::Workers).fault.unwrap().contains("at most 250"));
    press(&mut state, "ctrl-u x");
    assert!(line(&state, Field::Workers).fault.unwrap().contains("whole number"));
    go(&mut state, Field::K3s);
    go(&mut state, Field::Workers);
    press(&mut state, "1 2 backspace backspace 2");
    go(&mut state, Field::From);
    type_in(&mut state, "10.0.0.0/33");
    assert_eq!(form(&state).reach, Reach::Networks, "typing turns the field");
    assert!(line(&state, Field::From).fault.unwrap().contains("203.0.113.7/32"));
    press(&mut state, "left");
    go(&mut state, Field::More);
    press(&mut state, "enter");
    go(&mut state, Field::Volume);
    press(&mut state, "ctrl-u 1");
    go(&mut state, Field::More);
    press(&mut state, "enter");
    assert!(!form(&state).fields().contains(&Field::Volume));
    go(&mut state, Field::Name);
    assert_eq!(press(&mut state, "enter"), []);
    assert_eq!(
        form(&state).at,
        Field::Volume,
        "what is hidden is shown when it is wrong"
    );
    press(&mut state, "ctrl-u 3 0");
    let spec = placed(&press(&mut state, "enter"));
    assert_eq!((spec.workers, spec.volume_gib), (2, 30));
}

#[test]
fn fields_are_turned_and_what_hangs_on_them_follows() {
    let mut state = opened();
    type_in(&mut state, "shop");
    assert!(!form(&state).fields().contains(&Field::Ttl));
    go(&mut state, Field::Shape);
    press(&mut state, "right");
    assert_eq!(form(&state).wish.shape, Shape::Ci);
    go(&mut state, Field::Ttl);
    press(&mut state, "ctrl-u s o o n");
    assert!(line(&state, Field::Ttl).fault.unwrap().contains("1h30m"));
    press(&mut state, "ctrl-u 9 0 m");
    go(&mut state, Field::Buy);
    press(&mut state, "space");
    assert_eq!(form(&state).wish.purchase, Purchase::Spot);
    go(&mut state, Field::Fallback);
    press(&mut state, "right");
    go(&mut state, Field::K3s);
    assert_eq!(line(&state, Field::K3s).aside, "now v1.36.4+k3s1");
    press(&mut state, "right");
    assert_eq!(line(&state, Field::K3s).aside, "now v1.37.0+k3s1");
    go(&mut state, Field::Ssh);
    assert_eq!(line(&state, Field::Ssh).value, "~/.ssh/id_ed25519.pub");
    press(&mut state, "left");
    assert_eq!(form(&state).login(), Login::Nobody);
    go(&mut state, Field::More);
    press(&mut state, "space");
    go(&mut state, Field::Profile);
    press(&mut state, "n o d e s");
    go(&mut state, Field::Subnet(1));
    press(&mut state, "space");
    let spec = placed(&press(&mut state, "enter"));
    assert_eq!(spec.expires_at, Some(state.now + SignedDuration::from_mins(90)));
    assert!(spec.on_demand_fallback);
    assert_eq!(spec.types, ["t4g.small", "t4g.medium"], "of several, capacity is found");
    assert_eq!(spec.version, "v1.37.0+k3s1");
    assert_eq!(spec.ssh, None);
    assert_eq!(spec.profile, Profile::Named("nodes".into()));
    assert_eq!(spec.network.unwrap().subnets, ["subnet-1"]);
    go(&mut state, Field::Buy);
    press(&mut state, "left");
    assert!(!form(&state).wish.on_demand_fallback, "bought on-demand anyway");
}

#[test]
fn a_region_that_does_not_answer_is_told_and_asked_again() {
    let mut state = looking();
    press(&mut state, "l");
    type_in(&mut state, "shop");
    assert_eq!(press(&mut state, "enter"), [], "it has not told yet");
    assert!(state.notice.as_ref().unwrap().1.contains("has not told yet"));
    update(&mut state, Msg::Surveyed(scope(), Err("denied".to_owned())));
    assert_eq!(press(&mut state, "enter"), [Effect::Survey(scope())]);
    assert!(form(&state).told.is_empty());
    let wanted = answer(&mut state);
    let [Effect::WantPrices(wanted)] = wanted.as_slice() else {
        panic!("{wanted:?}")
    };
    let names: Vec<_> = wanted.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["t4g.small", "t4g.medium"]);
    placed(&press(&mut state, "enter"));
    let spec = form(&state).placing.clone().unwrap();
    update(&mut state, Msg::Placed(spec.clone(), Err("no image".to_owned())));
    assert_eq!(form(&state).refused.as_deref(), Some("no image"));
    press(&mut state, "x");
    assert_eq!(form(&state).refused, None);
    press(&mut state, "esc");
    update(&mut state, Msg::Surveyed(scope(), Ok(Box::new(surveyed()))));
    update(&mut state, Msg::Placed(spec.clone(), Ok(launch(&spec))));
    assert!(state.overlays.is_empty(), "who has left wants no answer");
}

#[test]
fn what_the_web_does_not_tell_is_typed() {
    let mut state = looking();
    press(&mut state, "l");
    let mut told = surveyed();
    told.survey.channels = Err("no route".to_owned());
    told.survey.own_address = Err("no route".to_owned());
    told.keys.clear();
    update(&mut state, Msg::Surveyed(scope(), Ok(Box::new(told))));
    type_in(&mut state, "shop");
    assert!(line(&state, Field::K3s).fault.unwrap().contains("type a release"));
    assert!(line(&state, Field::From).fault.unwrap().contains("type networks"));
    assert_eq!(line(&state, Field::Ssh).aside, "no public key was found in ~/.ssh");
    go(&mut state, Field::K3s);
    type_in(&mut state, "v1.36.4+k3s1");
    go(&mut state, Field::From);
    update(&mut state, Msg::Paste("203.0.113.0/24, 198.51.100.7/32".to_owned()));
    let spec = placed(&press(&mut state, "enter"));
    assert_eq!(spec.from, ["203.0.113.0/24", "198.51.100.7/32"]);
    assert_eq!((spec.version.as_str(), spec.ssh), ("v1.36.4+k3s1", None));
}

#[test]
fn types_are_chosen_from_a_table_with_their_prices() {
    let mut state = opened();
    type_in(&mut state, "shop");
    go(&mut state, Field::Types);
    press(&mut state, "enter");
    let rows = types::rows(&state);
    let names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["t4g.small", "t4g.medium"], "those that K3s can run on");
    assert!(
        rows.iter().all(|row| row.on_demand.is_none() && row.spot.is_none()),
        "an unknown price is none"
    );
    priced(&mut state);
    let rows = types::rows(&state);
    assert_eq!(rows[0].on_demand, Some(0.0184));
    assert_eq!(rows[0].spot, Some(("eu-west-1b".into(), 0.0062)));
    assert!((rows[0].saving.unwrap() - 0.663).abs() < 0.001);
    assert!(rows[0].marked, "what would be chosen is marked");
    let zones: Vec<_> = types::zones(&state, "t4g.small")
        .into_iter()
        .map(|(zone, _)| zone)
        .collect();
    assert_eq!(zones, ["eu-west-1b", "eu-west-1a"]);
    press(&mut state, "enter");
    assert!(
        form(&state).wish.types.is_empty(),
        "the cheapest one stays so, whatever prices do"
    );
    press(&mut state, "enter down enter");
    assert_eq!(form(&state).wish.types, ["t4g.medium"]);
    press(&mut state, "space space up space enter");
    assert_eq!(form(&state).wish.types, ["t4g.small"]);
    press(&mut state, "m");
    assert_eq!(types::rows(&state).len(), 2, "typing opens the table and filters");
    type_in(&mut state, "edium");
    assert_eq!(types::rows(&state).len(), 1);
    press(&mut state, "tab esc");
    assert_eq!(form(&state).wish.types, ["t4g.small"]);
    update(&mut state, Msg::Mouse(Target::Item(5), Click::Left));
    let Some(Overlay::Types(picker)) = state.overlays.last() else {
        panic!("a click opens the table: {:?}", form(&state).fields())
    };
    assert_eq!(picker.sort, TypeSort::Price);
    update(&mut state, Msg::Mouse(Target::Item(1), Click::Left));
    press(&mut state, "enter");
    assert_eq!(form(&state).wish.types, ["t4g.small", "t4g.medium"]);
    go(&mut state, Field::Arch);
    press(&mut state, "right");
    assert!(form(&state).wish.types.is_empty(), "they are of another processor");
    assert_eq!(check(&state, form(&state)).types, ["t3.small"]);
}

#[test]
fn launching_is_offered_from_everywhere_and_needs_a_region() {
    let mut state = State::new(Fleet::default(), example::now());
    act(&mut state, Action::Launch);
    let (severity, text, _) = state.notice.clone().unwrap();
    assert_eq!(severity, Severity::Warning);
    assert!(text.contains("--region"), "{text}");
    let mut state = looking();
    press(&mut state, "7 : l a u n c h enter");
    assert!(matches!(state.overlays.as_slice(), [Overlay::Launch(_)]));
}

fn resource(kind: ResourceKind, id: &str, of_kubernetes: bool) -> Resource {
    Resource {
        kind,
        id: id.into(),
        name: None,
        cluster: "prod".into(),
        expires_at: None,
        of_kubernetes,
        gib: of_kubernetes.then_some(20),
    }
}

/// On the row of the only cluster.
fn on_cluster() -> (State, crate::fleet::ClusterId) {
    let mut state = looking();
    press(&mut state, "g");
    let Some(RowId::Cluster(cluster)) = state.row().cloned() else {
        panic!("no cluster")
    };
    (state, cluster)
}

#[test]
fn a_cluster_is_destroyed_once_its_name_is_typed() {
    let (mut state, cluster) = on_cluster();
    assert_eq!(press(&mut state, "ctrl-d"), [Effect::Resources(cluster.clone())]);
    let other = crate::fleet::ClusterId {
        name: "other".into(),
        ..cluster.clone()
    };
    update(&mut state, Msg::Resources(other, Ok(vec![])));
    assert!(matches!(state.overlays.last(), Some(Overlay::Inquiry(_))));
    update(&mut state, Msg::Resources(cluster.clone(), Err("denied".to_owned())));
    assert_eq!(
        press(&mut state, "enter"),
        [Effect::Resources(cluster.clone())],
        "asked again"
    );
    let all = vec![
        resource(ResourceKind::Instance, "i-1", false),
        resource(ResourceKind::Volume, "vol-1", true),
    ];
    update(&mut state, Msg::Resources(cluster, Ok(all)));
    let Some(Overlay::Plan(planning)) = state.overlays.last() else {
        panic!("no plan")
    };
    assert_eq!(planning.word(), Some("prod"));
    assert_eq!(planning.options(), [PlanOption::Volumes]);
    let told = format!("{:?}", plan_lines::lines(&state, planning));
    assert!(
        told.contains("alt-d deletes it") && !told.contains("--volumes"),
        "{told}"
    );
    assert_eq!(press(&mut state, "enter"), [], "the name is not typed");
    type_in(&mut state, "prod");
    let effects = press(&mut state, "alt-d enter");
    let [Effect::Run { plan, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    let Request::Destroy { resources, volumes, .. } = &plan.request else {
        panic!("{plan:?}")
    };
    assert!(*volumes && resources.len() == 2);
}

#[test]
fn an_answer_after_leaving_is_of_no_use() {
    let (mut state, cluster) = on_cluster();
    press(&mut state, "ctrl-d esc");
    update(&mut state, Msg::Resources(cluster, Ok(vec![])));
    assert!(state.overlays.is_empty());
}

#[test]
fn a_ci_cluster_is_extended_from_its_end() {
    let (mut state, cluster) = on_cluster();
    press(&mut state, "E");
    assert!(
        state.notice.as_ref().unwrap().1.contains("only a ci cluster"),
        "it stays anyway"
    );
    let ends = state.now + SignedDuration::from_mins(20);
    let summary = state.summary.clusters.get_mut(&cluster).unwrap();
    summary.expires_at = Some(ends);
    update(&mut state, Msg::Do(Action::Extend));
    let Some(Overlay::Extend(form)) = state.overlays.last() else {
        panic!("no form")
    };
    assert_eq!(form.line.value(), "1h");
    update(&mut state, Msg::Key("up".parse().unwrap()));
    let effects = update(&mut state, Msg::Key("enter".parse().unwrap())).effects;
    assert_eq!(effects, [Effect::Resources(cluster.clone())]);
    update(&mut state, Msg::Resources(cluster, Ok(vec![])));
    let Some(Overlay::Plan(planning)) = state.overlays.last() else {
        panic!("no plan")
    };
    let Request::Extend { until, .. } = &planning.request else {
        panic!("{planning:?}")
    };
    assert_eq!(*until, ends + SignedDuration::from_hours(2));
    update(&mut state, Msg::Key("esc".parse().unwrap()));
    assert!(
        matches!(state.overlays.last(), Some(Overlay::Extend(_))),
        "back to the form"
    );
}
