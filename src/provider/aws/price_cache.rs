//! On-demand prices on disk: they change a few times a year, and asking for them is slow. One JSON file for each
//! region, good for a day and shared by all profiles; each price keeps the time it was fetched, so that its age can
//! be shown. A file that cannot be read is as good as none, and is written anew.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// How long a price is good.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(24);

/// The form of the file; another one is not read.
const VERSION: u32 = 1;

/// A price as it was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Cached {
    /// USD per hour; `None` when the price list names none.
    pub(super) usd: Option<f64>,
    /// When it was read from the price list.
    pub(super) fetched_at: Timestamp,
}

#[derive(Default, Serialize, Deserialize)]
struct File {
    version: u32,
    prices: BTreeMap<SmolStr, Cached>,
}

/// The cache of one region.
#[derive(Clone, Debug)]
pub(super) struct PriceCache {
    path: PathBuf,
}

impl PriceCache {
    /// The cache of a region in a directory, which is made when it is first written to.
    pub(super) fn new(directory: &Path, region: &str) -> Self {
        let partition = partition(region);
        Self {
            path: directory.join(format!("on-demand-{partition}-{region}.json")),
        }
    }

    /// The prices that are still good.
    pub(super) async fn read(&self, now: Timestamp) -> HashMap<SmolStr, Cached> {
        let Ok(bytes) = tokio::fs::read(&self.path).await else {
            return HashMap::new();
        };
        let file: File = match serde_json::from_slice(&bytes) {
            Ok(file) => file,
            Err(why) => {
                tracing::warn!(path = %self.path.display(), %why, "the price cache is not read; it is written anew");
                return HashMap::new();
            }
        };
        if file.version != VERSION {
            return HashMap::new();
        }
        file.prices
            .into_iter()
            .filter(|(_, price)| is_good(price, now))
            .collect()
    }

    /// Adds prices to those that are still good. A cache that cannot be written is only logged: the prices are known.
    pub(super) async fn add(&self, prices: Vec<(SmolStr, Cached)>, now: Timestamp) {
        let mut all: BTreeMap<_, _> = self.read(now).await.into_iter().collect();
        all.extend(prices);
        if let Err(why) = self.write(all).await {
            tracing::warn!(path = %self.path.display(), %why, "the price cache is not written");
        }
    }

    /// Writes beside the file and renames, so that no reader ever sees half of it.
    async fn write(&self, prices: BTreeMap<SmolStr, Cached>) -> io::Result<()> {
        static WRITES: AtomicU64 = AtomicU64::new(0);
        if let Some(directory) = self.path.parent() {
            tokio::fs::create_dir_all(directory).await?;
        }
        let json = serde_json::to_vec_pretty(&File {
            version: VERSION,
            prices,
        })?;
        let unique = format!("{}-{}", std::process::id(), WRITES.fetch_add(1, Ordering::Relaxed));
        let beside = self.path.with_extension(format!("{unique}.tmp"));
        tokio::fs::write(&beside, json).await?;
        let renamed = tokio::fs::rename(&beside, &self.path).await;
        if renamed.is_err() {
            // Nothing to add to the first failure.
            drop(tokio::fs::remove_file(&beside).await);
        }
        renamed
    }
}

fn is_good(price: &Cached, now: Timestamp) -> bool {
    let age = now.duration_since(price.fetched_at);
    // A price from the future comes from a clock that was wrong.
    let is_young = !age.is_negative() && age < GOOD_FOR;
    is_young && price.usd.is_none_or(|usd| usd.is_finite() && usd > 0.0)
}

