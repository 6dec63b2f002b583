//! Bills: exact sums, blanks where nothing is known, and a row for all that a stack makes and AWS bills.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::told::{Kind, by_use, table};
use super::*;
use crate::blueprint::ha::template::template;
use crate::blueprint::ha::{Ha, MadeVpc, PoolKind, Site, example};
use crate::fleet::{Arch, Observation, OnDemandPrice, Scope, SpotPrice};
use crate::ops::launch::{Ground, OnFailure, Subnet};

/// What these types cost on-demand, and on the spot market of two zones.
const TYPES: [(&str, f64, [f64; 2]); 3] = [
    ("t4g.medium", 0.04, [0.01, 0.02]),
    ("t4g.large", 0.08, [0.02, 0.03]),
    ("c7g.large", 0.07, [0.05, 0.04]),
];

fn market(without: &str) -> Market {
    let mut market = Market::default();
    let region = SmolStr::from("eu-west-1");
    for (name, usd, zones) in TYPES.into_iter().filter(|(name, ..)| *name != without) {
        market.add_on_demand(OnDemandPrice {
            region: region.clone(),
            instance_type: name.into(),
            usd: Some(usd),
            fetched_at: Timestamp::UNIX_EPOCH,
        });
        for (zone, usd) in ["eu-west-1a", "eu-west-1b"].into_iter().zip(zones) {
            market.add_spot(SpotPrice {
                region: region.clone(),
                instance_type: name.into(),
                zone: zone.into(),
                at: Timestamp::UNIX_EPOCH,
                usd,
            });
        }
    }
    market
}

/// Three servers of one type, 20 GiB each, and three workers of three types, one of them on-demand, in two zones of a VPC
/// whose subnets give public addresses; every part of it at 0.1 USD for its unit.
fn launch(change: impl FnOnce(&mut Spec, &mut Ha)) -> Launch {
    let mut spec = example();
    spec.types = vec!["t4g.medium".into()];
    let mut ha = spec.ha.take().unwrap();
    change(&mut spec, &mut ha);
    let is_made = ha.made_vpc.is_some();
    spec.ha = Some(ha);
    let zones: Vec<SmolStr> = vec!["eu-west-1a".into(), "eu-west-1b".into(), "eu-west-1c".into()];
    let subnets = |zone: &SmolStr| Subnet {
        id: format!("subnet-{zone}").into(),
        zone: zone.clone(),
        public: true,
    };
    let subnets: Vec<_> = zones.iter().take(2).map(subnets).filter(|_| !is_made).collect();
    let site = Site {
        images: [Arch::Amd64, Arch::Arm64].map(|arch| (arch, "ami-1".into())).into(),
        vpc: (!is_made).then(|| "vpc-1".into()),
        cidrs: if is_made { vec![] } else { vec!["172.31.0.0/16".into()] },
        subnets: subnets.iter().map(|subnet| subnet.id.clone()).collect(),
        public: !is_made,
        endpoints: vec![],
        zones,
    };
    let price = |part: PricedPart| PartPrice {
        part,
        usd: Some(0.1),
        why: None,
        fetched_at: None,
    };
    Launch {
        scope: Scope::new("", "eu-west-1"),
        ground: Ground {
            account: "123456789012".into(),
            image: "ami-1".into(),
            vpc: site.vpc.clone().unwrap_or_default(),
            subnets,
            leftovers: vec![],
            parts: parts(&spec).into_iter().map(price).collect(),
        },
        spec,
        site: Some(site),
        dsn_file: None,
        on_failure: OnFailure::Keep,
    }
}

fn made(way_out: WayOut) -> MadeVpc {
    MadeVpc {
        cidr: "10.42.0.0/16".into(),
        zones: 3,
        way_out,
    }
}

fn aurora() -> Store {
    Store::Aurora {
        min_half_acus: 1,
        max_half_acus: 8,
    }
}

fn whats(bill: &Bill) -> Vec<&str> {
    bill.rows.iter().map(|row| row.what.as_str()).collect()
}

fn near(one: Option<f64>, other: f64) -> bool {
    one.is_some_and(|one| (one - other).abs() < 1e-9)
}

