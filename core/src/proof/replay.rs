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
    /// What the keys of all slots begin with.
    slots: String,
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
                slots: key("spent"),
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
        for _ in 0..TRIES {
            let (slot, entry) = Entry::of(spend, &birth);
            let key = slot_key(&self.keys.slots, slot);
            let found = shared.get(&key)?;
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
            slot.let_go(self.retention, now);
            slot.enter(entry, spend.made)?;
            if shared.set(&key, &slot.0, version)? != Stored::Yes {
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

/// With the number of the slot in three digits of the base 16.
fn slot_key(slots: &str, slot: u16) -> String {
    let mut key = String::with_capacity(slots.len().saturating_add(4));
    key.push_str(slots);
    key.push('/');
    for shift in [8, 4, 0] {
        key.extend(char::from_digit(u32::from(slot) >> shift & 0xf, 16));
    }
    key
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
    dated: u64,
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
            dated: spend.dated.as_millis(),
        };
        // In one slot, 116 bits tell one id from another.
        let [a, b, ..] = id.to_le_bytes();
        (u16::from_le_bytes([a, b]) % SLOTS, entry)
    }

    fn read(bytes: &[u8; ENTRY]) -> Self {
        let mut words = bytes.as_chunks::<8>().0.iter();
        let mut word = || words.next().map_or(0, |word| u64::from_le_bytes(*word));
        Self {
            id: [word(), word()],
            principal: word(),
            dated: word(),
        }
    }

    fn write(&self) -> [u8; ENTRY] {
        let [id, more] = self.id;
        let mut bytes = [0; ENTRY];
        let (places, _) = bytes.as_chunks_mut::<8>();
        for (place, word) in places
            .iter_mut()
            .zip([id, more, self.principal, self.dated])
        {
            *place = word.to_le_bytes();
        }
        bytes
    }

    const fn kind(&self) -> Option<SpendKind> {
        let [id, _] = self.id;
        match id & 0xff {
            0 => Some(SpendKind::Proof),
            1 => Some(SpendKind::Token),
            _ => None,
        }
    }

    const fn dated(&self) -> UnixTime {
        UnixTime::from_millis(self.dated)
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

    /// What somebody here has written, and nothing else.
    fn read(bytes: Vec<u8>) -> Option<Self> {
        let (front, rest) = bytes.split_first_chunk::<FRONT>()?;
        let (entries, []) = rest.as_chunks::<ENTRY>() else {
            return None;
        };
        let is_ours = front.starts_with(&MAGIC)
            && entries.len() <= limits::REPLAY_SLOT_ENTRIES
            && entries
                .iter()
                .all(|bytes| Entry::read(bytes).kind().is_some());
        is_ours.then_some(Self(bytes))
    }

    fn is_of(&self, birth: &Birth) -> bool {
        self.front(1) == birth.tag
    }

    /// Eight bytes of those before the entries.
    fn front(&self, place: usize) -> [u8; 8] {
        let words = self.0.as_chunks::<8>().0;
        words.get(place).copied().unwrap_or_default()
    }

    /// Where the latest date stands that was let go of such entries.
    const fn place(kind: Option<SpendKind>) -> usize {
        match kind {
            Some(SpendKind::Token) => 3,
            _ => 2,
        }
    }

    fn gone(&self, kind: Option<SpendKind>) -> UnixTime {
        UnixTime::from_millis(u64::from_le_bytes(self.front(Self::place(kind))))
    }

    fn entries(&self) -> impl ExactSizeIterator<Item = Entry> {
        let entries = self.0.get(FRONT..).unwrap_or_default().as_chunks().0;
        entries.iter().map(Entry::read)
    }

    /// Lets go what nobody would accept any more. What stays moves up.
    fn let_go(&mut self, retention: Duration, now: UnixTime) {
        let Some((front, rest)) = self.0.split_first_chunk_mut::<FRONT>() else {
            return;
        };
        let front = front.as_chunks_mut::<8>().0;
        let entries = rest.as_chunks_mut::<ENTRY>().0;
        let (mut next, mut size) = (0_usize, FRONT);
        for place in 0..entries.len() {
            let Some(bytes) = entries.get(place).copied() else {
                break;
            };
            let entry = Entry::read(&bytes);
            let (kind, dated) = (entry.kind(), entry.dated());
            let until = match kind {
                Some(SpendKind::Token) => dated,
                _ => dated.saturating_add(retention),
            };
            if now <= until {
                if let Some(to) = entries.get_mut(next) {
                    *to = bytes;
                }
                next = next.saturating_add(1);
                size = size.saturating_add(ENTRY);
            } else if let Some(gone) = front.get_mut(Self::place(kind)) {
                let latest = dated.as_millis().max(u64::from_le_bytes(*gone));
                *gone = latest.to_le_bytes();
            }
        }
        self.0.truncate(size);
    }

    /// A proof is of the time that it was made at: its date depends on the clock.
    fn enter(&mut self, entry: Entry, made: UnixTime) -> Result<(), NotSpent> {
        let (mut own, mut all) = (0_usize, 0_usize);
        for other in self.entries() {
            if other.id == entry.id {
                return Err(NotSpent::Replayed);
            }
            own = own.saturating_add((other.principal == entry.principal).into());
            all = all.saturating_add(1);
        }
        let gone = self.gone(entry.kind());
        let of = match entry.kind() {
            Some(SpendKind::Token) => entry.dated(),
            _ => made,
        };
        if of <= gone {
            return Err(NotSpent::TooOld(gone));
        }
        if own >= limits::REPLAY_SLOT_ENTRIES.saturating_sub(all) {
            return Err(NotSpent::Full);
        }
        self.0.extend(entry.write());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
