//! What is seen of a stack while CloudFormation makes it, and of one that failed.

use super::*;
use crate::app::tasks::{self, TaskLine, TaskState};
use crate::blueprint::ha;
use crate::ops::{self, Event, OperationId, Outcome, Progress, Request, StepId, What};
use crate::provider::{StackEvent, StackStatus};

/// The step that makes the stack.
const STACK: StepId = StepId { stage: 1, step: 0 };

fn event(at: Timestamp, resource: &str, kind: &str, status: &str, why: Option<&str>) -> StackEvent {
    StackEvent {
        id: format!("{resource}-{status}").into(),
        at,
        resource: resource.into(),
        kind: kind.into(),
        status: StackStatus(status.into()),
        reason: why.map(Into::into),
    }
}

/// A launch whose stack is under way, with what happened in it.
fn launching(state: &mut State, events: Vec<StackEvent>) -> OperationId {
    let launch = super::launching::ha_launch(&ha::example());
    let request = Request::Launch(launch);
    let plan = Box::new(ops::plan(&state.fleet, &request, state.now).unwrap());
    let id = OperationId::parse("launch-1").unwrap();
    let by = "ana@desk".into();
    tell(state, &id, What::Began { plan, by });
    tell(state, &id, What::StepBegan { step: STACK });
    for happened in events {
        tell(state, &id, What::StackSaid { step: STACK, happened });
    }
    id
}

fn tell(state: &mut State, id: &OperationId, what: What) {
    let event = Event { at: state.now, what };
    update(state, Msg::Operation(id.clone(), event));
}

fn inner(state: &State, id: &OperationId) -> Vec<TaskLine> {
    let lines = tasks::lines(state, &state.operations[id]);
    lines.into_iter().filter(|line| line.inner).collect()
}

#[test]
fn what_is_under_way_and_what_failed_is_told_and_the_rest_is_counted() {
    let mut state = screen(1);
    let at = state.now - SignedDuration::from_secs(40);
    let of = |n: u32, status: &str| event(at, &format!("Role{n}"), "AWS::IAM::Role", status, None);
    let mut events = vec![event(
        at,
        "k3fleet-shop",
        "AWS::CloudFormation::Stack",
        "CREATE_IN_PROGRESS",
        None,
    )];
    events.extend((0..20).map(|n| of(n, "CREATE_IN_PROGRESS")));
    events.extend((0..5).map(|n| of(n, "CREATE_COMPLETE")));
    let id = launching(&mut state, events);
    let lines = inner(&state, &id);
    assert_eq!(lines.len(), 12 + 2, "{lines:?}");
    assert_eq!(
        (lines[0].text.as_str(), lines[0].seconds),
        ("Role5 (IAM role)", Some(40))
    );
    assert_eq!(lines[12].text, "3 more are under way");
    assert_eq!(
        (lines[13].text.as_str(), lines[13].stands),
        ("5 are done", TaskState::Done)
    );

    let denied = "role quota is used up";
    for happened in [
        event(at, "Role5", "AWS::IAM::Role", "CREATE_FAILED", Some(denied)),
        event(
            at,
            "Role6",
            "AWS::IAM::Role",
            "CREATE_FAILED",
            Some("Resource creation cancelled"),
        ),
    ] {
        tell(&mut state, &id, What::StackSaid { step: STACK, happened });
    }
    let lines = inner(&state, &id);
    assert_eq!(
        (lines[0].stands, lines[0].error.as_deref()),
        (TaskState::Failed, Some(denied))
    );
    assert!(
        lines
            .iter()
            .any(|line| line.text == "1 were stopped, since another failed"),
        "{lines:?}"
    );
    tell(
        &mut state,
        &id,
        What::StepDone {
            step: STACK,
            line: String::new(),
        },
    );
    assert_eq!(inner(&state, &id), [], "what is done needs no more lines");
}

#[test]
fn a_failed_stack_tells_each_failure_once_and_on_a_line_of_its_own() {
    let mut state = screen(1);
    let at = state.now;
    let full = "You have reached the limit of load balancers";
    let id = launching(
        &mut state,
        vec![
            event(
                at,
                "Api",
                "AWS::ElasticLoadBalancingV2::LoadBalancer",
                "CREATE_FAILED",
                Some(full),
            ),
            event(
                at,
                "Files",
                "AWS::EFS::FileSystem",
                "CREATE_FAILED",
                Some("no such thing here"),
            ),
        ],
    );
    let error = format!("the stack k3fleet-shop is CREATE_FAILED: Api: {full}; it stays to be looked into: resume");
    tell(&mut state, &id, What::StepFailed { step: STACK, error });
    let outcome = Outcome::Failed;
    tell(&mut state, &id, What::Ended { outcome });
    let progress: &Progress = &state.operations[&id];
    let lines = tasks::lines(&state, progress);
    let step = lines.iter().find(|line| line.error.is_some()).unwrap();
    let told: Vec<_> = step.error.as_ref().unwrap().lines().collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].starts_with("it stays"));
    let below = inner(&state, &id);
    assert_eq!(below[0].error, None, "the step tells why");
    assert_eq!(below[1].error.as_deref(), Some("no such thing here"));
}

#[test]
fn what_runs_stays_in_sight_with_its_resources() {
    let mut state = screen(1);
    let at = state.now;
    let of = |n: u32| event(at, &format!("Role{n}"), "AWS::IAM::Role", "CREATE_IN_PROGRESS", None);
    let id = launching(&mut state, (0..6).map(of).collect());
    let lines = tasks::lines(&state, &state.operations[&id]);
    let (step, end) = tasks::followed(&lines);
    assert!(lines[step].text.contains("make the stack"), "{lines:?}");
    assert_eq!((step, end), (tasks::active(&lines), step + 7));
}
