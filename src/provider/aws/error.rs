//! What AWS says no with, in the fleet's words: the class of the failure, and AWS' own message without its noise;
//! [`mend`] adds what to do about it.
//!
//! A refusal comes as XML (EC2, Auto Scaling, IAM, STS) or JSON (the others) with a code; the SDK reads the form that belongs
//! to the service, and [`code_in`] the other one, which proxies and gateways send. Without any code the HTTP status
//! decides. No answer at all ends in [`FaultKind::Unreachable`], or in [`FaultKind::Credentials`] when the request
//! could not even be signed.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::Value;
use smol_str::{SmolStr, format_smolstr};

use super::mend::{NO_CREDENTIALS, mend};
use crate::fleet::{FaultKind, Scope};
use crate::provider::ProviderError;

/// The longest message that is passed on, in characters.
const LONGEST: usize = 300;

/// The calls whose answers hold secrets: one that is not understood is not quoted.
const TELLS_SECRETS: [&str; 4] = [
    "ssm:GetParameter",
    "ssm:GetParameterHistory",
    "secretsmanager:GetSecretValue",
    "ec2:DescribeLaunchTemplateVersions",
];

/// Translates the failure of one call.
pub(super) fn translate<E>(call: &str, scope: &Scope, error: &SdkError<E, HttpResponse>) -> ProviderError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let (kind, code, message) = read(error, TELLS_SECRETS.contains(&call));
    let message = code.as_deref().map_or_else(
        || tidy(&message),
        |code| {
            if message.is_empty() {
                SmolStr::new(code)
            } else {
                format_smolstr!("{code}: {}", tidy(&message))
            }
        },
    );
    ProviderError {
        kind,
        call: SmolStr::new(call),
        target: format_smolstr!("{scope}"),
        mend: mend(kind, call, scope, code.as_deref().unwrap_or_default(), &message),
        message,
    }
}

/// An answer that came whole but makes no sense.
pub(super) fn malformed(call: &str, scope: &Scope, message: impl AsRef<str>) -> ProviderError {
    ours(FaultKind::Malformed, call, scope, message.as_ref())
}

/// A no that comes without any of AWS' codes.
pub(super) fn refused(call: &str, scope: &Scope, message: impl AsRef<str>) -> ProviderError {
    ours(FaultKind::Other, call, scope, message.as_ref())
}

/// A refusal with a code that came within an answer.
pub(super) fn said(call: &str, scope: &Scope, code: &str, message: &str) -> ProviderError {
    let kind = kind_of_code(code).unwrap_or(FaultKind::Other);
    let message = match (code, tidy(message)) {
        ("", message) => message,
        (code, message) if message.is_empty() => SmolStr::new(code),
        (code, message) => format_smolstr!("{code}: {message}"),
    };
    ProviderError {
        kind,
        call: SmolStr::new(call),
        target: format_smolstr!("{scope}"),
        mend: mend(kind, call, scope, code, &message),
        message,
    }
}

/// A failure in our own words.
fn ours(kind: FaultKind, call: &str, scope: &Scope, message: &str) -> ProviderError {
    ProviderError {
        kind,
        call: SmolStr::new(call),
        target: format_smolstr!("{scope}"),
        message: tidy(message),
        mend: mend(kind, call, scope, "", ""),
    }
}

/// The class of the failure, AWS' code, and its message; in a `secret` answer nothing but AWS' own code and message is
/// read.
fn read<E>(error: &SdkError<E, HttpResponse>, secret: bool) -> (FaultKind, Option<String>, String)
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    if let Some(cause) = credentials_cause(error) {
        return (FaultKind::Credentials, None, cause);
    }
    if let SdkError::ResponseError(context) = error
        && context.raw().body().bytes().is_none()
    {
        let message = format!("the answer broke off: {}", root_cause(error));
        return (FaultKind::Unreachable, None, message);
    }
    match error {
        SdkError::ServiceError(context) if context.err().code().is_some() => {
            let code = context.err().code().map(str::to_owned);
            let kind = kind_of_code(code.as_deref().unwrap_or_default())
                .unwrap_or_else(|| kind_of_status(context.raw().status().as_u16(), FaultKind::Other));
            (kind, code, context.err().message().unwrap_or_default().to_owned())
        }
        SdkError::ServiceError(context) => read_response(context.raw(), FaultKind::Malformed, secret),
        SdkError::ResponseError(context) => read_response(context.raw(), FaultKind::Malformed, secret),
        SdkError::TimeoutError(_) => (
            FaultKind::Unreachable,
            None,
            format!("no answer in time: {}", root_cause(error)),
        ),
        SdkError::DispatchFailure(_) => (FaultKind::Unreachable, None, root_cause(error)),
        _ => (FaultKind::Other, None, root_cause(error)),
    }
}

