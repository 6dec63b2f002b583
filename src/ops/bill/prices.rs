//! What the machines and parts of a bill cost, each as a row: a price that is not known says why.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::count::Pool;
use super::{Basis, BillRow};
use crate::blueprint::Spec;
use crate::fleet::{Market, Offer};
use crate::ops::plan::CostChange;
use crate::provider::{PartPrice, PricedPart};

/// What is known of prices where a cluster is to be.
pub(super) struct Prices<'a> {
    market: &'a Market,
    region: &'a SmolStr,
    zones: &'a [SmolStr],
    parts: BTreeMap<PricedPart, &'a PartPrice>,
}

impl<'a> Prices<'a> {
    pub(super) fn of(market: &'a Market, spec: &'a Spec, basis: &'a Basis) -> Self {
        Self {
            market,
            region: &spec.region,
            zones: &basis.zones,
            parts: basis.parts.iter().map(|price| (price.part, price)).collect(),
        }
    }

    /// A part's price, or why it is not known.
    pub(super) fn part(&self, part: PricedPart) -> Result<f64, String> {
        let Some(price) = self.parts.get(&part) else {
            return Err("its price was not asked for".to_owned());
        };
        let why = || price.why.as_ref().map_or("nobody told", SmolStr::as_str).to_owned();
        price.usd.ok_or_else(why)
    }

    /// The spot price of a type in the dearest of the zones.
    fn spot(&self, offer: &Offer) -> Option<f64> {
        let of_zones = self.zones.iter().filter_map(|zone| self.market.spot(offer, zone));
        of_zones.max_by(f64::total_cmp)
    }

    /// The dearest of some types, where all are known.
    fn dearest<'t>(
        &self,
        types: &'t [SmolStr],
        price: impl Fn(&Offer) -> Option<f64>,
    ) -> Result<(&'t str, f64), String> {
        let mut dearest: Option<(&str, f64)> = None;
        for kind in types {
            let offer = Offer::new(self.region, kind);
            let Some(usd) = price(&offer) else {
                return Err(kind.to_string());
            };
            if dearest.is_none_or(|(_, most)| usd > most) {
                dearest = Some((kind, usd));
            }
        }
        dearest.ok_or_else(|| "no type".to_owned())
    }

    /// The row of a pool.
    pub(super) fn machines(&self, pool: &Pool) -> BillRow {
        let on_demand = self.dearest(&pool.types, |offer| self.market.on_demand(offer));
        let spot = match pool.spot {
            0 => Ok(0.0),
            _ => self.dearest(&pool.types, |offer| self.spot(offer)).map(|(_, usd)| usd),
        };
        let kind = match (pool.types.as_slice(), &on_demand) {
            ([only], _) => only.to_string(),
            (_, Ok((dearest, _))) => format!("{dearest} at most"),
            (types, Err(_)) => format!("one of {} types", types.len()),
        };
        let bought = match (pool.on_demand, pool.spot) {
            (0, spot) => format!("{spot} spot"),
            (on_demand, 0) => format!("{on_demand} on-demand"),
            (on_demand, spot) => format!("{on_demand} on-demand + {spot} spot"),
        };
        let what = match pool.is_server {
            true if pool.spot == 0 => format!("{} servers, {kind}", pool.on_demand),
            true => format!("servers: {bought}, {kind}"),
            false => format!("{}: {bought}, {kind}", pool.name),
        };
        let unknown = match (&on_demand, &spot) {
            (Err(kind), _) => Some(format!("no on-demand price of {kind} is known here")),
            (_, Err(kind)) => Some(format!("no spot price of {kind} is known in these zones")),
            _ => None,
        };
        let usd = on_demand.ok().map(|(_, usd)| usd);
        let paid = |usd: Option<f64>| match pool.on_demand {
            0 => Some(0.0),
            n => usd.map(|usd| usd * f64::from(n)),
        };
        let as_bought = paid(usd).zip(spot.ok());
        BillRow {
            what,
            count: f64::from(pool.machines()),
            on_demand: usd.map(|usd| usd * f64::from(pool.machines())),
            as_bought: as_bought.map(|(on_demand, spot)| on_demand + spot * f64::from(pool.spot)),
            at_rest: None,
            unknown,
        }
    }

    /// A row of parts, each of which is billed by the hour or the month.
    pub(super) fn row(&self, what: String, part: PricedPart, count: f64) -> BillRow {
        let price = self.part(part);
        let hours = match part.unit() {
            "month" | "GiB-month" => CostChange::HOURS_PER_MONTH,
            _ => 1.0,
        };
        let usd = price.as_ref().ok().map(|usd| usd * count / hours);
        BillRow {
            what,
            count,
            on_demand: usd,
            as_bought: usd,
            at_rest: None,
            unknown: price.err(),
        }
    }
}
