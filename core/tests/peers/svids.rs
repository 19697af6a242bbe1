//! Tokens that name workloads: JWT-SVIDs.

use passgate_core::{JwkSet, KeyUse, limits::Limits};
use passgate_kit::{SigningKey, TokenBuilder};
use serde_json::json;

use crate::world::{AUDIENCE, ISSUER, NOW, World, bearer, bundle, policy};

const ID: &str = "spiffe://mesh/ns/batch/sa/report";

/// A good one of this key, changed so.
fn svid(key: &SigningKey, change: impl FnOnce(TokenBuilder<'_>) -> TokenBuilder<'_>) -> String {
    let token = TokenBuilder::of(key, "", AUDIENCE)
        .without("iss")
        .claim("sub", ID)
        .claim("aud", json!([AUDIENCE]))
        .claim("iat", NOW)
        .claim("exp", NOW + 300);
    change(token).build()
}

#[test]
fn a_token_of_the_trust_domain_passes_without_an_issuer() {
    let mut world = World::new(&policy());
    let plain = svid(&world.svids, |token| token);
    let without_type = svid(&world.svids, |token| token.without_header("typ"));
    let jose = svid(&world.svids, |token| token.header("typ", "JOSE"));
    let with_issuer = svid(&world.svids, |token| {
        token.claim("iss", "https://spire.example")
    });
    for token in [&plain, &without_type, &jose, &with_issuer] {
        for path in ["/svid", "/svid-of-workload", "/any"] {
            let judged = world.judge(path, &bearer(Some(token)));
            assert_eq!(
                judged.code,
                "permitted.token",
                "{path} {:?}",
                judged.record()
            );
            let written = judged.written();
            assert_eq!(
                written,
                [
                    ("x-passgate-principal", ID),
                    ("x-passgate-provider", "mesh"),
                    ("x-passgate-kind", "workload"),
                ]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
            );
            let record = judged.record();
            assert_eq!(
                (&record["subject"], &record["kind"]),
                (&json!(ID), &json!("workload"))
            );
            // No certificate was asked for.
            assert_eq!(record.get("peer"), None);
        }
    }
    assert_eq!(world.asked.get(), 0);
    assert_eq!(
        world.judge("/plain", &bearer(Some(&plain))).code,
        "untrusted.issuer"
    );
}

#[test]
fn what_is_not_of_the_trust_domain_is_refused() {
    let mut world = World::new(&policy());
    for sub in [
        "spiffe://mesh",
        "spiffe://mesh/",
        "spiffe://mesh/a/",
        "spiffe://mesh//a",
        "spiffe://mesh/%61",
        "spiffe://Mesh/a",
        "SPIFFE://mesh/a",
        "spiffe://mesh.evil/a",
        "spiffe://evil/a",
        "alice",
    ] {
        let token = svid(&world.svids, |token| token.claim("sub", sub));
        let judged = world.judge("/svid", &bearer(Some(&token)));
        assert_eq!(judged.code, "untrusted.issuer", "{sub}");
        assert_eq!(judged.record()["expected"], "spiffe://mesh");
    }
    let other = SigningKey::es256("s");
    for (token, code) in [
        (
            svid(&world.svids, |token| {
                token.claim("aud", "https://other.example")
            }),
            "untrusted.audience",
        ),
        (
            svid(&world.svids, |token| token.without("aud")),
            "untrusted.audience",
        ),
        (
            svid(&world.svids, |token| token.without("exp")),
            "malformed.claims",
        ),
        (
            svid(&world.svids, |token| token.claim("exp", NOW - 60)),
            "untrusted.expired",
        ),
        (svid(&other, |token| token), "untrusted.signature"),
        (
            svid(&world.svids, |token| token.header("kid", "x")),
            "untrusted.key",
        ),
    ] {
        assert_eq!(world.judge("/svid", &bearer(Some(&token))).code, code);
    }
}

/// The unverified `iss` or `sub` chooses whose keys are asked, and nothing else.
#[test]
fn neither_provider_speaks_for_the_other() {
    let mut world = World::new(&policy());
    // A provider's token whose subject looks like a workload is the provider's.
    let of_provider = TokenBuilder::of(&world.key, ISSUER, AUDIENCE)
        .claim("sub", ID)
        .claim("iat", NOW)
        .claim("exp", NOW + 300)
        .build();
    let judged = world.judge("/any", &bearer(Some(&of_provider)));
    assert_eq!(judged.code, "permitted.token");
    let principal = format!("{ISSUER}/spiffe:%2F%2Fmesh%2Fns%2Fbatch%2Fsa%2Freport");
    assert!(
        judged
            .written()
            .contains(&("x-passgate-principal".to_owned(), principal))
    );
    assert_eq!(
        world.judge("/svid", &bearer(Some(&of_provider))).code,
        "untrusted.key"
    );
    // A workload's token that names the provider is judged by the provider's keys.
    let of_workload = svid(&world.svids, |token| token.claim("iss", ISSUER));
    assert_eq!(
        world.judge("/any", &bearer(Some(&of_workload))).code,
        "untrusted.key"
    );
    assert_eq!(
        world.judge("/plain", &bearer(Some(&of_workload))).code,
        "untrusted.key"
    );
}

#[test]
fn a_token_that_names_an_actor_is_an_agents() {
    let mut world = World::new(&policy());
    let token = svid(&world.svids, |token| {
        token.claim("act", json!({ "sub": "x" }))
    });
    assert_eq!(
        world.judge("/svid-of-workload", &bearer(Some(&token))).code,
        "forbidden.kind"
    );
}

#[test]
fn of_a_bundle_the_keys_of_tokens_are_used_and_no_others() {
    let key = SigningKey::es256("s");
    let read =
        |text: &str, usage| JwkSet::read(text.as_bytes(), &Limits::default(), usage).unwrap();
    let set = read(&bundle(&key), KeyUse::JwtSvid);
    assert_eq!((set.keys().len(), set.skipped().len()), (1, 0));
    // They sign for nobody else, and no other keys for the trust domain.
    let set = read(&bundle(&key), KeyUse::Signature);
    assert_eq!((set.keys().len(), set.skipped().len()), (0, 2));
    let plain = passgate_kit::jwks(&[&key]);
    let set = read(&plain, KeyUse::JwtSvid);
    assert_eq!((set.keys().len(), set.skipped().len()), (0, 1));
    assert_eq!(set.skipped()[0].fault, "use is not jwt-svid");
}

/// Who is asked about a token says which issuer it is of.
#[test]
fn nobody_is_asked_about_tokens_of_a_trust_domain() {
    let mut policy = policy();
    let uri = json!({ "uri": "https://id.example.com/introspect", "cluster": "id" });
    policy["providers"]["mesh"]["introspection"] = json!({ "http_uri": uri });
    let key = SigningKey::es256("k");
    let text = crate::world::with_keys(&policy, &key, &key);
    let problems = passgate_core::Config::parse(text.as_bytes()).unwrap_err();
    let problem = problems
        .iter()
        .find(|problem| problem.at == "providers.mesh.introspection");
    assert!(problem.unwrap().seen.starts_with("stands beside spiffe"));
}
