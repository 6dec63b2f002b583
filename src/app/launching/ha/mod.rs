//! What the form asks of a highly available cluster besides what it asks of every cluster: its servers and pools, its
//! store, what stands around it, and the VPC that its stack makes.

mod lines;
mod wish;

use std::path::PathBuf;

use smol_str::SmolStr;
use tui_input::Input;

pub(super) use lines::{aside, label, value};
pub(super) use wish::{field, judged_alone, wish};

use crate::ops::launch::{OnFailure, WayOut};
use crate::ops::wish::HaWish;

/// A field that only a highly available cluster has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HaField {
    /// How many servers.
    Servers,
    /// The instance types of the workers.
    WorkerTypes,
    /// How many of them are on-demand.
    Base,
    /// More pools of workers.
    Pools,
    /// Where the cluster's state is kept.
    Store,
    /// Whether the machines share a file system.
    SharedStorage,
    /// Whether the internet reaches the workers.
    Ingress,
    /// Whether the API is reached from outside.
    PublicApi,
    /// The network of the VPC that is made.
    Cidr,
    /// In how many zones that has subnets.
    Zones,
    /// How its machines reach the internet.
    WayOut,
    /// Where the files of K3s come from.
    Mirror,
    /// What becomes of a stack that fails.
    OnFailure,
}

/// Where a cluster's state is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    /// In etcd on the servers.
    Etcd,
    /// In Aurora, made by the stack.
    Aurora,
    /// In a database of the operator's.
    External,
}

/// Something that one of these fields can be turned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HaPick {
    /// So many servers.
    Servers(u32),
    /// A store.
    Store(StoreKind),
    /// Shared storage, or none.
    SharedStorage(bool),
    /// Reached by the internet, or not.
    Ingress(bool),
    /// The API reached from outside, or not.
    PublicApi(bool),
    /// So many zones; `None`: as usual.
    Zones(Option<u32>),
    /// A way out.
    WayOut(WayOut),
    /// What becomes of a stack that fails.
    OnFailure(OnFailure),
}

/// What is chosen and typed of it.
#[derive(Clone, Debug)]
pub struct HaForm {
    /// How many servers.
    pub servers: u32,
    /// How many workers the usual pool begins with.
    pub workers: Input,
    /// The types of those workers; none: chosen by price.
    pub worker_types: Vec<SmolStr>,
    /// How many of them are on-demand.
    pub base: Input,
    /// More pools, as the command line takes them, told apart by spaces.
    pub pools: Input,
    /// Where the state is kept.
    pub store: StoreKind,
    /// The least and the most of Aurora, in ACUs.
    pub acus: Input,
    /// The file with the DSN of the operator's own database.
    pub dsn_file: Input,
    /// Whether the machines share a file system.
    pub shared_storage: bool,
    /// Whether the internet reaches the workers.
    pub ingress: bool,
    /// Whether the API is reached from outside.
    pub public_api: bool,
    /// How machines of the VPC that the stack makes reach the internet; `None`: the VPC is there already.
    pub way_out: Option<WayOut>,
    /// The network of that VPC.
    pub cidr: Input,
    /// In how many zones it has subnets; `None`: as usual.
    pub zones: Option<u32>,
    /// Where the files of K3s come from; empty: from GitHub.
    pub mirror: Input,
    /// What becomes of the stack when it fails.
    pub on_failure: OnFailure,
}

impl Default for HaForm {
    fn default() -> Self {
        Self {
            servers: HaWish::default().servers,
            workers: "3".into(),
            worker_types: vec![],
            base: "1".into(),
            pools: Input::default(),
            store: StoreKind::Etcd,
            acus: "0.5-4".into(),
            dsn_file: Input::default(),
            shared_storage: false,
            ingress: false,
            public_api: false,
            way_out: None,
            cidr: "10.0.0.0/16".into(),
            zones: None,
            mirror: Input::default(),
            on_failure: OnFailure::default(),
        }
    }
}

impl HaForm {
    /// The fields about its parts that are seldom changed.
    pub(super) fn parts(&self) -> Vec<HaField> {
        let mut fields = vec![
            HaField::WorkerTypes,
            HaField::Base,
            HaField::Pools,
            HaField::Store,
            HaField::SharedStorage,
            HaField::Ingress,
        ];
        if self.ingress {
            fields.push(HaField::PublicApi);
        }
        fields
    }

