//! `k3fleet doctor`: what works, what does not, and what mends it, one line each.

use std::io::{self, IsTerminal, Write};

use futures::future::join_all;
use serde_json::json;

use super::args::Format;
use super::exit::Exit;
use crate::fleet::{FaultKind, csv};
use crate::provider::{Cloud, Kube, ProviderError};
use crate::runtime::session::Session;

/// A clock that is off by more seconds than this breaks signatures and certificates.
const SKEW_FAILS: i64 = 240;
/// A clock that is off by more seconds than this wants looking at.
const SKEW_WARNS: i64 = 30;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One line of the report.
struct Line {
    verdict: Verdict,
    what: String,
    found: String,
    mend: String,
}

impl Line {
    fn ok(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Ok,
            what: what.into(),
            found: found.into(),
            mend: String::new(),
        }
    }

    fn of(verdict: Verdict, what: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            verdict,
            what: what.into(),
            found: found.into(),
            mend: mend.into(),
        }
    }

    fn failed(what: impl Into<String>, error: &ProviderError) -> Self {
        Self::of(Verdict::Fail, what, error.message.as_str(), error.mend.as_str())
    }
}

/// Runs the command.
pub(super) async fn run(format: Format, session: Session) -> io::Result<Exit> {
    let clouds = join_all(session.providers.clouds.iter().map(|cloud| check_cloud(&**cloud)));
    let kubes = join_all(session.providers.kubes.iter().map(|kube| check_kube(&**kube)));
    let (clouds, kubes) = futures::join!(clouds, kubes);
    let mut lines: Vec<Line> = session
        .faults
        .iter()
        .map(|f| Line::failed(f.call.as_str(), f))
        .collect();
    lines.extend(
        session
            .notes
            .iter()
            .map(|note| Line::of(Verdict::Warn, "settings", note, "")),
    );
    lines.extend(clouds.into_iter().chain(kubes).flatten());
    lines.push(hosts(&session));
    lines.extend(terminal());
    let worst = lines.iter().map(|l| l.verdict).max().unwrap_or(Verdict::Ok);
    write(&mut io::stdout().lock(), format, &lines)?;
    Ok(if worst == Verdict::Fail {
        Exit::Failed
    } else {
        Exit::Done
    })
}

async fn check_cloud(cloud: &dyn Cloud) -> Vec<Line> {
    let what = format!("aws {}", cloud.scope());
    let mut lines = vec![match cloud.account().await {
        Ok(account) => Line::ok(format!("{what} credentials"), format!("account {account}")),
        Err(error) => {
            return vec![Line::failed(format!("{what} credentials"), &error)];
        }
    }];
    let checks = cloud.check().await;
    if let Some(skew) = checks.iter().find_map(|c| c.clock_skew) {
        let (verdict, mend) = match skew.abs() {
            s if s > SKEW_FAILS => (Verdict::Fail, "set this machine's clock (timedatectl set-ntp true)"),
            s if s > SKEW_WARNS => (Verdict::Warn, "set this machine's clock (timedatectl set-ntp true)"),
            _ => (Verdict::Ok, ""),
        };
        lines.push(Line::of(
            verdict,
            format!("{what} clock"),
            format!("{skew} s off"),
            mend,
        ));
    }
    for check in checks {
        let what = format!("{what} {}", check.permission);
        lines.push(match check.outcome {
            Ok(()) => Line::ok(what, "granted"),
            Err(error) => Line::failed(what, &error),
        });
    }
    lines
}

async fn check_kube(kube: &dyn Kube) -> Vec<Line> {
    let what = format!("context {}", kube.context());
    let server = match kube.server().await {
        Ok(server) => server,
        Err(error) => return vec![Line::failed(what, &error)],
    };
    let found = format!("{} at {}", server.version, server.endpoint);
    if !server.is_k3s() {
        return vec![Line::of(
            Verdict::Warn,
            what,
            found,
            "not K3s: this context is left out",
        )];
    }
    let (nodes, pods, usage) = futures::join!(kube.list_nodes(), kube.list_pods(), kube.usage());
    let listed = |name: &str, count: Result<usize, ProviderError>| {
        let what = format!("{what} {name}");
        match count {
            Ok(n) => Line::ok(what, n.to_string()),
            Err(e) if e.kind == FaultKind::Unsupported => {
                Line::of(Verdict::Warn, what, e.message.as_str(), e.mend.as_str())
            }
            Err(e) => Line::failed(what, &e),
        }
    };
    vec![
        Line::ok(what.clone(), found),
        listed("nodes", nodes.map(|n| n.len())),
        listed("pods", pods.map(|p| p.len())),
        listed("usage", usage.map(|u| u.len())),
    ]
}

fn hosts(session: &Session) -> Line {
    match session.hosts.len() {
        0 => Line::ok("edge hosts", "none in hosts.toml"),
        n => Line::ok("edge hosts", format!("{n} in hosts.toml")),
    }
}

fn terminal() -> Vec<Line> {
    let var = |name: &str| std::env::var(name).unwrap_or_default();
    let mut lines = vec![];
    if io::stdout().is_terminal() {
        let (columns, rows) = crossterm::terminal::size().unwrap_or((0, 0));
        let (min_columns, min_rows) = crate::app::state::MIN_SIZE;
        let fits = columns >= min_columns && rows >= min_rows;
        let verdict = if fits { Verdict::Ok } else { Verdict::Warn };
        let mend = if fits {
            String::new()
        } else {
            format!("the screen wants {min_columns}x{min_rows}")
        };
        lines.push(Line::of(verdict, "terminal size", format!("{columns}x{rows}"), mend));
    } else {
        lines.push(Line::ok("terminal", "none: output goes to a file or a pipe"));
    }
    let colours = if !var("NO_COLOR").is_empty() {
        "none (NO_COLOR)".to_owned()
    } else {
        crossterm::style::available_color_count().to_string()
    };
    lines.push(Line::ok("terminal colours", colours));
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .map(|n| var(n))
        .find(|v| !v.is_empty())
        .unwrap_or_default();
    let utf8 = locale.to_lowercase().replace('-', "").contains("utf8");
    lines.push(if utf8 {
        Line::ok("terminal characters", locale)
    } else {
        let found = if locale.is_empty() {
            "no locale set".to_owned()
        } else {
            locale
        };
        Line::of(
            Verdict::Warn,
            "terminal characters",
            found,
            "set LANG to a UTF-8 locale, or use --ascii",
        )
    });
    lines
}

fn write(out: &mut dyn Write, format: Format, lines: &[Line]) -> io::Result<()> {
    match format {
        Format::Json => {
            let rows: Vec<_> = lines
                .iter()
                .map(|l| json!({"verdict": l.verdict.as_str(), "check": l.what, "found": l.found, "mend": l.mend}))
                .collect();
            writeln!(out, "{}", serde_json::to_string_pretty(&rows)?)
        }
        Format::Csv => {
            writeln!(out, "verdict,check,found,mend")?;
            for l in lines {
                writeln!(out, "{}", csv::record([l.verdict.as_str(), &l.what, &l.found, &l.mend]))?;
            }
            Ok(())
        }
        Format::Table => {
            let width = lines.iter().map(|l| l.what.chars().count()).max().unwrap_or(0);
            for l in lines {
                write!(out, "{:<4}  {:<width$}  {}", l.verdict.as_str(), l.what, l.found)?;
                if !l.mend.is_empty() {
                    write!(out, "\n      {:<width$}  → {}", "", l.mend)?;
                }
                writeln!(out)?;
            }
            Ok(())
        }
    }
}
