//! Whether a cluster's stack has drifted: CloudFormation is had to look.

use super::{Errands, cloud};
use crate::app::Msg;
use crate::blueprint::Names;
use crate::fleet::{ClusterId, Severity};
use crate::ops::drift::{Found, detect};
use crate::runtime::session::Session;

impl Errands {
    /// Has CloudFormation look at the stack of a cluster; says what came of it.
    pub(in crate::runtime) fn detect_drift(&mut self, session: Option<&Session>, cluster: ClusterId) {
        let home = cluster.home.clone();
        let home = home.ok_or_else(|| format!("it is not known where {cluster} is"));
        let found = home.and_then(|home| {
            let cloud = cloud(session, &home)?;
            let control = session.and_then(|s| s.control.cloud(&home)).cloned();
            let control = control.ok_or("no look is begun in read-only mode")?;
            Ok((Names::new(&cluster.name, &home.region).stack(), cloud, control))
        });
        self.tasks.spawn(async move {
            let told = match found {
                Ok((stack, cloud, control)) => match detect(&*cloud, &*control, &stack).await {
                    Ok(found) => Ok(told(&cluster, &found)),
                    Err(error) => Err(error.to_string()),
                },
                Err(why) => Err(why),
            };
            match told {
                Ok((severity, text)) => Msg::Say(severity, text),
                Err(why) => Msg::Say(Severity::Warning, why),
            }
        });
    }
}

fn told(cluster: &ClusterId, found: &Found) -> (Severity, String) {
    let names: Vec<_> = found.resources.iter().map(|drift| drift.resource.as_str()).collect();
    let names = names.join(", ");
    match found {
        Found {
            incomplete: Some(why), ..
        } => (
            Severity::Warning,
            format!("not all of the stack of {cluster} could be looked at: {why}"),
        ),
        Found { resources, .. } if resources.is_empty() => {
            (Severity::Ok, format!("nothing of the stack of {cluster} has drifted"))
        }
        found if found.is_scaling_alone() => (
            Severity::Ok,
            format!("of the stack of {cluster} nothing but sizes has changed, by scaling: {names}"),
        ),
        _ => (
            Severity::Warning,
            format!("of the stack of {cluster} has drifted: {names}; how: k3fleet drift {cluster} --last"),
        ),
    }
}
