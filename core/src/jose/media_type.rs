//! Media types as `typ` and `cty` write them (RFC 7515 sections 4.1.9 and 4.1.10).

use core::fmt;

/// A media type in one spelling: lower case, without `application/` where that may be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType(String);

impl MediaType {
    /// The type that this text names; case means nothing (RFC 2045 section 5.1), and a value without a slash has
    /// `application/` before it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        match lower.strip_prefix("application/") {
            Some(short) if !short.contains('/') => Self(short.to_owned()),
            _ => Self(lower),
        }
    }

    /// Whether JWTs of this type are something else than access tokens, and never accepted as such
    /// (RFC 8725 section 3.11).
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        FOREIGN.contains(&self.0.as_str())
    }

    /// Whether the content is a JWT in a JWT.
    pub(super) fn is_jwt(&self) -> bool {
        self.0 == "jwt"
    }

    /// The spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// RFC 9449, Device Bound Session Credentials, OpenID Back-Channel Logout, RFC 8417, RFC 9701, RFC 9901,
/// OpenID Connect Key Binding, RFC 9101.
const FOREIGN: [&str; 8] = [
    "dpop+jwt",
    "dbsc+jwt",
    "logout+jwt",
    "secevent+jwt",
    "token-introspection+jwt",
    "kb+jwt",
    "dpop+id_token",
    "oauth-authz-req+jwt",
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
