//! What each step does, in words for people.

use super::{BootstrapStep, CloudStep, KubeStep, Part, StackWork, Step};
use crate::fleet::table::money;

impl StackWork {
    fn describe(&self, name: &str) -> String {
        match self {
            Self::Make => format!("make the stack {name}"),
            Self::Change { change_set } => match change_set.changes.len() {
                1 => format!("change the stack {name}: 1 resource"),
                n => format!("change the stack {name}: {n} resources"),
            },
            Self::Release { version } => format!("let new machines run K3s {version}: the stack {name}, and the spec"),
            Self::Undo => format!("take the stack {name} back to how it was"),
            Self::Ask => format!("see that the stack {name} may be deleted"),
            Self::Delete => format!("delete the stack {name}"),
        }
    }
}

impl Part {
    fn describe(self, name: &str) -> String {
        let what = match self {
            Self::Grant(_) => return format!("grant the role {name} its permissions"),
            Self::Openings => return format!("open the ports of {name}"),
            Self::Role(_) => "role",
            Self::SecurityGroup => "security group",
            Self::ServerToken | Self::AgentToken | Self::Spec | Self::Site | Self::Dsn => "parameter",
            Self::Secret => "secret",
            Self::Template(_) => "launch template",
            Self::Workers => "Auto Scaling group",
        };
        format!("make the {what} {name}")
    }
}

impl Step {
    /// What it does, for people.
    pub fn describe(&self) -> String {
        match self {
            Self::Cloud(_, CloudStep::SetDesired { asg, desired }) => {
                format!("set the desired capacity of {asg} to {desired}")
            }
            Self::Cloud(_, CloudStep::SetBounds { asg, min, max }) => format!("let {asg} have {min} to {max} machines"),
            Self::Cloud(_, CloudStep::Empty { asg }) => format!("end all machines of {asg}, without its hooks"),
            Self::Cloud(_, CloudStep::Release { function }) => {
                let name = function.rsplit(':').next().unwrap_or(function);
                format!("take the function {name} out of its VPC, and wait until its network interfaces are gone")
            }
            Self::Cloud(_, CloudStep::Forget { cluster }) => {
                format!("delete what the servers of {cluster} left in SSM for each other")
            }
            Self::Cloud(_, CloudStep::Hold { asg, processes, held }) => {
                let does = if *held { "suspend" } else { "resume" };
                format!("{does} {} of {asg}", processes.join(" and "))
            }
            Self::Cloud(_, CloudStep::EndMember { asg, instance, shrink }) => match shrink {
                true => format!("end {instance}, and let {asg} want one machine less"),
                false => format!("end {instance}; {asg} launches another"),
            },
            Self::Cloud(_, CloudStep::End { instance }) => format!("end {instance}"),
            Self::Cloud(_, CloudStep::SetTarget { fleet, target, .. }) => {
                format!("set the target of {fleet} to {target}")
            }
            Self::Cloud(_, CloudStep::Make { part, name }) => part.describe(name),
            Self::Cloud(_, CloudStep::LaunchServer { template }) => format!("launch the server from {template}"),
            Self::Cloud(_, CloudStep::FetchKubeconfig { secret: Some(secret) }) => {
                format!("wait for the kubeconfig in {secret}, and keep it")
            }
            Self::Cloud(_, CloudStep::FetchKubeconfig { secret: None }) => {
                "wait for the kubeconfig, read it over SSH, and keep it".to_owned()
            }
            Self::Cloud(_, CloudStep::Delete { resource, usd }) => {
                let cost = usd.map_or_else(String::new, |usd| format!(", ${}/h", money(usd)));
                format!("delete the {}{cost}", resource.describe())
            }
            Self::Cloud(_, CloudStep::Prove { cluster, .. }) => format!("see that nothing of {cluster} is left"),
            Self::Cloud(_, CloudStep::Retag { resource, until }) => {
                format!("write on the {} that it ends {until}", resource.describe())
            }
            Self::Cloud(_, CloudStep::Expire { asg, until, .. }) => format!("let {asg} end its machines {until}"),
            Self::Cloud(_, CloudStep::NewToken { kind, parameter, .. }) => {
                format!(
                    "make a new {} token in {parameter}; the old one stays there as a version",
                    kind.as_str()
                )
            }
            Self::Cloud(
                _,
                CloudStep::UseToken {
                    kind,
                    parameter,
                    version,
                },
            ) => format!("take the {} token of version {version} in {parameter}", kind.as_str()),
            Self::Cloud(_, CloudStep::KeepSpec { spec, .. }) => {
                format!("write the new spec to {}", spec.names().spec())
            }
            Self::Cloud(_, CloudStep::Stack { name, work }) => work.describe(name),
            Self::Cloud(_, CloudStep::SetRelease { version, .. }) => {
                format!("let new machines run K3s {version}: launch templates and spec")
            }
            Self::Kube(node, KubeStep::Cordon) => format!("cordon {}", node.name),
            Self::Kube(node, KubeStep::Uncordon) => format!("uncordon {}", node.name),
            Self::Kube(node, KubeStep::Drain(_)) => format!("drain {}", node.name),
            Self::Kube(node, KubeStep::Delete) => format!("delete the node {}", node.name),
            Self::Kube(node, KubeStep::ForgetPassword) => format!("delete the password of the node {}", node.name),
            Self::Kube(node, KubeStep::Mark(_)) => format!("write labels and annotations on the node {}", node.name),
            Self::Machine(reach, task) => task.describe(reach.name()),
            Self::Bring(host, _, directory) => format!("bring the files in {} to {}", directory.display(), host.name),
            Self::Join(joining) => format!("join {}", joining.host.name),
            Self::Bootstrap(_, BootstrapStep::Make { ttl }) => {
                format!("make a bootstrap token, good for {} min", ttl.as_mins())
            }
            Self::Bootstrap(_, BootstrapStep::Delete) => "delete the bootstrap token".to_owned(),
            Self::Balancers(_) => {
                "delete the Services and Ingresses with load balancers at AWS, and wait until those are gone".to_owned()
            }
            Self::Wait(condition, _) => condition.describe(),
        }
    }
}
