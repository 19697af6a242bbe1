//! A passkey approves a key, which proves each request for a time.

use passgate_core::Body;
use passgate_kit::{ApprovalBuilder, ProofBuilder, SigningKey, base64url, public_members};
use serde_json::{Value, json};

use crate::{
    approvals::{PAGE, RP_ID},
    holders::{Holder, holding},
    world::{ISSUER, Judged},
};

pub(crate) const ORIGIN: &str = "https://api.example.com";

pub(crate) fn console() -> Value {
    let mut policy = holding();
    let session = |more: Value| {
        let mut terms = json!({ "mode": "session", "dpop": { "nonce": "none" } });
        for (name, value) in more.as_object().unwrap() {
            terms[name] = value.clone();
        }
        json!({ "webauthn": terms })
    };
    let any = |ways: [Value; 2]| json!({ "requires_any": { "requirements": ways } });
    let transaction = json!({ "proof": { "webauthn": { "mode": "transaction" } } });
    let proof = |more: Value| json!({ "proof": session(more) });
    let strict = json!({ "proof": { "webauthn": { "mode": "session" } } });
    let fresh = json!({
        "proof": session(json!({})),
        "facts": ["phishing_resistant", "user_verified"], "max_age": "2m",
    });
    let facts = json!({ "facts": ["phishing_resistant"], "max_age": "10m" });
    let rules = policy["rules"].as_array_mut().unwrap();
    for (path, requires) in [
        ("/console", proof(json!({}))),
        ("/facts-or-session", any([facts.clone(), proof(json!({}))])),
        (
            "/never-session-or-facts",
            any([
                json!({ "proof": session(json!({})), "scopes": ["never"] }),
                facts,
            ]),
        ),
        ("/strict", strict),
        ("/short", proof(json!({ "max_session": "1m" }))),
        ("/long", proof(json!({ "max_session": "12h" }))),
        (
            "/touched",
            proof(json!({ "user_verification": "optional" })),
        ),
        ("/device", proof(json!({ "device_bound": true }))),
        ("/kept", proof(json!({ "forward": true }))),
        ("/fresh", fresh),
        ("/either-mode", any([transaction.clone(), proof(json!({}))])),
        (
            "/or-scope-session",
            any([json!({ "scopes": ["never"] }), proof(json!({}))]),
        ),
        (
            "/never-requests",
            any([
                json!({ "proof": transaction["proof"], "scopes": ["never"] }),
                proof(json!({})),
            ]),
        ),
        (
            "/never-sessions",
            any([
                json!({ "proof": session(json!({})), "scopes": ["never"] }),
                transaction.clone(),
            ]),
        ),
        (
            "/first-too-short",
            any([
                json!({ "proof": session(json!({ "max_session": "1m" })) }),
                json!({ "proof": session(json!({ "max_session": "1h" })) }),
            ]),
        ),
    ] {
        let matched = json!({ "path_separated_prefix": path });
        rules.push(json!({ "match": matched, "requires": requires }));
    }
    policy
}

/// A gate, alice with a passkey that the provider knows, and a key of her page.
pub(crate) struct Console {
    pub(crate) alice: Holder,
    pub(crate) page: SigningKey,
}

/// What a challenge says.
pub(crate) fn parameter(judged: &Judged, name: &str) -> Option<String> {
    let challenge = judged.header("www-authenticate")?;
    let (_, value) = challenge.split_once(&format!(" {name}=\""))?;
    Some(value.split('"').next()?.to_owned())
}

impl Console {
    pub(crate) fn new() -> Self {
        Self::with(&console())
    }

    pub(crate) fn with(policy: &Value) -> Self {
        Self {
            alice: Holder::with(policy),
            page: SigningKey::es256("page"),
        }
    }

    pub(crate) fn token(&self) -> String {
        self.alice.token()
    }

    /// What the gate asks for: a nonce, and the latest end.
    pub(crate) fn asked(&mut self, path: &str) -> (String, u64) {
        let headers = [("authorization", format!("Bearer {}", self.token()))];
        let judged = self.alice.0.judge(path, &headers);
        assert_eq!((judged.code, judged.status), ("missing.proof", Some(401)));
        let nonce = judged.header("webauthn-nonce").unwrap();
        let exp = parameter(&judged, "exp").unwrap();
        (nonce, exp.parse().unwrap())
    }

