//! Names of hosts, as requests and configurations write them.

/// Labels of letters, digits, `-` and `_`, none empty; at most 253 bytes (RFC 1035 section 2.3.4).
pub(crate) fn is_name(host: &str) -> bool {
    let mut label_is_empty = true;
    let is_plain = host.bytes().all(|byte| {
        let ends_well = byte == b'.' && !label_is_empty;
        label_is_empty = byte == b'.';
        ends_well || byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
    });
    is_plain && !label_is_empty && host.len() <= 253
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn a_name_has_no_empty_label_and_no_odd_byte() {
        for name in ["a", "localhost", "a-b.c_d.example", "127.0.0.1"] {
            assert!(is_name(name), "{name}");
        }
        assert!(is_name(&["a"; 127].join(".")));
        assert!(!is_name(&["a"; 128].join(".")));
        for name in [
            "", ".", ".a", "a.", "a..b", "a b", "a:1", "é", "*.a", "[::1]", "a@b",
        ] {
            assert!(!is_name(name), "{name}");
        }
    }
}
