//! `gc`: what ci clusters have left. One that AWS has ended at its time leaves what costs little and what blocks the next
//! of its name; it is found by its tags in every region, told, and destroyed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use smol_str::SmolStr;

use super::args::{Confirm, Format};
use super::exit::Exit;
use super::lookup::Found;
use super::operate::Desk;
use super::patience::Patience;
use super::{complain, complain_of, plan};
use crate::fleet::csv;
use crate::ops::{CostChange, Request};
use crate::provider::{Resource, ResourceKind};
use crate::runtime::signals::Ends;

/// Why a cluster is swept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Why {
    /// Its time has passed.
    Expired,
    /// Nothing of it runs, and nothing will.
    Empty,
}

impl Why {
    fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Empty => "no machine and no group is left",
        }
    }
}

/// Why a cluster is to be swept; `None`: it stays. Only a ci cluster's resources say when they expire.
fn why(found: &Found, now: Timestamp) -> Option<Why> {
    let runs = |r: &Resource| {
        matches!(
            r.kind,
            ResourceKind::Instance | ResourceKind::Asg | ResourceKind::SpotFleet
        )
    };
    match found.expires_at()? {
        at if at <= now => Some(Why::Expired),
        _ if found.resources.iter().any(runs) => None,
        _ => Some(Why::Empty),
    }
}

/// What was found of one cluster, as it is printed.
#[derive(Debug, Serialize)]
struct Row<'a> {
    cluster: &'a SmolStr,
    profile: Option<&'a SmolStr>,
    region: Option<&'a SmolStr>,
    why: Why,
    expires_at: Option<Timestamp>,
    resources: Vec<String>,
    /// What its machines cost, in USD per month; `null` where that is not known.
    cost_per_month: Option<f64>,
    /// What came of it, once it was swept.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip)]
    counts: String,
}

impl Desk<'_> {
    /// Finds what is left, tells it, and destroys it once that is confirmed.
    pub(super) async fn gc(mut self, confirm: &Confirm) -> io::Result<Exit> {
        self.session.faults.iter().for_each(complain_of);
        if self.clouds().next().is_none() {
            complain("no AWS region is known: name one with --region");
            return Ok(Exit::Usage);
        }
        self.read().await;
        let now = (self.session.clock)();
        let (found, faults) = self.everywhere(None).await;
        faults.iter().for_each(complain_of);
        let mut exit = match (faults.is_empty(), faults.len() < self.clouds().count()) {
            (true, _) => Exit::Done,
            (false, true) => Exit::Partly,
            (false, false) => return Ok(Exit::Failed),
        };
        let swept: Vec<_> = found
            .into_iter()
            .filter_map(|f| why(&f, now).map(|why| (f, why)))
            .collect();
        let mut rows: Vec<_> = swept.iter().map(|(found, why)| self.row(found, *why)).collect();
        if confirm.dry_run || swept.is_empty() {
            self.write(&rows)?;
            return Ok(exit);
        }
        if !confirm.yes {
            io::stderr().lock().write_all(text(&rows).as_bytes())?;
            let question = match swept.len() {
                1 => "destroy it?".to_owned(),
                n => format!("destroy all {n}?"),
            };
            if let Some(exit) = plan::ask(None, &question)?.refused() {
                return Ok(exit);
            }
        }
        let mut ends = Ends::listen()?;
        let mut patience = Patience::default();
        for ((found, _), row) in swept.iter().zip(&mut rows) {
            if patience.first.is_some() {
                exit = exit.max(Exit::Partly);
                break;
            }
            let request = Request::Destroy {
                cluster: found.cluster.clone(),
                resources: found.resources.clone(),
                // What an expired cluster kept for its pods nobody can use any longer.
                volumes: true,
                snapshots: true,
            };
            let plan = match self.plan(&request, vec![]) {
                Ok(plan) => plan,
                Err(halt) => {
                    halt.tell();
                    row.state = Some("refused");
                    exit = exit.max(Exit::Partly);
                    continue;
                }
            };
            let ended = match self.perform(plan, confirm.take_over, &mut ends, &mut patience).await? {
                Ok(ended) => ended,
                Err(halt) => {
                    halt.tell();
                    row.state = Some("failed");
                    exit = exit.max(Exit::Partly);
                    continue;
                }
            };
            row.state = Some(ended.state());
            if ended.tell() != Exit::Done {
                exit = exit.max(Exit::Partly);
            }
        }
        self.write(&rows)?;
        Ok(exit)
    }

    fn row<'f>(&self, found: &'f Found, why: Why) -> Row<'f> {
        let Found { cluster, resources } = found;
        let mut counts: BTreeMap<ResourceKind, u32> = BTreeMap::new();
        for resource in resources {
            *counts.entry(resource.kind).or_default() += 1;
        }
        let count = |(kind, n): (&ResourceKind, &u32)| match n {
            1 => format!("1 {}", kind.as_str()),
            n => format!("{n} {}", kind.plural()),
        };
        let machines: Vec<_> = resources.iter().filter(|r| r.kind == ResourceKind::Instance).collect();
        let price = |r: &&Resource| {
            self.fleet
                .machines()
                .find(|m| m.id().to_string() == r.id.as_str())?
                .price()
        };
        let prices: Option<Vec<f64>> = machines.iter().map(price).collect();
        let hourly = prices
            .filter(|prices| !prices.is_empty())
            .map(|prices| prices.iter().sum::<f64>());
        Row {
            cluster: &cluster.name,
            profile: cluster
                .home
                .as_ref()
                .map(|home| &home.profile)
                .filter(|name| !name.is_empty()),
            region: cluster.home.as_ref().map(|home| &home.region),
            why,
            expires_at: found.expires_at(),
            resources: resources.iter().map(Resource::describe).collect(),
            cost_per_month: hourly.map(|usd| usd * CostChange::HOURS_PER_MONTH),
            state: None,
            counts: counts.iter().map(count).collect::<Vec<_>>().join(", "),
        }
    }

    fn write(&self, rows: &[Row<'_>]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match self.format {
            Format::Json => {
                serde_json::to_writer_pretty(&mut out, rows)?;
                writeln!(out)
            }
            Format::Csv => {
                writeln!(out, "cluster,region,why,expires_at,resources,cost_per_month,state")?;
                for row in rows {
                    let cost = row.cost_per_month.map_or_else(String::new, |usd| format!("{usd:.2}"));
                    let expires = row.expires_at.map_or_else(String::new, |at| at.to_string());
                    let count = row.resources.len().to_string();
                    let fields = [
                        row.cluster.as_str(),
                        row.region.map_or("", SmolStr::as_str),
                        row.why.as_str(),
                        &expires,
                        &count,
                        &cost,
                        row.state.unwrap_or_default(),
                    ];
                    writeln!(out, "{}", csv::record(fields))?;
                }
                Ok(())
            }
            Format::Table if rows.is_empty() => writeln!(out, "nothing is left of any ci cluster"),
            Format::Table => out.write_all(text(rows).as_bytes()),
        }
    }
}

