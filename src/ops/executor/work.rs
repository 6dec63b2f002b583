//! The work of one step: its calls, tried again where that may help, and its waiting.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, watch as flag};
use tokio::time::{sleep, timeout};

use super::error::StepError;
use super::making::{self, Making};
use super::marks;
use super::release;
use super::{ANSWERS, Ended, Executor, PAUSE, TRIES, paced};
use crate::blueprint::Names;
use crate::fleet::{ContextId, FaultKind, Scope, TAG_EXPIRES_AT};
use crate::ops::condition::Standing;
use crate::ops::drain;
use crate::ops::event::{Made, OperationId, What};
use crate::ops::plan::{Plan, StepId};
use crate::ops::step::{CloudStep, KubeStep, Step};
use crate::ops::updating;
use crate::ops::watch::{About, Question};
use crate::provider::kube::kubeconfig;
use crate::provider::{CloudControl, ProviderError, Secret};

/// Within which time it is seen that an instance goes: two looks at EC2 at its ordinary pace.
const NOTICED: Duration = Duration::from_secs(30);

/// A step of an operation.
#[derive(Clone, Copy)]
pub(super) struct Of<'a> {
    pub(super) plan: &'a Plan,
    pub(super) id: StepId,
    pub(super) operation: &'a OperationId,
    /// What the stages before have made.
    pub(super) made: &'a [Made],
    /// Whether the operation goes on after it was cut off.
    pub(super) resumed: bool,
    /// The bootstrap token by which its hosts join, once it is made.
    pub(super) token: &'a Mutex<Option<Secret>>,
}

impl Executor {
    pub(super) async fn step(
        &self,
        of: Of<'_>,
        stop: flag::Receiver<bool>,
        tell: mpsc::Sender<What>,
    ) -> Result<(), Ended> {
        let Of { plan, id, resumed, .. } = of;
        let Some(step) = plan.step(id) else { return Ok(()) };
        let (what, result) = if resumed && self.is_done(step).await {
            let line = "was done already".to_owned();
            (What::StepDone { step: id, line }, Ok(()))
        } else {
            // Where nobody takes what is told, the operation has ended already.
            let _unread = tell.send(What::StepBegan { step: id }).await;
            let work = self.work(step, of, stop, &tell);
            match self.unless_gone(of, work).await {
                Ok(line) => (What::StepDone { step: id, line }, Ok(())),
                Err(StepError::Stopped) => return Err(Ended::Stopped),
                Err(error) => {
                    let error = error.to_string();
                    (What::StepFailed { step: id, error }, Err(Ended::Failed))
                }
            }
        };
        let _unread = tell.send(what).await;
        result
    }

    /// Does the work of a step, unless it is about a worker that goes meanwhile: then nothing is left to be done to it. What
    /// fails may do so because it goes, which is seen a little later.
    async fn unless_gone(
        &self,
        of: Of<'_>,
        work: impl Future<Output = Result<String, StepError>>,
    ) -> Result<String, StepError> {
        let stage = of.plan.stages.get(of.id.stage);
        let passing = stage.and_then(|stage| stage.passing.iter().find(|(step, _)| *step == of.id.step));
        let Some((_, instance)) = passing else {
            return work.await;
        };
        let gone = self.wait(About::Gone(instance.clone()), drop);
        tokio::pin!(gone);
        tokio::select! {
            biased;
            result = work => match result {
                Err(error) if !matches!(error, StepError::Stopped) => {
                    let seen = timeout(self.paced(NOTICED), gone).await;
                    seen.map_err(|_elapsed| error)?;
                }
                result => return result,
            },
            () = &mut gone => {}
        }
        Ok("it has gone: its group puts another in its place".to_owned())
    }

