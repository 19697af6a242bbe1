//! A passkey approves a request, and the provider says whose it is.

use passgate_kit::{ApprovalBuilder, SigningKey, base64url, public_members, sha256};
use serde_json::{Value, json};

use crate::{
    approvals::{PAGE, RP_ID, approving, sent},
    world::{ISSUER, Judged, World},
};

/// Of the authenticator that made the passkey, and of another one.
pub(crate) const MODEL: &str = "ee882879-721c-4913-9775-3dfcce97072a";
const OTHER_MODEL: &str = "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4";
/// Which credential an assertion of the kit says that it is of.
const ID: [u8; 16] = [7; 16];

/// The rules of [`approving`] and some about models, for tokens that name no passkey.
pub(crate) fn holding() -> Value {
    let mut policy = approving();
    let acme = policy["providers"]["acme"].as_object_mut().unwrap();
    acme.remove("cnf_jwk");
    acme.insert("credentials".into(), source());
    let rules = policy["rules"].as_array_mut().unwrap();
    let webauthn =
        |aaguids: Value| json!({ "webauthn": { "mode": "transaction", "aaguids": aaguids } });
    for (path, requires) in [
        (
            "/allowed",
            json!({ "proof": webauthn(json!({ "allow": [MODEL] })) }),
        ),
        (
            "/denied",
            json!({ "proof": webauthn(json!({ "deny": [MODEL.to_uppercase()] })) }),
        ),
        (
            "/either-model",
            json!({ "requires_any": { "requirements": [
                { "proof": webauthn(json!({ "allow": [OTHER_MODEL] })) },
                { "proof": webauthn(json!({ "deny": [OTHER_MODEL] })) },
            ] } }),
        ),
        (
            "/approval-first",
            json!({ "requires_any": { "requirements": [
                { "proof": { "webauthn": { "mode": "transaction" } } }, { "scopes": ["never"] },
            ] } }),
        ),
    ] {
        let matched = json!({ "path_separated_prefix": path });
        rules.push(json!({ "match": matched, "requires": requires }));
    }
    policy
}

fn source() -> Value {
    let uri = json!({ "uri": "https://id.example.com/credentials", "cluster": "id" });
    json!({ "document": { "http_uri": uri } })
}

/// The same by an answer about each person.
pub(crate) fn by_subject() -> Value {
    let uri = json!({ "uri": "https://id.example.com/of/{sub}", "cluster": "id" });
    json!({ "by_subject": { "http_uri": uri } })
}

/// What the provider's document says of a passkey of alice.
pub(crate) fn entry(key: &SigningKey) -> Value {
    json!({
        "sub": "alice", "id": base64url(ID), "cose_key": base64url(key.cose_key()), "aaguid": MODEL,
    })
}

fn document(entries: &[Value]) -> Option<String> {
    Some(json!({ "iss": ISSUER, "credentials": entries }).to_string())
}

/// A gate, and alice with a passkey that the provider knows.
pub(crate) struct Holder(pub(crate) World);

impl Holder {
    fn new() -> Self {
        Self::with(&holding())
    }

    pub(crate) fn with(policy: &Value) -> Self {
        let mut world = World::with_key(policy, SigningKey::es256("passkey"));
        world.says.credentials = document(&[entry(&world.key)]);
        Self(world)
    }

    /// One whose entry has another value for this member.
    fn known_by(name: &str, value: Value) -> Self {
        let mut holder = Self::new();
        let mut entry = entry(&holder.0.key);
        entry[name] = value;
        holder.0.says.credentials = document(&[entry]);
        holder
    }

    pub(crate) fn token(&self) -> String {
        self.0
            .token_with(|token| token.claim("sub", "alice").without("cnf"))
    }

    fn nonce(&mut self, path: &str) -> String {
        let headers = [("authorization", format!("Bearer {}", self.token()))];
        self.0
            .judge(path, &headers)
            .header("webauthn-nonce")
            .unwrap()
    }

