//! `launch`: from flags to a launch that can be planned. The place and its prices are asked for first, for what is not
//! said is chosen by them.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};

use super::args::{Parts, ShapeWord};
use super::exit::Halt;
use super::operate::{Asked, Desk};
use super::read::read_offers;
use crate::fleet::{Arch, Offer, Purchase, Shape};
use crate::ops::Request;
use crate::ops::launch::{InstanceType, Profile, SshKey};
use crate::ops::survey::{SurveyError, survey};
use crate::ops::wish::{From, Wish, candidates};
use crate::provider::Cloud;
use crate::runtime::own_keys;

impl Desk<'_> {
    /// What these flags ask for.
    pub(super) async fn launch_asked(
        &mut self,
        name: &SmolStr,
        shape: ShapeWord,
        parts: &Parts,
    ) -> Result<Asked, Halt> {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let (mut wish, notes) = wish(name, shape, parts, home.as_deref()).map_err(Halt::usage)?;
        let cloud = self.place()?;
        let web = self.session.providers.web.clone();
        let (survey, ()) = futures::join!(survey(&*cloud, web.as_deref()), self.read());
        let survey = survey?;
        wish.arch = arch(parts, &survey.types).map_err(Halt::usage)?;
        let names: Vec<_> = match wish.types.as_slice() {
            [] => {
                let found = candidates(&survey.types, wish.arch, wish.purchase);
                found.iter().map(|t| t.name.clone()).collect()
            }
            named => named.to_vec(),
        };
        let offers = names.iter().map(|name| Offer::new(&survey.scope.region, name));
        read_offers(&self.session, &mut self.fleet, offers.collect()).await;
        let now = (self.session.clock)();
        let spec = wish.spec(&survey, self.fleet.market(), now).map_err(Halt::usage)?;
        let launch = survey.place(&*cloud, spec).await.map_err(|error| match error {
            SurveyError::Call(error) => error.into(),
            SurveyError::Unfit { .. } => Halt::usage(error.to_string()),
        })?;
        Ok(Asked {
            notes,
            ..Request::Launch(Box::new(launch)).into()
        })
    }

    /// The only profile and region that is meant.
    fn place(&self) -> Result<Arc<dyn Cloud>, Halt> {
        let clouds: Vec<_> = self.clouds().collect();
        match clouds.as_slice() {
            [one] => Ok(Arc::clone(one)),
            [] => Err(Halt::usage("no AWS region is known: name one with --region")),
            several => {
                let all: Vec<_> = several.iter().map(|cloud| cloud.scope().to_string()).collect();
                Err(Halt::usage(format!(
                    "in which region? Name one with --region, and its profile with --profile, of: {}",
                    all.join(", ")
                )))
            }
        }
    }
}

/// What is wished for, and what the operator should know of it.
fn wish(name: &SmolStr, shape: ShapeWord, parts: &Parts, home: Option<&Path>) -> Result<(Wish, Vec<String>), String> {
    let usual = Wish::default();
    let shape = match shape {
        ShapeWord::Quick => Shape::Quick,
        ShapeWord::Ci => Shape::Ci,
        ShapeWord::Ha => return Err("--shape ha is not part of this version yet; there are quick and ci".to_owned()),
    };
    if parts.ttl.is_some() && shape != Shape::Ci {
        return Err("--ttl: only a ci cluster destroys itself; add --shape ci".to_owned());
    }
    let mut notes = vec![];
    let ssh = ssh(parts, home, &mut notes)?;
    let wish = Wish {
        name: name.clone(),
        shape,
        types: parts.types.clone(),
        workers: parts.workers,
        purchase: match parts.spot {
            true => Purchase::Spot,
            false => Purchase::OnDemand,
        },
        on_demand_fallback: parts.on_demand_fallback,
        volume_gib: parts.volume,
        k3s: parts.k3s.clone(),
        image: parts.image,
        from: match parts.from.as_slice() {
            [] => From::Own,
            named => From::Networks(named.iter().map(network).collect()),
        },
        ssh,
        vpc: parts.vpc.clone(),
        subnets: parts.subnet.clone(),
        profile: match &parts.instance_profile {
            _ if parts.no_profile => Profile::None,
            Some(name) => Profile::Named(name.clone()),
            None => Profile::Own,
        },
        ttl: parts.ttl.unwrap_or(usual.ttl),
        ..usual
    };
    Ok((wish, notes))
}

/// A network as it was typed; a lone address is one as well.
fn network(typed: &SmolStr) -> SmolStr {
    match typed.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => format_smolstr!("{address}/32"),
        Ok(IpAddr::V6(address)) => format_smolstr!("{address}/128"),
        Err(_) => typed.clone(),
    }
}

fn ssh(parts: &Parts, home: Option<&Path>, notes: &mut Vec<String>) -> Result<Option<SshKey>, String> {
    if parts.no_ssh {
        return Ok(None);
    }
    if let Some(name) = &parts.key_pair {
        return Ok(Some(SshKey::Pair(name.clone())));
    }
    if let Some(file) = &parts.ssh_key {
        return public_key(file).map(Some);
    }
    match home.map(own_keys::in_home).unwrap_or_default().into_iter().next() {
        Some(own) => {
            notes.push(format!(
                "who holds the key of {} may log in over SSH; --ssh-key names another, --no-ssh none",
                own.file
            ));
            Ok(Some(own.key))
        }
        None => {
            notes.push(format!(
                "nobody can log in over SSH: ~/.ssh has none of {}; --ssh-key names one",
                own_keys::NAMES.join(", ")
            ));
            Ok(None)
        }
    }
}

