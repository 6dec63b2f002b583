//! The first boot of highly available clusters: whole fleets of scratch machines that run their user data at the same time,
//! in one world of stubs. Parameters are files that only one machine can make, `sleep` turns a machine's own clock, and
//! every argument and environment is recorded, so that a secret in one is found.

mod election;
mod lock;
mod servers;
mod user_data;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use k3fleet::blueprint::ha::boot::{self, Made, Value};
use k3fleet::blueprint::ha::{Ha, Pool, PoolKind, Store};
use k3fleet::blueprint::{Image, Profile, Spec};
use k3fleet::fleet::{Arch, Purchase, Shape};

/// Stands for every program that would touch the machine or anything beyond it.
const STUB: &str = include_str!("stub.sh");

const STUBBED: [&str; 10] = [
    "chown",
    "curl",
    "date",
    "dnf",
    "journalctl",
    "k3s",
    "rpm",
    "sleep",
    "systemctl",
    "uname",
];

const INSTALLER: &str = "[ \"$FAIL\" != setup ] || exit 1\n\
    printf '%s %s %s %s %s\\n' \"$INSTALL_K3S_VERSION\" \"$INSTALL_K3S_EXEC\" \"$INSTALL_K3S_SKIP_START\" \
    \"${K3S_TOKEN_FILE-}\" \"$INSTALL_K3S_SKIP_DOWNLOAD\" >\"$K3FLEET_ROOT/installed\"\n";

/// What no argument, environment, console or signal shows.
const SECRET: &str = "s3cr3t";

const FIRST: &str = "/k3fleet/shop/first-server";
const INITIALISED: &str = "/k3fleet/shop/initialised";
const LOCK: &str = "/k3fleet/shop/join-lock";

/// What all clocks show at first.
const NOW: u64 = 1_800_000_000;

fn ha(store: Store) -> Ha {
    Ha {
        servers: 3,
        pools: vec![pool()],
        store,
        shared_storage: false,
        ingress: false,
        public_api: false,
        made_vpc: None,
        mirror: None,
    }
}

fn pool() -> Pool {
    Pool {
        name: "k3s_workers".into(),
        kind: PoolKind::Asg,
        arch: Arch::Arm64,
        types: vec!["t4g.medium".into()],
        min: 1,
        desired: 2,
        max: 3,
        on_demand_base: 0,
        on_demand_percent: 0,
        volume_gib: 20,
        labels: vec![("tier".into(), "web".into()), ("gpu".into(), "no".into())],
        taints: vec!["edge=yes:NoSchedule".into()],
    }
}

fn spec(ha: Ha) -> Spec {
    Spec {
        name: "shop".into(),
        shape: Shape::Ha,
        region: "eu-west-1".into(),
        arch: Arch::Arm64,
        types: vec!["t4g.medium".into()],
        workers: 0,
        purchase: Purchase::OnDemand,
        on_demand_fallback: false,
        volume_gib: 20,
        version: "v1.36.4+k3s1".into(),
        image: Image::Ubuntu,
        from: vec!["203.0.113.7/32".into()],
        ssh: None,
        network: None,
        profile: Profile::Own,
        expires_at: None,
        ha: Some(ha),
    }
}

/// What the stack would have made.
fn made() -> Made {
    Made {
        api: "api.internal".into(),
        sans: "api.shop.example 198.51.100.9".into(),
        signal: Value::from("https://signal.example/handle?X-Amz-Signature=s3cr3t"),
        bucket: "k3fleet-shop-snapshots".into(),
        db_host: "shop.cluster-x.eu-west-1.rds.amazonaws.com".into(),
        db_secret: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds-x".into(),
        efs: "fs-0123456789abcdef0".into(),
    }
}

