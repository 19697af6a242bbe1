//! Each item of RFC 9449 section 4.3, by one good proof and what is changed in it.
#![expect(
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on fails"
)]

use passgate_kit::{ProofBuilder, SigningKey, base64url as kit_base64url, public_members};
use serde_json::{Value, json};

use super::*;
use crate::crypto::Backend;

mod examples;

const URI: &str = "https://api.example.com/orders/7";
const TOKEN: &str = "a.b.c";
const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);
const TERMS: Terms = Terms {
    window: Duration::from_secs(60),
    wants_nonce: false,
};

fn asked() -> Asked<'static> {
    Asked {
        method: "POST",
        origin: "https://api.example.com",
        path: b"/orders/7",
        token: TOKEN,
        is_token_hidden: false,
    }
}

fn good(key: &SigningKey) -> ProofBuilder<'_> {
    ProofBuilder::of(key, "POST", URI)
        .token(TOKEN)
        .claim("iat", NOW.as_secs())
}

fn bound_to(key: &SigningKey) -> Thumbprint {
    thumbprint_of(&passgate_kit::thumbprint(key)).unwrap()
}

/// All checks, in the order of the gate.
fn judge(key: &SigningKey, text: &str) -> Result<VerifiedProof, Fault> {
    let proof = UnverifiedProof::parse(text)?;
    proof.is_by(&bound_to(key))?;
    proof.is_for(asked())?;
    proof.made_at(None, TERMS, NOW)?;
    proof.verify(&mut Backend::default())
}

