//! The signals that concern the screen: ends and suspensions.

use std::io;

use futures::FutureExt;
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
    ends: Ends,
    stop: Signal,
}

/// A signal that ends a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// SIGTERM.
    Terminate,
    /// SIGHUP.
    Hangup,
    /// SIGINT.
    Interrupt,
}

impl End {
    /// The exit code of a program that ends by it, as shells give it.
    pub fn code(self) -> u8 {
        128 + match self {
            Self::Terminate => 15,
            Self::Hangup => 1,
            Self::Interrupt => 2,
        }
    }
}

/// Listens for the signals that end a program: SIGTERM, SIGHUP, SIGINT.
pub struct Ends([Signal; 3]);

impl Ends {
    /// Listens from now on. They no longer end the program by themselves.
    pub fn listen() -> io::Result<Self> {
        let kinds = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt()];
        let [a, b, c] = kinds.map(signal);
        Ok(Self([a?, b?, c?]))
    }

    /// The next one. Cancel-safe: none is lost when this is dropped.
    pub async fn next(&mut self) -> End {
        let Self([a, b, c]) = self;
        tokio::select! {
            _ = a.recv() => End::Terminate,
            _ = b.recv() => End::Hangup,
            _ = c.recv() => End::Interrupt,
        }
    }
}

impl Signals {
    /// Listens from now on. SIGTSTP no longer stops the program by itself.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            ends: Ends::listen()?,
            stop: signal(SignalKind::from_raw(signal_hook::consts::SIGTSTP))?,
        })
    }

    /// Forgets the SIGINT that was meant for a program in the foreground.
    pub fn forget_interrupts(&mut self) {
        let [_, _, interrupt] = &mut self.ends.0;
        while let Some(Some(())) = interrupt.recv().now_or_never() {}
    }

    /// The next signal. Cancel-safe: none is lost when this is dropped.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.ends.next() => Asked::End,
            _ = self.stop.recv() => Asked::Suspend,
        }
    }
}

/// Stops this program as the terminal's suspend key would; returns once it is continued.
pub(super) fn stop_self() -> io::Result<()> {
    signal_hook::low_level::raise(signal_hook::consts::SIGSTOP)
}
