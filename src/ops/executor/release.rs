//! What AWS keeps of a cluster that tells new machines what to be: another token, another release.

use smol_str::SmolStr;

use super::Executor;
use super::error::StepError;
use crate::blueprint::{Spec, user_data};
use crate::fleet::{Role, Scope};
use crate::ops::event::Made;
use crate::ops::tokens::is_bootstrap;
use crate::provider::{CloudControl, Secret};

impl Executor {
    /// Makes another token in its parameter. One that is there already, newer than what the cluster goes by, is of this
    /// operation before it was cut off: it is the one.
    pub(super) async fn new_token(
        &self,
        scope: &Scope,
        kind: Role,
        parameter: &SmolStr,
        old: u64,
    ) -> Result<Made, StepError> {
        let cloud = self.at(scope)?;
        let newest = cloud.secure(parameter, None).await?;
        let (newest, value) = newest.ok_or_else(|| StepError::NoToken(parameter.to_string()))?;
        // One that others have put there may have the shape that locks a cluster.
        let new = match newest > old && !is_bootstrap(value.expose()) {
            true => newest,
            false => cloud.put_secure(parameter, &random()?).await?,
        };
        Ok(Made::Token {
            kind,
            scope: scope.clone(),
            parameter: parameter.clone(),
            old,
            new,
        })
    }
}

/// A token of 64 hexadecimal digits: none that K3s would take for a bootstrap token.
pub(super) fn random() -> Result<Secret, StepError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|_no_source| StepError::Broken("the system gives no random numbers"))?;
    Ok(Secret::new(
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
    ))
}

/// Lets new machines run another release. What has it already stays as it is.
pub(super) async fn set(
    cloud: &dyn CloudControl,
    templates: &[String],
    spec: &str,
    version: &str,
) -> Result<(), StepError> {
    for template in templates {
        let Some(text) = cloud.user_data(template).await? else {
            continue;
        };
        let renewed = user_data::with_version(&text, version).ok_or_else(|| StepError::Trouble {
            machine: template.clone(),
            what: "its user data is none of k3fleet's".to_owned(),
            mend: format!("let it install K3s {version} yourself"),
        })?;
        if renewed != text {
            cloud.renew_template(template, &renewed).await?;
        }
    }
    if let Some(text) = cloud.parameter(spec).await? {
        let mut known: Spec = serde_json::from_str(&text).map_err(|error| StepError::Trouble {
            machine: spec.to_owned(),
            what: format!("it holds no spec: {error}"),
            mend: "see who wrote it".to_owned(),
        })?;
        known.version = version.into();
        let text = serde_json::to_string(&known)
            .map_err(|_unwritable| StepError::Broken("the spec cannot be written as JSON: this is a bug"))?;
        cloud.put_parameter(spec, &text).await?;
    }
    Ok(())
}
