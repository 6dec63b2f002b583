//! What machines are told to do by root: judged by shellcheck, and run in a scratch directory, where stubs stand for
//! `systemctl`, `k3s`, `curl` and all else, and record every argument and environment, so that a secret in one is found.

mod facts;
mod inside;
mod locks;
mod mirrors;
mod restoring;
mod supervisor;
mod tasks;
mod tokens;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use k3fleet::blueprint::machine::script::{self, MARK, Source};
use k3fleet::blueprint::machine::{Facts, Inside, Install, Kept, Task};
use k3fleet::fleet::Role;
use sha2::{Digest, Sha256};

use crate::support::shellcheck::judge;

/// Stands for every program: writes its arguments and its environment to files, and answers as the real one would, or is
/// the real one. `$FAIL` names how a call begins that fails.
const STUB: &str = include_str!("stub.sh");
const INSTALLER: &str = include_str!("installer.sh");

/// All that scripts may call.
const PROGRAMS: [&str; 42] = [
    "awk",
    "cat",
    "chcon",
    "chmod",
    "cmp",
    "cp",
    "curl",
    "cut",
    "date",
    "df",
    "getconf",
    "getenforce",
    "grep",
    "head",
    "id",
    "iptables",
    "journalctl",
    "mkdir",
    "mktemp",
    "modinfo",
    "modprobe",
    "mv",
    "rc-service",
    "reboot",
    "rm",
    "sed",
    "sha256sum",
    "sleep",
    "stat",
    "sudo",
    "sync",
    "systemctl",
    "systemd-run",
    "tail",
    "test",
    "timedatectl",
    "timeout",
    "tr",
    "true",
    "uname",
    "wget",
    "nc",
];

const VERSION: &str = "v1.36.4+k3s1";
/// What no argument, environment or line shows.
const SECRET: &str = "s3cr3t";

/// Text that stands for the program of K3s.
fn program(version: &str) -> String {
    format!(
        "#!/bin/sh\nprintf 'k3s %s\\n' \"$*\" >>\"$K3FLEET_ROOT/log\"\nexport -p >>\"$K3FLEET_ROOT/environments\"\n\
         case \"k3s $*\" in\n\"$FAIL\"*) echo 'level=fatal msg=\"no\"' >&2; exit 1 ;;\n\
         'k3s --version') echo 'k3s version {version} (0123abcd)'; echo 'go version go1.25.1' ;;\nesac\n"
    )
}

fn sum(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The checksums of a release, as K3s publishes them.
fn sums(files: &[(&str, &str)]) -> String {
    files
        .iter()
        .map(|(name, text)| format!("{}  {name}\n", sum(text)))
        .collect()
}

/// A scratch machine.
struct Machine {
    root: tempfile::TempDir,
    shell: &'static str,
    kind: &'static str,
    fails: String,
    sudo: &'static str,
    user: u32,
    supervisor: String,
    without: &'static [&'static str],
}

/// How a script ended.
struct Ran {
    lines: Vec<String>,
    good: bool,
}

impl Ran {
    fn last(&self) -> &str {
        self.lines.last().map_or("", String::as_str)
    }
}

impl Machine {
    fn new() -> Self {
        let machine = Self {
            root: tempfile::tempdir().unwrap(),
            shell: "sh",
            kind: "aarch64",
            fails: "nothing".into(),
            sudo: "free",
            user: 0,
            supervisor: String::new(),
            without: &[],
        };
        for directory in ["dev", "stubs", "tmp", "state"] {
            fs::create_dir_all(machine.path(directory)).unwrap();
        }
        machine.write("proc/sys/kernel/random/boot_id", "7c1d4a50-boot\n");
        machine.write("installer", INSTALLER);
        let released = program(VERSION);
        let images = "images of arm64";
        machine.write("release/k3s-arm64", &released);
        let listed = [("k3s-airgap-images-arm64.tar.zst", images), ("k3s-arm64", &released)];
        machine.write("release/sha256sum-arm64.txt", &sums(&listed));
        for program in PROGRAMS {
            machine.program(&format!("stubs/{program}"), STUB);
        }
        machine
    }

    /// One with an agent that runs.
    fn agent() -> Self {
        Self::with_unit("k3s-agent", "agent")
    }

    /// One with a server that runs.
    fn server() -> Self {
        Self::with_unit("k3s", "server")
    }

