//! Changing what a highly available cluster is: its spec and its place are read from where its launch wrote them, the spec
//! is changed, and CloudFormation works out as a change set what that means. The change set is part of the request, so that
//! what the plan shows is what is done.

mod asking;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

pub use asking::{ask, judge, sized, token, types};

use super::bill::Basis;
use super::parts::PartLine;
use super::plan::Refusal;
use super::survey::SurveyError;
use crate::blueprint::ha::Site;
use crate::blueprint::ha::template::{CREATED_BY, FIRST_SERVERS, template};
use crate::blueprint::{Names, Spec};
use crate::fleet::{ClusterId, Scope};
use crate::provider::{ChangeSet, CloudControl, ProviderError, Stack, StackChange, StackOrder};

/// A change of a highly available cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// The profile and region.
    pub scope: Scope,
    /// What it is now.
    pub old: Spec,
    /// What it is to be.
    pub spec: Spec,
    /// Its place, where that changes: it has images of another architecture then.
    #[serde(default)]
    pub site: Option<Site>,
    /// What CloudFormation would do.
    pub change_set: ChangeSet,
    /// What its bill rests on; `None` where no prices were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
}

impl Update {
    /// The cluster.
    pub fn cluster(&self) -> ClusterId {
        ClusterId {
            name: self.spec.name.clone(),
            home: Some(self.scope.clone()),
        }
    }

    /// What CloudFormation would do to each resource of its stack, for people.
    pub fn told(&self) -> Vec<PartLine> {
        let line = |change: &StackChange| PartLine {
            about: change.action.as_str().to_owned(),
            text: change.what(),
        };
        self.change_set.changes.iter().map(line).collect()
    }
}

/// A highly available cluster as AWS keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// What it is.
    pub spec: Spec,
    /// Where it stands.
    pub site: Site,
    /// Its stack.
    pub stack: Stack,
}

/// Why a cluster cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] ProviderError),
    /// It would harm the cluster, or cannot be done to one that stands.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The image that a new pool needs is not known.
    #[error(transparent)]
    Image(#[from] SurveyError),
    /// A parameter is not there.
    #[error("there is no parameter {0}: the cluster was not launched by k3fleet with the shape ha")]
    None(String),
    /// A parameter holds something else.
    #[error("the parameter {name} holds something else than is expected: {why}; see who wrote it")]
    Foreign {
        /// The parameter.
        name: String,
        /// What is wrong in it, and where.
        why: serde_json::Error,
    },
    /// It has no stack.
    #[error("there is no stack {0}: the cluster is not highly available, or is gone")]
    NoStack(String),
    /// Something is being done to its stack, or was and failed.
    #[error("the stack {name} is {status}: {mend}")]
    Busy {
        /// The stack.
        name: SmolStr,
        /// How it stands.
        status: SmolStr,
        /// What to do.
        mend: String,
    },
    /// What this is, is not written as JSON.
    #[error("the spec cannot be written as JSON: this is a bug")]
    Unwritable,
}

/// Reads a cluster. One whose stack is not at rest is an error.
pub async fn read(cloud: &dyn CloudControl, names: Names<'_>) -> Result<Known, UpdateError> {
    let name = names.stack();
    let (spec_at, site_at) = (names.spec(), names.site());
    let (stack, spec, site) = futures::try_join!(
        cloud.stack_now(&name),
        cloud.parameter(&spec_at),
        cloud.parameter(&site_at)
    )?;
    let stack = stack.ok_or(UpdateError::NoStack(name))?;
    let known = Known {
        spec: parsed(spec, spec_at)?,
        site: parsed(site, site_at)?,
        stack,
    };
    let status = &known.stack.status;
    if status.is_good() || status.0 == "UPDATE_ROLLBACK_COMPLETE" {
        return Ok(known);
    }
    Err(UpdateError::Busy {
        name: known.stack.name.clone(),
        status: status.0.clone(),
        mend: match status.is_moving() {
            true => "wait for its end".to_owned(),
            false => format!("take it back with k3fleet rollback {}", known.spec.name),
        },
    })
}

fn parsed<T: serde::de::DeserializeOwned>(text: Option<String>, name: String) -> Result<T, UpdateError> {
    let text = text.ok_or_else(|| UpdateError::None(name.clone()))?;
    serde_json::from_str(&text).map_err(|why| UpdateError::Foreign { name, why })
}

/// Lets CloudFormation work out what another spec would change. The change set waits until it is executed or discarded.
pub async fn propose(
    cloud: &dyn CloudControl,
    known: &Known,
    spec: &Spec,
    token: &str,
) -> Result<ChangeSet, ProviderError> {
    // AWS' own tags are nobody's to set.
    let tags = known.stack.tags.iter().filter(|(key, _)| !key.starts_with("aws:"));
    let order = StackOrder {
        name: known.stack.name.to_string(),
        template: template(spec, &known.site).to_string(),
        parameters: vec![],
        kept: vec![FIRST_SERVERS.to_owned(), CREATED_BY.to_owned()],
        tags: tags.map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        token: token.to_owned(),
    };
    cloud.propose_stack(&order).await
}

/// Writes down what a cluster is, and its place where that is another.
pub async fn keep(cloud: &dyn CloudControl, spec: &Spec, site: Option<&Site>) -> Result<(), UpdateError> {
    let text = serde_json::to_string(spec).map_err(|_unwritable| UpdateError::Unwritable)?;
    if let Some(site) = site {
        let text = serde_json::to_string(site).map_err(|_unwritable| UpdateError::Unwritable)?;
        cloud.put_parameter(&spec.names().site(), &text).await?;
    }
    Ok(cloud.put_parameter(&spec.names().spec(), &text).await?)
}
