//! A highly available cluster is changed: its spec goes to the editor and comes back.

use super::*;
use crate::app::overlay::Overlay;
use crate::app::plan_lines::{self, PlanLine};
use crate::app::updating::{Proposal, Stage};
use crate::blueprint::{Spec, ha};
use crate::fleet::{ClusterId, StackStatus};
use crate::ops::updating::{Known, Update};
use crate::ops::{KubeStep, Request, Step};
use crate::provider::{ChangeSet, Stack, StackAction, StackChange};

fn cluster(state: &State) -> ClusterId {
    state.summary.clusters.keys().next().unwrap().clone()
}

fn known() -> Known {
    Known {
        spec: Spec {
            name: "prod".into(),
            region: "eu-west-1".into(),
            ..ha::example()
        },
        site: ha::Site {
            images: [].into(),
            vpc: Some("vpc-1".into()),
            cidrs: vec![],
            subnets: vec!["subnet-1".into()],
            public: true,
            endpoints: vec![],
            zones: vec![],
        },
        stack: Stack {
            name: "k3fleet-prod".into(),
            id: "arn:stack".into(),
            status: StackStatus("CREATE_COMPLETE".into()),
            reason: None,
            created_at: example::now(),
            drift: None,
            outputs: vec![],
            tags: vec![],
            guarded: false,
        },
    }
}

fn stage(state: &State) -> &Stage {
    let found = state.overlays.iter().find_map(|overlay| match overlay {
        Overlay::Update(view) => Some(&view.stage),
        _ => None,
    });
    found.expect("a cluster is being changed")
}

fn send(state: &mut State, msg: Msg) -> Vec<Effect> {
    let effects = update(state, msg).effects;
    project(state);
    effects
}

