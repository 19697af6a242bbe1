//! A document of credentials, and short words for what it says.

use serde_json::{Value, json};

pub(super) use crate::fetch::tests::world::{ok, secs};
use crate::{
    credentials::{
        Book, CredentialDocument, Found,
        book::{BookBounds, Contents},
    },
    fetch::{Endpoint, Number, tests::world},
};

pub(super) const ISSUER: &str = "https://id.example.com";

pub(super) type World = world::World<Contents>;

/// A minute fresh, ten minutes stale.
fn source() -> CredentialDocument {
    CredentialDocument {
        endpoint: Endpoint {
            scheme: "https".into(),
            authority: "id.example.com".into(),
            path: "/credentials".into(),
            cluster: "id".into(),
        },
        timeout: secs(2),
        cache_duration: secs(60),
        max_stale: secs(600),
    }
}

/// A document of our issuer with these entries.
pub(super) fn document(entries: &[Value]) -> String {
    json!({ "iss": ISSUER, "credentials": entries }).to_string()
}

/// An entry with one fresh key.
pub(super) fn entry(subject: &str, id: &[u8]) -> Value {
    let key = passgate_kit::SigningKey::es256("k");
    json!({
        "sub": subject,
        "id": passgate_kit::base64url(id),
        "cose_key": passgate_kit::base64url(key.cose_key()),
    })
}

/// What was found, in a word.
pub(super) fn word(found: &Found) -> &'static str {
    match found {
        Found::Known(credential) if credential.is_disabled => "disabled",
        Found::Known(_) => "known",
        Found::Unknown => "unknown",
        Found::Unverified(_) => "unverified",
        Found::Keyless(_) => "keyless",
        Found::Pending(_) => "pending",
        Found::Unavailable(_) => "unavailable",
    }
}

impl World {
    pub(super) fn new() -> Self {
        let bounds = BookBounds::shared_by(1);
        Self::of(Book::new(&source(), ISSUER, bounds, 7))
    }

    pub(super) fn find(&mut self, subject: &str, id: &[u8]) -> &'static str {
        let now = self.now();
        word(&self.long.find(subject, id, now))
    }

    /// The number of this name, if it is measured.
    pub(super) fn number(&mut self, name: &str) -> Option<Number> {
        let measures = self.long.measures();
        let mut measures = measures.into_iter();
        let measure = measures.find(|measure| measure.name == name)?;
        Some(measure.value)
    }
}
