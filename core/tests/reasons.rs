//! One valid specimen, and for each reason one mutation of it that is refused for just this reason.
//!
//! A reason that is added to the core does not compile here until it has its mutation.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

#[path = "proofs/host.rs"]
mod host;
#[path = "reasons/specimen.rs"]
mod specimen;
#[path = "reasons/types.rs"]
mod types;

use std::time::Duration;

use passgate_core::{
    Ambiguous, Forbidden, Insufficient, Internal, Malformed, Missing, Reason, StepUp, Unavailable,
    Untrusted, Verdict,
};
use passgate_kit::base64url;
use serde_json::{Value, json};

use specimen::{AUDIENCE, ISSUER, NOW, Specimen, bound, good, mutation, specimen};

/// All reasons; [`every_reason_is_listed`] keeps the list whole.
fn reasons() -> Vec<Reason> {
    vec![
        Missing::Token {
            step_up: StepUp::default(),
        }
        .into(),
        Missing::Proof.into(),
        Missing::Peer.into(),
        Malformed::Credential.into(),
        Malformed::TokenSize.into(),
        Malformed::TokenShape.into(),
        Malformed::Base64url.into(),
        Malformed::Header.into(),
        Malformed::Claims.into(),
        Malformed::Crit.into(),
        Malformed::Nested.into(),
        Malformed::Proof.into(),
        Ambiguous::Credentials.into(),
        Ambiguous::Path.into(),
        Ambiguous::Method.into(),
        Ambiguous::Authority.into(),
        Ambiguous::Mcp.into(),
        Untrusted::TokenType.into(),
        Untrusted::Algorithm.into(),
        Untrusted::Issuer.into(),
        Untrusted::Key.into(),
        Untrusted::Signature.into(),
        Untrusted::Expired.into(),
        Untrusted::NotYetValid.into(),
        Untrusted::IssuedInFuture.into(),
        Untrusted::Audience.into(),
        Untrusted::Lifetime.into(),
        Untrusted::KeyBound.into(),
        Untrusted::ProofSignature.into(),
        Untrusted::ProofKey.into(),
        Untrusted::ProofRequest.into(),
        Untrusted::ProofTime.into(),
        Untrusted::ProofNonce.into(),
        Untrusted::ProofReplayed.into(),
        Untrusted::ProofToken.into(),
        Untrusted::ProofOrigin.into(),
        Untrusted::ProofFlags.into(),
        Untrusted::ProofBody.into(),
        Untrusted::Credential.into(),
        Untrusted::Revoked.into(),
        Untrusted::Inactive.into(),
        Insufficient::Scope {
            required: vec!["write".to_owned()],
        }
        .into(),
        Insufficient::Authentication {
            step_up: StepUp::default(),
        }
        .into(),
        Insufficient::MaxAge {
            step_up: StepUp::default(),
        }
        .into(),
        Forbidden::NoRule.into(),
        Forbidden::Method.into(),
        Forbidden::ExemptionEnded.into(),
        Forbidden::Claim.into(),
        Forbidden::Audience.into(),
        Forbidden::Kind.into(),
        Forbidden::CrossSite.into(),
        Forbidden::BodySize.into(),
        Forbidden::Peer.into(),
        Forbidden::Role.into(),
        Forbidden::Product.into(),
        Forbidden::Denied.into(),
        Forbidden::Actor.into(),
        Unavailable::Keys {
            retry_after: Duration::from_secs(1),
        }
        .into(),
        Unavailable::UnknownKey {
            retry_after: Duration::from_secs(1),
        }
        .into(),
        Unavailable::WaitingLimit.into(),
        Unavailable::WaitingTime.into(),
        Unavailable::Budget.into(),
        Unavailable::ReplayMemory.into(),
        Unavailable::Streams.into(),
        Unavailable::Revocations {
            retry_after: Duration::from_secs(1),
        }
        .into(),
        Unavailable::StatusList {
            retry_after: Duration::from_secs(1),
        }
        .into(),
        Unavailable::Body.into(),
        Unavailable::Credentials {
            retry_after: Duration::from_secs(1),
        }
        .into(),
        Unavailable::Introspection {
            retry_after: Duration::from_secs(1),
        }
        .into(),
        Unavailable::Questions.into(),
        Internal::Host.into(),
        Internal::Clock.into(),
    ]
}

