use super::super::launch::{Network, Vpc};
use super::*;
use crate::blueprint::ha::WayOut;
use crate::fleet::Scope;
use crate::provider::Providers;
use crate::provider::sim::{Scenario, World};

fn demo() -> Providers {
    let start = "2026-11-20T11:00:00Z".parse().unwrap();
    World::load(&Scenario::demo().unwrap(), 1, start, 1.0).providers()
}

fn survey(zones: &[&str]) -> Survey {
    let subnet = |id: String, zone: &str, public| Subnet {
        id: id.into(),
        zone: zone.into(),
        public,
    };
    let public = zones
        .iter()
        .enumerate()
        .map(|(i, z)| subnet(format!("subnet-{i}"), z, true));
    let private = zones
        .iter()
        .enumerate()
        .map(|(i, z)| subnet(format!("subnet-1{i}"), z, false));
    Survey {
        scope: Scope::new("", "eu-west-1"),
        account: "123456789012".into(),
        types: vec![],
        vpcs: vec![Vpc {
            id: "vpc-1".into(),
            name: None,
            is_default: true,
            cidrs: vec!["172.31.0.0/16".into()],
            subnets: public.chain(private).collect(),
        }],
        channels: Ok(vec![]),
        own_address: Err(String::new()),
    }
}

fn spec(named: &[&str]) -> Spec {
    let mut spec = crate::blueprint::ha::example();
    spec.network = (!named.is_empty()).then(|| Network {
        vpc: "vpc-1".into(),
        subnets: named.iter().map(SmolStr::new).collect(),
        cidrs: vec![],
    });
    spec
}

fn made(zones: u32) -> Spec {
    let mut spec = spec(&[]);
    if let Some(ha) = &mut spec.ha {
        ha.made_vpc = Some(MadeVpc {
            cidr: "10.0.0.0/20".into(),
            zones,
            way_out: WayOut::Nat,
        });
    }
    spec
}

async fn placed(survey: &Survey, spec: Spec) -> Result<(Spec, Site), String> {
    let providers = demo();
    let cloud = providers
        .clouds
        .iter()
        .find(|c| c.scope().region == "eu-west-1")
        .unwrap();
    survey.site(&**cloud, spec).await.map_err(|why| why.to_string())
}

#[tokio::test(start_paused = true)]
async fn one_public_subnet_of_each_of_three_zones_is_taken() {
    let zones = ["eu-west-1c", "eu-west-1b", "eu-west-1a", "eu-west-1d"];
    let (spec, site) = placed(&survey(&zones), spec(&[])).await.unwrap();
    assert_eq!(site.subnets, ["subnet-2", "subnet-1", "subnet-0"]);
    assert_eq!((site.vpc.as_deref(), site.public), (Some("vpc-1"), true));
    assert_eq!(site.images.len(), 1);
    assert_eq!(site.endpoints, Vec::<SmolStr>::new());
    assert_eq!(spec.network.unwrap().cidrs, ["172.31.0.0/16"]);
}

#[tokio::test(start_paused = true)]
async fn named_subnets_are_taken_as_they_are() {
    let survey = survey(&["eu-west-1a", "eu-west-1b"]);
    let (spec, site) = placed(&survey, spec(&["subnet-11", "subnet-0"])).await.unwrap();
    assert_eq!((site.subnets.len(), site.public), (2, false));
    assert_eq!(spec.network.unwrap().subnets, ["subnet-11", "subnet-0"]);
}

#[tokio::test(start_paused = true)]
async fn each_architecture_has_its_image() {
    let mut spec = spec(&[]);
    if let Some(ha) = &mut spec.ha {
        let mut other = ha.pools[0].clone();
        other.name = "amd".into();
        other.arch = Arch::Amd64;
        ha.pools.push(other);
    }
    let (_, site) = placed(&survey(&["eu-west-1a", "eu-west-1b"]), spec).await.unwrap();
    let archs: Vec<_> = site.images.keys().collect();
    assert_eq!(archs.len(), 2, "{archs:?}");
    assert_ne!(site.images[&Arch::Amd64], site.images[&Arch::Arm64]);
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_told() {
    let one = survey(&["eu-west-1a"]);
    let two = survey(&["eu-west-1a", "eu-west-1b"]);
    let mut none = two.clone();
    none.vpcs[0].is_default = false;
    for (survey, spec, said) in [
        (&one, spec(&[]), "in eu-west-1a only, and an ha cluster wants two zones"),
        (&two, spec(&["subnet-0"]), "the subnets named are in eu-west-1a only"),
        (&two, spec(&["subnet-0", "subnet-10"]), "are both in eu-west-1a"),
        (&two, spec(&["subnet-9"]), "has no subnet subnet-9"),
        (&two, made(3), "has 2 zones for subnets, not 3"),
        (&none, spec(&[]), "has no default VPC"),
    ] {
        let why = placed(survey, spec).await.unwrap_err();
        assert!(why.contains(said), "{said}: {why}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_vpc_that_is_made_needs_none() {
    let mut none = survey(&["eu-west-1a"]);
    none.vpcs.clear();
    let (spec, site) = placed(&none, made(3)).await.unwrap();
    assert_eq!((spec.network, site.vpc, site.zones.len()), (None, None, 0));
    let local = ["eu-west-1a", "eu-west-1b", "eu-west-1-mad-1a"];
    let (_, site) = placed(&survey(&local), made(2)).await.unwrap();
    assert_eq!(site.zones, ["eu-west-1a", "eu-west-1b"]);
}
