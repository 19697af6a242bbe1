//! What an issuer says of a token that says nothing itself: OAuth 2.0 Token Introspection (RFC
//! 7662).
//!
//! - **A question** ([`desk`]) is a POST with the token. There is one for each token at a time,
//!   however many requests wait for it. Its answer counts for a short time, and never beyond `exp`.
//! - **An answer** ([`answer`]) is taken for claims: from there on the very code judges it that
//!   judges those of a JWT. It is remembered like a token whose signature was right.
//! - **A signed answer** ([`signed`], RFC 9701) counts once its signature is checked, by the
//!   provider's keys. Where answers are to be signed, no other one counts.
//! - **A flood** of made-up tokens has a budget of questions. A token that was active once does not
//!   need it, and what is not active makes no room among what is.
//! - **A token for another issuer** is not shown to this one: text with the form of a JWT is never
//!   opaque ([`is_opaque`]).

mod answer;
mod desk;
mod signed;
mod source;
#[cfg(test)]
mod tests;

#[cfg(feature = "explain")]
pub(crate) use self::answer::is_of_sign_in;
pub use self::source::{IntrospectedTokens, IntrospectionSource, SignedFor};
pub(crate) use self::{
    answer::{Active, Unfit, says_dpop},
    desk::{Desk, Said},
};
use crate::{jose::base64url, json::Json, limits};

/// Whether a token is not a JWT, and not like one either: what stands before the first dot is not a
/// JSON object. `eyJ` is the base64url of `{"`.
pub(crate) fn is_opaque(token: &str) -> bool {
    let Some((header, _)) = token.split_once('.') else {
        return true;
    };
    let is_object = || {
        let json = Json::parse(&base64url(header)?, limits::TOKEN_JSON_NODES).ok()?;
        matches!(json, Json::Object(_)).then_some(())
    };
    !header.starts_with("eyJ") && is_object().is_none()
}
