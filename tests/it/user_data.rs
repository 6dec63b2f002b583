//! What machines run at their first boot: judged by shellcheck, and run in a scratch directory, where stubs stand for
//! `curl`, `systemctl`, `k3s` and whatever else would touch a real machine, and record what they were called with.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use k3fleet::blueprint::{Image, Profile, Spec, SshKey, user_data};
use k3fleet::fleet::{Arch, Purchase, Role, Shape};

use crate::support::shellcheck::judge;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdd0bVZ0xUqWQ1VwQ8mQJ0aZbqGxN9lqL1k6Zc9b2Xy it's ana";

/// Stands for every program that would touch the machine: writes its name and arguments to the log, and answers as the
/// real one would. `$FAIL` names a call that fails.
const STUB: &str = include_str!("user_data_stub.sh");

const STUBBED: [&str; 8] = ["curl", "systemctl", "k3s", "journalctl", "sleep", "dnf", "rpm", "chown"];

fn spec(shape: Shape, image: Image, profile: Profile) -> Spec {
    Spec {
        name: "shop".into(),
        shape,
        region: "eu-west-1".into(),
        arch: Arch::Arm64,
        types: vec!["t4g.small".into()],
        workers: u32::from(profile != Profile::None),
        purchase: Purchase::Spot,
        on_demand_fallback: false,
        volume_gib: 20,
        version: "v1.36.4+k3s1".into(),
        image,
        from: vec!["203.0.113.7/32".into()],
        ssh: Some(SshKey::Public(KEY.into())),
        network: None,
        profile,
        expires_at: (shape == Shape::Ci).then(|| "2026-11-22T14:00:00Z".parse().unwrap()),
        ha: None,
    }
}

fn rendered(spec: &Spec, role: Role) -> String {
    assert_eq!(spec.check(), []);
    match role {
        Role::Server => user_data::server(spec),
        Role::Agent => user_data::agent(spec, "172.31.0.7".parse().unwrap()),
    }
}

/// Every kind of cluster with every role that it has.
fn all() -> Vec<(String, Spec, Role)> {
    let mut all = vec![];
    for shape in [Shape::Quick, Shape::Ci] {
        for image in [Image::Ubuntu, Image::Al2023] {
            for profile in [Profile::Own, Profile::Named("nodes".into()), Profile::None] {
                let spec = spec(shape, image, profile);
                let roles: &[Role] = if spec.workers > 0 {
                    &[Role::Server, Role::Agent]
                } else {
                    &[Role::Server]
                };
                for role in roles {
                    let name = format!("{shape:?} {image:?} {:?} {role:?}", spec.profile);
                    all.push((name, spec.clone(), *role));
                }
            }
        }
    }
    all
}

/// A scratch machine after a run.
struct Ran {
    root: tempfile::TempDir,
    out: Output,
}

