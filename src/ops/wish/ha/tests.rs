use jiff::Timestamp;

use super::super::super::launch::{Channel, Spec, Subnet, Vpc};
use super::*;
use crate::blueprint::ha::PoolKind;
use crate::fleet::{OnDemandPrice, Scope, Shape, SpotPrice};

fn survey() -> Survey {
    let kind = |name: &str, arch, memory_mib| InstanceType {
        name: name.into(),
        arch,
        vcpus: 2,
        memory_mib,
        spot: true,
    };
    let zones = ["eu-west-1a", "eu-west-1b"];
    Survey {
        scope: Scope::new("", "eu-west-1"),
        account: "123456789012".into(),
        types: vec![
            kind("t4g.small", Arch::Arm64, 2048),
            kind("t4g.medium", Arch::Arm64, 4096),
            kind("t4g.large", Arch::Arm64, 8192),
            kind("t3.medium", Arch::Amd64, 4096),
        ],
        vpcs: vec![Vpc {
            id: "vpc-1".into(),
            name: None,
            is_default: true,
            cidrs: vec![],
            subnets: zones
                .map(|zone| Subnet {
                    id: format!("subnet-{zone}").into(),
                    zone: zone.into(),
                    public: true,
                })
                .into(),
        }],
        channels: Ok(vec![Channel {
            name: "stable".into(),
            version: "v1.36.4+k3s1".into(),
        }]),
        own_address: Ok("203.0.113.7".parse().unwrap()),
    }
}

fn market() -> Market {
    let mut market = Market::default();
    for (name, usd) in [("t4g.small", 0.0184), ("t4g.medium", 0.0368), ("t4g.large", 0.0736)] {
        market.add_on_demand(OnDemandPrice {
            region: "eu-west-1".into(),
            instance_type: name.into(),
            usd: Some(usd),
            fetched_at: Timestamp::UNIX_EPOCH,
        });
        market.add_spot(SpotPrice {
            region: "eu-west-1".into(),
            instance_type: name.into(),
            zone: "eu-west-1a".into(),
            at: Timestamp::UNIX_EPOCH,
            usd: usd / 3.0,
        });
    }
    market
}

fn spec(change: impl FnOnce(&mut HaWish)) -> Result<Spec, String> {
    let mut ha = HaWish::default();
    change(&mut ha);
    let wish = Wish {
        name: "prod".into(),
        shape: Shape::Ha,
        ha: Some(ha),
        ..Wish::default()
    };
    wish.spec(&survey(), &market(), Timestamp::UNIX_EPOCH)
}

fn pool(text: &str) -> PoolWish {
    PoolWish::parse(text).unwrap()
}

#[test]
fn what_is_not_said_is_as_usual_and_sound() {
    let spec = spec(|_| ()).unwrap();
    assert_eq!(spec.check(), vec![]);
    assert_eq!(spec.types, ["t4g.medium", "t4g.large"], "4 GiB at least, several");
    assert_eq!((spec.purchase, spec.workers), (Purchase::OnDemand, 0));
    let ha = spec.ha.unwrap();
    assert_eq!((ha.servers, ha.pools.len(), ha.store), (3, 1, Store::default()));
    let workers = &ha.pools[0];
    assert_eq!(workers.types, ["t4g.small", "t4g.medium", "t4g.large"]);
    assert_eq!((workers.min, workers.desired, workers.max), (1, 3, 6));
    assert_eq!((workers.on_demand_base, workers.on_demand_percent), (1, 0));
}

