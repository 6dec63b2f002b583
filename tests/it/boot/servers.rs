//! Servers of a cluster that come, go and come again.

use super::*;

const THREE: [(&str, &str); 3] = [("i-a", "nothing"), ("i-b", "nothing"), ("i-c", "nothing")];

#[test]
fn three_servers_become_one_cluster_one_after_the_other() {
    for shell in shells() {
        let world = World {
            shell,
            pace: "0.02",
            ..World::new()
        };
        assert_eq!(
            world.boot_all(&THREE, &server()),
            [true; 3],
            "{shell}: {}",
            world.told("i-a")
        );
        let made = world.lines("made");
        assert_eq!(made.len(), 1, "{shell}");
        let first = made[0].clone();
        assert_eq!(world.versions(INITIALISED), made, "{shell}");
        assert_eq!(world.versions(&format!("{FIRST}-1")), made, "{shell}");
        assert!(!world.has(&format!("ssm{FIRST}-2")), "{shell}");
        assert_eq!(world.lines("together"), [""; 0], "{shell}");
        // Only who made the cluster hands over how to reach it.
        assert_eq!(world.lines("handed-over"), [first.clone(), first.clone()], "{shell}");
        assert!(world.value(LOCK).unwrap().starts_with("free "), "{shell}");
        for (machine, _) in THREE {
            let config = world.config(machine);
            let joins = config.contains("\nserver: \"https://api.internal:6443\"\n");
            let makes = config.contains("\ncluster-init: true\n");
            assert_eq!(
                (makes, joins),
                (machine == first, machine != first),
                "{shell}: {config}"
            );
            let signal = world.signal(machine).unwrap();
            assert_eq!(
                (&signal["Status"], &signal["UniqueId"]),
                (&"SUCCESS".into(), &machine.into())
            );
            let last = world.of(machine, "dev/console");
            assert_eq!(last, format!("k3fleet: ready: {machine}\n"), "{shell}");
            assert_eq!(world.of(machine, "complaints"), "", "{shell}");
            assert!(!world.has(&format!("machines/{machine}/var/lib/cloud/scripts/per-boot/k3fleet")));
        }
    }
}

#[test]
fn a_server_is_configured_whole() {
    let world = World::new();
    assert!(world.boot("i-a", &server()), "{}", world.told("i-a"));
    let expected = "node-name: \"i-a\"\n\
        kubelet-arg:\n  - \"provider-id=aws:///eu-west-1b/i-a\"\n\
        node-label:\n  - \"topology.kubernetes.io/region=eu-west-1\"\n  - \"topology.kubernetes.io/zone=eu-west-1b\"\n  \
        - \"k3fleet.dev/pool=k3s_servers\"\n\
        write-kubeconfig-mode: \"0600\"\n\
        tls-san:\n  - \"api.internal\"\n  - \"api.shop.example\"\n  - \"198.51.100.9\"\n  - \"10.0.1.7\"\n\
        token-file: /etc/rancher/k3s/server-token\nagent-token-file: /etc/rancher/k3s/agent-token\n\
        secrets-encryption: true\n\
        etcd-s3: true\netcd-s3-bucket: k3fleet-shop-snapshots\netcd-s3-region: eu-west-1\n\
        etcd-s3-endpoint: s3.eu-west-1.amazonaws.com\netcd-s3-folder: shop\n\
        etcd-snapshot-schedule-cron: \"0 */12 * * *\"\netcd-snapshot-retention: 14\netcd-s3-retention: 42\n\
        cluster-init: true\n";
    assert_eq!(world.config("i-a"), expected);
    for file in ["config.yaml", "server-token", "agent-token"] {
        let path = world.path(&format!("machines/i-a/etc/rancher/k3s/{file}"));
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o600,
            "{file}"
        );
    }
    assert_eq!(world.of("i-a", "etc/rancher/k3s/server-token"), "s3cr3t-server");
    assert_eq!(world.of("i-a", "installed"), "v1.36.4+k3s1 server true  \n");
}

#[test]
fn how_to_reach_the_cluster_is_handed_over_under_its_name() {
    let world = World::new();
    assert!(world.boot("i-a", &server()));
    let kubeconfig = world.secret("kubeconfig");
    assert!(
        kubeconfig.contains("    server: https://api.internal:6443\n"),
        "{kubeconfig}"
    );
    assert!(kubeconfig.contains("current-context: \"shop\"\n"), "{kubeconfig}");
    assert!(
        !kubeconfig.contains("default") && !kubeconfig.contains("127.0.0.1"),
        "{kubeconfig}"
    );
    let reaper: serde_json::Value = serde_json::from_str(&world.secret("reaper")).unwrap();
    let expected = serde_json::json!({
        "server": "https://api.internal:6443",
        "ca": "-----BEGIN\nCA\n-----END\n",
        "token": "s3cr3t-reaper",
    });
    assert_eq!(reaper, expected);
    let manifest = world.of("i-a", "var/lib/rancher/k3s/server/manifests/k3fleet-reaper.yaml");
    assert!(
        manifest.contains("\nmetadata:\n  name: k3fleet-reaper\n  namespace: kube-system\n"),
        "{manifest}"
    );
    assert!(!world.has("machines/i-a/var/lib/rancher/k3s/server/manifests/k3fleet-efs.yaml"));
}

