//! The work on machines against a shell that plays what a test tells it to: restarts, cut connections, known troubles.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Mutex as Lock;

use async_trait::async_trait;

use super::error::StepError;
use super::work::Of;
use super::*;
use crate::blueprint::machine::{Inside, Kept, Task};
use crate::fleet::testing::{context, host, now};
use crate::fleet::{ClusterId, EdgeHost, FaultKind, Role};
use crate::ops::plan::CostChange;
use crate::ops::request::Request;
use crate::ops::step::Reach;
use crate::provider::{HostKey, Ran, Secret, ShellControl};

type Answer<T> = Result<T, ProviderError>;

/// A host that plays a script: each look and each task takes the next answer, the last of them for ever.
#[derive(Default)]
struct Played {
    insides: Lock<VecDeque<Answer<Inside>>>,
    works: Lock<VecDeque<Answer<String>>>,
    done: Lock<Vec<String>>,
    uploads: Lock<VecDeque<Answer<()>>>,
}

impl Played {
    fn of(
        insides: impl IntoIterator<Item = Answer<Inside>>,
        works: impl IntoIterator<Item = Answer<String>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            insides: Lock::new(insides.into_iter().collect()),
            works: Lock::new(works.into_iter().collect()),
            ..Self::default()
        })
    }

    fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }
}

fn next<T: Clone>(answers: &Lock<VecDeque<Answer<T>>>, otherwise: T) -> Answer<T> {
    let mut answers = answers.lock().unwrap();
    match answers.len() {
        0 => Ok(otherwise),
        1 => answers.front().cloned().unwrap(),
        _ => answers.pop_front().unwrap(),
    }
}

#[async_trait]
impl ShellControl for Played {
    async fn read_file(&self, _user: &str, _address: IpAddr, _path: &str) -> Answer<Option<Secret>> {
        Ok(None)
    }

    async fn trust(&self, _host: &EdgeHost, _key: &HostKey) -> Answer<()> {
        Ok(())
    }

    fn set_sudo_password(&self, _password: Secret) {}

    async fn inside(&self, _host: &EdgeHost) -> Answer<Inside> {
        next(&self.insides, Inside::default())
    }

    async fn work(&self, host: &EdgeHost, task: &Task, secrets: &[Secret]) -> Answer<String> {
        let what = format!("{} with {} secrets", task.describe(host.name.as_str()), secrets.len());
        self.done.lock().unwrap().push(what);
        next(&self.works, String::new())
    }

    async fn token(&self, _host: &EdgeHost, _kind: Role, _kept: Kept) -> Answer<Option<Secret>> {
        Ok(None)
    }

