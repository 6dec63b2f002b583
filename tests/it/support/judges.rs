//! cfn-lint and checkov, which judge templates that the project writes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::tool;

/// What checkov finds and we keep: the check, where (a resource's name, or all where it is empty), and why.
pub(crate) type Kept = (&'static str, &'static str, &'static str);

/// cfn-lint finds nothing in templates, or is not there.
pub(crate) fn cfn_lint(files: &[PathBuf]) {
    let Some(program) = tool::find("K3FLEET_CFN_LINT", "venv/bin/cfn-lint") else {
        return;
    };
    let out = Command::new(program)
        .args(["--regions", "eu-west-1", "--format", "parseable", "--"])
        .args(files)
        .output()
        .unwrap();
    let found = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && found.trim().is_empty(), "{found}");
}

/// checkov finds in the templates of a directory what is kept, all of it, and nothing else, and lets more than `least` of its
/// checks pass; or it is not there.
pub(crate) fn checkov(directory: &Path, all_kept: &[Kept], least: u64) {
    let Some(program) = tool::find("K3FLEET_CHECKOV", "checkov/bin/checkov") else {
        return;
    };
    let out = Command::new(program)
        .args([
            "--framework",
            "cloudformation",
            "--output",
            "json",
            "--compact",
            "--quiet",
        ])
        .args(["--soft-fail", "--skip-download", "--directory"])
        .arg(directory)
        .output()
        .unwrap();
    let told: Value = serde_json::from_slice(&out.stdout).unwrap();
    let passed = told["summary"]["passed"].as_u64().unwrap();
    assert!(passed > least, "{}", told["summary"]);
    let mut unused: BTreeSet<_> = all_kept.iter().collect();
    let mut found = vec![];
    for check in told["results"]["failed_checks"].as_array().unwrap() {
        let (id, resource) = (check["check_id"].as_str().unwrap(), check["resource"].as_str().unwrap());
        let name = resource.rsplit('.').next().unwrap();
        let kept = all_kept
            .iter()
            .find(|(kept, of, _)| *kept == id && (of.is_empty() || *of == name));
        match kept {
            Some(kept) => _ = unused.remove(kept),
            None => found.push(format!(
                "{id} {resource} {}: {}",
                check["file_path"], check["check_name"]
            )),
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(unused.is_empty(), "checkov no longer finds {unused:?}");
}