/// The class, code and message of a raw response.
fn read_response(response: &HttpResponse, otherwise: FaultKind, secret: bool) -> (FaultKind, Option<String>, String) {
    let status = response.status().as_u16();
    let body = response.body().bytes().unwrap_or_default();
    match code_in(body) {
        Some((code, message)) => {
            let kind = kind_of_code(&code).unwrap_or_else(|| kind_of_status(status, FaultKind::Other));
            (kind, Some(code), message)
        }
        None => {
            let start: String = String::from_utf8_lossy(body).chars().take(LONGEST).collect();
            let message = if start.trim().is_empty() {
                format!("HTTP {status} without a body")
            } else if secret {
                format!("HTTP {status} with a body that is not an answer of this service")
            } else {
                format!("HTTP {status} with a body that is not an answer of this service: {start}")
            };
            (kind_of_status(status, otherwise), None, message)
        }
    }
}

/// The class of a raw response that refuses.
pub(super) fn kind_of_response(response: &HttpResponse) -> FaultKind {
    read_response(response, FaultKind::Malformed, true).0
}

/// Whether the failure is the server's own, without any of AWS' codes: emulators answer so to what they lack.
pub(super) fn is_bare_server_error<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    status >= 500 && error.code().is_none()
}

/// The code and message of an error document, XML or JSON.
fn code_in(body: &[u8]) -> Option<(String, String)> {
    let text = std::str::from_utf8(body).ok()?;
    if text.trim_start().starts_with('{') {
        let Ok(Value::Object(fields)) = serde_json::from_str(text) else {
            return None;
        };
        let field = |names: &[&str]| names.iter().find_map(|name| fields.get(*name)?.as_str());
        let code = field(&["__type", "code", "Code"])?;
        // `com.amazon.coral.service#AccessDeniedException:http://…`
        let code = code.rsplit('#').next()?.split(':').next()?;
        let message = field(&["message", "Message"]).unwrap_or_default();
        return Some((code.to_owned(), message.to_owned()));
    }
    let code = element(text, "Code")?;
    Some((code, element(text, "Message").unwrap_or_default()))
}

/// The text of the first element of this name.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    Some(text.replace("&apos;", "'").replace("&amp;", "&").trim().to_owned())
}

/// The class of AWS' error codes; `None` for one that tells of nothing general.
pub(super) fn kind_of_code(code: &str) -> Option<FaultKind> {
    // `Client.RequestLimitExceeded` and the like come from old EC2 API versions.
    let code = code
        .strip_prefix("Client.")
        .or_else(|| code.strip_prefix("Server."))
        .unwrap_or(code);
    Some(match code {
        "RequestLimitExceeded"
        | "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "EC2ThrottledException"
        | "BandwidthLimitExceeded"
        | "PriorRequestNotComplete"
        | "SlowDown"
        // Another change of the same thing is under way: this one was not taken.
        | "ResourceContention"
        | "ScalingActivityInProgress"
        | "TooManyUpdates" => FaultKind::Throttled,
        "UnauthorizedOperation"
        | "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedAccess"
        | "NotAuthorized"
        | "OptInRequired"
        | "AuthFailure.ServiceLinkedRoleCreationNotPermitted" => FaultKind::Denied,
        "AuthFailure"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "UnrecognizedClient"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "InvalidToken"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException" => FaultKind::Credentials,
        "InsufficientInstanceCapacity"
        | "InsufficientCapacity"
        | "InsufficientHostCapacity"
        | "InsufficientReservedInstanceCapacity"
        | "InsufficientFreeAddressesInSubnet"
        | "UnfulfillableCapacity"
        | "MaxSpotInstanceCountExceeded"
        | "SpotMaxPriceTooLow"
        | "VcpuLimitExceeded"
        // A type that is not sold in a zone.
        | "Unsupported" => FaultKind::NoCapacity,
        "DependencyViolation"
        | "DeleteConflict"
        | "ResourceInUse"
        | "VolumeInUse"
        | "ConcurrentModification"
        | "EntityTemporarilyUnmodifiable" => FaultKind::NotYet,
        "InvalidAction"
        | "UnknownOperation"
        | "UnknownOperationException"
        | "UnsupportedOperation"
        | "NotImplemented" => FaultKind::Unsupported,
        "ServiceUnavailable"
        | "Unavailable"
        | "InternalError"
        | "InternalFailure"
        | "InternalErrorException"
        | "InternalServerError"
        | "RequestTimeout" => FaultKind::Unreachable,
        _ => return None,
    })
}

