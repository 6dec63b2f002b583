//! What a launch of a highly available cluster makes, in people's words: its pools, the place it gets, and what its stack
//! holds, counted by kind. It is read from the template itself, so that nothing is told that is not made, or made and not
//! told.

use std::collections::BTreeMap;

use serde_json::Value;

use super::launch::Launch;
use crate::blueprint::ha::template::template;
use crate::blueprint::ha::{Ha, MadeVpc, Pool, PoolKind, SERVERS, Site, WayOut};
use crate::fleet::Purchase;

/// What the resources of a stack are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Area {
    Machines,
    Network,
    Rights,
    Events,
    Data,
    Other,
}

impl Area {
    fn as_str(self) -> &'static str {
        match self {
            Self::Machines => "machines",
            Self::Network => "network",
            Self::Rights => "rights",
            Self::Events => "events",
            Self::Data => "data",
            Self::Other => "other",
        }
    }
}

/// CloudFormation's types without their `AWS::`, in the order in which they are told, with a word for one and for several.
const KINDS: [(&str, Area, &str, &str); 41] = [
    (
        "AutoScaling::AutoScalingGroup",
        Area::Machines,
        "Auto Scaling group",
        "Auto Scaling groups",
    ),
    ("EC2::SpotFleet", Area::Machines, "Spot Fleet", "Spot Fleets"),
    (
        "EC2::LaunchTemplate",
        Area::Machines,
        "launch template",
        "launch templates",
    ),
    ("EC2::KeyPair", Area::Machines, "SSH key pair", "SSH key pairs"),
    (
        "CloudFormation::WaitCondition",
        Area::Machines,
        "wait for the servers",
        "waits for machines",
    ),
    (
        "CloudFormation::WaitConditionHandle",
        Area::Machines,
        "address for their signals",
        "addresses for signals",
    ),
    ("EC2::VPC", Area::Network, "VPC", "VPCs"),
    ("EC2::Subnet", Area::Network, "subnet", "subnets"),
    (
        "EC2::InternetGateway",
        Area::Network,
        "internet gateway",
        "internet gateways",
    ),
    (
        "EC2::VPCGatewayAttachment",
        Area::Network,
        "gateway attachment",
        "gateway attachments",
    ),
    ("EC2::NatGateway", Area::Network, "NAT gateway", "NAT gateways"),
    ("EC2::EIP", Area::Network, "Elastic IP address", "Elastic IP addresses"),
    ("EC2::RouteTable", Area::Network, "route table", "route tables"),
    ("EC2::Route", Area::Network, "route", "routes"),
    (
        "EC2::SubnetRouteTableAssociation",
        Area::Network,
        "subnet's route table",
        "subnets' route tables",
    ),
    ("EC2::VPCEndpoint", Area::Network, "VPC endpoint", "VPC endpoints"),
    (
        "ElasticLoadBalancingV2::LoadBalancer",
        Area::Network,
        "load balancer",
        "load balancers",
    ),
    (
        "ElasticLoadBalancingV2::Listener",
        Area::Network,
        "listener",
        "listeners",
    ),
    (
        "ElasticLoadBalancingV2::TargetGroup",
        Area::Network,
        "target group",
        "target groups",
    ),
    ("EC2::SecurityGroup", Area::Network, "security group", "security groups"),
    (
        "EC2::SecurityGroupIngress",
        Area::Network,
        "rule inwards",
        "rules inwards",
    ),
    (
        "EC2::SecurityGroupEgress",
        Area::Network,
        "rule outwards",
        "rules outwards",
    ),
    ("IAM::Role", Area::Rights, "IAM role", "IAM roles"),
    (
        "IAM::InstanceProfile",
        Area::Rights,
        "instance profile",
        "instance profiles",
    ),
    ("IAM::Policy", Area::Rights, "IAM policy", "IAM policies"),
    ("IAM::ManagedPolicy", Area::Rights, "managed policy", "managed policies"),
    ("Events::Rule", Area::Events, "event rule", "event rules"),
    ("SQS::Queue", Area::Events, "queue", "queues"),
    ("SQS::QueuePolicy", Area::Events, "queue policy", "queue policies"),
    ("Lambda::Function", Area::Events, "Lambda function", "Lambda functions"),
    (
        "Lambda::EventSourceMapping",
        Area::Events,
        "event source",
        "event sources",
    ),
    (
        "Lambda::Permission",
        Area::Events,
        "function permission",
        "function permissions",
    ),
    ("Logs::LogGroup", Area::Events, "log group", "log groups"),
    ("S3::Bucket", Area::Data, "bucket", "buckets"),
    ("S3::BucketPolicy", Area::Data, "bucket policy", "bucket policies"),
    ("SecretsManager::Secret", Area::Data, "secret", "secrets"),
    ("EFS::FileSystem", Area::Data, "file system", "file systems"),
    ("EFS::MountTarget", Area::Data, "mount target", "mount targets"),
    ("RDS::DBCluster", Area::Data, "database cluster", "database clusters"),
    ("RDS::DBInstance", Area::Data, "database instance", "database instances"),
    (
        "RDS::DBSubnetGroup",
        Area::Data,
        "database subnet group",
        "database subnet groups",
    ),
];

