//! A gate whose rules ask for workloads, and a connection that shows a certificate.

use std::cell::Cell;

use passgate_core::{
    AuditRecord, Auditor, Config, Connection, Edit, Request, Settlement, Step, Supply, UnixTime,
    Verdict, Verifier,
};
use passgate_kit::{SigningKey, TokenBuilder, jwks};
use rcgen::{CertificateParams, KeyPair, SanType};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://id.example.com";
pub(crate) const AUDIENCE: &str = "https://api.example.com";
/// When it all happens.
pub(crate) const NOW: i64 = 1_700_000_000;

/// Rules by what they want; the keys are [`World`]'s.
pub(crate) fn policy() -> Value {
    let rule = |path: &str, requires: Value| json!({ "match": { "path_separated_prefix": path }, "requires": requires });
    let report =
        json!({ "token": "none", "peer": { "spiffe": ["spiffe://mesh/ns/batch/sa/report"] } });
    let person = json!({ "provider_name": "acme", "facts": ["phishing_resistant"] });
    let either = |ways: [&Value; 2]| json!({ "requires_any": { "requirements": ways } });
    let mut shadow = rule("/shadow", report.clone());
    shadow["mode"] = json!({ "shadow": { "until": "2023-12-31" } });
    json!({
        "peer_verified_by_listener": true,
        "providers": {
            "acme": {
                "issuer": ISSUER,
                "audiences": [AUDIENCE],
                "kinds": { "human": { "amr_any_of": ["hwk", "pwd"] } },
                "evidence": { "lines": [{
                    "when": { "amr_all_of": ["hwk"] },
                    "proves": ["phishing_resistant"],
                    "request_acr": "phr",
                }] },
            },
            "mesh": { "spiffe": { "trust_domain": "mesh" }, "audiences": [AUDIENCE] },
        },
        "rules": [
            rule("/batch", report.clone()),
            rule("/pay", json!({
                "provider_name": "acme",
                "facts": ["phishing_resistant"],
                "peer": { "spiffe": ["spiffe://mesh/ns/web/sa/*"] },
            })),
            rule("/either", either([&person, &report])),
            rule("/either-workload-first", either([&report, &person])),
            shadow,
            rule("/plain", json!({ "provider_name": "acme" })),
            rule("/svid", json!({ "provider_name": "mesh" })),
            rule("/svid-of-workload", json!({ "provider_name": "mesh", "kind": "workload" })),
            rule("/any", json!({})),
            { "match": { "path_separated_prefix": "/public" },
              "public": { "reason": "r", "owner": "o", "until": "never" } },
        ],
    })
}

/// One worker of a gate.
pub(crate) struct World {
    verifier: Verifier,
    supply: Supply,
    /// Of the provider.
    pub(crate) key: SigningKey,
    /// Of the trust domain.
    pub(crate) svids: SigningKey,
    certificate: Option<String>,
    pub(crate) asked: Cell<usize>,
    policy: String,
}

/// What became of a request.
pub(crate) struct Judged {
    pub(crate) code: &'static str,
    pub(crate) status: Option<u16>,
    pub(crate) is_observed: bool,
    edits: Vec<Edit>,
    headers: Vec<(&'static str, String)>,
    record: AuditRecord,
    policy: String,
}

impl Judged {
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(own, _)| *own == name);
        found.map(|(_, value)| value.clone())
    }

    pub(crate) fn written(&self) -> Vec<(String, String)> {
        let edits = self.edits.iter();
        let written = edits.filter_map(|edit| match edit {
            Edit::Set(name, value) => {
                Some((name.to_string(), String::from_utf8(value.to_vec()).unwrap()))
            }
            Edit::Remove(_) => None,
        });
        written.collect()
    }

    pub(crate) fn removed(&self) -> Vec<String> {
        let edits = self.edits.iter();
        let removed = edits.filter_map(|edit| match edit {
            Edit::Remove(name) => Some(String::from_utf8(name.clone()).unwrap()),
            Edit::Set(..) => None,
        });
        removed.collect()
    }

    /// The record as it is written.
    pub(crate) fn record(&self) -> Value {
        let config = Config::parse(self.policy.as_bytes()).unwrap();
        let mut auditor = Auditor::new(config.audit(), "gate");
        let written = auditor.write(self.record.clone(), None);
        serde_json::from_str(&written.record).unwrap()
    }
}

#[derive(Debug)]
pub(crate) struct Shown<'w> {
    pub(crate) certificate: Option<&'w str>,
    pub(crate) asked: &'w Cell<usize>,
}

