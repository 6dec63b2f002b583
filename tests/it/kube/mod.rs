//! The Kubernetes adapter over HTTP, against recorded answers of a real API server.

mod calls;
mod control;
mod credentials;
mod joining;
mod snapshots;
pub(crate) mod tls;
mod watching;

use std::path::Path;
use std::time::Duration;

use futures::StreamExt;
use k3fleet::provider::kube::{Choice, KubeApi, Pace, contexts};
use k3fleet::provider::{Change, ProviderError, WatchStream};

use crate::support::http::{Reply, Request, Server};

/// A recorded answer.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/kube")
        .join(name);
    std::fs::read(&path).expect("a fixture of that name")
}

/// The recorded lines of a watch, each with its end.
fn lines(name: &str) -> Vec<Vec<u8>> {
    fixture(name)
        .split_inclusive(|b| *b == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

/// A recorded refusal.
fn refusal(status: u16, name: &str) -> Reply {
    Reply::json(fixture(name)).status(status)
}

/// Pauses and deadlines that let a test run at once, and still fail by a message rather than hang.
fn quick() -> Pace {
    Pace {
        credentials: Duration::from_secs(15),
        answer: Duration::from_secs(15),
        stall: Duration::from_secs(15),
        silence: Duration::from_secs(15),
        poll: Duration::from_millis(1),
        retry_first: Duration::from_millis(1),
        retry_most: Duration::from_millis(2),
    }
}

/// A kubeconfig in a directory of its own, and an adapter of its only context, `lab`.
pub(crate) struct Lab {
    pub(crate) api: KubeApi,
    directory: tempfile::TempDir,
}

impl Lab {
    /// An adapter of the server at `url`, with the `user` of a kubeconfig (JSON is YAML).
    fn new(url: &str, user: &str, pace: Pace) -> Self {
        Self::with_cluster(&format!("server: \"{url}\""), user, pace)
    }

    /// An adapter of the cluster with these entries.
    fn with_cluster(cluster: &str, user: &str, pace: Pace) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("config");
        std::fs::write(&file, Self::kubeconfig(cluster, user)).expect("a file");
        let mut chosen = contexts(Some(file.as_os_str()), &Choice::Current);
        assert!(chosen.faults.is_empty(), "{:?}", chosen.faults);
        let api = KubeApi::new(chosen.found.remove(0), pace);
        Self { api, directory }
    }

    fn kubeconfig(cluster: &str, user: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: lab\n\
             clusters:\n- name: lab\n  cluster: {{{cluster}}}\n\
             contexts:\n- name: lab\n  context: {{cluster: lab, user: op}}\n\
             users:\n- name: op\n  user: {user}\n"
        )
    }

    /// The same kubeconfig with another user.
    fn rewrite(&self, url: &str, user: &str) {
        let cluster = format!("server: \"{url}\"");
        std::fs::write(self.directory.path().join("config"), Self::kubeconfig(&cluster, user)).expect("a file");
    }

    /// An adapter of a scripted server, at a quick pace.
    pub(crate) fn of(server: &Server) -> Self {
        Self::new(&server.url(), "{token: s3cr3t}", quick())
    }
}

/// The next change; panics when none comes.
async fn next<T>(stream: &mut WatchStream<T>) -> Result<Change<T>, ProviderError> {
    let next = tokio::time::timeout(Duration::from_secs(30), stream.next()).await;
    next.expect("a change in time").expect("an endless stream")
}

/// The next `count` changes in short: `listing`, `+name`, `-name`, `listed`, `alive`, `!call`.
async fn told<T: Named>(stream: &mut WatchStream<T>, count: usize) -> Vec<String> {
    let mut told = Vec::new();
    for _ in 0..count {
        told.push(match next(stream).await {
            Ok(Change::Listing) => "listing".to_owned(),
            Ok(Change::Is(object)) => format!("+{}", object.name()),
            Ok(Change::Gone(name)) => format!("-{name}"),
            Ok(Change::Listed) => "listed".to_owned(),
            Ok(Change::Alive) => "alive".to_owned(),
            Err(error) => format!("!{}", error.call),
        });
    }
    told
}

trait Named {
    fn name(&self) -> &str;
}

impl Named for k3fleet::fleet::Node {
    fn name(&self) -> &str {
        &self.key.name
    }
}

impl Named for k3fleet::fleet::Pod {
    fn name(&self) -> &str {
        &self.key.name
    }
}

/// Whether a request is a streaming list, a watch, or a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Streaming,
    Watch,
    List,
}

fn way(request: &Request) -> Way {
    match (request.query("watch"), request.query("sendInitialEvents")) {
        (Some(_), Some(_)) => Way::Streaming,
        (Some(_), None) => Way::Watch,
        _ => Way::List,
    }
}

fn ways(server: &Server) -> Vec<Way> {
    server.requests().iter().map(way).collect()
}
