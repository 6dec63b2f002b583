//! Bootstrap tokens: short-lived, good for joining agents and nothing else. Whoever makes one gets it once, in the form
//! that tells the cluster's certificate authority too, so that whoever joins by it cannot be led elsewhere.

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use smol_str::SmolStr;

use super::event::OperationId;
use crate::provider::{BootstrapOrder, KubeControl, ProviderError, Secret};

/// What bootstrap tokens are made of.
const LETTERS: &[u8; 32] = b"abcdefghijkmnopqrstuvwxyz2345678";

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] ProviderError),
    /// There is nothing to make a secret of.
    #[error("the system gives no random numbers")]
    NoRandom,
}

/// A new id, for a token that no operation has made.
pub fn new_id() -> Result<SmolStr, BootstrapError> {
    random::<6>().map(SmolStr::from)
}

/// The id of an operation's own token: always the same one, so that it can be deleted after any interruption.
pub(super) fn id_of(operation: &OperationId) -> SmolStr {
    let digest = Sha256::digest(operation.as_str().as_bytes());
    digest.iter().take(6).map(|byte| letter(*byte)).collect()
}

/// Makes a token with this id, of six letters or digits; gives it whole, `K10<hash>::<id>.<secret>`.
pub async fn make(
    kube: &dyn KubeControl,
    id: &SmolStr,
    description: String,
    expires_at: Option<Timestamp>,
) -> Result<Secret, BootstrapError> {
    let hash = kube.ca_hash().await?;
    let secret = Secret::new(random::<16>()?);
    let token = Secret::new(format!("K10{hash}::{id}.{}", secret.expose()));
    let order = BootstrapOrder {
        id: id.clone(),
        secret,
        description,
        expires_at,
    };
    kube.make_bootstrap_token(&order).await?;
    Ok(token)
}

/// The letter that a byte becomes; each as often as the others.
fn letter(byte: u8) -> char {
    LETTERS.get(usize::from(byte % 32)).copied().map_or('a', char::from)
}

fn random<const N: usize>() -> Result<String, BootstrapError> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes).map_err(|_no_source| BootstrapError::NoRandom)?;
    Ok(bytes.into_iter().map(letter).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_the_form_that_kubernetes_takes() {
        let (a, b) = (new_id().unwrap(), new_id().unwrap());
        let good = |id: &str| id.len() == 6 && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let operation = |n| id_of(&OperationId::new("join", Timestamp::UNIX_EPOCH, n));
        assert!(good(&a) && good(&b) && good(&operation(1)), "{a} {b}");
        assert_eq!(operation(1), operation(1));
        assert_ne!(operation(1), operation(2));
        let all: std::collections::BTreeSet<_> = (0..=255).map(letter).collect();
        assert_eq!(all.len(), 32);
    }
}
