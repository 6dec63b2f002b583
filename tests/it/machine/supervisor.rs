//! The supervisor of a server, asked by the real `curl`, over plain HTTP: what K3s would see of it.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use aws_smithy_types::base64;
use k3fleet::blueprint::machine::Task;
use k3fleet::fleet::Role;

use super::{Machine, sum};
use crate::support::http::{Reply, Request, Server};

const OLD: &str = "s3cr3t-\"old\"\\";
const NEW: &str = "s3cr3t-new";
const AUTHORITY: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const TOKEN: &str = "var/lib/rancher/k3s/server/token";

/// What the supervisor takes: `user:password`, or a bootstrap token.
#[derive(Default)]
struct Supervisor {
    takes: Mutex<Vec<String>>,
    refuses: Mutex<Option<(u16, String)>>,
}

impl Supervisor {
    fn answer(&self, request: &Request, token: &Path) -> Reply {
        if request.path() == "/cacerts" {
            return Reply::new(200, AUTHORITY);
        }
        let header = request.header("authorization").unwrap_or_default();
        let who = match header.strip_prefix("Basic ") {
            Some(basic) => String::from_utf8(base64::decode(basic).unwrap()).unwrap(),
            None => header.strip_prefix("Bearer ").unwrap_or_default().to_owned(),
        };
        let server = who.starts_with("server:");
        if !self.takes.lock().unwrap().contains(&who) || (request.path() == "/v1-k3s/token") != server {
            return Reply::new(403, "forbidden");
        }
        match request.method.as_str() {
            "GET" if server => Reply::new(405, "method not allowed"),
            "PUT" if server => {
                if let Some((status, why)) = self.refuses.lock().unwrap().take() {
                    return Reply::new(status, why);
                }
                let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
                let new = body["newToken"].as_str().unwrap();
                std::fs::write(token, format!("K10aabbccddeeff::server:{new}\n")).unwrap();
                Reply::new(200, "")
            }
            _ => Reply::json("{\"token\":\"s3cr3t-of-all\"}"),
        }
    }
}

/// A server of a cluster that takes these credentials, and its machine.
async fn cluster(takes: &[&str]) -> Option<(Arc<Supervisor>, Server, Machine)> {
    if !["/usr/bin/curl", "/bin/curl"].iter().any(|p| Path::new(p).exists()) {
        let why = "no curl in /usr/bin: install it";
        let all = std::env::var("K3FLEET_REQUIRE_ALL").is_ok_and(|value| value == "1");
        assert!(!all, "{why}");
        let _ = writeln!(std::io::stderr(), "skipped: {why}");
        return None;
    }
    let mut machine = Machine::server();
    machine.write(TOKEN, &format!("K10aabbccddeeff::server:{OLD}\n"));
    machine.write("var/lib/rancher/k3s/server/tls/server-ca.crt", AUTHORITY);
    let supervisor = Arc::new(Supervisor::default());
    *supervisor.takes.lock().unwrap() = takes.iter().map(|who| (*who).to_owned()).collect();
    let token = machine.path(TOKEN);
    let asked = Arc::clone(&supervisor);
    let server = Server::start(move |request| asked.answer(request, &token)).await;
    machine.supervisor = server.url();
    Some((supervisor, server, machine))
}

