//! Taking in observations.

use jiff::Timestamp;
use smol_str::SmolStr;

use super::store::{ContextEntry, EdgeEntry, Fleet, InstanceEntry, NodeEntry, PodEntry};
use super::{
    Activity, Asg, ContextId, EdgeHost, EdgeProbe, FeedId, FeedKind, HostName, Instance, InstanceId, InstanceState,
    MachineId, Node, NodeKey, Notice, NoticeKind, Observation, Pod, PodKey, PoolId, Readiness, Severity, Source,
    membership,
};

/// How many scaling activities are kept of each group.
const ACTIVITIES: usize = 20;

impl Fleet {
    /// Takes in one observation that was made at the given time.
    pub fn apply(&mut self, observation: Observation, at: Timestamp) {
        self.revision += u64::from(self.is_change(&observation));
        match observation {
            Observation::Feed(id, report) => self.feeds.entry(id).or_default().report(report, at),
            Observation::Account(scope, account) => {
                self.accounts.insert(scope, account);
            }
            Observation::Instance(instance) => self.apply_instance(*instance, at),
            Observation::InstanceGone(id) => self.drop_instance(&id, at),
            Observation::Asg(asg) => self.apply_asg(*asg, at),
            Observation::AsgGone(scope, name) => {
                self.activities.remove(&(scope.clone(), name.clone()));
                let pool = PoolId::Asg(scope, name);
                let old = self.asgs.remove(&pool);
                self.note_members(&pool, old.as_ref());
                self.short_since.remove(&pool);
            }
            Observation::SpotFleet(fleet) => {
                let pool = PoolId::SpotFleet(fleet.scope.clone(), fleet.id.clone());
                self.count_short(&pool, fleet.fulfilled < fleet.target, at);
                self.spot_fleets.insert(pool, *fleet);
            }
            Observation::SpotFleetGone(scope, id) => {
                let pool = PoolId::SpotFleet(scope, id);
                self.spot_fleets.remove(&pool);
                self.short_since.remove(&pool);
            }
            Observation::Activity(activity) => self.apply_activity(*activity, at),
            Observation::Notice(notice) => self.apply_notice(notice),
            Observation::SpotPrice(price) => self.market.add_spot(price),
            Observation::OnDemandPrice(price) => self.market.add_on_demand(price),
            Observation::Server(server) => {
                let context = server.context.clone();
                self.context_entry(&context).server = Some(server);
            }
            Observation::Node(node) => self.apply_node(node, at),
            Observation::NodeGone(key) => self.drop_node(&key, at),
            Observation::Pod(pod) => self.apply_pod(pod),
            Observation::PodGone(key) => self.drop_pod(&key),
            Observation::Usage(usage) => match self.nodes.get_mut(&usage.node) {
                Some(entry) => entry.usage = Some(usage),
                None => self.early_usages.keep(usage.node.clone(), usage, |_, new| new),
            },
            Observation::EdgeHost(host) => self.apply_host(*host, at),
            Observation::EdgeHostGone(name) => self.drop_host(&name, at),
            Observation::EdgeProbe(probe) => self.apply_probe(*probe),
        }
    }

    /// Whether an observation says anything that is not known, apart from its time.
    fn is_change(&self, observation: &Observation) -> bool {
        match observation {
            Observation::Feed(id, report) => self.feeds.get(id).is_none_or(|feed| feed.is_changed_by(report)),
            Observation::Account(scope, account) => self.accounts.get(scope) != Some(account),
            Observation::Server(server) => {
                self.contexts.get(&server.context).and_then(|c| c.server.as_ref()) != Some(server)
            }
            Observation::Usage(usage) => self.nodes.get(&usage.node).and_then(|n| n.usage.as_ref()) != Some(usage),
            Observation::EdgeProbe(probe) => self.edges.get(&probe.host).and_then(|e| e.probe.as_ref()) != Some(probe),
            _ => true,
        }
    }

