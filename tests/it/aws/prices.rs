//! Spot price history and the price list, neither of which moto has.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use k3fleet::fleet::FaultKind;
use k3fleet::provider::Cloud;
use smol_str::{SmolStr, format_smolstr};

use super::answers::ec2;
use super::{cloud, noon, options};
use crate::support::http::{Reply, Request, Server};

fn price(instance_type: &str, zone: &str, at: &str, usd: &str) -> String {
    format!(
        "<item><instanceType>{instance_type}</instanceType><productDescription>Linux/UNIX</productDescription>\
         <spotPrice>{usd}</spotPrice><timestamp>{at}</timestamp><availabilityZone>{zone}</availabilityZone></item>"
    )
}

fn history(prices: &[String], next: Option<&str>) -> Reply {
    let set = format!("<spotPriceHistorySet>{}</spotPriceHistorySet>", prices.concat());
    Reply::xml(ec2("DescribeSpotPriceHistory", &set, next))
}

#[tokio::test]
async fn price_history_is_read_to_its_empty_token() {
    let server = Server::script([
        history(
            &[
                price("t4g.small", "eu-west-1a", "2026-11-22T10:00:00Z", "0.0061"),
                price("t4g.small", "eu-west-1b", "2026-11-22T09:00:00Z", "0.005900"),
            ],
            Some("two"),
        ),
        // An empty page in the middle is no end.
        history(&[], Some("three")),
        history(
            &[
                price("t4g.small", "eu-west-1a", "2026-11-21T08:00:00Z", "0.0060"),
                price("t4g.small", "eu-west-1a", "2026-11-22T10:00:00Z", "0.0061"),
                price("t4g.small", "eu-west-1a", "2026-11-21T07:00:00Z", "0"),
                price("t4g.small", "eu-west-1a", "2026-11-21T06:00:00Z", "dear"),
                price("x1.32xlarge", "eu-west-1a", "2026-11-22T10:00:00Z", "3.9"),
            ],
            Some(""),
        ),
    ])
    .await;
    let since: Timestamp = "2026-11-21T12:00:00.5Z".parse().expect("a time");
    let prices = cloud(&server.url(), options())
        .spot_prices(&["t4g.small".into()], since)
        .await
        .expect("prices");
    let told: Vec<_> = prices
        .iter()
        .map(|one| (one.zone.as_str(), one.at.to_string(), one.usd))
        .collect();
    assert_eq!(
        told,
        [
            ("eu-west-1a", "2026-11-22T10:00:00Z".to_owned(), 0.0061),
            ("eu-west-1b", "2026-11-22T09:00:00Z".to_owned(), 0.0059),
            ("eu-west-1a", "2026-11-21T08:00:00Z".to_owned(), 0.006),
        ],
        "the price in force at the start included, doubles and what is no price left out"
    );
    assert!(prices.iter().all(|one| one.region == "eu-west-1"));

    let requests = server.requests();
    let tokens: Vec<_> = requests.iter().map(|request| request.form("NextToken")).collect();
    assert_eq!(tokens, [None, Some("two".to_owned()), Some("three".to_owned())]);
    assert_eq!(requests[0].form("InstanceType.1").as_deref(), Some("t4g.small"));
    assert_eq!(requests[0].form("StartTime").as_deref(), Some("2026-11-21T12:00:00Z"));
    assert_eq!(requests[0].form("ProductDescription.1").as_deref(), Some("Linux/UNIX"));
}

#[tokio::test]
async fn many_types_are_asked_for_in_batches() {
    let server = Server::start(|_| history(&[], None)).await;
    let types: Vec<SmolStr> = (0..120).map(|n| format_smolstr!("m{n}.large")).collect();
    let cloud = cloud(&server.url(), options());
    assert_eq!(cloud.spot_prices(&types, noon()).await.expect("prices"), []);
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    let asked: HashSet<_> = requests
        .iter()
        .flat_map(|request| (1..=120).filter_map(|n| request.form(&format!("InstanceType.{n}"))))
        .collect();
    assert_eq!(asked.len(), 120);
}

/// The type that a question to the price list names.
fn asked_type(request: &Request) -> String {
    let question: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
    assert_eq!(question["ServiceCode"], "AmazonEC2");
    let filters = question["Filters"].as_array().expect("filters");
    let value = |field: &str| {
        let filter = filters.iter().find(|filter| filter["Field"] == field);
        filter
            .and_then(|filter| filter["Value"].as_str())
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(
        (value("regionCode"), value("operatingSystem")),
        ("eu-west-1".to_owned(), "Linux".to_owned())
    );
    value("instanceType")
}

fn product(instance_type: &str, usd: &str) -> String {
    serde_json::json!({
        "product": {"attributes": {"instanceType": instance_type, "regionCode": "eu-west-1"}, "sku": "ABC"},
        "terms": {"OnDemand": {"ABC.JRT": {"priceDimensions": {"ABC.JRT.6YS": {
            "unit": "Hrs", "description": "…", "pricePerUnit": {"USD": usd}}}}}},
    })
    .to_string()
}

fn price_list(items: &[String], next: Option<&str>) -> Reply {
    let answer = serde_json::json!({"FormatVersion": "aws_v1", "PriceList": items, "NextToken": next});
    Reply::json(answer.to_string())
}

fn next_noon() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().expect("a time")
}

