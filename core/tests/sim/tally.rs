//! How often what happened: a simulation in which something never happens proves nothing about it.

/// How often what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) fetches: u64,
    pub(crate) documents: u64,
    pub(crate) moved: u64,
    pub(crate) conditional: u64,
    pub(crate) not_modified: u64,
    pub(crate) found: u64,
    pub(crate) pending: u64,
    pub(crate) unknown: u64,
    pub(crate) guessed: u64,
    pub(crate) misfit: u64,
    pub(crate) ambiguous: u64,
    pub(crate) unavailable: u64,
    pub(crate) settled_after_wait: u64,
    pub(crate) lost: u64,
    pub(crate) ignored: u64,
    pub(crate) jumps: u64,
    pub(crate) reloads: u64,
    /// Tokens that passed by memory, tokens whose signature was checked, and tokens that did not
    /// pass.
    pub(crate) remembered: u64,
    pub(crate) verified: u64,
    pub(crate) stopped: u64,
}

impl Tally {
    fn counts(&mut self) -> [&mut u64; 20] {
        [
            &mut self.fetches,
            &mut self.documents,
            &mut self.moved,
            &mut self.conditional,
            &mut self.not_modified,
            &mut self.found,
            &mut self.pending,
            &mut self.unknown,
            &mut self.guessed,
            &mut self.misfit,
            &mut self.ambiguous,
            &mut self.unavailable,
            &mut self.settled_after_wait,
            &mut self.lost,
            &mut self.ignored,
            &mut self.jumps,
            &mut self.reloads,
            &mut self.remembered,
            &mut self.verified,
            &mut self.stopped,
        ]
    }

    pub(crate) fn saw_everything(&self) -> bool {
        let mut copy = *self;
        copy.counts().iter().all(|count| **count > 100)
    }
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        let mut total = Self::default();
        for mut tally in tallies {
            for (sum, count) in total.counts().into_iter().zip(tally.counts()) {
                *sum += *count;
            }
        }
        total
    }
}