    pub(super) fn context_entry(&mut self, context: &ContextId) -> &mut ContextEntry {
        self.contexts.entry(context.clone()).or_default()
    }

    fn node_entry(&mut self, key: &NodeKey) -> &mut NodeEntry {
        self.nodes.entry(key.clone()).or_insert_with(|| NodeEntry {
            usage: self.early_usages.take(key),
            ..NodeEntry::new(key.clone())
        })
    }

    fn apply_asg(&mut self, mut asg: Asg, at: Timestamp) {
        // Sorted, so that a member is found without a walk through all.
        if !asg.members.is_sorted_by(|a, b| a.id <= b.id) {
            asg.members.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        }
        let pool = PoolId::Asg(asg.scope.clone(), asg.name.clone());
        self.count_short(&pool, asg.in_service() < asg.desired as usize, at);
        let old = self.asgs.insert(pool.clone(), asg);
        self.note_members(&pool, old.as_ref());
    }

    /// Notes at each instance what its group now says of it, where that differs from what the group said before.
    fn note_members(&mut self, pool: &PoolId, old: Option<&Asg>) {
        let new = self.asgs.get(pool);
        let left = old.into_iter().flat_map(|o| &o.members);
        let left = left.filter(|m| new.is_none_or(|n| n.member(&m.id).is_none()));
        let changed = new.into_iter().flat_map(|n| &n.members);
        let changed = changed.filter(|m| old.and_then(|o| o.member(&m.id)) != Some(*m));
        for (member, stays) in left.map(|m| (m, false)).chain(changed.map(|m| (m, true))) {
            if let Some(entry) = self.instances.get_mut(&member.id).filter(|e| e.pool == *pool) {
                entry.member = stays.then(|| (member.lifecycle.clone(), member.healthy));
            }
        }
    }

    fn count_short(&mut self, pool: &PoolId, short: bool, at: Timestamp) {
        if short {
            self.short_since.entry(pool.clone()).or_insert(at);
        } else {
            self.short_since.remove(pool);
        }
    }

    /// Whether a feed has told its first listing whole: what comes now is news.
    fn is_news(&self, kind: FeedKind, source: Source) -> bool {
        self.feeds
            .get(&FeedId { kind, source })
            .is_some_and(|f| f.synced_at.is_some())
    }

    fn apply_instance(&mut self, instance: Instance, at: Timestamp) {
        let id = instance.id.clone();
        let news = self.is_news(FeedKind::Instances, Source::Aws(instance.scope.clone()));
        let known = self.instances.get(&id).map(|e| e.data.state);
        self.unlink(&id, at);
        let mut near = Default::default();
        let mut kept = (None, None);
        if let Some(old) = self.instances.remove(&id) {
            near = self.joins.nodes_near(&old.data);
            self.joins.remove_instance(&old.data);
            self.count_tagged(&old, false);
            kept = (old.notice, old.nodeless_since);
        }
        self.joins.add_instance(&instance);
        near.extend(self.joins.nodes_near(&instance));
        let state = instance.state;
        let member = membership(&instance.tags, &self.rules);
        let mut entry = InstanceEntry {
            nodeless_since: kept.1.or(instance.launched_at).or(Some(at)),
            notice: kept.0.or_else(|| self.early_notices.take(&id)),
            ..InstanceEntry::new(instance, member)
        };
        let told = self.asgs.get(&entry.pool).and_then(|asg| asg.member(&id));
        entry.member = told.map(|m| (m.lifecycle.clone(), m.healthy));
        self.count_tagged(&entry, true);
        self.instances.insert(id.clone(), entry);
        self.rejoin(near, at);
        if news && known != Some(state) {
            self.log_instance(&id, known, state, at);
        }
    }