    pub(crate) fn statement<'k>(
        &self,
        passkey: &'k SigningKey,
        (nonce, exp): &(String, u64),
    ) -> ApprovalBuilder<'k> {
        ApprovalBuilder::session(passkey, (RP_ID, PAGE), (ORIGIN, *exp), &self.page)
            .claim("iss", ISSUER)
            .claim("sub", "alice")
            .claim("iat", self.alice.0.now())
            .claim("nonce", nonce.as_str())
    }

    /// A session that would be good without the change.
    pub(crate) fn session(
        &mut self,
        path: &str,
        change: impl FnOnce(ApprovalBuilder<'_>) -> ApprovalBuilder<'_>,
    ) -> String {
        let asked = self.asked(path);
        change(self.statement(&self.alice.0.key, &asked)).build()
    }

    pub(crate) fn proof(&self, path: &str) -> ProofBuilder<'_> {
        let uri = [ORIGIN, path].concat();
        ProofBuilder::of(&self.page, self.alice.0.method, &uri)
            .token(&self.token())
            .claim("iat", self.alice.0.now())
    }

    /// A request in this session, with a proof of its own.
    pub(crate) fn send(&mut self, path: &str, session: &str) -> Judged {
        let dpop = self.proof(path).build();
        self.judge(path, session, &dpop)
    }

    pub(crate) fn judge(&mut self, path: &str, session: &str, dpop: &str) -> Judged {
        let headers = self.headers(session, dpop);
        self.alice.0.judge(path, &headers)
    }

    pub(crate) fn headers(&self, session: &str, dpop: &str) -> [(&'static str, String); 3] {
        [
            ("authorization", format!("Bearer {}", self.token())),
            ("webauthn-proof", session.to_owned()),
            ("dpop", dpop.to_owned()),
        ]
    }
}

#[test]
fn one_gesture_lets_a_key_prove_many_requests() {
    let mut console = Console::new();
    let session = console.session("/console", |statement| statement);
    for seconds in [0, 1, 299, 299] {
        console.alice.0.wait(seconds);
        let judged = console.send("/console?page=2", &session);
        assert_eq!(judged.code, "permitted.token", "{seconds}");
        assert!(judged.removes("webauthn-proof") && judged.removes("dpop"));
        assert!(judged.written("x-passgate-proof-id").is_some());
    }
    let judged = console.send("/console", &session);
    let record = judged.record();
    assert_eq!(record["proof"]["kind"], "webauthn_session");
    assert_eq!(record["proof"]["age"], 599);
    let passkey = passgate_kit::thumbprint(&console.alice.0.key);
    assert_eq!(record["proof"]["key"], json!(passkey.get(..16)));
    let facts = [
        "user_present",
        "user_verified",
        "phishing_resistant",
        "device_bound",
    ];
    assert_eq!(record["facts"], json!(facts));
    assert_eq!(record["authentication_age"], 599, "of the gesture");
    // Neither method nor body is the session's.
    console.alice.0.method = "POST";
    console.alice.0.body = Body::Unread;
    assert_eq!(console.send("/console/x", &session).code, "permitted.token");
    console.alice.0.wait(1);
    let judged = console.send("/console", &session);
    assert_eq!(
        (judged.code, judged.status),
        ("untrusted.proof_time", Some(401))
    );
    assert_eq!(judged.record()["expected"], "proof: exp: a time to come");
    assert!(judged.header("webauthn-nonce").is_some());
}

#[test]
fn the_client_is_told_what_a_session_has_to_be() {
    let mut console = Console::new();
    let headers = [("authorization", format!("Bearer {}", console.token()))];
    let now = console.alice.0.now();
    for (path, seconds) in [("/console", 600), ("/short", 60), ("/long", 43_200)] {
        let judged = console.alice.0.judge(path, &headers);
        let told = [
            "proof",
            "proof_mode",
            "rp_id",
            "user_verification",
            "max_age",
            "exp",
        ]
        .map(|name| parameter(&judged, name).unwrap());
        let [age, exp] = [seconds, now + seconds].map(|number| number.to_string());
        let wanted = ["webauthn", "session", "example.com", "required", &age, &exp];
        assert_eq!(told, wanted);
        let challenge = judged.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer "), "{challenge}");
        assert!(!challenge.contains("body="), "{challenge}");
    }
}

