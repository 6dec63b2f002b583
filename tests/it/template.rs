//! The template of a highly available cluster, as cfn-lint and checkov judge it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use k3fleet::blueprint::ha::template::template;
use k3fleet::blueprint::ha::{Ha, MadeVpc, Pool, PoolKind, Site, Store, WORKERS, WayOut};
use k3fleet::blueprint::{Image, Profile, Spec, SshKey};
use k3fleet::fleet::{Arch, Purchase, Shape};
use serde_json::Value;

use crate::support::judges::{self, Kept};

/// What checkov finds and we keep: the check, where (a resource's name, or all where it is empty), and why.
const KEPT: &[Kept] = &[
    (
        "CKV_AWS_18",
        "Snapshots",
        "a log would need a second bucket, which would outlive the cluster as well",
    ),
    (
        "CKV_AWS_27",
        "DeadLetterQueue",
        "it is encrypted by SQS itself, which checkov does not look for",
    ),
    ("CKV_AWS_27", "FeedQueue", "as above"),
    ("CKV_AWS_27", "ReaperQueue", "as above"),
    (
        "CKV_AWS_91",
        "ApiBalancer",
        "a network load balancer logs TLS listeners only, and it has none",
    ),
    ("CKV_AWS_91", "PublicBalancer", "as above"),
    (
        "CKV_AWS_111",
        "TakeCommands",
        "what the agent of SSM needs knows no resource",
    ),
    (
        "CKV_AWS_111",
        "ReaperRole",
        "Lambda checks that it may make interfaces everywhere; the function's code may not",
    ),
    (
        "CKV_AWS_111",
        "SpotFleetRole",
        "a fleet launches from images, subnets and groups of any name",
    ),
    (
        "CKV_AWS_115",
        "Reaper",
        "a share of its own could not be had in accounts with the least concurrency",
    ),
    (
        "CKV_AWS_116",
        "Reaper",
        "it takes its events from a queue, and that has one",
    ),
    (
        "CKV_AWS_118",
        "DatabaseReader",
        "the database tells CloudWatch enough, and a role of its own would be needed",
    ),
    ("CKV_AWS_118", "DatabaseWriter", "as above"),
    (
        "CKV_AWS_149",
        "Kubeconfig",
        "AWS' own key is free, and nobody outside the account reads it",
    ),
    ("CKV_AWS_149", "DatabaseLogin", "as above"),
    ("CKV_AWS_149", "ReaperAccess", "as above"),
    (
        "CKV_AWS_158",
        "ReaperLog",
        "encrypted with AWS' own key; nothing secret is logged",
    ),
    (
        "CKV_AWS_162",
        "Database",
        "K3s logs in with a password, and knows no other way",
    ),
    ("CKV_AWS_173", "Reaper", "nothing in its environment is secret"),
    (
        "CKV_AWS_260",
        "Public80From0x0x0x0x0",
        "who asks for ingress asks for this",
    ),
];

pub(crate) fn spec() -> Spec {
    Spec {
        name: "shop".into(),
        shape: Shape::Ha,
        region: "eu-west-1".into(),
        arch: Arch::Arm64,
        types: vec!["t4g.medium".into(), "m7g.large".into()],
        workers: 0,
        purchase: Purchase::OnDemand,
        on_demand_fallback: false,
        volume_gib: 20,
        version: "v1.36.4+k3s1".into(),
        image: Image::Ubuntu,
        from: vec!["203.0.113.7/32".into(), "2001:db8::/48".into()],
        ssh: Some(SshKey::Public(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdd0bVZ0xUqWQ1VwQ8mQJ0aZbqGxN9lqL1k6Zc9b2Xy ana@desk".into(),
        )),
        network: None,
        profile: Profile::Own,
        expires_at: None,
        ha: Some(Ha {
            servers: 3,
            pools: vec![pool(WORKERS, PoolKind::Asg, Arch::Arm64)],
            store: Store::default(),
            shared_storage: false,
            ingress: false,
            public_api: false,
            made_vpc: None,
            mirror: None,
        }),
    }
}

pub(crate) fn pool(name: &str, kind: PoolKind, arch: Arch) -> Pool {
    let types: &[&str] = match arch {
        Arch::Amd64 => &["t3.medium", "c6a.large"],
        _ => &["t4g.medium", "t4g.large", "c7g.large"],
    };
    Pool {
        name: name.into(),
        kind,
        arch,
        types: types.iter().map(|kind| (*kind).into()).collect(),
        min: 1,
        desired: 3,
        max: 6,
        on_demand_base: 1,
        on_demand_percent: 20,
        volume_gib: 20,
        labels: vec![("tier".into(), "web".into())],
        taints: vec!["web=only:NoSchedule".into()],
    }
}

