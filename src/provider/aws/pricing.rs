//! On-demand prices from the public price list.
//!
//! The Pricing API lives in a few regions only and tells the prices of all others. An item of its list is a JSON
//! document inside a JSON string; one question for each instance type, a few at a time, and a day's cache on disk
//! ([`super::price_cache`]) keep it slow but rare.

use std::collections::HashMap;

use aws_sdk_pricing::types::{Filter, FilterType};
use futures::{StreamExt, stream};
use serde::Deserialize;
use smol_str::{SmolStr, format_smolstr};

use super::price_cache::Cached;
use super::{AwsCloud, error};
use crate::fleet::{FaultKind, OnDemandPrice};
use crate::provider::{ProviderError, Result};

pub(super) const CALL: &str = "pricing:GetProducts";

/// Questions asked at the same time.
pub(super) const AT_ONCE: usize = 4;

/// The region whose Pricing endpoint serves this region; `None` where the partition has none.
pub(super) fn endpoint_region(region: &str) -> Option<&'static str> {
    match region {
        _ if region.starts_with("us-gov-") || region.starts_with("eusc-") => None,
        _ if region.starts_with("us-iso") || region.starts_with("eu-isoe") => None,
        _ if region.starts_with("cn-") => Some("cn-northwest-1"),
        _ if region.starts_with("ap-") => Some("ap-south-1"),
        _ if region.starts_with("eu-") => Some("eu-central-1"),
        _ => Some("us-east-1"),
    }
}

pub(super) async fn on_demand_prices(cloud: &AwsCloud, types: &[SmolStr]) -> Result<Vec<OnDemandPrice>> {
    let now = (cloud.clock)();
    let region = &cloud.scope.region;
    let cache = cloud.price_cache.as_ref();
    let mut known = match cache {
        Some(cache) => cache.read(now).await,
        None => HashMap::new(),
    };
    let mut asked: Vec<SmolStr> = types.iter().filter(|one| !known.contains_key(*one)).cloned().collect();
    asked.sort_unstable();
    asked.dedup();

    let mut answers = stream::iter(asked)
        .map(|one| async move {
            let answer = ask(cloud, &one).await;
            (one, answer)
        })
        .buffer_unordered(AT_ONCE);
    let mut failure = None;
    let mut learnt = Vec::new();
    while let Some((one, answer)) = answers.next().await {
        match answer {
            Ok(usd) => learnt.push((one, Cached { usd, fetched_at: now })),
            Err(refused) => {
                failure = Some(refused);
                break;
            }
        }
    }
    drop(answers);
    known.extend(learnt.iter().cloned());
    // What was learnt before a failure is kept, so that the next try asks for less.
    if let (Some(cache), false) = (cache, learnt.is_empty()) {
        cache.add(learnt, now).await;
    }
    if let Some(failure) = failure {
        return Err(failure);
    }
    let priced = types.iter().filter_map(|one| Some((one, known.get(one)?)));
    let priced = priced.map(|(one, cached)| OnDemandPrice {
        region: region.clone(),
        instance_type: one.clone(),
        usd: cached.usd,
        fetched_at: cached.fetched_at,
    });
    Ok(priced.collect())
}

/// The price of one type; `None` when the list names none.
async fn ask(cloud: &AwsCloud, instance_type: &str) -> Result<Option<f64>> {
    let filters = filters(cloud.scope.region.as_str(), instance_type);
    let mut found = None;
    each_item(cloud, "AmazonEC2", &filters, |item| {
        found = price_in(item, instance_type)
            .map_err(|why| error::malformed(CALL, &cloud.scope, format!("{instance_type}: {why}")))?;
        Ok(found.is_some())
    })
    .await?;
    Ok(found)
}

/// Reads what the price list has of a service under these filters, item by item, until one is said to be enough.
pub(super) async fn each_item(
    cloud: &AwsCloud,
    service: &str,
    filters: &[Filter],
    mut read: impl FnMut(&str) -> Result<bool>,
) -> Result<()> {
    let Some(pricing) = &cloud.pricing else {
        return Err(no_price_list(cloud));
    };
    let mut token = None;
    loop {
        let page = pricing
            .get_products()
            .service_code(service)
            .set_filters(Some(filters.to_vec()))
            .format_version("aws_v1")
            .max_results(cloud.page(100))
            .set_next_token(token.clone());
        let page = cloud.call(CALL, page.send()).await?;
        for item in page.price_list.unwrap_or_default() {
            if read(&item)? {
                return Ok(());
            }
        }
        token = cloud.next_page(CALL, token, page.next_token)?;
        if token.is_none() {
            return Ok(());
        }
    }
}

/// The failure where AWS publishes no price list.
pub(super) fn no_price_list(cloud: &AwsCloud) -> ProviderError {
    let scope = &cloud.scope;
    ProviderError {
        kind: FaultKind::Unsupported,
        call: SmolStr::new_static(CALL),
        target: format_smolstr!("{scope}"),
        message: format_smolstr!("AWS has no Pricing endpoint for the partition of {}", scope.region),
        mend: SmolStr::new_static("on-demand prices stay unknown there"),
    }
}

/// What picks one type's plain Linux price: no licence, no reservation, no dedicated host.
fn filters(region: &str, instance_type: &str) -> Vec<Filter> {
    let (tenancy, family) = if instance_type.contains(".metal") {
        ("Dedicated", "Compute Instance (bare metal)")
    } else {
        ("Shared", "Compute Instance")
    };
    matching([
        ("regionCode", region),
        ("instanceType", instance_type),
        ("operatingSystem", "Linux"),
        ("preInstalledSw", "NA"),
        ("capacitystatus", "Used"),
        ("marketoption", "OnDemand"),
        ("tenancy", tenancy),
        ("productFamily", family),
    ])
}

