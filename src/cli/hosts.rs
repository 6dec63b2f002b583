//! `k3fleet hosts`: edge hosts into `hosts.toml` from what others have written down or by hand, and out of it as a table.

pub(super) mod edit;

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use directories::BaseDirs;
use serde_json::{Map, Value, json};

use super::args::{Format, Global, HostsCommand, Import};
use super::complain;
use super::exit::{Exit, Halt};
use super::output::Grid;
use crate::config::import::{
    Addition, Imported, Origin, expand_include, is_own_ssh_config, read_inventory, read_list, read_ssh_config,
};
use crate::config::{ConfigError, Paths, load_hosts, load_hosts_text, read_text};
use crate::fleet::{EdgeHost, csv};

/// The group of hosts whose file knows no groups.
const GROUP: &str = "imported";

/// The most that is read from standard input, in bytes.
const LARGEST: u64 = 4 << 20;

/// Runs the command.
pub(super) fn run(command: &HostsCommand, paths: &Paths, global: &Global) -> io::Result<Exit> {
    if global.demo {
        return Ok(Halt::usage("hosts.toml is not part of the simulated world; leave --demo out").tell());
    }
    let file = paths.hosts_file();
    match command {
        HostsCommand::List => match load_hosts(&file) {
            Ok(hosts) => list(&hosts, global.output),
            Err(error) => Ok(faulty(&error)),
        },
        command if global.read_only && !dry_run(command) => {
            let why = format!(
                "--read-only: {} is left as it is; --dry-run shows what would change",
                file.display()
            );
            complain(&why);
            Ok(Exit::Refused)
        }
        HostsCommand::Import(args) => import(args, &file),
        HostsCommand::Add(args) => edit::change(&file, args.said.dry_run, &|text| edit::added(&file, text, args)),
        HostsCommand::Edit(args) => edit::change(&file, args.said.dry_run, &|text| edit::edited(&file, text, args)),
        HostsCommand::Remove { name, dry_run } => {
            edit::change(&file, *dry_run, &|text| edit::removed(&file, text, name))
        }
    }
}

fn dry_run(command: &HostsCommand) -> bool {
    match command {
        HostsCommand::List => true,
        HostsCommand::Import(import) => import.dry_run,
        HostsCommand::Add(args) => args.said.dry_run,
        HostsCommand::Edit(args) => args.said.dry_run,
        HostsCommand::Remove { dry_run, .. } => *dry_run,
    }
}

fn faulty(error: &ConfigError) -> Exit {
    error.faults.iter().for_each(|fault| complain(&fault.to_string()));
    Exit::Usage
}

fn import(args: &Import, file: &Path) -> io::Result<Exit> {
    let (name, text) = match open(&args.file) {
        Ok(opened) => opened,
        Err(halt) => return Ok(halt.tell()),
    };
    let origin = args.from.map_or_else(|| Origin::guess(&text), Origin::from);
    if args.from.is_none() {
        complain(&format!(
            "{} is read as {}; --from says otherwise",
            name.display(),
            origin.as_str()
        ));
    }
    let planned = read(origin, &name, &text, args).and_then(|mut found| {
        found.notes.iter().for_each(|note| complain(&note.to_string()));
        if let Some(group) = &args.group {
            found.hosts.iter_mut().for_each(|host| host.group = Some(group.clone()));
        }
        let there = load_hosts_text(file)?;
        Addition::plan(file, &there, &found.hosts, GROUP, args.cluster.as_deref())
    });
    let planned = match planned {
        Ok(planned) => planned,
        Err(error) => return Ok(faulty(&error)),
    };
    planned.notes.iter().for_each(|note| complain(note));
    for (host, group) in &planned.already {
        complain(&format!("host {host} is already in group {group}; it is left alone"));
    }
    let mut out = io::stdout().lock();
    if planned.added.is_empty() {
        complain(&format!("there is no host to add; {} is left as it is", file.display()));
        return Ok(Exit::Done);
    }
    if args.dry_run {
        out.write_all(planned.shown.as_bytes())?;
        return Ok(Exit::Done);
    }
    if let Err(error) = planned.write(file) {
        error.faults.iter().for_each(|fault| complain(&fault.to_string()));
        return Ok(Exit::Failed);
    }
    let count = planned.added.len();
    let hosts = if count == 1 { "host" } else { "hosts" };
    writeln!(out, "{count} {hosts} added to {}", file.display())?;
    Ok(Exit::Done)
}

