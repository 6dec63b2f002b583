//! Servers join one at a time, and none for ever.

use super::*;

/// Taking the lock and giving it back, alone: what two do at once shows as a directory that is there already.
fn locked(times: u32) -> String {
    let spec = spec(ha(Store::default()));
    let ha = spec.ha.as_ref().unwrap();
    let doing = format!(
        "domain=amazonaws.com imds_token=IMDS-s3cr3t\nrounds={times}\nwhile [ \"$rounds\" -gt 0 ]; do\n\
         until take; do sleep 5; done\nmkdir \"$WORLD/inside\"\necho \"$instance\" >>\"$WORLD/held\"\n\
         rmdir \"$WORLD/inside\"\ngive_back\nrounds=$((rounds - 1))\ndone\n"
    );
    let parts = [
        include_str!("../../../assets/aws.sh"),
        include_str!("../../../assets/user-data/common.sh"),
        include_str!("../../../assets/user-data/ha/common.sh"),
        include_str!("../../../assets/user-data/ha/election.sh"),
        include_str!("../../../assets/user-data/ha/lock.sh"),
        &doing,
    ];
    let mut made = made();
    made.signal = "".into();
    text(&boot::server_settings(&spec, ha, &made)) + &parts.concat()
}

#[test]
fn of_many_who_ask_at_once_one_has_the_lock() {
    let world = World {
        pace: "0.03",
        ..World::new()
    };
    let machines = ["i-a", "i-b", "i-c", "i-d"].map(|machine| (machine, "nothing"));
    assert_eq!(
        world.boot_all(&machines, &locked(5)),
        [true; 4],
        "{}",
        world.of("i-a", "complaints")
    );
    assert_eq!(world.lines("held").len(), 20);
    assert!(world.value(LOCK).unwrap().starts_with("free "));
}

#[test]
fn one_that_dies_while_it_joins_keeps_the_others_waiting_for_ten_minutes() {
    let world = World::new();
    world.made_before("i-old");
    let dying = world.start("i-a", &server(), "k3s kubectl get node");
    assert!(!world.ended("i-a", dying));
    assert_eq!(world.value(LOCK), Some(format!("i-a {}", NOW + 600)));
    fs::remove_file(world.path("joining/i-a")).unwrap();
    assert!(world.boot("i-b", &server()), "{}", world.told("i-b"));
    let clock: u64 = world.of("i-b", "clock").trim().parse().unwrap();
    assert!((NOW + 600..NOW + 700).contains(&clock), "{clock}");
    assert!(world.value(LOCK).unwrap().starts_with("free "));
}

#[test]
fn one_that_fails_to_join_keeps_the_lock_meanwhile_and_gives_it_back() {
    let world = World {
        fails: "k3s kubectl get node",
        ..World::new()
    };
    world.made_before("i-old");
    assert!(!world.boot("i-a", &server()));
    let held = world.versions(LOCK);
    let until = |value: &String| value.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap();
    assert!(held.len() >= 3, "{held:?}");
    let (last, kept) = held.split_last().unwrap();
    assert!(last.starts_with("free "), "{held:?}");
    assert!(kept.iter().all(|value| value.starts_with("i-a ")), "{held:?}");
    assert!(kept.windows(2).all(|two| until(&two[0]) < until(&two[1])), "{held:?}");
    assert!(until(last) < until(&kept[kept.len() - 1]), "{held:?}");
    // Its K3s is left alone: it may yet join.
    assert!(!world.of("i-a", "log").contains("systemctl disable"));
    assert_eq!(world.signal("i-a").unwrap()["Status"], "FAILURE");
}

#[test]
fn a_lock_that_says_nothing_sensible_binds_nobody() {
    for value in [
        "free",
        "free 1",
        "x",
        "i-x soon",
        "i-x",
        &format!("i-x {}", NOW - 1),
        "i-x 9999999999",
    ] {
        let world = World::new();
        world.parameter(LOCK, value);
        assert!(world.boot("i-a", &locked(1)), "{value}");
        let clock: u64 = world.of("i-a", "clock").trim().parse().unwrap();
        assert_eq!(clock, NOW, "{value}");
    }
}

#[test]
fn who_read_the_same_as_another_has_the_lock_only_if_it_was_given_back_in_between() {
    let other = "last \"$directory\"\nrm \"$WORLD/before\"\n";
    let write = |value: &str| format!("n=$((n + 1))\necho \"{value}\" >\"$directory/$n\"\n");
    let theirs = write(&format!("i-x {}", NOW + 600));
    let cases = [
        (theirs.clone(), false),
        (theirs.clone() + &write("free 1"), true),
        // An answer of AWS was lost, and curl or the script asked again.
        (write("$asked"), true),
        (theirs + &write("$asked"), false),
    ];
    for (between, taken) in cases {
        let world = World::new();
        world.parameter(LOCK, "free 1");
        world.write("before", &format!("{other}{between}"));
        assert!(world.boot("i-a", &locked(1)), "{between}");
        let clock: u64 = world.of("i-a", "clock").trim().parse().unwrap();
        assert_eq!(clock == NOW, taken, "{between}: {clock}");
    }
}
