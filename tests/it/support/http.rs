//! A small HTTP/1.1 server on a free loopback port that answers as a test tells it to: for what no ready-made fake
//! of a service does (throttling, refusals, endless answers, connections cut in the middle).
//!
//! A handler turns each [`Request`] into a [`Reply`]; every request is recorded. Connections are kept alive, as real
//! servers do, unless a reply says otherwise.

use std::collections::VecDeque;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `GET`, `POST` …
    pub(crate) method: String,
    /// Path and query, undecoded.
    pub(crate) target: String,
    /// Headers in their order, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, whole.
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The path, undecoded, without the query.
    pub(crate) fn path(&self) -> &str {
        self.target.split_once('?').map_or(&self.target, |(path, _)| path)
    }

    /// A parameter of the query, decoded.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        pair(self.target.split_once('?')?.1, name)
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let wanted = name.to_ascii_lowercase();
        self.headers
            .iter()
            .find(|(key, _)| *key == wanted)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A field of a form in the body, decoded.
    pub(crate) fn form(&self, name: &str) -> Option<String> {
        pair(&self.text(), name)
    }
}

/// The decoded value of one `name=value` pair of a query or form.
fn pair(pairs: &str, name: &str) -> Option<String> {
    pairs.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(key) == name).then(|| decoded(value))
    })
}

/// Undoes percent-encoding and `+`.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let hex: String = bytes.by_ref().take(2).map(char::from).collect();
                out.push(u8::from_str_radix(&hex, 16).unwrap_or(b'?'));
            }
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What to answer.
#[derive(Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// All of it, with its length.
    Whole(Vec<u8>),
    /// The first part of a longer one; then the connection is cut.
    Cut(Vec<u8>),
    /// Pieces as they come, chunked.
    Stream(mpsc::Receiver<Piece>),
    /// Nothing, not even a status, for as long as the client holds on.
    Silence,
}

/// A piece of a streamed body. Dropping the sender ends the body in good order.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Sent at once, as one chunk.
    Bytes(Vec<u8>),
    /// The connection is cut here.
    Cut,
}

impl Piece {
    /// A piece of text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Bytes(text.into().into_bytes())
    }
}

impl Reply {
    /// A status and a body.
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::with(status, Body::Whole(body.into()))
    }

    /// 200 with a body of JSON.
    pub(crate) fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, body).header("content-type", "application/json")
    }

    /// 200 with a body of XML.
    pub(crate) fn xml(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, body).header("content-type", "text/xml;charset=UTF-8")
    }

    /// 200 and the first part of a body that should have been longer; then the connection is cut.
    pub(crate) fn cut(part: impl Into<Vec<u8>>) -> Self {
        Self::with(200, Body::Cut(part.into()))
    }

    /// 200 and a body that the test sends piece by piece.
    pub(crate) fn stream() -> (mpsc::Sender<Piece>, Self) {
        let (sender, receiver) = mpsc::channel(64);
        (sender, Self::with(200, Body::Stream(receiver)))
    }

    /// No answer at all, on an open connection.
    pub(crate) fn silence() -> Self {
        Self::with(200, Body::Silence)
    }

    fn with(status: u16, body: Body) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
        }
    }

    /// The same with another status.
    pub(crate) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same with one more header.
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

type Seen = Arc<Mutex<Vec<Request>>>;

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// The server; it stops when dropped.
pub(crate) struct Server {
    address: SocketAddr,
    seen: Seen,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Starts a server that asks `handler` about each request.
    pub(crate) async fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free loopback port");
        let address = listener.local_addr().expect("its address");
        let seen = Seen::default();
        let record = Arc::clone(&seen);
        let handler: Arc<Handler> = Arc::new(handler);
        let task = tokio::spawn(async move {
            // Dropped with this task, and the connections with it.
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                while connections.try_join_next().is_some() {}
                connections.spawn(serve(stream, Arc::clone(&handler), Arc::clone(&record)));
            }
        });
        Self { address, seen, task }
    }

    /// Starts a server that gives these replies, one after the other, and 599 once they are used up.
    pub(crate) async fn script(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies = Mutex::new(replies.into_iter().collect::<VecDeque<_>>());
        Self::start(move |_| {
            let next = replies.lock().expect("no handler panicked").pop_front();
            next.unwrap_or_else(|| Reply::new(599, "the script has no further reply"))
        })
        .await
    }

    /// `http://127.0.0.1:port`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.lock().expect("no handler panicked").clone()
    }
}

