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

impl Header {
    /// About how many bytes of memory it takes. Tokens of one key share it, as a rule; the type may
    /// be as long as a token.
    pub(crate) fn weight(&self) -> usize {
        let name = |typ: &TokenType| typ.name.as_str().len();
        let names = [&self.kid, &self.thumbprint].into_iter().flatten();
        let names = names.map(String::len).chain(self.typ.as_ref().map(name));
        size_of::<Self>().saturating_add(names.sum())
    }
}

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
