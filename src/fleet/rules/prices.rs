//! Rules about prices: one finding for each offer, however many machines pay it.

use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::{Sight, Verdict, counted};
use crate::fleet::table::money;
use crate::fleet::{FaultKind, FeedKind, Finding, Freshness, Machine, Offer, Purchase, RowId, Scope, Severity, Source};

/// How many machines run on each price.
#[derive(Default)]
pub(super) struct Paid<'a>(FxHashMap<Price<'a>, usize>);

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
        *self.0.entry(price).or_default() += 1;
    }

    /// Judges each price paid.
    pub(super) fn judge(&self, sight: &Sight<'_>, findings: &mut Vec<Finding>) {
        for (price, machines) in &self.0 {
            let verdict = match price.usd(sight) {
                Some(usd) => price_above_cap(sight, price, usd, *machines),
                None => Some(price_unknown(sight, price, *machines)),
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

fn price_unknown(sight: &Sight<'_>, price: &Price<'_>, machines: usize) -> Verdict {
    let (kind, market) = match price.purchase {
        Purchase::Spot => (FeedKind::SpotPrices, "spot"),
        Purchase::OnDemand => (FeedKind::OnDemandPrices, "on-demand"),
    };
    let listed_none = price.purchase == Purchase::OnDemand
        && sight
            .fleet
            .market()
            .on_demand_entry(&price.offer())
            .is_some_and(|entry| entry.usd.is_none());
    let feed = sight.freshness(kind, Source::Aws(price.scope.clone()));
    let (severity, why, mend) = match feed {
        _ if listed_none => (
            Severity::Info,
            "AWS lists none for this type here".to_owned(),
            String::new(),
        ),
        Some(Freshness::Failed { why, .. }) => (
            Severity::Warning,
            match why.kind {
                FaultKind::Denied => format!("{} is denied", why.call),
                _ => format!("{} fails: {}", why.call, why.message),
            },
            why.mend.to_string(),
        ),
        None | Some(Freshness::Waiting) => (Severity::Info, "not fetched yet".to_owned(), String::new()),
        Some(Freshness::Live | Freshness::Stale { .. }) => (
            Severity::Info,
            "none has been told for this type here".to_owned(),
            String::new(),
        ),
    };
    let mend = match mend.is_empty() {
        true => "nothing to do: it stays blank and is left out of the sums".to_owned(),
        false => mend,
    };
    Verdict {
        rule: "price-unknown",
        severity,
        line: format!("{} at an unknown {market} price: {why}", counted(machines, "machine")),
        mend,
        since: None,
    }
}
