//! Which pods go.

use proptest::prelude::*;

use super::*;

fn names(pods: &[BoundPod]) -> Vec<&str> {
    pods.iter().map(|pod| pod.name.as_str()).collect()
}

#[test]
fn pods_are_chosen_by_what_made_them() {
    let finished = |pod: BoundPod| BoundPod { finished: true, ..pod };
    let all = vec![
        owned("set", OwnerKind::ReplicaSet),
        owned("state-0", OwnerKind::StatefulSet),
        owned("job", OwnerKind::Job),
        owned("own", OwnerKind::Other),
        owned("daemon", OwnerKind::DaemonSet),
        finished(owned("daemon-done", OwnerKind::DaemonSet)),
        owned("mirror", OwnerKind::Node),
        finished(owned("mirror-done", OwnerKind::Node)),
        finished(owned("bare-done", OwnerKind::None)),
        BoundPod {
            ending: true,
            ..owned("bare-ending", OwnerKind::None)
        },
    ];
    let going = choose(all, &DrainOptions::default()).unwrap();
    assert_eq!(
        names(&going),
        [
            "set",
            "state-0",
            "job",
            "own",
            "daemon-done",
            "bare-done",
            "bare-ending"
        ]
    );
}

#[test]
fn bare_pods_go_only_when_told() {
    let pods = vec![pod("web"), owned("a", OwnerKind::None), owned("b", OwnerKind::None)];
    let refused = choose(pods.clone(), &DrainOptions::default()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "demo/a and demo/b would be lost for ever, for no controller makes them anew; evict them too with --bare-pods"
    );
    let told = DrainOptions {
        bare_pods: true,
        ..DrainOptions::default()
    };
    assert_eq!(names(&choose(pods, &told).unwrap()), ["web", "a", "b"]);
}

#[test]
fn data_in_empty_dirs_goes_only_when_told() {
    let keeping = |pod: BoundPod| BoundPod { empty_dir: true, ..pod };
    let careful = DrainOptions::default();
    let stay = keeping(owned("daemon", OwnerKind::DaemonSet));
    let done = BoundPod {
        finished: true,
        ..keeping(pod("done"))
    };
    let going = choose(vec![stay.clone(), done.clone()], &careful).unwrap();
    assert_eq!(names(&going), ["done"], "what stays or is done loses nothing");
    let pods = vec![stay, done, keeping(pod("cache"))];
    let refused = choose(pods.clone(), &careful).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "demo/cache keep data in emptyDir volumes, which would be lost; evict them too with --empty-dir-data"
    );
    assert_eq!(
        names(&choose(pods, &DrainOptions::ending()).unwrap()),
        ["done", "cache"]
    );
}

fn any_pod() -> impl Strategy<Value = BoundPod> {
    let owner = prop_oneof![
        Just(OwnerKind::None),
        Just(OwnerKind::DaemonSet),
        Just(OwnerKind::ReplicaSet),
        Just(OwnerKind::StatefulSet),
        Just(OwnerKind::Job),
        Just(OwnerKind::Node),
        Just(OwnerKind::Other),
    ];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (owner, flags).prop_map(|(owner, (finished, empty_dir, ending))| BoundPod {
        finished,
        empty_dir,
        ending,
        ..owned("p", owner)
    })
}

proptest! {
    #[test]
    fn no_pod_that_stays_is_chosen_and_no_other_is_left_out(
        pods in prop::collection::vec(any_pod(), 0..12),
        bare_pods: bool,
        empty_dir_data: bool,
        force: bool,
    ) {
        let options = DrainOptions { bare_pods, empty_dir_data, force, ..DrainOptions::default() };
        let stays = |pod: &BoundPod| {
            pod.owner == OwnerKind::Node || pod.owner == OwnerKind::DaemonSet && !pod.finished
        };
        let alive = |pod: &BoundPod| !stays(pod) && !pod.finished && !pod.ending;
        let bare = pods.iter().any(|pod| alive(pod) && pod.owner == OwnerKind::None);
        let keeps = pods.iter().any(|pod| alive(pod) && pod.empty_dir);
        match choose(pods.clone(), &options) {
            Ok(going) => {
                let others: Vec<_> = pods.into_iter().filter(|pod| !stays(pod)).collect();
                prop_assert_eq!(going, others);
                prop_assert!((bare_pods || !bare) && (empty_dir_data || !keeps));
            }
            Err(DrainError::Bare { .. }) => prop_assert!(bare && !bare_pods),
            Err(DrainError::EmptyDir { .. }) => prop_assert!(keeps && !empty_dir_data),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}
