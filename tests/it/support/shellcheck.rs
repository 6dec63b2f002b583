//! shellcheck, which judges the scripts that machines run.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where it is installed.
fn program() -> Option<PathBuf> {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv/bin/shellcheck");
    let named = std::env::var_os("K3FLEET_SHELLCHECK").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|directory| directory.join("shellcheck"));
    let mut all = named.into_iter().chain([ours]).chain(on_path);
    all.find(|program| program.is_file())
}

/// Fails where it finds anything in one of these scripts, each with its name.
pub(crate) fn judge(scripts: impl IntoIterator<Item = (String, String)>) {
    let Some(program) = program() else {
        let why = "no shellcheck: run tests/setup, or name one in K3FLEET_SHELLCHECK";
        let all = std::env::var("K3FLEET_REQUIRE_ALL").is_ok_and(|value| value == "1");
        assert!(!all, "{why}");
        let _ = writeln!(std::io::stderr(), "skipped: {why}");
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
