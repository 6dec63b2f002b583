//! `snapshots`: what a cluster can be restored from. K3s tells it through the API; no machine is worked on.

use std::io::{self, Write};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::args::{Format, SnapshotsOf};
use super::exit::{Exit, Halt};
use super::operate::Desk;
use super::output::Grid;
use crate::fleet::csv;
use crate::fleet::table::{age, bytes};
use crate::provider::Snapshot;

/// The fields of a row in CSV and JSON.
const FIELDS: [&str; 7] = ["name", "node", "made_at", "size", "place", "location", "error"];

impl Desk<'_> {
    /// Prints the snapshots of a cluster.
    pub(super) async fn snapshots(mut self, args: &SnapshotsOf) -> io::Result<Exit> {
        let found = match self.told_snapshots(args).await {
            Ok(found) => found,
            Err(halt) => return Ok(halt.tell()),
        };
        let now = (self.session.clock)();
        let mut out = io::stdout().lock();
        write(&mut out, self.format, &found, now)?;
        out.flush()?;
        Ok(Exit::Done)
    }

    async fn told_snapshots(&mut self, args: &SnapshotsOf) -> Result<Vec<Snapshot>, Halt> {
        self.read_machines().await;
        let context = self.known(&args.cluster)?.context()?;
        Ok(self.kube(&context)?.snapshots().await?)
    }
}

fn write(out: &mut dyn Write, format: Format, found: &[Snapshot], now: Timestamp) -> io::Result<()> {
    match format {
        Format::Json => {
            let rows: Vec<Value> = found.iter().map(row).collect();
            serde_json::to_writer_pretty(&mut *out, &rows)?;
            writeln!(out)
        }
        Format::Csv => {
            writeln!(out, "{}", FIELDS.join(","))?;
            for snapshot in found {
                let row = row(snapshot);
                let fields = FIELDS.map(|field| match row.get(field) {
                    None | Some(Value::Null) => String::new(),
                    Some(Value::String(text)) => text.clone(),
                    Some(value) => value.to_string(),
                });
                writeln!(out, "{}", csv::record(fields.iter().map(String::as_str)))?;
            }
            Ok(())
        }
        Format::Table => {
            let rows = found.iter().map(|snapshot| {
                let made = snapshot.made_at.map(|at| age(now.duration_since(at).as_secs().max(0)));
                [
                    snapshot.name.to_string(),
                    made.unwrap_or_default(),
                    snapshot.size.map(bytes).unwrap_or_default(),
                    snapshot.place(),
                    snapshot.fault().unwrap_or_default().to_owned(),
                ]
            });
            Grid::new(["name", "age", "size", "where", "failed"], rows).write(out)
        }
    }
}

fn row(snapshot: &Snapshot) -> Value {
    json!({
        "name": snapshot.name,
        "node": snapshot.node,
        "made_at": snapshot.made_at,
        "size": snapshot.size,
        "place": if snapshot.is_in_s3() { "s3" } else { "server" },
        "location": snapshot.location,
        "ready": snapshot.ready,
        "error": snapshot.error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(format: Format) -> String {
        let here = Snapshot {
            name: "etcd-snapshot-server-1-1795392000".into(),
            node: "server-1".into(),
            location: "file:///var/lib/rancher/k3s/server/db/snapshots/etcd-snapshot-server-1-1795392000".into(),
            bucket: None,
            made_at: "2026-11-22T12:00:00Z".parse().ok(),
            size: Some(12_558_368),
            ready: Some(true),
            error: None,
        };
        let failed = Snapshot {
            name: "on-demand-1".into(),
            location: "s3://shop/prod/on-demand-1".into(),
            bucket: Some("shop".into()),
            size: None,
            ready: Some(false),
            error: Some("the bucket is not there".into()),
            ..here.clone()
        };
        let mut out = vec![];
        write(
            &mut out,
            format,
            &[here, failed],
            "2026-11-22T15:00:00Z".parse().unwrap(),
        )
        .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn people_see_where_each_is_and_what_failed() {
        let text = told(Format::Table);
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[0], ["NAME", "AGE", "SIZE", "WHERE", "FAILED"]);
        assert_eq!(
            rows[1],
            ["etcd-snapshot-server-1-1795392000", "3h00m", "12.0Mi", "server-1"]
        );
        assert!(
            text.contains("S3 shop") && text.contains("the bucket is not there"),
            "{text}"
        );
    }

    #[test]
    fn programs_get_the_facts_as_they_are() {
        let rows: Vec<Value> = serde_json::from_str(&told(Format::Json)).unwrap();
        assert_eq!(
            (&rows[0]["size"], &rows[0]["place"]),
            (&json!(12_558_368), &json!("server"))
        );
        assert_eq!((&rows[1]["size"], &rows[1]["place"]), (&Value::Null, &json!("s3")));
        let text = told(Format::Csv);
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("name,node,made_at,size,place,location,error"));
        assert!(
            lines
                .next()
                .is_some_and(|line| line.contains(",2026-11-22T12:00:00Z,12558368,server,file://"))
        );
    }
}
