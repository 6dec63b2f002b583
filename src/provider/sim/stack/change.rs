//! What making or changing a stack would do, and the change sets that say so.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use smol_str::{SmolStr, format_smolstr};

use super::super::clock::whole;
use super::super::made::tagged;
use super::super::noise::hash;
use super::super::scaling::Refused;
use super::super::state::State;
use super::engine::STACK;
use super::sort::{is_fixed, uuid};
use super::template::Template;
use super::told::cannot;
use super::value::{function, got, names};
use super::{Act, Held, Job, Part, Proposal, SimStack, StackNo, Verb};
use crate::fleet::Scope;
use crate::provider::{ChangeSet, StackAction, StackChange, StackOrder};

const REVIEW: &str = "REVIEW_IN_PROGRESS";

impl State {
    /// What making or changing a stack would do. The same token gives the same change set.
    pub(in super::super) fn ask_proposal(&mut self, scope: &Scope, order: &StackOrder) -> Result<ChangeSet, Refused> {
        let there = self.stack_no(scope, &order.name);
        if let Some(set) = there.and_then(|no| self.stacks.get(no)?.sets.iter().find(|set| set.token == order.token)) {
            return Ok(told(&order.name, set));
        }
        let template = Template::read(&order.template)?;
        let mut given = order.parameters.clone();
        let has = there.and_then(|no| self.stacks.get(no)).filter(|s| s.status != REVIEW);
        if let Some(held) = has.and_then(|s| s.held.as_ref()) {
            let kept = order.kept.iter();
            given.extend(kept.filter_map(|key| Some((key.clone(), held.parameters.get(key.as_str())?.to_string()))));
        }
        let parameters = template.parameters(&given)?;
        let held = Held {
            template: order.template.clone(),
            parameters,
            tags: tagged(&order.tags),
        };
        let (account, region, _) = self.parameter_key(scope, "");
        let number = |what: &str| {
            uuid(&format!(
                "{:016x}",
                hash(self.seed, &[what, &region, &order.name, &order.token])
            ))
        };
        let id = format_smolstr!(
            "arn:aws:cloudformation:{region}:{account}:changeSet/{}/{}",
            order.token,
            number("change set")
        );
        let creates = there.is_none_or(|no| self.stacks.get(no).is_some_and(|s| s.status == REVIEW));
        let changes = match there.and_then(|no| self.stacks.get(no)).filter(|_| !creates) {
            Some(stack) => {
                let stands = ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"].contains(&stack.status.as_str());
                if stack.is_moving() || stands {
                    return Err(cannot(stack));
                }
                changes(stack, &held, &template)
            }
            None => template.resources().map(|name| added(&template, &name)).collect(),
        };
        let set = Proposal {
            id,
            token: SmolStr::new(&order.token),
            held,
            creates,
            changes,
        };
        let answer = told(&order.name, &set);
        if set.changes.is_empty() {
            return Ok(answer);
        }
        let no = match there {
            Some(no) => no,
            None => {
                let id = format_smolstr!(
                    "arn:aws:cloudformation:{region}:{account}:stack/{}/{}",
                    order.name,
                    number("stack")
                );
                self.new_stack(scope, &order.name, id)
            }
        };
        if let Some(stack) = self.stacks.get_mut(no) {
            if creates {
                // Its tags are those of the stack that stands in review.
                stack.held = Some(set.held.clone());
            }
            stack.sets.push(set);
        }
        Ok(answer)
    }

    fn new_stack(&mut self, scope: &Scope, name: &str, id: SmolStr) -> StackNo {
        let no = self.stacks.len();
        self.stacks.push(SimStack {
            scope: scope.clone(),
            name: name.into(),
            id,
            status: REVIEW.into(),
            reason: None,
            created_at: whole(self.now),
            outputs: vec![],
            held: None,
            before: None,
            parts: BTreeMap::new(),
            replaced: vec![],
            work: None,
            last: vec![],
            works: 0,
            events: vec![],
            sets: vec![],
            signals: vec![],
            tokens: BTreeSet::new(),
            queues: BTreeMap::new(),
            looked: None,
        });
        self.tell_stack(no, None, STACK, REVIEW, Some("User Initiated".into()));
        no
    }

