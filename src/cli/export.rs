//! `export`: what k3fleet needs of others, and what clusters are made of, written out. Nothing is changed at AWS.

mod pipeline;
mod policy;
mod terraform;

use std::fs;
use std::io::{self, Write};
use std::path::Path;

pub(super) use pipeline::pipeline;
pub(super) use policy::policy;
use serde_json::Value;
use terraform::{TEMPLATE, terraform};

use super::args::{ExportCommand, Exported};
use super::complain;
use super::exit::{Exit, Halt};
use super::operate::Desk;
use crate::blueprint::ha::template::{LIMIT, template};
use crate::blueprint::ha::{Site, Store};
use crate::fleet::{TAG_CLUSTER, TAG_SHAPE};
use crate::ops::launch::Spec;

impl Desk<'_> {
    /// Writes out what a cluster of these flags would be made of.
    pub(super) async fn export(mut self, command: &ExportCommand) -> io::Result<Exit> {
        self.session.faults.iter().for_each(super::complain_of);
        match command {
            ExportCommand::IamPolicy(whose) => policy(*whose, &self.config.adopt),
            ExportCommand::Codepipeline(args) => pipeline(args),
            ExportCommand::Cloudformation { of, pretty } => match self.made_of(of).await {
                Ok((spec, template)) => {
                    before(&spec).iter().for_each(|line| complain(line));
                    print(&template, *pretty)
                }
                Err(halt) => Ok(halt.tell()),
            },
            ExportCommand::Terraform { of, directory } => match self.made_of(of).await {
                Ok((spec, template)) => module(&spec, &template, directory),
                Err(halt) => Ok(halt.tell()),
            },
        }
    }

    /// The spec of these flags, and its template.
    async fn made_of(&mut self, of: &Exported) -> Result<(Spec, Value), Halt> {
        let (spec, site, notes) = self.ha_asked(&of.name, of.shape, &of.parts, &of.ha).await?;
        let faults: Vec<_> = spec.check().iter().map(ToString::to_string).collect();
        if !faults.is_empty() {
            return Err(Halt::refused(format!(
                "{}; mend that and ask again (spec)",
                faults.join("; ")
            )));
        }
        let template = whole(&spec, &site)?;
        let warnings = spec.warnings();
        warnings.iter().chain(&notes).for_each(|line| complain(line));
        Ok((spec, template))
    }
}

/// The template, if CloudFormation takes it.
fn whole(spec: &Spec, site: &Site) -> Result<Value, Halt> {
    let template = template(spec, site);
    let size = template.to_string().len();
    match size <= LIMIT {
        true => Ok(template),
        false => Err(Halt::refused(format!(
            "the template has {size} bytes, and CloudFormation takes {LIMIT}: leave out a --pool, or some of its types and labels"
        ))),
    }
}

fn print(template: &Value, pretty: bool) -> io::Result<Exit> {
    let mut out = io::stdout().lock();
    match pretty {
        true => serde_json::to_writer_pretty(&mut out, template)?,
        false => serde_json::to_writer(&mut out, template)?,
    }
    writeln!(out)?;
    Ok(Exit::Done)
}

/// What somebody has to know who makes the stack without k3fleet.
fn before(spec: &Spec) -> Vec<String> {
    let names = spec.names();
    let mut secrets = vec![names.server_token(), names.agent_token()];
    if spec.ha.as_ref().is_some_and(|ha| ha.store == Store::External) {
        secrets.push(names.dsn());
    }
    vec![
        format!(
            "before the stack is made, write SSM SecureStrings, each token a long random text: {}",
            secrets.join(", ")
        ),
        format!(
            "make it in {} as k3fleet-{name}, with CAPABILITY_IAM and the tags {TAG_CLUSTER}={name} and {TAG_SHAPE}=ha",
            spec.region,
            name = spec.name
        ),
    ]
}

/// Writes a Terraform module. A file that is there and says something else is kept.
fn module(spec: &Spec, template: &Value, directory: &Path) -> io::Result<Exit> {
    let [main, variables, outputs] = terraform(spec, template);
    let files = [main, variables, outputs, (TEMPLATE, format!("{template}\n"))];
    let halt = |what: &str, path: &Path, error: io::Error| {
        let why = format!("--directory: {what} {}: {error}", path.display());
        Ok(Halt::failed(why).tell())
    };
    if let Err(error) = fs::create_dir_all(directory) {
        return halt("make", directory, error);
    }
    for (name, text) in &files {
        let path = directory.join(name);
        match fs::read(&path) {
            Ok(there) if there != text.as_bytes() => {
                let why = format!(
                    "{} is there already: take it away, or name another --directory",
                    path.display()
                );
                return Ok(Halt::usage(why).tell());
            }
            _ => {}
        }
    }
    let mut out = io::stdout().lock();
    for (name, text) in &files {
        let path = directory.join(name);
        if let Err(error) = fs::write(&path, text) {
            return halt("write", &path, error);
        }
        writeln!(out, "{}", path.display())?;
    }
    Ok(Exit::Done)
}