    async fn work(
        &self,
        step: &Step,
        of: Of<'_>,
        stop: flag::Receiver<bool>,
        tell: &mpsc::Sender<What>,
    ) -> Result<String, StepError> {
        let id = of.id;
        // What is not read in time is not worth reading.
        let say = |line: String| drop(tell.try_send(What::StepSaid { step: id, line }));
        match step {
            Step::Cloud(scope, step @ (CloudStep::Make { .. } | CloudStep::LaunchServer { .. })) => {
                let make = || self.make(scope, step, of, &say);
                let made = retried(self.speed, StepError::call, ProviderError::retryable, &say, make).await?;
                Ok(told(made, id, tell).await)
            }
            Step::Cloud(scope, CloudStep::Stack { name, work }) => {
                let cloud = &**self.at(scope)?;
                let work = self.stack(cloud, name, work, of, tell, &say);
                Ok(unless_stopped(stop, work).await??)
            }
            Step::Cloud(scope, CloudStep::Release { function }) => {
                let cloud = &**self.at(scope)?;
                unless_stopped(stop, self.release_function(cloud, function, &say)).await
            }
            Step::Balancers(context) => {
                let kube = self.control.kube(context);
                let kube = &**kube.ok_or_else(|| StepError::NoKube(context.clone()))?;
                unless_stopped(stop, self.delete_balancers(kube, &say)).await?
            }
            Step::Cloud(scope, CloudStep::FetchKubeconfig { secret }) => {
                let making = making(of, &self.by)?;
                let cloud = &**self.at(scope)?;
                let work = async {
                    match (&making.launch.site, secret) {
                        (Some(_), Some(secret)) => self.kubeconfig_of_stack(cloud, &making, secret, &say).await,
                        _ => self.fetch_kubeconfig(cloud, &making, secret.as_deref(), &say).await,
                    }
                };
                let made = unless_stopped(stop, work).await??;
                Ok(told(Some(made), id, tell).await)
            }
            Step::Cloud(scope, CloudStep::Prove { cluster, staying, held }) => {
                let cloud = &**self.at(scope)?;
                let work = self.prove(cloud, &cluster.name, (staying, held), &say);
                let line = unless_stopped(stop, work).await??.map_err(StepError::Left)?;
                kubeconfig::forget(&self.kubeconfigs, &cluster.name)?;
                let context = kubeconfig::context(&cluster.name);
                told(Some(Made::Gone { context }), id, tell).await;
                Ok(line)
            }
            Step::Cloud(scope, CloudStep::NewToken { kind, parameter, from }) => {
                let make = || self.new_token(scope, *kind, parameter, *from);
                let made = retried(self.speed, StepError::call, ProviderError::retryable, &say, make).await?;
                Ok(told(Some(made), id, tell).await)
            }
            Step::Cloud(
                scope,
                CloudStep::UseToken {
                    kind,
                    parameter,
                    version,
                },
            ) => {
                let made = Made::Token {
                    kind: *kind,
                    scope: scope.clone(),
                    parameter: parameter.clone(),
                    old: *version,
                    new: *version,
                };
                told(Some(made), id, tell).await;
                Ok(format!("{parameter}: version {version}"))
            }
            Step::Cloud(scope, step) => {
                // Ending a member twice could let its group want two fewer: only a call that AWS did not take is repeated.
                let again = |error: &ProviderError| match step {
                    CloudStep::EndMember { .. } => error.kind == FaultKind::Throttled,
                    _ => error.retryable(),
                };
                retried(self.speed, StepError::call, again, &say, || self.cloud(scope, step)).await?;
                Ok(String::new())
            }
            Step::Kube(node, KubeStep::Drain(options)) => {
                let kube = self
                    .control
                    .kube(&node.context)
                    .ok_or_else(|| StepError::NoKube(node.context.clone()))?;
                let work = drain::drain(&**kube, &node.name, options, self.speed, &say);
                let gone = unless_stopped(stop, work).await??;
                Ok(format!("{gone} pods evicted"))
            }
            Step::Kube(node, step) => {
                let call = || self.kube(&node.context, &node.name, step);
                retried(self.speed, StepError::call, ProviderError::retryable, &say, call).await?;
                Ok(String::new())
            }
            // These try again by themselves where that may help.
            Step::Machine(reach, task) => unless_stopped(stop, self.machine(reach, task, of, &say)).await?,
            Step::Bring(host, arch, files) => {
                unless_stopped(stop, self.bring(host, files, *arch, false, &say)).await??;
                Ok(String::new())
            }
            Step::Join(joining) => unless_stopped(stop, self.join(joining, of, &say)).await?,
            Step::Bootstrap(context, step) => {
                let call = || self.bootstrap(context, step, of);
                retried(self.speed, StepError::call, ProviderError::retryable, &say, call).await
            }
            Step::Wait(condition, at_most) => {
                let limit = self.paced(Duration::from_secs(at_most.as_secs().unsigned_abs()));
                let mut standing = String::new();
                let work = timeout(
                    limit,
                    self.wait(About::Until(condition.clone()), |line| {
                        standing.clone_from(&line);
                        say(line);
                    }),
                );
                match unless_stopped(stop, work).await? {
                    Ok(()) => Ok(String::new()),
                    Err(_elapsed) => Err(StepError::Waited {
                        what: condition.describe(),
                        minutes: at_most.as_mins(),
                        standing,
                    }),
                }
            }
        }
    }

