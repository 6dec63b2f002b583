//! Small forms: fields that are typed, turned or ticked, one below the other. What a form is about, and what its fields
//! mean, is its owner's matter ([`asking`](super::asking)).

use tui_input::Input;

use super::key::{Key, KeyCode};
use super::line;

/// A form.
#[derive(Clone, Debug, Default)]
pub struct Form {
    /// Its fields.
    pub fields: Vec<FormField>,
    /// The place of the field that the keys go to.
    pub at: usize,
    /// Whether it was tried to go on: only then is told what was not typed yet.
    pub tried: bool,
    /// Whether nothing was typed since the keys go to this field: what it holds gives way to what is typed then.
    fresh: bool,
}

/// A field.
#[derive(Clone, Debug)]
pub struct FormField {
    /// By what its owner knows it.
    pub id: &'static str,
    /// What it is called.
    pub label: &'static str,
    /// What it holds.
    pub holds: Holds,
    /// What that stands for.
    pub aside: String,
    /// What is wrong with it.
    pub fault: Option<String>,
}

/// What a field holds.
#[derive(Clone, Debug)]
pub enum Holds {
    /// Text.
    Text(Input),
    /// A short value, which is replaced by what is typed.
    Value(Input),
    /// One of these, or, one beyond them, what is typed.
    Either {
        /// What can be chosen.
        options: Vec<String>,
        /// The place of the chosen one.
        at: usize,
        /// What is typed.
        line: Input,
    },
    /// Yes or no.
    Tick(bool),
}

/// What a key did to a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Formed {
    /// Nothing.
    Nothing,
    /// Only the cursor moved.
    Moved,
    /// What a field holds changed.
    Changed,
    /// It is filled in.
    Enter,
    /// It is left.
    Leave,
}

impl FormField {
    fn new(id: &'static str, label: &'static str, holds: Holds) -> Self {
        Self {
            id,
            label,
            holds,
            aside: String::new(),
            fault: None,
        }
    }

    /// A field for text.
    pub fn text(id: &'static str, label: &'static str, value: &str) -> Self {
        Self::new(id, label, Holds::Text(value.into()))
    }

    /// A field for a short value, such as a number.
    pub fn value(id: &'static str, label: &'static str, value: &str) -> Self {
        Self::new(id, label, Holds::Value(value.into()))
    }

    /// A field that is one of several, or typed.
    pub fn either(id: &'static str, label: &'static str, options: Vec<String>, line: &str) -> Self {
        let at = options.iter().position(|o| o == line).unwrap_or(0);
        let line = if options.iter().any(|o| o == line) { "" } else { line };
        let at = if line.is_empty() { at } else { options.len() };
        let line = line.into();
        Self::new(id, label, Holds::Either { options, at, line })
    }

    /// A field that is yes or no.
    pub fn tick(id: &'static str, label: &'static str, on: bool) -> Self {
        Self::new(id, label, Holds::Tick(on))
    }

    /// The text that is typed in it, while it takes text.
    pub fn line(&self) -> Option<&Input> {
        match &self.holds {
            Holds::Text(line) | Holds::Value(line) => Some(line),
            Holds::Either { options, at, line } => (*at >= options.len()).then_some(line),
            Holds::Tick(_) => None,
        }
    }

    fn line_mut(&mut self) -> Option<&mut Input> {
        match &mut self.holds {
            Holds::Text(line) | Holds::Value(line) => Some(line),
            Holds::Either { options, at, line } => (*at >= options.len()).then_some(line),
            Holds::Tick(_) => None,
        }
    }

    /// What is chosen, of what can be chosen.
    pub fn chosen(&self) -> Option<&str> {
        match &self.holds {
            Holds::Either { options, at, .. } => options.get(*at).map(String::as_str),
            _ => None,
        }
    }

    /// Whether it can be turned.
    pub fn turns(&self) -> bool {
        matches!(&self.holds, Holds::Either { options, .. } if !options.is_empty())
    }

