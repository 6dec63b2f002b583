//! What is asked of the open web, over HTTP.

use std::time::Duration;

use k3fleet::fleet::FaultKind;
use k3fleet::provider::{OpenWeb, Web};

use crate::support::http::{Reply, Request, Server, refusing_url};

/// Both services at one server.
fn at(server: &Server) -> OpenWeb {
    let channels = format!("{}/v1-release/channels?x=1", server.url());
    OpenWeb::at(server.url(), channels, Duration::from_secs(5))
}

#[tokio::test]
async fn an_address_and_channels_are_told() {
    let server = Server::start(|request: &Request| match request.target.as_str() {
        "/" => Reply::new(200, "203.0.113.7\n"),
        "/v1-release/channels?x=1" => Reply::json(
            r#"{"type": "collection", "links": {"self": "x"}, "data": [
                {"id": "stable", "type": "channel", "name": "stable", "latest": "v1.36.4+k3s1", "latestRegexp": ".*"},
                {"id": "v1.99", "type": "channel", "name": "v1.99", "latest": ""},
                {"id": "v1.98", "type": "channel", "name": "v1.98"},
                {"id": "latest", "type": "channel", "name": "latest", "latest": "v1.37.1+k3s1"}]}"#,
        ),
        _ => Reply::new(404, "no"),
    })
    .await;
    let web = at(&server);
    assert_eq!(web.own_address().await.expect("an address").to_string(), "203.0.113.7");
    let channels = web.channels().await.expect("channels");
    let told: Vec<_> = channels
        .iter()
        .map(|one| (one.name.as_str(), one.version.as_str()))
        .collect();
    assert_eq!(told, [("stable", "v1.36.4+k3s1"), ("latest", "v1.37.1+k3s1")]);
    let agent = server.requests()[0].header("user-agent").map(str::to_owned);
    assert!(agent.is_some_and(|agent| agent.starts_with("k3fleet/")));
}

/// A reply, the class of the failure, and what is said of it.
type Case = (fn() -> Reply, FaultKind, &'static str);

#[tokio::test]
async fn what_is_no_answer_says_what_to_type_instead() {
    let replies: [Case; 5] = [
        (|| Reply::new(200, "<html>login</html>"), FaultKind::Malformed, ""),
        (|| Reply::new(503, "busy"), FaultKind::Unreachable, "HTTP 503"),
        (|| Reply::new(404, "no"), FaultKind::Other, "HTTP 404"),
        (
            || Reply::new(200, vec![b'1'; 2 << 20]),
            FaultKind::Malformed,
            "longer than",
        ),
        (|| Reply::cut("{\"data\": ["), FaultKind::Unreachable, "broke off"),
    ];
    for (reply, kind, said) in replies {
        let server = Server::start(move |_: &Request| reply()).await;
        let web = at(&server);
        let address = web.own_address().await.expect_err("no address");
        let channels = web.channels().await.expect_err("no channels");
        assert_eq!((address.kind, channels.kind), (kind, kind), "{address} {channels}");
        assert!(address.mend.contains("--from") && channels.mend.contains("--version"));
        for refused in [&address, &channels] {
            assert!(
                refused.message.contains(said) && refused.target.starts_with(&server.url()),
                "{refused}"
            );
        }
    }
}

#[tokio::test]
async fn nobody_there_and_silence_end_in_time() {
    let nobody = refusing_url().await;
    let web = OpenWeb::at(nobody.clone(), nobody, Duration::from_secs(5));
    assert_eq!(
        web.own_address().await.expect_err("nobody").kind,
        FaultKind::Unreachable
    );

    let server = Server::start(|_: &Request| Reply::silence()).await;
    let web = OpenWeb::at(server.url(), server.url(), Duration::from_millis(300));
    let refused = web.channels().await.expect_err("silence");
    assert_eq!(refused.kind, FaultKind::Unreachable);
    assert!(refused.message.contains("within 0.3 s"), "{refused}");
}
