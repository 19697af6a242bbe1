//! Each algorithm beside an independent implementation: `ring`, and for ES512, which it lacks,
//! signatures of OpenSSL. Random texts, and mutations of text, signature and key: both say the
//! same, or the difference has a name here; and so says each [way](Way) of ours.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on fails"
)]

#[path = "vectors/backend.rs"]
mod backend;

use std::cell::Cell;

use backend::Way;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use passgate_core::{Algorithm, JwkSet, VerifyingKey, limits::Limits};
use passgate_kit::{SigningKey, jwks};
use proptest::{prelude::*, test_runner::TestRunner};
use ring::signature as ring;
use serde_json::{Value, json};

/// One change, or none. Numbers are taken modulo the length of what they change.
#[derive(Clone, Debug)]
enum Mutation {
    None,
    FlipText(usize, u8),
    FlipSignature(usize, u8),
    CutSignature(usize),
    LengthenSignature(Vec<u8>),
    /// A half of the signature is zero, all ones, or the other half.
    Half {
        first: bool,
        with: u8,
    },
    SwapHalves,
    Random(Vec<u8>),
}

fn mutations() -> impl Strategy<Value = Mutation> {
    let bit = (0u8..8).prop_map(|bit| 1 << bit);
    prop_oneof![
        Just(Mutation::None),
        (any::<usize>(), bit.clone()).prop_map(|(at, bit)| Mutation::FlipText(at, bit)),
        (any::<usize>(), bit).prop_map(|(at, bit)| Mutation::FlipSignature(at, bit)),
        (0usize..300).prop_map(Mutation::CutSignature),
        prop::collection::vec(any::<u8>(), 1..4).prop_map(Mutation::LengthenSignature),
        (any::<bool>(), prop_oneof![Just(0), Just(0xff), Just(1)])
            .prop_map(|(first, with)| Mutation::Half { first, with }),
        Just(Mutation::SwapHalves),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Mutation::Random),
    ]
}

impl Mutation {
    fn apply(&self, text: &mut [u8], signature: &mut Vec<u8>) {
        let half = signature.len() / 2;
        match self {
            Self::None => {}
            Self::FlipText(at, bit) => {
                if let Some(length) = std::num::NonZero::new(text.len()) {
                    text[*at % length] ^= bit;
                }
            }
            Self::FlipSignature(at, bit) => {
                let length = signature.len();
                signature[*at % length] ^= bit;
            }
            Self::CutSignature(to) => signature.truncate(*to),
            Self::LengthenSignature(bytes) => signature.extend(bytes),
            Self::Half { first, with } => {
                let range = if *first {
                    0..half
                } else {
                    half..signature.len()
                };
                signature[range].fill(*with);
            }
            Self::SwapHalves => signature.rotate_left(half),
            Self::Random(bytes) => signature.clone_from(bytes),
        }
    }
}

fn decoded(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}

/// What `ring` says about a signature by the key of this JWK.
fn ring_verifies(alg: &str, jwk: &Value, text: &[u8], signature: &[u8]) -> bool {
    let unparsed = |algorithm: &'static dyn ring::VerificationAlgorithm, key: Vec<u8>| {
        let key = ring::UnparsedPublicKey::new(algorithm, key);
        key.verify(text, signature).is_ok()
    };
    let point = || [vec![4], decoded(&jwk["x"]), decoded(&jwk["y"])].concat();
    let rsa = |parameters: &ring::RsaParameters| {
        let (n, e) = (decoded(&jwk["n"]), decoded(&jwk["e"]));
        let key = ring::RsaPublicKeyComponents { n, e };
        key.verify(parameters, text, signature).is_ok()
    };
    match alg {
        "ES256" => unparsed(&ring::ECDSA_P256_SHA256_FIXED, point()),
        "ES384" => unparsed(&ring::ECDSA_P384_SHA384_FIXED, point()),
        "EdDSA" | "Ed25519" => unparsed(&ring::ED25519, decoded(&jwk["x"])),
        "RS256" => rsa(&ring::RSA_PKCS1_2048_8192_SHA256),
        "RS384" => rsa(&ring::RSA_PKCS1_2048_8192_SHA384),
        "RS512" => rsa(&ring::RSA_PKCS1_2048_8192_SHA512),
        "PS256" => rsa(&ring::RSA_PSS_2048_8192_SHA256),
        "PS384" => rsa(&ring::RSA_PSS_2048_8192_SHA384),
        "PS512" => rsa(&ring::RSA_PSS_2048_8192_SHA512),
        other => panic!("ring has no {other}"),
    }
}

fn public_key(jwk: &Value) -> Option<VerifyingKey> {
    let document = json!({ "keys": [jwk] }).to_string();
    let set = JwkSet::parse(document.as_bytes(), &Limits::default()).unwrap();
    set.keys().first().map(|jwk| jwk.key.clone())
}

/// Bounded: so many cases for each algorithm, a few seconds together.
fn runner() -> TestRunner {
    TestRunner::new(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })
}

/// The ways of ours, which see all cases one after the other.
struct Ways(Cell<Vec<Way>>);

impl Ways {
    fn new() -> Self {
        Self(Cell::new(Way::all().into()))
    }

