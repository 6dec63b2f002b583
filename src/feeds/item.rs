//! What sources list, and the observation that each thing becomes.

use std::hash::Hash;

use smol_str::SmolStr;

use crate::fleet::{
    Asg, ContextId, EdgeHost, HostName, Instance, InstanceId, Node, NodeKey, NodeUsage, Notice, NoticeKind,
    Observation, Pod, PodKey, Scope, SpotFleet,
};

/// A thing that a source lists.
pub(super) trait Item: Hash + Send + 'static {
    /// What it is known by.
    type Key: Eq + Hash + Clone + Send + 'static;

    /// Its key.
    fn key(&self) -> Self::Key;

    /// It is there, or has changed.
    fn seen(self) -> Observation;

    /// It is no longer listed; `None` where that says nothing.
    fn gone(key: Self::Key) -> Option<Observation>;
}

/// A thing that an API server lets watch.
pub(super) trait Watched: Item {
    /// The key of what the watch calls by this name.
    fn named(context: &ContextId, name: SmolStr) -> Self::Key;
}

impl Item for Instance {
    type Key = InstanceId;

    fn key(&self) -> InstanceId {
        self.id.clone()
    }

    fn seen(self) -> Observation {
        Observation::Instance(Box::new(self))
    }

    fn gone(id: InstanceId) -> Option<Observation> {
        Some(Observation::InstanceGone(id))
    }
}

impl Item for Asg {
    type Key = (Scope, SmolStr);

    fn key(&self) -> Self::Key {
        (self.scope.clone(), self.name.clone())
    }

    fn seen(self) -> Observation {
        Observation::Asg(Box::new(self))
    }

    fn gone((scope, name): Self::Key) -> Option<Observation> {
        Some(Observation::AsgGone(scope, name))
    }
}

impl Item for SpotFleet {
    type Key = (Scope, SmolStr);

    fn key(&self) -> Self::Key {
        (self.scope.clone(), self.id.clone())
    }

    fn seen(self) -> Observation {
        Observation::SpotFleet(Box::new(self))
    }

    fn gone((scope, id): Self::Key) -> Option<Observation> {
        Some(Observation::SpotFleetGone(scope, id))
    }
}

impl Item for Notice {
    type Key = (InstanceId, NoticeKind);

    fn key(&self) -> Self::Key {
        (self.instance.clone(), self.kind)
    }

    fn seen(self) -> Observation {
        Observation::Notice(self)
    }

    fn gone(_: Self::Key) -> Option<Observation> {
        None
    }
}

impl Item for NodeUsage {
    type Key = NodeKey;

    fn key(&self) -> NodeKey {
        self.node.clone()
    }

    fn seen(self) -> Observation {
        Observation::Usage(self)
    }

    fn gone(_: NodeKey) -> Option<Observation> {
        None
    }
}

impl Item for Node {
    type Key = NodeKey;

    fn key(&self) -> NodeKey {
        self.key.clone()
    }

    fn seen(self) -> Observation {
        Observation::Node(Box::new(self))
    }

    fn gone(key: NodeKey) -> Option<Observation> {
        Some(Observation::NodeGone(key))
    }
}

impl Watched for Node {
    fn named(context: &ContextId, name: SmolStr) -> NodeKey {
        NodeKey {
            context: context.clone(),
            name,
        }
    }
}

impl Item for Pod {
    type Key = PodKey;

    fn key(&self) -> PodKey {
        self.key.clone()
    }

    fn seen(self) -> Observation {
        Observation::Pod(self)
    }

    fn gone(key: PodKey) -> Option<Observation> {
        Some(Observation::PodGone(key))
    }
}

impl Watched for Pod {
    fn named(context: &ContextId, name: SmolStr) -> PodKey {
        PodKey {
            context: context.clone(),
            name,
        }
    }
}

impl Item for EdgeHost {
    type Key = HostName;

    fn key(&self) -> HostName {
        self.name.clone()
    }

    fn seen(self) -> Observation {
        Observation::EdgeHost(Box::new(self))
    }

    fn gone(name: HostName) -> Option<Observation> {
        Some(Observation::EdgeHostGone(name))
    }
}
