//! Places in a document.

use super::shown;
use crate::limits;

/// Where in the document we are; a list on the stack, so that a path is written only for an error.
#[derive(Clone, Copy)]
pub enum At<'a> {
    /// The whole document.
    Root,
    /// A member of the object there.
    Member(&'a Self, &'a str),
    /// An element of the list there.
    Element(&'a Self, usize),
}

impl<'a> At<'a> {
    /// A member of the object here.
    #[must_use]
    pub const fn member(&'a self, name: &'a str) -> Self {
        At::Member(self, name)
    }

    /// An element of the list here.
    #[must_use]
    pub const fn element(&'a self, index: usize) -> Self {
        At::Element(self, index)
    }

    /// `rules[1].match.prefix`; a name that could be misread is quoted: `providers["a b"]`.
    #[must_use]
    pub fn path(self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Element(parent, index) => {
                shown::join(&[&parent.path(), "[", &index.to_string(), "]"])
            }
            Self::Member(parent, name) => {
                let parent = parent.path();
                let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
                if name.is_empty() || name.len() > limits::SHOWN_BYTES || !name.bytes().all(plain) {
                    shown::join(&[&parent, "[", &shown::text(name), "]"])
                } else if parent.is_empty() {
                    name.to_owned()
                } else {
                    shown::join(&[&parent, ".", name])
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::At;

    #[test]
    fn names_that_could_be_misread_are_quoted() {
        let providers = At::Root.member("providers");
        let path = |name: &str| providers.member(name).member("issuer").path();
        assert_eq!(path("acme_2-b"), "providers.acme_2-b.issuer");
        assert_eq!(path("a.b"), "providers[\"a.b\"].issuer");
        assert_eq!(path(""), "providers[\"\"].issuer");
        assert_eq!(path("a\nb"), "providers[\"a\\nb\"].issuer");
        assert!(path(&"x".repeat(1_000)).len() < 200);
    }
}
