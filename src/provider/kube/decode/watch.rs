//! One line of a watch.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use smol_str::SmolStr;

use super::Object;
use super::text::{Str, nullable};
use crate::fleet::ContextId;

/// What a line of a watch says.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::provider::kube) enum Event<T> {
    /// An object, new or changed, and the version to resume after.
    Is(T, SmolStr),
    /// A deleted object's name, and the version to resume after.
    Gone(SmolStr, SmolStr),
    /// A version to resume after.
    Bookmark {
        /// The version.
        version: SmolStr,
        /// Whether it ends the initial listing of a streaming list.
        listed: bool,
    },
    /// The watch ends with an error.
    Refused(Refusal),
}

/// A `Status` that says no.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::provider::kube) struct Refusal {
    /// The HTTP status code.
    pub(in crate::provider::kube) code: u16,
    /// `reason`: what kind of refusal it is, such as `NotFound`; empty when it was no API server that said no.
    pub(in crate::provider::kube) reason: SmolStr,
    /// The server's own words.
    pub(in crate::provider::kube) message: SmolStr,
    /// `details.causes`.
    pub(in crate::provider::kube) causes: Vec<Cause>,
}

/// An entry of `details.causes` of a `Status`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::provider::kube) struct Cause {
    /// `reason`: what kind of cause it is, such as `DisruptionBudget`.
    pub(in crate::provider::kube) reason: SmolStr,
    /// The server's own words.
    pub(in crate::provider::kube) message: SmolStr,
}

/// Decodes a whole line. Kubernetes writes the type first; where something else put the object first, the line is
/// read twice.
pub(in crate::provider::kube) fn event<T: Object>(line: &[u8], context: &ContextId) -> serde_json::Result<Event<T>> {
    let mut kind = Str::default();
    for _ in 0..2 {
        let mut json = serde_json::Deserializer::from_slice(line);
        let (found, event) = (&mut json).deserialize_map(EventVisitor(context, kind, PhantomData))?;
        json.end()?;
        if let Some(event) = event {
            return Ok(event);
        }
        kind = found;
    }
    Err(serde_json::Error::missing_field("type or object"))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawStatus<'a> {
    #[serde(deserialize_with = "nullable")]
    code: u16,
    #[serde(borrow)]
    message: Str<'a>,
}

/// Knows the event's type, if a first reading has found it.
struct EventVisitor<'c, 'de, T>(&'c ContextId, Str<'de>, PhantomData<T>);

impl<'de, T: Object> Visitor<'de> for EventVisitor<'_, 'de, T> {
    type Value = (Str<'de>, Option<Event<T>>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a watch event of {}", T::RESOURCE)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Self(context, mut kind, _) = self;
        let mut event = None;
        while let Some(key) = map.next_key::<Str<'de>>()? {
            match &*key {
                "type" => kind = map.next_value()?,
                "object" if !kind.is_empty() => event = Some(object(&kind, &mut map, context)?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok((kind, event))
    }
}

fn object<'de, T: Object, A: MapAccess<'de>>(
    kind: &str,
    map: &mut A,
    context: &ContextId,
) -> Result<Event<T>, A::Error> {
    if kind == "ERROR" {
        let status: RawStatus<'de> = map.next_value()?;
        return Ok(Event::Refused(Refusal {
            code: status.code,
            message: status.message.owned(),
            ..Refusal::default()
        }));
    }
    let raw: T::Raw<'de> = map.next_value()?;
    let meta = T::meta(&raw);
    let version = meta.resource_version.owned();
    match kind {
        "ADDED" | "MODIFIED" => Ok(Event::Is(T::slim(raw, context), version)),
        "DELETED" => Ok(Event::Gone(T::slim(raw, context).name().clone(), version)),
        "BOOKMARK" => Ok(Event::Bookmark {
            version,
            listed: meta.annotations.initial_events_end,
        }),
        other => Err(A::Error::unknown_variant(
            other,
            &["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"],
        )),
    }
}
