//! Taking in edge hosts and what probes find of them.

use jiff::Timestamp;

use super::entry::EdgeEntry;
use super::join::Few;
use super::store::Fleet;
use super::{EdgeHost, EdgeProbe, HostName, MachineId, PoolId, Severity};

impl Fleet {
    pub(super) fn apply_host(&mut self, host: EdgeHost, at: Timestamp) {
        let (mut around, old) = self.take_host(&host.name);
        around.extend(self.joins.hosts_around(&host, &self.nodes));
        let early = self.early_probes.take(&host.name);
        let (probe, silent_since, node) = match old {
            Some(old) => (old.probe, old.silent_since, old.node),
            None => (None, early.as_ref().and_then(silence), None),
        };
        let entry = EdgeEntry {
            pool: PoolId::Edge(host.group.clone()),
            data: host.clone(),
            probe: probe.or(early),
            silent_since,
            node: None,
        };
        let slot = self.edges.put(entry);
        self.joins.add_host(slot, &host);
        around.push(slot);
        self.rejoin_hosts(around, node, at);
    }

    pub(super) fn drop_host(&mut self, name: &HostName, at: Timestamp) {
        self.early_probes.take(name);
        let (around, old) = self.take_host(name);
        self.rejoin_hosts(around, old.and_then(|e| e.node), at);
    }

    /// Takes an edge host out; gives the hosts that may get its node.
    fn take_host(&mut self, name: &HostName) -> (Few, Option<EdgeEntry>) {
        let slot = self.edges.slot(name);
        let Some((slot, old)) = slot.and_then(|slot| Some((slot, self.edges.take(slot)?))) else {
            return Default::default();
        };
        let around = self.joins.hosts_around(&old.data, &self.nodes);
        self.joins.remove_host(slot, &old.data);
        if let Some(node) = old.node.and_then(|slot| self.nodes.at_mut(slot)) {
            node.edge = None;
        }
        (around, Some(old))
    }

    pub(super) fn apply_probe(&mut self, probe: EdgeProbe) {
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
}

/// When a probe that got no answer ended.
fn silence(probe: &EdgeProbe) -> Option<Timestamp> {
    probe.outcome.is_err().then_some(probe.at)
}
