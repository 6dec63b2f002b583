//! What holds whatever happens.

use std::collections::BTreeSet;

use proptest::prelude::*;
use smol_str::SmolStr;

use super::*;
use crate::app::joining::{Found, KeyStanding};
use crate::app::key::KeyCode;
use crate::app::msg::Click;
use crate::app::planning::PlanOption;
use crate::app::{Screen, Target};
use crate::fleet::{ContextId, HostName, InstanceId, MachineId, Purchase, Severity, Way};
use crate::ops::tokens::Tokens;
use crate::ops::{self, Event, OperationId, Outcome, Progress, Request, StepId, What};

fn keys() -> impl Strategy<Value = Key> {
    let bound: Vec<Key> = Action::ALL
        .into_iter()
        .flat_map(|a| a.info().keys.iter().map(|k| k.parse().unwrap()))
        .collect();
    prop_oneof![
        6 => prop::sample::select(bound),
        2 => prop::char::range('a', 'z').prop_map(Key::char),
        1 => any::<char>().prop_map(Key::char),
        1 => prop::sample::select(vec![KeyCode::Enter, KeyCode::Esc, KeyCode::Up, KeyCode::Down, KeyCode::Backspace])
            .prop_map(Key::from),
    ]
}

fn targets() -> impl Strategy<Value = Target> {
    let pane = || prop::sample::select(Pane::ALL.to_vec());
    prop_oneof![
        prop::sample::select(Screen::ALL.to_vec()).prop_map(Target::Tab),
        pane().prop_map(Target::Pane),
        (pane(), 0..12usize).prop_map(|(p, n)| Target::Row(p, n)),
        (pane(), prop::sample::select(vec!["name", "price", "nothing"])).prop_map(|(p, c)| Target::Heading(p, c)),
        (pane(), 0..3usize).prop_map(|(p, n)| Target::Chip(p, n)),
        prop::sample::select(Action::ALL.to_vec()).prop_map(Target::Hint),
        Just(Target::Freshness),
        Just(Target::Findings),
        prop::sample::select(PlanOption::ALL.to_vec()).prop_map(Target::Option),
        (0..9usize).prop_map(Target::Item),
        keys().prop_map(Target::Press),
        Just(Target::Outside),
    ]
}

fn observed() -> impl Strategy<Value = Observation> {
    prop_oneof![
        (1..20u32, any::<bool>()).prop_map(|(n, spot)| {
            let purchase = if spot { Purchase::Spot } else { Purchase::OnDemand };
            Observation::Instance(Box::new(example::instance(n, "workers", purchase)))
        }),
        (1..20u32).prop_map(|n| Observation::InstanceGone(example::instance(n, "workers", Purchase::Spot).id)),
        (1..20u32).prop_map(|n| {
            let of = example::instance(n, "workers", Purchase::Spot);
            Observation::Node(Box::new(example::node(&of)))
        }),
        (1..20u32).prop_map(|n| {
            let of = example::instance(n, "workers", Purchase::Spot);
            Observation::NodeGone(example::node(&of).key)
        }),
    ]
}

/// What may be told of operations, in any order.
fn operations() -> impl Strategy<Value = Msg> {
    let plan = || {
        let machines = vec![MachineId::Instance(example::instance(10, "workers", Purchase::Spot).id)];
        let request = Request::Cordon { machines };
        Box::new(ops::plan(&example::fleet(5), &request, example::now()).unwrap())
    };
    let by = || SmolStr::new("ana@desk");
    let id = prop::sample::select(vec!["cordon-1", "cordon-2"]).prop_map(|id| OperationId::parse(id).unwrap());
    let at = |what| Event {
        at: example::now(),
        what,
    };
    (id, 0..8u8, 0..3usize).prop_map(move |(id, kind, step)| {
        let step = StepId { stage: step / 2, step };
        let began = || What::Began { plan: plan(), by: by() };
        let what = match kind {
            0 => return Msg::Locked(plan(), "somebody has it".into()),
            1 => return Msg::Journals(Progress::begin(id, &at(began())).into_iter().collect()),
            2 | 3 => began(),
            4 => What::StepBegan { step },
            5 => What::StepFailed {
                step,
                error: "no".into(),
            },
            6 => What::Resumed { by: by() },
            _ => What::Ended {
                outcome: Outcome::Failed,
            },
        };
        Msg::Operation(id, at(what))
    })
}

