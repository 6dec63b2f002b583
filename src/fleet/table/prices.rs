//! The prices: one row for each instance type in each zone, spot beside on-demand.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use smol_str::SmolStr;

use super::{
    Column, Natural, RowId, Table, TableKind, Value, View, column, hidden, hidden_numeric, numeric, seconds_since,
};
use crate::fleet::market::Series;
use crate::fleet::{ClusterId, Offer, Severity};

pub(super) struct Prices;

/// One instance type in one zone.
#[derive(Clone, Copy)]
pub struct PriceRow<'a> {
    /// The type and region.
    pub offer: &'a Offer,
    /// The zone; empty when only the on-demand price is known.
    pub zone: &'a str,
    /// The spot price's changes.
    pub spot: Option<&'a Series>,
}

impl PriceRow<'_> {
    fn now(&self) -> Option<f64> {
        self.spot?.latest().map(|(_, usd)| usd)
    }
}

impl Table for Prices {
    const KIND: TableKind = TableKind::Prices;

    type Row<'a> = PriceRow<'a>;

    const COLUMNS: &'static [Column<Self>] = &[
        column("type", "TYPE", 14, |_, p| Value::text_of(&p.offer.instance_type)),
        column("zone", "ZONE", 14, |_, p| Value::text_of(p.zone)),
        numeric("spot", "SPOT $/H", 8, |_, p| money(p.now())),
        numeric("on-demand", "ON-DEMAND", 9, |v, p| {
            money(v.fleet.market().on_demand(p.offer))
        }),
        numeric("saving", "SAVING", 6, |v, r| saving(v, r)),
        numeric("change", "24H", 6, |v, r| change(v, r)),
        column("cheaper", "CHEAPER IN", 22, |v, r| cheaper(v, r)),
        numeric("machines", "MACHINES", 8, |v, r| machines(v, r)),
        numeric("since", "SINCE", 7, |v, r| since(v, r)),
        hidden("region", "REGION", 12, |_, p| Value::text_of(&p.offer.region)),
        hidden_numeric("on-demand-age", "OD AGE", 7, |v, r| on_demand_age(v, r)),
    ];

    fn rows<'a>(view: &View<'a>) -> Vec<PriceRow<'a>> {
        let market = view.fleet.market();
        let mut rows = vec![];
        for offer in market.offers() {
            match market.zones(offer) {
                Some(zones) => rows.extend(zones.iter().map(|(zone, s)| PriceRow {
                    offer,
                    zone,
                    spot: Some(s),
                })),
                None => rows.push(PriceRow {
                    offer,
                    zone: "",
                    spot: None,
                }),
            }
        }
        rows
    }

    fn row<'a>(view: &View<'a>, id: &RowId) -> Option<PriceRow<'a>> {
        let RowId::Price(offer, zone) = id else { return None };
        let market = view.fleet.market();
        if let Some((zone, spot)) = market.zones(offer).and_then(|z| z.get_key_value(zone)) {
            let offer = market.offer(offer)?;
            return Some(PriceRow {
                offer,
                zone,
                spot: Some(spot),
            });
        }
        Some(PriceRow {
            offer: market.offer(offer)?,
            zone: "",
            spot: None,
        })
        .filter(|_| zone.is_empty())
    }

    fn id(row: &PriceRow<'_>) -> RowId {
        RowId::Price(row.offer.clone(), row.zone.into())
    }

    fn severity(_: &View<'_>, _: &PriceRow<'_>) -> Severity {
        Severity::Ok
    }

    fn in_cluster(_: &PriceRow<'_>, _: &ClusterId) -> bool {
        true
    }

    type Key<'a> = (Natural<'a>, &'a Offer, &'a str);

    fn keys<'a>(_: &View<'a>, rows: &[PriceRow<'a>]) -> Vec<Self::Key<'a>> {
        let key = |p: &PriceRow<'a>| (Natural(&p.offer.instance_type), p.offer, p.zone);
        rows.iter().map(key).collect()
    }
}

fn money(usd: Option<f64>) -> Value<'static> {
    usd.map_or(Value::Missing, Value::Money)
}

fn saving<'a>(view: &View<'a>, row: &PriceRow<'a>) -> Value<'a> {
    match (row.now(), view.fleet.market().on_demand(row.offer)) {
        (Some(spot), Some(on_demand)) if on_demand > 0.0 => Value::Fraction(1.0 - spot / on_demand),
        _ => Value::Missing,
    }
}

/// The change against the price of 24 hours ago.
fn change<'a>(view: &View<'a>, row: &PriceRow<'a>) -> Value<'a> {
    let before = row.spot.and_then(|s| s.at(view.now - SignedDuration::from_hours(24)));
    match (before, row.now()) {
        (Some(before), Some(now)) if before > 0.0 => Value::Fraction(now / before - 1.0),
        _ => Value::Missing,
    }
}

/// The cheapest other zone for the same type, and the USD per hour that it saves.
pub fn cheaper_zone<'a>(zones: &'a BTreeMap<SmolStr, Series>, zone: &str) -> Option<(&'a str, f64)> {
    let price = |s: &Series| s.latest().map(|(_, usd)| usd);
    let here = zones.get(zone).and_then(price)?;
    let others = zones
        .iter()
        .filter(|(z, _)| *z != zone)
        .filter_map(|(z, s)| Some((z.as_str(), price(s)?)));
    let (best, usd) = others.min_by(|a, b| a.1.total_cmp(&b.1))?;
    (usd < here).then_some((best, here - usd))
}

fn cheaper<'a>(view: &View<'a>, row: &PriceRow<'a>) -> Value<'a> {
    let best = view
        .fleet
        .market()
        .zones(row.offer)
        .and_then(|zones| cheaper_zone(zones, row.zone));
    best.map_or(Value::Missing, |(zone, saved)| {
        Value::owned(format!("{zone} -{}", super::money(saved)))
    })
}

fn machines<'a>(view: &View<'a>, row: &PriceRow<'a>) -> Value<'a> {
    Value::Count(view.summary.machines_on(row.offer, row.zone).into())
}

fn since<'a>(view: &View<'a>, row: &PriceRow<'a>) -> Value<'a> {
    row.spot
        .and_then(Series::latest)
        .map_or(Value::Missing, |(at, _)| seconds_since(view, at))
}

fn on_demand_age<'a>(view: &View<'a>, row: &PriceRow<'a>) -> Value<'a> {
    let entry = view.fleet.market().on_demand_entry(row.offer);
    entry.map_or(Value::Missing, |e| seconds_since(view, e.fetched_at))
}
