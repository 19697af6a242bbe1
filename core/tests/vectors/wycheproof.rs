//! Wycheproof (C2SP). Another file is one line more in [`FILES`].

use std::fs;

use passgate_core::{Algorithm, VerifyingKey};
use serde_json::{Value, json};

use crate::{backend::Way, outcome::Outcomes, path, public_key, read};

/// The files, and how many vectors of each pass.
const FILES: [(&str, usize); 2] = [
    ("ecdsa_secp256r1_sha256_p1363_test.json", 262),
    ("ecdsa_secp256r1_sha256_test.json", 484),
];

#[test]
fn wycheproof_says_what_the_core_says() {
    for (file, passed) in FILES {
        let document = read(&format!("wycheproof/{file}"));
        for mut way in Way::all() {
            let mut outcomes = Outcomes::of(&format!("{file}#"));
            let mut seen = 0;
            for group in document["testGroups"].as_array().unwrap() {
                let key = group_key(group);
                for test in group["tests"].as_array().unwrap() {
                    seen += 1;
                    let id = format!("{file}#{}", test["tcId"]);
                    if outcomes.skips(&id) {
                        continue;
                    }
                    let (text, signature) = (unhex(&test["msg"]), unhex(&test["sig"]));
                    // "acceptable" is for what a strict verifier may refuse: we do.
                    let says = test["result"] == "valid";
                    let does = verifies(&mut way, group, &key, &text, &signature);
                    outcomes.compare(&id, says, does);
                }
            }
            assert_eq!(seen, document["numberOfTests"], "{file}");
            assert_eq!(outcomes.finish(), passed, "{file}, {}", way.name());
        }
    }
}

#[test]
fn every_file_in_the_folder_is_used() {
    let mut names: Vec<String> = fs::read_dir(path("wycheproof"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json"))
        .collect();
    names.sort_unstable();
    assert_eq!(names, FILES.map(|(name, _)| name));
}

fn group_key(group: &Value) -> VerifyingKey {
    let jwk = if group["publicKeyJwk"].is_object() {
        group["publicKeyJwk"].clone()
    } else {
        let point = unhex(&group["publicKey"]["uncompressed"]);
        let (x, y) = point[1..].split_at(point.len() / 2);
        let crv = match x.len() {
            32 => "P-256",
            48 => "P-384",
            _ => "P-521",
        };
        json!({ "kty": "EC", "crv": crv, "x": base64url(x), "y": base64url(y) })
    };
    public_key(&jwk).unwrap_or_else(|| panic!("not taken: {jwk}"))
}

/// Signatures in the form of the group: DER, as in WebAuthn assertions, or two numbers, as in JWS.
fn verifies(
    way: &mut Way,
    group: &Value,
    key: &VerifyingKey,
    text: &[u8],
    signature: &[u8],
) -> bool {
    let kind = ["type", "sha"].map(|name| group[name].as_str().unwrap_or_default());
    let curve = group["publicKey"]["curve"].as_str().unwrap_or_default();
    let algorithm = match (kind, curve) {
        (["EcdsaVerify", "SHA-256"], "secp256r1") => {
            let Some(signature) = key.signature_of_assertion(signature) else {
                return false;
            };
            return way.verifies(key, Algorithm::Es256, text, &signature);
        }
        (["EcdsaP1363Verify", "SHA-256"], "secp256r1") => Algorithm::Es256,
        (["EcdsaP1363Verify", "SHA-384"], "secp384r1") => Algorithm::Es384,
        (["EcdsaP1363Verify", "SHA-512"], "secp521r1") => Algorithm::Es512,
        (["EddsaVerify", _], "edwards25519") => Algorithm::Ed25519,
        other => panic!("no reader for groups of {other:?}"),
    };
    way.verifies(key, algorithm, text, signature)
}

fn base64url(bytes: &[u8]) -> String {
    passgate_kit::base64url(bytes)
}

fn unhex(text: &Value) -> Vec<u8> {
    let digit = |byte: &u8| u8::try_from(char::from(*byte).to_digit(16).unwrap()).unwrap();
    let text = text.as_str().unwrap().as_bytes();
    assert_eq!(text.len() % 2, 0);
    text.chunks(2)
        .map(|pair| digit(&pair[0]) * 16 + digit(&pair[1]))
        .collect()
}
