//! Edge hosts: the list as `hosts.toml` gives it, and what probes find.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::{FutureExt, StreamExt, stream};
use smol_str::{SmolStr, format_smolstr};
use tokio::sync::watch;
use tokio::time::timeout;

use super::Clock;
use super::diff::Diff;
use super::fault::words;
use super::item::Item;
use super::poll::{Answer, Halt, Next, Poll};
use super::sink::{Closed, Sink};
use super::supervisor::Feed;
use crate::fleet::{EdgeHost, EdgeProbe, Fault, HostName, Observation};
use crate::provider::Shell;

/// Probes under way at once.
pub(super) const AT_ONCE: usize = 32;
/// The longest that one host is waited for.
const LIMIT: Duration = Duration::from_secs(10);

/// The list of hosts: told as it is set.
pub(super) struct Hosts {
    pub(super) list: watch::Receiver<Arc<[EdgeHost]>>,
    /// Nothing probes them, so the list is all there is to know.
    pub(super) alone: bool,
    pub(super) diff: Diff<HostName>,
}

#[async_trait]
impl Feed for Hosts {
    async fn run(&mut self, sink: &Sink) -> Result<(), Closed> {
        loop {
            let list = self.list.borrow_and_update().clone();
            let mut observations = Vec::new();
            self.diff.begin();
            for host in list.iter() {
                if self.diff.see(host.key(), host) {
                    observations.push(host.clone().seen());
                }
            }
            observations.extend(self.diff.finish().into_iter().filter_map(EdgeHost::gone));
            if self.alone && !observations.is_empty() {
                sink.synced(observations, Duration::MAX).await?;
            } else {
                sink.send(observations).await?;
            }
            if self.list.changed().await.is_err() {
                return Ok(());
            }
        }
    }
}

/// Probes of all hosts, again and again.
pub(super) struct Probes {
    pub(super) shell: Arc<dyn Shell>,
    pub(super) list: watch::Receiver<Arc<[EdgeHost]>>,
}

#[async_trait]
impl Poll for Probes {
    async fn read(&mut self, sink: &Sink) -> Result<Answer, Halt> {
        let list = self.list.borrow_and_update().clone();
        let probes: Vec<_> = list
            .iter()
            .map(|host| probe(&self.shell, host.clone(), &sink.clock))
            .collect();
        let mut done = stream::iter(probes).buffer_unordered(AT_ONCE);
        while let Some(probe) = done.next().await {
            sink.send(vec![probe]).await?;
        }
        Ok(Answer {
            observations: Vec::new(),
            next: Next::Paced,
        })
    }

    fn idle(&self) -> bool {
        self.list.borrow().is_empty()
    }

    async fn wished(&mut self) {
        if self.list.changed().await.is_err() {
            std::future::pending().await
        }
    }

    fn limit(&self) -> Duration {
        let rounds = self.list.borrow().len().div_ceil(AT_ONCE).max(1);
        LIMIT.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX)) * 2
    }
}

