//! Bundles as K3s serves them: its own single authority, one that was renewed below new roots, and broken ones. The expected
//! digests are openssl's.

use proptest::prelude::*;

use super::*;

/// The single authority that K3s makes for itself; it names no issuer's key.
const OLD: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ca/old.pem"));
/// Another root, by its own signature.
const NEW: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ca/new.pem"));
/// The same one, by the signature of the old root.
const CROSS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ca/cross.pem"));
/// An authority below the new root.
const MID: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ca/mid.pem"));

const OLD_DER: &str = "635781c562b7dff37290191fa9099fc860873793f73ee38b6d5e82158ceed786";
const NEW_DER: &str = "65fb090b0caea7e365bd4f812658f01f94ff14f2895b4ce6ef79938569d293be";

fn hash_of(parts: &[&str]) -> String {
    hash(parts.concat().as_bytes()).unwrap().to_string()
}

fn whole(parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.concat());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_single_authority_is_known_by_the_bytes_of_its_file() {
    assert_eq!(
        hash_of(&[OLD]),
        "6f469f9d9ad5152bf830d81c07636fb622989a5b14d13e5a5753079bc53fdb95"
    );
    assert_ne!(hash_of(&[OLD, "\n"]), hash_of(&[OLD]), "each byte counts");
}

#[test]
fn a_bundle_is_known_by_the_root_of_its_first_certificate() {
    assert_eq!(
        hash_of(&[MID, NEW, CROSS, OLD]),
        NEW_DER,
        "roots come before what is between"
    );
    assert_eq!(hash_of(&[MID, OLD, CROSS, NEW]), NEW_DER, "whatever their order");
    assert_eq!(hash_of(&[MID, CROSS, OLD]), OLD_DER, "over the cross-signed one");
    assert_eq!(hash_of(&["# ours\n", MID, "\n\n", NEW]), NEW_DER);
    assert_eq!(hash_of(&[OLD, OLD]), OLD_DER, "a root is its own");
}

#[test]
fn a_bundle_whose_first_certificate_leads_nowhere_is_known_by_its_bytes() {
    for parts in [&[MID, OLD][..], &[MID, CROSS], &[OLD, NEW], &[NEW, CROSS, OLD]] {
        assert_eq!(hash_of(parts), whole(parts));
    }
}

#[test]
fn what_is_no_certificate_has_no_hash() {
    let cut: String = OLD.chars().take(300).chain(END.chars()).collect();
    let empty = format!("{BEGIN}\n{END}\n");
    let many = OLD.repeat(MOST + 1);
    for text in [
        "",
        "<html>a login page</html>",
        "{\"kind\":\"Status\"}",
        &cut,
        &empty,
        &many,
    ] {
        assert_eq!(hash(text.as_bytes()), None, "{text}");
    }
    assert_eq!(hash(b"\xff\xfe"), None);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _read = certificate(&bytes);
    }

    /// A certificate with some of its bytes changed is read or not, and nothing else.
    #[test]
    fn no_damage_makes_it_panic(places in proptest::collection::vec((0_usize..600, any::<u8>()), 1..8)) {
        let mut der = blocks(CROSS).unwrap().remove(0);
        for (place, byte) in places {
            if let Some(at) = der.get_mut(place) {
                *at = byte;
            }
        }
        let _read = certificate(&der);
    }
}
