//! A server of K3s over real TLS: openssl's own, which hands out its certificate authority.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use k3fleet::fleet::FaultKind;
use k3fleet::provider::KubeControl;
use sha2::{Digest, Sha256};

use super::{Lab, quick};

/// A server; it ends when dropped.
pub(crate) struct Tls {
    process: Child,
    pub(crate) port: u16,
    pub(crate) files: Arc<tempfile::TempDir>,
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

fn openssl(directory: &Path, arguments: &str) {
    let done = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(directory)
        .output()
        .expect("openssl runs");
    assert!(
        done.status.success(),
        "openssl {arguments}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// Makes an authority of this name: `NAME.key`, and its certificate in the file NAME.
fn authority(directory: &Path, name: &str) {
    openssl(
        directory,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={name} -addext \
             basicConstraints=critical,CA:true -keyout {name}.key -out {name}"
        ),
    );
}

/// Starts a server on a free port. `None`, with a printed line, where there is no openssl.
pub(crate) fn start() -> Option<Tls> {
    if let Err(why) = Command::new("openssl").arg("version").output() {
        let all = std::env::var("K3FLEET_REQUIRE_ALL").is_ok_and(|value| value == "1");
        assert!(!all, "no openssl: {why}");
        // Past the capture of the test harness: a skipped test must be seen.
        let _ = writeln!(std::io::stderr(), "skipped: no openssl: {why}");
        return None;
    }
    let files = Arc::new(tempfile::tempdir().expect("a directory"));
    let directory = files.path();
    authority(directory, "cacerts");
    authority(directory, "other");
    openssl(
        directory,
        "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=k3s -keyout leaf.key -out leaf.csr",
    );
    std::fs::write(
        directory.join("names"),
        "subjectAltName=IP:127.0.0.1,DNS:api.shop.example\n",
    )
    .expect("a file");
    openssl(
        directory,
        "x509 -req -in leaf.csr -CA cacerts -CAkey cacerts.key -CAcreateserial -days 2 -extfile names -out leaf.pem",
    );
    std::fs::write(directory.join("version"), r#"{"gitVersion":"v1.36.4+k3s1"}"#).expect("a file");
    Some(serve(files))
}

/// Starts a server that shows the certificate in these files.
fn serve(files: Arc<tempfile::TempDir>) -> Tls {
    let mut process = Command::new("openssl")
        .args([
            "s_server",
            "-accept",
            "127.0.0.1:0",
            "-WWW",
            "-cert",
            "leaf.pem",
            "-key",
            "leaf.key",
        ])
        .current_dir(files.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl starts");
    let mut lines = BufReader::new(process.stdout.take().expect("it was piped")).lines();
    let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let (_, port) = line.strip_prefix("ACCEPT ")?.rsplit_once(':')?;
        port.parse().ok()
    });
    // What it says of its connections nobody reads, but somebody must take.
    std::thread::spawn(move || lines.for_each(drop));
    Tls {
        process,
        port: port.expect("it says where it listens"),
        files,
    }
}

impl Tls {
    /// Another server with the same certificate.
    pub(crate) fn another(&self) -> Self {
        serve(Arc::clone(&self.files))
    }

    fn lab(&self, entries: &str) -> Lab {
        let cluster = format!("server: \"https://127.0.0.1:{}\", {entries}", self.port);
        Lab::with_cluster(&cluster, "{token: s3cr3t}", quick())
    }

    fn trusting(&self, authority: &str) -> Lab {
        let file = self.files.path().join(authority);
        self.lab(&format!("certificate-authority: \"{}\"", file.display()))
    }
}

#[tokio::test]
async fn the_authority_is_asked_for_over_a_connection_that_is_verified() {
    let Some(server) = tokio::task::spawn_blocking(start).await.expect("it starts") else {
        return;
    };
    let hash = server.trusting("cacerts").api.ca_hash().await.expect("a hash");
    let file = std::fs::read(server.files.path().join("cacerts")).expect("the file");
    let digest: String = Sha256::digest(file).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash, digest);

    let stranger = server
        .trusting("other")
        .api
        .ca_hash()
        .await
        .expect_err("another authority");
    assert_eq!(stranger.kind, FaultKind::Unreachable, "{stranger}");
    assert!(stranger.mend.contains("certificate authority"), "{stranger}");

    let careless = server.lab("insecure-skip-tls-verify: true").api.ca_hash().await;
    let careless = careless.expect_err("whoever answers could name an authority of its own");
    assert_eq!(careless.kind, FaultKind::Credentials, "{careless}");
    assert!(careless.mend.contains("insecure-skip-tls-verify"), "{careless}");
}
