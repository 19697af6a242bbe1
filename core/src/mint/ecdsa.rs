//! ECDSA signatures on P-256 (FIPS 186-5 section 6.4.1) with nonces by RFC 6979, in constant time.
//!
//! Field, scalar and group arithmetic are the crate's, and its signatures are the same to the last bit
//! (`mint/tests.rs`). Its own signing would be 4 KiB more of the module, and has no table of the
//! generator's multiples: 320 additions and doublings where these are 64.

use hmac::{Hmac, KeyInit as _, Mac as _};
use p256::{
    FieldBytes, ProjectivePoint, Scalar, U256,
    elliptic_curve::{
        ff::{Field as _, PrimeField as _},
        ops::Reduce,
        point::AffineCoordinates as _,
        subtle::{ConditionallySelectable as _, ConstantTimeEq as _},
    },
};
use sha2::{Digest as _, Sha256};

/// Bits of a window.
const WINDOW: usize = 4;
/// Digits that are not zero.
const DIGITS: usize = (1 << WINDOW) - 1;
/// Windows of a scalar.
const WINDOWS: usize = 64;
/// The order of the group less two, by which Fermat's theorem inverts.
const INVERTING: U256 =
    U256::from_be_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc63254f");
/// How often a nonce may be unfit, which happens once in 2^32 times.
const TRIES: usize = 8;

/// The generator's multiples by the digits of each window: 92 KiB.
pub(crate) struct Generator(Vec<ProjectivePoint>);

impl core::fmt::Debug for Generator {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Generator")
    }
}

impl Default for Generator {
    fn default() -> Self {
        let mut multiples = Vec::with_capacity(WINDOWS.saturating_mul(DIGITS));
        let mut power = ProjectivePoint::GENERATOR;
        for _ in 0..WINDOWS {
            let mut multiple = power;
            for _ in 0..DIGITS {
                multiples.push(multiple);
                multiple = add(&multiple, &power);
            }
            power = multiple;
        }
        Self(multiples)
    }
}

/// Once, because the crate's formulas are large.
#[inline(never)]
fn add(one: &ProjectivePoint, other: &ProjectivePoint) -> ProjectivePoint {
    one.add(other)
}

impl Generator {
    /// The coordinates of a multiple of the generator. Which one it is does not show in time: each
    /// entry of a window is read, and the formulas are complete.
    #[inline(never)]
    pub(super) fn times(&self, scalar: &Scalar) -> (FieldBytes, FieldBytes) {
        let bytes = scalar.to_repr();
        let digits = bytes.iter().rev().flat_map(|byte| [byte & 0x0f, byte >> 4]);
        let windows = self.0.chunks_exact(DIGITS);
        let mut sum = ProjectivePoint::IDENTITY;
        for (digit, multiples) in digits.zip(windows) {
            let mut chosen = ProjectivePoint::IDENTITY;
            for (multiple, number) in multiples.iter().zip(1_u8..) {
                chosen.conditional_assign(multiple, digit.ct_eq(&number));
            }
            sum = add(&sum, &chosen);
        }
        let point = sum.to_affine();
        (point.x(), point.y())
    }

    /// The signature of this text, `r` and `s`. `None`: no nonce was fit, which nobody will see.
    pub(super) fn sign(&self, secret: &Scalar, text: &[u8]) -> Option<[u8; 64]> {
        let digest: FieldBytes = Sha256::digest(text);
        let z = <Scalar as Reduce<FieldBytes>>::reduce(&digest);
        let mut nonces = Nonces::new(&secret.to_repr(), &z.to_repr());
        for _ in 0..TRIES {
            let Some(nonce) = nonces.next() else { continue };
            let (x, _) = self.times(&nonce);
            let r = <Scalar as Reduce<FieldBytes>>::reduce(&x);
            let inverse = nonce.pow_vartime(&INVERTING);
            let s = inverse.multiply(&z.add(&r.multiply(secret)));
            let mut signature = [0; 64];
            let (left, right) = signature.split_at_mut(32);
            left.copy_from_slice(&r.to_repr());
            right.copy_from_slice(&s.to_repr());
            if !bool::from(r.is_zero() | s.is_zero()) {
                return Some(signature);
            }
        }
        None
    }
}

/// RFC 6979 section 3.2.
struct Nonces {
    key: [u8; 32],
    value: [u8; 32],
}

impl Nonces {
    fn new(secret: &[u8], digest: &[u8]) -> Self {
        let mut nonces = Self {
            key: [0; 32],
            value: [1; 32],
        };
        nonces.mix(&[&[0], secret, digest]);
        nonces.mix(&[&[1], secret, digest]);
        nonces
    }

    /// The number that follows, if it is one below the order and not zero.
    fn next(&mut self) -> Option<Scalar> {
        self.value = self.mac(&[]);
        let nonce: Option<Scalar> = Scalar::from_repr(self.value.into()).into_option();
        let nonce = nonce.filter(|nonce| !bool::from(nonce.is_zero()));
        if nonce.is_none() {
            self.mix(&[&[0]]);
        }
        nonce
    }

    fn mix(&mut self, parts: &[&[u8]]) {
        self.key = self.mac(parts);
        self.value = self.mac(&[]);
    }

    /// The HMAC of the value and these.
    #[inline(never)]
    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        // A key of any length is one for HMAC (RFC 2104 section 3).
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else {
            return [0; 32];
        };
        mac.update(&self.value);
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}