    /// Makes or changes a stack as a change set has it.
    pub(in super::super) fn ask_execute(
        &mut self,
        scope: &Scope,
        set: &ChangeSet,
        token: &str,
        undo: bool,
    ) -> Result<(), Refused> {
        let lost = || {
            Refused::new(
                format_smolstr!("ChangeSetNotFound: ChangeSet [{}] does not exist", set.id),
                "plan the change anew",
            )
        };
        let no = self.stack_no(scope, &set.stack).ok_or_else(lost)?;
        let stack = self.stacks.get_mut(no).ok_or_else(lost)?;
        if stack.tokens.contains(token) {
            return Ok(());
        }
        let set = stack.sets.iter().find(|one| one.id == set.id).ok_or_else(lost)?.clone();
        if stack.is_moving() {
            return Err(cannot(stack));
        }
        stack.tokens.insert(token.into());
        stack.sets.clear();
        let template = Template::again(&set.held.template);
        let fresh = set.creates || stack.status == "CREATE_FAILED";
        let old = stack.held.replace(set.held);
        if !fresh {
            // What a failed update would go back to stays what it was.
            stack.before = stack.before.take().or(old);
        }
        stack.last.clear();
        let mut jobs = vec![];
        for change in &set.changes {
            let name = &change.resource;
            let act = match change.action {
                StackAction::Add => Act::Make,
                StackAction::Modify => Act::Change,
                StackAction::Replace | StackAction::MayReplace => Act::Replace,
                StackAction::Remove => {
                    let users = stack.parts.iter().filter(|(_, part)| part.needs.contains(name));
                    let users = users.map(|(name, _)| name.clone()).collect();
                    jobs.push(Job::new(name.clone(), Act::Drop, users));
                    continue;
                }
            };
            jobs.push(Job::new(name.clone(), act, template.needs(name)));
            if act == Act::Replace {
                jobs.push(Job::new(name.clone(), Act::DropOld, BTreeSet::new()));
            }
        }
        let verb = if set.creates { Verb::Create } else { Verb::Update };
        self.work_on_stack(no, verb, jobs, undo, Some("User Initiated".into()));
        Ok(())
    }

    /// Discards a change set, and with it a stack that was never made.
    pub(in super::super) fn ask_discard(&mut self, scope: &Scope, set: &ChangeSet) {
        let Some(no) = self.stack_no(scope, &set.stack) else {
            return;
        };
        let Some(stack) = self.stacks.get_mut(no) else { return };
        stack.sets.retain(|one| one.id != set.id);
        if stack.status == REVIEW && set.creates {
            stack.sets.clear();
            self.tell_stack(no, None, STACK, "DELETE_COMPLETE", None);
        }
    }
}

fn told(stack: &str, set: &Proposal) -> ChangeSet {
    ChangeSet {
        id: set.id.clone(),
        stack: stack.into(),
        creates: set.creates,
        changes: set.changes.clone(),
    }
}

fn added(template: &Template, name: &SmolStr) -> StackChange {
    StackChange {
        action: StackAction::Add,
        resource: name.clone(),
        kind: template.kind(name).unwrap_or_default().into(),
        physical: None,
        properties: vec![],
    }
}

/// What differs between a stack that is there and what it is to be.
fn changes(stack: &SimStack, new: &Held, template: &Template) -> Vec<StackChange> {
    let old = stack.held.as_ref();
    let before = old.map(|held| Template::again(&held.template));
    let mut found: BTreeMap<SmolStr, StackChange> = BTreeMap::new();
    for name in template.resources() {
        let Some(part) = stack.parts.get(&name) else {
            found.insert(name.clone(), added(template, &name));
            continue;
        };
        let kind = template.kind(&name).unwrap_or_default();
        let flat = template.flat(template.properties(&name), &new.parameters);
        let was = before
            .as_ref()
            .zip(old)
            .map(|(b, held)| b.flat(b.properties(&name), &held.parameters));
        let was = was.unwrap_or_default();
        let mut properties = differ(&was, &flat);
        let fixed = |property: &SmolStr| match property.as_str() {
            "SpotFleetRequestConfigData" => other_than_target(&was, &flat),
            property => is_fixed(kind, property),
        };
        let replaces = part.kind != kind || properties.iter().any(fixed);
        if old.is_some_and(|held| held.tags != new.tags) && part.thing.is_some() {
            properties.push("Tags".into());
        }
        if replaces || !properties.is_empty() {
            found.insert(name.clone(), changed(part, &name, kind, properties, replaces));
        }
    }
    spread(stack, template, &mut found);
    let gone = stack.parts.iter().filter(|(name, _)| !template.has(name));
    found.extend(gone.map(|(name, part)| {
        let change = StackChange {
            action: StackAction::Remove,
            resource: name.clone(),
            kind: part.kind.clone(),
            physical: Some(part.physical.clone()),
            properties: vec![],
        };
        (name.clone(), change)
    }));
    found.into_values().collect()
}

