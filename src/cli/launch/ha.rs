//! Flags of highly available clusters: what they wish for, and which do not go together.

use super::super::args::{HaParts, Parts, ShapeWord};
use crate::blueprint::ha::{Store, WayOut};
use crate::ops::dsn;
use crate::ops::private_file::from_root;
use crate::ops::wish::{HaWish, VpcWish};

/// What is wished of a highly available cluster; `None` for other shapes. The error names the flag.
pub(super) fn wish(shape: ShapeWord, parts: &Parts, ha: &HaParts) -> Result<Option<HaWish>, String> {
    if shape != ShapeWord::Ha {
        return match ha.said() {
            Some((flag, what)) => Err(format!("{flag}: only an ha cluster has {what}; add --shape ha")),
            None => Ok(None),
        };
    }
    apart(parts)?;
    let store = ha.store.clone().unwrap_or_default();
    if let Some(file) = &ha.datastore_dsn_file {
        match store {
            Store::External => drop(dsn::read(file).map_err(|why| format!("--datastore-dsn-file: {why}"))?),
            Store::Etcd { .. } | Store::Aurora { .. } => {
                return Err("--datastore-dsn-file: the database is your own with --store external only".to_owned());
            }
        }
    }
    let usual = HaWish::default();
    Ok(Some(HaWish {
        servers: ha.servers.unwrap_or(usual.servers),
        workers: parts.workers,
        pools: ha.pools.clone(),
        store,
        dsn_file: ha.datastore_dsn_file.as_deref().map(from_root),
        shared_storage: ha.shared_storage,
        ingress: ha.ingress,
        public_api: ha.public_api,
        made_vpc: ha.vpc_cidr.as_ref().map(|cidr| VpcWish {
            cidr: cidr.clone(),
            zones: ha.zones,
            way_out: ha.way_out.unwrap_or(WayOut::Public),
        }),
        mirror: ha.mirror.clone(),
    }))
}

/// Refuses what highly available clusters have not.
fn apart(parts: &Parts) -> Result<(), String> {
    let never = [
        (
            parts.on_demand_fallback,
            "--on-demand-fallback: pools of an ha cluster name their on-demand machines, with base and on-demand in --pool",
        ),
        (
            parts.instance_profile.is_some(),
            "--instance-profile: the stack makes the roles of an ha cluster, one for each part of it",
        ),
        (
            parts.no_profile,
            "--no-profile: machines of an ha cluster read their tokens with a role, which the stack makes",
        ),
    ];
    match never.into_iter().find(|(said, _)| *said) {
        Some((_, why)) => Err(why.to_owned()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use clap::Parser;

    use super::super::super::args::{Cli, Command};
    use super::*;

    fn asked(args: &[&str]) -> Result<Option<HaWish>, String> {
        let typed = ["k3fleet", "launch", "prod"].iter().chain(args);
        match Cli::try_parse_from(typed).map_err(|error| error.to_string())?.command {
            Some(Command::Launch(launch)) => wish(launch.shape, &launch.parts, &launch.ha),
            other => panic!("{other:?}"),
        }
    }

    fn ha(args: &[&str]) -> HaWish {
        let all: Vec<_> = ["--shape", "ha"].iter().chain(args).copied().collect();
        asked(&all).unwrap().unwrap()
    }

    #[test]
    fn flags_become_a_wish() {
        assert_eq!(ha(&[]), HaWish::default());
        let flags = [
            "--servers=5",
            "--workers=2",
            "--pool=name=a,min=0",
            "--pool=name=b",
            "--store=aurora:1-8",
            "--shared-storage",
            "--ingress",
            "--public-api",
            "--vpc-cidr=10.0.0.0/20",
            "--way-out=nat",
            "--zones=2",
            "--mirror=https://files.example.com/k3s",
        ];
        let wish = ha(&flags);
        assert_eq!((wish.servers, wish.workers, wish.pools.len()), (5, Some(2), 2));
        assert!(wish.shared_storage && wish.ingress && wish.public_api);
        let vpc = wish.made_vpc.unwrap();
        assert_eq!(
            (vpc.cidr.as_str(), vpc.zones, vpc.way_out),
            ("10.0.0.0/20", Some(2), WayOut::Nat)
        );
    }

    #[test]
    fn what_other_shapes_have_not_is_refused_there() {
        for flag in [
            "--servers=3",
            "--pool=name=a",
            "--store=etcd",
            "--datastore-dsn-file=dsn",
            "--shared-storage",
            "--ingress",
            "--vpc-cidr=10.0.0.0/20",
            "--mirror=https://files.example.com",
        ] {
            for shape in ["quick", "ci"] {
                let why = asked(&["--shape", shape, flag]).unwrap_err();
                let name = flag.split('=').next().unwrap();
                assert!(why.starts_with(name) && why.contains("--shape ha"), "{flag}: {why}");
            }
        }
    }

    #[test]
    fn what_ha_clusters_have_not_is_refused() {
        for flags in [
            &["--on-demand-fallback", "--spot"][..],
            &["--instance-profile=nodes"],
            &["--no-profile"],
        ] {
            let all: Vec<_> = ["--shape", "ha"].iter().chain(flags).copied().collect();
            let why = asked(&all).unwrap_err();
            let name = flags[0].split('=').next().unwrap();
            assert!(why.starts_with(name), "{flags:?}: {why}");
        }
    }

    #[test]
    fn a_faulty_pool_is_told_with_its_place() {
        let why = asked(&["--shape=ha", "--pool", "name=gpu,maxx=4"]).unwrap_err();
        assert!(why.contains("--pool") && why.contains("at character 10"), "{why}");
        for flags in [
            &["--public-api"][..],
            &["--zones=2"],
            &["--way-out=nat"],
            &["--vpc-cidr=10.0.0.0/20", "--vpc=vpc-1"],
        ] {
            assert!(asked(flags).is_err(), "{flags:?}");
        }
    }

    #[test]
    fn a_dsn_is_kept_from_others_and_never_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("dsn");
        let said = |text: &str, mode, store: &str| {
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            asked(&[
                "--shape=ha",
                "--store",
                store,
                "--datastore-dsn-file",
                file.to_str().unwrap(),
            ])
        };
        let dsn = "postgres://k3s:s3cr3t@db.example.com/k3s?sslmode=verify-full\n";
        let wish = said(dsn, 0o600, "external").unwrap().unwrap();
        assert_eq!(wish.dsn_file.as_deref(), Some(file.as_path()));
        for (text, mode, store, expected) in [
            (dsn, 0o640, "external", "chmod 600 "),
            (dsn, 0o600, "etcd", "--store external only"),
            ("s3cr3t", 0o600, "external", "holds no DSN"),
        ] {
            let why = said(text, mode, store).unwrap_err();
            assert!(why.contains(expected) && !why.contains("s3cr3t"), "{expected}: {why}");
        }
    }
}