    fn drop_instance(&mut self, id: &InstanceId, at: Timestamp) {
        self.early_notices.take(id);
        self.unlink(id, at);
        let Some(old) = self.instances.remove(id) else { return };
        let near = self.joins.nodes_near(&old.data);
        self.joins.remove_instance(&old.data);
        self.count_tagged(&old, false);
        if old.membership.is_some() {
            let text = format!("{id} terminated");
            self.log
                .push(at, Severity::Info, Some(MachineId::Instance(id.clone())), text);
        }
        self.rejoin(near, at);
    }

    fn count_tagged(&mut self, entry: &InstanceEntry, add: bool) {
        let Some(cluster) = &entry.cluster else { return };
        if add {
            *self.tagged.entry(cluster.clone()).or_default() += 1;
        } else if let Some(n) = self.tagged.get_mut(cluster) {
            *n -= 1;
            if *n == 0 {
                self.tagged.remove(cluster);
            }
        }
    }

    fn apply_node(&mut self, node: Box<Node>, at: Timestamp) {
        let key = node.key.clone();
        let news = self.is_news(FeedKind::Nodes, Source::Kube(key.context.clone()));
        let mut hosts = self.joins.hosts_near(&node);
        let old = self.node_entry(&key).data.take();
        let change = old.as_ref().map(|o| (o.ready, o.schedulable));
        let keys_same = old.as_ref().is_some_and(|o| same_keys(o, &node));
        if let Some(old) = old.filter(|_| !keys_same) {
            self.joins.remove_node(&old);
            hosts.extend(self.joins.hosts_near(&old));
        }
        let now = (node.ready, node.schedulable);
        if !keys_same {
            self.joins.add_node(&node);
        }
        let entry = self.node_entry(&key);
        entry.cordoned_since = match node.schedulable {
            true => None,
            false => entry.cordoned_since.or(Some(at)),
        };
        entry.data = Some(node);
        if entry.instance.is_none() && entry.instanceless_since.is_none() {
            entry.instanceless_since = Some(at);
        }
        if !keys_same {
            self.rejoin_hosts(hosts, Some(key.clone()), at);
        }
        if news && change != Some(now) {
            self.log_node(&key, change, now, at);
        }
    }

    fn drop_node(&mut self, key: &NodeKey, at: Timestamp) {
        let Some(entry) = self.nodes.get_mut(key) else { return };
        let Some(old) = entry.data.take() else { return };
        entry.usage = None;
        entry.instanceless_since = None;
        entry.cordoned_since = None;
        self.joins.remove_node(&old);
        let hosts = self.joins.hosts_near(&old);
        self.rejoin_hosts(hosts, Some(key.clone()), at);
        self.forget_if_empty(key);
        let text = format!("{} left the cluster", key.name);
        self.log
            .push(at, Severity::Info, Some(MachineId::Node(key.clone())), text);
    }

    fn forget_if_empty(&mut self, key: &NodeKey) {
        let empty = |e: &NodeEntry| e.data.is_none() && e.requested == Default::default();
        if self.nodes.get(key).is_some_and(empty)
            && let Some(usage) = self.nodes.remove(key).and_then(|e| e.usage)
        {
            self.early_usages.keep(key.clone(), usage, |_, new| new);
        }
    }

    fn apply_pod(&mut self, pod: Pod) {
        let entry = PodEntry::from(&pod);
        if self.pods.get(&pod.key) == Some(&entry) {
            return;
        }
        self.drop_pod(&pod.key);
        self.count_pod(&pod.key.context, &entry, true);
        self.pods.insert(pod.key, entry);
    }

    fn drop_pod(&mut self, key: &PodKey) {
        if let Some(old) = self.pods.remove(key) {
            self.count_pod(&key.context, &old, false);
        }
    }

