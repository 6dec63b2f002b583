//! Files on their way to a host: gone on with where an earlier upload was cut, once the checksum of what is there agrees,
//! and given their name only when all of it does.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::ChildStdin;
use tokio::time::{sleep, timeout};

use super::OpenSsh;
use super::call::{Answer, Call, Input, over_ssh, quoted, script};
use super::said::last;
use crate::fleet::{EdgeHost, FaultKind};
use crate::provider::{ProviderError, Result};

/// For the host to add up a checksum; boards with SD cards are slow.
const SUM: Duration = Duration::from_mins(5);
/// For a file as a whole: a slow line takes hours for images.
const WHOLE: Duration = Duration::from_hours(12);
/// How long a line may take nothing at all.
const STALLED: Duration = Duration::from_mins(1);
/// How often in a row a cut upload is gone on with, when nothing more of it gets there.
const TRIES: u32 = 3;
/// What is read of a file at once.
const CHUNK: usize = 256 << 10;

/// Makes the directory, which nobody else may own or look into, and tells what is there of the file and how much room.
const STATE: &str = r#"umask 077
LC_ALL=C; export LC_ALL
if [ -L "$d" ] || ! mkdir -p "$d" || ! [ -O "$d" ]; then
    echo "$d is not a directory of $(id -un)" >&2
    exit 3
fi
chmod 700 "$d" || exit 1
size() { wc -c <"$1" | tr -d ' '; }
if [ -f "$d/$n" ] && [ "$(size "$d/$n")" = "$s" ]; then echo "whole $(sha256sum <"$d/$n")"; fi
if [ -f "$d/$n.part" ]; then
    if [ "$(size "$d/$n.part")" -gt "$s" ]; then rm -f "$d/$n.part" || exit 1
    else echo "part $(size "$d/$n.part") $(sha256sum <"$d/$n.part")"; fi
fi
echo "free $(df -Pk "$d" | tail -n 1)"
"#;
/// Takes in the rest of the file, and tells the checksum of the whole.
const TAKE: &str = r#"umask 077
LC_ALL=C; export LC_ALL
[ "$a" = 0 ] && rm -f "$d/$n.part"
cat >>"$d/$n.part" || exit 4
sha256sum <"$d/$n.part"
"#;
/// Gives the file its name, or throws it away.
const NAME: &str = r#"if [ "$a" = whole ]; then mv -f "$d/$n.part" "$d/$n"; else rm -f "$d/$n.part"; fi
"#;

/// A local file on its way.
pub(super) struct Pouring<'p> {
    file: File,
    size: u64,
    /// How much has been read, all of it taken into the checksum.
    at: u64,
    sum: Sha256,
    progress: &'p (dyn Fn(u64, u64) + Send + Sync),
    /// What went wrong on this side.
    broken: Option<std::io::Error>,
}

/// The line takes nothing any longer.
pub(super) struct Stalled;

impl Pouring<'_> {
    /// Reads on without sending, up to here.
    async fn skip(&mut self, to: u64) -> std::io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        while self.at < to {
            let want = usize::try_from(to - self.at).map_or(CHUNK, |left| left.min(CHUNK));
            let Some(room) = chunk.get_mut(..want) else { break };
            let read = self.file.read(room).await?;
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            self.took(room.get(..read).unwrap_or_default());
        }
        Ok(())
    }

    /// Sends the rest. Where the other side does not take it to the end, it says why by itself.
    pub(super) async fn pour(&mut self, mut to: ChildStdin) -> std::result::Result<(), Stalled> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = match self.file.read(&mut chunk).await {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) => {
                    self.broken = Some(error);
                    break;
                }
            };
            let bytes = chunk.get(..read).unwrap_or_default();
            match timeout(STALLED, to.write_all(bytes)).await {
                Ok(Ok(())) => {}
                Ok(Err(_closed)) => break,
                Err(_elapsed) => return Err(Stalled),
            }
            self.took(bytes);
            (self.progress)(self.at.min(self.size), self.size);
        }
        let _unread = to.shutdown().await;
        Ok(())
    }

    fn took(&mut self, bytes: &[u8]) {
        self.sum.update(bytes);
        self.at += bytes.len() as u64;
    }

    fn digest(&self) -> String {
        hex(&self.sum.clone().finalize())
    }
}

