//! The operator's own public SSH keys, for machines that let their owner in.

use std::path::Path;

use smol_str::SmolStr;

use crate::app::launching::OwnKey;
use crate::ops::launch::SshKey;

/// The public keys that ssh makes, the one to take first.
pub const NAMES: [&str; 3] = ["id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub"];

/// The keys in the `.ssh` of a home directory. What is not there, or no text, is none.
pub fn in_home(home: &Path) -> Vec<OwnKey> {
    let directory = home.join(".ssh");
    let read = |name: &&str| {
        let text = std::fs::read_to_string(directory.join(name)).ok()?;
        let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
        Some(OwnKey {
            file: format!("~/.ssh/{name}"),
            key: SshKey::Public(SmolStr::new(line)),
        })
    };
    NAMES.iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_keys_are_read_the_newest_kind_first() {
        let home = tempfile::tempdir().unwrap();
        assert!(in_home(home.path()).is_empty());
        std::fs::create_dir(home.path().join(".ssh")).unwrap();
        let put = |name: &str, text: &str| std::fs::write(home.path().join(".ssh").join(name), text).unwrap();
        put("id_rsa.pub", "\nssh-rsa AAAAB3 ana@desk\n");
        put("id_ed25519.pub", "ssh-ed25519 AAAAC3 ana@desk\n");
        put("id_ecdsa.pub", "\n");
        put("id_ed25519", "no public key");
        let found = in_home(home.path());
        let files: Vec<_> = found.iter().map(|key| key.file.as_str()).collect();
        assert_eq!(files, ["~/.ssh/id_ed25519.pub", "~/.ssh/id_rsa.pub"]);
        assert_eq!(found[1].key, SshKey::Public("ssh-rsa AAAAB3 ana@desk".into()));
    }
}
