//! One rule for all: a person with a passkey, a workload, or an opaque token of another provider.

use std::collections::BTreeSet;

use passgate_core::{Connection, Request, Settlement, Step, Verdict};
use passgate_kit::{SigningKey, TokenBuilder, jwks};
use rcgen::{CertificateParams, KeyPair, SanType};
use serde_json::json;

use super::{INACTIVE, OUT, PASSES};
use crate::world::{START, Weather, World, active, provider};

const PEOPLE: &str = "https://people.example.com";
const REPORT: &str = "spiffe://mesh/ns/batch/sa/report";

/// A connection that shows a certificate with this URI.
#[derive(Debug)]
struct Shown(Option<String>);

impl Connection for Shown {
    fn client_certificate(&self) -> Option<[u8; 32]> {
        None
    }

    fn peer_certificate(&self) -> Option<Vec<u8>> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(self.0.as_deref()?.try_into().unwrap())];
        let key = KeyPair::generate().unwrap();
        Some(params.self_signed(&key).unwrap().pem().into_bytes())
    }
}

struct Mixed {
    world: World,
    key: SigningKey,
}

impl Mixed {
    /// The ways in this order.
    fn new(order: [usize; 3]) -> Self {
        let key = SigningKey::es256("k");
        let people = json!({
            "issuer": PEOPLE,
            "audiences": ["api"],
            "local_jwks": { "inline_string": jwks(&[&key]) },
            "evidence": { "lines": [{
                "when": { "amr_all_of": ["hwk"] }, "proves": ["phishing_resistant"], "request_acr": "phr",
            }] },
        });
        let ways = [
            json!({ "provider_name": "people", "facts": ["phishing_resistant"], "max_age": "5m" }),
            json!({ "token": "none", "peer": { "spiffe": [REPORT] } }),
            json!({ "provider_name": "acme", "scopes": ["reports"] }),
        ];
        let ways = order.map(|way| ways.get(way).unwrap());
        let world = World::with(&json!({
            "peer_verified_by_listener": true,
            "providers": { "people": people, "acme": provider(&json!({})) },
            "rules": [{
                "match": { "prefix": "/" },
                "requires": { "requires_any": { "requirements": ways } },
            }],
        }));
        Self { world, key }
    }

    fn person(&self, amr: &str) -> String {
        TokenBuilder::of(&self.key, PEOPLE, "api")
            .claim("iat", START - 10)
            .claim("auth_time", START - 10)
            .claim("exp", START + 300)
            .claim("amr", json!([amr]))
            .build()
    }

    /// What becomes of a request, and the challenge.
    fn judge(&mut self, token: Option<&str>, peer: Option<&str>) -> (&'static str, String) {
        let authorization = token.map(|token| format!("Bearer {token}"));
        let mut headers: Vec<(&[u8], &[u8])> = vec![
            (b":method", b"GET"),
            (b":path", b"/"),
            (b":authority", b"api.example.com"),
        ];
        headers.extend(
            authorization
                .iter()
                .map(|text| (&b"authorization"[..], text.as_bytes())),
        );
        let shown = Shown(peer.map(str::to_owned));
        for _ in 0..5 {
            let world = &mut self.world;
            let request = Request::new(&headers).on(&shown);
            let step = world.verifier.verify(request, &mut world.supply, world.now);
            let Step::Settle(Settlement { verdict, record }) = step else {
                world.tick();
                continue;
            };
            let Verdict::Deny(rejection) = verdict else {
                return (record.reason, String::new());
            };
            let mut headers = rejection.headers().into_iter();
            let challenge = headers.find(|(name, _)| *name == "www-authenticate");
            return (
                record.reason,
                challenge.map(|(_, value)| value).unwrap_or_default(),
            );
        }
        panic!("the request waits for ever");
    }
}

#[test]
fn a_person_a_workload_or_an_opaque_token_passes() {
    for order in [[0, 1, 2], [1, 0, 2], [2, 1, 0], [1, 2, 0]] {
        let mut mixed = Mixed::new(order);
        mixed
            .world
            .says("good", active(&json!({ "scope": "reports" })));
        mixed
            .world
            .says("weak", active(&json!({ "scope": "news" })));
        let [strong, weak] = ["hwk", "pwd"].map(|amr| mixed.person(amr));
        for (token, peer, reason) in [
            (Some(&*strong), None, PASSES),
            (None, Some(REPORT), "permitted.peer"),
            (Some("good"), None, PASSES),
            // A token is judged, whoever shows it.
            (Some("good"), Some(REPORT), PASSES),
            (Some("made-up"), Some(REPORT), INACTIVE),
            (Some(&weak), Some(REPORT), "insufficient.authentication"),
            (Some("weak"), None, "insufficient.scope"),
            (Some("made-up"), None, INACTIVE),
            (
                None,
                Some("spiffe://mesh/ns/batch/sa/other"),
                "missing.token",
            ),
            (None, None, "missing.token"),
        ] {
            let (told, challenge) = mixed.judge(token, peer);
            assert_eq!(told, reason, "{order:?} {token:?} {peer:?}");
            assert_eq!(challenge.is_empty(), reason.starts_with("permitted"));
        }
        // Who has nothing is told the first way that can be had by asking: a workload's cannot.
        let (_, challenge) = mixed.judge(None, None);
        let told = if [[0, 1, 2], [1, 0, 2]].contains(&order) {
            r#"Bearer realm="passgate", acr_values="phr", max_age="300""#
        } else {
            r#"Bearer realm="passgate", scope="reports""#
        };
        assert_eq!(challenge, told, "{order:?}");
        // Only the opaque way needs the provider that is asked.
        mixed.world.weather = Weather::Down;
        assert_eq!(mixed.judge(Some(&strong), None).0, PASSES);
        assert_eq!(mixed.judge(None, Some(REPORT)).0, "permitted.peer");
        assert_eq!(mixed.judge(Some("another"), None).0, OUT);
    }
}

#[test]
fn opaque_tokens_with_dots_have_a_hash_each() {
    let mut world = World::with(&json!({
        "providers": { "acme": provider(&json!({})) },
        "secrets": { "correlation": { "env": "KEY" } },
    }));
    let mut hash = |token: &str| {
        world.says(token, active(&json!({})));
        let (_, record) = world.judge(token);
        assert_eq!(record.reason, "permitted.token");
        record.token.unwrap()
    };
    let tokens = ["ya29.aaa", "ya29.bbb", "ya29", "a.b.c", "a.b.d"];
    let hashes: BTreeSet<_> = tokens.into_iter().map(&mut hash).collect();
    assert_eq!(hashes.len(), tokens.len(), "{hashes:?}");
    assert!(hashes.contains(&hash("ya29.aaa")));
}
