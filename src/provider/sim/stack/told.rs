//! Stacks as the ports tell them, and what is asked of them by name or ARN.

use smol_str::{SmolStr, format_smolstr};

use super::super::scaling::Refused;
use super::super::state::{ClusterNo, State};
use super::value::text;
use super::{SimStack, StackNo, Verb};
use crate::blueprint::ha::template::PUBLIC_API;
use crate::fleet::Scope;
use crate::provider::{Resource, ResourceKind, Secret, Stack, StackEvent, StackStatus};

/// The status of a stack that is no more.
const GONE: &str = "DELETE_COMPLETE";

impl SimStack {
    pub(super) fn is_gone(&self) -> bool {
        self.status == GONE
    }
}

impl State {
    /// A stack by its name, if it is not deleted, or by its ARN.
    pub(super) fn stack_no(&self, scope: &Scope, name: &str) -> Option<StackNo> {
        let is = |s: &SimStack| s.scope == *scope && (s.id == name || (s.name == name && !s.is_gone()));
        self.stacks.iter().rposition(is)
    }

    /// A stack as CloudFormation tells it.
    pub(in super::super) fn told_stack(&self, scope: &Scope, name: &str) -> Option<Stack> {
        let stack = self.stacks.get(self.stack_no(scope, name)?)?;
        let tags = stack.held.iter().flat_map(|held| &held.tags);
        Some(Stack {
            drift: stack.looked.as_ref().and_then(|looked| looked.told(self.now)),
            name: stack.name.clone(),
            id: stack.id.clone(),
            status: StackStatus(stack.status.clone()),
            reason: stack.reason.clone(),
            created_at: stack.created_at,
            outputs: stack.outputs.clone(),
            tags: tags.map(|(k, v)| (k.clone(), v.clone())).collect(),
            guarded: false,
        })
    }

    /// What has happened in a stack after an event.
    pub(in super::super) fn stack_happened(&self, scope: &Scope, name: &str, after: Option<&str>) -> Vec<StackEvent> {
        let Some(stack) = self.stack_no(scope, name).and_then(|no| self.stacks.get(no)) else {
            return vec![];
        };
        let known = after.and_then(|id| stack.events.iter().position(|event| event.id == id));
        stack.events.iter().skip(known.map_or(0, |n| n + 1)).cloned().collect()
    }

    /// Has a stack that failed go back to how it was.
    pub(in super::super) fn ask_undo(&mut self, scope: &Scope, name: &str, token: &str) -> Result<(), Refused> {
        let no = self.stack_no(scope, name).ok_or_else(|| missing(name))?;
        let Some(stack) = self.stacks.get_mut(no) else {
            return Ok(());
        };
        if !stack.tokens.insert(token.into()) {
            return Ok(());
        }
        if !matches!(stack.status.as_str(), "CREATE_FAILED" | "UPDATE_FAILED") {
            return Err(Refused::new(
                format_smolstr!(
                    "ValidationError: Stack:{} is in {} state and can not be rolled back.",
                    stack.id,
                    stack.status
                ),
                "look how it stands: only a stack whose change has failed goes back",
            ));
        }
        self.undo_work(no, Some("Rollback requested by user.".into()));
        Ok(())
    }

    /// Begins to delete a stack. One that is not there is no error, nor is one that is being deleted.
    pub(in super::super) fn ask_delete_stack(&mut self, scope: &Scope, name: &str) {
        let Some(no) = self.stack_no(scope, name) else { return };
        let Some(stack) = self.stacks.get(no) else { return };
        let ends = stack.work.as_ref().is_some_and(|w| w.verb == Verb::Delete);
        if stack.is_gone() || ends {
            return;
        }
        let jobs = stack.drops();
        self.work_on_stack(no, Verb::Delete, jobs, false, Some("User Initiated".into()));
    }

    /// The stacks of a scope, as things that carry tags.
    pub(in super::super) fn stack_resources(&self, scope: &Scope) -> Vec<Resource> {
        let living = self.stacks.iter().filter(|s| s.scope == *scope && !s.is_gone());
        let resource = |stack: &SimStack| {
            let cluster = stack.held.as_ref()?.tags.get(crate::fleet::TAG_CLUSTER)?;
            Some(Resource {
                kind: ResourceKind::Stack,
                id: stack.name.clone(),
                name: None,
                cluster: cluster.clone(),
                expires_at: None,
                of_kubernetes: false,
                gib: None,
            })
        };
        living.filter_map(resource).collect()
    }

    /// The cluster whose API the public load balancer of this name brings.
    pub(in super::super) fn cluster_by_public_api(&self, name: &str) -> Option<ClusterNo> {
        let brings = |s: &&SimStack| !s.is_gone() && s.outputs.iter().any(|(key, to)| key == PUBLIC_API && to == name);
        let stack = self.stacks.iter().find(brings)?;
        let cluster = stack.held.as_ref()?.tags.get(crate::fleet::TAG_CLUSTER)?;
        let of_it = |c: &super::super::state::Cluster| c.scope == stack.scope && c.name == *cluster && !c.destroyed;
        self.clusters.iter().rposition(of_it)
    }

    /// The value of a secret that machines of a stack have written; `None` where it is none of those.
    pub(in super::super) fn stack_secret(&self, scope: &Scope, name: &str) -> Option<Secret> {
        let of = |s: &&SimStack| {
            s.parts
                .values()
                .any(|p| p.thing == Some((ResourceKind::Secret, name.into())))
        };
        let stack = self
            .stacks
            .iter()
            .filter(|s| s.scope == *scope && !s.is_gone())
            .rfind(of)?;
        let balancer = stack.parts.get("ApiBalancer")?;
        let server = format!("https://{}:6443", balancer.tells.get("DNSName").map(text)?);
        if name.ends_with("/reaper") {
            let access =
                serde_json::json!({"server": server, "ca": "a simulated certificate", "token": "a simulated token"});
            return Some(Secret::new(access.to_string()));
        }
        let cluster = stack.held.as_ref()?.tags.get(crate::fleet::TAG_CLUSTER)?;
        let config = super::super::first_boot::kubeconfig()
            .replace("https://127.0.0.1:6443", &server)
            .replace(": default\n", &format!(": \"{cluster}\"\n"));
        Some(Secret::new(config))
    }
}

pub(super) fn missing(name: &str) -> Refused {
    Refused::new(
        format_smolstr!("ValidationError: Stack with id {name} does not exist"),
        "check the stack's name, profile and region",
    )
}

/// The words in which a stack refuses a change.
pub(super) fn cannot(stack: &SimStack) -> Refused {
    Refused::new(
        format_smolstr!(
            "ValidationError: Stack:{} is in {} state and can not be updated.",
            stack.id,
            stack.status
        ),
        SmolStr::new_static("wait for what is being done, or delete the stack"),
    )
}
