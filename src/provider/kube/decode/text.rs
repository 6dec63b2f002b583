//! Borrowed text and leniency: what all raw shapes are made of.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{Deserialize, Deserializer, Visitor};
use smol_str::SmolStr;

/// Text that is borrowed from the body unless it holds escapes. `null` is empty; a number is its digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::provider::kube) struct Str<'de>(Cow<'de, str>);

impl Str<'_> {
    /// The text, unless it is empty.
    pub(in crate::provider::kube) fn some(&self) -> Option<SmolStr> {
        (!self.0.is_empty()).then(|| SmolStr::new(&self.0))
    }

    /// The text.
    pub(in crate::provider::kube) fn owned(&self) -> SmolStr {
        SmolStr::new(&self.0)
    }

    /// The time it names, if it names one.
    pub(in crate::provider::kube) fn time(&self) -> Option<Timestamp> {
        self.0.parse().ok()
    }
}

impl Deref for Str<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Str<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrVisitor)
    }
}

struct StrVisitor;

impl<'de> Visitor<'de> for StrVisitor {
    type Value = Str<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Str<'de>, E> {
        Ok(Str(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Str<'de>, E> {
        Ok(Str(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Str<'de>, E> {
        Ok(Str::default())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Str<'de>, E> {
        Ok(Str(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Str<'de>, E> {
        Ok(Str(Cow::Owned(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Str<'de>, E> {
        Ok(Str(Cow::Owned(number.to_string())))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Str<'de>, E> {
        Ok(Str(Cow::Borrowed(if truth { "true" } else { "false" })))
    }
}

/// `null` is the default: Go writes empty lists and maps that way.
pub(super) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// What is written in base64, as Kubernetes writes bytes.
pub(in crate::provider::kube) fn base64(text: &str) -> Option<Vec<u8>> {
    let decoded = ByteString::deserialize(StrDeserializer::<Error>::new(text));
    decoded.ok().map(|ByteString(bytes)| bytes)
}
