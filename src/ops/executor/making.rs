//! The work of making a cluster: orders derived from the spec that is launched, and waiting for its kubeconfig.

use std::net::IpAddr;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Executor;
use crate::blueprint::{API_PORT, SSH_PORT, iam, tags, user_data};
use crate::fleet::{FaultKind, InstanceId, Role};
use crate::ops::event::{Made, OperationId};
use crate::ops::launch::{Launch, Profile, Spec, SshKey};
use crate::ops::plan::Plan;
use crate::ops::request::Request;
use crate::ops::step::Part;
use crate::provider::kube::kubeconfig;
use crate::provider::{
    AsgOrder, CloudControl, GroupOrder, MachineOrder, Opening, ParameterOrder, ParameterValue, ProviderError,
    RoleOrder, Secret, TagList, TemplateOrder,
};

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
/// The most workers that a pool may be scaled to without raising its bound, unless it begins with more.
const MOST_WORKERS: u32 = 10;
/// Where K3s keeps the kubeconfig on a server.
const ON_SERVER: &str = "/etc/rancher/k3s/k3s.yaml";

/// Why a part of a cluster could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum MakeError {
    #[error(transparent)]
    Call(#[from] ProviderError),
    #[error("{0}")]
    Broken(&'static str),
    #[error("{instance} did not come up: {why}{}", said(.lines))]
    Down {
        instance: InstanceId,
        why: String,
        lines: Vec<String>,
    },
}

fn said(lines: &[String]) -> String {
    match lines {
        [] => "; its console tells nothing yet: look at it with k3fleet or in the AWS console".to_owned(),
        lines => format!("; its console ends with:\n  {}", lines.join("\n  ")),
    }
}

/// What the work of a launch rests on.
pub(super) struct Making<'a> {
    pub(super) launch: &'a Launch,
    pub(super) made: &'a [Made],
    pub(super) id: &'a OperationId,
    pub(super) by: &'a str,
}

/// The launch that a plan carries out.
pub(super) fn launch(plan: &Plan) -> Result<&Launch, MakeError> {
    match &plan.request {
        Request::Launch(launch) => Ok(launch),
        _ => Err(MakeError::Broken(
            "only a launch makes parts of a cluster: this is a bug",
        )),
    }
}