#[test]
fn pools_are_filled_with_what_was_not_said() {
    let gpu = "name=gpu,kind=spot-fleet,types=t3.medium,desired=2,volume=40,label=a=b";
    let ha = spec(|ha| {
        ha.workers = Some(2);
        ha.pools = vec![pool(gpu), pool("name=idle,min=0")];
    });
    let spec = ha.unwrap();
    assert_eq!(spec.check(), vec![]);
    let ha = spec.ha.unwrap();
    let names: Vec<_> = ha.pools.iter().map(|pool| pool.name.as_str()).collect();
    assert_eq!(names, [WORKERS, "gpu", "idle"]);
    let gpu = ha.pool("gpu").unwrap();
    assert_eq!((gpu.arch, gpu.kind), (Arch::Amd64, PoolKind::SpotFleet));
    assert_eq!((gpu.min, gpu.desired, gpu.max, gpu.on_demand_base), (1, 2, 4, 0));
    assert_eq!(gpu.volume_gib, 40);
    let idle = ha.pool("idle").unwrap();
    assert_eq!((idle.min, idle.desired, idle.max), (0, 0, 1));
}

#[test]
fn the_usual_pool_is_there_unless_it_is_named_or_not_wanted() {
    let pools = |change: fn(&mut HaWish)| spec(change).map(|spec| spec.ha.unwrap().pools.len());
    assert_eq!(pools(|ha| ha.workers = Some(0)), Ok(0));
    assert_eq!(pools(|ha| ha.pools = vec![pool("name=a")]), Ok(1));
    assert_eq!(pools(|ha| ha.pools = vec![pool("name=k3s_workers,desired=5")]), Ok(1));
    let twice = pools(|ha| {
        ha.workers = Some(2);
        ha.pools = vec![pool("name=k3s_workers")];
    });
    assert!(twice.unwrap_err().contains("said twice"));
}

#[test]
fn a_pool_has_one_architecture_that_is_known() {
    for (text, said) in [
        (
            "name=a,types=t3.medium+t4g.small",
            "--pool a: t4g.small is arm64, not amd64",
        ),
        ("name=a,arch=arm64,types=t3.medium", "t3.medium is amd64, not arm64"),
        (
            "name=a,types=p5.48xlarge",
            "the architecture of p5.48xlarge is not known",
        ),
    ] {
        let why = spec(|ha| ha.pools = vec![pool(text)]).unwrap_err();
        assert!(why.contains(said), "{text}: {why}");
    }
    assert!(spec(|ha| ha.pools = vec![pool("name=a,arch=amd64,types=p5.48xlarge")]).is_ok());
}

#[test]
fn a_vpc_that_is_made_has_as_many_zones_as_there_are() {
    let spec = spec(|ha| {
        ha.made_vpc = Some(VpcWish {
            cidr: "10.0.0.0/20".into(),
            zones: None,
            way_out: WayOut::Nat,
        });
    });
    assert_eq!(spec.unwrap().ha.unwrap().made_vpc.unwrap().zones, 2);
}

#[test]
fn prices_are_asked_for_all_that_is_chosen_by_them() {
    let wish = Wish {
        ha: Some(HaWish {
            pools: vec![pool("name=a,arch=amd64"), pool("name=b,types=m7g.large,arch=arm64")],
            ..HaWish::default()
        }),
        ..Wish::default()
    };
    let names = wish.priced(&survey());
    assert_eq!(names, ["m7g.large", "t3.medium", "t4g.large", "t4g.medium"]);
}

#[test]
fn stores_are_read_as_they_are_typed() {
    let aurora = |min_half_acus, max_half_acus| {
        Ok(Store::Aurora {
            min_half_acus,
            max_half_acus,
        })
    };
    assert_eq!(store("etcd"), Ok(Store::default()));
    assert_eq!(store("external"), Ok(Store::External));
    assert_eq!(store("aurora"), aurora(1, 8));
    assert_eq!(store("aurora:1-16"), aurora(2, 32));
    assert_eq!(store("aurora:1.5-2.0"), aurora(3, 4));
    for wrong in [
        "",
        "mysql",
        "aurora:",
        "aurora:1",
        "aurora:0.3-2",
        "aurora:1-2-3",
        "aurora:9999999999-1",
        "aurora4",
    ] {
        assert!(store(wrong).is_err(), "{wrong}");
    }
    assert!(store("aurora:0.3-2").unwrap_err().contains("at character 8"));
    assert_eq!((way_out("nat"), way_out("igw").is_err()), (Ok(WayOut::Nat), true));
}
