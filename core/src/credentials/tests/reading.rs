//! What is read of a document, and what is not.

use passgate_kit::{SigningKey, base64url, public_members};
use serde_json::{Value, json};

use super::world::{ISSUER, World, document, entry, ok, secs};
use crate::{credentials::Found, fetch::Number, limits, webauthn::Aaguid};

const AAGUID: &str = "EE882879-721c-4913-9775-3dfcce97072a";

fn world(body: &str) -> World {
    let mut world = World::new();
    world.comes(body);
    world
}

#[test]
fn an_entry_says_whose_passkey_it_is_and_what_is_known_of_it() {
    let key = SigningKey::es256("k");
    let jwk = json!({
        "sub": "alice", "id": "AQID", "public_key": public_members(&key), "aaguid": AAGUID,
        "backup_eligible": true, "user_handle": "YWxpY2U", "disabled": false, "label": ["any"],
    });
    let cose = json!({
        "sub": "alice", "id": "AQIE", "cose_key": base64url(key.cose_key()),
        "public_key": null, "aaguid": null, "backup_eligible": null, "user_handle": null,
        "disabled": null,
    });
    let mut world = world(&document(&[jwk, cose]));
    let now = world.now();
    let mut find = |id: &[u8]| match world.long.find("alice", id, now) {
        Found::Known(credential) => credential,
        other => panic!("{other:?}"),
    };
    let (one, other) = (find(&[1, 2, 3]), find(&[1, 2, 4]));
    assert_eq!(one.passkey(), other.passkey());
    assert_eq!(one.aaguid, Aaguid::read(AAGUID));
    assert_eq!(one.is_backup_eligible, Some(true));
    assert_eq!(one.user_handle.as_deref(), Some("YWxpY2U"));
    assert!(!one.is_disabled && !other.is_disabled);
    let none = (other.aaguid, other.is_backup_eligible, &other.user_handle);
    assert_eq!(none, (None, None, &None));
}

#[test]
fn a_passkey_is_one_persons_exactly() {
    let mut world = world(&document(&[
        entry("alice", &[1]),
        entry("bob", &[2]),
        entry("ali", b"ce\x01"),
    ]));
    for (subject, id, wanted) in [
        ("alice", &[1][..], "known"),
        ("bob", &[2], "known"),
        ("alice", &[2], "unknown"),
        ("bob", &[1], "unknown"),
        ("Alice", &[1], "unknown"),
        ("alice ", &[1], "unknown"),
        ("", &[1], "unknown"),
        ("alice", &[], "unknown"),
        ("alice", &[1, 0], "unknown"),
        ("ali", b"ce\x01", "known"),
    ] {
        assert_eq!(world.find(subject, id), wanted, "{subject} {id:?}");
    }
}

#[test]
fn an_odd_entry_is_skipped_and_counted_and_spoils_no_other() {
    let good = entry("alice", &[1]);
    let rsa = public_members(&SigningKey::rs256("k"));
    let mut private = public_members(&SigningKey::es256("k"));
    private["d"] = json!("AQ");
    let with = |name: &str, value: Value| {
        let mut odd = good.clone();
        odd[name] = value;
        odd
    };
    let odd = [
        json!(null),
        json!("alice"),
        json!({}),
        with("sub", json!("")),
        with("sub", json!(7)),
        with("sub", json!(null)),
        with("sub", json!("a".repeat(513))),
        with("id", json!("")),
        with("id", json!("AQ=")),
        with("id", json!("AR")),
        with("id", json!(7)),
        with("id", json!(base64url([1; 1_024]))),
        with("cose_key", json!(null)),
        with("cose_key", json!("AQID")),
        with("cose_key", json!(7)),
        // Which of the two counts?
        with("public_key", public_members(&SigningKey::es256("k"))),
        json!({ "sub": "alice", "id": "AQ", "public_key": "x" }),
        json!({ "sub": "alice", "id": "AQ", "public_key": private }),
        // An RSA key could be for several algorithms.
        json!({ "sub": "alice", "id": "AQ", "public_key": rsa }),
        with("aaguid", json!("ee882879721c491397753dfcce97072a")),
        with("aaguid", json!(7)),
        with("backup_eligible", json!("false")),
        with("disabled", json!(0)),
        with("user_handle", json!("a+b")),
        with("user_handle", json!("")),
        with("user_handle", json!(base64url([1; 65]))),
        with("user_handle", json!(7)),
    ];
    for odd in &odd {
        let mut world = world(&document(&[odd.clone(), entry("bob", &[2])]));
        assert_eq!(world.find("alice", &[1]), "unknown", "{odd}");
        assert_eq!(world.find("bob", &[2]), "known", "{odd}");
        assert_eq!(world.number("skipped"), Some(Number::Is(1)), "{odd}");
    }
    let twice = document(&[entry("bob", &[2])]).replace("\"sub\"", "\"sub\":\"alice\",\"sub\"");
    let mut world = world(&twice);
    assert_eq!(world.find("bob", &[2]), "unknown", "a member twice");
    assert_eq!(world.log(), ["0 in force", "1 entries cannot be read"]);
}

