//! What an operator asks of EC2 and Auto Scaling, and what they refuse, in their own words.

use smol_str::{SmolStr, format_smolstr};

use super::state::{GroupNo, State};
use crate::fleet::{FaultKind, InstanceId, InstanceState, Scope};

/// The reason that AWS gives for what an operator does.
const WHY: &str = "Client.UserInitiatedShutdown: User initiated shutdown";

/// Why something that was asked for is not done.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) kind: FaultKind,
    pub(super) message: SmolStr,
    pub(super) mend: SmolStr,
}

impl Refused {
    pub(super) fn new(message: impl Into<SmolStr>, mend: impl Into<SmolStr>) -> Self {
        Self {
            kind: FaultKind::Other,
            message: message.into(),
            mend: mend.into(),
        }
    }
}

impl State {
    /// A living group by its name.
    pub(super) fn group_in(&self, scope: &Scope, asg: &str) -> Result<GroupNo, Refused> {
        let named = self
            .groups
            .iter()
            .rposition(|g| g.alive && !g.fleet && g.scope == *scope && g.name == asg);
        named.ok_or_else(|| {
            Refused::new(
                format_smolstr!(
                    "ValidationError: AutoScalingGroup name not found - AutoScalingGroup '{asg}' not found"
                ),
                "check the group's name, profile and region",
            )
        })
    }

    fn size_by_hand(&mut self, no: GroupNo, desired: u32) {
        if let Some(group) = self.groups.get_mut(no) {
            group.by_hand = true;
        }
        self.set_desired(no, desired);
    }

    /// Sets a group's desired capacity, if it is within its bounds.
    pub(super) fn ask_desired(&mut self, scope: &Scope, asg: &str, desired: u32) -> Result<(), Refused> {
        let no = self.group_in(scope, asg)?;
        let Some(group) = self.groups.get(no) else {
            return Ok(());
        };
        let (min, max) = (group.min, group.max);
        let beyond = match desired {
            d if d < min => format_smolstr!("below min value {min}"),
            d if d > max => format_smolstr!("above max value {max}"),
            _ => {
                self.size_by_hand(no, desired);
                return Ok(());
            }
        };
        Err(Refused::new(
            format_smolstr!(
                "ValidationError: New SetDesiredCapacity value {desired} is {beyond} for the AutoScalingGroup."
            ),
            format_smolstr!("choose {min} to {max}, or widen the group's bounds first"),
        ))
    }

    /// Sets a group's bounds. A desired capacity outside them is moved to the nearer one.
    pub(super) fn ask_bounds(&mut self, scope: &Scope, asg: &str, min: u32, max: u32) -> Result<(), Refused> {
        let no = self.group_in(scope, asg)?;
        if min > max {
            return Err(Refused::new(
                format_smolstr!("ValidationError: Max bound, {max}, must be greater than or equal to min bound, {min}"),
                "swap them",
            ));
        }
        if let Some(group) = self.groups.get_mut(no) {
            (group.min, group.max) = (min, max);
            let desired = group.desired;
            self.size_by_hand(no, desired);
        }
        Ok(())
    }

    /// Lets a group have no machine, and no hook that any would wait for. A group that is not there is no error.
    pub(super) fn ask_empty(&mut self, scope: &Scope, asg: &str) -> Result<(), Refused> {
        let Ok(no) = self.group_in(scope, asg) else {
            return Ok(());
        };
        let mut waiting = vec![];
        if let Some(group) = self.groups.get_mut(no) {
            group.hook = false;
            let waits = group.members.iter().filter(|(_, m)| m.lifecycle == "Terminating:Wait");
            waiting.extend(waits.map(|(id, _)| id.clone()));
        }
        for id in waiting {
            self.leaves_for_good(&id);
        }
        self.ask_bounds(scope, asg, 0, 0)
    }

    /// Keeps a group from processes of its own, or lets it again.
    pub(super) fn ask_hold(
        &mut self,
        scope: &Scope,
        asg: &str,
        processes: &[SmolStr],
        held: bool,
    ) -> Result<(), Refused> {
        let no = self.group_in(scope, asg)?;
        if let Some(group) = self.groups.get_mut(no) {
            for process in processes {
                match held {
                    true => drop(group.suspended.insert(process.clone())),
                    false => drop(group.suspended.remove(process)),
                }
            }
        }
        Ok(())
    }

    /// Ends a member of a group. One that ends already, or is not there, is no error.
    pub(super) fn ask_end_member(&mut self, scope: &Scope, id: &InstanceId, shrink: bool) -> Result<(), Refused> {
        let Some(machine) = self.machines.get(id).filter(|m| m.instance.scope == *scope) else {
            return Ok(());
        };
        if machine.instance.state == InstanceState::ShuttingDown {
            return Ok(());
        }
        let Some(group) = machine.group.and_then(|no| self.groups.get_mut(no)) else {
            return Err(Refused::new(
                format_smolstr!(
                    "ValidationError: Instance Id not found - No managed instance found for instance ID: {id}"
                ),
                "it belongs to no Auto Scaling group: end it by itself",
            ));
        };
        if shrink {
            let min = group.min;
            if group.desired <= min {
                return Err(Refused::new(
                    format_smolstr!(
                        "ValidationError: Currently, desiredSize equals minSize ({min}). Terminating instance without \
                         replacement will violate group's min size constraint. Either set \
                         shouldDecrementDesiredCapacity flag to false or lower group's min size."
                    ),
                    "lower the group's minimum first, or let the group launch another",
                ));
            }
            group.desired -= 1;
            group.by_hand = true;
        }
        self.ended.insert(id.clone());
        self.leave(id, WHY);
        Ok(())
    }

    /// Ends an instance. A member of a group is replaced by it. One that is not there is no error.
    pub(super) fn ask_end(&mut self, scope: &Scope, id: &InstanceId) {
        if self.machines.get(id).is_some_and(|m| m.instance.scope == *scope) {
            self.ended.insert(id.clone());
            self.terminate(id, WHY);
        }
    }
}
