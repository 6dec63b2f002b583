//! Edge hosts from what others have written down: an OpenSSH configuration, an Ansible inventory or a plain list.
//!
//! Each kind has a pure reader that gives [`Candidate`]s and tells every fault with file and line; [`Addition`] brings
//! them into the text of a `hosts.toml`, which stays as it is otherwise. Files are opened by the caller.

mod addition;
mod ansible;
mod include;
mod ini;
mod list;
mod range;
mod ssh_config;
mod words;
mod yaml;

use std::path::Path;

use smol_str::SmolStr;

pub use addition::Addition;
pub use ansible::read_inventory;
pub use include::{expand_include, is_own_ssh_config};
pub use list::read_list;
pub use ssh_config::{Opened, read_ssh_config};

use super::fault::{ConfigError, Fault, Position};

/// A kind of file that hosts are imported from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An OpenSSH client configuration.
    SshConfig,
    /// An Ansible inventory: INI, YAML or JSON.
    Ansible,
    /// One host a line.
    List,
}

impl Origin {
    /// The kind that a text looks like.
    pub fn guess(text: &str) -> Self {
        if yaml::looks_like(text) || ini::looks_like(text) {
            Self::Ansible
        } else if ssh_config::looks_like(text) {
            Self::SshConfig
        } else {
            Self::List
        }
    }

    /// What it is called.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SshConfig => "an OpenSSH configuration",
            Self::Ansible => "an Ansible inventory",
            Self::List => "a plain list",
        }
    }
}

/// A host that was found, in words that can stand in `hosts.toml`. What its file does not say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: SmolStr,
    /// Its group.
    pub group: Option<SmolStr>,
    /// Where it is reached, when that is not its name.
    pub address: Option<SmolStr>,
    /// Whom to log in as.
    pub user: Option<SmolStr>,
    /// The SSH port.
    pub port: Option<u16>,
}

/// What a file gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// The hosts, each name once, in the order of the file.
    pub hosts: Vec<Candidate>,
    /// What was passed over, and where.
    pub notes: Vec<Fault>,
}

/// What a reader has to say.
#[derive(Default)]
struct Told {
    faults: Vec<Fault>,
    notes: Vec<Fault>,
}

impl Told {
    /// Tells what is wrong with a line, counted from 1.
    fn fault(&mut self, file: &Path, number: usize, line: &str, problem: impl Into<String>) {
        self.faults.push(at(file, number, line, problem));
    }

    /// Tells what of a line is passed over.
    fn note(&mut self, file: &Path, number: usize, line: &str, what: impl Into<String>) {
        self.notes.push(at(file, number, line, what));
    }

    /// The hosts, if there was no fault. Of hosts with one name the first is kept.
    fn end(self, mut hosts: Vec<Candidate>) -> Result<Imported, ConfigError> {
        if !self.faults.is_empty() {
            return Err(ConfigError { faults: self.faults });
        }
        let mut seen = std::collections::HashSet::new();
        hosts.retain(|host| seen.insert(host.name.clone()));
        let notes = self.notes;
        Ok(Imported { hosts, notes })
    }
}

fn at(file: &Path, number: usize, line: &str, problem: impl Into<String>) -> Fault {
    let column = line.chars().take_while(|c| c.is_whitespace()).count() + 1;
    Fault {
        position: Some(Position { line: number, column }),
        ..Fault::of_file(file, problem)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_kind_is_seen_from_the_content() {
        for text in [
            "[pis]\npi-1\n",
            "pi[01:12]\n",
            "pi-1 ansible_host=10.0.0.7\n",
            "---\nall:\n  hosts:\n",
            "# mine\npis:\n  hosts:\n    pi-1:\n",
            "{\"all\": {}}",
            "[pis:children]\na\n",
        ] {
            assert_eq!(Origin::guess(text), Origin::Ansible, "{text}");
        }
        for text in [
            "Host pi-1\n  User pi\n",
            "# x\n\nInclude conf.d/*\n",
            "host=a\n",
            "User pi\nHost a\n",
        ] {
            assert_eq!(Origin::guess(text), Origin::SshConfig, "{text}");
        }
        for text in [
            "",
            "pi-1\n",
            "pi@pi-1:22 # host\n",
            "[fd00::7]:22\n",
            "[fd00::7]\n",
            "host\n",
        ] {
            assert_eq!(Origin::guess(text), Origin::List, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_guess_panic(text in "([a-z]{1,3}|[\\[\\]{}:=# \n-])*") {
            Origin::guess(&text);
        }
    }
}
