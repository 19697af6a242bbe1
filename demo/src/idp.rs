//! The demo's identity provider: everybody who asks gets a token. For a machine of one's own only.

use crate::http::{self, Answer, Received};
use passgate_kit::{SigningKey, Token, jwks, tampered};
use serde_json::json;
use std::sync::Arc;

/// An issuer with one fresh ES256 key.
#[derive(Clone)]
pub(crate) struct IdentityProvider {
    issuer: String,
    audience: String,
    key: Arc<SigningKey>,
}

impl IdentityProvider {
    pub(crate) fn new(issuer: String, audience: String) -> Self {
        let key = Arc::new(SigningKey::es256("demo"));
        Self {
            issuer,
            audience,
            key,
        }
    }

    /// - `/.well-known/openid-configuration`: the discovery document
    /// - `/jwks`: the public key
    /// - `/token`: a token for `alice`, good for five minutes; `scope=…` puts that claim in,
    ///   `tampered=yes` changes the claims after signing
    pub(crate) fn answer(&self, request: &Received) -> Answer {
        let issuer = &self.issuer;
        match request.uri().path() {
            "/.well-known/openid-configuration" => http::json(&json!({
                "issuer": issuer,
                "jwks_uri": format!("{issuer}/jwks"),
                "token_endpoint": format!("{issuer}/token"),
                "id_token_signing_alg_values_supported": ["ES256"],
                "response_types_supported": ["token"],
                "subject_types_supported": ["public"],
            })),
            "/jwks" => http::text(&jwks(&[&self.key])),
            "/token" => http::text(&self.token(request.uri().query().unwrap_or_default())),
            _ => http::not_found(),
        }
    }

    fn token(&self, query: &str) -> String {
        let mut token = Token::of(&self.key, &self.issuer, &self.audience);
        let mut spoil = false;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "scope" => token = token.claim("scope", value.into_owned()),
                "tampered" => spoil = value == "yes",
                _ => {}
            }
        }
        let token = token.build();
        if spoil { tampered(&token) } else { token }
    }
}
