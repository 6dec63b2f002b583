//! The whole program against a canned AWS and canned API servers: what it costs while nothing happens and while much
//! does, how much memory it holds, and how `get machines` compares with `kubectl get nodes`.
//!
//! `cargo bench --bench program` takes minutes; without `--bench` (as tests run it) it is a quick trial with few machines.
//! CPU and memory are read from `/proc`, so there is nothing to see but on Linux.

#![expect(clippy::print_stdout, reason = "it prints what it has measured")]
#![expect(
    clippy::disallowed_methods,
    reason = "threads that wait, and the time of day, are what a bench is made of"
)]

mod aws;
mod fleet;
mod http;
mod kube;
mod run;

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::fleet::{CLUSTER, REGION};
use crate::kube::{Clusters, Traffic, UPDATES};
use crate::run::{Run, Screen, run};

type Failure = Box<dyn Error>;

/// How much is measured.
struct Extent {
    machines: usize,
    /// How long each span is.
    span: Duration,
    /// How long the program rests before it is measured.
    settle: Duration,
    /// Nodes of the comparison with kubectl.
    nodes: usize,
    runs: usize,
}

const FULL: Extent = Extent {
    machines: 10_000,
    span: Duration::from_mins(1),
    settle: Duration::from_secs(15),
    nodes: 5000,
    runs: 9,
};
const TRIAL: Extent = Extent {
    machines: 200,
    span: Duration::from_secs(1),
    settle: Duration::from_millis(100),
    nodes: 200,
    runs: 1,
};

fn main() -> Result<(), Failure> {
    if !Path::new("/proc/self/stat").exists() {
        println!("program: skipped, there is no /proc here to read CPU time and memory from");
        return Ok(());
    }
    let is_bench = std::env::args().any(|arg| arg == "--bench");
    let extent = if is_bench { FULL } else { TRIAL };
    let only = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let wanted = |name: &str| only.as_deref().is_none_or(|only| name.contains(only));
    if wanted("live") || wanted("quiet") {
        live(&extent, wanted)?;
    }
    if wanted("get") {
        get(&extent)?;
    }
    Ok(())
}

/// A home for the program with its directories, and the variables that lead there.
struct Home {
    directory: tempfile::TempDir,
    vars: Vec<(String, String)>,
}

