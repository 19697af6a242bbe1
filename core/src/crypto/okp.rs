//! Octet key pairs (RFC 8037 section 2): Ed25519, verified strictly.

use core::convert::Infallible;
use core::num::NonZeroUsize;
use std::borrow::Cow;

use jwt_compact::{Algorithm as Jwa, AlgorithmSignature};

use super::{Algorithm, KeyError, Material, VerifyingKey};

impl VerifyingKey {
    /// An Ed25519 key (RFC 8037 section 2, RFC 8032 section 5.1.3).
    ///
    /// # Errors
    /// When it is not 32 bytes long, not the one encoding of a point of the curve, or of small
    /// order.
    pub fn ed25519(x: &[u8]) -> Result<Self, KeyError> {
        let bytes = x.try_into().map_err(|_| KeyError::CoordinateLength)?;
        let key =
            ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotOnCurve)?;
        if key.is_weak() {
            return Err(KeyError::SmallOrder);
        }
        // Decoding reduces a number that is not below the prime; RFC 8032 section 5.1.3 refuses it.
        if key.to_edwards().compress().as_bytes() != bytes {
            return Err(KeyError::NotCanonical);
        }
        Ok(Self::new(Material::Ed25519(key)))
    }
}

/// Ed25519 with both of its names.
pub(super) struct Ed25519;

pub(super) struct Ed25519Signature(ed25519_dalek::Signature);

impl AlgorithmSignature for Ed25519Signature {
    const LENGTH: Option<NonZeroUsize> = NonZeroUsize::new(64);

    fn try_from_slice(slice: &[u8]) -> anyhow::Result<Self> {
        Ok(Self(ed25519_dalek::Signature::from_slice(slice).map_err(
            |_| anyhow::anyhow!("not an Ed25519 signature"),
        )?))
    }

    fn as_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.0.to_bytes().to_vec())
    }
}

impl Jwa for Ed25519 {
    type SigningKey = Infallible;
    type VerifyingKey = ed25519_dalek::VerifyingKey;
    type Signature = Ed25519Signature;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(Algorithm::Ed25519.name())
    }

    fn sign(&self, no_key: &Infallible, _text: &[u8]) -> Ed25519Signature {
        match *no_key {}
    }

    /// `S` below the group order, `R` in its one encoding and not of small order.
    fn verify_signature(
        &self,
        signature: &Ed25519Signature,
        key: &Self::VerifyingKey,
        text: &[u8],
    ) -> bool {
        key.verify_strict(text, &signature.0).is_ok()
    }
}
