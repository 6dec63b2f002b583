use super::*;
use crate::fleet::{OnDemandPrice, Scope, SpotPrice};

fn kind(name: &str, vcpus: u32, memory_mib: u64) -> InstanceType {
    InstanceType {
        name: name.into(),
        arch: Arch::Arm64,
        vcpus,
        memory_mib,
        spot: name != "a1.large",
    }
}

fn survey() -> Survey {
    Survey {
        scope: Scope::new("", "eu-west-1"),
        account: "123456789012".into(),
        types: vec![
            kind("t4g.nano", 2, 512),
            kind("t4g.medium", 2, 4096),
            kind("t4g.small", 2, 2048),
            kind("a1.large", 2, 4096),
            kind("c7g.medium", 1, 2048),
        ],
        vpcs: vec![],
        channels: Ok(vec![Channel {
            name: "stable".into(),
            version: "v1.36.4+k3s1".into(),
        }]),
        own_address: Ok("203.0.113.7".parse().unwrap()),
    }
}

fn priced() -> Market {
    let mut market = Market::default();
    for (name, usd) in [("t4g.small", 0.0184), ("t4g.medium", 0.0368), ("a1.large", 0.01)] {
        market.add_on_demand(OnDemandPrice {
            region: "eu-west-1".into(),
            instance_type: name.into(),
            usd: Some(usd),
            fetched_at: Timestamp::UNIX_EPOCH,
        });
    }
    for (zone, usd) in [("eu-west-1a", 0.007), ("eu-west-1b", 0.005)] {
        market.add_spot(SpotPrice {
            region: "eu-west-1".into(),
            instance_type: "t4g.medium".into(),
            zone: zone.into(),
            at: Timestamp::UNIX_EPOCH,
            usd,
        });
    }
    market
}

fn spec(wish: &Wish) -> Result<Spec, String> {
    wish.spec(&survey(), &priced(), Timestamp::UNIX_EPOCH)
}

#[test]
fn what_is_not_said_is_found_out() {
    let spec = spec(&Wish::default()).unwrap();
    assert_eq!(spec.types, ["a1.large"], "the cheapest that has 2 vCPUs and 2 GiB");
    assert_eq!((spec.version.as_str(), spec.expires_at), ("v1.36.4+k3s1", None));
    assert_eq!(spec.from, ["203.0.113.7/32"]);
}

#[test]
fn spot_takes_several_types_that_are_sold_so_the_priced_ones_first() {
    let wish = Wish {
        purchase: Purchase::Spot,
        ..Wish::default()
    };
    assert_eq!(spec(&wish).unwrap().types, ["t4g.medium", "t4g.small"]);
    let (market, offer) = (priced(), Offer::new("eu-west-1", "t4g.medium"));
    assert_eq!(cheapest_zone(&market, &offer), Some((&"eu-west-1b".into(), 0.005)));
}

#[test]
fn a_ci_cluster_ends_after_its_ttl() {
    let wish = Wish {
        shape: Shape::Ci,
        ttl: SignedDuration::from_mins(30),
        ..Wish::default()
    };
    let expected = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(30);
    assert_eq!(spec(&wish).unwrap().expires_at, Some(expected));
}

#[test]
fn what_cannot_be_found_out_can_be_typed() {
    let mut lost = survey();
    lost.channels = Err("timed out".into());
    lost.own_address = Err("timed out".into());
    let ask = |wish: &Wish| wish.spec(&lost, &priced(), Timestamp::UNIX_EPOCH);
    let wish = Wish {
        k3s: "v1.36.4+k3s1".into(),
        ..Wish::default()
    };
    assert!(ask(&Wish::default()).unwrap_err().contains("--k3s"));
    assert!(ask(&wish).unwrap_err().contains("--from"));
    let from = From::Networks(vec!["198.51.100.0/24".into()]);
    assert!(ask(&Wish { from, ..wish }).is_ok());
    let wish = Wish {
        k3s: "newest".into(),
        ..Wish::default()
    };
    assert!(spec(&wish).unwrap_err().contains("one of: stable"));
}

#[test]
fn types_bring_their_architecture() {
    let sold = [
        InstanceType {
            arch: Arch::Amd64,
            ..kind("t3.small", 2, 2048)
        },
        kind("t4g.small", 2, 2048),
    ];
    let meant = |said, types: &[&str]| {
        let types: Vec<SmolStr> = types.iter().map(SmolStr::new).collect();
        one_arch(said, &types, &sold)
    };
    assert_eq!(meant(None, &[]), Ok(None));
    assert_eq!(meant(None, &["t3.small"]), Ok(Some(Arch::Amd64)));
    assert_eq!(meant(Some(Arch::Amd64), &["m7i.48xlarge"]), Ok(Some(Arch::Amd64)));
    assert!(meant(None, &["t3.small", "t4g.small"]).is_err());
    assert!(meant(Some(Arch::Arm64), &["t3.small"]).is_err());
    assert!(meant(None, &["m7i.48xlarge"]).is_err());
}

#[test]
fn candidates_are_small_and_fit() {
    let survey = survey();
    let names = |purchase| {
        let found = candidates(&survey.types, Arch::Arm64, purchase);
        found.iter().map(|t| t.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(Purchase::OnDemand), ["t4g.small", "a1.large", "t4g.medium"]);
    assert_eq!(names(Purchase::Spot), ["t4g.small", "t4g.medium"]);
    assert!(candidates(&survey.types, Arch::Amd64, Purchase::Spot).is_empty());
}