    fn approval<'k>(&self, key: &'k SigningKey, path: &str, nonce: &str) -> ApprovalBuilder<'k> {
        let uri = format!("https://api.example.com{path}");
        ApprovalBuilder::of(key, (RP_ID, PAGE), ("GET", &uri))
            .token(&self.token())
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
        let nonce = self.nonce(path);
        let proof = change(self.approval(&self.0.key, path, &nonce)).build();
        let token = self.token();
        self.0.judge(path, &sent(&token, &proof))
    }

    /// What the record says was wanted.
    fn wanted(&mut self, path: &str) -> (&'static str, Value) {
        let judged = self.send(path, |proof| proof);
        (judged.code, judged.record()["expected"].clone())
    }
}

/// A password sign-in and a fresh touch: nothing less meets the rule.
#[test]
fn a_passkey_that_the_provider_knows_approves_a_request_with_a_plain_token() {
    let mut holder = Holder::new();
    let path = "/strong?amount=10";
    let bearer = [("authorization", format!("Bearer {}", holder.token()))];
    let judged = holder.0.judge(path, &bearer);
    assert_eq!((judged.code, judged.status), ("missing.proof", Some(401)));
    assert!(holder.0.says.asked.is_empty(), "nothing was asked for");
    let judged = holder.send(path, |proof| proof);
    assert_eq!(judged.code, "permitted.token");
    assert_eq!(judged.record()["proof"]["kind"], "webauthn");
    let written = |name: &str| judged.written(name);
    assert_eq!(written("x-passgate-user-verified").as_deref(), Some("true"));
    assert_eq!(
        written("x-passgate-phishing-resistant").as_deref(),
        Some("true")
    );
    let judged = holder.send(path, |proof| proof.flags(0x01, &[]));
    assert_eq!(judged.code, "insufficient.authentication");
    assert_eq!(holder.0.says.asked, ["/credentials"], "once for all");
    let stale = holder.nonce(path);
    holder.0.wait(61);
    let proof = holder.approval(&holder.0.key, path, &stale).build();
    let token = holder.token();
    let judged = holder.0.judge(path, &sent(&token, &proof));
    assert_eq!(judged.code, "untrusted.proof_nonce");
    // The token passes on other rules as any other does.
    let judged = holder.0.judge("/plain", &bearer);
    assert_eq!(judged.code, "permitted.token");
}

#[test]
fn a_passkey_counts_for_its_own_person_and_by_its_own_key() {
    let mut holder = Holder::new();
    let judged = holder.send("/pay", |proof| proof.id(&[7; 15]));
    assert_eq!(judged.code, "untrusted.credential");
    let stranger = SigningKey::es256("stranger");
    let nonce = holder.nonce("/pay");
    let proof = holder.approval(&stranger, "/pay", &nonce).build();
    let token = holder.token();
    let judged = holder.0.judge("/pay", &sent(&token, &proof));
    assert_eq!(judged.code, "untrusted.proof_signature");
    // A key that comes with the proof is never believed.
    let jwk = public_members(&stranger);
    let proof = holder
        .approval(&stranger, "/pay", &nonce)
        .member("publicKey", jwk);
    let judged = holder.0.judge("/pay", &sent(&token, &proof.build()));
    assert_eq!(judged.code, "untrusted.proof_signature");
    for (name, value) in [
        ("sub", json!("bob")),
        ("sub", json!("Alice")),
        ("disabled", json!(true)),
        ("cose_key", json!("AQID")),
    ] {
        let mut holder = Holder::known_by(name, value.clone());
        let judged = holder.send("/pay", |proof| proof);
        assert_eq!(judged.code, "untrusted.credential", "{name} {value}");
        let challenge = judged.header("www-authenticate").unwrap();
        assert!(challenge.contains("proof=\"webauthn\""), "{challenge}");
        assert!(judged.nonce().is_some());
    }
    let mut holder = Holder::known_by("disabled", json!(true));
    let wanted = "proof: id: that of a passkey that is not disabled";
    assert_eq!(
        holder.wanted("/pay"),
        ("untrusted.credential", json!(wanted))
    );
}