fn fault(change: impl FnOnce(ProofBuilder<'_>) -> ProofBuilder<'_>) -> Fault {
    let key = SigningKey::es256("k");
    judge(&key, &change(good(&key)).build()).unwrap_err()
}

fn passes(change: impl FnOnce(ProofBuilder<'_>) -> ProofBuilder<'_>) {
    let key = SigningKey::es256("k");
    assert!(judge(&key, &change(good(&key)).build()).is_ok());
}

fn malformed(fault: Fault) -> &'static str {
    let Fault::Malformed(wanted) = fault else {
        return "another fault";
    };
    wanted
}

#[test]
fn item_1_exactly_one_dpop_header_with_one_jwt() {
    let find = |values: &[&[u8]]| {
        let pairs: Vec<(&[u8], &[u8])> =
            values.iter().map(|value| (&b"DPoP"[..], *value)).collect();
        find(Request::new(&pairs), "dpop").map(|found| found.map(str::to_owned))
    };
    assert_eq!(find(&[]), Ok(None));
    assert_eq!(find(&[b"a.b.c"]), Ok(Some("a.b.c".to_owned())));
    for odd in [
        &[&b"a.b.c"[..], b"a.b.c"][..],
        &[b"a.b.c,d.e.f"],
        &[b"a.b.c, "],
        &[b"\xff"],
    ] {
        assert!(matches!(find(odd), Err(Fault::Malformed(_))), "{odd:?}");
    }
    // An empty header is a header.
    assert_eq!(find(&[b""]), Ok(Some(String::new())));
    for odd in ["", "a", "a.b", "a.b.c.d", "..", "a..c", ".b.c", "a.b."] {
        assert!(
            matches!(UnverifiedProof::parse(odd), Err(Fault::Malformed(_))),
            "{odd}"
        );
    }
}

#[test]
fn item_2_a_well_formed_jwt_read_as_strictly_as_a_token() {
    let key = SigningKey::es256("k");
    let text = good(&key).build();
    for odd in [
        format!("{text}="),
        format!(" {text}"),
        text.replace('.', ".."),
    ] {
        assert!(
            matches!(judge(&key, &odd), Err(Fault::Malformed(_))),
            "{odd}"
        );
    }
    let wanted = "claims: one JSON object";
    for claims in [r#"{"jti":"a","jti":"a"}"#, "[]x", "", "{} {}"] {
        let fault = fault(|proof| proof.jws(|jws| jws.raw_claims(claims)));
        let is_empty = claims.is_empty();
        assert!(
            malformed(fault) == wanted || is_empty,
            "{claims}: {fault:?}"
        );
    }
    let header = r#"{"typ":"dpop+jwt","typ":"dpop+jwt","alg":"ES256"}"#;
    assert!(matches!(
        fault(|proof| proof.jws(|jws| jws.raw_header(header))),
        Fault::Malformed(_)
    ));
    let long = "x".repeat(limits::PROOF_BYTES);
    assert_eq!(
        malformed(fault(|proof| proof.claim("x", long))),
        "at most 8 KiB"
    );
}

#[test]
fn item_3_every_required_claim_with_its_type() {
    for name in ["jti", "htm", "htu", "iat"] {
        assert!(malformed(fault(|proof| proof.without(name))).starts_with(name));
        for odd in [json!(null), json!([]), json!({}), json!(true), json!("")] {
            let fault = fault(|proof| proof.claim(name, odd.clone()));
            assert!(malformed(fault).starts_with(name), "{name} {odd}");
        }
    }
    for (name, odd) in [
        ("jti", json!(7)),
        ("iat", json!("1700000000")),
        ("iat", json!(-1)),
    ] {
        assert!(malformed(fault(|proof| proof.claim(name, odd.clone()))).starts_with(name));
    }
    for name in ["ath", "nonce"] {
        let fault = fault(|proof| proof.claim(name, json!([TOKEN])));
        assert!(malformed(fault).starts_with(name));
    }
    passes(|proof| proof.claim("iat", 1_700_000_000.5));
}

#[test]
fn item_4_typ_is_dpop_jwt() {
    for typ in ["dpop+jwt", "DPoP+JWT", "application/dpop+jwt"] {
        passes(|proof| proof.header("typ", typ));
    }
    for typ in ["JWT", "at+jwt", "dpop", "dpop+jwt;v=2", "text/dpop+jwt", ""] {
        assert_eq!(
            malformed(fault(|proof| proof.header("typ", typ))),
            "typ: dpop+jwt",
            "{typ}"
        );
    }
    assert_eq!(
        malformed(fault(|proof| proof.without_header("typ"))),
        "typ: dpop+jwt"
    );
}

#[test]
fn item_5_every_asymmetric_algorithm_and_no_other() {
    for alg in SigningKey::ALGORITHMS {
        let key = SigningKey::of(alg, "k");
        let proof = judge(&key, &good(&key).build());
        assert_eq!(proof.unwrap().thumbprint, bound_to(&key), "{alg}");
    }
    for alg in ["none", "None", "HS256", "HS512", "ES256K", "es256", ""] {
        let fault = fault(|proof| proof.header("alg", alg));
        assert_eq!(
            malformed(fault),
            "alg: an asymmetric one that we verify",
            "{alg}"
        );
    }
    let as_hmac = fault(|proof| proof.jws(|jws| jws.hs256(b"public key")));
    assert_eq!(malformed(as_hmac), "alg: an asymmetric one that we verify");
    for alg in ["ES384", "RS256", "EdDSA"] {
        let fault = fault(|proof| proof.header("alg", alg));
        assert_eq!(
            malformed(fault),
            "an alg that fits the type of jwk",
            "{alg}"
        );
    }
}

#[test]
fn item_6_the_key_is_public_whole_and_of_a_good_size() {
    let not_one = "jwk: one public key of a type that we verify with";
    for (name, value) in [
        ("d", json!("AQ")),
        ("d", json!("")),
        ("d", Value::Null),
        ("x", json!("AQ")),
        ("y", json!(kit_base64url([1; 32]))),
        ("x", Value::Null),
        ("crv", json!("P-384")),
        ("crv", json!("secp256k1")),
        ("kty", json!("oct")),
        ("kty", json!("RSA")),
        ("use", json!("enc")),
        ("key_ops", json!(["sign"])),
        ("alg", json!("ES384")),
    ] {
        let key = SigningKey::es256("k");
        let mut jwk = public_members(&key);
        jwk[name] = value.clone();
        let judged = judge(&key, &good(&key).header("jwk", jwk).build());
        assert_eq!(judged.unwrap_err(), Fault::Key(not_one), "{name} {value}");
    }
    let rsa = SigningKey::rs256("k");
    for bytes in [128, 255, 513, 1_024] {
        let mut jwk = public_members(&rsa);
        jwk["n"] = json!(kit_base64url([0xa5_u8].repeat(bytes)));
        let judged = judge(&rsa, &good(&rsa).header("jwk", jwk).build());
        assert_eq!(judged.unwrap_err(), Fault::Key(not_one), "{bytes}");
    }
    for (exponent, is_usual) in [(&[3][..], true), (&[1, 0, 1], true), (&[2, 0, 1], false)] {
        let mut jwk = public_members(&rsa);
        jwk["e"] = json!(kit_base64url(exponent));
        let text = good(&rsa).header("jwk", jwk).build();
        assert_eq!(
            UnverifiedProof::parse(&text).is_ok(),
            is_usual,
            "{exponent:?}"
        );
    }
    let small = json!({ "kty": "OKP", "crv": "Ed25519", "x": kit_base64url([0; 32]) });
    let okp = SigningKey::of("EdDSA", "k");
    let judged = judge(&okp, &good(&okp).header("jwk", small).build());
    assert_eq!(judged.unwrap_err(), Fault::Key(not_one));
    for odd in [json!("key"), json!([]), Value::Null] {
        let fault = fault(|proof| proof.header("jwk", odd));
        assert_eq!(malformed(fault), "jwk: a public key");
    }
    assert_eq!(
        malformed(fault(|proof| proof.without_header("jwk"))),
        "jwk: a public key"
    );
    // What browsers write beside it when they export a key.
    let key = SigningKey::es256("k");
    let mut jwk = public_members(&key);
    (jwk["key_ops"], jwk["ext"], jwk["kid"]) = (json!(["verify"]), json!(true), json!("a"));
    assert!(judge(&key, &good(&key).header("jwk", jwk).build()).is_ok());
}

#[test]
fn item_7_the_signature_is_the_keys() {
    let (key, other) = (SigningKey::es256("k"), SigningKey::es256("o"));
    let by_other = good(&other).header("jwk", public_members(&key)).build();
    assert_eq!(judge(&key, &by_other).unwrap_err(), Fault::Signature);
    for bytes in [&[0; 64][..], &[1; 63], &[1; 65]] {
        let fault = fault(|proof| proof.jws(|jws| jws.signature(bytes)));
        assert_eq!(fault, Fault::Signature);
    }
    // Other claims under a signature that was good.
    let text = good(&key).build();
    let again = good(&key).build();
    let (front, _) = text.rsplit_once('.').unwrap();
    let (_, signature) = again.rsplit_once('.').unwrap();
    let mixed = format!("{front}.{signature}");
    assert_eq!(judge(&key, &mixed).unwrap_err(), Fault::Signature);
}

#[test]
fn a_proof_by_a_key_that_nobody_knows_costs_what_its_kind_costs() {
    let cost = |alg: &str| {
        let key = SigningKey::of(alg, "k");
        let text = good(&key).build();
        UnverifiedProof::parse(&text)
            .unwrap()
            .cost(&Backend::default())
    };
    let costs = ["EdDSA", "RS256", "ES256", "ES384"].map(cost);
    assert!(costs.is_sorted() && costs[0] > Duration::ZERO, "{costs:?}");
}

#[test]
fn item_8_htm_is_the_method_with_its_case() {
    for method in ["GET", "post", "Post", "POST ", "POSTS"] {
        let fault = fault(|proof| proof.claim("htm", method));
        assert_eq!(
            fault,
            Fault::Request("htm: the method of the request"),
            "{method}"
        );
    }
}

#[test]
fn item_9_htu_is_the_uri_of_the_request_without_query_and_fragment() {
    for uri in [
        "HTTPS://API.example.com:443/orders/7",
        "https://api.example.com/orders/7?page=2#top",
        "https://api.example.com/x/../orders/%37",
    ] {
        passes(|proof| proof.claim("htu", uri));
    }
    for uri in [
        "https://api.example.com/orders/8",
        "https://api.example.com/orders/7/",
        "https://api.example.com/",
        "https://evil.example.com/orders/7",
        "https://api.example.com:8443/orders/7",
        "http://api.example.com/orders/7",
        "/orders/7",
        "https://api.example.com@evil.example.com/orders/7",
        "not a uri",
    ] {
        let fault = fault(|proof| proof.claim("htu", uri));
        assert!(matches!(fault, Fault::Request(_)), "{uri}: {fault:?}");
    }
    // The request's own path, as odd as Envoy lets it through.
    let key = SigningKey::es256("k");
    let proof = good(&key)
        .claim("htu", "https://api.example.com/a%7C%C3%A4")
        .build();
    let proof = UnverifiedProof::parse(&proof).unwrap();
    let asked = Asked {
        path: b"/a|\xc3\xa4",
        ..asked()
    };
    assert_eq!(proof.is_for(asked), Ok(()));
    let asked = Asked {
        path: b"/a\\",
        ..asked
    };
    assert!(proof.is_for(asked).is_err());
}

#[test]
fn item_10_a_nonce_of_ours_where_one_is_wanted() {
    let key = SigningKey::es256("k");
    let text = good(&key).claim("iat", 1).claim("nonce", "n").build();
    let proof = UnverifiedProof::parse(&text).unwrap();
    assert_eq!(proof.unverified_nonce(), Some("n"));
    let wants = Terms {
        wants_nonce: true,
        ..TERMS
    };
    let ago = |seconds| Some(NOW.saturating_sub(Duration::from_secs(seconds)));
    // The clock of the client means nothing then.
    for seconds in [0, 60] {
        assert_eq!(
            proof.made_at(ago(seconds), wants, NOW),
            Ok(ago(seconds).unwrap())
        );
    }
    assert!(matches!(
        proof.made_at(ago(61), wants, NOW),
        Err(Fault::Nonce(_))
    ));
    assert!(matches!(
        proof.made_at(None, wants, NOW),
        Err(Fault::Nonce(_))
    ));
    // One that was made by a clock of ours that has gone back since.
    let ahead = NOW.saturating_add(Duration::from_secs(600));
    assert_eq!(proof.made_at(Some(ahead), wants, NOW), Ok(ahead));
    // Where none is wanted one of ours counts all the same, a recent one and an old one; a foreign
    // one does not.
    assert_eq!(proof.made_at(ago(60), TERMS, NOW), Ok(ago(60).unwrap()));
    assert!(matches!(
        proof.made_at(ago(61), TERMS, NOW),
        Err(Fault::Nonce(_))
    ));
    assert!(matches!(
        proof.made_at(None, TERMS, NOW),
        Err(Fault::Time(_))
    ));
}

#[test]
fn item_11_iat_is_now_in_both_directions() {
    let now = NOW.as_secs();
    for iat in [now - 60, now, now + 60] {
        passes(|proof| proof.claim("iat", iat));
    }
    for iat in [0, now - 61, now + 61, 253_402_300_799] {
        let fault = fault(|proof| proof.claim("iat", iat));
        assert_eq!(
            fault,
            Fault::Time("iat: now, give or take iat_window"),
            "{iat}"
        );
    }
}

#[test]
fn item_12_ath_is_the_hash_of_the_token() {
    assert_eq!(
        fault(|proof| proof.without("ath")),
        Fault::Token("ath: the hash of the access token")
    );
    let another = Fault::Token("ath: the hash of this access token");
    assert_eq!(fault(|proof| proof.token("a.b.d")), another);
    assert_eq!(fault(|proof| proof.claim("ath", TOKEN)), another);
}

#[test]
fn item_12_the_key_is_the_one_that_the_token_is_bound_to() {
    let (key, other) = (SigningKey::es256("k"), SigningKey::es256("o"));
    let by_other = judge(&key, &good(&other).build());
    assert_eq!(
        by_other.unwrap_err(),
        Fault::Key("jwk: the key that cnf of the token, or jkt of the session, names")
    );
}

#[test]
fn unknown_parameters_and_claims_are_ignored_and_crit_refuses() {
    passes(|proof| proof.header("kid", "x").header("x", json!({ "y": [1] })));
    passes(|proof| {
        proof
            .claim("x", json!({ "y": [1] }))
            .claim("exp", 1)
            .claim("iss", "i")
    });
    let wanted = "a header without crit and b64";
    assert_eq!(
        malformed(fault(|proof| proof
            .header("crit", json!(["x"]))
            .header("x", 1))),
        wanted
    );
    assert_eq!(malformed(fault(|proof| proof.header("b64", false))), wanted);
    let nested = malformed(fault(|proof| proof.header("zip", "DEF")));
    assert_eq!(
        nested,
        "claims that are neither encrypted, compressed nor nested"
    );
}

#[test]
fn a_proof_has_one_id_however_its_signature_is_written() {
    let (key, other) = (SigningKey::es256("k"), SigningKey::es256("o"));
    let id =
        |key: &SigningKey, jti: &str| judge(key, &good(key).claim("jti", jti).build()).unwrap().id;
    // ECDSA of the kit is not deterministic: the same claims under another signature.
    assert_eq!(id(&key, "a"), id(&key, "a"));
    assert_ne!(id(&key, "a"), id(&key, "b"));
    assert_ne!(id(&key, "a"), id(&other, "a"));
}
