//! Where clients reach this gate.

/// Scheme, host and port of a place where clients reach this gate (RFC 6454).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// As browsers write it: lower case, without a default port.
    pub text: String,
    /// Lower case, without port; IPv6 in brackets.
    pub host: String,
    /// The port, the scheme's default included.
    pub port: u16,
}
