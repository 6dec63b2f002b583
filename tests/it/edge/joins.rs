//! Joins from the preflight to the node, by the real executor over real SSH.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use k3fleet::blueprint::machine::{Install, Task};
use k3fleet::fleet::EdgeHost;
use k3fleet::ops::Outcome;
use k3fleet::ops::files::Source;
use k3fleet::provider::{Secret, ShellControl};

use super::desk::{CA, Desk};
use super::rig::Rig;

/// How much faster than real time operations wait.
const SPEED: f64 = 20.0;
/// As above, where one machine plays many hosts: it gets the time that it needs.
const MANY: f64 = 2.0;
/// Of the tests with many hosts one runs at a time.
static CROWD: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn hosts(rig: &Rig, count: usize) -> Vec<EdgeHost> {
    (1..=count).map(|n| rig.host(n)).collect()
}

/// How often the installer ran on a host.
fn installed(rig: &Rig, n: usize) -> usize {
    rig.get(n, "called")
        .lines()
        .filter(|line| line.starts_with("install.sh"))
        .count()
}

/// Collects the arguments and the environment of every process that can be seen, until it is told to stop.
struct Watcher {
    stop: mpsc::Sender<()>,
    thread: std::thread::JoinHandle<BTreeSet<Vec<u8>>>,
}

