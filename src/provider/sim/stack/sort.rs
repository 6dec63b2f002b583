//! What each type of resource is: how long it takes, what it is called, and by which ARN its tags are found.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use smol_str::SmolStr;

use super::value::{Place, text};
use crate::provider::ResourceKind;

/// A type of resources.
pub(super) struct Sort {
    name: &'static str,
    /// How many seconds it takes to be made and to be deleted.
    pub(super) takes: [f64; 2],
    /// What `Ref` gives: `{x}` is a number, `{name}` a name that CloudFormation makes.
    physical: &'static str,
    /// Its ARN after `arn:aws:`, where it has tags; `{p}` is what `Ref` gives.
    arn: &'static str,
}

const fn sort(name: &'static str, takes: [f64; 2], physical: &'static str, arn: &'static str) -> Sort {
    Sort {
        name,
        takes,
        physical,
        arn,
    }
}

/// The types that clusters are made of. How long they take is what CloudFormation takes on a usual day.
const SORTS: &[Sort] = &[
    sort("EC2::VPC", [12.0, 3.0], "vpc-0{x}", "ec2:{r}:{a}:vpc/{p}"),
    sort("EC2::Subnet", [5.0, 3.0], "subnet-0{x}", "ec2:{r}:{a}:subnet/{p}"),
    sort(
        "EC2::InternetGateway",
        [16.0, 3.0],
        "igw-0{x}",
        "ec2:{r}:{a}:internet-gateway/{p}",
    ),
    sort("EC2::VPCGatewayAttachment", [4.0, 4.0], "IGW|{name}", ""),
    sort(
        "EC2::RouteTable",
        [11.0, 3.0],
        "rtb-0{x}",
        "ec2:{r}:{a}:route-table/{p}",
    ),
    sort("EC2::Route", [4.0, 3.0], "{name}", ""),
    sort("EC2::SubnetRouteTableAssociation", [4.0, 3.0], "rtbassoc-0{x}", ""),
    sort(
        "EC2::EIP",
        [15.0, 3.0],
        "198.51.100.{b}",
        "ec2:{r}:{a}:elastic-ip/eipalloc-0{x}",
    ),
    sort(
        "EC2::NatGateway",
        [110.0, 60.0],
        "nat-0{x}",
        "ec2:{r}:{a}:natgateway/{p}",
    ),
    sort(
        "EC2::VPCEndpoint",
        [75.0, 110.0],
        "vpce-0{x}",
        "ec2:{r}:{a}:vpc-endpoint/{p}",
    ),
    sort("EC2::SecurityGroup", [6.0, 3.0], "sg-0{x}", ""),
    sort("EC2::SecurityGroupIngress", [3.0, 2.0], "sgr-0{x}", ""),
    sort("EC2::LaunchTemplate", [4.0, 2.0], "lt-0{x}", ""),
    sort("EC2::SpotFleet", [12.0, 5.0], "sfr-{u}", ""),
    sort("AutoScaling::AutoScalingGroup", [18.0, 5.0], "{name}", ""),
    sort(
        "ElasticLoadBalancingV2::LoadBalancer",
        [155.0, 12.0],
        "arn:aws:elasticloadbalancing:{r}:{a}:loadbalancer/net/{short}/{x}",
        "",
    ),
    sort(
        "ElasticLoadBalancingV2::TargetGroup",
        [4.0, 3.0],
        "arn:aws:elasticloadbalancing:{r}:{a}:targetgroup/{short}/{x}",
        "elasticloadbalancing:{r}:{a}:targetgroup/{short}/{x}",
    ),
    sort(
        "ElasticLoadBalancingV2::Listener",
        [3.0, 3.0],
        "arn:aws:elasticloadbalancing:{r}:{a}:listener/net/{short}/{x}/{x}",
        "",
    ),
    sort("IAM::Role", [18.0, 3.0], "{name}", ""),
    sort("IAM::InstanceProfile", [126.0, 3.0], "{name}", ""),
    sort("IAM::Policy", [17.0, 3.0], "{name}", ""),
    sort(
        "SecretsManager::Secret",
        [8.0, 3.0],
        "arn:aws:secretsmanager:{r}:{a}:secret:{called}-{six}",
        "",
    ),
    sort(
        "SQS::Queue",
        [66.0, 62.0],
        "https://sqs.{r}.amazonaws.com/{a}/{name}",
        "sqs:{r}:{a}:{name}",
    ),
    sort("SQS::QueuePolicy", [3.0, 2.0], "{name}", ""),
    sort("Events::Rule", [57.0, 4.0], "{name}", "events:{r}:{a}:rule/{p}"),
    sort(
        "Lambda::Function",
        [18.0, 40.0],
        "{name}",
        "lambda:{r}:{a}:function:{p}",
    ),
    sort("Lambda::EventSourceMapping", [33.0, 25.0], "{u}", ""),
    sort("Logs::LogGroup", [5.0, 3.0], "{name}", "logs:{r}:{a}:log-group:{p}"),
    sort("S3::Bucket", [22.0, 4.0], "{lower}", "s3:::{p}"),
    sort("S3::BucketPolicy", [3.0, 2.0], "{name}", ""),
    sort(
        "EFS::FileSystem",
        [7.0, 8.0],
        "fs-0{x}",
        "elasticfilesystem:{r}:{a}:file-system/{p}",
    ),
    sort("EFS::MountTarget", [92.0, 45.0], "fsmt-0{x}", ""),
    sort("RDS::DBSubnetGroup", [4.0, 3.0], "{lower}", "rds:{r}:{a}:subgrp:{p}"),
    sort("RDS::DBCluster", [62.0, 65.0], "{lower}", "rds:{r}:{a}:cluster:{p}"),
    sort("RDS::DBInstance", [420.0, 230.0], "{lower}", "rds:{r}:{a}:db:{p}"),
    sort(
        "CloudFormation::WaitConditionHandle",
        [1.0, 1.0],
        "https://cloudformation-waitcondition-{r}.s3.amazonaws.com/{name}?X={x}",
        "",
    ),
    sort(
        "CloudFormation::WaitCondition",
        [2.0, 1.0],
        "arn:aws:cloudformation:{r}:{a}:stack/{stack}/{name}",
        "",
    ),
];

