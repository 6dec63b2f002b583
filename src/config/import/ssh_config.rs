//! An OpenSSH client configuration: the hosts that are named without patterns, and where they are.
//!
//! Hosts of the operator's own configuration are taken by name alone: ssh finds the rest there, and it stays the one
//! place that says it. Of any other configuration what `hosts.toml` can say is taken over.

use std::path::{Path, PathBuf};

use super::super::fault::ConfigError;
use super::super::hosts::is_ssh_word;
use super::words::{fits, port, words};
use super::{Candidate, Imported, Told};

/// As deep as ssh itself follows includes.
const DEEPEST: usize = 16;

/// More files than any configuration includes.
const MOST: usize = 1_000;

/// A file that an `Include` names, with its text.
pub type Opened = (PathBuf, Result<String, ConfigError>);

/// Whether a text has a keyword that only such a file has.
pub(super) fn looks_like(text: &str) -> bool {
    let keywords = text
        .lines()
        .filter_map(|line| split(line).filter(|(_, rest)| !rest.is_empty()));
    keywords
        .into_iter()
        .any(|(keyword, _)| ["host", "match", "include"].contains(&keyword.as_str()))
}

/// The keyword of a line, in lower case, and what follows it.
fn split(line: &str) -> Option<(String, &str)> {
    let line = line.trim_start_matches('\u{feff}').trim();
    let end = line.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(line.len());
    let (keyword, rest) = line.split_at_checked(end)?;
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
    (!keyword.is_empty() && !keyword.starts_with('#')).then(|| (keyword.to_ascii_lowercase(), rest))
}

/// Reads a configuration. `own` says that ssh reads it by itself; `include` opens what an `Include` names.
pub fn read_ssh_config(
    file: &Path,
    text: &str,
    own: bool,
    include: &mut dyn FnMut(&str) -> Vec<Opened>,
) -> Result<Imported, ConfigError> {
    let mut walk = Walk {
        own,
        include,
        blocks: Vec::new(),
        names: Vec::new(),
        opened: 0,
        told: Told::default(),
    };
    walk.read(file, text, 0, vec!["*".to_owned()]);
    walk.end()
}

/// Settings that hold for the hosts that patterns fit.
struct Block {
    patterns: Vec<String>,
    host_name: Option<Said>,
    user: Option<Said>,
    port: Option<Said>,
}

impl Block {
    fn new(patterns: Vec<String>) -> Self {
        Self {
            patterns,
            host_name: None,
            user: None,
            port: None,
        }
    }

    fn holds_for(&self, name: &str) -> bool {
        let (not, yes): (Vec<_>, Vec<_>) = self.patterns.iter().partition(|pattern| pattern.starts_with('!'));
        yes.iter().any(|pattern| fits(pattern, name))
            && !not.iter().any(|pattern| fits(pattern.trim_start_matches('!'), name))
    }
}

/// A value and where it stands.
#[derive(Clone)]
struct Said {
    value: String,
    file: PathBuf,
    line: usize,
}

struct Walk<'i> {
    own: bool,
    include: &'i mut dyn FnMut(&str) -> Vec<Opened>,
    blocks: Vec<Block>,
    names: Vec<String>,
    opened: usize,
    told: Told,
}

