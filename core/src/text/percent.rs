//! Percent-coding (RFC 3986 section 2.1).

use std::borrow::Cow;

/// RFC 3986 section 2.3.
pub(crate) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Appends bytes; those that do not stay are encoded.
pub(crate) fn encode(
    text: &mut String,
    bytes: impl IntoIterator<Item = u8>,
    stays: impl Fn(u8) -> bool,
) {
    for byte in bytes {
        if stays(byte) {
            text.push(char::from(byte));
        } else {
            push(text, byte);
        }
    }
}

/// Appends one byte, encoded: `%2F`.
pub(crate) fn push(text: &mut String, byte: u8) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or_default();
    text.extend(['%', digit(byte >> 4), digit(byte & 15)]);
}

/// The byte that two hexadecimal digits write. `None`: they have a sign or another length.
pub(crate) fn byte(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits else { return None };
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16)?).ok();
    Some((digit(*high)? << 4) | digit(*low)?)
}

/// Decodes `%XX`; what is not such an encoding stays.
pub(crate) fn decode(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let encoded = after.split_at_checked(2).filter(|_| first == b'%');
        let encoded = encoded.and_then(|(digits, after)| Some((byte(digits)?, after)));
        let (next, after) = encoded.unwrap_or((first, after));
        decoded.push(next);
        rest = after;
    }
    Cow::Owned(decoded)
}

#[cfg(test)]
mod tests {
    use super::{decode, encode, is_unreserved};

    #[test]
    fn every_byte_is_read_as_it_was_written() {
        let all: Vec<u8> = (0..=255).collect();
        let mut text = String::new();
        encode(&mut text, all.iter().copied(), is_unreserved);
        assert!(text.starts_with("%00%01") && text.contains("-.%2F0") && text.ends_with("%FF"));
        assert_eq!(*decode(text.as_bytes()), *all);
        assert_eq!(
            *decode(text.to_ascii_lowercase().as_bytes()),
            *all.to_ascii_lowercase()
        );
    }

    #[test]
    fn what_is_not_an_encoding_stays() {
        for text in ["", "%", "%2", "%+1", "%g0", "a%%", "%é"] {
            assert_eq!(*decode(text.as_bytes()), *text.as_bytes());
        }
    }
}