/// Probes one host; that it does not answer is something seen as well.
pub(super) fn probe(
    shell: &Arc<dyn Shell>,
    host: EdgeHost,
    clock: &Clock,
) -> impl Future<Output = Observation> + Send + use<> {
    let (shell, clock) = (shell.clone(), clock.clone());
    async move {
        // A crash is this host's own matter: the others are probed all the same.
        let call = AssertUnwindSafe(timeout(LIMIT, shell.probe(&host))).catch_unwind();
        let outcome = match call.await {
            Ok(Ok(Ok(health))) => Ok(health),
            Ok(Ok(Err(error))) => Err(SmolStr::new(Fault::from(error).to_string())),
            Ok(Err(_elapsed)) => Err(format_smolstr!("no answer within {} s", LIMIT.as_secs())),
            Err(panic) => Err(format_smolstr!("the probe crashed: {}", words(&*panic))),
        };
        Observation::EdgeProbe(Box::new(EdgeProbe {
            host: host.name,
            at: clock(),
            outcome,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feeds::testing::*;
    use crate::fleet::{FeedId, FeedKind, FeedReport, Source};
    use crate::provider::Providers;

    const FEED: FeedId = FeedId {
        kind: FeedKind::Edge,
        source: Source::Hosts,
    };

    fn probes(seen: &[Observation]) -> Vec<(&str, Result<u32, &str>)> {
        fn of(o: &Observation) -> Option<(&str, Result<u32, &str>)> {
            match o {
                Observation::EdgeProbe(p) => {
                    let outcome = p.outcome.as_ref().map(|h| h.latency_ms).map_err(SmolStr::as_str);
                    Some((p.host.as_str(), outcome))
                }
                _ => None,
            }
        }
        seen.iter().filter_map(of).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_reloaded_list_tells_what_differs() {
        let mut rig = Rig::start(Providers::default());
        let is = |h: &EdgeHost| Observation::EdgeHost(Box::new(h.clone()));
        let (a, b) = (host("a"), host("b"));
        rig.feeds.set_hosts(vec![a.clone(), b.clone()]);
        let seen = rig.for_secs(3600).await;
        assert_eq!(things(seen.clone()), [is(&a), is(&b)]);
        let reports: Vec<_> = seen
            .iter()
            .filter(|o| matches!(o, Observation::Feed(id, _) if *id == FEED))
            .collect();
        assert_eq!(reports.len(), 1, "a list that nobody probes is good for ever");

        let moved = EdgeHost {
            group: "shop".into(),
            ..b.clone()
        };
        rig.feeds.set_hosts(vec![moved.clone()]);
        assert_eq!(
            things(rig.for_secs(60).await),
            [is(&moved), Observation::EdgeHostGone(a.name)]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn hosts_are_probed_side_by_side_and_a_mute_one_holds_up_no_other() {
        let shell = Arc::new(FakeShell::default());
        let mut rig = Rig::start(Providers {
            shell: Some(shell.clone()),
            ..Providers::default()
        });
        rig.for_secs(600).await;
        let mut hosts = vec![host("mute-1"), host("down-1"), host("crash-1")];
        hosts.extend((0..100).map(|n| host(&format!("ok-{n}"))));
        rig.feeds.set_hosts(hosts);
        let seen = rig.for_secs(5).await;
        assert_eq!(probes(&seen).len(), 102);
        assert!(probes(&seen).contains(&("down-1", Err("ssh: no"))));
        assert!(probes(&seen).contains(&("ok-99", Ok(200))));
        assert!(probes(&seen).contains(&("crash-1", Err("the probe crashed: ssh panics"))));
        let seen = rig.synced(&FEED).await;
        assert_eq!(probes(&seen), [("mute-1", Err("no answer within 10 s"))]);
        assert_eq!(shell.open.lock().unwrap().1, AT_ONCE, "no more at once");
    }

    #[tokio::test(start_paused = true)]
    async fn probes_keep_their_pace_and_heed_nudges() {
        let shell = Arc::new(FakeShell::default());
        let mut rig = Rig::start(Providers {
            shell: Some(shell.clone()),
            ..Providers::default()
        });
        rig.feeds.set_hosts(vec![host("ok-1")]);
        let seen = rig.for_secs(100).await;
        let times: Vec<_> = shell.probed.lock().unwrap().iter().map(|(at, _)| *at).collect();
        assert_eq!(times.len(), 4);
        let pauses: Vec<_> = times.windows(2).map(|w| (w[1] - w[0]).as_secs_f64()).collect();
        near(&pauses, &[30.0, 30.0, 30.0]);
        let synced = |o: &&Observation| matches!(o, Observation::Feed(_, FeedReport::Synced { .. }));
        assert_eq!(seen.iter().filter(synced).count(), 4);
        rig.feeds.nudge(&Source::Hosts);
        rig.for_secs(1).await;
        assert_eq!(shell.probed.lock().unwrap().len(), 5);
        rig.feeds.set_hosts(Vec::new());
        rig.for_secs(1).await;
        assert_eq!(things(rig.for_secs(600).await), []);
    }
}
