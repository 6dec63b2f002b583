//! What a stack holds of that which is billed, counted from its template, so that a bill never differs from what is made.

use serde_json::{Map, Value};
use smol_str::SmolStr;

use crate::blueprint::Spec;
use crate::blueprint::ha::Site;
use crate::blueprint::ha::template::template;
use crate::fleet::{Role, TAG_POOL, TAG_ROLE};

/// What a stack holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Counted {
    /// The servers, then the pools of workers as the spec has them.
    pub(super) pools: Vec<Pool>,
    pub(super) balancers: u32,
    pub(super) nats: u32,
    pub(super) endpoints: u32,
    /// In how many zones each of those is, taken together.
    pub(super) endpoint_zones: u32,
    /// Public addresses.
    pub(super) addresses: u32,
    pub(super) secrets: u32,
    pub(super) database: Option<Database>,
    pub(super) file_systems: u32,
    pub(super) buckets: u32,
}

/// A pool as its stack begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pool {
    pub(super) name: SmolStr,
    pub(super) is_server: bool,
    pub(super) on_demand: u32,
    pub(super) spot: u32,
    pub(super) types: Vec<SmolStr>,
    /// The volume of each machine.
    pub(super) volume_gib: u32,
}

impl Pool {
    pub(super) fn machines(&self) -> u32 {
        self.on_demand.saturating_add(self.spot)
    }
}

/// A database that grows and shrinks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Database {
    pub(super) instances: u32,
    /// The capacity of each, in ACU.
    pub(super) least: f64,
    pub(super) most: f64,
}

/// Counts what the stack of a spec holds; `None` where it cannot be told.
pub(super) fn count(spec: &Spec, site: &Site) -> Option<Counted> {
    let template = template(spec, site);
    let resources = template["Resources"].as_object()?;
    let mut counted = Counted::default();
    let mut database = Database::default();
    let (mut has_database, mut hands_out_addresses) = (false, site.vpc.is_some() && site.public);
    for resource in resources.values() {
        let of = &resource["Properties"];
        match resource["Type"].as_str()? {
            "AWS::AutoScaling::AutoScalingGroup" => counted.pools.push(group(resources, of)?),
            "AWS::EC2::SpotFleet" => counted.pools.push(fleet(resources, &of["SpotFleetRequestConfigData"])?),
            "AWS::ElasticLoadBalancingV2::LoadBalancer" => {
                counted.balancers += 1;
                if of["Scheme"] == "internet-facing" {
                    counted.addresses += subnets(&of["Subnets"], site)?;
                }
            }
            "AWS::EC2::NatGateway" => counted.nats += 1,
            "AWS::EC2::EIP" => counted.addresses += 1,
            "AWS::EC2::VPCEndpoint" if of["VpcEndpointType"] == "Interface" => {
                counted.endpoints += 1;
                counted.endpoint_zones += subnets(&of["SubnetIds"], site)?;
            }
            "AWS::EC2::Subnet" => hands_out_addresses |= of["MapPublicIpOnLaunch"] == true,
            "AWS::SecretsManager::Secret" => counted.secrets += 1,
            "AWS::RDS::DBInstance" => database.instances += 1,
            "AWS::RDS::DBCluster" => {
                let scaling = &of["ServerlessV2ScalingConfiguration"];
                (database.least, database.most) = (scaling["MinCapacity"].as_f64()?, scaling["MaxCapacity"].as_f64()?);
                has_database = true;
            }
            "AWS::EFS::FileSystem" => counted.file_systems += 1,
            "AWS::S3::Bucket" => counted.buckets += 1,
            _ => {}
        }
    }
    counted.database = has_database.then_some(database);
    if hands_out_addresses {
        counted.addresses += counted.pools.iter().map(Pool::machines).sum::<u32>();
    }
    let pools = &spec.ha.as_ref()?.pools;
    let place = |pool: &Pool| pools.iter().position(|other| other.name == pool.name);
    counted.pools.sort_by_key(|pool| (!pool.is_server, place(pool)));
    Some(counted)
}

/// How many subnets are named; a list that is a parameter holds those of the site.
fn subnets(value: &Value, site: &Site) -> Option<u32> {
    let count = match value {
        Value::Array(subnets) => subnets.len(),
        other if other["Ref"] == "Subnets" => site.subnets.len(),
        _ => return None,
    };
    u32::try_from(count).ok().filter(|count| *count > 0)
}

fn group(resources: &Map<String, Value>, of: &Value) -> Option<Pool> {
    let policy = &of["MixedInstancesPolicy"];
    let distribution = &policy["InstancesDistribution"];
    let desired = number(&of["DesiredCapacity"])?;
    let base = match &distribution["OnDemandBaseCapacity"] {
        Value::Null => 0,
        base => number(base)?.min(desired),
    };
    let percent = number(&distribution["OnDemandPercentageAboveBaseCapacity"])?;
    // A share of a machine is bought on-demand.
    let share = (u64::from(desired - base) * u64::from(percent)).div_ceil(100);
    let on_demand = base + u32::try_from(share).ok()?;
    let tags = of["Tags"].as_array()?;
    pool(resources, &policy["LaunchTemplate"], tags, on_demand, desired)
}

fn fleet(resources: &Map<String, Value>, of: &Value) -> Option<Pool> {
    let on_demand = number(&of["OnDemandTargetCapacity"])?;
    let tags = of["TagSpecifications"].get(0)?["Tags"].as_array()?;
    let launched = of["LaunchTemplateConfigs"].get(0)?;
    pool(resources, launched, tags, on_demand, number(&of["TargetCapacity"])?)
}

fn pool(
    resources: &Map<String, Value>,
    launched: &Value,
    tags: &[Value],
    on_demand: u32,
    desired: u32,
) -> Option<Pool> {
    let tag = |key: &str| tags.iter().find(|tag| tag["Key"] == key)?["Value"].as_str();
    let types = launched["Overrides"].as_array()?.iter();
    let types = types.map(|one| one["InstanceType"].as_str().map(SmolStr::from));
    let template = launched["LaunchTemplateSpecification"]["LaunchTemplateId"]["Ref"].as_str()?;
    let data = &resources.get(template)?["Properties"]["LaunchTemplateData"];
    Some(Pool {
        name: tag(TAG_POOL)?.into(),
        is_server: tag(TAG_ROLE)? == Role::Server.as_str(),
        on_demand,
        spot: desired.checked_sub(on_demand)?,
        types: types.collect::<Option<_>>()?,
        volume_gib: number(&data["BlockDeviceMappings"].get(0)?["Ebs"]["VolumeSize"])?,
    })
}

/// A number, which some properties have as text.
fn number(value: &Value) -> Option<u32> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64()?.try_into().ok(),
    }
}