fn kind_of_status(status: u16, otherwise: FaultKind) -> FaultKind {
    match status {
        401 | 403 => FaultKind::Denied,
        429 => FaultKind::Throttled,
        500.. => FaultKind::Unreachable,
        _ => otherwise,
    }
}

/// Why no credentials could be had, when that is what stopped the request.
fn credentials_cause(error: &(dyn Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(this) = cause {
        match this.downcast_ref::<CredentialsError>() {
            // The SDK lists every way that was not set up: all of them, so none is worth telling.
            Some(CredentialsError::CredentialsNotLoaded(_)) => return Some(NO_CREDENTIALS.to_owned()),
            Some(_) => {
                let why = root_cause(this);
                // The machine's own role is the last way of the chain: nothing before it was set up either.
                return Some(if why.contains("IMDS") {
                    format!("{NO_CREDENTIALS}; {why}")
                } else {
                    why
                });
            }
            None => cause = this.source(),
        }
    }
    let why = root_cause(error);
    // The SDK keeps this error's type to itself.
    why.starts_with("identity resolver timed out")
        .then(|| format!("the login took too long: {why}"))
}

/// The last of the causes: the one that says what really happened.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

/// A message on one line, without what only AWS can decode, and not too long.
fn tidy(message: &str) -> SmolStr {
    let readable = message
        .split_once("Encoded authorization failure message:")
        .map_or(message, |(readable, _)| readable);
    let mut line = String::new();
    for word in readable.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if line.chars().count() > LONGEST {
        line = line.chars().take(LONGEST - 1).chain(['…']).collect();
    }
    SmolStr::new(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(code: &str) -> Option<FaultKind> {
        kind_of_code(code)
    }

    #[test]
    fn codes_are_classed() {
        for (code, expected) in [
            ("RequestLimitExceeded", FaultKind::Throttled),
            ("Client.RequestLimitExceeded", FaultKind::Throttled),
            ("ThrottlingException", FaultKind::Throttled),
            ("ResourceContention", FaultKind::Throttled),
            ("TooManyUpdates", FaultKind::Throttled),
            ("UnauthorizedOperation", FaultKind::Denied),
            ("AccessDeniedException", FaultKind::Denied),
            ("ExpiredToken", FaultKind::Credentials),
            ("InvalidClientTokenId", FaultKind::Credentials),
            ("InternalError", FaultKind::Unreachable),
            ("InvalidAction", FaultKind::Unsupported),
            ("Server.InsufficientInstanceCapacity", FaultKind::NoCapacity),
            ("MaxSpotInstanceCountExceeded", FaultKind::NoCapacity),
            ("DependencyViolation", FaultKind::NotYet),
            ("DeleteConflict", FaultKind::NotYet),
        ] {
            assert_eq!(kind(code), Some(expected), "{code}");
        }
        assert_eq!(kind("InvalidParameterValue"), None);
    }

    #[test]
    fn error_documents_of_both_forms_are_read() {
        let ec2 = b"<?xml version=\"1.0\"?><Response><Errors><Error><Code>UnauthorizedOperation</Code>\
            <Message>You are &quot;not&quot; authorized &amp; so on</Message></Error></Errors></Response>";
        let (code, message) = code_in(ec2).unwrap();
        assert_eq!(code, "UnauthorizedOperation");
        assert_eq!(message, "You are \"not\" authorized & so on");

        let json = br#"{"__type":"com.amazonaws#AccessDeniedException:http://x/","Message":"no"}"#;
        assert_eq!(
            code_in(json),
            Some(("AccessDeniedException".to_owned(), "no".to_owned()))
        );

        for junk in [
            &b"<html>502</html>"[..],
            b"",
            b"{\"a\":",
            b"{}",
            b"\xff\xfe",
            b"<Code>",
            b"[1]",
        ] {
            assert_eq!(code_in(junk), None, "{junk:?}");
        }
    }

    #[test]
    fn messages_lose_their_encoded_part_and_their_line_ends() {
        let said = "You are not authorized.\n Encoded authorization failure message: AbCdEf0123";
        assert_eq!(tidy(said), "You are not authorized.");
        let long = tidy(&"ä".repeat(1000));
        assert_eq!(long.chars().count(), LONGEST);
        assert!(long.ends_with('…'));
    }
}