/// What is there of a file.
#[derive(Debug, Default, PartialEq, Eq)]
struct There {
    /// The checksum of one that is as long as ours.
    whole: Option<String>,
    /// How much is there of an upload, and its checksum.
    part: Option<(u64, String)>,
    /// Free space, in bytes.
    free: Option<u64>,
}

impl There {
    fn read(text: &str) -> Self {
        let mut there = Self::default();
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["whole", sum, ..] => there.whole = Some((*sum).to_owned()),
                ["part", size, sum, ..] => there.part = size.parse().ok().map(|size| (size, (*sum).to_owned())),
                ["free", rest @ ..] => there.free = free(rest),
                _ => {}
            }
        }
        there
    }
}

/// A line of `df -Pk`: the number before the percentage is what is free, in KiB.
fn free(words: &[&str]) -> Option<u64> {
    let percent = words.iter().position(|word| word.ends_with('%'))?;
    words
        .get(percent.checked_sub(1)?)?
        .parse::<u64>()
        .ok()?
        .checked_mul(1024)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Text takes all that is written to it.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An upload: where from, where to.
struct Way<'a> {
    host: &'a EdgeHost,
    file: &'a Path,
    name: &'a str,
    directory: &'a str,
    progress: &'a (dyn Fn(u64, u64) + Send + Sync),
}

impl<'a> Way<'a> {
    fn call(&self, text: &str, size: u64, word: &str, limit: Duration) -> Call<'a> {
        let head = format!(
            "d={} n={} s={size} a={word}\n{text}",
            quoted(self.directory),
            quoted(self.name)
        );
        Call::new(
            over_ssh(&format!("bring {}", self.name)),
            self.host,
            script(&head),
            limit,
        )
    }

    fn failed(&self, kind: FaultKind, message: impl Into<String>, mend: &str) -> ProviderError {
        self.call("", 0, "", SUM).failed(kind, message, mend)
    }

    fn local(&self, error: &std::io::Error) -> ProviderError {
        let why = format!("{} cannot be read: {error}", self.file.display());
        self.failed(FaultKind::Other, why, "see that it is there and not being changed")
    }

    async fn open(&self) -> Result<Pouring<'a>> {
        let opened = async {
            let file = File::open(self.file).await?;
            let size = file.metadata().await?.len();
            Ok((file, size))
        };
        let (file, size) = opened.await.map_err(|error| self.local(&error))?;
        Ok(Pouring {
            file,
            size,
            at: 0,
            sum: Sha256::new(),
            progress: self.progress,
            broken: None,
        })
    }

    /// The other side's own word for what went wrong.
    fn refused(&self, answer: &Answer, left: u64) -> ProviderError {
        if answer.stderr.contains("No space left on device") || answer.stderr.contains("Disk quota exceeded") {
            return self.full(None, left);
        }
        let mend = match answer.code {
            Some(3) => "remove it there, or log in as the user whose it is",
            Some(127) => "install coreutils or busybox there",
            _ => "",
        };
        self.failed(FaultKind::Other, last(&answer.stderr), mend)
    }

    fn full(&self, free: Option<u64>, left: u64) -> ProviderError {
        let free = free
            .map(|free| format!(": {} MiB are free", free >> 20))
            .unwrap_or_default();
        let why = format!(
            "its disk is full{free} at {}, and {} MiB of {} are still to come",
            self.directory,
            left.div_ceil(1 << 20),
            self.name
        );
        self.failed(
            FaultKind::Other,
            why,
            "make room there and try again: what has arrived is kept",
        )
    }
}