    fn count_pod(&mut self, context: &ContextId, pod: &PodEntry, add: bool) {
        let Some(name) = pod.node.as_ref().filter(|_| pod.phase.holds_resources()) else {
            return;
        };
        let key = NodeKey {
            context: context.clone(),
            name: name.clone(),
        };
        let sum = &mut self.node_entry(&key).requested;
        if add {
            sum.cpu_milli = sum.cpu_milli.saturating_add(pod.requests.cpu_milli);
            sum.memory = sum.memory.saturating_add(pod.requests.memory);
            sum.pods += 1;
        } else {
            sum.cpu_milli = sum.cpu_milli.saturating_sub(pod.requests.cpu_milli);
            sum.memory = sum.memory.saturating_sub(pod.requests.memory);
            sum.pods = sum.pods.saturating_sub(1);
            self.forget_if_empty(&key);
        }
    }

    fn apply_host(&mut self, host: EdgeHost, at: Timestamp) {
        let name = host.name.clone();
        let (mut around, old) = self.take_host(&name);
        around.extend(
            self.joins
                .hosts_around(&host, |key| self.nodes.get(key)?.data.as_deref()),
        );
        let early = self.early_probes.take(&name);
        let (probe, silent_since, node) = match old {
            Some(old) => (old.probe, old.silent_since, old.node),
            None => (None, early.as_ref().and_then(silence), None),
        };
        self.joins.add_host(&host);
        let entry = EdgeEntry {
            pool: PoolId::Edge(host.group.clone()),
            data: host,
            probe: probe.or(early),
            silent_since,
            node: None,
        };
        self.edges.insert(name.clone(), entry);
        around.push(name);
        self.rejoin_hosts(around, node, at);
    }

    fn drop_host(&mut self, name: &HostName, at: Timestamp) {
        self.early_probes.take(name);
        let (around, old) = self.take_host(name);
        self.rejoin_hosts(around, old.and_then(|e| e.node), at);
    }

    /// Takes an edge host out; gives the hosts that may get its node.
    fn take_host(&mut self, name: &HostName) -> (Vec<HostName>, Option<EdgeEntry>) {
        let Some(old) = self.edges.remove(name) else {
            return Default::default();
        };
        let around = self
            .joins
            .hosts_around(&old.data, |key| self.nodes.get(key)?.data.as_deref());
        self.joins.remove_host(&old.data);
        if let Some(node) = old.node.as_ref().and_then(|key| self.nodes.get_mut(key)) {
            node.edge = None;
        }
        (around.into_vec(), Some(old))
    }

    fn apply_probe(&mut self, probe: EdgeProbe) {
        let Some(entry) = self.edges.get_mut(&probe.host) else {
            let newer = |known: EdgeProbe, new: EdgeProbe| if known.at > new.at { known } else { new };
            self.early_probes.keep(probe.host.clone(), probe, newer);
            return;
        };
        if entry.probe.as_ref().is_some_and(|known| known.at > probe.at) {
            return;
        }
        let was_silent = entry.probe.as_ref().is_some_and(|p| p.outcome.is_err());
        let (at, about) = (probe.at, MachineId::Edge(probe.host.clone()));
        match (&probe.outcome, was_silent) {
            (Err(why), false) => {
                self.log.push(
                    at,
                    Severity::Warning,
                    Some(about),
                    format!("{} does not answer: {why}", probe.host),
                );
            }
            (Ok(_), true) => self
                .log
                .push(at, Severity::Ok, Some(about), format!("{} answers again", probe.host)),
            _ => {}
        }
        entry.silent_since = silence(&probe).map(|at| entry.silent_since.unwrap_or(at));
        entry.probe = Some(probe);
    }

