//! What is seen of the snapshots of a cluster's etcd, of the way back to one, and of a cluster that is changed.

use jiff::SignedDuration;
use k3fleet::app::{Effect, Msg, State, update};
use k3fleet::fleet::ClusterId;
use k3fleet::ops::Snapshot;
use k3fleet::ops::restoring::Restorable;

use super::demo::press;
use super::{demo, plainly, shown};

/// The list of a cluster, while it is asked.
fn asked() -> (State, ClusterId) {
    let mut state = demo();
    press(&mut state, "1 G");
    let effects = update(&mut state, Msg::Key("B".parse().expect("a key"))).effects;
    match effects.as_slice() {
        [Effect::Snapshots(cluster, _)] => (state, cluster.clone()),
        other => panic!("{other:?}"),
    }
}

fn told(state: &State) -> Restorable {
    let server = state
        .fleet
        .machines()
        .find(|m| m.name().contains("server") && m.node().is_some());
    let node = server.unwrap().node().unwrap().key.name.clone();
    let of = |name: &str, hours: i64, bucket: Option<&str>| Snapshot {
        name: name.into(),
        node: node.clone(),
        location: match bucket {
            Some(bucket) => format!("s3://{bucket}/{name}").into(),
            None => format!("file:///var/lib/rancher/k3s/server/db/snapshots/{name}").into(),
        },
        bucket: bucket.map(Into::into),
        made_at: Some(state.now - SignedDuration::from_hours(hours)),
        size: Some(12_558_368),
        ready: Some(true),
        error: None,
    };
    Restorable {
        snapshots: vec![
            of("k3fleet-20261122T090000Z-i-0e20a38b9304bac7c-1795338000", 1, None),
            of(
                "etcd-snapshot-i-0e20a38b9304bac7c-1795392000",
                12,
                Some("k3fleet-prod-snapshots-1a2b3c"),
            ),
            Snapshot {
                error: Some("the bucket does not exist".into()),
                size: None,
                ..of(
                    "etcd-snapshot-i-0e20a38b9304bac7c-1795348800",
                    24,
                    Some("k3fleet-prod-snapshots-1a2b3c"),
                )
            },
        ],
        token_since: None,
        fault: Some("when the server token was changed is not known: ssm:GetParameterHistory was denied".to_owned()),
    }
}

#[test]
fn the_snapshots_of_a_cluster() {
    let (mut state, cluster) = asked();
    let mut text = plainly(&mut state, "while it is asked", &[(80, 24)]);
    update(
        &mut state,
        Msg::Snapshots(
            cluster.clone(),
            Err("prod: list etcdsnapshotfiles: connection refused".to_owned()),
        ),
    );
    text.push_str(&plainly(&mut state, "it does not tell", &[(80, 24)]));
    let none = Restorable {
        snapshots: vec![],
        token_since: None,
        fault: None,
    };
    update(&mut state, Msg::Snapshots(cluster.clone(), Ok(none)));
    text.push_str(&plainly(&mut state, "there is none", &[(80, 24)]));
    insta::assert_snapshot!("snapshots_asked", text);
    let answer = told(&state);
    update(&mut state, Msg::Snapshots(cluster, Ok(answer)));
    insta::assert_snapshot!("snapshots", shown(&mut state));
}

#[test]
fn a_cluster_that_is_changed() {
    let mut state = demo();
    press(&mut state, "1 G");
    let effects = update(&mut state, Msg::Key("alt-u".parse().expect("a key"))).effects;
    let [Effect::Known(cluster)] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    let mut text = plainly(&mut state, "while it is asked", &[(80, 24)]);
    let why = "there is no stack k3fleet-prod: the cluster is not highly available, or is gone";
    update(&mut state, Msg::Known(cluster.clone(), Err(why.to_owned())));
    text.push_str(&plainly(&mut state, "it has no stack", &[(80, 24)]));
    insta::assert_snapshot!("update_asked", text);
}
