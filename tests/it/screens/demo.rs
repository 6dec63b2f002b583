//! The simulated world, read through its ports at chosen times: the same state every time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k3fleet::app::key::Key;
use k3fleet::app::{Msg, State, project, update};
use k3fleet::fleet::{
    ContextId, EdgeProbe, Fault, FaultKind, FeedId, FeedKind, FeedReport, Fleet, Observation, Scope, Source,
};
use k3fleet::provider::sim::{Scenario, World};
use k3fleet::provider::{Providers, Result};
use smol_str::SmolStr;

/// When the world begins.
pub(crate) fn base() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().expect("a time")
}

/// The fleet of the demo after it has been watched for so many seconds, and the time then.
pub(crate) fn fleet(seconds: &[u64]) -> (Fleet, Timestamp) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let scenario = Scenario::demo().expect("the scenario is sound");
        let world = World::load(&scenario, 7, base(), 1.0);
        let mut fleet = Fleet::default();
        for host in world.edge_hosts() {
            fleet.apply(Observation::EdgeHost(Box::new(host)), base());
        }
        let providers = world.providers();
        let mut passed = 0;
        let mut known = BTreeSet::new();
        for until in seconds {
            while passed < *until {
                let step = 15.min(until - passed);
                tokio::time::advance(Duration::from_secs(step)).await;
                passed += step;
                look(&world, &providers, &mut fleet, &mut known).await;
            }
            if passed == 0 {
                look(&world, &providers, &mut fleet, &mut known).await;
            }
        }
        (fleet, world.now())
    })
}

/// Reads everything once. What is no longer listed is gone.
async fn look(world: &Arc<World>, providers: &Providers, fleet: &mut Fleet, known: &mut BTreeSet<String>) {
    let now = world.now();
    for (scope, account) in world.accounts() {
        fleet.apply(Observation::Account(scope, account), now);
    }
    let mut seen = BTreeSet::new();
    for cloud in &providers.clouds {
        let source = Source::Aws(cloud.scope().clone());
        let mut types = BTreeSet::new();
        if let Some(instances) = told(fleet, now, FeedKind::Instances, &source, cloud.instances().await) {
            for instance in instances {
                types.insert(instance.instance_type.clone());
                seen.insert(instance.id.to_string());
                fleet.apply(Observation::Instance(Box::new(instance)), now);
            }
        }
        if let Some(asgs) = told(fleet, now, FeedKind::Asgs, &source, cloud.asgs().await) {
            for asg in asgs {
                types.extend(asg.types.iter().cloned());
                let activities = cloud.activities(&asg.name).await;
                fleet.apply(Observation::Asg(Box::new(asg)), now);
                for activity in told(fleet, now, FeedKind::Activities, &source, activities)
                    .into_iter()
                    .flatten()
                {
                    fleet.apply(Observation::Activity(Box::new(activity)), now);
                }
            }
        }
        for request in told(fleet, now, FeedKind::SpotFleets, &source, cloud.spot_fleets().await)
            .into_iter()
            .flatten()
        {
            fleet.apply(Observation::SpotFleet(Box::new(request)), now);
        }
        for notice in told(fleet, now, FeedKind::Notices, &source, cloud.notices().await)
            .into_iter()
            .flatten()
        {
            fleet.apply(Observation::Notice(notice), now);
        }
        let types: Vec<SmolStr> = types.into_iter().collect();
        let since = now - SignedDuration::from_hours(14 * 24);
        for price in told(
            fleet,
            now,
            FeedKind::SpotPrices,
            &source,
            cloud.spot_prices(&types, since).await,
        )
        .into_iter()
        .flatten()
        {
            fleet.apply(Observation::SpotPrice(price), now);
        }
        for price in told(
            fleet,
            now,
            FeedKind::OnDemandPrices,
            &source,
            cloud.on_demand_prices(&types).await,
        )
        .into_iter()
        .flatten()
        {
            fleet.apply(Observation::OnDemandPrice(price), now);
        }
    }
    for kube in &providers.kubes {
        let source = Source::Kube(kube.context().clone());
        if let Some(server) = told(fleet, now, FeedKind::Server, &source, kube.server().await) {
            fleet.apply(Observation::Server(server), now);
        }
        for node in told(fleet, now, FeedKind::Nodes, &source, kube.list_nodes().await)
            .into_iter()
            .flatten()
        {
            seen.insert(node.key.name.to_string());
            fleet.apply(Observation::Node(Box::new(node)), now);
        }
        for pod in told(fleet, now, FeedKind::Pods, &source, kube.list_pods().await)
            .into_iter()
            .flatten()
        {
            fleet.apply(Observation::Pod(pod), now);
        }
        for usage in told(fleet, now, FeedKind::Usage, &source, kube.usage().await)
            .into_iter()
            .flatten()
        {
            fleet.apply(Observation::Usage(usage), now);
        }
    }
    if let Some(shell) = &providers.shell {
        for host in world.edge_hosts() {
            let outcome = shell.probe(&host).await.map_err(|e| e.message);
            let probe = EdgeProbe {
                host: host.name,
                at: now,
                outcome,
            };
            fleet.apply(Observation::EdgeProbe(Box::new(probe)), now);
        }
        told(fleet, now, FeedKind::Edge, &Source::Hosts, Ok(()));
    }
    forget(fleet, known, &seen, now);
    *known = seen;
}

