//! The ports that change things. They exist only where changing is allowed: in read-only mode none is made, so that
//! nothing in the program can change anything, whoever asks.
//!
//! A call returns when the other side has accepted the change, not when it has come about: that is seen by the feeds.
//! Every call may be made again with the same effect, so that an operation that was cut off can go on.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use smol_str::SmolStr;

use jiff::Timestamp;

use super::order::{AsgOrder, GroupOrder, MachineOrder, ParameterOrder, RoleOrder, TagList, TemplateOrder};
use super::{
    BootstrapOrder, ChangeSet, Detection, HostKey, Marks, Ran, Resource, Result, Secret, Stack, StackEvent, StackOrder,
};
use crate::blueprint::machine::{Inside, Kept, Task};
use crate::fleet::{ContextId, EdgeHost, Instance, InstanceId, OwnerKind, Role, Scope};

/// Everything that can be changed from here.
#[derive(Clone, Default)]
pub struct Control {
    /// One for each profile and region.
    pub clouds: Vec<Arc<dyn CloudControl>>,
    /// One for each kube context.
    pub kubes: Vec<Arc<dyn KubeControl>>,
    /// The machines that are reached over SSH; `None` where nothing reaches them.
    pub shell: Option<Arc<dyn ShellControl>>,
}

impl Control {
    /// What changes a scope.
    pub fn cloud(&self, scope: &Scope) -> Option<&Arc<dyn CloudControl>> {
        self.clouds.iter().find(|c| c.scope() == scope)
    }

    /// What changes the cluster behind a context.
    pub fn kube(&self, context: &ContextId) -> Option<&Arc<dyn KubeControl>> {
        self.kubes.iter().find(|k| k.context() == context)
    }

    /// Whether nothing can be changed.
    pub fn is_read_only(&self) -> bool {
        self.clouds.is_empty() && self.kubes.is_empty()
    }
}

/// Changes at AWS, as one profile may make them in one region.
#[async_trait]
pub trait CloudControl: Send + Sync {
    /// The profile and region.
    fn scope(&self) -> &Scope;

    /// Sets a group's desired capacity (`autoscaling:SetDesiredCapacity`).
    async fn set_desired(&self, asg: &str, desired: u32) -> Result<()>;

    /// Sets a group's least and most (`autoscaling:UpdateAutoScalingGroup`).
    async fn set_bounds(&self, asg: &str, min: u32, max: u32) -> Result<()>;

    /// Lets a group have no machine, and keeps nothing from ending those that it has: its hooks at the end of machines are
    /// deleted first. A group that is not there is no error (`autoscaling:DescribeLifecycleHooks`,
    /// `autoscaling:DeleteLifecycleHook`, `autoscaling:UpdateAutoScalingGroup`).
    async fn empty_asg(&self, asg: &str) -> Result<()>;

    /// Takes a Lambda function, by its ARN, out of its VPC. One that is not there is no error
    /// (`lambda:UpdateFunctionConfiguration`).
    async fn release_function(&self, function: &str) -> Result<()>;

    /// How many network interfaces Lambda keeps of a function, by its ARN (`ec2:DescribeNetworkInterfaces`).
    async fn function_interfaces(&self, function: &str) -> Result<usize>;

    /// Keeps a group from these processes of its own, or lets it again (`autoscaling:SuspendProcesses`,
    /// `autoscaling:ResumeProcesses`).
    async fn hold(&self, asg: &str, processes: &[SmolStr], held: bool) -> Result<()>;

    /// Ends a member of a group, which wants one fewer then if it shall shrink, and else launches another
    /// (`autoscaling:TerminateInstanceInAutoScalingGroup`). A member that has ended already is no error.
    async fn end_member(&self, instance: &InstanceId, shrink: bool) -> Result<()>;

    /// Ends an instance (`ec2:TerminateInstances`). One that has ended already is no error.
    async fn end(&self, instance: &InstanceId) -> Result<()>;

    /// Sets a Spot Fleet's target; instances beyond it stay unless they shall be ended (`ec2:ModifySpotFleetRequest`).
    async fn set_target(&self, fleet: &str, target: u32, end_excess: bool) -> Result<()>;

    /// An SSM parameter's value; `None` when there is no such parameter (`ssm:GetParameter`).
    async fn parameter(&self, name: &str) -> Result<Option<String>>;

