//! The real program keeps a tunnel to a server of the fake AWS, by a stub of the AWS CLI that forwards the port itself.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use k3fleet::provider::Secret;
use k3fleet::provider::kube::kubeconfig::{self, At};

use super::{REGION, environment};
use crate::aws::seed::Seed;
use crate::kube::tls;
use crate::support::moto;

/// As the AWS CLI does it: another program listens, and both have to end. The line that is read aloud stands in the log.
const AWS: &str = r#"#!/bin/sh
printf '%s\n' "$*" >>"$HOME/aws.called"
port=${*##*localPortNumber\":[\"}
port=${port%%\"*}
python3 "$HOME/forward.py" "$port" "$(cat "$HOME/api-port")" &
echo $$ $! >"$HOME/aws.pids"
wait
"#;

const FORWARD: &str = r#"
import socket, sys, threading
gate = socket.create_server(("127.0.0.1", int(sys.argv[1])))
def pour(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
    except OSError:
        pass
    for end in (a, b):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
while True:
    a = gate.accept()[0]
    b = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    for pair in ((a, b), (b, a)):
        threading.Thread(target=pour, args=pair, daemon=True).start()
"#;

fn program(file: &Path, text: &str) {
    // By another process: no file that this one has open for writing can be run.
    let mut sh = Command::new("/bin/sh");
    sh.args(["-c", "printf '%s' \"$2\" >\"$1\" && chmod 755 \"$1\"", "sh"]);
    assert!(sh.arg(file).arg(text).status().expect("sh runs").success());
    let mode = std::fs::metadata(file).expect("the program").permissions().mode();
    assert_eq!(mode & 0o111, 0o111);
}

fn runs(pid: &str) -> bool {
    // What has ended and is not reaped yet does not run.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_is_kept_until_a_signal_and_leaves_no_program_behind() {
    let Some(account) = moto::account("700000000061").await else {
        return;
    };
    let Some(server) = tokio::task::spawn_blocking(tls::start).await.expect("it starts") else {
        return;
    };
    let seed = Seed::new(&account, REGION);
    let tags = [
        ("k3fleet:cluster", "shop"),
        ("k3fleet:role", "server"),
        ("k3fleet:shape", "ha"),
    ];
    let ids = seed.lone(1, &seed.image().await, false, &tags).await;
    let home = tempfile::tempdir().expect("a directory");
    let at = |name: &str| home.path().join(name);
    for directory in ["bin", "cache", "state"] {
        std::fs::create_dir(at(directory)).expect("a directory");
    }
    program(&at("bin/aws"), AWS);
    program(&at("bin/session-manager-plugin"), "#!/bin/sh\n");
    std::fs::write(at("forward.py"), FORWARD).expect("a program");
    std::fs::write(at("api-port"), server.port.to_string()).expect("a file");
    let authority = std::fs::read(server.files.path().join("cacerts")).expect("the authority");
    let authority = base64::engine::general_purpose::STANDARD.encode(authority);
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: default\nclusters:\n- name: default\n  cluster: {{server: \
         \"https://127.0.0.1:6443\", certificate-authority-data: {authority}}}\ncontexts:\n- name: default\n  context: \
         {{cluster: default, user: default}}\nusers:\n- name: default\n  user: {{token: s3cr3t}}\n"
    );
    let directory = at("cache/kubeconfigs");
    kubeconfig::keep(&directory, "shop", At::Name("api.shop.example"), &Secret::new(text)).expect("kept");
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("its number").port().to_string();
    let mut vars = environment(&account, "/nowhere");
    vars.push(("PATH", format!("{}:/usr/bin:/bin", at("bin").display())));
    vars.push(("K3FLEET_CACHE_DIR", at("cache").display().to_string()));
    vars.push(("K3FLEET_STATE_DIR", at("state").display().to_string()));
    let start = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_k3fleet"));
        command.args(["tunnel", "shop", "--local-port", &port]).args(args);
        command.env_clear().env("HOME", home.path()).envs(vars.iter().cloned());
        command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs")
    };

    let taken = start(&["--via", "ssm"]).wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&taken.stderr).into_owned();
    assert_eq!(taken.status.code(), Some(3), "{said}");
    assert!(said.contains("--local-port"), "{said}");
    drop(free);

    for (signal, code) in [("INT", Some(0)), ("TERM", Some(0))] {
        let mut child = start(&["--via", "ssm"]);
        let mut lines = BufReader::new(child.stderr.take().expect("it was piped")).lines();
        let mut said = vec![];
        while let Some(Ok(line)) = lines.next() {
            said.push(line);
            if said.last().is_some_and(|line| line.contains("the tunnel is open")) {
                break;
            }
        }
        assert!(said.iter().any(|line| line.contains("by SSM")), "{said:#?}");
        if signal == "INT" {
            let asked = Command::new("curl")
                .args(["-sS", "--cacert"])
                .arg(server.files.path().join("cacerts"))
                .args(["--connect-to", &format!("api.shop.example:443:127.0.0.1:{port}")])
                .arg("https://api.shop.example/version")
                .output();
            if let Ok(answer) = asked {
                let text = String::from_utf8_lossy(&answer.stdout).into_owned();
                assert!(text.contains("v1.36.4+k3s1"), "{text}, {answer:?}");
            }
        }
        let pids = std::fs::read_to_string(at("aws.pids")).expect("the stub ran");
        let pids: Vec<&str> = pids.split_whitespace().collect();
        assert!(pids.len() == 2 && pids.iter().all(|pid| runs(pid)), "{pids:?}");
        let kill = Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .status();
        assert!(kill.expect("kill runs").success());
        let status = child.wait().expect("it ends");
        assert_eq!(status.code(), code, "{signal}");
        let until = Instant::now() + Duration::from_secs(10);
        while pids.iter().any(|pid| runs(pid)) {
            assert!(Instant::now() < until, "{pids:?} are left after {signal}");
            std::thread::yield_now();
        }
    }
    // The program keeps it by itself where the settings say so, as long as it runs.
    std::fs::write(at("config.toml"), "[tunnels]\n\"eu-west-1/shop\" = \"ssm\"\n").expect("a config");
    let mut command = Command::new(env!("CARGO_BIN_EXE_k3fleet"));
    command.arg("--config").arg(at("config.toml"));
    command
        .args(["get", "clusters", "-o", "json"])
        .env_clear()
        .env("HOME", home.path());
    let seen = command.envs(vars.iter().cloned()).output().expect("it runs");
    let rows = String::from_utf8_lossy(&seen.stdout).into_owned();
    assert!(
        rows.contains("v1.36.4+k3s1"),
        "{rows}{}",
        String::from_utf8_lossy(&seen.stderr)
    );
    let pids = std::fs::read_to_string(at("aws.pids")).expect("the stub ran");
    let until = Instant::now() + Duration::from_secs(10);
    while pids.split_whitespace().any(runs) {
        assert!(Instant::now() < until, "{pids} are left");
        std::thread::yield_now();
    }
    let called = std::fs::read_to_string(at("aws.called")).expect("the stub ran");
    let wanted = format!(
        "ssm start-session --target {} --region {REGION} --document-name AWS-StartPortForwardingSession --parameters \
         {{\"localPortNumber\":[\"{port}\"],\"portNumber\":[\"6443\"]}}\n",
        ids[0]
    );
    assert_eq!(called, wanted.repeat(3), "nothing of it is a secret");
}
