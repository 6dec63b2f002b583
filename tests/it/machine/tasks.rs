//! Tasks that install, start, save and renew.

use k3fleet::blueprint::machine::script::{self, Source};
use k3fleet::blueprint::machine::{Install, Task};

use super::{Machine, VERSION, install, program, sums};

const CONFIG: &str = "etc/rancher/k3s/config.yaml";
const FILES: &str = "files";

fn installing(install: Install) -> Task {
    Task::Install(Box::new(install))
}

/// A machine with the files of an air-gapped installation, and the name of their directory.
fn with_files() -> (Machine, Option<smol_str::SmolStr>) {
    let machine = Machine::new();
    let files = machine.path(FILES).display().to_string();
    for name in ["k3s-arm64", "sha256sum-arm64.txt"] {
        machine.write(&format!("{FILES}/{name}"), &machine.file(&format!("release/{name}")));
    }
    machine.write(&format!("{FILES}/install.sh"), &machine.file("installer"));
    machine.write(&format!("{FILES}/k3s-airgap-images-arm64.tar.zst"), "images of arm64");
    (machine, Some(files.into()))
}

#[test]
fn an_agent_is_installed_and_started_without_a_wait() {
    for shell in ["sh", "bash", "busybox sh"] {
        let mut machine = Machine::new();
        machine.shell = shell;
        let said = machine.done(&installing(install()), &["K10aabbccdd::abcdef.s3cr3t0123456789"]);
        assert_eq!(said, "K3s v1.36.4+k3s1 is installed, and told to start", "{shell}");
        assert_eq!(
            machine.file(CONFIG),
            "# Written by k3fleet.\nnode-name: \"pi-kiosk-01\"\nserver: \"https://192.0.2.7:6443\"\n\
             token-file: /etc/rancher/k3s/agent-token\nnode-label:\n  - \"site=shop\"\n  - \"it's=\\\"x\\\"\"\n\
             node-taint:\n  - \"edge=yes:NoSchedule\"\n"
        );
        let token = "etc/rancher/k3s/agent-token";
        assert_eq!(machine.file(token), "K10aabbccdd::abcdef.s3cr3t0123456789\n");
        assert_eq!((machine.mode(token), machine.mode(CONFIG)), (0o600, 0o600));
        assert_eq!(
            machine.file("installed"),
            "v1.36.4+k3s1 agent true download /etc/rancher/k3s/agent-token\n"
        );
        let started = "systemctl start --no-block k3s-agent".to_owned();
        assert_eq!(machine.calls("systemctl").last(), Some(&started), "{shell}");
        assert_eq!(machine.calls("sleep"), [""; 0]);
        // Once more, for a cut off join.
        let again = machine.done(&installing(install()), &["s3cr3t-second"]);
        assert_eq!(again, said);
        assert_eq!(machine.file(token), "s3cr3t-second\n");
        assert_eq!(machine.names("etc/rancher/k3s"), ["agent-token", "config.yaml"]);
    }
}

#[test]
fn the_key_of_a_vpn_is_kept_like_a_token() {
    let machine = Machine::new();
    let mut vpn = install();
    vpn.vpn = true;
    assert_eq!(
        machine.fails(&installing(vpn.clone()), &["s3cr3t"]),
        "the key of the VPN did not arrive"
    );
    machine.done(&installing(vpn), &["s3cr3t", "name=tailscale,joinKey=s3cr3t-key"]);
    let file = "etc/rancher/k3s/vpn-auth";
    assert_eq!(machine.file(file), "name=tailscale,joinKey=s3cr3t-key\n");
    assert_eq!(machine.mode(file), 0o600);
    assert!(
        machine
            .file(CONFIG)
            .ends_with("vpn-auth-file: /etc/rancher/k3s/vpn-auth\n")
    );
}

#[test]
fn a_configuration_that_was_there_is_kept() {
    let machine = Machine::new();
    machine.write(CONFIG, "token: s3cr3t-of-old\n");
    machine.done(&installing(install()), &["s3cr3t"]);
    assert_eq!(
        machine.file("etc/rancher/k3s/config.yaml.before-k3fleet"),
        "token: s3cr3t-of-old\n"
    );
    machine.write("etc/rancher/k3s/config.yaml.d/90-own.yaml", "\"token\": s3cr3t\n");
    assert_eq!(
        machine.fails(&installing(install()), &["s3cr3t"]),
        "/etc/rancher/k3s/config.yaml.d/90-own.yaml would win over what is configured here: take it away"
    );
    machine.write(
        "etc/rancher/k3s/config.yaml.d/90-own.yaml",
        "kubelet-arg:\n  - max-pods=20\n",
    );
    machine.done(&installing(install()), &["s3cr3t"]);
}

