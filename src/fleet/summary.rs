//! Clusters, pools and totals, counted from the rows in one pass.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rustc_hash::FxHashMap;
use smol_str::SmolStr;

use super::table::Sheets;
use super::{
    ClusterId, ContextId, Finding, Fleet, Machine, MachineId, MachineState, Offer, PoolId, Purchase, RowId, Severity,
    Shape, rules, tag,
};

/// What machines cost together, in USD per hour.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Sum of the known prices.
    pub known: f64,
    /// How many billed machines have no known price: the true sum is higher.
    pub unknown: u32,
    /// What those machines whose on-demand price is known too pay now.
    pub compared: f64,
    /// What the same machines would pay on-demand.
    pub on_demand: f64,
}

impl Cost {
    fn of(machine: &Machine<'_>) -> Self {
        let mut cost = Self::default();
        let Some(price) = machine.price() else {
            cost.unknown = u32::from(machine.price_missing());
            return cost;
        };
        cost.known = price;
        let on_demand = match machine.purchase() {
            Some(Purchase::OnDemand) => Some(price),
            _ => machine.offer().and_then(|o| machine.fleet.market().on_demand(&o)),
        };
        if let Some(on_demand) = on_demand {
            cost.compared = price;
            cost.on_demand = on_demand;
        }
        cost
    }

    fn add(&mut self, other: &Self) {
        self.known += other.known;
        self.unknown += other.unknown;
        self.compared += other.compared;
        self.on_demand += other.on_demand;
    }

    /// The part saved against on-demand, where both prices are known: 0.6 for 60 %.
    pub fn saving(&self) -> Option<f64> {
        (self.on_demand > 0.0).then(|| 1.0 - self.compared / self.on_demand)
    }
}

/// How many machines, and what they cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Count {
    /// All rows.
    pub machines: u32,
    /// Rows with a node.
    pub nodes: u32,
    /// Nodes that are ready, cordoned or not.
    pub ready: u32,
    /// Spot instances.
    pub spot: u32,
    /// EC2 instances.
    pub instances: u32,
    /// What they cost.
    pub cost: Cost,
}

impl Count {
    fn of(machine: &Machine<'_>, state: MachineState) -> Self {
        Self {
            machines: 1,
            nodes: u32::from(machine.node().is_some()),
            ready: u32::from(matches!(state, MachineState::Ready | MachineState::Cordoned)),
            spot: u32::from(machine.purchase() == Some(Purchase::Spot)),
            instances: u32::from(machine.instance().is_some()),
            cost: Cost::of(machine),
        }
    }

    fn add(&mut self, other: &Self) {
        self.machines += other.machines;
        self.nodes += other.nodes;
        self.ready += other.ready;
        self.spot += other.spot;
        self.instances += other.instances;
        self.cost.add(&other.cost);
    }
}

/// A cluster, counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Its id.
    pub id: ClusterId,
    /// What it is made as.
    pub shape: Shape,
    /// When it ends, for one with a TTL.
    pub expires_at: Option<Timestamp>,
    /// The kube contexts it is seen through.
    pub contexts: BTreeSet<ContextId>,
    /// Its API server's version.
    pub version: Option<SmolStr>,
    /// Where its machines are.
    pub regions: BTreeSet<SmolStr>,
    /// Its machines.
    pub count: Count,
    /// The worst of its findings.
    pub severity: Severity,
}

/// A pool, counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// Its id.
    pub id: PoolId,
    /// Its name: the tag `k3fleet:pool`, else the group's own.
    pub name: SmolStr,
    /// Its cluster.
    pub cluster: Option<ClusterId>,
    /// Server or agent.
    pub role: Option<super::Role>,
    /// Desired, least and most machines; `None` for what has no such numbers.
    pub capacity: Option<Capacity>,
    /// Instance types or models in use or allowed.
    pub types: BTreeSet<SmolStr>,
    /// Zones in use.
    pub zones: BTreeSet<SmolStr>,
    /// Its machines.
    pub count: Count,
    /// The worst of its findings.
    pub severity: Severity,
}

/// The size of a scaled pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Desired capacity (a Spot Fleet's target).
    pub desired: u32,
    /// Least; a Spot Fleet has none.
    pub min: Option<u32>,
    /// Most; a Spot Fleet has none.
    pub max: Option<u32>,
}

