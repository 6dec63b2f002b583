//! The table of instance types: what each has and costs, the cheapest first, and which are marked.

use smol_str::SmolStr;
use tui_input::Input;

use super::check::wish;
use super::{Checked, LaunchForm, check};
use crate::app::key::{Key, KeyCode};
use crate::app::overlay::Overlay;
use crate::app::update::Turn;
use crate::app::{Effect, State, line};
use crate::fleet::{Offer, Purchase};
use crate::ops::wish::{by_price, candidates, cheapest_zone, fitting};

/// Of how few rows left by the filter all prices are asked for.
const FEW: usize = 24;

/// The table, while it lies over the form.
#[derive(Clone, Debug)]
pub struct TypePicker {
    /// What is looked for.
    pub line: Input,
    /// Whether it is for the workers of a highly available cluster.
    pub workers: bool,
    /// The type under the cursor; `None`: the first one.
    pub cursor: Option<SmolStr>,
    /// The marked types, in the order in which they were marked.
    pub marks: Vec<SmolStr>,
    /// Whether the marks are the operator's: else those that would be chosen are marked.
    pub own: bool,
    /// Whether a mark was set or taken off since the table was opened.
    pub touched: bool,
    /// What it is sorted by.
    pub sort: TypeSort,
}

/// What the table is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeSort {
    /// The price of the way in which machines are bought.
    Price,
    /// The memory.
    Memory,
    /// The name.
    Name,
}

impl TypeSort {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Price => "price",
            Self::Memory => "memory",
            Self::Name => "name",
        }
    }

    fn next(self) -> Self {
        match self {
            Self::Price => Self::Memory,
            Self::Memory => Self::Name,
            Self::Name => Self::Price,
        }
    }
}

/// A type.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeRow {
    /// Its name.
    pub name: SmolStr,
    /// Its architecture's word.
    pub arch: &'static str,
    /// Its virtual CPUs.
    pub vcpus: u32,
    /// Its memory, in MiB.
    pub memory_mib: u64,
    /// Its on-demand price, in USD per hour.
    pub on_demand: Option<f64>,
    /// The zone where it is cheapest on the spot market, and what it costs there.
    pub spot: Option<(SmolStr, f64)>,
    /// What spot saves there, as a fraction of the on-demand price.
    pub saving: Option<f64>,
    /// Whether it is marked.
    pub marked: bool,
}

/// The form, and the table over it.
fn opened(state: &State) -> Option<(&LaunchForm, &TypePicker)> {
    match state.overlays.as_slice() {
        [.., Overlay::Launch(form), Overlay::Types(picker)] => Some((form, picker)),
        _ => None,
    }
}

/// The rows that are shown.
pub fn rows(state: &State) -> Vec<TypeRow> {
    let Some((form, picker)) = opened(state) else {
        return vec![];
    };
    let Some(told) = form.surveyed() else { return vec![] };
    let (market, region) = (state.fleet.market(), &form.scope.region);
    let purchase = match picker.workers {
        true => Purchase::Spot,
        false => form.wish.purchase,
    };
    let fit = fitting(&told.survey.types, form.wish.arch, purchase);
    let mut fit = by_price(fit, region, purchase, market);
    match picker.sort {
        TypeSort::Price => {}
        TypeSort::Memory => fit.sort_by_key(|t| (t.memory_mib, t.vcpus)),
        TypeSort::Name => fit.sort_by(|a, b| a.name.cmp(&b.name)),
    }
    let words: Vec<_> = picker.line.value().split_whitespace().map(str::to_lowercase).collect();
    let marks = marks(state);
    let found = fit
        .into_iter()
        .filter(|t| words.iter().all(|word| t.name.contains(word.as_str())));
    let row = |t: &crate::ops::launch::InstanceType| {
        let offer = Offer::new(region, &t.name);
        let on_demand = market.on_demand(&offer);
        let spot = cheapest_zone(market, &offer).map(|(zone, usd)| (zone.clone(), usd));
        TypeRow {
            saving: on_demand
                .zip(spot.as_ref())
                .filter(|(whole, _)| *whole > 0.0)
                .map(|(whole, (_, part))| 1.0 - part / whole),
            name: t.name.clone(),
            arch: t.arch.as_str(),
            vcpus: t.vcpus,
            memory_mib: t.memory_mib,
            on_demand,
            spot,
            marked: marks.contains(&t.name),
        }
    };
    found.map(row).collect()
}

