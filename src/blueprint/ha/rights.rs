//! What somebody needs besides who makes the stack of a highly available cluster: CloudFormation makes, changes and deletes
//! what is in it with the rights of who asks for that.
//!
//! A table says what CloudFormation calls for each type of resource in the template: what the registry of resource types
//! names for the type's handlers, of which only what this template's properties need, and what the services' documentation
//! adds to that. Three policies grant exactly the table's actions, each short enough for a managed policy, to CloudFormation on
//! that person's behalf alone, and on what carries the stack's name or a cluster's tag wherever the service can tell.
//!
//! IAM cannot look into the policies of roles that a stack makes: whoever may make one may give it any right. Who shall not
//! launches by a role of CloudFormation's own, or has a permissions boundary.

mod grants;
mod machines;
mod services;
mod storage;

use grants::{GRANTS, Grant};
use serde_json::{Value, json};

/// What CloudFormation calls for the resources of one type, as actions of IAM.
#[derive(Debug)]
pub struct Rights {
    /// The type, such as `AWS::EC2::VPC`.
    pub kind: &'static str,
    /// To make one.
    pub create: &'static [&'static str],
    /// To look at one.
    pub read: &'static [&'static str],
    /// To change one, beyond what makes it.
    pub update: &'static [&'static str],
    /// To delete one.
    pub delete: &'static [&'static str],
}

impl Rights {
    /// All of them; some come twice.
    pub fn all(&self) -> impl Iterator<Item = &'static str> {
        let all = [self.create, self.read, self.update, self.delete];
        all.into_iter().flatten().copied()
    }
}

const fn of(
    kind: &'static str,
    create: &'static [&'static str],
    read: &'static [&'static str],
    update: &'static [&'static str],
    delete: &'static [&'static str],
) -> Rights {
    Rights {
        kind,
        create,
        read,
        update,
        delete,
    }
}

/// What CloudFormation calls for the template itself, whose parameters are images, networks and zones that must be there.
pub const PARAMETERS: [&str; 4] = [
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeImages",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
];

/// A part of the stack: one policy each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Networks, machines and roles.
    Machines,
    /// Load balancers, events and the reaper.
    Services,
    /// Buckets, secrets, file systems and databases.
    Storage,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Machines, Self::Services, Self::Storage];

    /// The types of resources that belong to it.
    pub fn kinds(self) -> &'static [Rights] {
        match self {
            Self::Machines => machines::MACHINES,
            Self::Services => services::SERVICES,
            Self::Storage => storage::STORAGE,
        }
    }

    /// The policy that grants what its types need.
    pub fn policy(self) -> Value {
        let template = PARAMETERS.iter().filter(|_| self == Self::Machines).copied();
        let mut needed: Vec<_> = self.kinds().iter().flat_map(Rights::all).chain(template).collect();
        needed.sort_unstable();
        needed.dedup();
        let written = |grant: &Grant| {
            let actions: Vec<_> = needed.iter().filter(|action| (grant.takes)(action)).collect();
            (!actions.is_empty()).then(|| grant.statement(&actions))
        };
        let statements: Vec<_> = GRANTS.iter().filter_map(written).collect();
        json!({"Version": "2012-10-17", "Statement": statements})
    }
}

#[cfg(test)]
mod tests;
