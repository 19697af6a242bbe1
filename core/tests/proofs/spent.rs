//! What is spent, when, and for whom.

use passgate_kit::SigningKey;
use serde_json::{Value, json};

use crate::{
    approvals::{Person, approving, sent},
    world::{World, policy},
};

#[test]
fn a_proof_counts_once_for_all_workers_and_policies_of_a_gate() {
    let mut world = World::new(&policy());
    let headers = world.request("/nonce-less", |proof| proof);
    assert_eq!(world.judge("/nonce-less", &headers).code, "permitted.token");
    assert_eq!(
        world.judge("/nonce-less", &headers).code,
        "untrusted.proof_replayed"
    );
    let mut other_policy = policy();
    other_policy["rules"][1]["requires"]["proof"]["dpop"]["iat_window"] = json!("5m");
    for (number, policy) in [(2, policy()), (3, other_policy)] {
        let mut other = world.other_worker(number, &policy, "gate");
        let judged = other.judge("/nonce-less", &headers);
        assert_eq!(
            (judged.code, judged.status),
            ("untrusted.proof_replayed", Some(401))
        );
    }
}

#[test]
fn two_gates_in_one_chain_spend_for_themselves() {
    let mut world = World::new(&policy());
    let nonce = world.nonce("/dpop");
    let headers = world.request("/dpop", |proof| proof.claim("nonce", nonce));
    let mut inner = world.other_worker(2, &policy(), "inner");
    assert_eq!(world.judge("/dpop", &headers).code, "permitted.token");
    assert_eq!(inner.judge("/dpop", &headers).code, "permitted.token");
    assert_eq!(
        inner.judge("/dpop", &headers).code,
        "untrusted.proof_replayed"
    );
}

/// A nonce of this gate may be one no longer, by another secret: then `iat` says when the proof was
/// made. It is remembered as long as either of them could let it pass.
#[test]
fn a_proof_that_passed_by_its_nonce_is_spent_when_the_secret_is_another() {
    let mut policy = policy();
    let rules = policy["rules"].as_array_mut().unwrap();
    rules.retain(|rule| rule["match"]["path_separated_prefix"] != "/wide");
    let mut world = World::new(&policy);
    world.wait(10);
    let nonce = world.nonce("/dpop");
    world.wait(55);
    let headers = world.request("/nonce-less", |proof| proof.claim("nonce", nonce));
    assert_eq!(world.judge("/nonce-less", &headers).code, "permitted.token");
    let mut secret = policy;
    secret["secrets"] = json!({ "nonce": { "env": "NONCE" } });
    let mut other = world.other_worker(2, &secret, "gate");
    for _ in 0..130 {
        other.wait(1);
        let judged = other.judge("/nonce-less", &headers);
        assert!(!judged.passed(), "again at {}", other.now());
    }
}

/// Only a permit spends: a client that is refused can mend what is wrong and send the same proof.
#[test]
fn what_is_refused_spends_nothing() {
    let mut world = World::new(&policy());
    let narrow = world.token_with(|token| token.claim("scope", "read"));
    let proof = world.proof("/scope", &narrow).build();
    let headers = [("authorization", format!("DPoP {narrow}")), ("dpop", proof)];
    for _ in 0..3 {
        assert_eq!(world.judge("/scope", &headers).code, "insufficient.scope");
    }
}

#[test]
fn shadow_spends_nothing_strips_nothing_and_sends_no_nonce() {
    let mut shadow = policy();
    shadow["mode"] = json!({ "shadow": { "until": "2030-01-01" } });
    let mut world = World::new(&shadow);
    let nonce = world.send("/dpop", |proof| proof);
    assert_eq!((nonce.code, nonce.nonce()), ("untrusted.proof_nonce", None));
    let headers = world.request("/nonce-less", |proof| proof);
    for _ in 0..3 {
        let judged = world.judge("/nonce-less", &headers);
        assert_eq!(judged.code, "permitted.token");
        assert!(judged.is_observed && judged.edits.is_empty() && judged.nonce().is_none());
    }
    // The gate behind it is the first to spend.
    let mut inner = world.other_worker(2, &policy(), "gate");
    assert_eq!(inner.judge("/nonce-less", &headers).code, "permitted.token");
}

