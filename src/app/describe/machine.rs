//! A machine with all its parts.

use super::{Description, Lines, findings, time};
use crate::fleet::table::{View, bytes, cheaper_zone, money};
use crate::fleet::{Arch, Machine, NoticeKind, Purchase, Readiness, Severity, price};

/// Certificates and joins begin to fail when a clock is off by so many seconds.
const CLOCK_OFF: i64 = 30;

pub(super) fn machine(view: &View<'_>, machine: &Machine<'_>) -> Description {
    let mut all = Description::new(format!("machine {}", machine.name()));
    all.add(whole(view, machine));
    all.add(findings(view.summary.findings_of(&machine.id())));
    all.add(instance(view, machine));
    all.add(group(machine));
    all.add(prices(view, machine));
    all.add(node(view, machine));
    all.add(load(machine));
    all.add(edge(view, machine));
    let mut tags = Lines::new("Tags");
    for (key, value) in machine.instance().into_iter().flat_map(|i| i.tags.iter()) {
        tags.line(key, value);
    }
    all.add(tags);
    all
}

fn whole(view: &View<'_>, machine: &Machine<'_>) -> Lines {
    let mut lines = Lines::new("Machine");
    let state = machine.state(view.now);
    lines.graded(state.severity(), "state", state.as_str());
    lines.maybe("cluster", machine.cluster());
    let pool = machine.pool().and_then(|id| view.summary.pools.get(&id));
    lines.maybe("pool", pool.map(|p| &p.name));
    lines.maybe("role", machine.role().map(|r| r.as_str()));
    lines.maybe("type", machine.kind());
    lines.maybe("architecture", machine.arch().map(|a| a.as_str()));
    lines.time(view, "since", machine.since());
    if let Some(notice) = machine.notice() {
        let (severity, what) = match notice.kind {
            NoticeKind::Interruption => (Severity::Critical, "interruption"),
            NoticeKind::Rebalance => (Severity::Warning, "rebalance recommendation"),
        };
        lines.graded(severity, "notice", format!("{what}, {}", time(view, notice.at)));
    }
    lines
}

fn instance(view: &View<'_>, machine: &Machine<'_>) -> Lines {
    let mut lines = Lines::new("EC2 instance");
    let Some(instance) = machine.instance() else {
        if !machine.is_edge() {
            let since = machine.ghost_since().map(|at| format!(", for {}", time(view, at)));
            lines.graded(
                Severity::Info,
                "instance",
                format!("none is seen{}", since.unwrap_or_default()),
            );
        }
        return lines;
    };
    lines.line("id", instance.id.as_str());
    lines.line("state", instance.state.as_str());
    lines.maybe("reason", instance.reason.as_ref());
    lines.line("type", instance.instance_type.as_str());
    lines.line("bought", instance.purchase.as_str());
    lines.line("zone", instance.zone.as_str());
    lines.maybe("profile", Some(&instance.scope.profile));
    lines.maybe("account", view.fleet.accounts().get(&instance.scope));
    lines.time(view, "launched", instance.launched_at);
    lines.maybe("public IP", instance.public_ip);
    lines.maybe("private IP", instance.private_ip);
    lines.maybe("private DNS", instance.private_dns.as_ref());
    lines.maybe("image", instance.image.as_ref());
    lines.maybe("VPC", instance.vpc.as_ref());
    lines.line("console", super::console::instance(&instance.scope, &instance.id));
    lines
}

fn group(machine: &Machine<'_>) -> Lines {
    let mut lines = Lines::new("Auto Scaling");
    let Some(instance) = machine.instance() else {
        return lines;
    };
    lines.maybe("group", instance.asg());
    lines.maybe("spot fleet", instance.spot_fleet());
    if let Some((lifecycle, healthy)) = machine.asg_member() {
        lines.line("lifecycle", lifecycle.as_str());
        match healthy {
            true => lines.line("health", "Healthy"),
            false => lines.graded(Severity::Warning, "health", "Unhealthy: the group will replace it"),
        }
    }
    lines
}