#[test]
fn a_document_of_another_issuer_or_none_is_an_outage() {
    let mut holder = Holder::new();
    let good = holder.0.says.credentials.clone().unwrap();
    for says in [None, Some(good.replace(ISSUER, "https://id.example.net"))] {
        let mut holder = Holder::new();
        holder.0.says.credentials = says;
        let judged = holder.send("/pay", |proof| proof);
        assert_eq!(
            (judged.code, judged.status),
            ("unavailable.credentials", Some(503))
        );
        assert!(judged.header("retry-after").is_some());
        // Others are none the worse for it.
        let bearer = [("authorization", format!("Bearer {}", holder.token()))];
        assert_eq!(holder.0.judge("/plain", &bearer).code, "permitted.token");
    }
    assert_eq!(holder.send("/pay", |proof| proof).code, "permitted.token");
}

#[test]
fn what_is_known_of_a_passkey_must_agree_with_its_assertion() {
    const BOUND: u8 = 0x05;
    const SYNCED: u8 = 0x1d;
    for (known, flags, path, code) in [
        (json!(null), BOUND, "/own", "permitted.token"),
        (json!(null), SYNCED, "/own", "untrusted.proof_flags"),
        (json!(false), BOUND, "/own", "permitted.token"),
        (json!(true), SYNCED, "/pay", "permitted.token"),
        (json!(true), SYNCED, "/own", "untrusted.proof_flags"),
        // BE never changes.
        (json!(true), BOUND, "/own", "untrusted.proof_flags"),
        (json!(true), BOUND, "/pay", "untrusted.proof_flags"),
        (json!(false), SYNCED, "/pay", "untrusted.proof_flags"),
    ] {
        let mut holder = Holder::known_by("backup_eligible", known.clone());
        let judged = holder.send(path, |proof| proof.flags(flags, &[]));
        assert_eq!(judged.code, code, "{known} {flags:x} {path}");
    }
    for (known, shown, code) in [
        (json!(null), Some(&b"alice"[..]), "permitted.token"),
        (json!(base64url("alice")), None, "permitted.token"),
        (json!(base64url("alice")), Some(b"alice"), "permitted.token"),
        (
            json!(base64url("alice")),
            Some(b"bob"),
            "untrusted.credential",
        ),
    ] {
        let mut holder = Holder::known_by("user_handle", known.clone());
        let judged = holder.send("/pay", |proof| match shown {
            Some(handle) => proof.user_handle(handle),
            None => proof,
        });
        assert_eq!(judged.code, code, "{known} {shown:?}");
    }
}

#[test]
fn a_rule_names_the_models_of_authenticators_that_it_takes() {
    for (model, path, code) in [
        (json!(MODEL), "/allowed", "permitted.token"),
        (json!(MODEL.to_uppercase()), "/allowed", "permitted.token"),
        (json!(OTHER_MODEL), "/allowed", "untrusted.credential"),
        (json!(null), "/allowed", "untrusted.credential"),
        (json!(MODEL), "/denied", "untrusted.credential"),
        (json!(OTHER_MODEL), "/denied", "permitted.token"),
        (json!(null), "/denied", "untrusted.credential"),
        (json!(OTHER_MODEL), "/either-model", "permitted.token"),
        (json!(MODEL), "/either-model", "permitted.token"),
        (json!(null), "/either-model", "untrusted.credential"),
    ] {
        let mut holder = Holder::known_by("aaguid", model.clone());
        let judged = holder.send(path, |proof| proof);
        assert_eq!(judged.code, code, "{model} {path}");
    }
}

