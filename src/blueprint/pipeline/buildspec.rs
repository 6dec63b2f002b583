//! What CodeBuild runs, as its build specifications have it: YAML, of which each command is a quoted string.

use std::fmt::Write as _;

use serde_json::Value;

use super::Pipeline;
use crate::blueprint::quote::quote;

/// The test: k3fleet is fetched and checked, and runs the command with a cluster of its own.
///
/// `k3fleet ci` destroys that cluster however it ends. Should it be killed itself, the end of the phase does; should
/// CodeBuild's machine go, AWS ends the cluster's machines at their time, and the next build sweeps up the rest.
pub(super) fn test(pipeline: &Pipeline) -> String {
    let words = pipeline
        .flags
        .iter()
        .map(|word| quote(word))
        .collect::<Vec<_>>()
        .join(" ");
    let command = pipeline
        .command
        .iter()
        .map(|word| quote(word))
        .collect::<Vec<_>>()
        .join(" ");
    let minutes = pipeline.minutes;
    let mut run = format!("k3fleet ci \"$CLUSTER\" --ttl {minutes}m --instance-profile \"$MACHINE_PROFILE\" --no-ssh");
    if !words.is_empty() {
        run = format!("{run} {words}");
    }
    written(&[
        (
            "install",
            "commands",
            &[
                "curl --fail --silent --show-error --location --proto '=https' --output /tmp/k3fleet \"$K3FLEET_URL\""
                    .into(),
                "echo \"$K3FLEET_SHA256  /tmp/k3fleet\" | sha256sum --check".into(),
                "install -m 0755 /tmp/k3fleet /usr/local/bin/k3fleet".into(),
            ],
        ),
        (
            "pre_build",
            "commands",
            &[
                format!("export CLUSTER=\"{}$CODEBUILD_BUILD_NUMBER\"", pipeline.prefix()),
                "k3fleet gc --yes || echo 'what earlier builds have left is not swept up whole'".into(),
            ],
        ),
        ("build", "commands", &[format!("{run} -- {command}")]),
        (
            "build",
            "finally",
            // Where it is gone already, as it should be, there is no such cluster: exit code 2.
            &["k3fleet destroy \"$CLUSTER\" --volumes --yes || test $? = 2".into()],
        ),
    ])
}

/// The deployment: what the repository says is applied, and waited for.
pub(super) fn deploy() -> String {
    let (apply, look) = (
        "kubectl apply --namespace \"$NAMESPACE\" --recursive --filename \"$MANIFESTS\"",
        "kubectl get --namespace \"$NAMESPACE\" --recursive --filename \"$MANIFESTS\" --output name",
    );
    let kinds = "grep --extended-regexp '^(deployment|statefulset|daemonset)[.]apps/'";
    let wait = "xargs --no-run-if-empty --max-args 1 kubectl rollout status --namespace \"$NAMESPACE\" --timeout 10m";
    written(&[(
        "build",
        "commands",
        &[
            "aws eks update-kubeconfig --name \"$EKS_CLUSTER\"".into(),
            apply.into(),
            format!("{look} | {kinds} | {wait}"),
        ],
    )])
}

/// Phases, each with a list of commands; lists of the same phase follow each other.
fn written(phases: &[(&str, &str, &[String])]) -> String {
    let mut text = "version: 0.2\nenv:\n  shell: bash\nphases:\n".to_owned();
    let mut last = "";
    for (phase, list, commands) in phases {
        if *phase != last {
            let _ = writeln!(text, "  {phase}:");
            last = phase;
        }
        let _ = writeln!(text, "    {list}:");
        for command in *commands {
            // A string of JSON is one of YAML.
            let _ = writeln!(text, "      - {}", Value::from(command.as_str()));
        }
    }
    text
}
