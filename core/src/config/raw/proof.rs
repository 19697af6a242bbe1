//! What rules want proved beside the token.

use core::time::Duration;

use crate::{
    config::{
        relying_party::{PageOrigin, RpId},
        words::{ApprovalMode, BodyWish, NonceWish, VerificationWish},
    },
    decode::{Filled, List, Text, record},
    webauthn::Aaguid,
};

record! {
    /// What must be proved beside the token. Exactly one of `dpop`, `certificate` and `webauthn`.
    pub(in crate::config) RawProof "proof" {
        /// A DPoP proof by the key that the token is bound to (RFC 9449).
        dpop: RawDpop,
        /// The client certificate that the token is bound to (RFC 8705), on this connection.
        certificate: RawCertificate,
        /// A passkey's approval of this request, or of a key that proves it: a WebAuthn assertion.
        webauthn: RawWebauthn,
    }
}

record! {
    /// How a passkey's approval is judged.
    pub(in crate::config) RawWebauthn "webauthn" {
        /// What is approved: `transaction`, this request; or `session`, a key that proves each
        /// request by DPoP.
        mode: ApprovalMode = "transaction",
        /// How long after its nonce a session may end: 1m to 12h. Default: 10m.
        max_session: Duration,
        /// How the DPoP proofs of a session are judged.
        dpop: RawDpop,
        /// Whether a request's approval covers the body: `none` (default), and a request with a
        /// body is refused; or `required`, and the host must hand bodies over, which Envoy does
        /// with `allow_on_headers_stop_iteration: true`.
        body: BodyWish,
        /// How old the nonce of a request's approval may be: 5s to 5m. Default: 60s.
        window: Duration,
        /// Whether the authenticator must have verified the person, by PIN or biometric: `required`
        /// (default) or `optional`.
        user_verification: VerificationWish,
        /// Whether the passkey must be one that cannot leave its device. Default: false.
        device_bound: bool,
        /// Whether the approval stays in the request, and the DPoP proof of a session too. Default:
        /// false.
        forward: bool,
        /// The models of authenticators whose approval is taken, by the provider's `credentials`.
        /// Default: all.
        aaguids: RawAaguids,
    }
}

record! {
    /// Models of authenticators. A passkey whose model nobody knows is refused.
    pub(in crate::config) RawAaguids "aaguids" {
        /// Only these.
        allow: Filled<Aaguid>,
        /// None of these.
        deny: Filled<Aaguid>,
    }
}

record! {
    /// Whose passkeys count, and which pages ask for them.
    pub(in crate::config) RawRelyingParty "relying_party" {
        /// RP ID: the domain at which the passkeys were registered.
        id: RpId = "example.com",
        /// Origins of pages that ask for assertions, compared exactly. Apps of Android are
        /// `android:apk-key-hash:…`.
        origins: List<PageOrigin> = "[https://app.example.com]",
        /// Origins of pages that may show such a page in a frame. Default: none.
        top_origins: List<PageOrigin>,
        /// AppIDs of keys that were registered by the old U2F API. Default: none.
        app_ids: Filled<Text>,
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
