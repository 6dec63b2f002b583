//! Watches: listed, followed, resumed, and what is done where they are refused.

use k3fleet::fleet::FaultKind;
use k3fleet::provider::{Change, Kube};

use super::{Lab, Way, fixture, lines, next, quick, refusal, told, way, ways};
use crate::support::http::{Piece, Reply, Server};

const STREAMED: [&str; 5] = [
    "listing",
    "+k3s-agent-edge-00005",
    "+k3s-server-04",
    "+k3s-server-05",
    "listed",
];

/// A reply of a stream that holds these pieces and stays open until the sender is dropped.
async fn open(pieces: impl IntoIterator<Item = Vec<u8>>) -> (tokio::sync::mpsc::Sender<Piece>, Reply) {
    let (sender, reply) = Reply::stream();
    for piece in pieces {
        sender.send(Piece::Bytes(piece)).await.expect("room");
    }
    (sender, reply)
}

/// The recorded chunks of a watch, as they were on the wire.
fn recorded_chunks() -> Vec<Vec<u8>> {
    let recording = fixture("watch_stream_http11_chunked.bin");
    let (mut rest, mut chunks) = (recording.as_slice(), Vec::new());
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a hexadecimal size");
        if size == 0 {
            break;
        }
        chunks.push(rest[end + 2..end + 2 + size].to_vec());
        rest = &rest[end + 2 + size + 2..];
    }
    chunks
}

#[tokio::test]
async fn a_streaming_list_is_listed_and_followed_on_one_connection() {
    let (sender, reply) = open(lines("watch_list_stream.jsonl")).await;
    let server = Server::script([reply]).await;
    let lab = Lab::of(&server);
    let mut nodes = lab.api.nodes();
    assert_eq!(told(&mut nodes, 5).await, STREAMED);
    for line in lines("watch_stream.jsonl") {
        sender.send(Piece::Bytes(line)).await.expect("the client listens");
    }
    assert_eq!(
        told(&mut nodes, 8).await,
        [
            "+k3s-agent-edge-00005",
            "+k3s-agent-edge-00005",
            "+k3s-agent-nbg1-00020",
            "+k3s-agent-edge-00005",
            "+k3s-agent-edge-00005",
            "-k3s-agent-nbg1-00020",
            "alive",
            "alive"
        ]
    );
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    let asked = |name: &str| requests[0].query(name).unwrap_or_default();
    assert_eq!(asked("resourceVersion"), "0");
    assert_eq!(asked("resourceVersionMatch"), "NotOlderThan");
    assert_eq!(asked("allowWatchBookmarks"), "true");
}

#[tokio::test]
async fn events_may_be_cut_into_any_pieces_on_the_wire() {
    let whole: Vec<u8> = recorded_chunks().concat();
    assert_eq!(
        whole,
        fixture("watch_stream.jsonl"),
        "the recording holds the same events"
    );
    let pieces = whole.chunks(1500).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (sender, watch) = open(pieces).await;
    let server = Server::script([
        refusal(422, "error_422_invalid.json"),
        Reply::json(fixture("nodelist_3.json")),
        watch,
    ])
    .await;
    let lab = Lab::of(&server);
    let mut nodes = lab.api.nodes();
    assert_eq!(told(&mut nodes, 6).await.pop().as_deref(), Some("alive"));
    let events = told(&mut nodes, 8).await;
    assert_eq!(events[5], "-k3s-agent-nbg1-00020");
    assert_eq!(events[7], "alive");
    drop(sender);
}

#[tokio::test]
async fn where_streaming_lists_are_refused_pages_are_listed_and_watched_from() {
    for (status, name) in [
        (400, "error_400_bad_selector.json"),
        (403, "error_403_list_nodes.json"),
        (404, "error_404_node.json"),
        (422, "error_422_invalid.json"),
    ] {
        let (sender, watch) = open(recorded_chunks()).await;
        let server = Server::script([
            refusal(status, name),
            Reply::json(fixture("nodelist_3_limit2.json")),
            Reply::json(fixture("nodelist_3_limit2_page2.json")),
            watch,
        ])
        .await;
        let lab = Lab::of(&server);
        let mut nodes = lab.api.nodes();
        assert_eq!(told(&mut nodes, 5).await, STREAMED);
        assert_eq!(told(&mut nodes, 2).await, ["alive", "+k3s-agent-edge-00005"]);
        assert_eq!(ways(&server), [Way::Streaming, Way::List, Way::List, Way::Watch]);
        assert_eq!(server.requests()[3].query("resourceVersion").as_deref(), Some("211"));
        drop(sender);
    }
}

