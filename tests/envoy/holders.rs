//! A passkey approves a payment with a plain token, and the provider says whose passkey it is.

use passgate_harness::{
    AUDIENCE, BOTH, Gate, ISSUER, Issuer, Request, Response, Setup, eventually, policy_with, ruled,
    with,
};
use passgate_kit::{ApprovalBuilder, SigningKey, Token, base64url, jwks, now};
use serde_json::{Value, json};

/// The origin of the story's gate, whatever port it has, and the page that asks.
const ORIGIN: &str = "https://api.example.com";
const PAGE: &str = "https://app.example.com";
const PATH: &str = "/pay/7?amount=10&to=bob";
const MODEL: &str = "ee882879-721c-4913-9775-3dfcce97072a";
/// Which credential an assertion of the kit says that it is of.
const ID: [u8; 16] = [7; 16];

/// A gate whose keys are part of its configuration, and the server that knows the passkeys.
struct Story {
    gate: Gate,
    server: Issuer,
    issuer: SigningKey,
    passkey: SigningKey,
}

fn policy(issuer: &SigningKey, credentials: &Value) -> Value {
    let rules = json!([
        { "match": { "path_separated_prefix": "/pay" }, "requires": {
            "proof": { "webauthn": { "mode": "transaction", "aaguids": { "allow": [MODEL] } } },
            "facts": ["phishing_resistant", "user_verified"], "max_age": "60s",
        } },
        { "match": { "prefix": "/" }, "requires": {} },
    ]);
    let members = json!({
        "remote_jwks": null,
        "local_jwks": { "inline_string": jwks(&[issuer]) },
        "credentials": credentials,
    });
    let policy = with(
        ruled(policy_with(members), rules),
        "origins",
        json!([ORIGIN]),
    );
    let party = json!({ "id": "example.com", "origins": [PAGE] });
    with(policy, "relying_party", party)
}

fn document() -> Value {
    let uri = "https://id.example.com/credentials";
    let http_uri = json!({ "uri": uri, "cluster": "people", "timeout": "20s" });
    json!({ "document": { "http_uri": http_uri, "cache_duration": "1s", "max_stale": "2s" } })
}

impl Story {
    fn start(
        credentials: &Value,
        workers: u32,
        prepare: impl FnOnce(&Issuer, &SigningKey),
    ) -> Self {
        let [issuer, passkey] = ["k1", "passkey"].map(SigningKey::es256);
        let server = Issuer::start();
        prepare(&server, &passkey);
        let setup = Setup::new(policy(&issuer, credentials)).workers(workers);
        let gate = setup.cluster("people", server.address()).start();
        Self {
            gate,
            server,
            issuer,
            passkey,
        }
    }

    /// By a password, as far as it says.
    fn token(&self, subject: &str) -> String {
        let token = Token::of(&self.issuer, ISSUER, AUDIENCE);
        let token = token.claim("sub", subject).claim("amr", json!(["pwd"]));
        token.build()
    }

    fn asked(&self, token: &str) -> Response {
        let request = Request::new("POST", PATH).authority("api.example.com");
        self.gate.send(BOTH[0], &request.bearer(token))
    }

    fn nonce(&self, token: &str) -> String {
        let asked = self.asked(token);
        self.gate.denied(&asked, "missing.proof");
        asked.headers.text("webauthn-nonce").unwrap().to_owned()
    }

    /// A payment that this passkey approves for this person.
    fn payment(&self, subject: &str, key: &SigningKey) -> Request {
        let token = self.token(subject);
        let nonce = self.nonce(&token);
        let uri = format!("{ORIGIN}{PATH}");
        let approval = ApprovalBuilder::of(key, ("example.com", PAGE), ("POST", &uri))
            .token(&token)
            .claim("iss", ISSUER)
            .claim("sub", subject)
            .claim("iat", now())
            .claim("nonce", nonce);
        let request = Request::new("POST", PATH).authority("api.example.com");
        let request = request.bearer(&token);
        request.header("webauthn-proof", approval.build())
    }

    fn pays(&self, subject: &str) -> Response {
        self.gate
            .send(BOTH[0], &self.payment(subject, &self.passkey))
    }
}

fn entry(subject: &str, key: &SigningKey) -> Value {
    json!({
        "sub": subject, "id": base64url(ID), "cose_key": base64url(key.cose_key()),
        "aaguid": MODEL, "backup_eligible": false,
    })
}

fn list(entries: &[Value]) -> String {
    json!({ "iss": ISSUER, "credentials": entries }).to_string()
}

