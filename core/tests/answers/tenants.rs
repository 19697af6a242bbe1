//! One provider with an issuer for each tenant, and tokens that claim a tenant.

use passgate_core::{AuditRecord, Auditor, Config, Edit, Verdict};
use passgate_kit::{TokenBuilder, jwks};
use serde_json::{Value, json};

use crate::gate::{AUDIENCE, Gate, header, request};

const TEMPLATE: &str = "https://login.example.com/{tid}/v2.0";

fn of(tenant: &str) -> String {
    TEMPLATE.replace("{tid}", tenant)
}

fn gate(tenants: Value) -> Gate {
    let mut gate = Gate::new();
    let acme = gate.config["providers"]["acme"].as_object_mut().unwrap();
    acme.remove("issuer");
    acme.remove("login");
    acme.insert("issuer_template".to_owned(), json!(TEMPLATE));
    acme.insert("tenants".to_owned(), tenants);
    gate
}

/// A token of this issuer and tenant.
fn token<'g>(gate: &'g Gate, issuer: &str, tid: &Value) -> TokenBuilder<'g> {
    let token = gate.token().claim("iss", issuer);
    token.claim("tid", tid.clone())
}

fn judge(gate: &Gate, token: TokenBuilder<'_>) -> (Verdict, AuditRecord) {
    let bearer = format!("Bearer {}", token.build());
    gate.judge(&request("GET", "/", &[("authorization", &bearer)]))
}

/// A header that the service gets.
fn written(verdict: &Verdict, name: &str) -> Option<String> {
    let Verdict::Allow(permit) = verdict else {
        panic!("{verdict:?}");
    };
    permit.edits().find_map(|edit| match edit {
        Edit::Set(other, value) if other == name => String::from_utf8(value.to_vec()).ok(),
        _ => None,
    })
}

#[test]
fn equal_subjects_of_two_tenants_never_meet() {
    for tenants in [json!(["one", "two"]), json!("any")] {
        let mut gate = gate(tenants);
        gate.config["audit"] = json!({ "subject": { "hashed": { "salt": { "env": "SALT" } } } });
        let salt = |_: &str| Some("0123456789abcdef".to_owned());
        let config = Config::parse_with(gate.config.to_string().as_bytes(), &salt).unwrap();
        gate.config["audit"] = json!({});
        let mut seen = Vec::new();
        for tenant in ["one", "two"] {
            let token = token(&gate, &of(tenant), &json!(tenant));
            let (verdict, record) = judge(&gate, token.claim("act", json!({ "sub": "agent" })));
            assert_eq!(record.reason, "permitted.token");
            let issuer = of(tenant);
            let principal = written(&verdict, "x-passgate-principal");
            assert_eq!(principal, Some(format!("{issuer}/alice")));
            let actor = written(&verdict, "x-passgate-actor");
            assert_eq!(actor, Some(format!("{issuer}/agent")));
            let line = Auditor::new(config.audit(), "gate").write(record, Some(gate.now));
            let line: Value = serde_json::from_str(&line.record).unwrap();
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"0123456789abcdef");
            let hash = ring::hmac::sign(&key, format!("{issuer}\0alice").as_bytes());
            let hash = format!("hmac-sha256:{}", passgate_kit::base64url(hash));
            assert_eq!(line["subject"], json!(hash));
            seen.push((principal, actor, hash));
        }
        assert_ne!(seen[0].0, seen[1].0);
        assert_ne!(seen[0].1, seen[1].1);
        assert_ne!(seen[0].2, seen[1].2);
    }
}

