//! `reach`: how edge hosts reach a cluster's API, as `config.toml` keeps it for the cluster, and what that needs.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::json;
use smol_str::SmolStr;

use super::args::{Format, ReachArgs};
use super::complain;
use super::complain_of;
use super::exit::{Exit, Halt};
use super::hosts::edit::difference;
use super::lookup::Known;
use super::operate::Desk;
use super::output::Grid;
use crate::config::{ConfigError, read_text, set_way, write_text};
use crate::fleet::{Way, csv, is_lasting_path};
use crate::ops::read_vpn_auth;
use crate::runtime::settings::vocabulary;

/// Where what is chosen is kept.
pub(super) struct Kept<'a> {
    /// The `config.toml` in use.
    pub(super) file: &'a Path,
    /// Whether the world is a simulated one.
    pub(super) demo: bool,
}

/// How hosts reach a cluster, and where that is said.
struct Told {
    cluster: SmolStr,
    way: Way,
    /// What it is kept under; `None` where nothing is.
    key: Option<SmolStr>,
    endpoint: Option<SmolStr>,
    advertised: Option<Vec<SmolStr>>,
}

impl Desk<'_> {
    /// Keeps what is asked for, or tells how it is.
    pub(super) async fn reach(mut self, args: &ReachArgs, kept: &Kept<'_>) -> io::Result<Exit> {
        self.session.faults.iter().for_each(complain_of);
        self.read().await;
        let (key, known) = match self.known(&args.cluster) {
            Ok(known) => (self.config.reach.key(&known.cluster), Some(known)),
            // What is kept for a cluster that is gone can be looked at and taken away.
            Err(_) if self.config.reach.0.contains_key(&args.cluster) => (args.cluster.clone(), None),
            Err(halt) => return Ok(halt.tell()),
        };
        let before = self.config.reach.0.get(&key).cloned().unwrap_or_default();
        let asks = args.clear || args.server.is_some() || args.vpn_auth_file.is_some() || args.wireguard.is_some();
        if !asks {
            let told = self.way_told(args, known.as_ref(), &key, before).await;
            return told.write(&mut io::stdout().lock(), self.format);
        }
        match asked(args, before) {
            Ok(way) => self.keep(args, kept, &key, &way),
            Err(halt) => Ok(halt.tell()),
        }
    }

    fn keep(&self, args: &ReachArgs, kept: &Kept<'_>, key: &str, way: &Way) -> io::Result<Exit> {
        let file = kept.file;
        let planned = read_text(file).and_then(|text| {
            let before = text.unwrap_or_default();
            let after = vocabulary(|words| set_way(file, &before, words, key, way))?;
            Ok((before, after))
        });
        let (before, after) = match planned {
            Ok(texts) => texts,
            Err(error) => return Ok(faulty(&error, Exit::Usage)),
        };
        let mut out = io::stdout().lock();
        if args.dry_run {
            out.write_all(difference(&before, &after).as_bytes())?;
            return Ok(Exit::Done);
        }
        if kept.demo {
            let why = "config.toml is not part of the simulated world; leave --demo out, or look with --dry-run";
            return Ok(Halt::usage(why).tell());
        }
        if self.config.read_only {
            let why = format!(
                "read-only: {} is left as it is; --dry-run shows what would change",
                file.display()
            );
            return Ok(Halt::refused(why).tell());
        }
        if before == after {
            complain(&format!("nothing changes; {} is left as it is", file.display()));
            return Ok(Exit::Done);
        }
        if let Err(error) = write_text(file, &before, &after) {
            return Ok(faulty(&error, Exit::Failed));
        }
        match way.is_default() {
            true => writeln!(
                out,
                "nothing is kept for {} any longer in {}",
                args.cluster,
                file.display()
            )?,
            false => writeln!(out, "kept under [reach.{key:?}] in {}", file.display())?,
        }
        out.flush()?;
        way.needs().iter().for_each(|need| complain(need));
        Ok(Exit::Done)
    }

    async fn way_told(&self, args: &ReachArgs, known: Option<&Known>, key: &SmolStr, way: Way) -> Told {
        let context = known.and_then(|known| known.context().ok());
        let endpoint = context.as_ref().and_then(|context| self.endpoint(context).ok());
        let advertised = match context.as_ref().map(|context| self.kube(context)) {
            Some(Ok(kube)) => match kube.api_addresses().await {
                Ok(addresses) => Some(addresses),
                Err(error) => {
                    complain_of(&error);
                    None
                }
            },
            _ => None,
        };
        Told {
            cluster: args.cluster.clone(),
            key: (!way.is_default()).then(|| key.clone()),
            way,
            endpoint,
            advertised,
        }
    }
}

