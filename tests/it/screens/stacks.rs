//! What is seen of highly available clusters while they are launched: the form, the plan, and the stack as it is made.

use jiff::{SignedDuration, Timestamp};
use k3fleet::app::{Action, Effect, Msg, State, update};
use k3fleet::fleet::{Arch, Scope};
use k3fleet::ops::launch::{Ground, Launch, OnFailure, Site};
use k3fleet::ops::{Event, OperationId, Outcome, Plan, StepId, What};
use k3fleet::provider::{StackEvent, StackStatus};

use super::demo::{press, write};
use super::launching::told;
use super::{SIZES, plainly, shown};

/// The form, turned to `ha`, with a name.
fn form() -> (State, Scope) {
    let (mut state, scope) = told();
    write(&mut state, "shop");
    press(&mut state, "tab right right");
    (state, scope)
}

#[test]
fn the_form_of_a_highly_available_cluster() {
    let (mut state, _) = form();
    insta::assert_snapshot!("ha_form", shown(&mut state));
    press(&mut state, "pgdn enter");
    let mut text = plainly(&mut state, "all fields", &SIZES);
    press(&mut state, "down down down");
    write(
        &mut state,
        "name=gpu,types=g5g.xlarge,arch=arm64,max=4,taint=gpu=true:NoSchedule name=b",
    );
    text.push_str(&plainly(&mut state, "more pools", &SIZES));
    press(
        &mut state,
        "down right down space down space down space down down down left",
    );
    text.push_str(&plainly(&mut state, "a VPC that is made", &SIZES));
    press(&mut state, "pgdn");
    text.push_str(&plainly(&mut state, "the last field", &[(80, 24)]));
    insta::assert_snapshot!("ha_form_more", text);
}

#[test]
fn what_is_wrong_with_it_stands_at_its_field() {
    let (mut state, _) = form();
    press(&mut state, "pgdn enter down down down");
    write(&mut state, "name=gpu,mx=4");
    press(&mut state, "down left enter");
    insta::assert_snapshot!("ha_form_faults", plainly(&mut state, "faults", &SIZES));
}

/// Its plan, on a place that is there.
fn planned() -> State {
    let (mut state, scope) = form();
    let effects = update(&mut state, Msg::Do(Action::Open)).effects;
    let found = effects.into_iter().find_map(|effect| match effect {
        Effect::Place(survey, spec, _) => Some((survey, spec)),
        _ => None,
    });
    let (survey, spec) = found.expect("the form is right");
    let vpc = &survey.vpcs[0];
    let subnets: Vec<_> = vpc.subnets.iter().filter(|s| s.public).cloned().collect();
    let launch = Launch {
        scope,
        spec: (*spec).clone(),
        site: Some(Site {
            images: [(Arch::Arm64, "ami-0123456789abcdef0".into())].into(),
            vpc: Some(vpc.id.clone()),
            cidrs: vpc.cidrs.clone(),
            subnets: subnets.iter().map(|s| s.id.clone()).collect(),
            public: true,
            endpoints: vec![],
            zones: subnets.iter().map(|s| s.zone.clone()).collect(),
        }),
        ground: Ground {
            account: survey.account.clone(),
            image: "ami-0123456789abcdef0".into(),
            vpc: vpc.id.clone(),
            subnets,
            leftovers: vec![],
            parts: vec![],
        },
        dsn_file: None,
        on_failure: OnFailure::Keep,
    };
    update(&mut state, Msg::Placed(spec, Ok(Box::new(launch))));
    state
}

#[test]
fn the_plan_of_a_highly_available_cluster() {
    let mut state = planned();
    let mut text = plainly(&mut state, "the plan", &SIZES);
    press(&mut state, "pgdn");
    text.push_str(&plainly(&mut state, "further down", &[(80, 24)]));
    insta::assert_snapshot!("plan_ha", text);
}

/// The step that makes the stack.
const STACK: StepId = StepId { stage: 1, step: 0 };

/// The operation while its stack is made, after so many seconds.
struct Making {
    state: State,
    id: OperationId,
    began: Timestamp,
}

