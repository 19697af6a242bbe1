//! Tokens that are bound to a key, through the whole gate.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

#[path = "proofs/answers.rs"]
mod answers;
#[path = "proofs/approvals.rs"]
mod approvals;
#[path = "proofs/bodies.rs"]
mod bodies;
#[path = "proofs/certificate.rs"]
mod certificate;
#[path = "proofs/custody.rs"]
mod custody;
#[path = "proofs/holders.rs"]
mod holders;
#[path = "proofs/host.rs"]
mod host;
#[path = "proofs/nonces.rs"]
mod nonces;
#[path = "proofs/sessions.rs"]
mod sessions;
#[path = "proofs/sessions_mixed.rs"]
mod sessions_mixed;
#[path = "proofs/sessions_revoked.rs"]
mod sessions_revoked;
#[path = "proofs/spent.rs"]
mod spent;
#[path = "proofs/world.rs"]
mod world;

use passgate_core::Edit;
use passgate_kit::{ProofBuilder, SigningKey, TokenBuilder, public_members};
use serde_json::json;

use world::{Judged, World, policy};

/// Each rule of [`policy`] that takes a bound token, by a path of it.
const BOUND: [&str; 3] = ["/dpop", "/nonce-less", "/plain"];

#[test]
fn a_bound_token_passes_with_its_proof_on_every_rule() {
    let mut world = World::new(&policy());
    for path in BOUND {
        let nonce = world.nonce(path);
        let judged = world.send(path, |proof| proof.claim("nonce", nonce.clone()));
        assert_eq!(judged.code, "permitted.token", "{path}");
    }
}

/// RFC 9449 section 7.2.
#[test]
fn a_bound_token_is_worth_nothing_without_its_proof() {
    let mut world = World::new(&policy());
    for path in BOUND {
        let token = world.token();
        let proof = world.proof(path, &token).build();
        let bearer = ("authorization", format!("Bearer {token}"));
        let dpop = ("authorization", format!("DPoP {token}"));
        for (headers, code) in [
            (vec![bearer.clone()], "untrusted.key_bound"),
            (vec![bearer, ("dpop", proof.clone())], "untrusted.key_bound"),
            (vec![dpop.clone()], "missing.proof"),
            (
                vec![dpop, ("dpop", proof.clone()), ("dpop", proof)],
                "malformed.proof",
            ),
        ] {
            assert_eq!(world.judge(path, &headers).code, code, "{path} {headers:?}");
        }
    }
}

#[test]
fn a_token_that_is_not_bound_is_no_dpop_token() {
    let mut world = World::new(&policy());
    let token = world.token_with(|token| token.without("cnf"));
    let proof = world.proof("/plain", &token).build();
    let dpop = |token: &str| ("authorization", format!("DPoP {token}"));
    let judged = world.judge("/plain", &[dpop(&token), ("dpop", proof.clone())]);
    assert_eq!(judged.code, "untrusted.proof_token");
    let bearer = ("authorization", format!("Bearer {token}"));
    for path in ["/dpop", "/certificate"] {
        let judged = world.judge(path, std::slice::from_ref(&bearer));
        assert_eq!(judged.code, "untrusted.proof_token", "{path}");
    }
    // A proof by itself is not an authentication, and beside a bearer token it is nothing.
    let judged = world.judge("/plain", &[("dpop", proof.clone())]);
    assert_eq!(judged.code, "missing.token");
    let judged = world.judge("/plain", &[bearer, ("dpop", proof)]);
    assert_eq!(judged.code, "permitted.token");
    assert!(judged.removes("dpop"));
}

#[test]
fn a_cnf_that_nobody_can_check_refuses() {
    let mut world = World::new(&policy());
    for cnf in [
        json!({}),
        json!(null),
        json!({ "kid": "k" }),
        json!({ "jkt": "x" }),
    ] {
        let token = world.token_with(|token| token.claim("cnf", cnf.clone()));
        for scheme in ["Bearer", "DPoP"] {
            let headers = [("authorization", format!("{scheme} {token}"))];
            let judged = world.judge("/plain", &headers);
            assert_eq!(judged.code, "untrusted.key_bound", "{cnf}");
        }
    }
}

