//! The real program over real wires: instances of a moto server joined with the nodes of an API server, as rows of
//! the command line and on the screen.

mod changes;
mod ha;
mod launch;
mod stand;
mod tunnel;

use std::collections::HashMap;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::aws::seed::Seed;
use crate::support::http::Server;
use crate::support::moto::{self, Account};
use crate::support::terminal::Terminal;

const REGION: &str = "eu-west-1";

/// A recorded node under another name, on another instance.
fn node(name: &str, instance: &str, ready: bool) -> Value {
    let mut node: Value = serde_json::from_slice(&crate::kube::fixture("node-server.json")).expect("JSON");
    node["metadata"]["name"] = json!(name);
    node["spec"]["providerID"] = json!(format!("aws:///eu-west-1a/{instance}"));
    for condition in node["status"]["conditions"].as_array_mut().expect("conditions") {
        if condition["type"] == "Ready" && !ready {
            condition["status"] = json!("False");
            condition["reason"] = json!("KubeletNotReady");
        }
    }
    node
}

fn write_kubeconfig(home: &Path, url: &str) -> String {
    let file = home.join("kubeconfig");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: lab\nclusters:\n- name: lab\n  cluster: {{server: \"{url}\"}}\n\
         contexts:\n- name: lab\n  context: {{cluster: lab, user: op}}\nusers:\n- name: op\n  user: {{token: t}}\n"
    );
    std::fs::write(&file, text).expect("a kubeconfig");
    file.to_string_lossy().into_owned()
}

/// The environment of an operator of that account and API server.
fn environment(account: &Account, kubeconfig: &str) -> Vec<(&'static str, String)> {
    let mut vars = vec![
        ("AWS_ENDPOINT_URL", account.url.clone()),
        ("AWS_ACCESS_KEY_ID", account.keys.id.clone()),
        ("AWS_SECRET_ACCESS_KEY", account.keys.secret.clone()),
        ("AWS_REGION", REGION.to_owned()),
        ("KUBECONFIG", kubeconfig.to_owned()),
    ];
    vars.extend(account.keys.session.clone().map(|token| ("AWS_SESSION_TOKEN", token)));
    vars
}

async fn k3fleet(home: &Path, vars: &[(&'static str, String)], args: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_k3fleet"));
    command
        .args(args)
        .env_clear()
        .env("HOME", home)
        .envs(vars.iter().map(|(k, v)| (*k, v)))
        .kill_on_drop(true);
    command.output().await.expect("the program runs")
}

/// Two servers with nodes, one of them not ready, an instance without a node, and a node without an instance.
async fn seeded(account: &Account) -> (Server, Vec<String>) {
    let seed = Seed::new(account, REGION);
    let tags = [
        ("Name", "prod-server"),
        ("k3fleet:cluster", "prod"),
        ("k3fleet:role", "server"),
        ("k3fleet:shape", "ha"),
    ];
    let ids = seed.lone(3, &seed.image().await, false, &tags).await;
    seed.lone(1, &seed.image().await, false, &[("Name", "somebody else's")])
        .await;
    let nodes = vec![
        node("server-1", &ids[0], true),
        node("server-2", &ids[1], false),
        node("server-9", "i-0123456789abcdef0", true),
    ];
    (stand::api_server(stand::Held::of(nodes)).await, ids)
}

#[tokio::test]
async fn the_command_line_prints_the_joined_rows() {
    let Some(account) = moto::account("700000000001").await else {
        return;
    };
    let (server, ids) = seeded(&account).await;
    let home = tempfile::tempdir().expect("a directory");
    let vars = environment(&account, &write_kubeconfig(home.path(), &server.url()));
    let output = k3fleet(home.path(), &vars, &["get", "machines", "-o", "json"]).await;
    let told = String::from_utf8_lossy(&output.stderr);
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {told}"));
    let by_id: HashMap<&str, &Value> = rows
        .iter()
        .map(|row| (row["id"].as_str().expect("an id"), row))
        .collect();
    assert_eq!(
        rows.len(),
        4,
        "three instances and a node without one; nothing of somebody else's: {rows:#?}"
    );
    let first = by_id[ids[0].as_str()];
    assert_eq!(first["cluster"], "prod");
    assert_eq!(first["role"], "server");
    assert_eq!(first["shape"], "ha");
    assert_eq!(first["state"], "Ready");
    assert_eq!(first["purchase"], "on-demand");
    assert_eq!(first["instance"]["id"], ids[0].as_str());
    assert_eq!(first["instance"]["type"], "t3.micro");
    assert_eq!(first["node"]["name"], "server-1");
    assert_eq!(first["node"]["ready"], true);
    assert_eq!(
        first["price_per_hour"],
        Value::Null,
        "moto has no price list: unknown, not 0"
    );
    assert_eq!(by_id[ids[1].as_str()]["state"], "NotReady");
    assert_eq!(by_id[ids[2].as_str()]["node"], Value::Null);
    assert_eq!(by_id[ids[2].as_str()]["state"], "Joining");
    let ghost = rows
        .iter()
        .find(|row| row["node"]["name"] == "server-9")
        .expect("the node without an instance");
    assert_eq!(ghost["instance"], Value::Null);
    assert_eq!(ghost["state"], "Ghost");
    assert_eq!(ghost["cluster"], "prod", "its context is the tagged cluster's");
    assert_eq!(
        output.status.code(),
        Some(4),
        "the price list could not be read: {told}"
    );
    assert!(told.contains("pricing:GetProducts"), "{told}");
}

#[tokio::test]
async fn the_screen_shows_the_same_rows() {
    let Some(account) = moto::account("700000000002").await else {
        return;
    };
    let (server, _) = seeded(&account).await;
    let home = tempfile::tempdir().expect("a directory");
    let vars = environment(&account, &write_kubeconfig(home.path(), &server.url()));
    let screen = tokio::task::spawn_blocking(move || {
        let vars: Vec<_> = vars.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let mut terminal = Terminal::start(&[], 160, 40, &vars);
        terminal.send("2");
        terminal.wait_for("Ghost");
        terminal.wait_for("NotReady");
        terminal.wait_for("Joining");
        terminal.wait_for("prod-server");
        terminal.send("\u{3}");
        terminal.wait_for_end();
        terminal.text()
    });
    screen.await.expect("the screen");
}

#[tokio::test]
async fn a_dead_api_server_hides_no_instances() {
    let Some(account) = moto::account("700000000003").await else {
        return;
    };
    let (server, ids) = seeded(&account).await;
    drop(server);
    let home = tempfile::tempdir().expect("a directory");
    let dead = crate::support::http::refusing_url().await;
    let vars = environment(&account, &write_kubeconfig(home.path(), &dead));
    let output = k3fleet(
        home.path(),
        &vars,
        &["get", "machines", "-o", "csv", "--columns", "instance,state"],
    )
    .await;
    let rows = String::from_utf8_lossy(&output.stdout);
    for id in &ids {
        assert!(rows.contains(id.as_str()), "{rows}");
    }
    assert_eq!(output.status.code(), Some(4));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("lab"),
        "the context that failed is named"
    );
}
