//! A pipeline that tests a repository in a cluster of its own before it deploys it: AWS CodePipeline, as one CloudFormation
//! template, a pure function of a [`Pipeline`].
//!
//! Three stages follow each other. The source comes through a connection to where it is kept. Then CodeBuild runs a command
//! by `k3fleet ci`, which launches a K3s cluster for it and destroys that whatever comes of it, so that no test touches an
//! environment that somebody else works in. Only what has passed is applied to an EKS cluster.
//!
//! What the test runs is the repository's own, and it runs with the rights of the test's role: that role may therefore act on
//! clusters whose names begin with the pipeline's alone, and may make no role at all: the machines' own is made here.

mod buildspec;
mod check;
mod roles;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};
use smol_str::SmolStr;

use super::cloudformation::{attribute, bucket, bucket_policy, refer, substitute};
use crate::fleet::Arch;

/// The longest name: each test's cluster is named after the pipeline and the build's number.
pub const NAME_LIMIT: usize = 32;

/// A pipeline.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Its name: lower-case letters, digits and hyphens, at most [`NAME_LIMIT`] of them.
    pub name: SmolStr,
    /// The command that tests, and its arguments.
    pub command: Vec<String>,
    /// More words for `k3fleet ci`, such as `--spot`.
    pub flags: Vec<String>,
    /// For how many minutes a test's cluster lives at most.
    pub minutes: u32,
    /// What CodeBuild's machines are, for which k3fleet's binary must be.
    pub builder: Arch,
    /// Defaults of the template's parameters.
    pub given: Given,
}

/// Values of parameters that are known already: what is not is asked for when the stack is made.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// The ARN of the connection to where the repository is.
    pub connection: Option<SmolStr>,
    /// The repository, such as `owner/name`.
    pub repository: Option<SmolStr>,
    /// The branch.
    pub branch: Option<SmolStr>,
    /// The EKS cluster to which is deployed.
    pub eks_cluster: Option<SmolStr>,
    /// The file or directory with what is applied to it, within the repository.
    pub manifests: Option<SmolStr>,
    /// The namespace.
    pub namespace: Option<SmolStr>,
    /// Where k3fleet's binary is, an https URL.
    pub url: Option<SmolStr>,
    /// The binary's SHA-256, in hexadecimal digits.
    pub sha256: Option<SmolStr>,
}

impl Pipeline {
    /// The template. `test` are statements of a policy by which `k3fleet ci` may launch clusters whose names begin with
    /// [`Pipeline::prefix`], and destroy them.
    pub fn template(&self, test: &[Value]) -> Value {
        let mut resources = Map::new();
        let mut add = |name: &str, kind: &str, properties: Value| {
            let resource = json!({"Type": format!("AWS::{kind}"), "Properties": properties});
            resources.insert(name.to_owned(), resource);
        };
        artifacts(&mut add);
        roles::add(self, test, &mut add);
        for (name, what) in [("TestLog", "test"), ("DeployLog", "deploy")] {
            let tags = json!([{"Key": "k3fleet:pipeline", "Value": format!("{} {what}", self.name)}]);
            add(name, "Logs::LogGroup", json!({"RetentionInDays": 30, "Tags": tags}));
        }
        self.project(Project::Test, &mut add);
        self.project(Project::Deploy, &mut add);
        add("Pipeline", "CodePipeline::Pipeline", self.stages());
        for name in ["Artifacts", "TestLog", "DeployLog"] {
            if let Some(kept) = resources.get_mut(name) {
                let policy = if name == "Artifacts" { "Retain" } else { "Delete" };
                kept["DeletionPolicy"] = policy.into();
                kept["UpdateReplacePolicy"] = policy.into();
            }
        }
        json!({
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": format!("k3fleet: the pipeline {}, whose tests run in a K3s cluster of their own", self.name),
            "Parameters": self.parameters(),
            "Resources": resources,
            "Outputs": {
                "Pipeline": {"Value": refer("Pipeline")},
                "Artifacts": {"Value": refer("Artifacts")},
                "DeployRole": {"Value": attribute("Arn", "DeployRole")},
            },
        })
    }

    /// How the names of the tests' clusters begin; the build's number follows.
    pub fn prefix(&self) -> String {
        format!("{}-", self.name)
    }