/// The file's name in messages, and its text.
fn open(file: &Path) -> Result<(PathBuf, String), Halt> {
    if file == Path::new("-") {
        let mut text = String::new();
        let read = io::stdin().lock().take(LARGEST + 1).read_to_string(&mut text);
        read.map_err(|error| Halt::usage(format!("standard input cannot be read: {error}")))?;
        if text.len() as u64 > LARGEST {
            return Err(Halt::usage(format!(
                "standard input: expected at most {} MiB, found more",
                LARGEST >> 20
            )));
        }
        return Ok(("standard input".into(), text));
    }
    match read_text(file) {
        Ok(Some(text)) => Ok((file.to_owned(), text)),
        Ok(None) => Err(Halt::usage(format!("{}: no such file", file.display()))),
        Err(error) => Err(Halt::usage(error.to_string())),
    }
}

/// The hosts of the file, with the user of the command line where it says none.
fn read(origin: Origin, name: &Path, text: &str, args: &Import) -> Result<Imported, ConfigError> {
    let mut found = match origin {
        Origin::List => read_list(name, text)?,
        Origin::Ansible => {
            let beside = |vars: &str| name.parent().is_some_and(|directory| directory.join(vars).is_dir());
            if beside("group_vars") || beside("host_vars") {
                complain(
                    "group_vars and host_vars are not read; ansible-inventory --list | k3fleet hosts import - brings them in",
                );
            }
            read_inventory(name, text)?
        }
        Origin::SshConfig => {
            let home = BaseDirs::new()
                .map(|dirs| dirs.home_dir().to_owned())
                .unwrap_or_default();
            let own = is_own_ssh_config(name, &home);
            let found = read_ssh_config(name, text, own, &mut |pattern| expand_include(pattern, &home))?;
            if own {
                // Whom ssh logs in as stays what its configuration says.
                return with_user_where_ssh_says_none(found, name, text, args, &home);
            }
            complain(&format!(
                "ssh does not read {} by itself: addresses, users and ports are taken over; keys and jump hosts are not, an Include in ~/.ssh/config brings them in",
                name.display()
            ));
            found
        }
    };
    for host in &mut found.hosts {
        host.user = host.user.take().or_else(|| args.user.clone());
    }
    Ok(found)
}

fn with_user_where_ssh_says_none(
    mut found: Imported,
    name: &Path,
    text: &str,
    args: &Import,
    home: &Path,
) -> Result<Imported, ConfigError> {
    let Some(user) = &args.user else { return Ok(found) };
    let all = read_ssh_config(name, text, false, &mut |pattern| expand_include(pattern, home))?;
    for (host, said) in found.hosts.iter_mut().zip(&all.hosts) {
        host.user = said.user.is_none().then(|| user.clone());
    }
    Ok(found)
}

const COLUMNS: [&str; 8] = [
    "name", "group", "cluster", "address", "user", "port", "labels", "taints",
];

fn list(hosts: &[EdgeHost], format: Format) -> io::Result<Exit> {
    let mut out = io::stdout().lock();
    let rows: Vec<[String; 8]> = hosts.iter().map(texts).collect();
    match format {
        Format::Json => {
            let hosts: Vec<Value> = hosts.iter().map(as_json).collect();
            serde_json::to_writer_pretty(&mut out, &hosts)?;
            writeln!(out)?;
        }
        Format::Csv => {
            for row in std::iter::once(&COLUMNS.map(str::to_owned)).chain(&rows) {
                let fields: Vec<_> = row.iter().map(|field| csv::quoted(field)).collect();
                write!(out, "{}\r\n", fields.join(","))?;
            }
        }
        Format::Table => Grid::new(COLUMNS, rows).write(&mut out)?,
    }
    Ok(Exit::Done)
}

fn texts(host: &EdgeHost) -> [String; 8] {
    let word = |word: &Option<smol_str::SmolStr>| word.as_deref().unwrap_or_default().to_owned();
    let labels: Vec<String> = host
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    [
        host.name.as_str().to_owned(),
        host.group.to_string(),
        word(&host.cluster),
        word(&host.address),
        word(&host.user),
        host.port.map(|port| port.to_string()).unwrap_or_default(),
        labels.join(","),
        host.taints.join(","),
    ]
}

fn as_json(host: &EdgeHost) -> Value {
    let labels: Map<String, Value> = host
        .labels
        .iter()
        .map(|(k, v)| (k.to_string(), json!(v.as_str())))
        .collect();
    json!({
        "name": host.name.as_str(),
        "group": host.group.as_str(),
        "cluster": host.cluster.as_deref(),
        "address": host.address.as_deref(),
        "user": host.user.as_deref(),
        "port": host.port,
        "labels": labels,
        "taints": host.taints.iter().map(|taint| taint.as_str()).collect::<Vec<_>>(),
    })
}
