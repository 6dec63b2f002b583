//! From the command line to the command.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::CommandFactory;
use clap::error::ErrorKind;
use tokio::runtime::{Builder, Runtime};

use super::args::{Cli, Command, ExportCommand, Global, OpsCommand, Table};
use super::exit::Exit;
use super::{complain, config, doctor, export, get, hosts, kubeconfig, operate, ops, reach};
use crate::config::{Config, ConfigError, Options, Paths, load_config, load_hosts};
use crate::fleet::{EdgeHost, Fleet, Policy};
use crate::runtime::session::{Demo, Session, open_demo, open_live};
use crate::runtime::settings::vocabulary;
use crate::runtime::{driver, telemetry, terminal};

/// How long the tunnels that the settings name are waited for.
const TUNNELS: Duration = Duration::from_secs(20);

/// How much faster than real time a simulated world runs for a command.
const COMMAND_SPEED: f64 = 100.0;

/// Runs the program. Every error has been told on standard error when it returns.
pub fn run(cli: Cli) -> Exit {
    match dispatch(cli) {
        Ok(exit) => exit,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            complain(&error.to_string());
            Exit::Failed
        }
    }
}

fn dispatch(cli: Cli) -> io::Result<Exit> {
    let Cli { global, command } = cli;
    let paths = Paths::find(|name| std::env::var_os(name)).map_err(io::Error::other)?;
    let file = global.config.clone().unwrap_or_else(|| paths.config_file());
    match &command {
        Some(Command::Completions { shell }) => {
            clap_complete::generate(*shell, &mut Cli::command(), "k3fleet", &mut io::stdout());
            return Ok(Exit::Done);
        }
        Some(Command::Man) => {
            clap_mangen::Man::new(Cli::command()).render(&mut io::stdout())?;
            return Ok(Exit::Done);
        }
        Some(Command::Unknown(words)) => return unknown(words),
        Some(Command::Config(command)) => return config::run(command, &paths, &file, global.config.is_some()),
        Some(Command::Hosts(command)) => return hosts::run(command, &paths, &global),
        _ => {}
    }
    let settings = match Settings::read(&global, speed(command.as_ref()), paths, file) {
        Ok(settings) => settings,
        Err(error) => {
            error.faults.iter().for_each(|fault| complain(&fault.to_string()));
            return Ok(Exit::Usage);
        }
    };
    let _log = telemetry::start(&settings.paths.state);
    let journals = settings.paths.journals(settings.demo.is_some());
    match command {
        None => screen(settings),
        Some(Command::Export(ExportCommand::IamPolicy(whose))) => export::policy(whose, &settings.config.adopt),
        Some(Command::Export(ExportCommand::Codepipeline(args))) => export::pipeline(&args),
        Some(Command::Get(get)) if get.table == Table::Operations => ops::get(&get, &journals, global.output),
        Some(Command::Ops(OpsCommand::List)) => ops::list(&journals, global.output),
        Some(Command::Ops(OpsCommand::Show { id })) => match ops::id(&id) {
            Some(id) => ops::show(&journals, &id, global.output),
            None => Ok(Exit::Usage),
        },
        Some(Command::Kubeconfig(args)) => runtime()?.block_on(kubeconfig::run(&args, &settings)),
        Some(command) => runtime()?.block_on(async {
            let session = match settings.open().await {
                Ok(session) => session,
                Err(why) => {
                    complain(&why);
                    return Ok(Exit::Usage);
                }
            };
            let fleet = settings.fleet();
            let desk = |session| operate::Desk {
                session,
                fleet,
                config: &settings.config,
                options: &settings.options,
                format: global.output,
            };
            match command {
                Command::Get(args) => {
                    get::run(&args, global.output, session, settings.fleet(), &settings.config.poll).await
                }
                Command::Doctor => doctor::run(global.output, session).await,
                Command::Ops(OpsCommand::Resume { id, take_over, ssh }) => match ops::id(&id) {
                    Some(id) => desk(session).resume(&id, take_over, ssh).await,
                    None => Ok(Exit::Usage),
                },
                Command::Ops(OpsCommand::Abort { id }) => match ops::id(&id) {
                    Some(id) => desk(session).abort(&id).await,
                    None => Ok(Exit::Usage),
                },
                Command::Export(command) => desk(session).export(&command).await,
                Command::Ci(ci) => desk(session).ci(&ci).await,
                Command::Gc(confirm) => desk(session).gc(&confirm).await,
                Command::Preflight(args) => desk(session).preflight(&args).await,
                Command::Reach(args) => {
                    let file = reach::Kept {
                        file: &settings.config_file,
                        demo: settings.demo.is_some(),
                    };
                    desk(session).reach(&args, &file).await
                }
                Command::Run(args) => desk(session).run_on(&args).await,
                Command::Logs(args) => desk(session).logs(&args).await,
                Command::Shell(args) => desk(session).log_in(&args).await,
                Command::Drift(args) => desk(session).drift(&args).await,
                Command::Events(args) => desk(session).events(&args).await,
                Command::Snapshots(args) => desk(session).snapshots(&args).await,
                Command::Tokens(command) => desk(session).tokens(&command).await,
                Command::Spec { cluster } => desk(session).spec_of(&cluster).await,
                Command::Tunnel(args) => {
                    let directory = settings.paths.kubeconfigs(settings.demo.is_some());
                    desk(session).tunnel(&args, directory).await
                }
                change => desk(session).run(&change).await,
            }
        }),
    }
}

