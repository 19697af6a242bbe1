//! The credentials that a provider names, each by its person and its id.

use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use crate::{cose, json::Json, limits, proof::Passkey, webauthn::Aaguid};

/// A credential of a person (WebAuthn Level 3 section 4: credential record).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Credential {
    pub(super) key: Key,
    /// The model of its authenticator.
    pub(crate) aaguid: Option<Aaguid>,
    /// BE of its registration: whether it may be synced.
    pub(crate) is_backup_eligible: Option<bool>,
    /// What its authenticator knows the person by, base64url.
    pub(crate) user_handle: Option<Box<str>>,
    /// It does not count any more.
    pub(crate) is_disabled: bool,
}

/// A public key as it came: parsed, ten thousand RSA keys would take 20 MiB more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Jwk(Box<str>),
    Cose(Box<[u8]>),
}

impl Credential {
    /// Its key. `None`: it is not one that we verify with, which is known when it comes.
    pub(crate) fn passkey(&self) -> Option<Passkey> {
        match &self.key {
            Key::Jwk(jwk) => {
                let jwk = Json::parse(jwk.as_bytes(), limits::TOKEN_JSON_NODES).ok()?;
                Passkey::of_jwk(&jwk)
            }
            Key::Cose(key) => {
                let (key, algorithm) = cose::read(key).ok()?;
                Some(Passkey::new(key, algorithm))
            }
        }
    }
}

/// All of them. A hash table of its own, because nothing is ever removed from it: each bucket is a
/// chain through the list.
#[derive(Debug)]
pub(super) struct Register {
    /// Of each bucket the place of the last entry, plus one.
    heads: Vec<usize>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    name: Name,
    /// The place of the entry before it in its bucket, plus one.
    before: usize,
    credential: Rc<Credential>,
}

/// SHA-256 of whose it is, and which.
type Name = [u8; 32];

impl Register {
    /// An empty one with so many buckets.
    pub(super) fn new(buckets: usize) -> Self {
        Self {
            heads: vec![0; buckets],
            entries: Vec::new(),
        }
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.entries.len()
    }

    /// The credential of this person with this id.
    pub(super) fn find(&self, subject: &str, id: &[u8]) -> Option<Rc<Credential>> {
        let at = self.place(&name(subject, id))?;
        let entry = self.entries.get(at)?;
        Some(Rc::clone(&entry.credential))
    }

    /// Adds one. False: the person has one with this id. If they differ nobody knows which one
    /// counts, so neither does.
    pub(super) fn insert(&mut self, subject: &str, id: &[u8], credential: Credential) -> bool {
        let name = name(subject, id);
        if let Some(at) = self.place(&name) {
            if let Some(held) = self.entries.get_mut(at)
                && *held.credential != credential
                && let Some(held) = Rc::get_mut(&mut held.credential)
            {
                held.is_disabled = true;
            }
            return false;
        }
        let bucket = self.bucket(&name);
        let place = self.entries.len().saturating_add(1);
        let Some(head) = self.heads.get_mut(bucket) else {
            return false;
        };
        let before = core::mem::replace(head, place);
        let credential = Rc::new(credential);
        self.entries.push(Entry {
            name,
            before,
            credential,
        });
        true
    }

    fn place(&self, name: &Name) -> Option<usize> {
        let mut next = *self.heads.get(self.bucket(name))?;
        loop {
            let at = next.checked_sub(1)?;
            let entry = self.entries.get(at)?;
            if entry.name == *name {
                return Some(at);
            }
            next = entry.before;
        }
    }

    fn bucket(&self, [high, low, ..]: &Name) -> usize {
        let number = usize::from(u16::from_be_bytes([*high, *low]));
        number.checked_rem(self.heads.len()).unwrap_or_default()
    }
}

fn name(subject: &str, id: &[u8]) -> Name {
    let mut name = Sha256::new();
    name.update(Sha256::digest(subject));
    name.update(id);
    name.finalize().into()
}
