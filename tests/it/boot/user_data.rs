//! What the scripts are, and what they make of each kind of cluster.

use sha2::{Digest, Sha256};

use super::*;
use crate::support::shellcheck::judge;
use k3fleet::blueprint::SshKey;
use k3fleet::blueprint::user_data::LIMIT;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdd0bVZ0xUqWQ1VwQ8mQJ0aZbqGxN9lqL1k6Zc9b2Xy ana@desk";

fn aurora() -> Store {
    Store::Aurora {
        min_half_acus: 1,
        max_half_acus: 8,
    }
}

/// Every kind of cluster.
fn all() -> Vec<(String, Spec)> {
    let mut all = vec![];
    for store in [Store::default(), Store::External, aurora()] {
        for image in [Image::Ubuntu, Image::Al2023] {
            for whole in [false, true] {
                let name = format!("{store:?} {image:?} {whole}");
                let mut ha = ha(store.clone());
                ha.shared_storage = whole;
                ha.mirror = whole.then(|| "https://mirror.example/k3s/v1.36.4/".into());
                let mut spec = spec(ha);
                spec.image = image;
                all.push((name, spec));
            }
        }
    }
    all
}

#[test]
fn shellcheck_finds_nothing() {
    let scripts = all().into_iter().flat_map(|(name, spec)| {
        let agent = (format!("agent of {name}"), agent_script(&spec));
        [(format!("server of {name}"), server_script(&spec)), agent]
    });
    judge(scripts);
}

#[test]
fn the_largest_fits_what_ec2_takes() {
    for (name, mut spec) in all() {
        spec.name = "n".repeat(40).into();
        spec.region = "ap-southeast-2".into();
        spec.ssh = Some(SshKey::Public(KEY.into()));
        let ha = spec.ha.as_ref().unwrap();
        // As long as the stack's own come.
        let long = Made {
            api: Value::Text("a".repeat(100)),
            sans: Value::Text("s".repeat(150)),
            signal: Value::Text("h".repeat(520)),
            bucket: Value::Text("b".repeat(63)),
            db_host: Value::Text("d".repeat(110)),
            db_secret: Value::Text("d".repeat(120)),
            efs: Value::Text("f".repeat(20)),
        };
        let parts = boot::parts(&spec, ha);
        let settings = text(&boot::server_settings(&spec, ha, &long));
        let size = settings.len() + parts.common.len() + parts.server.len();
        assert!(size < LIMIT, "{name}: {size}");
        // In the template, where ends of lines and quotes take two bytes.
        let whole = [&parts.common, &parts.server, &parts.agent].map(|part| serde_json::to_string(part).unwrap().len());
        assert!(whole.iter().sum::<usize>() < 18_000, "{name}: {whole:?}");
    }
}

#[test]
fn servers_come_up_with_every_store_and_shell() {
    for shell in shells() {
        for (name, spec) in all() {
            let world = World { shell, ..World::new() };
            mirror(&world);
            databases(&world);
            let script = server_script(&spec);
            assert!(world.boot("i-a", &script), "{shell}, {name}: {}", world.told("i-a"));
            assert_eq!(world.of("i-a", "complaints"), "", "{shell}, {name}");
            let whole = name.ends_with("true");
            let efs = world.of("i-a", "var/lib/rancher/k3s/server/manifests/k3fleet-efs.yaml");
            assert_eq!(
                efs.contains("fileSystemId: fs-0123456789abcdef0,"),
                whole,
                "{name}: {efs}"
            );
            let config = world.config("i-a");
            assert_eq!(
                config.contains("selinux: true\n"),
                spec.image == Image::Al2023,
                "{name}"
            );
            assert_eq!(config.contains("etcd"), name.starts_with("Etcd"), "{name}");
            assert_eq!(config.contains("cluster-init"), name.starts_with("Etcd"), "{name}");
            assert_eq!(world.has("machines/i-a/usr/local/bin/k3s"), whole, "{name}");
        }
    }
}

/// A place with the files of a release.
fn mirror(world: &World) {
    world.write("mirror/install.sh", INSTALLER);
    let files = [
        ("k3s-arm64", "#!/bin/sh\n"),
        ("k3s-airgap-images-arm64.tar.zst", "images"),
    ];
    let mut sums = String::new();
    for (name, text) in files {
        world.write(&format!("mirror/{name}"), text);
        let sum: String = Sha256::digest(text.as_bytes())
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        sums.extend([&sum, "  ", name, "\n"]);
    }
    world.write("mirror/sha256sum-arm64.txt", &sums);
}

/// What opens the databases.
fn databases(world: &World) {
    world.parameter(
        "/k3fleet/shop/dsn",
        r#"mysql://k3s:s3cr3t\"\\x@tcp(db.example:3306)/k3s"#,
    );
    let login = serde_json::json!({"username": "k3s", "password": "s3cr3t \"a\\b%/@:é"}).to_string();
    let answer =
        serde_json::json!({"ARN": "arn", "Name": "rds", "SecretString": login, "VersionStages": ["AWSCURRENT"]});
    world.write("login", &answer.to_string());
}

#[test]
fn a_mirror_gives_the_program_and_its_images_checked() {
    let mut kind = ha(Store::default());
    kind.mirror = Some("https://mirror.example/k3s/v1.36.4/".into());
    let script = server_script(&spec(kind));
    let world = World::new();
    mirror(&world);
    assert!(world.boot("i-a", &script), "{}", world.told("i-a"));
    assert_eq!(world.of("i-a", "usr/local/bin/k3s"), "#!/bin/sh\n");
    let images = "var/lib/rancher/k3s/agent/images/k3s-airgap-images-arm64.tar.zst";
    assert_eq!(world.of("i-a", images), "images");
    assert!(
        world.of("i-a", "installed").ends_with(" true\n"),
        "{}",
        world.of("i-a", "installed")
    );
    assert!(!world.of("i-a", "log").contains("get.k3s.io"));
    // Not what the sums say.
    let world = World::new();
    mirror(&world);
    world.write("mirror/k3s-arm64", "#!/bin/sh\nother\n");
    assert!(!world.boot("i-b", &script));
    assert!(!world.has("machines/i-b/installed") && !world.has("machines/i-b/usr/local/bin/k3s"));
}

