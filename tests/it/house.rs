//! The house rules of `src/`: who may know whom, and what the pure parts must not touch.

use std::fs;
use std::path::{Path, PathBuf};

/// Each part of the crate with the parts it may name.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("fleet", &[]),
    ("blueprint", &["fleet"]),
    ("config", &["fleet"]),
    ("provider", &["fleet", "blueprint"]),
    ("feeds", &["fleet", "provider"]),
    ("ops", &["fleet", "blueprint", "provider"]),
    ("app", &["fleet", "ops"]),
    ("tui", &["app", "fleet"]),
    (
        "runtime",
        &["fleet", "blueprint", "config", "provider", "feeds", "ops", "app", "tui"],
    ),
    (
        "cli",
        &[
            "fleet",
            "blueprint",
            "config",
            "provider",
            "feeds",
            "ops",
            "app",
            "tui",
            "runtime",
        ],
    ),
];

/// Parts without runtime, SDK, clock or I/O.
const PURE: &[&str] = &["fleet", "blueprint", "app", "tui"];

/// What pure code never names.
const IMPURE: &[&str] = &[
    "tokio::",
    "aws_",
    "kube::",
    "crossterm::",
    "std::fs",
    "std::net::Tcp",
    "std::env",
    "std::process",
    "std::thread",
    "Timestamp::now",
    "Instant::now",
    "SystemTime",
];

/// All source files but those of unit tests.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name().into_string().unwrap();
        if ["tests", "testing"]
            .iter()
            .any(|own| name.trim_end_matches(".rs").ends_with(own))
        {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

/// The lines of code of a file, with their numbers; comments and unit tests are left out.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text
        .lines()
        .enumerate()
        .take_while(|(_, line)| !line.trim_start().starts_with("#[cfg(test)]"));
    let code = lines.filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.map(|(i, line)| (i + 1, line.to_owned())).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn parts_named(line: &str) -> Vec<&str> {
    let names = line.split("crate::").skip(1);
    names
        .map(|rest| {
            rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
                .unwrap_or_default()
        })
        .collect()
}

#[test]
fn each_part_knows_only_those_it_may() {
    let parts: Vec<&str> = MAY_KNOW.iter().map(|(part, _)| *part).collect();
    let mut broken = vec![];
    for (part, allowed) in MAY_KNOW.iter().filter(|(part, _)| root().join(part).is_dir()) {
        for file in sources(&root().join(part)) {
            for (number, line) in code(&file) {
                for named in parts_named(&line) {
                    if named != *part && parts.contains(&named) && !allowed.contains(&named) {
                        broken.push(format!("{}:{number}: {part} names {named}", file.display()));
                    }
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_part_has_a_rule() {
    for entry in fs::read_dir(root())
        .unwrap()
        .map(Result::unwrap)
        .filter(|e| e.path().is_dir())
    {
        let name = entry.file_name().into_string().unwrap();
        assert!(
            MAY_KNOW.iter().any(|(part, _)| *part == name),
            "no rule says whom src/{name} may know"
        );
    }
}

#[test]
fn pure_parts_touch_nothing() {
    let mut broken = vec![];
    for part in PURE.iter().filter(|part| root().join(part).is_dir()) {
        for file in sources(&root().join(part)) {
            for (number, line) in code(&file) {
                for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                    broken.push(format!("{}:{number}: {word}", file.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn only_the_live_adapters_name_an_sdk() {
    let mut broken = vec![];
    for file in sources(&root()) {
        let name = file.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        for (number, line) in code(&file) {
            let aws = ["aws_sdk", "aws_config", "aws_smithy", "aws_credential"]
                .iter()
                .any(|w| line.contains(w));
            let kube = line.contains("k8s_openapi") || line.trim_start().starts_with("use kube::");
            if (aws && !name.starts_with("provider/aws")) || (kube && !name.starts_with("provider/kube")) {
                broken.push(format!("{name}:{number}: {}", line.trim()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
