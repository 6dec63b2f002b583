//! `drift`: whether the stack of a highly available cluster is still as its template says, and what of it is not.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use smol_str::SmolStr;

use super::args::{Drift, Format};
use super::complain;
use super::exit::{Exit, Halt};
use super::operate::Desk;
use super::output::Grid;
use crate::fleet::csv;
use crate::fleet::table::age;
use crate::ops::drift::{Found, detect};
use crate::provider::ResourceDrift;

/// The fields of a row in CSV.
const FIELDS: [&str; 7] = ["resource", "type", "id", "deleted", "property", "expected", "actual"];
/// How many characters of a value people are shown.
const SHOWN: usize = 60;

/// What is told, as JSON has it.
#[derive(Debug, Serialize)]
struct Told {
    cluster: SmolStr,
    stack: SmolStr,
    /// When CloudFormation looked.
    checked_at: Option<Timestamp>,
    /// Why some resources could not be looked at.
    incomplete: Option<SmolStr>,
    /// What differs.
    resources: Vec<ResourceDrift>,
}

impl Desk<'_> {
    /// Runs the command.
    pub(super) async fn drift(mut self, args: &Drift) -> io::Result<Exit> {
        match self.told_drift(args).await {
            Err(halt) => Ok(halt.tell()),
            Ok((told, exit)) => {
                let mut out = io::stdout().lock();
                write(&mut out, self.format, &told, (self.session.clock)())?;
                out.flush()?;
                Ok(exit)
            }
        }
    }

    async fn told_drift(&mut self, args: &Drift) -> Result<(Told, Exit), Halt> {
        self.read_machines().await;
        let cluster = self.known(&args.cluster)?.cluster;
        let (cloud, stack) = self.stack_of(&cluster).await?;
        let found = if args.last {
            if stack.drift.is_none() {
                return Err(Halt::failed(format!(
                    "nobody has had CloudFormation look at {}: k3fleet drift {cluster} does",
                    stack.name
                )));
            }
            Found {
                resources: cloud.drifts(&stack.name).await?,
                incomplete: None,
            }
        } else {
            let control = cluster.home.as_ref().and_then(|home| self.session.control.cloud(home));
            let Some(control) = control else {
                return Err(Halt::refused(
                    "no look is begun in read-only mode; start without --read-only, or see with --last what was found before",
                ));
            };
            complain(&format!("CloudFormation looks at the resources of {}", stack.name));
            detect(&*cloud, &**control, &stack.name).await?
        };
        let exit = match &found {
            Found {
                incomplete: Some(_), ..
            } => Exit::Partly,
            found if found.is_scaling_alone() => Exit::Done,
            _ => Exit::Failed,
        };
        let stack = cloud.stack(&stack.name).await?.unwrap_or(stack);
        let told = Told {
            cluster: cluster.name,
            stack: stack.name,
            checked_at: stack.drift.and_then(|drift| drift.checked_at),
            incomplete: found.incomplete,
            resources: found.resources,
        };
        Ok((told, exit))
    }
}

fn write(out: &mut dyn Write, format: Format, told: &Told, now: Timestamp) -> io::Result<()> {
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, told)?;
            writeln!(out)
        }
        Format::Csv => {
            writeln!(out, "{}", FIELDS.join(","))?;
            for drift in &told.resources {
                for [property, expected, actual] in differences(drift) {
                    let id = drift.physical.clone().unwrap_or_default();
                    let deleted = drift.deleted.to_string();
                    let fields = [
                        &drift.resource,
                        &drift.kind,
                        &id,
                        deleted.as_str(),
                        property,
                        expected,
                        actual,
                    ];
                    writeln!(out, "{}", csv::record(fields))?;
                }
            }
            Ok(())
        }
        Format::Table => table(out, told, now),
    }
}

