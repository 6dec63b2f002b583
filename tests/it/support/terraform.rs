//! Terraform with the AWS provider, where both are installed: no registry of packages has the provider, so that tests which
//! need it are skipped elsewhere.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Directories in which providers are put beside terraform, after the one that is named.
const PLUGINS: [&str; 3] = [
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
    "/opt/tf-plugins",
];
const PROVIDER: &str = "registry.terraform.io/hashicorp/aws";

/// A directory of Terraform's that is ready for work.
pub(crate) struct Terraform {
    directory: PathBuf,
    variables: Vec<(&'static str, String)>,
}

impl Terraform {
    /// Sets a directory up with the provider, without network. `None`, with a printed line, where terraform or the provider
    /// is not installed; a directory with providers may be named in `K3FLEET_TF_PLUGINS`.
    pub(crate) fn ready(directory: &Path) -> Option<Self> {
        let Some(plugins) = plugins() else {
            skip("no directory with Terraform's AWS provider: name one in K3FLEET_TF_PLUGINS");
            return None;
        };
        let ready = Self {
            directory: directory.to_owned(),
            variables: vec![],
        };
        let plugins = format!("-plugin-dir={}", plugins.display());
        let mut init = ready.command(&["init", "-backend=false", &plugins]);
        match init.output() {
            Ok(output) => {
                assert!(output.status.success(), "{}", said(&output));
                Some(ready)
            }
            Err(error) => {
                skip(&format!("terraform: {error}"));
                None
            }
        }
    }

    /// Gives the provider a variable of the environment.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// What a command prints; the test fails with it where the command does.
    pub(crate) fn run(&self, args: &[&str]) -> String {
        let output = self.command(args).output().expect("it was there before");
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("terraform");
        command
            .args(args)
            .arg("-no-color")
            .current_dir(&self.directory)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.directory)
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_INPUT", "0")
            .env("CHECKPOINT_DISABLE", "1")
            .envs(self.variables.iter().map(|(name, value)| (*name, value)));
        command
    }
}

fn plugins() -> Option<PathBuf> {
    let named = std::env::var_os("K3FLEET_TF_PLUGINS").map(PathBuf::from);
    let own = std::env::var_os("HOME").map(|home| Path::new(&home).join(".terraform.d/plugins"));
    let mut all = named.into_iter().chain(own).chain(PLUGINS.map(PathBuf::from));
    all.find(|directory| fs::read_dir(directory.join(PROVIDER)).is_ok_and(|mut versions| versions.next().is_some()))
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .concat()
}

fn skip(why: &str) {
    // Past the capture of the test harness: a skipped test must be seen.
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}
