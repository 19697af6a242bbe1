//! The memory of what was spent: shared by the workers of a proxy, so that of all of them one lets
//! a proof pass, and that once.
//!
//! It is a table of [`SLOTS`] values in the host's shared data. An id falls into one slot, whose
//! content is exchanged by compare-and-swap. What is spent stays there until it could no longer be
//! accepted by its own time; the slot keeps the latest such time that it has let go, and refuses
//! what is no later: so a clock that jumps ahead and comes back makes nothing pass twice. A memory
//! begins with its birth, and refuses what was made before: so does one that the host has lost.
//!
//! Ids and slots are chosen by a hash whose key is the memory's own. A slot gives nobody more than
//! is left free in it: one client can take half of it, the next half of the rest; seven together
//! fill it.

use core::{hash::Hasher as _, time::Duration};
use std::rc::Rc;

use siphasher::sip128::{Hasher128 as _, SipHasher24};

use super::{
    nonce::NonceUse,
    shared::{NotShared, Shared, Stored},
};
use crate::{limits, time::UnixTime};

/// What is to be spent, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spend {
    pub(crate) kind: SpendKind,
    /// Names it among all of its kind.
    pub(crate) id: Box<[u8]>,
    /// Who spends it: issuer and subject.
    pub(crate) principal: (Rc<str>, Option<Rc<str>>),
    /// When it was made.
    pub(crate) made: UnixTime,
    /// For a proof the latest time by which it could count; for a token the last moment at which
    /// any policy would accept it.
    pub(crate) dated: UnixTime,
}

/// What is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpendKind {
    /// A proof. It is kept as long as a proof of its time can be accepted.
    Proof = 0,
    /// The `jti` of a token. It is kept until its date.
    Token = 1,
    /// A passkey's approval. It is kept as a proof is, among proofs.
    Approval = 2,
}

impl SpendKind {
    /// The nonce of which another one can be made.
    pub(crate) const fn nonce(self) -> Option<NonceUse> {
        match self {
            Self::Proof => Some(NonceUse::Dpop),
            Self::Approval => Some(NonceUse::Approval),
            Self::Token => None,
        }
    }
}

/// Why something was not spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotSpent {
    /// It was spent before.
    Replayed,
    /// Nobody remembers whether it was: it must be made after this time.
    TooOld(UnixTime),
    /// There is no room for it.
    Full,
    /// The host has no such memory, or one that somebody else has written to.
    Broken,
}

impl From<NotShared> for NotSpent {
    fn from(_: NotShared) -> Self {
        Self::Broken
    }
}

/// The memory of one gate.
#[derive(Debug)]
pub(crate) struct ReplayMemory {
    keys: Keys,
    /// How long a proof can be accepted after its time, by any rule.
    retention: Duration,
    /// Its beginning, as it was read last, and the version of the mark that says so.
    known: Option<(u32, Rc<Birth>)>,
}

/// Where its values are. They name the gate: a policy may change, and others may have gates of
/// their own.
#[derive(Debug)]
struct Keys {
    birth: String,
    /// Nothing is there, and it is written but once: as long as its version stays, so does the
    /// beginning. The host hands over nothing faster than something.
    mark: String,
    /// The slot that was asked for last.
    slot: String,
}

/// Slots of one gate.
const SLOTS: u16 = limits::REPLAY_SLOTS;
/// Tries to write a slot. Each one that fails is another worker's that did not.
const TRIES: usize = 64;

impl ReplayMemory {
    /// The memory of this gate, where each proof can be accepted for at most so long.
    pub(crate) fn new(scope: &str, retention: Duration) -> Self {
        let key = |of: &str| ["passgate/3/", of, "/", scope].concat();
        Self {
            keys: Keys {
                birth: key("birth"),
                mark: key("mark"),
                slot: key("spent") + "/000",
            },
            retention,
            known: None,
        }
    }

    /// Begins it, unless it has begun. Where the host does not let it, the first spend will say so.
    pub(crate) fn begin(&mut self, shared: &Shared, now: UnixTime) {
        let _ = self.birth(shared, now);
    }

