//! Credentials: read when needed, read anew when refused, and never told.

use k3fleet::fleet::FaultKind;
use k3fleet::provider::Kube;

use super::{Lab, fixture, quick, refusal};
use crate::support::http::{Reply, Server};

/// A server that takes one token only.
async fn takes(token: &'static str) -> Server {
    Server::start(move |request| {
        if request.header("authorization") == Some(&format!("Bearer {token}")) {
            Reply::json(fixture("version.json"))
        } else {
            refusal(401, "error_401_bad_token.json")
        }
    })
    .await
}

#[tokio::test]
async fn refused_credentials_are_read_anew() {
    let server = takes("fresh").await;
    let lab = Lab::new(&server.url(), "{token: stale}", quick());
    let error = lab.api.server().await.expect_err("refused");
    assert_eq!(error.kind, FaultKind::Credentials);
    assert!(error.mend.contains("renew the credentials of context `lab`"), "{error}");
    lab.rewrite(&server.url(), "{token: fresh}");
    lab.api.server().await.expect("the token is read from the file again");
}

#[tokio::test]
async fn a_kubeconfig_that_breaks_meanwhile_is_told_by_place() {
    let server = takes("fresh").await;
    let lab = Lab::new(&server.url(), "{token: fresh}", quick());
    lab.rewrite(&server.url(), "[s3cr3t");
    let error = lab.api.server().await.expect_err("broken");
    assert_eq!(error.call, "read the kubeconfig");
    assert!(error.message.contains("line "), "{error}");
    assert!(!format!("{error:?}").contains("s3cr3t"), "{error:?}");
}

#[cfg(unix)]
mod plugins {
    use super::*;

    fn user(script: &str) -> String {
        serde_json::json!({"exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "sh",
            "args": ["-c", script],
            "interactiveMode": "IfAvailable",
        }})
        .to_string()
    }

    const GIVES: &str = r#"printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"fresh"}}'"#;

    #[tokio::test]
    async fn a_plugin_gives_the_token() {
        let server = takes("fresh").await;
        let lab = Lab::new(&server.url(), &user(GIVES), quick());
        lab.api.server().await.expect("its token is taken");
    }

    #[tokio::test]
    async fn a_plugin_that_fails_is_named_but_not_quoted() {
        let server = takes("fresh").await;
        for script in [
            "echo s3cr3t; echo s3cr3t >&2; exit 3",
            "echo s3cr3t",
            "printf '{\"kind\":\"ExecCredential\"}'",
        ] {
            let lab = Lab::new(&server.url(), &user(script), quick());
            let error = lab.api.server().await.expect_err("no token");
            assert_eq!(error.kind, FaultKind::Credentials, "{error}");
            assert!(error.message.contains("`sh`"), "{error}");
            assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error:?}");
        }
        let missing = r#"{exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-plugin-anywhere}}"#;
        let error = Lab::new(&server.url(), missing, quick())
            .api
            .server()
            .await
            .expect_err("no plugin");
        assert!(error.mend.contains("install `no-such-plugin-anywhere`"), "{error}");
        assert!(server.requests().is_empty());
    }

    #[tokio::test]
    async fn a_plugin_that_hangs_holds_no_other_context() {
        let server = takes("fresh").await;
        let mut pace = quick();
        pace.credentials = std::time::Duration::from_millis(50);
        let directory = tempfile::tempdir().expect("a directory");
        let pipe = directory.path().join("pipe").display().to_string();
        let hanging = Lab::new(
            &server.url(),
            &user(&format!("mkfifo {pipe}; read -r _ < {pipe}")),
            pace,
        );
        let other = Lab::new(&server.url(), "{token: fresh}", quick());
        let (hung, fine) = tokio::join!(hanging.api.server(), other.api.server());
        assert!(hung.expect_err("hangs").message.contains("`read the credentials`"));
        fine.expect("is not concerned");
        std::fs::write(pipe, "").expect("the plugin is let go");
    }
}

#[tokio::test]
async fn certificates_that_cannot_be_used_are_told_by_what_they_are() {
    let broken = r#"{client-certificate: /nonexistent/k3fleet.crt, client-key-data: "%%%"}"#;
    let lab = Lab::new("https://127.0.0.1:1", broken, quick());
    let error = lab.api.server().await.expect_err("no certificate");
    assert_eq!(error.kind, FaultKind::Credentials, "{error}");
    assert!(error.target.contains("lab (https://127.0.0.1:1)"), "{error}");
}

#[tokio::test]
async fn a_port_without_tls_is_told_as_such() {
    let server = takes("fresh").await;
    let url = server.url().replace("http:", "https:");
    let lab = Lab::new(&url, "{}", quick());
    lab.rewrite(
        &format!("{url}\", insecure-skip-tls-verify: true, tls-server-name: \"lab"),
        "{}",
    );
    let error = lab.api.server().await.expect_err("no handshake");
    assert_eq!(error.kind, FaultKind::Unreachable, "{error}");
    assert!(error.mend.contains("does not speak TLS"), "{error}");
}