#[test]
fn the_specimens_pass() {
    for specimen in [good(), bound(|proof| proof)] {
        let (verdict, record) = specimen.judge();
        assert!(matches!(verdict, Verdict::Allow(_)), "{record:?}");
        assert_eq!(
            (record.decision, record.reason),
            ("allow", "permitted.token")
        );
    }
}

fn is_of_proof(reason: &Reason) -> bool {
    reason.code().contains("proof") || is_of_passkey(reason)
}

/// Which a passkey's approval alone can have.
fn is_of_passkey(reason: &Reason) -> bool {
    ["proof_origin", "proof_flags", "proof_body", "credential"]
        .map(|fault| ["untrusted.", fault].concat())
        .contains(&reason.code().to_owned())
}

#[test]
fn every_reason_is_listed() {
    let listed: Vec<&str> = reasons().iter().map(Reason::code).collect();
    assert_eq!(listed, Reason::codes().collect::<Vec<_>>());
}

#[test]
fn each_mutation_is_refused_for_its_own_reason_and_recorded_so() {
    for reason in reasons() {
        let (verdict, record) = mutation(&reason).judge();
        let Verdict::Deny(rejection) = verdict else {
            panic!("{} passed", reason.code())
        };
        assert_eq!(rejection.code, reason.code());
        assert_eq!((record.decision, record.reason), ("deny", reason.code()));
    }
}

#[test]
fn the_blame_decides_status_and_challenge() {
    for reason in reasons() {
        let rejection = mutation(&reason).rejection();
        let headers = rejection.headers();
        let header = |name: &str| {
            headers
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| value.as_str())
        };
        let (status, challenge) = match &reason {
            reason if is_of_passkey(reason) => (
                401,
                Some(", error=\"insufficient_user_authentication\", error_description=\""),
            ),
            Reason::Untrusted(Untrusted::ProofNonce) => (401, Some(", error=\"use_dpop_nonce\", ")),
            reason if is_of_proof(reason) => (401, Some(", error=\"invalid_dpop_proof\", ")),
            Reason::Missing(Missing::Peer) => (403, None),
            Reason::Missing(_) => (
                401,
                Some(", acr_values=\"phr\", max_age=\"900\", scope=\"write\""),
            ),
            Reason::Malformed(_) | Reason::Untrusted(_) => {
                (401, Some(", error=\"invalid_token\", error_description=\""))
            }
            Reason::Ambiguous(_) => (
                400,
                Some(", error=\"invalid_request\", error_description=\""),
            ),
            Reason::Insufficient(Insufficient::Scope { .. }) => (
                403,
                Some(", error=\"insufficient_scope\", error_description=\""),
            ),
            Reason::Insufficient(_) => (
                401,
                Some(", error=\"insufficient_user_authentication\", error_description=\""),
            ),
            Reason::Forbidden(Forbidden::BodySize) => (413, None),
            Reason::Forbidden(_) => (403, None),
            Reason::Unavailable(_) => (503, None),
            Reason::Internal(_) => (500, None),
        };
        assert_eq!(rejection.status, status, "{}", reason.code());
        match challenge {
            None => assert_eq!(header("www-authenticate"), None, "{}", reason.code()),
            Some(error) => {
                let scheme = if is_of_passkey(&reason) {
                    "Bearer realm=\"https://api.example.com\""
                } else if is_of_proof(&reason) {
                    "DPoP realm=\"https://api.example.com\""
                } else {
                    "Bearer realm=\"passgate\""
                };
                let expected = format!("{scheme}{error}");
                assert!(
                    header("www-authenticate").is_some_and(|value| value.starts_with(&expected)),
                    "{}",
                    reason.code()
                );
            }
        }
        assert_eq!(
            header("retry-after").is_some(),
            status == 503,
            "{}",
            reason.code()
        );
        assert_eq!(header("cache-control"), Some("no-store"));
        assert_eq!(header("content-type"), Some("application/problem+json"));
    }
}

