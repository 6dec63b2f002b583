//! Who may do what, and who may reach whom: no more than is needed.

use super::*;

/// The statements of a role's policies.
fn statements(template: &Value, role: &str) -> Vec<Value> {
    let own = &resources(template)[role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"];
    own.as_array().unwrap().clone()
}

fn statement(template: &Value, role: &str, id: &str) -> Value {
    let mut all = statements(template, role).into_iter();
    all.find(|statement| statement["Sid"] == id).unwrap_or_default()
}

fn actions(statement: &Value) -> Vec<String> {
    match &statement["Action"] {
        Value::Array(all) => all.iter().map(|action| action.as_str().unwrap().to_owned()).collect(),
        one => vec![one.as_str().unwrap().to_owned()],
    }
}

fn parameter(name: &str) -> Value {
    let account = "arn:${AWS::Partition}:ssm:eu-west-1:${AWS::AccountId}";
    substitute(format!("{account}:parameter/k3fleet/shop/{name}"))
}

#[test]
fn workers_read_the_agent_token_and_nothing_else() {
    let template = rendered(|_, _| ());
    let own = statements(&template, "WorkerRole");
    assert_eq!(own.len(), 1);
    assert_eq!(
        (&own[0]["Action"], &own[0]["Resource"]),
        (
            &"ssm:GetParameter".into(),
            &json!([parameter("agent-token:*"), parameter("agent-token")])
        )
    );
    let commands = &resources(&template)["TakeCommands"]["Properties"]["PolicyDocument"]["Statement"];
    assert_eq!(commands[0]["Action"], json!(crate::blueprint::iam::AGENT));
}

#[test]
fn servers_write_once_who_makes_the_cluster() {
    let template = rendered(|_, _| ());
    let once = statement(&template, "ServerRole", "WriteOnce");
    assert_eq!(
        once["Resource"],
        json!([parameter("first-server-*"), parameter("initialised")])
    );
    assert_eq!(once["Condition"], json!({"StringEquals": {"ssm:Overwrite": "false"}}));
    let lock = statement(&template, "ServerRole", "JoinOneByOne");
    assert_eq!(
        (&lock["Resource"], lock.get("Condition")),
        (&parameter("join-lock"), None)
    );
    let tags = statement(&template, "ServerRole", "TagParameters");
    assert_eq!(
        tags["Condition"],
        json!({"StringEquals": {"aws:RequestTag/k3fleet:cluster": "shop"}})
    );
    let secrets = statement(&template, "ServerRole", "HandOver");
    assert_eq!(secrets["Resource"], json!([refer("Kubeconfig"), refer("ReaperAccess")]));
}

#[test]
fn servers_reach_their_own_store_only() {
    let all = |store: &Store| {
        let store = store.clone();
        let template = rendered(|_, ha| ha.store = store);
        let mut ids: Vec<_> = statements(&template, "ServerRole")
            .iter()
            .map(|s| s["Sid"].as_str().unwrap().to_owned())
            .collect();
        ids.retain(|id| ["KeepSnapshots", "FindBucket", "JoinOneByOne", "ReadDatabaseLogin"].contains(&id.as_str()));
        let reads = statement(&template, "ServerRole", "ReadParameters")["Resource"].clone();
        assert_eq!(reads, parameter("*"));
        ids
    };
    assert_eq!(all(&Store::default()), ["JoinOneByOne", "FindBucket", "KeepSnapshots"]);
    assert_eq!(all(&AURORA), ["ReadDatabaseLogin"]);
    assert_eq!(all(&Store::External), Vec::<String>::new());
}

/// What knows no resource in AWS, and what Lambda checks for on all.
#[test]
fn only_few_actions_are_allowed_on_everything() {
    let known = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeImages",
        "ec2:DescribeInstances",
        "ec2:DescribeInstanceStatus",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
        "ec2:RequestSpotInstances",
        "ec2:RunInstances",
        "ec2:UnassignPrivateIpAddresses",
        "elasticfilesystem:DescribeAccessPoints",
        "elasticfilesystem:DescribeFileSystems",
        "elasticfilesystem:DescribeMountTargets",
    ];
    for spec in combinations() {
        let template = template(&spec, &site());
        for (name, _) in of_type(&template, "IAM::Role") {
            let all = statements(&template, name);
            let allowed = all.iter().filter(|s| s["Effect"] == "Allow");
            for action in allowed.clone().flat_map(actions) {
                assert!(!action.contains('*'), "{name}: {action}");
            }
            for action in allowed.filter(|s| s["Resource"] == "*").flat_map(actions) {
                assert!(known.contains(&action.as_str()), "{name}: {action}");
            }
        }
    }
}