/// How fast a simulated world runs when nothing is said: what somebody looks at in real time, all else fast.
fn speed(command: Option<&Command>) -> f64 {
    match command {
        None => 1.0,
        Some(Command::Get(get)) if get.watch => 1.0,
        Some(_) => COMMAND_SPEED,
    }
}

/// Says of a command that there is none.
fn unknown(words: &[OsString]) -> io::Result<Exit> {
    let name = words.first().map(|word| word.to_string_lossy()).unwrap_or_default();
    let text = format!("there is no command {name:?}");
    Cli::command().error(ErrorKind::InvalidSubcommand, text).print()?;
    Ok(Exit::Usage)
}

/// Everything a command is told.
pub(super) struct Settings {
    pub(super) config: Config,
    pub(super) config_file: PathBuf,
    pub(super) options: Options,
    pub(super) paths: Paths,
    pub(super) hosts: Vec<EdgeHost>,
    pub(super) demo: Option<Demo>,
}

impl Settings {
    fn read(global: &Global, speed: f64, paths: Paths, config_file: PathBuf) -> Result<Self, ConfigError> {
        let named = global.config.is_some();
        let config = vocabulary(|words| load_config(&config_file, named, words));
        let hosts = load_hosts(&paths.hosts_file());
        let (config, hosts) = match (config, hosts) {
            (Ok(config), Ok(hosts)) => (config.with(global.options()), hosts),
            (Err(mut a), Err(b)) => {
                a.faults.extend(b.faults);
                return Err(a);
            }
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        let demo = global.demo.then(|| Demo {
            size: global.demo_size,
            seed: global.demo_seed,
            speed: global.demo_speed.unwrap_or(speed),
            scenario: global.demo_scenario.clone(),
        });
        Ok(Self {
            config,
            config_file,
            options: global.options(),
            paths,
            hosts,
            demo,
        })
    }

    /// An empty fleet that judges as the settings say.
    pub(super) fn fleet(&self) -> Fleet {
        let mut fleet = Fleet::new(self.config.adopt.clone());
        fleet.set_policy(Policy {
            price_caps: self.config.price_caps.clone(),
            protected: self.config.protected.iter().map(crate::fleet::Glob::new).collect(),
        });
        fleet
    }

    pub(super) async fn open(&self) -> Result<Session, String> {
        match &self.demo {
            Some(demo) => open_demo(demo, self.config.read_only, &self.paths),
            None => {
                let session = open_live(&self.config, &self.paths, self.hosts.clone()).await;
                // A command asks but once.
                if let Some(tunnels) = &session.tunnels {
                    tunnels.ready(TUNNELS).await;
                }
                Ok(session)
            }
        }
    }
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(1).enable_all().build()
}

fn screen(settings: Settings) -> io::Result<Exit> {
    terminal::hook_panics();
    let runtime = runtime()?;
    let end = runtime.block_on(driver::run(driver::Setup {
        fleet: settings.fleet(),
        config: settings.config,
        config_file: settings.config_file,
        options: settings.options,
        paths: settings.paths,
        hosts: settings.hosts,
        demo: settings.demo,
    }));
    // Whatever a feed still waits for, it shall not hold the operator up.
    runtime.shutdown_background();
    end.map(|()| Exit::Done)
}
