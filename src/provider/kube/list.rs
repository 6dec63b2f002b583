//! Lists, page by page: a page of slim objects is all that is held of a body at a time.

use kube::api::ListParams;
use kube::core::Request;
use smol_str::SmolStr;

use super::decode::{self, Listed, Page};
use super::error::{Call, Trouble, explain};
use super::link::Link;
use crate::provider::Result;

const PAGE: u32 = 500;

/// Where a list goes on.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// At its beginning.
    Start,
    /// Where the last page ended.
    After(SmolStr),
    /// At its beginning, and all of it in one answer: no page can then come too late.
    Whole,
}

/// Fetches one page, of all objects or of those whose `fields` are so; `buffer` is reused from page to page.
pub(super) async fn page<T: Listed>(
    link: &Link,
    fields: Option<&str>,
    place: &Place,
    buffer: &mut Vec<u8>,
) -> std::result::Result<Page<T>, Trouble> {
    let mut params = ListParams {
        field_selector: fields.map(str::to_owned),
        ..ListParams::default()
    };
    match place {
        Place::Start => params = params.limit(PAGE),
        Place::After(token) => params = params.limit(PAGE).continue_token(token),
        Place::Whole => {}
    }
    let group = match T::GROUP {
        "" => "/api/v1".to_owned(),
        group => format!("/apis/{group}/v1"),
    };
    let path = match T::NAMESPACE {
        None => format!("{group}/{}", T::RESOURCE),
        Some(namespace) => format!("{group}/namespaces/{namespace}/{}", T::RESOURCE),
    };
    let request = Request::new(path).list(&params).map_err(kube::Error::BuildRequest)?;
    buffer.clear();
    link.read(call::<T>(), request, buffer).await?;
    let page = decode::page(buffer, &link.context().id);
    Ok(page.map_err(|error| if T::IS_SECRET { unquoted(&error) } else { error })?)
}

/// Where a body is not understood, without any of what stands there.
fn unquoted(error: &serde_json::Error) -> serde_json::Error {
    let place = format!("line {} column {}", error.line(), error.column());
    serde::de::Error::custom(place)
}

/// The call that [`page`] makes.
pub(super) fn call<T: Listed>() -> Call {
    let call = Call::new("list", T::GROUP, T::RESOURCE);
    match T::NAMESPACE {
        None => call,
        Some(namespace) => call.within(namespace),
    }
}

/// All objects, or those whose `fields` are so, once.
pub(super) async fn all<T: Listed>(link: &Link, fields: Option<&str>) -> Result<Vec<T>> {
    let gathered = gathered(link, fields).await;
    gathered.map_err(|trouble| explain(trouble, call::<T>(), link.context()))
}

/// The same, before what went wrong is put into words. A page that comes too late (its token expired) starts the list anew,
/// whole.
pub(super) async fn gathered<T: Listed>(link: &Link, fields: Option<&str>) -> std::result::Result<Vec<T>, Trouble> {
    let (mut items, mut place, mut buffer) = (Vec::new(), Place::Start, Vec::new());
    loop {
        match page(link, fields, &place, &mut buffer).await {
            Ok(page) => {
                items.extend(page.items);
                if page.next.is_empty() {
                    return Ok(items);
                }
                place = Place::After(page.next);
            }
            Err(trouble) if trouble.code() == Some(410) && matches!(place, Place::After(_)) => {
                items.clear();
                place = Place::Whole;
            }
            Err(trouble) => return Err(trouble),
        }
    }
}
