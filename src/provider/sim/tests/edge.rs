//! Edge hosts before they join, while they join, and after: through the ports alone.

use super::*;
use crate::blueprint::machine::{Inside, Install, Sudo, Task};
use crate::fleet::{EdgeHealth, EdgeHost, Role};
use crate::provider::{BootstrapOrder, Marks, ProviderError, Secret, Shell, ShellControl};

pub(super) struct Lab {
    pub(super) world: Arc<World>,
    pub(super) p: Providers,
    pub(super) ssh: Arc<dyn ShellControl>,
    pub(super) api: Arc<dyn KubeControl>,
}

impl Lab {
    pub(super) fn new(toml: &str) -> Self {
        let (world, p) = told(toml);
        Self::of(world, p)
    }

    pub(super) fn of(world: Arc<World>, p: Providers) -> Self {
        let ssh = world.control().shell.unwrap();
        let api = kube_control(&world, "edge-lab");
        Self { world, p, ssh, api }
    }

    pub(super) fn host(&self, name: &str) -> EdgeHost {
        let all = self.world.edge_hosts();
        all.into_iter().find(|h| h.name.as_str() == name).unwrap()
    }

    fn shell(&self) -> &dyn Shell {
        self.p.shell.as_deref().unwrap()
    }

    pub(super) async fn inside(&self, name: &str) -> Inside {
        self.ssh.inside(&self.host(name)).await.unwrap()
    }

    async fn health(&self, name: &str) -> EdgeHealth {
        self.shell().probe(&self.host(name)).await.unwrap()
    }

    pub(super) async fn work(&self, name: &str, task: Task, secrets: &[&str]) -> Result<String, ProviderError> {
        let secrets: Vec<_> = secrets.iter().map(|s| Secret::new(*s)).collect();
        self.ssh.work(&self.host(name), &task, &secrets).await
    }

    pub(super) async fn node(&self, name: &str) -> Option<Node> {
        let all = kube(&self.p, "edge-lab").list_nodes().await.unwrap();
        all.into_iter().find(|n| n.key.name == name)
    }

    pub(super) async fn address(&self) -> SmolStr {
        let all = kube(&self.p, "edge-lab").api_addresses().await.unwrap();
        assert_eq!(all.len(), 1);
        all[0].clone()
    }

    /// A bootstrap token that is good for so many seconds.
    pub(super) async fn token(&self, secs: i64) -> String {
        let order = BootstrapOrder {
            id: "abc234".into(),
            secret: Secret::new("0123456789abcdef"),
            description: "k3fleet join-1".to_owned(),
            expires_at: Some(self.world.now() + SignedDuration::from_secs(secs)),
        };
        self.api.make_bootstrap_token(&order).await.unwrap();
        format!("K10{}::abc234.0123456789abcdef", self.api.ca_hash().await.unwrap())
    }

    pub(super) async fn install(&self, name: &str, token: &str) {
        let install = Install {
            version: "v1.36.4+k3s1".into(),
            server: format!("https://{}", self.address().await).into(),
            node: name.into(),
            labels: vec!["site=harbour".into()],
            taints: vec!["edge=yes:NoSchedule".into()],
            vpn: false,
            files: None,
        };
        self.work(name, Task::Install(Box::new(install)), &[token])
            .await
            .unwrap();
    }

    /// Waits until K3s runs or says why it does not.
    pub(super) async fn settled(&self, name: &str) -> Inside {
        for _ in 0..30 {
            secs(1).await;
            let inside = self.inside(name).await;
            if inside.is_active() || inside.journal.iter().any(|l| l.contains("level=")) {
                return inside;
            }
        }
        panic!("{name} neither starts nor fails");
    }
}

fn tells(inside: &Inside, words: &str) -> bool {
    let tells = inside.journal.last().is_some_and(|l| l.contains(words));
    assert!(tells, "{inside:?}");
    inside.service.as_deref() == Some("activating")
}

