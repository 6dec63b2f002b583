//! The spot prices of one instance type, zone by zone, against its on-demand price: as small charts on the Fleet
//! screen. Which type it is follows from the row under the cursor.

use jiff::SignedDuration;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::look::Look;
use super::strip::Piece;
use super::text::width;
use super::{cell, empty, strip};
use crate::app::{Pane, Screen, State};
use crate::fleet::market::Series;
use crate::fleet::table::money;
use crate::fleet::{Offer, PoolId, Purchase, RowId};

/// The offer that the charts show: that of the row under the cursor of the focused table, else of the other tables
/// on the screen, else the first that a spot price is known of.
pub(super) fn offer(state: &State) -> Option<Offer> {
    let panes: &[Pane] = match (state.screen, state.focused()) {
        (Screen::Fleet, Pane::FleetPools) => &[Pane::FleetPools, Pane::FleetMachines],
        (Screen::Fleet, _) => &[Pane::FleetMachines, Pane::FleetPools],
        _ => &[Pane::Prices],
    };
    let at_cursor = panes
        .iter()
        .find_map(|pane| of_row(state, state.tables.get(pane)?.cursor.as_ref()?));
    at_cursor.or_else(|| {
        let market = state.fleet.market();
        market.offers().into_iter().find(|o| market.zones(o).is_some()).cloned()
    })
}

fn of_row(state: &State, id: &RowId) -> Option<Offer> {
    match id {
        RowId::Price(offer, _) => Some(offer.clone()),
        RowId::Machine(id) | RowId::Edge(id) => state.fleet.machine(id)?.offer(),
        RowId::Pool(id) => {
            let region = match id {
                PoolId::Instance(id) => {
                    return state
                        .fleet
                        .machine(&crate::fleet::MachineId::Instance(id.clone()))?
                        .offer();
                }
                other => &other.scope()?.region,
            };
            let types = &state.summary.pools.get(id)?.types;
            let offers = types.iter().map(|t| Offer::new(region, t));
            offers.into_iter().find(|o| state.fleet.market().offer(o).is_some())
        }
        _ => None,
    }
}

/// The title of a pane that shows it.
pub(super) fn title(state: &State) -> String {
    let span = match state.span_days {
        1 => "24 h".to_owned(),
        days => format!("{days} d"),
    };
    match offer(state) {
        Some(offer) => format!("Spot {} {} {span}", offer.instance_type, offer.region),
        None => format!("Spot prices {span}"),
    }
}

/// How far back the charts look.
pub(super) fn span(state: &State) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(state.span_days.max(1)))
}

/// The zones of an offer, the cheapest first.
pub(super) fn zones<'a>(state: &'a State, offer: &Offer) -> Vec<(&'a str, &'a Series, f64)> {
    let zones = state.fleet.market().zones(offer);
    let zones = zones.into_iter().flatten();
    let mut zones: Vec<_> = zones
        .filter_map(|(zone, series)| Some((zone.as_str(), series, series.latest()?.1)))
        .collect();
    zones.sort_by(|a, b| a.2.total_cmp(&b.2).then_with(|| a.0.cmp(b.0)));
    zones
}

/// What moving to the cheapest zone would save: for the machine under the cursor where it is a spot machine of this
/// type, else between the dearest zone and the cheapest.
pub(super) fn advice<'a>(state: &State, look: Look<'_>) -> Option<Piece<'a>> {
    let offer = offer(state)?;
    let zones = zones(state, &offer);
    let (best, _, least) = zones.first()?;
    let short = |zone: &str| cell::short_zone(zone).unwrap_or_else(|| zone.to_owned());
    let mine = machine_zone(state, &offer).and_then(|zone| zones.iter().find(|(z, _, _)| *z == zone));
    let text = match mine {
        Some((zone, _, usd)) if usd > least => {
            format!(
                " {} {} saves ${}/h each ",
                short(zone),
                arrow(look, &short(best)),
                money(usd - least)
            )
        }
        Some((zone, _, _)) => format!(" {} is the cheapest zone ", short(zone)),
        None => format!(" cheapest: {} ${}/h ", short(best), money(*least)),
    };
    Some(Piece::text(text, look.theme.saving))
}

fn arrow(look: Look<'_>, to: &str) -> String {
    format!("{} {to}", look.glyphs.right)
}