#[tokio::test]
async fn an_old_server_that_never_ends_a_streaming_list_is_listed_by_pages() {
    let (sender, endless) = open(lines("watch_list_stream.jsonl").drain(..3)).await;
    let (watching, watch) = open([]).await;
    let server = Server::script([endless, Reply::json(fixture("nodelist_3.json")), watch]).await;
    let mut pace = quick();
    pace.stall = std::time::Duration::from_millis(100);
    let lab = Lab::new(&server.url(), "{}", pace);
    let mut nodes = lab.api.nodes();
    assert_eq!(told(&mut nodes, 4).await, STREAMED[..4], "begun, and then silent");
    assert_eq!(told(&mut nodes, 5).await, STREAMED, "begun anew, and whole");
    drop((sender, watching));
}

#[tokio::test]
async fn where_watching_is_denied_only_differences_are_told() {
    let without_05 = fixture("nodelist_3_limit2.json");
    let without_05 = String::from_utf8(without_05)
        .expect("text")
        .replace("\"continue\":", "\"was\":");
    let drained = String::from_utf8(fixture("nodelist_3.json")).expect("text");
    let drained = drained.replacen("\"spec\":{", "\"spec\":{\"unschedulable\":true,", 1);
    let heartbeat = drained.replace(
        "lastHeartbeatTime\":\"2026-11-22T06:40:33Z",
        "lastHeartbeatTime\":\"2026-11-22T06:45:33Z",
    );
    assert_ne!(heartbeat, drained);
    let server = Server::script([
        refusal(403, "error_403_list_nodes.json"),
        Reply::json(fixture("nodelist_3.json")),
        refusal(403, "error_403_list_nodes.json"),
        Reply::json(drained),
        Reply::json(heartbeat),
        Reply::json(without_05),
        refusal(503, "error_504_future_rv.json"),
        Reply::json(fixture("nodelist_3.json")),
    ])
    .await;
    let lab = Lab::of(&server);
    let mut nodes = lab.api.nodes();
    assert_eq!(told(&mut nodes, 5).await, STREAMED);
    assert_eq!(told(&mut nodes, 1).await, ["+k3s-agent-edge-00005"], "cordoned");
    assert_eq!(told(&mut nodes, 1).await, ["alive"], "a heartbeat is no difference");
    assert_eq!(told(&mut nodes, 2).await, ["+k3s-agent-edge-00005", "-k3s-server-05"]);
    assert_eq!(
        told(&mut nodes, 2).await,
        ["!list nodes", "+k3s-server-05"],
        "told apart from what was known before"
    );
    let ways = ways(&server);
    assert_eq!(ways[..4], [Way::Streaming, Way::List, Way::Watch, Way::List]);
    assert!(
        ways[4..].iter().all(|way| *way == Way::List),
        "watching is not tried at each poll: {ways:?}"
    );
}

#[tokio::test]
async fn watching_is_tried_again_after_a_while_of_polling() {
    let (sender, watch) = open(recorded_chunks()).await;
    let denied = std::sync::atomic::AtomicUsize::new(0);
    let held = std::sync::Mutex::new(Some(watch));
    let server = Server::start(move |request| match way(request) {
        Way::List => Reply::json(fixture("nodelist_3.json")),
        Way::Watch if denied.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 0 => held
            .lock()
            .expect("no panic")
            .take()
            .unwrap_or_else(|| Reply::new(599, "asked once too often")),
        _ => refusal(403, "error_403_list_nodes.json"),
    })
    .await;
    let lab = Lab::of(&server);
    let mut nodes = lab.api.nodes();
    assert_eq!(told(&mut nodes, 5).await, STREAMED);
    let mut polls = 0;
    while told(&mut nodes, 1).await == ["alive"] {
        polls += 1;
    }
    assert!((20..25).contains(&polls), "{polls}");
    drop(sender);
}

#[tokio::test]
async fn a_denied_list_is_told_and_tried_again() {
    let server = Server::script([
        refusal(403, "error_403_list_nodes.json"),
        refusal(403, "error_403_list_nodes.json"),
        refusal(403, "error_403_list_nodes.json"),
        Reply::json(fixture("nodelist_3.json")),
    ])
    .await;
    let lab = Lab::of(&server);
    let mut nodes = lab.api.nodes();
    for _ in 0..2 {
        let error = next(&mut nodes).await.expect_err("denied");
        assert_eq!((error.kind, error.call.as_str()), (FaultKind::Denied, "list nodes"));
    }
    assert_eq!(told(&mut nodes, 5).await, STREAMED, "the right was granted meanwhile");
}