impl Connection for Shown<'_> {
    fn client_certificate(&self) -> Option<[u8; 32]> {
        panic!("no rule asks for it")
    }

    fn peer_certificate(&self) -> Option<Vec<u8>> {
        self.asked.set(self.asked.get() + 1);
        self.certificate.map(|pem| pem.as_bytes().to_vec())
    }

    fn mcp(&self, _: &str) -> Option<Vec<u8>> {
        panic!("no rule asks for it")
    }
}

/// A certificate with these URIs.
pub(crate) fn certificate(uris: &[&str]) -> String {
    let mut params = CertificateParams::default();
    let uris = uris
        .iter()
        .map(|&uri| SanType::URI(uri.try_into().unwrap()));
    params.subject_alt_names = uris.collect();
    let key = KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().pem()
}

/// A configuration with its keys, as text.
pub(crate) fn with_keys(policy: &Value, key: &SigningKey, svids: &SigningKey) -> String {
    let mut policy = policy.clone();
    let set = |text: String| json!({ "inline_string": text });
    policy["providers"]["acme"]["local_jwks"] = set(jwks(&[key]));
    policy["providers"]["mesh"]["local_jwks"] = set(bundle(svids));
    policy.to_string()
}

/// A bundle as SPIRE serves it: keys of certificates, and keys of tokens.
pub(crate) fn bundle(svids: &SigningKey) -> String {
    let mut key = svids.public_jwk();
    key["use"] = json!("jwt-svid");
    let mut of_certificates = SigningKey::es256("").public_jwk();
    of_certificates["use"] = json!("x509-svid");
    of_certificates["x5c"] = json!(["MIIB"]);
    let members = of_certificates.as_object_mut().unwrap();
    members.remove("kid");
    members.remove("alg");
    json!({
        "keys": [of_certificates, key], "spiffe_sequence": 1, "spiffe_refresh_hint": 300,
    })
    .to_string()
}

impl World {
    pub(crate) fn new(policy: &Value) -> Self {
        let (key, svids) = (SigningKey::es256("k"), SigningKey::es256("s"));
        let policy = with_keys(policy, &key, &svids);
        let config = Config::parse(policy.as_bytes()).unwrap();
        Self {
            supply: Supply::new(&config, 1),
            verifier: Verifier::new(config, 1),
            key,
            svids,
            certificate: None,
            asked: Cell::new(0),
            policy,
        }
    }

    /// The connection shows a certificate with this URI from now on, or none.
    pub(crate) fn show(&mut self, uri: Option<&str>) {
        self.certificate = uri.map(|uri| certificate(&[uri]));
    }

    pub(crate) fn show_names(&mut self, uris: &[&str]) {
        self.certificate = Some(certificate(uris));
    }

    /// A token of somebody who signed in so.
    pub(crate) fn person(&self, amr: &[&str]) -> String {
        TokenBuilder::of(&self.key, ISSUER, AUDIENCE)
            .claim("iat", NOW)
            .claim("exp", NOW + 300)
            .claim("amr", amr)
            .build()
    }

    pub(crate) fn judge(&mut self, path: &str, headers: &[(&str, String)]) -> Judged {
        self.judge_as("GET", path, headers)
    }

    pub(crate) fn judge_as(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
    ) -> Judged {
        let mut all = vec![
            (":method", method),
            (":authority", "api.example.com"),
            (":path", path),
        ];
        all.extend(headers.iter().map(|(name, value)| (*name, value.as_str())));
        let all: Vec<(&[u8], &[u8])> = all
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect();
        let connection = Shown {
            certificate: self.certificate.as_deref(),
            asked: &self.asked,
        };
        let request = Request::new(&all).on(&connection).ending_here(true);
        let now = UnixTime::from_secs(NOW.unsigned_abs());
        let Step::Settle(Settlement { verdict, record }) =
            self.verifier.verify(request, &mut self.supply, now)
        else {
            panic!("the keys are there");
        };
        let mut judged = Judged {
            code: "",
            status: None,
            is_observed: false,
            edits: Vec::new(),
            headers: Vec::new(),
            record: *record,
            policy: self.policy.clone(),
        };
        match verdict {
            Verdict::Allow(permit) => {
                judged.code = permit.code();
                judged.is_observed = permit.is_observed();
                judged.edits = permit.edits().cloned().collect();
            }
            Verdict::Deny(rejection) => {
                judged.code = rejection.code;
                judged.status = Some(rejection.status);
                judged.headers = rejection.headers();
            }
            Verdict::Serve(_) => panic!("nothing is served"),
        }
        judged
    }
}

pub(crate) fn bearer(token: Option<&String>) -> Vec<(&'static str, String)> {
    let token = token.iter();
    token
        .map(|token| ("authorization", format!("Bearer {token}")))
        .collect()
}
