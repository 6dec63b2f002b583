//! From what was chosen and typed to a spec, or to what is wrong with it, field by field.

use jiff::SignedDuration;
use smol_str::SmolStr;

use super::{Field, HaField, LaunchForm, Login, Reach, Rights, ha, taken};
use crate::app::State;
use crate::fleet::Shape;
use crate::ops::launch::{Fault, Network, Profile, Spec, SshKey, WORKERS};
use crate::ops::survey::Survey;
use crate::ops::wish::{From, Wish};

/// Stands for what is not known yet, so that all the rest can be judged.
const ANY_TYPE: &str = "t4g.small";
const ANY_RELEASE: &str = "v1.0.0+k3s1";

/// What came of the form.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked {
    /// The spec; `None` while the place has not answered, and where something is wrong.
    pub spec: Option<Spec>,
    /// The types it would have, of an ha cluster its servers; empty while none is known.
    pub types: Vec<SmolStr>,
    /// The types that the usual workers of an ha cluster would have.
    pub worker_types: Vec<SmolStr>,
    /// What is wrong, at most one thing for each field.
    pub faults: Vec<(Field, String)>,
}

impl Checked {
    pub(super) fn add(&mut self, field: Field, why: impl Into<String>) {
        if self.faults.iter().all(|(at, _)| *at != field) {
            self.faults.push((field, why.into()));
        }
    }

    /// What is wrong with a field.
    pub fn fault(&self, field: Field) -> Option<&str> {
        let found = self.faults.iter().find(|(at, _)| *at == field);
        found.map(|(_, why)| why.as_str())
    }
}

/// Judges the form.
pub fn check(state: &State, form: &LaunchForm) -> Checked {
    let mut checked = Checked::default();
    let mut wish = wish(form, &mut checked);
    if let Some(cluster) = taken(state, &wish.name) {
        let place = cluster
            .home
            .as_ref()
            .map_or_else(String::new, |home| format!(" in {home}"));
        checked.add(Field::Name, format!("there is a cluster {}{place} already", wish.name));
    }
    let known = form.surveyed().map(|told| &told.survey);
    let neutral = neutral(form);
    if let Some(survey) = known {
        unknown(survey, &mut wish, &mut checked);
    } else {
        wish.types.push(SmolStr::new_static(ANY_TYPE));
        ha::judged_alone(&mut wish, ANY_TYPE);
        wish.k3s = SmolStr::new_static(ANY_RELEASE);
        if wish.from == From::Own {
            wish.from = From::Networks(vec![]);
        }
    }
    let survey = known.unwrap_or(&neutral);
    let mut made = wish.spec(survey, state.fleet.market(), state.now);
    if let (Err(why), Some(ha)) = (&made, &mut wish.ha)
        && let Some(why) = why.strip_prefix("--pool ")
    {
        checked.add(Field::Ha(HaField::Pools), why);
        ha.pools.retain(|pool| pool.name == WORKERS && pool.arch.is_none());
        ha.workers = None;
        made = wish.spec(survey, state.fleet.market(), state.now);
    }
    let mut spec = match made {
        Ok(spec) => spec,
        Err(why) => {
            checked.add(Field::K3s, why);
            return checked;
        }
    };
    if known.is_some() {
        checked.types.clone_from(&spec.types);
        let workers = spec.ha.as_ref().and_then(|ha| ha.pool(WORKERS));
        checked.worker_types = workers.map(|pool| pool.types.clone()).unwrap_or_default();
    }
    place(form, &mut spec, &mut checked);
    for fault in spec.check() {
        let at = ha::field(form, fault.field).filter(|_| form.is_ha());
        checked.add(at.unwrap_or_else(|| field(&fault)), told(&fault));
    }
    if known.is_some() && checked.faults.is_empty() {
        checked.spec = Some(spec);
    }
    checked
}