#[test]
fn a_missing_scope_names_all_that_the_rule_wants() {
    let rejection = specimen(|token| token.claim("scope", "read").build()).rejection();
    let challenge = rejection
        .headers()
        .into_iter()
        .find(|(name, _)| *name == "www-authenticate");
    assert!(challenge.is_some_and(|(_, value)| value.ends_with(", scope=\"write\"")));
}

#[test]
fn one_body_serves_every_reason_of_a_status() {
    for reason in reasons() {
        let rejection = mutation(&reason).rejection();
        let body: Value = serde_json::from_str(&rejection.body(Some("id-1"))).unwrap();
        let title = body["title"].clone();
        let expected = json!({ "type": "about:blank", "title": title, "status": rejection.status, "request_id": "id-1" });
        assert_eq!(body, expected);
    }
    let invalid_token = |reason: &Reason| {
        matches!(reason, Reason::Malformed(_) | Reason::Untrusted(_)) && !is_of_proof(reason)
    };
    let answers: Vec<_> = reasons()
        .iter()
        .filter(|reason| invalid_token(reason))
        .map(|reason| mutation(reason).rejection())
        .map(|rejection| (rejection.body(None), rejection.headers()))
        .collect();
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn the_realm_is_the_configured_origin_and_never_the_clients_text() {
    let mut specimen = Specimen {
        authorization: None,
        ..good()
    };
    specimen.config["origins"] = json!(["https://api.example.com"]);
    let challenge = |specimen: &Specimen| {
        let headers = specimen.rejection().headers();
        headers
            .into_iter()
            .find(|(name, _)| *name == "www-authenticate")
            .map(|(_, value)| value)
    };
    assert_eq!(
        challenge(&specimen).as_deref(),
        Some(
            "Bearer realm=\"https://api.example.com\", acr_values=\"phr\", max_age=\"900\", scope=\"write\""
        )
    );
    specimen.authority = "evil.example";
    assert_eq!(
        challenge(&specimen).as_deref(),
        Some("Bearer realm=\"passgate\", acr_values=\"phr\", max_age=\"900\", scope=\"write\"")
    );
}

#[test]
fn a_page_of_our_origins_may_read_the_answer_and_no_other_page() {
    let readable_by = |origin: &'static str| {
        let mut specimen = Specimen {
            authorization: None,
            origin: Some(origin),
            ..good()
        };
        specimen.config["origins"] = json!(["https://api.example.com", "https://app.example.com"]);
        let headers = specimen.rejection().headers();
        headers
            .into_iter()
            .find(|(name, _)| *name == "access-control-allow-origin")
            .map(|(_, value)| value)
    };
    assert_eq!(
        readable_by("https://app.example.com").as_deref(),
        Some("https://app.example.com")
    );
    for other in [
        "https://evil.example",
        "null",
        "https://app.example.com.evil.example",
        "https://APP.example.com",
        "",
    ] {
        assert_eq!(readable_by(other), None, "{other}");
    }
}

#[test]
fn the_record_says_what_was_seen_and_expected_and_never_the_token() {
    let (_, record) = mutation(&Untrusted::Audience.into()).judge();
    let line: Value = serde_json::from_str(&record.to_json()).unwrap();
    assert_eq!(line["seen"]["audience"], "https://api.example.com/");
    assert_eq!(
        line["expected"],
        "https://api.example.com https://other.example.com"
    );
    assert_eq!(line["provider"], "acme");
    assert_eq!(
        line.get("subject"),
        None,
        "nobody has signed for the subject"
    );
    for reason in reasons() {
        let specimen = mutation(&reason);
        let record = specimen.judge().1.to_json();
        let credentials = specimen.authorization.iter().chain(&specimen.cookie);
        for part in credentials
            .flat_map(|text| text.split(['.', ' ', '=']))
            .filter(|part| part.len() > 20)
        {
            assert!(!record.contains(part), "{}", reason.code());
        }
    }
}

