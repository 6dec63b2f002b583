//! `k3fleet kubeconfig` on kubeconfigs that are kept: no AWS is needed for them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use k3fleet::provider::Secret;
use k3fleet::provider::kube::kubeconfig;

const K3S: &str = "apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: Y2E=
    server: https://127.0.0.1:6443
  name: default
contexts:
- context:
    cluster: default
    user: default
  name: default
current-context: default
kind: Config
users:
- name: default
  user:
    client-key-data: czNjcjN0
";

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        home.keep("shop", "203.0.113.7");
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn keep(&self, cluster: &str, address: &str) {
        let directory = self.path("cache/kubeconfigs");
        kubeconfig::keep(
            &directory,
            cluster,
            address.parse::<std::net::IpAddr>().unwrap(),
            &Secret::new(K3S),
        )
        .unwrap();
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_k3fleet"))
            .args(args)
            .env_clear()
            .env("HOME", self.0.path())
            .env("K3FLEET_CACHE_DIR", self.path("cache"))
            .output()
            .unwrap()
    }

    fn out(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(
            output.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }
}

fn own(path: &Path) -> serde_json::Value {
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_kept_file_is_named_and_printed() {
    let home = Home::new();
    let path = home.path("cache/kubeconfigs/shop");
    assert_eq!(home.out(&["kubeconfig", "shop"]).trim_end(), path.to_str().unwrap());
    let printed = home.out(&["--read-only", "kubeconfig", "shop", "--print"]);
    assert_eq!(printed, fs::read_to_string(path).unwrap());
    assert!(printed.contains("server: https://203.0.113.7:6443"), "{printed}");
}

#[test]
fn a_cluster_is_merged_updated_and_never_over_anothers() {
    let home = Home::new();
    let config = home.path(".kube/config");
    let told = home.out(&["kubeconfig", "shop", "--merge"]);
    assert!(
        told.contains("context shop is in") && told.contains("it is the current context"),
        "{told}"
    );
    assert_eq!(own(&config)["current-context"], "shop");

    // The same cluster at another address.
    home.keep("shop", "203.0.113.9");
    let told = home.out(&["kubeconfig", "shop", "--merge"]);
    assert!(
        told.contains("brought up to date") && told.contains("config.k3fleet-backup-"),
        "{told}"
    );
    assert_eq!(
        own(&config)["clusters"][0]["cluster"]["server"],
        "https://203.0.113.9:6443"
    );

    // Another one that is called so.
    let other = fs::read_to_string(&config).unwrap();
    let other = other.replace("203.0.113.9", "198.51.100.1").replace("Y2E=", "b3RoZXI=");
    fs::write(&config, &other).unwrap();
    let refused = home.run(&["kubeconfig", "shop", "--merge"]);
    assert_eq!(refused.status.code(), Some(3));
    let words = String::from_utf8(refused.stderr).unwrap();
    assert!(words.contains("198.51.100.1") && words.contains("--as NAME"), "{words}");
    assert_eq!(fs::read_to_string(&config).unwrap(), other);
    let told = home.out(&["kubeconfig", "shop", "--merge", "--as", "shop2"]);
    assert!(told.contains("kubectl --context shop2"), "{told}");
    assert_eq!(own(&config)["contexts"][1]["name"], "shop2");
}

#[test]
fn the_first_file_of_the_environment_is_merged_into() {
    let home = Home::new();
    let (first, second) = (home.path("first"), home.path("second"));
    fs::write(&second, "kind: Config\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_k3fleet"))
        .args(["kubeconfig", "shop", "--merge"])
        .env_clear()
        .env("HOME", home.0.path())
        .env("K3FLEET_CACHE_DIR", home.path("cache"))
        .env("KUBECONFIG", std::env::join_paths([&first, &second]).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(own(&first)["contexts"][0]["name"], "shop");
    assert_eq!(fs::read_to_string(&second).unwrap(), "kind: Config\n");
    assert!(!home.path(".kube").exists());
}

#[test]
fn what_cannot_be_is_told() {
    let home = Home::new();
    let no_aws = home.run(&["kubeconfig", "lab"]);
    assert_eq!(no_aws.status.code(), Some(1));
    let words = String::from_utf8(no_aws.stderr).unwrap();
    assert!(words.contains("there is no cluster \"lab\""), "{words}");
    let read_only = home.run(&["--demo", "--read-only", "kubeconfig", "prod"]);
    assert_eq!(read_only.status.code(), Some(3));
    let words = String::from_utf8(read_only.stderr).unwrap();
    assert!(words.contains("without --read-only"), "{words}");
    assert_eq!(
        home.run(&["--demo", "kubeconfig", "prod", "--merge"]).status.code(),
        Some(3)
    );
    assert_eq!(home.run(&["kubeconfig", "shop", "--as", "x"]).status.code(), Some(2));
    assert_eq!(
        home.run(&["kubeconfig", "shop", "--merge", "--print"]).status.code(),
        Some(2)
    );
    assert!(!home.path(".kube").exists());
}