/// What may come back of what was asked about hosts and tokens, wanted or not.
fn answers() -> impl Strategy<Value = Msg> {
    let host = prop::sample::select(vec!["pi-1", "pi-2", "nobody"]).prop_map(HostName::new);
    let cluster = || example::fleet(2).cluster_of_context(&ContextId::new("prod-admin"));
    (host, 0..14u8).prop_map(move |(host, kind)| match kind {
        0 => Msg::Advertised(ContextId::new("prod-admin"), Ok(vec!["10.0.0.1:6443".into()])),
        1 => Msg::Looked(host, Found::Facts(Box::default())),
        2 => Msg::Looked(host, Found::Failed("no".into())),
        3 => Msg::Looked(host, Found::ChangedKey("no".into())),
        4 => Msg::HostKey(host, KeyStanding::Known),
        5 => Msg::Trusted(host, Err("no".into())),
        6 => Msg::Ran(host, Err("no".into())),
        7 => Msg::HostSaved(host, Ok(())),
        9 => Msg::WayKept(
            "prod".into(),
            Box::new(Way {
                wireguard: true,
                ..Way::default()
            }),
            Ok(()),
        ),
        10 => Msg::VpnKey(String::new(), Err("no".into())),
        8 => Msg::Channels(Err("no".into())),
        12 => Msg::Stack(cluster(), Err("no".into())),
        13 => Msg::Snapshots(cluster(), Err("no".into())),
        _ => Msg::Tokens(Box::new(Tokens {
            cluster: cluster(),
            version: None,
            datastore: None,
            parameters: [].into(),
            own: [].into(),
            machines: vec![],
            bootstrap: vec![],
            faults: vec!["no".to_owned()],
        })),
    })
}

fn messages() -> impl Strategy<Value = Msg> {
    let clicks = vec![
        Click::Left,
        Click::Double,
        Click::Right,
        Click::WheelUp,
        Click::WheelDown,
    ];
    prop_oneof![
        12 => keys().prop_map(Msg::Key),
        3 => (targets(), prop::sample::select(clicks)).prop_map(|(t, c)| Msg::Mouse(t, c)),
        3 => prop::collection::vec(observed(), 1..4).prop_map(|o| Msg::Observed(example::now(), o)),
        2 => (0..60_000i64).prop_map(|ms| Msg::Clock(example::now() + SignedDuration::from_millis(ms))),
        1 => ".{0,8}".prop_map(Msg::Paste),
        1 => (0..200u16, 0..60u16).prop_map(|(w, h)| Msg::Resize(w, h)),
        1 => prop::sample::select(Action::ALL.to_vec()).prop_map(Msg::Do),
        1 => any::<bool>().prop_map(Msg::Paused),
        1 => Just(Msg::Say(Severity::Warning, "x\ny".into())),
        1 => any::<bool>().prop_map(Msg::Focus),
        3 => operations(),
        3 => answers(),
    ]
}

fn cursors_are_on_rows(state: &State) {
    for (pane, table) in &state.tables {
        match &table.cursor {
            Some(cursor) => assert!(table.shown.rows.position(cursor).is_some(), "{pane:?}"),
            None => assert!(table.shown.rows.is_empty(), "{pane:?}"),
        }
        assert!(table.offset <= table.shown.rows.len(), "{pane:?}");
    }
    assert_eq!(state.focused().screen(), state.screen);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_state_holds_together(
        messages in prop::collection::vec((messages(), prop::bool::weighted(0.7)), 1..60),
    ) {
        let mut state = screen(5);
        state.fit([(Pane::Machines, 3), (Pane::FleetMachines, 2)]);
        for (msg, drawn) in messages {
            let told = format!("{msg:?}");
            let (before, was_stale) = (visible(&state), state.made.stale);
            let done = update(&mut state, msg);
            // An observation changes rows at the next projection, which a clock message announces.
            if !done.changed {
                prop_assert_eq!(&visible(&state), &before, "{} said that nothing changed", told);
                prop_assert_eq!(state.made.stale, was_stale, "{} left rows to be found", told);
            }
            if drawn {
                project(&mut state);
                prop_assert!(!state.made.stale);
            }
            cursors_are_on_rows(&state);
        }
    }

    #[test]
    fn esc_always_comes_back_and_never_leaves(keys in prop::collection::vec(keys(), 0..40)) {
        let mut state = screen(3);
        for key in keys {
            update(&mut state, Msg::Key(key));
            project(&mut state);
        }
        for _ in 0..200 {
            let done = update(&mut state, Msg::Key(KeyCode::Esc.into()));
            prop_assert!(!done.effects.contains(&Effect::Quit));
            project(&mut state);
        }
        prop_assert!(state.overlays.is_empty() && state.filtering.is_none() && !state.zoomed);
        prop_assert_eq!(state.screen, Screen::Fleet);
    }

    #[test]
    fn marks_stay_on_their_machines(gone in prop::collection::btree_set(10..16u32, 0..6), order in any::<bool>()) {
        let mut state = screen(6);
        press(&mut state, "2 / b u y : s p o t enter g space G ctrl-space esc");
        prop_assert_eq!(state.tables[&Pane::Machines].marks.len(), 6);
        let mut news = example::observations(6);
        if order {
            news.reverse();
        }
        observe(&mut state, 1, news);
        for n in &gone {
            let of = example::instance(*n, "workers", Purchase::Spot);
            let node = example::node(&of).key;
            observe(&mut state, 1, vec![Observation::InstanceGone(of.id), Observation::NodeGone(node)]);
        }
        let left: BTreeSet<_> = (10..16u32)
            .filter(|n| !gone.contains(n))
            .map(|n| RowId::Machine(MachineId::Instance(InstanceId::new(format!("i-{n:017x}")))))
            .collect();
        prop_assert_eq!(&state.tables[&Pane::Machines].marks, &left);
    }
}
