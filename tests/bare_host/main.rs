//! The module loads and judges on a host with less than Envoy: `docs/hosts.md` says which that are.
//! The host of these stories is a Wasm runtime and `host.rs`.
//!
//! `make test-bare-host` runs them on the module that is shipped.

mod host;

use host::{Host, Outcome, Reply};
use passgate_kit::{ProofBuilder, SigningKey, Token, bound_to, jwks, tampered};
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "https://api.example.com";

/// A policy whose keys are in it.
fn policy(keys: &[&SigningKey]) -> Value {
    json!({
        "origins": [AUDIENCE],
        "providers": { "acme": {
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "algorithms": ["ES256", "RS256", "EdDSA", "ES384", "PS256"],
            "local_jwks": { "inline_string": jwks(keys) },
            "claim_to_headers": [{ "claim_name": "sub", "header_name": "x-user" }],
        } },
        "rules": [
            { "match": { "path": "/healthz", "methods": ["GET"] },
              "public": { "reason": "probe", "owner": "platform", "until": "never" } },
            { "match": { "prefix": "/", "methods": ["GET"] }, "requires": { "provider_name": "acme" } },
            { "match": { "prefix": "/" },
              "requires": { "provider_name": "acme", "scopes": ["write"] } },
        ],
    })
}

fn start(policy: &Value) -> Host {
    Host::start(&policy.to_string()).unwrap_or_else(|log| panic!("refused: {log:#?}"))
}

/// One request with these further headers.
fn ask(host: &mut Host, method: &str, path: &str, more: &[(&str, &str)]) -> Outcome {
    let own = [
        (":method", method),
        (":path", path),
        (":authority", "api.example.com"),
        (":scheme", "https"),
    ];
    host.request(&[&own[..], more].concat())
}

#[track_caller]
fn refused(outcome: Outcome) -> Reply {
    match outcome {
        Outcome::Refused(reply) => reply,
        Outcome::Passed(headers) => panic!("passed: {headers:?}"),
    }
}

/// The value of a header of a request that passed.
#[track_caller]
fn passed(outcome: Outcome, name: &str) -> Option<String> {
    match outcome {
        Outcome::Passed(headers) => {
            let mut found = headers.into_iter().filter(|(other, _)| other == name);
            found.next().map(|(_, value)| value)
        }
        Outcome::Refused(reply) => panic!("{reply:?}"),
    }
}

#[test]
fn the_module_judges_with_keys_of_its_configuration() {
    let key = SigningKey::es256("k1");
    let mut host = start(&policy(&[&key]));
    let token = |build: &dyn Fn(passgate_kit::TokenBuilder<'_>) -> String| {
        format!("Bearer {}", build(Token::of(&key, ISSUER, AUDIENCE)))
    };
    let good = token(&|token| token.build());
    let with = |value: &str| vec![("authorization".to_owned(), value.to_owned())];
    let mut get = |path: &str, headers: &[(String, String)]| {
        let headers: Vec<_> = headers.iter().map(|(n, v)| (&**n, &**v)).collect();
        ask(&mut host, "GET", path, &headers)
    };

    let reply = refused(get("/", &[]));
    assert_eq!(
        (reply.status, &*reply.details),
        (401, "passgate.missing.token")
    );
    assert!(reply.body.contains("\"status\":401"), "{reply:?}");
    for (wrong, details) in [
        (
            format!("Bearer {}", tampered(&good[7..])),
            "passgate.untrusted.signature",
        ),
        (
            token(&|token| token.expires_in(-600).build()),
            "passgate.untrusted.expired",
        ),
        (
            token(&|token| token.claim("aud", "other").build()),
            "passgate.untrusted.audience",
        ),
        (
            token(&|token| token.hs256(b"secret").build()),
            "passgate.untrusted.algorithm",
        ),
    ] {
        let reply = refused(get("/", &with(&wrong)));
        assert_eq!((reply.status, &*reply.details), (401, details));
    }

    // Twice: the second time its signature is remembered.
    for _ in 0..2 {
        let mut headers = with(&good);
        headers.push(("x-user".to_owned(), "admin".to_owned()));
        assert_eq!(
            passed(get("/", &headers), "x-user").as_deref(),
            Some("alice")
        );
        assert_eq!(passed(get("/", &headers), "authorization"), None);
    }
    let forged = [("x-user".to_owned(), "admin".to_owned())];
    assert_eq!(passed(get("/healthz", &forged), "x-user"), None);

    let authorization = [("authorization", &*good)];
    let reply = refused(ask(&mut host, "POST", "/", &authorization));
    assert_eq!(reply.status, 403);
    let scoped = token(&|token| token.claim("scope", "write").build());
    let authorization = [("authorization", &*scoped)];
    assert_eq!(
        passed(ask(&mut host, "POST", "/", &authorization), "x-user").as_deref(),
        Some("alice")
    );
    let log = host.log();
    assert!(
        log.iter()
            .any(|line| line.contains("\"reason\":\"untrusted.expired\"")),
        "{log:#?}"
    );
}

