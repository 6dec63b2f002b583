//! shellcheck, which judges the scripts that machines run.

use std::fs;
use std::process::Command;

use super::tool;

/// Fails where it finds anything in one of these scripts, each with its name.
pub(crate) fn judge(scripts: impl IntoIterator<Item = (String, String)>) {
    let Some(program) = tool::find("K3FLEET_SHELLCHECK", "venv/bin/shellcheck") else {
        return;
    };
    for (name, script) in scripts {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("script");
        fs::write(&path, script).unwrap();
        let out = Command::new(&program).args(["-s", "sh"]).arg(&path).output().unwrap();
        assert!(
            out.status.success(),
            "{name}:\n{}",
            String::from_utf8_lossy(&out.stdout)
        );
    }
}