/// Both readings are judged by a rule that wants the proof.
#[test]
fn a_path_with_several_readings_pays_once() {
    let mut readings = policy();
    readings["path"] = json!({ "allow": ["semicolon"] });
    let other = json!({ "match": { "path": "/plain/a/b" }, "requires": { "proof": { "dpop": { "nonce": "none" } } } });
    readings["rules"].as_array_mut().unwrap().insert(0, other);
    let mut world = World::new(&readings);
    let token = world.token();
    let path = "/plain/a;v=1/b";
    let proof = world.proof(path, &token).build();
    let headers = [("authorization", format!("DPoP {token}")), ("dpop", proof)];
    assert_eq!(world.judge(path, &headers).code, "permitted.token");
    assert_eq!(world.judge(path, &headers).code, "untrusted.proof_replayed");
}

#[test]
fn a_proof_from_before_the_memory_began_is_answered_with_a_nonce() {
    let mut world = World::new(&policy());
    let earlier = world.now() - 1;
    let judged = world.send("/nonce-less", |proof| proof.claim("iat", earlier));
    assert_eq!(
        (judged.code, judged.status),
        ("untrusted.proof_nonce", Some(401))
    );
    let nonce = judged.nonce().unwrap();
    let judged = world.send("/nonce-less", |proof| {
        proof.claim("iat", 1).claim("nonce", nonce)
    });
    assert_eq!(judged.code, "permitted.token");
}

/// The nonce is one for the provider's tokens, whichever tenant has issued this one.
#[test]
fn the_nonce_of_that_answer_is_good_for_a_tenant_too() {
    let mut tenants = policy();
    let template = "https://id.example.com/{tid}";
    tenants["providers"]["acme"] = json!({ "issuer_template": template, "tenants": ["one"], "audiences": ["https://api.example.com"] });
    let mut world = World::new(&tenants);
    let token = world.token_with(|token| {
        let token = token.claim("iss", "https://id.example.com/one");
        token.claim("tid", "one")
    });
    let mut send = |claims: Value| {
        let proof = world.proof("/nonce-less", &token);
        let claims = claims.as_object().unwrap().clone().into_iter();
        let proof = claims.fold(proof, |proof, (name, value)| proof.claim(&name, value));
        let headers = [
            ("authorization", format!("DPoP {token}")),
            ("dpop", proof.build()),
        ];
        world.judge("/nonce-less", &headers)
    };
    let judged = send(json!({ "iat": 1_699_999_999 }));
    assert_eq!(judged.code, "untrusted.proof_nonce");
    let nonce = judged.nonce().unwrap();
    let judged = send(json!({ "iat": 1, "nonce": nonce }));
    assert_eq!(judged.code, "permitted.token");
}

#[test]
fn a_memory_that_somebody_else_wrote_to_refuses() {
    let mut world = World::new(&policy());
    assert!(world.send("/plain", |proof| proof).passed());
    // What another plugin of the same `vm_id` could do.
    for (value, version) in world.proxy.values.borrow_mut().values_mut() {
        value.clear();
        *version += 1_000;
    }
    let judged = world.send("/plain", |proof| proof);
    assert_eq!(
        (judged.code, judged.status),
        ("unavailable.replay_memory", Some(503))
    );
    assert!(judged.header("retry-after").is_some());
    let mut world = World::unshared(&policy());
    let judged = world.send("/plain", |proof| proof);
    assert_eq!(judged.code, "unavailable.replay_memory");
}

#[test]
fn a_policy_without_proofs_touches_nothing_that_is_shared() {
    let mut world = World::new(&policy());
    let token = world.token_with(|token| token.without("cnf"));
    let bearer = ("authorization", format!("Bearer {token}"));
    assert!(world.judge("/plain", &[bearer]).passed());
    // The memory has its birth and the mark of it from the start, and nothing else.
    let values = world.proxy.values.borrow().len();
    assert_eq!((values, world.asked.get()), (2, 0));
}

#[test]
fn a_token_for_a_single_use_passes_once() {
    let mut world = World::new(&policy());
    world.wait(1);
    let once = |world: &World, jti: &str| {
        let token = world.token_with(|token| token.without("cnf").claim("jti", jti));
        [("authorization", format!("Bearer {token}"))]
    };
    let first = once(&world, "one");
    assert_eq!(world.judge("/once", &first).code, "permitted.token");
    assert_eq!(
        world.judge("/once", &first).code,
        "untrusted.proof_replayed"
    );
    // Another token with the same id is the same token; elsewhere it counts as often as it likes.
    let again = once(&world, "one");
    assert_eq!(
        world.judge("/once", &again).code,
        "untrusted.proof_replayed"
    );
    assert_eq!(world.judge("/plain", &first).code, "permitted.token");
    let second = once(&world, "two");
    assert_eq!(world.judge("/once", &second).code, "permitted.token");
    world.wait(3_590);
    assert_eq!(
        world.judge("/once", &second).code,
        "untrusted.proof_replayed"
    );
}

