mod vectors;

use passgate_kit::{ApprovalBuilder, SigningKey, sha256};
use serde_json::{Value, json};

use super::*;
use crate::crypto::{Algorithm, VerifyingKey};

const RP_ID: &str = "example.org";
const ORIGIN: &str = "https://example.org";

fn party() -> RelyingParty {
    RelyingParty {
        id: RP_ID.to_owned(),
        origins: vec![ORIGIN.to_owned()],
        ..RelyingParty::default()
    }
}

fn approval(key: &SigningKey) -> ApprovalBuilder<'_> {
    ApprovalBuilder::of(key, (RP_ID, ORIGIN), ("GET", "https://api.example.org/"))
}

/// Whether an approval's assertion counts, but for its signature.
fn checked(approval: ApprovalBuilder<'_>, party: &RelyingParty) -> Result<Gesture, Fault> {
    let text = approval.build();
    let (statement, assertion) = text.split_once('.').unwrap();
    let statement = base64url(statement).unwrap();
    let challenge = sha256(&[b"webauthn-proof-v1:transaction\0", &*statement].concat());
    Assertion::parse(&base64url(assertion).unwrap())?.check(party, &challenge)
}

fn unhex(value: &Value) -> Vec<u8> {
    let (pairs, []) = value.as_str().unwrap().as_bytes().as_chunks::<2>() else {
        panic!("two digits for each byte");
    };
    let byte = |pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.iter().map(|pair| byte(pair)).collect()
}

/// The W3C's, of `core/tests/vectors/webauthn`.
#[test]
fn the_vectors_of_the_w3c_verify() {
    let file = include_str!("../../tests/vectors/webauthn/w3c_es256.json");
    let file: Value = serde_json::from_str(file).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 7);
    for vector in vectors {
        let name = vector["name"].as_str().unwrap();
        let part = |part: &str| passgate_kit::base64url(unhex(&vector[part]));
        let assertion = json!({
            "id": part("credential_id_hex"),
            "rawId": part("credential_id_hex"),
            "type": "public-key",
            "response": {
                "clientDataJSON": part("client_data_json_hex"),
                "authenticatorData": part("authenticator_data_hex"),
                "signature": part("signature_hex"),
            },
        });
        let assertion = Assertion::parse(assertion.to_string().as_bytes()).unwrap();
        let challenge = unhex(&vector["challenge_hex"]);
        let mut party = party();
        let plain = assertion.check(&party, &challenge);
        let is_framed = vector["cross_origin"] == json!(true);
        assert_eq!(plain.is_err(), is_framed, "{name}: {plain:?}");
        party.top_origins = vec!["https://example.com".to_owned()];
        let framed = assertion.check(&party, &challenge);
        assert_eq!(
            framed.is_ok(),
            !is_framed || vector["top_origin"].is_string(),
            "{name}"
        );
        for gesture in [plain, framed].into_iter().flatten() {
            let wanted = Gesture {
                is_verified: vector["flags"]["UV"] == json!(true),
                is_device_bound: vector["flags"]["BE"] == json!(false),
            };
            assert_eq!(gesture, wanted, "{name}");
        }
        let cose = unhex(&vector["cose_key_hex"]);
        let key = VerifyingKey::p256(&cose[10..42], &cose[45..77]).unwrap();
        let verifies = |text: &[u8]| {
            let signature = key.signature_of_assertion(&assertion.signature).unwrap();
            key.verifies(Algorithm::Es256, text, &signature)
        };
        let mut signed = assertion.signed();
        assert!(verifies(&signed), "{name}");
        signed[33] ^= 1;
        assert!(!verifies(&signed), "{name}");
    }
}

