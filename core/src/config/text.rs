//! Strings with a meaning: what a field's string is parsed into, once, when the configuration is
//! read.

use crate::{
    decode::{Fault, FromText},
    evidence::is_quotable,
};

/// A JSON Web Key set as it stands in the document; never shown.
#[derive(Debug)]
pub(super) struct InlineString(pub(super) String);

impl FromText for InlineString {
    const WANTED: &'static str = r#"the JWK set as a string: '{"keys":[…]}'"#;

    fn from_text(text: &str) -> Result<Self, Fault> {
        Ok(Self(text.to_owned()))
    }
}

/// A scope (RFC 6749 section 3.3).
#[derive(Debug)]
pub(super) struct Scope(pub(super) String);

impl FromText for Scope {
    const WANTED: &'static str = "a scope, such as payments:write";
    const PATTERN: &'static str = r"^[!#-\[\]-~]+$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let allowed = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
        if text.contains(' ') {
            return Err(("is not one scope", "write each as an element of its own").into());
        }
        if text.is_empty() || !text.bytes().all(allowed) {
            return Err((
                "is not a scope (RFC 6749 section 3.3)",
                "write visible ASCII without quotes and backslashes",
            )
                .into());
        }
        Ok(Self(text.to_owned()))
    }
}

/// A method of HTTP, as requests are held to it.
#[derive(Debug)]
pub(super) struct Method(pub(super) String);

impl FromText for Method {
    const WANTED: &'static str = "a method, such as GET";
    const PATTERN: &'static str = "^[A-Z-]+$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let letters = |b: u8| b.is_ascii_uppercase() || b == b'-';
        if ["ALL", "ANY"]
            .iter()
            .any(|word| word.eq_ignore_ascii_case(text))
        {
            return Err((
                "would be a method of that name",
                "leave methods out to mean every one",
            )
                .into());
        }
        if !text.is_empty() && text.bytes().all(letters) {
            return Ok(Self(text.to_owned()));
        }
        let upper = text.to_ascii_uppercase();
        if !text.is_empty() && upper.bytes().all(letters) {
            return Err(Fault::of(
                &["is not a method: they are compared with their case"],
                &["write ", &upper],
            ));
        }
        Err((
            "is not a method",
            "write capital letters and - only, such as GET",
        )
            .into())
    }
}

/// A name of a cookie (RFC 6265 section 4.1.1).
#[derive(Debug)]
pub(super) struct CookieName(pub(super) String);

impl FromText for CookieName {
    const WANTED: &'static str = "the name of a cookie";
    const PATTERN: &'static str = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if !text.is_empty() && text.bytes().all(is_token_byte) {
            return Ok(Self(text.to_owned()));
        }
        Err((
            "is not the name of a cookie (RFC 6265 section 4.1.1)",
            "write letters, digits, - and _",
        )
            .into())
    }
}

/// A name of a query parameter that needs no decoding.
#[derive(Debug)]
pub(super) struct ParamName(pub(super) String);

impl FromText for ParamName {
    const WANTED: &'static str = "the name of a query parameter";
    const PATTERN: &'static str = "^[A-Za-z0-9._~-]+$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        if !text.is_empty() && text.bytes().all(unreserved) {
            return Ok(Self(text.to_owned()));
        }
        Err((
            "is not a name that is taken as it stands in a query",
            "write letters, digits, - . _ ~ only",
        )
            .into())
    }
}

/// The name of a WebSocket subprotocol (RFC 6455 section 4.1).
#[derive(Debug)]
pub(super) struct Subprotocol(pub(super) String);

impl FromText for Subprotocol {
    const WANTED: &'static str = "the name of a subprotocol";
    const PATTERN: &'static str = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if !text.is_empty() && text.bytes().all(is_token_byte) {
            return Ok(Self(text.to_owned()));
        }
        Err((
            "is not the name of a subprotocol",
            "write the element before the token, such as bearer",
        )
            .into())
    }
}

/// `tchar` of RFC 9110 section 5.6.2.
pub(super) fn is_token_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

/// A value of `acr` that can stand in a challenge: one word of printable ASCII, and nothing that
/// ends a quoted string.
#[derive(Debug)]
pub(super) struct RequestAcr(pub(super) String);

impl FromText for RequestAcr {
    const WANTED: &'static str = "a value of acr, such as phr";
    const PATTERN: &'static str = r"^[!#-\[\]-~]+$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if is_quotable(text) {
            return Ok(Self(text.to_owned()));
        }
        Err((
            "cannot be named in a challenge",
            "write visible ASCII without blanks, quotes and backslashes",
        )
            .into())
    }
}

/// A name for headers, metrics and logs, whose parts are separated by dots and commas.
#[derive(Debug)]
pub(super) struct Name(pub(super) String);

impl FromText for Name {
    const WANTED: &'static str = "a name, such as payer";
    const PATTERN: &'static str = "^[A-Za-z0-9_-]{1,64}$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        if is_name(text) {
            return Ok(Self(text.to_owned()));
        }
        Err((
            "is not a name for headers and logs",
            "write up to 64 letters, digits, - and _",
        )
            .into())
    }
}

/// Whether this can stand in a header, a metric and a log as it is.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}