/// The zone of the spot machine under the cursor.
fn machine_zone(state: &State, offer: &Offer) -> Option<String> {
    let pane = match state.screen {
        Screen::Fleet => Pane::FleetMachines,
        _ => Pane::Prices,
    };
    match state.tables.get(&pane)?.cursor.as_ref()? {
        RowId::Price(of, zone) if of == offer => Some(zone.to_string()),
        RowId::Machine(id) => {
            let machine = state.fleet.machine(id)?;
            let here = machine.offer().as_ref() == Some(offer) && machine.purchase() == Some(Purchase::Spot);
            machine.zone().filter(|_| here).map(str::to_owned)
        }
        _ => None,
    }
}

/// Draws a line for each zone and one for the on-demand price.
pub(super) fn draw(buffer: &mut Buffer, state: &State, look: Look<'_>, area: Rect) {
    let Some(offer) = offer(state) else {
        nothing(buffer, state, look, area);
        return;
    };
    let zones = zones(state, &offer);
    let on_demand = state.fleet.market().on_demand(&offer);
    if zones.is_empty() && on_demand.is_none() {
        nothing(buffer, state, look, area);
        return;
    }
    let names: Vec<String> = zones
        .iter()
        .map(|(zone, _, _)| cell::short_zone(zone).unwrap_or_else(|| (*zone).to_owned()))
        .collect();
    let label = names.iter().map(|n| width(n)).max().unwrap_or(0).max(9);
    let mut lines: Vec<Vec<Span<'static>>> = vec![];
    let bars = area.width.saturating_sub(label.saturating_add(18)).min(72);
    let room = usize::from(area.height.saturating_sub(u16::from(on_demand.is_some())));
    for (i, (name, (_, series, usd))) in names.iter().zip(&zones).enumerate().take(room) {
        let mut line = vec![
            Span::styled(pad(name, label), look.theme.series(i)),
            Span::raw(format!(" {:>7} ", money(*usd))),
        ];
        line.extend(sparkline(look, series, state, bars, look.theme.series(i)));
        if let Some(dear) = on_demand {
            line.push(percent(look, usd / dear - 1.0));
        }
        lines.push(line);
    }
    if let Some(usd) = on_demand {
        let rule = look.glyphs.reference.repeat(usize::from(bars));
        lines.push(vec![
            Span::styled(pad("on-demand", label), look.theme.reference),
            Span::raw(format!(" {:>7} ", money(usd))),
            Span::styled(rule, look.theme.reference),
        ]);
    }
    for (y, line) in (area.y..area.bottom()).zip(lines) {
        let place = Rect {
            x: area.x.saturating_add(1),
            y,
            width: area.width.saturating_sub(1),
            height: 1,
        };
        strip::put(buffer, place, &line);
    }
}

fn pad(text: &str, room: u16) -> String {
    format!("{text}{}", " ".repeat(usize::from(room.saturating_sub(width(text)))))
}

/// A change in per cent, with its sign.
fn percent(look: Look<'_>, change: f64) -> Span<'static> {
    let (sign, style) = match change {
        c if c < 0.0 => (look.glyphs.minus, look.theme.saving),
        _ => ("+", look.theme.warning),
    };
    Span::styled(format!(" {sign}{:.0}%", (change * 100.0).abs()), style)
}

/// A small chart between the lowest and the highest of its own values.
fn sparkline(
    look: Look<'_>,
    series: &Series,
    state: &State,
    cells: u16,
    style: ratatui::style::Style,
) -> Vec<Span<'static>> {
    let samples = series.sample(state.now, span(state), usize::from(cells));
    let known = || samples.iter().flatten().copied();
    let (low, high) = known().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
    // Small movements stay small: a chart spans at least a tenth of its price.
    let range = (high - low).max(high * 0.1).max(f64::MIN_POSITIVE);
    let text: String = samples
        .iter()
        .map(|sample| sample.map_or(" ", |v| look.glyphs.level((v - low) / range)))
        .collect();
    vec![Span::styled(text, style)]
}

fn nothing(buffer: &mut Buffer, state: &State, look: Look<'_>, area: Rect) {
    let mut lines = empty::waiting(state, look, Pane::FleetSpot);
    if lines.is_empty() {
        lines = vec![vec![Span::styled("No spot prices are known.", look.theme.muted)]];
    }
    for (y, line) in (area.y..area.bottom()).zip(lines) {
        let place = Rect {
            x: area.x.saturating_add(2),
            y,
            width: area.width.saturating_sub(3),
            height: 1,
        };
        strip::put(buffer, place, &line);
    }
}
