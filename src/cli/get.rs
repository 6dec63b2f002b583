//! `k3fleet get`: the fleet's tables on standard output.
//!
//! Each source is asked once, all side by side. What fails is told on standard error; the rest is printed, and
//! the exit code says that it is not all.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;

use super::args::{Format, Get, Table};
use super::exit::Exit;
use super::output::{self, Columns};
use super::read::{read, read_prices, read_stacks, take};
use super::{complain, complain_of};
use crate::config::Poll;
use crate::feeds::{Feeds, Want};
use crate::fleet::query::Query;
use crate::fleet::table::{Ask, Projection, RowId, TableKind, View};
use crate::fleet::{FaultKind, FeedKind, Fleet, Freshness, Summary, csv, json};
use crate::runtime::session::Session;
use crate::runtime::wants::{Wants, feed_settings};

/// Columns that change with time alone.
const AGES: [&str; 6] = ["age", "seen", "since", "ttl", "on-demand-age", "certificate"];

/// The table of the fleet that is meant; operations are none.
fn kind(table: Table) -> Option<TableKind> {
    Some(match table {
        Table::Clusters => TableKind::Clusters,
        Table::Pools => TableKind::Pools,
        Table::Machines => TableKind::Machines,
        Table::Prices => TableKind::Prices,
        Table::Edge => TableKind::Edge,
        Table::Findings => TableKind::Findings,
        Table::Operations => return None,
    })
}

/// A question, checked.
struct Question {
    table: TableKind,
    query: Query,
    columns: Columns,
    sort: Option<(&'static str, bool)>,
    format: Format,
}

impl Question {
    fn check(get: &Get, format: Format) -> Result<Self, String> {
        let table = kind(get.table).ok_or("operations are not part of the fleet: k3fleet ops list")?;
        let query = Query::parse(get.filter.as_deref().unwrap_or_default());
        if let Some(term) = table.inactive(&query).first() {
            let names: Vec<_> = table.columns().iter().map(|c| c.name).collect();
            let names = names.join(", ");
            return Err(format!(
                "--filter {term:?}: {} have no such column; there are: {names}",
                table.name()
            ));
        }
        let columns = Columns::choose(table, &get.columns).map_err(|e| format!("--columns: {e}"))?;
        let sort = get.sort.as_deref().map(|name| sort_by(table, name)).transpose()?;
        Ok(Self {
            table,
            query,
            columns,
            sort,
            format,
        })
    }

    fn project(&self, view: &View<'_>) -> Projection {
        let ask = Ask {
            query: Some(&self.query),
            sort: self.sort,
            ..Ask::default()
        };
        self.table.project(view, &ask)
    }
}

fn sort_by(table: TableKind, name: &str) -> Result<(&'static str, bool), String> {
    let (down, name) = name.strip_prefix('-').map_or((false, name), |rest| (true, rest));
    let columns = table.columns();
    let column = columns.iter().find(|c| c.name == name);
    column.map(|c| (c.name, down)).ok_or_else(|| {
        let names: Vec<_> = columns.iter().map(|c| c.name).collect();
        format!(
            "--sort: {} have no column {name:?}; there are: {}",
            table.name(),
            names.join(", ")
        )
    })
}

/// Runs the command.
pub(super) async fn run(
    get: &Get,
    format: Format,
    session: Session,
    mut fleet: Fleet,
    poll: &Poll,
) -> io::Result<Exit> {
    let question = match Question::check(get, format) {
        Ok(question) => question,
        Err(why) => {
            complain(&why);
            return Ok(Exit::Usage);
        }
    };
    for note in &session.notes {
        complain(note);
    }
    for fault in &session.faults {
        complain_of(fault);
    }
    if get.watch {
        return watch(&question, session, fleet, poll).await;
    }
    read_once(&question, &session, &mut fleet).await;
    let now = (session.clock)();
    let summary = Summary::of(&fleet, now);
    let view = View {
        fleet: &fleet,
        summary: &summary,
        now,
    };
    let rows = question.project(&view);
    if let Some(term) = rows.inactive.first() {
        complain(&format!(
            "--filter {term:?} compares with nothing in that column, and filters nothing"
        ));
    }
    let mut out = io::stdout().lock();
    output::write(
        &mut out,
        question.format,
        question.table,
        &view,
        &rows,
        &question.columns,
    )?;
    out.flush()?;
    Ok(told_failures(&fleet, now, !session.faults.is_empty()))
}

/// Asks each source that the table reads, once. Prices come second: only those of the fleet's own types are wanted.
async fn read_once(question: &Question, session: &Session, fleet: &mut Fleet) {
    let mut want = Want::new(kinds(question));
    want.hosts.clone_from(&session.hosts);
    want.history = match question.table {
        TableKind::Prices => SignedDuration::from_hours(24),
        _ => SignedDuration::ZERO,
    };
    read(session, fleet, &want).await;
    if question.table == TableKind::Findings {
        read_stacks(session, fleet).await;
    }
    if question.table != TableKind::Edge {
        read_prices(session, fleet, want).await;
    }
}

/// What a table reads, but for prices.
fn kinds(question: &Question) -> BTreeSet<FeedKind> {
    use FeedKind::{Asgs, Edge, Instances, Nodes, Notices, Pods, Server, SpotFleets, Usage};
    let mut kinds = BTreeSet::from([Instances, Asgs, SpotFleets, Server, Nodes, Edge]);
    match question.table {
        TableKind::Machines | TableKind::Findings => kinds.extend([Notices, Pods]),
        TableKind::Edge => kinds.extend([Pods]),
        TableKind::Clusters | TableKind::Pools | TableKind::Prices => {}
    }
    let shows_usage = question.columns.names().any(|name| name.ends_with("-used"));
    if question.table == TableKind::Machines && (shows_usage || question.format == Format::Json) {
        kinds.insert(Usage);
    }
    kinds
}

/// Tells each failed feed on standard error. Nothing but failures is a failure, some are a partial result.
fn told_failures(fleet: &Fleet, now: Timestamp, mut failed: bool) -> Exit {
    let mut live = false;
    for (id, feed) in fleet.feeds() {
        match feed.freshness(now) {
            Freshness::Failed { why, .. } if why.kind != FaultKind::Unsupported => {
                failed = true;
                complain(&format!("{}: {why}", id.source));
            }
            _ => live = true,
        }
    }
    match (failed, live) {
        (false, _) => Exit::Done,
        (true, true) => Exit::Partly,
        (true, false) => Exit::Failed,
    }
}

/// Prints all rows, then each row again when it changes, until interrupted. As JSON each line is an object with
/// `type` (`ADDED`, `MODIFIED`, `DELETED`) and `object`.
async fn watch(question: &Question, session: Session, mut fleet: Fleet, poll: &Poll) -> io::Result<Exit> {
    let (tx, mut rx) = mpsc::channel(256);
    let settings = feed_settings(poll, &session);
    let feeds = Feeds::start(session.providers.clone(), settings, session.clock.clone(), tx);
    feeds.set_hosts(session.hosts.clone());
    let mut wants = Wants::default();
    let mut printed = Printed::default();
    let mut batches = Vec::new();
    let mut told = BTreeMap::new();
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        tokio::select! {
            _ = &mut interrupted => return Ok(Exit::Done),
            n = rx.recv_many(&mut batches, 64) => {
                if n == 0 {
                    return Ok(Exit::Failed);
                }
            }
        }
        take(&mut fleet, batches.drain(..));
        if !rx.is_empty() {
            continue;
        }
        let now = (session.clock)();
        for (id, feed) in fleet.feeds() {
            let why = match feed.freshness(now) {
                Freshness::Failed { why, .. } => Some(why.to_string()),
                _ => None,
            };
            if told.insert(id.clone(), why.clone()) != Some(why.clone())
                && let Some(why) = why
            {
                complain(&format!("{}: {why}", id.source));
            }
        }
        let summary = Summary::of(&fleet, now);
        let view = View {
            fleet: &fleet,
            summary: &summary,
            now,
        };
        wants.tell(&feeds, &view, &session.hosts);
        match printed.print_changes(question, &view) {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Done),
            result => result?,
        }
    }
}