impl Walk<'_> {
    /// Reads a file, at first under the patterns of the place that includes it.
    fn read(&mut self, file: &Path, text: &str, depth: usize, patterns: Vec<String>) {
        self.blocks.push(Block::new(patterns));
        let mut in_match = false;
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            let Some((keyword, rest)) = split(line) else { continue };
            match keyword.as_str() {
                "match" => {
                    in_match = true;
                    self.told.note(file, number, line, "a Match block is passed over");
                    continue;
                }
                "host" => in_match = false,
                "hostname" | "user" | "port" | "include" if !in_match => {}
                _ => continue,
            }
            let Some(values) = words(rest).filter(|values| !values.is_empty()) else {
                let problem = format!("expected a value after {keyword}, with its quotes closed, found {rest:?}");
                self.told.fault(file, number, line, problem);
                continue;
            };
            match keyword.as_str() {
                "host" => self.open(file, number, line, values),
                "include" => self.follow(file, number, line, depth, &values),
                _ => self.set(&keyword, values, file, number),
            }
        }
    }

    fn open(&mut self, file: &Path, number: usize, line: &str, patterns: Vec<String>) {
        for name in patterns.iter().filter(|pattern| !pattern.contains(['*', '?', '!'])) {
            if !is_ssh_word(name) {
                let what = format!("host {name:?} cannot stand in hosts.toml; it is passed over");
                self.told.note(file, number, line, what);
            } else if !self.names.contains(name) {
                self.names.push(name.clone());
            }
        }
        self.blocks.push(Block::new(patterns));
    }

    fn set(&mut self, keyword: &str, values: Vec<String>, file: &Path, line: usize) {
        let (Some(block), Some(value)) = (self.blocks.last_mut(), values.into_iter().next()) else {
            return;
        };
        let place = match keyword {
            "hostname" => &mut block.host_name,
            "user" => &mut block.user,
            _ => &mut block.port,
        };
        let file = file.to_owned();
        place.get_or_insert(Said { value, file, line });
    }

    fn follow(&mut self, file: &Path, number: usize, line: &str, depth: usize, values: &[String]) {
        if depth >= DEEPEST {
            let problem = format!("expected at most {DEEPEST} files that include one another, found more");
            self.told.fault(file, number, line, problem);
            return;
        }
        let outer = self
            .blocks
            .last()
            .map(|block| block.patterns.clone())
            .unwrap_or_default();
        for value in values {
            let opened = (self.include)(value);
            if opened.is_empty() {
                self.told
                    .note(file, number, line, format!("Include {value} finds no file"));
            }
            for (path, text) in opened {
                self.opened += 1;
                if self.opened > MOST {
                    if self.opened == MOST + 1 {
                        let problem = format!("expected at most {MOST} included files, found more");
                        self.told.fault(file, number, line, problem);
                    }
                    return;
                }
                match text {
                    Ok(text) => self.read(&path, &text, depth + 1, outer.clone()),
                    Err(error) => self.told.faults.extend(error.faults),
                }
            }
        }
        // What follows belongs to the block that the Include stands in.
        self.blocks.push(Block::new(outer));
    }

    /// What holds for a host: the first that is said.
    fn first(&self, name: &str, of: impl Fn(&Block) -> Option<&Said>) -> Option<Said> {
        let blocks = self.blocks.iter().filter(|block| block.holds_for(name));
        blocks.filter_map(of).next().cloned()
    }

    fn end(mut self) -> Result<Imported, ConfigError> {
        let mut hosts = Vec::new();
        for name in std::mem::take(&mut self.names) {
            let user = self.first(&name, |block| block.user.as_ref());
            if let Some(git) = user.as_ref().filter(|user| user.value == "git") {
                let what = format!("host {name:?} is a Git server (User git); it is passed over");
                self.told.note(&git.file, git.line, "", what);
                continue;
            }
            let mut host = Candidate {
                name: name.as_str().into(),
                ..Candidate::default()
            };
            if !self.own {
                let host_name = self.first(&name, |block| block.host_name.as_ref()).map(|said| Said {
                    value: said.value.replace("%h", &name).replace("%%", "%"),
                    ..said
                });
                let port_said = self.first(&name, |block| block.port.as_ref());
                host.address = self.word(host_name, "HostName: expected an IP address or a DNS name");
                host.address = host.address.filter(|address| *address != name.as_str());
                host.user = self.word(user, "User: expected a user's name: one word");
                host.port = port_said.and_then(|said| {
                    let port = port(&said.value);
                    if port.is_none() {
                        self.wrong(&said, "Port: expected a port from 1 to 65535");
                    }
                    port
                });
            }
            hosts.push(host);
        }
        self.told.end(hosts)
    }

    fn word(&mut self, said: Option<Said>, expected: &str) -> Option<smol_str::SmolStr> {
        let said = said?;
        if is_ssh_word(&said.value) {
            return Some(said.value.into());
        }
        self.wrong(&said, expected);
        None
    }

    /// A value can hold for many hosts; it is told once.
    fn wrong(&mut self, said: &Said, expected: &str) {
        let told = self.told.faults.iter();
        let at =
            |fault: &super::Fault| fault.file == said.file && fault.position.is_some_and(|at| at.line == said.line);
        if !told.into_iter().any(at) {
            self.told
                .fault(&said.file, said.line, "", format!("{expected}, found {:?}", said.value));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CONFIG: &str = "Include conf.d/*\nHost pi-1 pi-2 *.lab !x\n  HostName %h.shop.example\n  Port=2222\n\
        host \"jetson\" # by the door\n  User nv\n  HostName 10.0.0.9\n\
        Match user root\n  HostName nowhere\nHost github.com\n  User git\nHost *\n  User pi\n  Port 22\n";

    fn read(own: bool) -> Imported {
        let mut include = |pattern: &str| {
            assert_eq!(pattern, "conf.d/*");
            vec![(PathBuf::from("conf.d/a"), Ok("Host inner\n Port 7\n".to_owned()))]
        };
        read_ssh_config(Path::new("c"), CONFIG, own, &mut include).unwrap()
    }

    #[test]
    fn the_own_configuration_gives_names() {
        let read = read(true);
        let names: Vec<_> = read.hosts.iter().map(|host| host.name.as_str()).collect();
        assert_eq!(names, ["inner", "pi-1", "pi-2", "jetson"]);
        assert!(
            read.hosts
                .iter()
                .all(|h| h.address.is_none() && h.user.is_none() && h.port.is_none())
        );
        let notes: Vec<_> = read.notes.iter().map(ToString::to_string).collect();
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert_eq!(notes[0], "c:8:1: a Match block is passed over");
        assert!(
            notes[1].contains("c:11:1: host \"github.com\" is a Git server"),
            "{notes:?}"
        );
    }

    #[test]
    fn another_configuration_gives_all_that_can_be_said() {
        let read = read(false);
        let seen: Vec<_> = read
            .hosts
            .iter()
            .map(|h| (h.address.as_deref(), h.user.as_deref(), h.port))
            .collect();
        assert_eq!(
            seen,
            [
                (None, Some("pi"), Some(7)),
                (Some("pi-1.shop.example"), Some("pi"), Some(2222)),
                (Some("pi-2.shop.example"), Some("pi"), Some(2222)),
                (Some("10.0.0.9"), Some("nv"), Some(22)),
            ]
        );
    }

    #[test]
    fn faults_and_endless_includes_are_told() {
        let mut none = |_: &str| Vec::new();
        let error = read_ssh_config(
            Path::new("c"),
            "Host a b\nPort x\nHost \"c\nUser a b\n",
            false,
            &mut none,
        )
        .unwrap_err();
        let lines: Vec<_> = error.faults.iter().map(|fault| fault.position.unwrap().line).collect();
        assert_eq!(lines, [3, 2], "{error}");
        let mut round = |_: &str| vec![(PathBuf::from("c"), Ok("Include c\nInclude c\n".to_owned()))];
        let error = read_ssh_config(Path::new("c"), "Include c\n", false, &mut round).unwrap_err();
        assert!(error.to_string().contains("expected at most"), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(Host |Match |Include |HostName=|Port |[a-z0-9é]{1,3}|[ \"'*?!%=#\n])*", own: bool) {
            let mut include = |_: &str| vec![(PathBuf::from("i"), Ok("Host x\n User u\n".to_owned()))];
            if let Ok(read) = read_ssh_config(Path::new("c"), &text, own, &mut include) {
                for host in read.hosts {
                    prop_assert!(is_ssh_word(&host.name));
                }
            }
        }
    }
}
