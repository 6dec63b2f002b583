//! K3s on EC2 machines through the ports alone: tokens that change, releases that move on, restarts, and what is remembered.

use super::*;
use crate::blueprint::machine::{Inside, Task};
use crate::fleet::Role;
use crate::provider::{ProviderError, Secret};

const EU: &str = "eu-west-1";
const SERVER: &str = "/k3fleet/prod/server-token";
const AGENT: &str = "/k3fleet/prod/agent-token";

struct Prod {
    world: Arc<World>,
    p: Providers,
    aws: Arc<dyn CloudControl>,
    servers: Vec<InstanceId>,
    workers: Vec<InstanceId>,
}

impl Prod {
    async fn of(world: Arc<World>, p: Providers) -> Self {
        let groups = cloud(&p, EU).asgs().await.unwrap();
        let members = |name: &str| {
            let group = groups.iter().find(|g| g.name == name).unwrap();
            group.members.iter().map(|m| m.id.clone()).collect()
        };
        Self {
            aws: cloud_control(&world, EU),
            servers: members("k3s_servers"),
            workers: members("k3s_workers"),
            world,
            p,
        }
    }

    async fn new(toml: &str) -> Self {
        // Nothing happens by chance.
        let text = include_str!("../../../../assets/scenarios/demo.toml");
        let quiet = text.split_once("# What an onlooker sees").unwrap().0;
        let calm = quiet.replace("from = \"135s\"", "from = \"900h\"");
        let scenario = Scenario::parse(&format!("{calm}\n{toml}")).unwrap();
        let world = World::load(&scenario, 1, base(), 1.0);
        let p = world.providers();
        Self::of(world, p).await
    }

    async fn inside(&self, id: &InstanceId) -> Inside {
        self.aws.inside(id).await.unwrap()
    }

    async fn work(&self, id: &InstanceId, task: Task, names: &[&str]) -> Result<String, ProviderError> {
        let names: Vec<SmolStr> = names.iter().map(|n| (*n).into()).collect();
        self.aws.work(id, &task, &names).await
    }

    /// Restarts K3s; whether it comes up.
    async fn restarts(&self, id: &InstanceId) -> bool {
        self.work(id, Task::Restart, &[]).await.unwrap();
        secs(12).await;
        self.inside(id).await.is_active()
    }

