//! `launch`: from flags to a launch that can be planned. The place and its prices are asked for first, for what is not
//! said is chosen by them.

mod ha;

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use smol_str::{SmolStr, format_smolstr};

use super::args::{HaParts, Parts, ShapeWord};
use super::exit::Halt;
use super::operate::{Asked, Desk};
use super::read::read_offers;
use crate::blueprint::ha::{Site, Store};
use crate::fleet::{Offer, Purchase, Shape};
use crate::ops::Request;
use crate::ops::launch::{Profile, Spec, SshKey};
use crate::ops::survey::{Survey, SurveyError, survey};
use crate::ops::wish::{From, Wish, one_arch};
use crate::provider::Cloud;
use crate::runtime::own_keys;

impl Desk<'_> {
    /// What these flags ask for.
    pub(super) async fn launch_asked(
        &mut self,
        name: &SmolStr,
        shape: ShapeWord,
        parts: &Parts,
        ha: &HaParts,
    ) -> Result<Asked, Halt> {
        let (wish, notes) = wish_for(name, shape, parts, ha).map_err(Halt::usage)?;
        let dsn_file = wish.ha.as_ref().and_then(|ha| ha.dsn_file.clone());
        if dsn_file.is_none() && wish.ha.as_ref().is_some_and(|ha| ha.store == Store::External) {
            return Err(Halt::usage(
                "--store external: name the file with its DSN with --datastore-dsn-file",
            ));
        }
        let cloud = self.place()?;
        let web = self.session.providers.web.clone();
        let (survey, ()) = futures::join!(survey(&*cloud, web.as_deref()), self.read());
        let survey = survey?;
        let spec = self.spec(wish, parts, &survey).await?;
        let mut launch = survey.place(&*cloud, spec).await?;
        launch.dsn_file = dsn_file;
        launch.on_failure = ha.on_failure.unwrap_or_default();
        Ok(Asked {
            notes,
            ..Request::Launch(Box::new(launch)).into()
        })
    }

    /// The highly available cluster that these flags ask for, where it is to stand, and what the operator should know of it.
    pub(super) async fn ha_asked(
        &mut self,
        name: &SmolStr,
        shape: ShapeWord,
        parts: &Parts,
        ha: &HaParts,
    ) -> Result<(Spec, Site, Vec<String>), Halt> {
        if shape != ShapeWord::Ha {
            return Err(Halt::usage("--shape: only ha clusters are made of a template"));
        }
        let (wish, notes) = wish_for(name, shape, parts, ha).map_err(Halt::usage)?;
        let cloud = self.place()?;
        let web = self.session.providers.web.clone();
        let survey = survey(&*cloud, web.as_deref()).await?;
        let spec = self.spec(wish, parts, &survey).await?;
        let (spec, site) = survey.site(&*cloud, spec).await?;
        Ok((spec, site, notes))
    }

    /// The spec that a wish becomes in the region of this survey.
    async fn spec(&mut self, mut wish: Wish, parts: &Parts, survey: &Survey) -> Result<Spec, Halt> {
        let arch = one_arch(parts.arch, &parts.types, &survey.types);
        let arch = arch.map_err(|why| Halt::usage(format!("--type: {why} (--arch)")))?;
        wish.arch = arch.unwrap_or(wish.arch);
        let names = wish.priced(survey);
        let offers = names.iter().map(|name| Offer::new(&survey.scope.region, name));
        read_offers(&self.session, &mut self.fleet, offers.collect()).await;
        let now = (self.session.clock)();
        wish.spec(survey, self.fleet.market(), now).map_err(Halt::usage)
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

impl std::convert::From<SurveyError> for Halt {
    fn from(error: SurveyError) -> Self {
        match error {
            SurveyError::Call(error) => error.into(),
            SurveyError::Unfit { .. } => Self::usage(error.to_string()),
        }
    }
}

/// What is wished for, and what the operator should know of it.
fn wish_for(name: &SmolStr, shape: ShapeWord, parts: &Parts, ha: &HaParts) -> Result<(Wish, Vec<String>), String> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    wish(name, shape, parts, ha, home.as_deref())
}

fn wish(
    name: &SmolStr,
    shape: ShapeWord,
    parts: &Parts,
    ha: &HaParts,
    home: Option<&Path>,
) -> Result<(Wish, Vec<String>), String> {
    let usual = Wish::default();
    let ha = ha::wish(shape, parts, ha)?;
    let shape = match shape {
        ShapeWord::Quick => Shape::Quick,
        ShapeWord::Ci => Shape::Ci,
        ShapeWord::Ha => Shape::Ha,
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
        // Those of a highly available cluster stand in its pools.
        workers: parts.workers.filter(|_| shape != Shape::Ha).unwrap_or(usual.workers),
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
        ha,
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
        wish(&"web".into(), ShapeWord::Quick, &parts(args), &HaParts::default(), home)
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
    fn a_life_is_for_ci_clusters() {
        let why = asked(&["--ttl", "1h"], None).unwrap_err();
        assert!(why.contains("--shape ci"), "{why}");
        let of = |shape| {
            wish(
                &"web".into(),
                shape,
                &parts(&["--ttl", "1h"]),
                &HaParts::default(),
                None,
            )
        };
        assert!(of(ShapeWord::Ha).unwrap_err().contains("--ttl"));
        let (wish, _) = of(ShapeWord::Ci).unwrap();
        assert_eq!(wish.ttl.as_hours(), 1);
    }
}
