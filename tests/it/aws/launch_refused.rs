//! Launches that AWS answers in ways moto does not: tokens, lack of capacity, roles that are not known yet, consoles; and
//! resources that several services tell of differently.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use k3fleet::fleet::{FaultKind, InstanceId, Purchase};
use k3fleet::provider::{Cloud, CloudControl, Resource, ResourceKind};

use super::answers::ec2;
use super::launch::{group, machine, role, tags, template, workers};
use super::refusals::refusal;
use super::{cloud, options};
use crate::support::http::{Reply, Request, Server};

const INSTANCE: &str = "i-0123456789abcdef0";

fn form(request: &Request, field: &str) -> Option<String> {
    request.form(field)
}

fn action(request: &Request) -> String {
    request.form("Action").unwrap_or_default()
}

fn subnets() -> Vec<String> {
    vec!["subnet-1".to_owned(), "subnet-2".to_owned()]
}

/// An EC2 Fleet that launched, or did not.
fn fleet(launched: bool, errors: &[(&str, &str)]) -> Reply {
    let errors: String = errors
        .iter()
        .zip(["eu-west-1a", "eu-west-1b"].iter().cycle())
        .map(|((code, message), zone)| {
            format!(
                "<item><launchTemplateAndOverrides><overrides><instanceType>t3.small</instanceType>\
                 <availabilityZone>{zone}</availabilityZone></overrides></launchTemplateAndOverrides>\
                 <lifecycle>spot</lifecycle><errorCode>{code}</errorCode><errorMessage>{message}</errorMessage></item>"
            )
        })
        .collect();
    let instances = match launched {
        true => format!(
            "<item><instanceIds><item>{INSTANCE}</item></instanceIds><instanceType>t3.small</instanceType></item>"
        ),
        false => String::new(),
    };
    let inner = format!(
        "<fleetId>fleet-1</fleetId><errorSet>{errors}</errorSet><fleetInstanceSet>{instances}</fleetInstanceSet>"
    );
    Reply::xml(ec2("CreateFleet", &inner, None))
}

fn no_instances() -> Reply {
    Reply::xml(ec2("DescribeInstances", "<reservationSet/>", None))
}

const FULL: [(&str, &str); 2] = [
    (
        "InsufficientInstanceCapacity",
        "We currently do not have sufficient t3.small capacity",
    ),
    ("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded"),
];

#[tokio::test]
async fn a_machine_is_asked_for_in_all_types_and_zones_by_one_token() {
    let server = Server::start(|_: &Request| fleet(true, &[])).await;
    let cloud = cloud(&server.url(), options());
    for purchase in [Purchase::Spot, Purchase::OnDemand] {
        let launched = cloud.launch(&machine("shop", &subnets(), purchase)).await;
        assert_eq!(launched.expect("launched"), InstanceId::new(INSTANCE));
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 2, "nothing is asked besides");
    for (request, (kind, strategy, value)) in requests.iter().zip([
        ("spot", "SpotOptions.AllocationStrategy", "price-capacity-optimized"),
        ("on-demand", "OnDemandOptions.AllocationStrategy", "lowest-price"),
    ]) {
        let is = |field: &str, value: &str| assert_eq!(form(request, field).as_deref(), Some(value), "{field}");
        is("Action", "CreateFleet");
        is("Type", "instant");
        is("ClientToken", "launch-20261122T120000-00ff");
        is("TargetCapacitySpecification.TotalTargetCapacity", "1");
        is("TargetCapacitySpecification.DefaultTargetCapacityType", kind);
        is(strategy, value);
        let config = "LaunchTemplateConfigs.1";
        is(
            &format!("{config}.LaunchTemplateSpecification.LaunchTemplateName"),
            "k3fleet-shop-server",
        );
        is(&format!("{config}.LaunchTemplateSpecification.Version"), "$Latest");
        for (number, (kind, subnet)) in [
            ("t3.small", "subnet-1"),
            ("t3.small", "subnet-2"),
            ("t3a.small", "subnet-1"),
            ("t3a.small", "subnet-2"),
        ]
        .iter()
        .enumerate()
        {
            let place = format!("{config}.Overrides.{}", number + 1);
            is(&format!("{place}.InstanceType"), kind);
            is(&format!("{place}.SubnetId"), subnet);
        }
        is("TagSpecification.1.ResourceType", "fleet");
        is("TagSpecification.1.Tag.1.Key", "k3fleet:cluster");
        is("TagSpecification.1.Tag.1.Value", "shop");
    }
}

