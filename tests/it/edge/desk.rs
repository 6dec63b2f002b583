//! Joins of the rig's hosts by the real executor: a cluster that only takes notes, and a fleet that sees every node ready.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::StreamExt;
use k3fleet::fleet::{ClusterId, ContextId, EdgeHost, Fleet};
use k3fleet::ops::files::Source;
use k3fleet::ops::joining::{Candidate, Join};
use k3fleet::ops::{
    About, Event, Executor, Job, Journal, OperationId, Outcome, Plan, Progress, Question, Request, Standing, Step,
    StepState, What, plan,
};
use k3fleet::provider::ssh::OpenSsh;
use k3fleet::provider::{BootstrapOrder, BoundPod, Control, Eviction, KubeControl, Marks, Result, Shell, ShellControl};
use k3fleet::runtime::clock;
use smol_str::SmolStr;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// The hash of the cluster's certificate authority.
pub(super) const CA: &str = "aa11bb22cc33dd44ee55ff6600778899aa11bb22cc33dd44ee55ff6600778899";
/// The URL of its server.
const SERVER: &str = "https://192.0.2.7:6443";

/// A cluster that takes notes.
pub(super) struct Notes {
    context: ContextId,
    /// The tokens that were made: id and secret half.
    pub(super) tokens: Mutex<Vec<(String, String)>>,
    /// The ids of those that were deleted.
    pub(super) deleted: Mutex<Vec<String>>,
    /// What was written on nodes.
    pub(super) marks: Mutex<BTreeMap<String, Marks>>,
}

#[async_trait]
impl KubeControl for Notes {
    fn context(&self) -> &ContextId {
        &self.context
    }
    async fn set_schedulable(&self, _: &str, _: bool) -> Result<()> {
        Ok(())
    }
    async fn pods_on(&self, _: &str) -> Result<Vec<BoundPod>> {
        Ok(vec![])
    }
    async fn evict(&self, _: &BoundPod) -> Result<Eviction> {
        Ok(Eviction::Gone)
    }
    async fn delete_pod(&self, _: &BoundPod) -> Result<()> {
        Ok(())
    }
    async fn delete_node(&self, _: &str) -> Result<()> {
        Ok(())
    }
    async fn delete_node_password(&self, _: &str) -> Result<()> {
        Ok(())
    }
    async fn delete_balancers(&self) -> Result<Vec<SmolStr>> {
        Ok(vec![])
    }
    async fn mark(&self, node: &str, marks: &Marks) -> Result<()> {
        self.marks.lock().unwrap().insert(node.to_owned(), marks.clone());
        Ok(())
    }
    async fn ca_hash(&self) -> Result<SmolStr> {
        Ok(CA.into())
    }
    async fn make_bootstrap_token(&self, order: &BootstrapOrder) -> Result<()> {
        let token = (order.id.to_string(), order.secret.expose().to_owned());
        self.tokens.lock().unwrap().push(token);
        Ok(())
    }
    async fn delete_bootstrap_token(&self, id: &str) -> Result<()> {
        self.deleted.lock().unwrap().push(id.to_owned());
        Ok(())
    }
}

/// See the module docs.
pub(super) struct Desk {
    pub(super) ssh: Arc<OpenSsh>,
    pub(super) kube: Arc<Notes>,
    executor: Executor,
    pub(super) told: mpsc::Receiver<(OperationId, Event)>,
    journals: tempfile::TempDir,
    seer: JoinHandle<()>,
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.seer.abort();
    }
}

impl Desk {
    pub(super) fn new(ssh: Arc<OpenSsh>, speed: f64) -> Self {
        let kube = Arc::new(Notes {
            context: ContextId::new("shop"),
            tokens: Mutex::default(),
            deleted: Mutex::default(),
            marks: Mutex::default(),
        });
        let (questions, mut asked) = mpsc::channel::<Question>(16);
        let (events, told) = mpsc::channel(4096);
        let seer = tokio::spawn(async move {
            while let Some(question) = asked.recv().await {
                let standing = match question.about {
                    About::Until(_) => Standing::Met,
                    About::Gone(_) | About::Done(_) => Standing::Waiting(String::new()),
                };
                let _ = question.tell.send(standing).await;
            }
        });
        let journals = tempfile::tempdir().unwrap();
        let executor = Executor {
            control: Control {
                kubes: vec![Arc::clone(&kube) as Arc<dyn KubeControl>],
                shell: Some(Arc::clone(&ssh) as Arc<dyn ShellControl>),
                ..Control::default()
            },
            questions,
            events,
            clock: Arc::new(clock::now),
            by: "ana@desk".into(),
            kubeconfigs: journals.path().join("kubeconfigs"),
            speed,
        };
        Self {
            ssh,
            kube,
            executor,
            told,
            journals,
            seer,
        }
    }

