//! Rules about edge hosts.

use super::{Sight, Verdict};
use crate::fleet::table::age;
use crate::fleet::{EdgeHealth, FeedKind, Finding, Freshness, Machine, Readiness, Severity, Source};

/// From this temperature on (°C) boards lower their clock.
const HOT: f32 = 80.0;
/// From this part of the disk on the kubelet begins to evict pods and drop images.
const DISK_FULL: f64 = 0.85;
/// From this part of the disk on K3s itself soon fails.
const DISK_GONE: f64 = 0.95;
/// Seconds by which a clock may be off: certificates of a cluster just made, and tokens, are not yet or no longer good by it.
const SKEW: i64 = 30;
/// Days before its end at which a certificate is told. K3s renews those that end within 120 days when it starts.
const ENDING: i64 = 30;
/// Days before its end at which that is urgent.
const ENDED: i64 = 7;

/// Judges one machine, if it is an edge host.
pub(super) fn judge(sight: &Sight<'_>, machine: &Machine<'_>, findings: &mut Vec<Finding>) {
    let Some(host) = machine.edge() else { return };
    let mut add = |verdict: Option<Verdict>| findings.extend(verdict.map(|v| v.of_machine(machine)));
    if machine.node().is_none() {
        add(edge_unjoined(sight, machine, host.name.as_str()));
    }
    let feed = sight.freshness(FeedKind::Edge, Source::Hosts);
    if matches!(feed, Some(Freshness::Stale { .. } | Freshness::Failed { .. })) {
        return;
    }
    let Some(probe) = machine.probe() else { return };
    match &probe.outcome {
        Err(why) => add(edge_silent(sight, machine, why)),
        Ok(health) => {
            add(heat(health));
            add(edge_disk_full(health));
            add(clock(health));
            add(service(machine, health));
            add(certificate(sight, machine, health));
        }
    }
}

fn edge_silent(sight: &Sight<'_>, machine: &Machine<'_>, why: &str) -> Option<Verdict> {
    let node = machine.node().filter(|n| sight.nodes_live(&n.key.context));
    let (severity, node) = match node.map(|n| n.ready) {
        Some(Readiness::Ready) => (Severity::Warning, "; its node is Ready"),
        Some(_) => (Severity::Critical, "; its node is not Ready either"),
        None => (Severity::Warning, ""),
    };
    let since = machine.silent_since();
    Some(Verdict {
        rule: "edge-silent",
        severity,
        line: format!("no answer over SSH{}: {why}{node}", sight.for_time(since)),
        mend: "see that it has power and network, and that ssh reaches it from here".to_owned(),
        since,
    })
}

fn edge_unjoined(sight: &Sight<'_>, machine: &Machine<'_>, host: &str) -> Option<Verdict> {
    let cluster = machine.cluster()?;
    if machine.is_silent() || sight.fleet.nodes_known(&cluster, sight.now) != Some(sight.now) {
        return None;
    }
    Some(Verdict {
        rule: "edge-unjoined",
        severity: Severity::Info,
        line: format!("hosts.toml places it in {cluster}, which has no such node"),
        mend: format!("k3fleet join {cluster} {host} (J)"),
        since: None,
    })
}

fn heat(health: &EdgeHealth) -> Option<Verdict> {
    let degrees = health.temperature.map(|t| format!(" at {t:.0} °C"));
    if health.throttled == Some(true) {
        return Some(Verdict {
            rule: "edge-throttled",
            severity: Severity::Warning,
            line: format!("the firmware throttles the processor{}", degrees.unwrap_or_default()),
            mend: "give it a stronger power supply or better cooling".to_owned(),
            since: None,
        });
    }
    health.temperature.filter(|t| *t >= HOT)?;
    Some(Verdict {
        rule: "edge-hot",
        severity: Severity::Warning,
        line: format!(
            "the processor runs{}, and slows down from {HOT:.0} °C on",
            degrees.unwrap_or_default()
        ),
        mend: "give it better cooling".to_owned(),
        since: None,
    })
}

fn edge_disk_full(health: &EdgeHealth) -> Option<Verdict> {
    let (used, size) = health.disk.filter(|(_, size)| *size > 0)?;
    let part = used as f64 / size as f64;
    if part < DISK_FULL {
        return None;
    }
    let free = super::super::table::bytes(size.saturating_sub(used));
    Some(Verdict {
        rule: "edge-disk-full",
        severity: if part < DISK_GONE {
            Severity::Warning
        } else {
            Severity::Critical
        },
        line: format!("the disk of K3s is {:.0}% full, {free} left", part * 100.0),
        mend: "drop what is not used on it (s): k3s crictl rmi --prune".to_owned(),
        since: None,
    })
}

fn clock(health: &EdgeHealth) -> Option<Verdict> {
    let skew = health.clock_skew.filter(|skew| skew.abs() >= SKEW)?;
    let way = if skew > 0 { "ahead of" } else { "behind" };
    let synced = match health.clock_synced {
        Some(false) => ", and no time server keeps it",
        _ => "",
    };
    Some(Verdict {
        rule: "edge-clock",
        severity: Severity::Warning,
        line: format!("its clock is {} {way} ours{synced}", age(skew.abs())),
        mend: "let a time server keep it (s): timedatectl set-ntp true".to_owned(),
        since: None,
    })
}

fn service(machine: &Machine<'_>, health: &EdgeHealth) -> Option<Verdict> {
    let state = health
        .service
        .as_deref()
        .filter(|s| matches!(*s, "failed" | "inactive"))?;
    Some(Verdict {
        rule: "edge-service",
        severity: Severity::Critical,
        line: format!("K3s is {state} there"),
        mend: format!("see why (l): k3fleet logs {}", machine.name()),
        since: None,
    })
}

fn certificate(sight: &Sight<'_>, machine: &Machine<'_>, health: &EdgeHealth) -> Option<Verdict> {
    let until = health.certificate_until?;
    let left = until.duration_since(sight.now).as_secs();
    let days = left.div_euclid(86_400);
    if days >= ENDING {
        return None;
    }
    Some(Verdict {
        rule: "edge-certificate",
        severity: if days < ENDED {
            Severity::Critical
        } else {
            Severity::Warning
        },
        line: match left {
            ..=0 => format!("a certificate of its K3s has expired {} ago", age(-left)),
            left => format!("a certificate of its K3s expires in {}", age(left)),
        },
        mend: format!("k3fleet certificates {}", machine.name()),
        since: None,
    })
}