/// The public key in a file; what is none is told without showing it.
fn public_key(file: &Path) -> Result<SshKey, String> {
    let shown = file.display();
    let text = fs::read_to_string(file).map_err(|e| format!("--ssh-key: read {shown}: {e}"))?;
    if text.contains("PRIVATE KEY") {
        return Err(format!(
            "--ssh-key: {shown} is a private key; name the public one, {shown}.pub"
        ));
    }
    let line = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with('#'));
    line.map(|line| SshKey::Public(line.into()))
        .ok_or_else(|| format!("--ssh-key: {shown} holds no key"))
}

/// The architecture that is meant: what is said, else that of the types named.
fn arch(parts: &Parts, sold: &[InstanceType]) -> Result<Arch, String> {
    let mut meant = parts.arch;
    for name in &parts.types {
        match (sold.iter().find(|t| t.name == *name), meant) {
            (Some(known), Some(arch)) if known.arch != arch => {
                return Err(format!(
                    "--type {name} is {}, not {}: the machines of a cluster have one architecture",
                    known.arch.as_str(),
                    arch.as_str()
                ));
            }
            (Some(known), _) => meant = Some(known.arch),
            (None, Some(_)) => {}
            (None, None) => {
                return Err(format!(
                    "the architecture of {name} is not known here: say it with --arch, or choose another --type"
                ));
            }
        }
    }
    Ok(meant.unwrap_or(Wish::default().arch))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::args::{Cli, Command};
    use super::*;

    fn parts(args: &[&str]) -> Parts {
        let typed = ["k3fleet", "launch", "web"].iter().chain(args);
        match Cli::parse_from(typed).command {
            Some(Command::Launch(launch)) => launch.parts,
            other => panic!("{other:?}"),
        }
    }

    fn asked(args: &[&str], home: Option<&Path>) -> Result<(Wish, Vec<String>), String> {
        wish(&"web".into(), ShapeWord::Quick, &parts(args), home)
    }

    #[test]
    fn flags_become_a_wish() {
        let flags = [
            "--spot",
            "--workers",
            "3",
            "--from",
            "10.0.0.0/8,203.0.113.9",
            "--no-ssh",
            "--no-profile",
        ];
        let (wish, notes) = asked(&flags, None).unwrap();
        assert_eq!((wish.purchase, wish.workers, wish.ssh), (Purchase::Spot, 3, None));
        assert_eq!(
            wish.from,
            From::Networks(vec!["10.0.0.0/8".into(), "203.0.113.9/32".into()])
        );
        assert_eq!((wish.profile, notes), (Profile::None, vec![]));
    }

    #[test]
    fn nothing_is_open_to_everybody_unless_that_is_typed() {
        let (wish, _) = asked(&[], None).unwrap();
        assert_eq!(wish.from, From::Own);
    }

    #[test]
    fn the_operators_own_key_is_found_and_told() {
        let home = tempfile::tempdir().unwrap();
        let (wish, notes) = asked(&[], Some(home.path())).unwrap();
        assert_eq!(wish.ssh, None);
        assert!(notes[0].contains("nobody can log in"), "{notes:?}");
        fs::create_dir(home.path().join(".ssh")).unwrap();
        fs::write(home.path().join(".ssh/id_rsa.pub"), "ssh-rsa AAAA ana@desk\n").unwrap();
        fs::write(home.path().join(".ssh/id_ed25519.pub"), "ssh-ed25519 AAAA ana@desk\n").unwrap();
        let (wish, notes) = asked(&[], Some(home.path())).unwrap();
        assert_eq!(wish.ssh, Some(SshKey::Public("ssh-ed25519 AAAA ana@desk".into())));
        assert!(notes[0].contains("id_ed25519.pub"), "{notes:?}");
    }

    #[test]
    fn a_private_key_is_not_taken_and_not_shown() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("id");
        fs::write(&file, "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n").unwrap();
        let why = asked(&["--ssh-key", file.to_str().unwrap()], None).unwrap_err();
        assert!(why.contains(".pub") && !why.contains("c2VjcmV0"), "{why}");
    }

    #[test]
    fn types_bring_their_architecture() {
        let of = |name: &str, arch| InstanceType {
            name: name.into(),
            arch,
            vcpus: 2,
            memory_mib: 2048,
            spot: true,
        };
        let sold = [of("t3.small", Arch::Amd64), of("t4g.small", Arch::Arm64)];
        let meant = |args: &[&str]| arch(&parts(args), &sold);
        assert_eq!(meant(&[]), Ok(Arch::Arm64));
        assert_eq!(meant(&["--type", "t3.small"]), Ok(Arch::Amd64));
        assert_eq!(meant(&["--arch", "amd64", "--type", "m7i.48xlarge"]), Ok(Arch::Amd64));
        for wrong in [
            &["--type", "t3.small,t4g.small"][..],
            &["--arch", "arm64", "--type", "t3.small"],
            &["--type", "m7i.48xlarge"],
        ] {
            assert!(meant(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_life_is_for_ci_clusters() {
        let why = asked(&["--ttl", "1h"], None).unwrap_err();
        assert!(why.contains("--shape ci"), "{why}");
        let (wish, _) = wish(&"web".into(), ShapeWord::Ci, &parts(&["--ttl", "1h"]), None).unwrap();
        assert_eq!(wish.ttl.as_hours(), 1);
    }
}
