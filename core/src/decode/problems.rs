//! What is wrong with a document, and where.

use core::cmp::Ordering;

use super::{at::At, fault::Fault, shown};
use crate::{json::Json, limits};

/// One thing that is wrong with a document, or doubtful.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `rules[1].match.prefix`. Empty: the whole document.
    pub at: String,
    /// What was seen there.
    pub seen: String,
    /// What to write instead. Empty where nothing can be said.
    pub wanted: String,
}

impl core::fmt::Display for Problem {
    /// `clock_skew: "60" has no unit; write "60s"`, on one line: names in it are the author's own.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let colon = if self.at.is_empty() { "" } else { ": " };
        let semicolon = if self.wanted.is_empty() { "" } else { "; " };
        let text = [&*self.at, colon, &self.seen, semicolon, &self.wanted].concat();
        f.write_str(&text.replace(char::is_control, "\u{fffd}"))
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
    /// Adds one: what was seen, and what to write instead, each in parts.
    #[inline(never)]
    pub fn add(&mut self, at: At<'_>, seen: &[&str], wanted: &[&str]) {
        self.insert(Problem {
            at: at.path(),
            seen: seen.concat(),
            wanted: wanted.concat(),
        });
    }

    /// Adds what is wrong with a text, which is shown so.
    #[inline(never)]
    pub fn add_fault(&mut self, at: At<'_>, shown: &str, fault: &Fault) {
        self.add(at, &[shown, " ", &fault.seen], &[&fault.wanted]);
    }

    /// Adds that another kind of value stands there: `60 is a number; write …`. Lists and objects
    /// are not shown: they are long, and may hold what is secret.
    #[inline(never)]
    pub fn mismatch(&mut self, at: At<'_>, seen: &Json, wanted: &str) {
        let value = match seen {
            Json::Null => {
                return self.add(at, &["null"], &["leave the field out, or write ", wanted]);
            }
            Json::String(seen) => shown::text(seen),
            Json::Number(digits) if digits.len() <= limits::SHOWN_BYTES => (**digits).to_owned(),
            Json::Bool(true) => "true".to_owned(),
            Json::Bool(false) => "false".to_owned(),
            Json::Number(_) | Json::Array(_) | Json::Object(_) => String::new(),
        };
        let is = if value.is_empty() { "" } else { " is " };
        self.add(at, &[&value, is, seen.kind()], &["write ", wanted]);
    }

    fn insert(&mut self, problem: Problem) {
        let not_after = |other: &Problem| {
            natural_order(other.at.as_bytes(), problem.at.as_bytes()) != Ordering::Greater
        };
        let place = self.kept.partition_point(not_after);
        self.kept.insert(place, problem);
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
                .any(|problem| problem.at.starts_with(member))
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
            self.kept.push(Problem {
                at: String::new(),
                seen: ["and ", &self.more.to_string(), " more problems"].concat(),
                wanted: "correct these first".to_owned(),
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
    use super::{super::at::At, Problem, Problems};

    #[test]
    fn a_problem_stays_on_its_line() {
        let problem = Problem {
            at: "rules[0]".to_owned(),
            seen: "\"x\" is no provider".to_owned(),
            wanted: "write a\npassgate accepted: \u{1b}[2J\u{9b}2J".to_owned(),
        };
        let text = problem.to_string();
        assert!(!text.contains(char::is_control), "{text:?}");
    }

    #[test]
    fn problems_come_in_the_order_of_their_places() {
        let mut problems = Problems::default();
        let root = At::Root;
        let rules = root.member("rules");
        for index in [10, 9, 100, 1] {
            problems.add(rules.element(index).member("match"), &["first"], &[]);
            problems.add(rules.element(index), &["second"], &[]);
        }
        problems.add(root.member("origins"), &["third"], &[]);
        let paths: Vec<String> = problems
            .into_list()
            .into_iter()
            .map(|problem| problem.at)
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
