//! `upgrade`: from words to a release that a cluster shall run.

use super::args::Upgrade as UpgradeArgs;
use super::change::options;
use super::exit::Halt;
use super::operate::Desk;
use crate::ops::{DrainOptions, Request, Upgrade};

impl Desk<'_> {
    /// What `upgrade` asks for. The fleet has been read.
    pub(super) async fn upgrade(&self, args: &UpgradeArgs) -> Result<Request, Halt> {
        if let Some(directory) = args.files.as_deref().filter(|path| !path.is_dir()) {
            return Err(Halt::usage(format!("--files: {} is no directory", directory.display())));
        }
        let cluster = self.known(&args.cluster)?.cluster;
        let to = self.release("--to", &args.to).await?;
        let drain = args.drain.then(|| options(&args.draining, &DrainOptions::default()));
        Ok(Request::Upgrade(Box::new(Upgrade {
            cluster,
            to,
            drain,
            wave: usize::from(args.waves.wave),
            files: args.files.clone(),
            leave_unreached: args.waves.leave_unreached,
        })))
    }
}
