//! One rule with every way in: a person with a passkey, a workload, or an opaque token of another
//! provider; and workloads with tokens of their trust domain.

use passgate_harness::{
    AUDIENCE, Authority, BOTH, Gate, Introspector, Request, Response, Setup, TlsClient,
};
use passgate_kit::{SigningKey, Token, TokenBuilder, now};
use serde_json::{Value, json};

const NAME: &str = "localhost";
const REPORT: &str = "spiffe://example.org/ns/batch/sa/report";
const PEOPLE: &str = "https://people.example.com";

fn policy() -> Value {
    let keys = json!({ "uri": "http://127.0.0.1:9000/jwks", "cluster": "idp" });
    let introspect = json!({ "uri": "http://acme.example.com/introspect", "cluster": "acme" });
    let ways = json!([
        { "token": "none", "peer": { "spiffe": [REPORT] } },
        { "provider_name": "people", "facts": ["phishing_resistant"], "max_age": "5m" },
        { "provider_name": "acme", "scopes": ["reports"] },
    ]);
    json!({
        "peer_verified_by_listener": true,
        "providers": {
            "people": {
                "issuer": PEOPLE,
                "audiences": [AUDIENCE],
                "remote_jwks": { "http_uri": keys },
                "evidence": { "lines": [{
                    "when": { "amr_all_of": ["hwk"] },
                    "proves": ["phishing_resistant"],
                    "request_acr": "phr",
                }] },
            },
            "acme": {
                "issuer": "https://acme.example.com",
                "audiences": [AUDIENCE],
                "introspection": { "http_uri": introspect },
            },
        },
        "rules": [{
            "match": { "prefix": "/" },
            "requires": { "requires_any": { "requirements": ways } },
        }],
        "audit": { "log": "all" },
    })
}

struct World {
    authority: Authority,
    gate: Gate,
}

impl World {
    fn start(server: &Introspector) -> Self {
        let authority = Authority::generate();
        let (certificate, key) = authority.server_pem(NAME);
        let setup = Setup::shipped("envoy/workloads.yaml").edit(|bootstrap| {
            let socket = &mut bootstrap.listener()["filter_chains"][0]["transport_socket"];
            let context = &mut socket["typed_config"]["common_tls_context"];
            context["tls_certificates"] = json!([{
                "certificate_chain": { "inline_string": certificate },
                "private_key": { "inline_string": key },
            }]);
            context["validation_context"]["trusted_ca"] =
                json!({ "inline_string": authority.pem() });
            bootstrap.set_policy(&policy());
            bootstrap.add_cluster("acme", server.address());
        });
        let gate = setup.start();
        Self { authority, gate }
    }

    fn person(&self, amr: &str) -> String {
        Token::of(&self.gate.issuer.key, PEOPLE, AUDIENCE)
            .claim("auth_time", now() - 10)
            .claim("amr", json!([amr]))
            .build()
    }

    fn get(&self, client: &TlsClient, token: Option<&str>) -> Response {
        let mut request = Request::get("/").authority(NAME);
        if let Some(token) = token {
            request = request.bearer(token);
        }
        client.send(self.gate.address, NAME, &request).0
    }
}