fn prices(view: &View<'_>, machine: &Machine<'_>) -> Lines {
    let mut lines = Lines::new("Price");
    let (Some(instance), Some(offer)) = (machine.instance(), machine.offer()) else {
        return lines;
    };
    match (machine.price(), price::why_unknown(view, machine)) {
        (Some(usd), _) => lines.line(
            "price",
            format!("${} per hour, {}", money(usd), instance.purchase.as_str()),
        ),
        (None, Some(why)) => {
            let severity = if machine.price_missing() {
                Severity::Warning
            } else {
                Severity::Ok
            };
            lines.graded(severity, "price", format!("none: {why}"));
        }
        (None, None) => {}
    }
    let market = view.fleet.market();
    if let Some(entry) = market.on_demand_entry(&offer)
        && let Some(usd) = entry.usd
        && instance.purchase == Purchase::Spot
    {
        let read = time(view, entry.fetched_at);
        lines.line("on-demand", format!("${} per hour, read {read}", money(usd)));
        if let Some(spot) = machine.price().filter(|_| usd > 0.0) {
            lines.line("saving", format!("{:.0} %", (1.0 - spot / usd) * 100.0));
        }
    }
    let cheaper = market
        .zones(&offer)
        .and_then(|zones| cheaper_zone(zones, &instance.zone));
    if let Some((zone, saved)) = cheaper.filter(|_| instance.purchase == Purchase::Spot) {
        lines.graded(
            Severity::Info,
            "cheaper",
            format!("in {zone}, by ${} per hour", money(saved)),
        );
    }
    lines
}

fn node(view: &View<'_>, machine: &Machine<'_>) -> Lines {
    let mut lines = Lines::new("Kubernetes node");
    let Some(node) = machine.node() else {
        let since = machine.nodeless_since().map(|at| format!(", for {}", time(view, at)));
        let text = format!("none has joined{}", since.unwrap_or_default());
        lines.graded(machine.state(view.now).severity(), "node", text.replace(" ago", ""));
        return lines;
    };
    lines.line("name", node.key.name.as_str());
    lines.line("context", node.key.context.as_str());
    let since = node
        .ready_since
        .map(|at| format!(", {}", time(view, at)))
        .unwrap_or_default();
    match node.ready {
        Readiness::Ready => lines.line("ready", format!("yes{since}")),
        other => {
            let word = if other == Readiness::NotReady {
                "no"
            } else {
                "unknown: the kubelet is silent"
            };
            let why = node
                .not_ready_reason
                .as_ref()
                .map(|r| format!(" ({r})"))
                .unwrap_or_default();
            lines.graded(Severity::Critical, "ready", format!("{word}{why}{since}"));
        }
    }
    if !node.schedulable {
        lines.graded(Severity::Info, "schedulable", "no: cordoned");
    }
    lines.line("version", node.version.as_str());
    lines.maybe("OS", Some(&node.os));
    lines.maybe("kernel", Some(&node.kernel));
    lines.maybe("internal IP", node.internal_ip);
    lines.maybe("provider ID", node.provider_id.as_ref());
    lines.time(view, "joined", node.joined_at);
    lines.maybe("etcd voter", node.etcd_voter.map(|v| if v { "yes" } else { "no" }));
    lines.list("taints", node.taints.iter());
    for pressure in &node.pressures {
        lines.graded(Severity::Warning, "pressure", pressure.as_str());
    }
    lines
}