    fn apply_notice(&mut self, notice: Notice) {
        let Some(entry) = self.instances.get_mut(&notice.instance) else {
            self.early_notices.keep(notice.instance.clone(), notice, graver);
            return;
        };
        let known = entry.notice.take();
        let told = known.as_ref().map(|n| n.kind);
        let kept = known.map_or_else(|| notice.clone(), |k| graver(k, notice.clone()));
        let kind = kept.kind;
        entry.notice = Some(kept);
        if told.is_none_or(|t| t < kind) {
            let (severity, text) = match kind {
                NoticeKind::Rebalance => (Severity::Warning, "rebalance recommendation"),
                NoticeKind::Interruption => (Severity::Critical, "interruption notice: ends within two minutes"),
            };
            let text = format!("{} {text}", notice.instance);
            self.log
                .push(notice.at, severity, Some(MachineId::Instance(notice.instance)), text);
        }
    }

    fn apply_activity(&mut self, activity: Activity, at: Timestamp) {
        let news = self.is_news(FeedKind::Activities, Source::Aws(activity.scope.clone()));
        let kept = self
            .activities
            .entry((activity.scope.clone(), activity.asg.clone()))
            .or_default();
        let place = kept.partition_point(|a| (a.started_at, &a.id) > (activity.started_at, &activity.id));
        let known = kept
            .get(place)
            .filter(|a| a.id == activity.id)
            .map(|a| a.status.clone());
        if known.is_some() {
            kept[place] = activity.clone();
        } else {
            kept.insert(place, activity.clone());
            kept.truncate(ACTIVITIES);
        }
        if news && known.as_ref() != Some(&activity.status) {
            let failed = activity.status == "Failed" || activity.status == "Cancelled";
            let severity = if failed { Severity::Warning } else { Severity::Info };
            let mut text = format!("{}: {} · {}", activity.asg, activity.description, activity.status);
            if let Some(message) = activity.message.filter(|_| failed) {
                text = format!("{text}: {message}");
            }
            self.log.push(at, severity, None, text);
        }
    }

    fn log_instance(&mut self, id: &InstanceId, was: Option<InstanceState>, is: InstanceState, at: Timestamp) {
        let Some(entry) = self.instances.get(id).filter(|e| e.membership.is_some()) else {
            return;
        };
        let pool: Option<SmolStr> = entry.data.asg().map(SmolStr::new);
        let text = match (was, pool) {
            (None, Some(pool)) => format!("{id} launched in {pool}, {}", is.as_str()),
            (None, None) => format!("{id} launched, {}", is.as_str()),
            (Some(was), _) => format!("{id} {} → {}", was.as_str(), is.as_str()),
        };
        self.log
            .push(at, Severity::Info, Some(MachineId::Instance(id.clone())), text);
    }

    fn log_node(&mut self, key: &NodeKey, was: Option<(Readiness, bool)>, is: (Readiness, bool), at: Timestamp) {
        let ready = is.0 == Readiness::Ready;
        let (severity, what) = match was {
            None if ready => (Severity::Ok, "joined, Ready"),
            None => (Severity::Info, "joined, not Ready yet"),
            Some((was, _)) if was != is.0 && ready => (Severity::Ok, "Ready"),
            Some((was, _)) if was != is.0 => (Severity::Critical, "not Ready"),
            Some(_) if is.1 => (Severity::Info, "uncordoned"),
            Some(_) => (Severity::Info, "cordoned"),
        };
        self.log.push(
            at,
            severity,
            Some(MachineId::Node(key.clone())),
            format!("{} {what}", key.name),
        );
    }
}

/// Whether two versions of a node join alike.
fn same_keys(a: &Node, b: &Node) -> bool {
    a.provider_id == b.provider_id
        && a.internal_ip == b.internal_ip
        && a.hostname == b.hostname
        && a.ssh == b.ssh
        && a.joined_at == b.joined_at
}

/// When a probe that got no answer ended.
fn silence(probe: &EdgeProbe) -> Option<Timestamp> {
    probe.outcome.is_err().then_some(probe.at)
}

fn graver(a: Notice, b: Notice) -> Notice {
    if (b.kind, std::cmp::Reverse(b.at)) > (a.kind, std::cmp::Reverse(a.at)) {
        b
    } else {
        a
    }
}
