//! `ops`: the operations that have a journal.

use std::io::{self, Write};
use std::path::Path;

use super::args::{Format, Get};
use super::complain;
use super::exit::Exit;
use crate::ops::json::{OperationRow, PlanRow};
use crate::ops::{OperationId, Progress, StepState, journal};

/// An operation's id, or a complaint.
pub(super) fn id(text: &str) -> Option<OperationId> {
    let id = OperationId::parse(text);
    if id.is_none() {
        complain(&format!("{text:?} is no operation; k3fleet ops list names them"));
    }
    id
}

/// `get operations`: the same as [`list`]. They are no table of the fleet, so what chooses rows of one does not apply.
pub(super) fn get(get: &Get, directory: &Path, format: Format) -> io::Result<Exit> {
    let told = [
        ("--filter", get.filter.is_some()),
        ("--sort", get.sort.is_some()),
        ("--columns", !get.columns.is_empty()),
        ("--watch", get.watch),
    ];
    if let Some((option, _)) = told.iter().find(|(_, told)| *told) {
        complain(&format!("{option} does not apply to operations"));
        return Ok(Exit::Usage);
    }
    list(directory, format)
}

/// Prints all operations, the newest first.
pub(super) fn list(directory: &Path, format: Format) -> io::Result<Exit> {
    let (found, faults) = journal::list(directory);
    for fault in &faults {
        complain(&fault.to_string());
    }
    let rows: Vec<_> = found
        .iter()
        .map(|p| OperationRow::of(p, journal::is_running(directory, &p.id)))
        .collect();
    let mut out = io::stdout().lock();
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &rows)?;
            writeln!(out)?;
        }
        Format::Csv => {
            writeln!(out, "id,operation,cluster,state,steps_done,steps,began_at,by")?;
            for row in &rows {
                let (done, all, began) = (
                    row.steps_done.to_string(),
                    row.steps.to_string(),
                    row.began_at.to_string(),
                );
                let fields = [
                    row.id,
                    row.operation,
                    row.cluster,
                    row.state,
                    &done,
                    &all,
                    &began,
                    row.by,
                ];
                writeln!(out, "{}", crate::fleet::csv::record(fields))?;
            }
        }
        Format::Table => {
            for row in &rows {
                let steps = format!("{}/{}", row.steps_done, row.steps);
                writeln!(
                    out,
                    "{:32} {:11} {:>7}  {}: {}",
                    row.id, row.state, steps, row.cluster, row.title
                )?;
            }
        }
    }
    Ok(if faults.is_empty() { Exit::Done } else { Exit::Partly })
}

/// Prints one operation with its steps.
pub(super) fn show(directory: &Path, id: &OperationId, format: Format) -> io::Result<Exit> {
    let progress = match journal::show(directory, id) {
        Ok(progress) => progress,
        Err(error) => {
            complain(&error.to_string());
            return Ok(Exit::Failed);
        }
    };
    let row = OperationRow::of(&progress, journal::is_running(directory, id));
    let mut out = io::stdout().lock();
    if format == Format::Json {
        let both = serde_json::json!({ "operation": row, "plan": PlanRow::of(&progress.plan) });
        serde_json::to_writer_pretty(&mut out, &both)?;
        writeln!(out)?;
        return Ok(Exit::Done);
    }
    writeln!(out, "{}: {}, in cluster {}", row.id, row.title, row.cluster)?;
    writeln!(
        out,
        "{}, begun {} by {}",
        row.state,
        row.began_at.strftime("%F %T UTC"),
        row.by
    )?;
    steps(&mut out, &progress)?;
    Ok(Exit::Done)
}

fn steps(out: &mut dyn Write, progress: &Progress) -> io::Result<()> {
    for (id, step) in progress.plan.steps() {
        let state = match progress.state(id) {
            StepState::Waiting => "waiting".to_owned(),
            StepState::Running(_) => "begun".to_owned(),
            StepState::Done(took) => format!("done in {took:.0}s"),
            StepState::Failed(why) => format!("failed: {why}"),
        };
        writeln!(out, "  {id:5} {}: {state}", step.describe())?;
    }
    Ok(())
}
