//! What the command line asks for.

use super::case::Case;

pub struct Options {
    pub rounds: usize,
    words: Vec<String>,
}

impl Options {
    pub fn from_arguments() -> Self {
        let mut options = Self {
            rounds: 9,
            words: Vec::new(),
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            if argument == "--rounds" {
                let rounds = arguments.next().and_then(|rounds| rounds.parse().ok());
                options.rounds = rounds.expect("--rounds NUMBER");
            } else {
                options.words.push(argument);
            }
        }
        assert!(options.rounds > 0, "at least one round");
        options
    }

    /// Whether a line of this name is asked for.
    pub fn wants(&self, name: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| name.contains(word))
    }

    pub fn wants_some(&self, case: &Case) -> bool {
        case.lines.iter().any(|line| self.wants(line.name))
    }
}
