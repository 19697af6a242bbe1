//! What the command line asks for.

use super::case::Case;
use passgate_arguments::{Line, Program};
use std::path::{Path, PathBuf};

pub const PROGRAM: Program = Program {
    name: "bench/cost",
    usage: "\
usage: bench/cost [--against MODULE] [--rounds N] [WORD…]

  --against MODULE    an older module: beside it in one run, in place of jwt_authn
  --rounds N          so many rounds, default 9, and 15 against a module
  WORD…               only the lines whose name holds one of the words
",
    options: &["against", "rounds"],
    flags: &[],
};

pub struct Options {
    /// An older module.
    pub against: Option<&'static Path>,
    pub rounds: usize,
    words: Vec<String>,
}

impl Options {
    /// `None`: the rounds are not a number, or there are none.
    pub fn of(line: &Line) -> Option<Self> {
        let old = line.value("against").map(PathBuf::from);
        // Once for each run of the program.
        let against = old.map(|old| &*Box::leak(old.into_boxed_path()));
        let rounds = match line.value("rounds") {
            None if against.is_some() => 15,
            None => 9,
            Some(rounds) => rounds.to_str()?.parse().ok()?,
        };
        (rounds > 0).then(|| Self {
            against,
            rounds,
            words: line.texts(),
        })
    }

    /// Whether a line of this name is asked for.
    pub fn wants(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word))
    }

    pub fn wants_some(&self, case: &Case) -> bool {
        case.lines.iter().any(|line| self.wants(line.name))
    }
}
