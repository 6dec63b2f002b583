//! Prices of the parts of clusters that are no instances, from the public price list.
//!
//! The list names such a part by its usage type, whose beginning differs from region to region (`EUW2-NatGateway-Hours`,
//! in the oldest region `NatGateway-Hours`) and cannot be asked for without. So a part's family is asked for, and of the
//! answer only the exact usage type counts. Where prices differ none is taken: a guess would be worse than a blank.

use futures::{StreamExt, stream};
use serde::Deserialize;
use smol_str::{SmolStr, format_smolstr};

use super::price_cache::Cached;
use super::pricing::{AT_ONCE, CALL, Terms, each_item, matching};
use super::{AwsCloud, error};
use crate::provider::{PartPrice, PricedPart, Result};

/// Where the price list has a part.
struct Entry {
    service: &'static str,
    /// Attributes that are asked for besides the region.
    attributes: &'static [(&'static str, &'static str)],
    /// The usage type without the region's beginning.
    usage: &'static str,
    /// One of these its unit must hold, in small letters.
    unit: &'static [&'static str],
}

const HOURS: &[&str] = &["hr", "hour"];
const GIGABYTES: &[&str] = &["gb"];
/// The usage type says it all.
const ANY: &[&str] = &[""];

fn entry(part: PricedPart) -> Entry {
    let of = |service, attributes, usage, unit| Entry {
        service,
        attributes,
        usage,
        unit,
    };
    const BALANCER: &[(&str, &str)] = &[("productFamily", "Load Balancer-Network")];
    const NAT: &[(&str, &str)] = &[("productFamily", "NAT Gateway")];
    const ENDPOINT: &[(&str, &str)] = &[("productFamily", "VpcEndpoint")];
    const STORAGE: &[(&str, &str)] = &[("productFamily", "Storage")];
    match part {
        PricedPart::NetworkLoadBalancer => of("AWSELB", BALANCER, "LoadBalancerUsage", HOURS),
        PricedPart::LoadBalancerCapacity => of("AWSELB", BALANCER, "LCUUsage", HOURS),
        PricedPart::NatGateway => of("AmazonEC2", NAT, "NatGateway-Hours", HOURS),
        PricedPart::NatTraffic => of("AmazonEC2", NAT, "NatGateway-Bytes", GIGABYTES),
        PricedPart::InterfaceEndpoint => of("AmazonVPC", ENDPOINT, "VpcEndpoint-Hours", HOURS),
        PricedPart::EndpointTraffic => of("AmazonVPC", ENDPOINT, "VpcEndpoint-Bytes", GIGABYTES),
        // It has no family.
        PricedPart::PublicAddress => of(
            "AmazonVPC",
            &[("group", "VPCPublicIPv4Address")],
            "PublicIPv4:InUseAddress",
            HOURS,
        ),
        PricedPart::Secret => of(
            "AWSSecretsManager",
            &[("productFamily", "Secret")],
            "AWSSecretsManager-Secrets",
            ANY,
        ),
        PricedPart::AuroraAcu => of(
            "AmazonRDS",
            &[
                ("productFamily", "ServerlessV2"),
                ("databaseEngine", "Aurora PostgreSQL"),
            ],
            "Aurora:ServerlessV2Usage",
            HOURS,
        ),
        PricedPart::AuroraStorage => of(
            "AmazonRDS",
            &[("productFamily", "Database Storage")],
            "Aurora:StorageUsage",
            GIGABYTES,
        ),
        PricedPart::VolumeGp3 => of(
            "AmazonEC2",
            &[("productFamily", "Storage"), ("volumeApiName", "gp3")],
            "EBS:VolumeUsage.gp3",
            GIGABYTES,
        ),
        PricedPart::EfsStandard => of("AmazonEFS", STORAGE, "TimedStorage-ByteHrs", GIGABYTES),
        PricedPart::S3Standard => of(
            "AmazonS3",
            &[("productFamily", "Storage"), ("volumeType", "Standard")],
            "TimedStorage-ByteHrs",
            GIGABYTES,
        ),
    }
}

/// The name of a part's price in the cache, which instance types are in as well.
fn key(part: PricedPart) -> SmolStr {
    format_smolstr!("part:{}", part.as_str())
}

