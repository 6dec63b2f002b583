//! Words about what is written out.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use smol_str::SmolStr;

use super::{HaParts, Parts, ShapeWord};

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
