//! A gate whose tokens are bound, and a client that holds the key.

use passgate_core::{
    Answer, AnswerHeader, AuditRecord, Auditor, Body, Config, Connection, Edit, Need, Request,
    Step, Supply, UnixTime, Verdict, Verifier,
};
use passgate_kit::{ProofBuilder, SigningKey, TokenBuilder, bound_to, jwks};
use serde_json::{Value, json};

use crate::host::Proxy;

pub(crate) const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "https://api.example.com";

/// Rules by what they want; the keys of the provider are [`World`]'s.
pub(crate) fn policy() -> Value {
    let rule = |path: &str, requires: Value| json!({ "match": { "path_separated_prefix": path }, "requires": requires });
    json!({
        "origins": ["https://api.example.com", "https://app.example.com"],
        "providers": { "acme": { "issuer": ISSUER, "audiences": [AUDIENCE] } },
        "rules": [
            rule("/dpop", json!({ "proof": { "dpop": {} } })),
            rule("/nonce-less", json!({ "proof": { "dpop": { "nonce": "none" } } })),
            rule("/forward", json!({ "proof": { "dpop": { "nonce": "none", "forward": true } } })),
            rule("/wide", json!({ "proof": { "dpop": { "nonce": "none", "iat_window": "5m" } } })),
            rule("/certificate", json!({ "proof": { "certificate": {} } })),
            rule("/once", json!({ "single_use": true })),
            rule("/scope", json!({ "scopes": ["write"] })),
            rule("/either", json!({ "requires_any": { "requirements": [
                { "scopes": ["bearer"] }, { "proof": { "dpop": {} } } ] } })),
            rule("/dpop-first", json!({ "requires_any": { "requirements": [
                { "proof": { "dpop": {} } }, { "scopes": ["bearer"] } ] } })),
            rule("/plain", json!({})),
            { "match": { "path_separated_prefix": "/public" },
              "public": { "reason": "r", "owner": "o", "until": "never" } },
            { "match": { "path_separated_prefix": "/public-or-known" },
              "public": { "reason": "r", "owner": "o", "until": "never", "identity_from": "acme" } },
        ],
    })
}

/// When it all begins.
const START: UnixTime = UnixTime::from_secs(1_700_000_000);

/// One worker of a gate, and a client.
pub(crate) struct World {
    verifier: Verifier,
    supply: Supply,
    signing: SigningKey,
    pub(crate) policy: Value,
    pub(crate) key: SigningKey,
    pub(crate) proxy: Proxy,
    pub(crate) clock: UnixTime,
    pub(crate) certificate: Option<[u8; 32]>,
    pub(crate) asked: std::cell::Cell<usize>,
    /// Of the requests.
    pub(crate) method: &'static str,
    /// What is known of their bodies.
    pub(crate) body: Body,
    /// What the provider says beside its keys.
    pub(crate) says: Says,
}

/// What a provider says beside its keys. What it does not say cannot be had.
#[derive(Clone, Debug, Default)]
pub(crate) struct Says {
    pub(crate) credentials: Option<String>,
    pub(crate) revocations: Option<String>,
    /// The paths that were asked for.
    pub(crate) asked: Vec<String>,
}

/// What became of a request.
pub(crate) struct Judged {
    pub(crate) code: &'static str,
    pub(crate) edits: Vec<Edit>,
    pub(crate) answer: Vec<AnswerHeader>,
    pub(crate) status: Option<u16>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) is_observed: bool,
    record: AuditRecord,
    policy: Value,
}

impl Judged {
    pub(crate) fn passed(&self) -> bool {
        self.status.is_none()
    }

    /// A header of the refusal.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let mut headers = self.headers.iter();
        headers
            .find(|(own, _)| *own == name)
            .map(|(_, value)| value.clone())
    }

    /// The nonce that the client gets, with a refusal or with the service's answer.
    pub(crate) fn nonce(&self) -> Option<String> {
        let given = self
            .answer
            .iter()
            .find(|header| header.name.ends_with("-nonce"));
        given
            .map(|header| header.value.clone())
            .or_else(|| self.header("dpop-nonce"))
            .or_else(|| self.header("webauthn-nonce"))
    }

    /// What is counted about the proof.
    pub(crate) fn counted(&self) -> Option<&'static str> {
        self.record.proof_counter()
    }

    /// The record as it is written.
    pub(crate) fn record(&self) -> Value {
        let policy = self.policy.to_string();
        let config = Config::parse_with(policy.as_bytes(), &secret).unwrap();
        let mut auditor = Auditor::new(config.audit(), "gate");
        let written = auditor.write(self.record.clone(), None);
        serde_json::from_str(&written.record).unwrap()
    }
}