/// The AWS partition of a region: what one set of credentials can reach.
fn partition(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ if region.starts_with("us-iso") || region.starts_with("eu-iso") => "aws-iso",
        _ if region.starts_with("eusc-") => "aws-eusc",
        _ => "aws",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn price(usd: Option<f64>, fetched_at: &str) -> Cached {
        Cached {
            usd,
            fetched_at: at(fetched_at),
        }
    }

    #[tokio::test]
    async fn prices_come_back_with_their_age_for_a_day() {
        let directory = tempfile::tempdir().unwrap();
        let cache = PriceCache::new(&directory.path().join("not/yet/there"), "eu-west-1");
        let noon = at("2026-11-22T12:00:00Z");
        assert_eq!(cache.read(noon).await, HashMap::new());

        let small = ("t4g.small".into(), price(Some(0.0184), "2026-11-22T12:00:00Z"));
        let unlisted = ("x9.nano".into(), price(None, "2026-11-22T12:00:00Z"));
        cache.add(vec![small.clone(), unlisted.clone()], noon).await;

        let late = cache.read(at("2026-11-23T11:59:59Z")).await;
        assert_eq!(late, HashMap::from([small, unlisted]));
        assert_eq!(cache.read(at("2026-11-23T12:00:00Z")).await, HashMap::new());
        assert_eq!(
            cache.read(at("2026-11-22T11:00:00Z")).await,
            HashMap::new(),
            "from the future"
        );
    }

    #[tokio::test]
    async fn adding_keeps_what_is_good_and_drops_what_is_old() {
        let directory = tempfile::tempdir().unwrap();
        let cache = PriceCache::new(directory.path(), "eu-west-1");
        let first = at("2026-11-22T00:00:00Z");
        let old = ("a".into(), price(Some(1.0), "2026-11-22T00:00:00Z"));
        cache.add(vec![old], first).await;
        let second = at("2026-11-22T20:00:00Z");
        cache
            .add(vec![("b".into(), price(Some(2.0), "2026-11-22T20:00:00Z"))], second)
            .await;
        assert_eq!(cache.read(second).await.len(), 2);
        let third = at("2026-11-23T10:00:00Z");
        cache
            .add(vec![("c".into(), price(Some(3.0), "2026-11-23T10:00:00Z"))], third)
            .await;
        let mut left: Vec<_> = cache.read(third).await.into_keys().collect();
        left.sort();
        assert_eq!(left, ["b", "c"]);
    }

    #[tokio::test]
    async fn regions_do_not_mix_and_nothing_is_left_beside_them() {
        let directory = tempfile::tempdir().unwrap();
        let now = at("2026-11-22T00:00:00Z");
        let one = ("a".into(), price(Some(1.0), "2026-11-22T00:00:00Z"));
        for region in ["eu-west-1", "cn-north-1"] {
            PriceCache::new(directory.path(), region)
                .add(vec![one.clone()], now)
                .await;
        }
        assert_eq!(
            PriceCache::new(directory.path(), "eu-west-2").read(now).await,
            HashMap::new()
        );
        let mut names: Vec<_> = std::fs::read_dir(directory.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(
            names,
            ["on-demand-aws-cn-cn-north-1.json", "on-demand-aws-eu-west-1.json"]
        );
    }

    #[tokio::test]
    async fn a_file_that_makes_no_sense_is_ignored_and_written_anew() {
        let directory = tempfile::tempdir().unwrap();
        let cache = PriceCache::new(directory.path(), "eu-west-1");
        let now = at("2026-11-22T00:00:00Z");
        for junk in [
            &b"{\"version\": 1, \"prices\": {"[..],
            b"\xff\xfe",
            b"",
            br#"{"version": 2, "prices": {"a": {"usd": 1.0, "fetched_at": "2026-11-22T00:00:00Z"}}}"#,
            br#"{"version": 1, "prices": {"a": {"usd": -1.0, "fetched_at": "2026-11-22T00:00:00Z"}}}"#,
        ] {
            std::fs::write(&cache.path, junk).unwrap();
            assert_eq!(cache.read(now).await, HashMap::new(), "{junk:?}");
            cache
                .add(vec![("b".into(), price(Some(2.0), "2026-11-22T00:00:00Z"))], now)
                .await;
            assert_eq!(cache.read(now).await.len(), 1);
        }
    }
}
