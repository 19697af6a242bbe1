//! What a signed list says, and how often it is fetched.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that cannot go on fails"
)]

mod lists;

use core::time::Duration;

use miniz_oxide::deflate::compress_to_vec_zlib;
use passgate_kit::{SigningKey, TokenBuilder};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Bits, ListError, NotAReference, Reference, UnverifiedList, token::Expected};
use crate::{
    jose::{base64url, to_base64url},
    json::Json,
    limits,
    time::UnixTime,
};

const ISSUER: &str = "https://id.example.com";
const NOW: u64 = 1_700_000_000;

fn uri(list: u32) -> String {
    format!("https://id.example.com/status/{list}")
}

fn now() -> UnixTime {
    UnixTime::from_secs(NOW)
}

fn lst(bytes: &[u8]) -> String {
    to_base64url(&compress_to_vec_zlib(bytes, 9))
}

fn claims(uri: &str, bits: u64, bytes: &[u8]) -> Value {
    let list = json!({ "bits": bits, "lst": lst(bytes) });
    json!({ "sub": uri, "iat": NOW, "status_list": list })
}

fn signed(key: &SigningKey, claims: &Value) -> String {
    let token = TokenBuilder::of(key, ISSUER, "");
    let token = token.header("typ", "statuslist+jwt");
    token.raw_claims(&claims.to_string()).build()
}

fn parse(text: &str) -> Result<UnverifiedList, ListError> {
    let uri = uri(1);
    let expected = Expected {
        uri: &uri,
        issuer: ISSUER,
        skew: Duration::from_secs(60),
    };
    UnverifiedList::parse(text.as_bytes(), expected, now())
}

/// The examples of section 4.1.
#[test]
fn lists_of_the_draft_are_read() {
    let one = Bits::inflate(1, &base64url("eNrbuRgAAhcBXQ").unwrap()).unwrap();
    let statuses: Vec<u8> = (0..16).map(|index| one.get(index).unwrap()).collect();
    assert_eq!(statuses, [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]);
    assert_eq!((one.len(), one.get(16)), (16, None));
    let two = Bits::inflate(2, &base64url("eNo76fITAAPfAgc").unwrap()).unwrap();
    let statuses: Vec<u8> = (0..12).map(|index| two.get(index).unwrap()).collect();
    assert_eq!(statuses, [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]);
    assert_eq!(two.get(12), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_status_is_found_at_its_place(
        bits in prop::sample::select(vec![1_usize, 2, 4, 8]),
        statuses in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let in_byte = 8 / bits;
        let mask = u8::try_from((1_u32 << bits) - 1).unwrap();
        let statuses: Vec<u8> = statuses.iter().map(|status| status & mask).collect();
        let bytes: Vec<u8> = statuses
            .chunks(in_byte)
            .map(|chunk| chunk.iter().rev().fold(0, |byte: u32, status| (byte << bits) | u32::from(*status)))
            .map(|byte| {
                // A last byte that is not full begins with its first status all the same.
                u8::try_from(byte).unwrap()
            })
            .collect();
        let list = Bits::inflate(bits, &compress_to_vec_zlib(&bytes, 6)).unwrap();
        for (index, status) in statuses.iter().enumerate() {
            prop_assert_eq!(list.get(index), Some(*status));
        }
        prop_assert_eq!(list.len(), bytes.len() * in_byte);
        for beyond in [list.len(), list.len() + 1, usize::MAX] {
            prop_assert_eq!(list.get(beyond), None);
        }
    }

    #[test]
    fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..200), bits in any::<u8>()) {
        super::inspect(&bytes, bits, 7);
    }
}

#[test]
fn what_inflates_to_more_than_the_bound_is_refused() {
    let most = limits::STATUS_LIST_BYTES;
    let bomb = compress_to_vec_zlib(&vec![0; most + 1], 9);
    assert!(bomb.len() < 1_000, "{}", bomb.len());
    assert_eq!(Bits::inflate(1, &bomb), None);
    let most = compress_to_vec_zlib(&vec![0; most], 9);
    assert!(Bits::inflate(1, &most).is_some());
    for odd in [&b""[..], b"x", &most[..most.len() / 2]] {
        assert_eq!(Bits::inflate(1, odd), None);
    }
    let mut wrong_sum = compress_to_vec_zlib(b"list", 9);
    *wrong_sum.last_mut().unwrap() ^= 1;
    assert_eq!(Bits::inflate(1, &wrong_sum), None);
    for bits in [0, 3, 5, 16] {
        assert_eq!(Bits::inflate(bits, &most), None);
    }
}

