//! A list, or one page of it.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use smol_str::SmolStr;

use super::Listed;
use super::text::Str;
use crate::fleet::{ContextId, Node, Pod};

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The objects.
    pub items: Vec<T>,
    /// `metadata.resourceVersion`: where a watch goes on from.
    pub version: SmolStr,
    /// `metadata.continue`: what asks for the next page; empty on the last.
    pub next: SmolStr,
}

/// Decodes a NodeList as seen through a context.
pub fn nodes(body: &[u8], context: &ContextId) -> serde_json::Result<Page<Node>> {
    page(body, context)
}

/// Decodes a PodList as seen through a context.
pub fn pods(body: &[u8], context: &ContextId) -> serde_json::Result<Page<Pod>> {
    page(body, context)
}

/// Decodes a list of any kind.
pub(in crate::provider::kube) fn page<T: Listed>(body: &[u8], context: &ContextId) -> serde_json::Result<Page<T>> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let page = (&mut json).deserialize_map(ListVisitor(context, PhantomData))?;
    json.end()?;
    Ok(page)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ListMeta<'a> {
    #[serde(borrow)]
    resource_version: Str<'a>,
    #[serde(borrow, rename = "continue")]
    next: Str<'a>,
}

struct ListVisitor<'c, T>(&'c ContextId, PhantomData<T>);

impl<'de, T: Listed> Visitor<'de> for ListVisitor<'_, T> {
    type Value = Page<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {}", T::RESOURCE)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Page<T>, A::Error> {
        let mut meta = ListMeta::default();
        let mut items = None;
        while let Some(key) = map.next_key::<Str<'de>>()? {
            match &*key {
                "metadata" => meta = map.next_value()?,
                "items" => items = Some(map.next_value_seed(Items(self.0, PhantomData))?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Page {
            items: items.ok_or_else(|| serde::de::Error::missing_field("items"))?,
            version: meta.resource_version.owned(),
            next: meta.next.owned(),
        })
    }
}

struct Items<'c, T>(&'c ContextId, PhantomData<T>);

impl<'de, T: Listed> DeserializeSeed<'de> for Items<'_, T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Listed> Visitor<'de> for Items<'_, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", T::RESOURCE)
    }

    fn visit_unit<E>(self) -> Result<Vec<T>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(raw) = seq.next_element::<T::Raw<'de>>()? {
            items.push(T::slim(raw, self.0));
        }
        Ok(items)
    }
}