#[test]
fn the_module_checks_signatures_itself() {
    let algorithms = ["ES256", "RS256", "EdDSA", "ES384", "PS256"];
    let keys = algorithms.map(|alg| SigningKey::of(alg, &format!("of-{alg}")));
    let mut host = start(&policy(&keys.each_ref()));
    for key in &keys {
        let good = Token::of(key, ISSUER, AUDIENCE).build();
        for (token, is_good) in [(tampered(&good), false), (good, true)] {
            let value = format!("Bearer {token}");
            let outcome = ask(&mut host, "GET", "/", &[("authorization", &value)]);
            match is_good {
                true => assert_eq!(passed(outcome, "x-user").as_deref(), Some("alice")),
                false => assert_eq!(refused(outcome).status, 401),
            }
        }
    }
}

/// Google Cloud's Service Extensions give a virtual machine 16 MiB.
#[test]
fn the_module_has_less_than_sixteen_mebibytes_after_a_thousand_tokens() {
    let key = SigningKey::es256("k1");
    let mut host = start(&policy(&[&key]));
    for number in 0..1_000 {
        let token = Token::of(&key, ISSUER, AUDIENCE)
            .claim("jti", number)
            .build();
        let value = format!("Bearer {token}");
        passed(
            ask(&mut host, "GET", "/", &[("authorization", &value)]),
            "x-user",
        );
    }
    let mebibytes = host.memory() >> 20;
    assert!(mebibytes < 16, "{mebibytes} MiB");
}

#[test]
fn what_takes_a_fetch_or_a_timer_is_an_error_of_the_configuration_that_says_so() {
    let key = SigningKey::es256("k1");
    let good = policy(&[&key]);
    let uri = json!({ "uri": "https://id.example.com/x", "cluster": "id" });
    let fetched = "this host has no timer, so nothing is fetched here";
    let cases: [(&str, &str, Value, String); 6] = [
        (
            "/providers/acme/remote_jwks",
            "keys that are fetched",
            json!({ "http_uri": uri }),
            format!("passgate providers.acme: {fetched}; write the keys under local_jwks"),
        ),
        (
            "/providers/acme/revocations",
            "a list of revocations",
            json!({ "http_uri": uri, "when_unavailable": "deny" }),
            format!("passgate providers.acme.revocations: {fetched}; leave it out"),
        ),
        (
            "/providers/acme/status_lists",
            "status lists",
            json!({ "uri_prefix": "https://id.example.com/status/", "cluster": "id" }),
            format!("passgate providers.acme.status_lists: {fetched}; leave it out"),
        ),
        (
            "/providers/acme/introspection",
            "questions about opaque tokens",
            json!({ "http_uri": uri }),
            format!("passgate providers.acme.introspection: {fetched}; leave it out"),
        ),
        (
            "/streams",
            "streams that are cut",
            json!({ "end_with_authority": true }),
            "passgate streams: this host has no timer, so no stream is cut; leave it out"
                .to_owned(),
        ),
        (
            "/rules/1/streams",
            "streams of a rule",
            json!({ "end_with_authority": true }),
            "passgate rules[1].streams: this host has no timer, so no stream is cut; leave it out"
                .to_owned(),
        ),
    ];
    for (place, what, value, expected) in cases {
        let mut policy = good.clone();
        let (parent, member) = place.rsplit_once('/').unwrap();
        let parent = policy.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        if member == "remote_jwks" {
            parent.remove("local_jwks");
        }
        parent.insert(member.to_owned(), value);
        let Err(log) = Host::start(&policy.to_string()) else {
            panic!("{what}: accepted");
        };
        assert!(log.contains(&expected), "{what}: {log:#?}");
    }
}

#[test]
fn what_takes_shared_data_lets_nobody_pass() {
    let key = SigningKey::es256("k1");
    let mut host = start(&policy(&[&key]));
    let holder = SigningKey::es256("holder");
    let bound = Token::of(&key, ISSUER, AUDIENCE)
        .claim("cnf", bound_to(&holder))
        .build();
    let proof = ProofBuilder::of(&holder, "GET", "https://api.example.com/").token(&bound);
    let authorization = format!("DPoP {bound}");
    let headers = [("authorization", &*authorization), ("dpop", &proof.build())];
    let reply = refused(ask(&mut host, "GET", "/", &headers));
    assert_eq!(reply.details, "passgate.unavailable.replay_memory");
    assert_eq!(reply.status, 503);
}
