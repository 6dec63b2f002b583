//! The form as the view shows it: each field with what it is turned to, what that stands for, and what is wrong.

use smol_str::SmolStr;
use tui_input::Input;

use super::{Checked, Field, HaField, HaPick, LaunchForm, Login, Pick, Reach, Rights, check, ha};
use crate::app::State;
use crate::fleet::table::money;
use crate::fleet::{Offer, Purchase, Shape};
use crate::ops::launch::Image;
use crate::ops::wish::cheapest_zone;

/// A field on one line.
#[derive(Clone, Debug)]
pub struct FieldLine {
    /// The field.
    pub field: Field,
    /// What it is called.
    pub label: &'static str,
    /// What it is turned to; empty where all is typed.
    pub value: String,
    /// The text that is typed in it.
    pub line: Option<Input>,
    /// What that stands for.
    pub aside: String,
    /// What is wrong with it.
    pub fault: Option<String>,
    /// Whether it is ticked, for what is or is not.
    pub ticked: Option<bool>,
    /// Whether there is anything else it can be turned to.
    pub turns: bool,
}

/// All fields that are shown.
pub fn lines(state: &State, form: &LaunchForm) -> Vec<FieldLine> {
    let checked = check(state, form);
    let line = |field| {
        let line = form.line(field).cloned();
        // What was not reached yet is not wrong yet.
        let early = !form.tried && line.as_ref().is_some_and(|line| line.value().is_empty());
        FieldLine {
            field,
            label: label(field),
            value: value(form, field, &checked),
            aside: aside(state, form, field, &checked),
            fault: checked.fault(field).filter(|_| !early).map(ToOwned::to_owned),
            ticked: match form.chosen(field) {
                Some(
                    Pick::Subnet(_, on)
                    | Pick::Ha(HaPick::SharedStorage(on) | HaPick::Ingress(on) | HaPick::PublicApi(on)),
                ) => Some(on),
                _ => None,
            },
            turns: form.options(field).len() > 1,
            line,
        }
    };
    form.fields().into_iter().map(line).collect()
}

fn label(field: Field) -> &'static str {
    match field {
        Field::Name => "name",
        Field::Shape => "shape",
        Field::Ttl => "lives for",
        Field::Place => "where",
        Field::Arch => "processor",
        Field::Buy => "bought",
        Field::Fallback => "fallback",
        Field::Types => "types",
        Field::Workers => "workers",
        Field::K3s => "K3s",
        Field::From => "reached by",
        Field::Ssh => "SSH key",
        Field::More => "",
        Field::Volume => "volume",
        Field::Image => "system",
        Field::Profile => "AWS rights",
        Field::Vpc => "VPC",
        Field::Subnet(0) => "subnets",
        Field::Subnet(_) => "",
        Field::Ha(field) => ha::label(field),
    }
}

/// What a field is turned to, in a word or two.
fn value(form: &LaunchForm, field: Field, checked: &Checked) -> String {
    let text = match form.chosen(field) {
        None => return opened(form, field, checked),
        Some(Pick::Shape(shape)) => shape.as_str(),
        Some(Pick::Place(scope)) => return scope.to_string(),
        Some(Pick::Arch(arch)) => arch.as_str(),
        Some(Pick::Buy(purchase)) => purchase.as_str(),
        Some(Pick::Fallback(true)) => "on-demand where there is no spot capacity",
        Some(Pick::Fallback(false)) => "none: it fails where there is no spot capacity",
        Some(Pick::Channel(Some(channel))) => return channel.to_string(),
        Some(Pick::Channel(None)) => "release",
        Some(Pick::From(Reach::Own)) => "your own address",
        Some(Pick::From(Reach::Networks)) => "networks",
        Some(Pick::From(Reach::Nobody)) => "nobody",
        Some(Pick::Ssh(Login::Key(at))) => {
            return form.keys().get(at).map_or_else(String::new, |own| own.file.clone());
        }
        Some(Pick::Ssh(Login::Pair)) => "EC2 key pair",
        Some(Pick::Ssh(Login::Nobody)) if form.surveyed().is_none() && form.login.is_none() => "your own key",
        Some(Pick::Ssh(Login::Nobody)) => "nobody logs in",
        Some(Pick::Image(Image::Ubuntu)) => "Ubuntu 24.04 LTS",
        Some(Pick::Image(Image::Al2023)) => "Amazon Linux 2023",
        Some(Pick::Profile(Rights::Own)) => "roles of its own",
        Some(Pick::Profile(Rights::Named)) => "instance profile",
        Some(Pick::Profile(Rights::None)) => "none",
        Some(Pick::Vpc(None)) => "the default one",
        Some(Pick::Vpc(Some(vpc))) => return vpc.to_string(),
        Some(Pick::MadeVpc) => "one made for it",
        Some(Pick::Subnet(id, _)) => return id.to_string(),
        Some(Pick::Ha(pick)) => return ha::value(pick),
    };
    text.to_owned()
}

/// What stands on a field that is opened rather than turned.
fn opened(form: &LaunchForm, field: Field, checked: &Checked) -> String {
    match field {
        Field::More if form.more => "less".to_owned(),
        Field::More if form.is_ha() => "more: pools, store, storage, ingress, VPC, if it fails".to_owned(),
        Field::More => "more: volume, system, AWS rights, VPC and subnets".to_owned(),
        Field::Types => several(&checked.types),
        Field::Ha(HaField::WorkerTypes) => several(&checked.worker_types),
        _ => String::new(),
    }
}

