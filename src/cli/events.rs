//! `events`: how the queues of a highly available cluster stand, what AWS has said of its machines within minutes, and
//! whether its reaper works.

use std::io::{self, Write};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use smol_str::SmolStr;

use super::args::{Events, Format};
use super::exit::{Exit, Halt};
use super::operate::Desk;
use super::output::Grid;
use super::{complain, complain_of};
use crate::blueprint::Names;
use crate::feeds::queue_depth;
use crate::fleet::table::age;
use crate::fleet::{ClusterId, InstanceId, MACHINE_ENDED, MachineId, QueueDepth, StackDrift, StackStatus, csv};
use crate::ops::reaper;
use crate::provider::{Cloud, CloudEvent, Stack};

/// What is told, as JSON has it.
#[derive(Debug, Serialize)]
struct Told {
    cluster: SmolStr,
    stack: ToldStack,
    queues: ToldQueues,
    /// The newest end of a machine within the last five minutes, if there was one.
    last_reaped: Option<ToldEnd>,
    /// The newest first.
    events: Vec<CloudEvent>,
    /// What came of the test, if there was one.
    test: Option<ToldTest>,
}

#[derive(Debug, Serialize)]
struct ToldStack {
    name: SmolStr,
    status: StackStatus,
    reason: Option<SmolStr>,
    drift: Option<StackDrift>,
}

/// How many messages are in each queue; `null` where the stack has none, or it could not be read.
#[derive(Debug, Serialize)]
struct ToldQueues {
    reaper: Option<QueueDepth>,
    dead_letters: Option<u64>,
    /// When the oldest dead letter was sent; `null` where CloudWatch does not tell.
    dead_letters_oldest_at: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct ToldEnd {
    at: Timestamp,
    instance: Option<SmolStr>,
}

#[derive(Debug, Serialize)]
struct ToldTest {
    id: SmolStr,
    worked_on: bool,
    /// How long it took; `null` when it was not worked on in time.
    seconds: Option<f64>,
}

impl Desk<'_> {
    /// Runs the command.
    pub(super) async fn events(mut self, args: &Events) -> io::Result<Exit> {
        self.session.faults.iter().for_each(complain_of);
        match self.told_events(args).await {
            Err(halt) => Ok(halt.tell()),
            Ok((told, exit)) => {
                let mut out = io::stdout().lock();
                write(&mut out, self.format, &told, (self.session.clock)())?;
                out.flush()?;
                Ok(exit)
            }
        }
    }

    async fn told_events(&mut self, args: &Events) -> Result<(Told, Exit), Halt> {
        self.read_machines().await;
        let cluster = self.known(&args.cluster)?.cluster;
        let (cloud, stack) = self.stack_of(&cluster).await?;
        let test = match args.test {
            true => Some(self.tested(&cluster, &*cloud, &stack).await?),
            false => None,
        };
        let mut exit = match &test {
            Some(test) if !test.worked_on => Exit::Failed,
            _ => Exit::Done,
        };
        let mut depths = [None, None];
        for (depth, output) in depths.iter_mut().zip([reaper::QUEUE, "DeadLetterQueue"]) {
            let Some(url) = stack.output(output) else { continue };
            let fault = match queue_depth(&*cloud, url).await {
                Ok((stands, fault)) => {
                    *depth = Some(stands);
                    fault
                }
                Err(fault) => Some(fault),
            };
            if let Some(fault) = fault {
                complain_of(&fault);
                exit = exit.max(Exit::Partly);
            }
        }
        let mut events = vec![];
        if let Some(url) = stack.output("FeedQueue") {
            match cloud.cloud_events(url).await {
                Ok(found) => events = found,
                Err(error) => {
                    complain_of(&error);
                    exit = exit.max(Exit::Partly);
                }
            }
        }
        events.retain(|event| self.is_of(&cluster, event));
        events.reverse();
        let end = events.iter().find(|event| event.kind == MACHINE_ENDED);
        let last_reaped = end.map(|event| ToldEnd {
            at: event.at,
            instance: event.instance.clone(),
        });
        let [reaper, dead] = depths;
        let told = Told {
            cluster: cluster.name,
            stack: ToldStack {
                name: stack.name,
                status: stack.status,
                reason: stack.reason,
                drift: stack.drift,
            },
            queues: ToldQueues {
                reaper,
                dead_letters: dead.map(QueueDepth::open),
                dead_letters_oldest_at: dead.and_then(|dead| dead.oldest_at),
            },
            last_reaped,
            events,
            test,
        };
        Ok((told, exit))
    }

