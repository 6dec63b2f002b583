//! Who makes the cluster: one, however many begin at once, and another only when that one is gone.

use super::*;

/// The election alone, which is quick enough to be held again and again.
fn election() -> String {
    let spec = spec(ha(Store::default()));
    let ha = spec.ha.as_ref().unwrap();
    let parts = [
        include_str!("../../../assets/aws.sh"),
        include_str!("../../../assets/user-data/common.sh"),
        include_str!("../../../assets/user-data/ha/common.sh"),
        include_str!("../../../assets/user-data/ha/election.sh"),
        "domain=amazonaws.com imds_token=IMDS-s3cr3t\n",
        "if elect; then\n    echo \"$instance\" >>\"$WORLD/elected\"\n    mark\nfi\n",
    ];
    let mut made = made();
    made.signal = "".into();
    text(&boot::server_settings(&spec, ha, &made)) + &parts.concat()
}

#[test]
fn of_three_that_begin_at_once_exactly_one_is_elected() {
    let script = election();
    let shells = shells();
    for round in 0..200 {
        let world = World {
            shell: shells[round % shells.len()],
            pace: "0.01",
            ..World::new()
        };
        let machines = [("i-a", "nothing"), ("i-b", "nothing"), ("i-c", "nothing")];
        assert_eq!(
            world.boot_all(&machines, &script),
            [true; 3],
            "{round}: {}",
            world.told("i-a")
        );
        let elected = world.lines("elected");
        assert_eq!(elected.len(), 1, "{round}: {elected:?}");
        assert_eq!(world.versions(INITIALISED), elected, "{round}");
        assert_eq!(world.versions(&format!("{FIRST}-1")), elected, "{round}");
        assert_eq!(world.value(&format!("{FIRST}-2")), None, "{round}");
    }
}

#[test]
fn when_the_first_is_lost_before_it_has_made_the_cluster_one_other_takes_over() {
    for (state, dies) in [
        ("echo terminated", "k3s kubectl get --raw"),
        ("echo shutting-down", "secretsmanager PutSecretValue"),
        ("echo stopped", "systemctl start"),
    ] {
        let world = World {
            pace: "0.02",
            ..World::new()
        };
        let first = world.start("i-a", &server(), dies);
        assert!(!world.ended("i-a", first), "{dies}");
        let _ = fs::remove_file(world.path("api"));
        // EC2 knows half a minute later.
        let later = format!("[ \"$now\" -lt {} ] || {state} >\"$WORLD/ec2/i-a\"\n", NOW + 30);
        world.write("meanwhile", &later);
        let ended = world.boot_all(&[("i-b", "nothing"), ("i-c", "nothing")], &server());
        assert_eq!(ended, [true; 2], "{dies}: {}{}", world.told("i-b"), world.told("i-c"));
        let made: Vec<_> = world
            .lines("made")
            .into_iter()
            .filter(|machine| machine != "i-a")
            .collect();
        assert_eq!(made.len(), 1, "{dies}");
        assert_eq!(world.versions(INITIALISED), made, "{dies}");
        assert_eq!(world.versions(&format!("{FIRST}-1")), ["i-a"], "{dies}");
        assert_eq!(world.versions(&format!("{FIRST}-2")), made, "{dies}");
        assert_eq!(world.value(&format!("{FIRST}-3")), None, "{dies}");
        let taker = &made[0];
        let clock: u64 = world.of(taker, "clock").trim().parse().unwrap();
        assert!(clock >= NOW + 90, "{dies}: {taker} waited until {clock} only");
    }
}

#[test]
fn one_that_ec2_does_not_know_yet_is_not_gone() {
    let world = World::new();
    world.parameter(&format!("{FIRST}-1"), "i-new");
    // It is known after half a minute, and has made the cluster after two.
    world.write(
        "meanwhile",
        &format!(
            "[ \"$now\" -lt {} ] || echo running >\"$WORLD/ec2/i-new\"\n\
             [ \"$now\" -lt {} ] || {{ mkdir -p \"$WORLD/ssm{INITIALISED}\"; echo i-new >\"$WORLD/ssm{INITIALISED}/1\"; touch \"$WORLD/api\"; }}\n",
            NOW + 30,
            NOW + 120,
        ),
    );
    assert!(world.boot("i-b", &server()), "{}", world.told("i-b"));
    assert_eq!(world.value(&format!("{FIRST}-2")), None);
    assert!(!world.has("made"));
}

#[test]
fn while_the_first_lives_nobody_takes_over() {
    let world = World::new();
    world.parameter(&format!("{FIRST}-1"), "i-slow");
    world.state("i-slow", "running");
    assert!(!world.boot("i-b", &server()));
    assert_eq!(world.value(&format!("{FIRST}-2")), None);
    assert!(!world.has("made"));
    assert!(
        world
            .told("i-b")
            .ends_with("k3fleet: failed: i-slow did not make the cluster within half an hour\n")
    );
}

#[test]
fn an_election_that_cannot_see_ec2_takes_nobody_for_gone() {
    let world = World {
        fails: "ec2",
        ..World::new()
    };
    world.parameter(&format!("{FIRST}-1"), "i-a");
    assert!(!world.boot("i-b", &server()));
    assert_eq!(world.value(&format!("{FIRST}-2")), None);
    assert!(
        world.told("i-b").contains("UnauthorizedOperation"),
        "{}",
        world.told("i-b")
    );
}

#[test]
fn one_that_was_taken_for_gone_makes_no_second_cluster() {
    let world = World::new();
    world.parameter(&format!("{FIRST}-1"), "i-a");
    world.parameter(&format!("{FIRST}-2"), "i-b");
    assert!(!world.boot("i-a", &server()));
    assert_eq!(world.value(INITIALISED), None);
    let log = world.of("i-a", "log");
    assert!(log.contains("systemctl disable --now k3s\n"), "{log}");
    assert!(world.told("i-a").contains("another server has made the cluster"));
}