#[test]
fn a_token_that_does_not_arrive_and_a_server_end_it_before_anything_is_written() {
    let machine = Machine::new();
    assert_eq!(
        machine.fails(&installing(install()), &[]),
        "the token did not arrive on standard input"
    );
    assert!(!machine.has("etc"));
    let server = Machine::server();
    assert_eq!(
        server.fails(&installing(install()), &["s3cr3t"]),
        "a server of K3s is installed on this machine: take it off first"
    );
    assert!(!server.has(CONFIG));
}

#[test]
fn why_an_installer_failed_is_told_without_what_is_secret() {
    let mut machine = Machine::new();
    machine.fails = "installer".into();
    assert_eq!(
        machine.fails(&installing(install()), &["s3cr3t"]),
        "installing K3s v1.36.4+k3s1: [ERROR]  Download failed"
    );
    machine.fails = "curl".into();
    assert_eq!(
        machine.fails(&installing(install()), &["s3cr3t-old"]),
        "downloading the installer of K3s: level=fatal msg=\"it broke: K10...\""
    );
}

#[test]
fn wget_does_where_there_is_no_curl() {
    let mut machine = Machine::new();
    machine.without = &["curl"];
    machine.done(&installing(install()), &["s3cr3t"]);
    assert!(machine.calls("wget").iter().any(|c| c.ends_with("https://get.k3s.io")));
    machine.without = &["curl", "wget"];
    assert_eq!(
        machine.fails(&installing(install()), &["s3cr3t"]),
        "neither curl nor wget is installed"
    );
}

#[test]
fn files_are_verified_and_nothing_is_downloaded() {
    let (machine, files) = with_files();
    let task = installing(Install { files, ..install() });
    machine.done(&task, &["s3cr3t"]);
    assert_eq!(machine.file("usr/local/bin/k3s"), program(VERSION));
    assert_eq!(machine.mode("usr/local/bin/k3s"), 0o755);
    assert_eq!(
        machine.names("var/lib/rancher/k3s/agent/images"),
        ["k3s-airgap-images-arm64.tar.zst"]
    );
    assert!(machine.file("installed").contains("true true /etc/rancher"));
    assert_eq!(machine.calls("curl").len() + machine.calls("wget").len(), 0);
    assert!(!machine.has(FILES), "what was brought is not kept twice");
    assert_eq!(machine.names("usr/local/bin"), ["k3s"]);
}

#[test]
fn files_that_are_not_what_they_should_be_are_refused() {
    let refused = |change: &dyn Fn(&Machine), why: &str| {
        let (machine, files) = with_files();
        change(&machine);
        let task = installing(Install { files, ..install() });
        let said = machine
            .fails(&task, &["s3cr3t"])
            .replace(&machine.path("").display().to_string(), "/");
        assert_eq!(said, why);
        assert!(!machine.has("usr/local/bin/k3s") || why.contains("images"), "{why}");
        assert!(!machine.has("installed"), "{why}");
    };
    refused(
        &|m| m.write("files/k3s-arm64", "cut off"),
        "the checksum of k3s-arm64 is not that of sha256sum-arm64.txt",
    );
    refused(
        &|m| m.write("files/k3s-airgap-images-arm64.tar.zst", "cut off"),
        "the checksum of k3s-airgap-images-arm64.tar.zst is not that of sha256sum-arm64.txt",
    );
    refused(
        &|m| m.write("files/sha256sum-arm64.txt", ""),
        "sha256sum-arm64.txt names no checksum of k3s-arm64",
    );
    refused(
        &|m| {
            let other = program("v1.30.0+k3s1");
            m.write("files/k3s-arm64", &other);
            m.write("files/sha256sum-arm64.txt", &sums(&[("k3s-arm64", &other)]));
        },
        "k3s-arm64 is not K3s v1.36.4+k3s1, or does not run here",
    );
    refused(
        &|m| m.write("owner", "1000"),
        "/files belongs to somebody else: delete it",
    );
    refused(&|m| m.chmod("files", 0o777), "everybody can write to /files: delete it");
}

