//! The record of one verdict, for the operator: who, what, and why not. Never token text.

mod auditor;
mod counter;
mod pace;
#[cfg(feature = "schema")]
mod schema;

use core::fmt::Write as _;

use serde::Serialize;

pub use self::{
    auditor::{Auditor, LeftOut, Written},
    counter::{Counter, Counters},
};
use crate::{
    config::ProviderId, evidence::Proof, json::Json, limits, request::Request, shadow::Shadow,
};

/// The version of the record's shape. It grows when a member goes or changes its meaning, not when one is added.
pub const VERSION: u8 = 1;

/// The JSON Schema of the record (draft 2020-12), exact for this version of the filter.
#[cfg(feature = "schema")]
#[must_use]
pub fn schema() -> serde_json::Value {
    schema::document()
}

/// One verdict. Values that were seen in a token are cut to [`limits::SHOWN_BYTES`]; those under `seen` are what
/// the token *says*, believed or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AuditRecord {
    /// [`VERSION`]
    pub version: u8,
    /// When it was decided, in the form of RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// `allow` or `deny`; `shadow` where nothing is done about it.
    pub decision: &'static str,
    /// The reason's code, or why it was permitted.
    pub reason: &'static str,
    /// Index of the rule that was about the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<usize>,
    /// Name of the provider whose token it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The same provider by its index; not written.
    #[serde(skip)]
    pub provider_id: Option<ProviderId>,
    /// `kid` of the key that verified the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Subject of a verified token; how it is shown is the [`Auditor`]'s to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Its signature was checked on an earlier request.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub remembered: bool,
    /// Kind of a verified token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// What the sign-in behind a verified token proves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<&'static str>,
    /// Age of that sign-in, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication_age: Option<u64>,
    /// What the token says, for refusals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// What the provider or the rule expected instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What a browser got in place of a 401: `redirect`, or `page` where that did not help before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<&'static str>,
    /// What would have been done if the rule were enforced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Shadow>,
    /// The host's id of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Hash of the configuration.
    pub policy: String,
    /// The host's name for this instance of the filter.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub plugin: String,
}

/// What a token says, whoever wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// `alg`
    pub algorithm: &'static str,
    /// `typ`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<String>,
    /// `kid`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// `iss`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The audience claim, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// `exp`, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

impl AuditRecord {
    /// What the sign-in proves, to the rule or, where it falls short, at all.
    pub(crate) fn proved(&mut self, proof: &Proof) {
        self.facts = proof.facts.words();
        self.authentication_age = proof.age.map(|age| age.as_secs());
    }

    pub(crate) fn new(request: Request<'_>, policy: &str) -> Self {
        Self {
            version: VERSION,
            request_id: request.id().map(str::to_owned),
            policy: policy.to_owned(),
            ..Self::default()
        }
    }

    /// Whether it was refused, or would have been.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        let decision = self
            .shadow
            .as_ref()
            .map_or(self.decision, |shadow| shadow.decision);
        decision != "allow"
    }

    /// One line of JSON in ASCII: nothing of a token can end the line or steer a terminal.
    #[must_use]
    pub fn to_json(&self) -> String {
        let json = serde_json::to_string(self).unwrap_or_default();
        if json.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return json;
        }
        let mut line = String::with_capacity(json.len());
        for unit in json.encode_utf16() {
            match u8::try_from(unit) {
                Ok(byte @ b' '..=b'~') => line.push(char::from(byte)),
                // RFC 8259 section 7: twelve characters for what lies beyond the basic plane.
                // Writing into a string cannot fail.
                _ => drop(write!(line, "\\u{unit:04x}")),
            }
        }
        line
    }
}

/// A value from a token, cut at a character boundary.
pub(crate) fn shown(text: &str) -> String {
    text.get(..text.floor_char_boundary(limits::SHOWN_BYTES))
        .unwrap_or_default()
        .to_owned()
}

/// A claim as JSON, cut.
pub(crate) fn shown_claim(claims: &Json, name: &str) -> Option<String> {
    claims.get(name).map(|claim| match claim {
        Json::String(text) => shown(text),
        other => shown(&other.to_string()),
    })
}
