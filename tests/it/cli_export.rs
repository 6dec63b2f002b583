//! What is written out of highly available clusters, over the simulated world.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::terraform::Terraform;

fn run(home: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_k3fleet"));
    command
        .args(["--demo", "--region", "eu-west-1", "export"])
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null());
    command.output().expect("the program runs")
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn template(home: &Path, args: &[&str]) -> (Value, Output) {
    let output = run(home, args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}", errors(&output));
    let template = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"));
    (template, output)
}

fn kinds(template: &Value) -> Vec<&str> {
    let resources = template["Resources"].as_object().unwrap();
    resources.values().filter_map(|r| r["Type"].as_str()).collect()
}

#[test]
fn the_template_of_a_cluster_is_printed_with_what_is_found_out() {
    let home = tempfile::tempdir().unwrap();
    let (made, output) = template(home.path(), &["cloudformation", "prod2"]);
    assert!(output.stdout.len() < 51_200, "{} bytes", output.stdout.len());
    assert_eq!(output.stdout.iter().filter(|b| **b == b'\n').count(), 1, "one line");
    let vpc = made["Parameters"]["Vpc"]["Default"].as_str().unwrap();
    assert!(vpc.starts_with("vpc-"), "{vpc}");
    let subnets = made["Parameters"]["Subnets"]["Default"].as_str().unwrap();
    assert_eq!(subnets.split(',').count(), 3, "one in each zone: {subnets}");
    let groups = kinds(&made)
        .iter()
        .filter(|k| **k == "AWS::AutoScaling::AutoScalingGroup")
        .count();
    assert_eq!(groups, 2);
    for said in ["/k3fleet/prod2/server-token", "k3fleet-prod2", "CAPABILITY_IAM"] {
        assert!(errors(&output).contains(said), "{said}: {}", errors(&output));
    }
    let (pretty, output) = template(home.path(), &["cloudformation", "prod2", "--pretty"]);
    assert!(output.stdout.iter().filter(|b| **b == b'\n').count() > 100);
    assert_eq!(pretty, made);
}

#[test]
fn what_is_said_is_in_the_template() {
    let home = tempfile::tempdir().unwrap();
    let dsn = home.path().join("dsn");
    fs::write(&dsn, "postgres://k3s:s3cr3t@db.example.com/k3s").unwrap();
    let args = [
        "cloudformation",
        "prod2",
        "--pool=name=gpu,arch=amd64,types=t3.medium,kind=spot-fleet,label=a=b",
        "--store=external",
        "--datastore-dsn-file",
        dsn.to_str().unwrap(),
        "--shared-storage",
        "--vpc-cidr=10.0.0.0/20",
        "--way-out=nat",
        "--zones=2",
    ];
    let output = run(home.path(), &args);
    assert_eq!(output.status.code(), Some(2), "others can read it: {}", errors(&output));
    let closed = Command::new("chmod").arg("600").arg(&dsn).status().unwrap();
    assert!(closed.success());
    let (made, output) = template(home.path(), &args);
    let kinds = kinds(&made);
    for kind in [
        "AWS::EC2::SpotFleet",
        "AWS::EFS::FileSystem",
        "AWS::EC2::VPC",
        "AWS::EC2::NatGateway",
    ] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
    assert!(!made.to_string().contains("s3cr3t") && !errors(&output).contains("s3cr3t"));
    assert!(errors(&output).contains("/k3fleet/prod2/dsn"), "{}", errors(&output));
}

#[test]
fn what_is_wrong_with_it_is_told() {
    let home = tempfile::tempdir().unwrap();
    for (args, code, said) in [
        (&["cloudformation", "Prod", "--servers=4"][..], 3, "ha.servers"),
        (&["cloudformation", "p", "--shape=quick"], 2, "only ha clusters"),
        (
            &["cloudformation", "p", "--subnet=subnet-1", "--vpc=vpc-1"],
            2,
            "there is no VPC vpc-1",
        ),
        (
            &["cloudformation", "p", "--pool=name=a,types=t3.medium+t4g.small"],
            2,
            "t4g.small is arm64",
        ),
        (&["terraform", "p"], 2, "--directory"),
    ] {
        let output = run(home.path(), args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", errors(&output));
        assert!(errors(&output).contains(said), "{args:?}: {}", errors(&output));
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn the_module_is_as_terraform_has_it() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("module");
    let module = directory.to_str().unwrap();
    let output = run(home.path(), &["terraform", "prod2", "--directory", module, "--ingress"]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let made: Value = serde_json::from_slice(&fs::read(directory.join("template.json")).unwrap()).unwrap();
    let (alone, _) = template(home.path(), &["cloudformation", "prod2", "--ingress"]);
    assert_eq!(made, alone);
    let outputs = fs::read_to_string(directory.join("outputs.tf")).unwrap();
    assert!(outputs.contains("output \"api_endpoint\""), "{outputs}");
    insta::assert_snapshot!("module_main", fs::read_to_string(directory.join("main.tf")).unwrap());

    let again = run(home.path(), &["terraform", "prod2", "--directory", module, "--ingress"]);
    assert_eq!(again.status.code(), Some(0), "the same again: {}", errors(&again));
    let other = run(home.path(), &["terraform", "prod3", "--directory", module]);
    assert_eq!(other.status.code(), Some(2), "{}", errors(&other));
    assert!(errors(&other).contains("is there already"), "{}", errors(&other));

    match Command::new("terraform")
        .args(["fmt", "-check", "-diff"])
        .arg(&directory)
        .output()
    {
        Ok(checked) => assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout)),
        Err(error) => eprintln!("skipped: terraform fmt -check of the module ({error})"),
    }
}

#[test]
fn the_module_is_valid_to_terraform_and_to_the_provider() {
    let home = tempfile::tempdir().unwrap();
    let everything = [
        "--store=aurora:0.5-4",
        "--shared-storage",
        "--ingress",
        "--vpc-cidr=10.0.0.0/20",
        "--way-out=nat",
        "--pool=name=gpu,arch=amd64,types=t3.medium,kind=spot-fleet",
    ];
    for (name, flags) in [("plain", &[][..]), ("whole", &everything[..])] {
        let directory = home.path().join(name);
        let module = ["terraform", name, "--directory", directory.to_str().unwrap()];
        let output = run(home.path(), &[&module[..], flags].concat());
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        let Some(terraform) = Terraform::ready(&directory) else {
            return;
        };
        let told: Value = serde_json::from_str(&terraform.run(&["validate", "-json"])).unwrap();
        assert_eq!(
            (&told["valid"], &told["diagnostics"]),
            (&true.into(), &serde_json::json!([]))
        );
    }
}
