//! Numbers of several rounds.

use std::fmt::{self, Display};

/// One number of each round.
#[derive(Clone, Debug)]
pub struct Sample(Vec<f64>);

impl Sample {
    pub fn of(numbers: Vec<f64>) -> Self {
        let mut sorted = numbers;
        assert!(!sorted.is_empty(), "a sample of something");
        sorted.sort_by(f64::total_cmp);
        Self(sorted)
    }

    pub fn median(&self) -> f64 {
        let middle = self.0.len() / 2;
        if self.0.len() % 2 == 1 {
            self.0[middle]
        } else {
            (self.0[middle - 1] + self.0[middle]) / 2.0
        }
    }
}

/// The median, and the lowest and highest.
impl Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lowest, highest) = (self.0[0], self.0[self.0.len() - 1]);
        write!(f, "{:.1} ({lowest:.1}–{highest:.1})", self.median())
    }
}
