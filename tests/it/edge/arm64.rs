//! A host that is a real aarch64 Debian: its programs run by qemu-user, in namespaces of its own, over a root that
//! `tests/arm64-root` has made and that is only read.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use k3fleet::blueprint::machine::{Sudo, Task};
use k3fleet::fleet::{Arch, EdgeHost};
use k3fleet::ops::Outcome;
use k3fleet::ops::files::Source;
use k3fleet::provider::ssh::OpenSsh;
use k3fleet::provider::{Shell, ShellControl};

use super::desk::{CA, Desk};
use super::rig::{Rig, STUB, install, skipped};

/// What stands for the parts of a machine that a container has not got.
const STUBS: [&str; 6] = ["curl", "iptables", "journalctl", "modinfo", "systemctl", "timedatectl"];
/// Programs of arm64 take their time to start.
const SPEED: f64 = 5.0;
/// What is written goes to memory; the mounts and the processes end with the first process.
const START: &str = r#"set -e
root=$1 rig=$2
mkdir "$rig/arm"
mount -t tmpfs -o size=8g none "$rig/arm"
mkdir "$rig/arm/up" "$rig/arm/work" "$rig/arm/root"
mount -t overlay -o "lowerdir=$root,upperdir=$rig/arm/up,workdir=$rig/arm/work" none "$rig/arm/root"
cd "$rig/arm/root"
mount -t proc proc proc
mount --rbind /dev dev
hostname Pi-Arm
mkdir -p run/sshd run/systemd/system sys/fs/cgroup usr/local/sbin
echo 'cpuset cpu io memory pids' >sys/fs/cgroup/cgroup.controllers
cp "$rig/stubs/"* usr/local/sbin/
cp "$rig/host_key" "$rig/authorized" "$rig/sshd.conf" etc/ssh/
chmod 600 etc/ssh/host_key etc/ssh/authorized
exec chroot . /usr/sbin/sshd -D -e -f /etc/ssh/sshd.conf
"#;
/// An installer that brings no program of its own.
const INSTALLER: &str = r#"#!/bin/sh
set -e
[ "$INSTALL_K3S_SKIP_DOWNLOAD" = true ]
mkdir -p /etc/systemd/system
printf '[Service]\nExecStart=/usr/local/bin/k3s agent\n' >/etc/systemd/system/k3s-agent.service
printf '#!/bin/sh\nrm -f /etc/systemd/system/k3s-agent.service /usr/local/bin/k3s "$0"\n' \
    >/usr/local/bin/k3s-agent-uninstall.sh
chmod 755 /usr/local/bin/k3s-agent-uninstall.sh
"#;

struct Board {
    first: Child,
    rig: Rig,
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = self.first.kill();
        let _ = self.first.wait();
    }
}

/// The root, where its programs run; said aloud where not.
fn root() -> Option<PathBuf> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/arm64-root");
    let place = Command::new(script).arg("where").output().unwrap().stdout;
    let place = PathBuf::from(String::from_utf8(place).unwrap().trim_end());
    let runs = |program: &mut Command| {
        program
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    let why = if !place.is_dir() {
        "no arm64 root: tests/arm64-root makes one, and says why where it cannot"
    } else if !runs(Command::new("unshare").args(["--mount", "--pid", "--uts", "--fork", "true"])) {
        "namespaces are not allowed here: no arm64 host"
    } else if !runs(Command::new("chroot").arg(&place).arg("/bin/true")) {
        "no program of arm64 runs here: tests/arm64-root turns qemu-user on"
    } else {
        return Some(place);
    };
    skipped(why);
    None
}

impl Board {
    fn start() -> Option<Self> {
        let root = root()?;
        let rig = Rig::new(0)?;
        fs::create_dir(rig.at("stubs")).unwrap();
        for name in STUBS {
            install(&rig.at("stubs").join(name), STUB);
        }
        let conf = format!(
            "Port {}\nListenAddress {}\nHostKey /etc/ssh/host_key\nAuthorizedKeysFile /etc/ssh/authorized\nUsePAM no\n\
             PasswordAuthentication no\nPermitRootLogin prohibit-password\nPidFile none\n",
            rig.port,
            rig.address(1)
        );
        fs::write(rig.at("sshd.conf"), conf).unwrap();
        let first = Command::new("unshare")
            .args([
                "--mount",
                "--pid",
                "--uts",
                "--fork",
                "--kill-child",
                "--propagation",
                "private",
            ])
            .args(["/bin/sh", "-c", START, "sh"])
            .arg(root)
            .arg(rig.at(""))
            .stdin(Stdio::null())
            .stderr(File::create(rig.at("arm.log")).unwrap())
            .spawn()
            .unwrap();
        let mut board = Self { first, rig };
        while TcpStream::connect((board.rig.address(1).as_str(), board.rig.port)).is_err() {
            if board.first.try_wait().unwrap().is_some() {
                let log = fs::read_to_string(board.rig.at("arm.log")).unwrap_or_default();
                assert!(log.contains("mount"), "{log}");
                skipped(&format!(
                    "an arm64 host needs mounts that are not allowed here: {}",
                    log.trim()
                ));
                return None;
            }
            std::thread::yield_now();
        }
        Some(board)
    }
}

