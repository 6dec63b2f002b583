//! How old the oldest message of a queue is: SQS tells it to CloudWatch alone, minute by minute, and some minutes late.
//!
//! Calls of CloudWatch cost money beyond a number that is free each month, and no more is known within the minute: what
//! was told is kept for so long.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use http::Method;
use jiff::{SignedDuration, Timestamp};
use smol_str::SmolStr;

use super::AwsCloud;
use super::signed::{self, Ask, element};
use crate::provider::Result;

pub(super) const CALL: &str = "cloudwatch:GetMetricStatistics";

/// For how long an answer is kept, and the time of one point of the metric.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
/// How old the newest point may be: what is older says nothing of the messages that lie there now.
const FRESH: SignedDuration = SignedDuration::from_mins(5);

/// When it was asked, and what was told.
type Answer = (Timestamp, Result<Option<Timestamp>>);

/// The answers of the last minute, by the URLs of their queues.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<HashMap<SmolStr, Answer>>);

/// When the oldest message of a queue was sent, about.
pub(super) async fn oldest(cloud: &AwsCloud, url: &str) -> Result<Option<Timestamp>> {
    let now = (cloud.clock)();
    let is_new = |at: Timestamp| now.duration_since(at) < MINUTE;
    let lock = || cloud.oldest.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, told)) = lock().get(url).filter(|(at, _)| is_new(*at)) {
        return told.clone();
    }
    let told = ask(cloud, url.rsplit('/').next().unwrap_or(url)).await;
    let mut all = lock();
    all.retain(|_, (at, _)| is_new(*at));
    all.insert(url.into(), (now, told.clone()));
    told
}

/// Asks CloudWatch, of a queue by its name. A queue that it does not know has no points.
pub(super) async fn ask(cloud: &AwsCloud, queue: &str) -> Result<Option<Timestamp>> {
    let now = (cloud.clock)();
    let second = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let from = now.checked_sub(FRESH).unwrap_or(now);
    let fields = [
        ("Action", "GetMetricStatistics"),
        ("Version", "2010-08-01"),
        ("Namespace", "AWS/SQS"),
        ("MetricName", "ApproximateAgeOfOldestMessage"),
        ("Dimensions.member.1.Name", "QueueName"),
        ("Dimensions.member.1.Value", queue),
        ("Statistics.member.1", "Maximum"),
        ("Period", "60"),
        ("StartTime", &second(from)),
        ("EndTime", &second(now)),
    ];
    let pairs = fields.map(|(name, value)| format!("{name}={}", signed::in_query(value.as_bytes())));
    let ask = Ask {
        call: CALL,
        service: "monitoring",
        host: None,
        method: Method::POST,
        path: "/",
        content: Some("application/x-www-form-urlencoded"),
        body: pairs.join("&").into_bytes(),
    };
    let answer = signed::send(cloud, ask).await?;
    match answer.status().is_success() {
        true => Ok(read(&String::from_utf8_lossy(answer.body()), now)),
        false => Err(signed::refused(cloud, CALL, &answer)),
    }
}

/// When the oldest message was sent, by the newest point. A point is told by the beginning of its minute, at the end of which
/// a message is oldest.
fn read(xml: &str, now: Timestamp) -> Option<Timestamp> {
    let point = |member: &str| {
        let at: Timestamp = element(member, "Timestamp")?.parse().ok()?;
        let seconds: f64 = element(member, "Maximum")?.parse().ok()?;
        Some((at, seconds))
    };
    let points = xml.split("<member>").skip(1).filter_map(point);
    let (at, seconds) = points.max_by_key(|(at, _)| *at)?;
    let age = SignedDuration::try_from_secs_f64(seconds).ok();
    // Nothing lay there then.
    let age = age.filter(|age| age.is_positive())?;
    let sent = at.checked_add(MINUTE).ok()?.checked_sub(age).ok()?;
    Some(sent.min(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at: &str, seconds: &str) -> String {
        format!("<member><Timestamp>{at}</Timestamp><Maximum>{seconds}</Maximum><Unit>Seconds</Unit></member>")
    }

    #[test]
    fn the_newest_point_tells_when_the_oldest_message_was_sent() {
        let now = "2026-11-22T12:03:00Z".parse().unwrap();
        let told = |points: &[String]| {
            let xml = format!("<Datapoints>{}</Datapoints>", points.concat());
            read(&xml, now).map(|at| at.to_string())
        };
        let at = |minute: u8, seconds| point(&format!("2026-11-22T12:0{minute}:00Z"), seconds);
        assert_eq!(
            told(&[at(1, "90.0"), at(0, "400.0")]).as_deref(),
            Some("2026-11-22T12:00:30Z")
        );
        assert_eq!(
            told(&[at(2, "1.5E1")]).as_deref(),
            Some("2026-11-22T12:02:45Z"),
            "as Java writes numbers"
        );
        assert_eq!(told(&[at(1, "90.0"), at(2, "0.0")]), None, "it was empty since");
        assert_eq!(told(&[]), None);
        assert_eq!(told(&[at(3, "NaN"), "<member></member>".to_owned()]), None);
    }
}
