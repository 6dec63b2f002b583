//! Whether stacks are still as their templates say. What operators change here apart from CloudFormation is the sizes of
//! groups, and groups themselves.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, ToSmolStr, format_smolstr};

use super::super::clock::{earlier, later, whole};
use super::super::scaling::Refused;
use super::super::state::State;
use super::told::missing;
use super::{Part, SimStack};
use crate::fleet::{Scope, StackDrift};
use crate::provider::{Detection, PropertyDrift, ResourceDrift};

/// How long a look takes.
const TAKES: SignedDuration = SignedDuration::from_secs(40);

/// A look, which is told once its time is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Looked {
    id: SmolStr,
    at: Timestamp,
    drifts: Vec<ResourceDrift>,
}

impl Looked {
    fn is_over(&self, now: Timestamp) -> bool {
        later(self.at, TAKES) <= now
    }

    /// What is told of the stack.
    pub(super) fn told(&self, now: Timestamp) -> Option<StackDrift> {
        self.is_over(now).then_some(StackDrift {
            drifted: !self.drifts.is_empty(),
            checked_at: Some(self.at),
        })
    }
}

impl SimStack {
    /// A look as a later run finds it: it is over.
    pub(super) fn look_begins(&mut self, now: Timestamp) {
        if let Some(looked) = &mut self.looked {
            looked.at = looked.at.min(earlier(now, TAKES));
        }
    }
}

impl State {
    /// Begins to look at a stack, which must be at rest; gives the look's id.
    pub(in super::super) fn ask_detect(&mut self, scope: &Scope, name: &str) -> Result<SmolStr, Refused> {
        let no = self.stack_no(scope, name).ok_or_else(|| missing(name))?;
        let stack = self.stacks.get(no).ok_or_else(|| missing(name))?;
        if !stack.status.ends_with("_COMPLETE") || stack.is_gone() {
            return Err(Refused::new(
                format_smolstr!(
                    "ValidationError: Drift detection cannot be performed on stack [{name}] while it is in {} state",
                    stack.status
                ),
                "wait for what is being done, or have it rolled back",
            ));
        }
        let drifts = stack.parts.iter();
        let drifts = drifts.filter_map(|(resource, part)| self.drift_of(scope, resource, part));
        let drifts = drifts.collect();
        let looked = Looked {
            id: self.names.uuid(&mut self.rng),
            at: whole(self.now),
            drifts,
        };
        let id = looked.id.clone();
        if let Some(stack) = self.stacks.get_mut(no) {
            stack.looked = Some(looked);
        }
        Ok(id)
    }

    fn drift_of(&self, scope: &Scope, resource: &SmolStr, part: &Part) -> Option<ResourceDrift> {
        let expected = part
            .size
            .filter(|_| part.kind == "AWS::AutoScaling::AutoScalingGroup")?;
        let group = self.group_in(scope, &part.physical).ok();
        let group = group.and_then(|no| self.groups.get(no));
        let actual = group.map(|group| [group.min, group.desired, group.max]);
        let names = ["/MinSize", "/DesiredCapacity", "/MaxSize"];
        let sizes = actual.into_iter().flat_map(|actual| expected.into_iter().zip(actual));
        let differences = names.into_iter().zip(sizes).filter(|(_, (wanted, is))| wanted != is);
        let differences: Vec<_> = differences
            .map(|(path, (wanted, is))| PropertyDrift {
                path: path.into(),
                expected: wanted.to_smolstr(),
                actual: is.to_smolstr(),
            })
            .collect();
        let deleted = actual.is_none();
        (deleted || !differences.is_empty()).then(|| ResourceDrift {
            resource: resource.clone(),
            kind: part.kind.clone(),
            physical: Some(part.physical.clone()),
            deleted,
            differences,
            checked_at: Some(whole(self.now)),
        })
    }

    /// How far a look is.
    pub(in super::super) fn detection(&self, scope: &Scope, id: &str) -> Result<Detection, Refused> {
        let looks = self.stacks.iter().filter(|s| s.scope == *scope);
        let look = looks.filter_map(|s| s.looked.as_ref()).find(|looked| looked.id == id);
        match look.map(|looked| looked.is_over(self.now)) {
            Some(true) => Ok(Detection::Over { incomplete: None }),
            Some(false) => Ok(Detection::Running),
            None => Err(Refused::new(
                format_smolstr!("ValidationError: Drift detection {id} does not exist"),
                "begin another",
            )),
        }
    }

    /// What the last look at a stack has found.
    pub(in super::super) fn told_drifts(&self, scope: &Scope, name: &str) -> Result<Vec<ResourceDrift>, Refused> {
        let no = self.stack_no(scope, name).ok_or_else(|| missing(name))?;
        let looked = self.stacks.get(no).and_then(|stack| stack.looked.as_ref());
        let looked = looked.filter(|looked| looked.is_over(self.now));
        Ok(looked.map(|looked| looked.drifts.clone()).unwrap_or_default())
    }
}