/// A word for a resource by CloudFormation's type, such as `security group` for `AWS::EC2::SecurityGroup`; a type without
/// one is its own.
pub fn word(kind: &str) -> &str {
    let known = KINDS.iter().find(|(of, ..)| kind.strip_prefix("AWS::") == Some(of));
    known.map_or(kind, |(_, _, one, _)| one)
}

/// A line about what is made: what it is about, and what is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartLine {
    /// What it is about, in a word.
    pub about: String,
    /// What is told.
    pub text: String,
}

impl PartLine {
    fn new(about: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            about: about.into(),
            text: text.into(),
        }
    }
}

/// What a launch makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Its pools, the servers first.
    pub pools: Vec<PartLine>,
    /// Where it is.
    pub place: Vec<PartLine>,
    /// What its stack holds, by what that is for.
    pub held: Vec<PartLine>,
    /// How many resources that are.
    pub resources: usize,
}

/// What a launch makes; `None` where it makes no stack.
pub fn of(launch: &Launch) -> Option<Parts> {
    let (ha, site) = (launch.spec.ha.as_ref()?, launch.site.as_ref()?);
    let template = template(&launch.spec, site);
    let kinds = kinds(&template);
    Some(Parts {
        pools: pools(launch, ha),
        place: place(launch, ha, site, &kinds),
        held: held(&kinds),
        resources: kinds.values().sum(),
    })
}

/// How many resources a template has of each type, named without its `AWS::`.
fn kinds(template: &Value) -> BTreeMap<&str, usize> {
    let mut kinds = BTreeMap::new();
    let resources = template.get("Resources").and_then(Value::as_object);
    for resource in resources.into_iter().flat_map(|all| all.values()) {
        let kind = resource.get("Type").and_then(Value::as_str).unwrap_or_default();
        *kinds.entry(kind.strip_prefix("AWS::").unwrap_or(kind)).or_default() += 1;
    }
    kinds
}

fn held(kinds: &BTreeMap<&str, usize>) -> Vec<PartLine> {
    let mut areas: BTreeMap<Area, Vec<String>> = BTreeMap::new();
    for (kind, area, one, several) in KINDS {
        if let Some(count) = kinds.get(kind) {
            areas.entry(area).or_default().push(counted(*count, one, several));
        }
    }
    let unnamed = kinds
        .iter()
        .filter(|(kind, _)| KINDS.iter().all(|(of, ..)| of != *kind));
    for (kind, count) in unnamed {
        areas.entry(Area::Other).or_default().push(format!("{count} {kind}"));
    }
    let part = |(area, counts): (Area, Vec<String>)| PartLine::new(area.as_str(), counts.join(", "));
    areas.into_iter().map(part).collect()
}

fn counted(count: usize, one: &str, several: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        n => format!("{n} {several}"),
    }
}

