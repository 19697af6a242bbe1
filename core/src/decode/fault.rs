//! What is wrong with one value.

/// What is wrong with a string, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What was seen; continues a sentence that begins with the string: `has no unit`.
    pub seen: String,
    /// What to write instead: `write "300s"`.
    pub wanted: String,
}

impl Fault {
    /// From the parts of both texts.
    #[inline(never)]
    #[must_use]
    pub fn of(seen: &[&str], wanted: &[&str]) -> Self {
        Self {
            seen: seen.concat(),
            wanted: wanted.concat(),
        }
    }
}

impl From<(&str, &str)> for Fault {
    fn from((seen, wanted): (&str, &str)) -> Self {
        Self::of(&[seen], &[wanted])
    }
}
