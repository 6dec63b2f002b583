//! The file in which a world is remembered between runs of the program, so that one command finds what another has made.
//! It is of one scenario and seed: another world does not read it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::kept::{Beginning, Kept};
use super::noise::hash;
use super::scenario::Scenario;
use super::state::State;
use crate::provider::kube::file;

/// What the file holds.
#[derive(Serialize, Deserialize)]
struct File {
    /// Which world it is of.
    world: String,
    /// World time when it was written.
    #[serde(default)]
    at: Option<Timestamp>,
    kept: Kept,
}

/// Where a world is remembered, and as what.
#[derive(Debug)]
pub(super) struct Memory {
    file: PathBuf,
    world: String,
    beginning: Beginning,
    last: Kept,
}

/// What tells worlds apart: scenario and seed.
pub(super) fn mark(scenario: &Scenario, seed: u64) -> String {
    format!("{:016x}", hash(seed, &["world", &format!("{scenario:?}")]))
}

/// What a file remembers of a world; the error is for people.
fn read(file: &Path, world: &str) -> Result<Option<File>, String> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("it cannot be read: {error}")),
    };
    let found: File = serde_json::from_str(&text).map_err(|error| format!("it is damaged: {error}"))?;
    match found.world == world {
        true => Ok(Some(found)),
        false => Err("it is of a world with another seed, size or scenario".to_owned()),
    }
}

/// World time when a world was written down last, if a file remembers it.
pub(super) fn left_at(file: &Path, world: &str) -> Option<Timestamp> {
    read(file, world).ok()??.at
}

impl Memory {
    /// Brings back into a world that has just begun what a file remembers of it. The note says why it is not used, where
    /// it is not.
    pub(super) fn open(file: PathBuf, world: &str, state: &mut State) -> (Self, Option<String>) {
        let beginning = Beginning::of(state);
        let (kept, note) = match read(&file, world) {
            Ok(found) => (found.map(|found| found.kept).unwrap_or_default(), None),
            Err(why) => {
                let note = format!(
                    "what was made in the demo before is not shown: {}: {why}",
                    file.display()
                );
                (Kept::default(), Some(note))
            }
        };
        state.restore(kept.clone());
        let memory = Self {
            file,
            world: world.to_owned(),
            beginning,
            last: kept,
        };
        (memory, note)
    }

    /// Writes down what operators have made of a world, if that is news.
    pub(super) fn keep(&mut self, state: &State) {
        let kept = state.kept(&self.beginning);
        if kept == self.last {
            return;
        }
        match self.write(state.now, &kept) {
            Ok(()) => self.last = kept,
            Err(error) => tracing::warn!("the demo is not remembered in {}: {error}", self.file.display()),
        }
    }

    /// The file is the old one or the new one, whenever the program is killed.
    fn write(&self, at: Timestamp, kept: &Kept) -> io::Result<()> {
        if let Some(directory) = self.file.parent() {
            fs::create_dir_all(directory)?;
        }
        let whole = File {
            world: self.world.clone(),
            at: Some(at),
            kept: kept.clone(),
        };
        file::write(&self.file, &serde_json::to_string_pretty(&whole)?)
    }
}
