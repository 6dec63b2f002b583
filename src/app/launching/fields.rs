//! The fields of the form: which there are, what each can be turned to, and where text goes.

use smol_str::SmolStr;
use tui_input::Input;

use super::LaunchForm;
use super::ha::{HaField, HaPick};
use crate::fleet::{Arch, Purchase, Scope, Shape};
use crate::ops::launch::{Image, WayOut};

/// A field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The cluster's name.
    Name,
    /// Quick, ci or ha.
    Shape,
    /// How long it lives.
    Ttl,
    /// The profile and region.
    Place,
    /// The processor architecture.
    Arch,
    /// Spot or on-demand.
    Buy,
    /// Whether it is bought on-demand where there is no spot capacity.
    Fallback,
    /// The instance types.
    Types,
    /// How many workers.
    Workers,
    /// The release of K3s.
    K3s,
    /// Who may reach it.
    From,
    /// Who may log in.
    Ssh,
    /// Whether the rest is shown.
    More,
    /// How large volumes are.
    Volume,
    /// The operating system.
    Image,
    /// What its machines may do in AWS.
    Profile,
    /// The VPC.
    Vpc,
    /// Whether machines may be in this subnet of the VPC, by its place.
    Subnet(usize),
    /// What only a highly available cluster has.
    Ha(HaField),
}

impl Field {
    /// Whether a table of instance types is opened for it; of the workers of an ha cluster, or of the others.
    pub(super) fn is_table(self) -> Option<bool> {
        match self {
            Self::Types => Some(false),
            Self::Ha(HaField::WorkerTypes) => Some(true),
            _ => None,
        }
    }

    /// Whether it is opened rather than turned or typed.
    pub fn is_opened(self) -> bool {
        self == Self::More || self.is_table().is_some()
    }
}

/// Who may reach the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The operator's own address.
    Own,
    /// The networks that are typed.
    Networks,
    /// Nobody from outside.
    Nobody,
}

/// Who may log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// Who has one of the operator's own keys, by its place.
    Key(usize),
    /// Who has the EC2 key pair that is typed.
    Pair,
    /// Nobody.
    Nobody,
}

/// What the machines may do in AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// What roles made for the cluster allow.
    Own,
    /// What the instance profile allows that is typed.
    Named,
    /// Nothing.
    None,
}

/// Something a field can be turned to.
#[derive(Clone, Debug, PartialEq)]
pub enum Pick {
    /// A shape.
    Shape(Shape),
    /// A place.
    Place(Scope),
    /// An architecture.
    Arch(Arch),
    /// A way to buy.
    Buy(Purchase),
    /// On-demand where there is no spot capacity, or not.
    Fallback(bool),
    /// A channel of K3s; `None`: the release that is typed.
    Channel(Option<SmolStr>),
    /// Who may reach it.
    From(Reach),
    /// Who may log in.
    Ssh(Login),
    /// An operating system.
    Image(Image),
    /// Rights in AWS.
    Profile(Rights),
    /// A VPC; `None`: the default one.
    Vpc(Option<SmolStr>),
    /// A VPC that the stack makes.
    MadeVpc,
    /// A subnet, and whether machines may be in it.
    Subnet(SmolStr, bool),
    /// Of what only a highly available cluster has.
    Ha(HaPick),
}

impl LaunchForm {
    /// Has the keys go to a field.
    pub(super) fn go(&mut self, field: Field) {
        self.fresh |= self.at != field;
        self.at = field;
    }

    /// The fields that are shown, in their order.
    pub fn fields(&self) -> Vec<Field> {
        let mut fields = vec![Field::Name, Field::Shape];
        if self.wish.shape == Shape::Ci {
            fields.push(Field::Ttl);
        }
        fields.push(Field::Place);
        if self.is_ha() {
            fields.push(Field::Ha(HaField::Servers));
        }
        fields.extend([Field::Arch, Field::Buy]);
        if self.wish.purchase == Purchase::Spot && !self.is_ha() {
            fields.push(Field::Fallback);
        }
        let usual = [Field::Types, Field::Workers, Field::K3s, Field::From, Field::Ssh];
        fields.extend(usual);
        fields.push(Field::More);
        if self.more {
            fields.extend(self.seldom());
        }
        fields
    }

