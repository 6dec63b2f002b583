//! The lock of a cluster: one operation changes it at a time, across all operators. It is an SSM parameter that AWS makes
//! for exactly one of several who ask at once. It names who holds it, since when and until when; whoever runs the
//! operation renews it, and another may take it over only knowingly.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::event::OperationId;
use crate::fleet::ClusterId;
use crate::provider::{CloudControl, ProviderError};

/// How long a lock holds when it is not renewed.
pub const HOLDS: SignedDuration = SignedDuration::from_mins(5);
/// How often it is renewed.
pub const RENEWED: SignedDuration = SignedDuration::from_mins(1);

/// What the parameter says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// The operation.
    pub operation: OperationId,
    /// Who runs it, as `user@host`.
    pub by: SmolStr,
    /// Since when.
    pub since: Timestamp,
    /// Until when, unless it is renewed.
    pub expires_at: Timestamp,
}

/// Why a lock cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another operation has it.
    #[error(
        "{cluster} is being changed by {} ({}) since {}{}; {}",
        held.by, held.operation, held.since.strftime("%F %T UTC"),
        if *expired { ", and has not been heard of lately" } else { "" },
        lift(*own, &held.operation)
    )]
    Held {
        /// The cluster.
        cluster: ClusterId,
        /// Who.
        held: Box<Holding>,
        /// Whether the lock has expired: its holder has not renewed it.
        expired: bool,
        /// Whether it is an operation of the same operator.
        own: bool,
    },
    /// The parameter cannot be read or written.
    #[error(transparent)]
    Call(#[from] ProviderError),
}

/// What lifts it.
fn lift(own: bool, operation: &OperationId) -> String {
    let rest = "take the lock over with --take-over once you know that it is dead";
    match own {
        true => format!("wait for its end; if it was cut off: k3fleet ops resume {operation}, or {rest}"),
        false => format!("wait for it, or {rest}"),
    }
}

impl LockError {
    /// The failed call, when it was one.
    pub(super) fn call(&self) -> Option<&ProviderError> {
        match self {
            Self::Call(error) => Some(error),
            Self::Held { .. } => None,
        }
    }
}

/// A lock that is held.
pub struct Lock {
    cloud: Arc<dyn CloudControl>,
    name: String,
    holding: Holding,
}

/// The parameter's name.
pub fn parameter(cluster: &ClusterId) -> String {
    format!("/k3fleet/{}/lock", cluster.name)
}

impl Lock {
    /// Takes the lock of a cluster, or tells who has it. The operation's own lock, from before it was cut off, is taken
    /// up again; another's only with `take_over`.
    pub async fn take(
        cloud: Arc<dyn CloudControl>,
        cluster: &ClusterId,
        operation: &OperationId,
        by: &str,
        now: Timestamp,
        take_over: bool,
    ) -> Result<Self, LockError> {
        let name = parameter(cluster);
        let holding = Holding {
            operation: operation.clone(),
            by: by.into(),
            since: now,
            expires_at: now + HOLDS,
        };
        let lock = Self { cloud, name, holding };
        if lock.cloud.create_parameter(&lock.name, &lock.text()).await? {
            return Ok(lock);
        }
        let held = lock.read().await?;
        if let Some(held) = held.filter(|held| held.operation != *operation && !take_over) {
            let expired = held.expires_at < now;
            return Err(LockError::Held {
                cluster: cluster.clone(),
                own: held.by == by,
                held: Box::new(held),
                expired,
            });
        }
        lock.cloud.put_parameter(&lock.name, &lock.text()).await?;
        // Of two who take it over at once the later one has it.
        match lock.read().await? {
            Some(held) if held.operation != *operation => Err(LockError::Held {
                cluster: cluster.clone(),
                held: Box::new(held),
                expired: false,
                own: false,
            }),
            _ => Ok(lock),
        }
    }

    /// Renews it; an error when it is somebody else's now.
    pub async fn renew(&mut self, cluster: &ClusterId, now: Timestamp) -> Result<(), LockError> {
        match self.read().await? {
            Some(held) if held.operation != self.holding.operation => Err(LockError::Held {
                cluster: cluster.clone(),
                held: Box::new(held),
                expired: false,
                own: false,
            }),
            _ => {
                self.holding.expires_at = now + HOLDS;
                Ok(self.cloud.put_parameter(&self.name, &self.text()).await?)
            }
        }
    }

    /// Gives it back, unless it is somebody else's by now.
    pub async fn release(&self) -> Result<(), ProviderError> {
        match self.read().await? {
            Some(held) if held.operation != self.holding.operation => Ok(()),
            _ => self.cloud.delete_parameter(&self.name).await,
        }
    }

    /// Who has it; what cannot be understood counts as nobody.
    async fn read(&self) -> Result<Option<Holding>, ProviderError> {
        let text = self.cloud.parameter(&self.name).await?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    fn text(&self) -> String {
        serde_json::to_string(&self.holding).unwrap_or_default()
    }
}
