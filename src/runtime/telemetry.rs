//! Logs: to a file in the state directory, never to the terminal. `K3FLEET_LOG` sets what is logged, in the
//! manner of `RUST_LOG`.

use std::path::Path;

use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

/// Starts logging to `k3fleet.log` in a directory, made if need be. The guard writes out what is pending when
/// dropped. Where nothing can be written, nothing is logged: a log is no reason not to start.
pub fn start(directory: &Path) -> Option<WorkerGuard> {
    std::fs::create_dir_all(directory).ok()?;
    let appender = tracing_appender::rolling::Builder::new()
        .rotation(tracing_appender::rolling::Rotation::DAILY)
        .filename_prefix("k3fleet")
        .filename_suffix("log")
        .max_log_files(7)
        .build(directory)
        .ok()?;
    let (writer, guard) = tracing_appender::non_blocking(appender);
    let filter = EnvFilter::try_from_env("K3FLEET_LOG").unwrap_or_else(|_| EnvFilter::new("warn,k3fleet=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(false)
        .try_init()
        .ok()?;
    Some(guard)
}
