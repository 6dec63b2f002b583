//! `tokens`: by what machines join a cluster. Which tokens there are is told to anybody who looks; a token itself only when
//! it is asked for, one by one.

use std::io::{self, IsTerminal, Write};

use jiff::Timestamp;
use smol_str::SmolStr;

use super::args::{Format, NewToken, OldToken, ShownToken, Ssh, TokensCommand, TokensOf};
use super::complain;
use super::exit::{Exit, Halt};
use super::lookup::Known;
use super::operate::Desk;
use super::output::Grid;
use crate::blueprint::Names;
use crate::fleet::table::age;
use crate::fleet::{ClusterId, EdgeHost, Role, csv};
use crate::ops::bootstrap::{BootstrapError, make, new_id};
use crate::ops::tokens::{Roll, TokenRow, TokenView, Tokens, survey};

impl Desk<'_> {
    /// Runs the command.
    pub(super) async fn tokens(mut self, command: &TokensCommand) -> io::Result<Exit> {
        let done = match command {
            TokensCommand::List(args) => return Ok(self.list_tokens(args).await.unwrap_or_else(Halt::tell)),
            TokensCommand::Show(args) => return self.show_token(args).await,
            TokensCommand::Create(args) => self.create_token(args).await,
            TokensCommand::Delete(args) => self.delete_token(args).await,
        };
        match done {
            Ok(line) => {
                writeln!(io::stdout().lock(), "{line}")?;
                Ok(Exit::Done)
            }
            Err(halt) => Ok(halt.tell()),
        }
    }

    /// The cluster that is meant, found by what AWS and the API servers tell.
    async fn of_tokens(&mut self, name: &SmolStr) -> Result<Known, Halt> {
        self.read_machines().await;
        self.known(name)
    }

    /// Which tokens a cluster has, and who holds which: the machines are asked.
    pub(super) async fn told_tokens(&self, cluster: &ClusterId, ssh: Ssh) -> Result<Tokens, Halt> {
        let members = self
            .fleet
            .machines()
            .filter(|m| m.node().is_some() && m.belongs_to(cluster));
        let hosts: Vec<EdgeHost> = members.filter_map(|m| m.edge().cloned()).collect();
        if !self.session.control.is_read_only() {
            self.enter(&hosts, ssh).await?;
        }
        let roll = Roll::of(&self.fleet, cluster);
        Ok(survey(&self.session.control, &self.session.providers, &roll).await)
    }

    async fn list_tokens(&mut self, args: &TokensOf) -> Result<Exit, Halt> {
        let cluster = self.of_tokens(&args.cluster).await?.cluster;
        let view = self.told_tokens(&cluster, args.ssh).await?.view();
        for line in view.faults.iter().chain(&view.remarks) {
            complain(line);
        }
        for machine in &view.machines {
            if let Some(why) = &machine.why {
                complain(&format!("{} did not tell which tokens it holds: {why}", machine.name));
            }
        }
        let mut out = io::stdout().lock();
        let written = write(&mut out, self.format, &view, (self.session.clock)()).and_then(|()| out.flush());
        written.map_err(|error| Halt::failed(error.to_string()))?;
        let whole = view.faults.is_empty() && view.machines.iter().all(|machine| machine.why.is_none());
        Ok(if whole { Exit::Done } else { Exit::Partly })
    }

    /// Makes a bootstrap token; gives the token itself.
    async fn create_token(&mut self, args: &NewToken) -> Result<String, Halt> {
        let known = self.of_tokens(&args.cluster).await?;
        let context = known.context()?;
        let Some(kube) = self.session.control.kube(&context) else {
            return Err(Halt::refused(
                "no token is made in read-only mode; start without --read-only",
            ));
        };
        let expires_at = (self.session.clock)().checked_add(args.ttl);
        let expires_at = expires_at.map_err(|error| Halt::usage(format!("--ttl: {error}")))?;
        let id = new_id()?;
        let token = make(&**kube, &id, args.description.clone(), Some(expires_at)).await?;
        Ok(token.expose().to_owned())
    }

    async fn delete_token(&mut self, args: &OldToken) -> Result<String, Halt> {
        let known = self.of_tokens(&args.cluster).await?;
        let context = known.context()?;
        let there = self.kube(&context)?.bootstrap_tokens().await?;
        if there.iter().all(|token| token.id != args.id) {
            let ids: Vec<_> = there.iter().map(|token| token.id.as_str()).collect();
            let ids = if ids.is_empty() {
                "none".to_owned()
            } else {
                ids.join(", ")
            };
            return Err(Halt::usage(format!(
                "there is no bootstrap token {:?}; there are: {ids}",
                args.id
            )));
        }
        let Some(kube) = self.session.control.kube(&context) else {
            return Err(Halt::refused(
                "no token is deleted in read-only mode; start without --read-only",
            ));
        };
        kube.delete_bootstrap_token(&args.id).await?;
        Ok(format!("{} deleted; machines that have joined with it stay", args.id))
    }

    async fn show_token(&mut self, args: &ShownToken) -> io::Result<Exit> {
        if !io::stdout().is_terminal() && !args.yes {
            let why = "standard output is no terminal: --yes prints the token all the same";
            return Ok(Halt::usage(why).tell());
        }
        match self.secret(args).await {
            Ok(token) => {
                writeln!(io::stdout().lock(), "{token}")?;
                Ok(Exit::Done)
            }
            Err(halt) => Ok(halt.tell()),
        }
    }

    async fn secret(&mut self, args: &ShownToken) -> Result<String, Halt> {
        let known = self.of_tokens(&args.cluster).await?;
        let parameter = parameter(&known, args.which.into())?;
        let Some(cloud) = known
            .cluster
            .home
            .as_ref()
            .and_then(|home| self.session.control.cloud(home))
        else {
            return Err(Halt::refused(
                "no secret is read in read-only mode; start without --read-only",
            ));
        };
        match cloud.secure(&parameter, None).await? {
            Some((_, token)) => Ok(token.expose().to_owned()),
            None => Err(Halt::failed(format!(
                "there is no parameter {parameter}: the token is kept on the servers alone, in \
                 /var/lib/rancher/k3s/server/token"
            ))),
        }
    }
}

