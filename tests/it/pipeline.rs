//! The template of a pipeline that tests in clusters of its own, as cfn-lint and checkov judge it, and what its role lets
//! k3fleet do.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::judges::{self, Kept};

/// What checkov finds and we keep: the check, the resource, and why.
const KEPT: &[Kept] = &[
    (
        "CKV_AWS_18",
        "Artifacts",
        "a log would need a second bucket, and the source in it is gone within weeks",
    ),
    (
        "CKV_AWS_158",
        "TestLog",
        "encrypted with AWS' own key; the command that tests must log no secret",
    ),
    ("CKV_AWS_158", "DeployLog", "as above"),
];

fn run(home: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_k3fleet"));
    command
        .args(["--demo", "--region", "eu-west-1"])
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null());
    let output = command.output().expect("the program runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {errors}");
    output
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

const ALL: [&str; 22] = [
    "export",
    "codepipeline",
    "shop",
    "--connection=arn:aws:codeconnections:eu-west-1:123456789012:connection/0f1e2d3c",
    "--repository=ana/shop",
    "--branch=trunk",
    "--eks-cluster=prod",
    "--manifests=deploy",
    "--namespace=shop",
    "--k3fleet-url=https://files.example/k3fleet-arm64",
    "--k3fleet-sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "--builder=arm64",
    "--ttl=45m",
    "--spot",
    "--workers=2",
    "--type=t4g.small,t4g.medium",
    "--k3s=v1.36",
    "--",
    "./test.sh",
    "it's",
    "$HOME",
    "\"all\"",
];

/// Templates as files: with nothing said but the command, and with everything.
fn written(home: &Path) -> Vec<PathBuf> {
    let least = ["export", "codepipeline", "least", "--", "true"];
    let all = [("least", &least[..]), ("all", &ALL[..])];
    all.map(|(name, args)| {
        let path = home.join(format!("{name}.json"));
        fs::write(&path, run(home, args).stdout).unwrap();
        path
    })
    .into()
}

fn place() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

#[test]
fn cfn_lint_finds_nothing() {
    let home = place();
    judges::cfn_lint(&written(home.path()));
}

#[test]
fn checkov_finds_nothing_but_what_is_kept_for_a_reason() {
    let home = place();
    written(home.path());
    judges::checkov(home.path(), KEPT, 20);
}

#[test]
fn what_is_not_said_is_asked_for() {
    let home = place();
    let output = run(
        home.path(),
        &["export", "codepipeline", "shop", "--branch=trunk", "--", "true"],
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("CAPABILITY_IAM"), "{said}");
    for name in [
        "Connection",
        "Repository",
        "EksCluster",
        "Manifests",
        "K3fleetUrl",
        "K3fleetSha256",
    ] {
        assert!(said.contains(name), "{name}: {said}");
    }
    assert!(!said.contains("Branch"), "{said}");
}

/// The permissions that the steps of a plan need in AWS.
fn permissions(plan: &Value) -> BTreeSet<String> {
    let steps = plan["steps"].as_array().unwrap().iter();
    let all = steps.flat_map(|step| step["permissions"].as_array().unwrap());
    let named = all.filter_map(Value::as_str).map(str::to_owned);
    // Those of Kubernetes are told in its own words.
    named
        .filter(|one| one.split_once(':').is_some_and(|(service, _)| !service.contains(' ')))
        .collect()
}

