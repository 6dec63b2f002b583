//! What a run of the program looks at: the providers that the settings ask for, or a simulated world.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::join_all;
use smol_str::SmolStr;

use super::clock;
use super::contexts::{keep_tunnels, open_contexts};
use super::tunnel::Tunnels;
use crate::config::{Config, Paths};
use crate::feeds::Clock;
use crate::fleet::{ContextId, EdgeHost, FaultKind};
use crate::provider::aws::{self, AwsCloud, Profile};
use crate::provider::sim::{Scenario, World};
use crate::provider::ssh::OpenSsh;
use crate::provider::{Cloud, Control, OpenWeb, ProviderError, Providers, Shell};

/// The simulated world that is asked for.
#[derive(Clone, Debug)]
pub struct Demo {
    /// About how many machines; the built-in scenario when not told.
    pub size: Option<u32>,
    /// What the world grows from.
    pub seed: u64,
    /// How much faster than real time it runs.
    pub speed: f64,
    /// The scenario's file, when it is not a built-in one.
    pub scenario: Option<PathBuf>,
}

/// What is looked at.
#[derive(Clone)]
pub struct Session {
    /// The ports.
    pub providers: Providers,
    /// What can be changed; nothing in read-only mode.
    pub control: Control,
    /// Where operations keep their journals.
    pub journals: PathBuf,
    /// Where the kubeconfigs of launched clusters are kept.
    pub kubeconfigs: PathBuf,
    /// The edge hosts that are written down.
    pub hosts: Vec<EdgeHost>,
    /// The time in that world.
    pub clock: Clock,
    /// The server of each live context, in the form that [`same_server`](crate::provider::kube::same_server) gives.
    pub servers: BTreeMap<ContextId, String>,
    /// The live contexts of launched clusters, whose kubeconfigs we keep.
    pub kept: BTreeSet<ContextId>,
    /// Seconds that pass on the clock in one second.
    pub speed: f64,
    /// The simulated world, if it is one.
    pub world: Option<Arc<World>>,
    /// The tunnels that are kept as long as this is.
    pub tunnels: Option<Arc<Tunnels>>,
    /// What could not be opened; the rest goes on without.
    pub faults: Vec<ProviderError>,
    /// What an operator may want to know.
    pub notes: Vec<String>,
}

/// Opens a simulated world. In read-only mode there is nothing that could change it.
pub fn open_demo(demo: &Demo, read_only: bool, paths: &Paths) -> Result<Session, String> {
    let scenario = match (&demo.scenario, demo.size) {
        (Some(file), _) => {
            let text = std::fs::read_to_string(file).map_err(|e| format!("read {}: {e}", file.display()))?;
            Scenario::parse(&text).map_err(|e| format!("{}: {e}", file.display()))?
        }
        (None, Some(size)) => Scenario::sized(size as usize).map_err(|e| format!("a world of {size} machines: {e}"))?,
        (None, None) => Scenario::demo().map_err(|e| format!("the built-in scenario: {e}"))?,
    };
    let file = paths.demo_world();
    let left = World::left_at(&file, &scenario, demo.seed);
    let begin = left.map_or(clock::now(), |left| left.max(clock::now()));
    let world = World::load(&scenario, demo.seed, begin, demo.speed);
    let note = world.remember(file);
    let clock_world = Arc::clone(&world);
    Ok(Session {
        providers: world.providers(),
        control: if read_only { Control::default() } else { world.control() },
        journals: paths.journals(true),
        kubeconfigs: paths.kubeconfigs(true),
        hosts: world.edge_hosts(),
        clock: Arc::new(move || clock_world.now()),
        servers: BTreeMap::new(),
        kept: BTreeSet::new(),
        speed: demo.speed,
        world: Some(world),
        tunnels: None,
        faults: vec![],
        notes: note.into_iter().collect(),
    })
}

/// Opens AWS and Kubernetes as the settings say. What cannot be opened is told in the session's faults.
pub async fn open_live(config: &Config, paths: &Paths, hosts: Vec<EdgeHost>) -> Session {
    // Nothing is run before there is a host to speak to.
    let ssh = Arc::new(OpenSsh::new(&paths.state, clock::now));
    let mut session = Session {
        providers: Providers {
            web: Some(Arc::new(OpenWeb::default())),
            shell: Some(Arc::clone(&ssh) as Arc<dyn Shell>),
            ..Providers::default()
        },
        control: Control::default(),
        journals: paths.journals(false),
        kubeconfigs: paths.kubeconfigs(false),
        hosts,
        clock: Arc::new(clock::now),
        servers: BTreeMap::new(),
        kept: BTreeSet::new(),
        speed: 1.0,
        world: None,
        tunnels: None,
        faults: vec![],
        notes: vec![],
    };
    if !config.read_only {
        session.control.shell = Some(ssh);
    }
    open_contexts(&mut session, config);
    open_clouds(&mut session, config, paths).await;
    keep_tunnels(&mut session, config);
    session
}

async fn open_clouds(session: &mut Session, config: &Config, paths: &Paths) {
    let profiles = match config.profiles.as_slice() {
        [] => vec![SmolStr::default()],
        named => named.to_vec(),
    };
    for opened in join_all(profiles.iter().map(|profile| open_profile(profile, config, paths))).await {
        match opened {
            Ok(clouds) => {
                for cloud in clouds {
                    session.providers.clouds.push(Arc::clone(&cloud) as Arc<dyn Cloud>);
                    if !config.read_only {
                        session.control.clouds.push(cloud);
                    }
                }
            }
            Err(fault) => session.faults.push(fault),
        }
    }
    if session.providers.clouds.is_empty() && session.faults.is_empty() {
        session
            .notes
            .push("no AWS region is set: give --region, AWS_REGION, or regions in config.toml".to_owned());
    }
}

/// All regions of one profile. No region at all, with nothing said about AWS anywhere, means no AWS.
async fn open_profile(profile: &SmolStr, config: &Config, paths: &Paths) -> Result<Vec<Arc<AwsCloud>>, ProviderError> {
    let name = (!profile.is_empty()).then_some(profile.as_str());
    let mut regions = config.regions.clone();
    if regions.is_empty() {
        regions.extend(aws::default_region(name).await);
    }
    let Some(home) = regions.first() else {
        return match name {
            None => Ok(vec![]),
            Some(name) => Err(ProviderError {
                kind: FaultKind::Other,
                call: "read the AWS configuration".into(),
                target: name.into(),
                message: "this profile names no region".into(),
                mend: "give --region, or set region in the profile".into(),
            }),
        };
    };
    let options = aws::Options {
        price_cache: Some(paths.cache.join("prices")),
        ..aws::Options::new(clock::now)
    };
    let profile = Profile::load(name, home, options).await?;
    regions
        .iter()
        .map(|region| Ok(Arc::new(profile.region(region)?)))
        .collect()
}