/// A token that names a passkey is proved by that one, whatever the provider says beside it.
#[test]
fn a_token_that_names_a_passkey_is_not_proved_by_another() {
    let mut policy = holding();
    policy["providers"]["acme"]["cnf_jwk"] = json!("passkey");
    let mut holder = Holder::with(&policy);
    let named = SigningKey::es256("named");
    let jwk = public_members(&named);
    let token = holder.0.token_with(|token| {
        let token = token.claim("sub", "alice");
        token.claim("cnf", json!({ "jwk": jwk }))
    });
    for (key, code) in [
        (SigningKey::es256("other"), "untrusted.proof_signature"),
        (named, "permitted.token"),
    ] {
        let nonce = holder.nonce("/pay");
        let proof = holder.approval(&key, "/pay", &nonce).token(&token).build();
        assert_eq!(holder.0.judge("/pay", &sent(&token, &proof)).code, code);
    }
    assert!(holder.0.says.asked.is_empty());
    // Nobody knows its model.
    let (key, nonce) = (SigningKey::es256("other"), holder.nonce("/allowed"));
    let proof = holder.approval(&key, "/allowed", &nonce).token(&token);
    let judged = holder.0.judge("/allowed", &sent(&token, &proof.build()));
    assert_eq!(judged.code, "untrusted.credential");
}

/// A token that is bound to a key needs the proof of that key beside the approval.
#[test]
fn a_bound_token_needs_both_proofs() {
    let mut holder = Holder::new();
    let token = holder.0.token_with(|token| token.claim("sub", "alice"));
    let nonce = holder.nonce("/pay");
    let key = SigningKey::es256("passkey");
    holder.0.says.credentials = document(&[entry(&key)]);
    let approval = || holder.approval(&key, "/pay", &nonce).token(&token).build();
    let (first, second) = (approval(), approval());
    let dpop = holder.0.proof("/pay", &token).build();
    let scheme = ("authorization", format!("DPoP {token}"));
    let without = [scheme.clone(), ("webauthn-proof", first)];
    assert_eq!(holder.0.judge("/pay", &without).code, "missing.proof");
    let with = [scheme, ("webauthn-proof", second), ("dpop", dpop)];
    assert_eq!(holder.0.judge("/pay", &with).code, "permitted.token");
    assert_eq!(
        holder.0.judge("/pay", &with).code,
        "untrusted.proof_replayed"
    );
}

/// Where a rule takes an approval or something else.
#[test]
fn an_approval_may_be_one_way_among_others() {
    let mut holder = Holder::new();
    let with_scope = |holder: &Holder| {
        holder.0.token_with(|token| {
            let token = token.claim("sub", "alice").without("cnf");
            token.claim("scope", "never")
        })
    };
    for path in ["/or-scope", "/approval-first"] {
        assert_eq!(
            holder.send(path, |proof| proof).code,
            "permitted.token",
            "{path}"
        );
        let bearer = [("authorization", format!("Bearer {}", with_scope(&holder)))];
        let judged = holder.0.judge(path, &bearer);
        assert_eq!(judged.code, "permitted.token", "{path}");
        assert_eq!(judged.nonce(), None, "{path}");
        let judged = holder.send(path, |proof| proof.id(&[1]));
        assert_eq!(judged.code, "untrusted.credential", "{path}");
    }
    // What the rule names first is asked for. The nonce comes in either case.
    let bearer = [("authorization", format!("Bearer {}", holder.token()))];
    for (path, code) in [
        ("/or-scope", "insufficient.scope"),
        ("/approval-first", "missing.proof"),
    ] {
        let judged = holder.0.judge(path, &bearer);
        assert_eq!(judged.code, code);
        assert!(judged.header("webauthn-nonce").is_some(), "{path}");
    }
}