/// The fleet, counted and judged at one time.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// All clusters, by id.
    pub clusters: BTreeMap<ClusterId, Cluster>,
    /// All pools, by id.
    pub pools: BTreeMap<PoolId, Pool>,
    /// All rows.
    pub total: Count,
    /// All findings, worst first.
    pub findings: Vec<Finding>,
    /// The rows of each table as of this count.
    pub(super) sheets: Sheets,
    by_finding: FxHashMap<RowId, usize>,
    by_machine: FxHashMap<MachineId, Vec<usize>>,
    by_offer: FxHashMap<Offer, BTreeMap<SmolStr, u32>>,
    pool_names: FxHashMap<PoolId, SmolStr>,
}

/// Clusters and pools while they are counted; put in order only at the end.
#[derive(Default)]
struct Counting {
    clusters: FxHashMap<ClusterId, Cluster>,
    pools: FxHashMap<PoolId, Pool>,
    total: Count,
    by_offer: FxHashMap<Offer, BTreeMap<SmolStr, u32>>,
}

impl Counting {
    fn count_groups(&mut self, fleet: &Fleet) {
        for asg in fleet.asgs() {
            let id = PoolId::Asg(asg.scope.clone(), asg.name.clone());
            let Some(cluster) = fleet.cluster_of_pool(&id) else {
                continue;
            };
            let pool = self.pool_entry(fleet, &id, Some(&cluster));
            pool.capacity = Some(Capacity {
                desired: asg.desired,
                min: Some(asg.min),
                max: Some(asg.max),
            });
            pool.types.extend(asg.types.iter().cloned());
            pool.zones.extend(asg.zones.iter().cloned());
        }
        for request in fleet.spot_fleets() {
            let id = PoolId::SpotFleet(request.scope.clone(), request.id.clone());
            let Some(cluster) = fleet.cluster_of_pool(&id) else {
                continue;
            };
            let pool = self.pool_entry(fleet, &id, Some(&cluster));
            pool.capacity = Some(Capacity {
                desired: request.target,
                min: None,
                max: None,
            });
            pool.types.extend(request.types.iter().cloned());
        }
    }

    fn cluster_entry(&mut self, id: &ClusterId) -> &mut Cluster {
        self.clusters.entry(id.clone()).or_insert_with_key(new_cluster)
    }

    fn pool_entry(&mut self, fleet: &Fleet, id: &PoolId, cluster: Option<&ClusterId>) -> &mut Pool {
        self.pools
            .entry(id.clone())
            .or_insert_with(|| new_pool(fleet, id, cluster))
    }

    fn count_machine(&mut self, fleet: &Fleet, machine: &Machine<'_>, state: MachineState) {
        let count = Count::of(machine, state);
        self.total.add(&count);
        let id = machine.cluster_ref();
        if let Some(id) = id.as_deref() {
            let cluster = self.cluster_entry(id);
            cluster.count.add(&count);
            // Machines may differ while a change of their tags is under way: the same one is always taken.
            cluster.shape = machine.shape().map_or(cluster.shape, |shape| shape.min(cluster.shape));
            cluster.expires_at = cluster.expires_at.max(machine.expires_at());
            include(
                &mut cluster.regions,
                machine.instance().map(|i| i.scope.region.as_str()),
            );
        }
        let Some(pool) = machine.pool_ref() else { return };
        let pool = self.pool_entry(fleet, pool, id.as_deref());
        if pool.capacity.is_none() && id.as_deref() != pool.cluster.as_ref() {
            // Of a group that spans clusters always the same one is taken.
            pool.cluster = [pool.cluster.take(), id.map(Cow::into_owned)]
                .into_iter()
                .flatten()
                .min();
        }
        if let (PoolId::Instance(_), Some(instance)) = (&pool.id, machine.instance())
            && let Some(name) = tag(&instance.tags, super::TAG_POOL)
        {
            pool.name = name.into();
        }
        pool.role = [pool.role, machine.role()].into_iter().flatten().min();
        include(&mut pool.types, machine.kind());
        include(&mut pool.zones, machine.zone());
        pool.count.add(&count);
    }

    fn count_offer(&mut self, machine: &Machine<'_>) {
        if let (Some(offer), Some(instance)) = (machine.offer(), machine.instance()) {
            let zones = self.by_offer.entry(offer).or_default();
            match zones.get_mut(&instance.zone) {
                Some(n) => *n += 1,
                None => {
                    zones.insert(instance.zone.clone(), 1);
                }
            }
        }
    }

