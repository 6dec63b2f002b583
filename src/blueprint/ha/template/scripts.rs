//! What machines run, once in the template: the settings that all of them have alike, and the scripts, compressed.
//!
//! User data is a shell script whose settings can be read as they are, the release second, where an upgrade looks for it;
//! below them it unpacks the two scripts of its role and runs them in their place.

use std::io::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::super::boot::{self, Parts};
use super::Draft;
use crate::fleet::Role;

/// The settings that all machines of a cluster have alike, in the order in which they stand there.
const SHARED: [&str; 8] = [
    "region",
    "version",
    "image",
    "cluster",
    "ssh_user",
    "ssh_key",
    "mirror",
    "agent_token",
];

/// What stands before the first script, between the two, and after the second.
const UNPACK: [&str; 3] = [
    "set -e\nscript=$(for part in '",
    "' '",
    "'; do printf %s \"$part\" | base64 -d; done | gunzip)\neval \"$script\"\n",
];

/// Settings of a machine.
pub(super) type Settings = Vec<(&'static str, boot::Value)>;

/// Adds what all machines run. The shared settings are taken from those of the servers.
pub(super) fn add(draft: &mut Draft<'_>, server: &Settings) {
    let shared: Settings = server.iter().filter(|(name, _)| is_shared(name)).cloned().collect();
    let settings: String = boot::assignments(&shared).iter().filter_map(Value::as_str).collect();
    let Parts { common, server, agent } = boot::parts(draft.spec, draft.ha);
    let [before, between, after] = UNPACK;
    let all = [before, &packed(&common), between].concat();
    let scripts = json!({
        "All": {"Settings": settings, "Script": all},
        "Server": {"Script": packed(&server) + after},
        "Agent": {"Script": packed(&agent) + after},
    });
    draft.mappings.insert("UserData".to_owned(), scripts);
}

/// The user data of a launch template.
pub(super) fn user_data(role: Role, settings: &Settings) -> Value {
    let found = |whose: &str, what: &str| json!({"Fn::FindInMap": ["UserData", whose, what]});
    let own: Settings = settings.iter().filter(|(name, _)| !is_shared(name)).cloned().collect();
    let mut joined = vec![found("All", "Settings")];
    joined.extend(boot::assignments(&own).into_iter().map(|part| match part.as_str() {
        // The first line of the script stands above the shared ones already.
        Some(text) => text.trim_start_matches("#!/bin/sh\n").into(),
        None => part,
    }));
    joined.push(found("All", "Script"));
    let whose = if role == Role::Server { "Server" } else { "Agent" };
    joined.push(found(whose, "Script"));
    json!({"Fn::Base64": {"Fn::Join": ["", joined]}})
}

fn is_shared(name: &str) -> bool {
    SHARED.contains(&name)
}

/// A text, compressed and in base64. Nothing in it tells when or where that was done.
pub(super) fn packed(text: &str) -> String {
    let mut packed = GzEncoder::new(vec![], Compression::best());
    // Memory takes all that is written to it.
    let whole = packed.write_all(text.as_bytes()).and_then(|()| packed.finish());
    BASE64_STANDARD.encode(whole.unwrap_or_default())
}