impl Watcher {
    fn start() -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while stopped.recv_timeout(Duration::from_millis(5)).is_err() {
                for process in fs::read_dir("/proc").unwrap().flatten() {
                    if !process
                        .file_name()
                        .to_string_lossy()
                        .bytes()
                        .all(|b| b.is_ascii_digit())
                    {
                        continue;
                    }
                    for file in ["cmdline", "environ"] {
                        seen.extend(fs::read(process.path().join(file)));
                    }
                }
            }
            seen
        });
        Self { stop, thread }
    }

    fn stop(self) -> BTreeSet<Vec<u8>> {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_joins_and_no_secret_is_seen_anywhere_but_in_its_file() {
    let Some(rig) = Rig::new(1) else { return };
    rig.put(1, "sudo", "open sesame\n");
    let desk = Desk::new(rig.ssh(), SPEED);
    desk.ssh.set_sudo_password(Secret::new("open sesame"));
    let mut pi = rig.host(1);
    pi.labels = [("site".into(), "hamburg".into())].into();
    pi.taints = ["edge=true:NoSchedule".into()].into();
    let watcher = Watcher::start();
    let plan = desk.plan(vec![pi], true).await;
    let (id, work) = desk.begin(plan);
    let outcome = work.await.unwrap();
    let seen = watcher.stop();
    assert_eq!(outcome, Outcome::Done, "{:?}", desk.failures(&id));

    let tokens = desk.kube.tokens.lock().unwrap().clone();
    let [(token, secret)] = tokens.as_slice() else {
        panic!("{}", tokens.len())
    };
    assert_eq!(
        rig.get(1, "etc/rancher/k3s/agent-token"),
        format!("K10{CA}::{token}.{secret}\n")
    );
    let mode = fs::metadata(rig.of(1, "etc/rancher/k3s/agent-token")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
    let config = rig.get(1, "etc/rancher/k3s/config.yaml");
    for words in [
        "server: \"https://192.0.2.7:6443\"",
        "site=hamburg",
        "edge=true:NoSchedule",
        "node-name: \"pi-1\"",
    ] {
        assert!(config.contains(words), "{words}: {config}");
    }
    assert!(rig.get(1, "called").contains("systemctl start --no-block k3s-agent"));
    assert!(rig.get(1, "environments").contains("INSTALL_K3S_SKIP_START='true'"));
    assert_eq!(*desk.kube.deleted.lock().unwrap(), std::slice::from_ref(token));
    let marks = desk.kube.marks.lock().unwrap().get("pi-1").cloned().unwrap();
    let reached = format!("{}:{}", rig.address(1), rig.port);
    assert_eq!(marks.annotations, [("k3fleet.dev/ssh".into(), Some(reached.into()))]);

    // Arguments and environments: of all processes that were seen, and of all stubs and ssh, which wrote them down.
    assert!(seen.len() > 10);
    let shown = |bytes: &[u8], secret: &str| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    for text in &seen {
        assert!(
            !shown(text, secret) && !shown(text, "open sesame"),
            "{}",
            String::from_utf8_lossy(text)
        );
    }
    for (path, text) in rig.all_but(&["agent-token", "sudo", "given"]) {
        assert!(
            !text.contains(secret.as_str()) && !text.contains("open sesame"),
            "{}",
            path.display()
        );
    }
    for journal in fs::read_dir(desk.journals()).unwrap() {
        let text = fs::read_to_string(journal.unwrap().path()).unwrap();
        assert!(!text.contains(secret.as_str()) && !text.contains("open sesame"));
    }
    assert!(
        !rig.get(1, "given").contains(secret.as_str()),
        "sudo read only passwords"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_costs_a_host_two_commands_after_its_preflight() {
    let Some(rig) = Rig::new(1) else { return };
    let desk = Desk::new(rig.ssh(), SPEED);
    let commands = || {
        let called = fs::read_to_string(rig.at("ssh.called")).unwrap();
        called.matches("StrictHostKeyChecking=yes").count()
    };
    let plan = desk.plan(hosts(&rig, 1), false).await;
    assert_eq!(commands(), 1);
    let (id, work) = desk.begin(plan);
    assert_eq!(work.await.unwrap(), Outcome::Done, "{:?}", desk.failures(&id));
    assert_eq!(commands(), 3, "one that installs and starts K3s, and a look");
    let called = rig.get(1, "called");
    assert!(
        !called.contains("journalctl"),
        "nothing is read of it once K3s runs: {called}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_hosts_those_that_fail_stop_no_other_and_alone_are_tried_again() {
    let _alone = CROWD.lock().await;
    let Some(rig) = Rig::new(20) else { return };
    // Three of the ways in which a host fails.
    rig.put(
        3,
        "install",
        "echo '[ERROR]  cp: error writing: No space left on device' >&2; exit 1\n",
    );
    rig.put(8, "becomes", "activating\n");
    rig.put(
        8,
        "journal",
        "level=fatal msg=\"token CA hash does not match the Cluster CA certificate hash\"\n",
    );
    rig.put(15, "install", "kill -9 \"$STUB_SESSION\"; exec /bin/sleep 5\n");
    let desk = Desk::new(rig.ssh(), MANY);
    let plan = desk.plan(hosts(&rig, 20), false).await;
    let (id, work) = desk.begin(plan);
    assert_eq!(work.await.unwrap(), Outcome::Partly);
    let failures = desk.failures(&id);
    assert_eq!(
        failures.keys().collect::<Vec<_>>(),
        ["pi-15", "pi-3", "pi-8"],
        "{failures:?}"
    );
    for (host, words) in [
        ("pi-3", "No space left on device"),
        ("pi-8", "of another cluster"),
        ("pi-15", "install K3s over SSH on pi-15 failed: the connection was cut"),
    ] {
        assert!(failures[host].contains(words), "{}", failures[host]);
    }
    assert_eq!(desk.kube.marks.lock().unwrap().len(), 17);
    assert_eq!(
        desk.kube.deleted.lock().unwrap().len(),
        1,
        "the token goes whatever became of it"
    );

    for n in [3, 15] {
        fs::remove_file(rig.of(n, "install")).unwrap();
    }
    rig.put(8, "becomes", "active\n");
    let before: Vec<String> = (1..=20).map(|n| rig.get(n, "called")).collect();
    assert_eq!(
        desk.resume(&id).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures(&id)
    );
    for (i, before) in before.iter().enumerate() {
        let n = i + 1;
        let touched = rig.get(n, "called") != *before;
        assert_eq!(touched, [3, 8, 15].contains(&n), "pi-{n}");
    }
    assert_eq!(desk.kube.marks.lock().unwrap().len(), 20);
    let tokens = desk.kube.tokens.lock().unwrap();
    assert!(
        tokens.len() == 2 && tokens[0].1 != tokens[1].1,
        "made anew, for it was kept nowhere"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_is_killed_goes_on_where_it_was() {
    let Some(rig) = Rig::new(8) else { return };
    let mut desk = Desk::new(rig.ssh(), SPEED);
    // These do not come to their end before the kill.
    for n in 5..=8 {
        rig.put(
            n,
            "install",
            "while [ -f \"$host/install\" ]; do /bin/sleep 0.1; done\n",
        );
    }
    let plan = desk.plan(hosts(&rig, 8), false).await;
    let (id, work) = desk.begin(plan.clone());
    desk.joined(&plan, 4).await;
    work.abort();
    assert!(work.await.is_err());
    for n in 5..=8 {
        fs::remove_file(rig.of(n, "install")).unwrap();
    }
    assert_eq!(
        desk.resume(&id).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures(&id)
    );
    for n in 1..=4 {
        assert_eq!(installed(&rig, n), 1, "pi-{n} had joined");
    }
    assert_eq!(desk.kube.marks.lock().unwrap().len(), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_hosts_all_join_but_the_one_that_cannot() {
    let _alone = CROWD.lock().await;
    let Some(rig) = Rig::new(100) else { return };
    rig.put(77, "install", "exit 1\n");
    let desk = Desk::new(rig.ssh(), MANY);
    let plan = desk.plan(hosts(&rig, 100), false).await;
    let (id, work) = desk.begin(plan);
    assert_eq!(work.await.unwrap(), Outcome::Partly);
    let failures = desk.failures(&id);
    assert_eq!(failures.keys().collect::<Vec<_>>(), ["pi-77"], "{failures:?}");
    assert_eq!(desk.kube.marks.lock().unwrap().len(), 99);
    // A connection for each, and now and then another one where the machine is too busy to answer in time.
    let logins = rig.log().matches("Accepted publickey").count();
    assert!((100..150).contains(&logins), "{logins}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_joins_with_files_that_it_fetches_from_a_mirror() {
    let Some(rig) = Rig::new(1) else { return };
    let release = rig.at("mirror/v1.36.4%2Bk3s1");
    fs::create_dir_all(&release).unwrap();
    let program = "#!/bin/sh\necho 'k3s version v1.36.4+k3s1 (0123abcd)'\n";
    fs::write(release.join("k3s-arm64"), program).unwrap();
    fs::write(release.join("k3s-airgap-images-arm64.tar.gz"), vec![5; 300_000]).unwrap();
    fs::copy(rig.at("bin/install.sh"), rig.at("mirror/install.sh")).unwrap();
    let sums = Command::new("sha256sum")
        .args(["k3s-arm64", "k3s-airgap-images-arm64.tar.gz"])
        .current_dir(&release)
        .output()
        .unwrap();
    fs::write(release.join("sha256sum-arm64.txt"), &sums.stdout).unwrap();
    let desk = Desk::new(rig.ssh(), SPEED);
    let mirror = Source::parse("https://mirror.example/k3s").unwrap();
    let plan = desk.plan_from(hosts(&rig, 1), false, Some(mirror)).await;
    let told = plan
        .warnings
        .iter()
        .any(|w| w.contains("from https://mirror.example/k3s"));
    assert!(told, "{:?}", plan.warnings);
    let (id, work) = desk.begin(plan);
    assert_eq!(work.await.unwrap(), Outcome::Done, "{:?}", desk.failures(&id));
    let images = rig.of(1, "var/lib/rancher/k3s/agent/images/k3s-airgap-images-arm64.tar.gz");
    assert_eq!(fs::metadata(images).unwrap().len(), 300_000);
    let called = rig.get(1, "called");
    assert!(
        !called.contains("github.com") && !called.contains("get.k3s.io"),
        "{called}"
    );
    assert!(rig.get(1, "environments").contains("INSTALL_K3S_SKIP_DOWNLOAD='true'"));
    assert!(!rig.of(1, "var/tmp/k3fleet").exists(), "nothing is uploaded");
}

#[tokio::test]
async fn an_air_gapped_host_gets_the_files_of_its_architecture_and_downloads_nothing() {
    let Some(rig) = Rig::new(1) else { return };
    let release = rig.at("release");
    fs::create_dir(&release).unwrap();
    fs::write(
        release.join("k3s-arm64"),
        "#!/bin/sh\necho 'k3s version v1.36.4+k3s1 (0123abcd)'\n",
    )
    .unwrap();
    fs::write(release.join("k3s-airgap-images-arm64.tar.zst"), vec![5; 300_000]).unwrap();
    fs::copy(rig.at("bin/install.sh"), release.join("install.sh")).unwrap();
    let sums = Command::new("sha256sum")
        .args(["k3s-arm64", "k3s-airgap-images-arm64.tar.zst"])
        .current_dir(&release)
        .output()
        .unwrap();
    fs::write(release.join("sha256sum-arm64.txt"), &sums.stdout).unwrap();
    let ssh = rig.ssh();
    let files = rig.of(1, "var/tmp/k3fleet").display().to_string();
    for file in fs::read_dir(&release).unwrap() {
        let file = file.unwrap().path();
        ssh.upload(&rig.host(1), &file, &files, &|_, _| {}).await.unwrap();
    }
    let install = Task::Install(Box::new(Install {
        version: "v1.36.4+k3s1".into(),
        server: "https://192.0.2.7:6443".into(),
        node: "pi-1".into(),
        labels: vec![],
        taints: vec![],
        vpn: false,
        files: Some(files.into()),
    }));
    let line = ssh
        .work(&rig.host(1), &install, &[Secret::new("K10aaaaaa::x.y")])
        .await
        .unwrap();
    assert!(line.contains("v1.36.4+k3s1"), "{line}");
    let called = rig.get(1, "called");
    assert!(!called.lines().any(|line| line.starts_with("curl")), "{called}");
    assert!(rig.get(1, "environments").contains("INSTALL_K3S_SKIP_DOWNLOAD='true'"));
    let images = rig.of(1, "var/lib/rancher/k3s/agent/images/k3s-airgap-images-arm64.tar.zst");
    assert_eq!(fs::metadata(images).unwrap().len(), 300_000);
}