#[test]
fn a_key_that_ec2_does_not_know_is_let_in_by_the_machine() {
    let mut spec = spec(ha(Store::default()));
    assert!(!server_script(&spec).contains("authorized_keys"));
    spec.ssh = Some(SshKey::Public(KEY.into()));
    let world = World::new();
    assert!(world.boot("i-a", &server_script(&spec)), "{}", world.told("i-a"));
    assert_eq!(world.of("i-a", "home/ubuntu/.ssh/authorized_keys"), format!("{KEY}\n"));
}

#[test]
fn a_database_is_opened_as_its_owner_said() {
    let endpoint = |world: &World| {
        let path = "machines/i-a/etc/rancher/k3s/config.yaml.d/database.yaml";
        let mode = fs::metadata(world.path(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let text = world.read(path);
        let value = text.strip_prefix("datastore-endpoint: ").unwrap();
        serde_json::from_str::<String>(value).unwrap()
    };
    let world = World::new();
    databases(&world);
    assert!(
        world.boot("i-a", &server_script(&spec(ha(Store::External)))),
        "{}",
        world.told("i-a")
    );
    assert_eq!(endpoint(&world), "mysql://k3s:s3cr3t\"\\x@tcp(db.example:3306)/k3s");
    let world = World::new();
    databases(&world);
    assert!(
        world.boot("i-a", &server_script(&spec(ha(aurora())))),
        "{}",
        world.told("i-a")
    );
    let expected = "postgres://%6b%33%73:%73%33%63%72%33%74%20%22%61%5c%62%25%2f%40%3a%c3%a9\
        @shop.cluster-x.eu-west-1.rds.amazonaws.com:5432/k3s?sslmode=require";
    assert_eq!(endpoint(&world), expected);
}

#[test]
fn servers_with_a_database_need_neither_the_lock_nor_each_other() {
    let world = World::new();
    databases(&world);
    world.made_before("i-old");
    fs::remove_file(world.path("api")).unwrap();
    assert!(
        world.boot("i-b", &server_script(&spec(ha(aurora())))),
        "{}",
        world.told("i-b")
    );
    assert!(!world.config("i-b").contains("\nserver:"));
    assert_eq!(world.value(LOCK), None);
    assert!(!world.has("handed-over"));
    // Before it is made they wait, as with etcd.
    let world = World::new();
    databases(&world);
    world.parameter(&format!("{FIRST}-1"), "i-slow");
    world.state("i-slow", "pending");
    assert!(!world.boot("i-b", &server_script(&spec(ha(Store::External)))));
    assert!(!world.has("machines/i-b/started"));
}

#[test]
fn an_agent_waits_for_the_api_and_joins() {
    for shell in shells() {
        let world = World { shell, ..World::new() };
        world.write(
            "meanwhile",
            &format!("[ \"$now\" -lt {} ] || touch \"$WORLD/api\"\n", NOW + 600),
        );
        let mut spec = spec(ha(Store::default()));
        spec.image = Image::Al2023;
        assert!(
            world.boot("i-w", &agent_script(&spec)),
            "{shell}: {}",
            world.told("i-w")
        );
        assert_eq!(world.of("i-w", "complaints"), "", "{shell}");
        let expected = "node-name: \"i-w\"\n\
            kubelet-arg:\n  - \"provider-id=aws:///eu-west-1b/i-w\"\n\
            node-label:\n  - \"topology.kubernetes.io/region=eu-west-1\"\n  \
            - \"topology.kubernetes.io/zone=eu-west-1b\"\n  - \"k3fleet.dev/pool=k3s_workers\"\n  \
            - \"tier=web\"\n  - \"gpu=no\"\n\
            node-taint:\n  - \"edge=yes:NoSchedule\"\n\
            server: \"https://api.internal:6443\"\ntoken-file: /etc/rancher/k3s/agent-token\nselinux: true\n";
        assert_eq!(world.config("i-w"), expected, "{shell}");
        assert_eq!(world.of("i-w", "etc/rancher/k3s/agent-token"), "s3cr3t-agent");
        assert!(!world.has("machines/i-w/etc/rancher/k3s/server-token"));
        let log = world.of("i-w", "log");
        assert!(log.contains("systemctl start --no-block k3s-agent\n"), "{log}");
        assert!(
            world
                .told("i-w")
                .contains("k3fleet: the API of shop does not answer yet\n")
        );
        assert_eq!(world.signal("i-w"), None);
    }
}

#[test]
fn an_agent_knows_nothing_that_is_the_servers() {
    let script = agent_script(&spec(ha(Store::default())));
    for theirs in [
        "server-token",
        "kubeconfig",
        "signal.example",
        "PutParameter",
        "DescribeInstances",
    ] {
        assert!(!script.contains(theirs), "{theirs}");
    }
    let world = World::new();
    assert!(!world.boot("i-w", &agent_script(&spec(ha(Store::default())))));
    assert!(!world.has("machines/i-w/started"));
    assert!(
        world
            .told("i-w")
            .ends_with("k3fleet: failed: the API at https://api.internal:6443 did not answer for 20 minutes\n")
    );
}
