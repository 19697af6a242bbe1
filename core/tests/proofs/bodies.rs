//! An approval that covers the body of its request.

use passgate_core::{Body, Need};
use passgate_kit::{ApprovalBuilder, SigningKey};
use serde_json::json;

use crate::{
    approvals::{Person, approving, sent},
    world::{Judged, World},
};

const PATH: &str = "/order?to=bob";
const BODY: &[u8] = br#"{"amount":10}"#;

type Header = (&'static str, String);
type Change<'a> = &'a dyn Fn(ApprovalBuilder<'_>) -> ApprovalBuilder<'_>;

impl Person {
    fn posting() -> Self {
        let mut person = Self::new();
        person.0.method = "POST";
        person
    }

    /// The headers of a POST of [`BODY`] to this path, whose approval would be good without the
    /// change.
    fn posts(
        &mut self,
        path: &str,
        change: impl FnOnce(ApprovalBuilder<'_>) -> ApprovalBuilder<'_>,
    ) -> Vec<Header> {
        let (token, nonce) = (self.token(), self.nonce(path));
        let proof = self.approval(path, &token, &nonce).body(BODY);
        let proof = proof.claim("content_type", "application/json");
        let mut headers = sent(&token, &change(proof).build()).to_vec();
        headers.push(("content-type", "application/json".to_owned()));
        headers
    }

    /// What becomes of them with what is known of the body.
    fn with(&mut self, body: Body, path: &str, headers: &[Header]) -> Result<Judged, Need> {
        self.0.body = body;
        let judged = self.0.ask("api.example.com", path, headers);
        self.0.body = Body::None;
        judged
    }

    fn code(&mut self, body: Body, path: &str, headers: &[Header]) -> &'static str {
        match self.with(body, path, headers) {
            Ok(judged) => judged.code,
            Err(need) => panic!("it waits for {need:?}"),
        }
    }
}

#[test]
fn a_request_waits_for_the_body_that_its_approval_covers_and_passes_once() {
    let mut person = Person::posting();
    let headers = person.posts(PATH, |proof| proof);
    // However often it is judged before the body comes, nothing is spent.
    for _ in 0..3 {
        let waits = person.with(Body::Unread, PATH, &headers);
        assert!(matches!(waits, Err(Need::Body { .. })));
    }
    let body = Body::of(BODY);
    assert_eq!(person.code(body, PATH, &headers), "permitted.token");
    for again in [body, Body::Unread] {
        if let Ok(judged) = person.with(again, PATH, &headers) {
            assert_eq!(judged.code, "untrusted.proof_replayed");
        }
    }
}

#[test]
fn of_workers_that_wait_for_the_same_body_one_lets_it_pass() {
    let mut person = Person::posting();
    let headers = person.posts(PATH, |proof| proof);
    let mut other = Person(person.0.other_worker(2, &approving(), "gate"));
    other.0.method = "POST";
    for worker in [&mut person, &mut other] {
        assert!(worker.with(Body::Unread, PATH, &headers).is_err());
    }
    let body = Body::of(BODY);
    assert_eq!(other.code(body, PATH, &headers), "permitted.token");
    assert_eq!(
        person.code(body, PATH, &headers),
        "untrusted.proof_replayed"
    );
}

#[test]
fn another_body_than_was_approved_is_refused() {
    let mut person = Person::posting();
    let longer = [BODY, b" "].concat();
    for body in [
        Body::of(br#"{"amount":1000}"#),
        Body::of(&longer),
        Body::of(b""),
        Body::None,
    ] {
        let headers = person.posts(PATH, |proof| proof);
        assert!(person.with(Body::Unread, PATH, &headers).is_err());
        let code = person.code(body, PATH, &headers);
        assert_eq!(code, "untrusted.proof_body", "{body:?}");
        // It was not spent: the one that was approved still passes.
        let code = person.code(Body::of(BODY), PATH, &headers);
        assert_eq!(code, "permitted.token");
    }
}

/// One that ends with the headers, and one that is announced and has no bytes.
#[test]
fn a_client_is_told_where_its_body_must_be_approved() {
    let mut person = Person::posting();
    let token = person.token();
    let headers = [("authorization", format!("Bearer {token}"))];
    for (path, told) in [(PATH, true), ("/pay", false)] {
        let judged = person.with(Body::None, path, &headers).unwrap();
        assert_eq!(judged.code, "missing.proof");
        let challenge = judged.header("www-authenticate").unwrap();
        let says = challenge.contains("max_age=\"60\", body=\"required\"");
        assert_eq!(says, told, "{challenge}");
        assert_eq!(challenge.contains("body="), told, "{challenge}");
    }
}

#[test]
fn an_empty_body_is_approved_too() {
    let mut person = Person::posting();
    for body in [Body::None, Body::of(b"")] {
        let headers = person.posts(PATH, |proof| proof.body(b""));
        assert_eq!(person.code(body, PATH, &headers), "permitted.token");
    }
}

#[test]
fn how_a_body_is_to_be_read_is_approved_exactly_and_only_where_it_is_said() {
    let mut person = Person::posting();
    let gzip = || ("content-encoding", "gzip".to_owned());
    let without: Change<'_> = &|proof| proof.without("content_type");
    let other: Change<'_> = &|proof| proof.claim("content_type", "text/plain");
    let upper: Change<'_> = &|proof| proof.claim("content_type", "Application/JSON");
    let encoded: Change<'_> = &|proof| proof.claim("content_encoding", "gzip");
    let empty: Change<'_> = &|proof| proof.claim("content_encoding", "");
    let same: Change<'_> = &|proof| proof;
    let number: Change<'_> = &|proof| proof.claim("content_type", 1);
    for (change, more, passes) in [
        (same, vec![], true),
        (without, vec![], false),
        (other, vec![], false),
        (upper, vec![], false),
        (number, vec![], false),
        (encoded, vec![], false),
        (empty, vec![], false),
        (same, vec![gzip()], false),
        (encoded, vec![gzip()], true),
        (encoded, vec![gzip(), gzip()], false),
        (same, vec![("content-type", "text/plain".to_owned())], false),
        (same, vec![("content_type", "text/plain".to_owned())], false),
        (same, vec![("content.encoding", "gzip".to_owned())], false),
    ] {
        let mut headers = person.posts(PATH, change);
        headers.extend(more.clone());
        // Before the body is waited for, and whatever there is of it.
        if !passes {
            for body in [Body::Unread, Body::of(BODY)] {
                let code = person.code(body, PATH, &headers);
                assert_eq!(code, "untrusted.proof_body", "{more:?}");
            }
            continue;
        }
        let code = person.code(Body::of(BODY), PATH, &headers);
        assert_eq!(code, "permitted.token", "{more:?}");
    }
}

#[test]
fn the_rule_says_whether_the_body_is_approved() {
    let mut person = Person::posting();
    // The rule wants it, and the approval does not cover it; and the other way round.
    let silent: Change<'_> = &|proof| proof.without("content_digest").without("content_type");
    for (path, covers, body, code) in [
        (PATH, false, Body::None, "untrusted.proof_body"),
        (PATH, false, Body::Unread, "untrusted.proof_body"),
        ("/pay", true, Body::None, "untrusted.proof_body"),
        ("/pay", true, Body::of(BODY), "untrusted.proof_body"),
        ("/pay", false, Body::of(BODY), "untrusted.proof_body"),
        ("/pay", false, Body::None, "permitted.token"),
        ("/either-body", false, Body::None, "permitted.token"),
        ("/either-body", false, Body::Unread, "untrusted.proof_body"),
        ("/either-body", true, Body::of(BODY), "permitted.token"),
    ] {
        let headers = if covers {
            person.posts(path, |proof| proof)
        } else {
            person.posts(path, silent)
        };
        assert_eq!(
            person.code(body, path, &headers),
            code,
            "{path} {covers} {body:?}"
        );
    }
}

#[test]
fn a_digest_is_one_of_sha_256_and_stands_with_what_it_is_about() {
    let mut person = Person::posting();
    let without: Change<'_> = &|proof| proof.without("content_digest");
    let other: Change<'_> = &|proof| proof.claim("content_digest", "sha-512=:AAAA:");
    let bare: Change<'_> = &|proof| proof.claim("content_digest", "AAAA");
    let short: Change<'_> = &|proof| proof.claim("content_digest", "sha-256=:AAAA:");
    let number: Change<'_> = &|proof| proof.claim("content_digest", 1);
    let null: Change<'_> = &|proof| proof.claim("content_digest", json!(null));
    for (index, change) in [without, other, bare, short, number, null]
        .into_iter()
        .enumerate()
    {
        let headers = person.posts(PATH, change);
        let code = person.code(Body::of(BODY), PATH, &headers);
        assert_eq!(code, "malformed.proof", "change {index}");
    }
    // In another spelling it is another digest.
    let parameter: Change<'_> = &|proof| {
        let digest = format!("sha-256=:{}=:", "A".repeat(43));
        proof.claim("content_digest", digest)
    };
    let headers = person.posts(PATH, parameter);
    let code = person.code(Body::of(BODY), PATH, &headers);
    assert_eq!(code, "untrusted.proof_body");
}

#[test]
fn what_is_not_a_body_within_the_limit_is_refused_for_what_it_is() {
    let mut person = Person::posting();
    let length = |bytes: usize| ("content-length", bytes.to_string());
    let most = 64 << 10;
    let upgrade = ("upgrade", "websocket".to_owned());
    for (body, header, code, status) in [
        (Body::TooLarge, None, "forbidden.body_size", 413),
        (Body::HasTrailers, None, "untrusted.proof_body", 401),
        (Body::NotHandedOver, None, "unavailable.body", 503),
        // It is not worth waiting for.
        (
            Body::Unread,
            Some(length(most + 1)),
            "forbidden.body_size",
            413,
        ),
        (Body::Unread, Some(upgrade), "untrusted.proof_body", 401),
    ] {
        let mut headers = person.posts(PATH, |proof| proof);
        headers.extend(header);
        let judged = person.with(body, PATH, &headers).ok().unwrap();
        assert_eq!(
            (judged.code, judged.status),
            (code, Some(status)),
            "{body:?}"
        );
        assert!(judged.header("webauthn-nonce").is_some(), "{body:?}");
    }
    let mut headers = person.posts(PATH, |proof| proof);
    headers.push(length(most));
    assert!(person.with(Body::Unread, PATH, &headers).is_err());
}

/// Only what would pass with the right body is worth a place among those who wait.
#[test]
fn what_is_wrong_already_is_refused_before_the_body_is_waited_for() {
    let mut person = Person::posting();
    let stranger = SigningKey::es256("thief").sign_as_authenticator(b"something else");
    let changes: [(Change<'_>, &str); 8] = [
        (
            &|proof| proof.claim("htm", "PUT"),
            "untrusted.proof_request",
        ),
        (
            &|proof| proof.claim("htu", "https://api.example.com/order"),
            "untrusted.proof_request",
        ),
        (&|proof| proof.token("another"), "untrusted.proof_token"),
        (&|proof| proof.without("nonce"), "untrusted.proof_nonce"),
        (&|proof| proof.flags(0x01, &[]), "untrusted.proof_flags"),
        (
            &|proof| proof.client_data("origin", "https://evil.example"),
            "untrusted.proof_origin",
        ),
        (
            &|proof| proof.signature(&stranger),
            "untrusted.proof_signature",
        ),
        (&|proof| proof.claim("body", "x"), "malformed.proof"),
    ];
    for (index, (change, code)) in changes.into_iter().enumerate() {
        let headers = person.posts(PATH, change);
        assert_eq!(
            person.code(Body::Unread, PATH, &headers),
            code,
            "change {index}"
        );
    }
    // So is what the token is not good for.
    let token = person.token();
    let nonce = person.nonce(PATH);
    let jwk = passgate_kit::public_members(&person.0.key);
    let poor = person.0.token_with(|token| {
        let token = token.claim("sub", "alice");
        token.claim("cnf", json!({ "jwk": jwk }))
    });
    assert_ne!(token, poor);
    let proof = person.approval(PATH, &poor, &nonce).body(BODY).build();
    let headers = sent(&poor, &proof).to_vec();
    let code = person.code(Body::Unread, PATH, &headers);
    assert_eq!(code, "insufficient.scope");
}

/// The gesture was made when the nonce was, however long the body takes.
#[test]
fn an_approval_does_not_outlive_its_window_while_the_body_comes() {
    let mut person = Person::posting();
    let headers = person.posts(PATH, |proof| proof);
    assert!(person.with(Body::Unread, PATH, &headers).is_err());
    person.0.wait(61);
    let code = person.code(Body::of(BODY), PATH, &headers);
    assert_eq!(code, "untrusted.proof_nonce");
    // What ended the wait is said first: it is what somebody has to mend.
    let code = person.code(Body::NotHandedOver, PATH, &headers);
    assert_eq!(code, "unavailable.body");
}

/// Whoever never sends the bodies pays for the signatures; whoever does gets it back.
#[test]
fn waiting_for_a_body_is_paid_for_until_it_comes() {
    let mut policy = approving();
    policy["limits"] = json!({ "forged_tokens_cpu_percent": 1 });
    let person = || {
        let mut person = Person(World::with_key(&policy, SigningKey::es256("passkey")));
        person.0.method = "POST";
        person
    };
    let mut honest = person();
    for _ in 0..200 {
        let headers = honest.posts(PATH, |proof| proof);
        assert!(honest.with(Body::Unread, PATH, &headers).is_err());
        let code = honest.code(Body::of(BODY), PATH, &headers);
        assert_eq!(code, "permitted.token");
    }
    let mut lazy = person();
    let headers = lazy.posts(PATH, |proof| proof);
    let refused = (0..200).find_map(|_| lazy.with(Body::Unread, PATH, &headers).ok());
    assert_eq!(refused.unwrap().code, "unavailable.budget");
}

#[test]
fn what_is_only_observed_waits_for_its_body_and_spends_nothing() {
    let mut policy = approving();
    policy["mode"] = json!({ "shadow": { "until": "2030-01-01" } });
    let mut person = Person::posting();
    let headers = person.posts(PATH, |proof| proof);
    let mut observing = Person(person.0.other_worker(2, &policy, "gate"));
    observing.0.method = "POST";
    assert!(observing.with(Body::Unread, PATH, &headers).is_err());
    for (body, would) in [
        (Body::of(BODY), "permitted.token"),
        (Body::of(b"x"), "untrusted.proof_body"),
        (Body::NotHandedOver, "unavailable.body"),
    ] {
        let judged = observing.with(body, PATH, &headers).ok().unwrap();
        assert!(judged.is_observed && judged.edits.is_empty());
        assert_eq!(judged.record()["reason"], would);
    }
    let code = person.code(Body::of(BODY), PATH, &headers);
    assert_eq!(code, "permitted.token");
}
