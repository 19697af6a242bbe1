//! JWK thumbprints (RFC 7638, RFC 8037 section 2): a name for a key that its members alone decide.

use sha2::{Digest as _, Sha256};

use super::to_base64url;
use crate::crypto::{PublicMembers, VerifyingKey};

/// The SHA-256 thumbprint: over the required members in lexicographic order, without white space.
#[must_use]
pub fn thumbprint(key: &VerifyingKey) -> [u8; 32] {
    let canonical = match key.members() {
        PublicMembers::Ec { crv, x, y } => {
            let (x, y) = (to_base64url(&x), to_base64url(&y));
            format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#)
        }
        PublicMembers::Rsa { n, e } => {
            let (n, e) = (to_base64url(&n), to_base64url(&e));
            format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)
        }
        PublicMembers::Okp { crv, x } => {
            let x = to_base64url(&x);
            format!(r#"{{"crv":"{crv}","kty":"OKP","x":"{x}"}}"#)
        }
    };
    Sha256::digest(canonical.as_bytes()).into()
}