#[test]
fn after_the_loss_of_all_servers_no_empty_cluster_is_made() {
    let world = World::new();
    world.made_before("i-gone");
    fs::remove_file(world.path("api")).unwrap();
    assert!(!world.boot("i-a", &server()));
    assert!(!world.has("made"));
    assert_eq!(world.of("i-a", "etc/rancher/k3s/config.yaml"), "");
    assert_eq!(world.value(&format!("{FIRST}-2")), None);
    let told = world.told("i-a");
    let again = "k3fleet: the cluster has been made before, but its API does not answer: another is not made\n";
    // Each minute of twenty.
    assert!((15..=20).contains(&told.matches(again).count()), "{told}");
    assert!(told.ends_with("'k3fleet restore shop' restores a snapshot\n"), "{told}");
    let signal = world.signal("i-a").unwrap();
    assert_eq!(signal["Status"], "FAILURE");
    assert!(
        signal["Reason"].as_str().unwrap().contains("k3fleet restore shop"),
        "{signal}"
    );
}

#[test]
fn a_server_that_comes_later_joins() {
    let world = World::new();
    world.made_before("i-old");
    assert!(world.boot("i-z", &server()), "{}", world.told("i-z"));
    assert!(!world.has("made") && !world.has("handed-over"));
    assert!(
        world
            .config("i-z")
            .ends_with("\nserver: \"https://api.internal:6443\"\n")
    );
    let lock = world.versions(LOCK);
    assert_eq!(lock.len(), 2, "{lock:?}");
    assert!(lock[0].starts_with("i-z ") && lock[1].starts_with("free "), "{lock:?}");
}

#[test]
fn a_first_server_that_is_rebooted_in_the_middle_goes_on_as_the_first() {
    for dies in [
        "systemctl start",
        "k3s kubectl get --raw",
        "secretsmanager PutSecretValue",
    ] {
        let world = World::new();
        let running = world.start("i-a", &server(), dies);
        assert!(!world.ended("i-a", running), "{dies}");
        assert!(
            world.has("machines/i-a/var/lib/cloud/scripts/per-boot/k3fleet"),
            "{dies}"
        );
        assert_eq!(world.value(INITIALISED), None, "{dies}");
        fs::remove_dir_all(world.path("machines/i-a/tmp")).unwrap();
        assert!(world.boot("i-a", &server()), "{dies}: {}", world.told("i-a"));
        assert_eq!(world.lines("made"), ["i-a"], "{dies}");
        assert_eq!(world.versions(INITIALISED), ["i-a"], "{dies}");
        assert_eq!(world.value(&format!("{FIRST}-2")), None, "{dies}");
    }
}

#[test]
fn a_member_that_runs_its_script_again_waits_for_nobody() {
    let world = World::new();
    assert!(world.boot("i-a", &server()));
    fs::remove_file(world.path("api")).unwrap();
    assert!(world.boot("i-a", &server()), "{}", world.told("i-a"));
    assert_eq!(world.lines("made"), ["i-a"]);
    assert_eq!(world.lines("handed-over").len(), 2);
    assert_eq!(world.value(LOCK), None);
}

#[test]
fn what_fails_is_told_with_the_last_lines_of_the_log_and_without_secrets() {
    let told = [
        (
            "ssm GetParameter /k3fleet/shop/server-token",
            "AccessDeniedException",
            false,
        ),
        (
            "ssm GetParameter /k3fleet/shop/initialised",
            "asking whether shop has been made",
            false,
        ),
        (
            "ssm PutParameter /k3fleet/shop/first-server-1",
            "AccessDeniedException",
            false,
        ),
        ("installer", "downloading the installer of K3s", false),
        ("setup", "installing K3s v1.36.4+k3s1", false),
        ("k3s kubectl get --raw", "waiting for the API server", true),
        (
            "k3s kubectl -n kube-system",
            "waiting for the token of the reaper",
            true,
        ),
        (
            "secretsmanager PutSecretValue k3fleet/shop/reaper",
            "to the secret k3fleet/shop/reaper",
            true,
        ),
        (
            "ssm PutParameter /k3fleet/shop/initialised",
            "writing /k3fleet/shop/initialised",
            true,
        ),
    ];
    for (fails, reason, started) in told {
        let world = World { fails, ..World::new() };
        assert!(!world.boot("i-a", &server()), "{fails}");
        let signal = world.signal("i-a").unwrap();
        assert_eq!(signal["Status"], "FAILURE", "{fails}");
        let why = signal["Reason"].as_str().unwrap();
        assert!(why.contains(reason) && why.len() <= 1000, "{fails}: {why}");
        if started && fails.starts_with("k3s") {
            assert!(why.contains("level=fatal msg=\"K10..."), "{fails}: {why}");
            assert!(why.contains("postgres://...@db/k3s, *\""), "{fails}: {why}");
        }
        // A cluster that is not whole does not look like one to the load balancer.
        let log = world.of("i-a", "log");
        assert_eq!(log.contains("systemctl disable --now k3s\n"), started, "{fails}");
        assert_eq!(world.value(INITIALISED), None, "{fails}");
        assert!(
            world.of("i-a", "dev/console").starts_with("k3fleet: failed: "),
            "{fails}"
        );
    }
}

#[test]
fn a_stack_that_no_longer_listens_changes_nothing() {
    let world = World {
        fails: "signal",
        ..World::new()
    };
    assert!(world.boot("i-a", &server()));
    assert_eq!(world.signal("i-a"), None);
    assert_eq!(world.value(INITIALISED).as_deref(), Some("i-a"));
}

#[test]
fn a_machine_that_is_told_to_end_says_nothing_and_goes_on_after_the_reboot() {
    let world = World::new();
    world.write("meanwhile", "kill -TERM \"$PPID\"\n");
    world.made_before("i-old");
    fs::remove_file(world.path("api")).unwrap();
    assert!(!world.boot("i-a", &server()));
    assert_eq!(world.signal("i-a"), None);
    assert!(world.has("machines/i-a/var/lib/cloud/scripts/per-boot/k3fleet"));
}
