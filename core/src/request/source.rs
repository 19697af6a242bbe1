//! Where a request may hold a token.

/// A place in a request that may hold a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// A header; `scheme` is the text before the token, without trailing blank (`Bearer`), or empty.
    Header {
        /// Lower case.
        name: String,
        /// As configured, without the blank that ends it.
        scheme: String,
    },
    /// A cookie, by its exact name.
    Cookie(String),
    /// A query parameter, by its exact name.
    Param(String),
}
