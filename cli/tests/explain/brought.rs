//! What a client brings beside its token: a proof, or the certificate of a workload.

use passgate_kit::SigningKey;

use super::{AUDIENCE, Folder, ISSUER, POLICY, holds_all, run};

/// What a client would have to bring, beside its token.
#[test]
fn a_rule_that_wants_a_proof_says_which_one() {
    let policy = POLICY
        .replace(
            "    claim_to_headers",
            "    cnf_jwk: passkey\n    claim_to_headers",
        )
        .replace(
            "rules:\n",
            "relying_party: { id: example.com, origins: [https://app.example.com] }\nrules:\n",
        )
        .replace(
            "{ provider_name: acme, facts: [phishing_resistant], max_age: 5m }",
            "{ provider_name: acme, proof: { webauthn: { mode: MODE } } }",
        );
    let key = SigningKey::es256("passkey");
    let cnf = serde_json::json!({ "jwk": passgate_kit::public_members(&key) });
    let claims = serde_json::json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": 4_102_444_800_i64, "cnf": cnf,
    });
    for mode in ["transaction", "session"] {
        let policy = policy.replace("MODE", mode);
        let name = format!("explain-{mode}");
        let claims = claims.to_string();
        let folder = Folder::with(&name, &[("policy.yaml", &policy), ("claims.json", &claims)]);
        let arguments = [
            "explain",
            "--config",
            &folder.path("policy.yaml"),
            "--request",
            "GET /payments",
            "--claims",
            &folder.path("claims.json"),
        ];
        let (code, output, _) = run(&arguments);
        assert_eq!(code, Some(1), "{output}");
        let mode = format!("proof_mode=\"{mode}\"");
        let wanted = "wanted instead: a WebAuthn-Proof header";
        holds_all(
            &output,
            &[
                "decision: deny, missing.proof",
                wanted,
                &mode,
                "webauthn-nonce: …",
            ],
        );
    }
}

#[test]
fn a_workload_is_judged_as_if_its_certificate_were_verified() {
    let policy = "\
peer_verified_by_listener: true
rules:
  - match: { prefix: / }
    requires: { token: none, peer: { spiffe: [\"spiffe://mesh/ns/batch/sa/*\"] } }
";
    let folder = Folder::with("peer", &[("policy.yaml", policy)]);
    let config = folder.path("policy.yaml");
    let explain = |peer: &[&str]| {
        let arguments = ["explain", "--config", &config, "--request", "GET /"];
        run(&[&arguments[..], peer].concat())
    };
    let report = "spiffe://mesh/ns/batch/sa/report";
    let (status, output, _) = explain(&["--peer", report]);
    assert_eq!(status, Some(0), "{output}");
    for line in [
        "peer: NOT CHECKED;",
        "rule: rules[0], requires a workload\n",
        "kind: workload\npeer: spiffe://mesh/ns/batch/sa/report\n",
        "decision: allow, permitted.peer\n",
        "  x-passgate-peer: spiffe://mesh/ns/batch/sa/report\n",
    ] {
        assert!(output.contains(line), "{line}{output}");
    }
    let (status, output, _) = explain(&["--peer", "spiffe://mesh/ns/web/sa/shop"]);
    assert_eq!(status, Some(1));
    assert!(
        output.contains("wanted instead: spiffe://mesh/ns/batch/sa/*\n"),
        "{output}"
    );
    assert!(output.contains("decision: deny, forbidden.peer\n") && output.contains("gets 403"));
    let (status, output, _) = explain(&[]);
    assert_eq!(status, Some(1));
    assert!(
        output.contains("decision: deny, missing.peer\n"),
        "{output}"
    );
    for odd in [
        "spiffe://mesh",
        "spiffe://mesh/*",
        "mesh/ns/batch/sa/report",
    ] {
        let (status, _, error) = explain(&["--peer", odd]);
        assert_eq!(status, Some(2));
        assert!(
            error.contains("is not the SPIFFE ID of a workload"),
            "{error}"
        );
    }
}

/// The key is not here, so the token is shown by what it says.
#[test]
fn an_identity_token_is_shown_by_its_claims() {
    let policy = POLICY.replace(
        "rules:\n",
        "gate: { id: edge-1 }
identity_token: { issuer: https://gate.example.com, audience: orders.internal, keys: [{ env: KEY }], claims: [email], keys_uri: /keys }
rules:\n",
    );
    let claims = serde_json::json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": 1_700_000_030, "email": "a@b",
    });
    let claims = claims.to_string();
    let folder = Folder::with(
        "explain-identity",
        &[("policy.yaml", &policy), ("claims.json", &claims)],
    );
    let (config, claims) = (folder.path("policy.yaml"), folder.path("claims.json"));
    let at = "2023-11-14T22:13:20Z";
    let arguments = ["explain", "--config", &config, "--at", at, "--request"];
    let explain = |rest: &[&str]| run(&[&arguments, rest].concat());
    let (status, text, _) = explain(&["GET /", "--claims", &claims]);
    assert_eq!(status, Some(0), "{text}");
    holds_all(
        &text,
        &[
            "  x-passgate-gate: edge-1\n",
            "  x-passgate-identity: a token that says {\"iss\":\"https://gate.example.com\",\"aud\":\"orders.internal\",\"sub\":\"https://id.example.com/alice\",\"orig_iss\":\"https://id.example.com\",\"orig_sub\":\"alice\",\"kind\":\"unknown\",\"gate\":\"edge-1\",\"email\":\"a@b\",\"exp\":1700000030,\"iat\":1700000000}\n",
        ],
    );
    let (status, text, _) = explain(&["GET https://api.example.com/keys"]);
    assert_eq!(status, Some(0), "{text}");
    holds_all(
        &text,
        &[
            "decision: allow, permitted.identity_keys\n",
            "the client gets the public keys of identity tokens\n",
        ],
    );
}