#[test]
fn a_tenant_is_named_alike_by_issuer_and_claim_and_is_one_of_ours() {
    let named = gate(json!(["one"]));
    let any = gate(json!("any"));
    for (issuer, tid) in [
        (of("one"), json!("two")),
        (of("two"), json!("one")),
        (of("one"), json!(null)),
        (of("one"), json!(["one"])),
        (of("one"), json!("")),
        (of(""), json!("")),
        (of("1"), json!(1)),
        (of("one%2fx"), json!("one%2fx")),
        (of("one/x"), json!("one/x")),
        (of("one/../one"), json!("one/../one")),
        (of(".."), json!("..")),
        (of("{tid}"), json!("{tid}")),
        (of("one\u{0}"), json!("one\u{0}")),
        (format!("{}/", of("one")), json!("one")),
        (of("one").replace("https", "http"), json!("one")),
        (of("one").replace("login", "evil"), json!("one")),
    ] {
        for gate in [&named, &any] {
            let (_, record) = judge(gate, token(gate, &issuer, &tid));
            assert_eq!(record.reason, "untrusted.issuer", "{issuer} {tid}");
            assert_eq!(record.expected.as_deref(), Some(TEMPLATE));
        }
    }
    let without = named.token().claim("iss", of("one"));
    assert_eq!(judge(&named, without).1.reason, "untrusted.issuer");
    let stranger = || token(&named, &of("two"), &json!("two"));
    assert_eq!(judge(&named, stranger()).1.reason, "untrusted.issuer");
    let known = token(&any, &of("two"), &json!("two"));
    assert_eq!(judge(&any, known).1.reason, "permitted.token");
}

/// Entra's set for all tenants says with each key whose tokens it signs.
#[test]
fn a_key_of_one_tenant_signs_no_token_of_another() {
    for (of_key, reason) in [
        (
            json!("https://login.example.com/{tenantid}/v2.0"),
            "permitted.token",
        ),
        (json!(of("one")), "permitted.token"),
        (json!(of("two")), "untrusted.key"),
        (
            json!("https://elsewhere.example.com/{tenantid}/v2.0"),
            "untrusted.key",
        ),
        (json!(null), "permitted.token"),
    ] {
        let mut gate = gate(json!(["one", "two"]));
        let mut set: Value = serde_json::from_str(&jwks(&[&gate.key])).unwrap();
        set["keys"][0]["issuer"] = of_key.clone();
        gate.config["providers"]["acme"]["local_jwks"]["inline_string"] = json!(set.to_string());
        let (_, record) = judge(&gate, token(&gate, &of("one"), &json!("one")));
        assert_eq!(record.reason, reason, "{of_key}");
        if reason == "untrusted.key" {
            assert_eq!(record.expected.as_deref(), of_key.as_str());
        }
    }
}

/// The same set behind one tenant's own issuer.
#[test]
fn a_key_of_another_tenant_signs_no_token_of_one_issuer() {
    for (of_key, reason) in [
        (json!(of("one")), "permitted.token"),
        (json!(of("{tenantid}")), "permitted.token"),
        (json!(of("two")), "untrusted.key"),
    ] {
        let mut gate = gate(json!(["one"]));
        let mut set: Value = serde_json::from_str(&jwks(&[&gate.key])).unwrap();
        set["keys"][0]["issuer"] = of_key.clone();
        let acme = gate.config["providers"]["acme"].as_object_mut().unwrap();
        acme["local_jwks"]["inline_string"] = json!(set.to_string());
        acme.retain(|name, _| name != "issuer_template" && name != "tenants");
        acme.insert("issuer".to_owned(), json!(of("one")));
        let (_, record) = judge(&gate, token(&gate, &of("one"), &json!("one")));
        assert_eq!(record.reason, reason, "{of_key}");
    }
}

#[test]
fn the_document_lists_the_tenants_that_are_named() {
    for (tenants, issuers) in [
        (json!(["one", "two"]), json!([of("one"), of("two")])),
        (json!("any"), json!([])),
    ] {
        let mut gate = gate(tenants);
        let path = "/.well-known/oauth-protected-resource";
        let uri = format!("{AUDIENCE}{path}");
        gate.config["resource_metadata"] = json!({ "uri": uri, "serve": true });
        let (verdict, _) = gate.judge(&request("GET", path, &[]));
        let Verdict::Serve(document) = verdict else {
            panic!("{verdict:?}");
        };
        let headers = document.headers();
        assert_eq!(header(&headers, "content-type"), Some("application/json"));
        let document: Value = serde_json::from_str(&document.body).unwrap();
        let listed = document.get("authorization_servers");
        assert_eq!(listed.cloned().unwrap_or_else(|| json!([])), issuers);
    }
}
