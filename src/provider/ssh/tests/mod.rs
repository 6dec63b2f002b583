//! The adapter with a stub in place of `ssh`, and against a real sshd.

mod launched;
mod probe;
