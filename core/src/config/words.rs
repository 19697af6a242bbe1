//! Fields that take one of a few words.

use super::PathPolicy;
use crate::{
    crypto::Algorithm,
    decode::{Fault, FromText, Words, shown, words},
    evidence::{Fact, Kind, Preset},
    jose::{MediaType, is_plain},
    proof::CnfJwk,
    request::path::OVERRIDE_HEADERS,
    token::is_foreign,
};

impl Words for Algorithm {
    const WANTED: &'static str = "an algorithm, such as ES256";
    const ALL: &'static [Self] = &Self::ALL;

    fn word(&self) -> &'static str {
        self.name()
    }

    fn why_not(text: &str) -> Option<Fault> {
        if text.eq_ignore_ascii_case("none") {
            return Some(("is no signature at all and is never accepted", "remove it").into());
        }
        let symmetric = ["HS256", "HS384", "HS512"];
        if !symmetric.iter().any(|name| text.eq_ignore_ascii_case(name)) {
            return None;
        }
        let why = "is symmetric: whoever can verify could sign, so it is never accepted";
        let names = shown::one_of(&Self::ALL.map(Self::name));
        Some(Fault::of(&[why], &["write ", &names]))
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
#[derive(Clone, Debug)]
pub(super) struct AudienceClaim(pub(super) &'static str);

impl Words for AudienceClaim {
    const ALL: &'static [Self] = &[Self("aud"), Self("client_id"), Self("azp")];

    fn word(&self) -> &'static str {
        self.0
    }
}

words! {
    /// Which document of an issuer says where its keys are.
    pub(super) enum DocumentKind {
        "openid" => Openid,
        "oauth" => Oauth,
    }
}

words! {
    /// One word of `path.allow`.
    pub(super) enum Spelling {
        "encoded_slash" => EncodedSlash,
        "double_slash" => DoubleSlash,
        "semicolon" => Semicolon,
        "encoded_percent" => EncodedPercent,
        "backslash" => Backslash,
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
#[derive(Clone, Debug)]
pub(super) struct OverrideHeader(pub(super) &'static str);

impl Words for OverrideHeader {
    const WANTED: &'static str = "the name of a header, such as x-http-method-override";
    const ALL: &'static [Self] = {
        let [a, b, c, d, e, f] = OVERRIDE_HEADERS;
        &[Self(a), Self(b), Self(c), Self(d), Self(e), Self(f)]
    };

    fn word(&self) -> &'static str {
        self.0
    }
}

words! {
    /// Where a string is split.
    pub(super) enum Split {
        "space" => Space,
    }
}

words! {
    /// That a workload is enough.
    pub(super) enum TokenWish {
        "none" => None,
    }
}

words! {
    /// Whether the facts of somebody else's sign-in count.
    pub(super) enum Delegated {
        "allow" => Allow,
        "deny" => Deny,
    }
}

words! {
    /// Whether a proof must carry a nonce.
    pub(super) enum NonceWish {
        "required" => Required,
        "none" => None,
    }
}

words! {
    /// What a passkey approves.
    pub(super) enum ApprovalMode {
        "transaction" => Transaction,
        "session" => Session,
    }
}

words! {
    /// Whether an approval covers the request's body.
    pub(super) enum BodyWish {
        "required" => Required,
        "none" => None,
    }
}

words! {
    /// Whether the authenticator must have verified the person.
    pub(super) enum VerificationWish {
        "required" => Required,
        "optional" => Optional,
    }
}

words! {
    impl CnfJwk {
        "dpop" => Dpop,
        "passkey" => Passkey,
    }
}

impl Words for Fact {
    const WANTED: &'static str = "a fact, such as phishing_resistant";
    const ALL: &'static [Self] = &Self::ALL;

    fn word(&self) -> &'static str {
        self.as_str()
    }
}

impl Words for Kind {
    const ALL: &'static [Self] = &[Self::Human, Self::Workload, Self::Agent];

    fn word(&self) -> &'static str {
        self.as_str()
    }
}

impl Words for Preset {
    const WANTED: &'static str = "a preset, such as keycloak";
    const ALL: &'static [Self] = &Self::ALL;

    fn word(&self) -> &'static str {
        self.name()
    }
}
