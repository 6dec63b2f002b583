//! The version skew of one cluster: agents may be older than servers by three minors, never newer, and servers
//! may differ only while they are upgraded.

use super::{Verdict, counted};
use crate::fleet::{ClusterId, Severity};

/// How many minors a kubelet may be behind its API server.
const BEHIND: u32 = 3;

/// A version as it compares: major, minor, patch.
type Version = (u32, u32, u32);

/// Reads `v1.36.4+k3s1`; `None` for what is no such thing.
fn version(text: &str) -> Option<Version> {
    let core = text.strip_prefix('v').unwrap_or(text).split(['+', '-']).next()?;
    let mut parts = core.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??, parts.next()??))
}

fn minor((major, minor, _): Version) -> (u32, u32) {
    (major, minor)
}

/// One version and how many nodes run it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Run<'a> {
    version: Version,
    text: &'a str,
    nodes: usize,
}

fn runs<'a>(versions: impl Iterator<Item = (&'a str, usize)>) -> Vec<Run<'a>> {
    let known = versions.filter_map(|(text, nodes)| {
        Some(Run {
            version: version(text)?,
            text,
            nodes,
        })
    });
    let mut runs: Vec<_> = known.collect();
    runs.sort_unstable();
    runs
}

/// Judges the versions of a cluster's servers and agents, each with the number of nodes that run it.
pub(super) fn version_skew<'a>(
    cluster: &ClusterId,
    servers: impl Iterator<Item = (&'a str, usize)>,
    agents: impl Iterator<Item = (&'a str, usize)>,
) -> Option<Verdict> {
    let (servers, agents) = (runs(servers), runs(agents));
    let (oldest, newest) = (servers.first()?, servers.last()?);
    let newer: Vec<_> = agents.iter().filter(|a| a.version > oldest.version).collect();
    let behind: Vec<_> = agents
        .iter()
        .filter(|a| a.version.0 < newest.version.0 || a.version.1 + BEHIND < newest.version.1)
        .collect();
    let count = |runs: &[&Run<'_>]| counted(runs.iter().map(|r| r.nodes).sum(), "agent");
    let upgrade = format!(
        "k3fleet upgrade {cluster} --to {}",
        agents.last().map_or(newest, |a| a.max(newest)).text
    );
    let (severity, line, mend) = if let Some(worst) = newer.last() {
        let grave = minor(worst.version) > minor(oldest.version);
        (
            if grave { Severity::Critical } else { Severity::Warning },
            format!(
                "{} newer than a server: {} against {}",
                count(&newer),
                worst.text,
                oldest.text
            ),
            format!("upgrade the servers first: {upgrade}"),
        )
    } else if let Some(worst) = behind.first() {
        (
            Severity::Warning,
            format!(
                "{} more than {BEHIND} minors behind the servers: {} against {}",
                count(&behind),
                worst.text,
                newest.text
            ),
            upgrade,
        )
    } else if minor(oldest.version) != minor(newest.version) {
        (
            Severity::Warning,
            format!("servers of different minors: {} and {}", oldest.text, newest.text),
            format!("bring all servers to one version: {upgrade}"),
        )
    } else {
        let mut all = [servers.as_slice(), agents.as_slice()].concat();
        all.sort_unstable();
        let (first, last) = (all.first()?, all.last()?);
        if first.text == last.text {
            return None;
        }
        let old = all.iter().filter(|r| r.text != last.text).map(|r| r.nodes).sum();
        (
            Severity::Info,
            format!(
                "{} older than {}, down to {}",
                counted(old, "node"),
                last.text,
                first.text
            ),
            upgrade,
        )
    };
    Some(Verdict {
        rule: "version-skew",
        severity,
        line,
        mend,
        since: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(servers: &[(&'static str, usize)], agents: &[(&'static str, usize)]) -> Option<(Severity, String)> {
        let cluster = ClusterId {
            name: "prod".into(),
            home: None,
        };
        let verdict = version_skew(&cluster, servers.iter().copied(), agents.iter().copied());
        verdict.map(|v| (v.severity, v.line))
    }

    #[test]
    fn versions_are_read_as_k3s_writes_them() {
        assert_eq!(version("v1.36.4+k3s1"), Some((1, 36, 4)));
        assert_eq!(version("1.37.0-rc1+k3s1"), Some((1, 37, 0)));
        assert_eq!(version("v1.36"), None);
        assert_eq!(version(""), None);
    }

    #[test]
    fn one_version_everywhere_is_fine_and_no_server_says_nothing() {
        assert_eq!(judged(&[("v1.36.4+k3s1", 3)], &[("v1.36.4+k3s1", 6)]), None);
        assert_eq!(judged(&[], &[("v1.36.4+k3s1", 6), ("v1.30.0+k3s1", 1)]), None);
        assert_eq!(judged(&[("", 3)], &[("v1.36.4+k3s1", 6)]), None);
    }

    #[test]
    fn newer_agents_are_critical_and_are_named_before_all_else() {
        let found = judged(&[("v1.36.4+k3s1", 3)], &[("v1.37.0+k3s1", 2), ("v1.30.0+k3s1", 1)]).unwrap();
        assert_eq!(found.0, Severity::Critical);
        assert_eq!(
            found.1,
            "2 agents newer than a server: v1.37.0+k3s1 against v1.36.4+k3s1"
        );
        let patch = judged(&[("v1.36.3+k3s1", 3)], &[("v1.36.4+k3s1", 1)]).unwrap();
        assert_eq!(patch.0, Severity::Warning);
    }

    #[test]
    fn agents_may_be_three_minors_behind_but_not_four() {
        let three = judged(&[("v1.36.4+k3s1", 1)], &[("v1.33.1+k3s1", 1)]).unwrap();
        assert_eq!(
            three,
            (
                Severity::Info,
                "1 node older than v1.36.4+k3s1, down to v1.33.1+k3s1".into()
            )
        );
        let four = judged(&[("v1.36.4+k3s1", 1)], &[("v1.32.1+k3s1", 5)]).unwrap();
        assert_eq!(four.0, Severity::Warning);
        assert!(four.1.starts_with("5 agents more than 3 minors behind"), "{}", four.1);
    }

    #[test]
    fn servers_of_different_minors_are_a_warning_patches_only_information() {
        let minors = judged(&[("v1.35.9+k3s1", 1), ("v1.36.4+k3s1", 2)], &[]).unwrap();
        assert_eq!(minors.0, Severity::Warning);
        let patches = judged(&[("v1.36.3+k3s1", 1), ("v1.36.4+k3s1", 2)], &[]).unwrap();
        assert_eq!(patches.0, Severity::Info);
    }
}
