//! The sign-in behind a token: which lines hold, what they prove together, and how long ago it was.

use core::time::Duration;

use super::{DatedBy, Evidence, Facts, Line};
use crate::{jose::numeric_date, json::Json, time::UnixTime};

/// What a rule wants of a sign-in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand {
    pub(crate) facts: Facts,
    pub(crate) max_age: Option<Duration>,
    /// Whether the sign-in may be that of somebody for whom another acts.
    pub(crate) delegated: bool,
}

impl Demand {
    /// Wants nothing.
    pub(crate) const NOTHING: Self = Self {
        facts: Facts::NONE,
        max_age: None,
        delegated: false,
    };
}

/// What a sign-in proves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Proved {
    /// Facts that were proved together.
    pub(crate) facts: Facts,
    /// Age of the oldest sign-in behind them; without facts, of the last one.
    pub(crate) age: Option<Duration>,
}

/// How a sign-in falls short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shortfall {
    /// Some facts are not proved.
    Facts,
    /// They are proved, but by a sign-in that is too old or has no date.
    Age,
}

/// The sign-in behind a verified token.
#[derive(Debug)]
pub(crate) struct SignIn<'c> {
    /// The lines that hold, each with the age of what it reads.
    lines: Vec<(&'c Line, Option<Duration>)>,
    /// By `auth_time`.
    age: Option<Duration>,
    /// The token names an actor (RFC 8693 section 4.1), so the sign-in is that of another person.
    is_delegated: bool,
}

impl<'c> SignIn<'c> {
    /// `skew` is how far the issuer's clock may be from ours.
    pub(crate) fn of(claims: &Json, evidence: &'c Evidence, skew: Duration, now: UnixTime) -> Self {
        let age = |dated_by: &DatedBy| match dated_by {
            DatedBy::Claim(path) => age(claims, path, skew, now),
            DatedBy::Nothing => None,
        };
        let lines = evidence.lines.iter();
        Self {
            lines: lines
                .filter(|line| line.when.holds(claims))
                .map(|line| (line, age(&line.dated_by)))
                .collect(),
            age: age(&DatedBy::default()),
            is_delegated: claims.get("act").is_some(),
        }
    }

    /// Whether the sign-in is not that of who shows the token, and the rule wants it to be.
    pub(crate) const fn is_of_another(&self, demand: &Demand) -> bool {
        self.is_delegated && !demand.delegated
    }

    /// How old what its lines read is, of those that have a date.
    pub(crate) fn ages(&self) -> impl Iterator<Item = Duration> {
        self.lines.iter().filter_map(|(_, age)| *age)
    }

    /// What this sign-in proves to a rule, if that is all that the rule wants.
    pub(crate) fn meets(&self, demand: &Demand) -> Result<Proved, Shortfall> {
        let wants_nothing = demand.facts.is_empty() && demand.max_age.is_none();
        if self.is_of_another(demand) {
            return if wants_nothing {
                Ok(Proved::default())
            } else if demand.facts.is_empty() {
                Err(Shortfall::Age)
            } else {
                Err(Shortfall::Facts)
            };
        }
        // The age is the claim's, as it is: the skew between clocks is not added.
        let is_fresh = |age: Option<Duration>| {
            demand
                .max_age
                .is_none_or(|most| age.is_some_and(|age| age <= most))
        };
        if demand.facts.is_empty() && !is_fresh(self.age) {
            return Err(Shortfall::Age);
        }
        let Some(best) = self.best(demand.facts, is_fresh) else {
            return Err(match self.best(demand.facts, |_| true) {
                Some(_) => Shortfall::Age,
                None => Shortfall::Facts,
            });
        };
        let age = if best.facts.is_empty() {
            self.age
        } else if demand.facts.is_empty() && demand.max_age.is_some() {
            best.age.max(self.age)
        } else {
            best.age
        };
        Ok(Proved { age, ..best })
    }

    /// The largest set of facts that are proved together and hold those that are wanted. Only lines
    /// that read the same claims are taken together, and of them only those whose age will do.
    fn best(&self, wanted: Facts, will_do: impl Fn(Option<Duration>) -> bool) -> Option<Proved> {
        let mut best = wanted.is_empty().then(Proved::default);
        for (first, _) in &self.lines {
            let together = || {
                let lines = self.lines.iter();
                lines.filter(|(line, age)| line.when.reads_as(&first.when) && will_do(*age))
            };
            let union = |facts: Facts, (line, _): &(&Line, _)| facts.and(line.proves);
            let facts = together().fold(Facts::NONE, union);
            let is_better = |best: &Proved| facts.len() > best.facts.len();
            if !facts.hold(wanted) || !best.as_ref().is_none_or(is_better) {
                continue;
            }
            let dated = || together().filter(|(_, age)| age.is_some());
            // What a line without date adds to the others has no date.
            let is_dated = dated().fold(Facts::NONE, union) == facts;
            let age = dated().filter_map(|(_, age)| *age).max();
            best = Some(Proved {
                facts,
                age: age.filter(|_| is_dated),
            });
        }
        best
    }
}

/// How long ago a claim says that it was. `None` where it is not a NumericDate, where it is later
/// than the token's `iat`, or where the token has no `iat` to compare it with.
fn age(claims: &Json, path: &[String], skew: Duration, now: UnixTime) -> Option<Duration> {
    let date = numeric_date(claims.at(path)?)?;
    let issued = numeric_date(claims.get("iat")?)?;
    (date <= issued.saturating_add(skew)).then(|| now.since(date))
}

#[cfg(test)]
mod tests;