/// The way that is asked for: what is not named stays as it is.
fn asked(args: &ReachArgs, before: Way) -> Result<Way, Halt> {
    if args.clear {
        return Ok(Way::default());
    }
    let mut way = before;
    if let Some(server) = &args.server {
        way.server = Some(server.clone()).filter(|url| !url.is_empty());
    }
    if let Some(file) = &args.vpn_auth_file {
        way.vpn_auth_file = match file.is_empty() {
            true => None,
            false => Some(lasting(Path::new(file))?),
        };
    }
    way.wireguard = args.wireguard.unwrap_or(way.wireguard);
    Ok(way)
}

/// The path by which a key is found wherever the program is started, if it is a key that nobody else reads.
fn lasting(file: &Path) -> Result<PathBuf, Halt> {
    let path = match is_lasting_path(file) {
        true => file.to_owned(),
        false => std::path::absolute(file).map_err(|error| Halt::usage(format!("{}: {error}", file.display())))?,
    };
    read_vpn_auth(&path).map_err(|error| Halt::refused(error.to_string()))?;
    Ok(path)
}

fn faulty(error: &ConfigError, exit: Exit) -> Exit {
    error.faults.iter().for_each(|fault| complain(&fault.to_string()));
    exit
}

impl Told {
    fn write(&self, out: &mut dyn Write, format: Format) -> io::Result<Exit> {
        const HEADINGS: [&str; 3] = ["what", "is", "why"];
        let server = self.way.server.as_ref().or(self.endpoint.as_ref());
        match format {
            Format::Json => {
                let told = json!({
                    "cluster": self.cluster,
                    "server": server,
                    "server_from": match (&self.way.server, &self.endpoint) {
                        (Some(_), _) => Some("config"),
                        (None, Some(_)) => Some("kubeconfig"),
                        (None, None) => None,
                    },
                    "vpn_auth_file": self.way.vpn_auth_file,
                    "wireguard": self.way.wireguard,
                    "kept_under": self.key,
                    "advertised": self.advertised,
                    "needs": self.way.needs(),
                });
                serde_json::to_writer_pretty(&mut *out, &told)?;
                writeln!(out)?;
            }
            Format::Csv => {
                writeln!(out, "{}", HEADINGS.join(","))?;
                for row in self.rows(server) {
                    writeln!(out, "{}", csv::record(row.iter().map(String::as_str)))?;
                }
            }
            Format::Table => Grid::new(HEADINGS, self.rows(server)).write(out)?,
        }
        out.flush()?;
        Ok(Exit::Done)
    }

    fn rows(&self, server: Option<&SmolStr>) -> Vec<[String; 3]> {
        let kept = self
            .key
            .as_ref()
            .map(|key| format!("kept under [reach.{key:?}] in config.toml"));
        let kept = kept.unwrap_or_default();
        let row = |what: &str, is: String, why: String| [what.to_owned(), is, why];
        let mut rows = vec![row(
            "server",
            server.map_or_else(|| "-".to_owned(), ToString::to_string),
            match (&self.way.server, &self.endpoint) {
                (Some(_), _) => kept.clone(),
                (None, Some(_)) => "as its kubeconfig has it; nothing else is kept".to_owned(),
                (None, None) => "its API server does not answer: it is not known".to_owned(),
            },
        )];
        let vpn = self.way.vpn_auth_file.as_ref();
        rows.push(match vpn {
            Some(file) => {
                let why = match read_vpn_auth(file) {
                    Ok(_) => kept.clone(),
                    Err(error) => error.to_string(),
                };
                row("vpn-auth-file", file.display().to_string(), why)
            }
            None => row("vpn-auth-file", "-".to_owned(), "hosts join no VPN".to_owned()),
        });
        rows.push(match self.way.wireguard {
            true => row("wireguard", "yes".to_owned(), kept),
            false => row(
                "wireguard",
                "no".to_owned(),
                "pods go through what the servers use".to_owned(),
            ),
        });
        rows.push(row(
            "advertised",
            match self.advertised.as_deref() {
                None | Some([]) => "-".to_owned(),
                Some(addresses) => addresses.join(" "),
            },
            match self.advertised {
                Some(_) => "hosts go on to these once they have joined: each has to reach them".to_owned(),
                None => "its API server does not tell".to_owned(),
            },
        ));
        rows.extend(
            self.way
                .needs()
                .into_iter()
                .map(|need| row("needs", String::new(), need)),
        );
        rows
    }
}
