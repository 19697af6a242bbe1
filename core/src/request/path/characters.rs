//! Percent-encoded characters that some reader takes for `.`, `/` or `\`.

use super::OddPath;
use crate::text::percent;

/// First and last of the characters outside ASCII whose compatibility form (NFKC or NFKD, Unicode
/// Standard Annex 15) has `.`, `/` or `\`: `U+FF0F`, `U+2024`, `U+2100` and so on. A test derives
/// them anew from the Unicode data.
const COMPATIBILITY: [(char, char); 14] = [
    ('\u{2024}', '\u{2026}'),
    ('\u{2100}', '\u{2101}'),
    ('\u{2105}', '\u{2106}'),
    ('\u{2488}', '\u{249b}'),
    ('\u{33c2}', '\u{33c2}'),
    ('\u{33c7}', '\u{33c7}'),
    ('\u{33d8}', '\u{33d8}'),
    ('\u{fe19}', '\u{fe19}'),
    ('\u{fe30}', '\u{fe30}'),
    ('\u{fe52}', '\u{fe52}'),
    ('\u{fe68}', '\u{fe68}'),
    ('\u{ff0e}', '\u{ff0f}'),
    ('\u{ff3c}', '\u{ff3c}'),
    ('\u{1f100}', '\u{1f100}'),
];

/// Refuses bytes that are not UTF-8, which readers replace, drop or take for something else, and
/// the characters above.
pub(super) fn check(path: &str) -> Result<(), OddPath> {
    let Some(decoded) = decoded(path.as_bytes()) else {
        return Ok(());
    };
    let text = core::str::from_utf8(&decoded).map_err(|_| OddPath::Utf8)?;
    if text.chars().any(looks_structural) {
        return Err(OddPath::Compatibility);
    }
    Ok(())
}

fn looks_structural(c: char) -> bool {
    let mut ranges = COMPATIBILITY.iter();
    ranges.any(|(first, last)| (*first..=*last).contains(&c))
}

/// The bytes of a path. `None`: all of them are ASCII, encoded or not.
fn decoded(path: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&byte, after)) = rest.split_first() {
        let encoded = after.split_at_checked(2).filter(|_| byte == b'%');
        let encoded = encoded.and_then(|(digits, after)| Some((percent::byte(digits)?, after)));
        let (byte, after) = encoded.unwrap_or((byte, after));
        bytes.push(byte);
        rest = after;
    }
    (!bytes.is_ascii()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use unicode_normalization::UnicodeNormalization as _;

    use super::looks_structural;

    #[test]
    fn the_characters_are_those_whose_compatibility_form_has_a_dot_or_a_slash() {
        let is_structural = |c: char| matches!(c, '.' | '/' | '\\');
        let mut found = 0;
        for c in '\u{80}'..=char::MAX {
            let mut forms = core::iter::once(c).nfkc().chain(core::iter::once(c).nfkd());
            assert_eq!(forms.any(is_structural), looks_structural(c), "{c:?}");
            found += usize::from(looks_structural(c));
        }
        assert_eq!(found, 38);
    }
}
