//! `k3fleet kubeconfig`: where a cluster's kubeconfig is kept, its text, or merged into the operator's own.

use std::io::{self, Write};
use std::path::PathBuf;

use super::args::Kubeconfig;
use super::exit::Exit;
use super::read::read;
use super::run::Settings;
use super::{complain, complain_of};
use crate::feeds::Want;
use crate::fleet::{ClusterId, FeedKind, Summary};
use crate::provider::kube::merge::{Merged, merge};
use crate::provider::kube::{self, kubeconfig, tunnel};
use crate::runtime::clock;
use crate::runtime::kubeconfigs::{FetchError, fetch, server};

/// Runs the command.
pub(super) async fn run(args: &Kubeconfig, settings: &Settings) -> io::Result<Exit> {
    if args.merge && settings.demo.is_some() {
        complain("a simulated cluster has no place in your kubeconfig: see it with --print");
        return Ok(Exit::Refused);
    }
    let path = match find(args, settings).await {
        Ok(path) => path,
        Err(error) => {
            complain(&error.to_string());
            return Ok(match error {
                FetchError::ReadOnly => Exit::Refused,
                _ => Exit::Failed,
            });
        }
    };
    let mut out = io::stdout().lock();
    if !args.print && !args.merge {
        writeln!(out, "{}", path.display())?;
        return Ok(Exit::Done);
    }
    let directory = settings.paths.kubeconfigs(settings.demo.is_some());
    let text = match kubeconfig::read(&directory, &args.cluster) {
        Ok(Some(text)) => text,
        Ok(None) => return Err(io::Error::other(format!("{} is gone", path.display()))),
        Err(error) => {
            complain_of(&error);
            return Ok(Exit::Failed);
        }
    };
    if args.print {
        out.write_all(text.expose().as_bytes())?;
        return Ok(Exit::Done);
    }
    let Some(own) = kube::files(None).into_iter().next() else {
        complain("there is no kubeconfig to merge into: neither KUBECONFIG nor a home directory is set");
        return Ok(Exit::Usage);
    };
    let name = args.name.as_deref().unwrap_or(&args.cluster);
    match merge(&own, &text, name, clock::now()) {
        Ok(merged) => {
            for line in told(&merged, name, &args.cluster) {
                writeln!(out, "{line}")?;
            }
            Ok(Exit::Done)
        }
        Err(error) => {
            complain_of(&error);
            Ok(Exit::Refused)
        }
    }
}

/// The file that keeps the cluster's kubeconfig, which is fetched first where none is kept yet.
async fn find(args: &Kubeconfig, settings: &Settings) -> Result<PathBuf, FetchError> {
    let directory = settings.paths.kubeconfigs(settings.demo.is_some());
    let cluster = args.cluster.as_str();
    let path = kubeconfig::path(&directory, cluster).filter(|path| path.is_file() && !args.fetch);
    if let Some(path) = path {
        return Ok(path);
    }
    let session = settings.open().await.map_err(FetchError::Unknown)?;
    // Reading the fleet takes its time: what cannot be is told at once.
    if session.control.clouds.is_empty() && !session.providers.clouds.is_empty() {
        return Err(FetchError::ReadOnly);
    }
    session.faults.iter().for_each(complain_of);
    let mut fleet = settings.fleet();
    read(&session, &mut fleet, &Want::new([FeedKind::Instances, FeedKind::Asgs])).await;
    let summary = Summary::of(&fleet, (session.clock)());
    let named: Vec<_> = summary.clusters.keys().filter(|id| id.name == cluster).collect();
    let id = match named.as_slice() {
        [one] => *one,
        [] => {
            let all: Vec<_> = summary.clusters.keys().map(ClusterId::to_string).collect();
            let all = if all.is_empty() {
                "none".to_owned()
            } else {
                all.join(", ")
            };
            return Err(FetchError::Unknown(format!(
                "there is no cluster {cluster:?}; there are: {all}"
            )));
        }
        several => {
            let homes: Vec<_> = several
                .iter()
                .filter_map(|id| id.home.as_ref())
                .map(ToString::to_string)
                .collect();
            let homes = homes.join(" and ");
            let text = format!("there is a cluster {cluster} in {homes}: name one with --profile and --region");
            return Err(FetchError::Unknown(text));
        }
    };
    fetch(&session.control, &directory, &server(&fleet, id)?).await
}

/// What merging has done, for people.
fn told(merged: &Merged, name: &str, cluster: &str) -> Vec<String> {
    let path = merged.path.display();
    let mut lines = vec![match (merged.changed, merged.known) {
        (false, _) => format!("context {name} is in {path} already"),
        (true, true) => format!("context {name} is brought up to date in {path}"),
        (true, false) => format!("context {name} is in {path} now"),
    }];
    if merged.rewritten {
        lines.push("the file was written anew as a whole: its comments are only in the backup".to_owned());
    }
    if let Some(backup) = &merged.backup {
        lines.push(format!("what it was before is in {}", backup.display()));
    }
    lines.push(match merged.current {
        true => "it is the current context: none was".to_owned(),
        false => format!("use it with: kubectl --context {name} get nodes"),
    });
    if merged.tunnel {
        let through = tunnel::context_name(name);
        lines.push(format!("context {through} goes through k3fleet tunnel {cluster}"));
    }
    lines
}
