//! Tunnels to an API server over a real sshd: what comes through is verified, and a server that goes is left for another.

use std::ffi::OsString;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use k3fleet::app::Login;
use k3fleet::provider::kube::kubeconfig::{self, At};
use k3fleet::provider::kube::{KubeApi, connect, tunnel};
use k3fleet::provider::{Kube, Secret};
use k3fleet::runtime::tunnel::{Gate, Guide, Pace, answers, keep};

use super::rig::Rig;
use crate::kube::tls::{self, Tls};

const QUICK: Pace = Pace {
    open: Duration::from_secs(20),
    look: Duration::from_millis(20),
    beat: Duration::from_millis(50),
    answer: Duration::from_secs(5),
    retry_first: Duration::from_millis(50),
    retry_most: Duration::from_millis(200),
};

/// The way to an API through the first host of a rig, and what is said of it.
struct Through {
    gates: Vec<Gate>,
    ssh: OsString,
    port: u16,
    api: KubeApi,
    said: Mutex<Vec<String>>,
    heard: tokio::sync::mpsc::Sender<String>,
}

#[async_trait]
impl Guide for Through {
    async fn gates(&mut self) -> Result<Vec<Gate>, String> {
        Ok(self.gates.clone())
    }

    async fn answers(&self) -> Result<(), String> {
        answers(self.port).await?;
        self.api.server().await.map(drop).map_err(|error| error.to_string())
    }

    fn program(&self, _: &'static str) -> OsString {
        self.ssh.clone()
    }

    fn say(&self, line: String) {
        self.said.lock().unwrap().push(line.clone());
        self.heard.try_send(line).unwrap();
    }
}

fn free() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A gate to a server, as k3fleet makes it but for the ports of the test.
fn gate(rig: &Rig, name: &str, port: u16, server: u16) -> Gate {
    let options = [
        "BatchMode=yes",
        "StrictHostKeyChecking=accept-new",
        "ExitOnForwardFailure=yes",
    ];
    let mut args = vec!["-N".to_owned()];
    options
        .iter()
        .for_each(|option| args.extend(["-o".to_owned(), (*option).to_owned()]));
    args.extend(["-L".to_owned(), format!("127.0.0.1:{port}:127.0.0.1:{server}")]);
    args.extend(["-p".to_owned(), rig.port.to_string(), "--".to_owned(), rig.address(1)]);
    Gate {
        name: name.into(),
        login: Login { program: "ssh", args },
    }
}

/// A rig, and a server of K3s that is kept under the name of a load balancer which nothing resolves.
async fn ready() -> Option<(Rig, Tls)> {
    let server = tokio::task::spawn_blocking(tls::start).await.expect("it starts")?;
    Some((Rig::new(1)?, server))
}

fn kept(rig: &Rig, authority: &[u8], port: u16) -> KubeApi {
    use base64::Engine as _;
    let authority = base64::engine::general_purpose::STANDARD.encode(authority);
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: default\nclusters:\n- name: default\n  cluster:\n    server: \
         https://127.0.0.1:6443\n    certificate-authority-data: {authority}\ncontexts:\n- name: default\n  context: {{cluster: \
         default, user: default}}\nusers:\n- name: default\n  user: {{token: s3cr3t}}\n"
    );
    let directory = rig.at("kubeconfigs");
    kubeconfig::keep(&directory, "shop", At::Name("api.shop.example"), &Secret::new(text)).unwrap();
    assert_eq!(tunnel::set(&directory, "shop", port).unwrap(), Some(true));
    connect(tunnel::open(&directory, "shop").unwrap())
}

fn through(rig: &Rig, authority: &[u8], port: u16, gates: Vec<Gate>) -> (Through, tokio::sync::mpsc::Receiver<String>) {
    let _adapter = rig.ssh();
    let (heard, hears) = tokio::sync::mpsc::channel(1000);
    let guide = Through {
        gates,
        ssh: rig.at("ssh0").into(),
        port,
        api: kept(rig, authority, port),
        said: Mutex::default(),
        heard,
    };
    (guide, hears)
}

async fn until(hears: &mut tokio::sync::mpsc::Receiver<String>, part: &str) -> String {
    let mut all = vec![];
    let wait = async {
        while let Some(line) = hears.recv().await {
            if line.contains(part) {
                return line;
            }
            all.push(line);
        }
        String::new()
    };
    let found = tokio::time::timeout(Duration::from_secs(60), wait).await;
    found.unwrap_or_else(|_| panic!("{part:?} is never said: {all:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_through_the_tunnel_is_verified_and_another_server_takes_over() {
    let Some((rig, first)) = ready().await else { return };
    let second = first.another();
    let port = free();
    let gates = vec![
        gate(&rig, "server-1", port, first.port),
        gate(&rig, "server-2", port, second.port),
    ];
    let authority = std::fs::read(first.files.path().join("cacerts")).unwrap();
    let (mut guide, mut hears) = through(&rig, &authority, port, gates);
    let api = guide.api.clone();
    let kept = tokio::spawn(async move {
        let never = keep(&mut guide, &QUICK).await;
        match never {}
    });
    until(&mut hears, "is open, to server-1").await;
    let server = api
        .server()
        .await
        .expect("the API answers, by a name that only its certificate knows");
    assert_eq!(server.version, "v1.36.4+k3s1");
    drop(first);
    let why = until(&mut hears, "no tunnel to server-1").await;
    assert!(why.contains("no longer answers"), "{why}");
    until(&mut hears, "is open, to server-2").await;
    api.server().await.expect("the other one answers");

    let called = std::fs::read_to_string(rig.at("ssh.called")).unwrap();
    assert!(
        called.contains("ExitOnForwardFailure") && !called.contains("s3cr3t"),
        "{called}"
    );
    kept.abort();
    let _cancelled = kept.await;
    assert!(answers(port).await.is_err(), "nothing listens once it is dropped");
    let listener = std::net::TcpListener::bind(("127.0.0.1", port));
    assert!(listener.is_ok(), "no ssh is left: {listener:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_another_authority_is_never_taken() {
    let Some((rig, server)) = ready().await else { return };
    let port = free();
    let authority = std::fs::read(server.files.path().join("other")).unwrap();
    let gates = vec![gate(&rig, "server-1", port, server.port)];
    let (mut guide, mut hears) = through(&rig, &authority, port, gates);
    let pace = Pace {
        open: Duration::from_secs(1),
        ..QUICK
    };
    let why = tokio::select! {
        never = keep(&mut guide, &pace) => match never {},
        why = until(&mut hears, "no tunnel to server-1") => why,
    };
    assert!(why.contains("certificate"), "{why}");
    let said = guide.said.lock().unwrap();
    assert!(!said.iter().any(|line| line.contains("is open")), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_ends_is_started_again_and_says_why() {
    let Some((rig, server)) = ready().await else { return };
    let port = free();
    let authority = std::fs::read(server.files.path().join("cacerts")).unwrap();
    let gates = vec![gate(&rig, "server-1", port, server.port)];
    let (mut guide, mut hears) = through(&rig, &authority, port, gates);
    let known = rig.known();
    rig.knows("other_key");
    let kept = tokio::spawn(async move {
        let never = keep(&mut guide, &QUICK).await;
        match never {}
    });
    let why = until(&mut hears, "no tunnel to server-1").await;
    assert!(why.contains("Host key verification failed"), "{why}");
    std::fs::write(rig.at("known_hosts"), known).unwrap();
    until(&mut hears, "is open, to server-1").await;
    kept.abort();
}
