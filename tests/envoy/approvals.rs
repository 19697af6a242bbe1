//! A passkey approves one request, and the gate verifies that itself.

use passgate_harness::{
    BOTH, Gate, ISSUER, Issuer, Protocol, Request, Response, Setup, policy_with, ruled, with,
};
use passgate_kit::{ApprovalBuilder, SigningKey, TokenBuilder, public_members};
use serde_json::{Value, json};

/// The origin of the story's gate, whatever port it has, and the page that asks.
pub(crate) const ORIGIN: &str = "https://api.example.com";
const PAGE: &str = "https://app.example.com";

pub(crate) fn approving() -> Value {
    let covering = json!({ "webauthn": { "mode": "transaction", "body": "required" } });
    let rules = json!([
        { "match": { "path_separated_prefix": "/order" }, "requires": { "proof": covering } },
        { "match": { "path_separated_prefix": "/pay" }, "requires": {
            "proof": { "webauthn": { "mode": "transaction" } },
            "facts": ["phishing_resistant", "user_verified"], "max_age": "60s",
        } },
        { "match": { "path_separated_prefix": "/console" }, "requires": {
            "proof": { "webauthn": { "mode": "session" } },
        } },
        { "match": { "prefix": "/" }, "requires": {} },
    ]);
    let policy = ruled(policy_with(json!({ "cnf_jwk": "passkey" })), rules);
    let policy = with(policy, "origins", json!([ORIGIN]));
    let party = json!({ "id": "example.com", "origins": [PAGE] });
    with(policy, "relying_party", party)
}

pub(crate) struct Person {
    key: SigningKey,
    pub(crate) token: String,
}

impl Person {
    pub(crate) fn of(gate: &Gate) -> Self {
        Self::with_token(gate.token())
    }

    /// A person with a token made of this one.
    pub(crate) fn with_token(token: TokenBuilder<'_>) -> Self {
        let key = SigningKey::es256("passkey");
        let cnf = json!({ "jwk": public_members(&key) });
        let token = token.claim("sub", "alice").claim("cnf", cnf);
        let token = token.claim("amr", json!(["pwd"])).build();
        Self { key, token }
    }

    pub(crate) fn approval(&self, method: &str, path: &str, nonce: &str) -> ApprovalBuilder<'_> {
        let uri = format!("{ORIGIN}{path}");
        ApprovalBuilder::of(&self.key, ("example.com", PAGE), (method, &uri))
            .token(&self.token)
            .claim("iss", ISSUER)
            .claim("sub", "alice")
            .claim("iat", passgate_kit::now())
            .claim("nonce", nonce)
    }

    /// A session of this key, for ten minutes.
    pub(crate) fn session(&self, page: &SigningKey, nonce: &str, exp: u64) -> ApprovalBuilder<'_> {
        ApprovalBuilder::session(&self.key, ("example.com", PAGE), (ORIGIN, exp), page)
            .claim("iss", ISSUER)
            .claim("sub", "alice")
            .claim("iat", passgate_kit::now())
            .claim("nonce", nonce)
    }

    pub(crate) fn with(&self, request: Request, approval: ApprovalBuilder<'_>) -> Request {
        self.without(request)
            .header("webauthn-proof", approval.build())
    }

    pub(crate) fn without(&self, request: Request) -> Request {
        request.authority("api.example.com").bearer(&self.token)
    }
}

pub(crate) fn nonce(response: &Response) -> String {
    let nonce = response.headers.text("webauthn-nonce");
    nonce
        .unwrap_or_else(|| panic!("a nonce: {response:?}"))
        .to_owned()
}

#[test]
fn a_passkey_approves_one_payment_and_no_other() {
    let gate = Gate::start(approving());
    let person = Person::of(&gate);
    let path = "/pay/7?amount=10&to=bob";
    for protocol in BOTH {
        // The sign-in was by password. The passkey's approval is what meets the rule.
        let asked = gate.send(protocol, &person.without(Request::new("POST", path)));
        gate.denied(&asked, "missing.proof");
        let challenge = asked.headers.text("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer "), "{challenge}");
        assert!(challenge.contains("proof=\"webauthn\""), "{challenge}");
        let nonce = nonce(&asked);
        let approval = || person.approval("POST", path, &nonce);

        let other_amount = Request::new("POST", "/pay/7?amount=1000&to=bob");
        let elsewhere = person.approval("POST", "/pay/8", &nonce);
        let by_thief = approval().client_data("origin", "https://app.example.net");
        for (request, code) in [
            (
                person.with(other_amount, approval()),
                "untrusted.proof_request",
            ),
            (
                person.with(Request::new("POST", path), elsewhere),
                "untrusted.proof_request",
            ),
            (
                person.with(Request::get(path), approval()),
                "untrusted.proof_request",
            ),
            (
                person.with(Request::new("POST", path), by_thief),
                "untrusted.proof_origin",
            ),
            (
                person.with(Request::post(path, b"{\"amount\":1000}"), approval()),
                "untrusted.proof_body",
            ),
            (
                person.with(Request::post(path, b"x").chunked(), approval()),
                "untrusted.proof_body",
            ),
            (
                person.with(Request::new("POST", path), approval().flags(0x01, &[])),
                "untrusted.proof_flags",
            ),
            // Elsewhere the token is worth nothing.
            (
                person.with(Request::get("/orders"), approval()),
                "untrusted.proof_token",
            ),
        ] {
            gate.denied(&gate.send(protocol, &request), code);
        }

        let request = person.with(Request::new("POST", path), approval());
        let received = gate.passed(&gate.send(protocol, &request));
        let text = |name: &str| received.headers.text(name);
        assert_eq!(text("x-passgate-user-verified"), Some("true"));
        assert_eq!(text("x-passgate-phishing-resistant"), Some("true"));
        assert_eq!(text("x-passgate-proof-id").map(str::len), Some(43));
        assert_eq!(
            (text("webauthn-proof"), text("authorization")),
            (None, None)
        );
        gate.denied(&gate.send(protocol, &request), "untrusted.proof_replayed");
    }
    gate.finish();
}

/// Replicas that share no secret hand on each other's nonces for proofs by a program's key. What a
/// person has approved once is not to pass at each of them, and a client can join nonces itself.
#[test]
fn an_approval_passes_at_one_of_two_replicas_without_a_shared_secret() {
    let one = Gate::start(approving());
    let issuer = Issuer::start();
    issuer.publish(&[&one.issuer.key]);
    let two = Setup::new(approving()).issuer(issuer).start();
    let person = Person::of(&one);
    let request = || Request::new("POST", "/pay/7");
    let send = |gate: &Gate, nonce: &str| {
        let approval = person.approval("POST", "/pay/7", nonce);
        gate.send(Protocol::Http1, &person.with(request(), approval))
    };
    let asked = |gate: &Gate| nonce(&gate.send(Protocol::Http1, &person.without(request())));
    let [at_one, at_two] = [&one, &two].map(asked);
    for joined in [[&*at_one, &at_two].join("."), [&*at_two, &at_one].join(".")] {
        for gate in [&one, &two] {
            let refusal = send(gate, &joined);
            gate.denied(&refusal, "untrusted.proof_nonce");
            assert!(!nonce(&refusal).contains('.'), "{refusal:?}");
        }
    }
    one.passed(&send(&one, &at_one));
    two.denied(&send(&two, &at_one), "untrusted.proof_nonce");
    for gate in [one, two] {
        gate.finish();
    }
}
