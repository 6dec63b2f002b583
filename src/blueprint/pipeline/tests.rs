use std::process::Command;

use proptest::prelude::*;

use super::*;

fn pipeline(command: &[&str]) -> Pipeline {
    Pipeline {
        name: "shop".into(),
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        flags: vec!["--spot".into(), "--type".into(), "t4g.small".into()],
        minutes: 30,
        builder: Arch::Amd64,
        given: Given::default(),
    }
}

fn template() -> Value {
    let statement = json!({"Sid": "Launch", "Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "*"});
    pipeline(&["./test.sh"]).template(&[statement])
}

fn of<'a>(template: &'a Value, name: &str) -> &'a Value {
    &template["Resources"][name]["Properties"]
}

/// The commands of a build specification: phase, list, command.
fn commands(spec: &str) -> Vec<(String, String, String)> {
    let (mut phase, mut list, mut all) = (String::new(), String::new(), vec![]);
    for line in spec.lines().skip_while(|line| *line != "phases:").skip(1) {
        let bare = line.trim_start();
        match (line.len() - bare.len(), bare.strip_prefix("- ")) {
            (2, _) => phase = bare.trim_end_matches(':').to_owned(),
            (4, _) => list = bare.trim_end_matches(':').to_owned(),
            (6, Some(command)) => {
                let command: String = serde_json::from_str(command).unwrap();
                all.push((phase.clone(), list.clone(), command));
            }
            _ => panic!("{line:?}"),
        }
    }
    all
}

fn spec<'a>(template: &'a Value, project: &str) -> &'a str {
    of(template, project)["Source"]["BuildSpec"].as_str().unwrap()
}

#[test]
fn nothing_is_deployed_that_was_not_tested() {
    let template = template();
    let stages = of(&template, "Pipeline")["Stages"].as_array().unwrap();
    let projects: Vec<_> = stages
        .iter()
        .map(|stage| &stage["Actions"][0]["Configuration"]["ProjectName"]["Ref"])
        .collect();
    assert_eq!(projects, [&Value::Null, &"TestProject".into(), &"DeployProject".into()]);
    let whole = stages
        .iter()
        .all(|stage| stage["Actions"].as_array().unwrap().len() == 1);
    assert!(whole, "one action a stage: none goes on beside another");
    // Both get what the source gave, and neither what the other made of it.
    for stage in &stages[1..] {
        assert_eq!(stage["Actions"][0]["InputArtifacts"], json!([{"Name": "Source"}]));
    }
}

#[test]
fn a_tests_cluster_goes_whatever_comes_of_the_test() {
    let template = template();
    let all = commands(spec(&template, "TestProject"));
    let build = all
        .iter()
        .find(|(phase, list, _)| (phase.as_str(), list.as_str()) == ("build", "commands"));
    let run = &build.unwrap().2;
    assert!(run.starts_with("k3fleet ci \"$CLUSTER\" --ttl 30m "), "{run}");
    assert!(run.ends_with("'--spot' '--type' 't4g.small' -- './test.sh'"), "{run}");
    let last = all.last().unwrap();
    assert_eq!((last.0.as_str(), last.1.as_str()), ("build", "finally"));
    assert!(
        last.2.starts_with("k3fleet destroy \"$CLUSTER\" --volumes --yes"),
        "{}",
        last.2
    );
    assert!(
        all.iter()
            .any(|(phase, _, command)| phase == "pre_build" && command.starts_with("k3fleet gc --yes"))
    );
    let minutes = of(&template, "TestProject")["TimeoutInMinutes"].as_u64().unwrap();
    assert!(minutes > 30, "the build outlives its cluster: {minutes}");
}

#[test]
fn k3fleet_is_checked_before_it_runs_and_comes_from_nowhere_by_itself() {
    let template = template();
    let all = commands(spec(&template, "TestProject"));
    let at = |part: &str| all.iter().position(|(_, _, command)| command.contains(part)).unwrap();
    assert!(at("curl") < at("sha256sum --check") && at("sha256sum --check") < at("install -m"));
    assert!(at("install -m") < at("k3fleet gc"));
    for name in [
        "K3fleetUrl",
        "K3fleetSha256",
        "Connection",
        "Repository",
        "EksCluster",
        "Manifests",
    ] {
        assert!(template["Parameters"][name].get("Default").is_none(), "{name}");
    }
    let mut known = pipeline(&["true"]);
    known.given.url = Some("https://files.example/k3fleet".into());
    let default = &known.template(&[])["Parameters"]["K3fleetUrl"]["Default"];
    assert_eq!(default, "https://files.example/k3fleet");
}

