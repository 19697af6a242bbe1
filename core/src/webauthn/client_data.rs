//! The client data of an assertion (WebAuthn Level 3 section 5.8.1): what the browser says it was
//! asked, and by which page.

use super::{Fault, RelyingParty};
use crate::{json::Json, limits};

/// What is read of it. Members that are not known are ignored: browsers add some on purpose.
#[derive(Debug)]
pub(super) struct ClientData {
    kind: Option<Box<str>>,
    challenge: Option<Box<str>>,
    origin: Option<Box<str>>,
    /// Of the page around the frame that asked.
    top_origin: Option<Box<str>>,
    is_framed: bool,
    /// It says that it is bound to the TLS connection, which nobody here can check.
    is_token_bound: bool,
}

/// Which some clients write before the JSON (section 7.2 wants "UTF-8 decode", which removes it).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl ClientData {
    /// Reads it (steps 4, 5 and 11).
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        const WANTED: Fault = Fault::Malformed("clientDataJSON: one JSON object");
        let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let json = Json::parse(text, limits::TOKEN_JSON_NODES).map_err(|_| WANTED)?;
        if !matches!(json, Json::Object(_)) {
            return Err(WANTED);
        }
        let text = |name: &str| match json.get(name) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(WANTED),
        };
        let is_framed = match json.get("crossOrigin") {
            None => false,
            Some(Json::Bool(is_framed)) => *is_framed,
            Some(_) => return Err(WANTED),
        };
        let binding = json.get("tokenBinding");
        let status = binding.and_then(|binding| binding.get("status"));
        Ok(Self {
            kind: text("type")?,
            challenge: text("challenge")?,
            origin: text("origin")?,
            top_origin: text("topOrigin")?,
            is_framed,
            is_token_bound: status.and_then(Json::as_str) == Some("present"),
        })
    }

    /// Whether a page of this relying party asked for it, with this challenge (steps 6 to 11).
    pub(super) fn check(&self, party: &RelyingParty, challenge: &str) -> Result<(), Fault> {
        if self.kind.as_deref() != Some("webauthn.get") {
            return Err(Fault::Challenge("clientDataJSON: type webauthn.get"));
        }
        if self.challenge.as_deref() != Some(challenge) {
            return Err(Fault::Challenge(
                "clientDataJSON: the challenge that the statement makes",
            ));
        }
        let is_one = |origin: &Option<Box<str>>, of: &[String]| {
            let origin = origin.as_deref();
            of.iter().any(|own| Some(own.as_str()) == origin)
        };
        if !is_one(&self.origin, &party.origins) {
            return Err(Fault::Origin(
                "clientDataJSON: an origin of relying_party.origins",
            ));
        }
        // Not all browsers name the page around a frame. One that is not named is not known.
        let will_do = if self.is_framed {
            is_one(&self.top_origin, &party.top_origins)
        } else {
            self.top_origin.is_none()
        };
        if !will_do {
            return Err(Fault::Origin(
                "clientDataJSON: no frame, or a topOrigin of relying_party.top_origins",
            ));
        }
        if self.is_token_bound {
            return Err(Fault::Origin("clientDataJSON: no tokenBinding"));
        }
        Ok(())
    }
}