fn pools(launch: &Launch, ha: &Ha) -> Vec<PartLine> {
    let spec = &launch.spec;
    let servers = format!(
        "{} servers, {}, {}: {}; {} GiB each",
        ha.servers,
        spec.purchase.as_str(),
        spec.arch.as_str(),
        spec.types.join(", "),
        spec.volume_gib
    );
    let workers = ha
        .pools
        .iter()
        .map(|pool| PartLine::new(pool.name.as_str(), worker(pool)));
    std::iter::once(PartLine::new(SERVERS, servers))
        .chain(workers)
        .collect()
}

/// A pool of workers: how many, how they are bought, what they are, and what their nodes carry.
fn worker(pool: &Pool) -> String {
    let spot = Purchase::Spot.as_str();
    let on_demand = Purchase::OnDemand.as_str();
    let bought = match (pool.kind, pool.on_demand_base, pool.on_demand_percent) {
        (_, _, 100) => on_demand.to_owned(),
        (PoolKind::SpotFleet, 0, 0) => "a Spot Fleet".to_owned(),
        (_, 0, 0) => spot.to_owned(),
        (_, 0, percent) => format!("{percent} % {on_demand}, else {spot}"),
        (_, base, 0) => format!("{base} {on_demand}, the others {spot}"),
        (_, base, percent) => format!("{base} {on_demand}, of the others {percent} %"),
    };
    let mut text = format!(
        "{} workers ({} to {}), {bought}, {}: {}; {} GiB each",
        pool.desired,
        pool.min,
        pool.max,
        pool.arch.as_str(),
        pool.types.join(", "),
        pool.volume_gib
    );
    for (key, value) in &pool.labels {
        text = format!("{text}; label {key}={value}");
    }
    for taint in &pool.taints {
        text = format!("{text}; taint {taint}");
    }
    text
}

fn place(launch: &Launch, ha: &Ha, site: &Site, kinds: &BTreeMap<&str, usize>) -> Vec<PartLine> {
    let mut place = vec![PartLine::new("in", launch.scope.to_string())];
    match &ha.made_vpc {
        Some(made) => place.extend(to_be_made(made, site, kinds)),
        None => {
            let vpc = site.vpc.as_deref().unwrap_or_default();
            place.push(PartLine::new("VPC", format!("{vpc} {}", site.cidrs.join(" "))));
            let subnet = |id: &_| {
                let known = launch.ground.subnets.iter().find(|subnet| subnet.id == *id);
                let zone = known.map_or_else(String::new, |subnet| format!(" in {}", subnet.zone));
                format!("{id}{zone}")
            };
            let subnets: Vec<_> = site.subnets.iter().map(subnet).collect();
            let kind = if site.public { "public" } else { "private" };
            place.push(PartLine::new("subnets", format!("{}; {kind}", subnets.join(", "))));
        }
    }
    let images = site
        .images
        .iter()
        .map(|(arch, image)| format!("{} {image}", arch.as_str()));
    let images: Vec<_> = images.collect();
    let system = launch.spec.image.as_str();
    place.push(PartLine::new("image", format!("{system}, {}", images.join(", "))));
    place
}

/// The VPC that the stack makes.
fn to_be_made(made: &MadeVpc, site: &Site, kinds: &BTreeMap<&str, usize>) -> [PartLine; 2] {
    let way_out = match made.way_out {
        WayOut::Public => "machines with public addresses",
        WayOut::Nat => "machines in private subnets, out through a NAT gateway",
        WayOut::Endpoints => "machines that do not reach the internet",
    };
    let wanted = usize::try_from(made.zones).unwrap_or(usize::MAX);
    let zones: Vec<_> = site.zones.iter().take(wanted).map(|zone| zone.as_str()).collect();
    let zones = match zones.as_slice() {
        [] => format!("{} zones", made.zones),
        named => named.join(", "),
    };
    let subnets = kinds.get("EC2::Subnet").copied().unwrap_or_default();
    let subnets = counted(subnets, "subnet", "subnets");
    [
        PartLine::new("VPC", format!("made for it, {}; {way_out}", made.cidr)),
        PartLine::new("subnets", format!("{subnets} in {zones}")),
    ]
}

#[cfg(test)]
mod tests;
