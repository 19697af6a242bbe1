//! What records say of the token and the passkey of a request, so that they can be told to be one.

use serde_json::{Value, json};

use crate::holders::{Holder, MODEL, holding};

#[test]
fn a_token_and_a_passkey_have_the_same_hash_in_all_records() {
    let mut policy = holding();
    policy["secrets"] = json!({ "correlation": { "env": "NONCE" } });
    let is_hash = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        text.len() == 55 && text.starts_with("hmac-sha256:")
    };
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let mut holder = Holder::with(&policy);
        let token = holder.token();
        let permitted = holder.send("/pay", |proof| proof).record();
        assert_eq!(permitted["decision"], "allow");
        assert_eq!(permitted["aaguid"], MODEL);
        assert!(is_hash(&permitted["credential"]), "{permitted}");
        assert!(is_hash(&permitted["token"]), "{permitted}");
        assert_ne!(permitted["credential"], permitted["token"]);
        // Refused after the token was believed, and without a passkey.
        let bearer = [("authorization", format!("Bearer {token}"))];
        let refused = holder.0.judge("/pay", &bearer).record();
        assert_eq!(refused["reason"], "missing.proof");
        assert_eq!(refused["token"], permitted["token"]);
        assert_eq!(refused.get("credential"), None);
        // What is not believed is not hashed, and its signature makes no other token.
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let other = if signature.starts_with('A') { "B" } else { "A" };
        let rest: String = signature.chars().skip(1).collect();
        let forged = format!("Bearer {signed}.{other}{rest}");
        let forged = holder
            .0
            .judge("/pay", &[("authorization", forged)])
            .record();
        assert_eq!(forged["reason"], "untrusted.signature");
        assert_eq!(forged.get("token"), None);
        // Its signature is made by another key of the kit, so it is another token.
        tokens.push((permitted["token"].clone(), permitted["credential"].clone()));
        let line = permitted.to_string();
        assert!(
            !line.contains(signature) && !line.contains("a secret of"),
            "{line}"
        );
    }
    assert_eq!(tokens[0].1, tokens[1].1, "one passkey, at two gates");
    // Without a key there are none.
    let mut holder = Holder::with(&holding());
    let plain = holder.send("/pay", |proof| proof).record();
    assert_eq!((plain.get("token"), plain.get("credential")), (None, None));
    assert_eq!(plain["aaguid"], MODEL);
}