    /// Makes an SSM parameter; false when there is one of that name, which stays as it is: of several who make it at
    /// once exactly one succeeds (`ssm:PutParameter` without overwrite).
    async fn create_parameter(&self, name: &str, value: &str) -> Result<bool>;

    /// Sets an SSM parameter, whatever it was (`ssm:PutParameter` with overwrite).
    async fn put_parameter(&self, name: &str, value: &str) -> Result<()>;

    /// Deletes an SSM parameter. One that is not there is no error (`ssm:DeleteParameter`).
    async fn delete_parameter(&self, name: &str) -> Result<()>;

    /// Makes an IAM role and its instance profile, side by side (`iam:CreateRole`, `iam:CreateInstanceProfile`).
    async fn make_role(&self, order: &RoleOrder) -> Result<()>;

    /// Gives a role that was made its policy, and puts it into its instance profile, side by side
    /// (`iam:PutRolePolicy`, `iam:AddRoleToInstanceProfile`).
    async fn grant_role(&self, order: &RoleOrder) -> Result<()>;

    /// Makes a security group that nobody reaches yet; gives its id (`ec2:CreateSecurityGroup`).
    async fn make_group(&self, order: &GroupOrder) -> Result<SmolStr>;

    /// Opens a security group `sg-…` to its own machines and to those its order names
    /// (`ec2:AuthorizeSecurityGroupIngress`).
    async fn open_group(&self, id: &str, order: &GroupOrder) -> Result<()>;

    /// Makes an SSM parameter with tags (`ssm:PutParameter`).
    async fn make_parameter(&self, order: &ParameterOrder) -> Result<()>;

    /// Makes an empty secret (`secretsmanager:CreateSecret`).
    async fn make_secret(&self, name: &str, tags: &TagList) -> Result<()>;

    /// The value of a secret; `None` as long as it has none, or when there is no such secret
    /// (`secretsmanager:GetSecretValue`).
    async fn secret(&self, name: &str) -> Result<Option<Secret>>;

    /// Makes a launch template (`ec2:CreateLaunchTemplate`). One that is there already stays as it is.
    async fn make_template(&self, order: &TemplateOrder) -> Result<()>;

    /// Launches one machine (`ec2:CreateFleet`). Never tried again by the SDK: where no capacity is found the error says so
    /// with [`FaultKind::NoCapacity`](crate::fleet::FaultKind::NoCapacity), and the operation decides. A role that was
    /// just made and is not yet known to EC2 is worth another try:
    /// [`FaultKind::NotYet`](crate::fleet::FaultKind::NotYet).
    async fn launch(&self, order: &MachineOrder) -> Result<InstanceId>;

    /// Makes an Auto Scaling group (`autoscaling:CreateAutoScalingGroup`). One that is there already stays as it is.
    async fn make_asg(&self, order: &AsgOrder) -> Result<()>;

    /// An instance as EC2 describes it now; `None` once it is terminated (`ec2:DescribeInstances`). One that was just
    /// launched may not be known everywhere: [`FaultKind::NotYet`](crate::fleet::FaultKind::NotYet).
    async fn look(&self, instance: &InstanceId) -> Result<Option<Instance>>;

    /// What an instance has written to its console, the newest last; `None` while there is nothing
    /// (`ec2:GetConsoleOutput`).
    async fn console(&self, instance: &InstanceId) -> Result<Option<String>>;

    /// Deletes a resource. One that is not there is no error; one that something still uses is worth another try:
    /// [`FaultKind::NotYet`](crate::fleet::FaultKind::NotYet).
    async fn delete(&self, resource: &Resource) -> Result<()>;

    /// What still carries a cluster's tag: as [`Cloud::resources`](super::Cloud::resources).
    async fn left(&self, cluster: &str) -> Result<Vec<Resource>>;

    /// Sets tags of a resource, leaving its others (`ec2:CreateTags`, `autoscaling:CreateOrUpdateTags`, …).
    async fn tag(&self, resource: &Resource, tags: &TagList) -> Result<()>;

    /// Sets when a group ends all its machines, by a scheduled action of this name
    /// (`autoscaling:PutScheduledUpdateGroupAction`).
    async fn expire(&self, asg: &str, action: &str, at: Timestamp) -> Result<()>;

