//! A disk that really is full: small file systems in a mount namespace of the host's own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use k3fleet::ops::Outcome;
use k3fleet::ops::files::Source;

use super::desk::Desk;
use super::rig::{Rig, skipped};

/// Mounts file systems of 1 MiB, and keeps them until its standard input ends.
const HOLD: &str = r#"for place; do mount -t tmpfs -o size=1m none "$place" || exit 1; done
echo ready
exec cat"#;

/// The mounts of a host; no process but its own sees them.
struct Disks(Child);

impl Drop for Disks {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Disks {
    /// `None` where mounts are not allowed; said aloud.
    fn mount(places: &[&str]) -> Option<Self> {
        let mut unshare = Command::new("unshare");
        unshare
            .args(["--mount", "--propagation", "private", "/bin/sh", "-c", HOLD, "sh"])
            .args(places)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let Ok(mut holder) = unshare.spawn().map(Self) else {
            skipped("there is no unshare to mount a small disk with");
            return None;
        };
        let mut line = String::new();
        let _ = BufReader::new(holder.0.stdout.take()?).read_line(&mut line);
        if line != "ready\n" {
            skipped("mounts are not allowed here: no disk that is full");
            return None;
        }
        Some(holder)
    }

    /// Runs a command that sees them.
    fn run(&self, argv: &[&str]) -> String {
        let mut nsenter = Command::new("nsenter");
        nsenter.args(["--mount", "--target", &self.0.id().to_string(), "--"]);
        let output = nsenter.args(argv).output().unwrap();
        assert!(output.status.success(), "{argv:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn grow(&self, place: &str) {
        self.run(&["mount", "-o", "remount,size=16m", place]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_whose_disk_is_full_joins_once_there_is_room_and_keeps_no_half_file_until_then() {
    let Some(rig) = Rig::new(1) else { return };
    let programs = rig.of(1, "usr/local/bin").display().to_string();
    fs::create_dir_all(&programs).unwrap();
    let Some(disks) = Disks::mount(&["/var/tmp", &programs]) else {
        return;
    };
    rig.answer(&format!(
        "[ -n \"${{INSIDE-}}\" ] || INSIDE=yes exec nsenter --mount --target {} -- \"$rig/door\"\n",
        disks.0.id()
    ));
    let installer = fs::read_to_string(rig.at("bin/install.sh")).unwrap();
    let release = rig.release(2_000_000, &installer);
    let desk = Desk::new(rig.ssh(), 20.0);
    let plan = desk
        .plan_from(vec![rig.host(1)], false, Some(Source::Directory(release)))
        .await;

    // No room for what is brought there.
    let (id, work) = desk.begin(plan);
    assert_eq!(work.await.unwrap(), Outcome::Failed, "{:?}", desk.failures(&id));
    let told = desk.failures(&id).remove("pi-1").unwrap();
    assert!(
        told.contains("its disk is full") && told.contains("make room there"),
        "{told}"
    );
    assert_eq!(rig.get(1, "etc/rancher/k3s/config.yaml"), "");
    assert!(!rig.get(1, "called").contains("systemctl start"));

    // None for the program in its place.
    disks.grow("/var/tmp");
    assert_eq!(desk.resume(&id).await.unwrap(), Outcome::Failed);
    let told = desk.failures(&id).remove("pi-1").unwrap();
    assert!(
        told.contains("copying k3s-arm64") && told.contains("No space left on device"),
        "{told}"
    );
    assert_eq!(disks.run(&["ls", "-A", &programs]), "", "half a program");
    assert!(!rig.get(1, "called").contains("systemctl start"));
    assert_eq!(desk.kube.marks.lock().unwrap().len(), 0);

    disks.grow(&programs);
    assert_eq!(
        desk.resume(&id).await.unwrap(),
        Outcome::Done,
        "{:?}",
        desk.failures(&id)
    );
    assert!(disks.run(&["ls", &programs]).contains("k3s\n"));
    assert_eq!(desk.kube.marks.lock().unwrap().len(), 1);
    let tokens = desk.kube.tokens.lock().unwrap().len();
    assert_eq!(
        desk.kube.deleted.lock().unwrap().len(),
        tokens,
        "no token outlives its join"
    );
}
