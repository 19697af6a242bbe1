//! Signature algorithms and the public keys that verify them.
//!
//! The key decides: a [`VerifyingKey`] knows which algorithms its type and curve allow, and a token can choose
//! among these only (RFC 8725 section 3.1). The pairing of algorithm, key and signature is typed by
//! `jwt_compact`'s [`Algorithm`](jwt_compact::Algorithm) trait; arithmetic comes from `p256` and `rsa`. There is
//! no signing key in this crate: the type that stands in its place has no value.

mod tables;

use core::convert::Infallible;
use core::num::NonZeroUsize;
use std::borrow::Cow;

use jwt_compact::{Algorithm as Jwa, AlgorithmSignature};
use p256::ecdsa::signature::Verifier as _;
use rsa::BoxedUint;
use sha2::Sha256;

pub(crate) use self::tables::KeyTables;
use crate::limits;

/// A signature algorithm that we verify (RFC 7518 section 3.1). HMAC and `none` have no name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256 (RFC 7518 section 3.4).
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3).
    Rs256,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Es256, Self::Rs256];

    /// The `alg` value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    /// The algorithm with this `alg` value, compared with its case (RFC 7515 section 4.1.1).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }
}

/// A parsed public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyingKey(Material);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Material {
    P256(p256::ecdsa::VerifyingKey),
    Rsa(rsa::RsaPublicKey),
}

/// Why a public key is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// A coordinate does not have the length of the field.
    CoordinateLength,
    /// The point is not on the curve.
    NotOnCurve,
    /// The RSA modulus is even, or its size is out of bounds.
    Modulus,
    /// The RSA exponent is even, below 3, or too large.
    Exponent,
}

impl KeyError {
    /// For messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CoordinateLength => "a coordinate does not have the length of the field",
            Self::NotOnCurve => "the point is not on the curve",
            Self::Modulus => "the modulus is even, shorter than 2048 bits or longer than 4096",
            Self::Exponent => "the exponent is even, below 3 or above 2^33 - 1",
        }
    }
}

impl VerifyingKey {
    /// A P-256 key from its coordinates (RFC 7518 section 6.2.1).
    ///
    /// # Errors
    /// When a coordinate is not 32 bytes long or the point is not on the curve.
    pub fn p256(x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        if x.len() != 32 || y.len() != 32 {
            return Err(KeyError::CoordinateLength);
        }
        let sec1 = [&[4], x, y].concat();
        let key =
            p256::ecdsa::VerifyingKey::from_sec1_bytes(&sec1).map_err(|_| KeyError::NotOnCurve)?;
        Ok(Self(Material::P256(key)))
    }

    /// An RSA key from modulus and exponent, big-endian (RFC 7518 section 6.3.1).
    ///
    /// # Errors
    /// When modulus or exponent is out of bounds or even.
    pub fn rsa(n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        if n.len() > limits::RSA_MAX_BITS / 8 || n.last().is_none_or(|last| last & 1 == 0) {
            return Err(KeyError::Modulus);
        }
        let n = BoxedUint::from_be_slice_vartime(n);
        let bits = usize::try_from(n.bits()).unwrap_or(usize::MAX);
        if !(limits::RSA_MIN_BITS..=limits::RSA_MAX_BITS).contains(&bits) {
            return Err(KeyError::Modulus);
        }
        let odd_and_above_one = e.last().is_some_and(|last| last & 1 == 1) && e != [1];
        if e.is_empty() || e.len() > 5 || e.first() == Some(&0) || !odd_and_above_one {
            return Err(KeyError::Exponent);
        }
        let e = BoxedUint::from_be_slice_vartime(e);
        let key = rsa::RsaPublicKey::new(n, e).map_err(|_| KeyError::Exponent)?;
        Ok(Self(Material::Rsa(key)))
    }

    /// Whether the key's type and curve allow this algorithm.
    #[must_use]
    pub const fn fits(&self, algorithm: Algorithm) -> bool {
        matches!(
            (&self.0, algorithm),
            (Material::P256(_), Algorithm::Es256) | (Material::Rsa(_), Algorithm::Rs256)
        )
    }

