//! Releases of K3s as they compare, and what Kubernetes allows between them: agents are never newer than servers, kubelets
//! at most three minors behind, and servers skip no minor.

use std::cmp::Ordering;

/// How many minors a kubelet may be behind its API server.
pub(super) const BEHIND: u32 = 3;

/// A release such as `v1.36.4+k3s1` or `v1.37.0-rc1+k3s1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Release<'a> {
    core: (u32, u32, u32),
    /// What stands before the `+` of one that is not final.
    pre: Option<&'a str>,
    k3s: u32,
}

impl<'a> Release<'a> {
    /// Reads one; `None` for what is no release of K3s.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (core, k3s) = text.strip_prefix('v')?.split_once("+k3s")?;
        let (core, pre) = match core.split_once('-') {
            Some((core, pre)) => (core, Some(pre).filter(|pre| !pre.is_empty())?.into()),
            None => (core, None),
        };
        let mut parts = core.split('.').map(number);
        let core = (parts.next()??, parts.next()??, parts.next()??);
        let whole = parts.next().is_none();
        whole.then_some(Self {
            core,
            pre,
            k3s: number(k3s)?,
        })
    }

    /// The channel of the minor after its own.
    pub(super) fn next_minor(&self) -> String {
        format!("v{}.{}", self.core.0, self.core.1.saturating_add(1))
    }

    /// How many minors it is ahead of another; `None` where the major differs or it is behind.
    pub(super) fn minors_after(&self, older: &Self) -> Option<u32> {
        (self.core.0 == older.core.0).then(|| self.core.1.checked_sub(older.core.1))?
    }

    /// Whether it is at least one of these fixed releases, each `(minor, patch)` of major 1, or of a minor after the last.
    pub(super) fn has(&self, since: &[(u32, u32)]) -> bool {
        let (major, minor, patch) = self.core;
        let newest = since.iter().map(|(minor, _)| *minor).max().unwrap_or(0);
        major > 1 || minor > newest || since.iter().any(|(m, p)| *m == minor && patch >= *p)
    }
}

/// How two texts compare as releases; what is none comes last.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    match (Release::parse(a), Release::parse(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

impl Ord for Release<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        // A final release comes after its candidates.
        let pre = match (self.pre, other.pre) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) => (a.len(), a).cmp(&(b.len(), b)),
        };
        self.core
            .cmp(&other.core)
            .then(pre)
            .then_with(|| self.k3s.cmp(&other.k3s))
    }
}

impl PartialOrd for Release<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Release<'_> {
        Release::parse(text).unwrap()
    }

    #[test]
    fn releases_compare_as_they_were_made() {
        let order = [
            "v1.9.10+k3s1",
            "v1.36.4+k3s1",
            "v1.36.4+k3s2",
            "v1.36.5-rc2+k3s1",
            "v1.36.5-rc10+k3s1",
            "v1.36.5+k3s1",
            "v1.37.0+k3s1",
        ];
        for pair in order.windows(2) {
            assert!(of(pair[0]) < of(pair[1]), "{pair:?}");
        }
        assert_eq!(of("v1.37.0+k3s1").minors_after(&of("v1.36.4+k3s1")), Some(1));
        assert_eq!(of("v1.36.0+k3s1").minors_after(&of("v1.37.4+k3s1")), None);
    }

    #[test]
    fn what_is_no_release_is_none() {
        for text in [
            "",
            "stable",
            "1.36.4+k3s1",
            "v1.36.4",
            "v1.36+k3s1",
            "v1.36.4.1+k3s1",
            "v1.x.4+k3s1",
            "v1.36.4+k3s",
            "v1.36.4-+k3s1",
            "v1.36.4+k3s1;reboot",
            "v1.+36.4+k3s1",
        ] {
            assert_eq!(Release::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_fix_is_in_its_minor_from_a_patch_on_and_in_all_minors_after() {
        let since = [(28, 2), (27, 7)];
        for (text, has) in [
            ("v1.28.1+k3s1", false),
            ("v1.28.2+k3s1", true),
            ("v1.27.6+k3s1", false),
            ("v1.27.7+k3s1", true),
            ("v1.26.99+k3s1", false),
            ("v1.36.0+k3s1", true),
        ] {
            assert_eq!(of(text).has(&since), has, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in ".{0,24}") {
            if let Some(release) = Release::parse(&text) {
                prop_assert_eq!(release.cmp(&release), Ordering::Equal);
            }
        }
    }
}
