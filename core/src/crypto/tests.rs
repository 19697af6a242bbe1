//! Published examples first, then what must not verify.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows should stop"
)]

use super::*;
use crate::{jose::base64url, json::Json};

const EXAMPLES: &str = include_str!("../../tests/vectors/rfc7515_rfc8037_examples.json");

/// The order of P-256 (SEC 2 section 2.4.2).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

struct Example {
    key: VerifyingKey,
    algorithm: Algorithm,
    signing_input: Vec<u8>,
    signature: Vec<u8>,
}

impl Example {
    /// One of the examples whose algorithm we verify.
    fn named(name: &str) -> Self {
        let examples = Json::parse(EXAMPLES.as_bytes(), 1_000).unwrap();
        let Some(Json::Array(examples)) = examples.get("examples") else {
            unreachable!("the file holds a list")
        };
        let text = |json: &Json, name: &str| json.get(name).unwrap().as_str().unwrap().to_owned();
        let example = examples.iter().find(|e| text(e, "name") == name).unwrap();
        let member = |name: &str| base64url(text(example.get("jwk").unwrap(), name)).unwrap();
        let algorithm = Algorithm::from_name(&text(example, "alg")).unwrap();
        let key = match algorithm {
            Algorithm::Es256 => VerifyingKey::p256(&member("x"), &member("y")),
            Algorithm::Rs256 => VerifyingKey::rsa(&member("n"), &member("e")),
        };
        let jws = text(example, "jws");
        let (signing_input, signature) = jws.rsplit_once('.').unwrap();
        Self {
            key: key.unwrap(),
            algorithm,
            signing_input: signing_input.as_bytes().to_vec(),
            signature: base64url(signature).unwrap(),
        }
    }

    fn es256() -> Self {
        Self::named("rfc7515-A.3")
    }

    fn rs256() -> Self {
        Self::named("rfc7515-A.2")
    }

    fn verifies(&self, signature: &[u8]) -> bool {
        self.key
            .verifies(self.algorithm, &self.signing_input, signature)
    }
}

#[test]
fn the_examples_of_rfc_7515_verify() {
    for example in [Example::es256(), Example::rs256()] {
        assert!(example.verifies(&example.signature));
    }
}

#[test]
fn no_other_algorithm_of_the_examples_has_a_name_here() {
    for name in ["HS256", "ES512", "none", "EdDSA", "es256", "RS256 ", ""] {
        assert_eq!(Algorithm::from_name(name), None, "{name}");
    }
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
    }
}

#[test]
fn a_changed_bit_of_text_or_signature_does_not_verify() {
    for example in [Example::es256(), Example::rs256()] {
        for at in [
            0,
            example.signing_input.len() / 2,
            example.signing_input.len() - 1,
        ] {
            let mut text = example.signing_input.clone();
            text[at] ^= 1;
            assert!(
                !example
                    .key
                    .verifies(example.algorithm, &text, &example.signature)
            );
        }
        for at in [0, 31, 32, example.signature.len() - 1] {
            let mut signature = example.signature.clone();
            signature[at] ^= 1;
            assert!(!example.verifies(&signature));
        }
        assert!(
            !example
                .key
                .verifies(example.algorithm, b"", &example.signature)
        );
    }
}

