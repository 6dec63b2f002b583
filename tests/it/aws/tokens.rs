//! Encrypted parameters, their versions, and launch templates: against moto, and against scripted answers where moto is
//! none or would tell too little.

use k3fleet::fleet::FaultKind;
use k3fleet::provider::{Cloud, CloudControl, ParameterValue, ProviderError, Secret};
use serde_json::{Value, json};

use super::answers::ec2;
use super::launch::{parameter, template};
use super::moto::seen_through;
use super::refusals::refusal;
use super::seed::Seed;
use super::{cloud, options};
use crate::support::http::{Reply, Request, Server};
use crate::support::moto;

const NAME: &str = "/k3fleet/shop/server-token";
const SECRET: &str = "9f86d081884c7d659a2feaa0c55ad015";
/// What it begins with: told of it even so much is too much.
const START: &str = "9f86";

fn no(code: &str, message: &str) -> Reply {
    Reply::json(json!({"__type": code, "message": message}).to_string()).status(400)
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).expect("JSON")
}

#[tokio::test]
async fn tokens_are_kept_in_versions_of_which_each_can_be_read() {
    let Some(account) = moto::account("700000000022").await else {
        return;
    };
    let mut single = options();
    single.page = 1;
    let cloud = seen_through(&account, "eu-west-1", single);
    assert!(cloud.secure(NAME, None).await.expect("an answer").is_none());
    assert_eq!(cloud.parameter_versions(NAME).await.expect("an answer"), []);

    let first = ParameterValue::Secure(Secret::new("first"));
    cloud
        .make_parameter(&parameter("shop", "server-token", first))
        .await
        .expect("made");
    for (number, value) in [(2, "second"), (3, "third")] {
        let version = cloud.put_secure(NAME, &Secret::new(value)).await.expect("put");
        assert_eq!(version, number);
    }
    for (asked, number, value) in [
        (None, 3, "third"),
        (Some(1), 1, "first"),
        (Some(2), 2, "second"),
        (Some(3), 3, "third"),
    ] {
        let (version, secret) = cloud.secure(NAME, asked).await.expect("an answer").expect("a version");
        assert_eq!((version, secret.expose()), (number, value), "{asked:?}");
    }
    assert!(cloud.secure(NAME, Some(9)).await.expect("an answer").is_none());

    let versions = cloud.parameter_versions(NAME).await.expect("versions");
    let numbers: Vec<_> = versions.iter().map(|one| one.version).collect();
    assert_eq!(numbers, [3, 2, 1], "the newest first");
    assert!(
        versions.iter().all(|one| one.by == "N/A"),
        "moto names nobody: {versions:?}"
    );
    let asked = cloud.usage();
    let pages = asked.iter().find(|one| one.api == "ssm:GetParameterHistory");
    assert_eq!(
        pages.map(|one| one.total),
        Some(4),
        "one for none, three pages of one each"
    );
}

