//! `k3fleet config`: writes and checks what the operator configures.

use std::io::{self, Write};

use super::args::ConfigCommand;
use super::complain;
use super::exit::Exit;
use crate::config::{ConfigError, Paths, init, load_config, load_hosts};
use crate::runtime::settings::vocabulary;

/// Runs the command.
pub(super) fn run(command: &ConfigCommand, paths: &Paths, file: &std::path::Path, named: bool) -> io::Result<Exit> {
    let mut out = io::stdout().lock();
    match command {
        ConfigCommand::Init => match init(&paths.config) {
            Ok(path) => writeln!(out, "{}", path.display()).map(|()| Exit::Done),
            Err(error) => {
                complain(&error.to_string());
                Ok(Exit::Failed)
            }
        },
        ConfigCommand::Path => {
            writeln!(out, "config  {}", file.display())?;
            writeln!(out, "hosts   {}", paths.hosts_file().display())?;
            writeln!(out, "themes  {}", paths.themes_dir().display())?;
            writeln!(out, "logs    {}", paths.state.display())?;
            writeln!(out, "cache   {}", paths.cache.display())?;
            Ok(Exit::Done)
        }
        ConfigCommand::Check => {
            let config = vocabulary(|words| load_config(file, named, words)).map(drop);
            let hosts = load_hosts(&paths.hosts_file()).map(drop);
            let faults: Vec<ConfigError> = [config, hosts].into_iter().filter_map(Result::err).collect();
            for fault in faults.iter().flat_map(|error| &error.faults) {
                complain(&fault.to_string());
            }
            if faults.is_empty() {
                writeln!(
                    out,
                    "no faults in {} and {}",
                    file.display(),
                    paths.hosts_file().display()
                )?;
                return Ok(Exit::Done);
            }
            Ok(Exit::Usage)
        }
    }
}
