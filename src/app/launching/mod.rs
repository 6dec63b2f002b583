//! The form in which a cluster is wished for, and the way from it to a plan.
//!
//! ```text
//!  launch ─▶ Effect::Survey ─▶ Msg::Surveyed ─▶ the form knows types, channels, networks
//!  enter  ─▶ Effect::Place  ─▶ Msg::Placed   ─▶ Request::Launch ─▶ the plan, over the form
//! ```
//! The form keeps what was chosen and typed; [`check`] makes a spec of it, or says at which field what is wrong, and
//! [`lines`] tells the view each field with what it stands for. Instance types are chosen in a table of their own
//! ([`types`]). What only a highly available cluster has stands in [`HaForm`].

mod check;
mod fields;
mod ha;
mod lines;
mod turn;
pub mod types;

use std::collections::BTreeMap;

use smol_str::SmolStr;
use tui_input::Input;

pub use check::{Checked, check};
pub use fields::{Field, Login, Pick, Reach, Rights};
pub use ha::{HaField, HaForm, HaPick, StoreKind};
pub use lines::{FieldLine, lines};

use super::State;
use crate::fleet::{Fleet, Scope, Shape, Source};
use crate::ops::launch::{Spec, SshKey, Vpc};
use crate::ops::survey::Survey;
use crate::ops::wish::Wish;

/// What a region told, and what lies ready here.
#[derive(Clone, Debug, PartialEq)]
pub struct Surveyed {
    /// What the region and the web told.
    pub survey: Survey,
    /// The operator's own public keys.
    pub keys: Vec<OwnKey>,
}

/// A public key of the operator.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnKey {
    /// Where it was read.
    pub file: String,
    /// The key.
    pub key: SshKey,
}

/// The form.
#[derive(Clone, Debug)]
pub struct LaunchForm {
    /// Where clusters can be made.
    pub scopes: Vec<Scope>,
    /// Where this one is made.
    pub scope: Scope,
    /// What each place told that was asked; those that are asked have no entry yet.
    pub told: BTreeMap<Scope, Result<Surveyed, String>>,
    /// The field that the keys go to.
    pub at: Field,
    /// Whether nothing was typed since the keys go to this field: what it holds gives way to what is typed then.
    pub fresh: bool,
    /// Whether the fields that are seldom changed are shown.
    pub more: bool,
    /// Whether it was tried to go on: only then is told what was not typed yet.
    pub tried: bool,
    /// What the image is asked for that it will have; a late answer about another spec is of no use.
    pub placing: Option<Box<Spec>>,
    /// Why it has no place.
    pub refused: Option<String>,
    /// What is chosen; what is typed stands in the lines.
    pub wish: Wish,
    /// The name.
    pub name: Input,
    /// How many workers.
    pub workers: Input,
    /// How large volumes are.
    pub volume: Input,
    /// How long it lives.
    pub ttl: Input,
    /// The channel of K3s; `None`: a release is typed.
    pub channel: Option<SmolStr>,
    /// The release.
    pub release: Input,
    /// Who may reach it.
    pub reach: Reach,
    /// The networks.
    pub networks: Input,
    /// Who may log in; `None`: nothing was chosen, and the first of the operator's own keys is taken if there is one.
    pub login: Option<Login>,
    /// The key pair.
    pub pair: Input,
    /// What its machines may do in AWS.
    pub rights: Rights,
    /// The instance profile.
    pub profile: Input,
    /// What only a highly available cluster has.
    pub ha: HaForm,
}

impl LaunchForm {
    /// An empty form; `None` where there is no place for a cluster.
    pub fn new(scopes: Vec<Scope>) -> Option<Self> {
        let wish = Wish::default();
        Some(Self {
            scope: scopes.first()?.clone(),
            scopes,
            told: BTreeMap::new(),
            at: Field::Name,
            fresh: true,
            more: false,
            tried: false,
            placing: None,
            refused: None,
            name: Input::default(),
            workers: wish.workers.to_string().into(),
            volume: wish.volume_gib.to_string().into(),
            ttl: "2h".into(),
            channel: Some(wish.k3s.clone()),
            release: Input::default(),
            reach: Reach::Own,
            networks: Input::default(),
            login: None,
            pair: Input::default(),
            rights: Rights::Own,
            profile: Input::default(),
            ha: HaForm::default(),
            wish,
        })
    }

    /// Whether a highly available cluster is wished for.
    pub fn is_ha(&self) -> bool {
        self.wish.shape == Shape::Ha
    }

    /// Whether the stack makes the VPC.
    pub fn makes_vpc(&self) -> bool {
        self.is_ha() && self.ha.way_out.is_some()
    }

    /// What the place has told; `None` while it is asked, and where it failed.
    pub fn surveyed(&self) -> Option<&Surveyed> {
        self.told.get(&self.scope)?.as_ref().ok()
    }

    /// The operator's own keys, as far as they are known.
    fn keys(&self) -> &[OwnKey] {
        self.surveyed().map_or(&[], |told| &told.keys)
    }

    /// Who may log in.
    pub fn login(&self) -> Login {
        match self.login {
            Some(Login::Key(at)) if at >= self.keys().len() => Login::Nobody,
            Some(login) => login,
            None if self.keys().is_empty() => Login::Nobody,
            None => Login::Key(0),
        }
    }

    /// The VPC that is chosen, else the default one.
    pub fn vpc(&self) -> Option<&Vpc> {
        let vpcs = &self.surveyed()?.survey.vpcs;
        match &self.wish.vpc {
            Some(id) => vpcs.iter().find(|vpc| vpc.id == *id),
            None => vpcs.iter().find(|vpc| vpc.is_default),
        }
    }
}

/// The places where clusters can be made: every profile and region that is looked at.
pub fn scopes(fleet: &Fleet) -> Vec<Scope> {
    let mut scopes: Vec<Scope> = vec![];
    for feed in fleet.feeds().keys() {
        if let Source::Aws(scope) = &feed.source
            && !scopes.contains(scope)
        {
            scopes.push(scope.clone());
        }
    }
    scopes
}

/// The cluster that has a name already.
fn taken<'a>(state: &'a State, name: &str) -> Option<&'a crate::fleet::ClusterId> {
    let mut clusters = state.summary.clusters.keys();
    clusters.find(|cluster| cluster.name == name)
}
