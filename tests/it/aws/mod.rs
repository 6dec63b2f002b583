//! The live AWS adapter over HTTP: against a real moto server, and for what moto cannot do against scripted answers.

mod answers;
mod buckets;
mod chain;
mod changes;
mod changes_refused;
mod cluster_stack;
mod endpoints;
mod launch;
mod launch_refused;
pub(crate) mod moto;
mod observer;
mod part_prices;
mod prices;
mod refusals;
mod run_command;
pub(crate) mod seed;
mod stack_answers;
pub(crate) mod stack_rig;
mod stacks;
mod tokens;

use jiff::Timestamp;
use k3fleet::provider::aws::{AwsCloud, Keys, Options, Profile};

/// The time in these tests, where the adapter asks for it.
pub(crate) fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().expect("a time")
}

/// The ordinary options at noon.
pub(crate) fn options() -> Options {
    Options::new(noon)
}

/// The profile `prod` in `eu-west-1` at a scripted server.
pub(crate) fn cloud(url: &str, options: Options) -> AwsCloud {
    let keys = Keys {
        id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret: "a-secret".to_owned(),
        session: None,
    };
    let profile = Profile::at_endpoint("prod", url, keys, options);
    profile.region("eu-west-1").expect("a region")
}