/// A connection with the world's certificate.
#[derive(Debug)]
struct Shown<'w> {
    certificate: Option<[u8; 32]>,
    asked: &'w std::cell::Cell<usize>,
}

impl Connection for Shown<'_> {
    fn client_certificate(&self) -> Option<[u8; 32]> {
        self.asked.set(self.asked.get() + 1);
        self.certificate
    }

    fn peer_certificate(&self) -> Option<Vec<u8>> {
        panic!("no rule asks for it")
    }

    fn mcp(&self, _: &str) -> Option<Vec<u8>> {
        panic!("no rule asks for it")
    }
}

impl World {
    pub(crate) fn new(policy: &Value) -> Self {
        Self::with_key(policy, SigningKey::es256("proof"))
    }

    pub(crate) fn with_key(policy: &Value, key: SigningKey) -> Self {
        let signing = SigningKey::of("EdDSA", "k");
        let mut policy = policy.clone();
        policy["providers"]["acme"]["local_jwks"] = json!({ "inline_string": jwks(&[&signing]) });
        let proxy = Proxy::default();
        let (verifier, supply) = gate(&policy, &proxy, 1, "gate");
        Self {
            verifier,
            supply,
            signing,
            policy,
            key,
            proxy,
            clock: START,
            certificate: None,
            asked: std::cell::Cell::new(0),
            method: "GET",
            body: Body::None,
            says: Says::default(),
        }
    }

    /// Another worker of the same proxy, for the same clients, by this policy, of the gate of this
    /// name.
    pub(crate) fn other_worker(&self, number: u8, policy: &Value, gate_name: &str) -> Self {
        let mut policy = policy.clone();
        policy["providers"]["acme"]["local_jwks"] =
            self.policy["providers"]["acme"]["local_jwks"].clone();
        let (verifier, supply) = gate(&policy, &self.proxy, number, gate_name);
        Self {
            verifier,
            supply,
            policy,
            signing: SigningKey::of("EdDSA", "unused"),
            key: SigningKey::es256("unused"),
            proxy: self.proxy.clone(),
            clock: self.clock,
            certificate: None,
            asked: std::cell::Cell::new(0),
            method: "GET",
            body: Body::None,
            says: Says::default(),
        }
    }

    /// The same worker without what the proxy shares.
    pub(crate) fn unshared(policy: &Value) -> Self {
        let mut world = Self::new(policy);
        let config = Config::parse(world.policy.to_string().as_bytes()).unwrap();
        world.verifier = Verifier::new(config, 1);
        world
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.as_secs()
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.clock = self
            .clock
            .saturating_add(std::time::Duration::from_secs(seconds));
    }

    /// Brings the answers to all calls that are due next.
    pub(crate) fn fetch(&mut self) {
        self.says.fetch(&mut self.supply, &mut self.clock);
    }

    /// A token that is bound to the client's key.
    pub(crate) fn token(&self) -> String {
        self.token_with(|token| token)
    }

    pub(crate) fn token_with(
        &self,
        change: impl FnOnce(TokenBuilder<'_>) -> TokenBuilder<'_>,
    ) -> String {
        let token = TokenBuilder::of(&self.signing, ISSUER, AUDIENCE)
            .claim("iat", self.now())
            .claim("exp", self.now() + 3_600)
            .claim("cnf", bound_to(&self.key));
        change(token).build()
    }

    /// A good proof for a GET of this path with this token.
    pub(crate) fn proof(&self, path: &str, token: &str) -> ProofBuilder<'_> {
        let uri = format!("https://api.example.com{path}");
        ProofBuilder::of(&self.key, "GET", &uri)
            .token(token)
            .claim("iat", self.now())
    }

    /// The nonce that the gate wants for this path, if any; else text that no gate wants.
    pub(crate) fn nonce(&mut self, path: &str) -> String {
        let token = self.token();
        let headers = [("authorization", format!("DPoP {token}"))];
        let judged = self.judge(path, &headers);
        judged.nonce().unwrap_or_else(|| "unwanted".to_owned())
    }

    /// The nonce that this gate gives to a client of another one.
    pub(crate) fn nonce_for(&mut self, client: &Self) -> String {
        let headers = client.request("/dpop", |proof| proof);
        self.judge("/dpop", &headers).nonce().unwrap()
    }

