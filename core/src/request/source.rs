//! Where a request may hold a token.

/// A place in a request that may hold a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// A header; `scheme` is the text before the token, without trailing blank (`Bearer`), or
    /// empty.
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

impl TokenSource {
    /// The header `Authorization` with this scheme.
    pub(crate) fn authorization(scheme: &str) -> Self {
        Self::Header {
            name: "authorization".to_owned(),
            scheme: scheme.to_owned(),
        }
    }

    /// Whether it is that.
    pub(crate) fn is_authorization(&self, scheme: &str) -> bool {
        match self {
            Self::Header { name, scheme: own } => {
                name == "authorization" && own.eq_ignore_ascii_case(scheme)
            }
            Self::Cookie(_) | Self::Param(_) | Self::WebSocketProtocol(_) => false,
        }
    }

    /// Whether tokens come from there with a proof of possession (RFC 9449 section 7.1).
    pub(crate) fn is_dpop(&self) -> bool {
        self.is_authorization("DPoP")
    }
}
