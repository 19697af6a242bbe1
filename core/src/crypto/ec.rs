//! Elliptic curve keys (RFC 7518 section 6.2) and ECDSA (section 3.4): each curve has its hash and
//! its length.

use core::convert::Infallible;
use core::num::NonZeroUsize;
use std::borrow::Cow;

use jwt_compact::{Algorithm as Jwa, AlgorithmSignature};
use p256::{ecdsa::signature::Verifier as _, elliptic_curve::point::AffineCoordinates as _};

use super::{Algorithm, KeyError, Material, PublicMembers, VerifyingKey, der::ecdsa_fixed};

impl VerifyingKey {
    /// A signature of this key as JWS writes it, from the form of WebAuthn assertions (WebAuthn
    /// Level 3 section 6.5.5), which for elliptic curves is DER. Strict: one signature has one
    /// encoding but for the sign of `s`. `None`: it is not of that form.
    #[must_use]
    pub fn signature_of_assertion<'s>(&self, signature: &'s [u8]) -> Option<Cow<'s, [u8]>> {
        match &self.material {
            Material::P256(_) | Material::P384(_) | Material::P521(_) => {
                let length = self.signature_length.div_euclid(2);
                ecdsa_fixed(signature, length).map(Cow::Owned)
            }
            Material::Rsa(_) | Material::Ed25519(_) => Some(Cow::Borrowed(signature)),
        }
    }
}

/// From an uncompressed point (SEC 1 section 2.3.3): 0x04, x, y.
pub(super) fn members(crv: &'static str, point: &[u8]) -> PublicMembers {
    let coordinates = point.get(1..).unwrap_or_default();
    let (x, y) = coordinates.split_at(coordinates.len().div_euclid(2));
    PublicMembers::Ec {
        crv,
        x: x.to_vec(),
        y: y.to_vec(),
    }
}

/// Declares a curve: how a key is read from its coordinates, and the one algorithm that it is for.
macro_rules! curve {
    ($constructor:ident, $name:literal, $material:ident, $crate_:ident, $coordinate:literal, $algorithm:ident, $signature:ident) => {
        impl VerifyingKey {
            #[doc = concat!("A ", $name, " key from its coordinates (RFC 7518 section 6.2.1).")]
            ///
            /// # Errors
            /// When a coordinate does not have exactly the length of the field, or the point is not
            /// on the curve.
            pub fn $constructor(x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
                let (Ok(x), Ok(y)) = (x.try_into(), y.try_into()) else {
                    return Err(KeyError::CoordinateLength);
                };
                // No coordinates are infinity's (SEC 1 section 2.3.4).
                let point = $crate_::AffinePoint::from_coordinates(x, y).into_option();
                let key = point
                    .and_then(|point| $crate_::ecdsa::VerifyingKey::from_affine(point).ok())
                    .ok_or(KeyError::NotOnCurve)?;
                Ok(Self::new(Material::$material(key)))
            }
        }

        pub(super) struct $algorithm;

        pub(super) struct $signature(pub(super) $crate_::ecdsa::Signature);

        impl AlgorithmSignature for $signature {
            const LENGTH: Option<NonZeroUsize> = NonZeroUsize::new(2 * $coordinate);

            /// `r` and `s`, each as long as a coordinate and in [1, n-1] (RFC 7518 section 3.4).
            fn try_from_slice(slice: &[u8]) -> anyhow::Result<Self> {
                Ok(Self(
                    $crate_::ecdsa::Signature::from_slice(slice)
                        .map_err(|_| anyhow::anyhow!("not an ECDSA signature"))?,
                ))
            }

            fn as_bytes(&self) -> Cow<'_, [u8]> {
                Cow::Owned(self.0.to_bytes().to_vec())
            }
        }

        impl Jwa for $algorithm {
            type SigningKey = Infallible;
            type VerifyingKey = $crate_::ecdsa::VerifyingKey;
            type Signature = $signature;

            fn name(&self) -> Cow<'static, str> {
                Cow::Borrowed(Algorithm::$algorithm.name())
            }

            fn sign(&self, no_key: &Infallible, _text: &[u8]) -> $signature {
                match *no_key {}
            }

            fn verify_signature(
                &self,
                signature: &$signature,
                key: &Self::VerifyingKey,
                text: &[u8],
            ) -> bool {
                key.verify(text, &signature.0).is_ok()
            }
        }
    };
}

curve!(p256, "P-256", P256, p256, 32, Es256, Es256Signature);
curve!(p384, "P-384", P384, p384, 48, Es384, Es384Signature);
curve!(p521, "P-521", P521, p521, 66, Es512, Es512Signature);
