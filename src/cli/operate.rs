//! Commands that change something: the fleet is read, the request planned, the plan shown and confirmed, and run while
//! the feeds go on. The result goes to standard output, the progress to standard error.

use std::io::{self, Write};

use jiff::SignedDuration;
use smol_str::SmolStr;

use super::args::{Command, Confirm, Format, Kept, Launch, Ssh};
use super::ending::hosts_of;
use super::exit::{Exit, Halt};
use super::lookup::Found;
use super::patience::Patience;
use super::plan;
use super::read::{read, read_prices};
use super::{change, complain_of};
use crate::blueprint::Names;
use crate::config::{Config, Options};
use crate::feeds::Want;
use crate::fleet::{FeedKind, Fleet, Summary};
use crate::ops::json::PlanRow;
use crate::ops::{self, Plan, Request};
use crate::runtime::session::Session;
use crate::runtime::signals::Ends;

/// What commands that change something work with.
pub(super) struct Desk<'a> {
    pub(super) session: Session,
    pub(super) fleet: Fleet,
    pub(super) config: &'a Config,
    /// What the command line says of the settings.
    pub(super) options: &'a Options,
    pub(super) format: Format,
}

/// What a command asks for.
pub(super) struct Asked {
    pub(super) request: Request,
    /// What the operator should know before saying yes, besides what the plan warns of.
    pub(super) notes: Vec<String>,
    /// Whether the hosts it is about have been spoken to, so that their keys are known and `sudo` has its password.
    pub(super) entered: bool,
}

impl From<Request> for Asked {
    fn from(request: Request) -> Self {
        Self {
            request,
            notes: vec![],
            entered: false,
        }
    }
}

fn confirm(command: &Command) -> Option<&Confirm> {
    Some(match command {
        Command::Launch(launch) => &launch.confirm,
        Command::Destroy(destroy) => &destroy.confirm,
        Command::Rollback(rollback) => &rollback.confirm,
        Command::Extend(extend) => &extend.confirm,
        Command::Scale(scale) => &scale.confirm,
        Command::Cordon(chosen) | Command::Uncordon(chosen) => &chosen.confirm,
        Command::Drain(of) | Command::Replace(of) | Command::Remove(of) => &of.chosen.confirm,
        Command::Join(join) => &join.confirm,
        Command::Leave(leave) => &leave.confirm,
        Command::Reboot(reboot) => &reboot.of.chosen.confirm,
        Command::Rotate(rotate) => &rotate.confirm,
        Command::Upgrade(upgrade) => &upgrade.confirm,
        Command::Update(update) => &update.confirm,
        Command::Backup(backup) => &backup.confirm,
        Command::Restore(restore) => &restore.confirm,
        Command::Certificates(certificates) => &certificates.confirm,
        _ => return None,
    })
}

/// How a command logs in to hosts.
fn ssh(command: &Command) -> Ssh {
    match command {
        Command::Leave(leave) => leave.ssh,
        Command::Reboot(reboot) => reboot.ssh,
        Command::Upgrade(upgrade) => upgrade.ssh,
        Command::Backup(backup) => backup.ssh,
        Command::Restore(restore) => restore.ssh,
        Command::Certificates(certificates) => certificates.ssh,
        _ => Ssh::default(),
    }
}