    fn parameters(&self) -> Value {
        let given = &self.given;
        let or = |value: &Option<SmolStr>, usual: &'static str| value.clone().or(Some(SmolStr::new_static(usual)));
        let all = [
            (
                "Connection",
                "The ARN of the connection (Developer Tools, Connections) to where the repository is",
                "^arn:[^:]+:(codeconnections|codestar-connections):[^:]+:[0-9]{12}:connection/.+$",
                given.connection.clone(),
            ),
            (
                "Repository",
                "The repository, as owner/name",
                "^[^/ ]+(/[^/ ]+)+$",
                given.repository.clone(),
            ),
            ("Branch", "The branch", "^[^ ]+$", or(&given.branch, "main")),
            (
                "EksCluster",
                "The EKS cluster that is deployed to; it must know access entries",
                "^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$",
                given.eks_cluster.clone(),
            ),
            (
                "Manifests",
                "The file or directory in the repository that is applied to it",
                "^[^-/][^\\s]*$",
                given.manifests.clone(),
            ),
            (
                "Namespace",
                "The namespace, which must be there",
                "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
                or(&given.namespace, "default"),
            ),
            (
                "K3fleetUrl",
                "Where k3fleet's binary for CodeBuild's machines is",
                "^https://[^\\s]+$",
                given.url.clone(),
            ),
            (
                "K3fleetSha256",
                "That binary's SHA-256",
                "^[0-9a-f]{64}$",
                given.sha256.clone(),
            ),
        ];
        let parameters = all.map(|(name, about, pattern, default)| {
            let mut parameter = json!({"Type": "String", "Description": about, "AllowedPattern": pattern});
            if let Some(default) = default {
                parameter["Default"] = default.as_str().into();
            }
            (name.to_owned(), parameter)
        });
        Value::Object(Map::from_iter(parameters))
    }

    fn project(&self, project: Project, add: &mut impl FnMut(&str, &str, Value)) {
        let (kind, image) = match self.builder {
            Arch::Arm64 => ("ARM_CONTAINER", "aws/codebuild/amazonlinux-aarch64-standard:3.0"),
            _ => ("LINUX_CONTAINER", "aws/codebuild/amazonlinux-x86_64-standard:5.0"),
        };
        let (name, role, log, spec, minutes, variables) = match project {
            Project::Test => (
                "TestProject",
                "TestRole",
                "TestLog",
                buildspec::test(self),
                // After its time a cluster is no more; what is left of the build is the end of it.
                (self.minutes + 20).min(2160),
                vec![
                    ("K3FLEET_URL", "K3fleetUrl"),
                    ("K3FLEET_SHA256", "K3fleetSha256"),
                    ("MACHINE_PROFILE", "MachineProfile"),
                ],
            ),
            Project::Deploy => (
                "DeployProject",
                "DeployRole",
                "DeployLog",
                buildspec::deploy(),
                30,
                vec![
                    ("EKS_CLUSTER", "EksCluster"),
                    ("MANIFESTS", "Manifests"),
                    ("NAMESPACE", "Namespace"),
                ],
            ),
        };
        let variables: Vec<_> = variables
            .into_iter()
            .map(|(name, of)| json!({"Name": name, "Value": refer(of), "Type": "PLAINTEXT"}))
            .collect();
        let properties = json!({
            "Artifacts": {"Type": "CODEPIPELINE"},
            "Environment": {
                "Type": kind,
                "Image": image,
                "ComputeType": "BUILD_GENERAL1_SMALL",
                "EnvironmentVariables": variables,
            },
            "LogsConfig": {"CloudWatchLogs": {"Status": "ENABLED", "GroupName": refer(log)}},
            "ServiceRole": attribute("Arn", role),
            "Source": {"Type": "CODEPIPELINE", "BuildSpec": spec},
            "TimeoutInMinutes": minutes,
        });
        add(name, "CodeBuild::Project", properties);
    }

    fn stages(&self) -> Value {
        let action = |name: &str, category: &str, owner: &str, provider: &str, configuration: Value| {
            json!({
                "Name": name,
                "ActionTypeId": {"Category": category, "Owner": owner, "Provider": provider, "Version": "1"},
                "Configuration": configuration,
                "RunOrder": 1,
            })
        };
        let mut source = action(
            "Source",
            "Source",
            "AWS",
            "CodeStarSourceConnection",
            json!({
                "ConnectionArn": refer("Connection"),
                "FullRepositoryId": refer("Repository"),
                "BranchName": refer("Branch"),
            }),
        );
        source["OutputArtifacts"] = json!([{"Name": "Source"}]);
        let build = |name: &str, category: &str, project: &str| {
            let mut build = action(
                name,
                category,
                "AWS",
                "CodeBuild",
                json!({"ProjectName": refer(project)}),
            );
            build["InputArtifacts"] = json!([{"Name": "Source"}]);
            json!({"Name": name, "Actions": [build]})
        };
        json!({
            "Name": format!("k3fleet-{}", self.name),
            "PipelineType": "V2",
            "RoleArn": attribute("Arn", "PipelineRole"),
            "ArtifactStore": {"Type": "S3", "Location": refer("Artifacts")},
            "Stages": [
                {"Name": "Source", "Actions": [source]},
                build("Test", "Test", "TestProject"),
                build("Deploy", "Build", "DeployProject"),
            ],
        })
    }
}

/// What CodeBuild does.
#[derive(Clone, Copy)]
enum Project {
    Test,
    Deploy,
}

/// The bucket through which the source goes from stage to stage; nothing in it is needed for long.
fn artifacts(add: &mut impl FnMut(&str, &str, Value)) {
    add("Artifacts", "S3::Bucket", bucket(Some(30)));
    add("ArtifactsPolicy", "S3::BucketPolicy", bucket_policy("Artifacts"));
}
