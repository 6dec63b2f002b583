//! Programs that judge what the project makes, and that `tests/setup` installs.

use std::io::Write;
use std::path::{Path, PathBuf};

/// Where a program is: named by a variable of the environment, installed under `target`, or on the path. `None`, with a
/// printed line, where it is not; with `K3FLEET_REQUIRE_ALL=1` that fails the test instead.
pub(crate) fn find(variable: &str, installed: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join(installed);
    let name = ours.file_name().unwrap_or_default().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|directory| directory.join(&name));
    let mut all = named.into_iter().chain([ours]).chain(on_path);
    let found = all.find(|program| program.is_file());
    if found.is_none() {
        let why = format!("no {}: run tests/setup, or name one in {variable}", name.display());
        let required = std::env::var("K3FLEET_REQUIRE_ALL").is_ok_and(|value| value == "1");
        assert!(!required, "{why}");
        // Past the capture of the test harness: a skipped test must be seen.
        let _ = writeln!(std::io::stderr(), "skipped: {why}");
    }
    found
}
