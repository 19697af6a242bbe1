//! The specimen of a person whose passkeys the provider knows.

use passgate_kit::{ApprovalBuilder, SigningKey};
use serde_json::json;

use super::{ISSUER, NOW, Specimen, specimen};
use crate::host::Proxy;

impl Specimen {
    /// From now on the rule wants a passkey's approval.
    pub(crate) fn wants_approval(&mut self) {
        self.proxy = Some(Proxy::default());
        self.config["origins"] = json!(["https://api.example.com"]);
        self.config["relying_party"] =
            json!({ "id": "example.com", "origins": ["https://app.example.com"] });
        self.config["rules"][1]["requires"]["proof"] =
            json!({ "webauthn": { "mode": "transaction" } });
    }
}

/// A plain token with a good approval, and what the provider says of its people's passkeys: these,
/// or `None`, it is down.
pub(crate) fn held(credentials: Option<&str>) -> Specimen {
    let key = SigningKey::es256("passkey");
    let mut token = String::new();
    let mut specimen = specimen(|builder| {
        token = builder.build();
        token.clone()
    });
    specimen.wants_approval();
    let uri = json!({ "uri": "https://id.example.com/credentials", "cluster": "id" });
    specimen.config["providers"]["acme"]["credentials"] =
        json!({ "document": { "http_uri": uri } });
    specimen.credentials =
        credentials.map(|list| format!(r#"{{"iss":"{ISSUER}","credentials":{list}}}"#));
    // The first answer brings a nonce of the gate.
    let headers = specimen.rejection().headers();
    let nonce = headers.iter().find(|(name, _)| *name == "webauthn-nonce");
    let page = ("example.com", "https://app.example.com");
    let request = ("POST", "https://api.example.com/pay/1");
    let approval = ApprovalBuilder::of(&key, page, request)
        .token(&token)
        .claim("iss", ISSUER)
        .claim("sub", "alice")
        .claim("iat", NOW)
        .claim("nonce", nonce.unwrap().1.clone());
    specimen.approval = Some(approval.build());
    specimen
}
