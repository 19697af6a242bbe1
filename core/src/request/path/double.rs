//! What a path holds for a reader who decodes it twice.

use super::{OddPath, PathPolicy, unless};
use crate::text::percent;

/// Refuses `%25` before what no path may hold, however often the sign itself is encoded: `%252E`,
/// `%25252e`.
pub(super) fn check(normal: &str, policy: PathPolicy) -> Result<(), OddPath> {
    for after in normal.split("%25").skip(1) {
        let after = after.trim_start_matches("25");
        match after.as_bytes().get(..2).and_then(percent::byte) {
            Some(b'.' | b'/' | b'\\' | 0) => return Err(OddPath::Twice),
            Some(b';') => unless(policy.semicolon, "%253B", "semicolon")?,
            Some(byte) if byte.is_ascii_control() => return Err(OddPath::Control),
            _ => {}
        }
    }
    Ok(())
}