#[test]
fn an_assertion_is_read_in_one_way() {
    let good = json!({
        "id": "AQID", "rawId": "AQID", "type": "public-key", "authenticatorAttachment": "platform",
        "clientExtensionResults": { "appid": true },
        "response": {
            "clientDataJSON": "AQID", "authenticatorData": "AQID", "signature": "AQID",
            "userHandle": "",
        },
    });
    let parse = |json: &Value| Assertion::parse(json.to_string().as_bytes());
    assert!(parse(&good).is_ok());
    let long = passgate_kit::base64url([1; 1_024]);
    for (place, value) in [
        ("/id", json!("AQIE")),
        ("/id", json!("AQI=")),
        ("/rawId", json!(null)),
        ("/rawId", json!("AQIE")),
        ("/type", json!("Public-Key")),
        ("/response", json!(null)),
        ("/response/clientDataJSON", json!("AQ ID")),
        ("/response/clientDataJSON", json!("AQI")),
        ("/response/clientDataJSON", json!("AQJ")),
        ("/response/authenticatorData", json!("")),
        ("/response/signature", json!(["AQID"])),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(place).unwrap() = value.clone();
        // Two bytes leave trailing bits, which must be zero.
        assert_eq!(
            parse(&bad).is_err(),
            value != json!("AQI"),
            "{place} {value}"
        );
    }
    let mut bad = good.clone();
    (bad["id"], bad["rawId"]) = (json!(long), json!(long));
    assert!(parse(&bad).is_err());
    assert!(Assertion::parse(br#"{"type":"public-key","type":"public-key"}"#).is_err());
    assert!(Assertion::parse(b"[]").is_err());
}

#[test]
fn client_data_is_strict_json() {
    let good = format!(r#"{{"type":"webauthn.get","challenge":"AQ","origin":"{ORIGIN}"}}"#);
    let read = |text: &[u8]| ClientData::parse(text)?.check(&party(), "AQ");
    assert_eq!(read(good.as_bytes()), Ok(()));
    // A byte order mark goes, one.
    let marked = ["\u{feff}", &good].concat();
    assert_eq!(read(marked.as_bytes()), Ok(()));
    for bad in [
        ["\u{feff}\u{feff}", &good].concat().into_bytes(),
        [&good, "x"].concat().into_bytes(),
        [&*good, &good].concat().into_bytes(),
        good.replace("}", r#","origin":"https://example.org"}"#)
            .into_bytes(),
        good.replace(r#""AQ""#, r#"["AQ"]"#).into_bytes(),
        good.replace("}", r#","crossOrigin":"false"}"#).into_bytes(),
        good.replace("}", r#","topOrigin":null}"#).into_bytes(),
        [good.as_bytes(), b"\xff"].concat(),
        b"[]".to_vec(),
        b"".to_vec(),
    ] {
        let shown = String::from_utf8_lossy(&bad).into_owned();
        assert!(matches!(read(&bad), Err(Fault::Malformed(_))), "{shown}");
    }
}

#[test]
fn a_registration_is_not_an_assertion() {
    let key = SigningKey::es256("k");
    assert!(checked(approval(&key), &party()).is_ok());
    for kind in ["webauthn.create", "payment.get", "Webauthn.get", ""] {
        let other = approval(&key).client_data("type", kind);
        assert!(
            matches!(checked(other, &party()), Err(Fault::Challenge(_))),
            "{kind}"
        );
    }
}

#[test]
fn the_challenge_is_compared_as_text() {
    let read = |challenge: &str| {
        let text = json!({ "type": "webauthn.get", "challenge": challenge, "origin": ORIGIN });
        ClientData::parse(text.to_string().as_bytes())?.check(&party(), "AQI")
    };
    assert_eq!(read("AQI"), Ok(()));
    for other in ["AQI=", "AQJ", "AQ", "AQID", "", "aqi"] {
        assert!(matches!(read(other), Err(Fault::Challenge(_))), "{other}");
    }
}

#[test]
fn only_pages_that_are_named_ask() {
    let key = SigningKey::es256("k");
    let app = "android:apk-key-hash:AQID";
    let mut party = party();
    party.origins.push(app.to_owned());
    for origin in [ORIGIN, app] {
        let own = approval(&key).client_data("origin", origin);
        assert!(checked(own, &party).is_ok(), "{origin}");
    }
    for origin in [
        "https://example.org/",
        "https://example.org:443",
        "https://example.org:8443",
        "http://example.org",
        "https://www.example.org",
        "https://example.org.evil.example",
        "https://evil-example.org",
        "HTTPS://EXAMPLE.ORG",
        "android:apk-key-hash:AQIE",
        "null",
        "",
    ] {
        let other = approval(&key).client_data("origin", origin);
        assert!(
            matches!(checked(other, &party), Err(Fault::Origin(_))),
            "{origin}"
        );
    }
}

#[test]
fn frames_are_refused_unless_named() {
    let key = SigningKey::es256("k");
    let top = "https://shop.example";
    let mut named = party();
    named.top_origins = vec![top.to_owned()];
    for (framed, around, plain, with_top) in [
        (json!(false), None, true, true),
        (json!(true), None, false, false),
        (json!(true), Some(top), false, true),
        (json!(true), Some("https://evil.example"), false, false),
        (json!(false), Some(top), false, false),
    ] {
        let mut asked = approval(&key).client_data("crossOrigin", framed.clone());
        if let Some(around) = around {
            asked = asked.client_data("topOrigin", around);
        }
        for (party, passes) in [(party(), plain), (named.clone(), with_top)] {
            let checked = checked(asked.clone(), &party);
            assert_eq!(checked.is_ok(), passes, "{framed} {around:?} {checked:?}");
        }
    }
}

#[test]
fn a_token_binding_is_refused() {
    let key = SigningKey::es256("k");
    for (status, passes) in [("present", false), ("supported", true), ("odd", true)] {
        let bound = approval(&key).client_data("tokenBinding", json!({ "status": status }));
        assert_eq!(checked(bound, &party()).is_ok(), passes, "{status}");
    }
}

#[test]
fn authenticator_data_is_read_to_its_last_byte() {
    let key = SigningKey::es256("k");
    const UP: u8 = 1;
    const AT: u8 = 1 << 6;
    const ED: u8 = 1 << 7;
    let key_of_uvm = [0xa1, 0x63, b'u', b'v', b'm', 0x81, 0x83, 2, 4, 2];
    for (flags, after, passes) in [
        (UP, &[][..], true),
        // Bits that mean nothing yet.
        (UP | 1 << 1 | 1 << 5, &[], true),
        (UP, &[0], false),
        (UP | ED, &[], false),
        (UP | ED, &[0xa0], true),
        (UP | ED, &key_of_uvm, true),
        (UP | ED, &key_of_uvm[..9], false),
        (UP | ED, &[0xa0, 0], false),
        (UP | ED, &[0x80], false),
        (UP | ED, &[0xa1, 0x01, 0x02], false),
        (UP | ED, &[0xbf, 0xff], false),
        (UP | AT, &[0; 100], false),
    ] {
        let checked = checked(approval(&key).flags(flags, after), &party());
        assert_eq!(checked.is_ok(), passes, "{flags:x} {after:x?} {checked:?}");
    }
    for length in [0, 1, 32, 36] {
        let parsed = AuthenticatorData::parse(&[1; 37][..length]);
        assert!(matches!(parsed, Err(Fault::Malformed(_))), "{length}");
    }
}

#[test]
fn the_relying_party_is_ours() {
    let key = SigningKey::es256("k");
    let mut party = party();
    let app_id = "https://example.org/app-id.json";
    let by_app = || approval(&key).rp_id(app_id);
    assert!(matches!(checked(by_app(), &party), Err(Fault::Origin(_))));
    party.app_ids = vec![app_id.to_owned()];
    assert!(checked(by_app(), &party).is_ok());
    for other in ["evil.example", "example.org.", "Example.org", ORIGIN] {
        let checked = checked(approval(&key).rp_id(other), &party);
        assert!(matches!(checked, Err(Fault::Origin(_))), "{other}");
    }
}

#[test]
fn a_person_was_there() {
    let key = SigningKey::es256("k");
    for flags in [0, 0x04, 0x1c] {
        let absent = approval(&key).flags(flags, &[]);
        assert!(matches!(checked(absent, &party()), Err(Fault::Flags(_))));
    }
}

#[test]
fn a_backup_needs_eligibility() {
    let key = SigningKey::es256("k");
    for (flags, is_device_bound) in [
        (0x01, Some(true)),
        (0x09, Some(false)),
        (0x19, Some(false)),
        (0x11, None),
    ] {
        let gesture = checked(approval(&key).flags(flags, &[]), &party());
        let found = gesture.ok().map(|gesture| gesture.is_device_bound);
        assert_eq!(found, is_device_bound, "{flags:x}");
    }
}

#[test]
fn the_counter_says_nothing() {
    for counter in [[0; 4], [0xff; 4]] {
        let data = [&[7; 32][..], &[1], &counter].concat();
        assert!(AuthenticatorData::parse(&data).is_ok());
    }
}