#[test]
fn known_prices_give_exact_sums() {
    let bill = bill(&market(""), &launch(|_, _| {})).unwrap();
    assert_eq!(
        whats(&bill),
        [
            "3 servers, t4g.medium",
            "k3s_workers: 1 on-demand + 2 spot, t4g.large at most",
            "gp3 volumes, 120 GiB",
            "1 network load balancer",
            "2 interface endpoints in 2 zones",
            "6 public IPv4 addresses",
            "2 secrets in Secrets Manager",
        ]
    );
    let month = CostChange::HOURS_PER_MONTH;
    // The workers' dearest spot price is of another type than their dearest on-demand one.
    let expected = [
        (0.12, 0.12),
        (0.24, 0.08 + 2.0 * 0.05),
        (12.0 / month, 12.0 / month),
        (0.1, 0.1),
        (0.4, 0.4),
        (0.6, 0.6),
        (0.2 / month, 0.2 / month),
    ];
    for (row, (on_demand, as_bought)) in bill.rows.iter().zip(expected) {
        assert!(
            near(row.on_demand, on_demand) && near(row.as_bought, as_bought),
            "{row:?}"
        );
        assert_eq!((row.unknown.as_deref(), row.at_rest), (None, None));
    }
    let sums = expected
        .iter()
        .fold((0.0, 0.0), |sum, row| (sum.0 + row.0, sum.1 + row.1));
    assert!(
        near(bill.on_demand.usd(), sums.0) && near(bill.as_bought.usd(), sums.1),
        "{bill:?}"
    );
    assert!(near(bill.change().after, sums.1) && bill.at_rest.is_none());
    assert_eq!(bill.unknown(), [""; 0]);
    let used = by_use(&bill);
    assert!(
        used.contains(&"snapshots of etcd in S3 ($0.1000 per GiB-month)".to_owned()),
        "{used:?}"
    );
}

#[test]
fn what_a_change_costs_is_told_by_the_bills_before_and_after_it() {
    use crate::fleet::Fleet;
    use crate::ops::updating::{Update, types};
    use crate::ops::{Request, plan};
    use crate::provider::ChangeSet;

    let launched = launch(|_, _| {});
    let grown = launch(|_, ha| ha.servers = 5).spec;
    let mut fleet = Fleet::default();
    for known in types(&launched.spec, &grown) {
        let usd = TYPES.iter().find(|(name, ..)| *name == known).map(|(_, usd, _)| *usd);
        let region = launched.spec.region.clone();
        let price = OnDemandPrice {
            region,
            instance_type: known,
            usd,
            fetched_at: Timestamp::UNIX_EPOCH,
        };
        fleet.apply(Observation::OnDemandPrice(price), Timestamp::UNIX_EPOCH);
    }
    let update = |basis: Option<Basis>| {
        let change_set = ChangeSet {
            id: "arn:set".into(),
            stack: "k3fleet-shop".into(),
            creates: false,
            changes: vec![],
        };
        let (old, spec) = (launched.spec.clone(), grown.clone());
        let update = Update {
            scope: launched.scope.clone(),
            old,
            spec,
            site: None,
            change_set,
            basis,
        };
        plan(&fleet, &Request::Update(Box::new(update)), Timestamp::UNIX_EPOCH).unwrap()
    };
    let told = update(Basis::of(&launched));
    let bill = told.bill.unwrap();
    assert!(whats(&bill).contains(&"5 servers, t4g.medium"), "{:?}", whats(&bill));
    // Two more servers, their volumes of 20 GiB and their public addresses; of spot machines nothing is known.
    let before = bill_of(fleet.market(), &launched.spec, &Basis::of(&launched).unwrap()).unwrap();
    let more = bill.as_bought.known - before.as_bought.known;
    assert!(
        near(Some(more), 0.08 + 4.0 / CostChange::HOURS_PER_MONTH + 0.2),
        "{more}"
    );
    assert_eq!(
        (told.cost.before, told.cost.after),
        (None, None),
        "the spot price is a blank"
    );
    assert!(
        told.warnings.iter().any(|why| why.contains("no spot price")),
        "{:?}",
        told.warnings
    );
    assert_eq!(update(None).bill, None, "nobody asked for prices");
}

