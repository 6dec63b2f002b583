//! Most of what EC2 says of an instance is read by nobody here, and reading it is most of the work: with thousands
//! of instances, each listing would take the better part of a second of CPU, and the SDK's types many megabytes.
//! [`Sieve`] cuts such elements out of the XML while it comes in, before the SDK parses the rest.
//!
//! An element that is cut never holds another one of its own name. What is no XML passes as it is, so that it is
//! recognised for what it is later on.

use std::pin::Pin;
use std::task::{Context, Poll};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextMut;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use bytes::Bytes;
use http_body::{Body, Frame};
use memchr::{memchr, memmem};

/// What is not read of a reservation or an instance.
const INSTANCES: &[&str] = &[
    "amiLaunchIndex",
    "blockDeviceMapping",
    "bootMode",
    "capacityReservationSpecification",
    "clientToken",
    "cpuOptions",
    "currentInstanceBootMode",
    "dnsName",
    "ebsOptimized",
    "enaSupport",
    "enclaveOptions",
    "groupSet",
    "hibernationOptions",
    "hypervisor",
    "iamInstanceProfile",
    "keyName",
    "maintenanceOptions",
    "metadataOptions",
    "monitoring",
    "networkInterfaceSet",
    "networkPerformanceOptions",
    "operator",
    "ownerId",
    "platformDetails",
    "privateDnsNameOptions",
    "productCodes",
    "requesterId",
    "reservationId",
    "rootDeviceName",
    "rootDeviceType",
    "sourceDestCheck",
    "spotInstanceRequestId",
    "subnetId",
    "usageOperation",
    "usageOperationUpdateTime",
    "virtualizationType",
];

/// What is not read of an Auto Scaling group or its members. `LaunchTemplate` itself is not cut: in a policy it holds
/// the instance types.
const GROUPS: &[&str] = &[
    "AvailabilityZone",
    "AvailabilityZoneDistribution",
    "CreatedTime",
    "DefaultCooldown",
    "EnabledMetrics",
    "HealthCheckGracePeriod",
    "HealthCheckType",
    "LaunchConfigurationName",
    "LaunchTemplateId",
    "LaunchTemplateName",
    "LaunchTemplateSpecification",
    "PropagateAtLaunch",
    "ResourceId",
    "ResourceType",
    "ServiceLinkedRoleARN",
    "VPCZoneIdentifier",
    "Version",
];

/// The elements to cut out of an operation's answers.
fn cuts(operation: &str) -> &'static [&'static str] {
    match operation {
        "DescribeInstances" => INSTANCES,
        "DescribeAutoScalingGroups" => GROUPS,
        _ => &[],
    }
}

/// The interceptor that puts a sieve before the long listings.
#[derive(Debug)]
pub(super) struct Sifting;

impl Intercept for Sifting {
    fn name(&self) -> &'static str {
        "k3fleet-sieve"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let cuts = cfg.load::<Metadata>().map_or(&[][..], |call| cuts(call.name()));
        let response = context.response_mut();
        if !cuts.is_empty() && response.status().is_success() {
            let body = std::mem::replace(response.body_mut(), SdkBody::taken());
            *response.body_mut() = SdkBody::from_body_1_x(Sifted {
                body,
                sieve: Some(Sieve::new(cuts)),
            });
        }
        Ok(())
    }
}

/// A body behind a sieve.
struct Sifted {
    body: SdkBody,
    /// `None` once the body has ended.
    sieve: Option<Sieve>,
}

impl Body for Sifted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            let Sifted { body, sieve } = &mut *self;
            let frame = std::task::ready!(Pin::new(body).poll_frame(cx));
            let kept = match frame.transpose()?.map(Frame::into_data) {
                Some(Ok(data)) => sieve.as_mut().map(|sieve| sieve.pass(&data)),
                // Trailers say nothing here.
                Some(Err(_trailers)) => continue,
                None => match sieve.take() {
                    Some(sieve) => Some(sieve.end()),
                    None => return Poll::Ready(None),
                },
            };
            match kept {
                Some(kept) if !kept.is_empty() => return Poll::Ready(Some(Ok(Frame::data(kept.into())))),
                _ => {}
            }
        }
    }
}

/// Cuts elements out of XML that comes in pieces.
struct Sieve {
    cuts: &'static [&'static str],
    /// The length of the shortest name to cut, at least one.
    shortest: usize,
    /// The end tag of the element that is being cut.
    until: Option<Vec<u8>>,
    /// The start of a tag whose end is still to come.
    rest: Vec<u8>,
}

