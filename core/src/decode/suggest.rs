//! "Did you mean": the one known word that is close to what was written.

/// The one word within a distance that grows with the length of what was written; none when two are
/// as close.
pub fn closest<'w>(written: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    if written.len() > 64 {
        return None;
    }
    let most = if written.len() < 5 { 1 } else { 2 };
    let mut best: Option<(usize, &str)> = None;
    let mut alone = true;
    for word in words {
        let distance = distance(written.as_bytes(), word.as_bytes());
        match best {
            Some((least, _)) if distance > least => {}
            Some((least, _)) if distance == least => alone = false,
            _ => {
                best = Some((distance, word));
                alone = true;
            }
        }
    }
    best.filter(|(distance, _)| alone && *distance <= most)
        .map(|(_, word)| word)
}

/// Levenshtein's distance without regard to case; two neighbours that changed places cost two.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i.saturating_add(1);
        for (cell, y) in row.iter_mut().skip(1).zip(b) {
            let change = usize::from(!x.eq_ignore_ascii_case(y));
            let cost = diagonal
                .saturating_add(change)
                .min(left.saturating_add(1))
                .min(cell.saturating_add(1));
            diagonal = *cell;
            *cell = cost;
            left = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = i.saturating_add(1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn a_slip_finds_its_word() {
        let words = [
            "audiences",
            "issuer",
            "forward",
            "from_params",
            "from_headers",
        ];
        assert_eq!(closest("audience", words), Some("audiences"));
        assert_eq!(closest("isuser", words), Some("issuer"));
        assert_eq!(closest("Issuer", words), Some("issuer"));
        assert_eq!(closest("form_params", words), Some("from_params"));
        assert_eq!(closest("timeout", words), None);
    }

    #[test]
    fn two_words_as_close_are_none() {
        assert_eq!(closest("fo", ["foo", "fob"]), None);
        assert_eq!(closest("", ["ab"]), None);
    }
}