/// What was found, for people.
fn text(rows: &[Row<'_>]) -> String {
    let mut text = String::new();
    for row in rows {
        let place = row.region.map_or_else(String::new, |region| format!(" in {region}"));
        let at = row
            .expires_at
            .map_or_else(String::new, |at| format!(" (until {})", at.strftime("%F %T UTC")));
        let state = row.state.map_or_else(String::new, |state| format!(": {state}"));
        let _ = write!(
            text,
            "{}{place}, {}{at}{state}\n  {}\n",
            row.cluster,
            row.why.as_str(),
            row.counts
        );
        if let Some(usd) = row.cost_per_month {
            let _ = writeln!(text, "  its machines cost ${usd:.2} a month");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{ClusterId, Scope};

    fn found(resources: &[(ResourceKind, Option<i64>)]) -> Found {
        let resource = |(kind, at): &(ResourceKind, Option<i64>)| Resource {
            kind: *kind,
            id: "x".into(),
            name: None,
            cluster: "ci-1".into(),
            expires_at: at.map(|second| Timestamp::from_second(second).unwrap()),
            of_kubernetes: false,
            gib: None,
        };
        Found {
            cluster: ClusterId {
                name: "ci-1".into(),
                home: Some(Scope::new("", "eu-west-1")),
            },
            resources: resources.iter().map(resource).collect(),
        }
    }

    #[test]
    fn what_has_expired_or_is_empty_is_swept_and_nothing_else() {
        use ResourceKind::{Asg, Instance, SecurityGroup, Volume};
        let now = Timestamp::from_second(1_000).unwrap();
        for (resources, expected) in [
            (
                vec![(Instance, Some(999)), (SecurityGroup, Some(999))],
                Some(Why::Expired),
            ),
            (vec![(Instance, Some(1_001)), (SecurityGroup, Some(1_001))], None),
            (vec![(Asg, Some(1_001))], None),
            (vec![(SecurityGroup, Some(1_001))], Some(Why::Empty)),
            // Extended: what was not yet told so still carries the former time.
            (vec![(Instance, Some(1_001)), (SecurityGroup, Some(999))], None),
            // No ci cluster: it says no time, and is left alone.
            (vec![(SecurityGroup, None), (Volume, None)], None),
        ] {
            assert_eq!(why(&found(&resources), now), expected, "{resources:?}");
        }
    }
}
