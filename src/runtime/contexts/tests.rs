//! Which contexts a session opens, and how they come and go.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;
use crate::feeds::{Batch, Settings};
use crate::fleet::{FeedKind, FeedReport, Observation, Source};
use crate::provider::sim::{Scenario, World};
use crate::provider::{Control, Providers, Secret};

/// A kubeconfig as K3s writes it, with other names and another server.
fn kubeconfig_of(name: &str, server: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: {name}\nclusters:\n- name: {name}\n  cluster:\n    server: {server}\n\
         contexts:\n- name: {name}\n  context:\n    cluster: {name}\n    user: {name}\nusers:\n- name: {name}\n  user:\n    \
         token: s3cr3t\n"
    )
}

fn session(home: &Path) -> Session {
    Session {
        providers: Providers::default(),
        control: Control::default(),
        journals: home.join("journal"),
        kubeconfigs: home.join("kubeconfigs"),
        hosts: vec![],
        clock: Arc::new(|| "2026-11-22T12:00:00Z".parse().unwrap()),
        servers: Default::default(),
        kept: Default::default(),
        speed: 1.0,
        world: None,
        tunnels: None,
        faults: vec![],
        notes: vec![],
    }
}

fn keep(session: &Session, cluster: &str, address: &str) {
    let text = Secret::new(kubeconfig_of("default", "https://127.0.0.1:6443"));
    kubeconfig::keep(
        &session.kubeconfigs,
        cluster,
        address.parse::<std::net::IpAddr>().unwrap(),
        &text,
    )
    .unwrap();
}

fn own(home: &Path, name: &str, server: &str) -> Contexts {
    let file = home.join("config");
    fs::write(&file, kubeconfig_of(name, server)).unwrap();
    kube::contexts(Some(file.as_os_str()), &kube::Choice::Current)
}

fn ids(session: &Session) -> Vec<&str> {
    session.providers.kubes.iter().map(|k| k.context().as_str()).collect()
}

#[tokio::test]
async fn kept_clusters_are_opened_beside_the_operators_own() {
    let home = tempfile::tempdir().unwrap();
    let mut session = session(home.path());
    keep(&session, "shop", "203.0.113.7");
    keep(&session, "lab", "203.0.113.8");
    open_found(
        &mut session,
        own(home.path(), "work", "https://work:6443"),
        &Config::default(),
    );
    assert_eq!(ids(&session), ["work", "lab", "shop"]);
    assert_eq!(session.control.kubes.len(), 3);
    assert!(session.faults.is_empty() && session.notes.is_empty());
}

#[tokio::test]
async fn the_operators_own_context_of_a_server_wins() {
    let home = tempfile::tempdir().unwrap();
    let mut session = session(home.path());
    keep(&session, "shop", "203.0.113.7");
    open_found(
        &mut session,
        own(home.path(), "mine", "https://203.0.113.7:6443/"),
        &Config {
            read_only: true,
            ..Config::default()
        },
    );
    assert_eq!(ids(&session), ["mine"]);
    assert!(session.control.kubes.is_empty(), "only looking is allowed");
    assert!(session.faults.is_empty());
    assert!(session.open(&ContextId::new("shop")).unwrap().is_none());
}

#[tokio::test]
async fn a_cluster_to_which_a_tunnel_is_kept_is_opened_through_it_alone() {
    let home = tempfile::tempdir().unwrap();
    let mut session = session(home.path());
    keep(&session, "shop", "203.0.113.7");
    let mut config = Config::default();
    config.tunnels.insert("eu-west-1/shop".into(), crate::fleet::Via::Ssm);
    open_found(
        &mut session,
        own(home.path(), "mine", "https://203.0.113.7:6443/"),
        &config,
    );
    assert_eq!(ids(&session), ["shop"]);
    let through = format!("https://127.0.0.1:{}", tunnel::default_port("shop"));
    assert_eq!(session.servers[&ContextId::new("shop")], through);
    assert!(session.kept.contains(&ContextId::new("shop")) && session.faults.is_empty());
    let (region, via) = config.tunnel("shop").unwrap();
    assert_eq!((region.as_deref(), via), (Some("eu-west-1"), crate::fleet::Via::Ssm));
    assert_eq!(config.tunnel("other"), None);
}

#[tokio::test]
async fn a_name_that_is_another_servers_is_told() {
    let home = tempfile::tempdir().unwrap();
    let mut session = session(home.path());
    keep(&session, "shop", "203.0.113.7");
    open_found(
        &mut session,
        own(home.path(), "shop", "https://old:6443"),
        &Config::default(),
    );
    assert_eq!(ids(&session), ["shop"]);
    let words = session.faults[0].to_string();
    assert!(
        words.contains("https://old:6443") && words.contains("rename-context"),
        "{words}"
    );
    assert!(session.open(&ContextId::new("shop")).is_err());
}

#[tokio::test]
async fn a_cluster_is_opened_when_it_is_launched_and_closed_when_it_is_gone() {
    let home = tempfile::tempdir().unwrap();
    let mut session = session(home.path());
    let shop = ContextId::new("shop");
    assert!(session.open(&shop).is_err(), "no kubeconfig is kept yet");
    keep(&session, "shop", "203.0.113.7");
    assert_eq!(session.open(&shop).unwrap().unwrap().context(), &shop);
    // Launched once more under the same name, at another address.
    keep(&session, "shop", "203.0.113.9");
    assert!(session.open(&shop).unwrap().is_some());
    assert_eq!((ids(&session), session.control.kubes.len()), (vec!["shop"], 1));
    assert_eq!(session.servers[&shop], "https://203.0.113.9:6443");
    session.close(&shop);
    assert!(ids(&session).is_empty() && session.control.kubes.is_empty() && session.servers.is_empty());
}

/// What the feeds tell, up to what is meant.
async fn told(rx: &mut mpsc::Receiver<Batch>, meant: impl Fn(&Observation) -> bool) {
    let all = async {
        while let Some(batch) = rx.recv().await {
            if batch.observations.iter().any(&meant) {
                return;
            }
        }
        panic!("the channel closed");
    };
    timeout(Duration::from_hours(1), all).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_a_step_has_made_is_looked_at_until_it_is_gone() {
    let home = tempfile::tempdir().unwrap();
    let now = "2026-11-22T12:00:00Z".parse().unwrap();
    let world = World::load(&Scenario::demo().unwrap(), 7, now, 1.0);
    let context = world.providers().kubes[0].context().clone();
    let mut session = session(home.path());
    session.world = Some(world);
    let (tx, mut rx) = mpsc::channel(64);
    let mut feeds = Feeds::start(Providers::default(), Settings::default(), session.clock.clone(), tx);
    let mut operations = Operations::new(
        Control::default(),
        session.clock.clone(),
        session.journals.clone(),
        session.kubeconfigs.clone(),
    );
    let up = Made::Kubeconfig {
        context: context.clone(),
    };
    made(&up, &mut session, &mut feeds, &mut operations).unwrap();
    assert!(session.control.kube(&context).is_some());
    let source = Source::Kube(context.clone());
    told(&mut rx, |o| {
        matches!(o, Observation::Feed(id, FeedReport::Synced { .. }) if id.source == source && id.kind == FeedKind::Nodes)
    })
    .await;
    let gone = Made::Gone {
        context: context.clone(),
    };
    made(&gone, &mut session, &mut feeds, &mut operations).unwrap();
    assert!(session.control.kube(&context).is_none() && ids(&session).is_empty());
    told(&mut rx, |o| *o == Observation::ContextGone(context.clone())).await;
}
