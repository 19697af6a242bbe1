//! Assertions of `core/tests/vectors/webauthn`: the W3C's of the other algorithms, and those of
//! browsers and authenticators that open libraries recorded.

use super::*;
use crate::{
    cose,
    crypto::Algorithm,
    jose::{Jwk, thumbprint},
};

/// What becomes of an assertion, in the words of the files, and what its flags prove.
fn judged(vector: &Value) -> (&'static str, Option<Gesture>) {
    let text = |member: &str| vector[member].as_str().unwrap().to_owned();
    let Ok(assertion) = Assertion::parse(vector["assertion"].to_string().as_bytes()) else {
        return ("malformed", None);
    };
    let party = RelyingParty {
        id: text("rp_id"),
        origins: vec![text("origin")],
        ..RelyingParty::default()
    };
    let challenge = base64url(text("challenge")).unwrap();
    let gesture = Some(assertion.check(&party, &challenge).unwrap());
    if vector["jwk"].is_null() {
        return ("key_unknown", gesture);
    }
    let jwk = Json::parse(vector["jwk"].to_string().as_bytes(), 100).unwrap();
    let Some(jwk) = Jwk::public(&jwk, limits::PROOF_RSA_BITS) else {
        return ("unsupported", gesture);
    };
    let algorithm = jwk.algorithm().unwrap();
    let verifies = |text: &[u8]| {
        let signature = jwk.key.signature_of_assertion(&assertion.signature);
        signature.is_some_and(|signature| jwk.key.verifies(algorithm, text, &signature))
    };
    let signed = assertion.signed();
    let mut other = signed.clone();
    other[33] ^= 1; // in the counter
    assert!(!verifies(&other), "{}", vector["name"]);
    let what = if verifies(&signed) {
        "valid"
    } else {
        "signature"
    };
    (what, gesture)
}

fn judge_all(file: &str, count: usize) {
    let file: Value = serde_json::from_str(file).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), count);
    for vector in vectors {
        let name = &vector["name"];
        let (seen, gesture) = judged(vector);
        assert_eq!(vector["expected"], seen, "{name}");
        // The key as the authenticator gave it away is the same.
        if let Some(cose_key) = vector["cose_key"].as_str() {
            let read = cose::read(&base64url(cose_key).unwrap());
            let jwk = Json::parse(vector["jwk"].to_string().as_bytes(), 100).unwrap();
            let jwk = Jwk::public(&jwk, limits::PROOF_RSA_BITS);
            // Ed25519 has two names (RFC 9864).
            let one_name = |algorithm| match algorithm {
                Algorithm::Ed25519 => Algorithm::EdDsa,
                other => other,
            };
            let read = read.map(|(key, algorithm)| (thumbprint(&key), one_name(algorithm)));
            let jwk = jwk.map(|jwk| (thumbprint(&jwk.key), one_name(jwk.algorithm().unwrap())));
            assert_eq!(read.ok(), jwk, "{name}");
        }
        let flags = vector["flags"].as_str().unwrap();
        if let Some(gesture) = gesture {
            assert_eq!(gesture.is_verified, flags.contains("UV"), "{name}");
            assert_eq!(gesture.is_device_bound, !flags.contains("BE"), "{name}");
        }
    }
}

#[test]
fn the_other_vectors_of_the_w3c_verify() {
    let file = include_str!("../../../tests/vectors/webauthn/w3c_others.json");
    judge_all(file, 8);
}

#[test]
fn what_authenticators_said_once_is_judged_for_what_it_is() {
    let file = include_str!("../../../tests/vectors/webauthn/recorded.json");
    judge_all(file, 15);
}
