//! Secrets: named in the configuration. Those that others show are kept as their hash, and those
//! that we show as they are.

use core::fmt;

use sha2::{Digest as _, Sha256};

/// A secret that others must show. Its hash is kept, so comparing takes the same time wherever two
/// secrets differ, and nothing can show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret([u8; 32]);

/// Fewest bytes of a secret: 128 bits in hexadecimal would be 32, in base64 22.
pub(crate) const SHORTEST: usize = 22;

impl Secret {
    /// One line, without its end. `None`: it is too short, or cannot stand in a header (RFC 6750
    /// section 2.1).
    pub(crate) fn of(text: &str) -> Option<Self> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        (text.len() >= SHORTEST && text.bytes().all(is_plain))
            .then(|| Self::hashed(text.as_bytes()))
    }

    fn hashed(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Whether the value of an `Authorization` header shows it (RFC 6750 section 2.1).
    pub(crate) fn is_shown_by(&self, authorization: &[u8]) -> bool {
        let Some((scheme, token)) = authorization.split_at_checked(7) else {
            return false;
        };
        scheme.eq_ignore_ascii_case(b"bearer ") && Self::hashed(token) == *self
    }
}

/// A secret that we show to others. Nothing else can show it.
#[derive(Clone)]
pub(crate) struct Shown(String);

impl Shown {
    /// One line, without its end. `None`: it is empty, or not visible ASCII.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_plain.then(|| Self(text.to_owned()))
    }

    /// The secret, to be sent and nothing else.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::{Secret, Shown};

    #[test]
    fn what_we_show_is_one_line_that_a_header_can_hold_and_debug_does_not_tell_it() {
        let shown = Shown::of("s3cret!\n").unwrap();
        assert_eq!(shown.text(), "s3cret!");
        assert!(!format!("{shown:?}").contains("s3cret"));
        for odd in ["", "\n", "a b", "a\nb", "\u{e9}"] {
            assert!(Shown::of(odd).is_none(), "{odd:?}");
        }
    }

    #[test]
    fn only_the_secret_itself_as_a_bearer_is_it() {
        let text = "0123456789abcdef0123456789";
        let secret = Secret::of(&format!("{text}\n")).unwrap();
        for scheme in ["Bearer", "bearer"] {
            assert!(secret.is_shown_by(format!("{scheme} {text}").as_bytes()));
        }
        for odd in ["", "Bearer", "Bearer ", text, "Basic x"] {
            assert!(!secret.is_shown_by(odd.as_bytes()), "{odd}");
        }
        for odd in [
            format!("Bearer {text}x"),
            format!("Bearer  {text}"),
            format!("Bearer {text} "),
        ] {
            assert!(!secret.is_shown_by(odd.as_bytes()), "{odd}");
        }
        for odd in [
            "",
            "short",
            "0123456789abcdef 0123456789",
            "0123456789abcdef0123456789\n\n",
        ] {
            assert_eq!(Secret::of(odd), None, "{odd:?}");
        }
        assert!(!format!("{secret:?}").contains("0123"));
    }
}