/// Types in a few words.
fn several(types: &[SmolStr]) -> String {
    match types {
        [] => String::new(),
        [one] => one.to_string(),
        [first, rest @ ..] => format!("{first} or {} more", rest.len()),
    }
}

/// What a field stands for.
fn aside(state: &State, form: &LaunchForm, field: Field, checked: &Checked) -> String {
    let told = form.surveyed().map(|told| &told.survey);
    match field {
        Field::Name if form.name.value().is_empty() => "lower-case letters, digits, hyphens".to_owned(),
        Field::Shape if form.wish.shape == Shape::Ci => "the least there is; destroys itself".to_owned(),
        Field::Shape if form.is_ha() => "it survives the loss of a server".to_owned(),
        Field::Shape => "one server, and workers if wanted".to_owned(),
        Field::Ttl => match form.ttl.value().trim().parse::<jiff::SignedDuration>() {
            Ok(ttl) => state.now.checked_add(ttl).map_or_else(
                |_| String::new(),
                |at| format!("until {}", at.strftime("%Y-%m-%d %H:%M UTC")),
            ),
            Err(_) => String::new(),
        },
        Field::Place => match form.told.get(&form.scope) {
            None => "is asked what it offers".to_owned(),
            Some(Ok(told)) => format!("account {}", told.survey.account),
            Some(Err(_)) => "has not answered".to_owned(),
        },
        Field::Types => types(
            state,
            form,
            &checked.types,
            form.wish.purchase,
            form.wish.types.is_empty(),
        ),
        Field::Ha(HaField::WorkerTypes) => {
            let own = form.ha.worker_types.is_empty();
            types(state, form, &checked.worker_types, Purchase::Spot, own)
        }
        Field::Ha(field) => ha::aside(form, field),
        Field::Workers if form.is_ha() => workers(form),
        Field::Workers if form.workers.value().trim() == "0" => "the server does the work".to_owned(),
        Field::K3s => {
            let channels = told
                .and_then(|survey| survey.channels.as_ref().ok())
                .into_iter()
                .flatten();
            let mut named = channels.filter(|c| Some(&c.name) == form.channel.as_ref());
            named.next().map_or_else(String::new, |c| format!("now {}", c.version))
        }
        Field::From => match (form.reach, told.map(|survey| &survey.own_address)) {
            (Reach::Own, Some(Ok(address))) => format!("{address}, and no other"),
            (Reach::Nobody, _) => "its API and SSH cannot be used from here".to_owned(),
            _ => String::new(),
        },
        Field::Ssh if form.login() == Login::Nobody && form.surveyed().is_some() && form.keys().is_empty() => {
            "no public key was found in ~/.ssh".to_owned()
        }
        Field::Volume => "GiB each".to_owned(),
        Field::Profile if form.rights == Rights::Own => "read their tokens, write the kubeconfig".to_owned(),
        Field::Profile if form.rights == Rights::None => "one server, kubeconfig over SSH".to_owned(),
        Field::Vpc if form.makes_vpc() => "it goes with the cluster".to_owned(),
        Field::Vpc => form.vpc().map_or_else(String::new, |vpc| {
            let name = vpc.name.as_ref().map_or_else(String::new, |name| format!("{name} "));
            let id = if form.wish.vpc.is_none() {
                format!("{} ", vpc.id)
            } else {
                String::new()
            };
            format!("{id}{name}{}", vpc.cidrs.join(" "))
        }),
        Field::Subnet(at) => form
            .vpc()
            .and_then(|vpc| vpc.subnets.get(at))
            .map_or_else(String::new, |subnet| {
                let kind = if subnet.public { "public" } else { "private" };
                let left = form.wish.subnets.is_empty() && subnet.public;
                format!(
                    "{} {kind}{}",
                    subnet.zone,
                    if left { ", used unless some are ticked" } else { "" }
                )
            }),
        _ => String::new(),
    }
}

/// How the usual workers of a highly available cluster are bought.
fn workers(form: &LaunchForm) -> String {
    let number = |line: &Input| line.value().trim().parse::<u32>().ok();
    match (number(&form.ha.workers), number(&form.ha.base)) {
        (Some(0), _) if form.ha.pools.value().trim().is_empty() => "the servers do the work".to_owned(),
        (Some(all), Some(base)) if all > 0 && base >= all => "on-demand".to_owned(),
        (Some(all), Some(0)) if all > 0 => "spot".to_owned(),
        (Some(all), Some(base)) if all > 0 => format!("{base} on-demand, {} spot", all - base),
        _ => String::new(),
    }
}

/// What types cost, and why they were chosen.
fn types(state: &State, form: &LaunchForm, types: &[SmolStr], purchase: Purchase, by_price: bool) -> String {
    let Some(first) = types.first().filter(|_| form.surveyed().is_some()) else {
        return String::new();
    };
    let usual = if by_price { ", the cheapest" } else { "" };
    let offer = Offer::new(&form.scope.region, first);
    let market = state.fleet.market();
    let price = match purchase {
        Purchase::OnDemand => market.on_demand(&offer).map(|usd| format!("${}/h", money(usd))),
        Purchase::Spot => {
            let zone = cheapest_zone(market, &offer);
            zone.map(|(zone, usd)| format!("${}/h in {zone}", money(usd)))
        }
    };
    match price {
        Some(price) => format!("{price}{usual}"),
        None => "its price is not known yet".to_owned(),
    }
}