impl Making<'_> {
    fn spec(&self) -> &Spec {
        &self.launch.spec
    }

    fn tags(&self, role: Option<Role>) -> TagList {
        tags::tags(self.spec(), role, self.by)
    }

    fn group(&self) -> Result<&str, MakeError> {
        let id = self.made.iter().rev().find_map(|made| match made {
            Made::SecurityGroup { id } => Some(id.as_str()),
            _ => None,
        });
        id.ok_or(MakeError::Broken("the security group's id is not known: this is a bug"))
    }

    fn server(&self) -> Result<(&InstanceId, IpAddr), MakeError> {
        let server = self.made.iter().rev().find_map(|made| match made {
            Made::Server { instance, private_ip } => Some((instance, *private_ip)),
            _ => None,
        });
        server.ok_or(MakeError::Broken("the server's address is not known: this is a bug"))
    }

    /// Makes one part.
    pub(super) async fn make(&self, cloud: &dyn CloudControl, part: Part) -> Result<Option<Made>, MakeError> {
        let names = self.spec().names();
        match part {
            Part::Role(role) => cloud.make_role(&self.role(role)).await?,
            Part::SecurityGroup => {
                let id = cloud.make_group(&self.security_group()).await?;
                return Ok(Some(Made::SecurityGroup { id }));
            }
            Part::ServerToken => cloud.make_parameter(&self.token(names.server_token())?).await?,
            Part::AgentToken => cloud.make_parameter(&self.token(names.agent_token())?).await?,
            Part::Secret => cloud.make_secret(&names.kubeconfig(), &self.tags(None)).await?,
            Part::Spec => cloud.make_parameter(&self.spec_parameter()?).await?,
            Part::Template(role) => cloud.make_template(&self.template(role)?).await?,
            Part::Workers => cloud.make_asg(&self.workers()).await?,
        }
        Ok(None)
    }

    fn role(&self, role: Role) -> RoleOrder {
        let spec = self.spec();
        let names = spec.names();
        RoleOrder {
            name: names.role(role),
            trust: iam::trust_policy().to_string(),
            policy_name: names.policy(),
            policy: iam::policy(spec, role, &self.launch.ground.account).to_string(),
            tags: self.tags(Some(role)),
        }
    }

    fn security_group(&self) -> GroupOrder {
        let spec = self.spec();
        let open = |port, what| Opening {
            port,
            from: spec.from.clone(),
            what,
        };
        let mut ports = vec![open(API_PORT, "Kubernetes API")];
        if spec.ssh.is_some() {
            ports.push(open(SSH_PORT, "SSH"));
        }
        GroupOrder {
            name: spec.names().security_group(),
            vpc: self.launch.ground.vpc.clone(),
            description: format!("The machines of the K3s cluster {}", spec.name),
            open: ports,
            tags: self.tags(None),
        }
    }

    fn token(&self, name: String) -> Result<ParameterOrder, MakeError> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(|_no_source| MakeError::Broken("the system gives no random numbers"))?;
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(ParameterOrder {
            name,
            value: ParameterValue::Secure(Secret::new(text)),
            tags: self.tags(None),
        })
    }

    fn spec_parameter(&self) -> Result<ParameterOrder, MakeError> {
        let spec = self.spec();
        let json = serde_json::to_string(spec);
        let json =
            json.map_err(|_unwritable| MakeError::Broken("the spec cannot be written as JSON: this is a bug"))?;
        Ok(ParameterOrder {
            name: spec.names().spec(),
            value: ParameterValue::Plain(json),
            tags: self.tags(None),
        })
    }

    fn template(&self, role: Role) -> Result<TemplateOrder, MakeError> {
        let spec = self.spec();
        let names = spec.names();
        let user_data = match role {
            Role::Server => user_data::server(spec),
            Role::Agent => user_data::agent(spec, self.server()?.1),
        };
        Ok(TemplateOrder {
            name: names.launch_template(role),
            image: self.launch.ground.image.clone(),
            root_device: spec.image.root_device(),
            volume_gib: spec.volume_gib,
            instance_type: spec.types.first().cloned().unwrap_or_default(),
            profile: match &spec.profile {
                Profile::Own => Some(names.instance_profile(role)),
                Profile::Named(name) => Some(name.to_string()),
                Profile::None => None,
            },
            key_pair: match &spec.ssh {
                Some(SshKey::Pair(name)) => Some(name.clone()),
                Some(SshKey::Public(_)) | None => None,
            },
            group: self.group()?.into(),
            user_data,
            tags: self.tags(Some(role)),
        })
    }

    fn workers(&self) -> AsgOrder {
        let spec = self.spec();
        let names = spec.names();
        AsgOrder {
            name: names.asg(Role::Agent),
            template: names.launch_template(Role::Agent),
            types: spec.types.clone(),
            subnets: self.subnets(),
            purchase: spec.purchase,
            desired: spec.workers,
            max: spec.workers.max(MOST_WORKERS),
            expires: spec.expires_at.map(|at| (names.expiry_action(), at)),
            tags: self.tags(Some(Role::Agent)),
        }
    }

    fn subnets(&self) -> Vec<smol_str::SmolStr> {
        self.launch.ground.subnets.iter().map(|s| s.id.clone()).collect()
    }

    /// Launches the server; bought on-demand only where there is no spot capacity and the spec allows it.
    pub(super) async fn launch_server(
        &self,
        cloud: &dyn CloudControl,
        template: &str,
        say: impl Fn(String),
    ) -> Result<Made, MakeError> {
        let spec = self.spec();
        let mut order = MachineOrder {
            template: template.to_owned(),
            types: spec.types.clone(),
            subnets: self.subnets(),
            purchase: spec.purchase,
            client_token: self.id.as_str().to_owned(),
            tags: self.tags(Some(Role::Server)),
        };
        let launched = match cloud.launch(&order).await {
            Err(error) if error.kind == FaultKind::NoCapacity && spec.on_demand_fallback => {
                say(format!("{}; buying it on-demand", error.message));
                order.purchase = crate::fleet::Purchase::OnDemand;
                order.client_token = format!("{}-od", self.id);
                cloud.launch(&order).await?
            }
            launched => launched?,
        };
        Ok(Made::Server {
            instance: launched.instance,
            private_ip: launched.private_ip,
        })
    }
}

