//! Access tokens: JWTs (RFC 7519) whose `typ` is not that of something else.

mod jwt;
mod known;
mod types;

pub(crate) use jwt::{UnverifiedJwt, VerifiedJwt};
pub(crate) use known::KnownJwt;
pub(crate) use types::{TokenType, is_foreign, unverified_type};

use crate::{
    jose::{self, JwsError},
    reason::{Malformed, Reason, Untrusted},
};

/// The header of an access token.
pub(crate) type Header = jose::Header<Option<TokenType>>;

impl From<JwsError> for Reason {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::Size => Malformed::TokenSize.into(),
            JwsError::Shape => Malformed::TokenShape.into(),
            JwsError::Base64url => Malformed::Base64url.into(),
            JwsError::Header => Malformed::Header.into(),
            JwsError::Critical => Malformed::Crit.into(),
            JwsError::Nested => Malformed::Nested.into(),
            JwsError::Algorithm => Untrusted::Algorithm.into(),
        }
    }
}