/// Nobody knows which of two keys is the person's.
#[test]
fn two_entries_of_one_passkey_that_differ_disable_it() {
    let (one, other) = (entry("alice", &[1]), entry("alice", &[1]));
    for (entries, wanted) in [
        ([one.clone(), one.clone()], "known"),
        ([one, other], "disabled"),
    ] {
        let mut world = world(&document(&entries));
        assert_eq!(world.find("alice", &[1]), wanted);
        assert_eq!(world.number("skipped"), Some(Number::Is(1)));
    }
}

#[test]
fn a_document_is_the_issuers_own_and_whole() {
    let entries = [entry("alice", &[1])];
    let good = document(&entries);
    for (bad, why) in [
        (
            good.replace(ISSUER, "https://id.example.net"),
            "its iss is not the provider's issuer",
        ),
        (
            good.replace(ISSUER, &format!("{ISSUER}/")),
            "its iss is not the provider's issuer",
        ),
        (
            json!({ "credentials": entries }).to_string(),
            "its iss is missing",
        ),
        (
            json!({ "iss": ISSUER }).to_string(),
            "its credentials are missing",
        ),
        (
            json!({ "iss": ISSUER, "credentials": {} }).to_string(),
            "expected a list of entries",
        ),
        ("[]".to_owned(), "expected an object"),
        (format!("{good}{good}"), "expected nothing more"),
        (
            good.strip_suffix('}').unwrap().to_owned(),
            "expected a comma or the end of the object",
        ),
        (
            good.replace("\"iss\"", "\"iss\":\"x\",\"iss\""),
            "its iss is not the provider's issuer",
        ),
        (
            good.replace("\"iss\"", &format!("\"iss\":\"{ISSUER}\",\"iss\"")),
            "expected no member twice",
        ),
        (
            " ".repeat(limits::CREDENTIAL_BYTES + 1),
            "larger than allowed",
        ),
    ] {
        let mut world = world(&bad);
        assert_eq!(world.find("alice", &[1]), "unavailable", "{why}");
        let log = world.log();
        assert!(
            log[0].starts_with("fetches fail: ") && log[0].ends_with(why),
            "{log:?}"
        );
    }
}

#[test]
fn ten_thousand_passkeys_are_read_a_slice_at_a_time() {
    let key = base64url(SigningKey::es256("k").cose_key());
    let entries = |count: usize| {
        let entry = |number: usize| json!({ "sub": format!("person-{number}"), "id": "AQID", "cose_key": key });
        document(&(0..count).map(entry).collect::<Vec<Value>>())
    };
    let body = entries(limits::CREDENTIALS);
    let mut world = World::new();
    let id = world.next_fetch();
    world.answer(id, &ok(&body));
    let mut slices = 0;
    while world.long.is_reading() {
        assert_eq!(world.find("person-7", &[1, 2, 3]), "pending");
        assert_eq!(world.fetch(), None);
        slices += 1;
    }
    assert!(slices > 20, "{slices}");
    for number in [0, 7, limits::CREDENTIALS - 1] {
        assert_eq!(world.find(&format!("person-{number}"), &[1, 2, 3]), "known");
    }
    assert_eq!(world.find("person-10000", &[1, 2, 3]), "unknown");
    // One more is too many, and the document in hand stays.
    world.pass(secs(60));
    world.comes(&entries(limits::CREDENTIALS + 1));
    while world.long.is_reading() {
        world.fetch();
    }
    assert_eq!(world.log()[1], "fetches fail: more than 10000 entries");
    assert_eq!(world.find("person-7", &[1, 2, 3]), "known");
}
