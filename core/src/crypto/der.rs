//! What is written in DER (X.690): keys and signatures for the host, RSA keys.

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