/// Of what the world knows nothing else.
const OTHER: Sort = sort("", [5.0, 3.0], "{name}", "");

/// The type with a name, such as `AWS::EC2::VPC`.
pub(super) fn sort_of(kind: &str) -> &'static Sort {
    let name = kind.strip_prefix("AWS::").unwrap_or(kind);
    SORTS.iter().find(|sort| sort.name == name).unwrap_or(&OTHER)
}

/// What a new resource is called.
pub(super) struct Called {
    pub(super) physical: SmolStr,
    /// By what the world knows it, where it has tags.
    pub(super) thing: Option<(ResourceKind, SmolStr)>,
    pub(super) tells: BTreeMap<SmolStr, Value>,
}

/// Names a new resource, from its properties and a number that nothing else has.
pub(super) fn call(kind: &str, resource: &str, properties: &Value, place: &Place, number: u64) -> Called {
    let sort = sort_of(kind);
    let x = format!("{number:016x}");
    let letters: String = x.chars().take(8).map(|c| c.to_ascii_uppercase()).collect();
    let name = format!("{}-{resource}-{letters}", place.stack);
    let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    let own = |key: &str| properties.get(key).map(text);
    let called = ["Name", "AutoScalingGroupName", "LaunchTemplateName"]
        .into_iter()
        .find_map(own);
    let fill = |form: &str, physical: &str| {
        form.replace("{p}", physical)
            .replace("{r}", &place.region)
            .replace("{a}", &place.account)
            .replace("{stack}", &place.stack)
            .replace("{short}", &format!("{}-{letters}", cut(&place.stack, 16)))
            .replace("{lower}", &cut(&name, 63).to_lowercase())
            .replace("{called}", called.as_deref().unwrap_or(&name))
            .replace("{name}", &name)
            .replace("{six}", &cut(&x, 6))
            .replace("{u}", &uuid(&x))
            .replace("{b}", &(number % 250 + 2).to_string())
            .replace("{x}", &x)
    };
    let group = sort.name == "AutoScaling::AutoScalingGroup";
    let physical = match called.as_deref().filter(|_| group) {
        Some(called) => called.to_owned(),
        None => fill(sort.physical, ""),
    };
    let arn = (!sort.arn.is_empty()).then(|| format!("arn:aws:{}", fill(sort.arn, &physical)));
    let mut tells: BTreeMap<SmolStr, Value> = BTreeMap::new();
    if let Some(arn) = &arn {
        tells.insert("Arn".into(), arn.as_str().into());
    }
    let more: &[(&str, Value)] = &match sort.name {
        "EC2::VPC" | "EC2::Subnet" => vec![
            ("CidrBlock", properties.get("CidrBlock").cloned().unwrap_or_default()),
            (
                "AvailabilityZone",
                properties.get("AvailabilityZone").cloned().unwrap_or_default(),
            ),
            ("VpcId", properties.get("VpcId").cloned().unwrap_or_default()),
            (
                "MapPublicIpOnLaunch",
                properties.get("MapPublicIpOnLaunch").cloned().unwrap_or_default(),
            ),
        ],
        "EC2::EIP" => vec![("AllocationId", json!(format!("eipalloc-0{x}")))],
        "EC2::SecurityGroup" => vec![("GroupId", json!(physical))],
        "EC2::LaunchTemplate" => vec![
            ("LatestVersionNumber", json!("1")),
            ("Name", json!(called.clone().unwrap_or(name.clone()))),
        ],
        "EC2::VPCEndpoint" => {
            let service = own("ServiceName").unwrap_or_default();
            let service = service.rsplit('.').next().unwrap_or_default().to_owned();
            let dns = format!(
                "Z{}:{physical}-{}.{service}.{}.vpce.amazonaws.com",
                cut(&letters, 6),
                cut(&x, 8),
                place.region
            );
            let known = own("VpcEndpointType").as_deref() == Some("Interface")
                && own("PrivateDnsEnabled").as_deref() == Some("true");
            vec![
                ("DnsEntries", json!([dns])),
                ("VpcId", json!(own("VpcId"))),
                ("Service", if known { json!(service) } else { Value::Null }),
            ]
        }
        "ElasticLoadBalancingV2::LoadBalancer" => {
            vec![(
                "DNSName",
                json!(format!(
                    "{}-{}-{x}.elb.{}.amazonaws.com",
                    cut(&place.stack, 16).to_lowercase(),
                    cut(&letters, 4).to_lowercase(),
                    place.region
                )),
            )]
        }
        "IAM::Role" => vec![("Arn", json!(format!("arn:aws:iam::{}:role/{physical}", place.account)))],
        "IAM::InstanceProfile" => vec![(
            "Arn",
            json!(format!("arn:aws:iam::{}:instance-profile/{physical}", place.account)),
        )],
        "SecretsManager::Secret" => vec![("Id", json!(physical))],
        "SQS::Queue" => vec![
            ("QueueName", json!(name)),
            (
                "MessageRetentionPeriod",
                properties
                    .get("MessageRetentionPeriod")
                    .cloned()
                    .unwrap_or(json!(345_600)),
            ),
        ],
        "RDS::DBCluster" => vec![(
            "Endpoint.Address",
            json!(format!(
                "{physical}.cluster-{}.{}.rds.amazonaws.com",
                cut(&x, 12),
                place.region
            )),
        )],
        "RDS::DBInstance" => vec![(
            "Endpoint.Address",
            json!(format!("{physical}.{}.{}.rds.amazonaws.com", cut(&x, 12), place.region)),
        )],
        _ => vec![],
    };
    tells.extend(more.iter().map(|(key, value)| ((*key).into(), value.clone())));
    let known = |kind: ResourceKind, id: &str| Some((kind, SmolStr::new(id)));
    let thing = match sort.name {
        "EC2::SecurityGroup" => known(ResourceKind::SecurityGroup, &physical),
        "EC2::LaunchTemplate" => known(ResourceKind::LaunchTemplate, called.as_deref().unwrap_or(&name)),
        "ElasticLoadBalancingV2::LoadBalancer" => known(ResourceKind::LoadBalancer, &physical),
        "IAM::Role" => known(ResourceKind::Role, &physical),
        "IAM::InstanceProfile" => known(ResourceKind::InstanceProfile, &physical),
        "SecretsManager::Secret" => known(ResourceKind::Secret, called.as_deref().unwrap_or(&name)),
        _ => arn.as_deref().and_then(|arn| known(ResourceKind::Other, arn)),
    };
    Called {
        physical: physical.into(),
        thing,
        tells,
    }
}

