//! `run`: a command on edge hosts, side by side, those with the same result told together.

use std::io::{self, Write};
use std::sync::Arc;

use futures::{StreamExt, stream};

use super::access::AT_ONCE;
use super::alike::{Alike, grouped, write};
use super::args::Run;
use super::complain;
use super::exit::{Exit, Halt};
use super::operate::Desk;
use super::plan::ask;
use super::progress::Count;
use super::read::read;
use super::select::{chosen, named};
use crate::feeds::Want;
use crate::fleet::table::View;
use crate::fleet::{EdgeHost, FeedKind, Summary};
use crate::provider::ShellControl;

/// How many hosts a command is run on without being asked for the number.
const UNASKED: usize = 5;

impl Desk<'_> {
    /// Runs a command on the hosts that are meant.
    pub(super) async fn run_on(mut self, args: &Run) -> io::Result<Exit> {
        let Some(control) = self.session.control.shell.clone() else {
            complain("nothing is run on hosts in read-only mode; start without --read-only");
            return Ok(Exit::Refused);
        };
        let hosts = match self.meant(args).await {
            Ok(hosts) => hosts,
            Err(halt) => return Ok(halt.tell()),
        };
        if args.dry_run {
            let mut out = io::stdout().lock();
            for host in &hosts {
                writeln!(out, "{}", host.name)?;
            }
            return Ok(Exit::Done);
        }
        if hosts.len() > UNASKED && !args.yes {
            let number = hosts.len().to_string();
            let names: Vec<_> = hosts.iter().map(|host| host.name.as_str()).collect();
            complain(&format!(
                "{} on {number} hosts: {}",
                args.command.join(" "),
                names.join(", ")
            ));
            if let Some(exit) = ask(Some(&number), "")?.refused() {
                return Ok(exit);
            }
        }
        if let Err(halt) = self.see_keys(&hosts, args.accept_new_host_keys).await {
            return Ok(halt.tell());
        }
        let groups = everywhere(control, &hosts, &args.command).await;
        let mut out = io::stdout().lock();
        write(&mut out, self.format, &groups)?;
        out.flush()?;
        Ok(if groups.iter().all(Alike::is_good) {
            Exit::Done
        } else {
            Exit::Failed
        })
    }

    /// The hosts that are meant. What they are like is only asked where a filter chooses them.
    async fn meant(&mut self, args: &Run) -> Result<Vec<EdgeHost>, Halt> {
        self.read_machines().await;
        let by_name = args
            .selector
            .as_deref()
            .is_none_or(|word| named(&self.fleet, word).is_some());
        if !by_name {
            let mut want = Want::new([FeedKind::Edge]);
            want.hosts.clone_from(&self.session.hosts);
            read(&self.session, &mut self.fleet, &want).await;
        }
        let now = (self.session.clock)();
        let summary = Summary::of(&self.fleet, now);
        let view = View {
            fleet: &self.fleet,
            summary: &summary,
            now,
        };
        chosen(&view, args.selector.as_deref(), args.group.as_deref()).map_err(Halt::usage)
    }
}

/// Runs the command on all of them, so many at once.
async fn everywhere(control: Arc<dyn ShellControl>, hosts: &[EdgeHost], command: &[String]) -> Vec<Alike> {
    let count = Count::new("running on hosts", hosts.len());
    let results = stream::iter(hosts).map(async |host| {
        let went = control
            .run(host, command)
            .await
            .map_err(|error| match error.mend.as_str() {
                "" => error.message.to_string(),
                mend => format!("{}; {mend}", error.message),
            });
        count.step();
        (host.name.clone(), went)
    });
    let results: Vec<_> = results.buffer_unordered(AT_ONCE).collect().await;
    grouped(results)
}