#[test]
fn a_price_that_is_not_known_is_a_blank_and_not_nothing() {
    let mut launch = launch(|_, _| {});
    let why = "the price list has none in USD here";
    for price in &mut launch.ground.parts {
        if price.part == PricedPart::InterfaceEndpoint {
            (price.usd, price.why) = (None, Some(why.into()));
        }
    }
    let known = bill(&market(""), &launch).unwrap();
    let row = &known.rows[4];
    assert_eq!((row.on_demand, row.as_bought), (None, None));
    assert_eq!(row.unknown.as_deref(), Some(why));
    assert_eq!((known.on_demand.usd(), known.change().after), (None, None));
    assert!(known.as_bought.known > 0.9, "what is known is added");
    assert_eq!(
        known.unknown(),
        [format!(
            "the price of 2 interface endpoints in 2 zones is not known: {why}"
        )]
    );
    let lines = table(&known);
    assert!(lines[5].sums.iter().all(|sum| sum.trim().is_empty()), "{:?}", lines[5]);
    let total = lines.last().unwrap();
    assert_eq!((total.kind, total.what.contains("at least")), (Kind::Total, true));

    // One of the types that the workers may get has no price.
    let bill = bill(&market("c7g.large"), &launch).unwrap();
    assert_eq!((bill.rows[1].on_demand, bill.rows[1].as_bought), (None, None));
    assert!(bill.unknown()[0].contains("c7g.large"), "{:?}", bill.unknown());

    launch.ground.parts.clear();
    let nothing = super::bill(&Market::default(), &launch).unwrap();
    assert!(nothing.rows.iter().all(|row| row.on_demand.is_none()), "{nothing:?}");
    let total = table(&nothing).pop().unwrap();
    assert!(
        total.what.contains("not known") && total.sums.concat().trim().is_empty(),
        "{total:?}"
    );
    assert_eq!(nothing.unknown().len(), 2, "each reason once: {:?}", nothing.unknown());
}

#[test]
fn spot_prices_are_not_needed_where_nothing_is_bought_there() {
    let mut market = Market::default();
    market.add_on_demand(OnDemandPrice {
        region: "eu-west-1".into(),
        instance_type: "t4g.medium".into(),
        usd: Some(0.04),
        fetched_at: Timestamp::UNIX_EPOCH,
    });
    let bill = bill(&market, &launch(|_, ha| ha.pools.clear())).unwrap();
    assert!(near(bill.rows[0].as_bought, 0.12), "{bill:?}");
    assert!(bill.as_bought.is_whole);
}

#[test]
fn a_database_costs_from_its_least_to_its_most() {
    let bill = bill(&market(""), &launch(|_, ha| ha.store = aurora())).unwrap();
    let row = bill.rows.iter().find(|row| row.what.starts_with("Aurora")).unwrap();
    assert_eq!(row.what, "Aurora, 2 instances, 0.5 to 4 ACU each");
    assert!(near(row.as_bought, 0.8) && near(row.at_rest, 0.1), "{row:?}");
    let most = bill.as_bought.usd().unwrap();
    assert!(near(bill.at_rest, most - 0.7), "{bill:?}");
    let kinds: Vec<_> = table(&bill).iter().map(|line| line.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == Kind::AtRest).count(), 2);
    let known: Bill = serde_json::from_str(&serde_json::to_string(&bill).unwrap()).unwrap();
    assert_eq!(whats(&known), whats(&bill));
}

#[test]
fn columns_stand_below_each_other() {
    let bill = bill(&market(""), &launch(|_, ha| ha.store = aurora())).unwrap();
    let lines = table(&bill);
    for column in 0..3 {
        let widths: BTreeSet<_> = lines.iter().map(|line| line.sums[column].len()).collect();
        assert_eq!(widths.len(), 1, "{lines:?}");
    }
}

/// Specs with every option in it, and most of them together.
fn combinations() -> Vec<Launch> {
    let mut all = vec![];
    let ways = [None, Some(WayOut::Public), Some(WayOut::Nat), Some(WayOut::Endpoints)];
    for (n, way) in ways.into_iter().enumerate() {
        for (m, store) in [Store::default(), Store::External, aurora()].into_iter().enumerate() {
            for shared in [false, true] {
                all.push(launch(|_, ha| {
                    ha.made_vpc = way.map(made);
                    ha.store = store.clone();
                    ha.shared_storage = shared;
                    ha.ingress = n % 2 == m % 2 && way != Some(WayOut::Endpoints);
                    ha.public_api = ha.ingress && shared;
                    if let Some(mut pool) = ha.pools.first().cloned().filter(|_| n != m) {
                        pool.name = "fleet".into();
                        pool.kind = PoolKind::SpotFleet;
                        (pool.desired, pool.on_demand_percent) = (4, 50);
                        ha.pools.insert(0, pool);
                    }
                }));
            }
        }
    }
    all
}

