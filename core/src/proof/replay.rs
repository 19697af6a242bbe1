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

use core::time::Duration;
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

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
    pub(crate) principal: [String; 2],
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
        let key = |of: &str| ["passgate/2/", of, "/", scope].concat();
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
            let slot = match &found {
                None => None,
                Some((bytes, _)) => Some(Slot::read(bytes).ok_or(NotSpent::Broken)?),
            };
            // The host loses everything at once: a slot of the memory that is known says that it is
            // still the one. Where there is none, the memory itself has to say so.
            let slot = slot.filter(|slot| slot.memory == birth.tag);
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
            if shared.set(&key, &slot.write(), version)? != Stored::Yes {
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
    /// SHA-256 that has read its key.
    keyed: Sha256,
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
        let mut block = [0; 64];
        let (start, _) = block.split_first_chunk_mut::<32>()?;
        *start = *key;
        let keyed = Sha256::new_with_prefix(block);
        let mut birth = Self {
            at: UnixTime::from_millis(u64::from_be_bytes(*at)),
            keyed,
            tag: [0; 8],
        };
        let [tag, ..] = birth.hash(Hashed::Tag, &[]);
        birth.tag = tag.to_le_bytes();
        Some(birth)
    }

    /// A hash that nobody can foretell. The key fills the first block, so that most take one more.
    /// (HMAC would take three. It is for hashes that others see, and could go on from.)
    fn hash(&self, what: Hashed, parts: &[&[u8]]) -> [u64; 4] {
        let domain = match what {
            Hashed::Id(kind) => kind,
            Hashed::Principal => 0x80,
            Hashed::Tag => 0x81,
        };
        let mut hash = self.keyed.clone();
        hash.update([domain]);
        for part in parts {
            hash.update(part);
        }
        let hash: [u8; 32] = hash.finalize().into();
        let (words, _) = hash.as_chunks::<8>();
        let mut all = [0; 4];
        for (place, word) in all.iter_mut().zip(words) {
            *place = u64::from_le_bytes(*word);
        }
        all
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
    /// The kind in the lowest byte, and of the hash as much as makes 16 bytes.
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
        let [slot, id, more, _] = birth.hash(Hashed::Id(kind), &[&spend.id]);
        let [issuer, subject] = &spend.principal;
        // No issuer holds a zero byte.
        let who = [issuer.as_bytes(), &[0], subject.as_bytes()];
        let [principal, ..] = birth.hash(Hashed::Principal, &who);
        let entry = Self {
            id: [id & !0xff | u64::from(kind), more],
            principal,
            dated: spend.dated.as_millis(),
        };
        let [a, b, ..] = slot.to_le_bytes();
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

/// What stands in one slot.
#[derive(Debug)]
struct Slot {
    memory: [u8; 8],
    /// Of each kind, the latest date that it has let go.
    gone: [UnixTime; 2],
    entries: Vec<Entry>,
}

/// Begins each slot; another form gets another number.
const MAGIC: [u8; 8] = *b"passgat2";

impl Slot {
    fn new(birth: &Birth) -> Self {
        Self {
            memory: birth.tag,
            gone: [UnixTime::from_millis(0); 2],
            entries: Vec::new(),
        }
    }

    /// What somebody here has written, and nothing else.
    fn read(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&MAGIC)?;
        let (memory, rest) = rest.split_first_chunk::<8>()?;
        let (proofs, rest) = rest.split_first_chunk::<8>()?;
        let (tokens, rest) = rest.split_first_chunk::<8>()?;
        let (chunks, []) = rest.as_chunks::<ENTRY>() else {
            return None;
        };
        if chunks.len() > limits::REPLAY_SLOT_ENTRIES {
            return None;
        }
        // With room for the next one.
        let mut entries = Vec::with_capacity(chunks.len().saturating_add(1));
        entries.extend(chunks.iter().map(Entry::read));
        let date = |bytes: &[u8; 8]| UnixTime::from_millis(u64::from_le_bytes(*bytes));
        entries
            .iter()
            .all(|entry: &Entry| entry.kind().is_some())
            .then_some(Self {
                memory: *memory,
                gone: [date(proofs), date(tokens)],
                entries,
            })
    }

    fn write(&self) -> Vec<u8> {
        let size = self
            .entries
            .len()
            .saturating_mul(ENTRY)
            .saturating_add(ENTRY);
        let mut bytes = Vec::with_capacity(size);
        bytes.extend(MAGIC);
        bytes.extend(self.memory);
        for gone in self.gone {
            bytes.extend(gone.as_millis().to_le_bytes());
        }
        for Entry {
            id: [id, more],
            principal,
            dated,
        } in &self.entries
        {
            for word in [id, more, principal, dated] {
                bytes.extend(word.to_le_bytes());
            }
        }
        bytes
    }

    /// Lets go what nobody would accept any more.
    fn let_go(&mut self, retention: Duration, now: UnixTime) {
        let [proofs, tokens] = &mut self.gone;
        self.entries.retain(|entry| {
            let dated = entry.dated();
            let (gone, until) = match entry.kind() {
                Some(SpendKind::Token) => (&mut *tokens, dated),
                _ => (&mut *proofs, dated.saturating_add(retention)),
            };
            let stays = now <= until;
            if !stays {
                *gone = dated.max(*gone);
            }
            stays
        });
    }

    /// A proof is of the time that it was made at: its date depends on the clock.
    fn enter(&mut self, entry: Entry, made: UnixTime) -> Result<(), NotSpent> {
        if self.entries.iter().any(|other| other.id == entry.id) {
            return Err(NotSpent::Replayed);
        }
        let [proofs, tokens] = self.gone;
        let (gone, of) = match entry.kind() {
            Some(SpendKind::Token) => (tokens, entry.dated()),
            _ => (proofs, made),
        };
        if of <= gone {
            return Err(NotSpent::TooOld(gone));
        }
        let is_own = |other: &&Entry| other.principal == entry.principal;
        let own = self.entries.iter().filter(is_own).count();
        let free = limits::REPLAY_SLOT_ENTRIES.saturating_sub(self.entries.len());
        if own >= free {
            return Err(NotSpent::Full);
        }
        self.entries.push(entry);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
