//! The end of a command in all its forms, and the wait for it.

use std::sync::Mutex;

use aws_sdk_ssm::types::CommandInvocationStatus;

use super::*;

const PACE: Duration = Duration::from_secs(2);

fn told(status: &str, details: &str, stdout: &str, stderr: &str) -> GetCommandInvocationOutput {
    GetCommandInvocationOutput::builder()
        .status(CommandInvocationStatus::from(status))
        .status_details(details)
        .response_code(3)
        .standard_output_content(stdout)
        .standard_error_content(stderr)
        .build()
}

fn refusal(kind: FaultKind) -> ProviderError {
    ProviderError {
        kind,
        call: GET.into(),
        target: "prod/eu-west-1".into(),
        message: "x".into(),
        mend: SmolStr::default(),
    }
}

#[test]
fn each_end_of_a_command_has_its_words() {
    assert_eq!(why(&told("Success", "Success", "done", "")), None);
    for (status, details, kind, words) in [
        ("TimedOut", "DeliveryTimedOut", FaultKind::Unreachable, "has not taken"),
        (
            "TimedOut",
            "Delivery Timed Out",
            FaultKind::Unreachable,
            "has not taken",
        ),
        ("Failed", "Undeliverable", FaultKind::Unreachable, "cannot be delivered"),
        ("TimedOut", "ExecutionTimedOut", FaultKind::Other, "did not end in time"),
        ("Cancelled", "Cancelled", FaultKind::Other, "cancelled"),
        ("Failed", "Terminated", FaultKind::Other, "cancelled"),
        ("Failed", "AccessDenied", FaultKind::Denied, "SSM may not run"),
        ("Failed", "Failed", FaultKind::Other, "ended with code 3"),
    ] {
        let (told, message, mend) = why(&told(status, details, "", "")).unwrap();
        assert_eq!(told, kind, "{details}");
        assert!(message.contains(words), "{details}: {message}");
        assert_eq!(mend == MEND, kind == FaultKind::Unreachable, "{details}");
    }
}

#[test]
fn a_script_that_fails_is_quoted_and_the_agent_is_not() {
    let agents = "failed to run commands: exit status 1";
    for (stdout, stderr, said) in [
        (
            "",
            format!("failed: no room on the disk\n{agents}\n"),
            "no room on the disk",
        ),
        ("failed: in stdout\nand more", agents.to_owned(), "in stdout"),
        ("first\nlast\n\n", agents.to_owned(), "last"),
        (
            "first",
            format!("sh: 1: k3s: not found\n{agents}"),
            "sh: 1: k3s: not found",
        ),
        ("", "failed: \u{1b}[31mred\u{7}\r\n".to_owned(), "[31mred"),
    ] {
        let (_, message, _) = why(&told("Failed", "Failed", stdout, &stderr)).unwrap();
        assert_eq!(message, said);
    }
    let late = told("TimedOut", "Execution Timed Out", "stopping K3s\n", "");
    assert!(why(&late).unwrap().1.ends_with("it said last: stopping K3s"));
}

#[test]
fn no_value_of_a_parameter_gets_into_a_command() {
    for text in [
        "version='{{ssm:/k3fleet/shop/server-token}}'",
        "{{  ssm-secure:x}}",
        "{{\n\tssm:x",
    ] {
        assert!(names_parameter(text), "{text}");
    }
    for text in [
        "",
        "ssm get-parameter",
        "kubectl -o 'go-template={{.metadata}}'",
        "{ {ssm:x}}",
    ] {
        assert!(!names_parameter(text), "{text}");
    }
}

/// What `watched` gives when the looks go so, and how many were made after how long.
async fn watching(
    looks: impl Fn(usize) -> Result<Option<GetCommandInvocationOutput>>,
    limit: Duration,
) -> (Result<Option<GetCommandInvocationOutput>>, usize, Duration) {
    let count = Mutex::new(0);
    let start = Instant::now();
    let look = || {
        let mut count = count.lock().unwrap();
        *count += 1;
        std::future::ready(looks(*count))
    };
    let ended = watched(look, PACE, limit).await;
    let count = *count.lock().unwrap();
    (ended, count, start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_command_is_looked_at_at_an_even_pace_until_it_has_ended() {
    let looks = |number| {
        Ok(match number {
            1 => None,
            2 => Some(told("Pending", "Pending", "", "")),
            3 => Some(told("InProgress", "InProgress", "", "")),
            4 => Some(told("Delayed", "Delayed", "", "")),
            5 => Some(told("Cancelling", "Cancelling", "", "")),
            6 => Some(told("SomethingNew", "", "", "")),
            _ => Some(told("Success", "Success", "ok", "")),
        })
    };
    let (ended, count, took) = watching(looks, Duration::from_mins(1)).await;
    assert_eq!(ended.unwrap().unwrap().standard_output_content(), Some("ok"));
    assert_eq!((count, took), (7, 7 * PACE));
}

#[tokio::test(start_paused = true)]
async fn a_command_without_end_is_given_up_in_time() {
    let (ended, _, took) = watching(|_| Ok(Some(told("InProgress", "", "", ""))), Duration::from_mins(1)).await;
    assert!(ended.unwrap().is_none());
    assert!(took <= Duration::from_mins(1) + PACE, "{took:?}");
    let (ended, _, _) = watching(|_| Ok(None), LOOKING.all()).await;
    assert!(ended.unwrap().is_none(), "one that never becomes known neither");
}

#[tokio::test(start_paused = true)]
async fn looks_that_fail_for_now_do_not_end_a_command() {
    let looks = |number| match number {
        1 => Err(refusal(FaultKind::Throttled)),
        2..=20 => Err(refusal(FaultKind::Unreachable)),
        _ => Ok(Some(told("Success", "", "ok", ""))),
    };
    let (ended, count, _) = watching(looks, WORKING.all()).await;
    assert!(ended.unwrap().is_some());
    assert_eq!(count, 21);

    let (ended, _, took) = watching(|_| Err(refusal(FaultKind::Unreachable)), WORKING.all()).await;
    assert_eq!(ended.unwrap_err().kind, FaultKind::Unreachable);
    assert!(took >= BLIND && took <= BLIND + 2 * PACE, "{took:?}");

    let (ended, count, _) = watching(|_| Err(refusal(FaultKind::Denied)), WORKING.all()).await;
    assert_eq!((ended.unwrap_err().kind, count), (FaultKind::Denied, 1));
}
