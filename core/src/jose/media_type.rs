//! Media types as `typ` and `cty` write them (RFC 7515 sections 4.1.9 and 4.1.10).

use core::fmt;

/// A media type in one spelling: lower case, without `application/` where that may be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType(String);

impl MediaType {
    /// The type that this text names; case means nothing (RFC 2045 section 5.1), and a value
    /// without a slash has `application/` before it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        match lower.strip_prefix("application/") {
            Some(short) if !short.contains('/') => Self(short.to_owned()),
            _ => Self(lower),
        }
    }

    /// Type and subtype alone: parameters after them and blanks around them do not make it another
    /// type (RFC 2045 section 5.1).
    pub(crate) fn essence(&self) -> &str {
        let text = self
            .0
            .split_once(';')
            .map_or(&*self.0, |(before, _)| before)
            .trim();
        let after_type = text.strip_prefix("application").map(str::trim_start);
        let subtype = after_type.and_then(|rest| rest.strip_prefix('/'));
        subtype.map_or(text, str::trim_start)
    }

    /// Whether the content is a JWT in a JWT.
    pub(super) fn is_jwt(&self) -> bool {
        self.essence() == "jwt"
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

/// A character of a type's or subtype's name (RFC 6838 section 4.2).
pub(crate) fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte)
}

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