fn site() -> Site {
    Site {
        images: BTreeMap::from([
            (Arch::Amd64, "ami-0123456789abcdef0".into()),
            (Arch::Arm64, "ami-0fedcba9876543210".into()),
        ]),
        vpc: Some("vpc-0123456789abcdef0".into()),
        cidrs: vec!["172.31.0.0/16".into(), "10.8.0.0/20".into()],
        subnets: vec!["subnet-0123456789abcdef0".into(), "subnet-0fedcba9876543210".into()],
        public: true,
        endpoints: vec![],
        zones: vec!["eu-west-1a".into(), "eu-west-1b".into(), "eu-west-1c".into()],
    }
}

pub(crate) fn made(way_out: WayOut, zones: u32) -> Option<MadeVpc> {
    Some(MadeVpc {
        cidr: "10.0.0.0/20".into(),
        zones,
        way_out,
    })
}

pub(crate) const AURORA: Store = Store::Aurora {
    min_half_acus: 1,
    max_half_acus: 8,
};

/// Templates that together have each option in each of its values, by name.
fn templates() -> Vec<(&'static str, Value)> {
    type Change = fn(&mut Spec, &mut Ha, &mut Site);
    let cases: [(&str, Change); 15] = [
        ("base", |_, _, _| ()),
        ("five-servers", |spec, ha, _| {
            ha.servers = 5;
            spec.name = format!("shop-{}", "n".repeat(35)).into();
        }),
        ("external", |spec, ha, _| {
            ha.store = Store::External;
            ha.servers = 2;
            spec.ssh = Some(SshKey::Pair("ana".into()));
        }),
        ("aurora", |spec, ha, _| {
            ha.store = AURORA;
            spec.image = Image::Al2023;
        }),
        ("shared-storage", |_, ha, _| ha.shared_storage = true),
        ("ingress", |_, ha, _| ha.ingress = true),
        ("public-api", |_, ha, _| (ha.ingress, ha.public_api) = (true, true)),
        ("no-workers", |spec, ha, _| {
            ha.pools.clear();
            ha.ingress = true;
            spec.ssh = None;
        }),
        ("spot-fleet", |_, ha, _| {
            ha.pools = vec![pool("fleet", PoolKind::SpotFleet, Arch::Arm64)];
            ha.ingress = true;
        }),
        ("mixed-pools", |spec, ha, _| {
            spec.purchase = Purchase::Spot;
            ha.pools.push(pool("intel-spot", PoolKind::Asg, Arch::Amd64));
            ha.pools.push(pool("intel_fleet", PoolKind::SpotFleet, Arch::Amd64));
        }),
        ("made-public", |_, ha, _| ha.made_vpc = made(WayOut::Public, 3)),
        ("made-nat", |_, ha, _| {
            ha.made_vpc = made(WayOut::Nat, 2);
            (ha.ingress, ha.public_api) = (true, true);
        }),
        ("made-endpoints", |_, ha, site| {
            ha.made_vpc = made(WayOut::Endpoints, 2);
            ha.mirror = Some("https://files.example/k3s".into());
            ha.shared_storage = true;
            site.zones.clear();
        }),
        ("shared-endpoints", |_, _, site| {
            site.endpoints = vec!["secretsmanager".into(), "autoscaling".into()];
        }),
        ("everything", |_, ha, _| {
            ha.store = AURORA;
            ha.shared_storage = true;
            (ha.ingress, ha.public_api) = (true, true);
            ha.made_vpc = made(WayOut::Nat, 3);
            ha.pools.push(pool("intel", PoolKind::SpotFleet, Arch::Amd64));
        }),
    ];
    let render = |(name, change): (&'static str, Change)| {
        let (mut spec, mut site) = (spec(), site());
        let mut ha = spec.ha.take().unwrap();
        change(&mut spec, &mut ha, &mut site);
        if ha.made_vpc.is_some() {
            site.vpc = None;
            site.cidrs.clear();
            site.subnets.clear();
        }
        spec.ha = Some(ha);
        assert_eq!(spec.check(), [], "{name}");
        (name, template(&spec, &site))
    };
    cases.into_iter().map(render).collect()
}

/// The templates as files.
fn written(test: &str) -> (tempfile::TempDir, Vec<PathBuf>) {
    let root = tempfile::Builder::new()
        .prefix(test)
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .unwrap();
    let write = |(name, template): (&str, Value)| {
        let path = root.path().join(format!("{name}.json"));
        fs::write(&path, template.to_string()).unwrap();
        path
    };
    let files = templates().into_iter().map(write).collect();
    (root, files)
}

#[test]
fn cfn_lint_finds_nothing() {
    let (_root, files) = written("lint");
    judges::cfn_lint(&files);
}

#[test]
fn checkov_finds_nothing_but_what_is_kept_for_a_reason() {
    let (root, _) = written("checkov");
    judges::checkov(root.path(), KEPT, 500);
}