/// A number as the id of what has one of this form.
pub(super) fn uuid(x: &str) -> String {
    let part = |from: usize, to: usize| x.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-4{}-a{}-{}{}",
        part(0, 8),
        part(8, 12),
        part(1, 4),
        part(5, 8),
        part(4, 12),
        part(12, 16)
    )
}

/// Properties that a type cannot change in place.
pub(super) fn is_fixed(kind: &str, property: &str) -> bool {
    let name = kind.strip_prefix("AWS::").unwrap_or(kind);
    match name {
        "EC2::SecurityGroup" => matches!(property, "GroupDescription" | "GroupName" | "VpcId"),
        "EC2::SecurityGroupIngress" => property != "Description",
        "EC2::LaunchTemplate" => property == "LaunchTemplateName",
        "AutoScaling::AutoScalingGroup" => property == "AutoScalingGroupName",
        "EC2::SpotFleet" => property != "Tags",
        "EC2::VPC" => property == "CidrBlock",
        "EC2::Subnet" => matches!(property, "CidrBlock" | "AvailabilityZone" | "VpcId"),
        "EC2::VPCEndpoint" => matches!(property, "VpcId" | "ServiceName" | "VpcEndpointType"),
        "ElasticLoadBalancingV2::LoadBalancer" => matches!(property, "Name" | "Scheme" | "Type"),
        "ElasticLoadBalancingV2::TargetGroup" => {
            matches!(property, "Name" | "Port" | "Protocol" | "VpcId" | "TargetType")
        }
        "SecretsManager::Secret" => property == "Name",
        "EFS::FileSystem" => matches!(property, "Encrypted" | "PerformanceMode"),
        "EFS::MountTarget" => matches!(property, "FileSystemId" | "SubnetId"),
        "RDS::DBCluster" => matches!(
            property,
            "Engine" | "MasterUsername" | "DatabaseName" | "StorageEncrypted" | "DBSubnetGroupName"
        ),
        "RDS::DBInstance" => matches!(property, "Engine" | "DBClusterIdentifier"),
        _ => matches!(property, "BucketName" | "QueueName" | "RoleName" | "FunctionName"),
    }
}