#[tokio::test]
async fn a_connection_cut_in_the_middle_of_an_object_is_resumed_without_a_word() {
    let mut events = lines("watch_stream.jsonl");
    let half = events[2][..3000].to_vec();
    let rest = events.split_off(2);
    let (list, listed) = open(lines("watch_list_stream.jsonl").into_iter().chain(events)).await;
    list.send(Piece::Bytes(half)).await.expect("room");
    list.send(Piece::Cut).await.expect("room");
    let (sender, resumed) = open(rest).await;
    let server = Server::script([listed, resumed]).await;
    let lab = Lab::of(&server);
    let mut nodes = lab.api.nodes();
    assert_eq!(told(&mut nodes, 5).await, STREAMED);
    assert_eq!(
        told(&mut nodes, 5).await,
        [
            "+k3s-agent-edge-00005",
            "+k3s-agent-edge-00005",
            "alive",
            "+k3s-agent-nbg1-00020",
            "+k3s-agent-edge-00005",
        ]
    );
    assert_eq!(ways(&server), [Way::Streaming, Way::Watch]);
    assert_eq!(server.requests()[1].query("resourceVersion").as_deref(), Some("217"));
    drop(sender);
}

#[tokio::test]
async fn a_watch_that_ends_in_good_order_goes_on_from_the_last_bookmark() {
    let events = lines("watch_list_stream.jsonl")
        .into_iter()
        .chain(lines("watch_stream.jsonl"));
    let (first, ended) = open(events).await;
    drop(first);
    let (sender, silent) = open([]).await;
    let server = Server::script([ended, silent]).await;
    let lab = Lab::of(&server);
    let mut nodes = lab.api.nodes();
    assert_eq!(
        told(&mut nodes, 14).await[10..],
        ["-k3s-agent-nbg1-00020", "alive", "alive", "alive"]
    );
    assert_eq!(server.requests()[1].query("resourceVersion").as_deref(), Some("223"));
    drop(sender);
}

#[tokio::test]
async fn a_silent_watch_is_opened_anew_from_where_it_was() {
    let (first, list) = open(lines("watch_list_stream.jsonl")).await;
    let (second, watch) = open(recorded_chunks()).await;
    let server = Server::script([list, watch]).await;
    let mut pace = quick();
    pace.silence = std::time::Duration::from_millis(50);
    let lab = Lab::new(&server.url(), "{}", pace);
    let mut nodes = lab.api.nodes();
    assert_eq!(told(&mut nodes, 5).await, STREAMED);
    assert_eq!(told(&mut nodes, 2).await, ["alive", "+k3s-agent-edge-00005"]);
    assert_eq!(server.requests()[1].query("resourceVersion").as_deref(), Some("215"));
    drop((first, second));
}

#[tokio::test]
async fn an_expired_version_brings_a_new_listing_that_blanks_nothing() {
    let mut in_stream = lines("watch_list_stream.jsonl");
    in_stream.extend(lines("watch_error_410.jsonl"));
    let (first, in_stream) = open(in_stream).await;
    let mut fewer = lines("watch_list_stream.jsonl");
    fewer.remove(1);
    let (second, fewer) = open(fewer).await;
    let server = Server::script([in_stream, fewer]).await;
    let lab = Lab::of(&server);
    let mut nodes = lab.api.nodes();
    assert_eq!(told(&mut nodes, 5).await, STREAMED);
    assert_eq!(
        told(&mut nodes, 4).await,
        ["listing", "+k3s-agent-edge-00005", "+k3s-server-05", "listed"],
        "nothing is said to be gone: what the listing does not name is"
    );
    let again = &server.requests()[1];
    assert_eq!(way(again), Way::Streaming);
    assert_eq!(
        again.query("resourceVersion").as_deref(),
        Some(""),
        "nothing older than what was told"
    );
    drop((first, second));
}

#[tokio::test]
async fn a_version_refused_by_status_brings_a_new_listing_too() {
    let server = Server::script([
        refusal(422, "error_422_invalid.json"),
        Reply::json(fixture("nodelist_3.json")),
        refusal(410, "error_410_exact_rv.json"),
        Reply::json(fixture("nodelist_3_limit2_page2.json")),
        refusal(504, "error_504_future_rv.json"),
        Reply::json(fixture("nodelist_3.json")),
    ])
    .await;
    let lab = Lab::of(&server);
    let mut nodes = lab.api.nodes();
    assert_eq!(told(&mut nodes, 5).await, STREAMED);
    assert_eq!(told(&mut nodes, 2).await.len(), 2, "both servers that are no more");
    assert_eq!(
        told(&mut nodes, 3).await[0],
        "!watch nodes",
        "a version of the future: the store was restored"
    );
    assert_eq!(
        ways(&server)[1..6],
        [Way::List, Way::Watch, Way::List, Way::Watch, Way::List]
    );
}