#[tokio::test]
async fn calls_say_what_they_mean() {
    let server = Server::script([
        Reply::json(json!({"Parameter": {"Name": NAME, "Value": SECRET, "Version": 4}}).to_string()),
        Reply::json(r#"{"Version": 5, "Tier": "Standard"}"#),
        Reply::json(r#"{"Parameters": []}"#),
    ])
    .await;
    let cloud = cloud(&server.url(), options());
    assert!(cloud.secure(NAME, Some(4)).await.expect("an answer").is_some());
    assert_eq!(cloud.put_secure(NAME, &Secret::new(SECRET)).await.expect("put"), 5);
    assert_eq!(cloud.parameter_versions(NAME).await.expect("an answer"), []);
    let asked: Vec<_> = server.requests().iter().map(body).collect();
    assert_eq!(
        asked,
        [
            json!({"Name": format!("{NAME}:4"), "WithDecryption": true}),
            json!({"Name": NAME, "Value": SECRET, "Type": "SecureString", "Overwrite": true}),
            json!({"Name": NAME, "WithDecryption": false, "MaxResults": 50}),
        ]
    );
}

#[tokio::test]
async fn who_may_not_read_the_history_is_told_the_newest_version() {
    let denied = || {
        no(
            "AccessDeniedException",
            "not authorized to perform: ssm:GetParameterHistory",
        )
    };
    let newest = json!({"Parameters": [{
        "Name": NAME, "Type": "SecureString", "Version": 7, "LastModifiedDate": 1_795_000_000.5,
        "LastModifiedUser": "arn:aws:iam::1:user/ann",
    }]});
    let server = Server::script([denied(), Reply::json(newest.to_string()), denied(), denied()]).await;
    let cloud = cloud(&server.url(), options());
    let versions = cloud.parameter_versions(NAME).await.expect("versions");
    assert_eq!(versions.len(), 1);
    assert_eq!(
        (versions[0].version, versions[0].by.as_str()),
        (7, "arn:aws:iam::1:user/ann")
    );
    assert_eq!(versions[0].at.as_second(), 1_795_000_000);
    let asked = &server.requests()[1];
    assert_eq!(asked.header("x-amz-target"), Some("AmazonSSM.DescribeParameters"));
    assert_eq!(
        body(asked)["ParameterFilters"],
        json!([{"Key": "Name", "Option": "Equals", "Values": [NAME]}])
    );
    let refused = cloud.parameter_versions(NAME).await.expect_err("denied both");
    assert_eq!(refused.call, "ssm:GetParameterHistory");
    assert!(refused.mend.contains("parameter/k3fleet/*"), "{refused}");
}

/// What is told of a failure, in every form it may be written in.
fn told(error: &ProviderError) -> String {
    format!("{error} {error:?}")
}

#[tokio::test]
async fn no_failure_tells_a_secret() {
    let mut once = options();
    once.attempts = 1;
    let quoted = format!("1 validation error detected: Value '{SECRET}' at 'value' failed to satisfy constraint");
    let long = format!("{} {SECRET}", "x".repeat(292));
    for message in [&quoted, &long] {
        let refusal = no("ValidationException", message);
        let server = Server::script([refusal]).await;
        let cloud = cloud(&server.url(), once.clone());
        let refused = cloud.put_secure(NAME, &Secret::new(SECRET)).await.expect_err("refused");
        assert!(!told(&refused).contains(START), "{refused}");
        assert!(refused.message.starts_with("ValidationException: "), "{refused}");
    }

    let whole = json!({"Parameter": {"Name": NAME, "Value": SECRET, "Version": "four"}}).to_string();
    let cut = whole.trim_end_matches('}');
    let kubeconfig = format!(r#"{{"SecretString": {{"{SECRET}": 1}}}}"#);
    let history = format!(r#"{{"Parameters": {{"Value": "{SECRET}"}}}}"#);
    for answer in [whole.as_str(), cut, &kubeconfig, &history, SECRET] {
        for status in [200, 500] {
            let answer = answer.to_owned();
            let server = Server::start(move |_| Reply::json(answer.clone()).status(status)).await;
            let cloud = cloud(&server.url(), once.clone());
            for error in [
                cloud.secure(NAME, None).await.err(),
                cloud.parameter_versions(NAME).await.err(),
                cloud.secret("k3fleet/shop/kubeconfig").await.err(),
                cloud.user_data("k3fleet-shop-server").await.err(),
            ] {
                let told = error.map(|error| told(&error)).unwrap_or_default();
                assert!(!told.contains(SECRET), "{told}");
            }
        }
    }
}

#[tokio::test]
async fn what_tells_no_version_is_malformed() {
    for answer in [
        "{}",
        r#"{"Parameter": {"Value": "x"}}"#,
        r#"{"Parameter": {"Version": 3}}"#,
        r#"{"Version": 0}"#,
    ] {
        let server = Server::start(move |_| Reply::json(answer)).await;
        let cloud = cloud(&server.url(), options());
        for refused in [
            cloud.secure(NAME, None).await.map(drop).expect_err(answer),
            cloud
                .put_secure(NAME, &Secret::new(SECRET))
                .await
                .map(drop)
                .expect_err(answer),
        ] {
            assert_eq!(refused.kind, FaultKind::Malformed, "{refused}");
        }
    }
}

#[tokio::test]
async fn a_template_tells_and_changes_what_its_machines_run() {
    let Some(account) = moto::account("700000000023").await else {
        return;
    };
    let image = Seed::new(&account, "eu-west-1").image().await;
    let cloud = seen_through(&account, "eu-west-1", options());
    let name = "k3fleet-shop-workers";
    assert_eq!(cloud.user_data(name).await.expect("an answer"), None);
    let missing = cloud.renew_template(name, "x").await.expect_err("no template");
    assert!(
        missing.message.contains("no launch template k3fleet-shop-workers"),
        "{missing}"
    );

    cloud
        .make_template(&template("shop", "workers", &image, "sg-1"))
        .await
        .expect("made");
    let first = cloud.user_data(name).await.expect("an answer");
    assert_eq!(first.as_deref(), Some("#!/bin/sh\necho ü\n"));
    cloud
        .renew_template(name, "#!/bin/sh\necho ß\n")
        .await
        .expect("renewed");
    cloud
        .renew_template(name, "#!/bin/sh\necho ß\n")
        .await
        .expect("nothing to do");
    let second = cloud.user_data(name).await.expect("an answer");
    assert_eq!(second.as_deref(), Some("#!/bin/sh\necho ß\n"));
    let usage = cloud.usage();
    let made = usage.iter().find(|one| one.api == "ec2:CreateLaunchTemplateVersion");
    assert_eq!(
        made.map(|one| one.total),
        Some(1),
        "what is there already is not made again"
    );
}

/// A template's newest version, as EC2 describes it.
fn version(number: u32, user_data: &str) -> Reply {
    let versions = format!(
        "<launchTemplateVersionSet><item><launchTemplateName>k3fleet-shop-workers</launchTemplateName>\
         <versionNumber>{number}</versionNumber><launchTemplateData>{user_data}</launchTemplateData></item>\
         </launchTemplateVersionSet>"
    );
    Reply::xml(ec2("DescribeLaunchTemplateVersions", &versions, None))
}

fn made(inner: &str) -> Reply {
    Reply::xml(ec2("CreateLaunchTemplateVersion", inner, None))
}

#[tokio::test]
async fn a_new_version_rests_on_the_newest_and_is_made_once() {
    let mut hasty = options();
    hasty.attempt_timeout = std::time::Duration::from_secs(1);
    let server = Server::script([
        version(4, "<userData>b2xk</userData>"),
        Reply::silence(),
        made(""),
        version(5, "<userData>b2xk</userData>"),
        made(""),
    ])
    .await;
    let cloud = cloud(&server.url(), hasty);
    cloud.renew_template("k3fleet-shop-workers", "new").await.expect("made");
    cloud
        .renew_template("k3fleet-shop-workers", "new")
        .await
        .expect("made after another one");
    let requests = server.requests();
    assert_eq!(requests[0].form("LaunchTemplateVersion.1").as_deref(), Some("$Latest"));
    let fields = |number: usize| {
        let field = |name| requests[number].form(name).unwrap_or_default();
        [
            field("Action"),
            field("LaunchTemplateName"),
            field("SourceVersion"),
            field("LaunchTemplateData.UserData"),
        ]
    };
    for (number, source) in [(1, "4"), (2, "4"), (4, "5")] {
        assert_eq!(
            fields(number),
            ["CreateLaunchTemplateVersion", "k3fleet-shop-workers", source, "bmV3"]
        );
    }
    let token = |number: usize| requests[number].form("ClientToken").expect("a token");
    assert_eq!(token(1), token(2), "a call made again makes nothing more");
    assert_ne!(
        token(2),
        token(4),
        "the same content after another version is another one"
    );
    assert!(token(1).len() <= 64);
}

#[tokio::test]
async fn a_version_that_would_launch_nothing_is_told() {
    let warning = "<warning><errorSet><item><code>InvalidParameterValue</code><message>no such image</message></item>\
                   </errorSet></warning>";
    let server = Server::script([
        version(1, ""),
        made(warning),
        refusal(400, "InvalidLaunchTemplateName.NotFoundException", "gone"),
    ])
    .await;
    let cloud = cloud(&server.url(), options());
    let wrong = cloud
        .renew_template("k3fleet-shop-workers", "new")
        .await
        .expect_err("a warning");
    assert_eq!(wrong.message, "InvalidParameterValue: no such image");
    assert_eq!(cloud.user_data("k3fleet-shop-workers").await.expect("an answer"), None);
}

#[tokio::test]
async fn user_data_that_is_no_text_is_malformed_and_none_is_empty() {
    let server = Server::script([
        version(1, ""),
        version(1, "<userData>%%</userData>"),
        version(1, "<userData>//8=</userData>"),
    ])
    .await;
    let cloud = cloud(&server.url(), options());
    assert_eq!(cloud.user_data("x").await.expect("none").as_deref(), Some(""));
    for _ in 0..2 {
        assert_eq!(
            cloud.user_data("x").await.expect_err("no text").kind,
            FaultKind::Malformed
        );
    }
}
