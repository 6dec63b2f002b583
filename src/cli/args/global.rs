//! Words that hold for every command.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use smol_str::SmolStr;

use crate::config::Options;

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// AWS profile to look through; repeat for several
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        value_delimiter = ',',
        help_heading = "Fleet"
    )]
    pub profile: Vec<SmolStr>,
    /// AWS region to look at; repeat for several
    #[arg(
        long,
        global = true,
        value_name = "REGION",
        value_delimiter = ',',
        help_heading = "Fleet"
    )]
    pub region: Vec<SmolStr>,
    /// Kube context to look through; repeat for several
    #[arg(long, global = true, value_name = "NAME", help_heading = "Fleet")]
    pub context: Vec<SmolStr>,
    /// Look through every context of the kubeconfig
    #[arg(long, global = true, conflicts_with = "context", help_heading = "Fleet")]
    pub all_contexts: bool,
    /// Read this file instead of config.toml in the configuration directory
    #[arg(long, global = true, value_name = "FILE", help_heading = "Fleet")]
    pub config: Option<PathBuf>,
    /// Change nothing, whatever is asked
    #[arg(long, global = true, help_heading = "Fleet")]
    pub read_only: bool,
    /// Look at a simulated world instead of AWS, Kubernetes and edge hosts
    #[arg(long, global = true, help_heading = "Demo")]
    pub demo: bool,
    /// Simulate a fleet of about this many machines
    #[arg(long, global = true, value_name = "N", requires = "demo", value_parser = clap::value_parser!(u32).range(1..=100_000), help_heading = "Demo")]
    pub demo_size: Option<u32>,
    /// Simulate the world that grows from this seed
    #[arg(
        long,
        global = true,
        value_name = "S",
        requires = "demo",
        default_value_t = 1,
        help_heading = "Demo"
    )]
    pub demo_seed: u64,
    /// Let simulated time run this much faster
    #[arg(long, global = true, value_name = "X", requires = "demo", value_parser = speed, help_heading = "Demo")]
    pub demo_speed: Option<f64>,
    /// Simulate the world that this scenario file tells
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        requires = "demo",
        conflicts_with = "demo_size",
        help_heading = "Demo"
    )]
    pub demo_scenario: Option<PathBuf>,
    /// Use this theme
    #[arg(long, global = true, value_name = "NAME", help_heading = "Screen")]
    pub theme: Option<SmolStr>,
    /// Draw with ASCII characters only
    #[arg(long, global = true, help_heading = "Screen")]
    pub ascii: bool,
    /// How to write the result
    #[arg(long, short, global = true, value_enum, default_value_t = Format::Table, help_heading = "Output")]
    pub output: Format,
}

impl Global {
    /// What the command line says of the settings.
    pub fn options(&self) -> Options {
        let some = |words: &Vec<SmolStr>| (!words.is_empty()).then(|| words.clone());
        let set = |flag: bool| flag.then_some(true);
        Options {
            profiles: some(&self.profile),
            regions: some(&self.region),
            contexts: some(&self.context),
            all_contexts: set(self.all_contexts),
            read_only: set(self.read_only),
            theme: self.theme.clone(),
            ascii: set(self.ascii),
            mouse: None,
        }
    }
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if speed.is_finite() && (0.01..=1_000.0).contains(&speed) => Ok(speed),
        _ => Err("expected a number between 0.01 and 1000".to_owned()),
    }
}

/// A way to write a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns, for people
    Table,
    /// JSON, for programs: fields are only ever added
    Json,
    /// Comma-separated values with a heading
    Csv,
}