#[test]
fn values_of_a_token_are_cut_and_escaped_in_the_record() {
    let odd = "é\"\n\u{85}\u{2028}\u{202e}\u{1f600}\u{7f}";
    let line = specimen(|token| token.claim("iss", odd.repeat(100)).build())
        .judge()
        .1
        .to_json();
    assert!(
        line.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
        "{line}"
    );
    let record: Value = serde_json::from_str(&line).unwrap();
    let issuer = record["seen"]["issuer"].as_str().unwrap();
    assert!(issuer.len() <= 128 && issuer.starts_with(odd));
}

#[test]
fn the_record_of_what_a_rule_wants_says_what() {
    for (reason, expected) in [
        (
            Insufficient::Scope {
                required: vec!["write".to_owned()],
            }
            .into(),
            "write",
        ),
        (
            Insufficient::Authentication {
                step_up: StepUp::default(),
            }
            .into(),
            "phishing_resistant",
        ),
        (
            Insufficient::MaxAge {
                step_up: StepUp::default(),
            }
            .into(),
            "max_age 900s",
        ),
        (Forbidden::Kind.into(), "human"),
        (
            Reason::from(Forbidden::Claim),
            r#"groups: one of ["finance"]; it is the list ["sales"]"#,
        ),
        (Forbidden::Audience.into(), AUDIENCE),
        (Forbidden::Peer.into(), "spiffe://mesh/ns/web/sa/*"),
        (Forbidden::Role.into(), "chair"),
        (Forbidden::Product.into(), "chair"),
        (Forbidden::Denied.into(), "frozen"),
        (Untrusted::Issuer.into(), ISSUER),
    ] {
        let (_, record) = mutation(&reason).judge();
        assert_eq!(
            record.expected.as_deref(),
            Some(expected),
            "{}",
            reason.code()
        );
    }
    let told = |specimen: Specimen| {
        let (_, record) = specimen.judge();
        let seen = record.seen.unwrap_or_default();
        (record.expected.unwrap_or_default(), seen)
    };
    let (wanted, seen) = told(specimen(|token| token.header("typ", "logout+jwt").build()));
    assert_eq!(wanted, "at+jwt jwt");
    assert_eq!(seen.token_type.as_deref(), Some("logout+jwt"));
    let (wanted, _) = told(specimen(|token| token.raw_claims("[]").build()));
    assert_eq!(wanted, "claims: one JSON object, without a member twice");
    let (wanted, seen) = told(specimen(|token| token.claim("nbf", "soon").build()));
    assert_eq!(
        wanted,
        r#"nbf: seconds since 1970, a number; it is the string "soon""#
    );
    // One form for all times of a record.
    assert_eq!(seen.expires.as_deref(), Some("2023-11-14T22:18:20.000Z"));

    let (_, record) = mutation(&Untrusted::Algorithm.into()).judge();
    assert!(
        record
            .expected
            .is_some_and(|expected| expected.starts_with("ES256 "))
    );
}

#[test]
fn other_claims_under_a_good_signature_are_refused() {
    let swapped = specimen(|token| {
        let token = token.build();
        let parts: Vec<&str> = token.split('.').collect();
        let exp = NOW + 300;
        let claims = format!(
            r#"{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"root","exp":{exp},"iat":{NOW}}}"#
        );
        format!("{}.{}.{}", parts[0], base64url(claims), parts[2])
    });
    assert_eq!(swapped.rejection().code, "untrusted.signature");
}