    fn last(inside: &Inside) -> &str {
        inside.journal.last().unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_restarted_with_the_old_token_does_not_come_up() {
    let prod = Prod::new("").await;
    let [first, second] = [&prod.servers[0], &prod.servers[1]];
    let (number, old) = prod.aws.secure(SERVER, None).await.unwrap().unwrap();
    assert_eq!(number, 1);
    assert_eq!(prod.aws.put_secure(SERVER, &Secret::new("new")).await.unwrap(), 2);
    assert_eq!(prod.aws.secure(SERVER, Some(1)).await.unwrap().unwrap().1, old);
    assert_eq!(prod.aws.secure(SERVER, Some(3)).await.unwrap(), None);
    let told = cloud(&prod.p, EU).parameter_versions(SERVER).await.unwrap();
    assert_eq!(told.iter().map(|v| v.version).collect::<Vec<_>>(), [2, 1]);
    assert!(told[1].by.contains(":user/ana@example.com"), "{told:?}");

    let names = [&*format!("{SERVER}:1"), &*format!("{SERVER}:2")];
    let proof = Task::Handshake { kind: Role::Server };
    assert!(prod.work(first, proof.clone(), &names[1..]).await.is_err());
    for _ in 0..2 {
        prod.work(first, Task::RotateToken, &names).await.unwrap();
    }
    prod.work(first, proof, &names[1..]).await.unwrap();
    let place = Task::PlaceToken { kind: Role::Server };
    prod.work(first, place.clone(), &names[1..]).await.unwrap();
    assert!(prod.restarts(first).await);
    assert!(!prod.restarts(second).await);
    let inside = prod.inside(second).await;
    assert!(
        Prod::last(&inside).contains("encrypted with different token"),
        "{inside:?}"
    );
    assert_eq!(inside.service.as_deref(), Some("activating"));
    prod.work(second, place, &names[1..]).await.unwrap();
    secs(6).await;
    assert!(prod.inside(second).await.is_active());
    let tokens = prod.inside(second).await.tokens;
    assert_eq!(tokens[0].digest, prod.inside(first).await.tokens[0].digest);
    assert_eq!((tokens[0].kind, tokens[1].kind), (Role::Server, Role::Agent));
}

#[tokio::test(start_paused = true)]
async fn agents_with_the_old_token_go_on_until_they_are_restarted() {
    let prod = Prod::new("").await;
    prod.aws.put_secure(AGENT, &Secret::new("new")).await.unwrap();
    let new = [&*format!("{AGENT}:2")];
    let place = Task::PlaceToken { kind: Role::Agent };
    for server in &prod.servers {
        prod.work(server, place.clone(), &new).await.unwrap();
        assert!(prod.restarts(server).await);
    }
    let worker = &prod.workers[0];
    secs(120).await;
    let ready = async || node_of(&prod.p, worker).await.unwrap().ready;
    assert_eq!(ready().await, Readiness::Ready);
    assert!(!prod.restarts(worker).await);
    assert!(Prod::last(&prod.inside(worker).await).contains("401 Unauthorized"));
    secs(60).await;
    assert_eq!(ready().await, Readiness::Unknown);
    prod.work(worker, place, &new).await.unwrap();
    assert!(prod.restarts(worker).await);
    within(10, "its node is ready", async || ready().await == Readiness::Ready).await;
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_shows_after_the_restart_and_new_machines_come_with_it() {
    let prod = Prod::new("").await;
    let worker = &prod.workers[1];
    let task = Task::Upgrade {
        version: "v1.36.5+k3s1".into(),
        files: None,
    };
    prod.work(worker, task, &[]).await.unwrap();
    assert_eq!(prod.inside(worker).await.version.as_deref(), Some("v1.36.5+k3s1"));
    assert_ne!(node_of(&prod.p, worker).await.unwrap().version, "v1.36.5+k3s1");
    assert!(prod.restarts(worker).await);
    assert_eq!(node_of(&prod.p, worker).await.unwrap().version, "v1.36.5+k3s1");

    let template = "k3fleet-prod-workers";
    let script = prod.aws.user_data(template).await.unwrap().unwrap();
    let renewed = crate::blueprint::user_data::with_version(&script, "v1.36.5+k3s1").unwrap();
    prod.aws.renew_template(template, &renewed).await.unwrap();
    assert_eq!(prod.aws.user_data("nobody's").await.unwrap(), None);
    let spec = prod.aws.parameter("/k3fleet/prod/spec").await.unwrap().unwrap();
    let spec: crate::blueprint::Spec = serde_json::from_str(&spec).unwrap();
    assert_eq!(spec.version, "v1.36.4+k3s1");
    let before = prod.workers.clone();
    prod.aws.set_desired("k3s_workers", 7).await.unwrap();
    secs(90).await;
    let all = workers(&prod.p).await.members;
    let new = all.iter().find(|m| !before.contains(&m.id)).unwrap();
    assert_eq!(node_of(&prod.p, &new.id).await.unwrap().version, "v1.36.5+k3s1");
}

#[tokio::test(start_paused = true)]
async fn an_instance_restarts_with_another_boot() {
    let prod = Prod::new("").await;
    let worker = &prod.workers[0];
    let boot = prod.inside(worker).await.boot;
    prod.work(worker, Task::Reboot, &[]).await.unwrap();
    assert!(prod.aws.inside(worker).await.unwrap_err().retryable());
    secs(41).await;
    assert_ne!(prod.inside(worker).await.boot, boot);
    assert_eq!(node_of(&prod.p, worker).await.unwrap().ready, Readiness::NotReady);
    secs(15).await;
    assert!(prod.inside(worker).await.is_active());
    assert_eq!(node_of(&prod.p, worker).await.unwrap().ready, Readiness::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_server_may_not_come_back_for_a_while() {
    let ails = "[[events]]\nat = \"1s\"\nevent.machine-ails = { pool = \"prod/k3s_servers\", how = \"mismatch\", for = \"5m\" }\n";
    let prod = Prod::new(ails).await;
    secs(2).await;
    assert!(!prod.restarts(&prod.servers[0]).await);
    assert!(Prod::last(&prod.inside(&prod.servers[0]).await).contains("configuration value mismatch"));
    assert!(prod.restarts(&prod.servers[1]).await);
    secs(300).await;
    assert!(prod.inside(&prod.servers[0]).await.is_active());
}

#[tokio::test(start_paused = true)]
async fn what_was_done_to_machines_is_there_in_the_next_run() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("world.json");
    let text = include_str!("../../../../assets/scenarios/demo.toml");
    let quiet = text.split_once("# What an onlooker sees").unwrap().0;
    let run = async || {
        let world = World::load(&Scenario::parse(quiet).unwrap(), 1, base(), 1.0);
        assert_eq!(world.remember(file.clone()), None);
        let p = world.providers();
        Prod::of(world, p).await
    };
    let prod = run().await;
    prod.aws.put_secure(SERVER, &Secret::new("new")).await.unwrap();
    let names = [&*format!("{SERVER}:1"), &*format!("{SERVER}:2")];
    prod.work(&prod.servers[0], Task::RotateToken, &names).await.unwrap();
    let place = Task::PlaceToken { kind: Role::Server };
    prod.work(&prod.servers[0], place, &names[1..]).await.unwrap();
    assert!(prod.restarts(&prod.servers[0]).await);
    let task = Task::Upgrade {
        version: "v1.36.5+k3s1".into(),
        files: None,
    };
    prod.work(&prod.workers[0], task, &[]).await.unwrap();
    assert!(prod.restarts(&prod.workers[0]).await);
    prod.aws.set_desired("k3s_workers", 7).await.unwrap();
    let tokens = prod.inside(&prod.servers[0]).await.tokens;
    let old = prod.inside(&prod.servers[1]).await.tokens;

    let prod = run().await;
    assert_eq!(prod.aws.secure(SERVER, None).await.unwrap().unwrap().0, 2);
    assert_eq!(prod.inside(&prod.servers[0]).await.tokens, tokens);
    assert_eq!(prod.inside(&prod.servers[1]).await.tokens, old);
    assert_ne!(old, tokens);
    assert_eq!(
        node_of(&prod.p, &prod.workers[0]).await.unwrap().version,
        "v1.36.5+k3s1"
    );
    assert!(prod.restarts(&prod.servers[0]).await);
    assert!(!prod.restarts(&prod.servers[1]).await, "it holds the old token still");
    assert_eq!(prod.workers.len(), 7);
    assert!(prod.world.now() > base());
}