/// Takes away the instances and nodes that are listed no more.
fn forget(fleet: &mut Fleet, known: &BTreeSet<String>, seen: &BTreeSet<String>, now: Timestamp) {
    let mut gone: Vec<_> = fleet
        .all_machines()
        .flat_map(|m| {
            let instance = m
                .instance()
                .map(|i| (i.id.to_string(), Observation::InstanceGone(i.id.clone())));
            let node = m
                .node()
                .map(|n| (n.key.name.to_string(), Observation::NodeGone(n.key.clone())));
            [instance, node]
        })
        .flatten()
        .filter(|(name, _)| known.contains(name) && !seen.contains(name))
        .collect();
    // The fleet gives its rows in no order.
    gone.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (_, observation) in gone {
        fleet.apply(observation, now);
    }
}

/// Tells the fleet how a source answered, and gives the answer.
fn told<T>(fleet: &mut Fleet, now: Timestamp, kind: FeedKind, source: &Source, answer: Result<T>) -> Option<T> {
    let id = FeedId {
        kind,
        source: source.clone(),
    };
    let (report, answer) = match answer {
        Ok(answer) => {
            let good_for = SignedDuration::from_mins(2);
            (FeedReport::Synced { good_for }, Some(answer))
        }
        Err(error) => {
            let retry_at = now + SignedDuration::from_secs(30);
            let fault = error.into();
            (FeedReport::Failed { fault, retry_at }, None)
        }
    };
    fleet.apply(Observation::Feed(id, report), now);
    answer
}

/// A state over a fleet, in a terminal of the usual size.
pub(crate) fn state(fleet: Fleet, now: Timestamp) -> State {
    let mut state = State::new(fleet, now);
    state.demo = Some(false);
    settle(&mut state, (120, 40));
    state
}

/// Does what the driver does before a frame in a terminal of this size.
pub(crate) fn settle(state: &mut State, (columns, rows): (u16, u16)) {
    update(state, Msg::Resize(columns, rows));
    project(state);
    state.fit(k3fleet::tui::heights(state));
}

/// Presses keys, one after another.
pub(crate) fn press(state: &mut State, keys: &str) {
    for key in keys.split_whitespace() {
        update(state, Msg::Key(key.parse().expect("a key")));
        project(state);
        state.fit(k3fleet::tui::heights(state));
    }
}

/// Types text.
pub(crate) fn write(state: &mut State, text: &str) {
    for c in text.chars() {
        update(state, Msg::Key(Key::char(c)));
        project(state);
    }
}

/// Lets feeds begin, of which one has answered.
pub(crate) fn begin(state: &mut State) {
    let now = state.now;
    let aws = || Source::Aws(Scope::new("", "eu-west-1"));
    let kube = || Source::Kube(ContextId::new("prod"));
    let feeds = [
        (FeedKind::Instances, aws()),
        (FeedKind::Asgs, aws()),
        (FeedKind::SpotPrices, aws()),
        (FeedKind::Activities, aws()),
        (FeedKind::Server, kube()),
        (FeedKind::Nodes, kube()),
        (FeedKind::Edge, Source::Hosts),
    ];
    let begun = |(kind, source)| Observation::Feed(FeedId { kind, source }, FeedReport::Begun);
    update(state, Msg::Observed(now, feeds.into_iter().map(begun).collect()));
    answer(state, FeedKind::Instances, None);
}

/// Lets a feed of `eu-west-1` answer, or fail.
pub(crate) fn answer(state: &mut State, kind: FeedKind, fault: Option<Fault>) {
    let source = Source::Aws(Scope::new("", "eu-west-1"));
    let report = match fault {
        None => FeedReport::Synced {
            good_for: SignedDuration::from_mins(2),
        },
        Some(fault) => FeedReport::Failed {
            fault,
            retry_at: state.now + SignedDuration::from_secs(30),
        },
    };
    let now = state.now;
    let seen = vec![Observation::Feed(FeedId { kind, source }, report)];
    update(state, Msg::Observed(now, seen));
    update(state, Msg::Clock(now + SignedDuration::from_secs(1)));
    project(state);
}

/// A call that the credentials do not allow.
pub(crate) fn denied(call: &str) -> Fault {
    Fault {
        call: call.into(),
        kind: FaultKind::Denied,
        message: "User arn:aws:iam::111122223333:user/ops is not authorized to perform this operation".into(),
        mend: format!("allow {call} on * for this user: k3fleet export iam-policy --viewer prints the policy").into(),
    }
}

/// Credentials that are too old.
pub(crate) fn expired() -> Fault {
    Fault {
        call: "ec2:DescribeInstances".into(),
        kind: FaultKind::Credentials,
        message: "the SSO session has expired".into(),
        mend: "log in again: aws sso login".into(),
    }
}
