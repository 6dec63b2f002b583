//! What the operator's OpenSSH tells of itself: how its configuration reads for a host (`ssh -G`), which keys it has to
//! offer (`ssh-add -l`), and the fingerprints of host keys (`ssh-keygen -l`). Nothing of it reaches a host.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use smol_str::SmolStr;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use super::links::Login;

/// None of these takes longer, unless it hangs.
const LIMIT: Duration = Duration::from_secs(5);

/// What a program says, when it ends well. `None`: it did not, or not in time.
async fn said(mut program: Command, input: &[u8]) -> Option<(Option<i32>, String)> {
    program.env("LC_ALL", "C");
    program
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    program.kill_on_drop(true);
    let mut child = program.spawn().ok()?;
    let mut stdin = child.stdin.take()?;
    let talk = async {
        // One that does not read has said what it has to say.
        let _unread = stdin.write_all(input).await;
        drop(stdin);
        child.wait_with_output().await
    };
    let output = timeout(LIMIT, talk).await.ok()?.ok()?;
    Some((
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    ))
}

/// How ssh's configuration reads for a host, key by key.
#[derive(Clone, Debug)]
pub(super) struct Own(Vec<(String, String)>);

impl Own {
    pub(super) async fn read(program: &OsStr, login: &Login) -> Option<Self> {
        let mut ssh = Command::new(program);
        ssh.arg("-G").args(login.args());
        let (code, text) = said(ssh, b"").await?;
        (code == Some(0)).then(|| Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        Self(lines.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    fn all(&self, key: &'static str) -> impl Iterator<Item = &str> {
        let lines = self.0.iter().filter(move |(k, _)| k == key);
        lines.map(|(_, value)| value.as_str())
    }

    /// The jump host, or the command that stands for the connection.
    pub(super) fn jump(&self) -> Option<String> {
        let hop = self.all("proxyjump").chain(self.all("proxycommand"));
        hop.filter(|hop| *hop != "none").map(str::to_owned).next()
    }

    /// The file that a new host key is written to; `None` when none is.
    pub(super) fn known_hosts(&self) -> Option<PathBuf> {
        let files = self.all("userknownhostsfile").next()?;
        let words: Vec<&str> = files.split(' ').collect();
        // ssh does not quote what it tells: a name may have spaces.
        let names = (1..=words.len()).map(|n| home(&words.iter().take(n).copied().collect::<Vec<_>>().join(" ")));
        let first = home(words.first()?);
        let file = names.into_iter().find(|name| name.is_file()).unwrap_or(first);
        (file.is_absolute() && file != Path::new("/dev/null")).then_some(file)
    }

    /// The keys that are offered to the host, in words.
    pub(super) async fn offered(&self) -> String {
        let mut files: Vec<&str> = self.all("identityfile").filter(|file| home(file).is_file()).collect();
        files.dedup();
        let mut offered: Vec<String> = files.into_iter().map(str::to_owned).collect();
        offered.push(self.agent().await);
        offered.join(", ")
    }

    async fn agent(&self) -> String {
        let mut list = Command::new("ssh-add");
        list.arg("-l");
        match self.all("identityagent").next() {
            Some("none") => return "and no agent (IdentityAgent none)".to_owned(),
            Some(socket) if socket != "SSH_AUTH_SOCK" => drop(list.env("SSH_AUTH_SOCK", home(socket))),
            _ if std::env::var_os("SSH_AUTH_SOCK").is_none() => {
                return "and no agent (SSH_AUTH_SOCK is not set)".to_owned();
            }
            _ => {}
        }
        match said(list, b"").await {
            Some((Some(0), keys)) => match keys.lines().count() {
                1 => "and 1 key of the agent".to_owned(),
                keys => format!("and {keys} keys of the agent"),
            },
            Some((Some(1), _)) => "and the agent holds no key".to_owned(),
            _ => "and the agent does not answer".to_owned(),
        }
    }
}

/// A file as ssh names it.
fn home(file: &str) -> PathBuf {
    match (file.strip_prefix("~/"), std::env::home_dir()) {
        (Some(below), Some(home)) => home.join(below),
        _ => PathBuf::from(file),
    }
}

/// The fingerprint and the kind of the key in a line of known hosts.
pub(super) async fn fingerprint(line: &str) -> Option<(SmolStr, SmolStr)> {
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-l", "-f", "-"]);
    let (_, text) = said(keygen, format!("{line}\n").as_bytes()).await?;
    // 256 SHA256:… [10.0.0.9]:2222 (ED25519)
    let words: Vec<&str> = text.lines().next()?.split_whitespace().collect();
    let fingerprint = words.get(1).filter(|word| word.contains(':'))?;
    let kind = words.last()?.trim_matches(['(', ')']);
    Some((SmolStr::new(fingerprint), SmolStr::new(kind)))
}

/// The fingerprint of the key in one line of a file.
pub(super) async fn fingerprint_at(file: &Path, line: usize) -> Option<String> {
    let text = tokio::fs::read_to_string(file).await.ok()?;
    let line = text.lines().nth(line.checked_sub(1)?)?;
    fingerprint(line).await.map(|(fingerprint, _)| fingerprint.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_read_as_ssh_tells_it() {
        let own = Own::parse(
            "user pi\nproxyjump gate\nproxycommand none\nuserknownhostsfile /nowhere/known_hosts /nowhere/other\n",
        );
        assert_eq!(own.jump().as_deref(), Some("gate"));
        assert_eq!(own.known_hosts(), Some(PathBuf::from("/nowhere/known_hosts")));
        assert_eq!(Own::parse("userknownhostsfile none\n").known_hosts(), None);
        assert_eq!(Own::parse("userknownhostsfile /dev/null\n").known_hosts(), None);
        assert_eq!(Own::parse("").known_hosts(), None);
    }

    #[test]
    fn a_file_with_spaces_in_its_name_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("known hosts");
        std::fs::write(&file, "").unwrap();
        let own = Own::parse(&format!("userknownhostsfile {} /nowhere/other\n", file.display()));
        assert_eq!(own.known_hosts(), Some(file));
    }
}
