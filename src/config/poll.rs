//! `[poll]`: how often the outside is asked.

use jiff::SignedDuration;

use super::reader::Table;

/// How often the outside is asked while nothing happens. Feeds go faster while something does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poll {
    /// EC2 instances, Auto Scaling groups and Spot Fleets.
    pub aws: SignedDuration,
    /// Spot prices.
    pub spot_prices: SignedDuration,
    /// Nodes and pods where watching is denied, and usage.
    pub kube: SignedDuration,
    /// Edge hosts.
    pub edge: SignedDuration,
}

impl Default for Poll {
    fn default() -> Self {
        Self {
            aws: SignedDuration::from_secs(15),
            spot_prices: SignedDuration::from_mins(5),
            kube: SignedDuration::from_secs(15),
            edge: SignedDuration::from_secs(30),
        }
    }
}

/// Reads the table over the defaults.
pub(super) fn read_poll(mut table: Table<'_>) -> Poll {
    let mut poll = Poll::default();
    let mut set = |key, place: &mut SignedDuration, shortest: i64, longest: i64| {
        let (shortest, longest) = (SignedDuration::from_secs(shortest), SignedDuration::from_secs(longest));
        let expected = format!(
            "a time from \"{shortest:#}\" to \"{longest:#}\", such as \"{:#}\"",
            *place
        );
        let parse = |text: &str| {
            let time: SignedDuration = text.parse().ok()?;
            (shortest..=longest).contains(&time).then_some(time)
        };
        if let Some(time) = table.get(key).and_then(|value| value.parsed(&expected, parse)) {
            *place = time;
        }
    };
    set("aws", &mut poll.aws, 5, 600);
    set("spot-prices", &mut poll.spot_prices, 60, 86_400);
    set("kube", &mut poll.kube, 5, 600);
    set("edge", &mut poll.edge, 10, 3_600);
    table.finish();
    poll
}
