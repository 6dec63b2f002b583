//! What an API server says to a change.

use serde::Deserialize;

use super::text::Str;
use super::watch::Refusal;

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    kind: Str<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status<'a> {
    #[serde(borrow)]
    status: Str<'a>,
    code: u16,
    #[serde(borrow)]
    reason: Str<'a>,
    #[serde(borrow)]
    message: Str<'a>,
}

/// Reads the body of a change that was answered with a success: the object, or a `Status`, which may say no all the
/// same. What names no kind of object is not from an API server.
pub(in crate::provider::kube) fn answer(body: &[u8]) -> serde_json::Result<Result<(), Refusal>> {
    let Kind { kind } = serde_json::from_slice(body)?;
    if &*kind != "Status" {
        return Ok(Ok(()));
    }
    let status: Status<'_> = serde_json::from_slice(body)?;
    if &*status.status != "Failure" {
        return Ok(Ok(()));
    }
    Ok(Err(Refusal {
        code: status.code,
        reason: status.reason.owned(),
        message: status.message.owned(),
        causes: Vec::new(),
    }))
}
