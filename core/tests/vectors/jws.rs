//! Examples of RFC 7515, 7520, 7797 and 8037: signatures by the key alone, refusals through the
//! whole gate; and thumbprints (RFC 7638).

use std::fs;

use passgate_core::{
    Algorithm, Config, Request, Settlement, Step, Supply, UnixTime, Verdict, Verifier, thumbprint,
};
use passgate_kit::base64url;
use serde_json::{Value, json};

use crate::{backend::Way, decoded, outcome::Outcomes, path, public_key, read};

/// Whether the core verifies a compact JWS with the example's key, whatever the payload is.
fn verifies(way: &mut Way, jwk: &Value, jws: &str) -> bool {
    let mut parts = jws.rsplitn(2, '.');
    let (signature, text) = (parts.next().unwrap(), parts.next().unwrap());
    let header = text.split('.').next().unwrap();
    let Ok(header) = serde_json::from_slice::<Value>(&decoded(&json!(header))) else {
        return false;
    };
    let (Some(key), Some(algorithm)) = (
        public_key(jwk),
        header["alg"].as_str().and_then(Algorithm::from_name),
    ) else {
        return false;
    };
    way.verifies(
        &key,
        algorithm,
        text.as_bytes(),
        &decoded(&json!(signature)),
    )
}

#[test]
fn the_examples_of_rfc_7515_and_8037_verify_where_they_should() {
    let examples = read("jws/rfc7515_rfc8037_examples.json");
    for mut way in Way::all() {
        let mut outcomes = Outcomes::of("rfc7515_rfc8037#");
        for example in examples["examples"].as_array().unwrap() {
            let id = format!("rfc7515_rfc8037#{}", example["name"].as_str().unwrap());
            let does = verifies(&mut way, &example["jwk"], example["jws"].as_str().unwrap());
            outcomes.compare(&id, example["expected"] == "valid", does);
        }
        assert_eq!(outcomes.finish(), 6, "{}", way.name());
    }
}

/// The files of the cookbook that hold a compact JWS.
fn cookbook() -> Vec<(String, Value)> {
    let mut files: Vec<(String, Value)> = fs::read_dir(path("jws/rfc7520"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| (name.clone(), read(&format!("jws/rfc7520/{name}"))))
        .collect();
    files.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    assert_eq!(files.len(), 18);
    files
}

/// RFC 7520 expects every example to verify; what we refuse on purpose is listed.
#[test]
fn the_examples_of_rfc_7520_and_7797_verify_or_diverge_for_a_reason() {
    for mut way in Way::all() {
        let mut outcomes = Outcomes::of("rfc7520#");
        for (name, file) in cookbook() {
            let id = format!("rfc7520#{name}");
            if outcomes.skips(&id) {
                continue;
            }
            let jws = file["output"]["compact"].as_str().unwrap();
            outcomes.compare(&id, true, verifies(&mut way, &file["input"]["key"], jws));
        }
        assert_eq!(outcomes.finish(), 4, "{}", way.name());
    }
}

#[test]
fn the_keys_of_rfc_7520_are_taken_when_they_are_public() {
    let mut outcomes = Outcomes::of("rfc7520-jwk#");
    for (name, file) in cookbook()
        .iter()
        .filter(|(name, _)| name.starts_with("jwk__"))
    {
        let document = json!({ "keys": [file] }).to_string();
        let set = passgate_core::JwkSet::parse(document.as_bytes(), &Default::default());
        let set = set.unwrap();
        let secret = ["private", "symmetric"]
            .iter()
            .any(|word| name.contains(word));
        let does = (
            set.keys().len(),
            set.skipped().iter().filter(|key| key.secret).count(),
        );
        outcomes.compare(
            &format!("rfc7520-jwk#{name}"),
            if secret { (0, 1) } else { (1, 0) },
            does,
        );
    }
    assert_eq!(outcomes.finish(), 6);
}

#[test]
fn thumbprints_are_those_of_rfc_7638_8037_and_9449() {
    let examples = read("jws/jwk_thumbprints.json");
    let examples = examples["examples"].as_array().unwrap();
    assert_eq!(examples.len(), 3);
    for example in examples {
        let key = public_key(&example["jwk"]).unwrap();
        assert_eq!(base64url(thumbprint(&key)), example["thumbprint_sha256"]);
    }
}

/// What the whole gate says to a credential, by its reason code.
fn reason(credential: &str) -> &'static str {
    let key = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }] });
    let config = json!({ "providers": { "p": {
        "issuer": "joe", "audiences": ["a"], "local_jwks": { "inline_string": key.to_string() },
    } } });
    let config = Config::parse(config.to_string().as_bytes()).unwrap();
    let mut keys = Supply::new(&config, 1);
    let mut verifier = Verifier::new(config, 1);
    let authorization = format!("Bearer {credential}");
    let headers: [(&[u8], &[u8]); 4] = [
        (b":method", b"GET"),
        (b":path", b"/"),
        (b":authority", b"api.example.com"),
        (b"authorization", authorization.as_bytes()),
    ];
    match verifier.verify(Request::new(&headers), &mut keys, UnixTime::from_secs(1)) {
        Step::Settle(Settlement {
            verdict: Verdict::Deny(rejection),
            ..
        }) => rejection.code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_no_signed_token_is_refused_by_its_own_name() {
    let text = |file: &str, pointer: &str| {
        let file = read(file);
        let value = file.pointer(pointer).unwrap_or_else(|| panic!("{pointer}"));
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let rfc = |index: usize| {
        text(
            "jws/rfc7515_rfc8037_examples.json",
            &format!("/examples/{index}/jws"),
        )
    };
    let cookbook = |name: &str, pointer: &str| text(&format!("jws/rfc7520/{name}"), pointer);
    for (what, credential, expected) in [
        ("HS256", rfc(0), "untrusted.algorithm"),
        ("none", rfc(4), "malformed.token_shape"),
        (
            "a text that does not hold claims",
            rfc(5),
            "malformed.claims",
        ),
        (
            "detached content",
            cookbook(
                "jws__4_5.signature_with_detached_content.json",
                "/output/compact",
            ),
            "malformed.token_shape",
        ),
        (
            "b64 false, compact",
            cookbook("rfc7797__hmac-sha2_b64_false.json", "/output/compact"),
            "ambiguous.credentials",
        ),
        (
            "JSON serialisation",
            cookbook("jws__4_8.multiple_signatures.json", "/output/json"),
            "ambiguous.credentials",
        ),
        (
            "nested JWE",
            cookbook(
                "6.nesting_signatures_and_encryption.json",
                "/encrypt/output/compact",
            ),
            "malformed.token_shape",
        ),
    ] {
        assert_eq!(reason(&credential), expected, "{what}");
    }
}