    /// How K3s stands on an instance (`ssm:SendCommand`, `ssm:GetCommandInvocation`).
    async fn inside(&self, instance: &InstanceId) -> Result<Inside>;

    /// Does a task on an instance, as root, and waits for its end; gives what it says last. What is secret it reads itself
    /// from these parameters, each as `name:version` (`ssm:SendCommand`, `ssm:GetCommandInvocation`).
    async fn work(&self, instance: &InstanceId, task: &Task, parameters: &[SmolStr]) -> Result<String>;

    /// A version of an encrypted parameter, or its newest, with its number; `None` when there is no such parameter
    /// (`ssm:GetParameter`).
    async fn secure(&self, parameter: &str, version: Option<u64>) -> Result<Option<(u64, Secret)>>;

    /// Gives an encrypted parameter a new version, and its number; the older ones stay (`ssm:PutParameter`).
    async fn put_secure(&self, parameter: &str, value: &Secret) -> Result<u64>;

    /// What the newest version of a launch template has its machines run at boot; `None` when there is no such template
    /// (`ec2:DescribeLaunchTemplateVersions`).
    async fn user_data(&self, template: &str) -> Result<Option<String>>;

    /// Gives a launch template a new version, with other user data and all else as in its newest
    /// (`ec2:CreateLaunchTemplateVersion`).
    async fn renew_template(&self, template: &str, user_data: &str) -> Result<()>;

    /// A stack: as [`Cloud::stack`](super::Cloud::stack).
    async fn stack_now(&self, name: &str) -> Result<Option<Stack>>;

    /// What has happened in a stack: as [`Cloud::stack_events`](super::Cloud::stack_events).
    async fn stack_happened(&self, name: &str, after: Option<&str>) -> Result<Vec<StackEvent>>;

    /// What making or changing a stack would do, as a change set, which waits to be executed or discarded
    /// (`cloudformation:CreateChangeSet`, `cloudformation:DescribeChangeSet`). Nothing but that a stack that was never made
    /// stands in review since.
    async fn propose_stack(&self, order: &StackOrder) -> Result<ChangeSet>;

    /// Makes or changes a stack as a change set has it; what fails is undone by CloudFormation, or left as it is
    /// (`cloudformation:ExecuteChangeSet`).
    async fn execute_change_set(&self, change_set: &ChangeSet, token: &str, undo: bool) -> Result<()>;

    /// Discards a change set, and with it a stack that was never made (`cloudformation:DeleteChangeSet`,
    /// `cloudformation:DeleteStack`).
    async fn discard_change_set(&self, change_set: &ChangeSet) -> Result<()>;

    /// Has a stack that failed go back to how it was (`cloudformation:RollbackStack`).
    async fn undo_stack(&self, name: &str, token: &str) -> Result<()>;

    /// Begins to delete a stack with its resources. One that is not there is no error (`cloudformation:DeleteStack`).
    async fn delete_stack(&self, name: &str, token: &str) -> Result<()>;

    /// Has CloudFormation look whether a stack is still as its template says; gives the id of the look. No resource is
    /// changed, but what everybody is told of the stack is, so it is not for who may only see
    /// (`cloudformation:DetectStackDrift`).
    async fn detect_drift(&self, stack: &str) -> Result<SmolStr>;

    /// How far such a look is (`cloudformation:DescribeStackDriftDetectionStatus`).
    async fn drift_detection(&self, id: &str) -> Result<Detection>;

    /// Sends an event of k3fleet's own to a cluster's queue, to see that it is worked on (`sqs:SendMessage`).
    async fn send_test_event(&self, queue: &str, id: &str) -> Result<()>;
}

/// Changes in a cluster, through one kube context.
#[async_trait]
pub trait KubeControl: Send + Sync {
    /// The context.
    fn context(&self) -> &ContextId;

    /// Lets a node take new pods, or not (`PATCH` of `spec.unschedulable`).
    async fn set_schedulable(&self, node: &str, on: bool) -> Result<()>;

    /// The pods bound to a node (`GET /api/v1/pods` with a field selector).
    async fn pods_on(&self, node: &str) -> Result<Vec<BoundPod>>;

    /// Evicts a pod, if its disruption budgets allow it (`POST …/eviction`). The pod is known by its uid: one made anew
    /// under the same name is not touched.
    async fn evict(&self, pod: &BoundPod) -> Result<Eviction>;