    /// The stack of a cluster, and where it is.
    pub(super) async fn stack_of(&self, cluster: &ClusterId) -> Result<(Arc<dyn Cloud>, Stack), Halt> {
        let clouds = &self.session.providers.clouds;
        let home = cluster.home.as_ref();
        let Some((home, cloud)) = home.and_then(|home| Some((home, clouds.iter().find(|c| c.scope() == home)?))) else {
            return Err(Halt::usage(format!(
                "{cluster} has no machine at AWS that is seen from here: it has no stack"
            )));
        };
        let name = Names::new(&cluster.name, &home.region).stack();
        match cloud.stack(&name).await? {
            Some(stack) => Ok((cloud.clone(), stack)),
            None => Err(Halt::usage(format!(
                "{cluster} has no stack {name} in {home}: highly available clusters that k3fleet made have one"
            ))),
        }
    }

    async fn tested(&self, cluster: &ClusterId, cloud: &dyn Cloud, stack: &Stack) -> Result<ToldTest, Halt> {
        let control = cluster.home.as_ref().and_then(|home| self.session.control.cloud(home));
        let Some(control) = control else {
            let why = "no event is sent in read-only mode; start without --read-only";
            return Err(Halt::refused(why));
        };
        let Some(queue) = stack.output(reaper::QUEUE) else {
            return Err(Halt::failed(format!(
                "the stack {} names no queue {}: it is {}",
                stack.name,
                reaper::QUEUE,
                stack.status.0
            )));
        };
        complain("an event is on its way to the reaper");
        let tested = reaper::test(cloud, &**control, queue, reaper::test_id()).await?;
        Ok(ToldTest {
            worked_on: tested.took.is_some(),
            seconds: tested.took.map(|took| took.as_secs_f64()),
            id: tested.id,
        })
    }

    /// Whether an event is about this cluster: of instances its queue is told all of the region.
    fn is_of(&self, cluster: &ClusterId, event: &CloudEvent) -> bool {
        let of = |id: &SmolStr| self.fleet.machine(&MachineId::Instance(InstanceId::new(id)));
        match (&event.asg, &event.instance) {
            (Some(_), _) | (None, None) => true,
            (None, Some(instance)) => of(instance).is_some_and(|m| m.cluster().as_ref() == Some(cluster)),
        }
    }
}

fn write(out: &mut dyn Write, format: Format, told: &Told, now: Timestamp) -> io::Result<()> {
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, told)?;
            writeln!(out)
        }
        Format::Csv => {
            writeln!(out, "id,at,kind,instance,says,asg")?;
            for event in &told.events {
                let word = |word: &Option<SmolStr>| word.clone().unwrap_or_default();
                let fields = [
                    event.id.as_str(),
                    &event.at.to_string(),
                    &event.kind,
                    &word(&event.instance),
                    &word(&event.says),
                    &word(&event.asg),
                ];
                writeln!(out, "{}", csv::record(fields))?;
            }
            Ok(())
        }
        Format::Table => table(out, told, now),
    }
}

