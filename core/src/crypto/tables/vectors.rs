//! The tables beside vectors and an implementation from elsewhere: they are our own arithmetic.

use p256::{
    FieldBytes,
    ecdsa::{Signature, VerifyingKey},
};
use proptest::prelude::*;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{KeyTables, Table, verifies};
use crate::jose::base64url;
use passgate_kit::SigningKey;

fn unhex(text: &Value) -> Vec<u8> {
    let digit = |byte: &u8| u8::try_from(char::from(*byte).to_digit(16).unwrap()).unwrap();
    let text = text.as_str().unwrap().as_bytes();
    let pairs = text.chunks(2);
    pairs
        .map(|pair| digit(&pair[0]) * 16 + digit(&pair[1]))
        .collect()
}

/// What the tables say, and how often they left it to the crate.
#[test]
fn wycheproof_says_what_the_tables_say() {
    let text =
        include_str!("../../../tests/vectors/wycheproof/ecdsa_secp256r1_sha256_p1363_test.json");
    let document: Value = serde_json::from_str(text).unwrap();
    let generator = Table::of_generator();
    let (mut judged, mut left) = (0, 0);
    for group in document["testGroups"].as_array().unwrap() {
        let point = unhex(&group["publicKey"]["uncompressed"]);
        let key = VerifyingKey::from_sec1_bytes(&point).unwrap();
        let table = Table::of_key(&key);
        for test in group["tests"].as_array().unwrap() {
            // A signature that has the wrong length or a number out of range is refused before.
            let Ok(signature) = Signature::from_slice(&unhex(&test["sig"])) else {
                assert_eq!(test["result"], "invalid", "{}", test["tcId"]);
                continue;
            };
            let digest: FieldBytes = Sha256::digest(unhex(&test["msg"]));
            match verifies(&generator, &table, &digest, &signature) {
                Some(verdict) => {
                    assert_eq!(verdict, test["result"] == "valid", "{}", test["tcId"]);
                    judged += 1;
                }
                None => left += 1,
            }
        }
    }
    assert!(judged > 150 && left < 40, "{judged} judged, {left} left");
}

/// A key that has a table, by good signatures as in use.
fn with_table() -> (SigningKey, VerifyingKey, KeyTables) {
    let key = SigningKey::es256("k");
    let jwk = key.public_jwk();
    let member = |name: &str| base64url(jwk[name].as_str().unwrap()).unwrap();
    let point = [vec![4], member("x"), member("y")].concat();
    let public = VerifyingKey::from_sec1_bytes(&point).unwrap();
    let mut tables = KeyTables::default();
    for text in [b"1", b"2", b"3"] {
        let signature = Signature::from_slice(&key.sign(text)).unwrap();
        assert!(tables.verifies(&public, text, &signature));
    }
    assert!(tables.merits.place(&public).is_some());
    (key, public, tables)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_tables_agree_with_ring(text: Vec<u8>, flips in prop::collection::vec((0usize..64, 0u8..8), 0..3)) {
        let (key, public, mut tables) = with_table();
        let mut bytes = key.sign(&text);
        for (at, bit) in &flips {
            bytes[*at] ^= 1 << bit;
        }
        let theirs = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public.to_sec1_point(false).as_bytes())
            .verify(&text, &bytes)
            .is_ok();
        let ours = Signature::from_slice(&bytes)
            .is_ok_and(|signature| tables.verifies(&public, &text, &signature));
        prop_assert_eq!(ours, theirs);
        prop_assert!(!flips.is_empty() || ours);
    }
}
