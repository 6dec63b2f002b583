//! What a pipeline must be, so that its template and its tests' clusters can be made.

use super::{NAME_LIMIT, Pipeline};
use crate::blueprint::Fault;
use crate::blueprint::check::{Faults, is_label};

impl Pipeline {
    /// Every fault. An empty list means that the template can be made.
    pub fn check(&self) -> Vec<Fault> {
        let mut faults = Faults::default();
        faults.unless(
            is_label(&self.name) && self.name.len() <= NAME_LIMIT,
            "name",
            &self.name,
            "1 to 32 lower-case letters, digits and hyphens, a letter first and no hyphen last",
        );
        let printable = |word: &String| !word.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
        let told = self.command.first().is_some_and(|program| !program.is_empty());
        faults.unless(
            told && self.command.iter().all(printable),
            "command",
            self.command.join(" "),
            "a command without control characters",
        );
        faults.unless(
            (5..=2140).contains(&self.minutes),
            "ttl",
            format!("{} min", self.minutes),
            "5 min to 35 h, CodeBuild's longest",
        );
        let given = &self.given;
        let https = |url: &str| {
            url.strip_prefix("https://")
                .is_some_and(|rest| !rest.is_empty() && is_plain(rest))
        };
        if let Some(url) = given.url.as_deref().filter(|url| !https(url)) {
            faults.add("k3fleet-url", url, "an https URL");
        }
        let hex = |sum: &str| sum.len() == 64 && sum.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if let Some(sum) = given.sha256.as_deref().filter(|sum| !hex(sum)) {
            faults.add("k3fleet-sha256", sum, "64 hexadecimal digits, in lower case");
        }
        let path = |path: &str| !path.starts_with(['-', '/']) && !path.is_empty() && is_plain(path);
        if let Some(manifests) = given.manifests.as_deref().filter(|manifests| !path(manifests)) {
            faults.add("manifests", manifests, "a path within the repository, without blanks");
        }
        faults.into_list()
    }
}

fn is_plain(text: &str) -> bool {
    !text.contains(|c: char| c.is_whitespace() || c.is_control())
}
