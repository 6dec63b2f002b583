//! Hears every request that goes out and every answer that comes back, retries included: it counts them against
//! the [`Budget`], reads the server's clock, and refuses what is no whole answer. The SDK reads any XML leniently: the
//! login page of a proxy would pass as a list of no instances, and empty the fleet.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::UNIX_EPOCH;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeDeserializationInterceptorContextRef,
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;
use smol_str::{SmolStr, format_smolstr};

use super::budget::Budget;
use super::error;
use crate::fleet::FaultKind;

/// Stands for "no answer yet" in [`Meter::skew`].
const UNKNOWN: i64 = i64::MIN;

/// The interceptor of all our clients of one profile in one region.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    pub(super) budget: Arc<Budget>,
    skew: Arc<AtomicI64>,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self {
            budget: Arc::new(Budget::new()),
            skew: Arc::new(AtomicI64::new(UNKNOWN)),
        }
    }

    /// The server's clock minus ours in seconds (its header is exact to a second), by the latest answer.
    pub(super) fn skew(&self) -> Option<i64> {
        let skew = self.skew.load(Ordering::Relaxed);
        (skew != UNKNOWN).then_some(skew)
    }
}

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "k3fleet-meter"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(api) = api(cfg) {
            let is_retry = cfg.load::<RequestAttempts>().is_some_and(|made| made.attempts() > 1);
            self.budget.sent(&api, is_retry);
        }
        Ok(())
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let server = context.response().headers().get("date");
        let server = server.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        let ours = components.time_source().map(|clock| clock.now());
        let ours = ours.and_then(|now| now.duration_since(UNIX_EPOCH).ok());
        if let (Some(server), Some(ours)) = (server, ours) {
            let ours = i64::try_from(ours.as_secs()).unwrap_or(i64::MAX);
            self.skew.store(server.secs().saturating_sub(ours), Ordering::Relaxed);
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let Some(operation) = cfg.load::<Metadata>() else {
            return Ok(());
        };
        let body = response.body().bytes().unwrap_or_default();
        let is_answer = match operation.service() {
            "Pricing" | "SSM" | "SQS" | "Secrets Manager" | "Resource Groups Tagging API" => {
                is_object(body) || (body.is_empty() && operation.name() == "TagResource")
            }
            _ => is_whole(body, operation.name()),
        };
        if response.status().is_success() && !is_answer {
            return Err(format!("the body is no whole {}Response", operation.name()).into());
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let refusal = context.response().filter(|response| response.status().as_u16() >= 400);
        if let (Some(api), Some(response)) = (api(cfg), refusal)
            && error::kind_of_response(response) == FaultKind::Throttled
        {
            self.budget.throttled(&api);
        }
        Ok(())
    }
}

/// The API that is being called, as IAM names it.
fn api(cfg: &ConfigBag) -> Option<SmolStr> {
    let operation = cfg.load::<Metadata>()?;
    let service = match operation.service() {
        "EC2" => "ec2",
        "Auto Scaling" => "autoscaling",
        "Pricing" => "pricing",
        "SSM" => "ssm",
        "STS" => "sts",
        "IAM" => "iam",
        "CloudFormation" => "cloudformation",
        "SQS" => "sqs",
        "Secrets Manager" => "secretsmanager",
        "Resource Groups Tagging API" => "tag",
        other => other,
    };
    Some(format_smolstr!("{service}:{}", operation.name()))
}

/// Whether a body may be a JSON object: the SDK does not look at it where the answer says nothing.
fn is_object(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    body.starts_with(b"{") && body.ends_with(b"}")
}

/// Whether a body is one `<…Response>` element of this operation, from its start to its end.
fn is_whole(body: &[u8], operation: &str) -> bool {
    let body = body.trim_ascii();
    let root = if body.starts_with(b"<?xml") {
        let declaration = body.windows(2).position(|pair| pair == b"?>");
        let rest = declaration.and_then(|end| body.get(end + 2..));
        rest.unwrap_or_default().trim_ascii_start()
    } else {
        body
    };
    let name = format!("{operation}Response");
    let Some(rest) = root
        .strip_prefix(b"<")
        .and_then(|rest| rest.strip_prefix(name.as_bytes()))
    else {
        return false;
    };
    let is_alone = rest.ends_with(b"/>") && !rest.contains(&b'<');
    let is_named = matches!(rest.first(), Some(b'>' | b'/' | b' ' | b'\n' | b'\r' | b'\t'));
    is_named && (is_alone || rest.ends_with(format!("</{name}>").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_is_an_answer_in_json() {
        for whole in ["{}", " {\"Version\": 1}\n"] {
            assert!(is_object(whole.as_bytes()), "{whole}");
        }
        for other in ["", "{", "}", "[]", "<html></html>", "{\"Version\": 1"] {
            assert!(!is_object(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn only_a_whole_answer_of_the_operation_is_one() {
        for whole in [
            "<RunResponse></RunResponse>",
            "<RunResponse xmlns=\"x\"><a/></RunResponse>\n",
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\n<RunResponse\n xmlns=\"x\"></RunResponse>",
            "<RunResponse/>",
        ] {
            assert!(is_whole(whole.as_bytes(), "Run"), "{whole}");
        }
        for other in [
            "",
            "{}",
            "<html></html>",
            "<!doctype html><html></html>",
            "<RunResponse><a>",
            "<RunResponse><a/>",
            "<RunResponse",
            "<RunResponses></RunResponses>",
            "<StopResponse></StopResponse>",
            "<?xml version=\"1.0\"",
            "<?xml ?>",
        ] {
            assert!(!is_whole(other.as_bytes(), "Run"), "{other}");
        }
    }
}