#[test]
fn the_reaper_lets_go_of_this_clusters_machines_only() {
    let template = rendered(|_, ha| ha.pools.push(pool("fleet", PoolKind::SpotFleet)));
    let lets_go = statement(&template, "ReaperRole", "LetGo");
    let account = "arn:${AWS::Partition}:autoscaling:eu-west-1:${AWS::AccountId}";
    let names = format!("{account}:autoScalingGroup:*:autoScalingGroupName/k3fleet-shop-*");
    assert_eq!(lets_go["Resource"], substitute(names));
    let own = json!({"StringEquals": {"aws:ResourceTag/k3fleet:cluster": "shop"}});
    assert_eq!(lets_go["Condition"], own);
    let heard = &resources(&template)["GroupRule"]["Properties"]["EventPattern"]["detail"]["AutoScalingGroupName"];
    assert_eq!(*heard, json!(["k3fleet-shop-k3s_servers", "k3fleet-shop-k3s_workers"]));
    let code = statement(&template, "ReaperRole", "NotByCode");
    assert_eq!((&code["Effect"], &code["Action"]), (&"Deny".into(), &"ec2:*".into()));
}

#[test]
fn a_spot_fleet_hands_over_the_workers_role_and_ends_its_own_machines_only() {
    let template = rendered(|_, ha| ha.pools[0].kind = PoolKind::SpotFleet);
    let hands = statement(&template, "SpotFleetRole", "HandRole");
    assert_eq!(hands["Resource"], attribute("Arn", "WorkerRole"));
    let ends = statement(&template, "SpotFleetRole", "End");
    assert_eq!(
        ends["Condition"],
        json!({"StringEquals": {"aws:ResourceTag/k3fleet:cluster": "shop"}})
    );
    assert!(
        of_type(&rendered(|_, _| ()), "IAM::Role")
            .iter()
            .all(|(name, _)| *name != "SpotFleetRole")
    );
}

/// The rules between groups and networks, each as `to <- from: protocol first-last`.
fn rules(template: &Value) -> BTreeSet<String> {
    let rule = |(_, rule): (&str, &Value)| {
        let group = |of: &Value| {
            of["Ref"]
                .as_str()
                .unwrap_or_default()
                .trim_end_matches("Security")
                .to_owned()
        };
        let from = match (&rule["SourceSecurityGroupId"], &rule["CidrIp"]) {
            (Value::Null, Value::String(cidr)) => cidr.clone(),
            (Value::Null, _) => "vpc".to_owned(),
            (source, _) => group(source),
        };
        let (to, protocol) = (group(&rule["GroupId"]), rule["IpProtocol"].as_str().unwrap());
        format!("{to} <- {from}: {protocol} {}-{}", rule["FromPort"], rule["ToPort"])
    };
    of_type(template, "EC2::SecurityGroupIngress")
        .into_iter()
        .map(rule)
        .collect()
}

#[test]
fn only_the_ports_of_k3s_are_open() {
    let template = rendered(|_, _| ());
    let expected = [
        "Endpoint <- Reaper: tcp 443-443",
        "Node <- 203.0.113.7/32: tcp 22-22",
        "Node <- Node: tcp 10250-10250",
        "Node <- Node: udp 8472-8472",
        "Server <- Server: tcp 2379-2380",
        "Server <- vpc: tcp 6443-6443",
    ];
    assert_eq!(rules(&template), expected.map(String::from).into());
    for (name, group) in of_type(&template, "EC2::SecurityGroup") {
        assert_eq!(group.get("SecurityGroupIngress"), None, "{name}");
    }
}

#[test]
fn what_is_added_opens_its_own_ports() {
    let plain = rules(&rendered(|_, _| ()));
    let template = rendered(|spec, ha| {
        spec.from = vec!["203.0.113.7/32".into(), "198.51.100.0/24".into()];
        ha.store = AURORA;
        ha.shared_storage = true;
        (ha.ingress, ha.public_api) = (true, true);
    });
    let added: Vec<String> = rules(&template).difference(&plain).cloned().collect();
    let expected = [
        "Database <- Server: tcp 5432-5432",
        "File <- Node: tcp 2049-2049",
        "Node <- 198.51.100.0/24: tcp 22-22",
        "Public <- 0.0.0.0/0: tcp 443-443",
        "Public <- 0.0.0.0/0: tcp 80-80",
        "Public <- 198.51.100.0/24: tcp 6443-6443",
        "Public <- 203.0.113.7/32: tcp 6443-6443",
        "Server <- Public: tcp 6443-6443",
        "Worker <- Public: tcp 443-443",
        "Worker <- Public: tcp 80-80",
    ];
    assert_eq!(added, expected);
    assert!(
        !rules(&template).iter().any(|rule| rule.contains("2379")),
        "no etcd, no port of it"
    );
}

