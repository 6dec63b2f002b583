//! Files that a machine fetches from a mirror.

use k3fleet::blueprint::machine::{Install, Task};

use super::{Machine, VERSION, install, program, sums};

const MIRROR: &str = "https://mirror.example/k3s";
/// A machine that fetches with curl, and one that does with wget.
const WITHOUT: [&[&str]; 2] = [&[], &["curl"]];
const IMAGES: &str = "var/lib/rancher/k3s/agent/images";

/// A machine, and a mirror that holds a release with its images.
fn mirrored(machine: Machine) -> Machine {
    machine.write("mirror/install.sh", &machine.file("installer"));
    for name in ["k3s-arm64", "sha256sum-arm64.txt"] {
        let text = machine.file(&format!("release/{name}"));
        machine.write(&format!("mirror/v1.36.4%2Bk3s1/{name}"), &text);
    }
    machine.write(
        "mirror/v1.36.4%2Bk3s1/k3s-airgap-images-arm64.tar.zst",
        "images of arm64",
    );
    machine
}

fn installing() -> Task {
    let files = Some(MIRROR.into());
    Task::Install(Box::new(Install { files, ..install() }))
}

fn asked_only_the_mirror(machine: &Machine) {
    let calls = [machine.calls("curl"), machine.calls("wget")].concat();
    assert!(!calls.is_empty());
    for call in calls {
        assert!(call.contains(" https://mirror.example/k3s/"), "{call}");
    }
}

#[test]
fn all_comes_from_the_mirror_and_is_verified() {
    for shell in ["sh", "bash", "busybox sh"] {
        for without in WITHOUT {
            let mut machine = mirrored(Machine::new());
            (machine.shell, machine.without) = (shell, without);
            machine.done(&installing(), &["s3cr3t"]);
            assert_eq!(machine.file("usr/local/bin/k3s"), program(VERSION), "{shell}");
            assert_eq!(machine.names(IMAGES), ["k3s-airgap-images-arm64.tar.zst"]);
            assert!(machine.file("installed").contains("true true /etc/rancher"));
            asked_only_the_mirror(&machine);
            // Once more: what is there is not fetched again.
            let images = |machine: &Machine| {
                let calls = [machine.calls("curl"), machine.calls("wget")].concat();
                calls.iter().filter(|call| call.contains("airgap-images")).count()
            };
            machine.done(&installing(), &["s3cr3t"]);
            assert_eq!(images(&machine), 1, "{shell}");
        }
    }
}

#[test]
fn a_mirror_need_not_have_images() {
    for without in WITHOUT {
        let mut machine = mirrored(Machine::new());
        machine.without = without;
        let own = "mirror/v1.36.4%2Bk3s1/k3s-airgap-images-arm64.tar";
        std::fs::remove_file(machine.path(&format!("{own}.zst"))).unwrap();
        machine.done(&installing(), &["s3cr3t"]);
        assert_eq!(machine.names(IMAGES), [""; 0]);
        machine.write(own, "of no listed checksum");
        machine.done(&installing(), &["s3cr3t"]);
        assert_eq!(machine.names(IMAGES), ["k3s-airgap-images-arm64.tar"]);
    }
}

#[test]
fn what_a_mirror_has_wrong_or_not_at_all_is_told() {
    let refused = |change: &dyn Fn(&mut Machine), why: &str| {
        let mut machine = mirrored(Machine::new());
        change(&mut machine);
        assert_eq!(machine.fails(&installing(), &["s3cr3t"]), why);
        assert!(!machine.has("installed"), "{why}");
        assert!(
            !machine.has(IMAGES) || machine.names(IMAGES).is_empty(),
            "{:?}",
            machine.names(IMAGES)
        );
    };
    let there = "mirror/v1.36.4%2Bk3s1";
    refused(
        &|m| m.write(&format!("{there}/k3s-arm64"), "cut off"),
        "the checksum of k3s-arm64 is not that of sha256sum-arm64.txt",
    );
    refused(
        &|m| m.write(&format!("{there}/k3s-airgap-images-arm64.tar.zst"), "cut off"),
        "the checksum of k3s-airgap-images-arm64.tar.zst is not that of sha256sum-arm64.txt",
    );
    refused(
        &|m| std::fs::remove_file(m.path(&format!("{there}/sha256sum-arm64.txt"))).unwrap(),
        "downloading the checksums of K3s v1.36.4+k3s1: 404ERROR 404: Not Found.",
    );
    refused(
        &|m| m.write(&format!("{there}/sha256sum-arm64.txt"), &sums(&[("k3s", "x")])),
        "sha256sum-arm64.txt names no checksum of k3s-arm64",
    );
    refused(
        &|m| std::fs::remove_file(m.path("mirror/install.sh")).unwrap(),
        "downloading the installer of K3s: 404ERROR 404: Not Found.",
    );
}

#[test]
fn an_upgrade_takes_it_from_the_mirror_too() {
    let machine = mirrored(Machine::agent());
    let (version, files) = (VERSION.into(), Some(MIRROR.into()));
    machine.done(&Task::Upgrade { version, files }, &[]);
    assert_eq!(machine.file("usr/local/bin/k3s"), program(VERSION));
    asked_only_the_mirror(&machine);
}
