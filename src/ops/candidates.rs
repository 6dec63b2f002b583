//! What has to be asked before edge hosts can join: of each host what it is, and of the local directory whether it holds the
//! files of an air-gapped installation. It only reads.

use std::io;
use std::path::Path;

use futures::{StreamExt, stream};
use smol_str::SmolStr;

use super::joining::Candidate;
use crate::blueprint::machine::release_files;
use crate::fleet::{Arch, EdgeHost};
use crate::provider::Shell;

/// How many hosts are asked at once.
const AT_ONCE: usize = 50;

/// Asks hosts what they are, at most 50 at once, and which of the addresses ([`Join::addresses`](super::joining::Join)) they
/// reach. They come in the order of the hosts; `each` is told every one as soon as it has answered, or has not.
pub async fn candidates(
    shell: &dyn Shell,
    hosts: &[EdgeHost],
    addresses: &[SmolStr],
    each: &(dyn Fn(&Candidate) + Send + Sync),
) -> Vec<Candidate> {
    let asked = hosts.iter().map(|host| async move {
        let facts = shell.facts(host, addresses).await;
        let candidate = Candidate {
            host: host.clone(),
            facts: facts.map_err(|error| SmolStr::new(error.to_string())),
        };
        each(&candidate);
        candidate
    });
    let asked: Vec<_> = asked.collect();
    stream::iter(asked).buffered(AT_ONCE).collect().await
}

/// The files of an air-gapped installation that a directory lacks, for hosts of these architectures; images are not among
/// them, for hosts may have them already. An error: the directory cannot be read.
pub fn missing_files(directory: &Path, archs: &[Arch], install: bool) -> io::Result<Vec<String>> {
    let mut wanted: Vec<&str> = archs.iter().flat_map(|arch| release_files(*arch)).collect();
    if install {
        wanted.push(INSTALLER);
    }
    wanted.sort_unstable();
    wanted.dedup();
    let mut there = vec![];
    for entry in std::fs::read_dir(directory)? {
        there.push(entry?.file_name());
    }
    wanted.retain(|name| !there.iter().any(|file| file == name));
    Ok(wanted.into_iter().map(str::to_owned).collect())
}

/// The installer of K3s.
pub(super) const INSTALLER: &str = "install.sh";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_directory_lacks_is_named_once() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["k3s", "sha256sum-amd64.txt", "k3s-arm64"] {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        let missing = |archs: &[Arch], install| missing_files(directory.path(), archs, install).unwrap();
        assert_eq!(missing(&[Arch::Amd64, Arch::Amd64], false), Vec::<String>::new());
        assert_eq!(
            missing(&[Arch::Arm64, Arch::Arm], true),
            ["install.sh", "k3s-armhf", "sha256sum-arm.txt", "sha256sum-arm64.txt"]
        );
        assert!(missing_files(&directory.path().join("none"), &[], true).is_err());
    }
}
