//! Each algorithm with a key and a signature of another implementation: what verifies, and
//! everything that must not.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows should stop"
)]

mod keys;

use super::*;
use crate::{
    jose::{JwkSet, base64url},
    limits::Limits,
};
use passgate_kit::{SigningKey, jwks};

const TEXT: &[u8] = b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UifQ";

/// Orders of the curves (SEC 2 sections 2.4.2, 2.5.1, 2.6.1) and of the group of Ed25519,
/// big-endian.
const ORDERS: [(Algorithm, &str); 3] = [
    (
        Algorithm::Es256,
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    ),
    (
        Algorithm::Es384,
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    ),
    (
        Algorithm::Es512,
        "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
    ),
];

struct Example {
    key: VerifyingKey,
    algorithm: Algorithm,
    signature: Vec<u8>,
}

impl Example {
    fn of(algorithm: Algorithm) -> Self {
        let key = SigningKey::of(algorithm.name(), "k");
        Self {
            signature: key.sign(TEXT),
            key: public(&key),
            algorithm,
        }
    }

    fn all() -> impl Iterator<Item = Self> {
        Algorithm::ALL.into_iter().map(Self::of)
    }

    fn verifies(&self, signature: &[u8]) -> bool {
        self.key.verifies(self.algorithm, TEXT, signature)
    }
}

/// A key of the kit as the core reads it.
fn public(key: &SigningKey) -> VerifyingKey {
    let set = JwkSet::parse(jwks(&[key]).as_bytes(), &Limits::default()).unwrap();
    assert!(set.skipped().is_empty(), "{:?}", set.skipped());
    set.keys()[0].key.clone()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: &u8| u8::try_from(char::from(*byte).to_digit(16).unwrap()).unwrap();
    text.as_bytes()
        .chunks(2)
        .map(|pair| digit(&pair[0]) * 16 + digit(&pair[1]))
        .collect()
}

#[test]
fn the_signature_of_another_implementation_verifies_with_each_algorithm() {
    for example in Example::all() {
        assert!(
            example.verifies(&example.signature),
            "{:?}",
            example.algorithm
        );
    }
}

#[test]
fn only_what_we_verify_has_a_name_here() {
    for name in [
        "HS256", "HS384", "HS512", "none", "None", "NONE", "nOnE", "ES256K", "Ed448", "es256",
        "RS256 ", "eddsa", "ED25519", "RS1", "",
    ] {
        assert_eq!(Algorithm::from_name(name), None, "{name}");
    }
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
    }
}

#[test]
fn a_changed_bit_of_text_or_signature_does_not_verify() {
    for example in Example::all() {
        let algorithm = example.algorithm;
        for at in [0, TEXT.len() / 2, TEXT.len() - 1] {
            let mut text = TEXT.to_vec();
            text[at] ^= 1;
            assert!(!example.key.verifies(algorithm, &text, &example.signature));
        }
        let half = example.signature.len() / 2;
        for at in [0, half - 1, half, example.signature.len() - 1] {
            for bit in [1, 0x80] {
                let mut signature = example.signature.clone();
                signature[at] ^= bit;
                assert!(!example.verifies(&signature), "{algorithm:?}");
            }
        }
        assert!(!example.key.verifies(algorithm, b"", &example.signature));
    }
}

#[test]
fn a_signature_of_another_length_does_not_verify() {
    for example in Example::all() {
        let good = &example.signature;
        let mut short = good.clone();
        short.pop();
        let long = [good.as_slice(), &[0]].concat();
        let padded = [&[0], good.as_slice()].concat();
        let doubled = [good.as_slice(), good].concat();
        for bad in [short, long, padded, doubled, Vec::new(), vec![0; 1_000_000]] {
            assert!(!example.verifies(&bad), "{} bytes", bad.len());
        }
    }
}

#[test]
fn an_ecdsa_signature_with_a_number_out_of_range_does_not_verify() {
    for (algorithm, order) in ORDERS {
        let example = Example::of(algorithm);
        let order = unhex(order);
        let length = order.len();
        let (r, s) = example.signature.split_at(length);
        let mut above = order.clone();
        above[length - 1] += 1;
        for bad in [vec![0; length], order, above, vec![0xff; length]] {
            assert!(!example.verifies(&[&bad, s].concat()), "r = {bad:x?}");
            assert!(!example.verifies(&[r, &bad].concat()), "s = {bad:x?}");
            assert!(
                !example.verifies(&[bad.clone(), bad].concat()),
                "{algorithm:?}"
            );
        }
    }
}

