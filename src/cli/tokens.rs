//! `tokens`: by what machines join a cluster. Which tokens there are is told to anybody who looks; a token itself only when
//! it is asked for, one by one.

use std::io::{self, IsTerminal, Write};

use jiff::Timestamp;
use serde_json::json;
use smol_str::SmolStr;

use super::args::{Format, NewToken, OldToken, ShownToken, TokensCommand, TokensOf};
use super::complain_of;
use super::exit::{Exit, Halt};
use super::lookup::Known;
use super::operate::Desk;
use super::output::Grid;
use super::read::read;
use crate::blueprint::Names;
use crate::feeds::Want;
use crate::fleet::table::age;
use crate::fleet::{FeedKind, Role, csv};
use crate::ops::bootstrap::{BootstrapError, make, new_id};

/// A token, without what is secret of it.
struct Row {
    kind: &'static str,
    /// Its id, or the parameter that holds it.
    id: String,
    made_at: Option<Timestamp>,
    by: SmolStr,
    expires_at: Option<Timestamp>,
    description: SmolStr,
}

impl Desk<'_> {
    /// Runs the command.
    pub(super) async fn tokens(mut self, command: &TokensCommand) -> io::Result<Exit> {
        self.session.faults.iter().for_each(complain_of);
        let done = match command {
            TokensCommand::List(args) => return self.list_tokens(args).await,
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
        let want = Want::new([FeedKind::Instances, FeedKind::Server, FeedKind::Nodes]);
        read(&self.session, &mut self.fleet, &want).await;
        self.known(name)
    }

    async fn list_tokens(&mut self, args: &TokensOf) -> io::Result<Exit> {
        let known = match self.of_tokens(&args.cluster).await {
            Ok(known) => known,
            Err(halt) => return Ok(halt.tell()),
        };
        let mut whole = true;
        let mut rows = vec![];
        for found in [self.kept(&known).await, self.bootstrap(&known).await] {
            match found {
                Ok(found) => rows.extend(found),
                Err(halt) => {
                    whole = false;
                    halt.tell();
                }
            }
        }
        write(&mut io::stdout().lock(), self.format, &rows, (self.session.clock)())?;
        Ok(match (whole, rows.is_empty()) {
            (true, _) => Exit::Done,
            (false, false) => Exit::Partly,
            (false, true) => Exit::Failed,
        })
    }

    /// The tokens that are kept in parameters.
    async fn kept(&self, known: &Known) -> Result<Vec<Row>, Halt> {
        let Some(home) = &known.cluster.home else {
            return Ok(vec![]);
        };
        let cloud = self.session.providers.clouds.iter().find(|cloud| cloud.scope() == home);
        let Some(cloud) = cloud else {
            return Err(Halt::failed(format!("{home} is not reached from here")));
        };
        let mut rows = vec![];
        for kind in [Role::Server, Role::Agent] {
            let parameter = parameter(known, kind)?;
            let versions = cloud.parameter_versions(&parameter).await?;
            rows.extend(versions.first().map(|newest| Row {
                kind: kind.as_str(),
                id: format!("{parameter}:{}", newest.version),
                made_at: Some(newest.at),
                by: newest.by.clone(),
                expires_at: None,
                description: SmolStr::default(),
            }));
        }
        Ok(rows)
    }

    async fn bootstrap(&self, known: &Known) -> Result<Vec<Row>, Halt> {
        let tokens = self.kube(&known.context()?)?.bootstrap_tokens().await?;
        let row = |token: crate::provider::BootstrapToken| Row {
            kind: "bootstrap",
            id: token.id.into(),
            made_at: token.made_at,
            by: SmolStr::default(),
            expires_at: token.expires_at,
            description: token.description,
        };
        Ok(tokens.into_iter().map(row).collect())
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

fn write(out: &mut dyn Write, format: Format, rows: &[Row], now: Timestamp) -> io::Result<()> {
    const HEADINGS: [&str; 6] = ["kind", "id", "age", "expires", "by", "description"];
    match format {
        Format::Json => {
            let rows: Vec<_> = rows
                .iter()
                .map(|row| {
                    json!({
                        "kind": row.kind,
                        "id": row.id,
                        "made_at": row.made_at,
                        "expires_at": row.expires_at,
                        "by": some(&row.by),
                        "description": some(&row.description),
                    })
                })
                .collect();
            serde_json::to_writer_pretty(&mut *out, &rows)?;
            writeln!(out)
        }
        Format::Csv => {
            writeln!(out, "kind,id,made_at,expires_at,by,description")?;
            for row in rows {
                let time = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
                let (made, expires) = (time(row.made_at), time(row.expires_at));
                let fields = [row.kind, &row.id, &made, &expires, &row.by, &row.description];
                writeln!(out, "{}", csv::record(fields))?;
            }
            Ok(())
        }
        Format::Table => {
            let rows = rows.iter().map(|row| {
                let made = row.made_at.map(|at| age(now.duration_since(at).as_secs()));
                [
                    row.kind.to_owned(),
                    row.id.clone(),
                    made.unwrap_or_default(),
                    row.expires_at.map(|at| expiry(at, now)).unwrap_or_default(),
                    row.by.to_string(),
                    row.description.to_string(),
                ]
            });
            Grid::new(HEADINGS, rows).write(out)
        }
    }
}

fn some(text: &SmolStr) -> Option<&str> {
    Some(text.as_str()).filter(|text| !text.is_empty())
}

fn expiry(at: Timestamp, now: Timestamp) -> String {
    match at.duration_since(now).as_secs() {
        left if left > 0 => format!("in {}", age(left)),
        over => format!("{} ago", age(over.saturating_neg())),
    }
}
