//! The ordinary credential chain and configuration. They are read from the environment, so each case runs in a process
//! of its own: this test binary again, told to run [`child`] alone.

use std::path::Path;
use std::process::{Command, Output};

use k3fleet::provider::Cloud;
use k3fleet::provider::aws::{connect, default_region};

use super::options;
use crate::support::http::{Reply, Server};

const IDENTITY: &str = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
    <GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";

/// What a child process does: it connects and asks for the account.
#[tokio::test]
#[ignore = "run by the other tests of this file, each time in another environment"]
async fn child() {
    let profile = std::env::var("CHAIN_PROFILE").ok();
    let region = default_region(profile.as_deref()).await.expect("a region");
    println!("region={region};");
    let cloud = connect(profile.as_deref(), &region, options()).await.expect("a cloud");
    match cloud.account().await {
        Ok(account) => println!("account={account};"),
        Err(refused) => println!("kind={:?}; {refused};", refused.kind),
    }
}

/// Runs [`child`] in an environment that holds nothing but this.
async fn run(home: &Path, environment: &[(&'static str, String)]) -> String {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command
        .args(["--exact", "aws::chain::child", "--ignored", "--nocapture"])
        .env_clear()
        .env("HOME", home)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(environment.iter().map(|(key, value)| (*key, value.clone())));
    let Output { stdout, stderr, status } = tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("no panic")
        .expect("it runs");
    let said = String::from_utf8_lossy(&stdout).into_owned();
    assert!(status.success(), "{said}\n{}", String::from_utf8_lossy(&stderr));
    said
}

#[tokio::test]
async fn keys_region_and_endpoint_come_from_the_environment() {
    let server = Server::script([Reply::xml(IDENTITY)]).await;
    let home = tempfile::tempdir().expect("a directory");
    let said = run(
        home.path(),
        &[
            ("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "x".to_owned()),
            ("AWS_REGION", "eu-north-1".to_owned()),
            ("AWS_ENDPOINT_URL", server.url()),
        ],
    )
    .await;
    assert!(
        said.contains("region=eu-north-1;") && said.contains("account=123456789012;"),
        "{said}"
    );
    let request = &server.requests()[0];
    let signature = request.header("authorization").expect("signed");
    assert!(
        signature.contains("AKIAENVIRONMENT/") && signature.contains("/eu-north-1/sts/"),
        "{signature}"
    );
    let agent = request.header("x-amz-user-agent").expect("the SDK's user agent");
    assert!(agent.contains("app/k3fleet"), "{agent}");
}

#[tokio::test]
async fn a_profile_brings_its_region_its_endpoint_and_a_process_for_keys() {
    let server = Server::script([Reply::xml(IDENTITY)]).await;
    let home = tempfile::tempdir().expect("a directory");
    let directory = home.path().join(".aws");
    std::fs::create_dir(&directory).expect("made");
    let keys = directory.join("keys.json");
    std::fs::write(
        &keys,
        r#"{"Version": 1, "AccessKeyId": "ASIAPROCESS", "SecretAccessKey": "x", "SessionToken": "y"}"#,
    )
    .expect("written");
    let config = format!(
        "[default]\nregion = us-east-2\n\n[profile prod]\nregion = eu-west-3\nendpoint_url = {}\n\
         credential_process = /bin/cat {}\n",
        server.url(),
        keys.display()
    );
    std::fs::write(directory.join("config"), config).expect("written");
    let said = run(home.path(), &[("CHAIN_PROFILE", "prod".to_owned())]).await;
    assert!(
        said.contains("region=eu-west-3;") && said.contains("account=123456789012;"),
        "{said}"
    );
    let signature = server.requests()[0].header("authorization").expect("signed").to_owned();
    assert!(signature.contains("ASIAPROCESS/"), "{signature}");
}

#[tokio::test]
async fn no_credentials_at_all_say_how_to_get_some() {
    let home = tempfile::tempdir().expect("a directory");
    let said = run(home.path(), &[("AWS_REGION", "eu-north-1".to_owned())]).await;
    assert!(said.contains("kind=Credentials;"), "{said}");
    assert!(said.contains("sts:GetCallerIdentity on eu-north-1 failed"), "{said}");
    assert!(said.contains("AWS_PROFILE"), "{said}");
}

#[tokio::test]
async fn a_profile_that_is_not_there_is_named() {
    let home = tempfile::tempdir().expect("a directory");
    let environment = [
        ("AWS_REGION", "eu-north-1".to_owned()),
        ("CHAIN_PROFILE", "prdo".to_owned()),
    ];
    let said = run(home.path(), &environment).await;
    assert!(said.contains("kind=Credentials;") && said.contains("prdo"), "{said}");
    assert!(said.contains("aws configure sso --profile prdo"), "{said}");
}

/// A profile that logs in through IAM Identity Center, with the session that an earlier login left behind.
fn sso_profile(home: &Path, session: Option<&str>) {
    let directory = home.join(".aws");
    // The name of a session's file is the SHA-1 of `corp`.
    let cache = directory.join("sso/cache");
    std::fs::create_dir_all(&cache).expect("made");
    let config = "[profile prod]\nregion = eu-west-3\nsso_session = corp\nsso_account_id = 123456789012\n\
        sso_role_name = Viewer\n\n[sso-session corp]\nsso_region = eu-west-3\n\
        sso_start_url = https://corp.example/start\n";
    std::fs::write(directory.join("config"), config).expect("written");
    if let Some(session) = session {
        std::fs::write(cache.join(CORP), session).expect("written");
    }
}

const CORP: &str = "ee0bfd2552fbd840c02cc48b6e823320543c450f.json";

#[tokio::test]
async fn an_sso_session_that_has_expired_or_never_began_says_how_to_log_in() {
    let expired = r#"{"startUrl": "https://corp.example/start", "region": "eu-west-3", "accessToken": "a",
        "expiresAt": "2020-11-22T12:00:00Z"}"#;
    for session in [Some(expired), None] {
        let home = tempfile::tempdir().expect("a directory");
        sso_profile(home.path(), session);
        let said = run(home.path(), &[("CHAIN_PROFILE", "prod".to_owned())]).await;
        assert!(said.contains("kind=Credentials;"), "{said}");
        assert!(said.contains("`aws sso login --profile prod`"), "{said}");
    }
}