    /// A request with a bound token and this proof.
    pub(crate) fn send(
        &mut self,
        path: &str,
        change: impl FnOnce(ProofBuilder<'_>) -> ProofBuilder<'_>,
    ) -> Judged {
        let headers = self.request(path, change);
        self.judge(path, &headers)
    }

    /// The headers of one.
    pub(crate) fn request(
        &self,
        path: &str,
        change: impl FnOnce(ProofBuilder<'_>) -> ProofBuilder<'_>,
    ) -> [(&'static str, String); 2] {
        let token = self.token();
        let proof = change(self.proof(path, &token)).build();
        [("authorization", format!("DPoP {token}")), ("dpop", proof)]
    }

    pub(crate) fn judge(&mut self, path: &str, headers: &[(&str, String)]) -> Judged {
        self.judge_at("api.example.com", path, headers)
    }

    pub(crate) fn judge_at(
        &mut self,
        authority: &str,
        path: &str,
        headers: &[(&str, String)],
    ) -> Judged {
        let judged = self.ask(authority, path, headers);
        judged.unwrap_or_else(|need| panic!("it waits for {need:?}"))
    }

    /// What becomes of a request now; or what it waits for.
    pub(crate) fn ask(
        &mut self,
        authority: &str,
        path: &str,
        headers: &[(&str, String)],
    ) -> Result<Judged, Need> {
        let mut all: Vec<(&[u8], &[u8])> = vec![
            (b":method", self.method.as_bytes()),
            (b":path", path.as_bytes()),
            (b":authority", authority.as_bytes()),
        ];
        let sent = headers.iter();
        all.extend(sent.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        let shown = Shown {
            certificate: self.certificate,
            asked: &self.asked,
        };
        let request = Request::new(&all).on(&shown).with_body(self.body);
        let settlement = (0..10).find_map(|_| {
            match self.verifier.verify(request, &mut self.supply, self.clock) {
                Step::Settle(settlement) => Some(Ok(settlement)),
                Step::Await(need @ Need::Body { .. }) => Some(Err(need)),
                Step::Await(_) => {
                    self.says.fetch(&mut self.supply, &mut self.clock);
                    None
                }
            }
        });
        let settlement = settlement.unwrap()?;
        let mut judged = Judged {
            code: settlement.record.reason,
            edits: Vec::new(),
            answer: Vec::new(),
            status: None,
            headers: Vec::new(),
            is_observed: false,
            record: *settlement.record,
            policy: self.policy.clone(),
        };
        match settlement.verdict {
            Verdict::Allow(permit) => {
                judged.edits = permit.edits().cloned().collect();
                judged.is_observed = permit.is_observed();
                judged.answer = permit.into_answer();
            }
            Verdict::Deny(rejection) => {
                judged.status = Some(rejection.status);
                judged.headers = rejection.headers();
            }
            Verdict::Serve(_) => judged.status = Some(200),
        }
        Ok(judged)
    }
}

impl Says {
    /// Brings the answers to all calls that are due next.
    fn fetch(&mut self, supply: &mut Supply, clock: &mut UnixTime) {
        *clock = supply.next_wakeup().unwrap().max(*clock);
        supply.read_on(*clock);
        while let Some(fetch) = supply.poll_call(*clock) {
            self.asked.push(fetch.call.endpoint.path.clone());
            let body = match fetch.need {
                Need::Credentials(..) => &self.credentials,
                Need::Revocations(_) => &self.revocations,
                need => panic!("{need:?}"),
            };
            let answer = body.as_ref().map_or(Answer::NoAnswer, |body| Answer::Http {
                status: 200,
                headers: &[],
                body: body.as_bytes(),
            });
            supply.on_answer(fetch.id, answer, *clock);
        }
    }
}

fn secret(variable: &str) -> Option<String> {
    (variable == "NONCE").then(|| "a secret of thirty-two characters".to_owned())
}

fn gate(policy: &Value, proxy: &Proxy, number: u8, name: &str) -> (Verifier, Supply) {
    let config = Config::parse_with(policy.to_string().as_bytes(), &secret);
    let config = config.unwrap_or_else(|errors| panic!("{errors:?}"));
    let supply = Supply::new(&config, 1);
    let mut verifier = Verifier::new(config, 1);
    verifier.share(Box::new(proxy.clone()), [number; 32], name, START);
    (verifier, supply)
}
