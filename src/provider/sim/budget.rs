//! Disruption budgets: how many pods of some workloads may be down at once, and the API server's words when one more
//! would be too many.

use smol_str::{SmolStr, format_smolstr};

use super::state::{Cluster, SimPod, Workload};
use crate::fleet::{PodPhase, Readiness};

/// The budgets of a cluster: their names, and the workloads they cover. One pod of each may be down. That the shop's
/// front shares one makes a node with two of its pods drain in two goes.
const BUDGETS: [(&str, &[&str]); 2] = [
    ("shop/storefront", &["shop/web", "shop/api", "shop/cart"]),
    ("shop/db", &["shop/db"]),
];

/// A disruption budget.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    /// `namespace/name`.
    name: SmolStr,
    /// The places of the workloads it covers; each is covered by one budget at most.
    workloads: Vec<usize>,
    max_unavailable: usize,
}

/// The budgets over these workloads.
pub(super) fn budgets(workloads: &[Workload]) -> Vec<Budget> {
    let budget = |(name, covers): (&str, &[&str])| Budget {
        name: name.into(),
        workloads: places(workloads, covers),
        max_unavailable: 1,
    };
    let all = BUDGETS.map(budget).into_iter();
    all.filter(|b| !b.workloads.is_empty()).collect()
}

fn places(workloads: &[Workload], names: &[&str]) -> Vec<usize> {
    let named = workloads.iter().enumerate().filter(|(_, w)| names.contains(&w.name()));
    named.map(|(place, _)| place).collect()
}

impl Cluster {
    /// Covers a workload with a budget of its own, in place of the one that covered it.
    pub(super) fn set_budget(&mut self, workload: &str, max_unavailable: u32) {
        let covers = places(&self.workloads, &[workload]);
        for budget in &mut self.budgets {
            budget.workloads.retain(|place| !covers.contains(place));
        }
        self.budgets.push(Budget {
            name: workload.into(),
            workloads: covers,
            max_unavailable: usize::try_from(max_unavailable).unwrap_or(usize::MAX),
        });
        self.budgets.retain(|b| !b.workloads.is_empty());
    }

    /// The API server's words when a budget does not allow the eviction of a pod now.
    pub(super) fn budget_against(&self, pod: &SimPod) -> Option<SmolStr> {
        let workload = pod.workload?;
        let budget = self.budgets.iter().find(|b| b.workloads.contains(&workload))?;
        let covered = || {
            let all = self.pods.iter().map(|(_, p)| p);
            all.filter(|p| p.workload.is_some_and(|w| budget.workloads.contains(&w)))
        };
        let expected = covered().filter(|p| p.pod.phase.holds_resources()).count();
        let needed = expected.saturating_sub(budget.max_unavailable);
        let healthy = covered().filter(|p| self.is_healthy(p)).count();
        // A pod that is not healthy may go as long as the others suffice without it.
        let allowed = if self.is_healthy(pod) {
            healthy > needed
        } else {
            healthy >= needed
        };
        let name = budget.name.rsplit_once('/').map_or(&*budget.name, |(_, name)| name);
        (!allowed).then(|| {
            format_smolstr!(
                "Cannot evict pod as it would violate the pod's disruption budget. \
                 The disruption budget {name} needs {needed} healthy pods and has {healthy} currently"
            )
        })
    }

    fn is_healthy(&self, pod: &SimPod) -> bool {
        let node = pod.pod.node.as_ref().and_then(|node| self.nodes.get(node));
        pod.pod.phase == PodPhase::Running && !pod.ending && node.is_some_and(|n| n.node.ready == Readiness::Ready)
    }
}
