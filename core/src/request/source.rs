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
    /// `Sec-WebSocket-Protocol` (RFC 6455 section 11.3.4): the element behind this one, which is
    /// compared without case. Pages cannot give a WebSocket any other header.
    WebSocketProtocol(String),
}