    pub(super) fn journals(&self) -> &Path {
        self.journals.path()
    }

    /// The plan of a join, after the preflight of all hosts.
    pub(super) async fn plan(&self, hosts: Vec<EdgeHost>, sudo_password: bool) -> Plan {
        self.plan_from(hosts, sudo_password, None).await
    }

    /// As above, with the release's files from there.
    pub(super) async fn plan_from(&self, hosts: Vec<EdgeHost>, sudo_password: bool, files: Option<Source>) -> Plan {
        let addresses = Join::addresses(SERVER, &[], files.as_ref());
        let facts = futures::stream::iter(hosts).map(|host| {
            let (ssh, addresses) = (&self.ssh, &addresses);
            async move {
                let facts = ssh.facts(&host, addresses).await;
                Candidate {
                    host,
                    facts: facts.map_err(|error| error.to_string().into()),
                }
            }
        });
        let mut hosts: Vec<Candidate> = facts.buffer_unordered(32).collect().await;
        hosts.sort_by(|a, b| a.host.address.cmp(&b.host.address));
        let join = Join {
            cluster: ClusterId {
                name: "shop".into(),
                home: None,
            },
            context: self.kube.context.clone(),
            server: SERVER.into(),
            advertised: vec![],
            version: "v1.36.4+k3s1".into(),
            hosts,
            files,
            vpn_auth_file: None,
            wireguard: false,
            mend: false,
            sudo_password,
        };
        plan(&Fleet::default(), &Request::Join(Box::new(join)), clock::now()).unwrap()
    }

    /// Begins an operation.
    pub(super) fn begin(&self, plan: Plan) -> (OperationId, JoinHandle<Outcome>) {
        let id = OperationId::new("join", clock::now(), 1);
        let journal = Journal::create(self.journals(), &id).unwrap();
        (id.clone(), self.spawn(id, plan, journal, None))
    }

    /// Goes on with one.
    pub(super) fn resume(&self, id: &OperationId) -> JoinHandle<Outcome> {
        let (journal, progress) = Journal::resume(self.journals(), id).unwrap();
        self.spawn(id.clone(), progress.plan.clone(), journal, Some(progress))
    }

    fn spawn(&self, id: OperationId, plan: Plan, journal: Journal, resumed: Option<Progress>) -> JoinHandle<Outcome> {
        let executor = self.executor.clone();
        tokio::spawn(async move {
            let (_stop, stopped) = watch::channel(false);
            let job = Job {
                id,
                plan,
                journal,
                resumed,
                take_over: false,
                stop: stopped,
            };
            executor.run(job).await.unwrap()
        })
    }

    /// How an operation stands, as its journal tells.
    pub(super) fn progress(&self, id: &OperationId) -> Progress {
        k3fleet::ops::journal::show(self.journals(), id).unwrap()
    }

    /// What kept each host from joining.
    pub(super) fn failures(&self, id: &OperationId) -> BTreeMap<String, String> {
        let progress = self.progress(id);
        let failed = progress
            .plan
            .steps()
            .filter_map(|(at, step)| match (step, progress.state(at)) {
                (Step::Join(joining), StepState::Failed(why)) => Some((joining.host.name.to_string(), why)),
                _ => None,
            });
        failed.collect()
    }

    /// Takes in what is told until so many hosts have joined.
    pub(super) async fn joined(&mut self, plan: &Plan, count: usize) {
        let mut done = 0;
        while done < count {
            let (_, event) = self.told.recv().await.unwrap();
            if let What::StepDone { step, .. } = event.what {
                done += usize::from(matches!(plan.step(step), Some(Step::Join(_))));
            }
        }
    }
}
