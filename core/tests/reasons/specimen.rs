//! The specimen: a request that passes.

use std::time::Duration;

#[path = "held.rs"]
mod held;
#[path = "mutation.rs"]
mod mutation;
#[path = "named.rs"]
mod named;
#[path = "through.rs"]
mod through;
#[path = "told.rs"]
mod told;

pub(crate) use self::mutation::mutation;
use self::through::Shown;
use crate::host::Proxy;
use passgate_core::{
    Answer, AuditRecord, Body, Config, Internal, Leases, Need, Rejection, Request, Settlement,
    Step, Supply, UnixTime, Verdict, Verifier,
};
use passgate_kit::{
    ApprovalBuilder, ProofBuilder, SigningKey, TokenBuilder, bound_to, jwks, public_members,
};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://id.example.com";
pub(crate) const AUDIENCE: &str = "https://api.example.com";
pub(crate) const NOW: i64 = 1_700_000_000;

/// Everything that a verdict depends on.
pub(crate) struct Specimen {
    pub(crate) config: Value,
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) authority: &'static str,
    pub(crate) authorization: Option<String>,
    pub(crate) cookie: Option<String>,
    pub(crate) origin: Option<&'static str>,
    pub(crate) dpop: Option<String>,
    pub(crate) approval: Option<String>,
    /// The client's certificate of its connection, in PEM.
    pub(crate) certificate: Option<String>,
    /// `Mcp-Name`
    pub(crate) mcp_name: Option<&'static str>,
    /// What is known of its body.
    pub(crate) body: Body,
    /// The data that the workers share; `None`: the host has none.
    pub(crate) proxy: Option<Proxy>,
    /// What the provider serves; `None`: it is down.
    pub(crate) jwks: Option<String>,
    /// What it serves as its list of revocations; `None`: that is down.
    pub(crate) revocations: Option<String>,
    /// The same of the passkeys of its people.
    pub(crate) credentials: Option<String>,
    /// What it says of a token, where it is asked.
    pub(crate) introspection: Option<&'static str>,
    /// So many made-up tokens come before.
    pub(crate) flood: usize,
    pub(crate) ask: Ask,
    /// How many verdicts about the same request come before the one that counts.
    pub(crate) earlier: usize,
    /// The keys came before the request, and then the provider went down.
    pub(crate) then_down: bool,
}

/// Which of the verifier's questions is asked.
pub(crate) enum Ask {
    Verify,
    /// For a stream that lasts, while another is open.
    Stream,
    Overloaded,
    WaitedTooLong,
    Failed(Internal),
}

