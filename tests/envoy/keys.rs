//! Where keys come from, and what happens when they do not come.

use passgate_harness::{
    AUDIENCE, BOTH, Gate, ISSUER, Issuer, Protocol, Request, Setup, eventually, policy,
    policy_with, provider,
};
use passgate_kit::{SigningKey, Token, jwks};
use serde_json::json;

#[test]
fn rs256_and_es256_keys_of_one_set() {
    let rsa = SigningKey::rs256("r1");
    let issuer = Issuer::start();
    issuer.publish(&[&rsa, &issuer.key]);
    let gate = Setup::new(policy()).issuer(issuer).start();
    let good = Token::of(&rsa, ISSUER, AUDIENCE).build();
    let wrong = Token::of(&SigningKey::rs256_other("r1"), ISSUER, AUDIENCE).build();
    let confused = Token::of(&rsa, ISSUER, AUDIENCE)
        .header("alg", "ES256")
        .build();
    for protocol in BOTH {
        gate.passed(&gate.send(protocol, &Request::get("/").bearer(&good)));
        gate.passed(&gate.send(protocol, &Request::get("/").bearer(&gate.good())));
        let answer = gate.send(protocol, &Request::get("/").bearer(&wrong));
        gate.denied(&answer, "untrusted.signature");
        let answer = gate.send(protocol, &Request::get("/").bearer(&confused));
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    gate.finish();
}

#[test]
fn an_algorithm_that_the_provider_does_not_name_is_refused() {
    let rsa = SigningKey::rs256("r1");
    let issuer = Issuer::start();
    issuer.publish(&[&issuer.key, &rsa]);
    let setup = Setup::new(policy_with(json!({ "algorithms": ["ES256"] }))).issuer(issuer);
    let gate = setup.start();
    let of_rsa = Token::of(&rsa, ISSUER, AUDIENCE).build();
    for protocol in BOTH {
        gate.passed(&gate.send(protocol, &Request::get("/").bearer(&gate.good())));
        let answer = gate.send(protocol, &Request::get("/").bearer(&of_rsa));
        gate.denied(&answer, "untrusted.algorithm");
    }
    gate.finish();
}

#[test]
fn keys_from_the_configuration_need_no_fetch() {
    let key = SigningKey::es256("local");
    let inline = json!({ "inline_string": jwks(&[&key]) });
    let gate = Gate::start(policy_with(
        json!({ "remote_jwks": null, "local_jwks": inline }),
    ));
    let good = Token::of(&key, ISSUER, AUDIENCE).build();
    let unknown = gate.good();
    for protocol in BOTH {
        gate.passed(&gate.send(protocol, &Request::get("/").bearer(&good)));
        let answer = gate.send(protocol, &Request::get("/").bearer(&unknown));
        gate.denied(&answer, "untrusted.key");
    }
    assert_eq!(gate.issuer.fetches(), 0);
    gate.finish();
}

#[test]
fn an_issuer_that_is_down_is_never_a_reason_to_pass() {
    type Trouble = (&'static str, fn(&Issuer));
    let troubles: [Trouble; 5] = [
        ("connections are dropped", Issuer::drop_connections),
        ("500", |issuer| issuer.status(500)),
        ("404", |issuer| issuer.status(404)),
        ("no JSON", |issuer| {
            issuer.publish_text("<html>sign in</html>")
        }),
        ("no key set", |issuer| issuer.publish_text("{}")),
    ];
    for (trouble, make) in troubles {
        let issuer = Issuer::start();
        make(&issuer);
        let gate = Setup::new(policy()).issuer(issuer).start();
        let good = gate.good();
        for protocol in BOTH {
            for request in [
                Request::get("/").bearer(&good),
                Request::post("/", b"body").bearer(&good),
            ] {
                let answer = gate.send(protocol, &request);
                assert_eq!(answer.status, 503, "{trouble}");
                gate.denied(&answer, "unavailable.keys");
            }
            // What needs no keys is told the truth.
            gate.denied(&gate.send(protocol, &Request::get("/")), "missing.token");
        }
        assert_eq!(
            (gate.upstream.hits(), gate.upstream.connections()),
            (0, 0),
            "{trouble}"
        );
        gate.finish();
    }
}

#[test]
fn an_issuer_that_comes_back_is_asked_again() {
    let issuer = Issuer::start();
    issuer.drop_connections();
    let gate = Setup::new(policy()).issuer(issuer).start();
    let request = Request::get("/").bearer(&gate.good());
    gate.denied(&gate.send(Protocol::Http1, &request), "unavailable.keys");
    gate.issuer.recover();
    eventually("keys after all", || {
        (gate.send(Protocol::Http1, &request).status == 200).then_some(())
    });
    gate.finish();
}

#[test]
fn an_outage_after_a_good_fetch_is_bridged() {
    let mut policy = policy();
    policy["providers"]["acme"]["remote_jwks"]["cache_duration"] = json!("1s");
    policy["providers"]["acme"]["remote_jwks"]["max_stale"] = json!("1h");
    let gate = Gate::start(policy);
    let request = Request::get("/").bearer(&gate.good());
    gate.passed(&gate.send(Protocol::Http1, &request));
    gate.issuer.drop_connections();
    let before = gate.issuer.fetches();
    eventually("a fetch that fails", || {
        gate.passed(&gate.send(Protocol::Http1, &request));
        (gate.issuer.fetches() > before).then_some(())
    });
    for protocol in BOTH {
        gate.passed(&gate.send(protocol, &request));
    }
    gate.finish();
}

#[test]
fn a_new_key_works_at_once_and_made_up_ones_do_not_hammer_the_issuer() {
    let gate = Gate::start(policy());
    gate.passed(&gate.send(Protocol::Http1, &Request::get("/").bearer(&gate.good())));

    let fresh = SigningKey::es256("k2");
    gate.issuer.publish(&[&gate.issuer.key, &fresh]);
    let of_fresh = Token::of(&fresh, ISSUER, AUDIENCE).build();
    gate.passed(&gate.send(Protocol::Http1, &Request::get("/").bearer(&of_fresh)));

    for index in 0..50 {
        let made_up = gate
            .token()
            .header("kid", format!("made-up-{index}"))
            .build();
        let answer = gate.send(BOTH[index % 2], &Request::get("/").bearer(&made_up));
        match answer.status {
            401 => gate.denied(&answer, "untrusted.key"),
            _ => gate.denied(&answer, "unavailable.unknown_key"),
        }
    }
    // One for each thread at the start, and two that unknown key ids may cause.
    assert!(
        gate.issuer.fetches() <= 4,
        "{} fetches",
        gate.issuer.fetches()
    );
    gate.passed(&gate.send(Protocol::Http1, &Request::get("/").bearer(&of_fresh)));
    gate.finish();
}

#[test]
fn a_cluster_that_envoy_does_not_know_is_never_a_reason_to_pass() {
    let members = json!({ "remote_jwks": {
        "http_uri": { "uri": "https://id.example.com/jwks", "cluster": "nowhere", "timeout": "5s" },
    } });
    let gate = Gate::start(json!({ "providers": { "acme": provider(members) } }));
    let good = gate.good();
    for protocol in BOTH {
        let answer = gate.send(protocol, &Request::get("/").bearer(&good));
        gate.denied(&answer, "unavailable.keys");
    }
    gate.finish();
}