fn table(out: &mut dyn Write, told: &Told, now: Timestamp) -> io::Result<()> {
    let ago = |at: Timestamp| format!("{} ago", age(now.duration_since(at).as_secs().max(0)));
    let reason = told
        .stack
        .reason
        .as_ref()
        .map(|why| format!(": {why}"))
        .unwrap_or_default();
    writeln!(
        out,
        "stack         {}, {}{reason}",
        told.stack.name, told.stack.status.0
    )?;
    if let Some(drift) = &told.stack.drift {
        let what = if drift.drifted { "drifted" } else { "none" };
        let seen = drift.checked_at.map(|at| format!(", seen {}", ago(at)));
        writeln!(out, "drift         {what}{}", seen.unwrap_or_default())?;
    }
    let oldest = |at: Option<Timestamp>| {
        let passed = at.map(|at| now.duration_since(at).as_secs().max(0));
        let told = passed.map(|passed| format!(", the oldest about {} old", age(passed)));
        told.unwrap_or_default()
    };
    let reaper = told.queues.reaper;
    let reaper = reaper.map(|d| format!("{} waiting, {} taken{}", d.waiting, d.taken, oldest(d.oldest_at)));
    writeln!(out, "reaper        {}", reaper.as_deref().unwrap_or("not known"))?;
    let dead = told.queues.dead_letters;
    let dead = dead.map(|dead| format!("{dead}{}", oldest(told.queues.dead_letters_oldest_at)));
    writeln!(out, "dead letters  {}", dead.as_deref().unwrap_or("not known"))?;
    if let Some(end) = &told.last_reaped {
        let who = end.instance.as_ref().map(|id| format!("{id}, ")).unwrap_or_default();
        writeln!(out, "last reaped   {who}{}", ago(end.at))?;
    }
    match &told.test {
        Some(ToldTest {
            seconds: Some(seconds),
            id,
            ..
        }) => writeln!(out, "test          worked on within {seconds:.0} s ({id})")?,
        Some(ToldTest { id, .. }) => {
            let patience = reaper::PATIENCE.as_secs();
            writeln!(
                out,
                "test          not worked on within {patience} s: read the reaper's log ({id})"
            )?;
        }
        None => {}
    }
    if told.events.is_empty() {
        return writeln!(out, "events        none within the last five minutes");
    }
    writeln!(out)?;
    let rows = told.events.iter().map(|event| {
        let word = |word: &Option<SmolStr>| word.clone().unwrap_or_default().to_string();
        [
            ago(event.at),
            event.kind.to_string(),
            word(&event.instance),
            word(&event.says),
            word(&event.asg),
        ]
    });
    Grid::new(["when", "event", "instance", "says", "group"], rows).write(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> Told {
        Told {
            cluster: "shop".into(),
            stack: ToldStack {
                name: "k3fleet-shop".into(),
                status: StackStatus("UPDATE_COMPLETE".into()),
                reason: None,
                drift: None,
            },
            queues: ToldQueues {
                reaper: Some(QueueDepth {
                    waiting: 2,
                    taken: 1,
                    oldest_at: Timestamp::from_second(730).ok(),
                }),
                dead_letters: None,
                dead_letters_oldest_at: None,
            },
            last_reaped: Some(ToldEnd {
                at: Timestamp::from_second(1_030).unwrap(),
                instance: Some("i-2".into()),
            }),
            events: vec![CloudEvent {
                id: "e-1".into(),
                at: Timestamp::from_second(1_000).unwrap(),
                kind: "EC2 Spot Instance Interruption Warning".into(),
                instance: Some("i-1".into()),
                says: Some("terminate".into()),
                asg: None,
            }],
            test: Some(ToldTest {
                id: "t-1".into(),
                worked_on: false,
                seconds: None,
            }),
        }
    }

    fn written(format: Format, told: &Told) -> String {
        let mut out = vec![];
        write(&mut out, format, told, Timestamp::from_second(1_090).unwrap()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn queues_and_events_are_told_and_what_is_not_known_is_said_so() {
        let text = written(Format::Table, &told());
        let expected = "\
stack         k3fleet-shop, UPDATE_COMPLETE
reaper        2 waiting, 1 taken, the oldest about 6m00s old
dead letters  not known
last reaped   i-2, 1m00s ago
test          not worked on within 60 s: read the reaper's log (t-1)

WHEN       EVENT                                   INSTANCE  SAYS       GROUP
1m30s ago  EC2 Spot Instance Interruption Warning  i-1       terminate
";
        assert_eq!(text, expected);
        let json: serde_json::Value = serde_json::from_str(&written(Format::Json, &told())).unwrap();
        assert_eq!(json["queues"]["reaper"]["waiting"], 2);
        assert_eq!(json["queues"]["reaper"]["oldest_at"], "1970-01-01T00:12:10Z");
        assert_eq!(json["queues"]["dead_letters"], serde_json::Value::Null);
        assert_eq!(json["events"][0]["instance"], "i-1");
        assert_eq!(
            (&json["test"]["worked_on"], &json["stack"]["status"]),
            (&false.into(), &"UPDATE_COMPLETE".into())
        );
        let csv = written(Format::Csv, &told());
        let line = "e-1,1970-01-01T00:16:40Z,EC2 Spot Instance Interruption Warning,i-1,terminate,";
        assert_eq!(csv.lines().nth(1), Some(line));
    }
}