    /// Waits until something about the fleet is so.
    pub(super) async fn wait(&self, about: About, mut say: impl FnMut(String)) {
        let (tell, mut answers) = mpsc::channel(ANSWERS);
        if self.questions.send(Question { about, tell }).await.is_err() {
            return std::future::pending().await;
        }
        while let Some(standing) = answers.recv().await {
            match standing {
                Standing::Met => return,
                Standing::Waiting(line) => say(line),
            }
        }
        // Whoever owns the fleet has gone: so will the operation.
        std::future::pending().await
    }

    /// Whether the fleet shows that a step is done already.
    async fn is_done(&self, step: &Step) -> bool {
        let (tell, mut answers) = mpsc::channel(ANSWERS);
        let about = About::Done(Box::new(step.clone()));
        if self.questions.send(Question { about, tell }).await.is_err() {
            return false;
        }
        answers.recv().await.is_some_and(|standing| standing.is_met())
    }

    async fn cloud(&self, scope: &Scope, step: &CloudStep) -> Result<(), StepError> {
        let cloud = self.at(scope)?;
        let done = match step {
            CloudStep::SetDesired { asg, desired } => cloud.set_desired(asg, *desired).await,
            CloudStep::SetBounds { asg, min, max } => cloud.set_bounds(asg, *min, *max).await,
            CloudStep::Empty { asg } => cloud.empty_asg(asg).await,
            CloudStep::Forget { cluster } => marks::forget(&**cloud, Names::new(&cluster.name, &scope.region)).await,
            CloudStep::Hold { asg, processes, held } => cloud.hold(asg, processes, *held).await,
            CloudStep::EndMember { instance, shrink, .. } => cloud.end_member(instance, *shrink).await,
            CloudStep::End { instance } => cloud.end(instance).await,
            CloudStep::SetTarget {
                fleet,
                target,
                end_excess,
            } => cloud.set_target(fleet, *target, *end_excess).await,
            CloudStep::Delete { resource, .. } => cloud.delete(resource).await,
            CloudStep::Retag { resource, until } => {
                let tags = vec![(TAG_EXPIRES_AT.to_owned(), until.to_string())];
                cloud.tag(resource, &tags).await
            }
            CloudStep::Expire { asg, action, until } => cloud.expire(asg, action, *until).await,
            CloudStep::KeepSpec { spec, site } => {
                return Ok(updating::keep(&**cloud, spec, site.as_deref()).await?);
            }
            CloudStep::SetRelease {
                templates,
                spec,
                version,
            } => return release::set(&**cloud, templates, spec, version).await,
            CloudStep::Make { .. }
            | CloudStep::Release { .. }
            | CloudStep::LaunchServer { .. }
            | CloudStep::FetchKubeconfig { .. }
            | CloudStep::NewToken { .. }
            | CloudStep::UseToken { .. }
            | CloudStep::Stack { .. }
            | CloudStep::Prove { .. } => Ok(()),
        };
        Ok(done?)
    }

