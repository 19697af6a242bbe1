//! Tokens whose signature was found right, so that it need not be checked on every request.
//!
//! A token is found by its exact bytes and nothing less. What is remembered of it is what it says
//! (header and claims, taken apart), whom it is about, and by the keys of which set it was
//! verified: [`KeySetId`]. Everything that time, a rule or the keys can change is judged anew on
//! each request, and the key is looked up first: a token whose key has gone, or whose provider's
//! keys have changed, is as good as new.
//!
//! A token that was remembered has one more right, also after the keys have changed: it may be
//! verified again while the budget for wrong signatures is spent. See [`crate::budget`].

use core::num::NonZeroUsize;
use std::rc::Rc;

use lru::LruCache;

use crate::{
    identity::Identity,
    jwks::KeySetId,
    limits::{Limits, REMEMBERED_HEADER_BYTES, REMEMBERED_HEADERS},
    token::{Header, KnownJwt, VerifiedJwt},
};

/// The tokens that were good, the least recently used out first.
#[derive(Debug)]
pub(crate) struct RememberedTokens {
    most_tokens: usize,
    most_bytes: usize,
    /// Under a hash that is seeded randomly. Bounded here, by bytes too.
    tokens: LruCache<Tail, Entry>,
    bytes: usize,
    /// The headers of good tokens, which all tokens of a key share, by their base64url.
    headers: LruCache<Box<str>, Rc<Header>>,
    tally: Tally,
}

/// The last bytes of a token. They are the signature's, so that two tokens hardly ever share them;
/// of those that do the later one is remembered.
type Tail = u128;

/// How often a token was remembered, and how often it was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tokens that passed without another look at the signature.
    pub hits: u64,
    /// Signatures that were checked.
    pub misses: u64,
}

#[derive(Debug)]
struct Entry {
    known: Rc<Known>,
    bytes: usize,
}

impl Tally {
    /// Whether it is time to show it: at once where a signature was checked, which costs much more
    /// than showing, and now and then where none was, which does not.
    const fn is_due(self) -> bool {
        self.misses > 0 || self.hits >= HITS
    }
}

/// Tokens that pass before their number is shown.
const HITS: u64 = 256;

/// A remembered token: what it says, and who stood for it.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) jwt: KnownJwt,
    /// In the terms of the provider whose keys verified it.
    pub(crate) identity: Rc<Identity>,
}

/// What maps and boxes take for a token, beside its bytes and its JSON: a generous guess.
const OVERHEAD: usize = 256;

impl RememberedTokens {
    /// None yet.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            most_tokens: limits.remembered_tokens,
            most_bytes: limits.remembered_bytes,
            tokens: LruCache::unbounded(),
            bytes: 0,
            headers: LruCache::new(
                NonZeroUsize::new(REMEMBERED_HEADERS).unwrap_or(NonZeroUsize::MIN),
            ),
            tally: Tally::default(),
        }
    }

    /// The token of exactly these bytes, if its signature was right once.
    pub(crate) fn find(&mut self, bytes: &[u8]) -> Option<Rc<Known>> {
        let entry = self.tokens.get(&tail(bytes))?;
        are_equal(entry.known.jwt.token().as_bytes(), bytes).then(|| Rc::clone(&entry.known))
    }

    /// What this header says, if a good token had the same.
    pub(crate) fn find_header(&mut self, header: &str) -> Option<Rc<Header>> {
        self.headers.get(header).cloned()
    }

    /// Notes that the signature of a token was right.
    pub(crate) fn insert(
        &mut self,
        token: &str,
        header: &Rc<Header>,
        jwt: &VerifiedJwt<'_>,
        identity: &Rc<Identity>,
        verified_by: KeySetId,
    ) {
        let bytes = token
            .len()
            .saturating_add(OVERHEAD)
            .saturating_add(header.weight())
            .saturating_add(jwt.claims.weight())
            .saturating_add(identity.weight());
        let tail = tail(token.as_bytes());
        self.remove(tail);
        let Some((header_text, _)) = token.split_once('.') else {
            return;
        };
        if header_text.len() <= REMEMBERED_HEADER_BYTES && !self.headers.contains(header_text) {
            self.headers.put(header_text.into(), Rc::clone(header));
        }
        let start = header_text.len().saturating_add(1);
        if self.most_tokens == 0 || bytes > self.most_bytes {
            return;
        }
        while self.tokens.len() >= self.most_tokens
            || self.bytes.saturating_add(bytes) > self.most_bytes
        {
            let Some((_, oldest)) = self.tokens.pop_lru() else {
                return;
            };
            self.bytes = self.bytes.saturating_sub(oldest.bytes);
        }
        self.bytes = self.bytes.saturating_add(bytes);
        self.tokens.put(
            tail,
            Entry {
                known: Rc::new(Known {
                    jwt: KnownJwt {
                        token: token.into(),
                        payload: start..start.saturating_add(jwt.payload.len()),
                        header: Rc::clone(header),
                        claims: Rc::clone(&jwt.claims),
                        verified_by,
                    },
                    identity: Rc::clone(identity),
                }),
                bytes,
            },
        );
    }

    /// Forgets a token whose signature is not right any more.
    pub(crate) fn forget(&mut self, token: &str) {
        let tail = tail(token.as_bytes());
        if self
            .tokens
            .peek(&tail)
            .is_some_and(|entry| entry.known.jwt.token() == token)
        {
            self.remove(tail);
        }
    }

    /// A token passed by what is remembered.
    pub(crate) const fn count_hit(&mut self) {
        self.tally.hits = self.tally.hits.saturating_add(1);
    }

    /// A signature was checked.
    pub(crate) const fn count_miss(&mut self) {
        self.tally.misses = self.tally.misses.saturating_add(1);
    }

    /// What was counted since this was asked last, if it is time to show it.
    pub(crate) const fn due_tally(&mut self) -> Option<Tally> {
        if self.tally.is_due() {
            Some(self.take_tally())
        } else {
            None
        }
    }

    /// What was counted since this was asked last.
    pub(crate) const fn take_tally(&mut self) -> Tally {
        core::mem::replace(&mut self.tally, Tally { hits: 0, misses: 0 })
    }

    fn remove(&mut self, tail: Tail) {
        if let Some(entry) = self.tokens.pop(&tail) {
            self.bytes = self.bytes.saturating_sub(entry.bytes);
        }
    }
}

/// Word by word: the library of this target compares byte by byte.
fn are_equal(one: &[u8], other: &[u8]) -> bool {
    let ((words, rest), (other_words, other_rest)) =
        (one.as_chunks::<16>(), other.as_chunks::<16>());
    let as_number = |word: &[u8; 16]| u128::from_ne_bytes(*word);
    let mut pairs = words.iter().zip(other_words);
    one.len() == other.len()
        && pairs.all(|(word, other)| as_number(word) == as_number(other))
        && rest == other_rest
}

fn tail(token: &[u8]) -> Tail {
    let last = token.last_chunk().copied();
    // No token is that short.
    last.map_or(0, u128::from_le_bytes)
}

#[cfg(test)]
mod tests;
