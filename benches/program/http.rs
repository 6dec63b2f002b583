//! An HTTP/1.1 server on a free loopback port, with a thread for each connection: what it answers is rendered before
//! anything is measured, so that answering costs next to nothing.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

/// A request, as far as anything here asks about it.
pub(crate) struct Request {
    /// Path and query, undecoded.
    pub(crate) target: String,
    /// `accept`.
    pub(crate) accept: String,
    /// The body as text.
    pub(crate) body: String,
}

impl Request {
    /// The path without the query.
    pub(crate) fn path(&self) -> &str {
        self.target.split_once('?').map_or(&self.target, |(path, _)| path)
    }

    /// A parameter of the query, undecoded.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        value(self.target.split_once('?')?.1, name)
    }

    /// A field of the form in the body, undecoded.
    pub(crate) fn form(&self, name: &str) -> Option<&str> {
        value(&self.body, name)
    }
}

fn value<'t>(pairs: &'t str, name: &str) -> Option<&'t str> {
    pairs
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// Writes a body in chunks, for as long as it likes.
pub(crate) type Stream = Box<dyn FnOnce(&mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()>>;

/// What to answer.
pub(crate) enum Reply {
    /// A status, a content type and a body.
    Whole(u16, &'static str, Arc<[u8]>),
    /// JSON that comes in chunks.
    Chunks(Stream),
}

impl Reply {
    /// 200 with JSON.
    pub(crate) fn json(body: impl Into<Arc<[u8]>>) -> Self {
        Self::Whole(200, "application/json", body.into())
    }

    /// 404 as an API server says it.
    pub(crate) fn missing() -> Self {
        let body = br#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"not found","code":404}"#;
        Self::Whole(404, "application/json", Arc::from(&body[..]))
    }
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// Serves for as long as the process lives.
pub(crate) fn serve(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let handler: Arc<Handler> = Arc::new(handler);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let handler = Arc::clone(&handler);
            // A client that hangs up ends the connection's thread, and nothing else.
            std::thread::spawn(move || drop(converse(stream, &*handler)));
        }
    });
    Ok(address)
}

fn converse(stream: TcpStream, handler: &Handler) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    while let Some(request) = read(&mut reader)? {
        match handler(&request) {
            Reply::Whole(status, kind, body) => {
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status} Answer\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n");
                writer.write_all(head.as_bytes())?;
                writer.write_all(&body)?;
            }
            Reply::Chunks(stream) => {
                let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
                writer.write_all(head)?;
                stream(&mut |bytes| {
                    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
                    chunk.extend_from_slice(bytes);
                    chunk.extend_from_slice(b"\r\n");
                    writer.write_all(&chunk)
                })?;
                writer.write_all(b"0\r\n\r\n")?;
            }
        }
    }
    Ok(())
}

/// The next request; `None` when the client has gone.
fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut request = Request {
        target: line.split(' ').nth(1).unwrap_or_default().to_owned(),
        accept: String::new(),
        body: String::new(),
    };
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "accept" => request.accept = value.trim().to_owned(),
            "content-length" => length = value.trim().parse().unwrap_or(0),
            _ => {}
        }
    }
    reader.take(length).read_to_string(&mut request.body)?;
    Ok(Some(request))
}
