//! Every field judged, and nothing secret told back.

use proptest::prelude::*;
use smol_str::SmolStr;

use super::super::{Network, example};
use super::*;
use crate::fleet::Arch;

/// The fields that are wrong after a change to a good spec.
fn wrong(change: impl FnOnce(&mut Spec)) -> Vec<&'static str> {
    let mut spec = example();
    change(&mut spec);
    spec.check().into_iter().map(|fault| fault.field).collect()
}

#[test]
fn a_good_spec_has_no_fault() {
    assert_eq!(example().check(), []);
    assert_eq!(example().warnings(), Vec::<String>::new());
    assert_eq!(wrong(|s| s.version = "v1.37.0-rc2+k3s1".into()), [""; 0]);
    assert_eq!(wrong(|s| s.region = "us-gov-west-1".into()), [""; 0]);
    assert_eq!(wrong(|s| s.types = vec!["u-6tb1.metal".into()]), [""; 0]);
}

#[test]
fn all_faults_are_told_at_once() {
    let fields = wrong(|s| {
        s.name = "Shop".into();
        s.types.clear();
        s.volume_gib = 4;
        s.version = "stable".into();
        s.from = vec!["here".into()];
    });
    assert_eq!(fields, ["name", "version", "types", "volume_gib", "from"]);
}

#[test]
fn each_field_is_judged() {
    for name in ["", "-a", "a-", "1a", "a_b", "a.b", "ä", &"a".repeat(41), "a\n"] {
        assert_eq!(wrong(|s| s.name = name.into()), ["name"], "{name}");
    }
    for version in [
        "1.36.4+k3s1",
        "v1.36+k3s1",
        "v1.36.4",
        "v1.36.4+k3s",
        "v1.36.4+k3s1;id",
        "v1..4+k3s1",
    ] {
        assert_eq!(wrong(|s| s.version = version.into()), ["version"], "{version}");
    }
    for region in ["", "eu", "eu-west", "eu-west-1a", "eu west-1", "EU-west-1"] {
        assert_eq!(wrong(|s| s.region = region.into()), ["region"], "{region}");
    }
    for kind in ["t4g", "t4g.", ".small", "T4g.small", "t4g.small x"] {
        assert_eq!(wrong(|s| s.types = vec![kind.into()]), ["types"], "{kind}");
    }
    let twice: Vec<SmolStr> = vec!["t4g.small".into(), "t4g.small".into()];
    assert_eq!(wrong(|s| s.types = twice), ["types"]);
    assert_eq!(wrong(|s| s.arch = Arch::Arm), ["arch"]);
    assert_eq!(wrong(|s| s.workers = 251), ["workers"]);
    assert_eq!(wrong(|s| s.shape = Shape::Ha), ["ha"]);
    assert_eq!(wrong(|s| s.shape = Shape::Adopted), ["shape"]);
    assert_eq!(wrong(|s| s.shape = Shape::Ci), ["expires_at"]);
    assert_eq!(
        wrong(|s| s.expires_at = Some("2026-11-22T14:00:00Z".parse().unwrap())),
        ["expires_at"]
    );
    assert_eq!(wrong(|s| s.profile = Profile::Named("a/b".into())), ["profile"]);
    assert_eq!(wrong(|s| s.ssh = Some(SshKey::Pair("".into()))), ["ssh"]);
    assert_eq!(
        wrong(|s| {
            s.purchase = Purchase::OnDemand;
            s.on_demand_fallback = true;
        }),
        ["on_demand_fallback"]
    );
    assert_eq!(wrong(|s| s.from = vec!["10.0.0.0/8".into(); 400]), ["spec"]);
}

#[test]
fn without_a_profile_there_is_one_server_with_a_key() {
    let fields = wrong(|s| {
        s.profile = Profile::None;
        s.ssh = None;
    });
    assert_eq!(fields, ["workers", "ssh"]);
}

#[test]
fn a_vpc_must_not_hold_the_networks_of_k3s() {
    let over = |cidr: &str| {
        wrong(|s| {
            s.network = Some(Network {
                vpc: "vpc-0a1b".into(),
                subnets: vec!["subnet-0c".into()],
                cidrs: vec![cidr.into()],
            });
        })
    };
    assert_eq!(over("172.31.0.0/16"), [""; 0]);
    assert_eq!(over("10.42.8.0/24"), ["network.cidrs"]);
    assert_eq!(over("10.43.0.0/16"), ["network.cidrs"]);
    assert_eq!(over("10.0.0.0/8"), ["network.cidrs"; 2]);
    assert_eq!(over("ten"), ["network.cidrs"]);
}

#[test]
fn a_private_key_is_refused_and_not_told_back() {
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n-----END OPENSSH PRIVATE KEY-----";
    for key in [key, "b3BlbnNzaC1rZXktdjEAAAAA", "ssh-ed25519 b3BlbnNzaC1rZXktdjEAAAAA"] {
        let spec = Spec {
            ssh: Some(SshKey::Public(key.into())),
            ..example()
        };
        let told: Vec<String> = spec.check().iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 1);
        assert!(
            told.iter()
                .all(|line| line.contains("public key") && !line.contains("b3Blb"))
        );
    }
}

#[test]
fn the_whole_internet_is_a_warning() {
    let spec = Spec {
        from: vec!["0.0.0.0/0".into(), "203.0.113.7/32".into()],
        ..example()
    };
    assert_eq!(spec.check(), []);
    assert_eq!(
        spec.warnings(),
        ["ports 22 and 6443 are open to the whole internet (0.0.0.0/0)"]
    );
}

#[test]
fn a_fault_names_field_gift_and_expectation() {
    let fault = Spec {
        volume_gib: 4,
        ..example()
    }
    .check()
    .remove(0);
    assert_eq!(
        fault.to_string(),
        "volume_gib: \"4\" was given; expected 8 to 16384 GiB"
    );
}

proptest! {
    #[test]
    fn no_text_is_too_much(text in "\\PC{0,60}") {
        let spec = Spec {
            name: text.as_str().into(),
            region: text.as_str().into(),
            version: text.as_str().into(),
            types: vec![text.as_str().into()],
            from: vec![text.as_str().into()],
            ssh: Some(SshKey::Public(text.as_str().into())),
            profile: Profile::Named(text.as_str().into()),
            ..example()
        };
        prop_assert!(spec.check().len() >= 5);
    }
}
