//! `k3fleet reach`: how hosts reach the API of a cluster, kept in `config.toml` and read by joins. The clusters are those of
//! the simulated world.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const KEY: &str = "name=tailscale,joinKey=tskey-s3cr3t";

fn run(home: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_k3fleet"))
        .arg("--demo")
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env("K3FLEET_CONFIG_DIR", home.join("config"))
        .current_dir(home)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn ended(output: Output, code: i32) -> Output {
    assert_eq!(
        output.status.code(),
        Some(code),
        "{}\n{}",
        errors(&output),
        text(&output)
    );
    assert!(
        !errors(&output).contains("s3cr3t") && !text(&output).contains("s3cr3t"),
        "{output:?}"
    );
    output
}

fn config(home: &Path, text: &str) {
    fs::create_dir_all(home.join("config")).unwrap();
    fs::write(home.join("config/config.toml"), text).unwrap();
}

fn key(home: &Path, mode: u32) -> PathBuf {
    let file = home.join("vpn-auth");
    fs::write(&file, KEY).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    file
}

fn told(home: &Path) -> Value {
    let output = ended(run(home, &["reach", "edge-lab", "-o", "json"]), 0);
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn what_is_kept_is_told_with_what_it_needs() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let nothing = told(home);
    assert_eq!(nothing["server_from"], "kubeconfig", "{nothing}");
    assert!(
        nothing["kept_under"].is_null() && nothing["advertised"].is_array(),
        "{nothing}"
    );
    config(
        home,
        "[reach.edge-lab]\nserver = \"https://203.0.113.9:6443\"\nwireguard = true\n",
    );
    let kept = told(home);
    assert_eq!(
        (&kept["server"], &kept["server_from"], &kept["kept_under"]),
        (&"https://203.0.113.9:6443".into(), &"config".into(), &"edge-lab".into())
    );
    assert_eq!(kept["needs"].as_array().unwrap().len(), 3, "{kept}");
    let table = text(&ended(run(home, &["reach", "edge-lab"]), 0));
    assert!(
        table.starts_with("WHAT") && table.contains("wireguard-native"),
        "{table}"
    );
}

#[test]
fn only_the_difference_is_shown_and_a_simulated_world_keeps_nothing() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    config(
        home,
        "# mine\n[reach.edge-lab]\nserver = \"https://203.0.113.9:6443\" # leased\n",
    );
    let file = key(home, 0o600);
    let args = ["reach", "edge-lab", "--vpn-auth-file", "vpn-auth", "--dry-run"];
    let difference = text(&ended(run(home, &args), 0));
    assert_eq!(difference, format!("+vpn-auth-file = \"{}\"\n", file.display()));
    let cleared = text(&ended(run(home, &["reach", "edge-lab", "--clear", "--dry-run"]), 0));
    assert_eq!(
        cleared,
        "-[reach.edge-lab]\n-server = \"https://203.0.113.9:6443\" # leased\n"
    );
    let emptied = ["reach", "edge-lab", "--server", "", "--wireguard", "--dry-run"];
    let emptied = text(&ended(run(home, &emptied), 0));
    assert!(emptied.ends_with("+wireguard = true\n"), "{emptied}");
    let refused = ended(run(home, &["reach", "edge-lab", "--clear"]), 2);
    assert!(errors(&refused).contains("simulated world"), "{}", errors(&refused));
    let before = fs::read_to_string(home.join("config/config.toml")).unwrap();
    assert!(before.ends_with("# leased\n"));
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    key(home, 0o644);
    for (args, code, said) in [
        (vec!["--vpn-auth-file", "vpn-auth"], 3, "chmod 600 /"),
        (vec!["--vpn-auth-file", "/nowhere"], 3, "read /nowhere: "),
        (vec!["--server", "203.0.113.9"], 2, "expected a URL"),
        (vec!["--server", "https://a:6443", "--clear"], 2, "cannot be used with"),
    ] {
        let output = ended(
            run(home, &[vec!["reach", "edge-lab", "--dry-run"], args].concat()),
            code,
        );
        assert!(errors(&output).contains(said), "{said}: {}", errors(&output));
    }
    let nobody = ended(run(home, &["reach", "nowhere"]), 2);
    assert!(errors(&nobody).contains("there is no cluster"), "{}", errors(&nobody));
}

#[test]
fn joins_go_the_way_that_is_kept_unless_they_are_told_another() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    config(home, "[reach.edge-lab]\nserver = \"https://203.0.113.9:6443\"\n");
    let plan = |args: &[&str]| {
        let join = ["join", "edge-lab", "harbour-pi-01", "--dry-run", "-o", "json"];
        run(home, &[&join, args].concat())
    };
    let kept = plan(&[]);
    assert!(
        errors(&kept).contains("https://203.0.113.9:6443, as is kept under [reach.\"edge-lab\"]"),
        "{}",
        errors(&kept)
    );
    let other = plan(&["--server", "https://198.51.100.2:6443"]);
    assert!(!errors(&other).contains("as is kept"), "{}", errors(&other));
    config(
        home,
        &format!("[reach.edge-lab]\nvpn-auth-file = \"{}\"\n", key(home, 0o644).display()),
    );
    let open = ended(plan(&[]), 3);
    assert!(errors(&open).contains("chmod 600"), "{}", errors(&open));
    key(home, 0o600);
    let joined = ended(plan(&[]), 0);
    assert!(text(&joined).contains("joins its VPN"), "{}", text(&joined));
    key(home, 0o640);
    config(home, "");
    let named = ended(plan(&["--vpn-auth-file", "vpn-auth"]), 2);
    assert!(errors(&named).contains("chmod 600"), "{}", errors(&named));
}

#[test]
fn what_is_kept_is_changed_in_its_file_alone() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let run = |args: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_k3fleet"))
            .args(args)
            .env_clear()
            .env("HOME", home)
            .env("K3FLEET_CONFIG_DIR", home.join("config"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .current_dir(home)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    let text = "# mine\n[reach.ship]\nserver = \"https://203.0.113.9:6443\" # leased\n";
    config(home, text);
    let file = home.join("config/config.toml");
    let refused = ended(run(&["--read-only", "reach", "ship", "--clear"]), 3);
    assert!(errors(&refused).contains("read-only"), "{}", errors(&refused));
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    let args = ["reach", "ship", "--server", "https://198.51.100.2:6443", "--wireguard"];
    let kept = ended(run(&args), 0);
    assert!(errors(&kept).contains("51820/udp"), "{}", errors(&kept));
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        "# mine\n[reach.ship]\nserver = \"https://198.51.100.2:6443\" # leased\nwireguard = true\n"
    );
    ended(run(&["reach", "ship", "--clear"]), 0);
    assert_eq!(fs::read_to_string(&file).unwrap(), "# mine\n");
}