    /// Deletes a pod, whatever its budgets say. One that is not there is no error.
    async fn delete_pod(&self, pod: &BoundPod) -> Result<()>;

    /// Deletes a node. One that is not there is no error.
    async fn delete_node(&self, node: &str) -> Result<()>;

    /// Deletes the password by which K3s knows a node again (`DELETE` of the secret
    /// `kube-system/<node>.node-password.k3s`). One that is not there is no error.
    async fn delete_node_password(&self, node: &str) -> Result<()>;

    /// Deletes the Services and Ingresses that have a load balancer at AWS; gives those that are still there, each as `Kind
    /// namespace/name`, for they go only after their load balancers (`GET` of all `services` and `ingresses`, `DELETE` of one).
    async fn delete_balancers(&self) -> Result<Vec<SmolStr>>;

    /// Writes labels and annotations on a node (`PATCH`).
    async fn mark(&self, node: &str, marks: &Marks) -> Result<()>;

    /// The hash by which joining machines know the cluster's certificate authority, 64 hexadecimal digits: what stands
    /// between `K10` and `::` in a token (`GET /cacerts`).
    async fn ca_hash(&self) -> Result<SmolStr>;

    /// Makes a bootstrap token, or sets one of the same id anew (`POST`, `PUT` of a secret in `kube-system`).
    async fn make_bootstrap_token(&self, order: &BootstrapOrder) -> Result<()>;

    /// Deletes a bootstrap token. One that is not there is no error.
    async fn delete_bootstrap_token(&self, id: &str) -> Result<()>;
}

/// Machines, over SSH with the operator's own keys.
#[async_trait]
pub trait ShellControl: Send + Sync {
    /// A file that only root reads on a machine; `None` while the machine does not answer, or has no such file.
    async fn read_file(&self, user: &str, address: IpAddr, path: &str) -> Result<Option<Secret>>;

    /// Writes a host's key into the operator's known hosts: the very one that was shown.
    async fn trust(&self, host: &EdgeHost, key: &HostKey) -> Result<()>;

    /// Keeps the password that `sudo` wants on the hosts, until the program ends. It goes to `sudo` on standard input.
    fn set_sudo_password(&self, password: Secret);

    /// How K3s stands on a host.
    async fn inside(&self, host: &EdgeHost) -> Result<Inside>;

    /// As [`inside`](Self::inside), for whoever waits for K3s: it may leave out the tokens and the datastore, the version
    /// while K3s does not run, and the journal while it does.
    async fn glance(&self, host: &EdgeHost) -> Result<Inside> {
        self.inside(host).await
    }

    /// Does a task on a host, as root, and waits for its end; gives what it says last. The secrets go to it on standard
    /// input.
    async fn work(&self, host: &EdgeHost, task: &Task, secrets: &[Secret]) -> Result<String>;

    /// A token that a server of K3s keeps, so that other machines can be handed it; `None` where it keeps none.
    async fn token(&self, host: &EdgeHost, kind: Role, kept: Kept) -> Result<Option<Secret>>;

    /// Brings a local file into a directory on a host, where it has the same name; what is there of it already from an upload
    /// that was cut is kept, once its checksum agrees. `progress` is told the bytes that are there, of how many.
    async fn upload(
        &self,
        host: &EdgeHost,
        file: &Path,
        directory: &str,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<()>;

    /// Runs a command on a host, as the user who logs in.
    async fn run(&self, host: &EdgeHost, argv: &[String]) -> Result<Ran>;
}

/// A pod as draining sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundPod {
    /// Its namespace.
    pub namespace: SmolStr,
    /// Its name.
    pub name: SmolStr,
    /// `metadata.uid`.
    pub uid: SmolStr,
    /// What made it; a node: it is the mirror of a static pod, which only the kubelet ends.
    pub owner: OwnerKind,
    /// Whether it has run to its end (phase `Succeeded` or `Failed`).
    pub finished: bool,
    /// Whether it has an `emptyDir` volume.
    pub empty_dir: bool,
    /// Whether it is being deleted already.
    pub ending: bool,
}

impl BoundPod {
    /// `namespace/name`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// How asking for an eviction went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Eviction {
    /// The pod will end.
    Accepted,
    /// The pod is not there any longer.
    Gone,
    /// A disruption budget does not allow it now; the API server's words, which name the budget where it tells.
    Blocked(SmolStr),
}
