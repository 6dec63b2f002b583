//! Words about what is written out.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::SignedDuration;
use smol_str::SmolStr;

use super::cluster::{arch, life};
use super::{HaParts, Parts, ShapeWord};
use crate::fleet::Arch;

/// What the stack asks for where it is not said.
const PARAMETERS: &str = "Parameters, asked for by the stack where they are not said";
const CLUSTERS: &str = "Clusters of the tests";

/// What can be written out.
#[derive(Debug, Subcommand)]
pub enum ExportCommand {
    /// The IAM policy that k3fleet needs: exactly the actions it calls
    IamPolicy(Whose),
    /// The CloudFormation template of a highly available cluster: nothing is changed at AWS
    Cloudformation {
        /// Which cluster.
        #[command(flatten)]
        of: Exported,
        /// On many lines, for reading: CloudFormation may find that too long
        #[arg(long, help_heading = "Output")]
        pretty: bool,
    },
    /// The CloudFormation template of a pipeline: CodeBuild tests a repository in a ci cluster of its own before it is deployed to EKS
    ///
    /// CMD is run by k3fleet ci, from the repository's root, in a cluster that is destroyed whatever comes of it. Only what
    /// has passed is applied to the EKS cluster. Nothing is changed at AWS.
    Codepipeline(PipelineArgs),
    /// A Terraform module around that template: nothing is changed at AWS
    Terraform {
        /// Which cluster.
        #[command(flatten)]
        of: Exported,
        /// Where its files are put; what is there and says something else is kept
        #[arg(long, value_name = "DIR", help_heading = "Output")]
        directory: PathBuf,
    },
}

/// Whose policy it is.
#[derive(Clone, Copy, Debug, Args)]
#[group(multiple = false)]
pub struct Whose {
    /// Of somebody who only looks
    #[arg(long)]
    pub viewer: bool,
    /// Of somebody who also changes clusters: what carries their tags, and nothing else (the usual one)
    #[arg(long)]
    pub operator: bool,
    /// Beside that of an operator: what clusters of others carry, by the keys of their tags
    #[arg(long)]
    pub adopted: bool,
    /// Beside that of an operator: what CloudFormation does for who launches ha clusters, in parts that IAM has room for
    #[arg(long, value_enum, value_name = "PART")]
    pub stacks: Option<StackPart>,
}

/// A part of what CloudFormation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StackPart {
    /// Networks, machines and roles
    Machines,
    /// Load balancers, events and the reaper
    Services,
    /// Buckets, secrets, file systems and databases
    Storage,
}

/// A cluster that is written out.
#[derive(Debug, Args)]
pub struct Exported {
    /// Its name: lower-case letters, digits and hyphens
    #[arg(value_name = "NAME")]
    pub name: SmolStr,
    /// What it is made as: only ha clusters are made of a template
    #[arg(long, value_enum, default_value_t = ShapeWord::Ha)]
    pub shape: ShapeWord,
    /// What it is made of.
    #[command(flatten)]
    pub parts: Parts,
    /// What it is made of besides.
    #[command(flatten)]
    pub ha: HaParts,
}

/// A pipeline that is written out.
#[derive(Debug, Args)]
pub struct PipelineArgs {
    /// Its name: lower-case letters, digits and hyphens; the tests' clusters are NAME and the build's number
    #[arg(value_name = "NAME")]
    pub name: SmolStr,
    /// The ARN of the connection to where the repository is
    #[arg(long, value_name = "ARN", help_heading = PARAMETERS)]
    pub connection: Option<SmolStr>,
    /// The repository
    #[arg(long, value_name = "OWNER/NAME", help_heading = PARAMETERS)]
    pub repository: Option<SmolStr>,
    /// The branch; else main
    #[arg(long, value_name = "BRANCH", help_heading = PARAMETERS)]
    pub branch: Option<SmolStr>,
    /// The EKS cluster that is deployed to
    #[arg(long, value_name = "NAME", help_heading = PARAMETERS)]
    pub eks_cluster: Option<SmolStr>,
    /// The file or directory in the repository that is applied to it
    #[arg(long, value_name = "PATH", help_heading = PARAMETERS)]
    pub manifests: Option<SmolStr>,
    /// The namespace, which must be there; else default
    #[arg(long, value_name = "NAME", help_heading = PARAMETERS)]
    pub namespace: Option<SmolStr>,
    /// Where CodeBuild fetches k3fleet's binary
    #[arg(long, value_name = "URL", help_heading = PARAMETERS)]
    pub k3fleet_url: Option<SmolStr>,
    /// That binary's SHA-256
    #[arg(long, value_name = "HEX", help_heading = PARAMETERS)]
    pub k3fleet_sha256: Option<SmolStr>,
    /// What CodeBuild's machines are, and so the binary: amd64 or arm64
    #[arg(long, value_name = "ARCH", default_value = "amd64", value_parser = arch)]
    pub builder: Arch,
    /// How long a test's cluster lives at most
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = life, help_heading = CLUSTERS)]
    pub ttl: SignedDuration,
    /// Their processor architecture, as of launch
    #[arg(long, value_name = "ARCH", value_parser = arch, help_heading = CLUSTERS)]
    pub arch: Option<Arch>,
    /// An instance type; repeat for several
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',', help_heading = CLUSTERS)]
    pub types: Vec<SmolStr>,
    /// How many workers; else none
    #[arg(long, value_name = "N", help_heading = CLUSTERS)]
    pub workers: Option<u32>,
    /// Buy on the spot market
    #[arg(long, help_heading = CLUSTERS)]
    pub spot: bool,
    /// A release of K3s, or a channel; else stable
    #[arg(long, value_name = "VERSION", help_heading = CLUSTERS)]
    pub k3s: Option<SmolStr>,
    /// On many lines, for reading
    #[arg(long, help_heading = "Output")]
    pub pretty: bool,
    /// The command that tests and its arguments, after '--'
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<String>,
}