#[test]
fn the_providers_document_says_whose_passkey_it_is() {
    let story = Story::start(&document(), 4, |server, key| {
        server.publish_text(&list(&[entry("alice", key)]));
    });
    for protocol in BOTH {
        // The sign-in was by password. The passkey's approval is what meets the rule.
        let payment = story.payment("alice", &story.passkey);
        let received = story.gate.passed(&story.gate.send(protocol, &payment));
        let text = |name: &str| received.headers.text(name);
        assert_eq!(text("x-passgate-user-verified"), Some("true"));
        assert_eq!(text("webauthn-proof"), None);
        let again = story.gate.send(protocol, &payment);
        story.gate.denied(&again, "untrusted.proof_replayed");
    }
    // Somebody else's passkey, and another key for hers.
    story
        .gate
        .denied(&story.pays("bob"), "untrusted.credential");
    let thief = SigningKey::es256("thief");
    let stolen = story.gate.send(BOTH[0], &story.payment("alice", &thief));
    story.gate.denied(&stolen, "untrusted.proof_signature");
    // What the document says takes effect at every worker.
    let mut disabled = entry("alice", &story.passkey);
    disabled["disabled"] = json!(true);
    let bobs = entry("bob", &story.passkey);
    story.server.publish_text(&list(&[disabled, bobs]));
    eventually("the next document", || {
        (story.pays("alice").status == 401).then_some(())
    });
    eventually("the next document", || {
        (story.pays("bob").status == 200).then_some(())
    });
    let entries = "wasmcustom.passgate.credentials.provider.acme.entries";
    eventually("the numbers", || {
        (story.gate.stat(entries) == 2).then_some(())
    });
    story.gate.finish();
}

#[test]
fn without_a_document_approvals_are_an_outage_and_others_pass() {
    let story = Story::start(&document(), 1, |server, key| {
        server.publish_text(&list(&[entry("alice", key)]));
        server.hold();
    });
    // The first request waits.
    let payment = story.payment("alice", &story.passkey);
    let mut waiting = story.gate.client();
    waiting.send(payment.to_http1());
    eventually("the fetch", || (story.server.fetches() > 0).then_some(()));
    assert_eq!(story.gate.upstream.hits(), 0);
    story.server.release();
    story.gate.passed(&waiting.read());
    story.server.drop_connections();
    eventually("an outage", || {
        (story.pays("alice").status == 503).then_some(())
    });
    story
        .gate
        .denied(&story.pays("alice"), "unavailable.credentials");
    let other = Request::get("/").bearer(&story.token("alice"));
    story.gate.passed(&story.gate.send(BOTH[0], &other));
    let log = story.gate.log();
    assert!(
        log.contains("passgate credentials of acme: the document is too old"),
        "{log}"
    );
    story.server.recover();
    eventually("the next document", || {
        (story.pays("alice").status == 200).then_some(())
    });
    story.gate.finish();
}

#[test]
fn the_provider_is_asked_about_one_person_at_a_time() {
    let uri = "https://id.example.com/of/{sub}";
    let http_uri = json!({ "uri": uri, "cluster": "people", "timeout": "20s" });
    let each = json!({ "by_subject": { "http_uri": http_uri, "cache_duration": "1s" } });
    let of = |subject: &str, key: &SigningKey| {
        let entries = [entry(subject, key)];
        json!({ "iss": ISSUER, "sub": subject, "credentials": entries }).to_string()
    };
    let (alice, path) = ("alice@example.com", "/of/alice%40example.com");
    let story = Story::start(&each, 1, |server, key| {
        server.status(404);
        server.page(path, 200, &of(alice, key));
        server.page("/of/mallory", 200, &of(alice, key));
        server.hold();
    });
    // Nobody has asked yet. Those who come together wait for one answer.
    assert_eq!(story.server.fetches(), 0);
    let mut waiting: Vec<_> = (0..5)
        .map(|_| {
            let payment = story.payment(alice, &story.passkey);
            let mut client = story.gate.client();
            client.send(payment.to_http1());
            client
        })
        .collect();
    eventually("the question", || {
        (story.server.fetches() > 0).then_some(())
    });
    assert_eq!(story.gate.upstream.hits(), 0);
    story.server.release();
    for client in &mut waiting {
        story.gate.passed(&client.read());
    }
    assert_eq!(story.server.paths(), [path], "asked once");
    // The server knows nobody of this name; and what it says of another is not an answer.
    story
        .gate
        .denied(&story.pays("bob"), "untrusted.credential");
    story
        .gate
        .denied(&story.pays("mallory"), "unavailable.credentials");
    story.server.drop_connections();
    eventually("an outage", || {
        (story.pays(alice).status == 503).then_some(())
    });
    story
        .gate
        .denied(&story.pays(alice), "unavailable.credentials");
    let other = Request::get("/").bearer(&story.token(alice));
    story.gate.passed(&story.gate.send(BOTH[0], &other));
    story.server.recover();
    eventually("an answer", || {
        (story.pays(alice).status == 200).then_some(())
    });
    story.gate.finish();
}
