//! stub
pub(crate) struct Header;
pub(crate) struct UnverifiedJwt;
pub(crate) struct VerifiedJwt;
