//! Public keys of authenticators in the form in which these give them away: a `COSE_Key` (RFC 9052
//! section 7) in the canonical CBOR of CTAP2, with `alg`, the parameters that its type needs, and
//! nothing else (Web Authentication Level 3, section 6.5.1).

use crate::{
    cbor::{Cbor, Item, Keys},
    crypto::{Algorithm, VerifyingKey},
    limits,
};

/// `kty` of RFC 9053 section 7: an octet key pair, an elliptic curve, and RSA (RFC 8230 section 4).
const OKP: i64 = 1;
const EC2: i64 = 2;
const RSA: i64 = 3;

/// `alg`, what it means, and the `kty` and `crv` that WebAuthn pins it to (section 5.8.5). The
/// second names of RFC 9864 say the curve themselves. An RSA key has no curve.
const ALGORITHMS: [(i64, Algorithm, i64, i64); 10] = [
    (-7, Algorithm::Es256, EC2, 1),
    (-9, Algorithm::Es256, EC2, 1),
    (-35, Algorithm::Es384, EC2, 2),
    (-51, Algorithm::Es384, EC2, 2),
    (-36, Algorithm::Es512, EC2, 3),
    (-52, Algorithm::Es512, EC2, 3),
    (-8, Algorithm::Ed25519, OKP, 6),
    (-19, Algorithm::Ed25519, OKP, 6),
    // RFC 8812 section 2, RFC 8230 section 2.
    (-257, Algorithm::Rs256, RSA, 0),
    (-37, Algorithm::Ps256, RSA, 0),
];

const SHAPE: &str = "not a COSE_Key in canonical CBOR, with alg and no optional parameter";
const UNSUPPORTED: &str = "unsupported algorithm";
const MISFIT: &str = "alg does not fit kty and crv";

/// Reads a public key and the one algorithm that it is for.
///
/// # Errors
/// In English, what is wrong.
pub fn read(bytes: &[u8]) -> Result<(VerifyingKey, Algorithm), &'static str> {
    let parameters = Parameters::read(bytes).ok_or(SHAPE)?;
    let [kty, alg] = [&parameters.kty, &parameters.alg].map(|item| item.and_then(number));
    let (kty, alg) = kty.zip(alg).ok_or(SHAPE)?;
    let known = ALGORITHMS.iter().find(|(other, ..)| *other == alg);
    let (_, algorithm, own_kty, own_crv) = known.ok_or(UNSUPPORTED)?;
    if kty != *own_kty {
        return Err(MISFIT);
    }
    let bits = limits::PROOF_RSA_BITS;
    let key = match (kty, parameters.own) {
        (EC2, [Some(crv), Some(Item::Bytes(x)), Some(Item::Bytes(y))]) => {
            let new = match number(crv) {
                Some(crv) if crv != *own_crv => return Err(MISFIT),
                Some(1) => VerifyingKey::p256,
                Some(2) => VerifyingKey::p384,
                Some(_) => VerifyingKey::p521,
                None => return Err(SHAPE),
            };
            new(x, y)
        }
        (OKP, [Some(crv), Some(Item::Bytes(x)), None]) => match number(crv) {
            Some(crv) if crv != *own_crv => return Err(MISFIT),
            Some(_) => VerifyingKey::ed25519(x),
            None => return Err(SHAPE),
        },
        // RFC 8230 section 4: the fewest bytes that hold the number.
        (RSA, [Some(Item::Bytes(n)), Some(Item::Bytes(e)), None])
            if [n, e].iter().all(|number| !number.starts_with(&[0])) =>
        {
            VerifyingKey::rsa(n, e, bits)
        }
        _ => return Err(SHAPE),
    };
    let key = key.map_err(|error| error.as_str())?;
    if key.exponent_bits() > limits::PROOF_RSA_EXPONENT_BITS {
        return Err("the exponent is longer than 17 bits");
    }
    Ok((key, *algorithm))
}

/// The parameters of a key. What they hold is not known yet.
#[derive(Default)]
struct Parameters<'a> {
    kty: Option<Item<'a>>,
    alg: Option<Item<'a>>,
    /// Those with the labels -1, -2 and -3, which mean something else for each type.
    own: [Option<Item<'a>>; 3],
}

impl<'a> Parameters<'a> {
    /// One map with no other labels, and nothing behind it.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut cbor = Cbor::new(bytes);
        let Item::Map(count) = cbor.item()? else {
            return None;
        };
        let (mut parameters, mut keys) = (Self::default(), Keys::default());
        for _ in 0..count {
            let label = cbor.key(&mut keys)?;
            let value = cbor.item()?;
            let Self { kty, alg, own } = &mut parameters;
            let [first, second, third] = own;
            let place = match label {
                Item::Unsigned(1) => kty,
                Item::Unsigned(3) => alg,
                Item::Negative(0) => first,
                Item::Negative(1) => second,
                Item::Negative(2) => third,
                _ => return None,
            };
            *place = Some(value);
        }
        cbor.is_at_end().then_some(parameters)
    }
}

fn number(item: Item<'_>) -> Option<i64> {
    match item {
        Item::Unsigned(number) => number.try_into().ok(),
        // -1 - n
        Item::Negative(number) => i64::try_from(number).ok().map(|number| !number),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