/// Each change of the statement or the assertion, with its reason. The session is asked for anew.
#[test]
fn a_session_of_something_else_fails_for_what_is_wrong_about_it() {
    let mut console = Console::new();
    let now = console.alice.0.now();
    let stranger = SigningKey::es256("stranger").sign_as_authenticator(b"something else");
    type Change<'a> = &'a dyn Fn(ApprovalBuilder<'_>) -> ApprovalBuilder<'_>;
    let changes: [(Change<'_>, &str); 28] = [
        (
            &|it| it.claim("aud", "https://app.example.com"),
            "untrusted.proof_request",
        ),
        (
            &|it| it.claim("aud", "https://api.example.com/"),
            "untrusted.proof_request",
        ),
        (
            &|it| it.claim("aud", json!([ORIGIN])),
            "untrusted.proof_request",
        ),
        (&|it| it.without("aud"), "untrusted.proof_request"),
        (
            &|it| it.claim("iss", "https://other.example.com"),
            "untrusted.proof_token",
        ),
        (&|it| it.without("iss"), "untrusted.proof_token"),
        (&|it| it.claim("sub", "mallory"), "untrusted.proof_token"),
        (&|it| it.without("sub"), "untrusted.proof_token"),
        (&|it| it.token("another"), "untrusted.proof_token"),
        (&|it| it.claim("ath", 1), "untrusted.proof_token"),
        (
            &|it| it.claim("nonce", base64url([7; 22])),
            "untrusted.proof_nonce",
        ),
        (&|it| it.without("nonce"), "untrusted.proof_nonce"),
        (&|it| it.claim("exp", now), "untrusted.proof_time"),
        (&|it| it.claim("exp", now + 601), "untrusted.proof_time"),
        (&|it| it.claim("exp", "soon"), "malformed.proof"),
        (&|it| it.without("exp"), "malformed.proof"),
        (&|it| it.without("jkt"), "malformed.proof"),
        (&|it| it.claim("jkt", "short"), "malformed.proof"),
        (&|it| it.claim("jti", ""), "malformed.proof"),
        (&|it| it.claim("iat", "now"), "malformed.proof"),
        (&|it| it.claim("mode", "Session"), "malformed.proof"),
        (&|it| it.claim("mode", "transaction"), "malformed.proof"),
        (&|it| it.claim("htm", "GET"), "malformed.proof"),
        (&|it| it.body(b""), "malformed.proof"),
        (
            &|it| it.client_data("challenge", base64url([7; 32])),
            "untrusted.proof_request",
        ),
        (
            &|it| it.client_data("origin", "https://evil.example"),
            "untrusted.proof_origin",
        ),
        (&|it| it.flags(0x01, &[]), "untrusted.proof_flags"),
        (&|it| it.signature(&stranger), "untrusted.proof_signature"),
    ];
    for (index, (change, code)) in changes.into_iter().enumerate() {
        let session = console.session("/console", change);
        let judged = console.send("/console", &session);
        assert_eq!(judged.code, code, "change {index}");
        assert_eq!(
            parameter(&judged, "proof_mode").as_deref(),
            Some("session"),
            "change {index}"
        );
        assert!(judged.header("webauthn-nonce").is_some(), "change {index}");
    }
    let token = console.token();
    let session = console.session("/console", |it| it.token(&token).claim("exp", now + 600));
    assert_eq!(console.send("/console", &session).code, "permitted.token");
}

/// The session is good, and the person is not asked again.
#[test]
fn a_request_of_a_session_needs_a_proof_by_its_key() {
    let mut console = Console::new();
    let session = console.session("/console", |statement| statement);
    let thief = SigningKey::es256("thief");
    let now = console.alice.0.now();
    let (token, uri) = (console.token(), [ORIGIN, "/console"].concat());
    let stolen = ProofBuilder::of(&thief, "GET", &uri).token(&token);
    let own = || console.proof("/console");
    let cases = [
        (stolen.claim("iat", now).build(), "untrusted.proof_key"),
        (
            own().header("jwk", public_members(&thief)).build(),
            "untrusted.proof_key",
        ),
        (
            own().claim("htm", "POST").build(),
            "untrusted.proof_request",
        ),
        (
            own().claim("htu", "https://api.example.com/other").build(),
            "untrusted.proof_request",
        ),
        (own().token("another").build(), "untrusted.proof_token"),
        (own().without("ath").build(), "untrusted.proof_token"),
        (own().claim("iat", now - 61).build(), "untrusted.proof_time"),
        (
            own().jws(|jws| jws.signature(&[7; 64])).build(),
            "untrusted.proof_signature",
        ),
        ("x".to_owned(), "malformed.proof"),
    ];
    for (dpop, code) in cases {
        let judged = console.judge("/console", &session, &dpop);
        assert_eq!((judged.code, judged.status), (code, Some(401)));
        let challenge = judged.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("DPoP "), "{challenge}");
        assert_eq!(
            parameter(&judged, "error").as_deref(),
            Some("invalid_dpop_proof")
        );
        assert!(judged.header("webauthn-nonce").is_none());
        assert_eq!(judged.record()["proof"], json!({ "kind": "dpop" }));
    }
    let [bearer, session, dpop] = console.headers(&session, &console.proof("/console").build());
    let judged = console
        .alice
        .0
        .judge("/console", &[bearer.clone(), session.clone()]);
    assert_eq!(judged.code, "missing.proof");
    assert_eq!(judged.record()["expected"], "a DPoP header");
    let judged = console
        .alice
        .0
        .judge("/console", &[bearer.clone(), dpop.clone()]);
    assert_eq!(judged.record()["expected"], "a WebAuthn-Proof header");
    assert_eq!(parameter(&judged, "proof_mode").as_deref(), Some("session"));
    // The scheme is that of a token which is not bound.
    let bound = ("authorization", format!("DPoP {token}"));
    let judged = console
        .alice
        .0
        .judge("/console", &[bound, session.clone(), dpop.clone()]);
    assert_eq!(judged.code, "untrusted.proof_token");
    let judged = console.alice.0.judge("/console", &[bearer, session, dpop]);
    assert_eq!(judged.code, "permitted.token");
}

#[test]
fn a_proof_of_a_session_counts_once_at_all_workers() {
    let mut console = Console::new();
    let session = console.session("/console", |statement| statement);
    let headers = console.headers(&session, &console.proof("/console").build());
    let mut other = console
        .alice
        .0
        .other_worker(2, &console.alice.0.policy.clone(), "gate");
    other.says = console.alice.0.says.clone();
    assert_eq!(other.judge("/console", &headers).code, "permitted.token");
    for world in [&mut console.alice.0, &mut other] {
        let judged = world.judge("/console", &headers);
        assert_eq!(judged.code, "untrusted.proof_replayed");
        assert!(
            judged.header("webauthn-nonce").is_none(),
            "the session goes on"
        );
    }
    let next = console.headers(&session, &console.proof("/console").build());
    assert_eq!(other.judge("/console", &next).code, "permitted.token");
}

#[test]
fn a_rule_asks_for_nonces_of_dpop_unless_it_says_otherwise() {
    let mut console = Console::new();
    let session = console.session("/strict", |statement| statement);
    let judged = console.send("/strict", &session);
    assert_eq!(judged.code, "untrusted.proof_nonce");
    assert_eq!(
        parameter(&judged, "error").as_deref(),
        Some("use_dpop_nonce")
    );
    assert!(judged.header("webauthn-nonce").is_none());
    let nonce = judged.header("dpop-nonce").unwrap();
    let dpop = console
        .proof("/strict")
        .claim("nonce", nonce.as_str())
        .build();
    assert_eq!(
        console.judge("/strict", &session, &dpop).code,
        "permitted.token"
    );
    // One that ages is replaced with the service's answer.
    console.alice.0.wait(31);
    let dpop = console.proof("/strict").claim("nonce", nonce).build();
    let judged = console.judge("/strict", &session, &dpop);
    assert_eq!(judged.code, "permitted.token");
    assert_eq!(
        judged
            .answer
            .iter()
            .map(|header| header.name)
            .collect::<Vec<_>>(),
        ["dpop-nonce"]
    );
}

/// Nonces of DPoP, of an approval, of a session, of another provider.
#[test]
fn a_nonce_is_for_one_use() {
    let mut console = Console::new();
    let asked = console.asked("/console");
    let bearer = [("authorization", format!("Bearer {}", console.token()))];
    let of_transaction = console
        .alice
        .0
        .judge("/pay", &bearer)
        .header("webauthn-nonce")
        .unwrap();
    let session = console.session("/strict", |statement| statement);
    let of_dpop = console
        .send("/strict", &session)
        .header("dpop-nonce")
        .unwrap();
    for nonce in [of_transaction, of_dpop] {
        let statement = console
            .statement(&console.alice.0.key, &(nonce, asked.1))
            .build();
        assert_eq!(
            console.send("/console", &statement).code,
            "untrusted.proof_nonce"
        );
    }
    let dpop = console
        .proof("/strict")
        .claim("nonce", asked.0.as_str())
        .build();
    assert_eq!(
        console.judge("/strict", &session, &dpop).code,
        "untrusted.proof_nonce"
    );
    let uri = [ORIGIN, "/pay"].concat();
    let approval = ApprovalBuilder::of(&console.alice.0.key, (RP_ID, PAGE), ("GET", &uri))
        .token(&console.token())
        .claim("iss", ISSUER)
        .claim("sub", "alice")
        .claim("iat", 1)
        .claim("nonce", asked.0.as_str())
        .build();
    assert_eq!(
        console.send("/pay", &approval).code,
        "untrusted.proof_nonce"
    );
}
