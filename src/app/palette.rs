//! The palette: anything that can be done or gone to, found by a few letters. The short names that k9s users type
//! (`:no`, `:ctx`, `:q`) work too.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::overlay::{Choice, Overlay, PaletteMatch};
use super::update::Turn;
use super::{Action, Effect, State};
use crate::fleet::table::RowId;
use crate::fleet::{Machine, MachineId};

/// How many matches are shown.
const SHOWN: usize = 100;

/// What a match of a name counts more than a match of an explanation.
const NAMED: u32 = 10_000;

/// Short names, and what they stand for.
const ALIASES: &[(&[&str], Action)] = &[
    (&["q", "q!", "qa", "quit", "exit"], Action::Quit),
    (
        &[
            "ctx", "context", "contexts", "cl", "clusters", "cluster", "pulse", "pulses",
        ],
        Action::ShowFleet,
    ),
    (
        &["no", "node", "nodes", "ma", "machine", "vm", "ec2", "instances"],
        Action::ShowMachines,
    ),
    (&["po", "pool", "asg", "asgs", "groups"], Action::ShowPools),
    (&["pr", "price", "spot", "market"], Action::ShowPrices),
    (&["ed", "hosts", "boards"], Action::ShowEdge),
    (&["ops", "op", "journal"], Action::ShowOperations),
    (&["fi", "finding", "popeye", "alerts"], Action::ShowFindings),
    (&["all", "0"], Action::AllClusters),
    (&["h", "?"], Action::Help),
    (&["skin", "skins", "theme"], Action::Themes),
    (&["sources", "freshness"], Action::Feeds),
];

/// Something the palette offers, before its label is written.
enum Offer<'a> {
    Do(Action),
    Go(RowId, &'a str),
    Machine(Machine<'a>),
    Theme(&'a str),
}

impl Offer<'_> {
    /// Where it stands among those that match equally well.
    fn rank(&self) -> (u8, &str) {
        match self {
            Self::Do(action) => (*action as u8, ""),
            Self::Go(_, name) => (u8::MAX - 2, name),
            Self::Theme(name) => (u8::MAX - 1, name),
            Self::Machine(machine) => (u8::MAX, machine.name()),
        }
    }

    /// The id that tells machines of one name apart.
    fn machine(&self) -> Option<MachineId> {
        match self {
            Self::Machine(machine) => Some(machine.id()),
            _ => None,
        }
    }
}

/// What matches a text, best first.
fn matches(state: &State, text: &str) -> Vec<PaletteMatch> {
    let text = text.trim().trim_start_matches(':').trim_start();
    let mut shown: Vec<_> = alias(text).into_iter().map(|action| said(action, vec![])).collect();
    if text.is_empty() {
        shown.extend(Action::ALL.map(|action| said(action, vec![])));
        return shown;
    }
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(text, CaseMatching::Ignore, Normalization::Smart);
    let mut buffer = vec![];
    let mut score = |label: &str| pattern.score(Utf32Str::new(label, &mut buffer), &mut matcher);
    let mut found: Vec<(u32, Offer<'_>)> = vec![];
    let actions = Action::ALL
        .into_iter()
        .filter(|a| shown.iter().all(|m| m.choice != Choice::Do(*a)));
    // An action that only its explanation matches stands behind everything that a name matches.
    found.extend(actions.filter_map(|a| {
        let by_name = score(a.info().name).map(|s| s.saturating_add(NAMED));
        Some((by_name.or_else(|| score(&action_label(a)))?, Offer::Do(a)))
    }));
    let mut score = |name: &str| score(name).map(|s| s.saturating_add(NAMED));
    let clusters = state.summary.clusters.keys();
    found.extend(clusters.filter_map(|id| Some((score(&id.name)?, Offer::Go(RowId::Cluster(id.clone()), &id.name)))));
    found.extend(
        state
            .themes
            .0
            .iter()
            .filter_map(|t| Some((score(&theme_label(t))?, Offer::Theme(t)))),
    );
    found.extend(state.fleet.machines().filter_map(|machine| {
        let by_name = score(machine.name());
        let best = by_name.or_else(|| machine.instance().and_then(|i| score(i.id.as_str())))?;
        Some((best, Offer::Machine(machine)))
    }));
    let order = |(a, x): &(u32, Offer<'_>), (b, y): &(u32, Offer<'_>)| {
        b.cmp(a)
            .then_with(|| x.rank().cmp(&y.rank()))
            .then_with(|| x.machine().cmp(&y.machine()))
    };
    if found.len() > SHOWN {
        found.select_nth_unstable_by(SHOWN, order);
    }
    found.truncate(SHOWN);
    found.sort_by(order);
    shown.extend(found.into_iter().map(|(_, offer)| {
        let (choice, label) = written(offer);
        let mut places = vec![];
        pattern.indices(Utf32Str::new(&label, &mut buffer), &mut matcher, &mut places);
        places.sort_unstable();
        places.dedup();
        PaletteMatch { choice, label, places }
    }));
    shown
}

fn alias(text: &str) -> Option<Action> {
    let by_name = || Action::named(text);
    let lower = text.to_lowercase();
    let of = |(names, action): &(&[&str], Action)| names.contains(&lower.as_str()).then_some(*action);
    ALIASES.iter().find_map(of).or_else(by_name)
}

fn said(action: Action, places: Vec<u32>) -> PaletteMatch {
    PaletteMatch {
        choice: Choice::Do(action),
        label: action_label(action),
        places,
    }
}

fn action_label(action: Action) -> String {
    let info = action.info();
    format!("{}  {}", info.name, info.help)
}

fn theme_label(name: &str) -> String {
    format!("theme {name}")
}

fn written(offer: Offer<'_>) -> (Choice, String) {
    match offer {
        Offer::Do(action) => (Choice::Do(action), action_label(action)),
        Offer::Go(id, name) => (Choice::Go(id), name.to_owned()),
        Offer::Theme(name) => (Choice::Theme(name.to_owned()), theme_label(name)),
        Offer::Machine(machine) => {
            let id = machine.id();
            let mut label = machine.name().to_owned();
            for more in [Some(id.to_string()), machine.cluster().map(|c| c.name.to_string())] {
                if let Some(more) = more.filter(|more| *more != machine.name()) {
                    label = format!("{label}  {more}");
                }
            }
            (Choice::Go(RowId::Machine(id)), label)
        }
    }
}

impl Turn<'_> {
    pub(super) fn open_palette(&mut self) {
        let matches = matches(self.state, "");
        self.push(Overlay::Palette {
            line: Default::default(),
            matches,
            cursor: 0,
        });
    }

    /// Finds the matches for what is typed now.
    pub(super) fn find_in_palette(&mut self) {
        let Some(Overlay::Palette { line, .. }) = self.state.overlays.last() else {
            return;
        };
        let found = matches(self.state, line.value());
        if let Some(Overlay::Palette { matches, .. }) = self.state.overlays.last_mut() {
            *matches = found;
        }
    }

    pub(super) fn choose_in_palette(&mut self) {
        let Some(Overlay::Palette { matches, cursor, .. }) = self.state.overlays.last() else {
            return;
        };
        let choice = matches.get(*cursor).map(|m| m.choice.clone());
        self.close();
        match choice {
            Some(Choice::Do(action)) => self.act(action),
            Some(Choice::Go(row @ RowId::Cluster(_))) => self.drill(&row),
            Some(Choice::Go(row)) => self.go_to(&row),
            Some(Choice::Theme(name)) => self.effect(Effect::Theme(name)),
            None => {}
        }
    }
}
