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
use crate::blueprint::ha::PoolKind;
use crate::fleet::{ClusterId, Offer, Scope};
use crate::ops::survey::survey;
use crate::ops::updating::{self, Known, Update, UpdateError};
use crate::ops::wish::{changed_pool, new_pool, priced_for};
use crate::ops::{OperationId, Request};
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
                serde_json::to_writer_pretty(&mut out, &self.sized(&known))?;
                writeln!(out)?;
                Ok(Exit::Done)
            }
            Err(halt) => Ok(halt.tell()),
        }
    }

    /// What these flags ask for, worked out by CloudFormation.
    pub(super) async fn update_asked(&mut self, args: &Args) -> Result<Asked, Halt> {
        let (scope, cloud, mut known) = self.as_kept(&args.cluster).await?;
        let old = self.sized(&known);
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
            for wish in &args.pools {
                match ha.pools.iter_mut().find(|pool| pool.name == wish.name) {
                    Some(pool) => changed_pool(pool, wish),
                    None => {
                        let web = self.session.providers.web.clone();
                        let reader = self.reader(&scope)?;
                        let survey = survey(&*reader, web.as_deref()).await?;
                        let offers = priced_for(wish, spec.arch, &survey).into_iter();
                        let offers = offers.map(|kind| Offer::new(&scope.region, &kind)).collect();
                        read_offers(&self.session, &mut self.fleet, offers).await;
                        let market = self.fleet.market();
                        let pool = new_pool(wish, spec.arch, spec.volume_gib, &survey, market);
                        ha.pools.push(pool.map_err(Halt::usage)?);
                    }
                }
            }
        }
        let faults: Vec<_> = spec.check().iter().map(ToString::to_string).collect();
        if !faults.is_empty() {
            return Err(Halt::refused(format!("{}; mend that and ask again", faults.join("; "))));
        }
        let fixed = updating::fixed(&old, &spec);
        if !fixed.is_empty() {
            let fixed = fixed.join(", ");
            return Err(Halt::refused(format!(
                "{fixed} cannot be changed once the cluster stands; leave it as it is, or launch another cluster"
            )));
        }
        let before = known.site.clone();
        updating::add_images(&*self.reader(&scope)?, &spec, &mut known.site).await?;
        let now = (self.session.clock)();
        let salt = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
        let token = OperationId::new("update", now, salt);
        let change_set = updating::propose(&*cloud, &known, &spec, token.as_str()).await?;
        let reader = self.reader(&scope)?;
        let basis = updating::basis(&*reader, &old, &spec, &known.site).await;
        let types = updating::types(&old, &spec);
        let offers = types.iter().map(|kind| Offer::new(&scope.region, kind)).collect();
        read_offers(&self.session, &mut self.fleet, offers).await;
        let update = Update {
            basis: Some(basis),
            scope,
            old,
            spec,
            site: (known.site != before).then_some(known.site),
            change_set,
        };
        Ok(Request::Update(Box::new(update)).into())
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

    /// Its spec with the sizes that its groups have by now: a change of something else leaves those as they are.
    fn sized(&self, known: &Known) -> Spec {
        let mut spec = known.spec.clone();
        let region = spec.region.clone();
        let group = |name: String| {
            let mut groups = self.fleet.asgs().filter(|g| g.scope.region == region && g.name == name);
            groups.next()
        };
        let names = known.spec.names();
        if let Some(ha) = &mut spec.ha {
            if let Some(servers) = group(names.group(crate::blueprint::ha::SERVERS)) {
                ha.servers = servers.desired;
            }
            for pool in ha.pools.iter_mut().filter(|pool| pool.kind == PoolKind::Asg) {
                if let Some(now) = group(names.group(&pool.name)) {
                    (pool.min, pool.desired, pool.max) = (now.min, now.desired, now.max);
                }
            }
        }
        spec
    }
}

impl From<UpdateError> for Halt {
    fn from(error: UpdateError) -> Self {
        match error {
            UpdateError::Call(error) => error.into(),
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
