//! The way to a highly available cluster: the same wish as the flags of the command line make, and its plan.

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::app::launching::{Checked, HaField, StoreKind};
use crate::app::plan_lines::PlanLine;
use crate::blueprint::ha::{Ha, PoolKind, Site, Store, WayOut};
use crate::ops::launch::Network;
use crate::ops::wish::{HaWish, PoolWish, VpcWish, Wish};

/// The form, turned to `ha`, with a name.
fn ha_form() -> State {
    let mut state = opened();
    type_in(&mut state, "shop");
    press(&mut state, "tab right right");
    assert_eq!(form(&state).wish.shape, Shape::Ha);
    state
}

fn all_fields(state: &mut State) {
    go(state, Field::More);
    press(state, "enter");
}

fn at(state: &mut State, field: HaField) {
    go(state, Field::Ha(field));
}

/// What the form asks the place for, besides prices.
fn asked(effects: &[Effect]) -> (Spec, Option<PathBuf>) {
    let found = effects.iter().find_map(|effect| match effect {
        Effect::Place(_, spec, dsn) => Some(((**spec).clone(), dsn.clone())),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("{effects:?}"))
}

fn ha_of(spec: &Spec) -> &Ha {
    spec.ha.as_ref().expect("an ha cluster")
}

/// The spec that the same wish becomes when it is made of flags.
fn by_flags(state: &State, wish: Wish) -> Spec {
    let told = surveyed();
    let wish = Wish {
        name: "shop".into(),
        shape: Shape::Ha,
        ssh: Some(SshKey::Public(KEY.into())),
        ..wish
    };
    let mut spec = wish.spec(&told.survey, state.fleet.market(), state.now).unwrap();
    if spec.ha.as_ref().unwrap().made_vpc.is_none() {
        let subnets = spec.network.take().map(|network| network.subnets).unwrap_or_default();
        spec.network = Some(Network {
            vpc: "vpc-1".into(),
            subnets,
            cidrs: vec!["172.31.0.0/16".into()],
        });
    }
    spec
}

/// The launch that a spec becomes.
pub(in crate::app::tests) fn ha_launch(spec: &Spec) -> Box<Launch> {
    let own = launch(spec);
    Box::new(Launch {
        site: Some(Site {
            images: [(Arch::Arm64, "ami-1".into())].into(),
            vpc: Some("vpc-1".into()),
            cidrs: vec!["172.31.0.0/16".into()],
            subnets: vec!["subnet-0".into(), "subnet-1".into()],
            public: true,
            endpoints: vec![],
            zones: vec!["eu-west-1a".into(), "eu-west-1b".into()],
        }),
        ..*own
    })
}

#[test]
fn a_name_and_the_shape_are_enough() {
    let mut state = opened();
    priced(&mut state);
    type_in(&mut state, "shop");
    press(&mut state, "tab right right");
    let (spec, dsn) = asked(&press(&mut state, "enter"));
    let flags = Wish {
        ha: Some(HaWish::default()),
        ..Wish::default()
    };
    assert_eq!((&spec, dsn), (&by_flags(&state, flags), None));
    assert_eq!(spec.types, ["t4g.medium"], "servers have 4 GiB at least");
    let workers = ha_of(&spec).pool("k3s_workers").unwrap();
    assert_eq!((workers.desired, workers.on_demand_base), (3, 1));
    update(&mut state, Msg::Placed(Box::new(spec.clone()), Ok(ha_launch(&spec))));
    let Some(Overlay::Plan(planning)) = state.overlays.last() else {
        panic!("no plan")
    };
    let lines = plan_lines::lines(&state, planning);
    let part = |of: &str| {
        lines
            .iter()
            .any(|line| matches!(line, PlanLine::Part { about, .. } if about == of))
    };
    assert!(part("k3s_workers") && part("VPC") && part("network"), "{lines:?}");
    let effects = press(&mut state, "enter");
    let [Effect::Run { plan, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    let Request::Launch(launch) = &plan.request else {
        panic!("{plan:?}")
    };
    assert_eq!(launch.on_failure, OnFailure::Keep);
}

#[test]
fn every_field_becomes_what_its_flag_does() {
    let mut state = ha_form();
    priced(&mut state);
    at(&mut state, HaField::Servers);
    press(&mut state, "right");
    go(&mut state, Field::Workers);
    press(&mut state, "2");
    all_fields(&mut state);
    at(&mut state, HaField::Base);
    press(&mut state, "0");
    at(&mut state, HaField::Pools);
    type_in(
        &mut state,
        "name=a,types=t4g.small,max=4 name=b,kind=spot-fleet,base=0,min=0",
    );
    at(&mut state, HaField::Store);
    press(&mut state, "right");
    type_in(&mut state, "1-8");
    at(&mut state, HaField::SharedStorage);
    press(&mut state, "space");
    at(&mut state, HaField::Ingress);
    press(&mut state, "space");
    at(&mut state, HaField::PublicApi);
    press(&mut state, "space");
    go(&mut state, Field::Vpc);
    press(&mut state, "left");
    at(&mut state, HaField::Cidr);
    type_in(&mut state, "10.9.0.0/20");
    at(&mut state, HaField::Zones);
    press(&mut state, "right");
    at(&mut state, HaField::WayOut);
    press(&mut state, "right");
    at(&mut state, HaField::Mirror);
    type_in(&mut state, "https://files.example.com/k3s");
    at(&mut state, HaField::OnFailure);
    press(&mut state, "right");
    let (spec, _) = asked(&press(&mut state, "enter"));
    let usual = PoolWish {
        name: "k3s_workers".into(),
        desired: Some(2),
        base: Some(0),
        ..PoolWish::default()
    };
    let flags = Wish {
        ha: Some(HaWish {
            servers: 5,
            workers: None,
            pools: vec![
                usual,
                PoolWish::parse("name=a,types=t4g.small,max=4").unwrap(),
                PoolWish::parse("name=b,kind=spot-fleet,base=0,min=0").unwrap(),
            ],
            store: crate::ops::wish::store("aurora:1-8").unwrap(),
            dsn_file: None,
            shared_storage: true,
            ingress: true,
            public_api: true,
            made_vpc: Some(VpcWish {
                cidr: "10.9.0.0/20".into(),
                zones: Some(2),
                way_out: WayOut::Nat,
            }),
            mirror: Some("https://files.example.com/k3s".into()),
        }),
        ..Wish::default()
    };
    assert_eq!(spec, by_flags(&state, flags));
    assert_eq!(ha_of(&spec).pools[2].kind, PoolKind::SpotFleet);
    update(&mut state, Msg::Placed(Box::new(spec.clone()), Ok(ha_launch(&spec))));
    let Some(Overlay::Plan(planning)) = state.overlays.last() else {
        panic!("no plan")
    };
    let Request::Launch(launch) = &planning.request else {
        panic!("{planning:?}")
    };
    assert_eq!(launch.on_failure, OnFailure::RollBack);
}

#[test]
fn what_other_shapes_have_is_not_asked_and_not_taken() {
    let mut state = opened();
    type_in(&mut state, "shop");
    go(&mut state, Field::Buy);
    press(&mut state, "space");
    go(&mut state, Field::Fallback);
    press(&mut state, "space");
    all_fields(&mut state);
    go(&mut state, Field::Profile);
    press(&mut state, "n o d e s");
    go(&mut state, Field::Shape);
    press(&mut state, "left");
    assert_eq!(form(&state).wish.shape, Shape::Ha);
    let fields = form(&state).fields();
    assert!(!fields.contains(&Field::Fallback) && !fields.contains(&Field::Profile) && !fields.contains(&Field::Ttl));
    let (spec, _) = asked(&press(&mut state, "enter"));
    assert_eq!(
        (spec.profile, spec.on_demand_fallback, spec.workers),
        (Profile::Own, false, 0)
    );
    // And the other way round.
    press(&mut state, "right");
    let spec = placed(&press(&mut state, "enter"));
    assert_eq!((spec.shape, spec.ha, spec.workers), (Shape::Quick, None, 0));
    assert_eq!(spec.profile, Profile::Named("nodes".into()));
}

#[test]
fn what_is_wrong_is_told_at_its_own_field() {
    let fault = |state: &State, field| line(state, field).fault.unwrap_or_default();
    let mut state = ha_form();
    all_fields(&mut state);
    go(&mut state, Field::Workers);
    type_in(&mut state, "999");
    assert!(fault(&state, Field::Workers).contains("at most 250"));
    press(&mut state, "ctrl-u 3");
    at(&mut state, HaField::Base);
    type_in(&mut state, "x");
    assert!(fault(&state, Field::Ha(HaField::Base)).contains("whole number"));
    press(&mut state, "ctrl-u 1");
    for (typed, said) in [
        ("gpu", "expected KEY=VALUE"),
        ("name=a,max=1 name=b,maxx=1", "pool 2: at character 8"),
        ("name=a,types=t4g.small+t3.small", "one architecture"),
        ("name=k3s_workers", "another name for each pool"),
        ("name=A", "lower-case"),
        ("name=a,min=4,max=2", "no fewer than min"),
        ("name=a,max=245", "at most 250 workers"),
        ("name=a,types=g9z.any,arch=arm64,volume=4", "8 to 16384"),
    ] {
        at(&mut state, HaField::Pools);
        press(&mut state, "ctrl-u");
        type_in(&mut state, typed);
        let told = fault(&state, Field::Ha(HaField::Pools));
        assert!(told.contains(said) && !told.contains("--"), "{typed}: {told}");
        go(&mut state, Field::Name);
        assert_eq!(press(&mut state, "enter"), [], "{typed}");
        assert_eq!(form(&state).at, Field::Ha(HaField::Pools));
    }
    press(&mut state, "ctrl-u");
    at(&mut state, HaField::Store);
    press(&mut state, "right ctrl-u 4");
    assert!(fault(&state, Field::Ha(HaField::Store)).contains("0.5-4"));
    type_in(&mut state, "-2");
    assert!(fault(&state, Field::Ha(HaField::Store)).contains("no less"));
    press(&mut state, "left");
    go(&mut state, Field::Vpc);
    press(&mut state, "left");
    at(&mut state, HaField::Cidr);
    type_in(&mut state, "10.42.0.0/16");
    assert!(fault(&state, Field::Ha(HaField::Cidr)).contains("pods"));
    at(&mut state, HaField::WayOut);
    press(&mut state, "left");
    at(&mut state, HaField::Ingress);
    press(&mut state, "space");
    assert!(fault(&state, Field::Ha(HaField::Ingress)).contains("public subnets"));
    form_mut(&mut state).tried = true;
    assert!(fault(&state, Field::Ha(HaField::Mirror)).contains("a mirror"));
}

fn form_mut(state: &mut State) -> &mut LaunchForm {
    match state.overlays.last_mut() {
        Some(Overlay::Launch(form)) => form,
        other => panic!("{other:?}"),
    }
}

#[test]
fn servers_are_as_many_as_their_store_lets_them() {
    let mut state = ha_form();
    all_fields(&mut state);
    at(&mut state, HaField::Servers);
    press(&mut state, "left");
    assert_eq!(form(&state).ha.servers, 7);
    at(&mut state, HaField::Store);
    press(&mut state, "right");
    at(&mut state, HaField::Servers);
    press(&mut state, "right");
    assert_eq!((form(&state).ha.store, form(&state).ha.servers), (StoreKind::Aurora, 2));
    assert!(check(&state, form(&state)).faults.is_empty());
    at(&mut state, HaField::Store);
    press(&mut state, "left");
    assert_eq!(form(&state).ha.servers, 3, "etcd wants an odd number");
}

#[test]
fn a_dsn_is_named_by_its_file_and_is_no_part_of_the_spec() {
    let mut state = ha_form();
    all_fields(&mut state);
    at(&mut state, HaField::Store);
    press(&mut state, "left enter");
    assert!(line(&state, Field::Ha(HaField::Store)).fault.unwrap().contains("file"));
    type_in(&mut state, "~/db.dsn");
    let (spec, dsn) = asked(&press(&mut state, "enter"));
    assert_eq!(dsn.as_deref(), Some(Path::new("~/db.dsn")));
    assert_eq!(ha_of(&spec).store, Store::External);
    let why = "name subnets of two zones with --subnet, another VPC with --vpc, or have one made with --vpc-cidr";
    update(&mut state, Msg::Placed(Box::new(spec), Err(why.to_owned())));
    let refused = form(&state).refused.clone().unwrap();
    assert_eq!(
        refused,
        "name subnets of two zones under subnets, another VPC under VPC, or have one made under VPC"
    );
    // With another store nobody asks for that file.
    press(&mut state, "right");
    assert_eq!(asked(&press(&mut state, "enter")).1, None);
}

#[test]
fn the_types_of_workers_are_chosen_from_the_table_too() {
    let mut state = ha_form();
    priced(&mut state);
    all_fields(&mut state);
    at(&mut state, HaField::WorkerTypes);
    assert_eq!(
        line(&state, Field::Ha(HaField::WorkerTypes)).value,
        "t4g.small or 1 more"
    );
    press(&mut state, "enter");
    assert!(
        types::rows(&state).iter().all(|row| row.marked),
        "what would be chosen is marked"
    );
    press(&mut state, "down space enter");
    assert_eq!(form(&state).ha.worker_types, ["t4g.small"]);
    assert!(form(&state).wish.types.is_empty(), "the servers' are others");
    go(&mut state, Field::Name);
    let (spec, _) = asked(&press(&mut state, "enter"));
    assert_eq!(ha_of(&spec).pools[0].types, ["t4g.small"]);
    go(&mut state, Field::Arch);
    press(&mut state, "right");
    assert!(form(&state).ha.worker_types.is_empty(), "they are of another processor");
}

#[test]
fn a_click_ticks_and_turns() {
    let mut state = ha_form();
    all_fields(&mut state);
    for _ in 0..2 {
        let fields = form(&state).fields();
        let place = fields.iter().position(|f| *f == Field::Ha(HaField::Ingress)).unwrap();
        update(&mut state, Msg::Mouse(Target::Item(place), Click::Left));
    }
    assert!(form(&state).ha.ingress);
    let fields = form(&state).fields();
    assert!(fields.contains(&Field::Ha(HaField::PublicApi)));
    let place = fields
        .iter()
        .position(|f| *f == Field::Ha(HaField::WorkerTypes))
        .unwrap();
    update(&mut state, Msg::Mouse(Target::Item(place), Click::Left));
    assert!(matches!(state.overlays.last(), Some(Overlay::Types(picker)) if picker.workers));
}

#[test]
fn prices_of_all_pools_are_asked_for() {
    let mut state = ha_form();
    all_fields(&mut state);
    at(&mut state, HaField::Pools);
    type_in(&mut state, "name=a,types=t3.small name=b,types=g9z.any,arch=arm64");
    let effects = press(&mut state, "enter");
    let Some(Effect::WantPrices(wanted)) = effects.first() else {
        panic!("{effects:?}")
    };
    assert!(wanted.iter().any(|(_, name)| name == "t3.small"), "{wanted:?}");
    assert!(form(&state).placing.is_some());
}

#[test]
fn before_the_region_has_told_the_rest_is_judged() {
    let mut state = looking();
    press(&mut state, "l");
    type_in(&mut state, "shop");
    press(&mut state, "tab right right");
    assert_eq!(check(&state, form(&state)), Checked::default());
    all_fields(&mut state);
    at(&mut state, HaField::Pools);
    type_in(&mut state, "name=a,types=g5g.xlarge");
    assert_eq!(check(&state, form(&state)), Checked::default());
    type_in(&mut state, ",min=9,max=1");
    assert!(line(&state, Field::Ha(HaField::Pools)).fault.is_some());
}

proptest! {
    #[test]
    fn any_text_in_any_field_is_a_fault_or_a_spec(
        texts in prop::collection::vec(
            prop_oneof![".{0,40}", "[0-9.-]{0,9}", "name=[a-z_]{1,9}(,(max|min|base|types)=[a-z0-9.+]{1,9}){0,3}"],
            10,
        ),
        (servers, store, way_out) in (0..9u32, 0..3u8, 0..4u8),
        told in any::<bool>(),
    ) {
        let mut state = if told { ha_form() } else { looking() };
        if !told {
            press(&mut state, "l tab right right");
        }
        let form = form_mut(&mut state);
        let typed = [
            &mut form.name, &mut form.ha.workers, &mut form.ha.base, &mut form.ha.pools, &mut form.ha.acus,
            &mut form.ha.dsn_file, &mut form.ha.cidr, &mut form.ha.mirror, &mut form.volume, &mut form.networks,
        ];
        for (line, text) in typed.into_iter().zip(&texts) {
            *line = text.clone().into();
        }
        form.ha.servers = servers;
        form.ha.store = [StoreKind::Etcd, StoreKind::Aurora, StoreKind::External][usize::from(store)];
        form.ha.way_out = [None, Some(WayOut::Public), Some(WayOut::Nat), Some(WayOut::Endpoints)][usize::from(way_out)];
        let form = super::form(&state);
        let checked = check(&state, form);
        prop_assert!(!told || checked.spec.is_some() == checked.faults.is_empty());
        if let Some(spec) = &checked.spec {
            prop_assert!(spec.check().is_empty());
        }
        // What is wrong stands at a field that can be shown.
        let mut whole = form.clone();
        whole.more = true;
        for (field, why) in &checked.faults {
            prop_assert!(whole.fields().contains(field), "{field:?}: {why}");
        }
        lines(&state, &whole);
    }
}