#[test]
fn without_a_key_nobody_logs_in() {
    let template = rendered(|spec, _| spec.ssh = None);
    assert!(!rules(&template).iter().any(|rule| rule.contains(" 22-22")));
}

#[test]
fn two_clusters_in_one_vpc_do_not_fight_over_endpoints() {
    let names = |site: &Site, vpc: Option<MadeVpc>| {
        let mirror = Some("https://files.example/k3s".into());
        let spec = changed(|_, ha| (ha.made_vpc, ha.mirror) = (vpc, mirror));
        let template = template(&spec, site);
        let all = of_type(&template, "EC2::VPCEndpoint").into_iter();
        let dns = all.map(|(name, endpoint)| (name.to_owned(), endpoint["PrivateDnsEnabled"].clone()));
        let url = resources(&template)["Reaper"]["Properties"]["Environment"]["Variables"]["SECRETS_URL"].clone();
        (dns.collect::<Vec<_>>(), url.to_string().contains("DnsEntries"))
    };
    let own = |names: &[&str], dns: Value| {
        names
            .iter()
            .map(|name| ((*name).to_owned(), dns.clone()))
            .collect::<Vec<_>>()
    };
    let two = ["AutoScalingEndpoint", "SecretsEndpoint"];
    assert_eq!(names(&site(), None), (own(&two, false.into()), true));
    let shared = Site {
        endpoints: vec!["secretsmanager".into()],
        ..site()
    };
    assert_eq!(names(&shared, None), (own(&two[..1], false.into()), false));
    assert_eq!(names(&site(), made(WayOut::Public)), (own(&two, true.into()), false));
    let (nat, by_name) = names(&site(), made(WayOut::Nat));
    assert_eq!((nat, by_name), (vec![("S3Endpoint".to_owned(), Value::Null)], false));
    let (closed, _) = names(&site(), made(WayOut::Endpoints));
    let closed: Vec<&str> = closed.iter().map(|(name, _)| name.as_str()).collect();
    let all = [
        "AutoScaling",
        "Ec2",
        "Ec2Messages",
        "S3",
        "Secrets",
        "Ssm",
        "SsmMessages",
    ];
    assert_eq!(closed, all.map(|name| format!("{name}Endpoint")));
}

#[test]
fn machines_are_closed_as_they_should_be() {
    for spec in combinations().iter().step_by(7) {
        let template = template(spec, &site());
        for (name, properties) in of_type(&template, "EC2::LaunchTemplate") {
            let data = &properties["LaunchTemplateData"];
            assert_eq!(
                data["MetadataOptions"],
                json!({"HttpTokens": "required", "HttpPutResponseHopLimit": 1}),
                "{name}"
            );
            assert_eq!(data["BlockDeviceMappings"][0]["Ebs"]["Encrypted"], true);
            assert_eq!(data["PrivateDnsNameOptions"]["HostnameType"], "resource-name");
            let keys = |tags: &Value| {
                tags.as_array()
                    .unwrap()
                    .iter()
                    .map(|tag| tag["Key"].clone())
                    .collect::<Vec<_>>()
            };
            let expected =
                ["cluster", "shape", "created-by", "pool", "role"].map(|key| json!(format!("k3fleet:{key}")));
            assert_eq!(keys(&data["TagSpecifications"][0]["Tags"])[..5], expected, "{name}");
        }
        for (name, group) in of_type(&template, "AutoScaling::AutoScalingGroup") {
            let hook = &group["LifecycleHookSpecificationList"][0];
            assert_eq!(
                hook["LifecycleTransition"], "autoscaling:EC2_INSTANCE_TERMINATING",
                "{name}"
            );
            let told = group["Tags"]
                .as_array()
                .unwrap()
                .iter()
                .all(|tag| tag["PropagateAtLaunch"] == true);
            assert!(told, "{name}");
        }
    }
}