/// The parameter that holds a token of a cluster.
fn parameter(known: &Known, kind: Role) -> Result<String, Halt> {
    let cluster = &known.cluster;
    let Some(home) = &cluster.home else {
        return Err(Halt::usage(format!(
            "{} has no machine at AWS: its tokens are kept on its servers alone, in /var/lib/rancher/k3s/server/token",
            cluster.name
        )));
    };
    let names = Names::new(&cluster.name, &home.region);
    Ok(match kind {
        Role::Server => names.server_token(),
        Role::Agent => names.agent_token(),
    })
}

impl From<BootstrapError> for Halt {
    fn from(error: BootstrapError) -> Self {
        Self::failed(error.to_string())
    }
}

fn write(out: &mut dyn Write, format: Format, view: &TokenView, now: Timestamp) -> io::Result<()> {
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, view)?;
            writeln!(out)
        }
        Format::Csv => {
            writeln!(out, "kind,name,newest,made_at,made_by,expires_at,machines,description")?;
            for row in &view.tokens {
                let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
                let fields = [
                    row.kind.as_str(),
                    &row.name,
                    if row.newest { "true" } else { "false" },
                    &time(row.made_at),
                    row.made_by.as_deref().unwrap_or_default(),
                    &time(row.expires_at),
                    &row.machines.join(" "),
                    &row.description,
                ];
                writeln!(out, "{}", csv::record(fields))?;
            }
            Ok(())
        }
        Format::Table => {
            let rows = view.tokens.iter().map(|row| {
                let made = row.made_at.map(|at| age(now.duration_since(at).as_secs()));
                [
                    row.kind.as_str().to_owned(),
                    format!("{}{}", row.name, if row.newest { "" } else { " (old)" }),
                    made.unwrap_or_default(),
                    row.expires_at.map(|at| expiry(at, now)).unwrap_or_default(),
                    users(row),
                    row.description.to_string(),
                ]
            });
            Grid::new(["kind", "name", "age", "expires", "used by", "description"], rows).write(out)
        }
    }
}

/// Who holds a token, the first of them by name.
fn users(row: &TokenRow) -> String {
    const NAMED: usize = 4;
    let names: Vec<_> = row.machines.iter().take(NAMED).map(SmolStr::as_str).collect();
    match row.machines.len().saturating_sub(NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

fn expiry(at: Timestamp, now: Timestamp) -> String {
    match at.duration_since(now).as_secs() {
        left if left > 0 => format!("in {}", age(left)),
        over => format!("{} ago", age(over.saturating_neg())),
    }
}