    async fn upload(
        &self,
        _host: &EdgeHost,
        file: &Path,
        directory: &str,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Answer<()> {
        progress(1 << 20, 2 << 20);
        let name = file.file_name().unwrap().to_string_lossy();
        self.done.lock().unwrap().push(format!("{name} to {directory}"));
        next(&self.uploads, ())
    }

    async fn run(&self, _host: &EdgeHost, _argv: &[String]) -> Answer<Ran> {
        Err(error(FaultKind::Unsupported, "not played"))
    }
}

fn error(kind: FaultKind, message: &str) -> ProviderError {
    ProviderError {
        kind,
        call: "ssh".into(),
        target: "pi-1".into(),
        message: message.into(),
        mend: "mend it".into(),
    }
}

fn cut<T>() -> Answer<T> {
    Err(error(FaultKind::Unreachable, "the connection was cut"))
}

fn inside(boot: &str, service: &str) -> Answer<Inside> {
    Ok(Inside {
        boot: boot.into(),
        unit: Some("k3s-agent".into()),
        service: Some(service.into()),
        ..Inside::default()
    })
}

fn executor(shell: Arc<Played>) -> Executor {
    let (questions, _) = mpsc::channel(1);
    let (events, _) = mpsc::channel(1);
    Executor {
        control: Control {
            shell: Some(shell),
            ..Control::default()
        },
        questions,
        events,
        clock: Arc::new(now),
        by: "ana@desk".into(),
        kubeconfigs: PathBuf::new(),
        speed: 1.0,
    }
}

fn plan() -> Plan {
    let cluster = ClusterId {
        name: "prod".into(),
        home: None,
    };
    Plan {
        request: Request::Cordon { machines: vec![] },
        cluster,
        title: String::new(),
        stages: vec![],
        cost: CostChange::default(),
        bill: None,
        warnings: vec![],
        confirm: None,
    }
}

/// Does a task on the host: how it went, and what was said.
async fn work(shell: &Arc<Played>, task: Task, made: &[Made]) -> (Result<String, String>, Vec<String>) {
    let executor = executor(Arc::clone(shell));
    let (plan, operation, token) = (plan(), OperationId::new("reboot", now(), 7), Mutex::new(None));
    let of = Of {
        plan: &plan,
        id: StepId { stage: 0, step: 0 },
        operation: &operation,
        made,
        resumed: false,
        token: &token,
    };
    let said = Lock::new(vec![]);
    let say = |line| said.lock().unwrap().push(line);
    let result = executor.machine(&Reach::Edge(host("pi-1")), &task, of, &say).await;
    let result = result.map_err(|error: StepError| error.to_string());
    (result, said.into_inner().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_restart_ends_when_k3s_runs_after_another_boot() {
    let insides = [
        inside("a", "active"),
        inside("a", "active"),
        cut(),
        inside("b", "activating"),
        inside("b", "activating"),
        inside("b", "active"),
    ];
    let shell = Played::of(insides, [cut()]);
    let (result, said) = work(&shell, Task::Reboot, &[]).await;
    assert_eq!(result, Ok(String::new()));
    assert_eq!(
        shell.done(),
        ["restart pi-1 with 0 secrets"],
        "it is never restarted twice"
    );
    assert_eq!(
        said,
        ["it has not gone down yet", "it is down", "K3s is activating"],
        "that the connection went down with it is no failure"
    );
}

#[tokio::test(start_paused = true)]
async fn a_machine_without_k3s_only_has_to_be_back() {
    let bare = |boot: &str| {
        Ok(Inside {
            boot: boot.into(),
            ..Inside::default()
        })
    };
    let shell = Played::of([bare("a"), bare("b")], []);
    assert_eq!(work(&shell, Task::Reboot, &[]).await.0, Ok(String::new()));
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_come_back_is_told() {
    let shell = Played::of([inside("a", "active"), cut()], []);
    let error = work(&shell, Task::Reboot, &[]).await.0.unwrap_err();
    assert!(error.contains("pi-1: it has not come back after 10 min"), "{error}");
    assert!(error.contains("k3fleet logs pi-1"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_was_cut_is_done_again_and_what_failed_is_not() {
    let shell = Played::of([], [cut(), cut(), Ok("saved".to_owned())]);
    let uninstalled = work(&shell, Task::Uninstall, &[]).await;
    assert_eq!(uninstalled.0, Ok("saved".to_owned()));
    assert_eq!(shell.done().len(), 3);
    assert_eq!(uninstalled.1.len(), 2, "{:?}", uninstalled.1);
    let shell = Played::of([], [Err(error(FaultKind::Other, "the disk is full"))]);
    let failed = work(&shell, Task::Uninstall, &[]).await.0.unwrap_err();
    assert!(failed.contains("the disk is full"), "{failed}");
    assert_eq!(shell.done().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_known_trouble_ends_the_wait_once_it_is_believed() {
    let rejected = || {
        inside("a", "activating").map(|inside| Inside {
            journal: vec!["level=fatal msg=\"Node password rejected, duplicate hostname\"".into()],
            ..inside
        })
    };
    let shell = Played::of([rejected()], []);
    let before = tokio::time::Instant::now();
    let error = work(&shell, Task::Restart, &[]).await.0.unwrap_err();
    assert!(error.starts_with("pi-1: ") && error.contains("password"), "{error}");
    assert!(
        before.elapsed() < Duration::from_secs(30),
        "nobody waits the whole time for it"
    );
    let shell = Played::of(
        [
            rejected(),
            rejected(),
            inside("a", "activating"),
            rejected(),
            inside("a", "active"),
        ],
        [],
    );
    let went = work(&shell, Task::Restart, &[]).await.0;
    assert_eq!(went, Ok(String::new()), "its journal holds what was before, too");
}

#[tokio::test(start_paused = true)]
async fn a_k3s_that_takes_long_is_looked_at_less_often() {
    let shell = Played::of([inside("a", "activating")], []);
    let before = tokio::time::Instant::now();
    let (late, looks) = work(&shell, Task::Restart, &[]).await;
    let late = late.unwrap_err();
    assert!(late.contains("K3s is activating after 5 min"), "{late}");
    assert!((30..40).contains(&looks.len()), "{}", looks.len());
    assert!(before.elapsed() < Duration::from_secs(5 * 60 + 10));
}

#[tokio::test(start_paused = true)]
async fn a_release_that_does_not_run_then_is_told() {
    let runs = |version: &str| {
        inside("a", "active").map(|inside| Inside {
            version: Some(version.into()),
            ..inside
        })
    };
    let upgrade = || Task::Upgrade {
        version: "v1.37.0+k3s1".into(),
        files: None,
    };
    let shell = Played::of([runs("v1.37.0+k3s1")], []);
    assert_eq!(work(&shell, upgrade(), &[]).await.0, Ok(String::new()));
    assert_eq!(shell.done().len(), 2, "it is put there, and K3s restarted");
    let shell = Played::of([runs("v1.36.4+k3s1")], []);
    let error = work(&shell, upgrade(), &[]).await.0.unwrap_err();
    assert!(error.contains("still runs K3s v1.36.4+k3s1"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_server_is_waited_for_after_its_datastore_was_saved() {
    let shell = Played::of(
        [inside("a", "activating"), inside("a", "active")],
        [Ok("copied".to_owned())],
    );
    let (result, said) = work(&shell, Task::Snapshot { name: "x".into() }, &[]).await;
    assert_eq!(result, Ok("copied".to_owned()));
    assert_eq!(said, ["K3s is activating"]);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_not_made_is_not_placed() {
    let shell = Played::of([], []);
    let made = Made::Token {
        kind: Role::Agent,
        scope: crate::fleet::testing::scope(),
        parameter: "/k3fleet/prod/agent-token".into(),
        old: 1,
        new: 2,
    };
    let task = Task::PlaceToken { kind: Role::Server };
    let error = work(&shell, task, &[made]).await.0.unwrap_err();
    assert!(error.contains("not known"), "{error}");
    assert!(shell.done().is_empty());
}

#[tokio::test(start_paused = true)]
async fn files_of_an_architecture_are_brought_and_go_on_after_a_cut() {
    let directory = tempfile::tempdir().unwrap();
    for name in [
        "k3s",
        "k3s-arm64",
        "sha256sum-arm64.txt",
        "k3s-airgap-images-arm64.tar.zst",
        "k3s-airgap-images-arm.tar",
        "notes.txt",
    ] {
        std::fs::write(directory.path().join(name), "x").unwrap();
    }
    let shell = Arc::new(Played {
        uploads: Lock::new([cut(), Ok(())].into()),
        ..Played::default()
    });
    let executor = executor(Arc::clone(&shell));
    let say = |_line| {};
    let arch = crate::fleet::Arch::Arm64;
    let board = host("pi-1");
    let bring = |install| executor.bring(&board, directory.path(), arch, install, &say);
    bring(false).await.unwrap();
    assert_eq!(
        shell.done(),
        [
            "k3s-airgap-images-arm64.tar.zst to /var/tmp/k3fleet",
            "k3s-airgap-images-arm64.tar.zst to /var/tmp/k3fleet",
            "k3s-arm64 to /var/tmp/k3fleet",
            "sha256sum-arm64.txt to /var/tmp/k3fleet",
        ]
    );
    let missing = bring(true).await.unwrap_err().to_string();
    assert!(missing.contains("install.sh"), "{missing}");
}

#[tokio::test]
async fn without_a_way_to_a_cluster_no_token_is_made() {
    let executor = executor(Played::of([], []));
    let (plan, operation, token) = (plan(), OperationId::new("join", now(), 7), Mutex::new(None));
    let of = Of {
        plan: &plan,
        id: StepId { stage: 0, step: 0 },
        operation: &operation,
        made: &[],
        resumed: false,
        token: &token,
    };
    let delete = crate::ops::step::BootstrapStep::Delete;
    let error = executor.bootstrap(&context(), &delete, of).await.unwrap_err();
    assert!(error.to_string().contains("--context"), "{error}");
}
