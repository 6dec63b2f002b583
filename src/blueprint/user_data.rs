//! What a machine runs at its first boot: a shell script for cloud-init, from the spec.
//!
//! The scripts themselves are fixed (`assets/user-data`); the spec reaches them only as quoted settings above them, so
//! that no value can become part of the program. Nothing secret is in it: a machine reads its token from SSM with its
//! role, and a server without a role lets K3s make one.

use std::net::{IpAddr, SocketAddr};

use super::quote::quote;
use super::{Profile, Spec, SshKey};
use crate::fleet::Shape;

/// The most that EC2 takes as user data, in bytes.
pub const LIMIT: usize = 16 * 1024;

/// The port of K3s' API and supervisor.
pub const API_PORT: u16 = 6443;

/// The port of a machine's SSH server.
pub const SSH_PORT: u16 = 22;

const SHEBANG: &str = "#!/bin/sh";

/// What a `ci` cluster does without, to be up sooner and smaller.
const CI_DISABLES: &str = "traefik servicelb metrics-server";

/// What asks AWS from a machine, with its own role.
pub(super) const AWS: &str = include_str!("../../assets/aws.sh");
pub(super) const COMMON: &str = include_str!("../../assets/user-data/common.sh");
pub(super) const SSH: &str = include_str!("../../assets/user-data/ssh.sh");
pub(super) const BEGIN: &str = include_str!("../../assets/user-data/begin.sh");
pub(super) const SERVING: &str = include_str!("../../assets/user-data/serving.sh");
const QUICK: &str = include_str!("../../assets/user-data/quick.sh");
const SERVER: &str = include_str!("../../assets/user-data/server.sh");
const AGENT: &str = include_str!("../../assets/user-data/agent.sh");

/// The user data of the cluster's server.
pub fn server(spec: &Spec) -> String {
    let names = spec.names();
    let ci = spec.shape == Shape::Ci;
    let has_role = spec.profile != Profile::None;
    let when = |yes: bool, text: String| if yes { text } else { String::new() };
    let expires = spec.expires_at.map(|at| at.to_string()).unwrap_or_default();
    let own = [
        ("expires", when(ci, expires)),
        ("disable", when(ci, CI_DISABLES.to_owned())),
        ("server_token", when(has_role, names.server_token())),
        ("agent_token", when(has_role, names.agent_token())),
        ("secret", when(has_role, names.kubeconfig())),
    ];
    render(spec, &own, &[SERVING, SERVER])
}

/// The user data of the cluster's agents; `server` is the address by which they reach the server. An agent of a `ci`
/// cluster has no timer of its own: its group would replace it, so the group itself is what ends.
pub fn agent(spec: &Spec, server: IpAddr) -> String {
    let own = [
        ("agent_token", spec.names().agent_token()),
        ("server", format!("https://{}", SocketAddr::new(server, API_PORT))),
    ];
    render(spec, &own, &[AGENT])
}

/// A script of ours with another release of K3s in its settings; `None` when it is none of ours.
pub fn with_version(script: &str, version: &str) -> Option<String> {
    // The release stands in the second setting, whatever release of ours has written the rest.
    let (before, rest) = script.split_once("\nversion=")?;
    let (_, after) = rest.split_once('\n')?;
    let (first, region) = before.split_once('\n')?;
    let ours = first == SHEBANG && region.starts_with("region='") && !region.contains('\n');
    ours.then(|| format!("{before}\nversion={}\n{after}", quote(version)))
}