    /// The fields that are seldom changed.
    fn seldom(&self) -> Vec<Field> {
        let mut fields = vec![];
        if self.is_ha() {
            fields.extend(self.ha.parts().into_iter().map(Field::Ha));
        }
        fields.extend([Field::Volume, Field::Image]);
        if !self.is_ha() {
            fields.push(Field::Profile);
        }
        fields.push(Field::Vpc);
        if self.makes_vpc() {
            fields.extend([HaField::Cidr, HaField::Zones, HaField::WayOut].map(Field::Ha));
        } else {
            let subnets = self.vpc().map_or(0, |vpc| vpc.subnets.len());
            fields.extend((0..subnets).map(Field::Subnet));
        }
        if self.is_ha() {
            fields.extend([HaField::Mirror, HaField::OnFailure].map(Field::Ha));
        }
        fields
    }

    /// What a field can be turned to; nothing for one that is only typed, or opened.
    pub fn options(&self, field: Field) -> Vec<Pick> {
        match field {
            Field::Name | Field::Ttl | Field::Types | Field::Workers | Field::More | Field::Volume => vec![],
            Field::Shape => [Shape::Quick, Shape::Ci, Shape::Ha].map(Pick::Shape).to_vec(),
            Field::Place => self.scopes.iter().cloned().map(Pick::Place).collect(),
            Field::Arch => [Arch::Arm64, Arch::Amd64].map(Pick::Arch).to_vec(),
            Field::Buy => [Purchase::OnDemand, Purchase::Spot].map(Pick::Buy).to_vec(),
            Field::Fallback => [false, true].map(Pick::Fallback).to_vec(),
            Field::K3s => self
                .channels()
                .into_iter()
                .map(Some)
                .chain([None])
                .map(Pick::Channel)
                .collect(),
            Field::From => [Reach::Own, Reach::Networks, Reach::Nobody].map(Pick::From).to_vec(),
            Field::Ssh => {
                let own = (0..self.keys().len()).map(Login::Key);
                own.chain([Login::Pair, Login::Nobody]).map(Pick::Ssh).collect()
            }
            Field::Image => [Image::Ubuntu, Image::Al2023].map(Pick::Image).to_vec(),
            Field::Profile => [Rights::Own, Rights::Named, Rights::None].map(Pick::Profile).to_vec(),
            Field::Vpc => {
                let vpcs = self.surveyed().map_or(&[][..], |told| &told.survey.vpcs);
                let others = vpcs
                    .iter()
                    .filter(|vpc| !vpc.is_default)
                    .map(|vpc| Some(vpc.id.clone()));
                let made = self.is_ha().then_some(Pick::MadeVpc);
                let there = std::iter::once(None).chain(others).map(Pick::Vpc);
                there.chain(made).collect()
            }
            Field::Ha(field) => self.ha.options(field).into_iter().map(Pick::Ha).collect(),
            Field::Subnet(at) => self.subnet(at).map_or(vec![], |id| {
                [false, true].map(|on| Pick::Subnet(id.clone(), on)).to_vec()
            }),
        }
    }

    /// The channels that can be chosen: those that are known, else the one that is meant.
    fn channels(&self) -> Vec<SmolStr> {
        let known = self.surveyed().and_then(|told| told.survey.channels.as_ref().ok());
        let mut names: Vec<SmolStr> = known.into_iter().flatten().map(|c| c.name.clone()).collect();
        if names.is_empty() {
            names.push(self.wish.k3s.clone());
        }
        names
    }

    fn subnet(&self, at: usize) -> Option<SmolStr> {
        Some(self.vpc()?.subnets.get(at)?.id.clone())
    }