#[tokio::test(start_paused = true)]
async fn a_board_joins_turns_ready_and_is_marked() {
    let lab = Lab::new("");
    let name = "harbour-pi-01";
    let before = lab.health(name).await;
    assert_eq!(
        (before.service, before.version, before.certificate_until),
        (None, None, None)
    );
    assert_eq!(before.clock_synced, Some(true));
    let reached = ["10.1.0.4:6443".into(), lab.address().await];
    let facts = lab.shell().facts(&lab.host(name), &reached).await.unwrap();
    let reached: Vec<_> = facts.reached.iter().map(|r| r.answers).collect();
    assert_eq!(reached, [false, true], "private addresses are not reached from there");
    assert_eq!((facts.k3s.clone(), facts.node_password), (None, Some(false)));
    assert_eq!(facts.memory_cgroup, Some(true));

    let token = lab.token(600).await;
    lab.install(name, &token).await;
    assert_eq!(lab.inside(name).await.service.as_deref(), Some("activating"));
    assert!(lab.node(name).await.is_none());
    let inside = lab.settled(name).await;
    assert!(inside.is_active(), "{inside:?}");
    assert_eq!(inside.tokens[0].bootstrap.as_deref(), Some("abc234"));
    let node = lab.node(name).await.unwrap();
    assert_eq!(
        (node.ready, node.version.as_str()),
        (Readiness::NotReady, "v1.36.4+k3s1")
    );
    within(15, "the node is ready", async || {
        lab.node(name).await.unwrap().ready == Readiness::Ready
    })
    .await;
    let node = lab.node(name).await.unwrap();
    assert_eq!(node.taints.to_vec(), ["edge=yes:NoSchedule"]);
    let marks = Marks {
        labels: vec![],
        annotations: vec![("k3fleet.dev/ssh".into(), Some("pi@192.168.60.11".into()))],
    };
    lab.api.mark(name, &marks).await.unwrap();
    assert_eq!(lab.node(name).await.unwrap().ssh.as_deref(), Some("pi@192.168.60.11"));
    assert!(lab.api.mark("nobody", &marks).await.is_err());
    let health = lab.health(name).await;
    assert_eq!(health.service.as_deref(), Some("active"));
    assert_eq!(health.version.as_deref(), Some("v1.36.4+k3s1"));
    let left = health.certificate_until.unwrap().duration_since(lab.world.now());
    assert_eq!((left.as_hours() + 12) / 24, 365);

    lab.api.delete_bootstrap_token("abc234").await.unwrap();
    assert_eq!(kube(&lab.p, "edge-lab").bootstrap_tokens().await.unwrap(), []);
    lab.work(name, Task::Restart, &[]).await.unwrap();
    assert!(lab.settled(name).await.is_active(), "its certificate is good still");
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_stands_in_the_journal_until_it_is_mended() {
    let lab = Lab::new("");
    let name = "harbour-pi-01";
    let token = lab.token(20).await;
    secs(30).await;
    assert_eq!(
        kube(&lab.p, "edge-lab").bootstrap_tokens().await.unwrap(),
        [],
        "it has expired"
    );
    lab.install(name, &token).await;
    assert!(tells(&lab.settled(name).await, "401 Unauthorized"));
    assert!(lab.node(name).await.is_none());
    lab.install(name, &token.replace("K10", "K10ff")).await;
    assert!(tells(&lab.settled(name).await, "CA hash does not match"));
    let fresh = lab.token(600).await;
    lab.install(name, &fresh).await;
    assert!(lab.settled(name).await.is_active());

    lab.work(name, Task::Uninstall, &[]).await.unwrap();
    assert_eq!(lab.inside(name).await.unit, None);
    secs(60).await;
    assert_eq!(lab.node(name).await.unwrap().ready, Readiness::Unknown);
    lab.install(name, &lab.token(600).await).await;
    assert!(tells(&lab.settled(name).await, "Node password rejected"));
    lab.api.delete_node_password(name).await.unwrap();
    secs(6).await;
    assert!(lab.inside(name).await.is_active());
    within(10, "its node is ready again", async || {
        lab.node(name).await.unwrap().ready == Readiness::Ready
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_board_without_memory_cgroup_is_mended_and_restarted() {
    let lab = Lab::new("");
    let name = "harbour-pi-02";
    let facts = lab.shell().facts(&lab.host(name), &[]).await.unwrap();
    assert_eq!(facts.memory_cgroup, Some(false));
    assert_eq!(facts.cmdline.as_deref(), Some("/boot/firmware/cmdline.txt"));
    let token = lab.token(900).await;
    lab.install(name, &token).await;
    assert!(tells(&lab.settled(name).await, "failed to find memory cgroup"));
    lab.work(name, Task::MendCgroups, &[]).await.unwrap();
    secs(10).await;
    assert!(!lab.inside(name).await.is_active(), "not before it is restarted");
    let boot = lab.inside(name).await.boot;
    lab.work(name, Task::Reboot, &[]).await.unwrap();
    let down = lab.ssh.inside(&lab.host(name)).await.unwrap_err();
    assert!(down.retryable(), "{down}");
    secs(42).await;
    assert_ne!(lab.inside(name).await.boot, boot);
    assert!(lab.settled(name).await.is_active());
    assert!(lab.node(name).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_and_a_password_stand_in_the_way_until_they_are_given() {
    let lab = Lab::new("");
    let stranger = lab.host("harbour-pi-03");
    let refused = lab.shell().probe(&stranger).await.unwrap_err();
    assert_eq!(refused.kind, FaultKind::Credentials);
    let key = lab.shell().host_key(&stranger).await.unwrap().unwrap();
    assert!(
        key.line
            .starts_with("192.168.60.13 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"),
        "{key:?}"
    );
    assert_eq!(key.fingerprint.len(), "SHA256:".len() + 43);
    let other = crate::provider::HostKey {
        line: "192.168.60.13 ssh-ed25519 AAAA".to_owned(),
        ..key.clone()
    };
    assert!(lab.ssh.trust(&stranger, &other).await.is_err());
    lab.ssh.trust(&stranger, &key).await.unwrap();
    assert_eq!(lab.shell().host_key(&stranger).await.unwrap(), None);
    lab.shell().probe(&stranger).await.unwrap();

    let strict = lab.host("harbour-pi-04");
    let facts = lab.shell().facts(&strict, &[]).await.unwrap();
    assert_eq!(facts.sudo, Sudo::Password);
    let refused = lab.ssh.inside(&strict).await.unwrap_err();
    assert!(refused.kind == FaultKind::Denied && refused.message.contains("a password is required"));
    lab.ssh.set_sudo_password(Secret::new("x"));
    lab.ssh.inside(&strict).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_board_answers_commands_and_can_be_switched_off() {
    let lab = Lab::new("");
    let host = lab.host("pi-kiosk-01");
    let run = async |line: &str| {
        let argv: Vec<_> = line.split(' ').map(str::to_owned).collect();
        lab.ssh.run(&host, &argv).await
    };
    let ran = run("uname -r").await.unwrap();
    assert_eq!((ran.code, ran.output.as_str()), (Some(0), "6.12.47+rpt-rpi-2712\n"));
    assert!(run("uptime").await.unwrap().output.contains("up 41 days"));
    assert!(run("cat /etc/os-release").await.unwrap().output.contains("ID=debian\n"));
    assert_eq!(
        run("sh -c uname -r").await.unwrap(),
        ran,
        "as it is typed on the screen"
    );
    let ran = run("frobnicate now").await.unwrap();
    assert_eq!(ran.code, Some(127));
    assert!(ran.output.contains("frobnicate: command not found"));

    let boot = lab.inside("pi-kiosk-01").await.boot;
    run("sudo poweroff").await.unwrap();
    assert!(run("uptime").await.unwrap_err().retryable());
    secs(55).await;
    assert_eq!(lab.node("pi-kiosk-01").await.unwrap().ready, Readiness::Unknown);
    secs(130).await;
    assert_ne!(lab.inside("pi-kiosk-01").await.boot, boot);
    within(20, "its node is ready again", async || {
        lab.node("pi-kiosk-01").await.unwrap().ready == Readiness::Ready
    })
    .await;
    assert!(run("uptime").await.unwrap().output.contains("up 0 min"));
}

#[tokio::test(start_paused = true)]
async fn files_are_brought_once_and_asked_for_by_the_installer() {
    let lab = Lab::new("");
    let name = "harbour-pi-01";
    let local = tempfile::tempdir().unwrap();
    let install = Install {
        version: "v1.36.4+k3s1".into(),
        server: format!("https://{}", lab.address().await).into(),
        node: name.into(),
        labels: vec![],
        taints: vec![],
        vpn: false,
        files: Some("/var/tmp/k3fleet".into()),
    };
    let token = lab.token(900).await;
    let task = Task::Install(Box::new(install));
    let missing = lab.work(name, task.clone(), &[&token]).await.unwrap_err();
    assert!(missing.message.contains("/var/tmp/k3fleet/k3s-arm64"), "{missing}");
    for file in ["k3s-arm64", "sha256sum-arm64.txt", "install.sh"] {
        let path = local.path().join(file);
        std::fs::write(&path, "x".repeat(1_000)).unwrap();
        let told = std::sync::Mutex::new(vec![]);
        let progress = |done, all| told.lock().unwrap().push((done, all));
        for _ in 0..2 {
            let to = lab.host(name);
            lab.ssh.upload(&to, &path, "/var/tmp/k3fleet", &progress).await.unwrap();
        }
        let told = told.into_inner().unwrap();
        assert_eq!(
            told,
            [
                (0, 1_000),
                (250, 1_000),
                (500, 1_000),
                (750, 1_000),
                (1_000, 1_000),
                (1_000, 1_000)
            ]
        );
    }
    lab.work(name, task, &[&token]).await.unwrap();
    assert!(lab.settled(name).await.is_active());
}

#[tokio::test(start_paused = true)]
async fn a_scenario_lets_boards_play_each_known_failure() {
    for (how, words) in [
        ("token", "401 Unauthorized"),
        ("authority", "CA hash does not match"),
        ("unreachable", "failed to get CA certs"),
        ("password", "Node password rejected"),
        ("clock", "x509: certificate has expired or is not yet valid"),
        ("cgroup", "failed to find memory cgroup"),
    ] {
        let event = format!("board-ails = {{ host = \"harbour-pi-01\", how = \"{how}\", for = \"5m\" }}");
        let lab = Lab::new(&format!("[[events]]\nat = \"1s\"\nevent.{event}\n"));
        secs(2).await;
        let name = "harbour-pi-01";
        lab.install(name, &lab.token(3_600).await).await;
        assert!(tells(&lab.settled(name).await, words), "{how}");
        secs(320).await;
        assert!(lab.inside(name).await.is_active(), "{how} has passed");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_done_to_boards_is_there_in_the_next_run() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("world.json");
    let text = include_str!("../../../../assets/scenarios/demo.toml");
    let quiet = text.split_once("# What an onlooker sees").unwrap().0;
    let run = || {
        let world = World::load(&Scenario::parse(quiet).unwrap(), 1, base(), 1.0);
        assert_eq!(world.remember(file.clone()), None);
        let p = world.providers();
        Lab::of(world, p)
    };
    let lab = run();
    let stranger = lab.host("harbour-pi-03");
    let key = lab.shell().host_key(&stranger).await.unwrap().unwrap();
    lab.ssh.trust(&stranger, &key).await.unwrap();
    lab.install("harbour-pi-01", &lab.token(900).await).await;
    assert!(lab.settled("harbour-pi-01").await.is_active());
    lab.work("pi-kiosk-02", Task::Uninstall, &[]).await.unwrap();
    lab.api.delete_node("pi-kiosk-02").await.unwrap();
    let marks = Marks {
        labels: vec![("tier".into(), Some("edge".into()))],
        annotations: vec![("k3fleet.dev/old-token".into(), Some("agent".into()))],
    };
    lab.api.mark("harbour-pi-01", &marks).await.unwrap();
    lab.api.mark("pi-kiosk-03", &marks).await.unwrap();

    let lab = run();
    assert_eq!(lab.shell().host_key(&stranger).await.unwrap(), None);
    let joined = lab.node("harbour-pi-01").await.unwrap();
    assert_eq!((joined.ready, joined.old_token), (Readiness::Ready, Some(Role::Agent)));
    assert_eq!(lab.node("pi-kiosk-03").await.unwrap().old_token, Some(Role::Agent));
    assert!(lab.inside("harbour-pi-01").await.is_active());
    assert!(lab.node("pi-kiosk-02").await.is_none());
    assert_eq!(lab.inside("pi-kiosk-02").await.unit, None);
    secs(120).await;
    assert!(lab.node("pi-kiosk-02").await.is_none());
    assert_eq!(kube(&lab.p, "edge-lab").bootstrap_tokens().await.unwrap().len(), 1);
}
