//! What the view shows of the fields that only a highly available cluster has.

use super::{HaField, HaPick, StoreKind};
use crate::app::launching::LaunchForm;
use crate::ops::launch::{OnFailure, WayOut};

pub(in crate::app::launching) fn label(field: HaField) -> &'static str {
    match field {
        HaField::Servers => "servers",
        HaField::WorkerTypes => "worker type",
        HaField::Base => "on-demand",
        HaField::Pools => "more pools",
        HaField::Store => "store",
        HaField::SharedStorage => "storage",
        HaField::Ingress => "ingress",
        HaField::PublicApi => "public API",
        HaField::Cidr => "network",
        HaField::Zones => "zones",
        HaField::WayOut => "way out",
        HaField::Mirror => "mirror",
        HaField::OnFailure => "if it fails",
    }
}

/// What a field is turned to, in a word or two.
pub(in crate::app::launching) fn value(pick: HaPick) -> String {
    let text = match pick {
        HaPick::Servers(servers) => return servers.to_string(),
        HaPick::Store(StoreKind::Etcd) => "etcd",
        HaPick::Store(StoreKind::Aurora) => "aurora",
        HaPick::Store(StoreKind::External) => "external",
        HaPick::SharedStorage(_) => "a file system of all machines (EFS)",
        HaPick::Ingress(_) => "80 and 443 from the internet to workers",
        HaPick::PublicApi(_) => "6443 too, for those who may reach it",
        HaPick::Zones(None) => "3, else 2",
        HaPick::Zones(Some(zones)) => return zones.to_string(),
        HaPick::WayOut(WayOut::Public) => "public addresses",
        HaPick::WayOut(WayOut::Nat) => "NAT gateway",
        HaPick::WayOut(WayOut::Endpoints) => "none",
        HaPick::OnFailure(OnFailure::Keep) => "keep it",
        HaPick::OnFailure(OnFailure::RollBack) => "roll it back",
    };
    text.to_owned()
}

/// What a field stands for.
pub(in crate::app::launching) fn aside(form: &LaunchForm, field: HaField) -> String {
    let ha = &form.ha;
    let text = match (field, ha.store, ha.way_out) {
        (HaField::Servers, StoreKind::Etcd, _) => match ha.servers {
            3 => "one of them may fail",
            5 => "two of them may fail",
            _ => "three of them may fail",
        },
        (HaField::Servers, ..) => "all but one of them may fail",
        (HaField::Base, ..) => "of them; the others are spot",
        (HaField::Pools, ..) if ha.pools.value().is_empty() => "such as name=gpu,types=g5g.xlarge",
        (HaField::Store, StoreKind::Etcd, _) => "on the servers, snapshots in S3",
        (HaField::Store, StoreKind::Aurora, _) => "ACUs, in halves",
        (HaField::Store, StoreKind::External, _) => "file of its DSN",
        (HaField::Cidr, ..) => "private, a /16 to a /22",
        (HaField::WayOut, _, Some(WayOut::Public)) => "each machine has one of its own",
        (HaField::WayOut, _, Some(WayOut::Nat)) => "machines in private subnets",
        (HaField::WayOut, _, Some(WayOut::Endpoints)) => "AWS by endpoints, K3s by a mirror",
        (HaField::Mirror, ..) if ha.mirror.value().is_empty() => "https URL; else K3s from GitHub",
        (HaField::OnFailure, ..) => match ha.on_failure {
            OnFailure::Keep => "to be looked into, and resumed",
            OnFailure::RollBack => "what was made of it is deleted",
        },
        _ => "",
    };
    text.to_owned()
}
