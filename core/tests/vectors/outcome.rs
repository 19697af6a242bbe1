//! The four outcomes, and the list of what is expected not to pass.

use std::collections::BTreeMap;

/// Compares what vectors say with what the core does.
pub(crate) struct Outcomes {
    /// Per id, as in `divergences.txt`: whether it is a skip, and whether it happened.
    listed: BTreeMap<String, Listed>,
    unexpected: Vec<String>,
    passed: usize,
}

struct Listed {
    skip: bool,
    happened: bool,
}

impl Outcomes {
    /// For the vectors whose ids begin so.
    pub(crate) fn of(prefix: &str) -> Self {
        Self::read(include_str!("divergences.txt"), prefix)
    }

    fn read(list: &str, prefix: &str) -> Self {
        let mut listed = BTreeMap::new();
        for line in list
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty())
        {
            let mut words = line.splitn(3, ' ');
            let (word, id) = (words.next().unwrap(), words.next().unwrap());
            let reason = words.next().unwrap_or_default();
            assert!(reason.len() > 10, "a reason is missing: {line}");
            let skip = match word {
                "skip" => true,
                "known" => false,
                other => panic!("neither skip nor known: {other}"),
            };
            if id.starts_with(prefix) {
                let happened = false;
                let twice = listed.insert(id.to_owned(), Listed { skip, happened });
                assert!(twice.is_none(), "listed twice: {id}");
            }
        }
        Self {
            listed,
            unexpected: Vec::new(),
            passed: 0,
        }
    }

    /// Whether this vector is listed to be skipped.
    pub(crate) fn skips(&mut self, id: &str) -> bool {
        match self.listed.get_mut(id) {
            Some(listed) if listed.skip => {
                listed.happened = true;
                true
            }
            _ => false,
        }
    }

    /// What the vector says, and what the core does.
    pub(crate) fn compare<T: PartialEq + std::fmt::Debug>(&mut self, id: &str, says: T, does: T) {
        if says == does {
            self.passed += 1;
            return;
        }
        match self.listed.get_mut(id) {
            Some(listed) if !listed.skip => listed.happened = true,
            _ => self
                .unexpected
                .push(format!("{id}: the vector says {says:?}, the core {does:?}")),
        }
    }

    /// Fails where anything was unexpected; otherwise says how many passed.
    pub(crate) fn finish(mut self) -> usize {
        let unused = self.listed.iter().filter(|(_, listed)| !listed.happened);
        self.unexpected
            .extend(unused.map(|(id, _)| format!("{id}: listed, but it passes or does not exist")));
        assert!(self.unexpected.is_empty(), "{:#?}", self.unexpected);
        self.passed
    }
}

const LIST: &str = "# a list\nskip a#1 it is too long a story\nknown a#2 decided for strictness\n";

#[test]
fn a_pass_a_skip_and_a_known_divergence_are_fine() {
    let mut outcomes = Outcomes::read(LIST, "a");
    assert!(outcomes.skips("a#1"));
    assert!(!outcomes.skips("a#2"));
    outcomes.compare("a#2", true, false);
    outcomes.compare("a#3", true, true);
    assert_eq!(outcomes.finish(), 1);
}

#[test]
#[should_panic(expected = "a#3: the vector says true, the core false")]
fn a_failure_that_is_not_listed_fails() {
    let mut outcomes = Outcomes::read("", "a");
    outcomes.compare("a#3", true, false);
    outcomes.finish();
}

#[test]
#[should_panic(expected = "a#2: listed, but it passes")]
fn an_unexpected_success_fails() {
    let mut outcomes = Outcomes::read(LIST, "a");
    assert!(outcomes.skips("a#1"));
    outcomes.compare("a#2", true, true);
    outcomes.finish();
}

#[test]
#[should_panic(expected = "a#1: listed, but it passes or does not exist")]
fn a_listed_vector_that_does_not_exist_fails() {
    let mut outcomes = Outcomes::read(LIST, "a");
    outcomes.compare("a#2", true, false);
    outcomes.finish();
}