/// Filters that want each of these attributes as it is given.
pub(super) fn matching<'a>(attributes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Filter> {
    let filter = |(field, value)| {
        let filter = Filter::builder()
            .r#type(FilterType::TermMatch)
            .field(field)
            .value(value);
        filter.build().ok()
    };
    attributes.into_iter().filter_map(filter).collect()
}

#[derive(Deserialize)]
struct Item {
    product: Product,
    #[serde(default)]
    terms: Terms,
}

#[derive(Deserialize)]
struct Product {
    attributes: Attributes,
}

#[derive(Deserialize)]
struct Attributes {
    #[serde(rename = "instanceType")]
    instance_type: Option<String>,
}

#[derive(Default, Deserialize)]
pub(super) struct Terms {
    #[serde(rename = "OnDemand", default)]
    on_demand: HashMap<String, Offer>,
}

impl Terms {
    /// The prices without a commitment.
    pub(super) fn dimensions(&self) -> impl Iterator<Item = &Dimension> {
        self.on_demand
            .values()
            .flat_map(|offer| offer.price_dimensions.values())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Offer {
    #[serde(default)]
    price_dimensions: HashMap<String, Dimension>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dimension {
    #[serde(default)]
    pub(super) unit: String,
    /// From how many units a month on it holds.
    begin_range: Option<String>,
    #[serde(default)]
    price_per_unit: HashMap<String, String>,
}

impl Dimension {
    /// Whether it holds from the first unit on.
    pub(super) fn is_first(&self) -> bool {
        self.begin_range.as_deref().is_none_or(|from| from.parse() == Ok(0.0))
    }

    /// USD per unit; `None` when it is not in USD (China is priced in CNY), or 0, which marks what is sold otherwise.
    pub(super) fn usd(&self) -> std::result::Result<Option<f64>, String> {
        let Some(text) = self.price_per_unit.get("USD") else {
            return Ok(None);
        };
        let Ok(usd) = text.parse::<f64>() else {
            return Err(format!("the price {text:?} is not a number"));
        };
        Ok((usd.is_finite() && usd > 0.0).then_some(usd))
    }
}

/// USD per hour in one item of the price list; `None` when it prices another type, nothing by the hour, nothing in
/// USD (China is priced in CNY), or nothing at all (0 marks what is sold otherwise).
fn price_in(item: &str, instance_type: &str) -> std::result::Result<Option<f64>, String> {
    let item: Item =
        serde_json::from_str(item).map_err(|why| format!("an item of the price list is not read: {why}"))?;
    if item.product.attributes.instance_type.as_deref() != Some(instance_type) {
        return Ok(None);
    }
    for dimension in item.terms.dimensions() {
        if !matches!(dimension.unit.as_str(), "Hrs" | "Hours") {
            continue;
        }
        if let Some(usd) = dimension.usd()? {
            return Ok(Some(usd));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(instance_type: &str, unit: &str, currency: &str, price: &str) -> String {
        serde_json::json!({
            "product": {"productFamily": "Compute Instance", "attributes": {"instanceType": instance_type, "vcpu": "2"}},
            "serviceCode": "AmazonEC2",
            "terms": {
                "OnDemand": {"SKU.JRTCKXETXF": {"priceDimensions": {"SKU.JRTCKXETXF.6YS6EN2CT7": {
                    "unit": unit, "pricePerUnit": {currency: price}}}}},
                "Reserved": {"SKU.X": {"priceDimensions": {}}},
            },
        })
        .to_string()
    }

    #[test]
    fn a_price_is_read_from_its_item() {
        assert_eq!(
            price_in(&item("m7g.large", "Hrs", "USD", "0.0816000000"), "m7g.large"),
            Ok(Some(0.0816))
        );
    }

    #[test]
    fn what_is_no_price_in_usd_per_hour_is_unknown() {
        for other in [
            item("m7g.large", "Hrs", "USD", "0.0000000000"),
            item("m7g.large", "Hrs", "CNY", "0.5"),
            item("m7g.large", "Quantity", "USD", "0.5"),
            item("m7g.xlarge", "Hrs", "USD", "0.5"),
            item("m7g.large", "Hrs", "USD", "-1"),
            item("m7g.large", "Hrs", "USD", "inf"),
            r#"{"product": {"attributes": {"instanceType": "m7g.large"}}}"#.to_owned(),
        ] {
            assert_eq!(price_in(&other, "m7g.large"), Ok(None), "{other}");
        }
    }

    #[test]
    fn an_item_that_is_not_understood_says_so() {
        assert!(price_in("{\"product\":", "m7g.large").is_err());
        assert!(price_in("[]", "m7g.large").is_err());
        assert!(price_in(&item("m7g.large", "Hrs", "USD", "a lot"), "m7g.large").is_err());
    }

    #[test]
    fn each_region_has_its_price_list() {
        for (region, expected) in [
            ("eu-west-1", Some("eu-central-1")),
            ("ap-southeast-2", Some("ap-south-1")),
            ("cn-north-1", Some("cn-northwest-1")),
            ("us-west-2", Some("us-east-1")),
            ("sa-east-1", Some("us-east-1")),
            ("us-gov-west-1", None),
            ("us-iso-east-1", None),
        ] {
            assert_eq!(endpoint_region(region), expected, "{region}");
        }
    }
}