#[test]
fn a_signature_of_another_length_does_not_verify() {
    for example in [Example::es256(), Example::rs256()] {
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
fn an_es256_signature_with_a_number_out_of_range_does_not_verify() {
    let example = Example::es256();
    let (r, s) = example.signature.split_at(32);
    let mut above = ORDER;
    above[31] += 1;
    for bad in [[0; 32], ORDER, above, [0xff; 32]] {
        assert!(!example.verifies(&[&bad, s].concat()), "r = {bad:x?}");
        assert!(!example.verifies(&[r, &bad].concat()), "s = {bad:x?}");
        assert!(!example.verifies(&[bad, bad].concat()), "both = {bad:x?}");
    }
}

#[test]
fn a_der_signature_is_no_es256_signature() {
    let example = Example::es256();
    let signature = p256::ecdsa::Signature::from_slice(&example.signature).unwrap();
    assert!(!example.verifies(signature.to_der().as_bytes()));
}

#[test]
fn an_rs256_signature_not_below_the_modulus_does_not_verify() {
    let example = Example::rs256();
    for bad in [[0xff; 256], [0; 256]] {
        assert!(!example.verifies(&bad));
    }
}

#[test]
fn a_key_never_verifies_with_the_algorithm_of_another_type() {
    let (es256, rs256) = (Example::es256(), Example::rs256());
    assert!(es256.key.fits(Algorithm::Es256) && !es256.key.fits(Algorithm::Rs256));
    assert!(rs256.key.fits(Algorithm::Rs256) && !rs256.key.fits(Algorithm::Es256));
    assert!(
        !es256
            .key
            .verifies(Algorithm::Rs256, &es256.signing_input, &es256.signature)
    );
    assert!(
        !rs256
            .key
            .verifies(Algorithm::Es256, &rs256.signing_input, &rs256.signature)
    );
}

#[test]
fn a_point_that_is_not_on_the_curve_is_no_key() {
    let (one, huge) = ([1; 32], [0xff; 32]);
    for (x, y) in [
        ([0; 32], [0; 32]),
        (one, one),
        (huge, one),
        (one, huge),
        (ORDER, ORDER),
    ] {
        assert_eq!(VerifyingKey::p256(&x, &y), Err(KeyError::NotOnCurve));
    }
}

#[test]
fn a_coordinate_has_exactly_the_length_of_the_field() {
    let good = [1; 32];
    for bad in [&[][..], &[1; 31], &[1; 33], &[0; 64]] {
        assert_eq!(
            VerifyingKey::p256(bad, &good),
            Err(KeyError::CoordinateLength)
        );
        assert_eq!(
            VerifyingKey::p256(&good, bad),
            Err(KeyError::CoordinateLength)
        );
    }
}

/// An odd number of this many bits.
fn odd_of_bits(bits: usize) -> Vec<u8> {
    let mut number = vec![0; bits.div_ceil(8)];
    number[0] = 1 << ((bits - 1) % 8);
    *number.last_mut().unwrap() |= 1;
    number
}

const E: [u8; 3] = [1, 0, 1];

#[test]
fn the_size_of_a_modulus_is_bounded_on_both_sides() {
    for bits in [2_048, 2_049, 3_072, 4_095, 4_096] {
        assert!(VerifyingKey::rsa(&odd_of_bits(bits), &E).is_ok(), "{bits}");
    }
    for bits in [1, 8, 512, 1_024, 2_047, 4_097, 8_192, 1_000_000] {
        let key = VerifyingKey::rsa(&odd_of_bits(bits), &E);
        assert_eq!(key, Err(KeyError::Modulus), "{bits}");
    }
    assert_eq!(VerifyingKey::rsa(&[], &E), Err(KeyError::Modulus));
    assert_eq!(VerifyingKey::rsa(&[0; 256], &E), Err(KeyError::Modulus));
}

#[test]
fn zeros_in_front_do_not_make_a_short_modulus_long_enough() {
    let padded = [vec![0; 129], odd_of_bits(1_024)].concat();
    assert_eq!(VerifyingKey::rsa(&padded, &E), Err(KeyError::Modulus));
}

#[test]
fn an_even_modulus_is_no_key() {
    let mut even = odd_of_bits(2_048);
    *even.last_mut().unwrap() &= 0xfe;
    assert_eq!(VerifyingKey::rsa(&even, &E), Err(KeyError::Modulus));
}

#[test]
fn the_exponent_is_odd_above_one_and_small() {
    let n = odd_of_bits(2_048);
    for good in [&[3][..], &[17], &E, &[1, 0xff, 0xff, 0xff, 0xff]] {
        assert!(VerifyingKey::rsa(&n, good).is_ok(), "{good:?}");
    }
    for bad in [
        &[][..],
        &[0],
        &[1],
        &[2],
        &[1, 0, 0],
        &[0, 1, 0, 1],
        &[2, 0, 0, 0, 1],
        &[1; 6],
        &[0; 5],
    ] {
        assert_eq!(
            VerifyingKey::rsa(&n, bad),
            Err(KeyError::Exponent),
            "{bad:?}"
        );
    }
}

#[test]
fn a_modulus_with_a_zero_in_front_is_the_same_key() {
    // RFC 7518 section 6.3.1.1 forbids the extra octet and knows that some write it; nothing becomes ambiguous.
    let example = Example::rs256();
    let n = odd_of_bits(2_048);
    let padded = [&[0], n.as_slice()].concat();
    assert_eq!(VerifyingKey::rsa(&padded, &E), VerifyingKey::rsa(&n, &E));
    let examples = Json::parse(EXAMPLES.as_bytes(), 1_000).unwrap();
    let Some(Json::Array(examples)) = examples.get("examples") else {
        unreachable!("the file holds a list")
    };
    let n = examples[1]
        .get("jwk")
        .unwrap()
        .get("n")
        .unwrap()
        .as_str()
        .unwrap();
    let padded = [vec![0], base64url(n).unwrap()].concat();
    let key = VerifyingKey::rsa(&padded, &E).unwrap();
    assert!(key.verifies(Algorithm::Rs256, &example.signing_input, &example.signature));
}
