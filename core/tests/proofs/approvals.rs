//! A passkey approves one request.

use passgate_core::Body;
use passgate_kit::{ApprovalBuilder, SigningKey, base64url, public_members};
use serde_json::{Value, json};

use crate::world::{ISSUER, Judged, World, policy};

pub(crate) const RP_ID: &str = "example.com";
pub(crate) const PAGE: &str = "https://app.example.com";
/// Another page that asks, which is not one of `origins`.
const SHOP: &str = "https://shop.example.com";

/// Rules that want an approval, beside those of [`policy`].
pub(crate) fn approving() -> Value {
    let mut policy = policy();
    policy["relying_party"] = json!({ "id": RP_ID, "origins": [PAGE, SHOP] });
    policy["providers"]["acme"]["cnf_jwk"] = json!("passkey");
    let rule = |path: &str, requires: Value| json!({ "match": { "path_separated_prefix": path }, "requires": requires });
    let webauthn = |more: Value| {
        let mut terms = json!({ "mode": "transaction" });
        for (name, value) in more.as_object().unwrap() {
            terms[name] = value.clone();
        }
        json!({ "webauthn": terms })
    };
    let rules = policy["rules"].as_array_mut().unwrap();
    rules.extend([
        rule("/pay", json!({ "proof": webauthn(json!({})) })),
        rule(
            "/order",
            json!({ "proof": webauthn(json!({ "body": "required" })), "scopes": ["order"] }),
        ),
        rule(
            "/either-body",
            json!({ "requires_any": { "requirements": [
                { "proof": webauthn(json!({})) },
                { "proof": webauthn(json!({ "body": "required" })), "scopes": ["order"] },
            ] } }),
        ),
        rule(
            "/touch",
            json!({ "proof": webauthn(json!({ "user_verification": "optional" })) }),
        ),
        rule(
            "/own",
            json!({ "proof": webauthn(json!({ "device_bound": true })) }),
        ),
        rule(
            "/slow",
            json!({ "proof": webauthn(json!({ "window": "5m", "forward": true })) }),
        ),
        rule(
            "/strong",
            json!({
                "proof": webauthn(json!({ "user_verification": "optional" })),
                "facts": ["phishing_resistant", "user_verified"], "max_age": "60s",
            }),
        ),
        rule(
            "/two",
            json!({ "requires_any": { "requirements": [
                { "scopes": ["never"], "proof": webauthn(json!({})) },
                { "proof": webauthn(json!({ "device_bound": true })) },
            ] } }),
        ),
        rule(
            "/or-scope",
            json!({ "requires_any": { "requirements": [
                { "scopes": ["never"] }, { "proof": webauthn(json!({})) },
            ] } }),
        ),
    ]);
    policy
}

/// A gate, and a person with a passkey that the provider names in the token.
pub(crate) struct Person(pub(crate) World);

impl Person {
    pub(crate) fn new() -> Self {
        Self::with_key(SigningKey::es256("passkey"))
    }

    pub(crate) fn with_key(key: SigningKey) -> Self {
        Self(World::with_key(&approving(), key))
    }

    pub(crate) fn token(&self) -> String {
        let mut jwk = public_members(&self.0.key);
        jwk["alg"] = json!(self.0.key.alg());
        self.0.token_with(|token| {
            token
                .claim("sub", "alice")
                .claim("scope", "order")
                .claim("cnf", json!({ "jwk": jwk }))
        })
    }

    /// A nonce for an approval of a request to this path.
    pub(crate) fn nonce(&mut self, path: &str) -> String {
        let headers = [("authorization", format!("Bearer {}", self.token()))];
        let judged = self.0.judge(path, &headers);
        judged.header("webauthn-nonce").unwrap()
    }

