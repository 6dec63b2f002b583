//! A real moto server, with what `tests/moto` adds to it, shared by all tests of a run: each test acts in an AWS account of
//! its own, and so sees nothing of the others.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;

use aws_sdk_sts::config::{BehaviorVersion, Credentials, Region};
use k3fleet::provider::aws::Keys;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A server that runs for as long as this process does.
struct Running {
    url: String,
    _lifeline: ChildStdin,
}

/// Why there is none.
type Missing = String;

static SERVER: OnceLock<Result<Running, Missing>> = OnceLock::new();

/// An account of its own on the moto server.
#[derive(Clone)]
pub(crate) struct Account {
    /// The server's endpoint, for all services.
    pub(crate) url: String,
    /// Keys that act in the account.
    pub(crate) keys: Keys,
    /// The account's id.
    pub(crate) id: String,
}

impl Account {
    /// Asks a service of the account for something that no SDK here asks for; gives the answer, which must be a good one. Of a
    /// signature the fake reads only whose it is.
    pub(crate) async fn ask(&self, region: &str, service: &str, method: &str, path: &str, body: &str) -> String {
        let address = self.url.strip_prefix("http://").expect("plain HTTP");
        let mut stream = TcpStream::connect(address).await.expect("the fake");
        let whose = format!("{}/20261123/{region}/{service}/aws4_request", self.keys.id);
        let asked = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential={whose}, SignedHeaders=host, Signature=0\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(asked.as_bytes()).await.expect("asked");
        let mut told = String::new();
        stream.read_to_string(&mut told).await.expect("an answer");
        assert!(told.starts_with("HTTP/1.1 20"), "{told}");
        told
    }
}

/// An account for one test, named by the 12 digits of its id. `None`, with a printed line, where no moto server can be
/// had; with `K3FLEET_REQUIRE_ALL=1` that fails the test instead.
pub(crate) async fn account(id: &str) -> Option<Account> {
    let running = tokio::task::spawn_blocking(|| SERVER.get_or_init(start))
        .await
        .expect("starting does not panic");
    let url = match running {
        Ok(running) => running.url.clone(),
        Err(why) if std::env::var("K3FLEET_REQUIRE_ALL").is_ok_and(|value| value == "1") => panic!("{why}"),
        Err(why) => {
            // Past the capture of the test harness: a skipped test must be seen.
            let _ = writeln!(std::io::stderr(), "skipped: {why}");
            return None;
        }
    };
    let sts = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new("AKIAIOSFODNN7EXAMPLE", "x", None, None, "test"))
        .region(Region::new("us-east-1"))
        .endpoint_url(&url)
        .build();
    let role = aws_sdk_sts::Client::from_conf(sts)
        .assume_role()
        .role_arn(format!("arn:aws:iam::{id}:role/test"))
        .role_session_name("test")
        .send()
        .await
        .expect("moto lets any role be assumed");
    let keys = role.credentials.expect("the role's keys");
    Some(Account {
        url,
        keys: Keys {
            id: keys.access_key_id,
            secret: keys.secret_access_key,
            session: Some(keys.session_token),
        },
        id: id.to_owned(),
    })
}

/// The server: that of `tests/moto`, where moto is installed, or one that is named.
fn installed() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("K3FLEET_MOTO") {
        return Some(PathBuf::from(named));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // It runs itself with the moto that is installed there.
    let installed = root.join("target/venv/bin/moto_server").is_file();
    installed.then(|| root.join("tests/moto/server.py"))
}

/// Runs the server for as long as our end of its standard input is open: it ends with this process, however that ends.
const WHILE_WE_LIVE: &str =
    r#"exec 3<&0; "$0" "$@" & server=$!; (cat <&3; kill $server) >/dev/null 2>&1 & wait $server"#;

/// Starts the server on a free port and waits until it says which.
fn start() -> Result<Running, Missing> {
    let program = installed().ok_or("no moto server: run tests/setup, or name one in K3FLEET_MOTO")?;
    let mut shell = Command::new("sh")
        .args(["-c", WHILE_WE_LIVE])
        .arg(&program)
        .args(["-H", "127.0.0.1", "-p", "0"])
        .env("AWS_ACCESS_KEY_ID", "x")
        .env("AWS_SECRET_ACCESS_KEY", "x")
        // So that a bucket with little in it is listed in pages.
        .env("MOTO_S3_DEFAULT_MAX_KEYS", "2")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|why| format!("{} does not start: {why}", program.display()))?;
    let lifeline = shell.stdin.take().expect("it was piped");
    let mut lines = BufReader::new(shell.stderr.take().expect("it was piped")).lines();
    let mut said = String::new();
    while let Some(Ok(line)) = lines.next() {
        if let Some((_, url)) = line.split_once("Running on ") {
            let url = url.trim().to_owned();
            // It logs every request: nobody reads that, but somebody must take it.
            std::thread::spawn(move || lines.for_each(drop));
            return Ok(Running {
                url,
                _lifeline: lifeline,
            });
        }
        said += &line;
        said.push('\n');
    }
    Err(format!("{} does not serve: {}", program.display(), said.trim()))
}
