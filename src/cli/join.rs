//! `preflight` and `join`: which hosts are to join which cluster, what was found of them, and whether they can.

use std::io::{self, Write};

use serde_json::json;

use super::args::{Format, Join as JoinArgs, Joiners, Preflight as PreflightArgs};
use super::complain;
use super::complain_of;
use super::exit::{Exit, Halt};
use super::files;
use super::operate::{Asked, Desk};
use super::output::Grid;
use super::select::joiners;
use crate::fleet::{ClusterId, Way, csv};
use crate::ops::joining::Join;
use crate::ops::preflight::{Check, Preflight, Verdict};
use crate::ops::private_file::from_root;
use crate::ops::{self, Request, read_vpn_auth};

impl Desk<'_> {
    /// What hosts are asked to join, with all that is found of them.
    async fn joining(&mut self, args: &Joiners, mend: bool) -> Result<Join, Halt> {
        let hosts = joiners(&self.session.hosts, &args.hosts, args.group.as_deref()).map_err(Halt::usage)?;
        let files = files::source(args.files.as_deref())?;
        if let Some(file) = &args.vpn_auth_file {
            read_vpn_auth(file).map_err(|error| Halt::usage(error.to_string()))?;
        }
        self.read().await;
        let known = self.known(&args.cluster)?;
        let context = known.context()?;
        let way = self.kept_way(args, &known.cluster)?;
        let server = match way.server {
            Some(url) => url,
            None => self.endpoint(&context)?,
        };
        let version = match (&args.k3s, &known.version) {
            (Some(asked), _) => self.release("--k3s", asked).await?,
            (None, Some(version)) => version.clone(),
            (None, None) => {
                let why = format!("the release of {} is not known: name one with --k3s", known.cluster);
                return Err(Halt::usage(why));
            }
        };
        let advertised = match self.kube(&context)?.api_addresses().await {
            Ok(addresses) => addresses,
            Err(error) => {
                complain_of(&error);
                vec![]
            }
        };
        self.see_keys(&hosts, args.ssh.accept_new_host_keys).await?;
        let mut sudo_password = args.ssh.ask_sudo_password && self.ask_sudo(&[])?;
        let hosts = self
            .facts(&hosts, &Join::addresses(&server, &advertised, files.as_ref()))
            .await?;
        let archs: Vec<_> = hosts.iter().filter_map(|host| host.facts.as_ref().ok()?.arch).collect();
        files::complete(files.as_ref(), &archs, true)?;
        if !sudo_password {
            sudo_password = self.sudo(&hosts)?;
        }
        Ok(Join {
            cluster: known.cluster,
            context,
            server,
            advertised,
            version,
            hosts,
            files,
            vpn_auth_file: way.vpn_auth_file.as_deref().map(from_root),
            wireguard: way.wireguard,
            mend,
            sudo_password,
        })
    }

    /// How hosts reach the cluster: as the options say, else as it is kept for the cluster, which is told.
    fn kept_way(&self, args: &Joiners, cluster: &ClusterId) -> Result<Way, Halt> {
        let Some((key, kept)) = self.config.reach.of(cluster) else {
            return Ok(Way {
                server: args.server.clone(),
                vpn_auth_file: args.vpn_auth_file.clone(),
                wireguard: false,
            });
        };
        let mut told = vec![];
        if let (None, Some(server)) = (&args.server, &kept.server) {
            told.push(format!("at {server}"));
        }
        if let (None, Some(file)) = (&args.vpn_auth_file, &kept.vpn_auth_file) {
            read_vpn_auth(file).map_err(|error| Halt::refused(error.to_string()))?;
            told.push(format!("through the VPN of {}", file.display()));
        }
        if kept.wireguard {
            told.push("with WireGuard".to_owned());
        }
        if !told.is_empty() {
            complain(&format!(
                "hosts reach {cluster} {}, as is kept under [reach.{key:?}] in config.toml",
                told.join(", ")
            ));
        }
        Ok(Way {
            server: args.server.clone().or_else(|| kept.server.clone()),
            vpn_auth_file: args.vpn_auth_file.clone().or_else(|| kept.vpn_auth_file.clone()),
            wireguard: kept.wireguard,
        })
    }

    /// What `join` asks for.
    pub(super) async fn join_asked(&mut self, args: &JoinArgs) -> Result<Asked, Halt> {
        let join = self.joining(&args.joiners, args.mend).await?;
        Ok(Asked {
            entered: true,
            ..Request::Join(Box::new(join)).into()
        })
    }

    /// Judges hosts, and tells each check.
    pub(super) async fn preflight(mut self, args: &PreflightArgs) -> io::Result<Exit> {
        self.session.faults.iter().for_each(complain_of);
        let join = match self.joining(&args.joiners, false).await {
            Ok(join) => join,
            Err(halt) => return Ok(halt.tell()),
        };
        let judged: Vec<_> = join
            .hosts
            .iter()
            .map(|host| Preflight::of(&self.fleet, &join, host))
            .collect();
        let mut out = io::stdout().lock();
        write(&mut out, self.format, &judged)?;
        out.flush()?;
        drop(out);
        let stuck = judged.iter().filter(|host| !host.can_join());
        let (mendable, stuck): (Vec<_>, Vec<_>) = stuck.partition(|host| host.can_join_with_mending());
        for (hosts, what) in [
            (&stuck, "cannot join"),
            (&mendable, "can join once --mend of k3fleet join has mended what it can"),
        ] {
            let names: Vec<_> = hosts.iter().map(|host| host.host.as_str()).collect();
            if !names.is_empty() {
                complain(&format!("{} {what}", names.join(", ")));
            }
        }
        let whole = ops::plan(&self.fleet, &Request::Join(Box::new(join)), (self.session.clock)());
        Ok(match whole {
            _ if judged.iter().all(Preflight::can_join) && whole.is_ok() => Exit::Done,
            // That no host can join is said of each.
            Err(refusal) if refusal.guard != "preflight" => Halt::from(refusal).tell(),
            _ => Exit::Refused,
        })
    }
}

/// Writes all checks.
fn write(out: &mut dyn Write, format: Format, judged: &[Preflight]) -> io::Result<()> {
    const HEADINGS: [&str; 5] = ["host", "verdict", "check", "found", "mend"];
    let row = |host: &Preflight, check: &Check| {
        let mend = match (check.verdict, check.mendable) {
            (Verdict::Ok, _) | (_, false) => check.mend.clone(),
            (_, true) => format!("{} (join --mend)", check.mend),
        };
        [
            host.host.as_str(),
            check.verdict.as_str(),
            check.name,
            check.line.as_str(),
            &mend,
        ]
        .map(str::to_owned)
    };
    let rows = judged
        .iter()
        .flat_map(|host| host.checks.iter().map(move |check| row(host, check)));
    match format {
        Format::Json => {
            let hosts: Vec<_> = judged
                .iter()
                .map(|host| {
                    json!({
                        "host": host.host.as_str(),
                        "can_join": host.can_join(),
                        "can_join_with_mending": host.can_join_with_mending(),
                        "verdict": host.verdict().as_str(),
                        "checks": host.checks,
                    })
                })
                .collect();
            serde_json::to_writer_pretty(&mut *out, &hosts)?;
            writeln!(out)
        }
        Format::Csv => {
            writeln!(out, "{}", HEADINGS.join(","))?;
            for row in rows {
                writeln!(out, "{}", csv::record(row.iter().map(String::as_str)))?;
            }
            Ok(())
        }
        Format::Table => Grid::new(HEADINGS, rows).write(out),
    }
}