/// The specimen, with a token made by `make` of a builder that makes a good one.
pub(crate) fn specimen(make: impl FnOnce(TokenBuilder<'_>) -> String) -> Specimen {
    let key = SigningKey::es256("key-1");
    let builder = TokenBuilder::of(&key, ISSUER, AUDIENCE)
        .claim("iat", NOW)
        .claim("exp", NOW + 300)
        .claim("scope", "read write")
        .claim("groups", json!(["finance"]))
        .claim("client_type", "person")
        .claim("amr", json!(["hwk"]))
        .claim("auth_time", NOW - 100);
    Specimen {
        config: json!({
            "providers": { "acme": {
                "issuer": ISSUER,
                "audiences": [AUDIENCE, "https://other.example.com"],
                "algorithms": ["ES256"],
                "remote_jwks": { "http_uri": { "uri": "https://id.example.com/jwks", "cluster": "id" } },
                "from_headers": [{ "name": "authorization", "value_prefix": "Bearer " }],
                "from_cookies": ["session"],
                "max_token_lifetime": "1h",
                "kinds": { "human": { "claim": { "path": ["client_type"], "equals": "person" } } },
                "evidence": { "lines": [{
                    "when": { "amr_all_of": ["hwk"] },
                    "proves": ["phishing_resistant"],
                    "request_acr": "phr",
                }] },
            } },
            "rules": [
                { "match": { "path": "/old" }, "public": { "reason": "r", "owner": "o", "until": "2020-01-01" } },
                { "match": { "path_separated_prefix": "/pay" }, "requires": {
                    "provider_name": "acme",
                    "audiences": [AUDIENCE],
                    "scopes": ["write"],
                    "claims": [{ "claim_name": "groups", "any_of": ["finance"] }],
                    "kind": "human",
                    "facts": ["phishing_resistant"],
                    "max_age": "15m",
                } },
            ],
        }),
        method: "POST",
        path: "/pay/1",
        authority: "api.example.com",
        authorization: Some(format!("Bearer {}", make(builder))),
        cookie: None,
        origin: None,
        dpop: None,
        approval: None,
        certificate: None,
        mcp_name: None,
        body: Body::None,
        proxy: None,
        jwks: Some(jwks(&[&key])),
        revocations: None,
        credentials: None,
        introspection: None,
        flood: 0,
        ask: Ask::Verify,
        earlier: 0,
        then_down: false,
    }
}

pub(crate) fn good() -> Specimen {
    specimen(|token| token.build())
}

/// A specimen whose token names a passkey, with its approval, which lacks a nonce of the gate
/// alone.
pub(crate) fn approved(make: impl FnOnce(ApprovalBuilder<'_>) -> ApprovalBuilder<'_>) -> Specimen {
    let key = SigningKey::es256("passkey");
    let mut token = String::new();
    let mut specimen = specimen(|builder| {
        let cnf = json!({ "jwk": public_members(&key) });
        token = builder.claim("cnf", cnf).build();
        token.clone()
    });
    let page = ("example.com", "https://app.example.com");
    let request = ("POST", "https://api.example.com/pay/1");
    let proof = ApprovalBuilder::of(&key, page, request)
        .token(&token)
        .claim("iss", ISSUER)
        .claim("sub", "alice")
        .claim("iat", NOW);
    specimen.approval = Some(make(proof).build());
    specimen.config["providers"]["acme"]["cnf_jwk"] = json!("passkey");
    specimen.wants_approval();
    specimen
}

/// The same where the rule wants the body approved, of which this is known.
fn covering(body: Body) -> Specimen {
    let digest = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
    let mut specimen = approved(|proof| proof.claim("content_digest", digest));
    specimen.body = body;
    specimen.config["rules"][1]["requires"]["proof"]["webauthn"]["body"] = json!("required");
    specimen
}

/// A specimen whose token is bound to a key, with a proof by it; `make` makes it of a builder of a
/// good one.
pub(crate) fn bound(make: impl FnOnce(ProofBuilder<'_>) -> ProofBuilder<'_>) -> Specimen {
    let key = SigningKey::es256("proof");
    let mut token = String::new();
    let mut specimen = specimen(|builder| {
        token = builder
            .claim("cnf", bound_to(&key))
            .claim("jti", "1")
            .build();
        token.clone()
    });
    let proof = ProofBuilder::of(&key, "POST", "https://api.example.com/pay/1");
    let proof = proof.token(&token).claim("iat", NOW);
    specimen.authorization = Some(format!("DPoP {token}"));
    specimen.dpop = Some(make(proof).build());
    specimen.proxy = Some(Proxy::default());
    specimen.config["origins"] = json!(["https://api.example.com"]);
    specimen.config["rules"][1]["requires"]["proof"] = json!({ "dpop": { "nonce": "none" } });
    specimen
}

/// A specimen whose provider has a list of revocations.
fn with_revocations() -> Specimen {
    let mut specimen = good();
    let place = json!({ "uri": "https://feed.example.com/acme", "cluster": "feed" });
    specimen.config["providers"]["acme"]["revocations"] = json!({ "http_uri": place });
    specimen
}

/// A specimen whose Authorization header is this.
pub(crate) fn authorization(value: &str) -> Specimen {
    Specimen {
        authorization: Some(value.to_owned()),
        ..good()
    }
}

/// The environment variables of the filter.
pub(crate) fn environment(name: &str) -> Option<String> {
    let value = match name {
        "SALT" => "0123456789abcdef",
        "OTHER_SALT" => "0123456789abcdeg",
        "SHORT_SALT" => "0123456789abcde",
        "EMPTY_SALT" => "",
        _ => return None,
    };
    Some(value.to_owned())
}

impl Specimen {
    pub(crate) fn judge(&self) -> (Verdict, Box<AuditRecord>) {
        let config = Config::parse_with(self.config.to_string().as_bytes(), &environment)
            .unwrap_or_else(|errors| panic!("{errors:?}"));
        let now = UnixTime::from_secs(NOW.unsigned_abs());
        let mut keys = Supply::new(&config, 1);
        let mut verifier = Verifier::new(config, 1);
        if let Some(proxy) = &self.proxy {
            verifier.share(Box::new(proxy.clone()), [7; 32], "gate", now);
        }
        let mut headers: Vec<(&[u8], &[u8])> = vec![
            (b":method", self.method.as_bytes()),
            (b":path", self.path.as_bytes()),
            (b":authority", self.authority.as_bytes()),
        ];
        headers.extend(
            self.authorization
                .iter()
                .map(|value| (&b"authorization"[..], value.as_bytes())),
        );
        headers.extend(
            self.cookie
                .iter()
                .map(|value| (&b"cookie"[..], value.as_bytes())),
        );
        headers.extend(
            self.dpop
                .iter()
                .map(|value| (&b"dpop"[..], value.as_bytes())),
        );
        headers.extend(
            self.approval
                .iter()
                .map(|value| (&b"webauthn-proof"[..], value.as_bytes())),
        );
        headers.extend(
            self.origin
                .iter()
                .map(|value| (&b"origin"[..], value.as_bytes())),
        );
        headers.extend(
            self.mcp_name
                .iter()
                .map(|_| (&b"content-type"[..], &b"application/json"[..])),
        );
        headers.extend(
            self.mcp_name
                .iter()
                .map(|value| (&b"mcp-name"[..], value.as_bytes())),
        );
        if let Ask::Stream = self.ask {
            headers.push((b"accept", b"text/event-stream"));
        }
        let connection = Shown(self.certificate.as_deref());
        let request = Request::new(&headers).on(&connection);
        let request = request.with_body(self.body);
        let mut leases = Leases::default();
        self.flood(&mut verifier, &mut keys, now);
        // The first fetch brings the keys; a token of an unknown key waits for a second one.
        let mut moment = now;
        let mut earlier = self.earlier;
        if self.then_down {
            // The first fetch is staggered between workers; this one is long awake.
            moment = moment.saturating_add(Duration::from_secs(1));
            assert!(keys.poll_call(now).is_none());
            let fetch = keys.poll_call(moment).unwrap();
            keys.on_answer(fetch.id, serving(self.jwks.as_deref()), moment);
        }
        for _ in 0..8 + self.earlier {
            let step = match &self.ask {
                Ask::Verify | Ask::Stream => verifier.verify(request, &mut keys, moment),
                Ask::Overloaded => Step::Settle(verifier.overloaded(request, moment)),
                Ask::WaitedTooLong => Step::Settle(verifier.waited_too_long(request, moment)),
                Ask::Failed(failure) => {
                    Step::Settle(verifier.failed(request, failure.clone(), Some(moment)))
                }
            };
            if let Step::Settle(Settlement {
                mut verdict,
                record,
            }) = step
            {
                if let (Ask::Stream, Verdict::Allow(permit)) = (&self.ask, &mut verdict) {
                    verifier.hold(&mut leases, 1, b"", permit.take_lease().unwrap());
                    verifier.note_room(&leases);
                    continue;
                }
                if earlier == 0 {
                    return (verdict, record);
                }
                earlier -= 1;
                continue;
            }
            moment = moment.max(keys.next_wakeup().unwrap());
            let fetch = keys.poll_call(moment).unwrap();
            let served = match fetch.need {
                Need::Keys(_) => self.jwks.as_ref().filter(|_| !self.then_down),
                Need::Revocations(_) => self.revocations.as_ref(),
                Need::Credentials(..) => self.credentials.as_ref(),
                Need::Introspection(..) | Need::StatusLists(_) | Need::Body { .. } => None,
            };
            let served = served.map(String::as_str);
            let is_question = matches!(fetch.need, Need::Introspection(..));
            let served = self.introspection.filter(|_| is_question).or(served);
            keys.on_answer(fetch.id, serving(served), moment);
        }
        panic!("the request waits for ever");
    }

    pub(crate) fn rejection(&self) -> Rejection {
        match self.judge() {
            (Verdict::Deny(rejection), _) => rejection,
            (verdict, _) => panic!("passed: {verdict:?}"),
        }
    }
}

/// The answer of a provider that serves this set, or is down.
fn serving(set: Option<&str>) -> Answer<'_> {
    set.map_or(Answer::NoAnswer, |body| Answer::Http {
        status: 200,
        headers: &[],
        body: body.as_bytes(),
    })
}
