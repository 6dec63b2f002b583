//! Probes: the script in a real shell, the adapter with a stub in place of `ssh`, and both against a real sshd.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Child, Command as Program};
use std::time::Duration;

use tokio::time::timeout;

use super::super::probe::SCRIPT;
use super::super::reading::{self, Between};
use super::super::*;
use crate::fleet::{FaultKind, HostName};

#[expect(clippy::disallowed_methods, reason = "the script reads the real clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

fn host(address: &str, port: Option<u16>) -> EdgeHost {
    EdgeHost {
        name: HostName::new("pi-1"),
        group: "shop".into(),
        address: Some(address.into()),
        user: None,
        port,
        cluster: None,
        labels: Box::default(),
        taints: Box::default(),
    }
}

/// Puts a program in place that no open file of this process leads to.
fn install(program: &Path, text: &str) {
    let status = Program::new("/bin/sh")
        .args(["-c", "printf '%s' \"$2\" > \"$1\" && chmod 755 \"$1\"", "sh"])
        .arg(program)
        .arg(text)
        .status()
        .unwrap();
    assert!(status.success());
}

/// A stub that writes down how it was called, one call a line, and then does as told.
fn stub(home: &Path, script: &str) -> OpenSsh {
    let program = home.join("ssh");
    let calls = home.join("calls");
    let text = format!(
        "#!/bin/sh\nprintf '%s ' \"$@\" | tr '\\n' ' ' >> '{0}'; echo >> '{0}'\n{script}\n",
        calls.display()
    );
    install(&program, &text);
    OpenSsh::with(program.into(), vec![home.join("links")], now)
}

