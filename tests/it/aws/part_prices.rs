//! Prices of what is no instance, from answers as the price list gives them.

use k3fleet::fleet::FaultKind;
use k3fleet::provider::{Cloud, PricedPart};
use serde_json::{Value, json};

use super::{cloud, noon, options};
use crate::support::http::{Reply, Request, Server};

/// An item: its family, usage type and unit, and its steps, each from where on and USD.
fn item(family: &str, usage: &str, unit: &str, steps: &[(&str, &str)]) -> String {
    let dimension = |(n, (from, usd)): (usize, &(&str, &str))| {
        let dimension = json!({
            "rateCode": format!("SKU.JRTCKXETXF.{n}"), "unit": unit, "beginRange": from, "endRange": "Inf",
            "description": "…", "appliesTo": [], "pricePerUnit": {"USD": usd},
        });
        (format!("SKU.JRTCKXETXF.{n}"), dimension)
    };
    let dimensions: serde_json::Map<String, Value> = steps.iter().enumerate().map(dimension).collect();
    let mut product = json!({"sku": "SKU", "attributes": {
        "regionCode": "eu-west-1", "usagetype": usage, "locationType": "AWS Region", "operation": "",
    }});
    if !family.is_empty() {
        product["productFamily"] = family.into();
    }
    json!({
        "product": product,
        "terms": {"OnDemand": {"SKU.JRTCKXETXF": {"priceDimensions": dimensions}}},
        "version": "20261120000000",
    })
    .to_string()
}

fn hourly(family: &str, usage: &str, usd: &str) -> String {
    item(family, usage, "Hrs", &[("0", usd)])
}

/// What is asked for: the service, and the attributes besides the region.
fn asked(request: &Request) -> (String, Vec<(String, String)>) {
    let question: Value = serde_json::from_slice(&request.body).expect("JSON");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let filters = question["Filters"].as_array().expect("filters").iter();
    let mut filters: Vec<_> = filters.map(|f| (text(&f["Field"]), text(&f["Value"]))).collect();
    assert_eq!(filters.remove(0), ("regionCode".to_owned(), "eu-west-1".to_owned()));
    (text(&question["ServiceCode"]), filters)
}

fn list(request: &Request) -> Vec<String> {
    let (service, attributes) = asked(request);
    let family = attributes[0].1.as_str();
    match (service.as_str(), family) {
        ("AWSELB", "Load Balancer-Network") => vec![
            hourly(family, "EU-LoadBalancerUsage", "0.0252000000"),
            hourly(family, "EU-TS-LoadBalancerUsage", "0.0056000000"),
            item(family, "EU-LCUUsage", "LCU-Hrs", &[("0", "0.0060000000")]),
        ],
        ("AmazonEC2", "NAT Gateway") => vec![
            hourly(family, "EU-NatGateway-Hours", "0.0480000000"),
            hourly(family, "EU-RegionalNatGateway-Hours", "0.0960000000"),
            item(family, "EU-NatGateway-Bytes", "GB", &[("0", "0.0480000000")]),
        ],
        ("AmazonVPC", "VpcEndpoint") => vec![
            hourly(family, "EU-VpcEndpoint-Hours", "0.0110000000"),
            hourly(family, "EU-VpcEndpoint-GWLBE-Hours", "0.0110000000"),
            item(
                family,
                "EU-VpcEndpoint-Bytes",
                "GB",
                &[
                    ("1048576", "0.0060000000"),
                    ("0", "0.0100000000"),
                    ("5242880", "0.0040000000"),
                ],
            ),
        ],
        ("AmazonVPC", "VPCPublicIPv4Address") => {
            assert_eq!(attributes[0].0, "group", "it has no family");
            vec![
                hourly("", "EU-PublicIPv4:IdleAddress", "0.0051000000"),
                hourly("", "EU-PublicIPv4:InUseAddress", "0.0050000000"),
            ]
        }
        ("AWSSecretsManager", "Secret") => {
            vec![item(
                family,
                "EU-AWSSecretsManager-Secrets",
                "Secrets",
                &[("0", "0.4000000000")],
            )]
        }
        ("AmazonRDS", "ServerlessV2") => {
            assert_eq!(
                attributes[1],
                ("databaseEngine".to_owned(), "Aurora PostgreSQL".to_owned())
            );
            vec![
                item(
                    family,
                    "EU-Aurora:ServerlessV2Usage",
                    "ACU-Hr",
                    &[("0", "0.1400000000")],
                ),
                item(
                    family,
                    "EU-Aurora:ServerlessV2IOOptimizedUsage",
                    "ACU-Hr",
                    &[("0", "0.1820000000")],
                ),
            ]
        }
        ("AmazonRDS", "Database Storage") => {
            // One for each engine.
            vec![item(family, "EU-Aurora:StorageUsage", "GB-Mo", &[("0", "0.1100000000")]); 2]
        }
        ("AmazonEC2", "Storage") => {
            assert_eq!(attributes[1], ("volumeApiName".to_owned(), "gp3".to_owned()));
            vec![item(
                family,
                "EU-EBS:VolumeUsage.gp3",
                "GB-Mo",
                &[("0", "0.0880000000")],
            )]
        }
        ("AmazonEFS", "Storage") => vec![
            item(family, "EU-TimedStorage-ByteHrs", "GB-Mo", &[("0", "0.3300000000")]),
            item(family, "EU-TimedStorage-Z-ByteHrs", "GB-Mo", &[("0", "0.1760000000")]),
        ],
        ("AmazonS3", "Storage") => vec![item(
            family,
            "EU-TimedStorage-ByteHrs",
            "GB-Mo",
            &[("0", "0.0230000000"), ("51200", "0.0220000000")],
        )],
        other => panic!("{other:?} is asked for"),
    }
}

