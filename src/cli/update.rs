//! `update` and `spec`: a highly available cluster's spec is read from where its launch wrote it, changed by flags or by the
//! operator's editor, and CloudFormation says what that would change before anything is planned.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use smol_str::SmolStr;

use super::args::Update as Args;
use super::complain;
use super::exit::{Exit, Halt};
use super::operate::{Asked, Desk};
use super::read::read_offers;
use crate::blueprint::Spec;
use crate::fleet::{ClusterId, Offer, Scope};
use crate::ops::Request;
use crate::ops::survey::survey;
use crate::ops::updating::{self, Known, UpdateError};
use crate::ops::wish::{changed_pool, new_pool, priced_for};
use crate::provider::{Cloud, CloudControl};

/// More than any spec, in bytes.
const LARGEST: u64 = 64 << 10;

impl Desk<'_> {
    /// Prints what a cluster is.
    pub(super) async fn spec_of(mut self, name: &SmolStr) -> io::Result<Exit> {
        self.read().await;
        match self.as_kept(name).await {
            Ok((_, _, known)) => {
                let mut out = io::stdout().lock();
                serde_json::to_writer_pretty(&mut out, &updating::sized(&self.fleet, &known))?;
                writeln!(out)?;
                Ok(Exit::Done)
            }
            Err(halt) => Ok(halt.tell()),
        }
    }

    /// What these flags ask for, worked out by CloudFormation.
    pub(super) async fn update_asked(&mut self, args: &Args) -> Result<Asked, Halt> {
        let (scope, cloud, known) = self.as_kept(&args.cluster).await?;
        let old = updating::sized(&self.fleet, &known);
        let mut spec = match &args.spec {
            Some(file) => read_spec(file).map_err(Halt::usage)?,
            None => old.clone(),
        };
        if let Some(ha) = &mut spec.ha {
            ha.servers = args.servers.unwrap_or(ha.servers);
            if let Some(unknown) = args.remove_pool.iter().find(|name| ha.pool(name).is_none()) {
                let all: Vec<_> = ha.pools.iter().map(|pool| pool.name.as_str()).collect();
                let why = format!(
                    "--remove-pool: there is no pool {unknown:?}; there are: {}",
                    all.join(", ")
                );
                return Err(Halt::usage(why));
            }
            ha.pools.retain(|pool| !args.remove_pool.contains(&pool.name));
            let mut offered = None;
            for wish in &args.pools {
                match ha.pools.iter_mut().find(|pool| pool.name == wish.name) {
                    Some(pool) => changed_pool(pool, wish),
                    None => {
                        let survey = match &mut offered {
                            Some(survey) => survey,
                            none => {
                                let web = self.session.providers.web.clone();
                                none.insert(survey(&*self.reader(&scope)?, web.as_deref()).await?)
                            }
                        };
                        self.price(&scope, priced_for(wish, spec.arch, survey)).await;
                        let market = self.fleet.market();
                        let pool = new_pool(wish, spec.arch, spec.volume_gib, survey, market);
                        ha.pools.push(pool.map_err(Halt::usage)?);
                    }
                }
            }
        }
        let token = updating::token((self.session.clock)());
        let update = updating::ask(&*self.reader(&scope)?, &*cloud, &known, old, spec, &token).await?;
        let types = updating::types(&update.old, &update.spec);
        self.price(&scope, types).await;
        Ok(Request::Update(Box::new(update)).into())
    }

    /// Has the prices of types read.
    async fn price(&mut self, scope: &Scope, types: impl IntoIterator<Item = SmolStr>) {
        let offers = types.into_iter().map(|kind| Offer::new(&scope.region, &kind)).collect();
        read_offers(&self.session, &mut self.fleet, offers).await;
    }

    /// What reads a profile and region.
    fn reader(&self, scope: &Scope) -> Result<Arc<dyn Cloud>, Halt> {
        let reader = self.clouds().find(|cloud| cloud.scope() == scope).cloned();
        reader.ok_or_else(|| Halt::failed(format!("{scope} is not read from here")))
    }

    /// Discards the change set of an update that is not carried out. One that stays does no harm.
    pub(super) async fn leave(&self, request: &Request) {
        let Request::Update(update) = request else { return };
        let Some(cloud) = self.session.control.cloud(&update.scope) else {
            return;
        };
        if let Err(error) = cloud.discard_change_set(&update.change_set).await {
            complain(&format!("the change set stays, and does no harm: {error}"));
        }
    }

    /// A cluster as AWS keeps it.
    async fn as_kept(&self, name: &SmolStr) -> Result<(Scope, Arc<dyn CloudControl>, Known), Halt> {
        let ClusterId { home, .. } = self.known(name)?.cluster;
        let Some(home) = home else {
            return Err(Halt::usage(format!("{name} has no machine at AWS, so it has no stack")));
        };
        let Some(cloud) = self.session.control.cloud(&home).cloned() else {
            return Err(Halt::refused(
                "CloudFormation is not asked in read-only mode; start without --read-only",
            ));
        };
        let names = crate::blueprint::Names::new(name, &home.region);
        let known = updating::read(&*cloud, names).await?;
        Ok((home, cloud, known))
    }
}

impl From<UpdateError> for Halt {
    fn from(error: UpdateError) -> Self {
        match error {
            UpdateError::Call(error) => error.into(),
            UpdateError::Refused(refusal) => refusal.into(),
            UpdateError::Image(error) => error.into(),
            UpdateError::Busy { .. } => Self::refused(error.to_string()),
            UpdateError::None(_) | UpdateError::NoStack(_) => Self::usage(error.to_string()),
            UpdateError::Foreign { .. } | UpdateError::Unwritable => Self::failed(error.to_string()),
        }
    }
}

/// Reads a spec; the error says where it is wrong.
fn read_spec(file: &Path) -> Result<Spec, String> {
    let mut text = String::new();
    let (shown, read) = match file.as_os_str() == "-" {
        true => (
            "standard input".to_owned(),
            io::stdin().take(LARGEST).read_to_string(&mut text),
        ),
        false => {
            let opened = std::fs::File::open(file);
            let read = opened.and_then(|file| file.take(LARGEST).read_to_string(&mut text));
            (file.display().to_string(), read)
        }
    };
    read.map_err(|error| format!("--spec: read {shown}: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("--spec: {shown}: {error}"))
}
