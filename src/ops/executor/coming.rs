//! Waiting for what only a cluster's own machines or AWS' bookkeeping bring about: a new server's kubeconfig, and the end
//! of all that carried a destroyed cluster's tag. The fleet does not show these, so the executor looks by itself, at
//! an even pace.

use std::net::IpAddr;
use std::time::Duration;

use smol_str::SmolStr;
use tokio::time::{Instant, sleep};

use super::Executor;
use super::making::{MakeError, Making};
use crate::fleet::{Instance, InstanceId};
use crate::ops::event::Made;
use crate::provider::kube::kubeconfig::{self, At};
use crate::provider::{CloudControl, ProviderError, Resource, Secret};

/// How often the kubeconfig is looked for.
const LOOK: Duration = Duration::from_secs(5);
/// How often the console is read meanwhile, in looks.
const CONSOLE: u32 = 4;
/// How long a server may take from its launch to its kubeconfig.
const COMING_UP: Duration = Duration::from_mins(15);
/// How long AWS may go on listing what it has deleted.
const FORGETTING: Duration = Duration::from_mins(2);
/// How many of the console's last lines are told when a server does not come up.
const LAST_LINES: usize = 12;
/// What the first boot's script begins each of its lines with.
const OURS: &str = "k3fleet: ";
/// What it begins its last line with where it has failed.
const FAILED: &str = "failed: ";

impl Executor {
    /// Waits until the server has its kubeconfig, and keeps it. What the server's console says of the first boot is told
    /// meanwhile; that it failed, or that the instance has ended, ends the wait.
    pub(super) async fn fetch_kubeconfig(
        &self,
        cloud: &dyn CloudControl,
        making: &Making<'_>,
        secret: Option<&str>,
        say: impl Fn(String),
    ) -> Result<Made, MakeError> {
        let name = &making.spec().name;
        let server = making.server()?;
        let until = Instant::now() + self.paced(COMING_UP);
        let down = |why: String, lines| MakeError::Down {
            instance: server.clone(),
            why,
            lines,
        };
        let mut looks = 0_u32;
        loop {
            let instance = patient(cloud.look(server).await)?;
            if instance == Some(None) {
                return Err(down("it is terminated".to_owned(), console(cloud, server).await));
            }
            let instance = instance.flatten();
            let address = instance.as_ref().and_then(|i| i.public_ip.or(i.private_ip));
            if let Some(address) = address
                && let Some(text) = self.kubeconfig(cloud, making, secret, address).await?
            {
                kubeconfig::keep(&self.kubeconfigs, name, address, &text)?;
                let context = kubeconfig::context(name);
                return Ok(Made::Kubeconfig { context });
            }
            let late = Instant::now() >= until;
            if late || looks.is_multiple_of(CONSOLE) {
                let lines = console(cloud, server).await;
                if late {
                    let why = format!("there is no kubeconfig after {} min", COMING_UP.as_secs() / 60);
                    return Err(down(why, lines));
                }
                let standing = standing(&lines, instance.as_ref());
                if standing.starts_with(FAILED) {
                    return Err(down(standing, lines));
                }
                say(standing);
            }
            looks = looks.wrapping_add(1);
            sleep(self.paced(LOOK)).await;
        }
    }

    /// Waits until the first server has written the kubeconfig of a highly available cluster, and keeps it: by the name
    /// of the public load balancer where that brings the API, else by that of the internal one, as it is written.
    pub(super) async fn kubeconfig_of_stack(
        &self,
        cloud: &dyn CloudControl,
        making: &Making<'_>,
        secret: &str,
        say: impl Fn(String),
    ) -> Result<Made, MakeError> {
        let spec = making.spec();
        let until = Instant::now() + self.paced(COMING_UP);
        let text = loop {
            if let Some(text) = patient(cloud.secret(secret).await)?.flatten() {
                break text;
            }
            if Instant::now() >= until {
                return Err(MakeError::NoKubeconfig(secret.to_owned(), COMING_UP.as_secs() / 60));
            }
            say("the first server has not written it yet".to_owned());
            sleep(self.paced(LOOK)).await;
        };
        let stack = cloud.stack_now(&spec.names().stack()).await?;
        kubeconfig::keep(&self.kubeconfigs, &spec.name, At::of_stack(stack.as_ref()), &text)?;
        let context = kubeconfig::context(&spec.name);
        Ok(Made::Kubeconfig { context })
    }

