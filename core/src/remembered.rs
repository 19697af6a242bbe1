//! Tokens whose signature was found right, so that it need not be checked on every request.
//!
//! A token is found by its exact bytes and nothing less. What is remembered of it is what it says
//! (header and claims, taken apart), whom it is about, and by the keys of which set it was
//! verified: [`KeySetId`]. Everything that time, a rule or the keys can change is judged anew on
//! each request, and the key is looked up first: a token whose key has gone, or whose provider's
//! keys have changed, is as good as new.
//!
//! A token about which its issuer was asked ([`crate::introspection`]) is remembered in the same
//! way, with what the issuer said and until when that counts ([`Told`]).
//!
//! A token that was remembered has one more right, also after the keys have changed: it may be
//! verified again while the budget for wrong signatures is spent. See [`crate::budget`].

use core::{cell::Cell, fmt, num::NonZeroUsize};
use std::rc::Rc;

use lru::LruCache;

use crate::{
    fetch::clock::Moment,
    identity::Identity,
    introspection,
    json::Json,
    jwks::KeySetId,
    limits::{Limits, REMEMBERED_HEADER_BYTES, REMEMBERED_HEADERS},
    provider_id::ProviderId,
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

/// The last bytes of a token. They are a signature's, so that two tokens hardly ever share them; of
/// those that do the later one is remembered. What is not a JWT may end in what others end in, so
/// all of it counts.
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
    pub(crate) token: KnownToken,
    /// In the terms of the provider whose keys verified it, or that was asked first.
    pub(crate) identity: Rc<Identity>,
    /// What its issuer has said of it. An open stream that rests on the token sees what is said
    /// later.
    told: LastTold,
}

/// The token itself.
#[derive(Clone, Debug)]
pub(crate) enum KnownToken {
    Jwt(KnownJwt),
    /// It says nothing.
    Opaque(Box<str>),
}

/// What was said last.
#[derive(Default)]
struct LastTold(Cell<Option<Rc<Told>>>);

impl fmt::Debug for LastTold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LastTold")
    }
}

/// What the issuer of a token says of it.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) provider: ProviderId,
    /// What the token comes to, and whom it is about.
    pub(crate) claims: Rc<Json>,
    pub(crate) identity: Rc<Identity>,
    /// From then on it is to be asked again.
    pub(crate) until: Moment,
}

impl Known {
    /// Its bytes.
    pub(crate) fn token(&self) -> &str {
        match &self.token {
            KnownToken::Jwt(jwt) => jwt.token(),
            KnownToken::Opaque(token) => token,
        }
    }

    /// What its issuer has said of it, whether it still counts or not.
    #[inline(never)]
    pub(crate) fn told(&self) -> Option<Rc<Told>> {
        let told = self.told.0.take();
        self.told.0.set(told.clone());
        told
    }

    /// About how many bytes of memory it takes.
    #[inline(never)]
    fn weight(&self) -> usize {
        let of_jwt = match &self.token {
            KnownToken::Jwt(jwt) => jwt.header.weight().saturating_add(jwt.claims.weight()),
            KnownToken::Opaque(_) => 0,
        };
        let of_told = self.told().map_or(0, |told| {
            told.claims.weight().saturating_add(told.identity.weight())
        });
        self.token()
            .len()
            .saturating_add(OVERHEAD)
            .saturating_add(of_jwt)
            .saturating_add(of_told)
            .saturating_add(self.identity.weight())
    }
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
        are_equal(entry.known.token().as_bytes(), bytes).then(|| Rc::clone(&entry.known))
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
        let Some((header_text, _)) = token.split_once('.') else {
            return;
        };
        if header_text.len() <= REMEMBERED_HEADER_BYTES && !self.headers.contains(header_text) {
            self.headers.put(header_text.into(), Rc::clone(header));
        }
        let start = header_text.len().saturating_add(1);
        let jwt = KnownJwt {
            token: token.into(),
            payload: start..start.saturating_add(jwt.payload.len()),
            header: Rc::clone(header),
            claims: Rc::clone(&jwt.claims),
            verified_by,
        };
        let known = Known {
            token: KnownToken::Jwt(jwt),
            identity: Rc::clone(identity),
            told: LastTold::default(),
        };
        self.put(known);
    }

    /// Notes what the issuer of a token says of it. False: there is no room for it.
    pub(crate) fn tell(&mut self, token: &str, told: Rc<Told>) -> bool {
        let held = self.tokens.peek_mut(&tail(token.as_bytes()));
        if let Some(entry) = held.filter(|entry| entry.known.token() == token) {
            entry.known.told.0.set(Some(told));
            let bytes = entry.known.weight();
            let others = self.bytes.saturating_sub(entry.bytes);
            entry.bytes = bytes;
            self.bytes = others.saturating_add(bytes);
            self.make_room(0);
            return bytes <= self.most_bytes;
        }
        introspection::is_opaque(token)
            && self.put(Known {
                token: KnownToken::Opaque(token.into()),
                identity: Rc::clone(&told.identity),
                told: LastTold(Cell::new(Some(told))),
            })
    }

    /// False: there is no room for it.
    #[inline(never)]
    fn put(&mut self, known: Known) -> bool {
        let bytes = known.weight();
        let tail = tail(known.token().as_bytes());
        self.remove(tail);
        if self.most_tokens == 0 || bytes > self.most_bytes {
            return false;
        }
        if self.tokens.len() >= self.most_tokens {
            self.forget_oldest();
        }
        self.make_room(bytes);
        self.bytes = self.bytes.saturating_add(bytes);
        let known = Rc::new(known);
        self.tokens.put(tail, Entry { known, bytes });
        true
    }

    /// Forgets what was used least recently, until so many bytes more fit.
    fn make_room(&mut self, bytes: usize) {
        while self.bytes.saturating_add(bytes) > self.most_bytes && self.forget_oldest() {}
    }

    #[inline(never)]
    fn forget_oldest(&mut self) -> bool {
        let oldest = self.tokens.pop_lru();
        let bytes = oldest.as_ref().map_or(0, |(_, oldest)| oldest.bytes);
        self.bytes = self.bytes.saturating_sub(bytes);
        oldest.is_some()
    }

    /// Forgets a token whose signature is not right any more.
    pub(crate) fn forget(&mut self, token: &str) {
        let tail = tail(token.as_bytes());
        if self
            .tokens
            .peek(&tail)
            .is_some_and(|entry| entry.known.token() == token)
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
    if token.starts_with(b"eyJ") {
        let last = token.last_chunk().copied();
        return last.map_or(0, u128::from_le_bytes);
    }
    // Nobody chooses what a token of an issuer is.
    let mut sum: u128 = 0;
    for chunk in token.chunks(16) {
        let mut word = [0; 16];
        for (to, from) in word.iter_mut().zip(chunk) {
            *to = *from;
        }
        sum = sum.rotate_left(5) ^ u128::from_le_bytes(word);
    }
    sum
}

#[cfg(test)]
mod tests;