/// The prices of these parts, one answer for each. What the list does not tell is asked for again the next time.
pub(super) async fn part_prices(cloud: &AwsCloud, parts: &[PricedPart]) -> Result<Vec<PartPrice>> {
    let now = (cloud.clock)();
    let known = match &cloud.price_cache {
        Some(cache) => cache.read(now).await,
        None => Default::default(),
    };
    let mut answers = stream::iter(parts.iter().copied())
        .map(|part| {
            let cached = known.get(&key(part)).copied();
            async move {
                match cached {
                    Some(Cached {
                        usd: Some(usd),
                        fetched_at,
                    }) => Ok(PartPrice {
                        part,
                        usd: Some(usd),
                        why: None,
                        fetched_at: Some(fetched_at),
                    }),
                    _ => Ok(told(part, ask(cloud, part).await?, now)),
                }
            }
        })
        .buffered(AT_ONCE);
    let mut all = vec![];
    let mut failure = None;
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(price) => all.push(price),
            Err(refused) => {
                failure = Some(refused);
                break;
            }
        }
    }
    drop(answers);
    let learnt = all
        .iter()
        .filter(|price| price.usd.is_some() && price.fetched_at == Some(now));
    let learnt: Vec<_> = learnt
        .map(|price| {
            let cached = Cached {
                usd: price.usd,
                fetched_at: now,
            };
            (key(price.part), cached)
        })
        .collect();
    if let (Some(cache), false) = (&cloud.price_cache, learnt.is_empty()) {
        cache.add(learnt, now).await;
    }
    failure.map_or(Ok(all), Err)
}

fn told(part: PricedPart, found: Vec<f64>, now: jiff::Timestamp) -> PartPrice {
    let (usd, why) = match found.as_slice() {
        [usd] => (Some(*usd), None),
        [] => (None, Some("the price list has none in USD here".into())),
        several => (
            None,
            Some(format_smolstr!(
                "the price list has {} different ones here",
                several.len()
            )),
        ),
    };
    PartPrice {
        part,
        usd,
        why,
        fetched_at: Some(now),
    }
}

/// The different prices that the list has for a part.
async fn ask(cloud: &AwsCloud, part: PricedPart) -> Result<Vec<f64>> {
    let entry = entry(part);
    let region = cloud.scope.region.as_str();
    let filters = matching(
        [("regionCode", region)]
            .into_iter()
            .chain(entry.attributes.iter().copied()),
    );
    let mut found: Vec<f64> = vec![];
    each_item(cloud, entry.service, &filters, |item| {
        let price = price_in(item, &entry)
            .map_err(|why| error::malformed(CALL, &cloud.scope, format!("{}: {why}", part.as_str())))?;
        if let Some(usd) = price.filter(|usd| !found.contains(usd)) {
            found.push(usd);
        }
        Ok(false)
    })
    .await?;
    Ok(found)
}

#[derive(Deserialize)]
struct Item {
    product: Product,
    #[serde(default)]
    terms: Terms,
}

#[derive(Deserialize)]
struct Product {
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Default, Deserialize)]
struct Attributes {
    #[serde(default)]
    usagetype: String,
}

/// USD per unit in an item of the price list, of the first units of the month where there are steps; `None` when it prices
/// something else, nothing in USD, or nothing at all.
fn price_in(item: &str, entry: &Entry) -> std::result::Result<Option<f64>, String> {
    let item: Item =
        serde_json::from_str(item).map_err(|why| format!("an item of the price list is not read: {why}"))?;
    if !is_usage(&item.product.attributes.usagetype, entry.usage) {
        return Ok(None);
    }
    let dimensions = item.terms.dimensions();
    for dimension in dimensions.filter(|d| d.is_first()) {
        let unit = dimension.unit.to_ascii_lowercase();
        if !entry.unit.iter().any(|expected| unit.contains(expected)) {
            continue;
        }
        if let Some(usd) = dimension.usd()? {
            return Ok(Some(usd));
        }
    }
    Ok(None)
}

/// Whether a usage type is this one, after the letters and digits of its region.
fn is_usage(given: &str, usage: &str) -> bool {
    let Some(before) = given.strip_suffix(usage) else {
        return false;
    };
    // The first region of Europe has no number.
    let is_region = |name: &str| {
        let is_of_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
        name == "EU" || name.len() > 2 && name.ends_with(|c: char| c.is_ascii_digit()) && name.chars().all(is_of_name)
    };
    before.is_empty() || before.strip_suffix('-').is_some_and(is_region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usage_type_is_known_whatever_its_region_is_called() {
        for (given, usage, expected) in [
            ("NatGateway-Hours", "NatGateway-Hours", true),
            ("EU-NatGateway-Hours", "NatGateway-Hours", true),
            ("CAN1-NatGateway-Hours", "NatGateway-Hours", true),
            ("USE1-AWSSecretsManager-Secrets", "AWSSecretsManager-Secrets", true),
            ("EUW2-RegionalNatGateway-Hours", "NatGateway-Hours", false),
            ("EUW2-NatGateway-Prvd-Bytes", "NatGateway-Bytes", false),
            ("EUW2-TS-LoadBalancerUsage", "LoadBalancerUsage", false),
            ("TS-LoadBalancerUsage", "LoadBalancerUsage", false),
            (
                "EUW2-Aurora:ServerlessV2IOOptimizedUsage",
                "Aurora:ServerlessV2Usage",
                false,
            ),
            ("eu-NatGateway-Hours", "NatGateway-Hours", false),
            ("-NatGateway-Hours", "NatGateway-Hours", false),
            ("", "NatGateway-Hours", false),
        ] {
            assert_eq!(is_usage(given, usage), expected, "{given}");
        }
    }
}