#[test]
fn a_tests_role_may_launch_and_destroy_its_clusters_and_touch_no_other() {
    let home = place();
    let template = json(&run(home.path(), &ALL));
    let role = &template["Resources"]["TestRole"]["Properties"];
    let statements = role["Policies"][0]["PolicyDocument"]["Statement"].as_array().unwrap();
    let granted: BTreeSet<String> = statements
        .iter()
        .flat_map(|one| match &one["Action"] {
            Value::Array(several) => several.clone(),
            one => vec![one.clone()],
        })
        .map(|action| action.as_str().unwrap().to_owned())
        .collect();
    let mut needed = BTreeSet::new();
    for flags in [&[][..], &["--spot", "--workers", "2"][..], &["--workers", "1"][..]] {
        let ci = [
            "ci",
            "shop-7",
            "--dry-run",
            "-o",
            "json",
            "--instance-profile",
            "shop",
            "--no-ssh",
        ];
        let plan = json(&run(home.path(), &[&ci[..], flags, &["--", "true"]].concat()));
        needed.extend(permissions(&plan));
    }
    run(
        home.path(),
        &[
            "launch",
            "shop-7",
            "--shape",
            "ci",
            "--workers",
            "2",
            "--instance-profile",
            "shop",
            "--no-ssh",
            "--yes",
        ],
    );
    let destroy = json(&run(
        home.path(),
        &["destroy", "shop-7", "--volumes", "--dry-run", "-o", "json"],
    ));
    needed.extend(permissions(&destroy));
    assert!(
        needed.contains("ec2:TerminateInstances") && needed.contains("ec2:RunInstances"),
        "{needed:?}"
    );
    let lacking: Vec<_> = needed.difference(&granted).collect();
    assert!(lacking.is_empty(), "{lacking:?}");
    let size = role["Policies"][0]["PolicyDocument"].to_string().len();
    assert!(size <= 10_240, "a role's own policies hold so many characters: {size}");
    for one in statements {
        let text = one.to_string();
        assert!(!text.contains("k3fleet:cluster\":\"*\""), "any cluster: {text}");
        assert!(!text.contains("k3fleet/*"), "any cluster: {text}");
    }
}

/// The commands of the phases of a test after the installation, as one script: what fails ends it, after what is run finally.
fn script(spec: &str) -> String {
    let (mut lists, mut finally) = (vec![], vec![]);
    for line in spec.lines().skip_while(|line| *line != "  pre_build:") {
        match line.trim_start().strip_prefix("- ") {
            Some(command) => lists.push(serde_json::from_str::<String>(command).expect("a string")),
            None if line.trim() == "finally:" => finally.append(&mut lists),
            None => {}
        }
    }
    let (before, after) = (finally.join("\n"), lists.join("\n"));
    format!("set -e\nended() {{ {after}\n}}\ntrap ended EXIT\n{before}\n")
}

#[test]
fn what_codebuild_runs_is_run_by_the_real_program() {
    let home = place();
    let program = home.path().join("k3fleet");
    let asks = format!(
        "#!/bin/sh\nexec '{}' --demo --region eu-west-1 \"$@\"\n",
        env!("CARGO_BIN_EXE_k3fleet")
    );
    fs::write(&program, asks).unwrap();
    let made = Command::new("chmod").arg("755").arg(&program).status().unwrap();
    assert!(made.success());
    let says = "echo \"$1 in $K3FLEET_CLUSTER\"; exit $2";
    for code in ["0", "7"] {
        let args = [
            "export",
            "codepipeline",
            "shop",
            "--spot",
            "--ttl=45m",
            "--",
            "sh",
            "-c",
            says,
            "x",
            "it's",
            code,
        ];
        let template = json(&run(home.path(), &args));
        let spec = template["Resources"]["TestProject"]["Properties"]["Source"]["BuildSpec"]
            .as_str()
            .unwrap();
        let output = Command::new("bash")
            .args(["-c", &script(spec)])
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", format!("{}:/usr/bin:/bin", home.path().display()))
            .env("CODEBUILD_BUILD_NUMBER", "7")
            .env("MACHINE_PROFILE", "shop")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code().map(|code| code.to_string()).as_deref(),
            Some(code),
            "{errors}"
        );
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.lines().any(|line| line == "it's in shop-7"), "{said}{errors}");
        assert!(errors.contains("shop-7 is destroyed"), "{errors}");
        assert!(
            errors.contains("nothing carries its tag"),
            "the second destroy finds nothing: {errors}"
        );
    }
}