impl Desk<'_> {
    /// Plans what a command asks for, and carries it out once it is confirmed.
    pub(super) async fn run(mut self, command: &Command) -> io::Result<Exit> {
        let Some(confirm) = confirm(command) else {
            return Ok(Exit::Usage);
        };
        let asked = self.asked(command).await;
        let Asked {
            request,
            notes,
            entered,
        } = match asked {
            Ok(asked) => asked,
            Err(halt) => return Ok(halt.tell()),
        };
        let plan = match self.plan(&request, notes) {
            Ok(plan) => plan,
            Err(halt) => {
                self.leave(&request).await;
                return Ok(halt.tell());
            }
        };
        if confirm.dry_run {
            self.leave(&request).await;
            self.show(&plan, &mut io::stdout().lock())?;
            return Ok(Exit::Done);
        }
        if !confirm.yes {
            io::stderr().lock().write_all(plan::text(&plan).as_bytes())?;
            let asked = plan::ask(plan.confirm.as_deref(), "go on?")?;
            if let Some(exit) = asked.refused() {
                self.leave(&request).await;
                return Ok(exit);
            }
        }
        if !entered && let Err(halt) = self.enter(&hosts_of(&plan), ssh(command)).await {
            return Ok(halt.tell());
        }
        let mut ends = Ends::listen()?;
        match self
            .perform(plan, confirm.take_over, &mut ends, &mut Patience::default())
            .await?
        {
            Ok(ended) => self.result(&ended),
            Err(halt) => Ok(halt.tell()),
        }
    }

    /// What a command asks for, once all that it is about is known.
    async fn asked(&mut self, command: &Command) -> Result<Asked, Halt> {
        self.session.faults.iter().for_each(complain_of);
        match command {
            Command::Launch(Launch {
                name, shape, parts, ha, ..
            }) => return self.launch_asked(name, *shape, parts, ha).await,
            Command::Join(join) => return self.join_asked(join).await,
            _ => self.read().await,
        }
        match command {
            Command::Destroy(destroy) => {
                let Found { cluster, resources } = self.find(&destroy.cluster).await?;
                let volumes = destroy.volumes;
                let request = Request::Destroy {
                    cluster,
                    resources,
                    volumes,
                    snapshots: destroy.snapshots == Kept::Delete,
                };
                Ok(request.into())
            }
            Command::Rollback(rollback) => self.rollback(&rollback.cluster).await.map(Asked::from),
            Command::Extend(extend) => self.extension(&extend.cluster, extend.by).await.map(Asked::from),
            Command::Backup(backup) => {
                let cluster = self.known(&backup.cluster)?.cluster;
                Ok(Request::Backup { cluster }.into())
            }
            Command::Restore(restore) => self.restore(restore).await.map(Asked::from),
            Command::Rotate(rotate) => self.rotation(rotate).await,
            Command::Update(update) => self.update_asked(update).await,
            Command::Upgrade(upgrade) => self.upgrade(upgrade).await.map(Asked::from),
            command => {
                let summary = Summary::of(&self.fleet, (self.session.clock)());
                let request = change::request(command, &self.fleet, &summary);
                let request = request.unwrap_or_else(|| Err("this command changes nothing".to_owned()));
                request.map(Asked::from).map_err(Halt::usage)
            }
        }
    }

    /// A cluster's stack as it stands, to be taken back.
    async fn rollback(&self, name: &SmolStr) -> Result<Request, Halt> {
        let cluster = self.find(name).await?.cluster;
        let place = cluster.home.as_ref();
        let cloud = self.session.providers.clouds.iter();
        let cloud = place.and_then(|home| cloud.clone().find(|cloud| cloud.scope() == home));
        let Some((home, cloud)) = place.zip(cloud) else {
            return Err(Halt::usage(format!("{name} has nothing at AWS, so it has no stack")));
        };
        let stack = Names::new(name, &home.region).stack();
        match cloud.stack(&stack).await? {
            Some(stack) => Ok(Request::RollBack { cluster, stack }),
            None => Err(Halt::usage(format!(
                "{name} has no stack {stack} in {home}: it is not highly available, or its stack was never made"
            ))),
        }
    }

    /// A cluster's end put off from when it was to be, or from now where that is past.
    async fn extension(&self, name: &SmolStr, by: SignedDuration) -> Result<Request, Halt> {
        let found = self.find(name).await?;
        let now = (self.session.clock)();
        let own = self.fleet.machines().filter(|m| m.belongs_to(&found.cluster));
        let ends = own.filter_map(|m| m.expires_at()).max().or(found.expires_at());
        let from = ends.map_or(now, |ends| ends.max(now));
        let until = from.checked_add(by).map_err(|e| Halt::usage(e.to_string()))?;
        Ok(Request::Extend {
            cluster: found.cluster,
            until,
            resources: found.resources,
        })
    }

    /// The plan of a request, with notes of ours among its warnings.
    pub(super) fn plan(&self, request: &Request, notes: Vec<String>) -> Result<Plan, Halt> {
        let mut plan = ops::plan(&self.fleet, request, (self.session.clock)())?;
        plan.warnings.extend(notes);
        Ok(plan)
    }

    /// Reads everything that plans look at, once.
    pub(super) async fn read(&mut self) {
        use FeedKind::{Asgs, Edge, Instances, Nodes, Notices, Pods, Server, SpotFleets};
        let mut want = Want::new([Instances, Asgs, SpotFleets, Notices, Server, Nodes, Pods, Edge]);
        want.hosts.clone_from(&self.session.hosts);
        read(&self.session, &mut self.fleet, &want).await;
        read_prices(&self.session, &mut self.fleet, want).await;
    }

    pub(super) fn show(&self, plan: &Plan, out: &mut dyn Write) -> io::Result<()> {
        match self.format {
            Format::Json => {
                serde_json::to_writer_pretty(&mut *out, &PlanRow::of(plan))?;
                writeln!(out)
            }
            _ => out.write_all(plan::text(plan).as_bytes()),
        }
    }
}