/// A list that ends a passkey sees the one that was used.
#[test]
fn a_passkey_that_was_used_may_have_been_revoked() {
    let mut policy = holding();
    let uri = json!({ "uri": "https://id.example.com/revocations", "cluster": "id" });
    policy["providers"]["acme"]["revocations"] = json!({ "http_uri": uri, "max_stale": "1h" });
    let probe = Holder::with(&policy);
    let jkt = passgate_kit::thumbprint(&probe.0.key);
    drop(probe);
    let hash = base64url(sha256(&ID));
    let other = base64url(sha256(b"another"));
    for (entries, code) in [
        (json!([]), "permitted.token"),
        (json!([{ "credential": hash }]), "untrusted.revoked"),
        (json!([{ "credential": other }]), "permitted.token"),
        (json!([{ "aaguid": MODEL }]), "untrusted.revoked"),
        (json!([{ "aaguid": OTHER_MODEL }]), "permitted.token"),
        (json!([{ "jkt": jkt }]), "permitted.token"),
        // By the time of the gesture.
        (
            json!([{ "credential": hash, "not_before": 1_600_000_000 }]),
            "permitted.token",
        ),
        (
            json!([{ "credential": hash, "not_before": 1_800_000_000 }]),
            "untrusted.revoked",
        ),
    ] {
        let mut holder = Holder::with(&policy);
        let list = json!({
            "version": 1, "epoch": 1, "sequence": 1, "generated_at": holder.0.now(),
            "entries": entries,
        });
        holder.0.says.revocations = Some(list.to_string());
        assert_eq!(holder.send("/pay", |proof| proof).code, code, "{entries}");
    }
    let mut holder = Holder::with(&policy);
    let entries = json!([{ "jkt": passgate_kit::thumbprint(&holder.0.key) }]);
    let list = json!({
        "version": 1, "epoch": 1, "sequence": 1, "generated_at": holder.0.now(), "entries": entries,
    });
    holder.0.says.revocations = Some(list.to_string());
    assert_eq!(holder.send("/pay", |proof| proof).code, "untrusted.revoked");
}

#[test]
fn a_provider_may_be_asked_about_one_person() {
    let mut policy = holding();
    policy["providers"]["acme"]["credentials"] = by_subject();
    let mut holder = Holder::with(&policy);
    let entries = [entry(&holder.0.key)];
    let of = |subject: &str| json!({ "iss": ISSUER, "sub": subject, "credentials": entries });
    holder.0.says.credentials = Some(of("alice").to_string());
    assert_eq!(
        holder.send("/strong", |proof| proof).code,
        "permitted.token"
    );
    assert_eq!(
        holder.send("/allowed", |proof| proof).code,
        "permitted.token"
    );
    let judged = holder.send("/pay", |proof| proof.id(&[1]));
    assert_eq!(judged.code, "untrusted.credential");
    assert_eq!(holder.0.says.asked, ["/of/alice"], "once");
    holder.0.wait(60);
    for (says, code) in [
        (Some(of("bob").to_string()), "unavailable.credentials"),
        (None, "unavailable.credentials"),
        (Some(of("alice").to_string()), "permitted.token"),
    ] {
        holder.0.wait(5);
        holder.0.says.credentials = says;
        assert_eq!(holder.send("/pay", |proof| proof).code, code);
    }
    // A request that does not bring an approval costs the provider nothing.
    let before = holder.0.says.asked.len();
    holder.0.wait(60);
    holder.nonce("/pay");
    assert_eq!(holder.0.says.asked.len(), before);
}

#[test]
fn a_path_with_two_readings_goes_on_with_what_its_approval_is_called() {
    let mut policy = holding();
    policy["path"] = json!({ "allow": ["encoded_slash"] });
    policy["rules"].as_array_mut().unwrap().extend([
        json!({
            "match": { "path": "/gifts/*" },
            "requires": { "proof": { "webauthn": { "mode": "transaction" } } },
        }),
        json!({ "match": { "path_separated_prefix": "/gifts" }, "requires": {} }),
    ]);
    let mut alice = Holder::with(&policy);
    for path in ["/gifts/x", "/gifts/x%2Fy"] {
        let judged = alice.send(path, |proof| proof);
        assert_eq!(judged.code, "permitted.token", "{path}");
        assert!(judged.written("x-passgate-proof-id").is_some(), "{path}");
        assert!(
            judged.written("x-passgate-proof-window").is_some(),
            "{path}"
        );
        assert!(
            judged
                .answer
                .iter()
                .any(|header| header.name == "webauthn-nonce"),
            "{path}"
        );
    }
}
