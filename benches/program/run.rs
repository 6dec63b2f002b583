//! Processes and what they cost: the program in a pseudo-terminal, and commands that run to their end.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::Failure;

/// Columns and rows.
const SIZE: (u16, u16) = (160, 50);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(3);
/// A tick of `/proc/PID/stat` in seconds; Linux has had a hundred in a second for ever.
const TICK: f64 = 0.01;

/// The program on a screen.
pub(crate) struct Screen {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    /// How much it has written.
    pub(crate) written: usize,
    _master: Box<dyn MasterPty + Send>,
}

/// What a span of time cost.
pub(crate) struct Cost {
    /// CPU time by wall time.
    pub(crate) cpu: f64,
    /// Bytes resident at the end.
    pub(crate) resident: u64,
    /// How many of these are pages of the program's own file and its libraries.
    pub(crate) of_files: u64,
    /// The most that ever was.
    pub(crate) peak: u64,
    /// Bytes written to the terminal in a second.
    pub(crate) written: f64,
}

impl Screen {
    /// Starts the program in this environment and no other.
    pub(crate) fn start(args: &[&str], vars: &[(String, String)]) -> Result<Self, Failure> {
        let size = PtySize {
            rows: SIZE.1,
            cols: SIZE.0,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size)?;
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_k3fleet"));
        command.args(args);
        command.env_clear();
        for (name, value) in vars {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command)?;
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader()?;
        let (send, output) = sync_channel(1024);
        std::thread::spawn(move || {
            let mut buffer = [0; 65_536];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                if send.send(buffer.iter().take(n).copied().collect()).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            child,
            keys: pair.master.take_writer()?,
            output,
            screen: vt100::Parser::new(
                SIZE.1.try_into().map_err(|_zero| "no rows")?,
                SIZE.0.try_into().map_err(|_zero| "no columns")?,
                0,
            ),
            written: 0,
            _master: pair.master,
        })
    }

    /// Types.
    pub(crate) fn press(&mut self, keys: &str) -> Result<(), Failure> {
        self.keys.write_all(keys.as_bytes())?;
        Ok(self.keys.flush()?)
    }

    /// What is on the screen.
    pub(crate) fn text(&self) -> String {
        self.screen.screen().contents()
    }

    /// Waits until the screen shows all of these texts (numbers without commas); gives how long it took.
    pub(crate) fn wait_for(&mut self, texts: &[&str]) -> Result<Duration, Failure> {
        let start = Instant::now();
        loop {
            let shown = self.text().replace(',', "");
            if texts.iter().all(|text| shown.contains(text)) {
                return Ok(start.elapsed());
            }
            if start.elapsed() > PATIENCE {
                return Err(format!("waited in vain for {texts:?}; the screen:\n{shown}").into());
            }
            self.rest(Duration::from_millis(50))?;
        }
    }

    /// Lets time pass while what the program writes is read.
    pub(crate) fn rest(&mut self, span: Duration) -> Result<(), Failure> {
        let end = Instant::now() + span;
        loop {
            match self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(bytes) => {
                    self.written += bytes.len();
                    self.screen.process(&bytes);
                }
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(format!("the program ended; the screen:\n{}", self.text()).into());
                }
            }
        }
    }

    /// What the next span of time costs.
    pub(crate) fn measure(&mut self, span: Duration) -> Result<Cost, Failure> {
        let pid = self.child.process_id().ok_or("it has ended")?;
        let (start, before, written) = (Instant::now(), cpu_seconds(pid)?, self.written);
        self.rest(span)?;
        let seconds = start.elapsed().as_secs_f64();
        Ok(Cost {
            cpu: (cpu_seconds(pid)? - before) / seconds,
            resident: memory(pid, "VmRSS:").ok_or("no VmRSS")?,
            of_files: memory(pid, "RssFile:").ok_or("no RssFile")?,
            peak: memory(pid, "VmHWM:").ok_or("no VmHWM")?,
            written: (self.written - written) as f64 / seconds,
        })
    }

    /// CPU seconds so far.
    pub(crate) fn cpu(&self) -> Result<f64, Failure> {
        cpu_seconds(self.child.process_id().ok_or("it has ended")?)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// User and system time of a process, its ended threads included.
fn cpu_seconds(pid: u32) -> Result<f64, Failure> {
    ticks(&format!("/proc/{pid}/stat"), [11, 12])
}

/// The sum of two fields of a `stat` file, counted from behind the command's name.
fn ticks(file: &str, fields: [usize; 2]) -> Result<f64, Failure> {
    let stat = std::fs::read_to_string(file)?;
    let fields_after = stat.rsplit_once(") ").ok_or("no stat")?.1;
    let all: Vec<&str> = fields_after.split(' ').collect();
    let ticks = fields.iter().filter_map(|n| all.get(*n)?.parse::<f64>().ok());
    Ok(ticks.sum::<f64>() * TICK)
}

/// A line of `/proc/PID/status` in bytes.
fn memory(pid: u32, name: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// What a command that ran to its end took.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    /// Wall time.
    pub(crate) seconds: f64,
    /// CPU time, to a hundredth of a second.
    pub(crate) cpu: f64,
    /// The most bytes resident: looked at every half millisecond.
    pub(crate) peak: u64,
    /// Lines of output.
    pub(crate) lines: usize,
}

/// Runs a command to its end; `None` where there is no such program.
pub(crate) fn run(program: &Path, args: &[&str], vars: &[(String, String)]) -> Result<Option<Run>, Failure> {
    let before = ticks("/proc/self/stat", [13, 14])?;
    let start = Instant::now();
    let spawned = Command::new(program)
        .args(args)
        .env_clear()
        .envs(vars.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = match spawned {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        spawned => spawned?,
    };
    let mut output = child.stdout.take().ok_or("no output")?;
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).map(|_| text.lines().count())
    });
    let (mut peak, pid) = (0, child.id());
    let status = loop {
        peak = memory(pid, "VmHWM:").unwrap_or(0).max(peak);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_micros(500));
    };
    let seconds = start.elapsed().as_secs_f64();
    let lines = reader.join().map_err(|_panic| "the output was not read")??;
    if !status.success() {
        return Err(format!("{} {args:?}: {status}", program.display()).into());
    }
    let cpu = ticks("/proc/self/stat", [13, 14])? - before;
    Ok(Some(Run {
        seconds,
        cpu,
        peak,
        lines,
    }))
}
