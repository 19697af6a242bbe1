//! Nonces of the gate (RFC 9449 sections 8 and 9).

use passgate_core::Config;
use serde_json::json;

use crate::world::{World, policy};

#[test]
fn a_client_pays_one_round_trip_and_then_none_as_long_as_it_comes_back() {
    let mut world = World::new(&policy());
    let judged = world.send("/dpop", |proof| proof);
    assert_eq!(
        (judged.code, judged.status),
        ("untrusted.proof_nonce", Some(401))
    );
    let challenge = judged.header("www-authenticate").unwrap();
    assert!(
        challenge.contains("error=\"use_dpop_nonce\""),
        "{challenge}"
    );
    let mut nonce = judged.nonce().unwrap();
    let mut changes = 0;
    for _ in 0..40 {
        let judged = world.send("/dpop", |proof| proof.claim("nonce", nonce.clone()));
        assert_eq!(judged.code, "permitted.token");
        if let Some(new) = judged.nonce() {
            nonce = new;
            changes += 1;
        }
        world.wait(10);
    }
    assert!((10..=20).contains(&changes), "{changes}");
}

#[test]
fn an_old_nonce_is_answered_with_a_new_one() {
    let mut world = World::new(&policy());
    let nonce = world.nonce("/dpop");
    world.wait(61);
    let judged = world.send("/dpop", |proof| proof.claim("nonce", nonce));
    assert_eq!(judged.code, "untrusted.proof_nonce");
    let nonce = judged.nonce().unwrap();
    let judged = world.send("/dpop", |proof| proof.claim("nonce", nonce));
    assert_eq!(judged.code, "permitted.token");
}

/// Section 8: so a client whose clock is wrong can be served.
#[test]
fn with_a_nonce_the_clock_of_the_client_means_nothing() {
    let mut world = World::new(&policy());
    let nonce = world.nonce("/dpop");
    let judged = world.send("/dpop", |proof| proof.claim("iat", 1).claim("nonce", nonce));
    assert_eq!(judged.code, "permitted.token");
}

#[test]
fn a_nonce_rides_on_refusals_that_are_not_about_it() {
    let mut world = World::new(&policy());
    let token = world.token();
    let judged = world.judge("/dpop", &[("authorization", format!("DPoP {token}"))]);
    assert_eq!(judged.code, "missing.proof");
    assert!(judged.nonce().is_some());
    // A rule that wants none sends none.
    for path in ["/plain", "/nonce-less"] {
        let judged = world.judge(path, &[("authorization", format!("DPoP {token}"))]);
        assert_eq!(
            (judged.code, judged.nonce()),
            ("missing.proof", None),
            "{path}"
        );
        assert_eq!(world.send(path, |proof| proof).nonce(), None, "{path}");
    }
}

#[test]
fn workers_of_one_proxy_believe_each_other_and_proxies_with_one_secret_too() {
    let mut world = World::new(&policy());
    let nonce = world.nonce("/dpop");
    let headers = world.request("/dpop", |proof| proof.claim("nonce", nonce));
    let mut other = world.other_worker(2, &policy(), "gate");
    assert_eq!(other.judge("/dpop", &headers).code, "permitted.token");

    let mut with_secret = policy();
    with_secret["secrets"] = json!({ "nonce": { "env": "NONCE" } });
    let mut world = World::new(&with_secret);
    let nonce = world.nonce("/dpop");
    let headers = world.request("/dpop", |proof| proof.claim("nonce", nonce));
    // A proxy of its own, with the same secret and then without.
    let mut replica = world.other_worker(3, &with_secret, "gate");
    assert_eq!(replica.judge("/dpop", &headers).code, "permitted.token");
    let mut stranger = world.other_worker(4, &policy(), "other gate");
    assert_eq!(
        stranger.judge("/dpop", &headers).code,
        "untrusted.proof_nonce"
    );
}

