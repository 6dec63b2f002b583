//! The hash by which joining machines know a cluster's certificate authority, as K3s makes it: of the bytes of `/cacerts`
//! where they hold one certificate, and of the root that the first one leads to where they hold several, so that the
//! authority can be renewed below the same root.
//!
//! Of certificates only what leads from one to the next is read: names, keys and their identifiers. Signatures are not
//! verified here, for the certificates come over a connection that is: were one of them wrong, K3s would refuse the join.

use sha2::{Digest, Sha256};
use smol_str::SmolStr;

use super::decode::base64;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
/// More certificates than this are no bundle of an authority.
const MOST: usize = 32;

/// The hash of a bundle in PEM form, 64 hexadecimal digits; `None` when it holds no certificate, or one that is not
/// understood.
pub(super) fn hash(bundle: &[u8]) -> Option<SmolStr> {
    let text = std::str::from_utf8(bundle).ok()?;
    let blocks = blocks(text)?;
    let certificates: Vec<_> = blocks.iter().map(|der| certificate(der)).collect::<Option<_>>()?;
    let (first, others) = certificates.split_first()?;
    // K3s falls back to the whole bundle where the first certificate leads to no root.
    let hashed = match others.is_empty() {
        true => bundle,
        false => root(first, others).map_or(bundle, |root| root.der),
    };
    let digest = Sha256::digest(hashed);
    Some(
        digest
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
            .into(),
    )
}

/// The certificates of a bundle, decoded.
fn blocks(text: &str) -> Option<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let (block, left) = after.split_once(END)?;
        let encoded: String = block.split_whitespace().collect();
        found.push(base64(&encoded)?);
        rest = left;
    }
    (found.len() <= MOST).then_some(found)
}

/// What leads from a certificate to the one above it.
#[derive(Debug)]
struct Certificate<'a> {
    /// All of it.
    der: &'a [u8],
    issuer: &'a [u8],
    subject: &'a [u8],
    /// Its public key.
    key: &'a [u8],
    /// The identifier of its key.
    key_id: Option<&'a [u8]>,
    /// The identifier of its issuer's key.
    issuer_key_id: Option<&'a [u8]>,
}

impl Certificate<'_> {
    /// Whether K3s takes it for the end of a chain.
    fn is_root(&self) -> bool {
        match self.issuer_key_id {
            None | Some([]) => true,
            id => id == self.key_id,
        }
    }

    fn is_issued_by(&self, above: &Self) -> bool {
        let ids_differ = matches!((self.issuer_key_id, above.key_id), (Some(wanted), Some(id)) if wanted != id);
        self.issuer == above.subject && !ids_differ
    }
}

/// The root that a certificate leads to through the others, of which roots come before those between.
fn root<'c, 'a>(first: &'c Certificate<'a>, others: &'c [Certificate<'a>]) -> Option<&'c Certificate<'a>> {
    let is_itself = |other: &&Certificate<'_>| other.is_root() && other.der == first.der;
    match others.iter().find(is_itself) {
        Some(itself) => Some(itself),
        None => climb(&mut vec![first], others),
    }
}

fn climb<'c, 'a>(chain: &mut Vec<&'c Certificate<'a>>, others: &'c [Certificate<'a>]) -> Option<&'c Certificate<'a>> {
    let last = *chain.last()?;
    // The same authority under another signature leads nowhere new.
    let above: Vec<_> = others
        .iter()
        .filter(|one| last.is_issued_by(one))
        .filter(|one| {
            !chain
                .iter()
                .any(|below| (below.subject, below.key) == (one.subject, one.key))
        })
        .collect();
    if let Some(root) = above.iter().find(|one| one.is_root()) {
        return Some(root);
    }
    for one in above {
        chain.push(one);
        if let Some(root) = climb(chain, others) {
            return Some(root);
        }
        chain.pop();
    }
    None
}

const SEQUENCE: u8 = 0x30;
const OCTETS: u8 = 0x04;
const OBJECT: u8 = 0x06;
/// The first context-specific element that holds others: a certificate's version.
const VERSION: u8 = 0xa0;
/// The fourth one: its extensions.
const EXTENSIONS: u8 = 0xa3;
/// The first context-specific element that holds a value: the identifier in an authority's identifier.
const KEY_ID: u8 = 0x80;
/// `2.5.29.14`, a key's identifier.
const SUBJECT_KEY: [u8; 3] = [0x55, 0x1d, 0x0e];
/// `2.5.29.35`, its issuer's.
const AUTHORITY_KEY: [u8; 3] = [0x55, 0x1d, 0x23];

/// An element of DER.
#[derive(Clone, Copy)]
struct Element<'a> {
    tag: u8,
    /// With its tag and length.
    whole: &'a [u8],
    value: &'a [u8],
}

impl<'a> Element<'a> {
    /// Takes the next element off `bytes`.
    fn next(bytes: &mut &'a [u8]) -> Option<Self> {
        let all = *bytes;
        let (&tag, rest) = all.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
            }
            _ => return None,
        };
        let (value, left) = rest.split_at_checked(length)?;
        *bytes = left;
        let whole = all.get(..all.len() - left.len())?;
        Some(Self { tag, whole, value })
    }

    /// The same if its tag is this one.
    fn expect(bytes: &mut &'a [u8], tag: u8) -> Option<Self> {
        Self::next(bytes).filter(|element| element.tag == tag)
    }
}

fn certificate(der: &[u8]) -> Option<Certificate<'_>> {
    let mut rest = der;
    let outer = Element::expect(&mut rest, SEQUENCE)?;
    let mut inner = outer.value;
    let mut fields = Element::expect(&mut inner, SEQUENCE)?.value;
    let mut ahead = fields;
    if Element::next(&mut ahead)?.tag == VERSION {
        fields = ahead;
    }
    let _serial = Element::next(&mut fields)?;
    let _algorithm = Element::expect(&mut fields, SEQUENCE)?;
    let issuer = Element::expect(&mut fields, SEQUENCE)?.whole;
    let _validity = Element::expect(&mut fields, SEQUENCE)?;
    let subject = Element::expect(&mut fields, SEQUENCE)?.whole;
    let key = Element::expect(&mut fields, SEQUENCE)?.whole;
    let (mut key_id, mut issuer_key_id) = (None, None);
    while let Some(field) = Element::next(&mut fields) {
        if field.tag != EXTENSIONS {
            continue;
        }
        let mut list = Element::expect(&mut &*field.value, SEQUENCE)?.value;
        while let Some(extension) = Element::next(&mut list) {
            match extension_of(extension.value) {
                Some((id, mut value)) if id == SUBJECT_KEY => {
                    key_id = Element::expect(&mut value, OCTETS).map(|id| id.value);
                }
                Some((id, mut value)) if id == AUTHORITY_KEY => {
                    let mut parts = Element::expect(&mut value, SEQUENCE)?.value;
                    issuer_key_id = Element::expect(&mut parts, KEY_ID).map(|id| id.value);
                }
                _ => {}
            }
        }
    }
    Some(Certificate {
        der: outer.whole,
        issuer,
        subject,
        key,
        key_id,
        issuer_key_id,
    })
}

/// An extension's object identifier and its value.
fn extension_of(mut bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let id = Element::expect(&mut bytes, OBJECT)?.value;
    let next = Element::next(&mut bytes)?;
    // Whether it is critical stands between them, where it is.
    let value = match next.tag {
        OCTETS => next,
        _ => Element::expect(&mut bytes, OCTETS)?,
    };
    Some((id, value.value))
}

#[cfg(test)]
mod tests;