/// What is wished for, as it is chosen and typed.
pub(super) fn wish(form: &LaunchForm, checked: &mut Checked) -> Wish {
    let mut number = |field, line: &tui_input::Input, usual| {
        let text = line.value().trim();
        text.parse().unwrap_or_else(|_| {
            checked.add(field, format!("expected a whole number, not {text:?}"));
            usual
        })
    };
    let is_ha = form.is_ha();
    let workers = if is_ha { &form.ha.workers } else { &form.workers };
    let (workers, volume_gib) = (
        number(Field::Workers, workers, form.wish.workers),
        number(Field::Volume, &form.volume, form.wish.volume_gib),
    );
    let ha = is_ha.then(|| ha::wish(&form.ha, workers, checked));
    let ttl = match form.ttl.value().trim().parse::<SignedDuration>() {
        Ok(ttl) if ttl > SignedDuration::ZERO && ttl <= SignedDuration::from_hours(24 * 365) => ttl,
        _ => {
            if form.wish.shape == Shape::Ci {
                checked.add(Field::Ttl, "expected a time such as 30m, 2h or 1h30m");
            }
            form.wish.ttl
        }
    };
    let text = |line: &tui_input::Input| SmolStr::new(line.value().trim());
    Wish {
        name: text(&form.name),
        // Those of a highly available cluster stand in its pools, and so does how they are bought.
        workers: if is_ha { 0 } else { workers },
        on_demand_fallback: form.wish.on_demand_fallback && !is_ha,
        volume_gib,
        ttl,
        k3s: form.channel.clone().unwrap_or_else(|| text(&form.release)),
        from: match form.reach {
            Reach::Own => From::Own,
            Reach::Nobody => From::Networks(vec![]),
            Reach::Networks => {
                let words = form.networks.value().split([' ', ',']).filter(|word| !word.is_empty());
                let networks: Vec<_> = words.map(SmolStr::new).collect();
                if networks.is_empty() {
                    checked.add(Field::From, "expected a network such as 203.0.113.7/32");
                }
                From::Networks(networks)
            }
        },
        ssh: match form.login() {
            Login::Key(at) => form.keys().get(at).map(|own| own.key.clone()),
            Login::Pair => Some(SshKey::Pair(text(&form.pair))),
            Login::Nobody => None,
        },
        profile: match form.rights {
            _ if is_ha => Profile::Own,
            Rights::Own => Profile::Own,
            Rights::Named => Profile::Named(text(&form.profile)),
            Rights::None => Profile::None,
        },
        vpc: form.wish.vpc.clone().filter(|_| !form.makes_vpc()),
        ha,
        ..form.wish.clone()
    }
}

/// Tells what the survey does not know, and takes it out of the wish, so that the rest can be judged.
fn unknown(survey: &Survey, wish: &mut Wish, checked: &mut Checked) {
    if let (From::Own, Err(why)) = (&wish.from, &survey.own_address) {
        checked.add(
            Field::From,
            format!("your own address is not known ({why}): type networks instead"),
        );
        wish.from = From::Networks(vec![]);
    }
    if wish.k3s.contains("+k3s") {
        return;
    }
    let why = match &survey.channels {
        Ok(channels) if channels.iter().any(|c| c.name == wish.k3s) => return,
        Ok(_) => "expected a release such as v1.36.4+k3s1, or one of the channels".to_owned(),
        Err(why) => format!(
            "the channel {} is not resolved ({why}): type a release instead",
            wish.k3s
        ),
    };
    checked.add(Field::K3s, why);
    wish.k3s = SmolStr::new_static(ANY_RELEASE);
}

/// Gives the spec the networks of the VPC it will be in, which it is judged by.
fn place(form: &LaunchForm, spec: &mut Spec, checked: &mut Checked) {
    if form.surveyed().is_none() || form.makes_vpc() {
        return;
    }
    let Some(vpc) = form.vpc() else {
        let why = format!(
            "{} has no default VPC: choose one, or make it with aws ec2 create-default-vpc",
            form.scope
        );
        return checked.add(Field::Vpc, why);
    };
    spec.network = Some(Network {
        vpc: vpc.id.clone(),
        subnets: form.wish.subnets.clone(),
        cidrs: vpc.cidrs.clone(),
    });
}

/// A survey that knows nothing.
fn neutral(form: &LaunchForm) -> Survey {
    Survey {
        scope: form.scope.clone(),
        account: SmolStr::default(),
        types: vec![],
        vpcs: vec![],
        channels: Ok(vec![]),
        own_address: Err(String::new()),
    }
}

/// The field that a fault of the spec is about.
fn field(fault: &Fault) -> Field {
    match fault.field {
        "name" => Field::Name,
        "shape" => Field::Shape,
        "expires_at" => Field::Ttl,
        "region" => Field::Place,
        "arch" => Field::Arch,
        "types" => Field::Types,
        "workers" => Field::Workers,
        "on_demand_fallback" => Field::Fallback,
        "volume_gib" => Field::Volume,
        "version" => Field::K3s,
        "from" => Field::From,
        "ssh" => Field::Ssh,
        "profile" => Field::Profile,
        "network" | "network.vpc" | "network.subnets" | "network.cidrs" => Field::Vpc,
        _ => Field::Name,
    }
}

/// A fault as it is told beside its field.
fn told(fault: &Fault) -> String {
    match &fault.given {
        Some(given)
            if matches!(fault.field, "from" | "types" | "network.cidrs" | "network.subnets")
                || fault.field.starts_with("ha.pools") =>
        {
            format!("expected {}, not {given}", fault.expected)
        }
        _ => format!("expected {}", fault.expected),
    }
}
