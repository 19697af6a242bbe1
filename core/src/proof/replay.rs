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

use hmac::Hmac;
use sha2::Sha256;

use super::{
    nonce::NonceUse,
    shared::{self, NotShared, Shared, Stored},
};
use crate::{limits, time::UnixTime};

/// What is to be spent, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spend {
    pub(crate) kind: SpendKind,
    /// Names it among all of its kind.
    pub(crate) id: [u8; 32],
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
    /// Names the gate: a policy may change, and others may have gates of their own.
    scope: String,
    /// How long a proof can be accepted after its time, by any rule.
    retention: Duration,
    /// Its beginning, as it was read last.
    known: Option<Rc<Birth>>,
}

/// Slots of one gate.
const SLOTS: u16 = limits::REPLAY_SLOTS;
/// Tries to write a slot. Each one that fails is another worker's that did not.
const TRIES: usize = 64;

impl ReplayMemory {
    /// The memory of this gate, where each proof can be accepted for at most so long.
    pub(crate) fn new(scope: &str, retention: Duration) -> Self {
        Self {
            scope: scope.to_owned(),
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
        for _ in 0..TRIES {
            let birth = self.birth(shared, now)?;
            if spend.made < birth.at {
                return Err(NotSpent::TooOld(birth.at));
            }
            let entry = Entry::of(spend, &birth);
            let key = [
                "passgate/1/spent/",
                &self.scope,
                "/",
                &entry.slot.to_string(),
            ]
            .concat();
            let found = shared.get(&key)?;
            let version = found.as_ref().map(|(_, version)| *version);
            let mut slot = match &found {
                None => Slot::new(&birth),
                Some((bytes, _)) => Slot::read(bytes).ok_or(NotSpent::Broken)?,
            };
            // It is from a memory that the host has lost since.
            if slot.memory != birth.tag {
                slot = Slot::new(&birth);
            }
            slot.let_go(self.retention, now);
            slot.enter(entry)?;
            if shared.set(&key, &slot.write(), version)? == Stored::Yes {
                return Ok(());
            }
        }
        Err(NotSpent::Broken)
    }

    /// The beginning of the memory, by whoever is the first to ask. It is read each time: the host
    /// may have lost it.
    fn birth(&mut self, shared: &Shared, now: UnixTime) -> Result<Rc<Birth>, NotSpent> {
        let key = ["passgate/1/birth/", &*self.scope].concat();
        let value = shared.secret(&key, &now.as_millis().to_be_bytes())?;
        if let Some(known) = self.known.as_ref().filter(|known| known.value == value) {
            return Ok(Rc::clone(known));
        }
        let birth = Rc::new(Birth::read(value).ok_or(NotSpent::Broken)?);
        self.known = Some(Rc::clone(&birth));
        Ok(birth)
    }
}

/// When a memory began, and what its key makes.
struct Birth {
    /// As it is shared.
    value: Vec<u8>,
    at: UnixTime,
    mac: Option<Hmac<Sha256>>,
    /// Names the memory in its slots.
    tag: [u8; 8],
}

impl Birth {
    fn read(value: Vec<u8>) -> Option<Self> {
        let (at, key) = value.split_first_chunk::<8>()?;
        let key: &[u8; 32] = key.try_into().ok()?;
        let mac = shared::keyed(key);
        let tag = shared::finish(mac.clone(), &[b"tag"]);
        Some(Self {
            at: UnixTime::from_millis(u64::from_be_bytes(*at)),
            mac,
            tag: *tag.first_chunk()?,
            value,
        })
    }

    fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        shared::finish(self.mac.clone(), parts)
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
    slot: u16,
    /// The kind, and of the hash as much as makes 16 bytes.
    id: [u8; 16],
    principal: [u8; 8],
    dated: [u8; 8],
}

const ENTRY: usize = 32;

impl Entry {
    fn of(spend: &Spend, birth: &Birth) -> Self {
        let kind = match spend.kind {
            SpendKind::Proof | SpendKind::Approval => 0,
            SpendKind::Token => 1,
        };
        let [a, b, hash @ ..] = birth.hash(&[b"id", &[kind], &spend.id]);
        let mut id = [kind; 16];
        for (place, byte) in id.iter_mut().skip(1).zip(hash) {
            *place = byte;
        }
        let [issuer, subject] = &spend.principal;
        let principal = birth.hash(&[b"who", issuer.as_bytes(), subject.as_bytes()]);
        Self {
            slot: u16::from_be_bytes([a, b]) % SLOTS,
            id,
            principal: principal.first_chunk().copied().unwrap_or_default(),
            dated: spend.dated.as_millis().to_be_bytes(),
        }
    }

    fn read(bytes: &[u8; ENTRY]) -> Option<Self> {
        let (id, rest) = bytes.split_first_chunk::<16>()?;
        let (principal, dated) = rest.split_first_chunk::<8>()?;
        Some(Self {
            slot: 0,
            id: *id,
            principal: *principal,
            dated: dated.try_into().ok()?,
        })
    }

    fn kind(&self) -> Option<SpendKind> {
        match self.id.first() {
            Some(0) => Some(SpendKind::Proof),
            Some(1) => Some(SpendKind::Token),
            _ => None,
        }
    }

    const fn dated(&self) -> UnixTime {
        UnixTime::from_millis(u64::from_be_bytes(self.dated))
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
const MAGIC: [u8; 8] = *b"passgat1";

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
        let entries = chunks.iter().map(Entry::read);
        let entries: Vec<Entry> = entries.collect::<Option<_>>()?;
        let date = |bytes: &[u8; 8]| UnixTime::from_millis(u64::from_be_bytes(*bytes));
        entries
            .iter()
            .all(|entry| entry.kind().is_some())
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
            bytes.extend(gone.as_millis().to_be_bytes());
        }
        for entry in &self.entries {
            bytes.extend(entry.id);
            bytes.extend(entry.principal);
            bytes.extend(entry.dated);
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

    fn enter(&mut self, entry: Entry) -> Result<(), NotSpent> {
        if self.entries.iter().any(|other| other.id == entry.id) {
            return Err(NotSpent::Replayed);
        }
        let [proofs, tokens] = self.gone;
        let gone = match entry.kind() {
            Some(SpendKind::Token) => tokens,
            _ => proofs,
        };
        if entry.dated() <= gone {
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
