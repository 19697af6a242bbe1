//! What the command line asks for.

use super::case::Case;
use passgate_arguments::{Line, Program};

pub const PROGRAM: Program = Program {
    name: "bench/cost",
    usage: "\
usage: bench/cost [--rounds N] [WORD…]

  --rounds N    so many rounds, default 9
  WORD…         only the lines whose name holds one of the words
",
    options: &["rounds"],
    flags: &[],
};

pub struct Options {
    pub rounds: usize,
    words: Vec<String>,
}

impl Options {
    /// `None`: the rounds are not a number, or there are none.
    pub fn of(line: &Line) -> Option<Self> {
        let rounds = match line.value("rounds") {
            None => 9,
            Some(rounds) => rounds.to_str()?.parse().ok()?,
        };
        let words = line.texts();
        (rounds > 0).then_some(Self { rounds, words })
    }

    /// Whether a line of this name is asked for.
    pub fn wants(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word))
    }

    pub fn wants_some(&self, case: &Case) -> bool {
        case.lines.iter().any(|line| self.wants(line.name))
    }
}