#[test]
fn each_processor_has_its_program() {
    for (kind, why) in [
        ("armv6l", "K3s does not run on ARMv6"),
        ("riscv64", "there is no K3s for riscv64"),
    ] {
        let mut machine = Machine::new();
        machine.kind = kind;
        assert_eq!(machine.fails(&installing(install()), &["s3cr3t"]), why);
    }
    for (kind, name, list) in [
        ("x86_64", "k3s", "sha256sum-amd64.txt"),
        ("armv7l", "k3s-armhf", "sha256sum-arm.txt"),
    ] {
        let mut machine = Machine::agent();
        machine.kind = kind;
        machine.write(&format!("release/{name}"), &program(VERSION));
        machine.write(&format!("release/{list}"), &sums(&[(name, &program(VERSION))]));
        let version = VERSION.into();
        machine.done(&Task::Upgrade { version, files: None }, &[]);
        assert_eq!(machine.file("usr/local/bin/k3s"), program(VERSION), "{kind}");
    }
}

#[test]
fn an_upgrade_moves_the_program_and_restarts_nothing() {
    let machine = Machine::agent();
    let version = VERSION.into();
    let task = Task::Upgrade { version, files: None };
    assert_eq!(machine.done(&task, &[]), "K3s v1.36.4+k3s1 runs from the next start on");
    assert_eq!(machine.file("usr/local/bin/k3s"), program(VERSION));
    let downloads = machine.calls("curl");
    assert_eq!(downloads.len(), 2, "{downloads:?}");
    assert!(
        downloads.iter().all(|call| call.contains("/v1.36.4%2Bk3s1/")),
        "{downloads:?}"
    );
    assert!(machine.calls("systemctl").iter().all(|call| call.contains(" show ")));
    // It is there: only the checksums are asked for.
    machine.done(&task, &[]);
    assert_eq!(machine.calls("curl").len(), 3);
    machine.write("release/k3s-arm64", "something else");
    machine.write("usr/local/bin/k3s", &program("v1.35.5+k3s1"));
    assert_eq!(
        machine.fails(&task, &[]),
        "the checksum of k3s-arm64 is not that of sha256sum-arm64.txt"
    );
    assert_eq!(machine.file("usr/local/bin/k3s"), program("v1.35.5+k3s1"));
    assert_eq!(Machine::new().fails(&task, &[]), "K3s is not installed on this machine");
}

#[test]
fn an_upgrade_goes_where_the_unit_finds_it() {
    let machine = Machine::agent();
    let unit = "[Service]\nExecStart=/usr/bin/k3s agent --server https://192.0.2.7:6443\n";
    machine.write("etc/systemd/system/k3s-agent.service", unit);
    machine.program("usr/bin/k3s", &program("v1.35.5+k3s1"));
    let version = VERSION.into();
    machine.done(&Task::Upgrade { version, files: None }, &[]);
    assert_eq!(machine.file("usr/bin/k3s"), program(VERSION));
    assert_eq!(machine.file("usr/local/bin/k3s"), program("v1.35.5+k3s1"));
}

#[test]
fn a_restart_does_not_wait() {
    for (machine, unit) in [(Machine::agent(), "k3s-agent"), (Machine::server(), "k3s")] {
        machine.done(&Task::Restart, &[]);
        let calls = machine.calls("systemctl");
        assert!(
            calls.contains(&format!("systemctl restart --no-block {unit}")),
            "{calls:?}"
        );
        assert_eq!(machine.calls("sleep"), [""; 0]);
    }
    assert_eq!(
        Machine::new().fails(&Task::Restart, &[]),
        "K3s is not installed on this machine"
    );
    let mut machine = Machine::new();
    machine.fails = "systemctl start".into();
    assert_eq!(
        machine.fails(&installing(install()), &["s3cr3t"]),
        "starting k3s-agent: level=fatal msg=\"it broke: K10...\""
    );
}

#[test]
fn openrc_starts_it_too() {
    let machine = Machine::new();
    machine.write(
        "etc/init.d/k3s-agent",
        "#!/sbin/openrc-run\ncommand=\"/usr/local/bin/k3s\"\ncommand_args=\"agent\n    >>/var/log/k3s-agent.log 2>&1\"\n",
    );
    assert_eq!(machine.done(&Task::Restart, &[]), "k3s-agent is told to restart");
    assert!(
        machine
            .calls("rc-service")
            .contains(&"rc-service k3s-agent restart".to_owned())
    );
    assert_eq!(machine.calls("systemctl"), [""; 0]);
}

