//! What the kit makes is what `ring` verifies, read back from the published JWK alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use passgate_kit::{SigningKey, Token, jwks, minted, tampered};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::{Value, json};

#[test]
fn an_es256_token_verifies_with_its_jwk() {
    let key = SigningKey::es256("k1");
    let token = Token::of(&key, "https://id.example.com", "api").build();
    assert!(verifies(&key.public_jwk(), &token));
    assert!(!verifies(&SigningKey::es256("k1").public_jwk(), &token));
}

#[test]
fn an_rs256_token_verifies_with_its_jwk() {
    let key = SigningKey::rs256("r1");
    let token = Token::of(&key, "https://id.example.com", "api").build();
    assert!(verifies(&key.public_jwk(), &token));
    assert!(!verifies(
        &SigningKey::rs256_other("r1").public_jwk(),
        &token
    ));
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
    match jwk["kty"].as_str().unwrap() {
        "EC" => {
            let point = [vec![4], member("x"), member("y")].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(input.as_bytes(), &signature)
                .is_ok()
        }
        "RSA" => RsaPublicKeyComponents {
            n: member("n"),
            e: member("e"),
        }
        .verify(&RSA_PKCS1_2048_8192_SHA256, input.as_bytes(), &signature)
        .is_ok(),
        other => panic!("unknown key type {other}"),
    }
}

fn part(token: &str, index: usize) -> Value {
    let bytes = URL_SAFE_NO_PAD
        .decode(token.split('.').nth(index).unwrap())
        .unwrap();
    serde_json::from_slice(&bytes).unwrap()
}