#[test]
fn a_token_for_a_single_use_has_an_id_and_a_date() {
    let mut world = World::new(&policy());
    for name in ["jti", "iat"] {
        let token = world.token_with(|token| token.without("cnf").claim("jti", "1").without(name));
        let judged = world.judge("/once", &[("authorization", format!("Bearer {token}"))]);
        assert_eq!(judged.code, "malformed.claims", "{name}");
        assert!(
            judged.record()["expected"]
                .as_str()
                .unwrap()
                .starts_with("jti: ")
        );
    }
    // Nobody knows whether one from before the memory began was used.
    let token = world.token_with(|token| token.without("cnf").claim("jti", "1").claim("iat", 1));
    let judged = world.judge("/once", &[("authorization", format!("Bearer {token}"))]);
    assert_eq!(judged.code, "untrusted.proof_replayed");
}

/// A proof has one date, by whatever rule it is judged. With two the memory would let it go by the
/// one, and it would count again by the other.
#[test]
fn a_proof_that_passed_by_its_nonce_does_not_pass_again_by_its_iat() {
    let mut world = World::new(&policy());
    world.wait(10);
    let nonce = world.nonce("/dpop");
    let token = world.token();
    // The clock of the client is ahead.
    let ahead = world.now() + 400;
    let proof = world.proof("/wide", &token);
    let proof = proof.claim("nonce", nonce).claim("iat", ahead).build();
    let headers = [("authorization", format!("DPoP {token}")), ("dpop", proof)];
    assert_eq!(world.judge("/wide", &headers).code, "permitted.token");
    for _ in 0..800 {
        world.wait(1);
        let judged = world.judge("/wide", &headers);
        assert!(!judged.passed(), "again at {}", world.now());
    }
    // The client is told what it needs, as by a rule that wants a nonce.
    let judged = world.judge("/wide", &headers);
    assert_eq!(judged.code, "untrusted.proof_nonce");
    let nonce = judged.nonce().unwrap();
    let judged = world.send("/wide", |proof| proof.claim("nonce", nonce));
    assert_eq!(judged.code, "permitted.token");
}

/// A person approves once, and sends that again and again; or the rule refuses for another reason.
#[test]
fn an_approval_that_is_refused_comes_under_the_budget_too() {
    let mut policy = approving();
    policy["limits"] = json!({ "forged_tokens_cpu_percent": 1 });
    for (path, code) in [
        ("/pay", "untrusted.proof_replayed"),
        ("/or-scope", "untrusted.proof_replayed"),
        ("/strong", "insufficient.authentication"),
    ] {
        let mut person = Person(World::with_key(&policy, SigningKey::es256("passkey")));
        let (token, nonce) = (person.token(), person.nonce(path));
        let proof = person.approval(path, &token, &nonce);
        let proof = if path == "/strong" {
            proof.flags(0x01, &[])
        } else {
            proof
        };
        let headers = sent(&token, &proof.build());
        let codes: Vec<_> = (0..400)
            .map(|_| person.0.judge(path, &headers).code)
            .collect();
        let count = |code: &str| codes.iter().filter(|other| **other == code).count();
        let (known, over) = (count(code), count("unavailable.budget"));
        assert!(known > 10 && over > 100, "{path}: {known}, {over}");
    }
    // What passes costs nothing of it.
    let mut person = Person(World::with_key(&policy, SigningKey::es256("passkey")));
    for _ in 0..400 {
        let judged = person.send("/pay", |proof| proof);
        assert_eq!(judged.code, "permitted.token");
    }
}

/// Envoy's router obeys these of clients that it holds for internal ones.
#[test]
fn what_was_approved_is_not_sent_again_because_its_client_wants_that() {
    let retries = [
        ("x-envoy-retry-on", "retriable-status-codes".to_owned()),
        ("x-envoy-retriable-status-codes", "200".to_owned()),
        ("x-envoy-max-retries", "5".to_owned()),
        ("x-envoy-upstream-rq-per-try-timeout-ms", "1".to_owned()),
    ];
    let mut person = Person::new();
    let (token, nonce) = (person.token(), person.nonce("/pay"));
    let proof = person.approval("/pay", &token, &nonce).build();
    let headers = [&sent(&token, &proof)[..], &retries].concat();
    let judged = person.0.judge("/pay", &headers);
    assert_eq!(judged.code, "permitted.token");
    for (name, _) in &retries {
        assert!(judged.removes(name), "{name}");
    }
    // What spends nothing may be sent again.
    let judged = person.0.judge("/public", &retries);
    assert_eq!(judged.code, "permitted.public");
    assert!(!judged.removes("x-envoy-retry-on"));
}