    /// What a field can be turned to.
    pub(super) fn options(&self, field: HaField) -> Vec<HaPick> {
        use HaPick as P;
        match field {
            HaField::Servers => servers(self.store).iter().copied().map(P::Servers).collect(),
            HaField::Store => [StoreKind::Etcd, StoreKind::Aurora, StoreKind::External]
                .map(P::Store)
                .to_vec(),
            HaField::SharedStorage => [false, true].map(P::SharedStorage).to_vec(),
            HaField::Ingress => [false, true].map(P::Ingress).to_vec(),
            HaField::PublicApi => [false, true].map(P::PublicApi).to_vec(),
            HaField::Zones => [None, Some(2), Some(3)].map(P::Zones).to_vec(),
            HaField::WayOut => [WayOut::Public, WayOut::Nat, WayOut::Endpoints].map(P::WayOut).to_vec(),
            HaField::OnFailure => [OnFailure::Keep, OnFailure::RollBack].map(P::OnFailure).to_vec(),
            HaField::WorkerTypes | HaField::Base | HaField::Pools | HaField::Cidr | HaField::Mirror => vec![],
        }
    }

    /// What a field is turned to.
    pub(super) fn chosen(&self, field: HaField) -> Option<HaPick> {
        Some(match field {
            HaField::Servers => HaPick::Servers(self.servers),
            HaField::Store => HaPick::Store(self.store),
            HaField::SharedStorage => HaPick::SharedStorage(self.shared_storage),
            HaField::Ingress => HaPick::Ingress(self.ingress),
            HaField::PublicApi => HaPick::PublicApi(self.public_api),
            HaField::Zones => HaPick::Zones(self.zones),
            HaField::WayOut => HaPick::WayOut(self.way_out?),
            HaField::OnFailure => HaPick::OnFailure(self.on_failure),
            HaField::WorkerTypes | HaField::Base | HaField::Pools | HaField::Cidr | HaField::Mirror => return None,
        })
    }

    /// Turns a field to something.
    pub(super) fn choose(&mut self, pick: HaPick) {
        match pick {
            HaPick::Servers(servers) => self.servers = servers,
            HaPick::Store(store) => {
                self.store = store;
                if !servers(store).contains(&self.servers) {
                    self.servers = HaWish::default().servers;
                }
            }
            HaPick::SharedStorage(on) => self.shared_storage = on,
            HaPick::Ingress(on) => self.ingress = on,
            HaPick::PublicApi(on) => self.public_api = on,
            HaPick::Zones(zones) => self.zones = zones,
            HaPick::WayOut(way) => self.way_out = Some(way),
            HaPick::OnFailure(what) => self.on_failure = what,
        }
    }

    /// The text field of what a field is turned to.
    pub(super) fn line(&self, field: HaField) -> Option<&Input> {
        Some(match (field, self.store) {
            (HaField::Base, _) => &self.base,
            (HaField::Pools, _) => &self.pools,
            (HaField::Store, StoreKind::Aurora) => &self.acus,
            (HaField::Store, StoreKind::External) => &self.dsn_file,
            (HaField::Cidr, _) => &self.cidr,
            (HaField::Mirror, _) => &self.mirror,
            _ => return None,
        })
    }

    /// That text field, to be changed.
    pub(super) fn line_mut(&mut self, field: HaField) -> Option<&mut Input> {
        Some(match (field, self.store) {
            (HaField::Base, _) => &mut self.base,
            (HaField::Pools, _) => &mut self.pools,
            (HaField::Store, StoreKind::Aurora) => &mut self.acus,
            (HaField::Store, StoreKind::External) => &mut self.dsn_file,
            (HaField::Cidr, _) => &mut self.cidr,
            (HaField::Mirror, _) => &mut self.mirror,
            _ => return None,
        })
    }

    /// Whether what stands in a field already is meant to be replaced by what is typed.
    pub(super) fn is_replaced(&self, field: HaField) -> bool {
        match field {
            HaField::Base | HaField::Cidr => true,
            HaField::Store => self.store == StoreKind::Aurora,
            _ => false,
        }
    }

    /// The file with the DSN, where the database is the operator's own.
    pub(super) fn dsn_file(&self) -> Option<PathBuf> {
        let typed = self.dsn_file.value().trim();
        (self.store == StoreKind::External && !typed.is_empty()).then(|| PathBuf::from(typed))
    }
}

/// How many servers a store lets a cluster have.
fn servers(store: StoreKind) -> &'static [u32] {
    match store {
        StoreKind::Etcd => &[3, 5, 7],
        StoreKind::Aurora | StoreKind::External => &[2, 3, 4, 5, 6, 7],
    }
}