    fn turn(&mut self, by: isize) -> bool {
        match &mut self.holds {
            Holds::Either { options, at, .. } if !options.is_empty() => {
                let many = isize::try_from(options.len() + 1).unwrap_or(isize::MAX);
                let to = isize::try_from(*at).unwrap_or(0).saturating_add(by).rem_euclid(many);
                *at = usize::try_from(to).unwrap_or(0);
                true
            }
            Holds::Tick(on) => {
                *on = !*on;
                true
            }
            _ => false,
        }
    }
}

impl Form {
    /// A form of these fields; the keys go to the first.
    pub fn new(fields: Vec<FormField>) -> Self {
        Self {
            fields,
            at: 0,
            tried: false,
            fresh: true,
        }
    }

    fn field(&self, id: &str) -> Option<&FormField> {
        self.fields.iter().find(|field| field.id == id)
    }

    pub(super) fn field_mut(&mut self, id: &str) -> Option<&mut FormField> {
        self.fields.iter_mut().find(|field| field.id == id)
    }

    /// What a field holds, as text: what is chosen, else what is typed.
    pub fn value(&self, id: &str) -> &str {
        let Some(field) = self.field(id) else { return "" };
        let typed = || field.line().map_or("", |line| line.value().trim());
        field.chosen().unwrap_or_else(typed)
    }

    /// Whether a field is ticked.
    pub fn is_on(&self, id: &str) -> bool {
        matches!(self.field(id).map(|f| &f.holds), Some(Holds::Tick(true)))
    }

    /// Says what a field stands for, and what is wrong with it.
    pub(super) fn tell(&mut self, id: &str, aside: impl Into<String>, fault: Option<String>) {
        if let Some(field) = self.field_mut(id) {
            field.aside = aside.into();
            field.fault = fault;
        }
    }

    /// Has the keys go to the first field that is wrong; gives whether one is.
    pub(super) fn go_to_fault(&mut self) -> bool {
        self.tried = true;
        let wrong = self.fields.iter().position(|field| field.fault.is_some());
        if let Some(at) = wrong {
            self.go(at);
        }
        wrong.is_some()
    }

    /// What is wrong with a field, told only once it was reached.
    pub fn fault(&self, at: usize) -> Option<&str> {
        let field = self.fields.get(at)?;
        let early = !self.tried && field.line().is_some_and(|line| line.value().is_empty());
        field.fault.as_deref().filter(|_| !early)
    }

    fn go(&mut self, at: usize) {
        self.fresh |= self.at != at;
        self.at = at;
    }

    pub(super) fn step(&mut self, by: isize) {
        let last = self.fields.len().saturating_sub(1);
        self.go(self.at.saturating_add_signed(by).min(last));
    }

    /// A click on a field goes there; on the one under the cursor it does what space does.
    pub(super) fn click(&mut self, at: usize) -> Formed {
        if at >= self.fields.len() {
            return Formed::Nothing;
        }
        let again = self.at == at || matches!(self.fields.get(at).map(|f| &f.holds), Some(Holds::Tick(_)));
        self.go(at);
        match again && self.turn(1) {
            true => Formed::Changed,
            false => Formed::Moved,
        }
    }

    fn turn(&mut self, by: isize) -> bool {
        let field = self.fields.get_mut(self.at);
        field.is_some_and(|field| field.turn(by))
    }

