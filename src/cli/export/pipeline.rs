//! `export codepipeline`: the template of a pipeline that tests in clusters of its own.

use std::io;

use smol_str::SmolStr;

use super::super::args::PipelineArgs;
use super::super::complain;
use super::super::exit::{Exit, Halt};
use super::print;
use crate::blueprint::ha::template::LIMIT;
use crate::blueprint::pipeline::{Given, Pipeline};
use crate::provider::aws::ci_statements;

/// Prints the template.
pub(in crate::cli) fn pipeline(args: &PipelineArgs) -> io::Result<Exit> {
    let pipeline = asked(args);
    let faults: Vec<_> = pipeline.check().iter().map(ToString::to_string).collect();
    if !faults.is_empty() {
        return Ok(Halt::usage(faults.join("; ")).tell());
    }
    let template = pipeline.template(&ci_statements(&pipeline.prefix()));
    let size = template.to_string().len();
    if size > LIMIT {
        let why =
            format!("the template has {size} bytes, and CloudFormation takes {LIMIT}: put the command into a script");
        return Ok(Halt::usage(why).tell());
    }
    complain("make it with CAPABILITY_IAM, in the region where the tests' clusters shall be");
    let parameters = template.get("Parameters").and_then(serde_json::Value::as_object);
    let missing: Vec<_> = parameters
        .into_iter()
        .flatten()
        .filter(|(_, parameter)| parameter.get("Default").is_none())
        .map(|(name, _)| name.as_str())
        .collect();
    if !missing.is_empty() {
        complain(&format!("parameters that it asks for: {}", missing.join(", ")));
    }
    print(&template, args.pretty)
}

fn asked(args: &PipelineArgs) -> Pipeline {
    let mut flags: Vec<String> = vec![];
    let mut flag = |name: &str, value: &str| flags.extend([name.to_owned(), value.to_owned()]);
    if let Some(arch) = args.arch {
        flag("--arch", arch.as_str());
    }
    if !args.types.is_empty() {
        let types: Vec<_> = args.types.iter().map(SmolStr::as_str).collect();
        flag("--type", &types.join(","));
    }
    if let Some(workers) = args.workers {
        flag("--workers", &workers.to_string());
    }
    if let Some(k3s) = &args.k3s {
        flag("--k3s", k3s);
    }
    if args.spot {
        flags.push("--spot".to_owned());
    }
    let minutes = args.ttl.as_secs().unsigned_abs().div_ceil(60);
    Pipeline {
        name: args.name.clone(),
        command: args.command.clone(),
        flags,
        minutes: u32::try_from(minutes).unwrap_or(u32::MAX),
        builder: args.builder,
        given: Given {
            connection: args.connection.clone(),
            repository: args.repository.clone(),
            branch: args.branch.clone(),
            eks_cluster: args.eks_cluster.clone(),
            manifests: args.manifests.clone(),
            namespace: args.namespace.clone(),
            url: args.k3fleet_url.clone(),
            sha256: args.k3fleet_sha256.clone(),
        },
    }
}