#[tokio::test]
async fn on_demand_prices_are_fetched_once_a_day() {
    let server = Server::start(|request: &Request| match asked_type(request).as_str() {
        "t4g.small" => price_list(&[product("t4g.small", "0.0184000000")], None),
        "m7g.large" if request.text().contains("\"NextToken\"") => {
            price_list(&[product("m7g.large", "0.0916000000")], None)
        }
        "m7g.large" => price_list(&[product("m7g.large", "0.0000000000")], Some("more")),
        _ => price_list(&[], None),
    })
    .await;
    let directory = tempfile::tempdir().expect("a directory");
    let mut cached = options();
    cached.price_cache = Some(directory.path().join("prices"));
    let types: Vec<SmolStr> = ["t4g.small", "m7g.large", "x99.nano", "t4g.small"]
        .map(SmolStr::from)
        .to_vec();

    let prices = cloud(&server.url(), cached.clone())
        .on_demand_prices(&types)
        .await
        .expect("prices");
    let told: Vec<_> = prices.iter().map(|one| (one.instance_type.as_str(), one.usd)).collect();
    let expected = [
        ("t4g.small", Some(0.0184)),
        ("m7g.large", Some(0.0916)),
        ("x99.nano", None),
        ("t4g.small", Some(0.0184)),
    ];
    assert_eq!(told, expected, "one answer for each question; 0 is no price");
    assert!(
        prices
            .iter()
            .all(|one| one.fetched_at == noon() && one.region == "eu-west-1")
    );
    assert_eq!(server.requests().len(), 4, "each type once, and one further page");
    let signature = server.requests()[0].header("authorization").expect("signed").to_owned();
    assert!(signature.contains("/eu-central-1/pricing/"), "{signature}");

    // Another process, later the same day.
    let again = cloud(&server.url(), cached.clone())
        .on_demand_prices(&types)
        .await
        .expect("prices");
    assert_eq!(again, prices, "the age is kept");
    assert_eq!(server.requests().len(), 4);

    cached.clock = next_noon;
    let next_day = cloud(&server.url(), cached)
        .on_demand_prices(&types)
        .await
        .expect("prices");
    assert!(next_day.iter().all(|one| one.fetched_at == next_noon()));
    assert_eq!(server.requests().len(), 8);
}

#[tokio::test]
async fn what_was_learnt_before_a_failure_is_kept() {
    let is_failing = Arc::new(AtomicBool::new(true));
    let server = {
        let is_failing = Arc::clone(&is_failing);
        Server::start(move |request: &Request| {
            let one = asked_type(request);
            if one == "e.bad" && is_failing.load(Ordering::SeqCst) {
                return Reply::json(r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#).status(400);
            }
            price_list(&[product(&one, "1.5")], None)
        })
        .await
    };
    let directory = tempfile::tempdir().expect("a directory");
    let mut cached = options();
    cached.attempts = 1;
    cached.price_cache = Some(directory.path().to_owned());
    // Four are asked for at a time, in their order: the bad one's turn comes after an answer.
    let types: Vec<SmolStr> = ["e.bad", "d.1", "c.1", "b.1", "a.1"].map(SmolStr::from).to_vec();
    let refused = cloud(&server.url(), cached.clone()).on_demand_prices(&types).await;
    assert_eq!(refused.expect_err("throttled").kind, FaultKind::Throttled);

    is_failing.store(false, Ordering::SeqCst);
    let before = server.requests().len();
    let prices = cloud(&server.url(), cached).on_demand_prices(&types).await;
    assert_eq!(prices.expect("prices").len(), 5);
    let again = server.requests().len() - before;
    assert!(
        (1..5).contains(&again),
        "only what is not known yet is asked for, not {again}"
    );
}

#[tokio::test]
async fn an_item_that_makes_no_sense_is_malformed() {
    let server = Server::start(|_| price_list(&["{\"product\":".to_owned()], None)).await;
    let refused = cloud(&server.url(), options())
        .on_demand_prices(&["t3.micro".into()])
        .await;
    let refused = refused.expect_err("malformed");
    assert_eq!(refused.kind, FaultKind::Malformed);
    assert!(refused.message.starts_with("t3.micro: "), "{}", refused.message);
}

#[tokio::test]
async fn where_there_is_no_price_list_it_is_said() {
    let keys = k3fleet::provider::aws::Keys {
        id: "x".to_owned(),
        secret: "x".to_owned(),
        session: None,
    };
    let profile = k3fleet::provider::aws::Profile::at_endpoint("", "http://127.0.0.1:1", keys, options());
    let cloud = profile.region("us-gov-west-1").expect("a region");
    let refused = cloud.on_demand_prices(&["t3.micro".into()]).await.expect_err("none");
    assert_eq!(refused.kind, FaultKind::Unsupported);
    assert!(refused.message.contains("us-gov-west-1"), "{}", refused.message);
}