/// The settings, what asks AWS, the common parts and a role's own.
fn render(spec: &Spec, own: &[(&str, String)], parts: &[&str]) -> String {
    let ssh_key = match &spec.ssh {
        Some(SshKey::Public(key)) => key.as_str(),
        Some(SshKey::Pair(_)) | None => "",
    };
    let common = [
        ("region", spec.region.as_str()),
        ("version", spec.version.as_str()),
        ("image", spec.image.as_str()),
        ("ssh_user", spec.image.user()),
        ("ssh_key", ssh_key),
    ];
    let own = own.iter().map(|(name, value)| (*name, value.as_str()));
    let mut script = format!("{SHEBANG}\n");
    for (name, value) in common.into_iter().chain(own) {
        script += name;
        script += "=";
        script += &quote(value);
        script += "\n";
    }
    script + AWS + COMMON + QUICK + SSH + BEGIN + &parts.concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::example;
    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(172, 31, 0, 7));

    #[test]
    fn it_fits_what_ec2_takes() {
        let mut spec = example();
        spec.ssh = Some(SshKey::Public("A".repeat(2000).into()));
        spec.name = "n".repeat(40).into();
        spec.shape = Shape::Ci;
        spec.expires_at = Some("2026-11-22T14:00:00Z".parse().unwrap());
        assert!(server(&spec).len() < LIMIT);
        assert!(agent(&spec, ADDRESS).len() < LIMIT);
    }

    #[test]
    fn an_agent_knows_nothing_of_the_servers_token() {
        let script = agent(&example(), ADDRESS);
        assert!(!script.contains("/k3fleet/shop/server-token"));
        assert!(script.contains("server='https://172.31.0.7:6443'\n"));
        assert!(agent(&example(), "fd00::7".parse().unwrap()).contains("'https://[fd00::7]:6443'"));
    }

    #[test]
    fn another_release_takes_the_place_of_the_present_one() {
        let mut spec = example();
        for script in [server(&spec), agent(&spec, ADDRESS)] {
            let renewed = with_version(&script, "v1.37.1+k3s1").unwrap();
            assert_eq!(
                renewed,
                script.replace("version='v1.36.4+k3s1'", "version='v1.37.1+k3s1'")
            );
            assert_ne!(renewed, script);
            assert_eq!(with_version(&renewed, "v1.36.4+k3s1").as_deref(), Some(script.as_str()));
        }
        let before = server(&spec);
        spec.version = "v1.37.1+k3s1".into();
        assert_eq!(with_version(&before, "v1.37.1+k3s1"), Some(server(&spec)));
    }

    #[test]
    fn a_script_of_an_earlier_release_of_ours_is_ours() {
        let script = "#!/bin/sh\nregion='eu-west-1'\nversion='v1.35.5+k3s1'\nimage='ubuntu'\nset -eu\n# version=none\n";
        let renewed = with_version(script, "v1.36.4+k3s1").unwrap();
        assert_eq!(renewed, script.replace("v1.35.5", "v1.36.4"));
    }

    #[test]
    fn what_others_wrote_is_left_alone() {
        for script in [
            "",
            "#cloud-config\nversion: 1\n",
            "#!/bin/sh\nversion='v1.35.5+k3s1'\ncurl -sfL https://get.k3s.io | sh -\n",
            "#!/bin/bash\nregion='eu-west-1'\nversion='v1.35.5+k3s1'\n",
            "#!/bin/sh\nregion='eu-west-1'\nset -eu\nversion='v1.35.5+k3s1'\n",
            "#!/bin/sh\nregion='eu-west-1'\nversion='cut off",
        ] {
            assert_eq!(with_version(script, "v1.36.4+k3s1"), None, "{script}");
        }
    }

    proptest! {
        #[test]
        fn no_script_is_too_odd(text in "(#!/bin/sh|region='|version=|[^\0]){0,12}\n?[^\0]{0,20}") {
            let _ = with_version(&text, "v1.36.4+k3s1");
        }

        /// Whatever a spec holds, checked or not, the script is the settings' lines and the fixed parts, and the
        /// shell reads every setting back as it was.
        #[test]
        fn no_value_becomes_program(text in "([^\0]|['\"$`\\\\;&|\n]){0,40}") {
            let mut spec = example();
            spec.region = text.as_str().into();
            spec.version = text.as_str().into();
            spec.name = text.as_str().into();
            spec.ssh = Some(SshKey::Public(text.as_str().into()));
            let script = server(&spec);
            let settings = [SERVER, SERVING, BEGIN, SSH, QUICK, COMMON, AWS].iter().try_fold(script.as_str(), |s, part| s.strip_suffix(part)).unwrap();
            let shown = format!("{settings}printf '%s.' \"$region\" \"$version\" \"$ssh_key\" \"$server_token\"");
            let ran = std::process::Command::new("sh").arg("-c").arg(shown).output().unwrap();
            prop_assert!(ran.status.success());
            let expected = format!("{text}.{text}.{text}./k3fleet/{text}/server-token.");
            prop_assert_eq!(String::from_utf8(ran.stdout).unwrap(), expected);
        }
    }
}
