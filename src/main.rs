//! The `k3fleet` program: reads the command line and ends with its exit code.

use std::process::ExitCode;

use clap::Parser;
use k3fleet::cli::{self, args::Cli};

fn main() -> ExitCode {
    cli::run(Cli::parse()).into()
}