    fn each(&self, verify: impl Fn(&mut Way) -> bool) -> Vec<(&'static str, bool)> {
        let mut ways = self.0.take();
        let verdicts = ways.iter_mut().map(|way| {
            let verdict = verify(way);
            (way.name(), verdict)
        });
        let verdicts = verdicts.collect();
        self.0.set(ways);
        verdicts
    }
}

/// The other implementation agrees on every mutation, and both take what was not changed.
fn agrees_with_ring(alg: &'static str) {
    let input = (prop::collection::vec(any::<u8>(), 0..300), mutations());
    let key = SigningKey::of(alg, "k");
    let set = JwkSet::parse(jwks(&[&key]).as_bytes(), &Limits::default()).unwrap();
    let public = &set.keys()[0].key;
    let algorithm = Algorithm::from_name(alg).unwrap();
    let ways = Ways::new();
    let judged = runner().run(&input, |(mut text, mutation)| {
        let mut signature = key.sign(&text);
        mutation.apply(&mut text, &mut signature);
        let ours = public.verifies(algorithm, &text, &signature);
        let theirs = ring_verifies(alg, &key.public_jwk(), &text, &signature);
        prop_assert_eq!(ours, theirs, "{:?}", mutation);
        for (way, verdict) in ways.each(|way| way.verifies(public, algorithm, &text, &signature)) {
            prop_assert_eq!(verdict, ours, "{:?}, {}", mutation, way);
        }
        if matches!(mutation, Mutation::None) {
            prop_assert!(ours);
        }
        Ok(())
    });
    judged.unwrap_or_else(|error| panic!("{alg}: {error}"));
}

macro_rules! agreement {
    ($($test:ident $alg:literal)*) => {
        $(#[test]
        fn $test() {
            agrees_with_ring($alg);
        })*

        #[test]
        fn every_algorithm_has_a_test_here() {
            let with_ring = [$($alg),*];
            for algorithm in Algorithm::ALL {
                let name = algorithm.name();
                assert!(name == "ES512" || with_ring.contains(&name), "{name}");
            }
        }
    };
}

agreement! {
    es256_agrees_with_ring "ES256"
    es384_agrees_with_ring "ES384"
    rs256_agrees_with_ring "RS256"
    rs384_agrees_with_ring "RS384"
    rs512_agrees_with_ring "RS512"
    ps256_agrees_with_ring "PS256"
    ps384_agrees_with_ring "PS384"
    ps512_agrees_with_ring "PS512"
    eddsa_agrees_with_ring "EdDSA"
    ed25519_agrees_with_ring "Ed25519"
}

#[test]
fn es512_takes_what_openssl_signed_and_no_mutation_of_it() {
    let document: Value = serde_json::from_str(include_str!("vectors/openssl/es512.json")).unwrap();
    let mut signed = Vec::new();
    for entry in document["keys"].as_array().unwrap() {
        let key = public_key(&entry["jwk"]).unwrap();
        for pair in entry["signatures"].as_array().unwrap() {
            signed.push((
                key.clone(),
                decoded(&pair["text"]),
                decoded(&pair["signature"]),
            ));
        }
    }
    assert_eq!(signed.len(), 24);
    let input = (0..signed.len(), mutations());
    let ways = Ways::new();
    let judged = runner().run(&input, |(index, mutation)| {
        let (key, text, signature) = &signed[index];
        let (mut changed_text, mut changed_signature) = (text.clone(), signature.clone());
        mutation.apply(&mut changed_text, &mut changed_signature);
        let unchanged = (&changed_text, &changed_signature) == (text, signature);
        let ours = key.verifies(Algorithm::Es512, &changed_text, &changed_signature);
        prop_assert_eq!(ours, unchanged, "{:?}", mutation);
        let verify =
            |way: &mut Way| way.verifies(key, Algorithm::Es512, &changed_text, &changed_signature);
        for (way, verdict) in ways.each(verify) {
            prop_assert_eq!(verdict, ours, "{:?}, {}", mutation, way);
        }
        Ok(())
    });
    judged.unwrap();
    for (key, text, signature) in &signed {
        assert!(key.verifies(Algorithm::Es512, text, signature));
    }
}

/// A changed coordinate is off the curve, or another point: in both cases ring says no too.
#[test]
fn a_key_with_a_changed_coordinate_verifies_neither_here_nor_with_ring() {
    let input = (
        prop::sample::select(vec!["ES256", "ES384"]),
        any::<usize>(),
        0u8..8,
    );
    let judged = runner().run(&input, |(alg, at, bit)| {
        let key = SigningKey::of(alg, "k");
        let signature = key.sign(b"text");
        let mut jwk = key.public_jwk();
        let name = if at % 2 == 0 { "x" } else { "y" };
        let mut coordinate = decoded(&jwk[name]);
        let length = coordinate.len();
        coordinate[at / 2 % length] ^= 1 << bit;
        jwk[name] = json!(passgate_kit::base64url(coordinate));
        let algorithm = Algorithm::from_name(alg).unwrap();
        let ours = public_key(&jwk).is_some_and(|key| key.verifies(algorithm, b"text", &signature));
        prop_assert_eq!(ours, ring_verifies(alg, &jwk, b"text", &signature));
        prop_assert!(!ours);
        Ok(())
    });
    judged.unwrap();
}
