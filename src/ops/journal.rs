//! The journal: one file of JSON Lines for each operation, `<operation>.jsonl`, to which every event is written through
//! to the disk before anything else is done. What an operation was doing when its program died is read from it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::event::{Event, OperationId, Progress, What};

/// An operation's journal, held by whoever runs the operation: nobody else can meanwhile.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk says no.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Another program runs the operation.
    #[error("{0} is being run by another k3fleet on this machine; stop it there first")]
    Busy(OperationId),
    /// There is no such operation.
    #[error("there is no operation {0}; k3fleet ops list names them")]
    Unknown(OperationId),
    /// What is written cannot be understood.
    #[error("{}, line {line}: {message}; the file was changed by hand, or a newer k3fleet wrote it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
}

fn failed<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> JournalError + 'a {
    move |source| JournalError::Io {
        what,
        path: path.to_owned(),
        source,
    }
}

fn file_of(directory: &Path, id: &OperationId) -> PathBuf {
    directory.join(format!("{id}.jsonl"))
}

impl Journal {
    /// Begins the journal of a new operation.
    pub fn create(directory: &Path, id: &OperationId) -> Result<Self, JournalError> {
        fs::create_dir_all(directory).map_err(failed("make the directory", directory))?;
        let path = file_of(directory, id);
        let mut options = OpenOptions::new();
        options.append(true).create_new(true);
        private(&mut options);
        let file = options.open(&path).map_err(failed("begin the journal", &path))?;
        // The file's name must survive a crash as well as what stands in it.
        let listed = File::open(directory).and_then(|directory| directory.sync_all());
        listed.map_err(failed("write", directory))?;
        held(file, path, id)
    }

    /// Opens the journal of an operation to go on with it, and tells how far it has come.
    pub fn resume(directory: &Path, id: &OperationId) -> Result<(Self, Progress), JournalError> {
        let path = file_of(directory, id);
        let mut options = OpenOptions::new();
        let file = match options.read(true).append(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(JournalError::Unknown(id.clone())),
            opened => opened.map_err(failed("open", &path))?,
        };
        let mut journal = held(file, path, id)?;
        let (progress, end) = read(&journal.path, id)?;
        // A line that was cut off by a crash is as good as never written.
        let cut = journal
            .file
            .set_len(end)
            .and_then(|()| journal.file.seek(SeekFrom::End(0)));
        cut.map_err(failed("write", &journal.path))?;
        Ok((journal, progress))
    }

    /// Removes the journal of an operation that did not begin.
    pub fn discard(self) -> Result<(), JournalError> {
        fs::remove_file(&self.path).map_err(failed("remove", &self.path))
    }

    /// Writes an event through to the disk.
    pub fn append(&mut self, event: &Event) -> Result<(), JournalError> {
        if matches!(event.what, What::StepSaid { .. }) {
            return Ok(());
        }
        let line = serde_json::to_string(event).map_err(io::Error::other);
        let written = line.and_then(|line| {
            self.file.write_all(format!("{line}\n").as_bytes())?;
            self.file.sync_data()
        });
        written.map_err(failed("write", &self.path))
    }
}

/// Takes the journal's file lock.
fn held(file: File, path: PathBuf, id: &OperationId) -> Result<Journal, JournalError> {
    match file.try_lock() {
        Ok(()) => Ok(Journal { path, file }),
        Err(TryLockError::WouldBlock) => Err(JournalError::Busy(id.clone())),
        Err(TryLockError::Error(source)) => Err(failed("lock", &path)(source)),
    }
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn private(_: &mut OpenOptions) {}

/// An operation as its journal tells it.
pub fn show(directory: &Path, id: &OperationId) -> Result<Progress, JournalError> {
    let path = file_of(directory, id);
    if !path.exists() {
        return Err(JournalError::Unknown(id.clone()));
    }
    Ok(read(&path, id)?.0)
}

/// All operations that have a journal, the newest first; and the journals that cannot be read, with why.
pub fn list(directory: &Path) -> (Vec<Progress>, Vec<JournalError>) {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (vec![], vec![]),
        Err(error) => return (vec![], vec![failed("list", directory)(error)]),
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let ids = names.filter_map(|name| OperationId::parse(name.strip_suffix(".jsonl")?));
    let (mut found, mut faults) = (vec![], vec![]);
    for id in ids {
        match show(directory, &id) {
            Ok(progress) => found.push(progress),
            Err(error) => faults.push(error),
        }
    }
    found.sort_by(|a, b| (b.began_at, &b.id).cmp(&(a.began_at, &a.id)));
    (found, faults)
}

/// Whether some program runs the operation now.
pub fn is_running(directory: &Path, id: &OperationId) -> bool {
    let opened = OpenOptions::new().append(true).open(file_of(directory, id));
    opened.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

/// Reads a journal up to the end of its last whole line.
fn read(path: &Path, id: &OperationId) -> Result<(Progress, u64), JournalError> {
    let file = File::open(path).map_err(failed("open", path))?;
    let damaged = |line, message: String| JournalError::Damaged {
        path: path.to_owned(),
        line,
        message,
    };
    let mut reader = BufReader::new(file);
    let mut progress: Option<Progress> = None;
    let (mut end, mut number) = (0, 0);
    let mut line = String::new();
    loop {
        line.clear();
        let length = reader.read_line(&mut line).map_err(failed("read", path))?;
        if !line.ends_with('\n') {
            break;
        }
        number += 1;
        end += length as u64;
        let event: Event = serde_json::from_str(&line).map_err(|error| damaged(number, error.to_string()))?;
        match &mut progress {
            Some(progress) => progress.take(&event),
            None => progress = Progress::begin(id.clone(), &event),
        }
    }
    match progress {
        Some(progress) => Ok((progress, end)),
        None => Err(damaged(1, "no operation begins here".to_owned())),
    }
}
