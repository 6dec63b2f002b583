//! The help and the hints in the bottom line, made from the key table and the keys in force.

use super::key::Key;
use super::key_table::{Group, Place};
use super::{Action, Keymap, Overlay, State};

/// One line of the help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelpLine {
    /// Under which heading it stands.
    pub group: Group,
    /// The keys, the usual one first; empty for an action that is reached by the palette and the menu only.
    pub keys: String,
    /// The action's name; empty for what is no action of its own.
    pub name: &'static str,
    /// What it does.
    pub help: &'static str,
}

/// Keys that are no actions of their own.
const FIXED: [(Group, &str, &str); 10] = [
    (
        Group::Rows,
        "shift-letter",
        "sort by the column that begins with the letter; again: by the next such column, or the other way round",
    ),
    (
        Group::Rows,
        "enter",
        "while typing a filter: keep it (esc goes back to the one before)",
    ),
    (Group::Rows, "up down", "while typing a filter: filters kept earlier"),
    (Group::Rows, "shift-j shift-k", "in the column picker: move the column"),
    (
        Group::Change,
        "enter y",
        "while a plan is looked at: run it (esc leaves it)",
    ),
    (
        Group::Change,
        "left right space",
        "in the launch form: turn the field under the cursor; in its table of types space marks",
    ),
    (
        Group::Change,
        "f t b e w v d u x",
        "while a plan is looked at: its options, as the plan names them",
    ),
    (
        Group::Change,
        "y a m o s p space",
        "while hosts are to join: accept a key, all keys, mend, options, sudo's password, the plan, leave a host out",
    ),
    (
        Group::Change,
        "r n ctrl-d",
        "in the view of tokens: change the token, make a bootstrap token, delete one",
    ),
    (
        Group::Program,
        "ctrl-u ctrl-w ctrl-a ctrl-e",
        "in text fields: clear, delete a word, to the start, to the end",
    ),
];

/// The lines of the help that contain all words looked for, by group.
pub fn help(keys: &Keymap, find: &str) -> Vec<HelpLine> {
    let actions = Action::ALL.into_iter().map(|action| {
        let info = action.info();
        let shown: Vec<_> = keys.keys(action).iter().map(Key::to_string).collect();
        HelpLine {
            group: info.group,
            keys: shown.join(" "),
            name: info.name,
            help: info.help,
        }
    });
    let fixed = FIXED.into_iter().map(|(group, keys, help)| HelpLine {
        group,
        keys: keys.to_owned(),
        name: "",
        help,
    });
    let words: Vec<_> = find.split_whitespace().map(str::to_lowercase).collect();
    let holds = |line: &HelpLine| {
        let title = line.group.title();
        let text = format!("{} {} {} {title}", line.keys, line.name, line.help).to_lowercase();
        words.iter().all(|word| text.contains(word))
    };
    let mut lines: Vec<_> = actions.chain(fixed).filter(holds).collect();
    lines.sort_by_key(|line| Group::ALL.iter().position(|g| *g == line.group));
    lines
}

/// A key worth knowing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hint {
    /// What it does.
    pub action: Action,
    /// The key to press.
    pub key: Key,
}

/// What the bottom line tells, the most fitting first: as many as there is room for.
pub fn hints(state: &State) -> Vec<Hint> {
    let hint = |action: Action| {
        let key = state.keys.keys(action).first().copied()?;
        Some(Hint { action, key })
    };
    if let Some(overlay) = state.overlays.last() {
        return overlay_actions(overlay).iter().copied().filter_map(hint).collect();
    }
    if state.filtering.is_some() {
        return [Action::Open, Action::Back].into_iter().filter_map(hint).collect();
    }
    let pane = state.focused();
    let near = Action::ALL.into_iter().filter(|action| {
        let place = action.info().place;
        matches!(place, Place::Panes(_)) && place.holds(pane) && state.is_worth(*action)
    });
    let general = [
        Action::Open,
        Action::Describe,
        Action::Filter,
        Action::Palette,
        Action::Help,
        Action::Menu,
        Action::Mark,
        Action::Source,
        Action::FaultsOnly,
        Action::SortPicker,
        Action::Zoom,
        Action::Quit,
    ];
    let (first, rest) = general.split_at(5);
    let fits = |action: &Action| action.info().place.holds(pane);
    first
        .iter()
        .copied()
        .chain(near)
        .chain(rest.iter().copied())
        .filter(fits)
        .filter_map(hint)
        .collect()
}

fn overlay_actions(overlay: &Overlay) -> &'static [Action] {
    match overlay {
        Overlay::Help { .. } => &[Action::Back],
        Overlay::Palette { .. } | Overlay::Menu { .. } | Overlay::Sort { .. } | Overlay::Themes { .. } => {
            &[Action::Open, Action::Back]
        }
        Overlay::Columns { .. } => &[Action::Mark, Action::Back],
        Overlay::Describe { .. } => &[Action::Source, Action::CopyId, Action::Back],
        Overlay::Source { .. } => &[Action::Source, Action::Describe, Action::CopyId, Action::Back],
        Overlay::Feeds { .. } => &[Action::Open, Action::Back],
        Overlay::Ran(_) => &[Action::Back],
        // Their own lower end tells the keys.
        Overlay::Plan(_)
        | Overlay::Scale(_)
        | Overlay::Launch(_)
        | Overlay::Types(_)
        | Overlay::Extend(_)
        | Overlay::Inquiry(_)
        | Overlay::Choosing(_)
        | Overlay::Join(_)
        | Overlay::Checks { .. }
        | Overlay::Keys(_)
        | Overlay::Password(_)
        | Overlay::Form(_)
        | Overlay::Tokens(_)
        | Overlay::Snapshots(_)
        | Overlay::TokenMade(_)
        | Overlay::Update(_)
        | Overlay::Locked { .. }
        | Overlay::Abort { .. } => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_stands_in_the_help_with_its_keys() {
        let keys = Keymap::default();
        let lines = help(&keys, "");
        for action in Action::ALL {
            let line = lines.iter().find(|l| l.name == action.name()).unwrap();
            assert!(!line.keys.is_empty());
        }
        let groups: Vec<_> = lines.iter().map(|l| l.group).collect();
        let mut once = groups;
        once.dedup();
        assert_eq!(once, Group::ALL, "each heading stands once");
    }

    #[test]
    fn the_help_is_searched_by_words_in_any_order() {
        let keys = Keymap::default();
        let found: Vec<_> = help(&keys, "node PODS off").iter().map(|l| l.name).collect();
        assert_eq!(found, ["drain"]);
        assert!(help(&keys, "no such thing at all").is_empty());
        assert!(
            help(&keys, "ctrl-r").iter().any(|l| l.name == "refresh"),
            "keys are found too"
        );
    }
}