impl Making {
    fn begin() -> Self {
        let mut state = planned();
        let effects = update(&mut state, Msg::Do(Action::Open)).effects;
        let Some(Effect::Run { plan, .. }) = effects.into_iter().next() else {
            panic!("no plan")
        };
        let began = state.now;
        let id = OperationId::parse("launch-20261122T120150-0002").expect("an id");
        let mut making = Self { state, id, began };
        making.first(plan);
        making
    }

    fn first(&mut self, plan: Box<Plan>) {
        let steps = plan.stages[0].steps.len();
        let by = "ana@desk".into();
        self.tell(0, What::Began { plan, by });
        for step in (0..steps).map(|step| StepId { stage: 0, step }) {
            self.tell(0, What::StepBegan { step });
            let line = String::new();
            self.tell(1, What::StepDone { step, line });
        }
        self.tell(1, What::StepBegan { step: STACK });
    }

    fn tell(&mut self, after: i64, what: What) {
        let at = self.began + SignedDuration::from_secs(after);
        update(&mut self.state, Msg::Clock(at));
        update(&mut self.state, Msg::Operation(self.id.clone(), Event { at, what }));
    }

    fn happen(&mut self, after: i64, resource: &str, kind: &str, status: &str, why: Option<&str>) {
        let happened = StackEvent {
            id: format!("{resource}-{status}").into(),
            at: self.began + SignedDuration::from_secs(after),
            resource: resource.into(),
            kind: format!("AWS::{kind}").into(),
            status: StackStatus(status.into()),
            reason: why.map(Into::into),
        };
        self.tell(after, What::StackSaid { step: STACK, happened });
    }

    fn half_way() -> Self {
        let mut making = Self::begin();
        making.happen(2, "k3fleet-shop", "CloudFormation::Stack", "CREATE_IN_PROGRESS", None);
        for n in 0..14 {
            making.happen(3, &format!("Role{n}"), "IAM::Role", "CREATE_IN_PROGRESS", None);
            making.happen(20, &format!("Role{n}"), "IAM::Role", "CREATE_COMPLETE", None);
        }
        for (name, kind) in [
            ("Api", "ElasticLoadBalancingV2::LoadBalancer"),
            ("Servers", "AutoScaling::AutoScalingGroup"),
            ("ServersReady", "CloudFormation::WaitCondition"),
        ] {
            making.happen(24, name, kind, "CREATE_IN_PROGRESS", None);
        }
        let line = "14 resources done; Api and 2 more under way".to_owned();
        making.tell(61, What::StepSaid { step: STACK, line });
        making
    }
}

#[test]
fn a_stack_while_it_is_made() {
    let mut making = Making::half_way();
    press(&mut making.state, "6");
    insta::assert_snapshot!("stack_made", shown(&mut making.state));
}

#[test]
fn a_stack_that_failed() {
    let mut making = Making::half_way();
    let quota = "Resource handler returned message: \"The maximum number of load balancers has been reached\" \
                 (RequestToken: 4e3f, HandlerErrorCode: ServiceLimitExceeded)";
    making.happen(
        80,
        "Api",
        "ElasticLoadBalancingV2::LoadBalancer",
        "CREATE_FAILED",
        Some(quota),
    );
    let stopped = Some("Resource creation cancelled");
    making.happen(80, "Servers", "AutoScaling::AutoScalingGroup", "CREATE_FAILED", stopped);
    making.happen(
        80,
        "ServersReady",
        "CloudFormation::WaitCondition",
        "CREATE_FAILED",
        stopped,
    );
    let error = format!(
        "the stack k3fleet-shop is CREATE_FAILED: Api: {quota}; it stays to be looked into: resume this operation to delete \
         it and try again, take it back with k3fleet rollback shop, or delete all with k3fleet destroy shop"
    );
    making.tell(85, What::StepFailed { step: STACK, error });
    let outcome = Outcome::Failed;
    making.tell(85, What::Ended { outcome });
    press(&mut making.state, "6");
    insta::assert_snapshot!("stack_failed", shown(&mut making.state));
}
