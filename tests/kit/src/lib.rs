//! Keys, tokens and JWK sets for the tests and the demo.
//!
//! Nothing here uses the filter's own code: signatures are made by `ring`, JSON by `serde_json`, so
//! that a mistake of the filter cannot hide behind the same mistake in its test. ES512 is the
//! exception, because `ring` has no P-521; signatures that OpenSSL made stand in for it in the
//! core's tests.
//!
//! ```
//! use passgate_kit::{SigningKey, Token, jwks};
//! let key = SigningKey::es256("k1");
//! let token = Token::of(&key, "https://id.example.com", "https://api.example.com")
//!     .claim("groups", serde_json::json!(["finance"]))
//!     .build();
//! assert_eq!(token.split('.').count(), 3);
//! assert!(jwks(&[&key]).contains("\"k1\""));
//! ```

mod host;
mod key;
mod passkey;
mod proof;
mod token;

pub use host::verify_signature;
pub use key::{SigningKey, jwks};
pub use passkey::ApprovalBuilder;
pub use proof::{ProofBuilder, bound_to, public_members, sha256, thumbprint};
pub use token::{Token, TokenBuilder, minted, now, tampered};

/// Unpadded base64url, as JOSE writes it.
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
