//! What a region offers to a launch: instance types, networks and images.

use aws_sdk_ec2::types as sdk;
use smol_str::{SmolStr, format_smolstr};

use super::ec2::{filter, tags};
use super::intern::Interner;
use super::{AwsCloud, error};
use crate::fleet::{Arch, FaultKind};
use crate::provider::{InstanceType, ProviderError, Result, Subnet, Vpc};

/// The sizes that have 1 to 16 vCPUs in some family; which of a family's really have, its answer tells.
const SIZES: [&str; 8] = [
    "*.nano",
    "*.micro",
    "*.small",
    "*.medium",
    "*.large",
    "*.xlarge",
    "*.2xlarge",
    "*.4xlarge",
];

/// The most vCPUs.
const MOST: u32 = 16;

pub(super) async fn instance_types(cloud: &AwsCloud) -> Result<Vec<InstanceType>> {
    const CALL: &str = "ec2:DescribeInstanceTypes";
    let listed = pages!(
        cloud,
        CALL,
        cloud
            .ec2
            .describe_instance_types()
            .filters(filter("current-generation", ["true"]))
            .filters(filter("supported-virtualization-type", ["hvm"]))
            .filters(filter("bare-metal", ["false"]))
            .filters(filter("instance-type", SIZES))
            .max_results(cloud.page(100)),
        instance_types
    );
    let mut types: Vec<_> = listed.into_iter().filter_map(instance_type).collect();
    types.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(types)
}

/// `None` for one that runs no Linux of ours (a Mac), or has too many vCPUs.
fn instance_type(from: sdk::InstanceTypeInfo) -> Option<InstanceType> {
    let archs = from.processor_info?.supported_architectures.unwrap_or_default();
    let arch = if archs.contains(&sdk::ArchitectureType::Arm64) {
        Arch::Arm64
    } else if archs.contains(&sdk::ArchitectureType::X8664) {
        Arch::Amd64
    } else {
        return None;
    };
    let vcpus = u32::try_from(from.v_cpu_info?.default_v_cpus?).ok()?;
    let sold = from.supported_usage_classes.unwrap_or_default();
    (1..=MOST).contains(&vcpus).then_some(())?;
    Some(InstanceType {
        name: SmolStr::new(from.instance_type?.as_str()),
        arch,
        vcpus,
        memory_mib: u64::try_from(from.memory_info?.size_in_mib?).ok()?,
        spot: sold.contains(&sdk::UsageClassType::Spot),
    })
}

pub(super) async fn vpcs(cloud: &AwsCloud) -> Result<Vec<Vpc>> {
    let (vpcs, mut subnets) = futures::try_join!(listed_vpcs(cloud), listed_subnets(cloud))?;
    let mut strings = Interner::default();
    let mut found: Vec<_> = vpcs
        .into_iter()
        .filter_map(|from| {
            let id = from.vpc_id?;
            let tags = tags(from.tags, &mut strings);
            let own = subnets.extract_if(.., |subnet| subnet.vpc_id.as_deref() == Some(id.as_str()));
            let mut subnets: Vec<_> = own.filter_map(subnet).collect();
            subnets.sort_unstable_by(|a, b| (&a.zone, &a.id).cmp(&(&b.zone, &b.id)));
            Some(Vpc {
                name: tags.get("Name").filter(|name| !name.is_empty()).map(SmolStr::new),
                is_default: from.is_default.unwrap_or_default(),
                cidrs: cidrs(from.cidr_block_association_set, from.cidr_block),
                subnets,
                id: id.into(),
            })
        })
        .collect();
    found.sort_unstable_by(|a, b| (!a.is_default, &a.id).cmp(&(!b.is_default, &b.id)));
    Ok(found)
}

async fn listed_vpcs(cloud: &AwsCloud) -> Result<Vec<sdk::Vpc>> {
    const CALL: &str = "ec2:DescribeVpcs";
    let ask = || cloud.ec2.describe_vpcs().max_results(cloud.page(1000).max(5));
    Ok(pages!(cloud, CALL, ask(), vpcs))
}

async fn listed_subnets(cloud: &AwsCloud) -> Result<Vec<sdk::Subnet>> {
    const CALL: &str = "ec2:DescribeSubnets";
    let ask = || cloud.ec2.describe_subnets().max_results(cloud.page(1000).max(5));
    Ok(pages!(cloud, CALL, ask(), subnets))
}

/// The services that interface endpoints serve in a VPC under their usual names, each once.
pub(super) async fn endpoints(cloud: &AwsCloud, vpc: &str) -> Result<Vec<SmolStr>> {
    const CALL: &str = "ec2:DescribeVpcEndpoints";
    let filters = [
        filter("vpc-id", [vpc]),
        filter("vpc-endpoint-type", ["Interface"]),
        filter("vpc-endpoint-state", ["available", "pending"]),
    ];
    let ask = || {
        let ask = cloud.ec2.describe_vpc_endpoints().max_results(cloud.page(1000));
        ask.set_filters(Some(filters.to_vec()))
    };
    let told: Vec<sdk::VpcEndpoint> = pages!(cloud, CALL, ask(), vpc_endpoints);
    let named = told.into_iter().filter(|one| one.private_dns_enabled == Some(true));
    // Such as com.amazonaws.eu-west-1.secretsmanager.
    let mut services: Vec<_> = named
        .filter_map(|one| Some(SmolStr::new(one.service_name?.rsplit('.').next()?)))
        .collect();
    services.sort_unstable();
    services.dedup();
    Ok(services)
}

/// The networks that are associated now; the first one alone where EC2 lists no associations.
fn cidrs(set: Option<Vec<sdk::VpcCidrBlockAssociation>>, first: Option<String>) -> Vec<SmolStr> {
    let Some(set) = set.filter(|set| !set.is_empty()) else {
        return first.map(SmolStr::from).into_iter().collect();
    };
    let associated = |one: &sdk::VpcCidrBlockAssociation| {
        let state = one.cidr_block_state.as_ref().and_then(|state| state.state.as_ref());
        state == Some(&sdk::VpcCidrBlockStateCode::Associated)
    };
    let set = set.into_iter().filter(associated);
    set.filter_map(|one| one.cidr_block).map(SmolStr::from).collect()
}

fn subnet(from: sdk::Subnet) -> Option<Subnet> {
    Some(Subnet {
        id: from.subnet_id?.into(),
        zone: from.availability_zone?.into(),
        public: from.map_public_ip_on_launch.unwrap_or_default(),
    })
}

pub(super) async fn image(cloud: &AwsCloud, parameter: &str) -> Result<SmolStr> {
    const CALL: &str = "ssm:GetParameter";
    let question = cloud.ssm.get_parameter().name(parameter);
    let unknown = |code: &str, _: &str| code == "ParameterNotFound";
    let Some(answer) = cloud.call_unless(CALL, question.send(), unknown).await? else {
        return Err(ProviderError {
            kind: FaultKind::Other,
            call: SmolStr::new_static(CALL),
            target: format_smolstr!("{}", cloud.scope),
            message: format_smolstr!("no image is published as {parameter}"),
            mend: format_smolstr!(
                "choose another image or architecture: {} has not this one",
                cloud.scope.region
            ),
        });
    };
    let value = answer.parameter.and_then(|parameter| parameter.value);
    let image = value.filter(|value| value.starts_with("ami-"));
    image.map(SmolStr::from).ok_or_else(|| {
        let lacking = format_smolstr!("the parameter {parameter} names no image");
        error::malformed(CALL, &cloud.scope, lacking)
    })
}
