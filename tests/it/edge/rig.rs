//! Edge hosts on loopback: real sshds, each address of which is a host with a directory of its own in place of `/` and
//! stubs in place of what would change the machine.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;

use k3fleet::fleet::{EdgeHost, HostName};
use k3fleet::provider::ssh::OpenSsh;
use k3fleet::runtime::clock;

/// Addresses that one sshd listens on at most.
const ADDRESSES: usize = 16;
/// The programs that hosts have stubs for.
const STUBS: [&str; 13] = [
    "cat",
    "curl",
    "getenforce",
    "id",
    "install.sh",
    "iptables",
    "journalctl",
    "modinfo",
    "sudo",
    "systemctl",
    "systemd-run",
    "timedatectl",
    "uname",
];

/// The hosts of one test.
pub(super) struct Rig {
    home: tempfile::TempDir,
    pub(super) port: u16,
    daemons: Vec<Child>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        for daemon in &mut self.daemons {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

/// `None` where there is no sshd to run; said aloud.
fn sshd() -> Option<&'static str> {
    let places = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];
    let found = places.into_iter().find(|path| Path::new(path).is_file());
    let loopback = TcpListener::bind("127.0.0.2:0").is_ok();
    let why = match (found, loopback) {
        (Some(_), true) => return found,
        (None, _) => "no sshd: run tests/setup as root, or install openssh-server",
        (_, false) => "only Linux has more than one address on loopback",
    };
    let all = std::env::var("K3FLEET_REQUIRE_ALL").is_ok_and(|value| value == "1");
    assert!(!all, "{why}");
    skipped(why);
    None
}

/// Says aloud why a test cannot run here, past the capture of the test harness.
pub(super) fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// Puts a program in place that no open file of this process leads to.
pub(super) fn install(program: &Path, text: &str) {
    let status = Command::new("/bin/sh")
        .args(["-c", "printf '%s' \"$2\" > \"$1\" && chmod 755 \"$1\"", "sh"])
        .arg(program)
        .arg(text)
        .status()
        .unwrap();
    assert!(status.success());
}

impl Rig {
    /// So many hosts, their key known, with a `sudo` that asks nothing.
    pub(super) fn new(hosts: usize) -> Option<Self> {
        let program = sshd()?;
        let home = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.2:0").unwrap().local_addr().unwrap().port();
        let mut rig = Self {
            home,
            port,
            daemons: vec![],
        };
        for name in ["host_key", "other_key", "user_key", "stranger_key"] {
            let mut keygen = Command::new("ssh-keygen");
            keygen
                .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
                .arg(rig.at(name));
            assert!(keygen.status().unwrap().success());
        }
        fs::copy(rig.at("user_key.pub"), rig.at("authorized")).unwrap();
        fs::create_dir(rig.at("bin")).unwrap();
        // What the shell of whoever runs this reads when it starts is no part of a host.
        fs::create_dir(rig.at("home")).unwrap();
        rig.answer("");
        for name in STUBS {
            install(&rig.at("bin").join(name), STUB);
        }
        for n in 1..=hosts {
            rig.furnish(n);
        }
        let numbers: Vec<usize> = (1..=hosts).collect();
        // As root, sshd wants the place of its unprivileged part, which a service manager makes at other times.
        let _ = fs::create_dir_all("/run/sshd");
        for (i, chunk) in numbers.chunks(ADDRESSES).enumerate() {
            let daemon = rig.listen(program, &format!("sshd{i}"), chunk);
            rig.daemons.push(daemon);
            for n in chunk {
                while TcpStream::connect((rig.address(*n).as_str(), port)).is_err() {
                    let ended = rig.daemons[i].try_wait().unwrap();
                    assert_eq!(ended, None, "sshd: {}", rig.log());
                    std::thread::yield_now();
                }
            }
        }
        rig.knows("host_key");
        Some(rig)
    }

    fn listen(&self, program: &str, name: &str, hosts: &[usize]) -> Child {
        let at = self.home.path().display();
        let addresses = hosts.iter().fold(String::new(), |mut text, n| {
            writeln!(text, "ListenAddress {}", self.address(*n)).unwrap();
            text
        });
        let conf = format!(
            "Port {}\n{addresses}HostKey {at}/host_key\nAuthorizedKeysFile {at}/authorized\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n\
             PidFile none\nLogLevel VERBOSE\nMaxStartups 500\nSetEnv HOME={at}/home\nForceCommand {at}/door\n",
            self.port
        );
        fs::write(self.at(&format!("{name}.conf")), conf).unwrap();
        Command::new(program)
            .arg("-D")
            .arg("-f")
            .arg(self.at(&format!("{name}.conf")))
            .arg("-E")
            .arg(self.at(&format!("{name}.log")))
            .spawn()
            .unwrap()
    }