/// What AWS takes nothing for, or only by use.
const FREE: &[&str] = &[
    "CloudFormation::WaitCondition",
    "CloudFormation::WaitConditionHandle",
    "EC2::InternetGateway",
    "EC2::KeyPair",
    "EC2::LaunchTemplate",
    "EC2::Route",
    "EC2::RouteTable",
    "EC2::SecurityGroup",
    "EC2::SecurityGroupEgress",
    "EC2::SecurityGroupIngress",
    "EC2::Subnet",
    "EC2::SubnetRouteTableAssociation",
    "EC2::VPC",
    "EC2::VPCGatewayAttachment",
    "EFS::FileSystem",
    "EFS::MountTarget",
    "ElasticLoadBalancingV2::Listener",
    "ElasticLoadBalancingV2::TargetGroup",
    "Events::Rule",
    "IAM::InstanceProfile",
    "IAM::Policy",
    "IAM::Role",
    "Lambda::EventSourceMapping",
    "Lambda::Function",
    "Logs::LogGroup",
    "RDS::DBCluster",
    "RDS::DBSubnetGroup",
    "S3::Bucket",
    "S3::BucketPolicy",
    "SQS::Queue",
    "SQS::QueuePolicy",
];

#[test]
fn all_that_a_stack_makes_and_aws_bills_has_its_row() {
    for launch in combinations() {
        let site = launch.site.clone().unwrap();
        let template = template(&launch.spec, &site);
        let counted = count::count(&launch.spec, &site).unwrap();
        let bill = bill(&market(""), &launch).unwrap();
        let pools = launch.spec.ha.as_ref().unwrap().pools.len() + 1;
        assert_eq!(counted.pools.len(), pools);
        let mut machines = 0;
        for resource in template["Resources"].as_object().unwrap().values() {
            let kind = resource["Type"].as_str().unwrap().trim_start_matches("AWS::");
            let (said, count) = match kind {
                "AutoScaling::AutoScalingGroup" | "EC2::SpotFleet" => {
                    machines += 1;
                    continue;
                }
                "ElasticLoadBalancingV2::LoadBalancer" => ("network load balancer", counted.balancers),
                "EC2::NatGateway" => ("NAT gateway", counted.nats),
                "EC2::EIP" => ("public IPv4 address", counted.addresses),
                "EC2::VPCEndpoint" if resource["Properties"]["VpcEndpointType"] == "Gateway" => continue,
                "EC2::VPCEndpoint" => ("interface endpoint", counted.endpoints),
                "SecretsManager::Secret" => ("secret", counted.secrets),
                "RDS::DBInstance" => ("Aurora", counted.database.as_ref().unwrap().instances),
                free => {
                    assert!(FREE.contains(&free), "is {free} billed?");
                    continue;
                }
            };
            let same = |other: &&serde_json::Value| other["Type"] == resource["Type"];
            let mut made = template["Resources"].as_object().unwrap().values().filter(same).count();
            if kind == "EC2::VPCEndpoint" && template["Resources"]["S3Endpoint"].is_object() {
                made -= 1;
            }
            if kind != "EC2::EIP" {
                assert_eq!(usize::try_from(count).unwrap(), made, "{kind}");
            }
            assert!(
                whats(&bill).iter().any(|what| what.contains(said)),
                "{said}: {:?}",
                whats(&bill)
            );
        }
        assert_eq!(machines, pools);
        let told = whats(&bill).concat();
        assert_eq!(told.contains("NAT"), counted.nats > 0);
        assert!(
            bill.as_bought.is_whole,
            "every price that is needed was asked for: {:?}",
            bill.unknown()
        );
        let used: Vec<_> = bill.by_use.iter().filter(|one| one.usd.is_some()).collect();
        let asked: BTreeSet<_> = parts(&launch.spec).into_iter().collect();
        assert!(used.len() < asked.len());
        assert_eq!(by_use(&bill).concat().contains("EFS"), counted.file_systems > 0);
    }
}

#[test]
fn fleets_and_made_networks_are_counted_too() {
    let launch = launch(|_, ha| {
        ha.made_vpc = Some(made(WayOut::Public));
        ha.ingress = true;
        let pool = ha.pools.first_mut().unwrap();
        pool.kind = PoolKind::SpotFleet;
        (pool.desired, pool.on_demand_base, pool.on_demand_percent) = (5, 1, 30);
    });
    let bill = bill(&market(""), &launch).unwrap();
    let told = whats(&bill);
    assert!(
        told.contains(&"k3s_workers: 3 on-demand + 2 spot, t4g.large at most"),
        "{told:?}"
    );
    assert!(told.contains(&"2 network load balancers"), "{told:?}");
    assert!(
        told.contains(&"11 public IPv4 addresses"),
        "eight machines, three of the balancer: {told:?}"
    );
    let workers = &bill.rows[1];
    assert!(near(workers.as_bought, 3.0 * 0.08 + 2.0 * 0.05), "{workers:?}");
}