impl Executor {
    /// A time on the clock as time that passes here.
    fn paced(&self, time: Duration) -> Duration {
        Duration::try_from_secs_f64(time.as_secs_f64() / self.speed).unwrap_or(time)
    }

    /// Waits until the server has its kubeconfig, and keeps it. What the server's console says of the first boot is told
    /// meanwhile; that it failed, or that the instance has ended, ends the wait.
    pub(super) async fn fetch_kubeconfig(
        &self,
        cloud: &dyn CloudControl,
        making: &Making<'_>,
        secret: Option<&str>,
        say: impl Fn(String),
    ) -> Result<Made, MakeError> {
        let spec = making.spec();
        let (instance, private_ip) = making.server()?;
        let until = Instant::now() + self.paced(COMING_UP);
        let mut looks = 0_u32;
        let down = |why: String, lines| MakeError::Down {
            instance: instance.clone(),
            why,
            lines,
        };
        loop {
            let now = patient(cloud.look(instance).await)?;
            if now == Some(None) {
                let lines = console(cloud, instance).await;
                return Err(down("it is terminated".to_owned(), lines));
            }
            let now = now.flatten();
            let address = now.as_ref().and_then(|i| i.public_ip).unwrap_or(private_ip);
            let found = match (secret, &self.control.shell) {
                (Some(secret), _) => patient(cloud.secret(secret).await)?.flatten(),
                (None, Some(shell)) => patient(shell.read_file(spec.image.user(), address, ON_SERVER).await)?.flatten(),
                (None, None) => return Err(MakeError::Broken("nothing reads files over SSH from here")),
            };
            if let Some(text) = found {
                kubeconfig::keep(&self.kubeconfigs, &spec.name, address, &text)?;
                let context = kubeconfig::context(&spec.name);
                return Ok(Made::Kubeconfig { context });
            }
            if looks.is_multiple_of(CONSOLE) {
                let lines = console(cloud, instance).await;
                let ours = lines.iter().rev().find_map(|line| line.split_once(OURS));
                match ours.map(|(_, line)| line) {
                    Some(line) if line.starts_with("failed: ") => return Err(down(line.to_owned(), lines.clone())),
                    Some(line) => say(line.to_owned()),
                    None => say(now
                        .as_ref()
                        .map_or_else(String::new, |i| format!("{instance} is {}", i.state.as_str()))),
                }
            }
            if Instant::now() >= until {
                let lines = console(cloud, instance).await;
                let why = format!("there is no kubeconfig after {} min", COMING_UP.as_secs() / 60);
                return Err(down(why, lines));
            }
            looks = looks.wrapping_add(1);
            sleep(self.paced(LOOK)).await;
        }
    }

    /// Waits until nothing carries the cluster's tag any longer but what was to stay; gives what is left all the same.
    pub(super) async fn prove(
        &self,
        cloud: &dyn CloudControl,
        cluster: &str,
        staying: &[smol_str::SmolStr],
        say: impl Fn(String),
    ) -> Result<Result<String, String>, ProviderError> {
        let until = Instant::now() + self.paced(FORGETTING);
        loop {
            if let Some(left) = patient(cloud.left(cluster).await)? {
                let (stays, lost): (Vec<_>, Vec<_>) = left.iter().partition(|r| staying.contains(&r.id));
                let list = |some: &[&crate::provider::Resource]| {
                    some.iter().map(|r| r.describe()).collect::<Vec<_>>().join(", ")
                };
                if lost.is_empty() {
                    return Ok(Ok(match stays.is_empty() {
                        true => "nothing is left".to_owned(),
                        false => format!("left, as planned: {}", list(&stays)),
                    }));
                }
                let text = format!("still there: {}", list(&lost));
                if Instant::now() >= until {
                    return Ok(Err(text));
                }
                say(text);
            }
            sleep(self.paced(LOOK)).await;
        }
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
