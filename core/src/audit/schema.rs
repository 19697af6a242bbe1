//! The JSON Schema of the record, made from the core's own lists of words.

use serde_json::{Value, json};

use super::VERSION;
use crate::version::SOFTWARE;
use crate::{
    crypto::Algorithm,
    evidence::{Fact, Kind},
    limits::{CALLER_NAMES, SHOWN_BYTES, SHOWN_HEADERS},
    reason::Reason,
    verdict::Permit,
};

/// A string of a token: cut to [`SHOWN_BYTES`] bytes, and never more characters than bytes.
fn shown(description: &str) -> Value {
    json!({ "type": "string", "maxLength": SHOWN_BYTES, "description": description })
}

/// Names of headers.
fn headers(description: &str) -> Value {
    json!({ "type": "array", "items": shown("A name."), "maxItems": SHOWN_HEADERS, "description": description })
}

/// A name of the configuration.
fn name(description: &str) -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$", "description": description })
}

/// A keyed hash.
fn hash(description: &str) -> Value {
    json!({ "type": "string", "pattern": "^hmac-sha256:[A-Za-z0-9_-]{43}$", "description": description })
}

pub(super) fn document() -> Value {
    let reasons: Vec<&str> = Permit::CODES.into_iter().chain(Reason::codes()).collect();
    let kinds = [Kind::Human, Kind::Workload, Kind::Agent, Kind::Unknown].map(Kind::as_str);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("urn:passgate:audit-record:{VERSION}"),
        "title": "passgate audit record",
        "description": "One verdict: who, what, how strongly, and why not. Never a token, a signature, a cookie or a credential id.",
        "type": "object",
        "properties": {
            "version": { "const": VERSION, "description": "Grows when a member goes, changes its meaning, or is there from now on in every record." },
            "software": { "const": SOFTWARE, "description": "Name and version of the filter that judged." },
            "time": {
                "type": "string",
                "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$",
                "description": "When it was decided (RFC 3339, UTC). Absent where the host has no clock.",
            },
            "decision": { "enum": ["allow", "deny", "cut", "shadow"], "description": "cut: an open stream was ended; the request_id is that of its permit. shadow: passed unchanged; what would have been decided stands in the member of that name." },
            "reason": { "enum": reasons, "description": "The code; docs/reference/reasons.md says what each means." },
            "rule": { "type": "integer", "minimum": 0, "description": "Index of the rule that was about the request." },
            "rule_name": name("Name of that rule, where it has one."),
            "provider": {
                "type": "string",
                "pattern": "^[A-Za-z0-9_-]{1,64}$",
                "description": "The provider that the token names, believed or not.",
            },
            "remembered": { "const": true, "description": "Its signature was checked on an earlier request." },
            "key_id": shown("kid of the key that verified the token."),
            "subject": shown("Subject of a token whose signature was verified; or hmac-sha256: and its keyed hash; or absent, as audit.subject says."),
            "kind": { "enum": kinds, "description": "Who acts, by a verified token; or workload, where a rule wants none." },
            "actor": shown("Who acts for the subject of a verified token, as issuer/subject; or hmac-sha256: and its keyed hash; or absent, as audit.subject says."),
            "roles": {
                "type": "array",
                "items": name("A role."),
                "uniqueItems": true,
                "maxItems": CALLER_NAMES,
                "description": "The roles of a caller that is let pass.",
            },
            "product": name("The product of a caller that is let pass."),
            "peer": shown("SPIFFE ID of the certificate of the connection, where the rule, a role or a product asks for it."),
            "mcp": {
                "type": "object",
                "description": "What the request calls, as Envoy's filter has read it in the body, where a rule about its path names calls.",
                "properties": {
                    "method": shown("Such as tools/call."),
                    "name": shown("The tool, the prompt, or the URI of the resource."),
                },
                "required": ["method"],
                "additionalProperties": false,
            },
            "facts": {
                "type": "array",
                "items": { "enum": Fact::ALL.map(Fact::as_str) },
                "uniqueItems": true,
                "description": "What the sign-in behind a verified token proves.",
            },
            "authentication_age": { "type": "integer", "minimum": 0, "description": "Age of that sign-in, in seconds." },
            "proof": {
                "type": "object",
                "description": "How the sender proved to hold the key that the token is bound to, or failed to.",
                "properties": {
                    "kind": { "enum": ["dpop", "certificate", "webauthn", "webauthn_session"] },
                    "key": { "type": "string", "pattern": "^[A-Za-z0-9_-]{16}$", "description": "The beginning of the thumbprint of a key that was proved (RFC 7638), of a session the passkey's; absent where audit.subject is not clear." },
                    "age": { "type": "integer", "minimum": 0, "description": "Age of the proof, in seconds; of a session the age of the gesture." },
                },
                "required": ["kind"],
                "additionalProperties": false,
            },
            "aaguid": { "type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", "description": "The model of the authenticator whose passkey has approved the request, where it is known." },
            "credential": hash("Keyed hash of the id of that passkey, where secrets.correlation is set."),
            "token": hash("Keyed hash of a verified token without its signature, where secrets.correlation is set."),
            "seen": {
                "type": "object",
                "description": "What a refused token says, believed or not.",
                "properties": {
                    "algorithm": { "enum": Algorithm::ALL.map(Algorithm::name) },
                    "token_type": shown("typ"),
                    "kid": shown("kid"),
                    "issuer": shown("iss"),
                    "audience": shown("The audience claim; as JSON where it is not a string."),
                    "expires": shown("exp, RFC 3339, UTC; as JSON where it is not a date."),
                },
                "additionalProperties": false,
            },
            "expected": { "type": "string", "description": "What the provider or the rule wanted instead; for a claim, also what it is: type and value, cut." },
            "login": { "enum": ["redirect", "page"], "description": "A browser was sent to sign in, or had been a moment ago." },
            "shadow": {
                "type": "object",
                "description": "What would have been done if the rule were enforced.",
                "properties": {
                    "decision": { "enum": ["allow", "deny", "cut"] },
                    "status": { "type": "integer", "description": "Of the answer that the client would have got." },
                    "removed": headers("Headers that would have been removed."),
                    "written": headers("Headers that would have been written."),
                },
                "required": ["decision"],
                "additionalProperties": false,
            },
            "request_id": shown("The proxy's id of the request."),
            "policy": { "type": "string", "pattern": "^[0-9a-f]{12}$", "description": "Hash of the configuration." },
            "plugin": { "type": "string", "pattern": "^[A-Za-z0-9_.~-]{1,128}$", "description": "The instance of the filter." },
            "gate": { "type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$", "description": "The name of the gate, as gate.id has it." },
        },
        "required": ["version", "software", "decision", "reason", "policy", "plugin"],
        "additionalProperties": false,
    })
}
