//! A change as it is looked at before it is made: what was asked for, and the plan of it or why there is none. Its
//! options can be changed while it is looked at; the plan is made anew then.

use jiff::{SignedDuration, Timestamp};
use tui_input::Input;

use crate::fleet::Fleet;
use crate::fleet::table::age;
use crate::ops::parts::{self, Parts};
use crate::ops::{self, DrainOptions, KubeStep, Plan, Refusal, Request, Resource, ResourceKind, Step, VictimOrder};

/// A change that is looked at.
#[derive(Clone, Debug)]
pub struct Planning {
    /// What is asked for.
    pub request: Request,
    /// What would be done, or why not.
    pub outcome: Result<Plan, Refusal>,
    /// What the stack of a highly available cluster that is launched is made of.
    pub parts: Option<Parts>,
    /// What is typed to confirm it, where it has to be.
    pub line: Input,
    /// First line shown.
    pub scroll: usize,
}

/// Something about a request that can be changed while its plan is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanOption {
    /// Whether pods that still stand after the timeout are deleted.
    Force,
    /// Whether pods without a controller are evicted.
    BarePods,
    /// Whether pods with emptyDir volumes are evicted.
    EmptyDir,
    /// Whether the pool's bounds may be widened.
    Raise,
    /// Who goes first when the pool shrinks.
    Order,
    /// How long draining may take.
    Timeout,
    /// Whether volumes that Kubernetes made are deleted with their cluster.
    Volumes,
    /// Whether the snapshots of etcd are deleted with their cluster.
    Snapshots,
    /// Whether machines that cannot be reached are left as they are.
    Unreached,
    /// Whether edge hosts that leave are gone for good, so that only their nodes are deleted.
    Forget,
}

/// The orders of victims to choose from: the usual one, and the usual one with one of these before it.
const LEADERS: [VictimOrder; 4] = [
    VictimOrder::MostExpensive,
    VictimOrder::FewestPods,
    VictimOrder::Oldest,
    VictimOrder::Newest,
];

/// The times that draining may take, to choose from, in minutes.
const TIMEOUTS: [i64; 5] = [1, 5, 10, 30, 60];

impl PlanOption {
    /// All options.
    pub const ALL: [Self; 10] = [
        Self::Force,
        Self::Timeout,
        Self::BarePods,
        Self::EmptyDir,
        Self::Raise,
        Self::Order,
        Self::Volumes,
        Self::Snapshots,
        Self::Unreached,
        Self::Forget,
    ];

    /// The key that changes it; with alt where text is typed.
    pub fn key(self) -> char {
        match self {
            Self::Force => 'f',
            Self::BarePods => 'b',
            Self::EmptyDir => 'e',
            Self::Raise => 'w',
            Self::Order => 'v',
            Self::Timeout => 't',
            Self::Volumes => 'd',
            Self::Snapshots => 's',
            Self::Unreached => 'u',
            Self::Forget => 'x',
        }
    }

    /// The option that a key changes.
    pub(super) fn of_key(key: char) -> Option<Self> {
        Self::ALL.into_iter().find(|option| option.key() == key)
    }