impl OpenSsh {
    /// As the port says.
    pub(super) async fn bring(
        &self,
        host: &EdgeHost,
        file: &Path,
        directory: &str,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<()> {
        let name = file.file_name().and_then(|name| name.to_str());
        let way = Way {
            host,
            file,
            name: name.unwrap_or_default(),
            directory,
            progress,
        };
        if way.name.is_empty() || way.name.chars().any(char::is_control) {
            return Err(way.failed(FaultKind::Other, "the name of the file is no plain text", ""));
        }
        let mut furthest = None;
        let mut tries = TRIES;
        loop {
            let mut there = None;
            let error = match self.once_more(&way, &mut there).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if there > furthest {
                (furthest, tries) = (there, TRIES);
            }
            tries -= 1;
            if error.kind != FaultKind::Unreachable || tries == 0 {
                return Err(error);
            }
            sleep(Duration::from_secs(1 << (TRIES - tries))).await;
        }
    }

    /// Goes on with an upload to its end; `there` is told how much was there of it before.
    async fn once_more(&self, way: &Way<'_>, there: &mut Option<u64>) -> Result<()> {
        let mut pouring = way.open().await?;
        let size = pouring.size;
        let answer = self.ask(&way.call(STATE, size, "", SUM), Input::Nothing).await?;
        if answer.code != Some(0) {
            return Err(way.refused(&answer, size));
        }
        let found = There::read(&answer.text());
        if let Some(whole) = &found.whole {
            let mut ours = way.open().await?;
            ours.skip(size).await.map_err(|error| way.local(&error))?;
            if ours.digest() == *whole {
                (way.progress)(size, size);
                return Ok(());
            }
        }
        let mut from = 0;
        if let Some((part, sum)) = &found.part {
            pouring.skip(*part).await.map_err(|error| way.local(&error))?;
            if pouring.digest() == *sum {
                from = *part;
            } else {
                pouring = way.open().await?;
            }
        }
        *there = Some(from);
        (way.progress)(from, size);
        // What is thrown away first makes room.
        let room = found.part.as_ref().map_or(0, |(part, _)| *part - from);
        if let Some(free) = found.free.filter(|free| free.saturating_add(room) < size - from) {
            return Err(way.full(Some(free), size - from));
        }
        let call = way.call(TAKE, size, &from.to_string(), WHOLE);
        let answer = self.ask(&call, Input::File(&mut pouring)).await;
        if let Some(error) = &pouring.broken {
            return Err(way.local(error));
        }
        let answer = answer?;
        if answer.code != Some(0) {
            return Err(way.refused(&answer, size - from));
        }
        if pouring.at != size {
            let why = "it changed while it was read";
            return Err(way.failed(FaultKind::Other, why, "try again once it stays as it is"));
        }
        let good = answer.text().split_whitespace().next() == Some(pouring.digest().as_str());
        let word = if good { "whole" } else { "broken" };
        let named = self.ask(&way.call(NAME, size, word, SUM), Input::Nothing).await?;
        match (good, named.code) {
            (true, Some(0)) => Ok(()),
            (true, _) => Err(way.refused(&named, 0)),
            (false, _) => {
                let why = "what arrived is not what was sent: its checksum differs, and it was thrown away";
                Err(way.failed(
                    FaultKind::Malformed,
                    why,
                    "try again; if it happens again, test its disk",
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_host_tells_of_a_file_is_read() {
        let told = There::read(
            "whole aa  -\npart 12 bb  -\nfree /dev/mmcblk0p2 29000000 9000000 18500000 33% /\nodd\npart x y\n",
        );
        assert_eq!(told.whole.as_deref(), Some("aa"));
        assert_eq!(told.part, None, "the last word counts");
        assert_eq!(told.free, Some(18_500_000 * 1024));
        assert_eq!(There::read("part 12 bb  -").part, Some((12, "bb".to_owned())));
        assert_eq!(There::read(""), There::default());
    }

    proptest! {
        #[test]
        fn no_answer_is_too_odd(text in "(?s).{0,200}|(whole|part|free)( [0-9a-z%]{0,20}){0,8}") {
            let _ = There::read(&text);
        }
    }
}
