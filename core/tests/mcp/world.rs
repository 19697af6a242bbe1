//! A gate whose rules name calls of MCP, and a host whose filter has read a body.

use std::cell::Cell;

use passgate_core::{
    Config, Connection, Request, Settlement, Step, Supply, UnixTime, Verdict, Verifier,
};
use passgate_kit::{SigningKey, TokenBuilder, jwks};
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "https://api.example.com";
/// When it all happens.
pub(crate) const NOW: i64 = 1_700_000_000;

/// Names of members, and their values as Envoy writes them.
pub(crate) type Members = Vec<(&'static str, Vec<u8>)>;

/// What Envoy's filter writes of a body that it has read whole.
pub(crate) fn body(method: &str, named: Option<(&'static str, &str)>) -> Members {
    let mut members = vec![
        ("is_mcp_request", vec![1]),
        ("jsonrpc", b"2.0".to_vec()),
        ("method", method.as_bytes().to_vec()),
    ];
    members.extend(named.map(|(member, name)| (member, name.as_bytes().to_vec())));
    members
}

/// Tools that want a strong sign-in, resources that want a scope, and the rest.
pub(crate) fn rules() -> Value {
    json!([
        { "match": { "path": "/mcp", "methods": ["POST"],
                     "mcp": { "methods": ["tools/call"], "names": ["delete_*", "drop"] } },
          "requires": { "facts": ["phishing_resistant"] } },
        { "match": { "path": "/mcp", "methods": ["POST"], "mcp": { "methods": ["resources/read"] } },
          "requires": { "scopes": ["resources"] } },
        { "match": { "prefix": "/" }, "requires": {} },
    ])
}

/// One worker of a gate.
pub(crate) struct World {
    verifier: Verifier,
    supply: Supply,
    key: SigningKey,
    /// What the host's filter has read; `None`: there is none, or it has read nothing.
    pub(crate) body: Option<Members>,
    pub(crate) asked: Cell<usize>,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) code: &'static str,
    pub(crate) status: Option<u16>,
    pub(crate) rule: Option<usize>,
    pub(crate) is_observed: bool,
    /// What the record says that it calls.
    pub(crate) call: Option<String>,
    /// Names and values of a refusal's headers, and its body.
    pub(crate) answer: Option<(Vec<(&'static str, String)>, String)>,
}

#[derive(Debug)]
pub(crate) struct Read<'w> {
    pub(crate) body: Option<&'w Members>,
    pub(crate) asked: &'w Cell<usize>,
}

impl Connection for Read<'_> {
    fn client_certificate(&self) -> Option<[u8; 32]> {
        panic!("no rule asks for it")
    }

    fn peer_certificate(&self) -> Option<Vec<u8>> {
        panic!("no rule asks for it")
    }

    fn mcp(&self, member: &str) -> Option<Vec<u8>> {
        self.asked.set(self.asked.get().saturating_add(1));
        let mut members = self.body?.iter();
        let (_, value) = members.find(|(name, _)| *name == member)?;
        Some(value.clone())
    }
}

impl World {
    pub(crate) fn new(rules: &Value) -> Self {
        Self::with(rules, json!({}))
    }

    /// With these members at the top, too.
    pub(crate) fn with(rules: &Value, mut policy: Value) -> Self {
        let key = SigningKey::es256("k");
        policy["providers"] = json!({ "acme": {
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "local_jwks": { "inline_string": jwks(&[&key]) },
            "evidence": { "lines": [{
                "when": { "amr_all_of": ["hwk"] }, "proves": ["phishing_resistant"],
            }] },
        } });
        policy["rules"] = rules.clone();
        let config = Config::parse(policy.to_string().as_bytes());
        let config = config.unwrap_or_else(|errors| panic!("{errors:?}"));
        Self {
            supply: Supply::new(&config, 1),
            verifier: Verifier::new(config, 1),
            key,
            body: None,
            asked: Cell::new(0),
        }
    }

    /// A token of somebody who signed in so.
    pub(crate) fn token(&self, amr: &[&str], scope: &str) -> String {
        TokenBuilder::of(&self.key, ISSUER, AUDIENCE)
            .claim("iat", NOW)
            .claim("exp", NOW.saturating_add(300))
            .claim("amr", amr)
            .claim("scope", scope)
            .build()
    }

    pub(crate) fn weak(&self) -> String {
        self.token(&["pwd"], "read")
    }

    pub(crate) fn strong(&self) -> String {
        self.token(&["hwk"], "read resources")
    }

    pub(crate) fn post(&mut self, headers: &[(&str, &str)], token: &str) -> Judged {
        self.send("POST", "/mcp", headers, token)
    }

    pub(crate) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        token: &str,
    ) -> Judged {
        let bearer = format!("Bearer {token}");
        let mut all = vec![
            (":method", method),
            (":authority", "api.example.com"),
            (":path", path),
            ("authorization", &*bearer),
        ];
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            all.push(("content-type", "application/json"));
        }
        all.extend(headers);
        let all: Vec<(&[u8], &[u8])> = all
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect();
        let connection = Read {
            body: self.body.as_ref(),
            asked: &self.asked,
        };
        let request = Request::new(&all).on(&connection);
        let now = UnixTime::from_secs(NOW.unsigned_abs());
        let Step::Settle(Settlement { verdict, record }) =
            self.verifier.verify(request, &mut self.supply, now)
        else {
            panic!("the keys are there");
        };
        let mut answer = None;
        let (code, status, is_observed) = match verdict {
            Verdict::Allow(permit) => (permit.code(), None, permit.is_observed()),
            Verdict::Deny(rejection) => {
                answer = Some((rejection.headers(), rejection.body(Some("r\"1"))));
                (rejection.code, Some(rejection.status), false)
            }
            Verdict::Serve(_) => panic!("nothing is served"),
        };
        Judged {
            code,
            status,
            rule: record.rule,
            is_observed,
            answer,
            call: record
                .call
                .map(|(method, name)| format!("{method} {}", name.unwrap_or_default())),
        }
    }
}
