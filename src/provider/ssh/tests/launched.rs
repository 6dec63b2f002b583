//! Reading over SSH, with a stub in place of `ssh`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tokio::time::Instant;

use super::super::launched::KEYLESS;
use super::super::*;
use crate::fleet::FaultKind;

const ADDRESS: &str = "203.0.113.7";
const PATH: &str = "/etc/rancher/k3s/k3s.yaml";

struct Stub {
    home: tempfile::TempDir,
    ssh: OpenSsh,
}

impl Stub {
    /// A stub that writes its arguments down, one a line, and then does as told.
    fn new(script: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let program = home.path().join("ssh");
        let args = home.path().join("args");
        // Never written while it is run: a fork of another test could hold it open.
        let text = format!("#!/bin/sh\nprintf '%s\\n' \"$@\" > '{}'\n{script}\n", args.display());
        fs::write(home.path().join("text"), text).unwrap();
        let runner = format!(
            "#!/bin/sh\nexec /bin/sh '{}' \"$@\"\n",
            home.path().join("text").display()
        );
        install(&program, &runner);
        let ssh = OpenSsh::with(program.into(), vec![], || Timestamp::UNIX_EPOCH);
        Self { home, ssh }
    }

    async fn read(&self) -> Result<Option<Secret>> {
        self.ssh.read_file("ubuntu", ADDRESS.parse().unwrap(), PATH).await
    }

    fn args(&self) -> Vec<String> {
        let text = fs::read_to_string(self.home.path().join("args")).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

/// Puts a program in place that no open file of this process leads to.
fn install(program: &PathBuf, text: &str) {
    let status = std::process::Command::new("/bin/sh")
        .args(["-c", "printf '%s' \"$2\" > \"$1\" && chmod 755 \"$1\"", "sh"])
        .arg(program)
        .arg(text)
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(fs::metadata(program).unwrap().permissions().mode() & 0o111, 0o111);
}

#[tokio::test]
async fn a_file_is_read_without_a_terminal_and_without_questions() {
    let stub = Stub::new("printf 'apiVersion: v1\\n'");
    let text = stub.read().await.unwrap().unwrap();
    assert_eq!(text.expose(), "apiVersion: v1\n");
    let args = stub.args();
    for option in ["BatchMode=yes", "StrictHostKeyChecking=accept-new", "ConnectTimeout=8"] {
        let at = args.iter().position(|arg| arg == option).unwrap();
        assert_eq!(args[at - 1], "-o");
    }
    let end = &args[args.len() - 5..];
    assert_eq!(
        end,
        [
            "-l",
            "ubuntu",
            "--",
            ADDRESS,
            "sudo -n cat -- '/etc/rancher/k3s/k3s.yaml'"
        ]
    );
}

#[tokio::test]
async fn what_is_not_there_yet_is_none() {
    for script in [
        "echo 'ssh: connect to host 203.0.113.7 port 22: Connection refused' >&2; exit 255",
        "echo 'cat: /etc/rancher/k3s/k3s.yaml: No such file or directory' >&2; exit 1",
        "echo",
    ] {
        assert_eq!(Stub::new(script).read().await.unwrap(), None, "{script}");
    }
}

#[tokio::test]
async fn what_has_to_be_mended_is_an_error_without_the_content() {
    let changed = Stub::new(
        "echo s3cr3t; echo 'WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!' >&2; \
         echo 'Host key verification failed.' >&2; exit 255",
    );
    let error = changed.read().await.unwrap_err();
    let words = format!("{error} {error:?}");
    assert!(
        words.contains("ubuntu@203.0.113.7") && words.contains("ssh-keygen -R"),
        "{words}"
    );
    assert!(!words.contains("s3cr3t"), "{words}");
    let sudo = Stub::new("echo 'sudo: a password is required' >&2; exit 1");
    let error = sudo.read().await.unwrap_err();
    assert_eq!(error.kind, FaultKind::Denied);
    assert!(error.to_string().contains("sudo without a password"), "{error}");
    let error = OpenSsh::with("/nowhere/ssh".into(), vec![], || Timestamp::UNIX_EPOCH)
        .read_file("ubuntu", ADDRESS.parse().unwrap(), PATH)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("install the OpenSSH client"), "{error}");
}

#[tokio::test]
async fn a_machine_may_deny_us_while_it_boots_but_not_for_ever() {
    let stub = Stub::new("echo 'ubuntu@203.0.113.7: Permission denied (publickey).' >&2; exit 255");
    assert_eq!(stub.read().await.unwrap(), None);
    let early = Instant::now().checked_sub(KEYLESS).unwrap();
    stub.ssh.denied.lock().unwrap().insert(ADDRESS.parse().unwrap(), early);
    let error = stub.read().await.unwrap_err();
    assert_eq!(error.kind, FaultKind::Denied);
    assert!(error.to_string().contains("ssh-add -l"), "{error}");
}

#[test]
fn words_reach_the_other_shell_whole() {
    assert_eq!(super::super::call::quoted("/a b/it's"), r"'/a b/it'\''s'");
}