#[test]
fn a_der_signature_is_no_jws_signature() {
    let example = Example::of(Algorithm::Es256);
    let signature = p256::ecdsa::Signature::from_slice(&example.signature).unwrap();
    assert!(!example.verifies(signature.to_der().as_bytes()));
}

#[test]
fn an_ed25519_signature_with_s_not_below_the_order_does_not_verify() {
    // The order 2^252 + 27742317777372353535851937790883648493, little-endian (RFC 8032 section
    // 5.1).
    let order = unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let example = Example::of(Algorithm::Ed25519);
    let (r, s) = example.signature.split_at(32);
    let mut carry = 0;
    let sum: Vec<u8> = s
        .iter()
        .zip(&order)
        .map(|(a, b)| {
            let sum = u16::from(*a) + u16::from(*b) + carry;
            carry = sum >> 8;
            u8::try_from(sum & 0xff).unwrap()
        })
        .collect();
    assert!(!example.verifies(&[r, &sum].concat()));
    assert!(!example.verifies(&[r, &order].concat()));
    assert!(!example.verifies(&[0; 64]));
}

#[test]
fn an_rsa_signature_not_below_the_modulus_does_not_verify() {
    for algorithm in Algorithm::ALL {
        let example = Example::of(algorithm);
        if example.signature.len() == 256 {
            assert!(!example.verifies(&[0xff; 256]));
            assert!(!example.verifies(&[0; 256]));
        }
    }
}

/// Signatures that OpenSSL made of TEXT with the kit's RSA key: lines of a name and a signature.
fn verifying(alg: Algorithm, signatures: &'static str) -> (usize, Vec<&'static str>) {
    let key = public(&SigningKey::of(alg.name(), "k"));
    let lines: Vec<(&str, &str)> = signatures
        .lines()
        .filter_map(|line| line.split_once(' '))
        .collect();
    let good = lines
        .iter()
        .filter(|(_, signature)| key.verifies(alg, TEXT, &base64url(signature).unwrap()))
        .map(|(name, _)| *name)
        .collect();
    (lines.len(), good)
}

#[test]
fn a_pss_salt_is_as_long_as_the_hash_and_mgf1_has_the_same_hash() {
    let signatures = include_str!("../../tests/vectors/openssl/ps256_salts.txt");
    assert_eq!(verifying(Algorithm::Ps256, signatures), (5, vec!["32"]));
}

#[test]
fn a_pkcs1_encoding_has_one_form_and_nothing_is_parsed() {
    let signatures = include_str!("../../tests/vectors/openssl/rs256_encodings.txt");
    assert_eq!(verifying(Algorithm::Rs256, signatures), (14, vec!["right"]));
}

/// The misfit matrix: every key against every algorithm.
#[test]
fn a_key_verifies_with_the_algorithms_of_its_type_and_curve_and_no_other() {
    for example in Example::all() {
        for algorithm in Algorithm::ALL {
            let (own, other) = (example.algorithm.name(), algorithm.name());
            let is_rsa = |name: &str| name.starts_with("RS") || name.starts_with("PS");
            let is_ed25519 = |name: &str| name.starts_with("Ed");
            let fits = own == other
                || is_rsa(own) && is_rsa(other)
                || is_ed25519(own) && is_ed25519(other);
            assert_eq!(example.key.fits(algorithm), fits, "{own} key, {other}");
            let verifies = example.key.verifies(algorithm, TEXT, &example.signature);
            // An RSA key fits six algorithms, but its signature is made with one of them.
            let same = own == other || is_ed25519(own) && is_ed25519(other);
            assert_eq!(verifies, same, "{own} signature read as {other}");
        }
    }
}

#[test]
fn a_key_of_the_right_type_but_another_value_does_not_verify() {
    for example in Example::all() {
        let algorithm = example.algorithm;
        let other = if example.signature.len() == 256 {
            SigningKey::rs256_other("k")
        } else {
            SigningKey::of(algorithm.name(), "k")
        };
        assert!(!public(&other).verifies(algorithm, TEXT, &example.signature));
    }
}
