//! What a highly available cluster is, and what a change of it would mean.

use std::sync::Arc;

use super::{Errands, cloud};
use crate::app::Msg;
use crate::app::updating::Proposal;
use crate::blueprint::Names;
use crate::fleet::{ClusterId, Scope, Severity};
use crate::ops::updating::{self, Known, Update};
use crate::provider::CloudControl;
use crate::runtime::clock;
use crate::runtime::session::Session;

impl Errands {
    /// Asks what a cluster is.
    pub(in crate::runtime) fn known(&mut self, session: Option<&Session>, cluster: ClusterId) {
        let control = control(session, &cluster);
        self.tasks.spawn(async move {
            let told = match control {
                Ok((control, home)) => read(&*control, &cluster, &home).await,
                Err(why) => Err(why),
            };
            Msg::Known(cluster, told.map(Box::new))
        });
    }

    /// Asks CloudFormation what another spec would change.
    pub(in crate::runtime) fn propose(&mut self, session: Option<&Session>, proposal: Proposal) {
        let found =
            control(session, &proposal.cluster).and_then(|(control, home)| Ok((cloud(session, &home)?, control)));
        self.tasks.spawn(async move {
            let Proposal {
                cluster,
                known,
                old,
                spec,
            } = proposal;
            let told = match found {
                Ok((cloud, control)) => {
                    let token = updating::token(clock::now());
                    let told = updating::ask(&*cloud, &*control, &known, old, spec, &token).await;
                    told.map_err(|error| error.to_string())
                }
                Err(why) => Err(why),
            };
            Msg::Proposed(cluster, told.map(Box::new))
        });
    }

    /// Discards what CloudFormation has worked out. What stays does no harm.
    pub(in crate::runtime) fn discard(&mut self, session: Option<&Session>, update: Box<Update>) {
        let Some(control) = session.and_then(|s| s.control.cloud(&update.scope)).cloned() else {
            return;
        };
        self.tasks.spawn(async move {
            let text = match control.discard_change_set(&update.change_set).await {
                Ok(()) => "nothing is changed: what CloudFormation had worked out is discarded".to_owned(),
                Err(error) => format!("nothing is changed; the change set stays, and does no harm: {error}"),
            };
            Msg::Say(Severity::Info, text)
        });
    }
}

async fn read(control: &dyn CloudControl, cluster: &ClusterId, home: &Scope) -> Result<Known, String> {
    let known = updating::read(control, Names::new(&cluster.name, &home.region)).await;
    known.map_err(|error| error.to_string())
}

/// What changes the region of a cluster.
fn control(session: Option<&Session>, cluster: &ClusterId) -> Result<(Arc<dyn CloudControl>, Scope), String> {
    let home = cluster.home.clone();
    let home = home.ok_or_else(|| format!("{cluster} has nothing at AWS, so it has no stack"))?;
    let control = session.and_then(|s| s.control.cloud(&home)).cloned();
    let control =
        control.ok_or_else(|| format!("{home} is not changed from here: it is not looked at, or read-only"))?;
    Ok((control, home))
}
