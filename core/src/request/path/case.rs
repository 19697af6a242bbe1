//! Letters outside ASCII that a reader takes for letters of ASCII who does not look at their case.

/// These letters in the normal form of paths, and what they are for such a reader: one that brings
/// all to lower case, or to upper case, or both (Java's `equalsIgnoreCase`, Go's `EqualFold`,
/// `IGNORECASE` of Python). A test derives them anew from the Unicode data.
const LETTERS: [(&str, &str); 13] = [
    ("%C3%9F", "ss"),
    ("%C4%B0", "i"),
    ("%C4%B1", "i"),
    ("%C5%BF", "s"),
    ("%E1%BA%9E", "ss"),
    ("%E2%84%AA", "k"),
    ("%EF%AC%80", "ff"),
    ("%EF%AC%81", "fi"),
    ("%EF%AC%82", "fl"),
    ("%EF%AC%83", "ffi"),
    ("%EF%AC%84", "ffl"),
    ("%EF%AC%85", "st"),
    ("%EF%AC%86", "st"),
];

/// What such a reader sees. `None`: the same as everybody.
pub(crate) fn in_any_case(path: &str) -> Option<String> {
    let mut read = None;
    if !path.contains('%') {
        return read;
    }
    for (letter, ascii) in LETTERS {
        let text = read.as_deref().unwrap_or(path);
        if text.contains(letter) {
            read = Some(text.replace(letter, ascii));
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::{LETTERS, in_any_case};

    #[test]
    fn the_letters_are_those_that_are_ascii_without_their_case() {
        let mut found = Vec::new();
        for c in '\u{80}'..=char::MAX {
            // A dot above stays of the lower case of U+0130, which some readers leave out.
            let both = c.to_lowercase().flat_map(char::to_uppercase);
            let text: String = both.filter(|c| *c != '\u{307}').collect();
            if !text.is_empty() && text.is_ascii() {
                let mut bytes = [0; 4];
                let bytes = c.encode_utf8(&mut bytes).bytes();
                let encoded: String = bytes.map(|byte| format!("%{byte:02X}")).collect();
                found.push((encoded, text.to_ascii_lowercase()));
            }
        }
        let own = LETTERS.map(|(letter, ascii)| (letter.to_owned(), ascii.to_owned()));
        assert_eq!(found, own);
    }

    #[test]
    fn all_of_them_are_read_at_once() {
        assert_eq!(
            in_any_case("/%C5%BF%C4%B0x%C5%BF").as_deref(),
            Some("/sixs")
        );
        assert_eq!(in_any_case("/%25C4%B0/%C3%A9"), None);
    }
}
