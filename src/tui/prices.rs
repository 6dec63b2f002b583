//! The price chart: the spot price of one type in each zone over the chosen span, against its on-demand price, with
//! a legend that says what each zone costs now and how it compares.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use super::chart::{self, Canvas};
use super::layout::left;
use super::look::Look;
use super::text::width;
use super::{cell, spot, strip};
use crate::app::State;
use crate::fleet::market::Series;
use crate::fleet::table::money;

/// Cells for the prices at the left.
const AXIS: u16 = 9;
/// An on-demand price farther away than this, in spans of the spot prices, stands above the scale.
const NEAR: f64 = 1.5;

/// What the chart shows.
struct Lines<'a> {
    /// Zone, samples, series and price now, the dearest first.
    zones: Vec<(&'a str, Vec<Option<f64>>, &'a Series, f64)>,
    low: f64,
    high: f64,
    on_demand: Option<f64>,
}

/// Draws the chart for the offer that is chosen; small charts where there is no room for a large one.
pub(super) fn draw(buffer: &mut Buffer, state: &State, look: Look<'_>, area: Rect) {
    let offer = spot::offer(state).filter(|o| state.fleet.market().zones(o).is_some());
    let (Some(offer), true) = (offer, area.height >= 5 && area.width >= 60) else {
        spot::draw(buffer, state, look, area);
        return;
    };
    let legend_width = if area.width >= 110 { 48 } else { 29 };
    let (plot, legend) = left(area, area.width.saturating_sub(legend_width));
    let (_, plot) = left(plot, AXIS);
    let plot = Rect {
        height: plot.height.saturating_sub(1),
        ..plot
    };
    let canvas = Canvas::new(plot.width, plot.height, look.glyphs.braille);
    let zones = spot::zones(state, &offer).into_iter().rev();
    let zones = zones.map(|(zone, series, usd)| {
        (
            zone,
            series.sample(state.now, spot::span(state), canvas.columns()),
            series,
            usd,
        )
    });
    let zones: Vec<_> = zones.collect();
    let known = zones
        .iter()
        .flat_map(|(_, samples, _, _)| samples.iter().flatten().copied());
    let (low, high) = known.fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        spot::draw(buffer, state, look, area);
        return;
    }
    // A flat line stands in the middle, and small movements stay small.
    let margin = (high - low).max(high * 0.02) * 0.08;
    let lines = Lines {
        zones,
        low: (low - margin).max(0.0),
        high: high + margin,
        on_demand: state.fleet.market().on_demand(&offer),
    };
    draw_plot(buffer, look, &lines, canvas, plot);
    draw_times(buffer, look, state, plot);
    draw_legend(buffer, look, state, &lines, legend);
}

fn draw_plot(buffer: &mut Buffer, look: Look<'_>, lines: &Lines<'_>, mut canvas: Canvas, plot: Rect) {
    let mut high = lines.high;
    let mut above = None;
    let mut body = plot;
    if let Some(usd) = lines.on_demand {
        if usd <= lines.high + (lines.high - lines.low) * NEAR {
            high = high.max(usd);
        } else {
            // The first line is the on-demand price, off the scale of the others.
            above = Some(usd);
            body.y = body.y.saturating_add(1);
            body.height = body.height.saturating_sub(1);
            canvas = Canvas::new(body.width, body.height, look.glyphs.braille);
        }
    }
    let range = (high - lines.low).max(f64::MIN_POSITIVE);
    let level = |usd: f64| (usd - lines.low) / range;
    let line_of = |usd: f64| {
        let down = (1.0 - level(usd)) * f64::from(body.height.saturating_sub(1));
        body.y.saturating_add(down.round() as u16)
    };
    match (lines.on_demand, above) {
        (Some(usd), Some(_)) => rule(buffer, look, plot, plot.y, usd),
        (Some(usd), None) => rule(buffer, look, plot, line_of(usd), usd),
        _ => {}
    }
    let places = match body.height {
        0 => vec![],
        1..6 => vec![0, body.height - 1],
        6..14 => vec![0, body.height / 2, body.height - 1],
        h => vec![0, h / 4, h / 2, h * 3 / 4, h - 1],
    };
    for y in plot.y..plot.bottom() {
        let place = Rect {
            x: plot.x.saturating_sub(1),
            y,
            width: 1,
            height: 1,
        };
        strip::put(buffer, place, &[Span::styled(look.glyphs.track, look.theme.axis)]);
    }
    for down in places {
        let part = f64::from(down) / f64::from(body.height.saturating_sub(1).max(1));
        label(buffer, look, plot, body.y + down, high - part * range, look.theme.axis);
    }
    for (i, (_, samples, _, _)) in lines.zones.iter().enumerate() {
        let levels: Vec<_> = samples.iter().map(|s| s.map(level)).collect();
        canvas.line(i, &levels);
    }
    canvas.draw(buffer, look, body);
}

