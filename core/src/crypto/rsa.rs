//! RSA keys (RFC 7518 section 6.3), RSASSA-PKCS1-v1_5 (section 3.3) and RSASSA-PSS (section 3.5).

use core::convert::Infallible;
use core::marker::PhantomData;
use core::num::NonZero;
use std::borrow::Cow;

use jwt_compact::{Algorithm as Jwa, AlgorithmSignature};
use rsa::{
    BoxedUint, RsaPublicKey, pkcs1v15, pss,
    signature::{SignatureEncoding as _, Verifier as _},
    traits::PublicKeyParts as _,
};
use sha2::digest::{Digest, FixedOutputReset, const_oid::AssociatedOid};

use super::{
    KeyError, Material, PublicMembers, VerifyingKey,
    der::{der, integer},
};
use crate::limits;

impl VerifyingKey {
    /// An RSA key from modulus and exponent, big-endian (RFC 7518 section 6.3.1), with a modulus of
    /// at most `max_bits`.
    ///
    /// # Errors
    /// When modulus or exponent is out of bounds or even, or the modulus can be factored (ROCA).
    pub fn rsa(n: &[u8], e: &[u8], max_bits: usize) -> Result<Self, KeyError> {
        let max_bits = max_bits.min(limits::RSA_BITS_CEILING);
        // One zero in front is not counted: some write it.
        let longest = max_bits.div_ceil(8).saturating_add(1);
        if n.len() > longest || n.last().is_none_or(|last| last & 1 == 0) {
            return Err(KeyError::Modulus);
        }
        let is_factorable = is_roca(n);
        let n = BoxedUint::from_be_slice_vartime(n);
        let bits = usize::try_from(n.bits()).unwrap_or(usize::MAX);
        if !(limits::RSA_MIN_BITS..=max_bits).contains(&bits) {
            return Err(KeyError::Modulus);
        }
        if is_factorable {
            return Err(KeyError::Roca);
        }
        let odd_and_above_one = e.last().is_some_and(|last| last & 1 == 1) && e != [1];
        if e.is_empty() || e.len() > 5 || e.first() == Some(&0) || !odd_and_above_one {
            return Err(KeyError::Exponent);
        }
        let e = BoxedUint::from_be_slice_vartime(e);
        let key = RsaPublicKey::new(n, e).map_err(|_| KeyError::Exponent)?;
        Ok(Self::new(Material::Rsa(key)))
    }
}

impl VerifyingKey {
    /// The length of an RSA key's exponent: a check takes longer with a longer one. Of others zero.
    pub(crate) fn exponent_bits(&self) -> u32 {
        match &self.material {
            Material::Rsa(key) => key.e().bits(),
            Material::P256(_) | Material::P384(_) | Material::P521(_) | Material::Ed25519(_) => 0,
        }
    }
}

/// Whether a modulus bears the fingerprint of Infineon's faulty key generator (ROCA,
/// CVE-2017-15361; Nemec et al., "The Return of Coppersmith's Attack", CCS 2017, section 3.1):
/// modulo every small prime it is a power of 65537. These are the primes of which not every residue
/// is one. Of 2^27 other keys about one looks like it.
fn is_roca(n: &[u8]) -> bool {
    const PRIMES: [u32; 17] = [
        11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157,
    ];
    PRIMES.into_iter().filter_map(NonZero::new).all(|prime| {
        let residue = n.iter().fold(0u32, |rest, byte| {
            rest.saturating_mul(256).saturating_add(u32::from(*byte)) % prime
        });
        let mut power = 1u32;
        (0..prime.get()).any(|_| {
            power = power.saturating_mul(65_537) % prime;
            power == residue
        })
    })
}

pub(super) fn modulus_length(key: &RsaPublicKey) -> usize {
    key.size()
}

/// RSAPublicKey (RFC 8017 appendix A.1.1), DER.
pub(super) fn public_key(key: &RsaPublicKey) -> Vec<u8> {
    let n = integer(&key.n().to_be_bytes_trimmed_vartime());
    let e = integer(&key.e().to_be_bytes_trimmed_vartime());
    der(0x30, &[&n, &e])
}

pub(super) fn members(key: &RsaPublicKey) -> PublicMembers {
    PublicMembers::Rsa {
        n: key.n().to_be_bytes_trimmed_vartime().into(),
        e: key.e().to_be_bytes_trimmed_vartime().into(),
    }
}

/// RSASSA-PKCS1-v1_5 with a hash: the expected encoding is built and compared, nothing is parsed.
pub(super) struct Pkcs1v15<D>(PhantomData<D>);

/// RSASSA-PSS with a hash, MGF1 with the same hash, and a salt as long as the hash.
pub(super) struct Pss<D>(PhantomData<D>);

impl<D> Pkcs1v15<D> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<D> Pss<D> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

pub(super) struct Pkcs1v15Signature(pkcs1v15::Signature);

pub(super) struct PssSignature(pss::Signature);

impl AlgorithmSignature for Pkcs1v15Signature {
    fn try_from_slice(slice: &[u8]) -> anyhow::Result<Self> {
        Ok(Self(
            pkcs1v15::Signature::try_from(slice)
                .map_err(|_| anyhow::anyhow!("not an RSA signature"))?,
        ))
    }

    fn as_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.0.to_vec())
    }
}

impl AlgorithmSignature for PssSignature {
    fn try_from_slice(slice: &[u8]) -> anyhow::Result<Self> {
        Ok(Self(
            pss::Signature::try_from(slice).map_err(|_| anyhow::anyhow!("not an RSA signature"))?,
        ))
    }

    fn as_bytes(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.0.to_vec())
    }
}

impl<D: Digest + AssociatedOid> Jwa for Pkcs1v15<D> {
    type SigningKey = Infallible;
    type VerifyingKey = RsaPublicKey;
    type Signature = Pkcs1v15Signature;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed("RSASSA-PKCS1-v1_5")
    }

    fn sign(&self, no_key: &Infallible, _text: &[u8]) -> Pkcs1v15Signature {
        match *no_key {}
    }

    fn verify_signature(
        &self,
        signature: &Pkcs1v15Signature,
        key: &RsaPublicKey,
        text: &[u8],
    ) -> bool {
        // RFC 8017 section 8.2.2 step 1: a signature is exactly as long as the modulus.
        signature.0.encoded_len() == key.size()
            && pkcs1v15::VerifyingKey::<D>::new(key.clone())
                .verify(text, &signature.0)
                .is_ok()
    }
}

impl<D: Digest + FixedOutputReset> Jwa for Pss<D> {
    type SigningKey = Infallible;
    type VerifyingKey = RsaPublicKey;
    type Signature = PssSignature;

    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed("RSASSA-PSS")
    }

    fn sign(&self, no_key: &Infallible, _text: &[u8]) -> PssSignature {
        match *no_key {}
    }

    fn verify_signature(&self, signature: &PssSignature, key: &RsaPublicKey, text: &[u8]) -> bool {
        let salt = <D as Digest>::output_size();
        // RFC 8017 section 8.1.2 step 1, as above.
        signature.0.encoded_len() == key.size()
            && pss::VerifyingKey::<D>::new_with_salt_len(key.clone(), salt)
                .verify(text, &signature.0)
                .is_ok()
    }
}
