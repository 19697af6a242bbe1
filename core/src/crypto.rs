//! Signature algorithms and the public keys that verify them.
//!
//! The key decides: a [`VerifyingKey`] knows which algorithms its type and curve allow, and a token
//! can choose among these only (RFC 8725 section 3.1). The pairing of algorithm, key and signature
//! is typed by `jwt_compact`'s [`Algorithm`](jwt_compact::Algorithm) trait; one file per key type
//! implements it. This room does not have a signing key: the type in its place does not have a
//! value. Only [`mint`](crate::mint) has one.

mod cost;
mod der;
mod ec;
mod host;
mod okp;
mod rsa;
mod tables;

use core::time::Duration;

use jwt_compact::{Algorithm as Jwa, AlgorithmSignature as _};
use sha2::{Sha256, Sha384, Sha512};

pub(crate) use der::p256_number;
pub use host::{Distrust, ForeignFunctions};

use ec::{Es256, Es256Signature, Es384, Es512};
use host::HostCrypto;
use okp::Ed25519;
use rsa::{Pkcs1v15, Pss};
use tables::KeyTables;

/// A signature algorithm that we verify (RFC 7518 section 3.1, RFC 8037, RFC 9864). HMAC and `none`
/// do not have a name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256 (RFC 7518 section 3.4).
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3).
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256 (RFC 7518 section 3.5).
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// Ed25519 under its first name, which leaves the curve to the key (RFC 8037 section 3.1).
    /// Ed448 is not verified.
    EdDsa,
    /// Ed25519 under the name that says so (RFC 9864 section 2.2).
    Ed25519,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::EdDsa,
        Self::Ed25519,
    ];

    /// Whether keys for it are RSA keys.
    #[must_use]
    pub const fn is_rsa(self) -> bool {
        matches!(
            self,
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512
        )
    }

    /// The `alg` value.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
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
pub struct VerifyingKey {
    material: Material,
    /// Of a signature, in bytes. (An RSA key would count its bits again for each.)
    signature_length: usize,
    /// SubjectPublicKeyInfo, where it is a key that a host can be asked about.
    spki: Option<Box<[u8]>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Material {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
    Rsa(::rsa::RsaPublicKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

/// Why a public key is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyError {
    /// A coordinate does not have the length of the field.
    CoordinateLength,
    /// The point is not on the curve.
    NotOnCurve,
    /// The point is written in a form that is not its only one.
    NotCanonical,
    /// The point is one of the few under which signatures hold for almost any text.
    SmallOrder,
    /// The RSA modulus is even, or its size is out of bounds.
    Modulus,
    /// The RSA exponent is even, below 3, or too large.
    Exponent,
    /// The RSA modulus comes from Infineon's faulty generator: it can be factored.
    Roca,
}

impl KeyError {
    /// For messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CoordinateLength => "a coordinate does not have the length of the field",
            Self::NotOnCurve => "the point is not on the curve",
            Self::NotCanonical => "the point is not in its one encoding",
            Self::SmallOrder => "the point is of small order: anybody could sign",
            Self::Modulus => {
                "the modulus is even, shorter than 2048 bits or longer than limits.rsa_bits"
            }
            Self::Exponent => "the exponent is even, below 3 or above 2^33 - 1",
            Self::Roca => {
                "the modulus can be factored (ROCA, CVE-2017-15361), so anybody could sign: make another key"
            }
        }
    }
}

impl VerifyingKey {
    fn new(material: Material) -> Self {
        Self {
            signature_length: match &material {
                Material::P256(_) | Material::Ed25519(_) => 64,
                Material::P384(_) => 96,
                Material::P521(_) => 132,
                Material::Rsa(key) => rsa::modulus_length(key),
            },
            spki: host::spki(&material).map(Vec::into_boxed_slice),
            material,
        }
    }

    /// Whether the key's type and curve allow this algorithm.
    #[must_use]
    pub const fn fits(&self, algorithm: Algorithm) -> bool {
        match &self.material {
            Material::P256(_) => matches!(algorithm, Algorithm::Es256),
            Material::P384(_) => matches!(algorithm, Algorithm::Es384),
            Material::P521(_) => matches!(algorithm, Algorithm::Es512),
            Material::Rsa(_) => algorithm.is_rsa(),
            Material::Ed25519(_) => matches!(algorithm, Algorithm::EdDsa | Algorithm::Ed25519),
        }
    }

    /// How many bytes a signature of this key has.
    #[must_use]
    pub const fn signature_length(&self) -> usize {
        self.signature_length
    }

