//! The work of making a cluster: orders derived from the spec that is launched.

use crate::blueprint::{API_PORT, SSH_PORT, iam, tags, user_data};
use crate::fleet::{FaultKind, InstanceId, Role};
use crate::ops::dsn::{self, DsnError};
use crate::ops::event::{Made, OperationId};
use crate::ops::launch::{Launch, Profile, Spec, SshKey};
use crate::ops::plan::Plan;
use crate::ops::request::Request;
use crate::ops::step::Part;
use crate::provider::{
    AsgOrder, CloudControl, GroupOrder, MachineOrder, Opening, ParameterOrder, ParameterValue, ProviderError,
    RoleOrder, Secret, TagList, TemplateOrder,
};

/// The most workers that a pool may be scaled to without raising its bound, unless it begins with more.
const MOST_WORKERS: u32 = 10;

/// Why a part of a cluster could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum MakeError {
    #[error(transparent)]
    Call(#[from] ProviderError),
    #[error("{0}")]
    Broken(&'static str),
    #[error("{0} is still empty after {1} min; look at the console of the cluster's servers")]
    NoKubeconfig(String, u64),
    #[error(transparent)]
    Dsn(#[from] DsnError),
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
    pub(super) fn spec(&self) -> &Spec {
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

    pub(super) fn server(&self) -> Result<&InstanceId, MakeError> {
        let server = self.made.iter().rev().find_map(|made| match made {
            Made::Server { instance } => Some(instance),
            _ => None,
        });
        server.ok_or(MakeError::Broken("the server's id is not known: this is a bug"))
    }

    /// Makes one part.
    pub(super) async fn make(&self, cloud: &dyn CloudControl, part: Part) -> Result<Option<Made>, MakeError> {
        let names = self.spec().names();
        match part {
            Part::Role(role) => cloud.make_role(&self.role(role)).await?,
            Part::Grant(role) => cloud.grant_role(&self.role(role)).await?,
            Part::Openings => cloud.open_group(self.group()?, &self.security_group()).await?,
            Part::SecurityGroup => {
                let id = cloud.make_group(&self.security_group()).await?;
                return Ok(Some(Made::SecurityGroup { id }));
            }
            Part::ServerToken => cloud.make_parameter(&self.token(names.server_token())?).await?,
            Part::AgentToken => cloud.make_parameter(&self.token(names.agent_token())?).await?,
            Part::Secret => cloud.make_secret(&names.kubeconfig(), &self.tags(None)).await?,
            Part::Site => cloud.make_parameter(&self.site_parameter()?).await?,
            Part::Dsn => cloud.make_parameter(&self.dsn()?).await?,
            Part::Spec => cloud.make_parameter(&self.spec_parameter()?).await?,
            Part::Template(Role::Server) => {
                let order = self.template(Role::Server, user_data::server(self.spec()))?;
                cloud.make_template(&order).await?;
            }
            Part::Template(Role::Agent) => {
                let server = self.server()?;
                let now = cloud.look(server).await?;
                let address = now.and_then(|i| i.private_ip).ok_or_else(|| MakeError::Down {
                    instance: server.clone(),
                    why: "it has no private address, or is terminated already".to_owned(),
                    lines: vec![],
                })?;
                let order = self.template(Role::Agent, user_data::agent(self.spec(), address))?;
                cloud.make_template(&order).await?;
            }
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

    /// The DSN, read from its file only now.
    fn dsn(&self) -> Result<ParameterOrder, MakeError> {
        let file = self.launch.dsn_file.as_ref();
        let file = file.ok_or(MakeError::Broken(
            "no file holds the DSN: begin anew, with --datastore-dsn-file",
        ))?;
        Ok(ParameterOrder {
            name: self.spec().names().dsn(),
            value: ParameterValue::Secure(dsn::read(file)?),
            tags: self.tags(None),
        })
    }

    fn site_parameter(&self) -> Result<ParameterOrder, MakeError> {
        let json = serde_json::to_string(&self.launch.site);
        let json =
            json.map_err(|_unwritable| MakeError::Broken("the place cannot be written as JSON: this is a bug"))?;
        Ok(ParameterOrder {
            name: self.spec().names().site(),
            value: ParameterValue::Plain(json),
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

    fn template(&self, role: Role, user_data: String) -> Result<TemplateOrder, MakeError> {
        let spec = self.spec();
        let names = spec.names();
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
        let instance = match cloud.launch(&order).await {
            Err(error) if error.kind == FaultKind::NoCapacity && spec.on_demand_fallback => {
                say(format!("{}; buying it on-demand", error.message));
                order.purchase = crate::fleet::Purchase::OnDemand;
                order.client_token = format!("{}-od", self.id);
                cloud.launch(&order).await?
            }
            launched => launched?,
        };
        Ok(Made::Server { instance })
    }
}