/// Does a task while the supervisor answers; gives whether it was done, and what it said last.
async fn does(machine: Machine, task: Task, secrets: &[&str]) -> (Machine, bool, String) {
    let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
    let work = move || {
        let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
        let ran = machine.task(&task, &secrets);
        let last = ran.last().to_owned();
        (machine, ran.good, last)
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test]
async fn the_token_changes_as_k3s_itself_would_change_it() {
    let Some((supervisor, server, machine)) = cluster(&[&format!("server:{OLD}")]).await else {
        return;
    };
    let (machine, good, said) = does(machine, Task::RotateToken, &[OLD, NEW]).await;
    assert!(good, "{said}");
    assert_eq!(said, "the cluster goes by the new token");
    let put: Vec<_> = server.requests().into_iter().filter(|r| r.method == "PUT").collect();
    let [put] = put.as_slice() else { panic!("{put:?}") };
    assert_eq!(put.path(), "/v1-k3s/token");
    assert_eq!(put.text(), format!("{{\"newToken\":\"{NEW}\"}}"));
    let basic = base64::encode(format!("server:{OLD}"));
    assert_eq!(put.header("authorization"), Some(format!("Basic {basic}").as_str()));

    // Cut off before K3s was restarted, it takes the old one still; once it was, only the new one.
    let (machine, good, _) = does(machine, Task::RotateToken, &[OLD, NEW]).await;
    assert!(good);
    *supervisor.takes.lock().unwrap() = vec![format!("server:{NEW}")];
    let (machine, good, said) = does(machine, Task::RotateToken, &["K10aabbccddeeff::server:s3cr3t-old", NEW]).await;
    assert!(good);
    assert_eq!(said, "the cluster goes by the new token already");

    let (_, good, said) = does(machine, Task::RotateToken, &["s3cr3t-a", "s3cr3t-b"]).await;
    assert!(!good);
    assert_eq!(
        said,
        "failed: the cluster takes neither the present token nor the new one"
    );
}

#[tokio::test]
async fn a_token_that_bricks_clusters_is_refused_before_anything_is_asked() {
    let Some((_, server, machine)) = cluster(&[]).await else {
        return;
    };
    let (machine, good, said) = does(machine, Task::RotateToken, &[OLD, "abcdef.s3cr3t0123456789"]).await;
    assert!(!good);
    assert_eq!(
        said,
        "failed: the new token has the shape of a bootstrap token, which would break the cluster"
    );
    let (_, good, said) = does(machine, Task::RotateToken, &[OLD]).await;
    assert!(!good);
    assert_eq!(said, "failed: the new token did not arrive");
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn why_k3s_did_not_change_it_is_told() {
    let Some((supervisor, _server, machine)) = cluster(&[&format!("server:{OLD}")]).await else {
        return;
    };
    let why = format!("bootstrap data already found and encrypted with different token {NEW}\n");
    *supervisor.refuses.lock().unwrap() = Some((500, why));
    let (machine, good, said) = does(machine, Task::RotateToken, &[OLD, NEW]).await;
    assert!(!good);
    assert_eq!(
        said.trim_end(),
        "failed: the supervisor of K3s did not change the token: status 500 bootstrap data already found and encrypted \
         with different token ..."
    );
    *supervisor.refuses.lock().unwrap() = Some((404, String::new()));
    let (mut machine, _, said) = does(machine, Task::RotateToken, &[OLD, NEW]).await;
    assert_eq!(said, "failed: this release of K3s cannot change its token");
    machine.supervisor = String::new();
    let (_, _, said) = does(machine, Task::RotateToken, &[OLD, NEW]).await;
    assert_eq!(said, "failed: the supervisor of K3s does not answer: status 000");
}

#[tokio::test]
async fn a_token_is_proved_as_a_machine_that_joins_would_use_it() {
    let takes = [
        &format!("server:{NEW}"),
        "node:s3cr3t-for-agents",
        "abcdef.s3cr3t0123456789",
    ];
    let Some((_, server, mut machine)) = cluster(&takes).await else {
        return;
    };
    let hash = sum(AUTHORITY);
    let whole = |what: &str| format!("K10{hash}::{what}");
    for (kind, token, result) in [
        (Role::Server, NEW.to_owned(), "the server token joins"),
        (Role::Server, whole(&format!("server:{NEW}")), "the server token joins"),
        (Role::Agent, "s3cr3t-for-agents".to_owned(), "the agent token joins"),
        (Role::Agent, whole("node:s3cr3t-for-agents"), "the agent token joins"),
        (Role::Agent, whole("abcdef.s3cr3t0123456789"), "the agent token joins"),
        (
            Role::Agent,
            NEW.to_owned(),
            "failed: the cluster does not take the agent token",
        ),
        (
            Role::Server,
            "s3cr3t-for-agents".to_owned(),
            "failed: the cluster does not take the server token",
        ),
        (
            Role::Agent,
            "K10aabbccddeeff::node:s3cr3t-for-agents".to_owned(),
            "failed: the token is of another certificate authority than the cluster",
        ),
    ] {
        let (kept, good, said) = does(machine, Task::Handshake { kind }, &[&token]).await;
        machine = kept;
        assert_eq!(
            (said.as_str(), good),
            (result, !result.starts_with("failed")),
            "{token}"
        );
    }
    assert!(server.requests().iter().all(|request| request.method == "GET"));
}

#[test]
fn only_a_server_is_asked() {
    let why = "this machine is no server";
    assert_eq!(Machine::agent().fails(&Task::RotateToken, &[OLD, NEW]), why);
    assert_eq!(
        Machine::agent().fails(&Task::Handshake { kind: Role::Agent }, &[NEW]),
        why
    );
    let mut machine = Machine::server();
    machine.without = &["curl"];
    assert_eq!(
        machine.fails(&Task::Handshake { kind: Role::Agent }, &[NEW]),
        "curl is not installed: install it"
    );
}
