//! Calls to services that are asked so little that no SDK of theirs is built in: signed as the SDKs sign theirs, with the
//! same credentials, to the same endpoints.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request, Response, Uri};
use smol_str::SmolStr;

use super::{AwsCloud, error};
use crate::fleet::FaultKind;
use crate::provider::kube::plain::answer;
use crate::provider::{ProviderError, Result};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// With what requests are signed, and where they go.
#[derive(Debug)]
pub(super) struct Signer {
    pub(super) credentials: Option<SharedCredentialsProvider>,
    /// An endpoint of the user's choice, for all services.
    pub(super) endpoint: Option<String>,
}

/// A request to be signed.
pub(super) struct Ask<'a> {
    /// What is asked for, as IAM names it.
    pub(super) call: &'static str,
    /// The service, as signatures name it.
    pub(super) service: &'static str,
    /// What stands before the service's host name, where that is part of it: a bucket.
    pub(super) host: Option<&'a str>,
    pub(super) method: Method,
    /// The path and query, encoded.
    pub(super) path: &'a str,
    /// What the body is, where the service wants to be told.
    pub(super) content: Option<&'static str>,
    pub(super) body: Vec<u8>,
}

/// Makes one call once the budget allows it; gives the answer whatever its status is.
pub(super) async fn send(cloud: &AwsCloud, ask: Ask<'_>) -> Result<Response<Bytes>> {
    cloud.meter.budget.acquire(ask.call).await;
    let failed = |kind: FaultKind, why: String| ProviderError {
        kind,
        ..error::refused(ask.call, &cloud.scope, why)
    };
    let broken =
        |why: &dyn std::fmt::Display| failed(FaultKind::Other, format!("the request is not understood: {why}"));
    let (server, path) = place(cloud, &ask);
    let server: Uri = server.parse().map_err(|why| broken(&why))?;
    let host = server.authority().map(ToString::to_string).unwrap_or_default();
    let url = format!("{}://{host}{path}", server.scheme_str().unwrap_or("https"));

    let nobody = || failed(FaultKind::Credentials, "no credentials are known".to_owned());
    let provider = cloud.signer.credentials.as_ref().ok_or_else(nobody)?;
    let credentials = provider.provide_credentials().await;
    let credentials = credentials.map_err(|why| failed(FaultKind::Credentials, why.to_string()))?;
    let identity = credentials.into();
    let mut settings = SigningSettings::default();
    if ask.service == "s3" {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(cloud.scope.region.as_str())
        .name(ask.service)
        .time(SystemTime::now())
        .settings(settings)
        .build();
    let params = params.map_err(|why| broken(&why))?.into();
    let body = SignableBody::Bytes(&ask.body);
    let headers = [("host", host.as_str())];
    let signable = SignableRequest::new(ask.method.as_str(), &url, headers.into_iter(), body);
    let signed = sign(signable.map_err(|why| broken(&why))?, &params).map_err(|why| broken(&why))?;
    let (instructions, _) = signed.into_parts();

    let request = Request::builder()
        .method(ask.method.clone())
        .uri(&path)
        .header(HOST, &host);
    let request = match ask.content {
        Some(content) => request.header(CONTENT_TYPE, content),
        None => request,
    };
    let mut request = request.body(ask.body.clone()).map_err(|why| broken(&why))?;
    instructions.apply_to_request_http1x(&mut request);
    answer(&server, request, PATIENCE)
        .await
        .map_err(|(kind, why)| failed(kind, why))
}

/// The server, and the path there.
fn place(cloud: &AwsCloud, ask: &Ask<'_>) -> (String, String) {
    if let Some(endpoint) = &cloud.signer.endpoint {
        let bucket = ask.host.map_or_else(String::new, |host| format!("/{host}"));
        return (endpoint.clone(), format!("{bucket}{}", ask.path));
    }
    let region = &cloud.scope.region;
    let domain = match region.starts_with("cn-") {
        true => "amazonaws.com.cn",
        false => "amazonaws.com",
    };
    let before = ask.host.map_or_else(String::new, |host| format!("{host}."));
    let server = format!("https://{before}{}.{region}.{domain}", ask.service);
    (server, ask.path.to_owned())
}

/// A refusal in the fleet's words: its code and message as the service tells them, in XML or JSON.
pub(super) fn refused(cloud: &AwsCloud, call: &str, answer: &Response<Bytes>) -> ProviderError {
    let text = String::from_utf8_lossy(answer.body());
    let json: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    let of_json = |key: &str| Some(json.as_ref()?.get(key)?.as_str()?.to_owned());
    let message = element(&text, "Message").map(str::to_owned);
    let message = message.or_else(|| of_json("message")).or_else(|| of_json("Message"));
    let code = element(&text, "Code").map(str::to_owned).or_else(|| code_of(answer));
    let code = code.unwrap_or_else(|| format!("HTTP {}", answer.status().as_u16()));
    let mut error = error::said(call, &cloud.scope, &code, &message.unwrap_or_default());
    match answer.status().as_u16() {
        // Something else is being done to it, or was asked too much: it goes better later.
        409 => error.kind = FaultKind::NotYet,
        429 | 503 => error.kind = FaultKind::Throttled,
        500.. => error.kind = FaultKind::Unreachable,
        _ => {}
    }
    error
}

/// The code of a refusal in JSON, which stands in a header.
pub(super) fn code_of(answer: &Response<Bytes>) -> Option<String> {
    let header = answer.headers().get("x-amzn-errortype")?.to_str().ok()?;
    Some(header.split(':').next().unwrap_or(header).to_owned())
}

/// The text of the first element of a name in XML that has no attributes there.
pub(super) fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

/// As it stands in a path: all but unreserved characters and slashes encoded.
pub(super) fn in_path(text: &[u8]) -> String {
    encoded(text, |byte| byte == b'/')
}

/// As it stands in a query.
pub(super) fn in_query(text: &[u8]) -> String {
    encoded(text, |_| false)
}

fn encoded(text: &[u8], besides: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(*byte)),
            byte if besides(*byte) => out.push(char::from(*byte)),
            byte => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// What was encoded for a query by somebody else, who may have written blanks as `+`.
pub(super) fn decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let digit = |byte: Option<u8>| {
            byte.and_then(|b| char::from(b).to_digit(16))
                .and_then(|d| u8::try_from(d).ok())
        };
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                if let (Some(high), Some(low)) = (digit(bytes.next()), digit(bytes.next())) {
                    out.push(high * 16 + low);
                }
            }
            byte => out.push(byte),
        }
    }
    out
}

/// The last part of an ARN, by which its service knows the thing.
pub(super) fn name_in(arn: &str) -> SmolStr {
    SmolStr::new(arn.rsplit(':').next().unwrap_or(arn))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_read_back() {
        let name = "etcd snapshots/ip 10+1=ü.zip";
        assert_eq!(in_path(name.as_bytes()), "etcd%20snapshots/ip%2010%2B1%3D%C3%BC.zip");
        assert_eq!(decoded(&in_query(name.as_bytes())), name.as_bytes());
        assert_eq!(decoded("a+b%2"), b"a b");
    }

    #[test]
    fn elements_are_found_by_name() {
        let xml = "<Error><Code>NoSuchBucket</Code><Message>The bucket</Message></Error>";
        assert_eq!(
            (element(xml, "Code"), element(xml, "Key")),
            (Some("NoSuchBucket"), None)
        );
    }
}
