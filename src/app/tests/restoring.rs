//! Going back: to a snapshot of a cluster's etcd, or to its stack as it was before a change that failed.

use super::*;
use crate::app::overlay::Overlay;
use crate::app::snapshots::SnapshotsView;
use crate::fleet::{ClusterId, ClusterStack, FeedKind, Source, StackStatus};
use crate::ops::restoring::Restorable;
use crate::ops::{Request, Snapshot, Stack};

fn cluster(state: &State) -> ClusterId {
    state.summary.clusters.keys().next().unwrap().clone()
}

fn snapshot(name: &str, node: &str) -> Snapshot {
    Snapshot {
        name: name.into(),
        node: node.into(),
        location: format!("file:///var/lib/rancher/k3s/server/db/snapshots/{name}").into(),
        bucket: None,
        made_at: Some(example::now() - SignedDuration::from_hours(3)),
        size: Some(12_558_368),
        ready: Some(true),
        error: None,
    }
}

fn request(state: &State) -> &Request {
    match state.overlays.last() {
        Some(Overlay::Plan(planning)) => &planning.request,
        other => panic!("{other:?}"),
    }
}

fn notice(state: &State) -> &str {
    state.notice.as_ref().map_or("", |(_, text, _)| text)
}

/// The list, told of one snapshot on a server, one in S3, one that failed and one whose node is gone.
fn listed() -> State {
    let mut state = screen(1);
    let of = cluster(&state);
    let asked = press(&mut state, "1 g B");
    assert!(
        matches!(asked.as_slice(), [Effect::Snapshots(cluster, context)] if *cluster == of && context.as_str() == "prod-admin"),
        "{asked:?}"
    );
    assert_eq!(press(&mut state, "enter"), [], "none is known yet");
    let in_s3 = Snapshot {
        location: "s3://shop/on-demand-1".into(),
        bucket: Some("shop".into()),
        ..snapshot("on-demand-1", "s3")
    };
    let failed = Snapshot {
        error: Some("the bucket is not there".into()),
        ..in_s3.clone()
    };
    let told = Restorable {
        snapshots: vec![
            snapshot("at-noon", "servers-1"),
            in_s3,
            failed,
            snapshot("old", "servers-9"),
        ],
        token_since: None,
        fault: None,
    };
    update(&mut state, Msg::Snapshots(of, Ok(told)));
    state
}

#[test]
fn a_snapshot_is_chosen_and_its_restore_planned() {
    let mut state = listed();
    press(&mut state, "enter");
    let Request::Restore(restore) = request(&state) else {
        panic!("{:?}", request(&state))
    };
    assert_eq!((restore.snapshot.as_str(), restore.s3), ("at-noon", false));
    let on = restore.on.as_ref().and_then(|id| state.fleet.machine(id));
    assert_eq!(on.unwrap().name(), "servers-1", "it is on this one alone");
    press(&mut state, "esc down enter");
    let Request::Restore(restore) = request(&state) else {
        panic!("{:?}", request(&state))
    };
    assert_eq!(
        (restore.snapshot.as_str(), restore.s3, &restore.on),
        ("on-demand-1", true, &None)
    );
}

#[test]
fn what_cannot_be_restored_says_why() {
    let mut state = listed();
    press(&mut state, "down down enter");
    assert!(notice(&state).contains("the bucket is not there"), "{}", notice(&state));
    press(&mut state, "down enter");
    assert!(
        notice(&state).contains("servers-9, which is not in the fleet"),
        "{}",
        notice(&state)
    );
    assert!(matches!(state.overlays.last(), Some(Overlay::Snapshots(_))));
}

#[test]
fn the_list_is_asked_again_and_takes_another_snapshot() {
    let mut state = listed();
    assert!(matches!(
        press(&mut state, "ctrl-r").as_slice(),
        [Effect::Snapshots(..)]
    ));
    let of = cluster(&state);
    press(&mut state, "G");
    update(&mut state, Msg::Snapshots(of, Err("it does not answer".to_owned())));
    let Some(Overlay::Snapshots(view)) = state.overlays.last() else {
        panic!("no list")
    };
    let SnapshotsView { told, cursor, .. } = &**view;
    assert!(matches!(told, Some(Err(_))) && *cursor == 0, "{told:?}");
    press(&mut state, "n");
    assert!(matches!(request(&state), Request::Backup { .. }));
}

fn stack(status: &str) -> Stack {
    Stack {
        name: "k3fleet-prod".into(),
        id: "arn:aws:cloudformation:eu-west-1:111122223333:stack/k3fleet-prod/1".into(),
        status: StackStatus(status.into()),
        reason: Some("the following resources failed: [Ingress]".into()),
        created_at: example::now(),
        drift: None,
        outputs: vec![],
        tags: vec![],
        guarded: false,
    }
}

/// A cluster whose stack is seen to stand so.
fn standing(status: &str) -> (State, ClusterId) {
    let mut state = screen(1);
    let cluster = cluster(&state);
    let seen = stack(status);
    let seen = ClusterStack {
        cluster: cluster.clone(),
        name: seen.name,
        status: seen.status,
        reason: seen.reason,
        drift: None,
    };
    let read = example::synced(FeedKind::Stacks, Source::Aws(example::scope()));
    observe(&mut state, 1, vec![read, Observation::Stack(Box::new(seen))]);
    press(&mut state, "1 g");
    (state, cluster)
}

#[test]
fn a_failed_stack_is_taken_back_as_it_stands() {
    let (mut state, of) = standing("UPDATE_FAILED");
    assert_eq!(press(&mut state, "alt-r"), [Effect::Stack(of.clone())]);
    update(&mut state, Msg::Resources(of.clone(), Ok(vec![])));
    assert!(
        matches!(state.overlays.last(), Some(Overlay::Inquiry(_))),
        "that was not asked"
    );
    update(&mut state, Msg::Stack(of.clone(), Err("denied".to_owned())));
    assert_eq!(press(&mut state, "enter"), [Effect::Stack(of.clone())], "asked again");
    update(&mut state, Msg::Stack(of, Ok(Box::new(stack("UPDATE_FAILED")))));
    assert!(matches!(request(&state), Request::RollBack { stack, .. } if stack.name == "k3fleet-prod"));
    let effects = press(&mut state, "enter");
    assert!(matches!(effects.as_slice(), [Effect::Run { .. }]), "{effects:?}");
}

#[test]
fn the_finding_of_a_failed_stack_is_mended_so() {
    let (mut state, of) = standing("UPDATE_FAILED");
    press(&mut state, "7 g");
    let row = state.row().cloned();
    assert!(matches!(row, Some(RowId::Finding("stack-failed", _))), "{row:?}");
    assert_eq!(press(&mut state, "x"), [Effect::Stack(of)]);
    let (mut state, _) = standing("UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(press(&mut state, "7 g x"), [], "it is back already");
    assert!(notice(&state).contains("no one key mends"), "{}", notice(&state));
}
