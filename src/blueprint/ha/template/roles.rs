//! What each part may do in AWS: a role for the servers, the workers, the function and Spot Fleets, each with the names and
//! tags of this cluster alone.

use serde_json::{Value, json};

use super::super::{PoolKind, Store};
use super::{Draft, arn, attribute, refer, substitute};
use crate::blueprint::iam;
use crate::fleet::TAG_CLUSTER;

/// Adds the roles, and the profiles by which machines take theirs.
pub(super) fn add(draft: &mut Draft<'_>) {
    let statements = servers(draft);
    role(draft, "ServerRole", "ec2.amazonaws.com", statements);
    profile(draft, "ServerProfile", "ServerRole");
    if !draft.ha.pools.is_empty() {
        // A rotation names the version it means.
        let token = draft.names.agent_token();
        let token = [format!("{token}:*"), token].map(|name| parameter(draft, &name));
        let statements = json!([read(json!(token))]);
        role(draft, "WorkerRole", "ec2.amazonaws.com", statements);
        profile(draft, "WorkerProfile", "WorkerRole");
    }
    let machines: Vec<Value> = if draft.ha.pools.is_empty() {
        vec![refer("ServerRole")]
    } else {
        vec![refer("ServerRole"), refer("WorkerRole")]
    };
    let commands = json!({
        "PolicyName": "k3fleet-commands",
        "PolicyDocument": {"Version": "2012-10-17", "Statement": [allow("TakeCommands", json!(iam::AGENT), "*".into())]},
        "Roles": machines,
    });
    draft.add("TakeCommands", "IAM::Policy", commands);
    let statements = reaper(draft);
    role(draft, "ReaperRole", "lambda.amazonaws.com", statements);
    if draft.ha.pools.iter().any(|pool| pool.kind == PoolKind::SpotFleet) {
        let statements = spot_fleet(draft);
        role(draft, "SpotFleetRole", "spotfleet.amazonaws.com", statements);
    }
}

fn role(draft: &mut Draft<'_>, name: &str, who: &str, statements: Value) {
    let role = json!({
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": who}, "Action": "sts:AssumeRole"}],
        },
        "Policies": [{
            "PolicyName": draft.names.policy(),
            "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
        }],
    });
    draft.add(name, "IAM::Role", role);
}

fn profile(draft: &mut Draft<'_>, name: &str, role: &str) {
    draft.add(name, "IAM::InstanceProfile", json!({"Roles": [refer(role)]}));
}

fn parameter(draft: &Draft<'_>, name: &str) -> Value {
    arn(draft, "ssm", &format!("parameter{name}"))
}

fn allow(what: &str, action: Value, resource: Value) -> Value {
    json!({"Sid": what, "Effect": "Allow", "Action": action, "Resource": resource})
}

fn allow_if(what: &str, action: Value, resource: Value, condition: Value) -> Value {
    let mut statement = allow(what, action, resource);
    statement["Condition"] = condition;
    statement
}

fn read(parameters: Value) -> Value {
    allow("ReadParameters", "ssm:GetParameter".into(), parameters)
}

fn servers(draft: &Draft<'_>) -> Value {
    let names = &draft.names;
    // One for each generation, whose number the star stands for.
    let elected = parameter(draft, &format!("{}-*", names.first_server()));
    let once = [elected, parameter(draft, &names.initialised())];
    // What a cluster keeps there is for its servers: tokens, who made it, the lock, the DSN.
    let own = parameter(draft, &format!("/k3fleet/{}/*", draft.spec.name));
    let mut statements = vec![];
    match draft.ha.store {
        Store::Etcd { .. } => {
            let lock = parameter(draft, &names.join_lock());
            statements.push(allow("JoinOneByOne", "ssm:PutParameter".into(), lock));
            statements.extend(snapshots());
        }
        Store::External => {}
        Store::Aurora { .. } => statements.push(allow(
            "ReadDatabaseLogin",
            "secretsmanager:GetSecretValue".into(),
            refer("DatabaseLogin"),
        )),
    }
    if draft.ha.shared_storage {
        statements.extend(file_system(draft));
    }
    let tagged = json!({"StringEquals": {format!("aws:RequestTag/{TAG_CLUSTER}"): draft.spec.name}});
    statements.extend([
        read(own.clone()),
        // What is written once says who makes the cluster, and that it was made: none of it is ever written over.
        allow_if(
            "WriteOnce",
            "ssm:PutParameter".into(),
            json!(once),
            json!({"StringEquals": {"ssm:Overwrite": "false"}}),
        ),
        allow_if("TagParameters", "ssm:AddTagsToResource".into(), own, tagged),
        allow("SeeWhoLives", "ec2:DescribeInstances".into(), "*".into()),
        allow(
            "HandOver",
            "secretsmanager:PutSecretValue".into(),
            json!([refer("Kubeconfig"), refer("ReaperAccess")]),
        ),
    ]);
    json!(statements)
}

