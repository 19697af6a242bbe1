//! What the kit makes is what `ring` verifies, read back from the published JWK alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use passgate_kit::{SigningKey, Token, jwks, minted, tampered};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use serde_json::{Value, json};

#[test]
fn a_token_of_each_algorithm_verifies_with_its_jwk_alone() {
    for alg in SigningKey::ALGORITHMS
        .into_iter()
        .filter(|alg| *alg != "ES512")
    {
        let key = SigningKey::of(alg, "k1");
        let token = Token::of(&key, "https://id.example.com", "api").build();
        assert_eq!(part(&token, 0)["alg"], alg);
        assert!(verifies(&key.public_jwk(), &token), "{alg}");
        assert!(!verifies(&key.public_jwk(), &tampered(&token)), "{alg}");
    }
}

#[test]
fn an_es512_key_has_the_shape_of_its_curve() {
    let key = SigningKey::of("ES512", "k1");
    let jwk = key.public_jwk();
    assert_eq!((&jwk["kty"], &jwk["crv"]), (&json!("EC"), &json!("P-521")));
    for name in ["x", "y"] {
        let member = jwk[name].as_str().unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(member).unwrap().len(), 66);
    }
    assert_eq!(key.sign(b"text").len(), 132);
}

#[test]
fn a_fresh_key_is_another_key() {
    for alg in ["ES256", "ES384", "ES512", "EdDSA"] {
        let (one, two) = (SigningKey::of(alg, "k1"), SigningKey::of(alg, "k1"));
        assert_ne!(one.public_jwk(), two.public_jwk(), "{alg}");
    }
    let (one, two) = (SigningKey::rs256("k1"), SigningKey::rs256_other("k1"));
    assert_ne!(one.public_jwk(), two.public_jwk());
}

#[test]
fn header_and_claims_are_what_was_asked_for() {
    let key = SigningKey::es256("k1");
    let token = Token::of(&key, "https://id.example.com", "api")
        .claim("scope", "read write")
        .without("iat")
        .header("typ", "at+jwt")
        .without_header("kid")
        .expires_in(-10)
        .build();
    let (header, claims) = (part(&token, 0), part(&token, 1));
    assert_eq!(header, json!({ "alg": "ES256", "typ": "at+jwt" }));
    assert_eq!(claims["scope"], "read write");
    assert_eq!(claims["sub"], "alice");
    assert_eq!(claims.get("iat"), None);
    assert!(claims["exp"].as_i64().unwrap() < passgate_kit::now());
}

#[test]
fn raw_parts_are_signed_as_they_are() {
    let key = SigningKey::es256("k1");
    let token = Token::of(&key, "i", "a")
        .raw_header(r#"{"alg":"ES256","alg":"none"}"#)
        .raw_claims("[]")
        .build();
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(
        URL_SAFE_NO_PAD.decode(parts[0]).unwrap(),
        br#"{"alg":"ES256","alg":"none"}"#
    );
    assert_eq!(URL_SAFE_NO_PAD.decode(parts[1]).unwrap(), b"[]");
    assert!(verifies(&key.public_jwk(), &token));
}

#[test]
fn a_tampered_token_differs_in_its_payload_alone_and_fails() {
    let key = SigningKey::es256("k1");
    let token = Token::of(&key, "i", "a").build();
    let forged = tampered(&token);
    assert_eq!(part(&forged, 1)["sub"], "mallory");
    assert_eq!(part(&forged, 0), part(&token, 0));
    assert_eq!(forged.rsplit('.').next(), token.rsplit('.').next());
    assert!(!verifies(&key.public_jwk(), &forged));
}

#[test]
fn a_jwk_set_lists_every_key() {
    let (one, two) = (SigningKey::es256("k1"), SigningKey::rs256("r1"));
    let set: Value = serde_json::from_str(&jwks(&[&one, &two])).unwrap();
    assert_eq!(set["keys"], json!([one.public_jwk(), two.public_jwk()]));
}

#[test]
fn every_token_is_remembered() {
    let token = Token::of(&SigningKey::es256("k1"), "i", "a").build();
    assert!(minted().contains(&token));
}

fn verifies(jwk: &Value, token: &str) -> bool {
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let member = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let unparsed = |algorithm: &'static dyn VerificationAlgorithm, key: Vec<u8>| {
        UnparsedPublicKey::new(algorithm, key)
            .verify(input.as_bytes(), &signature)
            .is_ok()
    };
    let point = || [vec![4], member("x"), member("y")].concat();
    let rsa = |parameters: &RsaParameters| {
        let (n, e) = (member("n"), member("e"));
        RsaPublicKeyComponents { n, e }
            .verify(parameters, input.as_bytes(), &signature)
            .is_ok()
    };
    match jwk["alg"].as_str().unwrap() {
        "ES256" => unparsed(&ECDSA_P256_SHA256_FIXED, point()),
        "ES384" => unparsed(&ECDSA_P384_SHA384_FIXED, point()),
        "EdDSA" | "Ed25519" => unparsed(&ED25519, member("x")),
        "RS256" => rsa(&RSA_PKCS1_2048_8192_SHA256),
        "RS384" => rsa(&RSA_PKCS1_2048_8192_SHA384),
        "RS512" => rsa(&RSA_PKCS1_2048_8192_SHA512),
        "PS256" => rsa(&RSA_PSS_2048_8192_SHA256),
        "PS384" => rsa(&RSA_PSS_2048_8192_SHA384),
        "PS512" => rsa(&RSA_PSS_2048_8192_SHA512),
        other => panic!("unknown algorithm {other}"),
    }
}

fn part(token: &str, index: usize) -> Value {
    let bytes = URL_SAFE_NO_PAD
        .decode(token.split('.').nth(index).unwrap())
        .unwrap();
    serde_json::from_slice(&bytes).unwrap()
}