impl Sieve {
    fn new(cuts: &'static [&'static str]) -> Self {
        Self {
            cuts,
            shortest: cuts.iter().map(|cut| cut.len()).min().unwrap_or(1).max(1),
            until: None,
            rest: Vec::new(),
        }
    }

    /// What is kept of the next piece, and of what was left of those before it.
    fn pass(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut kept = Vec::with_capacity(piece.len() / 2);
        let mut data = std::mem::take(&mut self.rest);
        let undecided = if data.is_empty() {
            self.sift(piece, &mut kept)
        } else {
            data.extend_from_slice(piece);
            self.sift(&data, &mut kept)
        };
        self.rest = undecided;
        kept
    }

    /// What is kept of the last piece's rest.
    fn end(self) -> Vec<u8> {
        match self.until {
            Some(_) => Vec::new(),
            None => self.rest,
        }
    }

    /// Keeps what is to be kept; gives what cannot be told yet.
    fn sift(&mut self, mut data: &[u8], kept: &mut Vec<u8>) -> Vec<u8> {
        loop {
            if let Some(until) = &self.until {
                let Some(at) = memmem::find(data, until) else {
                    return tail(data, until.len().saturating_sub(1)).to_vec();
                };
                data = data.get(at + until.len()..).unwrap_or_default();
                self.until = None;
            }
            let mut from = data;
            // Runs of what is kept are copied at once.
            loop {
                let Some((tag, rest)) = next_tag(data) else {
                    let open = memchr(b'<', data).map_or(from.len(), |at| from.len() - data.len() + at);
                    let (sure, undecided) = from.split_at_checked(open).unwrap_or((from, &[]));
                    kept.extend_from_slice(sure);
                    return undecided.to_vec();
                };
                data = rest;
                let Some(name) = self.cut(tag) else { continue };
                let before = from.len() - rest.len() - tag.len();
                kept.extend_from_slice(from.get(..before).unwrap_or_default());
                if tag.ends_with(b"/>") {
                    from = rest;
                } else {
                    self.until = Some(format!("</{name}>").into_bytes());
                    break;
                }
            }
        }
    }

    /// The name of the element that a tag starts, if it is to be cut.
    fn cut(&self, tag: &[u8]) -> Option<&'static str> {
        let inner = tag.strip_prefix(b"<")?.strip_suffix(b">")?;
        let end = inner
            .iter()
            .position(|byte| matches!(byte, b' ' | b'/' | b'\n' | b'\r' | b'\t'));
        let name = inner.get(..end.unwrap_or(inner.len()))?;
        // Nearly half of all tags end an element, and the commonest names are shorter than all that are cut.
        if name.len() < self.shortest {
            return None;
        }
        let at = self.cuts.binary_search_by(|cut| cut.as_bytes().cmp(name)).ok()?;
        self.cuts.get(at).copied()
    }
}

/// The next whole tag, and what comes after it.
fn next_tag(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let from = data.get(memchr(b'<', data)?..)?;
    from.split_at_checked(memchr(b'>', from)? + 1)
}

fn tail(data: &[u8], length: usize) -> &[u8] {
    data.get(data.len().saturating_sub(length)..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUTS: &[&str] = &["a", "long"];

    /// What is kept of a text that comes in pieces of this size.
    fn sifted(text: &str, size: usize) -> String {
        let mut sieve = Sieve::new(CUTS);
        let mut kept = Vec::new();
        for piece in text.as_bytes().chunks(size) {
            kept.extend(sieve.pass(piece));
        }
        kept.extend(sieve.end());
        String::from_utf8(kept).unwrap()
    }

    #[test]
    fn elements_are_cut_however_the_text_is_split() {
        for (text, kept) in [
            ("<r><a>1</a><b>2</b></r>", "<r><b>2</b></r>"),
            ("<r><b>2</b><a x=\"y\"><c><b>3</b></c></a></r>", "<r><b>2</b></r>"),
            (
                "<?xml?>\n<r><a/><b/><long /><ab>1</ab></r>\n",
                "<?xml?>\n<r><b/><ab>1</ab></r>\n",
            ),
            ("<r><a></a><a></a>x<long>1</long></r>", "<r>x</r>"),
            ("<r><along>1</along><a\n>2</a></r>", "<r><along>1</along></r>"),
            ("no XML & nothing to cut", "no XML & nothing to cut"),
            ("", ""),
            ("<html><body", "<html><body"),
            ("<r><a>cut short</", "<r>"),
            ("<r>é<a>é</a>ü</r>", "<r>éü</r>"),
        ] {
            for size in 1..=text.len().max(1) {
                assert_eq!(sifted(text, size), kept, "{text} in pieces of {size}");
            }
        }
    }

    #[test]
    fn the_lists_are_in_order() {
        assert!(
            INSTANCES.is_sorted() && GROUPS.is_sorted(),
            "they are searched by halves"
        );
    }
}