#[tokio::test]
async fn an_expired_page_begins_the_listing_anew() {
    let server = Server::script([
        refusal(422, "error_422_invalid.json"),
        Reply::json(fixture("nodelist_3_limit2.json")),
        refusal(410, "error_410_continue_expired.json"),
        Reply::json(fixture("nodelist_3.json")),
    ])
    .await;
    let lab = Lab::of(&server);
    let mut nodes = lab.api.nodes();
    assert_eq!(told(&mut nodes, 3).await, STREAMED[..3]);
    assert_eq!(told(&mut nodes, 5).await, STREAMED);
}

#[tokio::test]
async fn a_line_that_is_not_understood_is_told_and_passed_over() {
    let (first, list) = open(lines("watch_list_stream.jsonl")).await;
    let server = Server::script([list]).await;
    let lab = Lab::of(&server);
    let mut nodes = lab.api.nodes();
    assert_eq!(told(&mut nodes, 5).await, STREAMED);
    first
        .send(Piece::text("{\"type\":\"NEWS\",\"object\":{}}\n"))
        .await
        .expect("heard");
    for line in lines("watch_stream.jsonl") {
        first.send(Piece::Bytes(line)).await.expect("heard");
    }
    let error = next(&mut nodes).await.expect_err("not understood");
    assert_eq!((error.kind, error.call.as_str()), (FaultKind::Malformed, "watch nodes"));
    assert_eq!(told(&mut nodes, 1).await, ["+k3s-agent-edge-00005"]);
}

#[tokio::test]
async fn a_server_that_comes_back_is_followed_from_where_it_was() {
    let (first, list) = open(lines("watch_list_stream.jsonl")).await;
    drop(first);
    let (second, watch) = open(recorded_chunks()).await;
    let server = Server::script([
        list,
        Reply::new(503, "starting"),
        refusal(401, "error_401_bad_token.json"),
        watch,
    ])
    .await;
    let lab = Lab::of(&server);
    let mut nodes = lab.api.nodes();
    assert_eq!(told(&mut nodes, 5).await, STREAMED);
    let starting = next(&mut nodes).await.expect_err("not yet");
    assert_eq!(starting.kind, FaultKind::Unreachable);
    let refused = next(&mut nodes).await.expect_err("not this token");
    assert_eq!(refused.kind, FaultKind::Credentials);
    assert_eq!(next(&mut nodes).await.expect("open"), Change::Alive);
    assert_eq!(
        server.requests()[3].query("resourceVersion").as_deref(),
        Some("215"),
        "no new listing"
    );
    drop(second);
}

#[tokio::test]
async fn a_dead_server_is_told_and_tried_for_ever() {
    let url = crate::support::http::refusing_url().await;
    let lab = Lab::new(&url, "{}", quick());
    let mut pods = lab.api.pods();
    for _ in 0..5 {
        let error = next(&mut pods).await.expect_err("dead");
        assert_eq!(error.kind, FaultKind::Unreachable);
        assert_eq!(error.call, "watch pods");
    }
}

#[tokio::test]
async fn pods_are_watched_by_namespace_and_name() {
    let list: serde_json::Value = serde_json::from_slice(&fixture("podlist_of_node.json")).expect("JSON");
    let gone = serde_json::json!({"type": "DELETED", "object": list["items"][0]}).to_string() + "\n";
    let (sender, watch) = open([gone.into_bytes()]).await;
    let server = Server::script([
        refusal(422, "error_422_invalid.json"),
        Reply::json(fixture("podlist_of_node.json")),
        watch,
    ])
    .await;
    let lab = Lab::of(&server);
    let mut pods = lab.api.pods();
    assert_eq!(
        told(&mut pods, 6).await,
        [
            "listing",
            "+demo/checkout-api-ccb5de5a4-a376532",
            "+demo/mailer-58d722873-6fa93cc",
            "listed",
            "alive",
            "-demo/checkout-api-ccb5de5a4-a376532"
        ]
    );
    assert!(server.requests().iter().all(|request| request.path() == "/api/v1/pods"));
    drop(sender);
}
