//! Whether a cluster's reaper works: an event of k3fleet's own is put into its queue, and must be gone soon.
//!
//! SQS tells numbers that may be seconds old: only a queue that is empty several times in a row is.

use std::time::Duration;

use smol_str::SmolStr;
use tokio::time::{Instant, sleep};

use crate::provider::{Cloud, CloudControl, ProviderError, Queue};

/// The output by which a stack names the queue from which the reaper takes events.
pub const QUEUE: &str = "ReaperQueue";
/// For how long it is waited.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// How often the queue is looked at.
const PACE: Duration = Duration::from_secs(2);
/// How often in a row it must be empty.
const EMPTY: usize = 4;

/// What came of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tested {
    /// The id of the event that was sent; the reaper's log names it.
    pub id: SmolStr,
    /// How long it took until the queue was empty; `None`: it was not, for as long as it was waited.
    pub took: Option<Duration>,
    /// How the queue stood at the end.
    pub queue: Queue,
}

/// Sends a test event to the reaper's queue, and waits until it is worked on. Other events that lie there count too: a
/// reaper that works is soon done with all of them.
pub async fn test(
    cloud: &dyn Cloud,
    control: &dyn CloudControl,
    queue: &str,
    id: SmolStr,
) -> Result<Tested, ProviderError> {
    control.send_test_event(queue, &id).await?;
    let (took, queue) = watch(|| cloud.queue(queue)).await?;
    Ok(Tested { id, took, queue })
}

/// Looks at a queue until it is empty or the patience is over; gives how long it took, and how the queue stood at last.
async fn watch<A>(mut look: impl FnMut() -> A) -> Result<(Option<Duration>, Queue), ProviderError>
where
    A: Future<Output = Result<Queue, ProviderError>>,
{
    let began = Instant::now();
    let (mut empty, mut since) = (0, None);
    loop {
        sleep(PACE).await;
        let stands = look().await?;
        if stands.waiting.saturating_add(stands.taken) == 0 {
            empty += 1;
            since = since.or_else(|| Some(began.elapsed()));
        } else {
            (empty, since) = (0, None);
        }
        let worked_on = empty >= EMPTY;
        if worked_on || began.elapsed() >= PATIENCE {
            return Ok((since.filter(|_| worked_on), stands));
        }
    }
}

/// An id for a test event, which no other has.
pub fn test_id() -> SmolStr {
    smol_str::format_smolstr!("k3fleet-test-{:016x}", fastrand::u64(..))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a queue whose depth is told like this, one look after the other; the last word stays.
    async fn watched(depths: &[u64]) -> (Option<u64>, u64) {
        let mut depths = depths.iter();
        let mut last = 0;
        let look = || {
            last = *depths.next().unwrap_or(&last);
            let url = SmolStr::default();
            std::future::ready(Ok(Queue {
                url,
                waiting: 0,
                taken: last,
            }))
        };
        let (took, queue) = watch(look).await.unwrap();
        (took.map(|took| took.as_secs()), queue.taken)
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_is_done_with_once_it_stays_empty() {
        assert_eq!(watched(&[0]).await, (Some(2), 0));
        assert_eq!(watched(&[1, 1, 0]).await, (Some(6), 0));
        let soon_told_otherwise = [0, 0, 1, 0, 0, 0, 1, 0];
        assert_eq!(watched(&soon_told_otherwise).await, (Some(16), 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reaper_that_takes_an_event_and_is_never_done_does_not_work() {
        let began = Instant::now();
        assert_eq!(watched(&[1]).await, (None, 1));
        assert_eq!(began.elapsed(), PATIENCE);
    }

    #[test]
    fn each_test_event_has_an_id_of_its_own() {
        assert_ne!(test_id(), test_id());
    }
}
