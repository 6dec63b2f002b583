//! The local file with the key of a VPN that hosts join first, as K3s' `vpn-auth-file` has it. Its content goes to the
//! hosts, on standard input, and nowhere else.

use std::path::{Path, PathBuf};

use super::private_file::{self, PrivateFileError};
use crate::provider::Secret;

/// No such file is near this size, in bytes.
const LARGEST: u64 = 64 << 10;

/// Why a file is no key of a VPN. Nothing of its content is told.
#[derive(Debug, thiserror::Error)]
pub enum VpnAuthError {
    /// It cannot be read, or is not its owner's alone.
    #[error("the VPN's key: {0}")]
    File(#[from] PrivateFileError),
    /// It is not what K3s takes.
    #[error("the VPN's key {}: expected name=tailscale,joinKey=… as K3s' vpn-auth-file has it", .0.display())]
    Shape(PathBuf),
}

/// Reads the key, if the file is one that only its owner reads. A path below `~` is one below the home directory.
pub fn read_vpn_auth(file: &Path) -> Result<Secret, VpnAuthError> {
    let key = private_file::read(file, LARGEST)?;
    let is_one = |text: &str| text.split(',').any(|part| part.trim().starts_with("name=")) && !text.contains('\n');
    match is_one(key.expose()) {
        true => Ok(key),
        false => Err(VpnAuthError::Shape(file.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const KEY: &str = "name=tailscale,joinKey=tskey-s3cr3t";

    fn said(text: &str, mode: u32) -> Result<Secret, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("vpn-auth");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        read_vpn_auth(&file).map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_that_others_cannot_read_is_taken() {
        assert_eq!(said(&format!("{KEY}\n"), 0o600).unwrap().expose(), KEY);
        assert_eq!(said(KEY, 0o400).unwrap().expose(), KEY);
    }

    #[test]
    fn one_that_others_can_read_is_refused_with_its_mend() {
        for mode in [0o644, 0o640, 0o604, 0o620] {
            let why = said(KEY, mode).unwrap_err();
            assert!(why.contains("chmod 600 /"), "{why}");
            assert!(!why.contains("s3cr3t"), "{why}");
        }
    }

    #[test]
    fn what_is_no_key_is_told_without_its_content() {
        for text in [
            "",
            "\n",
            "tskey-s3cr3t",
            "joinKey=tskey-s3cr3t",
            "name=tailscale\njoinKey=s3cr3t",
        ] {
            let why = said(text, 0o600).unwrap_err();
            assert!(
                why.contains("expected name=tailscale") && !why.contains("s3cr3t"),
                "{why}"
            );
        }
        let nowhere = read_vpn_auth(Path::new("/nowhere/vpn-auth")).unwrap_err().to_string();
        assert!(
            nowhere.starts_with("the VPN's key: read /nowhere/vpn-auth: "),
            "{nowhere}"
        );
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(matches!(
            read_vpn_auth(dir.path()),
            Err(VpnAuthError::File(PrivateFileError::Read { .. }))
        ));
    }
}
