//! Which keys earn a table: the most used ones, no sooner than tables pay for themselves.
//!
//! A table costs about ten verifications without one, and saves most of each later one. So three
//! things are kept apart:
//!
//! - **Pace.** A credit says how many tables may be made. It starts with a few, so that the first
//!   keys have theirs at once, and grows with what tables save and with a fifth of what is spent
//!   without one. So n good signatures never cost more than 1.2 times what they would without
//!   tables, and the credit's bound on top, with any signers and in any order. It is counted in
//!   verifications, because the core does not have a clock.
//! - **Use.** Good signatures are counted for each key and halved from time to time, so that a
//!   withdrawn key fades. A key takes another's table when it is clearly more used; two that are
//!   used alike never take turns.
//! - **Room.** Keys without a table are counted in a few places by "Space-Saving" (Metwally et al.,
//!   2005): one that does not find a place takes that of the least used, and the count that it
//!   inherits does not earn it a table.

use crate::limits::KEY_TABLES;

/// Most keys without a table whose use is counted. One of more than this share of all signatures is
/// found.
const COUNTED: usize = 48;
/// Good signatures after which a key gets a table that nobody has.
const FIRST: u32 = 2;
/// A table's owner gives way to a key with this many times its good signatures …
const TIMES: u32 = 2;
/// … and so many more: a table pays for itself after a dozen.
const MORE: u32 = 16;
/// Good signatures between two halvings. Among 60 keys chosen at random each has some hundred by
/// then: chance alone makes none of them twice as good as another.
const HALVING: u32 = 4_096;

/// What a table costs, in hundredths of a verification without one: `first_tokens_of_a_key` of
/// `make bench-core`.
const TABLE: u32 = 1_200;
/// What a verification without a table adds to the credit, in the same unit.
const SLOW: u32 = 20;
/// What one with a table adds, of the 84 that it saves at least (docs/security/forged-tokens.md).
const FAST: u32 = 80;
/// The credit at the start, and its bound: the generator's table, and those of four keys.
const CREDIT: u32 = 5 * TABLE;

/// The use of keys.
#[derive(Debug)]
pub(super) struct Merits<K> {
    /// The keys that have a table, each at its table's place.
    owners: Vec<Used<K>>,
    /// Keys that have none, as many as are counted.
    others: Vec<Used<K>>,
    credit: u32,
    since_halving: u32,
}

#[derive(Debug)]
struct Used<K> {
    key: K,
    /// Good signatures, of late.
    count: u32,
    /// How many of them may be those of keys that had this place before.
    inherited: u32,
}

impl<K> Default for Merits<K> {
    fn default() -> Self {
        Self {
            owners: Vec::new(),
            others: Vec::new(),
            credit: CREDIT,
            since_halving: 0,
        }
    }
}

impl<K: Clone + PartialEq> Merits<K> {
    /// The place of this key's table.
    pub(super) fn place(&self, key: &K) -> Option<usize> {
        self.owners.iter().position(|used| used.key == *key)
    }

    /// Notes a good signature of a key whose table, if it has one, is at this place. `Some`: from
    /// now on the table at that place is this key's, and has to be made; another key's may be
    /// there.
    pub(super) fn good(&mut self, key: &K, place: Option<usize>) -> Option<usize> {
        self.fade();
        if let Some(owner) = place.and_then(|place| self.owners.get_mut(place)) {
            owner.count = owner.count.saturating_add(1);
            self.earn(FAST);
            return None;
        }
        self.earn(SLOW);
        let index = self.count(key)?;
        self.grant(index)
    }

    fn earn(&mut self, amount: u32) {
        self.credit = self.credit.saturating_add(amount).min(CREDIT);
    }

    /// Counts a good signature of a key without a table; where.
    fn count(&mut self, key: &K) -> Option<usize> {
        if let Some(index) = self.others.iter().position(|used| used.key == *key) {
            let used = self.others.get_mut(index)?;
            used.count = used.count.saturating_add(1);
            return Some(index);
        }
        let mut new = Used {
            key: key.clone(),
            count: 1,
            inherited: 0,
        };
        if self.others.len() < COUNTED {
            self.others.push(new);
            return self.others.len().checked_sub(1);
        }
        let index = least_used(&self.others)?;
        let place = self.others.get_mut(index)?;
        (new.count, new.inherited) = (place.count.saturating_add(1), place.count);
        *place = new;
        Some(index)
    }

    /// A table for the other key at this index, if it has earned one and the credit suffices.
    fn grant(&mut self, index: usize) -> Option<usize> {
        let used = self.others.get(index)?;
        let merit = used.count.saturating_sub(used.inherited);
        let is_first = self.owners.is_empty();
        // The generator's table comes with the first one.
        let price = if is_first { 2 * TABLE } else { TABLE };
        let left = self.credit.checked_sub(price)?;
        let place = if self.owners.len() < KEY_TABLES {
            if merit < FIRST {
                return None;
            }
            self.owners.push(self.others.swap_remove(index));
            self.owners.len().checked_sub(1)?
        } else {
            let place = least_used(&self.owners)?;
            let owner = self.owners.get_mut(place)?;
            if merit < owner.count.saturating_mul(TIMES).saturating_add(MORE) {
                return None;
            }
            core::mem::swap(owner, self.others.get_mut(index)?);
            place
        };
        let owner = self.owners.get_mut(place)?;
        (owner.count, owner.inherited) = (merit, 0);
        self.credit = left;
        Some(place)
    }

    fn fade(&mut self) {
        self.since_halving = self.since_halving.saturating_add(1);
        if self.since_halving >= HALVING {
            self.since_halving = 0;
            for used in self.owners.iter_mut().chain(&mut self.others) {
                used.count /= 2;
                used.inherited /= 2;
            }
        }
    }
}

fn least_used<K>(keys: &[Used<K>]) -> Option<usize> {
    let counts = keys.iter().map(|used| used.count).enumerate();
    counts
        .min_by_key(|(_, count)| *count)
        .map(|(index, _)| index)
}

#[cfg(test)]
mod tests;
