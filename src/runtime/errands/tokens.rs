//! The tokens of a cluster: which there are, and bootstrap tokens made and deleted.

use std::sync::Arc;

use jiff::Timestamp;
use smol_str::SmolStr;

use super::Errands;
use crate::app::Msg;
use crate::app::tokens::TokenMade;
use crate::fleet::{ClusterId, ContextId};
use crate::ops::bootstrap::{BootstrapError, make, new_id};
use crate::ops::tokens::{Roll, survey};
use crate::provider::{KubeControl, Secret};
use crate::runtime::session::Session;

impl Errands {
    /// Asks which tokens a cluster has, and which machine holds which.
    pub(in crate::runtime) fn tokens(&mut self, session: Option<&Session>, roll: Roll) {
        let ports = session.map(|session| (session.control.clone(), session.providers.clone()));
        self.tasks.spawn(async move {
            let (control, providers) = ports.unwrap_or_default();
            Msg::Tokens(Box::new(survey(&control, &providers, &roll).await))
        });
    }

    /// Makes a bootstrap token.
    pub(in crate::runtime) fn make_token(
        &mut self,
        session: Option<&Session>,
        cluster: ClusterId,
        context: &ContextId,
        expires_at: Option<Timestamp>,
        description: String,
    ) {
        let kube = kube(session, context);
        self.tasks.spawn(async move {
            let made = match kube {
                Ok(kube) => new_token(kube.as_ref(), description, expires_at)
                    .await
                    .map_err(|error| error.to_string()),
                Err(why) => Err(why),
            };
            Msg::TokenMade(made.map(|token| TokenMade {
                cluster,
                token,
                expires_at,
            }))
        });
    }

    /// Deletes a bootstrap token.
    pub(in crate::runtime) fn delete_token(&mut self, session: Option<&Session>, context: &ContextId, id: SmolStr) {
        let kube = kube(session, context);
        self.tasks.spawn(async move {
            let done = match kube {
                Ok(kube) => kube
                    .delete_bootstrap_token(&id)
                    .await
                    .map_err(|error| error.to_string()),
                Err(why) => Err(why),
            };
            Msg::TokenGone(id, done)
        });
    }
}

async fn new_token(
    kube: &dyn KubeControl,
    description: String,
    expires_at: Option<Timestamp>,
) -> Result<Secret, BootstrapError> {
    make(kube, &new_id()?, description, expires_at).await
}

/// What changes the cluster behind a context.
fn kube(session: Option<&Session>, context: &ContextId) -> Result<Arc<dyn KubeControl>, String> {
    let session = session.ok_or("nothing is open yet: try again")?;
    let found = session.control.kube(context).cloned();
    found.ok_or_else(|| match session.control.is_read_only() {
        true => "nothing is changed in read-only mode; start without --read-only".to_owned(),
        false => format!("the context {context} is not looked at"),
    })
}
