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
        let (code, output, _) = run(&arguments, "");
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
        run(&[&arguments[..], peer].concat(), "")
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
