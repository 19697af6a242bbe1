//! Passkeys that a token names, on the list.

use passgate_kit::SigningKey;
use serde_json::json;

use crate::{REVOKED, World, revocations};

/// Whoever loses a passkey can end it.
#[test]
fn a_list_names_a_passkey() {
    let mut words = revocations(json!({}));
    words["cnf_jwk"] = json!("passkey");
    let mut world = World::with(
        words,
        json!({
            "origins": ["https://api.example.com"],
            "relying_party": { "id": "example.com", "origins": ["https://app.example.com"] },
            "rules": [{ "match": { "prefix": "/" }, "requires": {
                "proof": { "webauthn": { "mode": "transaction" } } } }],
        }),
    );
    let [lost, other] = ["lost", "other"].map(SigningKey::es256);
    world.names(1, json!([{ "jkt": passgate_kit::thumbprint(&lost) }]));
    // The other one is asked for a proof, which nobody shares here.
    for (key, reason) in [(lost, REVOKED), (other, "unavailable.replay_memory")] {
        let cnf = json!({ "jwk": passgate_kit::public_members(&key) });
        let token = world.token().claim("cnf", cnf).build();
        assert_eq!(world.reason(&token), reason);
    }
}