    /// Whether `signature` is this key's signature over exactly these bytes.
    #[must_use]
    pub fn verifies(&self, algorithm: Algorithm, text: &[u8], signature: &[u8]) -> bool {
        match (&self.material, algorithm) {
            (Material::P256(key), Algorithm::Es256) => verifies(&Es256, key, text, signature),
            (Material::P384(key), Algorithm::Es384) => verifies(&Es384, key, text, signature),
            (Material::P521(key), Algorithm::Es512) => verifies(&Es512, key, text, signature),
            (Material::Rsa(key), Algorithm::Rs256) => {
                verifies(&Pkcs1v15::<Sha256>::new(), key, text, signature)
            }
            (Material::Rsa(key), Algorithm::Rs384) => {
                verifies(&Pkcs1v15::<Sha384>::new(), key, text, signature)
            }
            (Material::Rsa(key), Algorithm::Rs512) => {
                verifies(&Pkcs1v15::<Sha512>::new(), key, text, signature)
            }
            (Material::Rsa(key), Algorithm::Ps256) => {
                verifies(&Pss::<Sha256>::new(), key, text, signature)
            }
            (Material::Rsa(key), Algorithm::Ps384) => {
                verifies(&Pss::<Sha384>::new(), key, text, signature)
            }
            (Material::Rsa(key), Algorithm::Ps512) => {
                verifies(&Pss::<Sha512>::new(), key, text, signature)
            }
            (Material::Ed25519(key), Algorithm::EdDsa | Algorithm::Ed25519) => {
                verifies(&Ed25519, key, text, signature)
            }
            (
                Material::P256(_)
                | Material::P384(_)
                | Material::P521(_)
                | Material::Rsa(_)
                | Material::Ed25519(_),
                _,
            ) => false,
        }
    }
}

/// Who checks signatures: this crate alone, or with a host. The answers are the same.
#[derive(Debug, Default)]
pub struct Backend {
    tables: KeyTables,
    host: Option<HostCrypto>,
    lost_host: bool,
    /// What signatures, and what was signed, have cost since it was asked.
    spent: Duration,
}

impl Backend {
    /// Lets this host check signatures from now on, if it passes the test.
    ///
    /// # Errors
    /// Why it does not.
    pub fn use_host(&mut self, host: Box<dyn ForeignFunctions>) -> Result<(), Distrust> {
        self.host = Some(HostCrypto::tested(host)?);
        Ok(())
    }

    /// True once, when the host did not answer and is therefore not asked again.
    pub(crate) const fn take_lost_host(&mut self) -> bool {
        core::mem::replace(&mut self.lost_host, false)
    }

    /// About what the signatures have cost that were checked since this was called.
    pub(crate) const fn take_spent(&mut self) -> Duration {
        core::mem::replace(&mut self.spent, Duration::ZERO)
    }

    /// Notes what it costs to read what was signed.
    pub(crate) const fn spend(&mut self, cost: Duration) {
        self.spent = self.spent.saturating_add(cost);
    }

    /// The same answer as [`VerifyingKey::verifies`], faster where a table or the host knows how.
    pub fn verifies(
        &mut self,
        key: &VerifyingKey,
        algorithm: Algorithm,
        signing_input: &[u8],
        signature: &[u8],
    ) -> bool {
        if let (Material::P256(p256), Algorithm::Es256) = (&key.material, algorithm) {
            self.spend(self.cost(key, algorithm));
            return Es256Signature::try_from_slice(signature)
                .is_ok_and(|signature| self.tables.verifies(p256, signing_input, &signature.0));
        }
        self.verifies_once(key, algorithm, signing_input, signature)
    }

    /// The same for a key that may never come again: no table is made for it, and none is looked
    /// for.
    pub(crate) fn verifies_once(
        &mut self,
        key: &VerifyingKey,
        algorithm: Algorithm,
        signing_input: &[u8],
        signature: &[u8],
    ) -> bool {
        self.spend(self.cost_once(key, algorithm));
        let host = self.host.as_ref();
        match host.and_then(|host| host.verifies(key, algorithm, signing_input, signature)) {
            Some(Ok(verdict)) => verdict,
            Some(Err(_)) => {
                (self.host, self.lost_host) = (None, true);
                key.verifies(algorithm, signing_input, signature)
            }
            None => key.verifies(algorithm, signing_input, signature),
        }
    }
}

/// The members that make a public key what it is (RFC 7638 section 3.2), big-endian.
pub(crate) enum PublicMembers {
    /// An elliptic curve key; coordinates have the length of the field.
    Ec {
        crv: &'static str,
        x: Vec<u8>,
        y: Vec<u8>,
    },
    /// An RSA key, without zeros in front.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// An octet key pair's public half.
    Okp { crv: &'static str, x: Vec<u8> },
}

impl VerifyingKey {
    /// Its members, as a JWK writes them before base64url.
    pub(crate) fn members(&self) -> PublicMembers {
        match &self.material {
            Material::P256(key) => ec::members("P-256", key.to_sec1_point(false).as_bytes()),
            Material::P384(key) => ec::members("P-384", key.to_sec1_point(false).as_bytes()),
            Material::P521(key) => ec::members("P-521", key.to_sec1_point(false).as_bytes()),
            Material::Rsa(key) => rsa::members(key),
            Material::Ed25519(key) => PublicMembers::Okp {
                crv: "Ed25519",
                x: key.to_bytes().to_vec(),
            },
        }
    }
}

/// One way through the typed seam for all algorithms.
fn verifies<A: Jwa>(algorithm: &A, key: &A::VerifyingKey, text: &[u8], signature: &[u8]) -> bool {
    let length_fits = A::Signature::LENGTH.is_none_or(|length| length.get() == signature.len());
    length_fits
        && A::Signature::try_from_slice(signature)
            .is_ok_and(|signature| algorithm.verify_signature(&signature, key, text))
}

#[cfg(test)]
mod tests;
