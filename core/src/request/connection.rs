//! The connection on which a request came, as the host tells it.

use core::fmt::Debug;

/// The connection on which a request came. It is asked only where a decision depends on it.
pub trait Connection: Debug {
    /// SHA-256 of the certificate, DER, that the client has shown in the TLS handshake of this
    /// connection, or of the session that it resumes. `None`: it has shown none, or the host cannot
    /// tell.
    fn client_certificate(&self) -> Option<[u8; 32]>;

    /// The same certificate, in PEM. Whether it was verified, no host says.
    fn peer_certificate(&self) -> Option<Vec<u8>>;

    /// A member of what Envoy's `mcp` filter, before this one, has read in the request's body, as
    /// Envoy writes such values: a string as it is, a boolean as one byte. Names of a path are
    /// separated by zero bytes. `None`: there is none, or the host has no such filter.
    fn mcp(&self, _member: &str) -> Option<Vec<u8>> {
        None
    }
}