/// The marked types: those of the operator, else those that would be chosen.
pub fn marks(state: &State) -> Vec<SmolStr> {
    match opened(state) {
        Some((_, picker)) if picker.own => picker.marks.clone(),
        Some((form, picker)) if picker.workers => check(state, form).worker_types,
        Some((form, _)) => check(state, form).types,
        None => vec![],
    }
}

/// The place of the cursor among the rows.
pub fn place(picker: &TypePicker, rows: &[TypeRow]) -> usize {
    let at = picker
        .cursor
        .as_ref()
        .and_then(|name| rows.iter().position(|row| row.name == *name));
    at.unwrap_or(0)
}

/// Every zone that sells a type on the spot market, and its price there, the cheapest first.
pub fn zones(state: &State, name: &str) -> Vec<(SmolStr, f64)> {
    let Some((form, _)) = opened(state) else { return vec![] };
    let offer = Offer::new(&form.scope.region, name);
    let zones = state.fleet.market().zones(&offer).into_iter().flatten();
    let mut zones: Vec<_> = zones
        .filter_map(|(zone, series)| Some((zone.clone(), series.latest()?.1)))
        .collect();
    zones.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    zones
}

impl Turn<'_> {
    /// Asks for the prices of the types that may be chosen and have none yet.
    pub(super) fn want_candidates(&mut self) {
        let Some(Overlay::Launch(form)) = self.state.overlays.iter().find(|o| matches!(o, Overlay::Launch(_))) else {
            return;
        };
        let Some(told) = form.surveyed() else { return };
        let found = candidates(&told.survey.types, form.wish.arch, form.wish.purchase);
        let mut names: Vec<_> = found.into_iter().map(|t| t.name.clone()).collect();
        if form.is_ha() {
            // What is typed of a pool may be no type yet.
            let sold = |name: &SmolStr| told.survey.types.iter().any(|t| t.name == *name);
            let of_pools = wish(form, &mut Checked::default()).priced(&told.survey);
            names.extend(of_pools.into_iter().filter(sold));
            names.sort();
            names.dedup();
        }
        self.want_unknown_prices(&form.scope.region.clone(), names);
    }

    pub(super) fn want_unknown_prices(&mut self, region: &SmolStr, names: Vec<SmolStr>) {
        let market = self.state.fleet.market();
        let unknown = |name: &SmolStr| {
            let offer = Offer::new(region, name);
            market.on_demand_entry(&offer).is_none() || market.zones(&offer).is_none()
        };
        let wanted: Vec<_> = names
            .into_iter()
            .filter(unknown)
            .map(|name| (region.clone(), name))
            .collect();
        if !wanted.is_empty() {
            self.effect(Effect::WantPrices(wanted));
        }
    }

    /// Opens the table for the types of all machines, or of an ha cluster's servers, or its workers.
    pub(super) fn open_types(&mut self, workers: bool, typed: Option<Key>) {
        let Some(Overlay::Launch(form)) = self.state.overlays.last() else {
            return;
        };
        if form.surveyed().is_none() {
            return self.not_surveyed();
        }
        let marks = match workers {
            true => form.ha.worker_types.clone(),
            false => form.wish.types.clone(),
        };
        let own = !marks.is_empty();
        self.push(Overlay::Types(Box::new(TypePicker {
            line: Input::default(),
            workers,
            cursor: None,
            marks,
            own,
            touched: false,
            sort: TypeSort::Price,
        })));
        let first = marks_first(self.state);
        if let Some(Overlay::Types(picker)) = self.state.overlays.last_mut() {
            picker.cursor = first;
        }
        if let Some(key) = typed {
            self.types_key(key);
        }
    }

    /// A key in the table.
    pub(in crate::app) fn types_key(&mut self, key: Key) {
        let page = isize::from(
            i16::try_from(self.state.size.1)
                .unwrap_or(i16::MAX)
                .saturating_sub(12)
                .max(1),
        );
        match key.code() {
            KeyCode::Esc => return self.close(),
            KeyCode::Enter => return self.take_types(),
            KeyCode::Char(' ') => return self.mark_type(),
            KeyCode::Up => return self.move_type(-1),
            KeyCode::Down => return self.move_type(1),
            KeyCode::PageUp => return self.move_type(-page),
            KeyCode::PageDown => return self.move_type(page),
            KeyCode::Home => return self.move_type(isize::MIN),
            KeyCode::End => return self.move_type(isize::MAX),
            KeyCode::Tab => return self.sort_types(),
            _ => {}
        }
        let Some(Overlay::Types(picker)) = self.state.overlays.last_mut() else {
            return;
        };
        match line::edit(&mut picker.line, key) {
            line::Edited::Text => self.types_filtered(),
            line::Edited::Cursor => self.touch(),
            line::Edited::Nothing => {}
        }
    }

    /// The filter has changed: the cursor is on the first row it leaves.
    pub(in crate::app) fn types_filtered(&mut self) {
        if let Some(Overlay::Types(picker)) = self.state.overlays.last_mut() {
            picker.cursor = None;
        }
        self.touch();
        let left = rows(self.state);
        let Some((form, _)) = opened(self.state) else { return };
        if left.len() <= FEW {
            let names = left.into_iter().map(|row| row.name).collect();
            self.want_unknown_prices(&form.scope.region.clone(), names);
        }
    }

    pub(in crate::app) fn move_type(&mut self, by: isize) {
        let rows = rows(self.state);
        let Some(Overlay::Types(picker)) = self.state.overlays.last_mut() else {
            return;
        };
        let to = place(picker, &rows)
            .saturating_add_signed(by)
            .min(rows.len().saturating_sub(1));
        picker.cursor = rows.get(to).map(|row| row.name.clone());
        self.touch();
    }

    fn sort_types(&mut self) {
        if let Some(Overlay::Types(picker)) = self.state.overlays.last_mut() {
            picker.sort = picker.sort.next();
            self.touch();
        }
    }

    /// Marks the type under the cursor, or takes its mark off. The first mark takes the place of what would have been
    /// chosen without any.
    fn mark_type(&mut self) {
        let rows = rows(self.state);
        let Some(Overlay::Types(picker)) = self.state.overlays.last_mut() else {
            return;
        };
        let Some(row) = rows.get(place(picker, &rows)) else {
            return;
        };
        if !picker.own {
            picker.marks = rows.iter().filter(|r| r.marked).map(|r| r.name.clone()).collect();
            picker.own = true;
        }
        picker.touched = true;
        match picker.marks.iter().position(|name| *name == row.name) {
            Some(at) => drop(picker.marks.remove(at)),
            None => picker.marks.push(row.name.clone()),
        }
        picker.cursor = Some(row.name.clone());
        self.touch();
    }

    /// Takes what was marked into the form; where nothing was, the type under the cursor.
    pub(in crate::app) fn take_types(&mut self) {
        let rows = rows(self.state);
        let Some(Overlay::Types(picker)) = self.state.overlays.last() else {
            return;
        };
        let types = match rows.get(place(picker, &rows)) {
            _ if picker.touched => Some(picker.marks.clone()),
            // What was chosen, or would be, stays so.
            Some(row) if !row.marked => Some(vec![row.name.clone()]),
            _ => None,
        };
        let workers = picker.workers;
        self.close();
        if let (Some(types), Some(Overlay::Launch(form))) = (types, self.state.overlays.last_mut()) {
            match workers {
                true => form.ha.worker_types = types,
                false => form.wish.types = types,
            }
        }
        self.form_changed();
    }

    /// A click on a row marks it.
    pub(in crate::app) fn click_type(&mut self, at: usize) {
        let rows = rows(self.state);
        let Some(row) = rows.get(at) else { return };
        if let Some(Overlay::Types(picker)) = self.state.overlays.last_mut() {
            picker.cursor = Some(row.name.clone());
        }
        self.mark_type();
    }
}

/// The first of the marked types among the rows.
fn marks_first(state: &State) -> Option<SmolStr> {
    rows(state).into_iter().find(|row| row.marked).map(|row| row.name)
}
