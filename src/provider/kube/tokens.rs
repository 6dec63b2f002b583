//! Bootstrap tokens: secrets in `kube-system` that let machines join as agents. Of those that are there only their id, what
//! they are for and their times are read; the secret half of one goes out once, when it is made.

use http::Method;
use serde_json::{Value, json};

use super::control::JSON;
use super::error::{Call, Trouble};
use super::{KubeApi, list};
use crate::provider::{BootstrapOrder, BootstrapToken, Result};

/// The type of such a secret.
const KIND: &str = "bootstrap.kubernetes.io/token";
/// Where K3s keeps them, and the passwords of nodes.
pub(super) const NAMESPACE: &str = "kube-system";
/// The group whose members K3s lets join as agents.
const GROUPS: &str = "system:bootstrappers:k3s:default-node-token";
/// What the names of the secrets begin with.
pub(super) const PREFIX: &str = "bootstrap-token-";

pub(super) const DELETE: Call = Call::new("delete", "", "secrets").within(NAMESPACE);
const MAKE: Call = Call::new("create", "", "secrets").within(NAMESPACE);
const REPLACE: Call = Call::new("update", "", "secrets").within(NAMESPACE);

impl KubeApi {
    /// The tokens that are there.
    pub(super) async fn tokens(&self) -> Result<Vec<BootstrapToken>> {
        let fields = format!("type={KIND}");
        let listed = list::all(&self.link, Some(&fields)).await;
        let mut found: Vec<BootstrapToken> = listed?;
        found.retain(|token| !token.id.is_empty());
        found.sort_unstable_by(|a, b| (a.made_at, &a.id).cmp(&(b.made_at, &b.id)));
        Ok(found)
    }

    /// Makes a token, or sets one of its id anew.
    pub(super) async fn make_token(&self, order: &BootstrapOrder) -> Result<()> {
        let done = match self.made(order).await {
            Err((_, Trouble::Refused(no))) if no.code == 409 => self.replaced(order).await,
            done => done,
        };
        // Whatever stands before an API server may repeat what it was sent.
        done.map_err(|(call, trouble)| self.explain(call, trouble).without(&order.secret))
    }

    async fn made(&self, order: &BootstrapOrder) -> std::result::Result<(), (Call, Trouble)> {
        let secret = secret(order).map_err(|trouble| (MAKE, trouble))?;
        let path = format!("/api/v1/namespaces/{NAMESPACE}/secrets");
        let made = self.change(MAKE, Method::POST, &path, JSON, &secret).await;
        made.map_err(|trouble| (MAKE, trouble))
    }

    async fn replaced(&self, order: &BootstrapOrder) -> std::result::Result<(), (Call, Trouble)> {
        let replace = async {
            let path = path(&order.id)?;
            self.change(REPLACE, Method::PUT, &path, JSON, &secret(order)?).await
        };
        replace.await.map_err(|trouble| (REPLACE, trouble))
    }

    /// Deletes a token; gives why not.
    pub(super) async fn delete_token(&self, id: &str) -> std::result::Result<(), Trouble> {
        let options = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
        self.change(DELETE, Method::DELETE, &path(id)?, JSON, &options).await
    }
}

/// The secret of a token, checked: one of another form would join nothing.
fn secret(order: &BootstrapOrder) -> std::result::Result<Value, Trouble> {
    if !is_word(order.secret.expose(), 16) {
        return Err(Trouble::Misnamed {
            what: "secret half of a bootstrap token",
            name: "what is to be kept secret".to_owned(),
        });
    }
    let mut data = json!({
        "token-id": id(&order.id)?,
        "token-secret": order.secret.expose(),
        "description": order.description,
        "usage-bootstrap-authentication": "true",
        "usage-bootstrap-signing": "true",
        "auth-extra-groups": GROUPS,
    });
    if let (Some(at), Some(data)) = (order.expires_at, data.as_object_mut()) {
        data.insert("expiration".to_owned(), json!(format!("{at:.0}")));
    }
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": KIND,
        "metadata": {"name": format!("{PREFIX}{}", order.id), "namespace": NAMESPACE},
        "stringData": data,
    }))
}

fn path(token: &str) -> std::result::Result<String, Trouble> {
    Ok(format!("/api/v1/namespaces/{NAMESPACE}/secrets/{PREFIX}{}", id(token)?))
}

fn id(id: &str) -> std::result::Result<&str, Trouble> {
    is_word(id, 6).then_some(id).ok_or_else(|| Trouble::Misnamed {
        what: "id of a bootstrap token",
        name: id.to_owned(),
    })
}

fn is_word(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}