#[test]
fn what_is_taken_off_leaves_nothing() {
    let machine = Machine::new();
    machine.done(&installing(install()), &["s3cr3t"]);
    machine.write("etc/rancher/node/password", "s3cr3t");
    machine.program(
        "usr/local/bin/k3s-agent-uninstall.sh",
        "#!/bin/sh\nset -x\nrm -rf \"$K3FLEET_ROOT/etc/rancher/k3s\" \"$K3FLEET_ROOT\"/etc/systemd/system/k3s-agent.service*\n\
         rm -f \"$K3FLEET_ROOT/usr/local/bin/k3s-agent-uninstall.sh\"\nexit 3\n",
    );
    assert_eq!(machine.done(&Task::Uninstall, &[]), "K3s is taken off");
    assert!(!machine.has("etc/rancher/node") && !machine.has("etc/rancher/k3s"));
    assert_eq!(machine.done(&Task::Uninstall, &[]), "there was no K3s");
    // A join that was cut off before the installer ran.
    let machine = Machine::new();
    machine.write(CONFIG, "# Written by k3fleet.\nserver: x\n");
    machine.write("etc/rancher/k3s/agent-token", "s3cr3t");
    machine.done(&Task::Uninstall, &[]);
    assert_eq!(machine.names("etc/rancher/k3s"), [""; 0]);
    assert_eq!(
        Machine::agent().fails(&Task::Uninstall, &[]),
        "/etc/systemd/system/k3s-agent.service is still there: take it off as it was installed"
    );
}

#[test]
fn a_machine_restarts_a_moment_later() {
    let machine = Machine::new();
    assert_eq!(machine.done(&Task::Reboot, &[]), "it restarts in a moment");
    assert_eq!(
        machine.calls("systemd-run"),
        ["systemd-run --quiet --on-active=2 systemctl reboot"]
    );
}

#[test]
fn the_boot_command_line_stays_one_line() {
    for file in [
        "boot/firmware/cmdline.txt",
        "boot/firmware/current/cmdline.txt",
        "boot/cmdline.txt",
    ] {
        let machine = Machine::new();
        let before = "console=serial0,115200 root=PARTUUID=1 rootwait cgroup_enable=cpuset \n";
        machine.write(file, before);
        machine.chmod(file, 0o755);
        let said = machine.done(&Task::MendCgroups, &[]);
        assert_eq!(said, "the memory cgroup is on from the next start on");
        let after = "console=serial0,115200 root=PARTUUID=1 rootwait cgroup_enable=cpuset cgroup_memory=1 cgroup_enable=memory\n";
        assert_eq!(machine.file(file), after);
        assert_eq!(machine.mode(file), 0o755);
        assert_eq!(machine.file(&format!("{file}.before-k3fleet")), before);
        let said = machine.done(&Task::MendCgroups, &[]);
        assert_eq!(said, "the boot command line asks for the memory cgroup already");
        assert_eq!(machine.file(file), after);
        assert_eq!(machine.file(&format!("{file}.before-k3fleet")), before);
    }
}

#[test]
fn a_note_in_the_old_place_is_left_alone_and_two_lines_are_refused() {
    let machine = Machine::new();
    assert_eq!(
        machine.fails(&Task::MendCgroups, &[]),
        "no cmdline.txt of a Raspberry Pi is there"
    );
    let note = "DO NOT EDIT THIS FILE\n\nThe file you are looking for has moved to /boot/firmware/cmdline.txt\n";
    machine.write("boot/cmdline.txt", note);
    machine.write("boot/firmware/cmdline.txt", "root=/dev/mmcblk0p2 cgroup_memory=1");
    machine.done(&Task::MendCgroups, &[]);
    assert_eq!(machine.file("boot/cmdline.txt"), note);
    assert_eq!(
        machine.file("boot/firmware/cmdline.txt"),
        "root=/dev/mmcblk0p2 cgroup_memory=1 cgroup_enable=memory\n"
    );
    machine.write("boot/firmware/cmdline.txt", "root=/dev/mmcblk0p2\ncgroup_memory=1\n");
    assert_eq!(
        machine.fails(&Task::MendCgroups, &[]),
        "/boot/firmware/cmdline.txt has 2 lines instead of one: mend it by hand"
    );
}