fn calls(home: &Path) -> Vec<String> {
    let text = fs::read_to_string(home.join("calls")).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_script_can_be_quoted_by_any_shell() {
    assert!(!SCRIPT.contains('\''));
    assert!(!SCRIPT.contains(r"\\"));
}

#[test]
fn the_script_reads_this_machine() {
    let out = Program::new("/bin/sh").args(["-c", SCRIPT]).output().unwrap();
    assert!(out.status.success());
    assert!(out.stderr.is_empty());
    let at = now();
    let between = Between { sent: at, received: at };
    let health = reading::read(&String::from_utf8(out.stdout).unwrap(), 1, between).unwrap();
    assert!(health.kernel.is_some());
    #[cfg(target_os = "linux")]
    {
        assert!(
            health.load.is_some() && health.memory.is_some() && health.disk.is_some(),
            "{health:?}"
        );
        assert!(health.clock_skew.is_some_and(|off| off.abs() <= 2));
    }
}

#[test]
fn the_script_reads_a_board() {
    let root = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &[u8]| {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put("proc/device-tree/model", b"Raspberry Pi 4 Model B Rev 1.4\0");
    put("proc/loadavg", b"0.42 0.30 0.20 1/180 4711\n");
    put(
        "proc/meminfo",
        b"MemTotal:        3884360 kB\nMemFree: 1 kB\nMemAvailable:    3000000 kB\n",
    );
    put("etc/os-release", b"NAME=Alpine\nPRETTY_NAME=\"Alpine Linux v3.22\"\n");
    put("sys/class/thermal/thermal_zone0/temp", b"81250\n");
    put("sys/devices/platform/soc/soc:firmware/get_throttled", b"50005\n");
    put("run/systemd/timesync/synchronized", b"");
    put("etc/systemd/system/k3s-agent.service", b"");
    fs::create_dir(root.path().join("bin")).unwrap();
    install(&root.path().join("bin/systemctl"), "#!/bin/sh\necho failed\nexit 3\n");
    install(
        &root.path().join("bin/k3s"),
        "#!/bin/sh\necho 'k3s version v1.36.4+k3s1 (0123abcd)'\necho 'go version go1.25.1'\n",
    );
    let at = root.path().display().to_string();
    let mut script = SCRIPT.to_owned();
    for directory in ["/proc/", "/sys/", "/etc/", "/run/"] {
        script = script.replace(directory, &format!("{at}{directory}"));
    }
    script = script.replace("PATH=$PATH", &format!("PATH={at}/bin:$PATH"));
    for shell in [&["/bin/sh"][..], &["busybox", "sh"]] {
        let out = Program::new(shell[0]).args(&shell[1..]).args(["-c", &script]).output();
        let Ok(out) = out else { continue };
        let between = Between {
            sent: now(),
            received: now(),
        };
        let health = reading::read(&String::from_utf8(out.stdout).unwrap(), 1, between).unwrap();
        assert_eq!(health.model.as_deref(), Some("Raspberry Pi 4 Model B Rev 1.4"));
        assert_eq!(health.os.as_deref(), Some("Alpine Linux v3.22"));
        assert_eq!(health.load, Some(0.42));
        assert_eq!(health.memory, Some((884_360 * 1024, 3_884_360 * 1024)));
        assert_eq!(health.temperature, Some(81.25));
        assert_eq!((health.throttled, health.clock_synced), (Some(true), Some(true)));
        assert_eq!(health.service.as_deref(), Some("failed"));
        assert_eq!(health.version.as_deref(), Some("v1.36.4+k3s1"));
        assert_eq!(health.certificate_until, None);
    }
}

#[tokio::test]
async fn a_probe_asks_nothing_and_shares_the_connection_of_its_host() {
    let home = tempfile::tempdir().unwrap();
    let ssh = stub(home.path(), "echo arch=aarch64");
    let mut pi = host("10.0.0.9", Some(2222));
    pi.user = Some("pi".into());
    let health = ssh.probe(&pi).await.unwrap();
    assert_eq!(health.arch, Some(crate::fleet::Arch::Arm64));
    ssh.probe(&pi).await.unwrap();
    ssh.probe(&host("10.0.0.10", None)).await.unwrap();
    let calls = calls(home.path());
    let path = |call: &str| {
        call.split("ControlPath=")
            .nth(1)
            .and_then(|p| p.split(' ').next())
            .unwrap()
            .to_owned()
    };
    for words in [
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "ConnectTimeout=6",
        "ControlMaster=auto",
        "-l pi -p 2222 -- 10.0.0.9 exec /bin/sh -c",
    ] {
        assert!(calls[0].contains(words), "{words}: {}", calls[0]);
    }
    assert_eq!(path(&calls[0]), path(&calls[1]));
    assert_ne!(path(&calls[0]), path(&calls[2]));
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    let links = home.path().join("links");
    assert_eq!(mode(&links), 0o700);
    let own: Vec<_> = fs::read_dir(&links)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(own.iter().map(|path| mode(path)).collect::<Vec<_>>(), [0o700]);
    drop(ssh);
    assert_eq!(fs::read_dir(&links).unwrap().count(), 0);
}

#[tokio::test]
async fn a_failed_probe_says_what_ssh_said() {
    let home = tempfile::tempdir().unwrap();
    let pi = host("pi.shop", None);
    let ssh = stub(
        home.path(),
        "echo 'ssh: Could not resolve hostname pi.shop: Name or service not known' >&2; exit 255",
    );
    let error = ssh.probe(&pi).await.unwrap_err();
    assert_eq!(error.kind, FaultKind::Unreachable);
    assert!(error.to_string().contains("pi-1 failed: no such host"), "{error}");
    let ssh = stub(home.path(), "echo Welcome to the menu");
    let error = ssh.probe(&pi).await.unwrap_err();
    assert_eq!(error.kind, FaultKind::Malformed);
    let ssh = OpenSsh::with("/nowhere/ssh".into(), vec![home.path().join("links")], now);
    let error = ssh.probe(&pi).await.unwrap_err();
    assert!(error.to_string().contains("install the OpenSSH client"), "{error}");
}

#[tokio::test]
async fn where_no_socket_can_be_each_probe_connects_by_itself() {
    let home = tempfile::tempdir().unwrap();
    let ssh = stub(home.path(), "echo arch=aarch64; echo odd >&2");
    let ssh = OpenSsh::with(ssh.program.clone(), vec![home.path().join("long".repeat(40))], now);
    ssh.probe(&host("10.0.0.9", None)).await.unwrap();
    assert!(calls(home.path())[0].contains("ControlPath=none"));
}

/// A real sshd on a free port, with keys of its own, which logs the current user in.
struct Sshd {
    home: tempfile::TempDir,
    port: u16,
    daemon: Child,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

impl Sshd {
    /// `None` where there is no sshd to run; said aloud.
    fn start() -> Option<Self> {
        let program = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];
        let Some(program) = program.into_iter().find(|path| Path::new(path).is_file()) else {
            let why = "no sshd: run tests/setup as root, or install openssh-server";
            let all = std::env::var("K3FLEET_REQUIRE_ALL").is_ok_and(|value| value == "1");
            assert!(!all, "{why}");
            let _ = writeln!(std::io::stderr(), "skipped: {why}");
            return None;
        };
        let home = tempfile::tempdir().unwrap();
        let at = home.path().display().to_string();
        for name in ["host_key", "other_key", "user_key", "stranger_key"] {
            let made = Program::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(home.path().join(name))
                .status();
            assert!(made.unwrap().success());
        }
        fs::copy(home.path().join("user_key.pub"), home.path().join("authorized")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let conf = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {at}/host_key\nAuthorizedKeysFile {at}/authorized\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin prohibit-password\nPidFile none\nLogLevel VERBOSE\n"
        );
        fs::write(home.path().join("sshd_config"), conf).unwrap();
        // As root, sshd wants the place of its unprivileged part, which a service manager makes at other times.
        let _ = fs::create_dir_all("/run/sshd");
        let log = home.path().join("log");
        let daemon = Program::new(program)
            .args(["-D", "-f"])
            .arg(home.path().join("sshd_config"))
            .arg("-E")
            .arg(&log)
            .spawn()
            .unwrap();
        let mut sshd = Self { home, port, daemon };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = sshd.daemon.try_wait().unwrap();
            assert_eq!(ended, None, "sshd: {}", sshd.log());
            std::thread::yield_now();
        }
        sshd.knows("host_key");
        Some(sshd)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    fn logins(&self) -> usize {
        self.log().matches("Accepted publickey").count()
    }

    /// What known_hosts says of it.
    fn knows(&self, key: &str) {
        let key = fs::read_to_string(self.home.path().join(format!("{key}.pub"))).unwrap();
        let line = format!("[127.0.0.1]:{} {key}", self.port);
        fs::write(self.home.path().join("known_hosts"), line).unwrap();
    }

    /// An adapter that logs in with a key.
    fn ssh(&self, key: &str) -> OpenSsh {
        let at = self.home.path().display().to_string();
        let config = format!(
            "Host *\n  UserKnownHostsFile {at}/known_hosts\n  GlobalKnownHostsFile none\n  IdentityFile {at}/{key}\n  \
             IdentitiesOnly yes\n  IdentityAgent none\n"
        );
        fs::write(self.home.path().join(format!("{key}.conf")), config).unwrap();
        let program = self.home.path().join(format!("{key}.ssh"));
        install(&program, &format!("#!/bin/sh\nexec ssh -F '{at}/{key}.conf' \"$@\"\n"));
        assert_eq!(fs::metadata(&program).unwrap().permissions().mode() & 0o111, 0o111);
        OpenSsh::with(program.into(), vec![self.home.path().join("links")], now)
    }

    fn host(&self) -> EdgeHost {
        host("127.0.0.1", Some(self.port))
    }
}

#[tokio::test]
async fn a_real_sshd_is_connected_to_once_for_many_probes_and_left_at_the_end() {
    let Some(sshd) = Sshd::start() else { return };
    let ssh = sshd.ssh("user_key");
    let first = ssh.probe(&sshd.host()).await.unwrap();
    assert!(first.arch.is_some() && first.kernel.is_some(), "{first:?}");
    for _ in 0..3 {
        ssh.probe(&sshd.host()).await.unwrap();
    }
    assert_eq!(sshd.logins(), 1, "{}", sshd.log());
    drop(ssh);
    let left = fs::read_dir(sshd.home.path().join("links")).unwrap().count();
    assert_eq!(left, 0);
    let gone = async {
        while !sshd.log().contains("Disconnected from") && !sshd.log().contains("disconnected by user") {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), gone)
        .await
        .expect("the connection ends with the adapter");
}

#[tokio::test]
async fn a_real_sshd_that_cannot_be_trusted_or_does_not_trust_us_is_told_so() {
    let Some(sshd) = Sshd::start() else { return };
    let denied = sshd.ssh("stranger_key").probe(&sshd.host()).await.unwrap_err();
    assert_eq!(denied.kind, FaultKind::Denied, "{denied}");
    let ssh = sshd.ssh("user_key");
    sshd.knows("other_key");
    let changed = ssh.probe(&sshd.host()).await.unwrap_err();
    let name = format!("ssh-keygen -R \"[127.0.0.1]:{}\"", sshd.port);
    assert!(
        changed.message.contains("HOST KEY CHANGED") && changed.mend.contains(&name),
        "{changed}"
    );
    fs::write(sshd.home.path().join("known_hosts"), "").unwrap();
    let unknown = ssh.probe(&sshd.host()).await.unwrap_err();
    assert!(unknown.message.contains("not in known_hosts"), "{unknown}");
    assert_eq!(
        fs::read_to_string(sshd.home.path().join("known_hosts")).unwrap(),
        "",
        "nothing is taken on trust"
    );
    assert_eq!(sshd.logins(), 0);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let refused = ssh.probe(&host("127.0.0.1", Some(nobody))).await.unwrap_err();
    assert_eq!(refused.kind, FaultKind::Unreachable);
    assert!(refused.message.contains("refused"), "{refused}");
}