fn answer(items: &[String], next: Option<&str>) -> Reply {
    Reply::json(json!({"FormatVersion": "aws_v1", "PriceList": items, "NextToken": next}).to_string())
}

const EXPECTED: [(PricedPart, f64); 13] = [
    (PricedPart::NetworkLoadBalancer, 0.0252),
    (PricedPart::LoadBalancerCapacity, 0.006),
    (PricedPart::NatGateway, 0.048),
    (PricedPart::NatTraffic, 0.048),
    (PricedPart::InterfaceEndpoint, 0.011),
    (PricedPart::EndpointTraffic, 0.01),
    (PricedPart::PublicAddress, 0.005),
    (PricedPart::Secret, 0.4),
    (PricedPart::AuroraAcu, 0.14),
    (PricedPart::AuroraStorage, 0.11),
    (PricedPart::VolumeGp3, 0.088),
    (PricedPart::EfsStandard, 0.33),
    (PricedPart::S3Standard, 0.023),
];

#[tokio::test]
async fn each_part_has_its_price_and_is_asked_for_once_a_day() {
    let server = Server::start(|request: &Request| answer(&list(request), None)).await;
    let directory = tempfile::tempdir().expect("a directory");
    let mut cached = options();
    cached.price_cache = Some(directory.path().to_owned());
    let parts = EXPECTED.map(|(part, _)| part);
    let first = cloud(&server.url(), cached.clone())
        .part_prices(&parts)
        .await
        .expect("prices");
    let told: Vec<_> = first.iter().map(|price| (price.part, price.usd)).collect();
    assert_eq!(told, EXPECTED.map(|(part, usd)| (part, Some(usd))));
    assert!(
        first
            .iter()
            .all(|price| price.fetched_at == Some(noon()) && price.why.is_none())
    );
    let asked = server.requests().len();
    assert_eq!(asked, parts.len());
    let again = cloud(&server.url(), cached).part_prices(&parts).await.expect("prices");
    assert_eq!((again, server.requests().len()), (first, asked));
}

#[tokio::test]
async fn what_is_not_clear_is_not_known_and_says_why() {
    let server = Server::start(|request: &Request| match asked(request).1[0].1.as_str() {
        // The second price is on another page.
        "NAT Gateway" if request.text().contains("NextToken") => {
            answer(&[hourly("NAT Gateway", "EU-NatGateway-Hours", "0.05")], None)
        }
        "NAT Gateway" => answer(&[hourly("NAT Gateway", "EU-NatGateway-Hours", "0.048")], Some("more")),
        "Load Balancer-Network" => answer(&[hourly("Load Balancer-Network", "EU-LoadBalancerUsage", "0.0")], None),
        // Not by the hour.
        "VpcEndpoint" => answer(
            &[item("VpcEndpoint", "EU-VpcEndpoint-Hours", "GB", &[("0", "1")])],
            None,
        ),
        _ => answer(&[], None),
    })
    .await;
    let parts = [
        PricedPart::NatGateway,
        PricedPart::NetworkLoadBalancer,
        PricedPart::InterfaceEndpoint,
        PricedPart::AuroraAcu,
    ];
    let prices = cloud(&server.url(), options())
        .part_prices(&parts)
        .await
        .expect("prices");
    let why: Vec<_> = prices
        .iter()
        .map(|price| price.why.as_deref().unwrap_or_default())
        .collect();
    let none = "the price list has none in USD here";
    assert_eq!(why, ["the price list has 2 different ones here", none, none, none]);
    assert!(prices.iter().all(|price| price.usd.is_none()));
}

#[tokio::test]
async fn an_item_that_is_not_understood_and_a_refusal_are_failures() {
    let server = Server::start(|_| answer(&["[]".to_owned()], None)).await;
    let failed = cloud(&server.url(), options()).part_prices(&[PricedPart::Secret]).await;
    let failed = failed.expect_err("malformed");
    assert_eq!(failed.kind, FaultKind::Malformed);
    assert!(failed.message.starts_with("secret: "), "{}", failed.message);

    let denied = r#"{"__type":"AccessDeniedException","message":"not authorized"}"#;
    let server = Server::start(move |_| Reply::json(denied.to_owned()).status(400)).await;
    let failed = cloud(&server.url(), options()).part_prices(&[PricedPart::Secret]).await;
    assert_eq!(failed.expect_err("denied").kind, FaultKind::Denied);
}
