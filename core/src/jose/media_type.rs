//! Media types as `typ` and `cty` write them (RFC 7515 sections 4.1.9 and 4.1.10).

use core::fmt;

/// A media type in one spelling: lower case, without `application/` where that may be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType {
    text: String,
    /// What the text says, which is looked at once for each header that is remembered.
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    /// It says what the JWT is for, and not that it is an access token.
    OfItsOwn,
    /// Of those, one that was defined for something else; or not a type at all.
    Foreign,
}

impl MediaType {
    /// The type that this text names; case means nothing (RFC 2045 section 5.1), and a value without a slash has
    /// `application/` before it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        let text = match lower.strip_prefix("application/") {
            Some(short) if !short.contains('/') => short.to_owned(),
            _ => lower,
        };
        let kind = Kind::of(essence(&text));
        Self { text, kind }
    }

    /// Whether JWTs of this type are something else than access tokens, and never accepted as such
    /// (RFC 8725 section 3.11). So is what is not a type: no token has to be written like that, and readers differ.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.kind == Kind::Foreign
    }

    /// Whether it says what the JWT is for, and not that it is an access token: it passes only where a provider lists it.
    #[must_use]
    pub fn is_of_its_own(&self) -> bool {
        self.kind != Kind::Plain
    }

    /// Whether the content is a JWT in a JWT.
    pub(super) fn is_jwt(&self) -> bool {
        essence(&self.text) == "jwt"
    }

    /// The spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Kind {
    fn of(essence: &str) -> Self {
        let is_plain = |byte| is_plain(byte) || byte == b'/';
        if FOREIGN.contains(&essence) || !essence.bytes().all(is_plain) {
            return Self::Foreign;
        }
        // RFC 8725 section 3.11: such a suffix comes after what the JWT is for; RFC 9068 section 2.1: an access token.
        let has_suffix = ["+jwt", "+sd-jwt"]
            .iter()
            .any(|suffix| essence.ends_with(suffix));
        if has_suffix && essence != "at+jwt" {
            Self::OfItsOwn
        } else {
            Self::Plain
        }
    }
}

/// Type and subtype alone: parameters after them and blanks around them do not make it another type
/// (RFC 2045 section 5.1).
fn essence(text: &str) -> &str {
    let text = text
        .split_once(';')
        .map_or(text, |(before, _)| before)
        .trim();
    let after_type = text.strip_prefix("application").map(str::trim_start);
    let subtype = after_type.and_then(|rest| rest.strip_prefix('/'));
    subtype.map_or(text, str::trim_start)
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A character of a type's or subtype's name (RFC 6838 section 4.2).
pub(crate) fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte)
}

/// Kinds of signed JWTs that were defined for something else, by registration or draft.
const FOREIGN: [&str; 36] = [
    // OAuth: RFC 9449, 9101, 9701, 7523bis; client attestation, identity assertion grant, transaction tokens.
    "dpop+jwt",
    "oauth-authz-req+jwt",
    "token-introspection+jwt",
    "client-authentication+jwt",
    "oauth-client-attestation+jwt",
    "oauth-client-attestation-pop+jwt",
    "oauth-id-jag+jwt",
    "txntoken+jwt",
    // OpenID Connect: Back-Channel Logout, Key Binding.
    "logout+jwt",
    "dpop+id_token",
    // Security events (RFC 8417), Token Status List, Entity Attestation Token (RFC 9782), PASSporT (RFC 8225).
    "secevent+jwt",
    "statuslist+jwt",
    "statuslist+cwt",
    "eat+jwt",
    "passport",
    // OpenID Federation 1.0 section 15.
    "entity-statement+jwt",
    "trust-mark+jwt",
    "trust-mark-delegation+jwt",
    "trust-mark-status-response+jwt",
    "resolve-response+jwt",
    "explicit-registration-response+jwt",
    "jwk-set+jwt",
    // SD-JWT (RFC 9901), SD-JWT VC, Verifiable Credentials, OpenID4VCI and OpenID4VP.
    "kb+jwt",
    "example+sd-jwt",
    "sd-jwt",
    "dc+sd-jwt",
    "vc+sd-jwt",
    "vp+sd-jwt",
    "vc+jwt",
    "vp+jwt",
    "openid4vci-proof+jwt",
    "key-attestation+jwt",
    "verifier-attestation+jwt",
    // WIMSE workload identity and proof; Device Bound Session Credentials.
    "wit+jwt",
    "wpt+jwt",
    "dbsc+jwt",
];

#[cfg(test)]
mod tests {
    use super::MediaType;

    #[test]
    fn a_type_has_one_spelling() {
        for text in [
            "at+jwt",
            "AT+JWT",
            "application/at+jwt",
            "Application/At+Jwt",
        ] {
            assert_eq!(MediaType::new(text).as_str(), "at+jwt", "{text}");
        }
        for (text, other) in [
            ("text/at+jwt", "text/at+jwt"),
            ("application/", ""),
            ("application/text/jwt", "application/text/jwt"),
            ("application/application/jwt", "application/application/jwt"),
            (" at+jwt", " at+jwt"),
            ("at+jwt;v=1", "at+jwt;v=1"),
        ] {
            assert_eq!(MediaType::new(text).as_str(), other);
        }
    }
}