    pub(crate) fn approval(&self, path: &str, token: &str, nonce: &str) -> ApprovalBuilder<'_> {
        let uri = format!("https://api.example.com{path}");
        ApprovalBuilder::of(&self.0.key, (RP_ID, PAGE), (self.0.method, &uri))
            .token(token)
            .claim("iss", ISSUER)
            .claim("sub", "alice")
            .claim("iat", self.0.now())
            .claim("nonce", nonce)
    }

    /// Sends a request with an approval that would be good without the change.
    pub(crate) fn send(
        &mut self,
        path: &str,
        change: impl FnOnce(ApprovalBuilder<'_>) -> ApprovalBuilder<'_>,
    ) -> Judged {
        let (token, nonce) = (self.token(), self.nonce(path));
        let proof = change(self.approval(path, &token, &nonce)).build();
        self.0.judge(path, &sent(&token, &proof))
    }
}

pub(crate) fn sent(token: &str, proof: &str) -> [(&'static str, String); 2] {
    [
        ("authorization", format!("Bearer {token}")),
        ("webauthn-proof", proof.to_owned()),
    ]
}

#[test]
fn a_passkey_approves_a_request_with_each_algorithm() {
    for alg in SigningKey::ALGORITHMS {
        let mut person = Person::with_key(SigningKey::of(alg, "passkey"));
        let judged = person.send("/pay?amount=10", |proof| proof);
        assert_eq!(judged.code, "permitted.token", "{alg}");
        let record = judged.record();
        assert_eq!(record["proof"]["kind"], "webauthn");
        assert_eq!(record["proof"]["age"], 0);
        assert_eq!(
            record["facts"],
            json!([
                "user_present",
                "user_verified",
                "phishing_resistant",
                "device_bound"
            ])
        );
        assert_eq!(record["authentication_age"], 0);
        assert!(judged.removes("webauthn-proof"));
        assert!(judged.written("x-passgate-proof-id").is_some());
        assert_eq!(
            judged.written("x-passgate-user-verified").as_deref(),
            Some("true")
        );
        assert!(judged.nonce().is_some());
        let judged = person.send("/pay", |proof| proof.signature(&[0x5a; 64]));
        assert_eq!(judged.code, "untrusted.proof_signature", "{alg}");
    }
}

/// Each change of the request, of the statement, or of the assertion, with its reason.
#[test]
fn an_approval_of_something_else_fails_for_what_is_wrong_about_it() {
    let mut person = Person::new();
    let thief = SigningKey::es256("thief");
    let stranger = thief.sign_as_authenticator(b"something else");
    type Change<'a> = &'a dyn Fn(ApprovalBuilder<'_>) -> ApprovalBuilder<'_>;
    let changes: [(Change<'_>, &str); 25] = [
        (
            &|proof| proof.claim("htm", "POST"),
            "untrusted.proof_request",
        ),
        (
            &|proof| proof.claim("htu", "https://api.example.com/pay?amount=1000"),
            "untrusted.proof_request",
        ),
        (
            &|proof| proof.claim("htu", "https://api.example.com/pay"),
            "untrusted.proof_request",
        ),
        (
            &|proof| proof.claim("htu", "https://api.example.com/pay?amount=10#x"),
            "untrusted.proof_request",
        ),
        (
            &|proof| proof.claim("htu", "https://API.example.com/pay?amount=10"),
            "untrusted.proof_request",
        ),
        (
            &|proof| proof.claim("htu", "https://evil.example/pay?amount=10"),
            "untrusted.proof_request",
        ),
        (
            &|proof| proof.claim("iss", "https://other.example.com"),
            "untrusted.proof_token",
        ),
        (
            &|proof| proof.claim("sub", "mallory"),
            "untrusted.proof_token",
        ),
        (&|proof| proof.without("sub"), "untrusted.proof_token"),
        (&|proof| proof.token("another"), "untrusted.proof_token"),
        (&|proof| proof.without("ath"), "untrusted.proof_token"),
        (
            &|proof| proof.claim("nonce", base64url([7; 22])),
            "untrusted.proof_nonce",
        ),
        (&|proof| proof.without("nonce"), "untrusted.proof_nonce"),
        (&|proof| proof.claim("mode", "session"), "malformed.proof"),
        (&|proof| proof.without("mode"), "malformed.proof"),
        (&|proof| proof.claim("jti", ""), "malformed.proof"),
        (&|proof| proof.claim("iat", "now"), "malformed.proof"),
        (&|proof| proof.claim("amount", 10), "malformed.proof"),
        (&|proof| proof.member("type", "password"), "malformed.proof"),
        (
            &|proof| proof.client_data("challenge", base64url([7; 32])),
            "untrusted.proof_request",
        ),
        (
            &|proof| proof.client_data("origin", "https://evil.example"),
            "untrusted.proof_origin",
        ),
        (
            &|proof| proof.rp_id("evil.example"),
            "untrusted.proof_origin",
        ),
        (&|proof| proof.flags(0x01, &[]), "untrusted.proof_flags"),
        (&|proof| proof.flags(0x04, &[]), "untrusted.proof_flags"),
        (
            &|proof| proof.signature(&stranger),
            "untrusted.proof_signature",
        ),
    ];
    for (index, (change, code)) in changes.into_iter().enumerate() {
        let judged = person.send("/pay?amount=10", change);
        assert_eq!(judged.code, code, "change {index}");
        // Whatever it was, the client can begin again.
        assert!(judged.header("webauthn-nonce").is_some(), "change {index}");
    }
    let judged = person.send("/pay?amount=10", |proof| proof);
    assert_eq!(judged.code, "permitted.token");
}

#[test]
fn the_client_is_told_what_to_ask_the_authenticator_for() {
    let mut person = Person::new();
    let headers = [
        ("authorization", format!("Bearer {}", person.token())),
        ("origin", SHOP.to_owned()),
    ];
    let judged = person.0.judge("/pay", &headers);
    assert_eq!((judged.code, judged.status), ("missing.proof", Some(401)));
    let challenge = judged.header("www-authenticate").unwrap();
    for part in [
        "Bearer realm=",
        "error=\"insufficient_user_authentication\"",
        "proof=\"webauthn\"",
        "proof_mode=\"transaction\"",
        "rp_id=\"example.com\"",
        "user_verification=\"required\"",
        "max_age=\"60\"",
    ] {
        assert!(challenge.contains(part), "{part} in {challenge}");
    }
    let exposed = judged.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("WebAuthn-Nonce"), "{exposed}");
    let reader = judged.header("access-control-allow-origin");
    assert_eq!(reader.as_deref(), Some(SHOP));
    let judged = person.0.judge("/touch", &headers);
    let challenge = judged.header("www-authenticate").unwrap();
    assert!(challenge.contains("user_verification=\"preferred\""));
}

#[test]
fn an_approval_counts_once_by_whatever_bytes() {
    let mut person = Person::new();
    let (token, nonce) = (person.token(), person.nonce("/pay"));
    let proof = person.approval("/pay", &token, &nonce);
    // Another gesture for the same statement is the same approval: ECDSA signs it in another way.
    let first = proof.clone().build();
    let again = proof
        .clone()
        .member("clientExtensionResults", json!({}))
        .build();
    let other_id = proof.member("id", "AQID").member("rawId", "AQID").build();
    assert_eq!(
        person.0.judge("/pay", &sent(&token, &first)).code,
        "permitted.token"
    );
    for proof in [first, again, other_id] {
        let judged = person.0.judge("/pay", &sent(&token, &proof));
        assert_eq!(judged.code, "untrusted.proof_replayed");
    }
}

#[test]
fn all_workers_together_let_an_approval_pass_once() {
    let mut person = Person::new();
    let (token, nonce) = (person.token(), person.nonce("/pay"));
    let headers = sent(&token, &person.approval("/pay", &token, &nonce).build());
    let mut other = person.0.other_worker(2, &approving(), "gate");
    assert_eq!(other.judge("/pay", &headers).code, "permitted.token");
    assert_eq!(
        person.0.judge("/pay", &headers).code,
        "untrusted.proof_replayed"
    );
}

#[test]
fn an_approval_is_as_old_as_its_nonce() {
    let mut person = Person::new();
    for (path, seconds, code) in [
        ("/pay", 60, "permitted.token"),
        ("/pay", 61, "untrusted.proof_nonce"),
        ("/slow", 299, "permitted.token"),
    ] {
        let nonce = person.nonce(path);
        person.0.wait(seconds);
        let token = person.token();
        let proof = person.approval(path, &token, &nonce).build();
        assert_eq!(
            person.0.judge(path, &sent(&token, &proof)).code,
            code,
            "{path} {seconds}"
        );
    }
    // A nonce for DPoP is not one for an approval.
    let mut world = World::new(&approving());
    let nonce = world.nonce("/dpop");
    let judged = person.send("/pay", |proof| proof.claim("nonce", nonce));
    assert_eq!(judged.code, "untrusted.proof_nonce");
}

/// Where the rule does not want the body approved.
#[test]
fn a_request_with_a_body_is_not_approved() {
    let mut person = Person::new();
    person.0.method = "POST";
    assert_eq!(person.send("/pay", |proof| proof).code, "permitted.token");
    person.0.body = Body::Unread;
    let judged = person.send("/pay", |proof| proof);
    assert_eq!(
        (judged.code, judged.status),
        ("untrusted.proof_body", Some(401))
    );
}

/// A passkey makes assertions, and nothing else: a token that names one is worth nothing on other
/// rules.
#[test]
fn a_token_that_names_a_passkey_passes_only_where_a_rule_wants_an_approval() {
    let mut person = Person::new();
    for path in [
        "/plain",
        "/dpop",
        "/certificate",
        "/scope",
        "/public-or-known",
    ] {
        let token = person.token();
        let proof = person.approval(path, &token, "x").build();
        let judged = person.0.judge(path, &sent(&token, &proof));
        assert_eq!(judged.code, "untrusted.proof_token", "{path}");
    }
    let dpop = [("authorization", format!("DPoP {}", person.token()))];
    assert_eq!(person.0.judge("/pay", &dpop).code, "untrusted.proof_token");
    assert_eq!(
        person.send("/or-scope", |proof| proof).code,
        "permitted.token"
    );
    // And a rule that wants an approval does not take another token.
    let bearer = person.0.token_with(|token| token.without("cnf"));
    let bearer = [("authorization", format!("Bearer {bearer}"))];
    assert_eq!(
        person.0.judge("/pay", &bearer).code,
        "untrusted.proof_token"
    );
    let bound = [("authorization", format!("DPoP {}", person.0.token()))];
    assert_eq!(person.0.judge("/pay", &bound).code, "untrusted.proof_token");
}

#[test]
fn the_rule_says_what_the_gesture_must_prove() {
    let mut person = Person::new();
    const UP: u8 = 0x01;
    const UV: u8 = 0x05;
    const SYNCED: u8 = 0x1d;
    for (path, flags, code) in [
        ("/pay", UV, "permitted.token"),
        ("/pay", SYNCED, "permitted.token"),
        ("/pay", UP, "untrusted.proof_flags"),
        ("/touch", UP, "permitted.token"),
        ("/own", UV, "permitted.token"),
        ("/own", SYNCED, "untrusted.proof_flags"),
        ("/strong", UV, "permitted.token"),
        ("/strong", UP, "insufficient.authentication"),
        ("/two", UV, "permitted.token"),
    ] {
        let judged = person.send(path, |proof| proof.flags(flags, &[]));
        assert_eq!(judged.code, code, "{path} {flags:x}");
    }
    // The first alternative takes the gesture and lacks a scope; the second does not take it.
    let judged = person.send("/two", |proof| proof.flags(SYNCED, &[]));
    assert_eq!(judged.code, "insufficient.scope");
}

/// Who acts for a person does not get the person's facts, unless the rule says so.
#[test]
fn an_actor_does_not_get_the_facts_of_the_persons_gesture() {
    let mut person = Person::new();
    let jwk = public_members(&person.0.key);
    let token = person.0.token_with(|token| {
        let token = token
            .claim("sub", "alice")
            .claim("act", json!({ "sub": "agent" }));
        token.claim("cnf", json!({ "jwk": jwk }))
    });
    for (path, code) in [
        ("/strong", "insufficient.authentication"),
        ("/pay", "permitted.token"),
    ] {
        let nonce = person.nonce(path);
        let proof = person.approval(path, &token, &nonce).build();
        let judged = person.0.judge(path, &sent(&token, &proof));
        assert_eq!(judged.code, code, "{path}");
        assert_eq!(judged.written("x-passgate-user-verified"), None);
    }
}

#[test]
fn an_approval_goes_on_only_where_the_rule_says_so() {
    let mut person = Person::new();
    let (token, nonce) = (person.token(), person.nonce("/slow"));
    let approval = person.approval("/slow", &token, &nonce).build();
    let [bearer, approval] = sent(&token, &approval);
    let unjudged = ("dpop", "x".to_owned());
    let judged = person.0.judge("/slow", &[bearer, approval, unjudged]);
    assert!(!judged.removes("webauthn-proof") && judged.removes("dpop"));
    let bearer = person.0.token_with(|token| token.without("cnf"));
    let headers = [
        ("authorization", format!("Bearer {bearer}")),
        ("webauthn-proof", "x".to_owned()),
        ("webauthn_proof", "x".to_owned()),
    ];
    let judged = person.0.judge("/plain", &headers);
    assert!(judged.removes("webauthn-proof") && judged.removes("webauthn_proof"));
}

#[test]
fn an_approval_is_one_header_with_two_parts() {
    let mut person = Person::new();
    let (token, nonce) = (person.token(), person.nonce("/pay"));
    let good = person.approval("/pay", &token, &nonce).build();
    let long = "A".repeat(16 << 10);
    for bad in [
        "",
        ".",
        "e30",
        "e30.e30",
        &format!("{good}."),
        &format!("{good}="),
        &format!("{good},{good}"),
        &good.replace('.', ".."),
        &format!("{long}.{long}"),
    ] {
        let judged = person.0.judge("/pay", &sent(&token, bad));
        assert_eq!(judged.code, "malformed.proof", "{}", bad.len());
    }
    let mut twice = sent(&token, &good).to_vec();
    twice.push(twice[1].clone());
    assert_eq!(person.0.judge("/pay", &twice).code, "malformed.proof");
    assert_eq!(person.0.judge("/pay", &twice[..2]).code, "permitted.token");
}

#[test]
fn what_is_only_observed_spends_nothing() {
    let mut policy = approving();
    policy["mode"] = json!({ "shadow": { "until": "2030-01-01" } });
    let mut person = Person(World::with_key(&policy, SigningKey::es256("passkey")));
    let token = person.token();
    let nonce = {
        let mut enforced = person.0.other_worker(2, &approving(), "gate");
        let headers = [("authorization", format!("Bearer {token}"))];
        enforced.judge("/pay", &headers).nonce().unwrap()
    };
    let headers = sent(&token, &person.approval("/pay", &token, &nonce).build());
    for _ in 0..2 {
        let judged = person.0.judge("/pay", &headers);
        assert!(judged.is_observed && judged.edits.is_empty());
        assert_eq!(judged.record()["shadow"]["decision"], "allow");
    }
    let mut enforced = person.0.other_worker(3, &approving(), "gate");
    assert_eq!(enforced.judge("/pay", &headers).code, "permitted.token");
}