/// A loopback address where nothing listens.
pub(crate) async fn refusing_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free loopback port");
    format!("http://{}", listener.local_addr().expect("its address"))
}

/// Serves one connection until either side ends it.
async fn serve(stream: TcpStream, handler: Arc<Handler>, record: Seen) {
    // Small pieces of a stream must not wait for each other.
    let _ = stream.set_nodelay(true);
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream).await {
        let reply = handler(&request);
        record.lock().expect("no handler panicked").push(request);
        if write_reply(&mut stream, reply).await.is_none() {
            return;
        }
    }
}

/// The next request; `None` when the client is gone or does not speak HTTP/1.1.
async fn read_request(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let start = read_line(stream).await?;
    let mut words = start.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let line = read_line(stream).await?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request {
        method,
        target,
        headers,
        body: Vec::new(),
    };
    if request
        .header("transfer-encoding")
        .is_some_and(|coding| coding.contains("chunked"))
    {
        loop {
            let size = usize::from_str_radix(read_line(stream).await?.split(';').next()?.trim(), 16).ok()?;
            let mut chunk = vec![0; size];
            stream.read_exact(&mut chunk).await.ok()?;
            request.body.extend(chunk);
            read_line(stream).await?;
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = request.header("content-length") {
        let mut body = vec![0; length.parse().ok()?];
        stream.read_exact(&mut body).await.ok()?;
        request.body = body;
    }
    Some(request)
}

/// A line without its end.
async fn read_line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await.ok()?;
    (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Writes a reply; `None` when the connection is over.
async fn write_reply(stream: &mut BufReader<TcpStream>, reply: Reply) -> Option<()> {
    let mut head = format!("HTTP/1.1 {} {}\r\n", reply.status, reason(reply.status));
    for (name, value) in &reply.headers {
        write!(head, "{name}: {value}\r\n").ok()?;
    }
    match reply.body {
        Body::Whole(body) => {
            write!(head, "content-length: {}\r\n\r\n", body.len()).ok()?;
            let mut all = head.into_bytes();
            all.extend(body);
            stream.write_all(&all).await.ok()?;
            stream.flush().await.ok()
        }
        Body::Cut(part) => {
            write!(head, "content-length: {}\r\n\r\n", part.len() + 1024).ok()?;
            let mut all = head.into_bytes();
            all.extend(part);
            stream.write_all(&all).await.ok()?;
            stream.flush().await.ok()?;
            None
        }
        Body::Stream(mut pieces) => {
            head += "transfer-encoding: chunked\r\n\r\n";
            stream.write_all(head.as_bytes()).await.ok()?;
            stream.flush().await.ok()?;
            loop {
                // A client that hangs up in the meantime ends the stream, and so tells the test's sender.
                let piece = tokio::select! {
                    piece = pieces.recv() => piece,
                    _ = stream.fill_buf() => return None,
                };
                match piece {
                    Some(Piece::Bytes(bytes)) if bytes.is_empty() => {}
                    Some(Piece::Bytes(bytes)) => {
                        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
                        chunk.extend(bytes);
                        chunk.extend(b"\r\n");
                        stream.write_all(&chunk).await.ok()?;
                        stream.flush().await.ok()?;
                    }
                    Some(Piece::Cut) => return None,
                    None => {
                        stream.write_all(b"0\r\n\r\n").await.ok()?;
                        return stream.flush().await.ok();
                    }
                }
            }
        }
        Body::Silence => {
            let _ = stream.fill_buf().await;
            None
        }
    }
}

/// The words that go with a status.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition Failed",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}
