//! The secret of a bootstrap token into [`BootstrapToken`]; its secret half is skipped while parsing.

use jiff::Timestamp;
use serde::Deserialize;
use smol_str::SmolStr;

use super::Listed;
use super::meta::Meta;
use super::text::{Str, base64, nullable};
use crate::fleet::ContextId;
use crate::provider::BootstrapToken;
use crate::provider::kube::tokens::{NAMESPACE, PREFIX};

/// The fields that are read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::provider::kube) struct RawToken<'a> {
    #[serde(borrow)]
    metadata: Meta<'a>,
    #[serde(borrow, deserialize_with = "nullable")]
    data: Data<'a>,
}

/// The values as they stand there: in base64.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Data<'a> {
    #[serde(borrow)]
    token_id: Str<'a>,
    #[serde(borrow)]
    description: Str<'a>,
    #[serde(borrow)]
    expiration: Str<'a>,
}

impl Listed for BootstrapToken {
    const RESOURCE: &'static str = "secrets";

    const NAMESPACE: Option<&'static str> = Some(NAMESPACE);

    const IS_SECRET: bool = true;

    type Raw<'de> = RawToken<'de>;

    fn slim(raw: Self::Raw<'_>, _: &ContextId) -> Self {
        let RawToken { metadata, data } = raw;
        let made_at = metadata.creation_timestamp.time();
        // Without a valid id in it the secret is no token, whatever its name.
        let id = plain(&data.token_id).filter(|id| *metadata.name == *format!("{PREFIX}{id}"));
        let expires_at = match &*data.expiration {
            "" => None,
            // One that cannot be read counts as passed, for Kubernetes as well.
            text => plain(text)
                .and_then(|text| text.trim().parse().ok())
                .or(Some(made_at.unwrap_or(Timestamp::UNIX_EPOCH))),
        };
        Self {
            id: id.unwrap_or_default(),
            description: plain(&data.description).unwrap_or_default(),
            expires_at,
            made_at,
        }
    }
}

/// Text out of base64.
fn plain(encoded: &str) -> Option<SmolStr> {
    Some(String::from_utf8(base64(encoded)?).ok()?.into())
}