#[tokio::test]
async fn a_lack_of_capacity_names_what_was_tried_and_is_not_hammered() {
    let replies: [fn() -> Reply; 2] = [
        || fleet(false, &FULL),
        || refusal(500, "InsufficientInstanceCapacity", "Insufficient capacity."),
    ];
    for (reply, said) in replies
        .into_iter()
        .zip(["t3.small in eu-west-1a", "Insufficient capacity."])
    {
        let server = Server::start(move |request: &Request| match action(request).as_str() {
            "CreateFleet" => reply(),
            _ => no_instances(),
        })
        .await;
        let cloud = cloud(&server.url(), options());
        let refused = cloud.launch(&machine("shop", &subnets(), Purchase::Spot)).await;
        let refused = refused.expect_err("no capacity");
        assert_eq!(
            (refused.kind, refused.retryable()),
            (FaultKind::NoCapacity, false),
            "{refused}"
        );
        assert!(refused.message.contains("InsufficientInstanceCapacity"), "{refused}");
        assert!(refused.message.contains(said), "{refused}");
        let asked: Vec<_> = server.requests().iter().map(action).collect();
        assert_eq!(asked, ["CreateFleet", "DescribeInstances", "CreateFleet"]);
        let tokens: Vec<_> = server
            .requests()
            .iter()
            .filter_map(|one| form(one, "ClientToken"))
            .collect();
        assert_ne!(tokens[0], tokens[1], "a token may bring back its old answer");
        assert!(tokens.iter().all(|token| token.len() <= 64));
    }
}

