//! The command line: the same fleet as the screen, as tables, JSON or CSV.
//!
//! Results go to standard output, everything else to standard error; the exit code tells how it went.

mod access;
mod alike;
pub mod args;
mod bill;
mod carry_out;
mod change;
mod child;
mod ci;
mod config;
mod doctor;
mod drift;
mod ending;
mod events;
pub mod exit;
mod export;
mod files;
mod gc;
mod get;
mod hosts;
mod join;
mod kubeconfig;
mod launch;
mod login;
mod lookup;
mod on_hosts;
mod operate;
mod ops;
mod output;
mod patience;
mod plan;
mod progress;
mod prompt;
mod reach;
mod read;
mod release;
mod restore;
mod run;
mod select;
mod snapshots;
mod tokens;
mod tunnel;
mod update;

use std::io::Write;

pub use run::run;

use crate::provider::ProviderError;

/// Says one line on standard error.
fn complain(line: &str) {
    // Nobody reads standard error: then nobody wants to know.
    let _unread = writeln!(std::io::stderr(), "k3fleet: {line}");
}

fn complain_of(error: &ProviderError) {
    complain(&error.to_string());
}