    /// The kubeconfig, once it is there.
    async fn kubeconfig(
        &self,
        cloud: &dyn CloudControl,
        making: &Making<'_>,
        secret: Option<&str>,
        address: IpAddr,
    ) -> Result<Option<Secret>, MakeError> {
        let found = match (secret, &self.control.shell) {
            (Some(secret), _) => cloud.secret(secret).await,
            (None, Some(shell)) => {
                shell
                    .read_file(making.spec().image.user(), address, kubeconfig::ON_SERVER)
                    .await
            }
            (None, None) => return Err(MakeError::Broken("nothing reads files over SSH from here")),
        };
        Ok(patient(found)?.flatten())
    }

    /// Waits until nothing carries the cluster's tag any longer but what was to stay. Gives what is left then, or as the
    /// inner error what is left all the same.
    pub(super) async fn prove(
        &self,
        cloud: &dyn CloudControl,
        cluster: &str,
        (staying, held): (&[SmolStr], &[SmolStr]),
        say: impl Fn(String),
    ) -> Result<Result<String, String>, ProviderError> {
        let until = Instant::now() + self.paced(FORGETTING);
        loop {
            if let Some(left) = patient(cloud.left(cluster).await)? {
                let (stays, lost): (Vec<_>, Vec<_>) = left.iter().partition(|r| staying.contains(&r.id));
                if lost.is_empty() {
                    return Ok(Ok(match stays.is_empty() {
                        true => "nothing is left".to_owned(),
                        false => format!("left, as planned: {}", list(&stays)),
                    }));
                }
                let text = format!("still there: {}", list(&lost));
                if Instant::now() >= until {
                    // The lists of tags may lag by an hour; of what it has deleted itself CloudFormation's word is taken.
                    let stale = lost.iter().all(|r| held.contains(&r.id));
                    return Ok(match stale {
                        true => Ok(format!(
                            "nothing is left; lists of tags still name what is deleted: {}",
                            list(&lost)
                        )),
                        false => Err(text),
                    });
                }
                say(text);
            }
            sleep(self.paced(LOOK)).await;
        }
    }
}

fn list(resources: &[&Resource]) -> String {
    resources.iter().map(|r| r.describe()).collect::<Vec<_>>().join(", ")
}

/// How far a server is: in the words of its first boot's script, else of EC2.
fn standing(lines: &[String], instance: Option<&Instance>) -> String {
    let ours = lines.iter().rev().find_map(|line| line.split_once(OURS));
    match (ours, instance) {
        (Some((_, line)), _) => line.to_owned(),
        (None, Some(instance)) => format!("{} is {}", instance.id, instance.state.as_str()),
        (None, None) => "EC2 does not show it yet".to_owned(),
    }
}

/// An answer that may come later is none for now.
fn patient<T>(answer: Result<T, ProviderError>) -> Result<Option<T>, ProviderError> {
    match answer {
        Err(error) if error.retryable() => Ok(None),
        answer => answer.map(Some),
    }
}

/// The console's last lines; none where it cannot be read.
async fn console(cloud: &dyn CloudControl, instance: &InstanceId) -> Vec<String> {
    let text = cloud.console(instance).await.ok().flatten().unwrap_or_default();
    let lines: Vec<_> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    let from = lines.len().saturating_sub(LAST_LINES);
    lines.iter().skip(from).map(|line| (*line).to_owned()).collect()
}
