//! A gate with one configuration, and requests to it.

use passgate_core::{
    AuditRecord, Config, Rejection, Request, Settlement, Step, Supply, UnixTime, Verdict, Verifier,
};
use passgate_kit::{SigningKey, Token, TokenBuilder, jwks};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://id.example.com";
pub(crate) const AUDIENCE: &str = "https://api.example.com";
/// 2023-11-14, 22:13:20 UTC.
pub(crate) const NOW: u64 = 1_700_000_000;

pub(crate) struct Gate {
    pub(crate) key: SigningKey,
    pub(crate) config: Value,
    pub(crate) now: UnixTime,
}

/// Header names and values.
pub(crate) type Headers = Vec<(String, String)>;

impl Gate {
    /// One provider with a login page and a parameter that may hold a token.
    pub(crate) fn new() -> Self {
        let key = SigningKey::es256("k1");
        let config = json!({
            "origins": ["https://api.example.com", "http://localhost:8080"],
            "providers": { "acme": {
                "issuer": ISSUER,
                "audiences": [AUDIENCE],
                "local_jwks": { "inline_string": jwks(&[&key]) },
                "from_headers": [{ "name": "authorization", "value_prefix": "Bearer " }],
                "from_params": ["access_token"],
                "claim_to_headers": [{ "claim_name": "sub", "header_name": "x-user" }],
                "evidence": { "lines": [
                    { "when": { "acr_any_of": ["phr"] }, "proves": ["phishing_resistant"] },
                ] },
                "login": { "uri": "https://app.example.com/login?app=1&return_to={return_to}&acr_values={acr_values}&max_age={max_age}" },
            } },
        });
        let now = UnixTime::from_secs(NOW);
        Self { key, config, now }
    }

    pub(crate) fn token(&self) -> TokenBuilder<'_> {
        let now = i64::try_from(self.now.as_secs()).unwrap();
        let token = Token::of(&self.key, ISSUER, AUDIENCE).claim("iat", now);
        token.claim("exp", now.saturating_add(300))
    }

    pub(crate) fn verifier(&self) -> Verifier {
        let config = Config::parse(self.config.to_string().as_bytes());
        Verifier::new(config.unwrap_or_else(|errors| panic!("{errors:?}")), 1)
    }

    pub(crate) fn judge(&self, headers: &Headers) -> (Verdict, AuditRecord) {
        let mut verifier = self.verifier();
        let mut keys = Supply::new(verifier.config(), 1);
        let pairs = pairs(headers);
        match verifier.verify(Request::new(&pairs), &mut keys, self.now) {
            Step::Settle(Settlement { verdict, record }) => (verdict, *record),
            Step::Await(_) => panic!("keys are local"),
        }
    }

    pub(crate) fn refused(&self, headers: &Headers) -> Rejection {
        match self.judge(headers).0 {
            Verdict::Deny(rejection) => rejection,
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn pairs(headers: &Headers) -> Vec<(&[u8], &[u8])> {
    let pairs = headers.iter();
    pairs
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect()
}

/// A request to `api.example.com`.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Headers {
    let pseudo = [
        (":method", method),
        (":path", path),
        (":authority", "api.example.com"),
    ];
    let has = |name: &str| headers.iter().any(|(other, _)| *other == name);
    let pseudo = pseudo.iter().filter(|(name, _)| !has(name));
    let all = pseudo.chain(headers);
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// The value of a header of an answer.
pub(crate) fn header<'h>(headers: &'h [(&'static str, String)], name: &str) -> Option<&'h str> {
    let mut values = headers.iter().filter(|(other, _)| *other == name);
    let value = values.next().map(|(_, value)| &**value);
    assert!(values.next().is_none(), "{name} twice");
    value
}
