//! What is wrong with a configuration, and where.

use core::cmp::Ordering;

use super::{InvalidConfig, shown};
use crate::limits;

/// Where in the document we are; a list on the stack, so that a path is written only for an error.
#[derive(Clone, Copy)]
pub(super) enum At<'a> {
    Root,
    Member(&'a Self, &'a str),
    Element(&'a Self, usize),
}

impl<'a> At<'a> {
    pub(super) const fn member(&'a self, name: &'a str) -> Self {
        At::Member(self, name)
    }

    pub(super) const fn element(&'a self, index: usize) -> Self {
        At::Element(self, index)
    }

    /// `rules[1].match.prefix`; a name that could be misread is quoted: `providers["a b"]`.
    pub(super) fn path(self) -> String {
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

/// All that is wrong, sorted by place, so that what is wrong in one place stands together; at most
/// [`limits::CONFIG_PROBLEMS`] are kept.
#[derive(Default)]
pub(super) struct Problems {
    kept: Vec<InvalidConfig>,
    more: usize,
}

impl Problems {
    pub(super) fn add(&mut self, at: At<'_>, problem: impl Into<String>) {
        self.insert(at.path(), problem.into());
    }

    #[inline(never)]
    fn insert(&mut self, path: String, problem: String) {
        let not_after = |other: &InvalidConfig| {
            natural_order(other.path.as_bytes(), path.as_bytes()) != Ordering::Greater
        };
        let place = self.kept.partition_point(not_after);
        self.kept.insert(place, InvalidConfig { path, problem });
        if self.kept.len() > limits::CONFIG_PROBLEMS {
            self.kept.pop();
            self.more = self.more.saturating_add(1);
        }
    }

    /// Whether something is wrong in this member of the document, as far as is known.
    pub(super) fn any_in(&self, member: &str) -> bool {
        self.more > 0
            || self
                .kept
                .iter()
                .any(|problem| problem.path.starts_with(member))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub(super) fn into_list(mut self) -> Vec<InvalidConfig> {
        if self.more > 0 {
            let more = self.more.to_string();
            self.kept.push(InvalidConfig {
                path: String::new(),
                problem: shown::join(&["and ", &more, " more problems; correct these first"]),
            });
        }
        self.kept
    }
}

/// The order of bytes, but `rules[9]` before `rules[10]`.
fn natural_order(a: &[u8], b: &[u8]) -> Ordering {
    let number = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_digit()).count();
    let same = a
        .iter()
        .zip(b)
        .take_while(|(a, b)| a == b && !a.is_ascii_digit())
        .count();
    let (a, b) = (
        a.get(same..).unwrap_or_default(),
        b.get(same..).unwrap_or_default(),
    );
    match (number(a), number(b)) {
        (0, _) | (_, 0) => a.cmp(b),
        (x, y) => {
            let (head, tail) = (a.split_at_checked(x), b.split_at_checked(y));
            let (Some((a, rest_a)), Some((b, rest_b))) = (head, tail) else {
                return Ordering::Equal;
            };
            x.cmp(&y)
                .then_with(|| a.cmp(b))
                .then_with(|| natural_order(rest_a, rest_b))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{At, Problems};

    #[test]
    fn problems_come_in_the_order_of_their_places() {
        let mut problems = Problems::default();
        let root = At::Root;
        let rules = root.member("rules");
        for index in [10, 9, 100, 1] {
            problems.add(rules.element(index).member("match"), "first");
            problems.add(rules.element(index), "second");
        }
        problems.add(root.member("origins"), "third");
        let paths: Vec<String> = problems
            .into_list()
            .into_iter()
            .map(|problem| problem.path)
            .collect();
        let expected = [
            "origins",
            "rules[1]",
            "rules[1].match",
            "rules[9]",
            "rules[9].match",
            "rules[10]",
            "rules[10].match",
            "rules[100]",
            "rules[100].match",
        ];
        assert_eq!(paths, expected);
    }

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
