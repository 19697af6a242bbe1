//! What is wrong with a document, and where.

use core::cmp::Ordering;

use super::{at::At, shown};
use crate::limits;

/// One thing that is wrong with a document, or doubtful.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `rules[1].match.prefix`.
    pub path: String,
    /// What was seen and what to write instead.
    pub problem: String,
}

impl core::fmt::Display for Problem {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if self.path.is_empty() {
            return f.write_str(&self.problem);
        }
        write!(f, "{}: {}", self.path, self.problem)
    }
}

/// All that is wrong, sorted by place, so that what is wrong in one place stands together; at most
/// [`limits::CONFIG_PROBLEMS`] are kept.
#[derive(Default)]
pub struct Problems {
    kept: Vec<Problem>,
    more: usize,
}

impl Problems {
    /// Adds one.
    pub fn add(&mut self, at: At<'_>, problem: impl Into<String>) {
        self.insert(at.path(), problem.into());
    }

    #[inline(never)]
    fn insert(&mut self, path: String, problem: String) {
        let not_after = |other: &Problem| {
            natural_order(other.path.as_bytes(), path.as_bytes()) != Ordering::Greater
        };
        let place = self.kept.partition_point(not_after);
        self.kept.insert(place, Problem { path, problem });
        if self.kept.len() > limits::CONFIG_PROBLEMS {
            self.kept.pop();
            self.more = self.more.saturating_add(1);
        }
    }

    /// Whether something is wrong in this member of the document, as far as is known.
    #[must_use]
    pub fn any_in(&self, member: &str) -> bool {
        self.more > 0
            || self
                .kept
                .iter()
                .any(|problem| problem.path.starts_with(member))
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// All that are kept, in the order of their places.
    #[must_use]
    pub fn into_list(mut self) -> Vec<Problem> {
        if self.more > 0 {
            let more = self.more.to_string();
            self.kept.push(Problem {
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
    use super::{super::at::At, Problems};

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
}
