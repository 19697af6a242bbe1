//! What must hold for every request, with any bytes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::LazyLock;

use passgate_core::{Config, Edit, Request, Settlement, Step, Supply, UnixTime, Verdict, Verifier};
use passgate_kit::{SigningKey, TokenBuilder, jwks};
use proptest::prelude::*;
use serde_json::json;

const ISSUER: &str = "https://id.example.com";

/// A key, a configuration that trusts it, and a good token.
struct World {
    config: String,
    token: String,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let key = SigningKey::es256("key-1");
    let config = json!({
        "providers": { "acme": {
            "issuer": ISSUER,
            "audiences": ["api"],
            "local_jwks": { "inline_string": jwks(&[&key]) },
            "from_headers": [{ "name": "authorization", "value_prefix": "Bearer " }],
            "from_cookies": ["session"],
            "from_params": ["access_token"],
            "claim_to_headers": [{ "claim_name": "sub", "header_name": "x-user" }],
        } },
        "rules": [
            { "match": { "path": "/public" }, "public": { "reason": "r", "owner": "o", "until": "never" } },
            { "match": { "prefix": "/" }, "requires": { "provider_name": "acme" } },
        ],
    });
    World {
        config: config.to_string(),
        token: TokenBuilder::of(&key, ISSUER, "api").build(),
    }
});

/// The verdict on a request with these headers, now.
fn judge(headers: &[(Vec<u8>, Vec<u8>)]) -> Verdict {
    judge_by(&WORLD.config, headers)
}

/// The same by another configuration.
fn judge_by(config: &str, headers: &[(Vec<u8>, Vec<u8>)]) -> Verdict {
    let config = Config::parse(config.as_bytes()).unwrap();
    let mut keys = Supply::new(&config, 1);
    let headers: Vec<(&[u8], &[u8])> = headers
        .iter()
        .map(|(name, value)| (&name[..], &value[..]))
        .collect();
    let now = UnixTime::from_secs(passgate_kit::now().unsigned_abs());
    match Verifier::new(config, 1).verify(Request::new(&headers), &mut keys, now) {
        Step::Settle(Settlement { verdict, .. }) => verdict,
        Step::Await(_) => unreachable!("the keys are part of the configuration"),
    }
}

fn request(path: &str, more: &[(&str, &[u8])]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut headers = vec![
        (":method", &b"GET"[..]),
        (":path", path.as_bytes()),
        (":authority", b"api"),
    ];
    headers.extend_from_slice(more);
    headers
        .into_iter()
        .map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()))
        .collect()
}

#[test]
fn the_good_token_passes() {
    let bearer = format!("Bearer {}", WORLD.token);
    assert!(matches!(
        judge(&request("/", &[("authorization", bearer.as_bytes())])),
        Verdict::Allow(_)
    ));
}

#[test]
fn a_credential_of_another_provider_goes_on_only_where_that_provider_forwards() {
    let removes_it = |forward: bool| {
        let mut config: serde_json::Value = serde_json::from_str(&WORLD.config).unwrap();
        let mut other = config["providers"]["acme"].clone();
        other["issuer"] = json!("https://other.example.com");
        other["from_headers"] = json!([{ "name": "x-token", "value_prefix": "" }]);
        other["forward"] = json!(forward);
        for member in ["from_cookies", "from_params", "claim_to_headers"] {
            other.as_object_mut().unwrap().remove(member);
        }
        config["providers"]["other"] = other;
        config["rules"][0]["match"] = json!({ "path": "/other" });
        config["rules"][0]["requires"] = json!({ "provider_name": "other" });
        config["rules"][0].as_object_mut().unwrap().remove("public");
        let bearer = format!("Bearer {}", WORLD.token);
        let headers = [("authorization", bearer.as_bytes()), ("x-token", b"theirs")];
        let verdict = judge_by(&config.to_string(), &request("/", &headers));
        let Verdict::Allow(permit) = verdict else {
            panic!("refused: {verdict:?}");
        };
        permit
            .edits()
            .any(|edit| *edit == Edit::Remove(b"x-token".to_vec()))
    };
    assert!(removes_it(false));
    assert!(!removes_it(true));
}

/// A header name that decides something, or any bytes.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        ":method",
        ":path",
        ":authority",
        "authorization",
        "cookie",
        "origin",
        "x-user",
        "x_user",
        "upgrade",
    ]);
    prop_oneof![
        known.prop_map(|name| name.as_bytes().to_vec()),
        any::<Vec<u8>>()
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_request_without_the_token_passes_where_one_is_needed(
        more in prop::collection::vec((name(), any::<Vec<u8>>()), 0..6)
    ) {
        let mut headers = request("/private", &[]);
        headers.extend(more);
        prop_assert!(matches!(judge(&headers), Verdict::Deny(_)));
    }

    #[test]
    fn a_token_with_one_other_byte_is_refused(at: prop::sample::Index, byte: u8) {
        let mut token = WORLD.token.clone().into_bytes();
        let at = at.index(token.len());
        prop_assume!(token[at] != byte);
        token[at] = byte;
        let value = [b"Bearer ", &token[..]].concat();
        // A blank at the very end is not a part of the token (RFC 9110 section 5.5).
        prop_assume!(!token.last().is_some_and(u8::is_ascii_whitespace));
        prop_assert!(matches!(judge(&request("/", &[("authorization", &value)])), Verdict::Deny(_)));
    }

    #[test]
    fn what_passes_has_lost_its_token_and_every_copy_of_our_headers(
        spelling in "[xX][-_][uU][sS][eE][rR]", place in 0..3usize, public: bool
    ) {
        let (bearer, cookie) = (format!("Bearer {}", WORLD.token), format!("a=1; session={}", WORLD.token));
        let path = if public { "/public" } else { "/private" };
        let query = format!("{path}?access_token={}", WORLD.token);
        let headers = match place {
            0 => request(path, &[("authorization", bearer.as_bytes()), (&spelling, b"root")]),
            1 => request(path, &[("cookie", cookie.as_bytes()), (&spelling, b"root")]),
            _ => request(&query, &[(&spelling, b"root")]),
        };
        let Verdict::Allow(permit) = judge(&headers) else { return Err(TestCaseError::fail("refused")) };
        let mut upstream = headers;
        for edit in permit.edits() {
            match edit {
                Edit::Remove(name) => upstream.retain(|(n, _)| n != name),
                Edit::Set(name, value) => {
                    upstream.retain(|(n, _)| n != name.as_bytes());
                    upstream.push((name.as_bytes().to_vec(), value.to_vec()));
                }
            }
        }
        let signature = WORLD.token.rsplit('.').next().unwrap().as_bytes();
        prop_assert!(!upstream.iter().any(|(_, value)| value.windows(signature.len()).any(|part| part == signature)));
        let users: Vec<&[u8]> = upstream
            .iter()
            .filter(|(name, _)| name.to_ascii_lowercase().iter().map(|b| if *b == b'_' { b'-' } else { *b }).eq(*b"x-user"))
            .map(|(_, value)| &value[..])
            .collect();
        let expected: &[&[u8]] = if public { &[] } else { &[b"alice"] };
        prop_assert_eq!(users, expected);
    }
}