#[test]
fn a_token_says_where_its_status_is_or_something_we_do_not_understand() {
    let read = |status: &str| {
        let claims = Json::parse(status.as_bytes(), 100).unwrap();
        let found = Reference::read(&claims);
        found.map(|found| found.map(|place| (place.uri.to_owned(), place.index)))
    };
    assert_eq!(read("{}"), Ok(None));
    let good = r#"{"status":{"status_list":{"idx":7,"uri":"https://x/1","more":1}}}"#;
    assert_eq!(read(good), Ok(Some(("https://x/1".into(), 7))));
    for odd in [
        r#"{"status":null}"#,
        r#"{"status":"active"}"#,
        r#"{"status":{}}"#,
        r#"{"status":{"other":{}}}"#,
        r#"{"status":{"other_list":{"idx":7,"uri":"https://x/1"}}}"#,
        r#"{"status":{"status_list":{"idx":7,"uri":"https://x/1"},"other":{}}}"#,
        r#"{"status":{"status_list":{"uri":"https://x/1"}}}"#,
        r#"{"status":{"status_list":{"idx":7}}}"#,
        r#"{"status":{"status_list":{"idx":-1,"uri":"https://x/1"}}}"#,
        r#"{"status":{"status_list":{"idx":1.5,"uri":"https://x/1"}}}"#,
        r#"{"status":{"status_list":{"idx":"7","uri":"https://x/1"}}}"#,
        r#"{"status":{"status_list":{"idx":7,"uri":7}}}"#,
        r#"{"status":{"status_list":[]}}"#,
        r#"{"status":{"status_list":{"idx":99999999999999999999999,"uri":"https://x/1"}}}"#,
    ] {
        assert_eq!(read(odd), Err(NotAReference), "{odd}");
    }
}

#[test]
fn a_list_is_a_jwt_of_its_own_type_about_its_own_address() {
    let key = SigningKey::es256("key-1");
    let good = claims(&uri(1), 1, &[0]);
    assert!(parse(&signed(&key, &good)).is_ok());
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        parse(&signed(&key, &claims)).err()
    };
    let ok = [
        ("iss", json!(ISSUER)),
        ("exp", json!(NOW + 1)),
        ("iat", json!(NOW + 60)),
        ("nbf", json!(NOW + 60)),
        ("ttl", json!(1)),
        // Any positive number.
        ("ttl", json!(0.5)),
        ("ttl", json!(43200.0)),
    ];
    for (name, value) in ok {
        assert_eq!(with(name, value.clone()), None, "{name} {value}");
    }
    let list = |bits: Value, lst: Value| json!({ "bits": bits, "lst": lst });
    for (name, value, error) in [
        ("sub", json!(uri(2)), ListError::Subject),
        ("sub", json!(null), ListError::Subject),
        ("iss", json!("https://other.example.com"), ListError::Issuer),
        ("iss", json!(7), ListError::Issuer),
        ("exp", json!(NOW), ListError::Expired),
        ("iat", json!(NOW + 61), ListError::Future),
        ("nbf", json!(NOW + 61), ListError::Future),
    ] {
        assert_eq!(with(name, value.clone()), Some(error), "{name} {value}");
    }
    for (name, value) in [
        ("exp", json!("soon")),
        ("iat", json!("now")),
        ("iat", json!(null)),
        ("nbf", json!("now")),
        ("nbf", json!(null)),
        ("ttl", json!(0)),
        ("ttl", json!(-1)),
        ("ttl", json!("1")),
        ("status_list", json!(null)),
        ("status_list", list(json!(3), json!("eNrbuRgAAhcBXQ"))),
        ("status_list", list(json!("1"), json!("eNrbuRgAAhcBXQ"))),
        ("status_list", list(json!(1), json!(7))),
    ] {
        let error = with(name, value.clone());
        assert!(
            matches!(error, Some(ListError::Claims(_))),
            "{name} {value}: {error:?}"
        );
    }
    let token = || TokenBuilder::of(&key, ISSUER, "").raw_claims(&good.to_string());
    for (text, what) in [
        (token().header("typ", "JWT").build(), "its typ"),
        (token().without_header("typ").build(), "its typ"),
        (token().header("typ", "statuslist+cwt").build(), "its typ"),
        (
            token()
                .header("typ", "statuslist+jwt")
                .header("alg", "none")
                .build(),
            "its algorithm",
        ),
        (
            token()
                .header("typ", "statuslist+jwt")
                .header("crit", json!(["exp"]))
                .build(),
            "its header has crit or b64",
        ),
        ("a.b".into(), "not three parts"),
        ("x".repeat(limits::STATUS_LIST_TOKEN_BYTES + 1), "too large"),
        ("é".into(), "not three parts"),
        (String::new(), "not three parts"),
    ] {
        assert_eq!(parse(&text).err(), Some(ListError::Jwt(what)), "{what}");
    }
}