#[tokio::test]
async fn a_machine_of_a_lost_answer_is_found_again() {
    let server = Server::start(|request: &Request| match action(request).as_str() {
        "CreateFleet" => fleet(false, &FULL),
        _ => {
            let tags: String = tags("shop", Some("server"))
                .iter()
                .map(|(key, value)| format!("<item><key>{key}</key><value>{value}</value></item>"))
                .collect();
            let inner = format!(
                "<reservationSet><item><instancesSet><item><instanceId>{INSTANCE}</instanceId>\
                 <instanceState><name>running</name></instanceState><instanceType>t3.small</instanceType>\
                 <tagSet>{tags}</tagSet></item></instancesSet></item></reservationSet>"
            );
            Reply::xml(ec2("DescribeInstances", &inner, None))
        }
    })
    .await;
    let cloud = cloud(&server.url(), options());
    let launched = cloud.launch(&machine("shop", &subnets(), Purchase::Spot)).await;
    assert_eq!(launched.expect("it is there"), InstanceId::new(INSTANCE));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn what_is_not_known_yet_is_worth_another_try() {
    let profile = "Value (k3fleet-shop-eu-west-1-server) for parameter iamInstanceProfile.name is invalid. Invalid IAM \
                   Instance Profile name";
    let server = Server::start(move |request: &Request| match action(request).as_str() {
        "CreateFleet" => fleet(false, &[("InvalidParameterValue", profile)]),
        "CreateAutoScalingGroup" => Reply::xml(format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>You must use a valid \
             fully-formed launch template. {profile}</Message></Error></ErrorResponse>"
        ))
        .status(400),
        "PutRolePolicy" | "AddRoleToInstanceProfile" => Reply::xml(
            "<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>no role</Message></Error>\
             </ErrorResponse>",
        )
        .status(404),
        "AuthorizeSecurityGroupIngress" => refusal(400, "InvalidGroup.NotFound", "no group"),
        _ => no_instances(),
    })
    .await;
    let cloud = cloud(&server.url(), options());
    for refused in [
        cloud
            .launch(&machine("shop", &subnets(), Purchase::Spot))
            .await
            .map(drop),
        cloud.make_asg(&workers("shop", &subnets())).await,
        cloud.grant_role(&role("shop", "server")).await,
        cloud.open_group("sg-1", &group("shop", "vpc-1")).await,
    ] {
        let refused = refused.expect_err("not yet");
        assert_eq!(
            (refused.kind, refused.retryable()),
            (FaultKind::NotYet, true),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn what_else_keeps_a_machine_from_launching_is_told_as_it_is() {
    let errors = [
        FULL[0],
        (
            "UnauthorizedOperation",
            "You are not authorized to perform this operation.",
        ),
    ];
    let server = Server::start(move |_: &Request| fleet(false, &errors)).await;
    let cloud = cloud(&server.url(), options());
    let refused = cloud.launch(&machine("shop", &subnets(), Purchase::Spot)).await;
    let refused = refused.expect_err("denied");
    assert_eq!(refused.kind, FaultKind::Denied);
    assert!(
        refused.message.starts_with("UnauthorizedOperation: You are not"),
        "{refused}"
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn an_instance_that_was_just_launched_may_be_unknown_for_a_while() {
    let server = Server::start(|request: &Request| match action(request).as_str() {
        "CreateFleet" => fleet(true, &[]),
        _ => refusal(400, "InvalidInstanceID.NotFound", "The instance ID does not exist"),
    })
    .await;
    let cloud = cloud(&server.url(), options());
    let id = InstanceId::new(INSTANCE);
    assert_eq!(cloud.look(&id).await.expect("an answer"), None);
    cloud
        .launch(&machine("shop", &subnets(), Purchase::Spot))
        .await
        .expect("launched");
    let refused = cloud.look(&id).await.expect_err("not yet");
    assert_eq!(refused.kind, FaultKind::NotYet);
}

#[tokio::test]
async fn a_template_says_how_machines_are_kept() {
    let made = AtomicUsize::new(0);
    let server = Server::start(move |_: &Request| match made.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::xml(ec2("CreateLaunchTemplate", "<launchTemplate/>", None)),
        _ => refusal(400, "InvalidLaunchTemplateName.AlreadyExistsException", "it exists"),
    })
    .await;
    let cloud = cloud(&server.url(), options());
    for _ in 0..2 {
        let order = template("shop", "server", "ami-1", "sg-1");
        cloud.make_template(&order).await.expect("made");
    }
    let request = &server.requests()[0];
    let data = |field: &str| form(request, &format!("LaunchTemplateData.{field}"));
    for (field, value) in [
        ("ImageId", "ami-1"),
        ("InstanceType", "t3.small"),
        ("SecurityGroupId.1", "sg-1"),
        ("IamInstanceProfile.Name", "k3fleet-shop-eu-west-1-server"),
        ("MetadataOptions.HttpTokens", "required"),
        ("MetadataOptions.HttpEndpoint", "enabled"),
        ("MetadataOptions.HttpPutResponseHopLimit", "1"),
        ("MetadataOptions.InstanceMetadataTags", "enabled"),
        ("BlockDeviceMapping.1.DeviceName", "/dev/xvda"),
        ("BlockDeviceMapping.1.Ebs.Encrypted", "true"),
        ("BlockDeviceMapping.1.Ebs.VolumeType", "gp3"),
        ("BlockDeviceMapping.1.Ebs.VolumeSize", "20"),
        ("BlockDeviceMapping.1.Ebs.DeleteOnTermination", "true"),
        ("InstanceInitiatedShutdownBehavior", "terminate"),
        ("UserData", "IyEvYmluL3NoCmVjaG8gw7wK"),
        ("TagSpecification.1.ResourceType", "instance"),
        ("TagSpecification.2.ResourceType", "volume"),
        ("TagSpecification.2.Tag.1.Key", "k3fleet:cluster"),
    ] {
        assert_eq!(data(field).as_deref(), Some(value), "{field}");
    }
    assert_eq!((data("KeyName"), data("TagSpecification.3.ResourceType")), (None, None));
    assert_eq!(
        form(request, "TagSpecification.1.ResourceType").as_deref(),
        Some("launch-template")
    );
}

#[tokio::test]
async fn a_group_opens_to_its_own_machines_and_to_whom_it_is_told_once() {
    let stands = Mutex::new(false);
    let server = Server::start(move |request: &Request| {
        let several = form(request, "IpPermissions.2.IpProtocol").is_some();
        let ssh = form(request, "IpPermissions.1.FromPort").as_deref() == Some("22");
        let mut stands = stands.lock().expect("nobody panicked");
        if several && !*stands {
            *stands = true;
            return Reply::xml(ec2("AuthorizeSecurityGroupIngress", "<return>true</return>", None));
        }
        // Only SSH was closed again by somebody.
        match ssh {
            true => Reply::xml(ec2("AuthorizeSecurityGroupIngress", "<return>true</return>", None)),
            false => refusal(400, "InvalidPermission.Duplicate", "the specified rule already exists"),
        }
    })
    .await;
    let cloud = cloud(&server.url(), options());
    let order = group("shop", "vpc-1");
    cloud.open_group("sg-1", &order).await.expect("open");
    cloud.open_group("sg-1", &order).await.expect("open again");
    let mut closed = order.clone();
    closed.open.iter_mut().for_each(|one| one.from.clear());
    cloud.open_group("sg-1", &closed).await.expect("nobody from outside");

    let requests = server.requests();
    assert_eq!(requests.len(), 1 + 4 + 1);
    let first = |field: &str| form(&requests[0], &format!("IpPermissions.{field}"));
    for (field, value) in [
        ("1.IpProtocol", "-1"),
        ("1.Groups.1.GroupId", "sg-1"),
        ("2.IpProtocol", "tcp"),
        ("2.FromPort", "6443"),
        ("2.ToPort", "6443"),
        ("2.IpRanges.1.CidrIp", "203.0.113.7/32"),
        ("2.IpRanges.1.Description", "Kubernetes API"),
        ("2.Ipv6Ranges.1.CidrIpv6", "2001:db8::/48"),
        ("3.FromPort", "22"),
    ] {
        assert_eq!(first(field).as_deref(), Some(value), "{field}");
    }
    assert_eq!(form(&requests[5], "IpPermissions.2.IpProtocol"), None);
}

#[tokio::test]
async fn workers_are_made_once_and_end_in_time() {
    let made = AtomicUsize::new(0);
    let server = Server::start(move |request: &Request| match action(request).as_str() {
        "CreateAutoScalingGroup" if made.fetch_add(1, Ordering::Relaxed) > 0 => Reply::xml(
            "<ErrorResponse><Error><Type>Sender</Type><Code>AlreadyExists</Code><Message>it exists</Message></Error>\
             </ErrorResponse>",
        )
        .status(400),
        call => Reply::xml(format!("<{call}Response></{call}Response>")),
    })
    .await;
    let cloud = cloud(&server.url(), options());
    let ends = "2026-11-22T13:00:00Z".parse().expect("a time");
    for _ in 0..2 {
        let group = workers("shop", &subnets());
        cloud.make_asg(&group).await.expect("made");
        cloud.expire(&group.name, "k3fleet-expires", ends).await.expect("ends");
    }
    let mut bought = workers("shop", &subnets());
    bought.purchase = Purchase::OnDemand;
    cloud.make_asg(&bought).await.expect("there already");
    let requests = server.requests();
    let calls: Vec<_> = requests.iter().map(action).collect();
    let (create, expire) = ("CreateAutoScalingGroup", "PutScheduledUpdateGroupAction");
    assert_eq!(calls, [create, expire, create, expire, create]);
    let policy = "MixedInstancesPolicy.InstancesDistribution";
    for (number, field, value) in [
        (0, "MinSize", "0"),
        (0, "MaxSize", "10"),
        (0, "DesiredCapacity", "2"),
        (0, "VPCZoneIdentifier", "subnet-1,subnet-2"),
        (0, "CapacityRebalance", "true"),
        (0, "Tags.member.1.Key", "k3fleet:cluster"),
        (0, "Tags.member.1.PropagateAtLaunch", "false"),
        (
            0,
            "MixedInstancesPolicy.LaunchTemplate.Overrides.member.2.InstanceType",
            "t3a.small",
        ),
        (1, "ScheduledActionName", "k3fleet-expires"),
        (1, "StartTime", "2026-11-22T13:00:00Z"),
        (1, "MinSize", "0"),
        (1, "MaxSize", "0"),
        (1, "DesiredCapacity", "0"),
    ] {
        assert_eq!(form(&requests[number], field).as_deref(), Some(value), "{field}");
    }
    for (number, percent, strategy) in [
        (0, "0", "price-capacity-optimized"),
        (4, "100", "price-capacity-optimized"),
    ] {
        let is = |field: &str| form(&requests[number], &format!("{policy}.{field}"));
        assert_eq!(is("OnDemandPercentageAboveBaseCapacity").as_deref(), Some(percent));
        assert_eq!(is("SpotAllocationStrategy").as_deref(), Some(strategy));
        assert_eq!(is("OnDemandAllocationStrategy").as_deref(), Some("lowest-price"));
    }
}

#[tokio::test]
async fn a_console_is_read_whatever_the_machine_is_made_of() {
    let output = |text: &str| {
        let inner = format!("<instanceId>{INSTANCE}</instanceId><output>{text}</output>");
        Reply::xml(ec2("GetConsoleOutput", &inner, None))
    };
    let server = Server::start(move |request: &Request| match form(request, "InstanceId").as_deref() {
        Some("i-nitro") => output("azNmbGVldDogc3RhcnRpbmcgw7wK"),
        Some("i-xen") if form(request, "Latest").is_some() => refusal(
            400,
            "UnsupportedOperation",
            "This instance type does not support retrieving the latest console",
        ),
        Some("i-xen") => output("b2xk"),
        Some("i-odd") => output("%%"),
        _ => output(""),
    })
    .await;
    let cloud = cloud(&server.url(), options());
    let console = async |id: &str| cloud.console(&InstanceId::new(id)).await;
    assert_eq!(
        console("i-nitro").await.expect("text").as_deref(),
        Some("k3fleet: starting ü\n")
    );
    assert_eq!(console("i-xen").await.expect("text").as_deref(), Some("old"));
    assert_eq!(console("i-new").await.expect("nothing yet"), None);
    let refused = console("i-odd").await.expect_err("no base64");
    assert_eq!(refused.kind, FaultKind::Malformed);
}

#[tokio::test]
async fn what_is_still_used_is_deleted_later() {
    let iam = |code: &str| {
        Reply::xml(format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
        ))
    };
    let server = Server::start(move |request: &Request| match action(request).as_str() {
        "DeleteSecurityGroup" => refusal(400, "DependencyViolation", "resource sg-1 has a dependent object"),
        "DeleteVolume" => refusal(400, "VolumeInUse", "Volume vol-1 is currently attached"),
        "DeleteLaunchTemplate" => refusal(400, "InvalidLaunchTemplateName.NotFoundException", "no such template"),
        "DeleteAutoScalingGroup" => iam("ScalingActivityInProgress").status(400),
        "ListRolePolicies" | "ListInstanceProfilesForRole" => {
            let call = action(request);
            Reply::xml(format!(
                "<{call}Response><{call}Result></{call}Result></{call}Response>"
            ))
        }
        "DeleteRole" => iam("DeleteConflict").status(409),
        _ => Reply::new(599, "not expected"),
    })
    .await;
    let cloud = cloud(&server.url(), options());
    let delete = async |kind, id: &str| cloud.delete(&resource(kind, id)).await;
    for (kind, id) in [
        (ResourceKind::SecurityGroup, "sg-1"),
        (ResourceKind::Volume, "vol-1"),
        (ResourceKind::Asg, "workers"),
        (ResourceKind::Role, "k3fleet-shop"),
    ] {
        let refused = delete(kind, id).await.expect_err("in use");
        assert_eq!(
            (refused.kind, refused.retryable()),
            (FaultKind::NotYet, true),
            "{refused}"
        );
    }
    delete(ResourceKind::LaunchTemplate, "gone").await.expect("it is gone");
}

fn resource(kind: ResourceKind, id: &str) -> Resource {
    Resource {
        kind,
        id: id.into(),
        name: None,
        cluster: "shop".into(),
        expires_at: None,
        of_kubernetes: false,
        gib: None,
    }
}

#[tokio::test]
async fn what_the_tagging_api_has_not_forgotten_is_not_believed() {
    let told = |arns: &[&str]| {
        let all: Vec<_> = arns
            .iter()
            .map(|arn| {
                serde_json::json!({"ResourceARN": format!("arn:aws:{arn}"),
                    "Tags": [{"Key": "k3fleet:cluster", "Value": "shop"}]})
            })
            .collect();
        serde_json::json!({"ResourceTagMappingList": all, "PaginationToken": ""}).to_string()
    };
    let of_cluster = told(&[
        "ec2:eu-west-1:1:instance/i-terminated",
        "secretsmanager:eu-west-1:1:secret:k3fleet/shop/kubeconfig-AbCdEf",
        "secretsmanager:eu-west-1:1:secret:k3fleet/shop/gone-AbCdEf",
        "secretsmanager:eu-west-1:1:secret:k3fleet/shop/going-AbCdEf",
        "ssm:eu-west-1:1:parameter/k3fleet/shop/gone",
        "iam::1:role/k3fleet/gone",
        "sqs:eu-west-1:1:k3fleet-shop",
        "elasticloadbalancing:eu-west-1:1:loadbalancer/net/web/1",
    ]);
    let server = Server::start(move |request: &Request| {
        let target = request.header("x-amz-target").unwrap_or_default().to_owned();
        let asked = request.text();
        match (target.rsplit('.').next().unwrap_or_default(), action(request).as_str()) {
            ("GetResources", _) if asked.contains("\"k3fleet:cluster\"") => Reply::json(of_cluster.clone()),
            ("GetResources", _) => Reply::json(told(&[])),
            // The list lags: it knows nothing of the new secret.
            ("ListSecrets", _) => Reply::json(r#"{"SecretList": []}"#),
            ("DescribeSecret", _) if asked.contains("gone") => {
                Reply::json(r#"{"__type": "ResourceNotFoundException", "Message": "no"}"#).status(400)
            }
            ("DescribeSecret", _) if asked.contains("going") => {
                Reply::json(r#"{"Name": "k3fleet/shop/going", "DeletedDate": 1.7e9, "Tags": []}"#)
            }
            ("DescribeSecret", _) => Reply::json(
                r#"{"Name": "k3fleet/shop/kubeconfig", "Tags": [{"Key": "k3fleet:cluster", "Value": "shop"}]}"#,
            ),
            ("DescribeParameters", _) => {
                Reply::json(r#"{"Parameters": [{"Name": "/k3fleet/shop/lock"}, {"Name": "/k3fleet/shop/spec"}]}"#)
            }
            (_, "DescribeTags") => {
                let row = |id: &str, kind: &str| {
                    format!(
                        "<item><resourceId>{id}</resourceId><resourceType>{kind}</resourceType>\
                         <key>k3fleet:cluster</key><value>shop</value></item>"
                    )
                };
                let rows = [
                    row("i-terminated", "instance"),
                    row("fleet-1", "fleet"),
                    row("eni-1", "network-interface"),
                    row("eipalloc-1", "elastic-ip"),
                ]
                .concat();
                Reply::xml(ec2("DescribeTags", &format!("<tagSet>{rows}</tagSet>"), None))
            }
            (_, "GetCallerIdentity") => Reply::xml(
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::1:user/x</Arn>\
                 <Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>",
            ),
            (_, call @ ("ListRoles" | "ListInstanceProfiles" | "DescribeAutoScalingGroups")) => Reply::xml(format!(
                "<{call}Response><{call}Result></{call}Result></{call}Response>"
            )),
            (_, call) => Reply::xml(ec2(call, "", None)),
        }
    })
    .await;
    let cloud = cloud(&server.url(), options());
    let found = cloud.resources(Some("shop")).await.expect("resources");
    let found: Vec<_> = found.iter().map(|one| (one.kind, one.id.as_str())).collect();
    assert_eq!(
        found,
        [
            (
                ResourceKind::LoadBalancer,
                "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/net/web/1"
            ),
            (ResourceKind::NetworkInterface, "eni-1"),
            (ResourceKind::Parameter, "/k3fleet/shop/spec"),
            (ResourceKind::Secret, "k3fleet/shop/kubeconfig"),
            (ResourceKind::Other, "arn:aws:ec2:eu-west-1:1:elastic-ip/eipalloc-1"),
            (ResourceKind::Other, "arn:aws:sqs:eu-west-1:1:k3fleet-shop"),
        ]
    );
}