    fn count_contexts(&mut self, fleet: &Fleet) {
        for server in fleet.servers().filter(|s| s.is_k3s()) {
            let id = fleet.cluster_of_context(&server.context);
            let cluster = self.cluster_entry(&id);
            cluster.contexts.insert(server.context.clone());
            cluster.version.get_or_insert_with(|| server.version.clone());
        }
    }
}

impl Summary {
    /// Counts and judges the fleet.
    pub fn of(fleet: &Fleet, now: Timestamp) -> Self {
        let rows: Vec<_> = fleet.machines().map(|m| (m, m.state(now))).collect();
        let mut counting = Counting::default();
        counting.count_groups(fleet);
        for (machine, state) in &rows {
            counting.count_machine(fleet, machine, *state);
            counting.count_offer(machine);
        }
        counting.count_contexts(fleet);
        let mut summary = Self {
            pool_names: counting
                .pools
                .iter()
                .map(|(id, p)| (id.clone(), p.name.clone()))
                .collect(),
            clusters: counting.clusters.into_iter().collect(),
            pools: counting.pools.into_iter().collect(),
            total: counting.total,
            by_offer: counting.by_offer,
            ..Self::default()
        };
        summary.findings = rules::judge_rows(fleet, &summary, &rows, now);
        summary.spread_findings(fleet);
        summary
    }

    /// The findings about one machine, worst first.
    pub fn findings_of(&self, machine: &MachineId) -> impl Iterator<Item = &Finding> {
        self.by_machine
            .get(machine)
            .into_iter()
            .flatten()
            .filter_map(|i| self.findings.get(*i))
    }

    /// A finding by the id of its row.
    pub fn finding(&self, id: &RowId) -> Option<&Finding> {
        self.findings.get(*self.by_finding.get(id)?)
    }

    /// The name of a pool.
    pub fn pool_name(&self, pool: &PoolId) -> Option<&SmolStr> {
        self.pool_names.get(pool)
    }

    /// How many machines run on an offer in a zone.
    pub fn machines_on(&self, offer: &Offer, zone: &str) -> u32 {
        let zones = self.by_offer.get(offer);
        zones.and_then(|zones| zones.get(zone)).copied().unwrap_or(0)
    }

    /// How many findings there are of a severity.
    pub fn findings_at(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|f| f.severity == severity).count()
    }

    fn spread_findings(&mut self, fleet: &Fleet) {
        for (i, finding) in self.findings.iter().enumerate() {
            self.by_finding.insert(finding.row(), i);
            if let Some(cluster) = finding.cluster.as_ref().and_then(|id| self.clusters.get_mut(id)) {
                cluster.severity = cluster.severity.max(finding.severity);
            }
            let pool = match &finding.about {
                RowId::Machine(id) => {
                    let machine = fleet.machine(id);
                    let id = machine.map_or_else(|| id.clone(), |m| m.id());
                    self.by_machine.entry(id).or_default().push(i);
                    machine.and_then(|m| m.pool())
                }
                RowId::Pool(id) => Some(id.clone()),
                _ => None,
            };
            if let Some(pool) = pool.and_then(|id| self.pools.get_mut(&id)) {
                pool.severity = pool.severity.max(finding.severity);
            }
        }
    }
}

fn new_cluster(id: &ClusterId) -> Cluster {
    Cluster {
        id: id.clone(),
        shape: Shape::Adopted,
        expires_at: None,
        contexts: BTreeSet::new(),
        version: None,
        regions: BTreeSet::new(),
        count: Count::default(),
        severity: Severity::Ok,
    }
}

fn new_pool(fleet: &Fleet, id: &PoolId, cluster: Option<&ClusterId>) -> Pool {
    let member = fleet.tags_of_pool(id).and_then(|tags| fleet.membership(tags));
    let (name, role) = member.map_or((None, None), |m| (m.pool, m.role));
    let own = match id {
        PoolId::Asg(_, name) | PoolId::SpotFleet(_, name) | PoolId::Edge(name) => name.clone(),
        PoolId::Instance(instance) => instance.as_str().into(),
    };
    Pool {
        id: id.clone(),
        name: name.unwrap_or(own),
        cluster: cluster.cloned(),
        role,
        capacity: None,
        types: BTreeSet::new(),
        zones: BTreeSet::new(),
        count: Count::default(),
        severity: Severity::Ok,
    }
}

/// Adds a word to a set that mostly has it already.
fn include(words: &mut BTreeSet<SmolStr>, word: Option<&str>) {
    if let Some(word) = word.filter(|w| !words.contains(*w)) {
        words.insert(word.into());
    }
}