    /// Spends something, for the first and the last time.
    pub(crate) fn spend(
        &mut self,
        shared: &Shared,
        spend: &Spend,
        now: UnixTime,
    ) -> Result<(), NotSpent> {
        let mut birth = match &self.known {
            Some((_, birth)) => Rc::clone(birth),
            None => self.birth(shared, now)?,
        };
        // A proof is of the time that it was made at: its date depends on the clock.
        let time = match spend.kind {
            SpendKind::Token => spend.dated,
            SpendKind::Proof | SpendKind::Approval => spend.made,
        };
        for _ in 0..TRIES {
            let (slot, entry) = Entry::of(spend, &birth);
            name_slot(&mut self.keys.slot, slot);
            let found = shared.get(&self.keys.slot)?;
            let version = found.as_ref().map(|(_, version)| *version);
            let slot = match found {
                None => None,
                Some((bytes, _)) => Some(Slot::read(bytes).ok_or(NotSpent::Broken)?),
            };
            // The host loses everything at once: a slot of the memory that is known says that it is
            // still the one. Where there is none, the memory itself has to say so.
            let slot = slot.filter(|slot| slot.is_of(&birth));
            let is_new = slot.is_none();
            if is_new {
                let asked = self.birth(shared, now)?;
                if asked.tag != birth.tag {
                    birth = asked;
                    continue;
                }
            }
            if spend.made < birth.at {
                return Err(NotSpent::TooOld(birth.at));
            }
            let mut slot = slot.unwrap_or_else(|| Slot::new(&birth));
            slot.spend(&entry, time, self.retention, now)?;
            if shared.set(&self.keys.slot, &slot.0, version)? != Stored::Yes {
                continue;
            }
            // A new slot may have been written into a memory that has begun since.
            if is_new {
                let asked = self.birth(shared, now)?;
                if asked.tag != birth.tag {
                    birth = asked;
                    continue;
                }
            }
            return Ok(());
        }
        Err(NotSpent::Broken)
    }

    /// The beginning of the memory, by whoever is the first to ask. The host may have lost the one
    /// that is known. The mark is read first. If the host loses both in between, the next mark has
    /// another version.
    fn birth(&mut self, shared: &Shared, now: UnixTime) -> Result<Rc<Birth>, NotSpent> {
        let version = |found: Option<(Vec<u8>, u32)>| found.map(|(_, version)| version);
        let mark = version(shared.get(&self.keys.mark)?);
        if let (Some(mark), Some((known, birth))) = (mark, &self.known)
            && mark == *known
        {
            return Ok(Rc::clone(birth));
        }
        let mark = match mark {
            Some(mark) => mark,
            None => {
                shared.set(&self.keys.mark, &[], None)?;
                version(shared.get(&self.keys.mark)?).ok_or(NotSpent::Broken)?
            }
        };
        let value = shared.secret(&self.keys.birth, &now.as_millis().to_be_bytes())?;
        let birth = Rc::new(Birth::read(&value).ok_or(NotSpent::Broken)?);
        self.known = Some((mark, Rc::clone(&birth)));
        Ok(birth)
    }
}

/// Its number is the last three digits of the name, to the base 16.
fn name_slot(name: &mut String, slot: u16) {
    name.truncate(name.len().saturating_sub(3));
    for shift in [8, 4, 0] {
        name.extend(char::from_digit(u32::from(slot) >> shift & 0xf, 16));
    }
}

/// When a memory began, and what its key makes.
struct Birth {
    at: UnixTime,
    keyed: SipHasher24,
    /// Names the memory in its slots.
    tag: [u8; 8],
}

/// What is hashed.
#[derive(Clone, Copy)]
enum Hashed {
    /// The id of something of this kind.
    Id(u8),
    Principal,
    Tag,
}

impl Birth {
    fn read(value: &[u8]) -> Option<Self> {
        let (at, key) = value.split_first_chunk::<8>()?;
        let key: &[u8; 32] = key.try_into().ok()?;
        // It takes half of them.
        let (key, _) = key.split_first_chunk::<16>()?;
        let mut birth = Self {
            at: UnixTime::from_millis(u64::from_be_bytes(*at)),
            keyed: SipHasher24::new_with_key(key),
            tag: [0; 8],
        };
        let [tag, _] = birth.hash(Hashed::Tag, &[]);
        birth.tag = tag.to_le_bytes();
        Some(birth)
    }

    /// A hash that nobody can foretell, nor see: SipHash-2-4 (Aumasson and Bernstein, 2012) in the
    /// form of 128 bits that its authors have published since. It is taken for a pseudorandom
    /// function.
    fn hash(&self, what: Hashed, parts: &[&[u8]]) -> [u64; 2] {
        let domain = match what {
            Hashed::Id(kind) => kind,
            Hashed::Principal => 0x80,
            Hashed::Tag => 0x81,
        };
        let mut hash = self.keyed;
        hash.write(&[domain]);
        for part in parts {
            hash.write(part);
        }
        let hash = hash.finish128();
        [hash.h1, hash.h2]
    }
}

impl core::fmt::Debug for Birth {
    /// Without the key.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Birth")
    }
}

/// One thing that was spent: [`ENTRY`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// The kind in the lowest byte, and the rest of the hash.
    id: [u64; 2],
    principal: u64,
    dated: UnixTime,
}

const ENTRY: usize = 32;

impl Entry {
    /// And the slot that it falls into.
    fn of(spend: &Spend, birth: &Birth) -> (u16, Self) {
        let kind = match spend.kind {
            SpendKind::Proof | SpendKind::Approval => 0,
            SpendKind::Token => 1,
        };
        let [id, more] = birth.hash(Hashed::Id(kind), &[&spend.id]);
        let (issuer, subject) = &spend.principal;
        let subject = subject.as_deref().unwrap_or_default();
        // No issuer holds a zero byte.
        let who = [issuer.as_bytes(), &[0], subject.as_bytes()];
        let [principal, _] = birth.hash(Hashed::Principal, &who);
        let entry = Self {
            id: [id & !0xff | u64::from(kind), more],
            principal,
            dated: spend.dated,
        };
        // In one slot, 116 bits tell one id from another.
        let [a, b, ..] = id.to_le_bytes();
        (u16::from_le_bytes([a, b]) % SLOTS, entry)
    }

