//! The names of a list, compactly: what matters is whether a name is there, not what it is.

use core::hash::BuildHasher as _;
use std::{hash::RandomState, vec};

use super::entry::{Before, Kind};

/// Names, and before when their tokens were issued that are revoked.
///
/// A name is kept as its kind and 120 bits of two hashes whose seeds are drawn at random. Whoever
/// chooses names cannot make one that collides with another's. By chance a stranger's name collides
/// with one of 100,000 once in 10³¹ times.
#[derive(Clone, Debug)]
pub(super) struct Entries {
    hashers: [RandomState; 2],
    /// By a byte of the hash, each in order. They are short, so that no insertion moves much: one
    /// large map would move everything when it grows.
    shards: Vec<Vec<Entry>>,
    counts: [usize; Kind::ALL.len()],
}

/// The kind, then the hashes; and before when.
type Entry = (Digest, Before);
/// A name, as a list knows it; the kind first.
pub(crate) type Digest = [u8; 16];

/// Names on their way from one set to another.
#[derive(Debug)]
pub(crate) struct Names(core::iter::Flatten<vec::IntoIter<Vec<Entry>>>);

const SHARDS: usize = 256;

impl Entries {
    pub(super) fn new() -> Self {
        Self::of([RandomState::new(), RandomState::new()])
    }

    fn of(hashers: [RandomState; 2]) -> Self {
        Self {
            hashers,
            shards: vec![Vec::new(); SHARDS],
            counts: [0; Kind::ALL.len()],
        }
    }

    /// Empty, and such that these may take its names.
    pub(super) fn like(&self) -> Self {
        Self::of(self.hashers.clone())
    }

    /// How many names there are.
    pub(super) fn len(&self) -> usize {
        self.counts.iter().sum()
    }

    /// How many names of this kind there are.
    pub(super) fn count(&self, kind: Kind) -> usize {
        self.counts.get(index(kind)).copied().unwrap_or_default()
    }

    /// Notes a name. Of two entries for one name the one that revokes more counts.
    pub(super) fn insert(&mut self, kind: Kind, name: &str, before: Before) {
        let digest = self.digest(kind, name);
        self.insert_entry((digest, before));
    }

    fn insert_entry(&mut self, entry: Entry) {
        let (digest, before) = entry;
        let [kind, shard, ..] = digest;
        let Some(shard) = self.shards.get_mut(usize::from(shard)) else {
            return;
        };
        match shard.binary_search_by(|(other, _)| other.cmp(&digest)) {
            Ok(at) => {
                if let Some((_, held)) = shard.get_mut(at) {
                    *held = before.max(*held);
                }
            }
            Err(at) => {
                if shard.len() == shard.capacity() {
                    // Not the double, which would be memory for nothing.
                    shard.reserve_exact((shard.len() / 4).saturating_add(4));
                }
                shard.insert(at, entry);
                if let Some(count) = self.counts.get_mut(usize::from(kind)) {
                    *count = count.saturating_add(1);
                }
            }
        }
    }

    /// Before when the tokens of a name were issued that are revoked.
    pub(super) fn find(&self, kind: Kind, name: &str) -> Option<Before> {
        if self.count(kind) == 0 {
            return None;
        }
        self.find_digest(&self.digest(kind, name))
    }

    /// The same for a name of this list or of one [`Self::like`] it, as its digest.
    pub(super) fn find_digest(&self, digest: &Digest) -> Option<Before> {
        let [_, shard, ..] = *digest;
        let shard = self.shards.get(usize::from(shard))?;
        let at = shard.binary_search_by(|(other, _)| other.cmp(digest));
        shard.get(at.ok()?).map(|(_, before)| *before)
    }

    /// Takes some names of what was made by [`Self::like`]. False: none is left there.
    pub(super) fn take_some(&mut self, others: &mut Names, most: usize) -> bool {
        for _ in 0..most {
            let Some(entry) = others.0.next() else {
                return false;
            };
            self.insert_entry(entry);
        }
        true
    }

    /// The names alone.
    pub(super) fn into_names(self) -> Names {
        Names(self.shards.into_iter().flatten())
    }

    /// A name as this list knows it.
    pub(super) fn digest(&self, kind: Kind, name: &str) -> Digest {
        let name = kind.spelling(name);
        let [one, other] = &self.hashers;
        let hashes = [one, other].map(|hasher| hasher.hash_one(&*name).to_le_bytes());
        let mut digest = [0; 16];
        for (place, byte) in digest.iter_mut().zip(hashes.as_flattened()) {
            *place = *byte;
        }
        let [first, ..] = &mut digest;
        *first = u8::try_from(index(kind)).unwrap_or(u8::MAX);
        digest
    }
}

/// The kind of a name.
pub(super) fn kind_of(digest: &Digest) -> Option<Kind> {
    let [kind, ..] = *digest;
    Kind::ALL.get(usize::from(kind)).copied()
}

fn index(kind: Kind) -> usize {
    let place = Kind::ALL.iter().position(|other| *other == kind);
    place.unwrap_or(usize::MAX)
}
