//! Rules about prices: one finding for each offer, however many machines pay it.

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::{Sight, Verdict, counted};
use crate::fleet::price::{State, state_of, why_unknown};
use crate::fleet::table::money;
use crate::fleet::{FeedKind, Finding, Machine, Offer, Purchase, RowId, Scope, Severity};

/// How many machines run on each price.
#[derive(Default)]
pub(super) struct Paid<'a>(FxHashMap<Price<'a>, Payers<'a>>);

/// How many pay a price, and one of them.
struct Payers<'a> {
    machines: usize,
    one: Machine<'a>,
}

/// What is paid: in the spot market per zone, on-demand per region.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Price<'a> {
    scope: &'a Scope,
    instance_type: &'a SmolStr,
    purchase: Purchase,
    zone: &'a str,
}

impl Price<'_> {
    fn offer(&self) -> Offer {
        Offer::new(&self.scope.region, self.instance_type)
    }

    fn usd(&self, sight: &Sight<'_>) -> Option<f64> {
        match self.purchase {
            Purchase::Spot => sight.fleet.market().spot(&self.offer(), self.zone),
            Purchase::OnDemand => sight.fleet.market().on_demand(&self.offer()),
        }
    }

    fn place(&self) -> &str {
        if self.zone.is_empty() {
            &self.scope.region
        } else {
            self.zone
        }
    }

    fn told(&self, verdict: Verdict) -> Finding {
        let about = RowId::Price(self.offer(), self.zone.into());
        verdict.of(about, format!("{} {}", self.instance_type, self.place()), None)
    }
}

impl<'a> Paid<'a> {
    /// Takes in one machine.
    pub(super) fn add(&mut self, machine: &Machine<'a>) {
        let Some(instance) = machine.instance().filter(|i| i.state.is_billed()) else {
            return;
        };
        let price = Price {
            scope: &instance.scope,
            instance_type: &instance.instance_type,
            purchase: instance.purchase,
            zone: match instance.purchase {
                Purchase::Spot => &instance.zone,
                Purchase::OnDemand => "",
            },
        };
        let payers = self.0.entry(price).or_insert(Payers {
            machines: 0,
            one: *machine,
        });
        payers.machines += 1;
    }

    /// Judges each price paid.
    pub(super) fn judge(&self, sight: &Sight<'_>, findings: &mut Vec<Finding>) {
        for (price, paid) in &self.0 {
            let verdict = match price.usd(sight) {
                Some(usd) => price_above_cap(sight, price, usd, paid.machines),
                None => Some(price_unknown(sight, price, paid)),
            };
            findings.extend(verdict.map(|v| price.told(v)));
        }
    }
}

fn price_above_cap(sight: &Sight<'_>, price: &Price<'_>, usd: f64, machines: usize) -> Option<Verdict> {
    let cap = sight
        .fleet
        .policy()
        .price_caps
        .of(price.instance_type)
        .filter(|cap| usd > *cap)?;
    let (market, mend) = match price.purchase {
        Purchase::Spot => (
            "spot",
            "see 4 Prices for a cheaper zone or type; the cap is price-cap in config.toml",
        ),
        Purchase::OnDemand => (
            "on-demand",
            "use spot or another type; the cap is price-cap in config.toml",
        ),
    };
    Some(Verdict {
        rule: "price-above-cap",
        severity: Severity::Warning,
        line: format!(
            "{} at ${}/h {market}, above the cap of ${}/h",
            counted(machines, "machine"),
            money(usd),
            money(cap)
        ),
        mend: mend.to_owned(),
        since: None,
    })
}

fn price_unknown(sight: &Sight<'_>, price: &Price<'_>, paid: &Payers<'_>) -> Verdict {
    let kind = match price.purchase {
        Purchase::Spot => FeedKind::SpotPrices,
        Purchase::OnDemand => FeedKind::OnDemandPrices,
    };
    let view = sight.view();
    let (severity, mend) = match state_of(&view, kind, price.scope) {
        State::Failed(fault) if !fault.mend.is_empty() => (Severity::Warning, fault.mend.to_string()),
        State::Failed(fault) => (
            Severity::Warning,
            format!("make {} succeed; it is tried again by itself", fault.call),
        ),
        State::NoFeed | State::Waiting | State::Read => (
            Severity::Info,
            "nothing to do: it stays blank and is left out of the sums".to_owned(),
        ),
    };
    let why = why_unknown(&view, &paid.one).unwrap_or_default();
    Verdict {
        rule: "price-unknown",
        severity,
        line: format!("{} without a price: {why}", counted(paid.machines, "machine")),
        mend,
        since: None,
    }
}