    /// A key in the form.
    pub(super) fn key(&mut self, key: Key) -> Formed {
        let Some(field) = self.fields.get_mut(self.at) else {
            return if key.code() == KeyCode::Esc {
                Formed::Leave
            } else {
                Formed::Nothing
            };
        };
        let turned = |done| if done { Formed::Changed } else { Formed::Nothing };
        let step = match key.code() {
            KeyCode::Esc => return Formed::Leave,
            KeyCode::Enter => return Formed::Enter,
            KeyCode::Tab if key.has_shift() => -1,
            KeyCode::Tab | KeyCode::Down => 1,
            KeyCode::Up => -1,
            KeyCode::PageDown => isize::MAX,
            KeyCode::PageUp => isize::MIN,
            KeyCode::Left if field.turns() && !key.has_ctrl() => return turned(field.turn(-1)),
            KeyCode::Right if field.turns() && !key.has_ctrl() => return turned(field.turn(1)),
            KeyCode::Char(' ') if field.line().is_none() => return turned(field.turn(1)),
            _ => 0,
        };
        if step != 0 {
            self.step(step);
            return Formed::Moved;
        }
        // What is typed on something that can be chosen or typed is meant to be typed.
        if let Holds::Either { options, at, .. } = &mut field.holds
            && key.text().is_some()
        {
            *at = options.len();
        }
        let replaced = self.fresh && matches!(field.holds, Holds::Value(_)) && key.text().is_some();
        let Some(line) = field.line_mut() else {
            return Formed::Nothing;
        };
        if replaced {
            line.reset();
        }
        match line::edit(line, key) {
            line::Edited::Nothing => Formed::Nothing,
            line::Edited::Cursor => {
                self.fresh = false;
                Formed::Moved
            }
            line::Edited::Text => {
                self.fresh = false;
                Formed::Changed
            }
        }
    }

    /// Text that was pasted goes where it can be typed.
    pub(super) fn paste(&mut self, text: &str) -> Formed {
        let Some(field) = self.fields.get_mut(self.at) else {
            return Formed::Nothing;
        };
        if let Holds::Either { options, at, .. } = &mut field.holds {
            *at = options.len();
        }
        match field.line_mut().is_some_and(|line| line::paste(line, text)) {
            true => {
                self.fresh = false;
                Formed::Changed
            }
            false => Formed::Moved,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Form {
        Form::new(vec![
            FormField::text("name", "name", ""),
            FormField::value("wave", "at once", "5"),
            FormField::either("to", "release", vec!["stable".into(), "latest".into()], "stable"),
            FormField::tick("drain", "drain", false),
        ])
    }

    fn press(form: &mut Form, keys: &str) -> Vec<Formed> {
        keys.split(' ').map(|key| form.key(key.parse().unwrap())).collect()
    }

    #[test]
    fn fields_are_typed_turned_and_ticked() {
        let mut form = form();
        press(&mut form, "a b");
        assert_eq!(form.value("name"), "ab");
        press(&mut form, "down 7 0");
        assert_eq!(form.value("wave"), "70", "a short value gives way to what is typed");
        assert_eq!(press(&mut form, "tab right"), [Formed::Moved, Formed::Changed]);
        assert_eq!(form.value("to"), "latest");
        press(&mut form, "v 1");
        assert_eq!(form.value("to"), "v1", "what is typed is meant");
        press(&mut form, "left");
        assert_eq!(form.value("to"), "latest");
        press(&mut form, "down space down");
        assert!(form.is_on("drain") && form.at == 3);
        assert_eq!(
            press(&mut form, "enter esc x"),
            [Formed::Enter, Formed::Leave, Formed::Nothing]
        );
    }

    #[test]
    fn what_is_wrong_is_told_once_it_was_reached() {
        let mut form = form();
        form.tell("name", "", Some("type a name".to_owned()));
        form.step(2);
        assert_eq!(form.fault(0), None);
        assert!(form.go_to_fault());
        assert_eq!((form.at, form.fault(0)), (0, Some("type a name")));
    }

    #[test]
    fn clicks_go_to_fields_and_turn_them() {
        let mut form = form();
        assert_eq!(form.click(2), Formed::Moved);
        assert_eq!(form.click(2), Formed::Changed);
        assert_eq!(form.value("to"), "latest");
        assert_eq!(form.click(3), Formed::Changed);
        assert!(form.is_on("drain"));
        assert_eq!(form.click(9), Formed::Nothing);
        assert_eq!(form.paste("x"), Formed::Moved);
    }
}
