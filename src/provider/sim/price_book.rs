//! What the parts of clusters cost in the simulated world: prices of one made-up list, a little higher outside the United
//! States. They never change.

use jiff::Timestamp;

use crate::provider::{PartPrice, PricedPart};

/// USD per unit in the United States, and elsewhere.
fn listed(part: PricedPart) -> (f64, f64) {
    match part {
        PricedPart::NetworkLoadBalancer => (0.0225, 0.025),
        PricedPart::LoadBalancerCapacity => (0.006, 0.006),
        PricedPart::NatGateway => (0.045, 0.048),
        PricedPart::NatTraffic => (0.045, 0.048),
        PricedPart::InterfaceEndpoint => (0.01, 0.011),
        PricedPart::EndpointTraffic => (0.01, 0.01),
        PricedPart::PublicAddress => (0.005, 0.005),
        PricedPart::Secret => (0.4, 0.4),
        PricedPart::AuroraAcu => (0.12, 0.14),
        PricedPart::AuroraStorage => (0.1, 0.11),
        PricedPart::VolumeGp3 => (0.08, 0.088),
        PricedPart::EfsStandard => (0.3, 0.33),
        PricedPart::S3Standard => (0.023, 0.024),
    }
}

/// The prices of these parts in a region.
pub(super) fn prices(region: &str, parts: &[PricedPart], now: Timestamp) -> Vec<PartPrice> {
    let price = |part: &PricedPart| {
        let (at_home, elsewhere) = listed(*part);
        PartPrice {
            part: *part,
            usd: Some(if region.starts_with("us-") { at_home } else { elsewhere }),
            why: None,
            fetched_at: Some(now),
        }
    };
    parts.iter().map(price).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_one_price_in_a_region() {
        let parts = [PricedPart::NatGateway, PricedPart::Secret, PricedPart::NatGateway];
        let told = |region| prices(region, &parts, Timestamp::UNIX_EPOCH);
        let usd = |region| told(region).iter().map(|price| price.usd).collect::<Vec<_>>();
        assert_eq!(usd("us-east-1"), [Some(0.045), Some(0.4), Some(0.045)]);
        assert_eq!(usd("eu-west-1"), [Some(0.048), Some(0.4), Some(0.048)]);
        assert_eq!(told("eu-west-1"), told("eu-west-1"));
    }
}
