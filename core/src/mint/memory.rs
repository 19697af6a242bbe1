//! Tokens that serve again, as long as all that they say is the same but when they were made.

use core::fmt;

use super::Content;
use crate::{limits::IDENTITY_TOKEN_BYTES, sorted::SortedMap, time::UnixTime};

/// The tokens of one worker, by what they say.
#[derive(Default)]
pub(crate) struct MintedTokens {
    tokens: SortedMap<String, Minted>,
    bytes: usize,
}

impl fmt::Debug for MintedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MintedTokens")
    }
}

pub(super) struct Minted {
    pub(super) token: String,
    pub(super) made: UnixTime,
    /// From then on it does not serve.
    pub(super) until: UnixTime,
}

/// What lists and boxes take for a token, beside its bytes: a generous guess.
const OVERHEAD: usize = 256;

fn weight(content: &str, minted: &Minted) -> usize {
    let texts = content.len().saturating_add(minted.token.len());
    texts.saturating_add(OVERHEAD)
}

impl MintedTokens {
    /// The token that says this and serves now.
    pub(super) fn find(&self, content: &Content, now: UnixTime) -> Option<String> {
        let known = self.tokens.get(content.text())?;
        (known.made <= now && now < known.until).then(|| known.token.clone())
    }

    /// Keeps a token. Where there is no room, those go that do not serve any more; else all.
    #[inline(never)]
    pub(super) fn remember(&mut self, content: String, minted: Minted) {
        let now = minted.made;
        let bytes = weight(&content, &minted);
        if let Some(old) = self.tokens.remove(&content) {
            self.bytes = self.bytes.saturating_sub(weight(&content, &old));
        }
        if self.bytes.saturating_add(bytes) > IDENTITY_TOKEN_BYTES {
            self.tokens.retain(|kept| now < kept.until);
            let kept = self.tokens.entries().iter();
            self.bytes = kept.map(|(content, kept)| weight(content, kept)).sum();
        }
        if self.bytes.saturating_add(bytes) > IDENTITY_TOKEN_BYTES {
            self.tokens = SortedMap::default();
            self.bytes = 0;
        }
        if bytes <= IDENTITY_TOKEN_BYTES {
            self.bytes = self.bytes.saturating_add(bytes);
            self.tokens.insert(content, minted);
        }
    }

    /// How many bytes they take, about, and how many they are.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        (self.bytes, self.tokens.len())
    }
}
