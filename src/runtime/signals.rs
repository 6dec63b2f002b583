//! The signals that concern the screen: ends and suspensions.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// End: SIGTERM, SIGHUP, SIGINT.
    End,
    /// Suspend: SIGTSTP from outside (Ctrl-Z is a key while the screen is up).
    Suspend,
}

/// Listens for signals.
pub struct Signals {
    ends: [Signal; 3],
    stop: Signal,
}

impl Signals {
    /// Listens from now on. SIGTSTP no longer stops the program by itself.
    pub fn listen() -> io::Result<Self> {
        let ends = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()];
        let [a, b, c] = ends.map(signal);
        Ok(Self {
            ends: [a?, b?, c?],
            stop: signal(SignalKind::from_raw(signal_hook::consts::SIGTSTP))?,
        })
    }

    /// The next signal. Cancel-safe: none is lost when this is dropped.
    pub async fn next(&mut self) -> Asked {
        let [a, b, c] = &mut self.ends;
        tokio::select! {
            _ = a.recv() => Asked::End,
            _ = b.recv() => Asked::End,
            _ = c.recv() => Asked::End,
            _ = self.stop.recv() => Asked::Suspend,
        }
    }
}

/// Stops this program as the terminal's suspend key would; returns once it is continued.
pub(super) fn stop_self() -> io::Result<()> {
    signal_hook::low_level::raise(signal_hook::consts::SIGSTOP)
}