    fn read(bytes: &[u8; ENTRY]) -> Self {
        let words = bytes.as_chunks::<8>().0;
        let word = |at: usize| words.get(at).map_or(0, |word| u64::from_le_bytes(*word));
        Self {
            id: [word(0), word(1)],
            principal: word(2),
            dated: UnixTime::from_millis(word(3)),
        }
    }

    fn write(&self) -> [u8; ENTRY] {
        let [id, more] = self.id;
        let mut bytes = [0; ENTRY];
        let (places, _) = bytes.as_chunks_mut::<8>();
        for (place, word) in
            places
                .iter_mut()
                .zip([id, more, self.principal, self.dated.as_millis()])
        {
            *place = word.to_le_bytes();
        }
        bytes
    }

    /// The number of its kind, which chooses among what a slot has of each.
    fn kind(&self) -> usize {
        let [kind, ..] = self.id[0].to_le_bytes();
        kind.into()
    }
}

/// What stands in one slot, as the host holds it: [`MAGIC`], the tag of the memory, of each kind
/// the latest date that it has let go, and the entries. It is changed in place: most entries stay
/// as they are.
#[derive(Debug)]
struct Slot(Vec<u8>);

/// Begins each slot; another form gets another number.
const MAGIC: [u8; 8] = *b"passgat3";

/// Bytes before the entries.
const FRONT: usize = 32;

impl Slot {
    fn new(birth: &Birth) -> Self {
        let mut bytes = Vec::with_capacity(FRONT.saturating_add(ENTRY));
        bytes.extend(MAGIC);
        bytes.extend(birth.tag);
        bytes.resize(FRONT, 0);
        Self(bytes)
    }

    /// What somebody here has written, by its size and its first bytes.
    fn read(bytes: Vec<u8>) -> Option<Self> {
        let (front, rest) = bytes.split_first_chunk::<FRONT>()?;
        let (entries, []) = rest.as_chunks::<ENTRY>() else {
            return None;
        };
        let is_ours = front.starts_with(&MAGIC) && entries.len() <= limits::REPLAY_SLOT_ENTRIES;
        is_ours.then_some(Self(bytes))
    }

    fn is_of(&self, birth: &Birth) -> bool {
        let [_, tag, ..] = self.0.as_chunks::<8>().0 else {
            return false;
        };
        *tag == birth.tag
    }

    /// Lets go what nobody would accept any more, and enters this, which is of that time. One pass:
    /// what stays moves up. After an error the slot is not one to write.
    fn spend(
        &mut self,
        entry: &Entry,
        time: UnixTime,
        retention: Duration,
        now: UnixTime,
    ) -> Result<(), NotSpent> {
        let (front, rest) = self
            .0
            .split_first_chunk_mut::<FRONT>()
            .ok_or(NotSpent::Broken)?;
        let (_, gone) = front.as_chunks_mut::<8>().0.split_at_mut(2);
        let entries = rest.as_chunks_mut::<ENTRY>().0;
        // Of each kind, the oldest date that stays.
        let oldest = [now.saturating_sub(retention), now];
        let (mut own, mut kept) = (0_usize, 0_usize);
        for place in 0..entries.len() {
            let bytes = *entries.get(place).ok_or(NotSpent::Broken)?;
            let other = Entry::read(&bytes);
            let oldest = oldest.get(other.kind()).ok_or(NotSpent::Broken)?;
            if other.dated < *oldest {
                let gone = gone.get_mut(other.kind()).ok_or(NotSpent::Broken)?;
                let latest = other.dated.as_millis().max(u64::from_le_bytes(*gone));
                *gone = latest.to_le_bytes();
                continue;
            }
            if other.id == entry.id {
                return Err(NotSpent::Replayed);
            }
            own = own.saturating_add((other.principal == entry.principal).into());
            if kept != place {
                *entries.get_mut(kept).ok_or(NotSpent::Broken)? = bytes;
            }
            kept = kept.saturating_add(1);
        }
        let gone = gone.get(entry.kind()).ok_or(NotSpent::Broken)?;
        let gone = UnixTime::from_millis(u64::from_le_bytes(*gone));
        if time <= gone {
            return Err(NotSpent::TooOld(gone));
        }
        if own >= limits::REPLAY_SLOT_ENTRIES.saturating_sub(kept) {
            return Err(NotSpent::Full);
        }
        self.0
            .truncate(kept.saturating_mul(ENTRY).saturating_add(FRONT));
        self.0.reserve_exact(ENTRY);
        self.0.extend_from_slice(&entry.write());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
