//! One provider's list: what it says of a token, and when it is too old.

use core::time::Duration;

use super::{
    entries::{Digest, kind_of},
    entry::{Before, Kind},
    list::List,
    source::{ListBounds, RevocationSource, WhenUnavailable},
};
use crate::{
    fetch::{
        Measure, Number,
        clock::Moment,
        long::{Long, Terms},
    },
    time::UnixTime,
};

/// The revocations of one provider.
pub(crate) type Feed = Long<List>;

/// What the list says of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing.
    Clear,
    /// It names something of it.
    Revoked { kind: Kind, before: Before },
    /// Wait for the list that is fetched or read, then ask again.
    Pending,
    /// There is no list that is young enough; when to try again.
    Unavailable(Duration),
    /// The same, and whom the list in hand does not name passes.
    Unchecked,
}

impl Feed {
    pub(crate) fn new(source: &RevocationSource, bounds: ListBounds, seed: u64) -> Self {
        let terms = Terms {
            timeout: source.timeout,
            cache_duration: source.cache_duration,
            max_stale: source.max_stale,
            bytes: bounds.bytes,
        };
        Self::of(List::new(source, bounds), terms, seed)
    }

    /// What the list says of a token that was issued then and has these names. A list that is too
    /// old still revokes what it names.
    pub(crate) fn judge<'n>(
        &mut self,
        names: impl IntoIterator<Item = (Kind, &'n str)>,
        issued: Option<UnixTime>,
        now: Moment,
    ) -> Standing {
        let mut found = names.into_iter().filter_map(|(kind, name)| {
            let before = self.keeper.entries.find(kind, name);
            let before = before.filter(|before| revokes(*before, issued))?;
            Some(Standing::Revoked { kind, before })
        });
        let found = found.next();
        found.unwrap_or_else(|| self.standing_of_others(now))
    }

    /// The same for names that are kept as [`Self::digests`].
    pub(crate) fn judge_digests(
        &mut self,
        names: &[Digest],
        issued: Option<UnixTime>,
        now: Moment,
    ) -> Standing {
        let mut found = names.iter().filter_map(|digest| {
            let before = self.keeper.entries.find_digest(digest);
            let before = before.filter(|before| revokes(*before, issued))?;
            let kind = kind_of(digest)?;
            Some(Standing::Revoked { kind, before })
        });
        let found = found.next();
        found.unwrap_or_else(|| self.standing_of_others(now))
    }

    /// Names as all editions of this list know them.
    pub(crate) fn digests<'n>(
        &self,
        names: impl IntoIterator<Item = (Kind, &'n str)>,
    ) -> Box<[Digest]> {
        let names = names.into_iter();
        names
            .map(|(kind, name)| self.keeper.entries.digest(kind, name))
            .collect()
    }

    /// What it says of those whom it does not name.
    fn standing_of_others(&mut self, now: Moment) -> Standing {
        if self.keeper.is_young(now) {
            return Standing::Clear;
        }
        let retry_after = self.retry_after(now);
        if self.keeper.source.when_unavailable == WhenUnavailable::Allow {
            // Whoever may pass without a list waits for the first one, and for none after that.
            let is_first = self.keeper.ends.is_none() && !self.is_failing();
            if !is_first || retry_after.is_some() {
                self.keeper.unchecked = self.keeper.unchecked.saturating_add(1);
                return Standing::Unchecked;
            }
        }
        retry_after.map_or(Standing::Pending, Standing::Unavailable)
    }

    /// Numbers, for metrics.
    pub(crate) fn measures(&mut self, now: Moment) -> Vec<Measure> {
        let mut measures = self.health.take_measures();
        let unchecked = core::mem::take(&mut self.keeper.unchecked);
        if unchecked > 0 {
            measures.push(Measure::new(&["unchecked"], Number::Count(unchecked)));
        }
        let state = match self.keeper.ends {
            None => "never_fetched",
            Some(_) if self.keeper.is_young(now) => "in_force",
            Some(_) => "too_old",
        };
        for name in ["never_fetched", "in_force", "too_old"] {
            measures.push(Measure::level(&["state", name], usize::from(name == state)));
        }
        if let Some(edition) = self.keeper.edition {
            let generated_at = Number::Since(edition.generated_at);
            measures.push(Measure::new(&["generated_at_seconds"], generated_at));
            measures.push(Measure::new(&["sequence"], Number::Is(edition.sequence)));
            for kind in Kind::ALL {
                let number = self.keeper.entries.count(kind);
                measures.push(Measure::is(&["entries", kind.name()], number));
            }
            measures.push(Measure::is(&["skipped"], self.keeper.skipped));
        }
        measures
    }
}

/// For people at a command line: a list from a file.
#[cfg(feature = "explain")]
impl Feed {
    /// Whether there is one.
    pub(crate) const fn is_given(&self) -> bool {
        self.keeper.ends.is_some()
    }

    /// Puts a document in force as if it had come now, and says which edition it is.
    pub(crate) fn give(
        &mut self,
        body: Vec<u8>,
        now: Moment,
        wall: UnixTime,
    ) -> Result<String, String> {
        let given = self.keeper.give(body, (now, wall), &mut self.health);
        given.map_err(|refused| refused.to_string())
    }
}

/// Whether an entry revokes a token that was issued then.
fn revokes(before: Before, issued: Option<UnixTime>) -> bool {
    match (before.seconds(), issued) {
        (Some(seconds), Some(issued)) => issued <= UnixTime::from_secs(seconds),
        (None, _) | (_, None) => true,
    }
}
