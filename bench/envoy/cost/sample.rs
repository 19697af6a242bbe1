//! Numbers of several rounds.

use std::fmt::{self, Display};

/// One number of each round, in order.
#[derive(Clone, Debug, Default)]
pub struct Sample(pub Vec<f64>);

impl Sample {
    pub fn median(&self) -> f64 {
        let sorted = self.sorted();
        let middle = sorted.len() / 2;
        if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            (sorted[middle - 1] + sorted[middle]) / 2.0
        }
    }

    /// What two numbers of each round give.
    pub fn with(&self, other: &Self, give: impl Fn(f64, f64) -> f64) -> Self {
        let both = self.0.iter().zip(&other.0);
        Self(both.map(|(one, other)| give(*one, *other)).collect())
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        assert!(!sorted.is_empty(), "a sample of something");
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

/// The median, and the lowest and highest; with as many decimals as the precision says.
impl Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (decimals, sorted) = (f.precision().unwrap_or(1), self.sorted());
        let (median, lowest, highest) = (self.median(), sorted[0], sorted[sorted.len() - 1]);
        write!(
            f,
            "{median:.decimals$} ({lowest:.decimals$}–{highest:.decimals$})"
        )
    }
}