fn load(machine: &Machine<'_>) -> Lines {
    let mut lines = Lines::new("Load");
    let (Some(node), Some(requested)) = (machine.node(), machine.requested()) else {
        return lines;
    };
    let all = node.allocatable;
    let share = |part: u64, whole: u64| match whole {
        0 => String::new(),
        whole => format!(" ({:.0} %)", part as f64 / whole as f64 * 100.0),
    };
    let cores = |milli: u64| format!("{:.2}", milli as f64 / 1_000.0);
    lines.line(
        "CPU requested",
        format!(
            "{} of {} cores{}",
            cores(requested.cpu_milli),
            cores(all.cpu_milli),
            share(requested.cpu_milli, all.cpu_milli)
        ),
    );
    lines.line(
        "memory requested",
        format!(
            "{} of {}{}",
            bytes(requested.memory),
            bytes(all.memory),
            share(requested.memory, all.memory)
        ),
    );
    lines.line("pods", format!("{} of {}", requested.pods, all.pods));
    if let Some(usage) = machine.usage() {
        let cpu = share(usage.cpu_milli, all.cpu_milli);
        lines.line("CPU used", format!("{} cores{cpu}", cores(usage.cpu_milli)));
        let memory = share(usage.memory, all.memory);
        lines.line("memory used", format!("{}{memory}", bytes(usage.memory)));
    }
    lines
}

fn edge(view: &View<'_>, machine: &Machine<'_>) -> Lines {
    let mut lines = Lines::new("Edge host");
    let ssh = machine.node().and_then(|n| n.ssh.as_ref());
    let Some(host) = machine.edge() else {
        lines.maybe("SSH", ssh);
        return lines;
    };
    lines.line("host", host.name.as_str());
    lines.line("group", host.group.as_str());
    lines.maybe("address", host.address.as_ref());
    lines.maybe("user", host.user.as_ref());
    lines.maybe("port", host.port);
    lines.list("labels", host.labels.iter().map(|(k, v)| format!("{k}={v}")));
    lines.list("taints", host.taints.iter());
    let Some(probe) = machine.probe() else {
        lines.graded(Severity::Info, "reachable", "not probed yet");
        return lines;
    };
    let at = time(view, probe.at);
    let health = match &probe.outcome {
        Err(why) => {
            lines.graded(Severity::Warning, "reachable", format!("no: {why}; probed {at}"));
            return lines;
        }
        Ok(health) => health,
    };
    lines.line("reachable", format!("yes, in {} ms; probed {at}", health.latency_ms));
    lines.maybe("model", health.model.as_ref());
    lines.maybe("OS", health.os.as_ref());
    lines.maybe("kernel", health.kernel.as_ref());
    if health.userland_bits == Some(32) && health.arch != Some(Arch::Arm) {
        lines.graded(Severity::Warning, "userland", "32-bit, on a 64-bit kernel");
    }
    lines.maybe("load", health.load);
    let part = |(used, all): (u64, u64)| format!("{} of {}", bytes(used), bytes(all));
    lines.maybe("memory", health.memory.map(part));
    lines.maybe("disk", health.disk.map(part));
    lines.maybe("temperature", health.temperature.map(|t| format!("{t:.0} °C")));
    if health.throttled == Some(true) {
        lines.graded(Severity::Warning, "throttled", "yes: the firmware slows the board down");
    }
    match health.clock_skew {
        Some(off) if off.abs() > CLOCK_OFF => {
            let way = if off < 0 { "behind" } else { "ahead of" };
            lines.graded(Severity::Warning, "clock", format!("{} s {way} ours", off.abs()));
        }
        skew => lines.maybe("clock", skew.map(|_| "right")),
    }
    if health.clock_synced == Some(false) {
        lines.graded(Severity::Warning, "time server", "none keeps its clock");
    }
    match health.service.as_deref() {
        Some(state) if state != "active" => lines.graded(Severity::Warning, "K3s service", state),
        state => lines.maybe("K3s service", state),
    }
    lines.maybe("K3s installed", health.version.as_ref());
    lines.maybe(
        "certificates",
        health
            .certificate_until
            .map(|at| format!("good until {}", time(view, at))),
    );
    lines
}