    /// The same answer as [`Self::verifies`], faster where `tables` has one for this key.
    #[must_use]
    pub(crate) fn verifies_with(
        &self,
        tables: &mut KeyTables,
        algorithm: Algorithm,
        signing_input: &[u8],
        signature: &[u8],
    ) -> bool {
        match (&self.0, algorithm) {
            (Material::P256(key), Algorithm::Es256) => Es256Signature::try_from_slice(signature)
                .is_ok_and(|signature| tables.verifies(key, signing_input, &signature.0)),
            _ => self.verifies(algorithm, signing_input, signature),
        }
    }

    /// Whether `signature` is this key's signature over exactly these bytes.
    #[must_use]
    pub fn verifies(&self, algorithm: Algorithm, signing_input: &[u8], signature: &[u8]) -> bool {
        match (&self.0, algorithm) {
            (Material::P256(key), Algorithm::Es256) => {
                verifies(&Es256, key, signing_input, signature)
            }
            (Material::Rsa(key), Algorithm::Rs256) => {
                verifies(&Rs256, key, signing_input, signature)
            }
            (Material::P256(_), Algorithm::Rs256) | (Material::Rsa(_), Algorithm::Es256) => false,
        }
    }
}

/// One way through the typed seam for all algorithms.
fn verifies<A: Jwa>(
    algorithm: &A,
    key: &A::VerifyingKey,
    signing_input: &[u8],
    signature: &[u8],
) -> bool {
    let length_fits = A::Signature::LENGTH.is_none_or(|length| length.get() == signature.len());
    length_fits
        && A::Signature::try_from_slice(signature)
            .is_ok_and(|signature| algorithm.verify_signature(&signature, key, signing_input))
}

struct Es256;

struct Es256Signature(p256::ecdsa::Signature);

impl AlgorithmSignature for Es256Signature {
    const LENGTH: Option<NonZeroUsize> = NonZeroUsize::new(64);

    /// `r` and `s` as two 32-byte numbers in [1, n-1] (RFC 7518 section 3.4).
    fn try_from_slice(slice: &[u8]) -> anyhow::Result<Self> {
        Ok(Self(
            p256::ecdsa::Signature::from_slice(slice)
                .map_err(|_| anyhow::anyhow!("not an ES256 signature"))?,
        ))
    }

    fn as_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.0.to_bytes().to_vec())
    }
}

impl Jwa for Es256 {
    type SigningKey = Infallible;
    type VerifyingKey = p256::ecdsa::VerifyingKey;
    type Signature = Es256Signature;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(Algorithm::Es256.name())
    }

    fn sign(&self, no_key: &Infallible, _message: &[u8]) -> Es256Signature {
        match *no_key {}
    }

    fn verify_signature(
        &self,
        signature: &Es256Signature,
        key: &Self::VerifyingKey,
        message: &[u8],
    ) -> bool {
        key.verify(message, &signature.0).is_ok()
    }
}

struct Rs256;

struct Rs256Signature(rsa::pkcs1v15::Signature);

impl AlgorithmSignature for Rs256Signature {
    fn try_from_slice(slice: &[u8]) -> anyhow::Result<Self> {
        Ok(Self(
            rsa::pkcs1v15::Signature::try_from(slice)
                .map_err(|_| anyhow::anyhow!("not an RSA signature"))?,
        ))
    }

    fn as_bytes(&self) -> Cow<'_, [u8]> {
        use rsa::signature::SignatureEncoding as _;
        Cow::Owned(self.0.to_vec())
    }
}

impl Jwa for Rs256 {
    type SigningKey = Infallible;
    type VerifyingKey = rsa::RsaPublicKey;
    type Signature = Rs256Signature;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(Algorithm::Rs256.name())
    }

    fn sign(&self, no_key: &Infallible, _message: &[u8]) -> Rs256Signature {
        match *no_key {}
    }

    fn verify_signature(
        &self,
        signature: &Rs256Signature,
        key: &Self::VerifyingKey,
        message: &[u8],
    ) -> bool {
        use rsa::{signature::SignatureEncoding as _, traits::PublicKeyParts as _};
        // RFC 8017 section 8.2.2 step 1: a signature is exactly as long as the modulus.
        signature.0.encoded_len() == key.size()
            && rsa::pkcs1v15::VerifyingKey::<Sha256>::new(key.clone())
                .verify(message, &signature.0)
                .is_ok()
    }
}

#[cfg(test)]
mod tests;
