//! What clients are told.

use serde_json::json;

use crate::world::{World, policy};

fn challenges(world: &mut World, path: &str, headers: &[(&str, String)]) -> Vec<String> {
    let judged = world.judge(path, headers);
    assert_eq!(judged.status, Some(401), "{}", judged.code);
    let all = judged.headers.into_iter();
    let challenges = all.filter(|(name, _)| *name == "www-authenticate");
    challenges.map(|(_, value)| value).collect()
}

fn schemes(challenges: &[String]) -> Vec<&str> {
    challenges
        .iter()
        .map(|text| text.split(' ').next().unwrap())
        .collect()
}

#[test]
fn a_rule_names_the_schemes_that_it_takes_in_its_own_order() {
    let mut world = World::new(&policy());
    for (path, expected) in [
        ("/plain", vec!["Bearer"]),
        ("/certificate", vec!["Bearer"]),
        ("/dpop", vec!["DPoP"]),
        ("/either", vec!["Bearer", "DPoP"]),
        ("/dpop-first", vec!["DPoP", "Bearer"]),
    ] {
        let challenges = challenges(&mut world, path, &[]);
        assert_eq!(schemes(&challenges), expected, "{path}");
        for challenge in &challenges {
            assert_eq!(
                challenge.contains("algs="),
                challenge.starts_with("DPoP"),
                "{challenge}"
            );
            assert!(!challenge.contains("error="), "{challenge}");
        }
    }
}

/// Section 7.1: in the scheme that the client speaks, and a client that should speak another is
/// told that.
#[test]
fn a_client_is_answered_in_the_scheme_that_is_for_its_token() {
    let mut world = World::new(&policy());
    let token = world.token();
    for (scheme, error) in [("Bearer", "invalid_token"), ("DPoP", "invalid_dpop_proof")] {
        let headers = [("authorization", format!("{scheme} {token}"))];
        let challenges = challenges(&mut world, "/either", &headers);
        assert_eq!(schemes(&challenges), ["DPoP"], "{scheme}");
        assert!(
            challenges[0].contains(&format!("error=\"{error}\"")),
            "{challenges:?}"
        );
    }
    let bad = [("authorization", "Bearer a.b.c".to_owned())];
    let challenges = challenges(&mut world, "/either", &bad);
    assert_eq!(schemes(&challenges), ["Bearer", "DPoP"]);
    assert!(
        challenges
            .iter()
            .all(|text| text.contains("error=\"invalid_token\""))
    );
}

#[test]
fn a_client_reads_the_challenge_with_a_kept_parser() {
    let mut world = World::new(&policy());
    let text = challenges(&mut world, "/dpop", &[]).remove(0);
    let parsed: Vec<_> = http_auth::ChallengeParser::new(&text)
        .map(Result::unwrap)
        .collect();
    assert_eq!(parsed.len(), 1);
    assert_eq!(parsed[0].scheme, "DPoP");
    let names: Vec<&str> = parsed[0].params.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["realm", "algs"]);
}

/// Signing in again would bring the same key, and the browser back.
#[test]
fn nobody_is_sent_to_sign_in_for_want_of_a_proof() {
    let mut policy = policy();
    policy["providers"]["acme"]["login"] =
        json!({ "uri": "https://app.example.com/login?return_to={return_to}" });
    let mut world = World::new(&policy);
    let page = |name: &'static str, value: &str| (name, value.to_owned());
    let browser = [
        page("accept", "text/html"),
        page("sec-fetch-mode", "navigate"),
        page("sec-fetch-dest", "document"),
    ];
    let judged = world.judge("/dpop", &browser);
    assert_eq!((judged.code, judged.status), ("missing.token", Some(302)));
    let token = world.token();
    let mut headers = browser.to_vec();
    headers.push(("authorization", format!("DPoP {token}")));
    let judged = world.judge("/dpop", &headers);
    assert_eq!((judged.code, judged.status), ("missing.proof", Some(401)));
    for change in ["htm", "htu", "ath"] {
        let mut headers = browser.to_vec();
        headers.extend(world.request("/plain", |proof| proof.claim(change, "other")));
        assert_eq!(
            world.judge("/plain", &headers).status,
            Some(401),
            "{change}"
        );
    }
}

#[test]
fn the_document_of_the_resource_names_the_algorithms_of_proofs() {
    let mut policy = policy();
    policy["resource_metadata"] = json!({
        "uri": "https://api.example.com/.well-known/oauth-protected-resource", "serve": true,
    });
    let mut world = World::new(&policy);
    let challenge = challenges(&mut world, "/dpop", &[]).remove(0);
    assert!(challenge.contains("resource_metadata="), "{challenge}");
    let judged = world.judge("/.well-known/oauth-protected-resource", &[]);
    assert_eq!(judged.status, Some(200));
}
