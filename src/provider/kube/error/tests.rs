//! Words for each kind of trouble.

use super::*;
use crate::fleet::ContextId;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Output};

fn lab() -> KubeContext {
    KubeContext {
        id: ContextId::new("lab"),
        entry: None,
        endpoint: "https://10.0.0.1:6443".into(),
        files: [std::path::PathBuf::from("/home/op/.kube/config")].into(),
    }
}

fn told(trouble: Trouble) -> ProviderError {
    explain(trouble, Call::new("list", "", "nodes"), &lab())
}

fn status(code: u16) -> ProviderError {
    told(Trouble::Refused(Refusal {
        code,
        message: "words".into(),
        ..Refusal::default()
    }))
}

#[test]
fn statuses_have_their_kinds() {
    for (code, kind) in [
        (401, FaultKind::Credentials),
        (403, FaultKind::Denied),
        (404, FaultKind::Unsupported),
        (409, FaultKind::Throttled),
        (410, FaultKind::Other),
        (429, FaultKind::Throttled),
        (500, FaultKind::Other),
        (503, FaultKind::Unreachable),
    ] {
        assert_eq!(status(code).kind, kind, "{code}");
    }
}

#[test]
fn a_denial_names_the_rule_that_grants() {
    assert_eq!(
        status(403).to_string(),
        "list nodes on lab (https://10.0.0.1:6443) failed: 403 words; a ClusterRole bound to this user grants \
         it with the rule - {apiGroups: [\"\"], resources: [nodes], verbs: [list]}"
    );
    let metrics = Call::new("list", "metrics.k8s.io", "nodes");
    assert_eq!(metrics.to_string(), "list nodes.metrics.k8s.io");
    assert!(metrics.rule().contains("apiGroups: [\"metrics.k8s.io\"]"));
    assert!(
        Call::new("get", "", "/version")
            .rule()
            .contains("nonResourceURLs: [\"/version\"]")
    );
}

#[test]
fn a_plugin_is_named_and_its_words_are_not_repeated() {
    let out = Output {
        status: ExitStatus::from_raw(1 << 8),
        stdout: b"s3cr3t".to_vec(),
        stderr: b"s3cr3t".to_vec(),
    };
    let run = |plugin: Option<&str>| {
        let out = Box::new(out.clone());
        let cmd = "\"aws\" --token s3cr3t".to_owned();
        told(Trouble::Client {
            error: kube::Error::Auth(AuthError::AuthExecRun { cmd, out }),
            plugin: plugin.map(str::to_owned),
        })
    };
    for error in [run(Some("aws")), run(None)] {
        assert_eq!(error.kind, FaultKind::Credentials);
        assert!(
            error.message.contains("`aws`") && error.mend.contains("`aws`"),
            "{error}"
        );
        assert!(!format!("{error:?}").contains("s3cr3t"), "{error:?}");
    }
    let absent = io::Error::from(io::ErrorKind::NotFound);
    let start = told(Trouble::Client {
        error: kube::Error::Auth(AuthError::AuthExecStart(absent)),
        plugin: Some("kubelogin".to_owned()),
    });
    assert!(start.mend.contains("install `kubelogin`"), "{start}");
}

#[test]
fn a_failing_plugin_is_found_inside_a_request_error() {
    let inner: Box<dyn StdError + Send + Sync> = AuthError::ExecPluginFailed.into();
    let trouble = Trouble::from(kube::Error::Service(inner));
    assert!(trouble.is_about_credentials());
    assert_eq!(told(trouble).kind, FaultKind::Credentials);
}

#[test]
fn handshake_failures_say_whose_certificate_is_at_fault() {
    let failed = |words: &str| {
        let inner = io::Error::new(io::ErrorKind::InvalidData, words.to_owned());
        told(Trouble::from(kube::Error::Service(inner.into())))
    };
    let theirs = failed("invalid peer certificate: UnknownIssuer");
    assert_eq!(theirs.kind, FaultKind::Unreachable);
    assert!(theirs.mend.contains("certificate authority"), "{theirs}");
    let ours = failed("received fatal alert: CertificateExpired");
    assert_eq!(ours.kind, FaultKind::Credentials);
    assert!(
        failed("failed to lookup address information: Name or service not known")
            .mend
            .contains("DNS")
    );
    assert!(
        failed("received corrupt message of type InvalidContentType")
            .mend
            .contains("TLS")
    );
}

#[test]
fn long_answers_are_shortened_to_a_line() {
    let page = "<html>\n  <p>ä</p>\n".repeat(100);
    let error = told(Trouble::Refused(Refusal {
        code: 500,
        message: page.into(),
        ..Refusal::default()
    }));
    assert!(error.message.starts_with("500 <html> <p>ä</p>"), "{error}");
    assert!(error.message.chars().count() == LONGEST + 1 && error.message.ends_with('…'));
}
