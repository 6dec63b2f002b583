//! The networks that stacks make: VPCs, subnets and endpoints of the simulated AWS besides its own.

use serde_json::Value;
use smol_str::SmolStr;

use super::super::ground::Site;
use super::super::state::{ClusterNo, State};
use super::value::text;
use super::{Part, SimStack};
use crate::fleet::Scope;
use crate::provider::{Subnet, Vpc};

fn tells(part: &Part, key: &str) -> SmolStr {
    part.tells.get(key).map(text).unwrap_or_default().into()
}

fn of<'a>(stack: &'a SimStack, kind: &'a str) -> impl Iterator<Item = &'a Part> {
    stack.parts.values().filter(move |part| part.kind == kind)
}

impl State {
    fn stacks_in<'a>(&'a self, at: &'a Scope) -> impl Iterator<Item = &'a SimStack> {
        self.stacks.iter().filter(move |s| s.scope == *at)
    }

    /// The bucket in which the servers of a cluster keep their snapshots too, where its stack has one.
    pub(in super::super) fn bucket_of(&self, cluster: ClusterNo) -> Option<&SmolStr> {
        let no = (0..self.stacks.len()).rfind(|no| self.cluster_of_stack(*no) == Some(cluster))?;
        let bucket = of(self.stacks.get(no)?, "AWS::S3::Bucket").next();
        bucket.map(|bucket| &bucket.physical)
    }

    /// The VPCs that stacks have made.
    pub(in super::super) fn made_vpcs(&self, at: &Scope) -> Vec<Vpc> {
        let all = self
            .stacks_in(at)
            .flat_map(|s| of(s, "AWS::EC2::VPC").map(move |vpc| (s, vpc)));
        let vpc = |(stack, part): (&SimStack, &Part)| Vpc {
            id: part.physical.clone(),
            name: Some(stack.name.clone()),
            is_default: false,
            cidrs: vec![tells(part, "CidrBlock")],
            subnets: of(stack, "AWS::EC2::Subnet")
                .filter(|subnet| tells(subnet, "VpcId") == part.physical)
                .map(|subnet| Subnet {
                    id: subnet.physical.clone(),
                    zone: tells(subnet, "AvailabilityZone"),
                    public: subnet.tells.get("MapPublicIpOnLaunch") == Some(&Value::Bool(true)),
                })
                .collect(),
        };
        all.map(vpc).collect()
    }

    /// Where machines in a subnet that a stack has made are put.
    pub(in super::super) fn made_site(&self, at: &Scope, subnet: &str) -> Option<Site> {
        let mut all = self.stacks_in(at).flat_map(|s| of(s, "AWS::EC2::Subnet"));
        let found = all.find(|part| part.physical == subnet)?;
        let zone = tells(found, "AvailabilityZone");
        let region = self.regions.iter().find(|r| super::super::build::scope(r) == *at)?;
        let block = tells(found, "CidrBlock");
        let mut halves = block.split('.').filter_map(|n| n.parse().ok());
        Some(Site {
            vpc: tells(found, "VpcId"),
            net: [halves.next()?, halves.next()?],
            zone_no: region.zones.iter().position(|z| z.name == zone)?,
            zone,
        })
    }

    /// The services that endpoints of stacks serve in a VPC under their usual names.
    pub(in super::super) fn endpoints(&self, at: &Scope, vpc: &str) -> Vec<SmolStr> {
        let all = self.stacks_in(at).flat_map(|s| of(s, "AWS::EC2::VPCEndpoint"));
        let here = all
            .filter(|part| tells(part, "VpcId") == vpc)
            .map(|part| tells(part, "Service"));
        let mut found: Vec<_> = here.filter(|service| !service.is_empty()).collect();
        found.sort();
        found
    }
}