#[test]
fn a_snapshot_is_that_of_the_datastore() {
    let snapshot = Task::Snapshot {
        name: "k3fleet-7".into(),
    };
    let etcd = Machine::server();
    etcd.write("var/lib/rancher/k3s/server/db/etcd/name", "x");
    assert_eq!(etcd.done(&snapshot, &[]), "the snapshot k3fleet-7 is saved");
    assert_eq!(etcd.calls("k3s"), ["k3s etcd-snapshot save --name k3fleet-7"]);
    etcd.write(
        "var/lib/rancher/k3s/server/db/snapshots/k3fleet-7-server-1-1795370415",
        "x",
    );
    assert!(etcd.done(&snapshot, &[]).ends_with("is there already"));
    assert_eq!(etcd.calls("k3s").len(), 1);

    let external = Machine::server();
    external.write(CONFIG, "datastore-endpoint: \"postgres://k3s:s3cr3t@192.0.2.9/k3s\"\n");
    assert_eq!(
        external.done(&snapshot, &[]),
        "the datastore is external: it is left to its own backups"
    );

    assert_eq!(Machine::server().fails(&snapshot, &[]), "no datastore of K3s is there");
    assert_eq!(Machine::agent().fails(&snapshot, &[]), "this machine is no server");
    let odd = Task::Snapshot { name: "../x".into() };
    assert_eq!(etcd.fails(&odd, &[]), "no file can be named ../x");
}

#[test]
fn sqlite_is_copied_while_k3s_stands_still() {
    let snapshot = Task::Snapshot { name: "before".into() };
    let machine = Machine::server();
    machine.write("var/lib/rancher/k3s/server/db/state.db", "rows");
    machine.write("var/lib/rancher/k3s/server/token", "K10aabbccdd::server:s3cr3t");
    let said = machine.done(&snapshot, &[]);
    assert!(
        said.starts_with("the datastore is copied to /var/lib/rancher/k3s-backups/before-2"),
        "{said}"
    );
    let kept = &machine.names("var/lib/rancher/k3s-backups")[0];
    let kept = format!("var/lib/rancher/k3s-backups/{kept}");
    assert_eq!(machine.file(&format!("{kept}/db/state.db")), "rows");
    assert_eq!(machine.file(&format!("{kept}/token")), "K10aabbccdd::server:s3cr3t");
    assert_eq!(machine.mode(&kept), 0o700);
    let changed: Vec<_> = machine
        .calls("systemctl")
        .into_iter()
        .filter(|c| !c.contains(" show "))
        .collect();
    assert_eq!(
        changed,
        [
            "systemctl stop k3s",
            "systemctl reset-failed k3s",
            "systemctl start --no-block k3s"
        ]
    );
    assert!(machine.done(&snapshot, &[]).ends_with("is there already"));

    // Whatever happens, K3s is started again.
    let mut machine = Machine::server();
    machine.write("var/lib/rancher/k3s/server/db/state.db", "rows");
    machine.fails = "cp -a".into();
    assert!(machine.fails(&snapshot, &[]).starts_with("copying the datastore: "));
    assert_eq!(machine.file("state/k3s"), "active\n");
    assert_eq!(machine.names("var/lib/rancher/k3s-backups"), [""; 0]);
}

#[test]
fn certificates_are_renewed_while_k3s_stands_still_which_starts_whatever_happens() {
    let mut machine = Machine::agent();
    assert_eq!(
        machine.done(&Task::RotateCertificates, &[]),
        "the certificates are renewed"
    );
    assert_eq!(machine.calls("k3s"), ["k3s certificate rotate"]);
    let start = "systemctl start --no-block k3s-agent".to_owned();
    assert!(machine.calls("systemctl").contains(&start));
    machine.fails = "k3s certificate".into();
    assert_eq!(
        machine.fails(&Task::RotateCertificates, &[]),
        "renewing the certificates: level=fatal msg=\"no\""
    );
    assert_eq!(machine.file("state/k3s-agent"), "active\n");
}

#[test]
fn a_machine_reads_its_secrets_from_ssm_by_its_own_role() {
    let machine = Machine::agent();
    machine.write(CONFIG, "token: s3cr3t-old\n");
    let source = |names: &[&str]| Source::Parameters {
        region: "eu-west-1".into(),
        names: names.iter().map(|name| (*name).into()).collect(),
    };
    let task = Task::PlaceToken {
        kind: k3fleet::fleet::Role::Server,
    };
    let ran = machine.run(&script::of(&task, &source(&["/k3fleet/shop/server-token:4"])), "");
    assert!(ran.good, "{:?}", ran.lines);
    assert_eq!(machine.file(CONFIG), "token: s3cr3t-new\n");
    let ran = machine.run(&script::of(&task, &source(&["/k3fleet/shop/server-token:9"])), "");
    assert!(!ran.good);
    assert_eq!(
        ran.last(),
        "failed: reading the SSM parameter /k3fleet/shop/server-token:9"
    );
    assert!(
        ran.lines.concat().contains("ParameterVersionNotFound"),
        "{:?}",
        ran.lines
    );
}
