//! The edge machines: hosts of `hosts.toml`, and nodes that say they were joined over SSH.

use super::machines::{Place, Places, cluster, fraction, severity};
use super::{
    Column, Natural, RowId, Table, TableKind, Value, View, column, hidden, hidden_numeric, numeric, seconds_since,
};
use crate::fleet::{ClusterId, EdgeHealth, Machine, Role, Severity, ssh_host};

pub(super) struct EdgeMachines;

impl Table for EdgeMachines {
    const KIND: TableKind = TableKind::Edge;

    type Row<'a> = Machine<'a>;

    const COLUMNS: &'static [Column<Self>] = &[
        column("host", "HOST", 18, |_, m| Value::text_of(host(m))),
        column("group", "GROUP", 12, |_, m| {
            Value::maybe(m.edge().map(|e| e.group.as_str()))
        }),
        column("cluster", "CLUSTER", 12, |_, m| cluster(m)),
        column("state", "STATE", 10, |v, m| Value::text_of(m.state(v.now).as_str())),
        column("model", "MODEL", 24, |_, m| {
            health(m, |h| Value::maybe(h.model.as_deref()))
        }),
        column("arch", "ARCH", 5, |_, m| Value::maybe(m.arch().map(|a| a.as_str()))),
        numeric("latency", "LATENCY", 7, |_, m| {
            health(m, |h| Value::Number(h.latency_ms.into(), "ms"))
        }),
        numeric("load", "LOAD", 5, |_, m| health(m, |h| number(h.load, ""))),
        numeric("mem", "MEM", 4, |_, m| health(m, |h| part(h.memory))),
        numeric("disk", "DISK", 4, |_, m| health(m, |h| part(h.disk))),
        numeric("temp", "TEMP", 6, |_, m| health(m, |h| number(h.temperature, "°C"))),
        numeric("seen", "SEEN", 7, |v, m| {
            m.probe().map_or(Value::Missing, |p| seconds_since(v, p.at))
        }),
        column("node", "NODE", 18, |_, m| {
            Value::maybe(m.node().map(|n| n.key.name.as_str()))
        }),
        column("version", "VERSION", 14, |_, m| {
            let installed = || health(m, |h| Value::maybe(h.version.as_deref()));
            m.node().map_or_else(installed, |n| Value::text_of(n.version.as_str()))
        }),
        hidden("ssh", "SSH", 26, |v, r| ssh(v, r)),
        hidden("os", "OS", 18, |v, r| os(v, r)),
        hidden("kernel", "KERNEL", 18, |_, m| {
            health(m, |h| Value::maybe(h.kernel.as_deref()))
        }),
        hidden("service", "SERVICE", 10, |_, m| {
            health(m, |h| Value::maybe(h.service.as_deref()))
        }),
        // How long the first of its certificates is still good.
        hidden_numeric("certificate", "CERT", 7, |v, m| {
            health(m, |h| {
                h.certificate_until
                    .map_or(Value::Missing, |at| Value::Age(at.duration_since(v.now).as_secs()))
            })
        }),
        hidden_numeric("clock", "CLOCK", 6, |_, m| {
            health(m, |h| h.clock_skew.map_or(Value::Missing, seconds))
        }),
        hidden("throttled", "THROTTLED", 9, |_, m| health(m, |h| yes(h.throttled))),
        // The token that its cluster has given up, and that it still goes by.
        hidden("old-token", "OLD TOKEN", 9, |_, m| {
            Value::maybe(m.node().and_then(|n| n.old_token).map(Role::as_str))
        }),
    ];

    fn rows<'a>(view: &View<'a>) -> Vec<Machine<'a>> {
        view.fleet.all_machines().filter(Machine::is_edge).collect()
    }

    fn row<'a>(view: &View<'a>, id: &RowId) -> Option<Machine<'a>> {
        match id {
            RowId::Edge(id) | RowId::Machine(id) => view.fleet.machine(id),
            _ => None,
        }
    }

    fn id(row: &Machine<'_>) -> RowId {
        RowId::Edge(row.id())
    }

    fn severity(view: &View<'_>, row: &Machine<'_>) -> Severity {
        severity(view, row)
    }

    fn in_cluster(row: &Machine<'_>, cluster: &ClusterId) -> bool {
        row.belongs_to(cluster)
    }

    type Key<'a> = (Place, Natural<'a>);

    fn keys<'a>(view: &View<'a>, rows: &[Machine<'a>]) -> Vec<Self::Key<'a>> {
        let places = Places::of(view);
        rows.iter().map(|m| (places.find(m), Natural(host(m)))).collect()
    }
}

fn host<'a>(machine: &Machine<'a>) -> &'a str {
    let annotated = || machine.node().and_then(|n| n.ssh.as_deref()).map(ssh_host);
    machine
        .edge()
        .map(|e| e.name.as_str())
        .or_else(annotated)
        .unwrap_or_default()
}

fn health<'a>(machine: &Machine<'a>, read: impl Fn(&'a EdgeHealth) -> Value<'a>) -> Value<'a> {
    machine
        .probe()
        .and_then(|p| p.outcome.as_ref().ok())
        .map_or(Value::Missing, read)
}

fn number(n: Option<f32>, unit: &'static str) -> Value<'static> {
    n.map_or(Value::Missing, |n| Value::Number(f64::from(n), unit))
}

fn seconds(n: i64) -> Value<'static> {
    Value::Number(n as f64, "s")
}

fn yes(flag: Option<bool>) -> Value<'static> {
    match flag {
        Some(true) => Value::text_of("yes"),
        Some(false) => Value::text_of("no"),
        None => Value::Missing,
    }
}

fn part(of: Option<(u64, u64)>) -> Value<'static> {
    fraction(
        of.filter(|(_, all)| *all > 0)
            .map(|(used, all)| used as f64 / all as f64),
    )
}

fn ssh<'a>(_: &View<'a>, machine: &Machine<'a>) -> Value<'a> {
    match machine.edge() {
        Some(host) => {
            let user = host.user.as_ref().map(|u| format!("{u}@")).unwrap_or_default();
            let port = host.port.map(|p| format!(":{p}")).unwrap_or_default();
            let address = host.address.as_deref().unwrap_or(host.name.as_str());
            Value::owned(format!("{user}{address}{port}"))
        }
        None => Value::maybe(machine.node().and_then(|n| n.ssh.as_deref())),
    }
}

fn os<'a>(_: &View<'a>, machine: &Machine<'a>) -> Value<'a> {
    let own = machine.node().map(|n| n.os.as_str());
    own.map_or_else(|| health(machine, |h| Value::maybe(h.os.as_deref())), Value::text_of)
}