/// The spec in the editor.
fn editing() -> (State, ClusterId, String) {
    let mut state = screen(1);
    let of = cluster(&state);
    assert_eq!(press(&mut state, "1 g alt-u"), [Effect::Known(of.clone())]);
    assert_eq!(press(&mut state, "enter"), [], "there is nothing to edit yet");
    let effects = send(&mut state, Msg::Known(of.clone(), Ok(Box::new(known()))));
    let [Effect::Edit { name, text }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(name, "prod.json");
    (state, of, text.clone())
}

/// A proposal on its way, and a change set that may come of it.
fn proposed() -> (State, ClusterId, Box<Update>) {
    let (mut state, of, text) = editing();
    let more = text.replace("\"servers\": 3", "\"servers\": 5");
    assert_ne!(more, text);
    let effects = send(&mut state, Msg::Edited(Ok(more)));
    let [Effect::WantPrices(_), Effect::Propose(proposal)] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    let Proposal { old, spec, cluster, .. } = (**proposal).clone();
    assert_eq!(cluster, of);
    assert_eq!(spec.ha.as_ref().map(|ha| ha.servers), Some(5));
    let update = Update {
        scope: example::scope(),
        old,
        spec,
        site: None,
        change_set: ChangeSet {
            id: "arn:change-set".into(),
            stack: "k3fleet-prod".into(),
            creates: false,
            changes: vec![],
        },
        basis: None,
    };
    (state, of, Box::new(update))
}

#[test]
fn what_is_at_fault_opens_the_editor_again_with_what_was_typed() {
    let (mut state, _, text) = editing();
    let broken = text.replace("\"servers\": 3", "\"servers\": many");
    assert_eq!(send(&mut state, Msg::Edited(Ok(broken.clone()))), []);
    assert!(
        matches!(stage(&state), Stage::Refused(why) if why.contains(" line ")),
        "{:?}",
        stage(&state)
    );
    let effects = press(&mut state, "enter");
    assert!(
        matches!(effects.as_slice(), [Effect::Edit { text, .. }] if *text == broken),
        "{effects:?}"
    );
    let fewer = text.replace("\"servers\": 3", "\"servers\": 1");
    assert_eq!(send(&mut state, Msg::Edited(Ok(fewer))), []);
    assert!(
        matches!(stage(&state), Stage::Refused(why) if why.contains("expected 3, 5 or 7")),
        "the guard speaks before CloudFormation is asked: {:?}",
        stage(&state)
    );
    press(&mut state, "enter");
    assert_eq!(send(&mut state, Msg::Edited(Ok(text))), []);
    assert!(state.overlays.is_empty(), "nothing is changed in the end");
}

#[test]
fn an_editor_that_fails_changes_nothing() {
    let (mut state, _, text) = editing();
    send(&mut state, Msg::Edited(Err("your editor has failed".to_owned())));
    assert_eq!(*stage(&state), Stage::Refused("your editor has failed".to_owned()));
    let effects = press(&mut state, "enter");
    assert!(matches!(effects.as_slice(), [Effect::Edit { text: again, .. }] if *again == text));
}

#[test]
fn what_is_worked_out_is_planned_and_discarded_when_it_is_left() {
    let (mut state, of, update) = proposed();
    send(&mut state, Msg::Proposed(of, Ok(update.clone())));
    assert!(
        matches!(state.overlays.last(), Some(Overlay::Plan(planning)) if matches!(planning.request, Request::Update(_)))
    );
    assert_eq!(press(&mut state, "esc"), [Effect::Discard(update)]);
    assert_eq!(*stage(&state), Stage::Planned);
    assert!(
        matches!(press(&mut state, "enter").as_slice(), [Effect::Edit { .. }]),
        "edited again"
    );

    let (mut state, of, update) = proposed();
    send(&mut state, Msg::Proposed(of, Ok(update)));
    let effects = press(&mut state, "enter");
    assert!(
        matches!(effects.as_slice(), [Effect::Run { .. }]),
        "what is run is kept: {effects:?}"
    );
    assert!(state.overlays.is_empty());
}

#[test]
fn a_pool_that_goes_is_drained_in_the_usual_way_and_told() {
    let (mut state, of, mut update) = proposed();
    let going = "workers";
    let mut machines = state.fleet.all_machines().filter_map(|m| m.instance().cloned());
    let worker = machines.find(|i| i.tag("k3fleet:pool") == Some(going)).unwrap();
    drop(machines);
    let node = Observation::Node(Box::new(example::node(&worker)));
    state.fleet.apply(node, example::now());
    for (ha, has) in [(&mut update.old.ha, true), (&mut update.spec.ha, false)] {
        let pools = &mut ha.as_mut().unwrap().pools;
        let pool = ha::Pool {
            name: going.into(),
            ..pools[0].clone()
        };
        pools.retain(|pool| pool.name != going);
        pools.extend(has.then_some(pool));
    }
    update.change_set.changes.push(StackChange {
        action: StackAction::Remove,
        resource: "PoolWorkers".into(),
        kind: "AWS::AutoScaling::AutoScalingGroup".into(),
        physical: None,
        properties: vec![],
    });
    send(&mut state, Msg::Proposed(of, Ok(update)));
    let Some(Overlay::Plan(planning)) = state.overlays.last() else {
        panic!("nothing is planned")
    };
    let plan = planning.outcome.as_ref().unwrap();
    let drains = |step: &Step| matches!(step, Step::Kube(_, KubeStep::Drain(_)));
    assert!(plan.steps().any(|(_, step)| drains(step)), "{plan:?}");
    assert_eq!(planning.options(), [], "they are for drains that were asked for");
    let told = plan_lines::lines(&state, planning);
    let is_told = |line: &PlanLine| matches!(line, PlanLine::Part { about, text } if about == "remove" && text.starts_with("PoolWorkers "));
    assert!(told.iter().any(is_told), "{told:?}");
}

#[test]
fn an_answer_after_leaving_is_discarded() {
    let (mut state, of, update) = proposed();
    press(&mut state, "esc");
    assert_eq!(
        send(&mut state, Msg::Proposed(of, Ok(update.clone()))),
        [Effect::Discard(update)]
    );
    let (mut state, of, _) = proposed();
    send(&mut state, Msg::Proposed(of, Err("throttled".to_owned())));
    assert_eq!(*stage(&state), Stage::Refused("throttled".to_owned()));
}

#[test]
fn nothing_is_changed_in_read_only_mode() {
    let mut state = screen(1);
    state.read_only = true;
    assert_eq!(press(&mut state, "1 g alt-u"), []);
    assert!(state.overlays.is_empty());
}