fn actions(template: &Value, role: &str) -> Vec<String> {
    let statements = of(template, role)["Policies"][0]["PolicyDocument"]["Statement"]
        .as_array()
        .unwrap();
    let all = statements.iter().flat_map(|one| match &one["Action"] {
        Value::Array(several) => several.clone(),
        one => vec![one.clone()],
    });
    all.map(|action| action.as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_role_may_do_its_own_part() {
    let template = template();
    assert_eq!(
        actions(&template, "DeployRole"),
        [
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "s3:GetObject",
            "s3:GetObjectVersion",
            "eks:DescribeCluster"
        ]
    );
    assert_eq!(
        actions(&template, "MachineRole"),
        ["ssm:GetParameter", "secretsmanager:PutSecretValue"]
    );
    let machines = of(&template, "MachineRole").to_string();
    assert!(
        machines.contains("parameter/k3fleet/shop-*-token")
            && machines.contains("secret:k3fleet/shop-*/kubeconfig-??????")
    );
    let test = actions(&template, "TestRole");
    assert!(test.contains(&"ec2:RunInstances".to_owned()));
    let iam: Vec<_> = test.iter().filter(|action| action.starts_with("iam:")).collect();
    assert_eq!(iam, ["iam:PassRole"], "the machines' role alone is handed on");
    for role in ["PipelineRole", "TestRole", "MachineRole", "DeployRole"] {
        assert!(
            actions(&template, role).iter().all(|action| !action.contains('*')),
            "{role}"
        );
    }
    let entry = of(&template, "DeployAccess");
    assert_eq!(entry["AccessPolicies"][0]["AccessScope"]["Type"], "namespace");
}

#[test]
fn the_source_is_kept_closed_and_not_for_long() {
    let template = template();
    let bucket = of(&template, "Artifacts");
    let blocked = bucket["PublicAccessBlockConfiguration"].as_object().unwrap();
    assert!(blocked.len() == 4 && blocked.values().all(|value| value == true));
    assert_eq!(bucket["VersioningConfiguration"]["Status"], "Enabled");
    assert!(bucket["BucketEncryption"].is_object());
    assert!(bucket["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"].is_u64());
}

#[test]
fn the_longest_name_leaves_a_cluster_its_own() {
    let mut longest = pipeline(&["true"]);
    longest.name = "n".repeat(NAME_LIMIT).into();
    assert_eq!(longest.check(), []);
    let cluster = format!("{}9999999", longest.prefix());
    let mut spec = crate::blueprint::example();
    spec.name = cluster.as_str().into();
    assert_eq!(spec.check(), [], "{cluster}");
    let name = of(&longest.template(&[]), "Pipeline")["Name"].as_str().unwrap().len();
    assert!(name <= 100, "CodePipeline takes 100: {name}");
}

#[test]
fn what_cannot_be_is_told() {
    let faults = |change: fn(&mut Pipeline)| {
        let mut pipeline = pipeline(&["true"]);
        change(&mut pipeline);
        pipeline
            .check()
            .into_iter()
            .map(|fault| fault.field)
            .collect::<Vec<_>>()
    };
    assert_eq!(faults(|_| ()), [""; 0]);
    assert_eq!(faults(|p| p.name = "Shop".into()), ["name"]);
    assert_eq!(faults(|p| p.name = "n".repeat(NAME_LIMIT + 1).into()), ["name"]);
    assert_eq!(faults(|p| p.command = vec![]), ["command"]);
    assert_eq!(faults(|p| p.command = vec!["a\u{1b}".into()]), ["command"]);
    assert_eq!(faults(|p| p.minutes = 4), ["ttl"]);
    assert_eq!(
        faults(|p| p.given.url = Some("http://files.example".into())),
        ["k3fleet-url"]
    );
    assert_eq!(faults(|p| p.given.sha256 = Some("abc".into())), ["k3fleet-sha256"]);
    assert_eq!(faults(|p| p.given.manifests = Some("-rf".into())), ["manifests"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_command_is_run_as_it_was_said(words in prop::collection::vec("[ -~\n\t]{0,12}", 1..4)) {
        prop_assume!(!words[0].is_empty());
        let said: Vec<&str> = words.iter().map(String::as_str).collect();
        let template = pipeline(&said).template(&[]);
        let all = commands(spec(&template, "TestProject"));
        let run = &all.iter().find(|(_, list, command)| list == "commands" && command.starts_with("k3fleet ci")).unwrap().2;
        let script = format!("k3fleet() {{ while [ \"$1\" != -- ]; do shift; done; shift; printf '%s\\037' \"$@\"; }}\n{run}");
        let ran = Command::new("sh").args(["-c", &script]).output().unwrap();
        let expected: String = said.iter().map(|word| format!("{word}\u{1f}")).collect();
        prop_assert_eq!(String::from_utf8(ran.stdout).unwrap(), expected);
    }
}