    /// What it is, with how it stands; in a few words.
    pub fn told(self, request: &Request) -> String {
        let timeout = drain(request).map_or(0, |d| d.timeout.as_secs());
        match self {
            Self::Force => format!("delete what still stands after {}", age(timeout)),
            Self::Timeout => format!("drain for at most {}", minutes(timeout)),
            Self::Volumes => "delete the volumes that Kubernetes made, with their data".to_owned(),
            Self::Snapshots => "delete the snapshots of etcd".to_owned(),
            Self::Unreached => "leave machines out that cannot be reached".to_owned(),
            Self::Forget => "gone for good: only forget the nodes".to_owned(),
            Self::BarePods => "pods without a controller".to_owned(),
            Self::EmptyDir => "pods with emptyDir data".to_owned(),
            Self::Raise => "widen the pool's bounds".to_owned(),
            Self::Order => {
                let words = order(request).iter().map(|by| by.as_str());
                format!("first to go: {}", words.collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// Whether it is on; `None` for what is not on or off.
    pub fn is_on(self, request: &Request) -> Option<bool> {
        let drain = drain(request);
        match self {
            Self::Force => drain.map(|d| d.force),
            Self::BarePods => drain.map(|d| d.bare_pods),
            Self::EmptyDir => drain.map(|d| d.empty_dir_data),
            Self::Raise => Some(matches!(request, Request::Scale { raise: true, .. })),
            Self::Volumes => Some(matches!(request, Request::Destroy { volumes: true, .. })),
            Self::Snapshots => Some(matches!(request, Request::Destroy { snapshots: true, .. })),
            Self::Unreached => Some(leaves_unreached(request)),
            Self::Forget => Some(matches!(request, Request::Leave { forget: true, .. })),
            Self::Order | Self::Timeout => None,
        }
    }

    /// The request with the option turned over, or set to its next value.
    pub(super) fn turn(self, request: &mut Request) {
        match (self, request) {
            (Self::Raise, Request::Scale { raise, .. }) => *raise = !*raise,
            (Self::Volumes, Request::Destroy { volumes, .. }) => *volumes = !*volumes,
            (Self::Snapshots, Request::Destroy { snapshots, .. }) => *snapshots = !*snapshots,
            (Self::Order, Request::Scale { order, .. }) => *order = next_order(order),
            (Self::Forget, Request::Leave { forget, .. }) => *forget = !*forget,
            (Self::Unreached, Request::Rotate(rotation)) => rotation.leave_unreached = !rotation.leave_unreached,
            (Self::Unreached, Request::Upgrade(upgrade)) => upgrade.leave_unreached = !upgrade.leave_unreached,
            (option, request) => {
                let Some(drain) = drain_mut(request) else { return };
                match option {
                    Self::Force => drain.force = !drain.force,
                    Self::BarePods => drain.bare_pods = !drain.bare_pods,
                    Self::EmptyDir => drain.empty_dir_data = !drain.empty_dir_data,
                    Self::Timeout => drain.timeout = next_timeout(drain.timeout),
                    Self::Raise | Self::Order | Self::Volumes | Self::Snapshots | Self::Unreached | Self::Forget => {}
                }
            }
        }
    }
}

impl Planning {
    /// Plans a request.
    pub fn new(fleet: &Fleet, request: Request, now: Timestamp) -> Self {
        let outcome = ops::plan(fleet, &request, now);
        Self {
            // It hangs on the launch alone, which no option changes.
            parts: match (&request, &outcome) {
                (Request::Launch(launch), Ok(_)) => parts::of(launch),
                _ => None,
            },
            outcome,
            request,
            line: Input::default(),
            scroll: 0,
        }
    }

    /// The options that make a difference to it.
    pub fn options(&self) -> Vec<PlanOption> {
        let (drains, raises) = match &self.outcome {
            Ok(plan) => {
                let drains = |step: &Step| matches!(step, Step::Kube(_, KubeStep::Drain(_)));
                // What is drained as part of something else is drained in the usual way.
                let asked = drain(&self.request).is_some();
                (asked && plan.steps().any(|(_, step)| drains(step)), false)
            }
            Err(refusal) => (false, refusal.guard == "pool-bounds"),
        };
        let fits = |option: &PlanOption| match option {
            PlanOption::Force | PlanOption::Timeout | PlanOption::BarePods | PlanOption::EmptyDir => drains,
            PlanOption::Volumes => match &self.request {
                Request::Destroy { resources, .. } => {
                    let theirs = |r: &Resource| r.of_kubernetes && r.kind == ResourceKind::Volume;
                    self.outcome.is_ok() && resources.iter().any(theirs)
                }
                _ => false,
            },
            PlanOption::Snapshots => match &self.request {
                Request::Destroy { resources, .. } => {
                    self.outcome.is_ok() && resources.iter().any(|r| r.bucket().is_some())
                }
                _ => false,
            },
            PlanOption::Raise => raises || PlanOption::Raise.is_on(&self.request) == Some(true),
            PlanOption::Unreached => {
                let silent = matches!(&self.request, Request::Rotate(r) if r.machines.iter().any(|m| m.holds.is_err()));
                let upgrades = matches!(self.request, Request::Upgrade(_)) && self.outcome.is_err();
                silent || upgrades || leaves_unreached(&self.request)
            }
            PlanOption::Forget => matches!(self.request, Request::Leave { .. }),
            PlanOption::Order => drains && matches!(self.request, Request::Scale { .. }),
        };
        PlanOption::ALL.into_iter().filter(fits).collect()
    }

    /// The word that has to be typed before it is run.
    pub fn word(&self) -> Option<&str> {
        self.outcome.as_ref().ok()?.confirm.as_deref()
    }

    /// Why it cannot be run as it stands; `None` when it can.
    pub fn held_back(&self, read_only: bool) -> Option<String> {
        let plan = match &self.outcome {
            Ok(plan) => plan,
            Err(refusal) => return Some(format!("refused: {}", refusal.why)),
        };
        if plan.stages.is_empty() {
            return Some("there is nothing to do: it is so already".to_owned());
        }
        if read_only {
            return Some("read-only: nothing is run; start without --read-only".to_owned());
        }
        match self.word() {
            Some(word) if self.line.value().trim() != word => Some(format!("type {word} to confirm it")),
            _ => None,
        }
    }
}

fn leaves_unreached(request: &Request) -> bool {
    match request {
        Request::Rotate(rotation) => rotation.leave_unreached,
        Request::Upgrade(upgrade) => upgrade.leave_unreached,
        _ => false,
    }
}

fn drain(request: &Request) -> Option<&DrainOptions> {
    match request {
        Request::Drain { drain, .. }
        | Request::Replace { drain, .. }
        | Request::Remove { drain, .. }
        | Request::Leave { drain, .. }
        | Request::Reboot { drain, .. }
        | Request::Scale { drain, .. } => Some(drain),
        Request::Upgrade(upgrade) => upgrade.drain.as_ref(),
        _ => None,
    }
}

fn drain_mut(request: &mut Request) -> Option<&mut DrainOptions> {
    match request {
        Request::Drain { drain, .. }
        | Request::Replace { drain, .. }
        | Request::Remove { drain, .. }
        | Request::Leave { drain, .. }
        | Request::Reboot { drain, .. }
        | Request::Scale { drain, .. } => Some(drain),
        Request::Upgrade(upgrade) => upgrade.drain.as_mut(),
        _ => None,
    }
}

fn order(request: &Request) -> &[VictimOrder] {
    match request {
        Request::Scale { order, .. } => order,
        _ => &[],
    }
}

/// The time after this one.
fn next_timeout(timeout: SignedDuration) -> SignedDuration {
    let next = TIMEOUTS.into_iter().find(|m| *m > timeout.as_mins());
    SignedDuration::from_mins(next.unwrap_or(TIMEOUTS[0]))
}

/// A time to choose, as short as it can be told.
fn minutes(seconds: i64) -> String {
    match (seconds % 3600, seconds % 60) {
        (0, _) => format!("{} h", seconds / 3600),
        (_, 0) => format!("{} min", seconds / 60),
        _ => age(seconds),
    }
}

/// The order of victims after this one.
fn next_order(order: &[VictimOrder]) -> Vec<VictimOrder> {
    let now = LEADERS.iter().position(|leader| order.first() == Some(leader));
    let next = now.map_or(0, |at| at + 1);
    match LEADERS.get(next) {
        None => VictimOrder::USUAL.to_vec(),
        Some(leader) => {
            let rest = VictimOrder::USUAL.into_iter().filter(|by| by != leader);
            std::iter::once(*leader).chain(rest).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timeouts_come_round() {
        let mut timeout = DrainOptions::default().timeout;
        let mut told = vec![];
        for _ in 0..5 {
            timeout = next_timeout(timeout);
            told.push(minutes(timeout.as_secs()));
        }
        assert_eq!(told, ["30 min", "1 h", "1 min", "5 min", "10 min"]);
    }

    #[test]
    fn the_orders_of_victims_come_round() {
        let mut order = VictimOrder::USUAL.to_vec();
        let mut first = vec![];
        for _ in 0..5 {
            order = next_order(&order);
            first.push(order[0].as_str());
        }
        assert_eq!(
            first,
            ["most-expensive", "fewest-pods", "oldest", "newest", "not-ready"]
        );
        assert_eq!(order, VictimOrder::USUAL);
    }
}
