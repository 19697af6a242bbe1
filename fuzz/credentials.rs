//! What is tried on a provider's document of credentials.

use std::sync::LazyLock;

use passgate_core::{Config, Need, Request, Settlement, Step, Supply, UnixTime, Verdict, Verifier};
use passgate_kit::{ApprovalBuilder, SigningKey, base64url, jwks};
use serde_json::{Value, json};

/// A key that signs fast, for the token and in the authenticator; a configuration that trusts it;
/// and a token for it.
struct World {
    key: SigningKey,
    config: String,
    token: String,
}

const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let key = SigningKey::of("EdDSA", "k");
    let uri = json!({ "uri": "https://i/credentials", "cluster": "i" });
    let config = json!({
        "origins": ["https://a"],
        "relying_party": { "id": "a", "origins": ["https://page"] },
        "secrets": { "nonce": { "env": "NONCE" } },
        "providers": { "p": {
            "issuer": "i", "audiences": ["a"], "credentials": { "document": { "http_uri": uri } },
            "local_jwks": { "inline_string": jwks(&[&key]) },
        } },
        "rules": [{ "match": { "prefix": "/" }, "requires": { "proof": { "webauthn": {
            "mode": "transaction", "window": "5m",
        } } } }],
    });
    let claims = json!({ "iss": "i", "aud": "a", "sub": "s", "exp": NOW.as_secs() + 600 });
    let [header, claims] = [r#"{"alg":"EdDSA"}"#, &claims.to_string()].map(base64url);
    let text = [header, claims].join(".");
    World {
        token: format!("{text}.{}", base64url(key.sign(text.as_bytes()))),
        key,
        config: config.to_string(),
    }
});

impl World {
    /// What becomes of a request with this approval, where the provider says this.
    fn verdict(&self, approval: Option<&str>, document: &[u8]) -> Verdict {
        let secret = |_: &str| Some("a secret of thirty-two characters".to_owned());
        let config = Config::parse_with(self.config.as_bytes(), &secret);
        let config = config.expect("a good configuration");
        let mut supply = Supply::new(&config, 1);
        let mut verifier = Verifier::new(config, 1);
        let authorization = format!("Bearer {}", self.token);
        let mut headers: Vec<(&[u8], &[u8])> = vec![
            (b":method", b"POST"),
            (b":path", b"/pay"),
            (b":authority", b"a"),
            (b"authorization", authorization.as_bytes()),
        ];
        headers.extend(approval.map(|text| (&b"webauthn-proof"[..], text.as_bytes())));
        let request = Request::new(&headers).ending_here(true);
        let mut now = NOW;
        for _ in 0..100 {
            match verifier.verify(request, &mut supply, now) {
                Step::Settle(Settlement { verdict, record }) => {
                    let line = record.to_json();
                    assert!(!line.contains('\n') && line.len() < 8_192, "{line}");
                    return verdict;
                }
                Step::Await(_) => {}
            }
            now = supply.next_wakeup().unwrap_or(now).max(now);
            supply.read_on(now);
            while let Some(fetch) = supply.poll_call(now) {
                assert!(matches!(fetch.need, Need::Credentials(..)));
                let status: &[(&[u8], &[u8])] = &[(b":status", b"200")];
                supply.on_host_answer(fetch.id, status, document.to_vec(), now);
            }
        }
        panic!("it waits for ever");
    }
}

/// A document, `KEY` in it put in: an approval by that key would pass only where the document is of
/// this issuer, and has the key for this person under this id.
pub(crate) fn credentials(input: &[u8]) -> bool {
    let world = &*WORLD;
    let key = base64url(world.key.cose_key());
    let text = String::from_utf8_lossy(input);
    let text = text.replace("KEY", &json!(key).to_string());
    let Verdict::Deny(asked) = world.verdict(None, b"") else {
        panic!("passes without an approval");
    };
    let headers = asked.headers();
    let nonce = headers.iter().find(|(name, _)| *name == "webauthn-nonce");
    let nonce = nonce.expect("a nonce").1.as_str();
    let approval =
        ApprovalBuilder::of(&world.key, ("a", "https://page"), ("POST", "https://a/pay"));
    let approval = approval
        .token(&world.token)
        .claim("iss", "i")
        .claim("sub", "s");
    let approval = approval
        .claim("iat", 1)
        .claim("nonce", nonce)
        .id(&[1, 2, 3])
        .build();
    let Verdict::Deny(rejection) = world.verdict(Some(&approval), text.as_bytes()) else {
        panic!("spent without a memory");
    };
    if rejection.code != "unavailable.replay_memory" {
        return false;
    }
    let Some(seen) = super::as_serde_reads_it(text.as_bytes()) else {
        return true;
    };
    assert_eq!(seen["iss"], "i");
    let entries = seen["credentials"].as_array().expect("a list");
    let is_ours = |entry: &&Value| entry["sub"] == "s" && entry["id"] == "AQID";
    let ours: Vec<_> = entries.iter().filter(is_ours).collect();
    let has_key = |entry: &&&Value| entry["cose_key"] == *key;
    assert!(ours.iter().any(|entry| has_key(&entry)), "{ours:?}");
    assert!(
        ours.iter().all(|entry| entry["disabled"] != true),
        "{ours:?}"
    );
    true
}
