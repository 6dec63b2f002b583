//! How long it takes to let a hundred edge hosts join, against one: hosts on loopback behind real sshds, whose installer takes
//! two seconds. K3s takes in fifty at a time, so that a hundred take two rounds; the rest is what joining them costs here.

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

/// What the installer of a host takes.
const INSTALLER: &str = "/bin/sleep 2\n";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let Some(one) = runtime.block_on(join(1)) else { return };
    let Some(hundred) = runtime.block_on(join(100)) else {
        return;
    };
    let times = hundred.as_secs_f64() / one.as_secs_f64();
    println!("joining 1 host    {:>8.1} s", one.as_secs_f64());
    println!(
        "joining 100 hosts {:>8.1} s, {times:.1} times as long; to reach: 3",
        hundred.as_secs_f64()
    );
}

/// Lets so many hosts join; gives how long that took once they were looked at. `None` where there is no sshd.
async fn join(count: usize) -> Option<Duration> {
    let rig = Rig::new(count)?;
    for n in 1..=count {
        rig.put(n, "install", INSTALLER);
    }
    let desk = Desk::new(rig.ssh(), 1.0);
    let plan = desk.plan((1..=count).map(|n| rig.host(n)).collect(), false).await;
    let begun = Instant::now();
    let (id, work) = desk.begin(plan);
    let outcome = work.await.expect("it does not panic");
    assert_eq!(outcome, Outcome::Done, "{:?}", desk.failures(&id));
    Some(begun.elapsed())
}
