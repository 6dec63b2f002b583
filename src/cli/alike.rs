//! The results of one command on many hosts, those that are the same told once.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::json;

use super::args::Format;
use crate::fleet::{HostName, csv};
use crate::provider::Ran;

/// How a command went on a host: what it wrote and its code, or why it did not run.
pub(super) type Went = Result<Ran, String>;

/// Hosts on which a command went the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Alike {
    /// The hosts, by name.
    pub(super) hosts: Vec<HostName>,
    /// How it went.
    pub(super) went: Went,
}

impl Alike {
    /// Whether it succeeded.
    pub(super) fn is_good(&self) -> bool {
        matches!(&self.went, Ok(ran) if ran.code == Some(0))
    }

    fn heading(&self) -> String {
        let names: Vec<_> = self.hosts.iter().map(HostName::as_str).collect();
        let count = match names.len() {
            1 => String::new(),
            n => format!("{n} hosts: "),
        };
        let end = match &self.went {
            Ok(Ran { code: Some(0), .. }) => String::new(),
            Ok(Ran { code: Some(code), .. }) => format!(" (exit code {code})"),
            Ok(Ran { code: None, .. }) => " (ended by a signal)".to_owned(),
            Err(_) => " (not run)".to_owned(),
        };
        format!("{count}{}{end}", names.join(", "))
    }

    fn words(&self) -> (Option<i32>, &str, Option<&str>) {
        match &self.went {
            Ok(ran) => (ran.code, &ran.output, None),
            Err(why) => (None, "", Some(why)),
        }
    }
}

/// Hosts with the same result together: first where it succeeded, then where it failed, then where it did not run; of
/// these each the most first.
pub(super) fn grouped(results: impl IntoIterator<Item = (HostName, Went)>) -> Vec<Alike> {
    let mut by_result: BTreeMap<Went, Vec<HostName>> = BTreeMap::new();
    for (host, went) in results {
        let went = went.map(|ran| Ran {
            output: clean(&ran.output),
            ..ran
        });
        by_result.entry(went).or_default().push(host);
    }
    let mut groups: Vec<_> = by_result
        .into_iter()
        .map(|(went, mut hosts)| {
            hosts.sort();
            Alike { hosts, went }
        })
        .collect();
    groups.sort_by_cached_key(|alike| {
        let sort = (alike.went.is_err(), !alike.is_good());
        (sort, Reverse(alike.hosts.len()), alike.hosts.clone())
    });
    groups
}

/// What was written as lines, without what could play with the operator's terminal.
fn clean(output: &str) -> String {
    let plain = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    let mut text: String = output.chars().filter(plain).collect();
    text.truncate(text.trim_end().len());
    text
}

/// Writes all of them.
pub(super) fn write(out: &mut dyn Write, format: Format, groups: &[Alike]) -> io::Result<()> {
    match format {
        Format::Json => {
            let rows: Vec<_> = groups
                .iter()
                .map(|alike| {
                    let (code, output, error) = alike.words();
                    let hosts: Vec<_> = alike.hosts.iter().map(HostName::as_str).collect();
                    json!({ "hosts": hosts, "code": code, "output": output, "error": error })
                })
                .collect();
            serde_json::to_writer_pretty(&mut *out, &rows)?;
            writeln!(out)
        }
        Format::Csv => {
            writeln!(out, "host,code,output,error")?;
            for alike in groups {
                let (code, output, error) = alike.words();
                let code = code.map(|code| code.to_string()).unwrap_or_default();
                for host in &alike.hosts {
                    let fields = [host.as_str(), &code, output, error.unwrap_or_default()];
                    writeln!(out, "{}", csv::record(fields))?;
                }
            }
            Ok(())
        }
        Format::Table => {
            for alike in groups {
                writeln!(out, "{}", alike.heading())?;
                let (_, output, error) = alike.words();
                for line in error.unwrap_or(output).lines() {
                    writeln!(out, "    {line}")?;
                }
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn ran(code: i32, output: &str) -> Went {
        Ok(Ran {
            code: Some(code),
            output: output.to_owned(),
        })
    }

    fn text(results: &[(&str, Went)], format: Format) -> String {
        let results = results.iter().map(|(host, went)| (HostName::new(*host), went.clone()));
        let mut out = Vec::new();
        write(&mut out, format, &grouped(results)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_is_the_same_is_told_once_and_what_failed_last() {
        let results = [
            ("pi-5", Err("it does not answer".to_owned())),
            ("pi-3", ran(1, "no space left\n")),
            ("pi-2", ran(0, "6.6.51\n")),
            ("pi-4", ran(0, "6.1.0\r\n\x1b]0;title\x07")),
            ("pi-1", ran(0, "6.6.51")),
        ];
        assert_eq!(
            text(&results, Format::Table),
            "2 hosts: pi-1, pi-2\n    6.6.51\npi-4\n    6.1.0\n    ]0;title\npi-3 (exit code 1)\n    no space left\n\
             pi-5 (not run)\n    it does not answer\n"
        );
        let json: serde_json::Value = serde_json::from_str(&text(&results, Format::Json)).unwrap();
        assert_eq!(
            (
                json[0]["hosts"][1].as_str(),
                json[2]["code"].as_i64(),
                json[3]["code"].is_null()
            ),
            (Some("pi-2"), Some(1), true)
        );
        assert_eq!(
            text(&results, Format::Csv).lines().next(),
            Some("host,code,output,error")
        );
    }

    proptest! {
        #[test]
        fn each_host_is_in_one_group_with_its_own_result(
            results in proptest::collection::btree_map(
                "[a-z]{1,3}",
                prop_oneof![
                    (0..2, "[ab\n]{0,2}").prop_map(|(code, output)| ran(code, &output)),
                    "[xy]".prop_map(Err),
                ],
                0..12,
            ),
        ) {
            let groups = grouped(results.iter().map(|(host, went)| (HostName::new(host.as_str()), went.clone())));
            let told: Vec<_> = groups.iter().flat_map(|alike| &alike.hosts).collect();
            prop_assert_eq!(told.len(), results.len());
            let different: BTreeSet<_> = groups.iter().map(|alike| alike.went.clone()).collect();
            prop_assert_eq!(different.len(), groups.len());
            for alike in &groups {
                for host in &alike.hosts {
                    let own = results[host.as_str()].clone().map(|ran| Ran { output: clean(&ran.output), ..ran });
                    prop_assert_eq!(&own, &alike.went);
                }
            }
        }
    }
}
