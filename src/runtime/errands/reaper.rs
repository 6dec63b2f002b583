//! Whether a cluster's reaper works: a test event is sent to it.

use super::{Errands, cloud};
use crate::app::Msg;
use crate::blueprint::Names;
use crate::fleet::{ClusterId, Scope, Severity};
use crate::ops::reaper;
use crate::provider::{Cloud, CloudControl};
use crate::runtime::session::Session;

impl Errands {
    /// Sends a test event to the reaper of a cluster; says what came of it.
    pub(in crate::runtime) fn test_reaper(&mut self, session: Option<&Session>, cluster: ClusterId) {
        let home = cluster.home.clone();
        let home = home.ok_or_else(|| format!("it is not known where {cluster} is"));
        let found = home.and_then(|home| {
            let cloud = cloud(session, &home)?;
            let control = session.and_then(|s| s.control.cloud(&home)).cloned();
            let control = control.ok_or("no event is sent in read-only mode")?;
            Ok((home, cloud, control))
        });
        self.tasks.spawn(async move {
            let told = match found {
                Ok((home, cloud, control)) => tested(&cluster, &home, &*cloud, &*control).await,
                Err(why) => Err(why),
            };
            match told {
                Ok((severity, text)) => Msg::Say(severity, text),
                Err(why) => Msg::Say(Severity::Warning, why),
            }
        });
    }
}

async fn tested(
    cluster: &ClusterId,
    home: &Scope,
    cloud: &dyn Cloud,
    control: &dyn CloudControl,
) -> Result<(Severity, String), String> {
    let name = Names::new(&cluster.name, &home.region).stack();
    let stack = cloud.stack(&name).await.map_err(|error| error.to_string())?;
    let stack = stack.ok_or_else(|| format!("{cluster} has no stack {name} in {home}"))?;
    let queue = stack.output(reaper::QUEUE);
    let queue = queue.ok_or_else(|| format!("the stack {name} names no queue {}", reaper::QUEUE))?;
    let tested = reaper::test(cloud, control, queue, reaper::test_id()).await;
    let tested = tested.map_err(|error| error.to_string())?;
    Ok(match tested.took {
        Some(took) => {
            let text = format!(
                "the reaper of {cluster} works: it was done within {} s",
                took.as_secs().max(1)
            );
            (Severity::Ok, text)
        }
        None => {
            let (waiting, taken) = (tested.queue.waiting, tested.queue.taken);
            let text = format!(
                "the reaper of {cluster} was not done with {} within a minute: {waiting} waiting, {taken} taken; read its log",
                tested.id
            );
            (Severity::Warning, text)
        }
    })
}
