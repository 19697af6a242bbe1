//! A gate that signs: as many tokens as it keeps.

use passgate_core::{Config, Request, Settlement, Step, Supply, Verdict, Verifier, limits};
use passgate_kit::{SigningKey, jwks};
use serde_json::json;

use crate::{AUDIENCE, NOW, issuer, token};

pub(crate) struct Signed {
    supply: Supply,
    verifier: Verifier,
    bearer: String,
}

impl Signed {
    pub(crate) fn start() -> Self {
        let signer = SigningKey::es256("k");
        let config = json!({
            "providers": { "acme": {
                "issuer": issuer(0),
                "audiences": [AUDIENCE],
                "local_jwks": { "inline_string": jwks(&[&signer]) },
            } },
            "identity_token": {
                "issuer": "https://gate.example.com",
                "audience": { "of_host": true },
                "keys": [{ "env": "KEY" }],
                "claims": ["email"],
            },
            "rules": [{ "match": { "prefix": "/", "hosts": ["*.example.com"] }, "requires": {} }],
        });
        let (_, key) = SigningKey::es256_with_pem("gate");
        let config = Config::parse_with(config.to_string().as_bytes(), &|_| Some(key.clone()));
        let config = config.unwrap();
        // Few signatures fill it.
        let token = token(&signer, &issuer(0)).claim("email", "e".repeat(2_000));
        Self {
            supply: Supply::new(&config, 1),
            verifier: Verifier::new(config, 1),
            bearer: format!("Bearer {}", token.build()),
        }
    }

    /// For as many hosts as there is room for.
    pub(crate) fn sign(&mut self) {
        for number in 0..limits::IDENTITY_TOKEN_BYTES / 6_000 {
            let host = format!("{number}.example.com");
            let headers: [(&[u8], &[u8]); 4] = [
                (b":method", b"GET"),
                (b":path", b"/"),
                (b":authority", host.as_bytes()),
                (b"authorization", self.bearer.as_bytes()),
            ];
            let request = Request::new(&headers);
            let step = self.verifier.verify(request, &mut self.supply, NOW);
            let Step::Settle(Settlement {
                verdict: Verdict::Allow(permit),
                ..
            }) = step
            else {
                panic!("{step:?}");
            };
            assert!(permit.edits().count() > 4);
        }
    }
}