impl Ran {
    fn file(&self, path: &str) -> String {
        fs::read_to_string(self.root.path().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
    }

    fn mode(&self, path: &str) -> u32 {
        let data = fs::metadata(self.root.path().join(path)).unwrap();
        data.permissions().mode() & 0o777
    }

    /// The calls of a program, each with its arguments.
    fn calls(&self, program: &str) -> Vec<String> {
        let log = self.file("log");
        let lines = log.lines().filter(|line| line.split(' ').next() == Some(program));
        lines.map(str::to_owned).collect()
    }

    fn last_line(&self) -> String {
        let console = self.file("dev/console");
        console.lines().last().unwrap_or_default().to_owned()
    }
}

/// Runs a script with a shell on a scratch machine, where the call that begins so fails.
fn run(shell: &str, script: &str, fails: &str) -> Ran {
    let root = tempfile::tempdir().unwrap();
    for directory in ["dev", "stubs", "tmp", "etc/rancher/k3s"] {
        fs::create_dir_all(root.path().join(directory)).unwrap();
    }
    for program in STUBBED {
        let path = root.path().join("stubs").join(program);
        fs::write(&path, STUB).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let kubeconfig = "clusters:\n- name: \"default\"\n  path: a\\b\n";
    fs::write(root.path().join("etc/rancher/k3s/k3s.yaml"), kubeconfig).unwrap();
    let path = root.path().join("script");
    fs::write(&path, script).unwrap();
    let out = Command::new(shell)
        .arg(&path)
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", root.path().join("stubs").display()))
        .env("TMPDIR", root.path().join("tmp"))
        .env("K3FLEET_ROOT", root.path())
        .env("FAIL", fails)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Ran { root, out }
}

/// Runs what must come to its end.
fn up(shell: &str, script: &str) -> Ran {
    let ran = run(shell, script, "nothing");
    let told = String::from_utf8_lossy(&ran.out.stderr).into_owned();
    assert!(ran.out.status.success(), "{told}\n{}", ran.file("log"));
    assert_eq!(told, "");
    assert_eq!(ran.last_line(), "k3fleet: ready: i-0123456789abcdef0");
    // Nothing secret is left behind.
    assert_eq!(fs::read_dir(ran.root.path().join("tmp")).unwrap().count(), 0);
    ran
}

#[test]
fn shellcheck_finds_nothing() {
    let booted = all()
        .into_iter()
        .map(|(name, spec, role)| (name, rendered(&spec, role)));
    let probe = (
        "the probe of edge hosts".to_owned(),
        include_str!("../../assets/probe.sh").to_owned(),
    );
    judge(booted.chain([probe]));
}

#[test]
fn every_machine_comes_up_with_the_shell_of_its_image() {
    for (name, spec, role) in all() {
        // What /bin/sh is there.
        let shell = if spec.image == Image::Ubuntu && Path::new("/bin/dash").exists() {
            "dash"
        } else {
            "bash"
        };
        let ran = up(shell, &rendered(&spec, role));
        let config = ran.file("etc/rancher/k3s/config.yaml");
        assert_eq!(ran.mode("etc/rancher/k3s/config.yaml"), 0o600, "{name}");
        assert!(
            config.contains("node-name: \"i-0123456789abcdef0\"\n"),
            "{name}: {config}"
        );
        let provider = "kubelet-arg:\n  - \"provider-id=aws:///eu-west-1a/i-0123456789abcdef0\"\n";
        assert!(config.contains(provider), "{name}: {config}");
        assert_eq!(config.contains("selinux: true"), spec.image == Image::Al2023, "{name}");
        assert_eq!(
            ran.calls("dnf").len(),
            usize::from(spec.image == Image::Al2023),
            "{name}"
        );
        let unit = if role == Role::Server { "k3s" } else { "k3s-agent" };
        assert!(
            ran.calls("systemctl")
                .contains(&format!("systemctl start --no-block {unit}")),
            "{name}"
        );
        let installed = ran.file("installed");
        let how = format!("v1.36.4+k3s1 {} true", role.as_str());
        assert!(installed.starts_with(&how), "{name}: {installed}");
        let keys = format!("home/{}/.ssh/authorized_keys", spec.image.user());
        assert_eq!(ran.file(&keys), format!("{KEY}\n"), "{name}");
        assert_eq!(ran.mode(&keys), 0o600, "{name}");
        // No secret in any program's arguments.
        let log = ran.file("log");
        for secret in ["SECRETKEY", "SESSION", "IMDSTOKEN", "TOKEN-OF-"] {
            assert!(!log.contains(secret), "{name}: {log}");
        }
    }
}

#[test]
fn a_server_reads_its_tokens_and_hands_over_its_kubeconfig() {
    let spec = spec(Shape::Quick, Image::Ubuntu, Profile::Own);
    let ran = up("sh", &user_data::server(&spec));
    let config = ran.file("etc/rancher/k3s/config.yaml");
    let tokens = "token-file: /etc/rancher/k3s/server-token\nagent-token-file: /etc/rancher/k3s/agent-token\n";
    assert!(config.contains(tokens), "{config}");
    assert!(
        config.contains("tls-san:\n  - \"172.31.0.7\"\n  - \"198.51.100.9\"\n"),
        "{config}"
    );
    assert!(!config.contains("disable:"), "{config}");
    for (file, token) in [("server-token", "TOKEN-OF-server"), ("agent-token", "TOKEN-OF-agent")] {
        let path = format!("etc/rancher/k3s/{file}");
        assert_eq!((ran.file(&path).as_str(), ran.mode(&path)), (token, 0o600));
    }
    let body: serde_json::Value = serde_json::from_str(&ran.file("secret")).unwrap();
    assert_eq!(body["SecretId"], "k3fleet/shop/kubeconfig");
    assert_eq!(body["SecretString"], ran.file("etc/rancher/k3s/k3s.yaml"));
    let signed = ran.file("signed");
    assert!(signed.contains("user = \"AKIDEXAMPLE:SECRETKEY/+=\""), "{signed}");
    assert!(signed.contains("X-Amz-Security-Token: SESSION=="), "{signed}");
    let to = "https://secretsmanager.eu-west-1.amazonaws.com/";
    assert!(ran.calls("curl").iter().any(|call| call.ends_with(to)));
}

#[test]
fn a_server_without_a_profile_asks_aws_for_nothing() {
    let spec = spec(Shape::Quick, Image::Ubuntu, Profile::None);
    let ran = up("sh", &user_data::server(&spec));
    assert!(!ran.file("etc/rancher/k3s/config.yaml").contains("token"));
    assert!(ran.calls("curl").iter().all(|call| !call.contains("aws-sigv4")));
}

#[test]
fn an_agent_holds_the_agents_token_only() {
    let spec = spec(Shape::Quick, Image::Ubuntu, Profile::Own);
    let script = rendered(&spec, Role::Agent);
    let ran = up("sh", &script);
    let config = ran.file("etc/rancher/k3s/config.yaml");
    let joins = "server: \"https://172.31.0.7:6443\"\ntoken-file: /etc/rancher/k3s/agent-token\n";
    assert!(config.ends_with(joins), "{config}");
    assert_eq!(ran.file("etc/rancher/k3s/agent-token"), "TOKEN-OF-agent");
    assert!(!ran.root.path().join("etc/rancher/k3s/server-token").exists());
    assert!(ran.file("installed").ends_with("/etc/rancher/k3s/agent-token\n"));
}

#[test]
fn a_ci_server_ends_itself() {
    let spec = spec(Shape::Ci, Image::Ubuntu, Profile::Own);
    let ran = up("sh", &user_data::server(&spec));
    let config = ran.file("etc/rancher/k3s/config.yaml");
    assert!(
        config.contains("disable:\n  - traefik\n  - servicelb\n  - metrics-server\n"),
        "{config}"
    );
    assert!(
        ran.calls("systemctl")
            .contains(&"systemctl enable --now k3fleet-expire.timer".to_owned())
    );
    let expire = ran.file("usr/local/lib/k3fleet/expire");
    assert!(expire.contains("'2026-11-22T14:00:00Z'"), "{expire}");
    // The tag of the stubbed instance says 1970: it is over; without a readable tag the spec's time counts.
    let over = run("sh", &expire, "nothing");
    assert_eq!(over.calls("systemctl"), ["systemctl poweroff"]);
    let later = expire.replace("2026-11-22T14:00:00Z", "2999-01-01T00:00:00Z");
    assert_eq!(run("sh", &later, "curl").calls("systemctl"), [""; 0]);
    assert_eq!(run("sh", &later, "nothing").calls("systemctl"), ["systemctl poweroff"]);
    let past = expire.replace("2026-11-22T14:00:00Z", "1999-01-01T00:00:00Z");
    assert_eq!(run("sh", &past, "curl").calls("systemctl"), ["systemctl poweroff"]);
}

#[test]
fn a_failure_is_the_last_line_on_the_console() {
    let script = user_data::server(&spec(Shape::Quick, Image::Al2023, Profile::Own));
    for (fails, told) in [
        ("metadata", "asking the instance metadata service"),
        ("ssm", "reading the SSM parameter /k3fleet/shop/server-token"),
        (
            "dnf",
            "installing container-selinux, which the SELinux policy of K3s needs",
        ),
        ("installer", "downloading the installer of K3s"),
        ("install", "installing K3s v1.36.4+k3s1"),
        ("systemctl start", "starting k3s"),
        ("k3s", "waiting for the API server"),
        (
            "secretsmanager",
            "writing the kubeconfig to the secret k3fleet/shop/kubeconfig",
        ),
    ] {
        for shell in ["sh", "bash"] {
            let ran = run(shell, &script, fails);
            assert!(!ran.out.status.success(), "{fails}");
            assert_eq!(ran.last_line(), format!("k3fleet: failed: {told}"), "{fails}");
            assert_eq!(fs::read_dir(ran.root.path().join("tmp")).unwrap().count(), 0, "{fails}");
        }
    }
}

#[test]
fn why_aws_refused_is_told() {
    let script = user_data::server(&spec(Shape::Quick, Image::Ubuntu, Profile::Own));
    let ran = run("sh", &script, "ssm");
    let out = String::from_utf8_lossy(&ran.out.stdout).into_owned();
    assert!(out.contains("AccessDeniedException"), "{out}");
}
