//! Stacks in words.

use super::*;
use crate::blueprint::ha::example;
use crate::fleet::{Arch, Scope};
use crate::ops::launch::{Ground, OnFailure, Spec, Subnet};

fn launch(spec: Spec, vpc: bool) -> Launch {
    let subnet = |n: &str| Subnet {
        id: format!("subnet-{n}").into(),
        zone: format!("eu-west-1{n}").into(),
        public: true,
    };
    let subnets = if vpc { vec![subnet("a"), subnet("b")] } else { vec![] };
    Launch {
        scope: Scope::new("", "eu-west-1"),
        site: Some(Site {
            images: [(Arch::Arm64, "ami-1".into())].into(),
            vpc: vpc.then(|| "vpc-1".into()),
            cidrs: if vpc { vec!["172.31.0.0/16".into()] } else { vec![] },
            subnets: subnets.iter().map(|s| s.id.clone()).collect(),
            public: vpc,
            endpoints: vec![],
            zones: ["a", "b", "c"].map(|z| format!("eu-west-1{z}").into()).to_vec(),
        }),
        spec,
        ground: Ground {
            account: "123456789012".into(),
            image: "ami-1".into(),
            vpc: "vpc-1".into(),
            subnets,
            leftovers: vec![],
            parts: vec![],
        },
        dsn_file: None,
        on_failure: OnFailure::Keep,
    }
}

fn about<'a>(parts: &'a [PartLine], about: &str) -> &'a str {
    let found = parts.iter().find(|part| part.about == about);
    &found.unwrap_or_else(|| panic!("no {about} in {parts:?}")).text
}

#[test]
fn a_stack_is_told_in_words() {
    let parts = of(&launch(example(), true)).unwrap();
    let servers = about(&parts.pools, "k3s_servers");
    assert!(
        servers.starts_with("3 servers, on-demand, arm64: t4g.small, t4g.medium"),
        "{servers}"
    );
    let workers = about(&parts.pools, "k3s_workers");
    assert!(
        workers.starts_with("3 workers (1 to 6), 1 on-demand, the others spot, arm64: t4g.medium, "),
        "{workers}"
    );
    assert_eq!(about(&parts.place, "VPC"), "vpc-1 172.31.0.0/16");
    let subnets = about(&parts.place, "subnets");
    assert_eq!(subnets, "subnet-a in eu-west-1a, subnet-b in eu-west-1b; public");
    assert!(about(&parts.place, "image").ends_with("arm64 ami-1"));
    assert!(about(&parts.held, "machines").starts_with("2 Auto Scaling groups, 2 launch templates"));
    assert!(about(&parts.held, "network").contains("1 load balancer, "));
}

/// Whatever may be in a stack is counted, and has a word of its own.
#[test]
fn nothing_of_a_stack_is_left_out() {
    let mut specs = vec![example()];
    let mut all = example();
    let ha = all.ha.as_mut().unwrap();
    (ha.shared_storage, ha.ingress, ha.public_api) = (true, true, true);
    ha.pools[0].kind = PoolKind::SpotFleet;
    ha.pools[0].on_demand_base = 0;
    ha.store = crate::ops::wish::store("aurora").unwrap();
    for way_out in [WayOut::Public, WayOut::Nat, WayOut::Endpoints] {
        let mut spec = all.clone();
        let ha = spec.ha.as_mut().unwrap();
        ha.ingress &= way_out != WayOut::Endpoints;
        ha.made_vpc = Some(MadeVpc {
            cidr: "10.0.0.0/20".into(),
            zones: 2,
            way_out,
        });
        specs.push(spec);
    }
    specs.push(all);
    for spec in specs {
        let made = spec.ha.as_ref().unwrap().made_vpc.is_some();
        let launch = launch(spec, !made);
        let parts = of(&launch).unwrap();
        assert!(parts.held.iter().all(|part| part.about != "other"), "{:?}", parts.held);
        let counts = parts.held.iter().flat_map(|part| part.text.split(", "));
        let counts = counts.map(|count| count.split_whitespace().next().unwrap().parse::<usize>().unwrap());
        assert_eq!(counts.sum::<usize>(), parts.resources);
        if made {
            assert!(about(&parts.place, "VPC").starts_with("made for it, 10.0.0.0/20; machines "));
            assert!(about(&parts.place, "subnets").ends_with("in eu-west-1a, eu-west-1b"));
        }
    }
}

#[test]
fn a_kind_without_a_word_is_told_as_it_is() {
    assert_eq!(word("AWS::EC2::SecurityGroup"), "security group");
    assert_eq!(word("AWS::New::Thing"), "AWS::New::Thing");
    assert_eq!(
        held(&[("New::Thing", 2)].into()),
        [PartLine::new("other", "2 New::Thing")]
    );
    let mut quick = launch(example(), true);
    quick.site = None;
    assert_eq!(of(&quick), None);
}