/// The text of settings that are known.
fn text(settings: &[(&'static str, Value)]) -> String {
    let pieces = boot::assignments(settings);
    let pieces = pieces.iter().map(|piece| piece.as_str().unwrap());
    pieces.collect()
}

/// What no stack has made, as the template gives it.
fn only_needed(spec: &Spec) -> Made {
    let mut made = made();
    let ha = spec.ha.as_ref().unwrap();
    if !ha.shared_storage {
        made.efs = "".into();
    }
    made
}

fn server_script(spec: &Spec) -> String {
    let ha = spec.ha.as_ref().unwrap();
    let parts = boot::parts(spec, ha);
    text(&boot::server_settings(spec, ha, &only_needed(spec))) + &parts.common + &parts.server
}

fn agent_script(spec: &Spec) -> String {
    let ha = spec.ha.as_ref().unwrap();
    let parts = boot::parts(spec, ha);
    text(&boot::agent_settings(spec, ha, &ha.pools[0], &only_needed(spec))) + &parts.common + &parts.agent
}

/// The script of the servers of the usual cluster.
fn server() -> String {
    server_script(&spec(ha(Store::default())))
}

/// What all machines share.
struct World {
    directory: tempfile::TempDir,
    shell: &'static str,
    fails: &'static str,
    /// How long a stub of `sleep` lets the others get on, where several machines run.
    pace: &'static str,
}

/// A machine's script that runs.
struct Running(Child);

impl World {
    fn new() -> Self {
        let world = Self {
            directory: tempfile::tempdir().unwrap(),
            shell: "sh",
            fails: "nothing",
            pace: "",
        };
        for directory in ["stubs", "ec2", "signals", "joining", "ssm", "mirror"] {
            fs::create_dir_all(world.path(directory)).unwrap();
        }
        for program in STUBBED {
            world.write(&format!("stubs/{program}"), STUB);
            let path = world.path(&format!("stubs/{program}"));
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        world.write("installer", INSTALLER);
        world.parameter("/k3fleet/shop/server-token", "s3cr3t-server");
        world.parameter("/k3fleet/shop/agent-token", "s3cr3t-agent");
        world
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A file's text, empty where there is none.
    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_default()
    }

    fn lines(&self, path: &str) -> Vec<String> {
        self.read(path).lines().map(str::to_owned).collect()
    }

    fn has(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// A file of a machine's own.
    fn of(&self, machine: &str, path: &str) -> String {
        self.read(&format!("machines/{machine}/{path}"))
    }

    /// Writes the next version of a parameter.
    fn parameter(&self, name: &str, value: &str) {
        let version = self.versions(name).len() + 1;
        self.write(&format!("ssm{name}/{version}"), &format!("{value}\n"));
    }

    /// All that a parameter has held.
    fn versions(&self, name: &str) -> Vec<String> {
        let versions = (1..).map(|version| self.path(&format!("ssm{name}/{version}")));
        let there = versions.take_while(|path| path.exists());
        there
            .map(|path| fs::read_to_string(path).unwrap().trim_end().to_owned())
            .collect()
    }

    /// What a parameter holds.
    fn value(&self, name: &str) -> Option<String> {
        self.versions(name).pop()
    }

    /// Sets an instance's state in EC2.
    fn state(&self, machine: &str, state: &str) {
        self.write(&format!("ec2/{machine}"), &format!("{state}\n"));
    }

    /// Starts a machine's script; all of it ends at once when it is told to die.
    fn start(&self, machine: &str, script: &str, dies: &str) -> Running {
        let root = self.path(&format!("machines/{machine}"));
        for directory in ["dev", "tmp"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        if !root.join("clock").exists() {
            fs::write(root.join("clock"), format!("{NOW}\n")).unwrap();
        }
        self.state(machine, "running");
        fs::write(root.join("script"), script).unwrap();
        let words: Vec<&str> = self.shell.split(' ').collect();
        let (shell, applet) = words.split_first().unwrap();
        let open = |name: &str| {
            let file = fs::OpenOptions::new().create(true).append(true).open(root.join(name));
            Stdio::from(file.unwrap())
        };
        let child = Command::new(shell)
            .args(applet)
            .arg(root.join("script"))
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", self.path("stubs").display()))
            .env("TMPDIR", root.join("tmp"))
            .env("K3FLEET_ROOT", &root)
            .env("WORLD", self.directory.path())
            .env("MACHINE", machine)
            .env("FAIL", self.fails)
            .env("DIES", dies)
            .env("PACE", self.pace)
            .stdin(Stdio::null())
            .stdout(open("out"))
            .stderr(open("complaints"))
            .process_group(0)
            .spawn();
        Running(child.unwrap())
    }

    /// Whether the machine came up. Whatever comes of it, no secret shows.
    fn ended(&self, machine: &str, running: Running) -> bool {
        let Running(mut child) = running;
        let status = child.wait().unwrap();
        for name in ["log", "environments", "out", "complaints", "dev/console"] {
            let text = self.of(machine, name);
            let shown = text.lines().find(|line| line.contains(SECRET));
            assert_eq!(shown, None, "in {name} of {machine}");
        }
        let signal = self.read(&format!("signals/{machine}"));
        assert!(!signal.contains(SECRET), "{signal}");
        if status.code().is_some() {
            let left = fs::read_dir(self.path(&format!("machines/{machine}/tmp"))).unwrap();
            assert_eq!(left.count(), 0, "{machine} leaves files behind");
        }
        status.success()
    }

    /// Runs one machine to its end.
    fn boot(&self, machine: &str, script: &str) -> bool {
        self.ended(machine, self.start(machine, script, "nothing"))
    }

    /// Runs several at the same time, and tells which came up.
    fn boot_all(&self, machines: &[(&str, &str)], script: &str) -> Vec<bool> {
        let running: Vec<_> = machines
            .iter()
            .map(|(machine, dies)| (*machine, self.start(machine, script, dies)))
            .collect();
        let ended = running
            .into_iter()
            .map(|(machine, running)| self.ended(machine, running));
        ended.collect()
    }

    /// What a machine told.
    fn told(&self, machine: &str) -> String {
        self.of(machine, "out")
    }

    /// What the stack heard of a machine, `None` where it heard nothing.
    fn signal(&self, machine: &str) -> Option<serde_json::Value> {
        let path = format!("signals/{machine}");
        let heard = self.has(&path).then(|| serde_json::from_str(&self.read(&path)));
        heard.map(Result::unwrap)
    }

    /// What was put into a secret, as text.
    fn secret(&self, name: &str) -> String {
        let body: serde_json::Value = serde_json::from_str(&self.read(&format!("secret-{name}"))).unwrap();
        body["SecretString"].as_str().unwrap().to_owned()
    }

    fn config(&self, machine: &str) -> String {
        self.of(machine, "etc/rancher/k3s/config.yaml")
    }

    /// A machine that is a running member of a cluster that was made long ago.
    fn made_before(&self, machine: &str) {
        self.parameter(&format!("{FIRST}-1"), machine);
        self.parameter(INITIALISED, machine);
        self.write("api", "");
    }
}

/// The shells of the images, and the smallest one.
fn shells() -> Vec<&'static str> {
    let all = [("dash", "dash"), ("bash", "bash"), ("busybox", "busybox sh")];
    let there = |program: &str| ["/bin", "/usr/bin"].iter().any(|d| Path::new(d).join(program).exists());
    all.into_iter()
        .filter(|(program, _)| there(program))
        .map(|(_, shell)| shell)
        .collect()
}