    pub(super) fn at(&self, scope: &Scope) -> Result<&Arc<dyn CloudControl>, StepError> {
        let cloud = self.control.cloud(scope);
        cloud.ok_or_else(|| StepError::NoCloud(scope.clone()))
    }

    /// Makes a part of a cluster, or launches its server.
    async fn make(
        &self,
        scope: &Scope,
        step: &CloudStep,
        of: Of<'_>,
        say: &impl Fn(String),
    ) -> Result<Option<Made>, StepError> {
        let making = making(of, &self.by)?;
        let cloud = &**self.at(scope)?;
        Ok(match step {
            CloudStep::Make { part, .. } => making.make(cloud, *part).await?,
            CloudStep::LaunchServer { template } => Some(making.launch_server(cloud, template, say).await?),
            _ => None,
        })
    }

    async fn kube(&self, context: &ContextId, node: &str, step: &KubeStep) -> Result<(), StepError> {
        let kube = self
            .control
            .kube(context)
            .ok_or_else(|| StepError::NoKube(context.clone()))?;
        let done = match step {
            KubeStep::Cordon => kube.set_schedulable(node, false).await,
            KubeStep::Uncordon => kube.set_schedulable(node, true).await,
            KubeStep::Delete => kube.delete_node(node).await,
            KubeStep::ForgetPassword => kube.delete_node_password(node).await,
            KubeStep::Mark(marks) => kube.mark(node, marks).await,
            KubeStep::Drain(_) => Ok(()),
        };
        Ok(done?)
    }
}

/// What the making of a cluster rests on.
pub(super) fn making<'a>(of: Of<'a>, by: &'a str) -> Result<Making<'a>, StepError> {
    Ok(Making {
        launch: making::launch(of.plan)?,
        made: of.made,
        id: of.operation,
        by,
    })
}

/// Tells what was made, and gives the line for people.
pub(super) async fn told(made: Option<Made>, step: StepId, tell: &mpsc::Sender<What>) -> String {
    let Some(made) = made else { return String::new() };
    let line = match &made {
        Made::SecurityGroup { id } => id.to_string(),
        Made::Server { instance, .. } => instance.to_string(),
        Made::Kubeconfig { context } => format!("context {context}"),
        Made::Token {
            parameter, old, new, ..
        } => format!("{parameter}: version {new} after {old}"),
        Made::Gone { .. } | Made::Stack { .. } => String::new(),
    };
    // Where nobody takes what is told, the operation has ended already.
    let _unread = tell.send(What::StepMade { step, made }).await;
    line
}

/// Does some work, unless the operator stops it: what is cut off here can be done again.
async fn unless_stopped<T>(mut stop: flag::Receiver<bool>, work: impl Future<Output = T>) -> Result<T, StepError> {
    let stopped = async {
        if stop.wait_for(|stop| *stop).await.is_err() {
            // Nobody can stop it any longer.
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        () = stopped => Err(StepError::Stopped),
        result = work => Ok(result),
    }
}

/// Does something that may go better later: again, after a pause that doubles, as long as it fails by a call and `again`
/// thinks so, which is told. The pauses are those of a clock with this speed.
pub(super) async fn retried<T, E, F: Future<Output = Result<T, E>>>(
    speed: f64,
    call: fn(&E) -> Option<&ProviderError>,
    again: impl Fn(&ProviderError) -> bool,
    say: impl Fn(String),
    work: impl Fn() -> F,
) -> Result<T, E> {
    let mut pause = PAUSE;
    for _ in 1..TRIES {
        match work().await {
            Err(error) => match call(&error).filter(|call| again(call)) {
                Some(call) => say(format!("{}; trying again in {} s", call.message, pause.as_secs())),
                None => return Err(error),
            },
            done => return done,
        }
        sleep(paced(pause, speed)).await;
        pause *= 2;
    }
    work().await
}
