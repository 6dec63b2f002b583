//! Words about whole clusters: to launch, extend and destroy them, and to sweep up what they leave.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::SignedDuration;
use smol_str::SmolStr;

use super::{Confirm, HaParts, span};
use crate::fleet::Arch;
use crate::ops::launch::Image;

/// The longest that a cluster's life may be set to at once.
const LONGEST: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A cluster to launch.
#[derive(Debug, Args)]
pub struct Launch {
    /// Its name: lower-case letters, digits and hyphens
    #[arg(value_name = "NAME")]
    pub name: SmolStr,
    /// What it is made as
    #[arg(long, value_enum, default_value_t = ShapeWord::Quick)]
    pub shape: ShapeWord,
    /// What it is made of.
    #[command(flatten)]
    pub parts: Parts,
    /// What it is made of when it is highly available.
    #[command(flatten)]
    pub ha: HaParts,
    /// How it is confirmed.
    #[command(flatten)]
    pub confirm: Confirm,
}

/// A cluster to run a command with.
#[derive(Debug, Args)]
pub struct Ci {
    /// The cluster's name: lower-case letters, digits and hyphens
    #[arg(value_name = "NAME")]
    pub name: SmolStr,
    /// What it is made of.
    #[command(flatten)]
    pub parts: Parts,
    /// Print the plan and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The command and its arguments, after '--'
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// A way to make a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ShapeWord {
    /// One server with everything that K3s brings
    Quick,
    /// One server with the least that K3s needs, which destroys itself after a time
    Ci,
    /// Several servers behind a load balancer
    Ha,
}

/// What a cluster is made of; what is not said is as usual.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Machines")]
pub struct Parts {
    /// The processor architecture: arm64 or amd64; else that of the types named, else arm64
    #[arg(long, value_name = "ARCH", value_parser = arch)]
    pub arch: Option<Arch>,
    /// An instance type; repeat for several. The cheapest that K3s can run on where none is named
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    pub types: Vec<SmolStr>,
    /// How many workers its pool begins with; where nothing is said none, and the server does the work
    #[arg(long, value_name = "N")]
    pub workers: Option<u32>,
    /// Buy on the spot market
    #[arg(long)]
    pub spot: bool,
    /// Buy the server on-demand where no spot capacity is found
    #[arg(long, requires = "spot")]
    pub on_demand_fallback: bool,
    /// The size of each machine's volume
    #[arg(long, value_name = "GIB", default_value_t = 20)]
    pub volume: u32,
    /// A release of K3s such as v1.36.4+k3s1, or a channel such as stable, latest or v1.36
    #[arg(long, value_name = "VERSION", default_value = "stable")]
    pub k3s: SmolStr,
    /// The operating system: ubuntu or al2023
    #[arg(long, value_name = "IMAGE", default_value = "ubuntu", value_parser = image)]
    pub image: Image,
    /// Who may reach ports 22 and 6443, in CIDR notation; repeat for several. Your own address where nothing is said
    #[arg(long, value_name = "CIDR", value_delimiter = ',', help_heading = "Access")]
    pub from: Vec<SmolStr>,
    /// The public key that may log in over SSH; else the first of id_ed25519.pub, id_ecdsa.pub, id_rsa.pub in ~/.ssh
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key_pair", "no_ssh"], help_heading = "Access")]
    pub ssh_key: Option<PathBuf>,
    /// The EC2 key pair that may log in over SSH
    #[arg(long, value_name = "NAME", conflicts_with = "no_ssh", help_heading = "Access")]
    pub key_pair: Option<SmolStr>,
    /// Let nobody log in over SSH
    #[arg(long, help_heading = "Access")]
    pub no_ssh: bool,
    /// The VPC; the default one where none is named
    #[arg(long, value_name = "ID", help_heading = "Network")]
    pub vpc: Option<SmolStr>,
    /// A subnet of that VPC; repeat for several. All that are public where none is named
    #[arg(
        long,
        value_name = "ID",
        value_delimiter = ',',
        requires = "vpc",
        help_heading = "Network"
    )]
    pub subnet: Vec<SmolStr>,
    /// An instance profile that is there already, for operators who may not make roles
    #[arg(long, value_name = "NAME", conflicts_with = "no_profile", help_heading = "Access")]
    pub instance_profile: Option<SmolStr>,
    /// No instance profile: a lone server, whose kubeconfig is read over SSH
    #[arg(long, help_heading = "Access")]
    pub no_profile: bool,
    /// How long a ci cluster lives
    #[arg(long, value_name = "TIME", value_parser = life, help_heading = "Life")]
    pub ttl: Option<SignedDuration>,
}

/// What becomes of what may outlive its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kept {
    /// It stays
    Keep,
    /// It is deleted, with all it holds
    Delete,
}

/// A cluster to destroy.
#[derive(Debug, Args)]
pub struct Destroy {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub cluster: SmolStr,
    /// Delete also the volumes that Kubernetes made, with what they hold
    #[arg(long)]
    pub volumes: bool,
    /// What becomes of the bucket with the snapshots of etcd, of a highly available cluster
    #[arg(long, value_name = "WHAT", default_value = "keep")]
    pub snapshots: Kept,
    /// How it is confirmed.
    #[command(flatten)]
    pub confirm: Confirm,
}

/// A cluster whose stack is taken back.
#[derive(Debug, Args)]
pub struct Rollback {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub cluster: SmolStr,
    /// How it is confirmed.
    #[command(flatten)]
    pub confirm: Confirm,
}

/// A cluster to extend.
#[derive(Debug, Args)]
pub struct Extend {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub cluster: SmolStr,
    /// How much longer it shall live
    #[arg(value_name = "TIME", value_parser = life)]
    pub by: SignedDuration,
    /// How it is confirmed.
    #[command(flatten)]
    pub confirm: Confirm,
}

pub(super) fn life(text: &str) -> Result<SignedDuration, String> {
    let life = span(text)?;
    match life <= LONGEST {
        true => Ok(life),
        false => Err(format!("expected at most {} h", LONGEST.as_hours())),
    }
}

pub(super) fn arch(word: &str) -> Result<Arch, String> {
    match Arch::parse(word) {
        Some(arch @ (Arch::Amd64 | Arch::Arm64)) => Ok(arch),
        _ => Err("expected arm64 or amd64".to_owned()),
    }
}

fn image(word: &str) -> Result<Image, String> {
    Image::parse(word).ok_or_else(|| "expected ubuntu or al2023".to_owned())
}
