//! Who may do what: a role for the pipeline, one for each of its projects, and one for the machines of the tests' clusters.

use serde_json::{Value, json};

use super::{Pipeline, attribute, refer, substitute};

/// Adds the roles, and the entry by which the deployment reaches the EKS cluster.
pub(super) fn add(pipeline: &Pipeline, test: &[Value], add: &mut impl FnMut(&str, &str, Value)) {
    let projects = ["TestProject", "DeployProject"].map(|project| attribute("Arn", project));
    let statements = json!([
        allow(
            "UseConnection",
            json!(["codeconnections:UseConnection", "codestar-connections:UseConnection"]),
            refer("Connection")
        ),
        allow(
            "FindArtifacts",
            json!(["s3:GetBucketLocation", "s3:GetBucketVersioning"]),
            attribute("Arn", "Artifacts")
        ),
        allow(
            "KeepArtifacts",
            json!(["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"]),
            substitute("${Artifacts.Arn}/*")
        ),
        allow(
            "Build",
            json!(["codebuild:BatchGetBuilds", "codebuild:StartBuild"]),
            json!(projects)
        ),
    ]);
    role("PipelineRole", "codepipeline.amazonaws.com", statements, add);

    let mut statements = build("TestLog");
    statements.extend(test.iter().cloned());
    let mut pass = allow(
        "PassMachineRole",
        "iam:PassRole".into(),
        attribute("Arn", "MachineRole"),
    );
    pass["Condition"] = json!({"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}});
    statements.push(pass);
    role("TestRole", "codebuild.amazonaws.com", json!(statements), add);

    let of = |rest: &str| {
        let prefix = pipeline.prefix();
        substitute(format!("arn:${{AWS::Partition}}:{}", rest.replace('#', &prefix)))
    };
    let here = "${AWS::Region}:${AWS::AccountId}";
    let statements = json!([
        allow(
            "ReadOwnTokens",
            "ssm:GetParameter".into(),
            of(&format!("ssm:{here}:parameter/k3fleet/#*-token"))
        ),
        allow(
            "WriteOwnKubeconfig",
            "secretsmanager:PutSecretValue".into(),
            of(&format!("secretsmanager:{here}:secret:k3fleet/#*/kubeconfig-??????")),
        ),
    ]);
    role("MachineRole", "ec2.amazonaws.com", statements, add);
    add(
        "MachineProfile",
        "IAM::InstanceProfile",
        json!({"Roles": [refer("MachineRole")]}),
    );

    let mut statements = build("DeployLog");
    statements.push(allow(
        "FindCluster",
        "eks:DescribeCluster".into(),
        substitute("arn:${AWS::Partition}:eks:${AWS::Region}:${AWS::AccountId}:cluster/${EksCluster}"),
    ));
    role("DeployRole", "codebuild.amazonaws.com", json!(statements), add);
    let entry = json!({
        "ClusterName": refer("EksCluster"),
        "PrincipalArn": attribute("Arn", "DeployRole"),
        "Type": "STANDARD",
        "AccessPolicies": [{
            "PolicyArn": substitute("arn:${AWS::Partition}:eks::aws:cluster-access-policy/AmazonEKSEditPolicy"),
            "AccessScope": {"Type": "namespace", "Namespaces": [refer("Namespace")]},
        }],
    });
    add("DeployAccess", "EKS::AccessEntry", entry);
}

/// What every project needs: its log, and the source.
fn build(log: &str) -> Vec<Value> {
    vec![
        allow(
            "Log",
            json!(["logs:CreateLogStream", "logs:PutLogEvents"]),
            attribute("Arn", log),
        ),
        allow(
            "ReadSource",
            json!(["s3:GetObject", "s3:GetObjectVersion"]),
            substitute("${Artifacts.Arn}/*"),
        ),
    ]
}

fn role(name: &str, who: &str, statements: Value, add: &mut impl FnMut(&str, &str, Value)) {
    let role = json!({
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": who}, "Action": "sts:AssumeRole"},
        ]},
        "Policies": [{
            "PolicyName": "k3fleet",
            "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
        }],
    });
    add(name, "IAM::Role", role);
}

fn allow(what: &str, action: Value, resource: Value) -> Value {
    json!({"Sid": what, "Effect": "Allow", "Action": action, "Resource": resource})
}