fn snapshots() -> [Value; 2] {
    let bucket = attribute("Arn", "Snapshots");
    let objects = substitute("${Snapshots.Arn}/*");
    [
        allow("FindBucket", json!(["s3:GetBucketLocation", "s3:ListBucket"]), bucket),
        allow(
            "KeepSnapshots",
            json!([
                "s3:AbortMultipartUpload",
                "s3:DeleteObject",
                "s3:GetObject",
                "s3:PutObject"
            ]),
            objects,
        ),
    ]
}

/// What the driver of EFS asks for: it makes an access point for each volume, and knows its own by their tag.
fn file_system(draft: &Draft<'_>) -> [Value; 3] {
    const OWN: &str = "efs.csi.aws.com/cluster";
    let points = arn(draft, "elasticfilesystem", "access-point/*");
    let tagged = |of: &str| json!({"StringEquals": {format!("aws:{of}/{OWN}"): "true"}});
    [
        allow(
            "SeeFiles",
            json!([
                "ec2:DescribeAvailabilityZones",
                "elasticfilesystem:DescribeAccessPoints",
                "elasticfilesystem:DescribeFileSystems",
                "elasticfilesystem:DescribeMountTargets",
            ]),
            "*".into(),
        ),
        allow_if(
            "MakeAccessPoints",
            json!(["elasticfilesystem:CreateAccessPoint", "elasticfilesystem:TagResource"]),
            json!([attribute("Arn", "FileSystem"), points]),
            tagged("RequestTag"),
        ),
        allow_if(
            "KeepAccessPoints",
            json!(["elasticfilesystem:DeleteAccessPoint", "elasticfilesystem:TagResource"]),
            points,
            tagged("ResourceTag"),
        ),
    ]
}

fn reaper(draft: &Draft<'_>) -> Value {
    // The tag tells groups of this cluster from those of one whose name only begins alike.
    let own = json!({"StringEquals": {format!("aws:ResourceTag/{TAG_CLUSTER}"): draft.spec.name}});
    let name = draft.names.group("*");
    let groups = arn(
        draft,
        "autoscaling",
        &format!("autoScalingGroup:*:autoScalingGroupName/{name}"),
    );
    // Lambda itself reaches into the VPC with the function's role, and checks that it may before it makes the function.
    let interfaces = json!([
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
        "ec2:UnassignPrivateIpAddresses",
    ]);
    json!([
        allow(
            "TakeEvents",
            json!([
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ReceiveMessage",
            ]),
            attribute("Arn", "ReaperQueue"),
        ),
        allow(
            "ReachApi",
            "secretsmanager:GetSecretValue".into(),
            refer("ReaperAccess"),
        ),
        allow_if("LetGo", "autoscaling:CompleteLifecycleAction".into(), groups, own),
        allow(
            "Log",
            json!(["logs:CreateLogStream", "logs:PutLogEvents"]),
            attribute("Arn", "ReaperLog"),
        ),
        allow("StandInVpc", interfaces, "*".into()),
        // The function's own code, whoever wrote it, may not.
        {
            "Sid": "NotByCode",
            "Effect": "Deny",
            "Action": "ec2:*",
            "Resource": "*",
            "Condition": {"Null": {"lambda:SourceFunctionArn": "false"}},
        },
    ])
}

fn spot_fleet(draft: &Draft<'_>) -> Value {
    let own = json!({"StringEquals": {format!("aws:ResourceTag/{TAG_CLUSTER}"): draft.spec.name}});
    let mut statements = vec![
        allow(
            "Launch",
            json!([
                "ec2:DescribeImages",
                "ec2:DescribeInstanceStatus",
                "ec2:DescribeSubnets",
                "ec2:RequestSpotInstances",
                "ec2:RunInstances",
            ]),
            "*".into(),
        ),
        allow("Tag", "ec2:CreateTags".into(), arn(draft, "ec2", "*/*")),
        allow_if(
            "End",
            "ec2:TerminateInstances".into(),
            arn(draft, "ec2", "instance/*"),
            own,
        ),
        allow_if(
            "HandRole",
            "iam:PassRole".into(),
            attribute("Arn", "WorkerRole"),
            json!({"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}),
        ),
    ];
    if draft.ha.ingress {
        statements.push(allow(
            "Serve",
            "elasticloadbalancing:RegisterTargets".into(),
            json!([refer("HttpTargets"), refer("HttpsTargets")]),
        ));
    }
    json!(statements)
}
