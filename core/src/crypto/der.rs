//! What is written in DER (X.690): keys and signatures for the host, RSA keys; and what is read:
//! signatures of WebAuthn, and the gate's own key.

/// A positive INTEGER (X.690 section 8.3) from big-endian bytes.
pub(super) fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = bytes.get(zeros..).unwrap_or_default();
    let sign: &[u8] = if digits.first().is_none_or(|first| first & 0x80 != 0) {
        &[0]
    } else {
        &[]
    };
    der(0x02, &[sign, digits])
}

/// Tag, length and content (X.690 section 8.1) of less than 64 KiB.
pub(super) fn der(tag: u8, content: &[&[u8]]) -> Vec<u8> {
    let length: usize = content.iter().map(|part| part.len()).sum();
    let [.., high, low] = length.to_be_bytes();
    let mut value = Vec::with_capacity(length.saturating_add(4));
    value.push(tag);
    match (high, low) {
        (0, 0..0x80) => value.push(low),
        (0, _) => value.extend([0x81, low]),
        _ => value.extend([0x82, high, low]),
    }
    for part in content {
        value.extend_from_slice(part);
    }
    value
}

/// `r` and `s`, each of `length` bytes, from ECDSA-Sig-Value (RFC 3279 section 2.2.3) in strict
/// DER: shortest lengths, shortest integers that are not negative, nothing behind.
pub(super) fn ecdsa_fixed(bytes: &[u8], length: usize) -> Option<Vec<u8>> {
    let (numbers, []) = element(0x30, bytes)? else {
        return None;
    };
    let (r, rest) = element(0x02, numbers)?;
    let (s, []) = element(0x02, rest)? else {
        return None;
    };
    let mut fixed = Vec::with_capacity(length.saturating_mul(2));
    for number in [r, s] {
        let digits = match number {
            [0, rest @ ..] if rest.first().is_some_and(|first| *first >= 0x80) => rest,
            [1..0x80, ..] => number,
            _ => return None,
        };
        let zeros = length.checked_sub(digits.len())?;
        fixed.extend(core::iter::repeat_n(0, zeros));
        fixed.extend(digits);
    }
    Some(fixed)
}

/// The private number of a P-256 key in PKCS #8 (RFC 5958 section 2, RFC 5915 section 3). `None`:
/// it is something else.
pub(crate) fn p256_number(bytes: &[u8]) -> Option<&[u8]> {
    /// id-ecPublicKey with secp256r1 (RFC 5480 section 2.1.1).
    const P256: &[u8] =
        b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
    let (info, []) = element(0x30, bytes)? else {
        return None;
    };
    let (_version, rest) = element(0x02, info)?;
    let (algorithm, rest) = element(0x30, rest)?;
    let (octets, _attributes) = element(0x04, rest)?;
    let (key, []) = element(0x30, octets)? else {
        return None;
    };
    let (version, rest) = element(0x02, key)?;
    let (number, _public) = element(0x04, rest)?;
    (algorithm == P256 && version == [1]).then_some(number)
}

/// The content of the first element, which has this tag, and what follows it. One with a length of
/// two bytes is longer than any signature, and than a key of P-256.
fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match bytes {
        [own, length @ 0..=0x7f, rest @ ..] if *own == tag => (length, rest),
        [own, 0x81, length @ 0x80..=0xff, rest @ ..] if *own == tag => (length, rest),
        _ => return None,
    };
    rest.split_at_checked(usize::from(*length))
}