    fn with_unit(unit: &str, role: &str) -> Self {
        let machine = Self::new();
        machine.write(
            &format!("etc/systemd/system/{unit}.service"),
            &format!(
                "[Unit]\nDescription=Lightweight Kubernetes\n[Service]\nType=notify\nEnvironmentFile=-/etc/default/%N\n\
                 EnvironmentFile=-/etc/systemd/system/{unit}.service.env\nKillMode=process\n\
                 ExecStart=/usr/local/bin/k3s \\\n    {role} \\\n\n"
            ),
        );
        machine.program("usr/local/bin/k3s", &program("v1.35.5+k3s1"));
        machine.write(&format!("state/{unit}"), "active\n");
        machine.write(&format!("state/{unit}.pid"), "4711\n");
        machine
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), text).unwrap();
    }

    fn program(&self, path: &str, text: &str) {
        self.write(path, text);
        self.chmod(path, 0o755);
    }

    fn chmod(&self, path: &str, mode: u32) {
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn mode(&self, path: &str) -> u32 {
        fs::metadata(self.path(path)).unwrap().permissions().mode() & 0o777
    }

    fn has(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    fn file(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
    }

    /// The names in a directory, in order.
    fn names(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(path)).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The calls of a program, with its arguments.
    fn calls(&self, program: &str) -> Vec<String> {
        let log = fs::read_to_string(self.path("log")).unwrap_or_default();
        let calls = log.lines().filter(|line| line.split(' ').next() == Some(program));
        calls.map(str::to_owned).collect()
    }

    /// Runs a script; whatever comes of it, no secret shows and nothing is left behind.
    fn run(&self, script: &str, input: &str) -> Ran {
        for name in self.without {
            let _ = fs::remove_file(self.path(&format!("stubs/{name}")));
        }
        // Nothing but the stubs is found.
        let script = script.replace(":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n", "\n");
        let words: Vec<&str> = self.shell.split(' ').collect();
        let (shell, applet) = words.split_first().unwrap();
        let found = ["/usr/bin", "/bin"].map(|d| PathBuf::from(d).join(shell));
        let shell = found.iter().find(|p| p.exists()).unwrap();
        fs::create_dir_all(self.path("stubs")).unwrap();
        let _ = std::os::unix::fs::symlink("/bin/sh", self.path("stubs/sh"));
        let mut child = Command::new(shell)
            .args(applet)
            .args(["-c", &script])
            .env_clear()
            .env("PATH", self.path("stubs"))
            .env("TMPDIR", self.path("tmp"))
            .env("K3FLEET_ROOT", self.root.path())
            .env("FAIL", &self.fails)
            .env("MACHINE", self.kind)
            .env("SUDO", self.sudo)
            .env("MYSELF", self.user.to_string())
            .env("SUPERVISOR", &self.supervisor)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It need not read what was there for sudo.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let out = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        let complaints = String::from_utf8_lossy(&out.stderr).into_owned();
        for name in ["log", "environments"] {
            let recorded = fs::read_to_string(self.path(name)).unwrap_or_default();
            let shown = recorded.lines().find(|line| line.contains(SECRET));
            assert_eq!(shown, None, "in {name}\n{said}{complaints}");
        }
        assert!(
            !said.contains(SECRET) && !complaints.contains(SECRET),
            "{said}{complaints}"
        );
        assert_eq!(complaints, "", "{said}");
        assert_eq!(self.names("tmp"), [""; 0], "{said}");
        Ran {
            lines: said.lines().map(str::to_owned).collect(),
            good: out.status.success(),
        }
    }

    /// Does a task with secrets on standard input.
    fn task(&self, task: &Task, secrets: &[&str]) -> Ran {
        let lines: String = secrets.iter().map(|secret| format!("{secret}\n")).collect();
        let input = format!("the password of sudo\n{MARK}\n{lines}");
        self.run(&script::of(task, &Source::Input), &input)
    }

    /// What a task that has to be done says last.
    fn done(&self, task: &Task, secrets: &[&str]) -> String {
        let ran = self.task(task, secrets);
        assert!(ran.good, "{:?}", ran.lines);
        ran.last().to_owned()
    }

    /// Why a task is not done.
    fn fails(&self, task: &Task, secrets: &[&str]) -> String {
        let ran = self.task(task, secrets);
        assert!(!ran.good, "{:?}", ran.lines);
        let why = ran.last().strip_prefix("failed: ");
        why.unwrap_or_else(|| panic!("{:?}", ran.lines)).to_owned()
    }
}

fn install() -> Install {
    Install {
        version: VERSION.into(),
        server: "https://192.0.2.7:6443".into(),
        node: "pi-kiosk-01".into(),
        labels: vec!["site=shop".into(), "it's=\"x\"".into()],
        taints: vec!["edge=yes:NoSchedule".into()],
        vpn: false,
        files: None,
    }
}

/// Every task, and what is read.
fn all() -> Vec<(String, String)> {
    let files = Some("/var/tmp/k3fleet".into());
    let tasks = [
        Task::Install(Box::new(install())),
        Task::Restart,
        Task::Uninstall,
        Task::Reboot,
        Task::MendCgroups,
        Task::Snapshot { name: "before".into() },
        Task::RotateToken,
        Task::KeepToken {
            kind: Role::Server,
            when: "20261122T101112".into(),
            stays: true,
        },
        Task::DropToken { kind: Role::Server },
        Task::PlaceToken { kind: Role::Server },
        Task::Handshake { kind: Role::Agent },
        Task::Upgrade {
            version: VERSION.into(),
            files,
        },
        Task::RotateCertificates,
        Task::Restorable {
            snapshot: "before".into(),
            s3: false,
        },
        Task::Joinable,
        Task::Stop,
        Task::Restore {
            snapshot: "before".into(),
            s3: true,
            when: "20261122T101112Z".into(),
        },
        Task::Rejoin {
            when: "20261122T101112Z".into(),
        },
    ];
    let parameters = Source::Parameters {
        region: "eu-west-1".into(),
        names: vec!["/k3fleet/shop/server-token:4".into()],
    };
    let mut all = vec![
        ("tell".to_owned(), script::tell(Role::Agent, Kept::Next)),
        ("inside".to_owned(), Inside::script()),
        ("glance".to_owned(), Inside::glance()),
        ("facts".to_owned(), Facts::script(&["192.0.2.7:6443".into()])),
    ];
    for task in tasks {
        for source in [Source::Input, parameters.clone()] {
            all.push((format!("{task:?} {source:?}"), script::of(&task, &source)));
        }
    }
    all
}

#[test]
fn shellcheck_finds_nothing() {
    judge(all());
}

#[test]
fn a_script_is_small_enough_for_an_argument_and_for_run_command() {
    for (name, script) in all() {
        assert!(script.len() < 20_000, "{name}: {}", script.len());
    }
}