/// What a command says there.
async fn said(ssh: &OpenSsh, host: &EdgeHost, argv: &[&str]) -> String {
    let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
    ssh.run(host, &argv).await.unwrap().output
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_arm64_host_is_looked_at_joins_with_the_program_for_it_and_leaves() {
    let Some(board) = Board::start() else { return };
    let (rig, host) = (&board.rig, board.rig.host(1));
    let desk = Desk::new(rig.ssh(), SPEED);
    let ssh = &desk.ssh;
    let facts = ssh.facts(&host, &[]).await.unwrap();
    assert_eq!((facts.machine.as_str(), facts.arch), ("aarch64", Some(Arch::Arm64)));
    assert_eq!((facts.userland_bits, facts.sudo), (Some(64), Sudo::Root));
    assert_eq!(
        (facts.hostname.as_str(), facts.init.as_deref()),
        ("pi-arm", Some("systemd"))
    );
    assert!(facts.os.as_deref().is_some_and(|os| os.contains("Debian")), "{facts:?}");
    assert!(
        facts.memory_mib.is_some_and(|mib| mib > 0) && facts.k3s.is_none(),
        "{facts:?}"
    );
    assert_eq!(said(ssh, &host, &["uname", "-m"]).await, "aarch64\n");
    // Not a machine that only says so: the ELF machine of its shell.
    let shell = said(ssh, &host, &["od", "-An", "-tx1", "-j18", "-N2", "/bin/sh"]).await;
    assert_eq!(shell.trim(), "b7 00");

    let release = rig.release(100_000, INSTALLER);
    let plan = desk
        .plan_from(vec![host.clone()], false, Some(Source::Directory(release.clone())))
        .await;
    let (id, work) = desk.begin(plan);
    assert_eq!(work.await.unwrap(), Outcome::Done, "{:?}", desk.failures(&id));
    let sums = said(ssh, &host, &["sha256sum", "/usr/local/bin/k3s"]).await;
    let named = fs::read_to_string(release.join("sha256sum-arm64.txt")).unwrap();
    assert_eq!(sums.get(..64), named.get(..64));
    let token = said(ssh, &host, &["cat", "/etc/rancher/k3s/agent-token"]).await;
    assert!(token.starts_with(&format!("K10{CA}::")));
    let called = said(ssh, &host, &["cat", "/called"]).await;
    assert!(called.contains("systemctl start --no-block k3s-agent"), "{called}");
    assert!(
        !called.contains("github.com") && !called.contains("get.k3s.io"),
        "{called}"
    );
    assert_eq!(ssh.inside(&host).await.unwrap().unit.as_deref(), Some("k3s-agent"));
    assert_eq!(desk.kube.marks.lock().unwrap().len(), 1);

    let line = ssh.work(&host, &Task::Uninstall, &[]).await.unwrap();
    assert_eq!(line, "K3s is taken off");
    assert_eq!(ssh.inside(&host).await.unwrap().unit, None);
    let left = [
        "sh",
        "-c",
        "ls -d /usr/local/bin/k3s* /etc/rancher/k3s/* /var/tmp/k3fleet 2>/dev/null",
    ];
    assert_eq!(said(ssh, &host, &left).await, "");

    // Nothing of it is left here either.
    let place = rig.at("arm").display().to_string();
    let port = (rig.address(1), rig.port);
    drop(board);
    // The kernel takes a moment to end them all.
    let asked = Instant::now();
    while TcpStream::connect((port.0.as_str(), port.1)).is_ok() {
        assert!(asked.elapsed() < Duration::from_secs(20), "its sshd is still there");
        std::thread::yield_now();
    }
    assert!(!fs::read_to_string("/proc/mounts").unwrap().contains(&place));
    assert!(!Path::new(&place).exists());
}
