//! Edge hosts join without internet and through a VPN: undisturbed, and killed on the way.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use k3fleet::ops::files::Source;
use k3fleet::ops::{Outcome, Request};

use super::desk::Desk;
use super::edge::{QUAY, have_joined, is_clean, join};

/// What no journal holds.
const KEY: &str = "tskey-auth-s3cr3t";

/// A directory with the files of a release for every architecture, and one with the key of a VPN.
fn local() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("k3s")).unwrap();
    for name in [
        "k3s",
        "k3s-arm64",
        "k3s-armhf",
        "sha256sum-amd64.txt",
        "sha256sum-arm64.txt",
        "sha256sum-arm.txt",
        "k3s-airgap-images-arm64.tar.zst",
        "install.sh",
    ] {
        fs::write(home.path().join("k3s").join(name), name).unwrap();
    }
    key_of_vpn(home.path());
    home
}

/// A file in a directory with the key of a VPN.
pub(super) fn key_of_vpn(directory: &Path) -> std::path::PathBuf {
    let path = directory.join("vpn");
    key(&path, format!("name=tailscale,joinKey={KEY}\n").as_bytes());
    path
}

/// Writes a key as only its owner may read it.
fn key(path: &Path, text: &[u8]) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// What an operator asks for who lets the boards join with files from there, and the key of a VPN where one is named.
async fn asked(desk: &Desk, files: Option<Source>, vpn: Option<&Path>) -> Request {
    let Request::Join(mut join) = join(desk, &QUAY, true).await else {
        panic!("it is a join")
    };
    join.files = files;
    join.vpn_auth_file = vpn.map(Path::to_owned);
    Request::Join(join)
}

/// Nothing that was written down holds the key.
fn keeps_the_key(desk: &Desk) {
    let mut read = 0;
    for entry in fs::read_dir(desk.directory()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            assert!(!text.contains(KEY), "{}", path.display());
            read += 1;
        }
    }
    assert!(read > 0);
}

#[tokio::test(start_paused = true)]
async fn boards_join_with_files_from_a_directory_and_through_a_vpn() {
    let home = local();
    let (files, vpn) = (home.path().join("k3s"), home.path().join("vpn"));
    let mut desk = Desk::edge(1, "").await;
    let request = asked(&desk, Some(Source::Directory(files)), Some(&vpn)).await;
    let outcome = desk.run(&request).await.unwrap();
    assert_eq!(outcome, Outcome::Done, "{:?}", desk.failures());
    assert!(desk.said("bringing k3s-arm64") && desk.said("bringing install.sh"));
    desk.until(|fleet| have_joined(fleet, &QUAY)).await;
    is_clean(&desk).await;
    keeps_the_key(&desk);
}

#[tokio::test(start_paused = true)]
async fn boards_join_with_files_from_a_mirror_and_nothing_is_brought() {
    let mut desk = Desk::edge(1, "").await;
    let mirror = Source::parse("https://mirror.example/k3s").unwrap();
    let request = asked(&desk, Some(mirror), None).await;
    let outcome = desk.run(&request).await.unwrap();
    assert_eq!(outcome, Outcome::Done, "{:?}", desk.failures());
    assert!(!desk.said("bringing"));
    desk.until(|fleet| have_joined(fleet, &QUAY)).await;
}

#[tokio::test(start_paused = true)]
async fn such_a_join_that_is_killed_on_the_way_is_resumed() {
    let home = local();
    let (files, vpn) = (home.path().join("k3s"), home.path().join("vpn"));
    let source = || Some(Source::Directory(files.clone()));
    let mut desk = Desk::edge(1, "").await;
    let request = asked(&desk, source(), Some(&vpn)).await;
    assert_eq!(desk.run(&request).await.unwrap(), Outcome::Done);
    let events = desk.told.len();
    assert!(events > 50, "{events}");
    for kill in (1..events).step_by(4) {
        let mut desk = Desk::edge(1, "").await;
        let request = asked(&desk, source(), Some(&vpn)).await;
        let id = desk.run_and_kill(&request, kill).await;
        let resumed = desk.resume(&id).await.unwrap();
        assert_eq!(
            resumed,
            Outcome::Done,
            "killed after {kill} events: {:?}",
            desk.failures()
        );
        desk.until(|fleet| have_joined(fleet, &QUAY)).await;
        is_clean(&desk).await;
        keeps_the_key(&desk);
    }
}

#[tokio::test(start_paused = true)]
async fn a_directory_or_key_that_is_gone_fails_the_join_until_it_is_back() {
    let home = local();
    let (files, vpn) = (home.path().join("k3s"), home.path().join("vpn"));
    let installer = files.join("install.sh");
    for lost in [&installer, &vpn] {
        let text = fs::read(lost).unwrap();
        fs::remove_file(lost).unwrap();
        let mut desk = Desk::edge(1, "").await;
        let request = asked(&desk, Some(Source::Directory(files.clone())), Some(&vpn)).await;
        assert_eq!(desk.run(&request).await.unwrap(), Outcome::Failed);
        let name = lost.display().to_string();
        assert!(
            desk.failures().iter().all(|why| why.contains(&name)),
            "{:?}",
            desk.failures()
        );
        is_clean(&desk).await;
        key(lost, &text);
        let id = desk.operations.journals().0[0].id.clone();
        assert_eq!(desk.resume(&id).await.unwrap(), Outcome::Done, "{:?}", desk.failures());
        desk.until(|fleet| have_joined(fleet, &QUAY)).await;
    }
}
