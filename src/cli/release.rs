//! `rotate` and `upgrade`: a cluster's machines with other tokens, or with another release.

use super::args::{Rotate, Upgrade as UpgradeArgs};
use super::change::options;
use super::exit::Halt;
use super::files;
use super::operate::{Asked, Desk};
use crate::fleet::{Machine, Role};
use crate::ops::{DrainOptions, Request, Upgrade};

impl Desk<'_> {
    /// What `rotate` asks for: the machines are asked which tokens they hold. The fleet has been read.
    pub(super) async fn rotation(&self, args: &Rotate) -> Result<Asked, Halt> {
        let kind = if args.server { Role::Server } else { Role::Agent };
        let cluster = self.known(&args.cluster)?.cluster;
        let tokens = self.told_tokens(&cluster, args.ssh).await?;
        let rotation = tokens.rotation(kind, args.waves.leave_unreached, usize::from(args.waves.wave));
        Ok(Asked {
            notes: tokens.faults,
            entered: true,
            ..Request::Rotate(Box::new(rotation)).into()
        })
    }

    /// What `upgrade` asks for. The fleet has been read.
    pub(super) async fn upgrade(&self, args: &UpgradeArgs) -> Result<Request, Halt> {
        let files = files::source(args.files.as_deref())?;
        let cluster = self.known(&args.cluster)?.cluster;
        let to = self.release("--to", &args.to).await?;
        let waits = |m: &Machine<'_>| m.edge().is_some() && m.node().is_some_and(|node| node.version != to);
        let edge = self.fleet.machines().filter(|m| m.belongs_to(&cluster) && waits(m));
        let archs: Vec<_> = edge.filter_map(|m| m.arch()).collect();
        files::complete(files.as_ref(), &archs, false)?;
        let drain = args.drain.then(|| options(&args.draining, &DrainOptions::default()));
        Ok(Request::Upgrade(Box::new(Upgrade {
            cluster,
            to,
            drain,
            wave: usize::from(args.waves.wave),
            files,
            leave_unreached: args.waves.leave_unreached,
        })))
    }
}