impl Home {
    fn new(kubeconfig: &str, config: &str) -> Result<Self, Failure> {
        let directory = tempfile::tempdir()?;
        let path = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
        std::fs::write(path("kubeconfig"), kubeconfig)?;
        std::fs::create_dir_all(path("config"))?;
        std::fs::write(path("config/config.toml"), config)?;
        let vars = [
            ("HOME", path("")),
            ("KUBECONFIG", path("kubeconfig")),
            ("K3FLEET_CONFIG_DIR", path("config")),
            ("K3FLEET_STATE_DIR", path("state")),
            ("K3FLEET_CACHE_DIR", path("cache")),
            ("TERM", "xterm-256color".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            ("PATH", std::env::var("PATH").unwrap_or_default()),
        ];
        Ok(Self {
            vars: vars.map(|(name, value)| (name.to_owned(), value)).into(),
            directory,
        })
    }

    fn with_aws(mut self, endpoint: &str) -> Self {
        let vars = [
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ];
        self.vars
            .extend(vars.map(|(name, value)| (name.to_owned(), value.to_owned())));
        self
    }
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// The screen over a fleet, with sources asked at their usual pace, and with sources that are hardly ever asked.
fn live(extent: &Extent, wanted: impl Fn(&str) -> bool) -> Result<(), Failure> {
    let now = Timestamp::now() - SignedDuration::from_mins(1);
    let endpoint = aws::start(extent.machines, now)?;
    let clusters = Clusters::start(extent.machines, CLUSTER, 2)?;
    println!(
        "{}; two pods each; clusters of {CLUSTER}; every twentieth machine is no instance of {REGION}",
        Clusters::describe(extent.machines)
    );
    let usual = "";
    let quiet = "[poll]\naws = \"10m\"\nkube = \"10m\"\nspot-prices = \"1h\"\n";
    for (name, config) in [
        ("live, usual pace", usual),
        ("quiet, sources asked every 10 min", quiet),
    ] {
        if !wanted(name) {
            continue;
        }
        let home = Home::new(&clusters.kubeconfig(), config)?.with_aws(&endpoint);
        let mut screen = Screen::start(&["--region", REGION, "--all-contexts"], &home.vars)?;
        println!("{name}:");
        let (all, ready) = (
            format!("{} machines", extent.machines),
            format!("{} ready", extent.machines),
        );
        let took = screen.wait_for(&[&all, &ready, "vs on-demand"])?;
        let cpu = screen.cpu()?;
        println!(
            "  all on the screen after {:.2} s and {cpu:.2} s of CPU",
            took.as_secs_f64()
        );
        screen.rest(extent.settle)?;
        span(&mut screen, "idle, fleet screen", extent.span)?;
        screen.press("2")?;
        span(&mut screen, "idle, machines screen", extent.span)?;
        for (what, traffic) in [
            ("heartbeats of", Traffic::Heartbeats),
            ("changes of readiness of", Traffic::Changes),
        ] {
            clusters.happens(traffic);
            screen.rest(extent.settle / 5)?;
            span(&mut screen, &format!("{what} {UPDATES} nodes/s"), extent.span)?;
        }
        clusters.happens(Traffic::None);
        drop(screen);
        drop(home.directory);
    }
    Ok(())
}

fn span(screen: &mut Screen, what: &str, span: Duration) -> Result<(), Failure> {
    let cost = screen.measure(span)?;
    println!(
        "  {what}: {:.2} % of a core, {:.1} MB resident ({:.1} of files), {:.1} MB at most, {:.0} bytes/s to the terminal",
        cost.cpu * 100.0,
        mb(cost.resident),
        mb(cost.of_files),
        mb(cost.peak),
        cost.written,
    );
    Ok(())
}

/// `get machines` beside `kubectl get nodes`, one after the other in turn.
fn get(extent: &Extent) -> Result<(), Failure> {
    println!("get, one context: {}", Clusters::describe(extent.nodes));
    let k3fleet = Path::new(env!("CARGO_BIN_EXE_k3fleet"));
    let kubectl = Path::new("kubectl");
    for pods in [0, 2] {
        let clusters = Clusters::start(extent.nodes, extent.nodes, pods)?;
        let home = Home::new(&clusters.kubeconfig(), "")?;
        let commands: [(&str, &Path, &[&str]); 3] = [
            ("k3fleet get machines", k3fleet, &["get", "machines"]),
            ("kubectl get nodes (table)", kubectl, &["get", "nodes"]),
            (
                "kubectl get nodes --server-print=false (whole objects)",
                kubectl,
                &["get", "nodes", "--server-print=false"],
            ),
        ];
        let mut all: Vec<Vec<Run>> = vec![vec![]; commands.len()];
        // The first round fills caches of discovery and is not counted.
        for round in 0..=extent.runs {
            for ((name, program, args), runs) in commands.iter().zip(&mut all) {
                match run(program, args, &home.vars)? {
                    None if round == 0 => println!("  {name}: skipped, there is no {}", program.display()),
                    Some(run) if round > 0 => runs.push(run),
                    _ => {}
                }
            }
        }
        println!("  {pods} pods a node, medians of {} runs in turn:", extent.runs);
        for ((name, ..), runs) in commands.iter().zip(&all).filter(|(_, runs)| !runs.is_empty()) {
            println!("  {name}: {}", medians(runs));
        }
    }
    Ok(())
}

fn medians(runs: &[Run]) -> String {
    let median = |of: fn(&Run) -> f64| {
        let mut all: Vec<f64> = runs.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
    };
    format!(
        "{:.3} s, {:.2} s of CPU, {:.1} MB at most, {:.0} lines",
        median(|r| r.seconds),
        median(|r| r.cpu),
        median(|r| mb(r.peak)),
        median(|r| r.lines as f64),
    )
}
