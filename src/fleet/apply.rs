//! Taking in observations.

use std::sync::Arc;

use jiff::Timestamp;
use smol_str::SmolStr;

use super::entry::{InstanceEntry, NodeEntry, Place};
use super::join::Few;
use super::link::uncount;
use super::shelf::Slot;
use super::store::Fleet;
use super::{
    ContextId, FeedId, FeedKind, Instance, InstanceId, InstanceState, MachineId, Node, NodeKey, NodeUsage, Notice,
    NoticeKind, Observation, Readiness, Severity, Source, Usage, membership,
};

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
            Observation::AsgGone(scope, name) => self.drop_asg(scope, name),
            Observation::SpotFleet(fleet) => self.apply_spot_fleet(*fleet, at),
            Observation::SpotFleetGone(scope, id) => self.drop_spot_fleet(scope, id),
            Observation::Activity(activity) => self.apply_activity(*activity, at),
            Observation::Notice(notice) => self.apply_notice(notice),
            Observation::Stack(stack) => self.apply_stack(*stack),
            Observation::Queues(queues) => self.apply_queues(*queues, at),
            Observation::Event(event) => self.apply_event(*event),
            Observation::StackGone(cluster) => {
                self.stacks.remove(&cluster);
            }
            Observation::SpotPrice(price) => self.market.add_spot(price),
            Observation::OnDemandPrice(price) => self.market.add_on_demand(price),
            Observation::Server(server) => {
                let context = self.contexts.entry(server.context.clone()).or_default();
                context.server = Some(server);
            }
            Observation::Node(node) => self.apply_node(node, at),
            Observation::NodeGone(key) => self.drop_node(&key, at),
            Observation::Pod(pod) => self.apply_pod(pod),
            Observation::PodGone(key) => self.drop_pod(&key),
            Observation::Usage(usage) => self.apply_usage(usage),
            Observation::ContextGone(context) => self.drop_context(&context, at),
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
            Observation::Usage(usage) => self.nodes.get(&usage.node).and_then(|n| n.usage) != Some(Usage::from(usage)),
            Observation::EdgeProbe(probe) => self.edges.get(&probe.host).and_then(|e| e.probe.as_ref()) != Some(probe),
            _ => true,
        }
    }

    /// Whether a feed has told its first listing whole: what comes now is news.
    pub(super) fn is_news(&self, kind: FeedKind, source: Source) -> bool {
        self.feeds
            .get(&FeedId { kind, source })
            .is_some_and(|f| f.synced_at.is_some())
    }

    fn apply_instance(&mut self, mut instance: Instance, at: Timestamp) {
        let (id, state) = (instance.id.clone(), instance.state);
        let news = self.is_news(FeedKind::Instances, Source::Aws(instance.scope.clone()));
        self.shared.instance(&mut instance);
        let place = Place::new(&instance, membership(&instance.tags, &self.rules));
        let place = self.shared.place(place);
        let known = self.instances.get(&id).map(|e| e.data.state);
        match self.instances.get_mut(&id) {
            Some(entry) if entry.place == place && joins_alike(&entry.data, &instance) => entry.data = instance,
            _ => self.place_instance(instance, place, at),
        }
        if news && known != Some(state) {
            self.log_instance(&id, known, state, at);
        }
    }

    /// Puts an instance in its place that is new, or may join otherwise than before.
    fn place_instance(&mut self, instance: Instance, place: Arc<Place>, at: Timestamp) {
        let (mut near, old) = self.take_instance(&instance.id, at);
        let (notice, nodeless_since) = old.map_or((None, None), |old| (old.notice, old.nodeless_since));
        let early = || self.early_notices.take(&instance.id).map(Box::new);
        let told = self.asgs.get(&place.pool).and_then(|asg| asg.member(&instance.id));
        let entry = InstanceEntry {
            member: told.map(|m| (m.lifecycle.clone(), m.healthy)),
            node: None,
            nodeless_since: nodeless_since.or(instance.launched_at).or(Some(at)),
            notice: notice.or_else(early),
            place,
            data: instance,
        };
        if let Some(cluster) = &entry.place.cluster {
            *self.tagged.entry(cluster.clone()).or_default() += 1;
        }
        let slot = self.instances.put(entry);
        if let Some(entry) = self.instances.at(slot) {
            self.joins.add_instance(slot, &entry.data);
            near.extend(self.joins.nodes_near(&entry.data));
        }
        self.rejoin(near, at);
    }

    fn drop_instance(&mut self, id: &InstanceId, at: Timestamp) {
        self.early_notices.take(id);
        let (near, old) = self.take_instance(id, at);
        if old.is_some_and(|old| old.place.membership.is_some()) {
            let text = format!("{id} terminated");
            self.log
                .push(at, Severity::Info, Some(MachineId::Instance(id.clone())), text);
        }
        self.rejoin(near, at);
    }

    /// Takes an instance out; gives the nodes that have to look for another.
    fn take_instance(&mut self, id: &InstanceId, at: Timestamp) -> (Few, Option<InstanceEntry>) {
        let Some(slot) = self.instances.slot(id) else {
            return Default::default();
        };
        self.unlink(slot, at);
        let Some(old) = self.instances.take(slot) else {
            return Default::default();
        };
        let near = self.joins.nodes_near(&old.data);
        self.joins.remove_instance(slot, &old.data);
        if let Some(cluster) = &old.place.cluster {
            uncount(&mut self.tagged, cluster);
        }
        (near, Some(old))
    }

    /// Where a node is, or what is known of it before it is.
    pub(super) fn node_slot(&mut self, key: &NodeKey) -> Slot {
        self.nodes.slot(key).unwrap_or_else(|| {
            self.nodes.put(NodeEntry {
                usage: self.early_usages.take(key),
                ..NodeEntry::new(key.clone())
            })
        })
    }

    fn apply_node(&mut self, mut node: Box<Node>, at: Timestamp) {
        let key = node.key.clone();
        let news = self.is_news(FeedKind::Nodes, Source::Kube(key.context.clone()));
        self.shared.node(&mut node);
        let slot = self.node_slot(&key);
        let Some(entry) = self.nodes.at_mut(slot) else { return };
        entry.cordoned_since = match node.schedulable {
            true => None,
            false => entry.cordoned_since.or(Some(at)),
        };
        if entry.instance.is_none() && entry.instanceless_since.is_none() {
            entry.instanceless_since = Some(at);
        }
        let now = (node.ready, node.schedulable);
        let old = entry.data.take();
        let change = old.as_ref().map(|o| (o.ready, o.schedulable));
        if old.as_ref().is_some_and(|old| same_keys(old, &node)) {
            entry.data = Some(node);
        } else {
            let mut hosts = self.joins.hosts_near(&node);
            if let Some(old) = old {
                self.joins.remove_node(slot, &old);
                hosts.extend(self.joins.hosts_near(&old));
            }
            self.joins.add_node(slot, &node);
            entry.data = Some(node);
            self.rejoin_hosts(hosts, Some(slot), at);
        }
        if news && change != Some(now) {
            self.log_node(&key, change, now, at);
        }
    }

    fn drop_node(&mut self, key: &NodeKey, at: Timestamp) {
        let Some(slot) = self.nodes.slot(key) else { return };
        if self.clear_node(slot, at) {
            let text = format!("{} left the cluster", key.name);
            self.log
                .push(at, Severity::Info, Some(MachineId::Node(key.clone())), text);
        }
    }

    /// Forgets what is known of a node, but for its pods; gives whether anything was.
    fn clear_node(&mut self, slot: Slot, at: Timestamp) -> bool {
        let Some(entry) = self.nodes.at_mut(slot) else {
            return false;
        };
        let Some(old) = entry.data.take() else { return false };
        entry.usage = None;
        entry.instanceless_since = None;
        entry.cordoned_since = None;
        self.joins.remove_node(slot, &old);
        let hosts = self.joins.hosts_near(&old);
        self.rejoin_hosts(hosts, Some(slot), at);
        self.forget_if_empty(slot);
        true
    }

    /// Forgets a context with its nodes, their pods and its feeds. It costs as much as there are nodes and pods.
    fn drop_context(&mut self, context: &ContextId, at: Timestamp) {
        self.drop_pods(context);
        let of_context = |slot: &Slot| self.nodes.at(*slot).is_some_and(|n| n.key.context == *context);
        let slots: Vec<_> = self.nodes.slots().filter(of_context).collect();
        for slot in slots {
            self.clear_node(slot, at);
            self.forget_if_empty(slot);
        }
        self.early_usages.forget(|node| node.context == *context);
        self.contexts.remove(context);
        let source = Source::Kube(context.clone());
        self.feeds.retain(|feed, _| feed.source != source);
        let text = format!("{context} is looked at no longer");
        self.log.push(at, Severity::Info, None, text);
    }

    /// Forgets a node that is not known, and has no pods either.
    pub(super) fn forget_if_empty(&mut self, slot: Slot) {
        let empty = |e: &NodeEntry| e.data.is_none() && e.requested == Default::default();
        if self.nodes.at(slot).is_some_and(empty)
            && let Some(NodeEntry {
                key,
                usage: Some(usage),
                ..
            }) = self.nodes.take(slot)
        {
            self.early_usages.keep(key, usage, |_, new| new);
        }
    }

    fn apply_usage(&mut self, told: NodeUsage) {
        let usage = Usage::from(&told);
        match self.nodes.get_mut(&told.node) {
            Some(entry) => entry.usage = Some(usage),
            None => self.early_usages.keep(told.node, usage, |_, new| new),
        }
    }

    fn apply_notice(&mut self, notice: Notice) {
        let Some(entry) = self.instances.get_mut(&notice.instance) else {
            self.early_notices.keep(notice.instance.clone(), notice, graver);
            return;
        };
        let known = entry.notice.take().map(|known| *known);
        let told = known.as_ref().map(|n| n.kind);
        let kept = known.map_or_else(|| notice.clone(), |k| graver(k, notice.clone()));
        let kind = kept.kind;
        entry.notice = Some(Box::new(kept));
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

    fn log_instance(&mut self, id: &InstanceId, was: Option<InstanceState>, is: InstanceState, at: Timestamp) {
        let Some(entry) = self.instances.get(id).filter(|e| e.place.membership.is_some()) else {
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

/// Whether two versions of an instance join alike.
fn joins_alike(a: &Instance, b: &Instance) -> bool {
    a.private_dns == b.private_dns && a.private_ip == b.private_ip
}

/// Whether two versions of a node join alike.
fn same_keys(a: &Node, b: &Node) -> bool {
    a.provider_id == b.provider_id
        && a.internal_ip == b.internal_ip
        && a.hostname == b.hostname
        && a.ssh == b.ssh
        && a.joined_at == b.joined_at
}

fn graver(a: Notice, b: Notice) -> Notice {
    if (b.kind, std::cmp::Reverse(b.at)) > (a.kind, std::cmp::Reverse(a.at)) {
        b
    } else {
        a
    }
}