#[test]
fn a_nonce_of_another_replica_is_answered_with_a_new_one_and_counted() {
    let mut other = policy();
    other["secrets"] = json!({ "nonce": { "env": "NONCE" } });
    let mut world = World::new(&policy());
    let foreign = world.other_worker(2, &other, "gate").nonce_for(&world);
    let judged = world.send("/dpop", |proof| proof.claim("nonce", foreign.clone()));
    assert_eq!(judged.code, "untrusted.proof_nonce");
    assert_eq!(judged.counted(), Some("foreign_nonce"));
    let expected = &judged.record()["expected"];
    assert_eq!(
        expected,
        "proof: nonce: one of ours, and not another replica's"
    );
    let nonce = judged.nonce().unwrap();
    let judged = world.send("/dpop", |proof| proof.claim("nonce", nonce.clone()));
    assert_eq!(
        (judged.code, judged.counted()),
        ("permitted.token", Some("dpop"))
    );

    // Where no nonce is wanted, nobody is sent back.
    let judged = world.send("/plain", |proof| proof.claim("nonce", foreign.clone()));
    assert_eq!(
        (judged.code, judged.counted()),
        ("permitted.token", Some("dpop"))
    );
    // What clients do without another replica: none yet, one of before, text of their own.
    assert_eq!(world.send("/dpop", |proof| proof).counted(), None);
    world.wait(301);
    for own in [&nonce, &foreign, "made-up"] {
        let judged = world.send("/dpop", |proof| proof.claim("nonce", own));
        assert_eq!(
            (judged.code, judged.counted()),
            ("untrusted.proof_nonce", None)
        );
    }
}

#[test]
fn without_shared_data_a_nonce_cannot_be_made() {
    let mut world = World::unshared(&policy());
    let judged = world.send("/dpop", |proof| proof);
    assert_eq!(judged.code, "unavailable.replay_memory");
    assert_eq!(judged.status, Some(503));
}

/// The service's own origin is not asked for; a page of ours is told that it may read the nonce.
#[test]
fn pages_of_our_origins_may_read_the_nonce() {
    let mut world = World::new(&policy());
    let page = ("origin", "https://app.example.com".to_owned());
    let token = world.token();
    let dpop = ("authorization", format!("DPoP {token}"));
    let judged = world.judge("/dpop", &[dpop, page.clone()]);
    let exposed = judged.header("access-control-expose-headers").unwrap();
    assert_eq!(exposed, "WWW-Authenticate, Retry-After, DPoP-Nonce");
    let nonce = judged.nonce().unwrap();
    world.wait(40);
    for (origin, is_exposed) in [
        ("https://app.example.com", true),
        ("https://evil.example", false),
    ] {
        let nonce = nonce.clone();
        let [dpop, proof] = world.request("/dpop", |proof| proof.claim("nonce", nonce));
        let judged = world.judge("/dpop", &[dpop, proof, ("origin", origin.to_owned())]);
        assert_eq!(judged.code, "permitted.token");
        assert!(judged.nonce().is_some());
        let exposes = |name| {
            judged
                .answer
                .iter()
                .any(|header| header.name == name && !header.replaces)
        };
        assert_eq!(
            exposes("access-control-expose-headers"),
            is_exposed,
            "{origin}"
        );
    }
}

#[test]
fn a_secret_that_is_missing_or_short_refuses_the_configuration_and_is_not_told() {
    let mut config = policy();
    config["providers"]["acme"]["remote_jwks"] =
        json!({ "http_uri": { "uri": "https://id.example.com/jwks", "cluster": "id" } });
    config["secrets"] = json!({ "nonce": { "env": "NONCE" } });
    let parse = |value: Option<&str>| {
        let environment = |_: &str| value.map(str::to_owned);
        Config::parse_with(config.to_string().as_bytes(), &environment)
    };
    let long = "0123456789abcdef";
    for value in [
        long,
        &format!("{long},{long}"),
        &format!(" {long} , {long}x"),
    ] {
        assert!(parse(Some(value)).is_ok(), "{value}");
    }
    for (value, told) in [
        (None, "NONCE is not set for this filter"),
        (Some(""), "NONCE is not set for this filter"),
        (Some("short"), "NONCE can be guessed"),
        (Some("0123456789abcdef,"), "NONCE can be guessed"),
        (Some("0123456789abcdef,b,c"), "holds more than two secrets"),
    ] {
        let problems = parse(value).unwrap_err();
        let problem = problems[0].to_string();
        assert!(problem.contains(told), "{value:?}: {problem}");
        assert!(!problem.contains("0123456789"), "{problem}");
    }
    assert!(!format!("{:?}", parse(Some(long)).unwrap()).contains(long));
}
