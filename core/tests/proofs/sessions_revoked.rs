//! Sessions whose passkey is revoked.

use passgate_kit::{base64url, bound_to, public_members, sha256};
use serde_json::{Value, json};

use crate::sessions::{Console, console};

/// By the time of the gesture, at each request of the session.
#[test]
fn a_passkey_that_is_revoked_ends_its_sessions() {
    let mut policy = console();
    let uri = json!({ "uri": "https://id.example.com/revocations", "cluster": "id" });
    policy["providers"]["acme"]["revocations"] =
        json!({ "http_uri": uri, "cache_duration": "1s", "max_stale": "1h" });
    let mut console = Console::with(&policy);
    let begin = console.alice.0.now();
    let list = |sequence: u64, entries: Value| {
        let list = json!({
            "version": 1, "epoch": 1, "sequence": sequence, "generated_at": begin + sequence,
            "entries": entries,
        });
        Some(list.to_string())
    };
    let hash = base64url(sha256(&[7; 16]));
    console.alice.0.says.revocations = list(1, json!([]));
    let session = console.session("/console", |statement| statement);
    for (sequence, entries, code) in [
        (2, json!([]), "permitted.token"),
        (
            3,
            json!([{ "credential": hash, "not_before": begin - 1 }]),
            "permitted.token",
        ),
        (
            4,
            json!([{ "credential": hash, "not_before": begin }]),
            "untrusted.revoked",
        ),
    ] {
        console.alice.0.says.revocations = list(sequence, entries);
        console.alice.0.wait(10);
        console.alice.0.fetch();
        assert_eq!(console.send("/console", &session).code, code, "{sequence}");
    }
}

/// The token that names the passkey may be newer than what was revoked; the gesture is not.
#[test]
fn a_new_token_does_not_renew_the_gesture_of_a_passkey_that_it_names() {
    let mut policy = console();
    policy["providers"]["acme"]["cnf_jwk"] = json!("passkey");
    let uri = json!({ "uri": "https://id.example.com/revocations", "cluster": "id" });
    policy["providers"]["acme"]["revocations"] =
        json!({ "http_uri": uri, "cache_duration": "1s", "max_stale": "1h" });
    let mut console = Console::with(&policy);
    let begin = console.alice.0.now();
    let mut jwk = public_members(&console.alice.0.key);
    jwk["alg"] = json!("ES256");
    let name = bound_to(&console.alice.0.key)["jkt"].clone();
    let list = |sequence: u64, entries: Value| {
        let list = json!({
            "version": 1, "epoch": 1, "sequence": sequence, "generated_at": begin + sequence,
            "entries": entries,
        });
        Some(list.to_string())
    };
    console.alice.0.says.revocations = list(1, json!([]));
    let session = console.session("/console", |statement| statement);
    for (sequence, entries, code) in [
        (2, json!([]), "permitted.token"),
        (
            3,
            json!([{ "jkt": name, "not_before": begin + 1 }]),
            "untrusted.revoked",
        ),
    ] {
        console.alice.0.says.revocations = list(sequence, entries);
        console.alice.0.wait(10);
        console.alice.0.fetch();
        let cnf = json!({ "jwk": jwk });
        let world = &console.alice.0;
        let token = world.token_with(|it| it.claim("sub", "alice").claim("cnf", cnf));
        let dpop = console.proof("/console").token(&token).build();
        let [_, session, dpop] = console.headers(&session, &dpop);
        let bearer = ("authorization", format!("Bearer {token}"));
        let judged = console.alice.0.judge("/console", &[bearer, session, dpop]);
        assert_eq!(judged.code, code, "{sequence}");
    }
}