#[test]
fn a_jwk_in_cnf_is_a_proof_key_only_where_the_provider_says_so() {
    let key = SigningKey::es256("proof");
    let cnf = json!({ "jwk": public_members(&key) });
    for (says, code) in [(false, "untrusted.key_bound"), (true, "permitted.token")] {
        let mut policy = policy();
        if says {
            policy["providers"]["acme"]["cnf_jwk"] = json!("dpop");
        }
        let mut world = World::new(&policy);
        let token = world.token_with(|token| token.claim("cnf", cnf.clone()));
        let proof = ProofBuilder::of(&key, "GET", "https://api.example.com/plain");
        let proof = proof.token(&token).claim("iat", world.now()).build();
        let headers = [("authorization", format!("DPoP {token}")), ("dpop", proof)];
        assert_eq!(world.judge("/plain", &headers).code, code);
    }
}

#[test]
fn a_proof_of_a_thief_fails_for_what_is_wrong_about_it() {
    let mut world = World::new(&policy());
    let thief = SigningKey::es256("thief");
    type Change<'a> = &'a dyn Fn(ProofBuilder<'_>) -> ProofBuilder<'_>;
    let jwk = public_members(&thief);
    let changes: [(Change<'_>, &str); 8] = [
        (
            &|proof| proof.header("jwk", jwk.clone()),
            "untrusted.proof_key",
        ),
        (
            &|proof| proof.claim("htm", "POST"),
            "untrusted.proof_request",
        ),
        (
            &|proof| proof.claim("htu", "https://api.example.com/other"),
            "untrusted.proof_request",
        ),
        (
            &|proof| proof.claim("htu", "https://evil.example/plain"),
            "untrusted.proof_request",
        ),
        (&|proof| proof.token("another"), "untrusted.proof_token"),
        (&|proof| proof.claim("iat", 1), "untrusted.proof_time"),
        (&|proof| proof.header("alg", "none"), "malformed.proof"),
        (
            &|proof| proof.jws(|jws| jws.signature(&[7; 64])),
            "untrusted.proof_signature",
        ),
    ];
    for (change, code) in changes {
        assert_eq!(world.send("/plain", change).code, code);
    }
    assert_eq!(world.send("/plain", |proof| proof).code, "permitted.token");
}

/// The origin is one of ours; what the client wrote into a header does not make it another.
#[test]
fn the_uri_is_never_read_off_a_header_of_the_client() {
    let mut world = World::new(&policy());
    let token = world.token();
    let headers = |uri: &str, world: &World| {
        let proof = ProofBuilder::of(&world.key, "GET", uri).token(&token);
        vec![
            ("authorization", format!("DPoP {token}")),
            ("dpop", proof.claim("iat", world.now()).build()),
            ("x-forwarded-host", "evil.example".to_owned()),
            ("x-forwarded-proto", "http".to_owned()),
            ("forwarded", "host=evil.example;proto=http".to_owned()),
        ]
    };
    for uri in ["https://evil.example/plain", "http://api.example.com/plain"] {
        let judged = world.judge("/plain", &headers(uri, &world));
        assert_eq!(judged.code, "untrusted.proof_request", "{uri}");
    }
    let judged = world.judge("/plain", &headers("https://api.example.com/plain", &world));
    assert_eq!(judged.code, "permitted.token");
    // A host that is not one of origins has no URI that a proof could name.
    let own = headers("https://other.example.com/plain", &world);
    let judged = world.judge_at("other.example.com", "/plain", &own);
    assert_eq!(judged.code, "untrusted.proof_request");
}

#[test]
fn every_algorithm_of_a_challenge_makes_proofs_that_pass() {
    for alg in SigningKey::ALGORITHMS {
        let mut world = World::with_key(&policy(), SigningKey::of(alg, "proof"));
        assert_eq!(
            world.send("/plain", |proof| proof).code,
            "permitted.token",
            "{alg}"
        );
        let challenge = world
            .judge("/dpop", &[])
            .header("www-authenticate")
            .unwrap();
        let (_, algorithms) = challenge.split_once("algs=\"").unwrap();
        let (algorithms, _) = algorithms.split_once('"').unwrap();
        let algorithms: Vec<&str> = algorithms.split(' ').collect();
        assert_eq!(algorithms, SigningKey::ALGORITHMS, "{challenge}");
    }
}

/// With what the host checks, and without.
#[test]
fn a_thief_learns_nothing_of_what_the_token_is_good_for() {
    let mut world = World::new(&policy());
    // The token lacks the scope, and its sender the key.
    let token = world.token();
    let headers = [("authorization", format!("DPoP {token}"))];
    assert_eq!(world.judge("/scope", &headers).code, "missing.proof");
    assert_eq!(
        world.send("/scope", |proof| proof).code,
        "insufficient.scope"
    );
}

#[test]
fn the_service_gets_the_id_of_the_proof_and_not_the_proof() {
    let mut world = World::new(&policy());
    let judged = world.send("/plain", |proof| proof.claim("jti", "one"));
    assert!(judged.removes("dpop") && judged.removes("authorization"));
    let id = judged.written("x-passgate-proof-id").unwrap();
    assert_eq!(id.len(), 43);
    let judged = world.send("/plain", |proof| proof.claim("jti", "two"));
    assert_ne!(judged.written("x-passgate-proof-id"), Some(id));
    // A client cannot send one.
    let judged = world.judge("/public", &[("x-passgate-proof-id", "mine".to_owned())]);
    assert!(judged.removes("x-passgate-proof-id"));
}

/// A memory of all replicas forgets at the end of its window, so that must not be while the proof
/// counts. A replica that judges it a minute later says the same.
#[test]
fn the_window_of_a_proof_is_the_same_at_each_time_at_which_it_passes() {
    let mut world = World::new(&policy());
    let window = |judged: Judged| {
        assert_eq!(judged.code, "permitted.token");
        judged.written("x-passgate-proof-window").unwrap()
    };
    let to_the_hour = 3_600 - world.now() % 3_600;
    assert!(to_the_hour > 400, "a good while before the end of an hour");
    for (wait, wanted) in [(0, "hour"), (to_the_hour - 30, "day"), (400, "hour")] {
        world.wait(wait);
        let nonce = world.nonce("/dpop");
        let headers = world.request("/dpop", |proof| proof.claim("nonce", nonce));
        let policy = world.policy.clone();
        let first = window(world.judge("/dpop", &headers));
        let mut replica = world.other_worker(2, &policy, "replica");
        replica.wait(60);
        assert_eq!(
            [first, window(replica.judge("/dpop", &headers))],
            [wanted; 2]
        );
    }
    let judged = world.judge("/public", &[("x-passgate-proof-window", "hour".to_owned())]);
    assert!(judged.removes("x-passgate-proof-window"));
}

#[test]
fn a_proof_stays_where_the_rule_says_so_and_goes_on_every_other() {
    let mut world = World::new(&policy());
    let judged = world.send("/forward", |proof| proof);
    assert_eq!(
        (judged.code, judged.removes("dpop")),
        ("permitted.token", false)
    );
    let proof = ("dpop", "x".to_owned());
    for path in ["/public", "/plain"] {
        let token = world.token_with(|token| token.without("cnf"));
        let bearer = ("authorization", format!("Bearer {token}"));
        let judged = world.judge(path, &[bearer, proof.clone()]);
        assert!(judged.passed() && judged.removes("dpop"), "{path}");
    }
}

#[test]
fn an_exemption_that_shows_identity_wants_the_proof_of_a_token_that_is_there() {
    let mut world = World::new(&policy());
    assert_eq!(
        world.judge("/public-or-known", &[]).code,
        "permitted.public"
    );
    let token = world.token();
    let headers = [("authorization", format!("DPoP {token}"))];
    assert_eq!(
        world.judge("/public-or-known", &headers).code,
        "missing.proof"
    );
    let judged = world.send("/public-or-known", |proof| proof);
    assert_eq!(judged.code, "permitted.token");
}

/// As many proofs as there is budget for, and no more; and none of another key's.
#[test]
fn forged_proofs_of_one_key_come_under_a_budget_of_their_own() {
    let mut policy = policy();
    policy["limits"] = json!({ "forged_tokens_cpu_percent": 1 });
    let mut world = World::new(&policy);
    let mut codes = Vec::new();
    for _ in 0..400 {
        codes.push(
            world
                .send("/plain", |proof| proof.jws(|jws| jws.signature(&[7; 64])))
                .code,
        );
    }
    let refused = codes
        .iter()
        .filter(|code| **code == "unavailable.budget")
        .count();
    assert!(refused > 100, "{refused}");
    // A token is not a proof: those that were never verified still are.
    let token = world.token_with(|token: TokenBuilder<'_>| token.without("cnf").claim("x", 1));
    let judged = world.judge("/plain", &[("authorization", format!("Bearer {token}"))]);
    assert_eq!(judged.code, "permitted.token");
    // Of 64 shares another key has another one, nearly always.
    let mut served = 0;
    for _ in 0..8 {
        world.key = SigningKey::es256("other");
        served += usize::from(world.send("/plain", |proof| proof).passed());
    }
    assert!(served >= 6, "{served}");
}

/// A thief has no key, but may have a proof that was used, and whoever has a key needs to sign once
/// only.
#[test]
fn a_good_proof_that_is_refused_comes_under_the_budget_too() {
    let mut policy = policy();
    policy["limits"] = json!({ "forged_tokens_cpu_percent": 1 });
    for (path, code) in [
        ("/plain", "untrusted.proof_replayed"),
        ("/scope", "insufficient.scope"),
    ] {
        let mut world = World::new(&policy);
        let headers = world.request(path, |proof| proof);
        let codes: Vec<_> = (0..400).map(|_| world.judge(path, &headers).code).collect();
        let count = |code: &str| codes.iter().filter(|other| **other == code).count();
        let (known, over) = (count(code), count("unavailable.budget"));
        assert!(known > 10 && over > 100, "{path}: {known}, {over}");
    }
    // What passes costs nothing of it.
    let mut world = World::new(&policy);
    for _ in 0..400 {
        assert_eq!(world.send("/plain", |proof| proof).code, "permitted.token");
    }
}

#[test]
fn records_tell_kind_key_and_age_of_a_proof_and_never_the_proof() {
    let mut world = World::new(&policy());
    let now = world.now();
    let judged = world.send("/plain", |proof| proof.claim("iat", now - 7));
    let record = judged.record();
    let thumbprint = passgate_kit::thumbprint(&world.key);
    let expected = json!({ "kind": "dpop", "key": thumbprint.get(..16), "age": 7 });
    assert_eq!(record["proof"], expected);
    let judged = world.send("/plain", |proof| proof.claim("htm", "POST"));
    assert_eq!(judged.record()["proof"], json!({ "kind": "dpop" }));
    assert_eq!(
        judged.record()["expected"],
        "proof: htm: the method of the request"
    );
    let mut hidden = policy();
    hidden["audit"] = json!({ "subject": "omitted" });
    let mut world = World::new(&hidden);
    let record = world.send("/plain", |proof| proof).record();
    assert_eq!(record["proof"], json!({ "kind": "dpop", "age": 0 }));
}

fn is_edit_of(edit: &Edit, name: &str) -> bool {
    matches!(edit, Edit::Remove(own) if own == name.as_bytes())
}

impl Judged {
    fn removes(&self, name: &str) -> bool {
        self.edits.iter().any(|edit| is_edit_of(edit, name))
    }

    fn written(&self, name: &str) -> Option<String> {
        self.edits.iter().find_map(|edit| match edit {
            Edit::Set(own, value) if own == name => {
                Some(String::from_utf8_lossy(value).into_owned())
            }
            Edit::Set(..) | Edit::Remove(_) => None,
        })
    }
}
