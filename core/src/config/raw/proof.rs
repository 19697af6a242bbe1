//! What rules want proved beside the token.

use core::time::Duration;

use crate::{config::words::NonceWish, decode::record};

record! {
    /// What must be proved beside the token. Exactly one of `dpop` and `certificate`.
    pub(in crate::config) RawProof "proof" {
        /// A DPoP proof by the key that the token is bound to (RFC 9449).
        dpop: RawDpop,
        /// The client certificate that the token is bound to (RFC 8705), on this connection.
        certificate: RawCertificate,
        "webauthn": "remove it until a version checks a passkey with the request",
    }
}

record! {
    /// How a DPoP proof is judged.
    pub(in crate::config) RawDpop "dpop" {
        /// How far from now a proof may be made: 5s to 5m. With a nonce that is the age of the
        /// nonce. Default: 60s.
        iat_window: Duration,
        /// Whether the proof must carry a nonce of the gate: `required` (default) or `none`.
        nonce: NonceWish,
        /// Whether the proof stays in the request. Default: false.
        forward: bool,
    }
}

record! {
    /// Nothing more is to be said.
    pub(in crate::config) RawCertificate "certificate" {
    }
}
