//! Pages of the open web, fetched with the client that reaches API servers: one client, and one set of root certificates.
//! As API servers are, they are reached without any proxy.

use std::error::Error;
use std::time::Duration;

use futures::{AsyncReadExt, TryFutureExt};
use http::header::{HeaderValue, USER_AGENT};
use http::{Request, Uri};
use kube::{Client, Config};

use crate::fleet::FaultKind;

/// The longest page that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// Why there is no page: the class of the failure, and what happened.
pub(in crate::provider) type NoPage = (FaultKind, String);

/// The body of what a URL gives, within a time.
pub(in crate::provider) async fn page(url: &str, limit: Duration) -> Result<Vec<u8>, NoPage> {
    let fetched = tokio::time::timeout(limit, fetch(url)).await;
    fetched.unwrap_or_else(|_elapsed| {
        let text = format!("no answer within {} s", limit.as_secs_f32());
        Err((FaultKind::Unreachable, text))
    })
}

async fn fetch(url: &str) -> Result<Vec<u8>, NoPage> {
    let uri: Uri = url
        .parse()
        .map_err(|why| (FaultKind::Other, format!("no URL: {why}")))?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let mut parts = uri.into_parts();
    parts.path_and_query = Some(http::uri::PathAndQuery::from_static("/"));
    let server = Uri::from_parts(parts).map_err(|why| (FaultKind::Other, format!("no URL: {why}")))?;
    let mut config = Config::new(server);
    // Whoever waits for a page waits briefly.
    config.default_retry = false;
    let client = Client::try_from(config).map_err(told)?;
    let name = HeaderValue::from_static(concat!("k3fleet/", env!("CARGO_PKG_VERSION")));
    let request = Request::get(path).header(USER_AGENT, name).body(Vec::new());
    let request = request.map_err(|why| (FaultKind::Other, format!("no request: {why}")))?;
    let body = client.request_stream(request).map_err(told).await?;
    let mut page = Vec::new();
    let broken = |why: std::io::Error| {
        let text = format!("the answer broke off: {}", innermost(&why));
        (FaultKind::Unreachable, text)
    };
    std::pin::pin!(body.take(LONGEST + 1))
        .read_to_end(&mut page)
        .map_err(broken)
        .await?;
    match u64::try_from(page.len()).is_ok_and(|length| length <= LONGEST) {
        true => Ok(page),
        false => Err((
            FaultKind::Malformed,
            format!("the answer is longer than {LONGEST} bytes"),
        )),
    }
}

pub(super) fn told(error: kube::Error) -> NoPage {
    match error {
        kube::Error::Api(status) => match status.code {
            429 => (FaultKind::Throttled, "HTTP 429".to_owned()),
            500.. => (FaultKind::Unreachable, format!("HTTP {}", status.code)),
            code => (FaultKind::Other, format!("HTTP {code}")),
        },
        error => (FaultKind::Unreachable, innermost(&error)),
    }
}

/// The last of the causes: the one that says what really happened.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}
