//! The scripts themselves: fixed text (`assets/machine`), whose settings stand above it as quoted values, so that none
//! can become part of the program.

use smol_str::SmolStr;

use super::Task;

/// Where a script finds what is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// On standard input, each on a line of its own after the line [`MARK`].
    Input,
    /// In these SSM parameters of the machine's region, each as `name:version`, which its own role lets it read.
    Parameters {
        /// The region.
        region: SmolStr,
        /// Their names with their versions.
        names: Vec<SmolStr>,
    },
}

/// The line after which the secrets stand on standard input: what is before is for `sudo`.
pub const MARK: &str = "k3fleet-secrets";

/// The script of a task.
pub fn of(_task: &Task, _secrets: &Source) -> String {
    String::new()
}

/// The script that tells how K3s stands.
pub(super) fn inside() -> String {
    String::new()
}

/// The script that tells what a host is before it joins.
pub(super) fn facts(_addresses: &[SmolStr]) -> String {
    String::new()
}