#[test]
fn a_person_a_workload_or_an_opaque_token_and_the_challenge_names_the_passkey() {
    let server = Introspector::start("");
    server.says(
        "an-opaque-token-of-the-shop",
        json!({ "active": true, "sub": "shop", "aud": AUDIENCE, "scope": "reports",
                "exp": now() + 300 }),
    );
    let world = World::start(&server);
    let gate = &world.gate;
    let (report, stranger) = (
        world.authority.workload(&[REPORT]),
        world.authority.stranger(),
    );
    let strong = world.person("hwk");
    for (token, client, principal) in [
        (
            Some(&*strong),
            &stranger,
            "https://people.example.com/alice",
        ),
        (None, &report, REPORT),
        (
            Some("an-opaque-token-of-the-shop"),
            &stranger,
            "https://acme.example.com/shop",
        ),
        // Who shows a token is judged by it.
        (
            Some("an-opaque-token-of-the-shop"),
            &report,
            "https://acme.example.com/shop",
        ),
    ] {
        let received = gate.passed(&world.get(client, token));
        assert_eq!(
            received.headers.text("x-passgate-principal"),
            Some(principal)
        );
    }
    let weak = world.person("pwd");
    for (token, client, reason) in [
        (Some(&*weak), &report, "insufficient.authentication"),
        (Some("a-made-up-token"), &report, "untrusted.inactive"),
        (None, &stranger, "missing.token"),
    ] {
        gate.denied(&world.get(client, token), reason);
    }
    let nothing = world.get(&stranger, None);
    assert_eq!(
        nothing.headers.text("www-authenticate"),
        Some(r#"Bearer realm="passgate", acr_values="phr", max_age="300""#)
    );
    world.gate.finish();
}

/// A bundle as SPIRE serves it (SPIFFE Trust Domain and Bundle, section 4): keys of certificates
/// and keys of tokens side by side.
fn bundle(key: &SigningKey) -> String {
    let mut of_tokens = key.public_jwk();
    of_tokens["use"] = json!("jwt-svid");
    let mut of_certificates = SigningKey::es256("").public_jwk();
    of_certificates["use"] = json!("x509-svid");
    of_certificates["x5c"] = json!(["MIIB"]);
    for member in ["kid", "alg"] {
        of_certificates.as_object_mut().unwrap().remove(member);
        of_tokens.as_object_mut().unwrap().remove("alg");
    }
    json!({
        "keys": [of_certificates, of_tokens],
        "spiffe_sequence": 42,
        "spiffe_refresh_hint": 300,
    })
    .to_string()
}

fn svid<'k>(key: &'k SigningKey, sub: &str) -> TokenBuilder<'k> {
    Token::of(key, "", AUDIENCE)
        .without("iss")
        .claim("sub", sub)
        .claim("aud", json!([AUDIENCE]))
}

#[test]
fn a_workload_shows_a_token_of_its_trust_domain_and_the_bundle_rotates() {
    let uri = json!({ "uri": "http://127.0.0.1:9000/bundle", "cluster": "idp" });
    let gate = Gate::start(json!({
        "providers": { "mesh": {
            "spiffe": { "trust_domain": "example.org" },
            "audiences": [AUDIENCE],
            "remote_jwks": { "http_uri": uri, "refetch_cooldown": "1s" },
        } },
        "rules": [{
            "match": { "prefix": "/" },
            "requires": { "provider_name": "mesh", "kind": "workload" },
        }],
    }));
    let key = SigningKey::es256("JeL1x1u3S9Hsqk0v");
    gate.issuer.publish_text(&bundle(&key));
    let send = |token: TokenBuilder<'_>, protocol| {
        gate.send(protocol, &Request::get("/").bearer(&token.build()))
    };
    passgate_harness::eventually("the keys of the bundle", || {
        (send(svid(&key, REPORT), BOTH[0]).status == 200).then_some(())
    });
    for protocol in BOTH {
        let received = gate.passed(&send(svid(&key, REPORT), protocol));
        let header = |name| received.headers.text(name);
        assert_eq!(header("x-passgate-principal"), Some(REPORT));
        assert_eq!(header("x-passgate-kind"), Some("workload"));
        let other = svid(&key, "spiffe://example.com/ns/batch/sa/report");
        gate.denied(&send(other, protocol), "untrusted.issuer");
    }
    let next = SigningKey::es256("9zQ2mB7cW5rT0yLp");
    gate.issuer.publish_text(&bundle(&next));
    passgate_harness::eventually("the keys of the next bundle", || {
        (send(svid(&next, REPORT), BOTH[0]).status == 200).then_some(())
    });
    gate.denied(&send(svid(&key, REPORT), BOTH[0]), "untrusted.key");
    gate.finish();
}