    /// What a field is turned to.
    pub fn chosen(&self, field: Field) -> Option<Pick> {
        Some(match field {
            Field::Name | Field::Ttl | Field::Types | Field::Workers | Field::More | Field::Volume => return None,
            Field::Shape => Pick::Shape(self.wish.shape),
            Field::Place => Pick::Place(self.scope.clone()),
            Field::Arch => Pick::Arch(self.wish.arch),
            Field::Buy => Pick::Buy(self.wish.purchase),
            Field::Fallback => Pick::Fallback(self.wish.on_demand_fallback),
            Field::K3s => Pick::Channel(self.channel.clone()),
            Field::From => Pick::From(self.reach),
            Field::Ssh => Pick::Ssh(self.login()),
            Field::Image => Pick::Image(self.wish.image),
            Field::Profile => Pick::Profile(self.rights),
            Field::Vpc if self.makes_vpc() => Pick::MadeVpc,
            Field::Vpc => Pick::Vpc(self.wish.vpc.clone()),
            Field::Ha(field) => Pick::Ha(self.ha.chosen(field)?),
            Field::Subnet(at) => {
                let id = self.subnet(at)?;
                let on = self.wish.subnets.contains(&id);
                Pick::Subnet(id, on)
            }
        })
    }

    /// Turns a field to something. What was chosen for another place or other machines is dropped with it.
    pub(super) fn choose(&mut self, pick: Pick) {
        match pick {
            Pick::Shape(shape) => self.wish.shape = shape,
            Pick::Place(scope) => {
                if scope != self.scope {
                    self.scope = scope;
                    self.forget_types();
                    self.choose(Pick::Vpc(None));
                }
            }
            Pick::Arch(arch) => {
                self.wish.arch = arch;
                self.forget_types();
            }
            Pick::Buy(purchase) => {
                self.wish.purchase = purchase;
                self.wish.on_demand_fallback &= purchase == Purchase::Spot;
                self.wish.types.clear();
            }
            Pick::Fallback(on) => self.wish.on_demand_fallback = on,
            Pick::Channel(channel) => self.channel = channel,
            Pick::From(reach) => self.reach = reach,
            Pick::Ssh(login) => self.login = Some(login),
            Pick::Image(image) => self.wish.image = image,
            Pick::Profile(rights) => self.rights = rights,
            Pick::Vpc(vpc) => {
                self.wish.vpc = vpc;
                self.wish.subnets.clear();
                self.ha.way_out = None;
            }
            Pick::MadeVpc => self.ha.way_out = Some(WayOut::Public),
            Pick::Ha(pick) => self.ha.choose(pick),
            Pick::Subnet(id, on) => {
                self.wish.subnets.retain(|other| *other != id);
                if on {
                    self.wish.subnets.push(id);
                }
            }
        }
    }

    fn forget_types(&mut self) {
        self.wish.types.clear();
        self.ha.worker_types.clear();
    }

    /// The text field of what a field is turned to.
    pub fn line(&self, field: Field) -> Option<&Input> {
        Some(match field {
            Field::Name => &self.name,
            Field::Ttl => &self.ttl,
            Field::Workers if self.is_ha() => &self.ha.workers,
            Field::Workers => &self.workers,
            Field::Volume => &self.volume,
            Field::K3s if self.channel.is_none() => &self.release,
            Field::From if self.reach == Reach::Networks => &self.networks,
            Field::Ssh if self.login() == Login::Pair => &self.pair,
            Field::Profile if self.rights == Rights::Named => &self.profile,
            Field::Ha(field) => return self.ha.line(field),
            _ => return None,
        })
    }

    /// The text field under the cursor.
    pub(in crate::app) fn line_mut(&mut self) -> Option<&mut Input> {
        Some(match self.at {
            Field::Name => &mut self.name,
            Field::Ttl => &mut self.ttl,
            Field::Workers if self.is_ha() => &mut self.ha.workers,
            Field::Workers => &mut self.workers,
            Field::Volume => &mut self.volume,
            Field::K3s if self.channel.is_none() => &mut self.release,
            Field::From if self.reach == Reach::Networks => &mut self.networks,
            Field::Ssh if self.login() == Login::Pair => &mut self.pair,
            Field::Profile if self.rights == Rights::Named => &mut self.profile,
            Field::Ha(field) => return self.ha.line_mut(field),
            _ => return None,
        })
    }

    /// What takes text, of what a field can be turned to.
    pub(super) fn typed(field: Field) -> Option<Pick> {
        Some(match field {
            Field::K3s => Pick::Channel(None),
            Field::From => Pick::From(Reach::Networks),
            Field::Ssh => Pick::Ssh(Login::Pair),
            Field::Profile => Pick::Profile(Rights::Named),
            _ => return None,
        })
    }
}