fn changed(part: &Part, name: &SmolStr, kind: &str, properties: Vec<SmolStr>, replaces: bool) -> StackChange {
    StackChange {
        action: if replaces {
            StackAction::Replace
        } else {
            StackAction::Modify
        },
        resource: name.clone(),
        kind: kind.into(),
        physical: Some(part.physical.clone()),
        properties,
    }
}

/// What names a resource that another takes the place of, or the version of one that changes, changes with it.
fn spread(stack: &SimStack, template: &Template, found: &mut BTreeMap<SmolStr, StackChange>) {
    loop {
        let moved = |name: &SmolStr, version: bool| {
            found.get(name).is_some_and(|change| match change.action {
                StackAction::Replace => true,
                StackAction::Modify => version && change.kind == "AWS::EC2::LaunchTemplate",
                _ => false,
            })
        };
        let mut next = vec![];
        for name in template.resources().filter(|name| !found.contains_key(name)) {
            let Some(part) = stack.parts.get(&name) else { continue };
            let kind = template.kind(&name).unwrap_or_default();
            let all = template.properties(&name).as_object().into_iter().flatten();
            let touched = all.filter(|(_, value)| {
                let (mut named, mut versions) = (BTreeSet::new(), BTreeSet::new());
                names(value, &mut named);
                versioned(value, &mut versions);
                named.iter().any(|n| moved(n, false)) || versions.iter().any(|n| moved(n, true))
            });
            let touched: Vec<SmolStr> = touched.map(|(key, _)| SmolStr::new(key)).collect();
            if !touched.is_empty() {
                let replaces = touched.iter().any(|property| is_fixed(kind, property));
                next.push((name.clone(), changed(part, &name, kind, touched, replaces)));
            }
        }
        if next.is_empty() {
            return;
        }
        found.extend(next);
    }
}

/// The launch templates whose newest version a value asks for.
fn versioned(value: &Value, found: &mut BTreeSet<SmolStr>) {
    match (function(value), value) {
        (Some(("Fn::GetAtt", given)), _) => {
            found.extend(
                got(given)
                    .filter(|(_, what)| what == "LatestVersionNumber")
                    .map(|(name, _)| name),
            );
        }
        (_, Value::Array(all)) => all.iter().for_each(|value| versioned(value, found)),
        (_, Value::Object(all)) => all.values().for_each(|value| versioned(value, found)),
        _ => {}
    }
}

/// The keys whose values differ.
fn differ(was: &Value, is: &Value) -> Vec<SmolStr> {
    let keys = |value: &Value| {
        value
            .as_object()
            .into_iter()
            .flat_map(|o| o.keys().cloned())
            .collect::<BTreeSet<_>>()
    };
    let all: BTreeSet<String> = keys(was).union(&keys(is)).cloned().collect();
    all.into_iter()
        .filter(|key| was.get(key) != is.get(key))
        .map(SmolStr::from)
        .collect()
}

/// Whether two fleets differ in more than how many machines they are to have.
fn other_than_target(was: &Value, is: &Value) -> bool {
    let at = |value: &Value| value.get("SpotFleetRequestConfigData").cloned().unwrap_or_default();
    let targets = ["TargetCapacity", "OnDemandTargetCapacity"];
    differ(&at(was), &at(is))
        .iter()
        .any(|key| !targets.contains(&key.as_str()))
}
