//! Where hosts without internet get the files of a release from. A mirror is laid out as the releases themselves are:
//!
//! ```text
//!  URL/install.sh                            the installer, which is of no release
//!  URL/v1.36.4%2Bk3s1/k3s-arm64              the binary, sha256sum-arm64.txt, and images where it has them
//! ```
//! so that one URL serves every release, and is what `INSTALL_K3S_ARTIFACT_URL` means too.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};

use super::joining::host_and_port;

/// Where the files of a release come from, when they are not downloaded from where K3s publishes them. In a journal it is
/// one text: a path or a URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PathBuf", into = "PathBuf")]
pub enum Source {
    /// A local directory, whose files are brought to each host.
    Directory(PathBuf),
    /// The URL of a mirror, from which each host fetches them itself: HTTPS, without a `/` at its end.
    Mirror(SmolStr),
}

impl Source {
    /// What an operator names: a directory, or the URL of a mirror. The error says what is wrong with a URL, and repeats
    /// nothing of it, for it may hold a password.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self::Directory(PathBuf::from(text)));
        };
        if !scheme.eq_ignore_ascii_case("https") {
            return Err("expected a directory, or the URL of a mirror, which begins with https://");
        }
        if rest.contains('@') {
            return Err("a mirror's URL may hold no user or password: hosts would show it in command lines and logs");
        }
        if rest.contains(['?', '#']) {
            return Err("a mirror's URL ends with its path: leave out what comes after ? or #");
        }
        let rest = rest.trim_end_matches('/');
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~%/:[]+,=".contains(&b);
        let host = rest.split('/').next().unwrap_or_default();
        if host.is_empty() || host.starts_with(':') || !rest.bytes().all(plain) {
            return Err("expected the URL of a mirror such as https://mirror.example/k3s");
        }
        Ok(Self::Mirror(format_smolstr!("https://{rest}")))
    }

    /// The `host:port` that hosts have to reach for it; `None` of a directory.
    pub fn address(&self) -> Option<SmolStr> {
        match self {
            Self::Directory(_) => None,
            Self::Mirror(url) => Some(host_and_port(url)),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::Mirror(url) => url.fmt(f),
        }
    }
}

impl From<PathBuf> for Source {
    fn from(path: PathBuf) -> Self {
        let parsed = path.to_str().and_then(|text| Self::parse(text).ok());
        parsed.unwrap_or(Self::Directory(path))
    }
}

impl From<Source> for PathBuf {
    fn from(source: Source) -> Self {
        match source {
            Source::Directory(path) => path,
            Source::Mirror(url) => Self::from(url.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_and_a_mirror_are_told_apart_and_read_back() {
        for (text, source, address) in [
            ("/srv/k3s", Source::Directory("/srv/k3s".into()), None),
            ("k3s:1", Source::Directory("k3s:1".into()), None),
            (
                "HTTPS://mirror.example/k3s/",
                Source::Mirror("https://mirror.example/k3s".into()),
                Some("mirror.example:443"),
            ),
            (
                "https://[2001:db8::7]:8443",
                Source::Mirror("https://[2001:db8::7]:8443".into()),
                Some("[2001:db8::7]:8443"),
            ),
        ] {
            let parsed = Source::parse(text).unwrap();
            assert_eq!(parsed, source);
            assert_eq!(parsed.address().as_deref(), address);
            let written = serde_json::to_string(&parsed).unwrap();
            assert_eq!(written, format!("\"{source}\""));
            assert_eq!(serde_json::from_str::<Source>(&written).unwrap(), source);
        }
    }

    #[test]
    fn what_a_journal_of_before_holds_is_a_directory() {
        let read = |text| serde_json::from_str::<Option<Source>>(text).unwrap();
        assert_eq!(read("null"), None);
        assert_eq!(read("\"/srv/k3s\""), Some(Source::Directory("/srv/k3s".into())));
    }

    #[test]
    fn a_url_that_will_not_do_is_refused_and_not_repeated() {
        for (text, why) in [
            ("http://mirror.example/k3s", "begins with https://"),
            ("ftp://mirror.example", "begins with https://"),
            ("https://ana:s3cr3t@mirror.example", "no user or password"),
            ("https://ana:s3cr3t/x@mirror.example", "no user or password"),
            ("https://mirror.example/k3s?token=s3cr3t", "ends with its path"),
            ("https://mirror.example/k3s#s3cr3t", "ends with its path"),
            ("https://", "such as https://"),
            ("https://:8443/k3s", "such as https://"),
            ("https://mirror.example/a b", "such as https://"),
            ("https://mirror.example/\"$(id)", "such as https://"),
        ] {
            let said = Source::parse(text).unwrap_err();
            assert!(said.contains(why) && !said.contains("s3cr3t"), "{text}: {said}");
        }
    }
}
