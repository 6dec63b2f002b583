//! Single requests to servers of any kind, with the client that reaches API servers: one client, and one set of root
//! certificates. What the server answers, refusals too, is for the caller to read.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use kube::client::Body;
use kube::{Client, Config};

use super::page::{NoPage, told};
use crate::fleet::FaultKind;

/// What a server answers within a time. The request names the path alone.
pub(in crate::provider) async fn answer(
    server: &Uri,
    request: Request<Vec<u8>>,
    limit: Duration,
) -> Result<Response<Bytes>, NoPage> {
    let asked = async {
        let mut config = Config::new(server.clone());
        // Whoever asks decides whether to ask again.
        config.default_retry = false;
        let client = Client::try_from(config).map_err(told)?;
        let (head, body) = client.send(request.map(Body::from)).await.map_err(told)?.into_parts();
        let body = body.collect_bytes().await.map_err(told)?;
        Ok(Response::from_parts(head, body))
    };
    let answered = tokio::time::timeout(limit, asked).await;
    answered.unwrap_or_else(|_elapsed| {
        let text = format!("no answer within {} s", limit.as_secs());
        Err((FaultKind::Unreachable, text))
    })
}
