//! The journal: one file of JSON Lines for each operation, `<operation>.jsonl`, to which every event is written through
//! to the disk before anything else is done. What an operation was doing when its program died is read from it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::event::{Event, OperationId, Progress, What};

/// How long a lock is tried that somebody holds.
const HELD: Duration = Duration::from_millis(500);
/// How often, meanwhile.
const AGAIN: Duration = Duration::from_millis(10);

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
        if matches!(event.what, What::StepSaid { .. } | What::StackSaid { .. }) {
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

/// Takes the journal's file lock. A process that is being started shares all open files of the one that starts it, until
/// it becomes another program, and their locks with them: a lock that was given back is held on for that moment.
fn held(file: File, path: PathBuf, id: &OperationId) -> Result<Journal, JournalError> {
    let until = Instant::now() + HELD;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Journal { path, file }),
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "it is short, and nothing goes on without the journal"
                )]
                thread::sleep(AGAIN);
            }
            Err(TryLockError::WouldBlock) => return Err(JournalError::Busy(id.clone())),
            Err(TryLockError::Error(source)) => return Err(failed("lock", &path)(source)),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{ClusterId, MachineId, NodeKey};
    use crate::ops::{CostChange, KubeStep, Outcome, Plan, Request, Stage, Step, StepId, StepState};

    fn plan() -> Plan {
        let node = NodeKey::new(&crate::fleet::ContextId::new("lab"), "n1");
        Plan {
            request: Request::Cordon {
                machines: vec![MachineId::Node(node.clone())],
            },
            cluster: ClusterId {
                name: "lab".into(),
                home: None,
            },
            title: "cordon n1".to_owned(),
            stages: vec![Stage {
                title: "cordon".to_owned(),
                steps: vec![Step::Kube(node, KubeStep::Cordon)],
                whatever: false,
                passing: vec![],
            }],
            cost: CostChange::default(),
            bill: None,
            warnings: vec![],
            confirm: None,
        }
    }

    fn event(second: i64, what: What) -> Event {
        Event {
            at: jiff::Timestamp::from_second(1_800_000_000 + second).unwrap(),
            what,
        }
    }

    const STEP: StepId = StepId { stage: 0, step: 0 };

    fn begun(directory: &Path) -> (OperationId, Journal) {
        let id = OperationId::new("cordon", event(0, What::StepBegan { step: STEP }).at, 7);
        let mut journal = Journal::create(directory, &id).unwrap();
        let first = What::Began {
            plan: Box::new(plan()),
            by: "ana@desk".into(),
        };
        journal.append(&event(0, first)).unwrap();
        journal.append(&event(1, What::StepBegan { step: STEP })).unwrap();
        (id, journal)
    }

    #[test]
    fn what_was_written_is_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let (id, mut journal) = begun(directory.path());
        let line = "one pod".to_owned();
        journal.append(&event(4, What::StepDone { step: STEP, line })).unwrap();
        let outcome = Outcome::Done;
        journal.append(&event(5, What::Ended { outcome })).unwrap();
        drop(journal);
        let progress = show(directory.path(), &id).unwrap();
        assert_eq!(progress.plan, plan());
        assert_eq!(progress.state(STEP), StepState::Done(3.0));
        assert_eq!((progress.said(STEP), progress.is_unfinished()), ("one pod", false));
        assert_eq!(list(directory.path()).0, [progress]);
    }

    #[test]
    fn a_line_cut_off_by_a_crash_is_as_good_as_never_written() {
        let directory = tempfile::tempdir().unwrap();
        let (id, journal) = begun(directory.path());
        let path = journal.path.clone();
        drop(journal);
        let whole = fs::read(&path).unwrap();
        for cut in 1..20 {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let (mut journal, progress) = Journal::resume(directory.path(), &id).unwrap();
            assert_eq!(progress.state(STEP), StepState::Waiting, "{cut} bytes cut off");
            let by = "ben@desk".into();
            journal.append(&event(9, What::Resumed { by })).unwrap();
            assert_eq!(show(directory.path(), &id).unwrap().by, "ben@desk");
        }
    }

    #[test]
    fn nobody_else_runs_what_is_running() {
        let directory = tempfile::tempdir().unwrap();
        let (id, journal) = begun(directory.path());
        assert!(is_running(directory.path(), &id));
        let refused = Journal::resume(directory.path(), &id).unwrap_err();
        assert!(matches!(refused, JournalError::Busy(_)), "{refused}");
        drop(journal);
        assert!(!is_running(directory.path(), &id));
        assert!(Journal::resume(directory.path(), &id).is_ok());
    }

    #[test]
    fn a_lock_that_is_given_back_in_a_moment_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let (id, journal) = begun(directory.path());
        // As a process has it that is being started: the same open file, for a while longer.
        let shared = journal.file.try_clone().unwrap();
        drop(journal);
        assert!(is_running(directory.path(), &id));
        let other = thread::spawn(move || {
            thread::park_timeout(AGAIN * 3);
            drop(shared);
        });
        assert!(Journal::resume(directory.path(), &id).is_ok());
        other.join().unwrap();
    }

    #[test]
    fn a_damaged_journal_is_told_with_its_line_and_hides_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let (id, journal) = begun(directory.path());
        drop(journal);
        fs::write(directory.path().join("drain-x.jsonl"), "{}\n").unwrap();
        let (found, faults) = list(directory.path());
        assert_eq!(found.iter().map(|p| &p.id).collect::<Vec<_>>(), [&id]);
        let fault = faults[0].to_string();
        assert!(fault.contains("drain-x.jsonl, line 1"), "{fault}");
        let unknown = OperationId::parse("scale-1").unwrap();
        assert!(matches!(
            show(directory.path(), &unknown),
            Err(JournalError::Unknown(_))
        ));
    }
}
