//! Words that only highly available clusters have.

use std::path::PathBuf;

use clap::Args;
use smol_str::SmolStr;

use super::Confirm;
use crate::blueprint::ha::{Store, WayOut};
use crate::ops::launch::OnFailure;
use crate::ops::wish::{PoolWish, store, way_out};

/// What a highly available cluster is made of besides.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Highly available clusters (--shape ha)")]
pub struct HaParts {
    /// How many servers: 3, 5 or 7 with etcd, else 2 to 7; 3 where nothing is said. --type, --arch, --spot are the servers'
    #[arg(long, value_name = "N")]
    pub servers: Option<u32>,
    /// A pool of workers, such as name=gpu,types=g5g.xlarge+g5g.2xlarge,max=4; repeat for several
    ///
    /// Entries: name, kind (asg or spot-fleet), arch, types (with + between them; else by price), min, desired, max, base
    /// (how many are bought on-demand first), on-demand (per cent of the rest), volume (GiB), label=KEY=VALUE and
    /// taint=KEY=VALUE:EFFECT (both may be said again). Without --pool there is one, k3s_workers, with --workers machines
    /// (3), one of them on-demand and the others spot.
    #[arg(long = "pool", value_name = "SPEC", value_parser = PoolWish::parse)]
    pub pools: Vec<PoolWish>,
    /// Where the servers keep the cluster's state: etcd, external, or aurora[:MIN-MAX] in ACUs; etcd where nothing is said
    #[arg(long, value_name = "STORE", value_parser = store)]
    pub store: Option<Store>,
    /// The file with the DSN of the database of --store external, which only you may read
    #[arg(long, value_name = "FILE")]
    pub datastore_dsn_file: Option<PathBuf>,
    /// A file system that all machines share (EFS), with a StorageClass
    #[arg(long)]
    pub shared_storage: bool,
    /// A load balancer that brings ports 80 and 443 from the internet to the workers
    #[arg(long)]
    pub ingress: bool,
    /// Let that one bring port 6443 to the servers too, from the networks of --from
    #[arg(long, requires = "ingress")]
    pub public_api: bool,
    /// Make a VPC with this network, a /16 to a /22, instead of taking one that is there
    #[arg(long, value_name = "CIDR", conflicts_with = "vpc")]
    pub vpc_cidr: Option<SmolStr>,
    /// How the machines of that VPC reach the internet: public (addresses), nat, or endpoints (not at all); else public
    #[arg(long, value_name = "WAY", requires = "vpc_cidr", value_parser = way_out)]
    pub way_out: Option<WayOut>,
    /// In how many zones that VPC has subnets, 2 or 3; else 3 where there are as many
    #[arg(long, value_name = "N", requires = "vpc_cidr")]
    pub zones: Option<u32>,
    /// Where machines take the files of K3s from, an https URL; else from GitHub
    #[arg(long, value_name = "URL")]
    pub mirror: Option<SmolStr>,
    /// What becomes of the stack when it fails: keep (it stays, to be looked into) or roll-back; keep where nothing is said
    #[arg(long, value_name = "WHAT", value_parser = on_failure)]
    pub on_failure: Option<OnFailure>,
}

/// Reads what becomes of a stack that fails.
fn on_failure(text: &str) -> Result<OnFailure, String> {
    match text {
        "keep" => Ok(OnFailure::Keep),
        "roll-back" => Ok(OnFailure::RollBack),
        _ => Err("expected keep or roll-back".to_owned()),
    }
}

/// A change of a highly available cluster.
#[derive(Debug, Args)]
pub struct Update {
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub cluster: SmolStr,
    /// How many servers, not fewer than there are
    #[arg(long, value_name = "N")]
    pub servers: Option<u32>,
    /// A pool of workers that is new, or what changes of one that is there, such as name=gpu,max=8; repeat for several
    #[arg(long = "pool", value_name = "SPEC", value_parser = PoolWish::parse)]
    pub pools: Vec<PoolWish>,
    /// A pool that goes, with its machines; repeat for several
    #[arg(long, value_name = "NAME")]
    pub remove_pool: Vec<SmolStr>,
    /// The whole spec as JSON, as k3fleet spec prints it; - reads it from standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["servers", "pools", "remove_pool"])]
    pub spec: Option<PathBuf>,
    /// How it is confirmed.
    #[command(flatten)]
    pub confirm: Confirm,
}

impl HaParts {
    /// The first flag that was said, with what it is about: for clusters that have none of it.
    pub fn said(&self) -> Option<(&'static str, &'static str)> {
        let flags = [
            (self.servers.is_some(), "--servers", "several servers"),
            (!self.pools.is_empty(), "--pool", "pools of workers of its own"),
            (self.store.is_some(), "--store", "another store"),
            (
                self.datastore_dsn_file.is_some(),
                "--datastore-dsn-file",
                "another store",
            ),
            (self.shared_storage, "--shared-storage", "shared storage"),
            (self.ingress, "--ingress", "a load balancer"),
            (self.public_api, "--public-api", "a load balancer"),
            (self.vpc_cidr.is_some(), "--vpc-cidr", "a VPC that is made for it"),
            (self.mirror.is_some(), "--mirror", "a mirror"),
            (self.on_failure.is_some(), "--on-failure", "a stack"),
        ];
        flags
            .into_iter()
            .find_map(|(said, flag, what)| said.then_some((flag, what)))
    }
}