/// What a watch has printed.
#[derive(Default)]
struct Printed {
    headed: bool,
    widths: Vec<usize>,
    rows: BTreeMap<RowId, (Vec<String>, Option<serde_json::Value>)>,
}

impl Printed {
    fn print_changes(&mut self, question: &Question, view: &View<'_>) -> io::Result<()> {
        let projection = question.project(view);
        let mut changed = vec![];
        let here: BTreeSet<&RowId> = projection.rows.iter().collect();
        let gone: Vec<RowId> = self.rows.keys().filter(|id| !here.contains(id)).cloned().collect();
        for id in projection.rows.iter() {
            let texts = output::texts(
                question.table,
                view,
                id,
                &question.columns,
                question.format == Format::Csv,
            );
            let object = match question.format {
                Format::Json => json::row(view, id).map(serde_json::to_value).transpose()?,
                _ => None,
            };
            let known = self.rows.get(id);
            let same = known.is_some_and(|(t, o)| match question.format {
                Format::Json => *o == object,
                _ => steady(question, t) == steady(question, &texts),
            });
            if !same {
                let kind = if known.is_some() { "MODIFIED" } else { "ADDED" };
                self.rows.insert(id.clone(), (texts.clone(), object.clone()));
                changed.push((kind, texts, object));
            }
        }
        for id in gone {
            if let Some((texts, object)) = self.rows.remove(&id) {
                changed.push(("DELETED", texts, object));
            }
        }
        if changed.is_empty() {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        self.write(&mut out, question, &changed)?;
        out.flush()
    }

    fn write(&mut self, out: &mut dyn Write, question: &Question, changed: &[Changed]) -> io::Result<()> {
        let titles = question.columns.titles();
        if !self.headed {
            let rows: Vec<_> = changed.iter().map(|(_, texts, _)| texts.clone()).collect();
            let wanted = question.columns.wanted_widths();
            self.widths = output::widths(&titles, &rows)
                .into_iter()
                .zip(wanted)
                .map(|(a, b)| a.max(b))
                .collect();
            match question.format {
                Format::Table => {
                    writeln!(out, "{}", output::aligned(&titles, &self.widths, &question.columns))?;
                }
                Format::Csv => writeln!(out, "type,{}", csv::record(question.columns.names()))?,
                Format::Json => {}
            }
            self.headed = true;
        }
        for (kind, texts, object) in changed {
            match question.format {
                Format::Json => writeln!(out, "{}", serde_json::json!({"type": kind, "object": object}))?,
                Format::Csv => writeln!(out, "{kind},{}", csv::record(texts.iter().map(String::as_str)))?,
                Format::Table => {
                    let gone = if *kind == "DELETED" { "  (gone)" } else { "" };
                    writeln!(out, "{}{gone}", output::aligned(texts, &self.widths, &question.columns))?;
                }
            }
        }
        Ok(())
    }
}

type Changed = (&'static str, Vec<String>, Option<serde_json::Value>);

/// The texts that count as a change: all but those that change as time goes by.
fn steady<'t>(question: &Question, texts: &'t [String]) -> Vec<&'t str> {
    let names = question.columns.names();
    texts
        .iter()
        .zip(names)
        .filter(|(_, name)| !AGES.contains(name))
        .map(|(text, _)| text.as_str())
        .collect()
}
