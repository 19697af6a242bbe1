//! Fields that take one of a few words.

use super::PathPolicy;
use crate::{
    crypto::Algorithm,
    decode::{Fault, FromText, shown, suggest},
    evidence::{Fact, Kind, Preset},
    jose::{MediaType, is_plain},
    request::path::OVERRIDE_HEADERS,
    token::is_foreign,
};

/// Says which words there are.
pub(super) fn unknown_word(text: &str, words: &[&str]) -> Fault {
    match suggest::closest(text, words.iter().copied()) {
        Some(word) => Fault::of(&["is unknown here"], &["did you mean ", word, "?"]),
        None => Fault::of(&["is unknown here"], &["write ", &shown::one_of(words)]),
    }
}

impl FromText for Algorithm {
    const WANTED: &'static str = "an algorithm, such as ES256";
    const PATTERN: &'static str =
        "^(ES256|ES384|ES512|RS256|RS384|RS512|PS256|PS384|PS512|EdDSA|Ed25519)$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if let Some(algorithm) = Self::from_name(text) {
            return Ok(algorithm);
        }
        let names = Self::ALL.map(Self::name);
        if text.eq_ignore_ascii_case("none") {
            return Err(("is no signature at all and is never accepted", "remove it").into());
        }
        if ["HS256", "HS384", "HS512"]
            .iter()
            .any(|name| text.eq_ignore_ascii_case(name))
        {
            let why = "is symmetric: whoever can verify could sign, so it is never accepted";
            return Err(Fault::of(&[why], &["write ", &shown::one_of(&names)]));
        }
        Err(unknown_word(text, &names))
    }
}

impl FromText for MediaType {
    const WANTED: &'static str = "a media type, such as at+jwt";
    const PATTERN: &'static str = "^[A-Za-z0-9!#$&^_.+/-]+$";

    /// Characters of RFC 6838 section 4.2.
    fn from_text(text: &str) -> Result<Self, Fault> {
        let plain = |byte| is_plain(byte) || byte == b'/';
        if text.is_empty() || !text.bytes().all(plain) {
            return Err(("is no media type", "write one such as at+jwt").into());
        }
        let media_type = Self::new(text);
        if is_foreign(&media_type) {
            return Err(("is never an access token", "write at+jwt, or JWT").into());
        }
        Ok(media_type)
    }
}

/// The claim that holds the audience.
#[derive(Debug)]
pub(super) struct AudienceClaim(pub(super) String);

impl FromText for AudienceClaim {
    const WANTED: &'static str = "aud, client_id or azp";
    const PATTERN: &'static str = "^(aud|client_id|azp)$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        match text {
            "aud" | "client_id" | "azp" => Ok(Self(text.to_owned())),
            _ => Err(unknown_word(text, &["aud", "client_id", "azp"])),
        }
    }
}

/// Which document of an issuer says where its keys are.
#[derive(Clone, Copy, Debug)]
pub(super) enum DocumentKind {
    Openid,
    Oauth,
}

impl FromText for DocumentKind {
    const WANTED: &'static str = "openid or oauth";
    const PATTERN: &'static str = "^(openid|oauth)$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        match text {
            "openid" => Ok(Self::Openid),
            "oauth" => Ok(Self::Oauth),
            _ => Err(unknown_word(text, &["openid", "oauth"])),
        }
    }
}

/// One word of `path.allow`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spelling {
    EncodedSlash,
    DoubleSlash,
    Semicolon,
    EncodedPercent,
    Backslash,
}

impl FromText for Spelling {
    const WANTED: &'static str = "a word, such as encoded_slash";
    const PATTERN: &'static str =
        "^(encoded_slash|double_slash|semicolon|encoded_percent|backslash)$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        match text {
            "encoded_slash" => Ok(Self::EncodedSlash),
            "double_slash" => Ok(Self::DoubleSlash),
            "semicolon" => Ok(Self::Semicolon),
            "encoded_percent" => Ok(Self::EncodedPercent),
            "backslash" => Ok(Self::Backslash),
            _ => Err(unknown_word(
                text,
                &[
                    "encoded_slash",
                    "double_slash",
                    "semicolon",
                    "encoded_percent",
                    "backslash",
                ],
            )),
        }
    }
}

impl Spelling {
    pub(super) const fn allow(self, policy: &mut PathPolicy) {
        match self {
            Self::EncodedSlash => policy.encoded_slash = true,
            Self::DoubleSlash => policy.double_slash = true,
            Self::Semicolon => policy.semicolon = true,
            Self::EncodedPercent => policy.encoded_percent = true,
            Self::Backslash => policy.backslash = true,
        }
    }
}

/// One word of `override_headers.allow`.
#[derive(Debug)]
pub(super) struct OverrideHeader(pub(super) String);

impl FromText for OverrideHeader {
    const WANTED: &'static str = "the name of a header, such as x-http-method-override";
    const PATTERN: &'static str = "^(x-http-method|x-http-method-override|x-method-override|x-original-url|x-override-url|x-rewrite-url)$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if OVERRIDE_HEADERS.contains(&text) {
            return Ok(Self(text.to_owned()));
        }
        Err(unknown_word(text, &OVERRIDE_HEADERS))
    }
}

/// `split: space`
#[derive(Debug)]
pub(super) struct Space;

impl FromText for Space {
    const WANTED: &'static str = "space";
    const PATTERN: &'static str = "^space$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        match text {
            "space" => Ok(Self),
            _ => Err(unknown_word(text, &["space"])),
        }
    }
}

/// `delegated: allow` or `deny`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delegated {
    Allow,
    Deny,
}

impl FromText for Delegated {
    const WANTED: &'static str = "allow or deny";
    const PATTERN: &'static str = "^(allow|deny)$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        match text {
            "allow" => Ok(Self::Allow),
            "deny" => Ok(Self::Deny),
            _ => Err(unknown_word(text, &["allow", "deny"])),
        }
    }
}

impl FromText for Fact {
    const WANTED: &'static str = "a fact, such as phishing_resistant";
    const PATTERN: &'static str = "^(user_present|user_verified|multi_factor|phishing_resistant|device_bound|hardware_bound)$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let known = Self::ALL.into_iter().find(|fact| fact.as_str() == text);
        known.ok_or_else(|| unknown_word(text, &Self::ALL.map(Self::as_str)))
    }
}

impl FromText for Kind {
    const WANTED: &'static str = "human, workload or agent";
    const PATTERN: &'static str = "^(human|workload|agent)$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let kinds = [Self::Human, Self::Workload, Self::Agent];
        let known = kinds.into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| unknown_word(text, &kinds.map(Self::as_str)))
    }
}

impl FromText for Preset {
    const WANTED: &'static str = "a preset, such as keycloak";
    const PATTERN: &'static str = "^(okta|entra|keycloak|cognito|google|authentik|authelia|zitadel|hanko|descope|auth0|eap|rfc8176)$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let known = Self::ALL.into_iter().find(|preset| preset.name() == text);
        known.ok_or_else(|| unknown_word(text, &Self::ALL.map(Self::name)))
    }
}