fn table(out: &mut dyn Write, told: &Told, now: Timestamp) -> io::Result<()> {
    let what = match told.resources.len() {
        0 => "nothing of it has drifted".to_owned(),
        1 => "1 resource has drifted".to_owned(),
        n => format!("{n} resources have drifted"),
    };
    let seen = told.checked_at.map(|at| age(now.duration_since(at).as_secs().max(0)));
    let seen = seen.map(|passed| format!(", seen {passed} ago")).unwrap_or_default();
    writeln!(out, "stack  {}: {what}{seen}", told.stack)?;
    if let Some(why) = &told.incomplete {
        writeln!(out, "not all of it could be looked at: {why}")?;
    }
    if told.resources.is_empty() {
        return Ok(());
    }
    let rows = told.resources.iter().flat_map(|drift| {
        let of = move |[property, expected, actual]: [&str; 3]| {
            let property = if drift.deleted { "deleted" } else { property };
            [&drift.resource, &drift.kind, property, expected, actual].map(clipped)
        };
        differences(drift).into_iter().map(of)
    });
    writeln!(out)?;
    Grid::new(["resource", "type", "property", "in the template", "as it is"], rows).write(out)?;
    if told.resources.iter().any(ResourceDrift::is_scaling) {
        writeln!(
            out,
            "\nSizes of groups are changed by scaling; the next update keeps them."
        )?;
    }
    Ok(())
}

/// What differs of a resource, as property, expected and actual value; one row without any where it was deleted.
fn differences(drift: &ResourceDrift) -> Vec<[&str; 3]> {
    let differences = drift.differences.iter();
    let rows: Vec<_> = differences
        .map(|of| [of.path.as_str(), &of.expected, &of.actual])
        .collect();
    match rows.is_empty() {
        true => vec![[""; 3]],
        false => rows,
    }
}

fn clipped(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some(_) => text.chars().take(SHOWN - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::PropertyDrift;

    fn told() -> Told {
        let drift = |resource: &str, kind: &str, differences: &[[&str; 3]]| ResourceDrift {
            resource: resource.into(),
            kind: format!("AWS::{kind}").into(),
            physical: Some(format!("k3fleet-shop-{resource}").into()),
            deleted: differences.is_empty(),
            differences: differences
                .iter()
                .map(|[path, expected, actual]| PropertyDrift {
                    path: (*path).into(),
                    expected: (*expected).into(),
                    actual: (*actual).into(),
                })
                .collect(),
            checked_at: None,
        };
        Told {
            cluster: "shop".into(),
            stack: "k3fleet-shop".into(),
            checked_at: Timestamp::from_second(1_000).ok(),
            incomplete: None,
            resources: vec![
                drift("Servers", "AutoScaling::AutoScalingGroup", &[["/MaxSize", "3", "5"]]),
                drift("FeedQueue", "SQS::Queue", &[]),
                drift(
                    "Reaper",
                    "Lambda::Function",
                    &[["/Timeout", "150", "3"], ["/Code", &"x".repeat(90), ""]],
                ),
            ],
        }
    }

    fn written(format: Format, told: &Told) -> String {
        let mut out = vec![];
        write(&mut out, format, told, Timestamp::from_second(1_090).unwrap()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_differs_is_told_property_by_property() {
        let text = written(Format::Table, &told());
        let long = format!("{}…", "x".repeat(59));
        let rows: Vec<Vec<&str>> = text
            .lines()
            .skip(3)
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert!(
            text.starts_with("stack  k3fleet-shop: 3 resources have drifted, seen 1m30s ago\n"),
            "{text}"
        );
        assert_eq!(
            rows[..4],
            [
                vec!["Servers", "AWS::AutoScaling::AutoScalingGroup", "/MaxSize", "3", "5"],
                vec!["FeedQueue", "AWS::SQS::Queue", "deleted"],
                vec!["Reaper", "AWS::Lambda::Function", "/Timeout", "150", "3"],
                vec!["Reaper", "AWS::Lambda::Function", "/Code", &long],
            ]
        );
        assert!(text.ends_with("\nSizes of groups are changed by scaling; the next update keeps them.\n"));
        let csv = written(Format::Csv, &told());
        assert_eq!(
            csv.lines().nth(2),
            Some("FeedQueue,AWS::SQS::Queue,k3fleet-shop-FeedQueue,true,,,")
        );
        let json: serde_json::Value = serde_json::from_str(&written(Format::Json, &told())).unwrap();
        assert_eq!(json["resources"][2]["differences"][1]["expected"], "x".repeat(90));
        assert_eq!(json["checked_at"], "1970-01-01T00:16:40Z");
    }

    #[test]
    fn what_was_not_looked_at_is_said_so() {
        let none = Told {
            incomplete: Some("iam:GetRole is denied".into()),
            resources: vec![],
            ..told()
        };
        let text = written(Format::Table, &none);
        assert_eq!(
            text,
            "stack  k3fleet-shop: nothing of it has drifted, seen 1m30s ago\n\
             not all of it could be looked at: iam:GetRole is denied\n"
        );
    }
}
