//! How long it takes to let a hundred edge hosts join, against one: hosts on loopback behind real sshds, whose installer takes
//! two seconds. K3s takes in fifty at a time, so that a hundred take two rounds; the rest is what joining them costs here.
//!
//! ```text
//!  plan ─▶ [ executor, journal ─▶ ssh ─▶ sshd ─▶ stub: waits, and answers       ]
//!          [                                └──▶ whole: every script, in a root ]
//! ```
//! Stub hosts do by themselves what a board would do with its own processor. Whole ones run all scripts on this machine.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench tells its figures, or fails"
)]

#[path = "../tests/it/edge/desk.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod desk;
#[path = "../tests/it/edge/rig.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod rig;

use std::time::{Duration, Instant};

use desk::Desk;
use k3fleet::ops::Outcome;
use rig::Rig;

/// What the installer of a whole host takes.
const INSTALLER: &str = "/bin/sleep 2\n";
/// What a stub host is.
const STUB: &str = include_str!("join/host.sh");

#[derive(Clone, Copy)]
enum Hosts {
    Stubs,
    Whole,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    for (hosts, name) in [(Hosts::Stubs, "stub"), (Hosts::Whole, "whole")] {
        let Some((one, _)) = runtime.block_on(join(1, hosts)) else {
            return;
        };
        let Some((hundred, busy)) = runtime.block_on(join(100, hosts)) else {
            return;
        };
        let (one, hundred) = (one.as_secs_f64(), hundred.as_secs_f64());
        println!("joining 1 {name} host     {one:>6.2} s");
        println!(
            "joining 100 {name} hosts  {hundred:>6.2} s, {:.2} times as long; to reach: 3; {busy:.1} s of CPU",
            hundred / one
        );
    }
}

/// Lets so many hosts join; gives how long that took once they were looked at, and how much of its processors the machine
/// used meanwhile, in seconds. `None` where there is no sshd.
async fn join(count: usize, hosts: Hosts) -> Option<(Duration, f64)> {
    let rig = Rig::new(count)?;
    for n in 1..=count {
        rig.put(n, "install", INSTALLER);
    }
    let desk = Desk::new(rig.ssh(), 1.0);
    let plan = desk.plan((1..=count).map(|n| rig.host(n)).collect(), false).await;
    if let Hosts::Stubs = hosts {
        rig.answer(STUB);
    }
    let (begun, before) = (Instant::now(), busy());
    let (id, work) = desk.begin(plan);
    let outcome = work.await.expect("it does not panic");
    let (took, after) = (begun.elapsed(), busy());
    assert_eq!(outcome, Outcome::Done, "{:?}", desk.failures(&id));
    Some((took, after - before))
}

/// The seconds that all processors of this machine have worked, whatever for.
fn busy() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").expect("Linux");
    let all = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let all: Vec<f64> = all.map(|ticks| ticks.parse().expect("a number")).collect();
    let idle: f64 = all.iter().skip(3).take(2).sum();
    // A guest's time is part of the first two.
    (all.iter().take(8).sum::<f64>() - idle) / 100.0
}