    /// A host as it comes out of the box.
    fn furnish(&self, n: usize) {
        for (path, text) in [
            ("sudo", "free\n"),
            ("proc/sys/kernel/random/boot_id", "boot-1\n"),
            ("proc/meminfo", "MemTotal: 3884360 kB\nSwapTotal: 102396 kB\n"),
            ("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n"),
            ("run/systemd/system/.keep", ""),
            ("etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
            ("called", ""),
            ("environments", ""),
            ("given", ""),
        ] {
            self.put(n, path, text);
        }
        self.put(n, "hostname", &format!("pi-{n}\n"));
    }

    /// Has all hosts run this first at each login; what it does not end goes on as ever.
    pub(super) fn answer(&self, text: &str) {
        let rig = self.home.path().display();
        let door = format!("#!/bin/sh\nrig='{rig}'\n{text}{}", include_str!("door.sh"));
        install(&self.at("door"), &door);
    }

    /// A file of the rig.
    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// A file of a host.
    pub(super) fn of(&self, n: usize, path: &str) -> PathBuf {
        self.at("hosts").join(self.address(n)).join(path)
    }

    pub(super) fn put(&self, n: usize, path: &str, text: &str) {
        let file = self.of(n, path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    pub(super) fn get(&self, n: usize, path: &str) -> String {
        fs::read_to_string(self.of(n, path)).unwrap_or_default()
    }

    pub(super) fn address(&self, n: usize) -> String {
        format!("127.0.0.{}", n + 1)
    }

    pub(super) fn host(&self, n: usize) -> EdgeHost {
        EdgeHost {
            name: HostName::new(format!("pi-{n}")),
            group: "shop".into(),
            address: Some(self.address(n).into()),
            user: None,
            port: Some(self.port),
            cluster: None,
            labels: Box::default(),
            taints: Box::default(),
        }
    }

    /// A host as the SSH configuration names it.
    pub(super) fn named(&self, name: &str) -> EdgeHost {
        EdgeHost {
            name: HostName::new(name),
            address: None,
            port: None,
            ..self.host(1)
        }
    }

    /// What all sshds have written down.
    pub(super) fn log(&self) -> String {
        let logs = (0..self.daemons.len() + 1).map(|i| self.at(&format!("sshd{i}.log")));
        logs.filter_map(|log| fs::read_to_string(log).ok()).collect()
    }

    /// What known_hosts says of all hosts.
    pub(super) fn knows(&self, key: &str) {
        let key = fs::read_to_string(self.at(&format!("{key}.pub"))).unwrap();
        let lines = (1..=254).map(|n| format!("[127.0.0.{n}]:{} {key}", self.port));
        fs::write(self.at("known_hosts"), lines.collect::<String>()).unwrap();
    }

    pub(super) fn known(&self) -> String {
        fs::read_to_string(self.at("known_hosts")).unwrap_or_default()
    }

    /// An adapter that logs in with the right key.
    pub(super) fn ssh(&self) -> Arc<OpenSsh> {
        let key = self.at("user_key").display().to_string();
        self.configured(&format!(
            "Host *\n  IdentityFile {key}\n  IdentitiesOnly yes\n  IdentityAgent none\n"
        ))
    }

    /// An adapter with this SSH configuration.
    pub(super) fn configured(&self, config: &str) -> Arc<OpenSsh> {
        let n = (0..).find(|n| !self.at(&format!("conf{n}")).exists()).unwrap();
        let (conf, program) = (self.at(&format!("conf{n}")), self.at(&format!("ssh{n}")));
        let known = self.at("known_hosts").display().to_string();
        let own = format!("Host *\n  UserKnownHostsFile {known}\n  GlobalKnownHostsFile none\n");
        fs::write(&conf, format!("{config}{own}")).unwrap();
        let text = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$@\" >>'{0}/ssh.called'\nexport -p >>'{0}/ssh.environments'\nexec ssh -F '{1}' \"$@\"\n",
            self.home.path().display(),
            conf.display()
        );
        install(&program, &text);
        Arc::new(OpenSsh::with(program.into(), vec![self.at("links")], clock::now))
    }

    /// A directory with the files of an air-gapped installation, whose program for arm64 has this many bytes at least; those
    /// for other architectures do not run.
    pub(super) fn release(&self, size: usize, installer: &str) -> PathBuf {
        let release = self.at("release");
        fs::create_dir(&release).unwrap();
        let program = "#!/bin/sh\necho 'k3s version v1.36.4+k3s1 (0123abcd)'\nexit\n";
        fs::write(release.join("k3s-arm64"), format!("{program}{}", "#".repeat(size))).unwrap();
        for other in ["k3s", "k3s-armhf"] {
            fs::write(release.join(other), "#!/bin/sh\nexit 1\n").unwrap();
        }
        for (sums, name) in [
            ("sha256sum-amd64.txt", "k3s"),
            ("sha256sum-arm64.txt", "k3s-arm64"),
            ("sha256sum-arm.txt", "k3s-armhf"),
        ] {
            let sum = Command::new("sha256sum")
                .arg(name)
                .current_dir(&release)
                .output()
                .unwrap();
            fs::write(release.join(sums), sum.stdout).unwrap();
        }
        fs::write(release.join("install.sh"), installer).unwrap();
        release
    }

    /// Everything that is written below the rig, but for the files of these names.
    pub(super) fn all_but(&self, names: &[&str]) -> Vec<(PathBuf, String)> {
        let mut found = vec![];
        let mut left = vec![self.home.path().to_owned()];
        while let Some(directory) = left.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let entry = entry.unwrap();
                let kind = entry.file_type().unwrap();
                let named = names.iter().any(|name| entry.file_name() == *name);
                if kind.is_dir() {
                    left.push(entry.path());
                } else if kind.is_file() && !named {
                    let text = fs::read(entry.path()).unwrap_or_default();
                    found.push((entry.path(), String::from_utf8_lossy(&text).into_owned()));
                }
            }
        }
        found
    }
}

pub(super) const STUB: &str = concat!("#!/bin/sh\n", include_str!("stubs.sh"));