/// The on-demand price as a line across the chart.
fn rule(buffer: &mut Buffer, look: Look<'_>, plot: Rect, y: u16, usd: f64) {
    let place = Rect { y, height: 1, ..plot };
    let word = " on-demand ";
    let rest = usize::from(plot.width.saturating_sub(width(word) + 2));
    let text = format!(
        "{}{word}{}",
        look.glyphs.reference.repeat(2),
        look.glyphs.reference.repeat(rest)
    );
    strip::put(buffer, place, &[Span::styled(text, look.theme.reference)]);
    label(buffer, look, plot, y, usd, look.theme.reference);
}

/// A price at the left of the chart.
fn label(buffer: &mut Buffer, look: Look<'_>, plot: Rect, y: u16, usd: f64, style: Style) {
    let place = Rect {
        x: plot.x.saturating_sub(AXIS),
        y,
        width: AXIS,
        height: 1,
    };
    let text = format!("{:>7} ", money(usd));
    let spans = [
        Span::styled(text, style),
        Span::styled(look.glyphs.track, look.theme.axis),
    ];
    strip::put(buffer, place, &spans);
}

/// The times below the chart.
fn draw_times(buffer: &mut Buffer, look: Look<'_>, state: &State, plot: Rect) {
    let hours = 24 * i64::from(state.span_days.max(1));
    let ago = |hours: i64| match hours {
        0 => "now".to_owned(),
        h if h > 48 => format!("{}{}d", look.glyphs.minus, h / 24),
        h => format!("{}{h}h", look.glyphs.minus),
    };
    let line = Rect {
        y: plot.bottom(),
        height: 1,
        ..plot
    };
    for quarter in 0..=4u16 {
        let text = ago(hours - hours * i64::from(quarter) / 4);
        let centre = plot.width.saturating_sub(1) * quarter / 4;
        let start = centre.saturating_sub(width(&text) / 2);
        let start = start.min(plot.width.saturating_sub(width(&text)));
        let place = Rect {
            x: line.x.saturating_add(start),
            width: line.width.saturating_sub(start),
            ..line
        };
        strip::put(buffer, place, &[Span::styled(text, look.theme.axis)]);
    }
}

fn draw_legend(buffer: &mut Buffer, look: Look<'_>, state: &State, lines: &Lines<'_>, area: Rect) {
    let wide = area.width >= 46;
    let mut rows: Vec<Vec<Span<'static>>> = vec![];
    if wide {
        let span = match state.span_days {
            1 => "24 h".to_owned(),
            days => format!("{days} d"),
        };
        let text = format!("    {:<8} {:>7} {:>5}  {span} low to high", "zone", "now", "saved");
        rows.push(vec![Span::styled(text, look.theme.columns)]);
    }
    for (i, (zone, samples, _, usd)) in lines.zones.iter().enumerate() {
        let name = cell::short_zone(zone).unwrap_or_else(|| (*zone).to_owned());
        let mut row = vec![
            chart::sample(look, i),
            Span::styled(format!(" {name:<8}"), look.theme.series(i)),
            Span::raw(format!(" {:>7}", money(*usd))),
        ];
        let saved = lines.on_demand.filter(|od| *od > 0.0).map(|od| 1.0 - usd / od);
        let saved = saved.map_or_else(String::new, |s| format!("{:.0}%", s * 100.0));
        row.push(Span::styled(format!(" {saved:>5}"), look.theme.saving));
        if wide {
            let known = samples.iter().flatten().copied();
            let (low, high) = known.fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
            if low <= high {
                let text = format!("  {} to {}", money(low), money(high));
                row.push(Span::styled(text, look.theme.muted));
            }
        }
        rows.push(row);
    }
    let reference = look.glyphs.reference.repeat(3);
    rows.push(match lines.on_demand {
        Some(usd) => vec![
            Span::styled(reference, look.theme.reference),
            Span::raw(format!(" {:<8} {:>6}", "on-demand", money(usd))),
        ],
        None => vec![Span::styled("on-demand price unknown", look.theme.muted)],
    });
    for (y, row) in (area.y..area.bottom()).zip(&rows) {
        let place = Rect {
            x: area.x.saturating_add(1),
            y,
            width: area.width.saturating_sub(1),
            height: 1,
        };
        strip::put(buffer, place, row);
    }
}
