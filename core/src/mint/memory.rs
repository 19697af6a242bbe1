//! Tokens that serve again, as long as all that they say is the same but when they were made.

use core::fmt;

use super::Content;
use crate::{limits::IDENTITY_TOKEN_BYTES, sorted::SortedMap, time::UnixTime};

/// The tokens of one worker, by what they say.
#[derive(Default)]
pub(crate) struct MintedTokens {
    tokens: SortedMap<String, Minted>,
    bytes: usize,
    /// How often one was made or served again.
    uses: u64,
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
    /// The number of its last use.
    used: u64,
}

impl Minted {
    pub(super) const fn new(token: String, made: UnixTime, until: UnixTime) -> Self {
        let used = 0;
        Self {
            token,
            made,
            until,
            used,
        }
    }
}

/// What lists and boxes take for a token, beside its bytes: a generous guess.
const OVERHEAD: usize = 256;

fn weight(content: &str, minted: &Minted) -> usize {
    let texts = content.len().saturating_add(minted.token.len());
    texts.saturating_add(OVERHEAD)
}

impl MintedTokens {
    /// The token that says this and serves now.
    pub(super) fn find(&mut self, content: &Content, now: UnixTime) -> Option<String> {
        let known = self.tokens.get_mut(content.text())?;
        (known.made <= now && now < known.until).then(|| {
            self.uses = self.uses.saturating_add(1);
            known.used = self.uses;
            known.token.clone()
        })
    }

    /// Keeps a token, if it is not longer than all may be together.
    #[inline(never)]
    pub(super) fn remember(&mut self, content: String, mut minted: Minted) {
        let bytes = weight(&content, &minted);
        if bytes > IDENTITY_TOKEN_BYTES {
            return;
        }
        if let Some(old) = self.tokens.remove(&content) {
            self.bytes = self.bytes.saturating_sub(weight(&content, &old));
        }
        self.make_room(bytes, minted.made);
        self.uses = self.uses.saturating_add(1);
        minted.used = self.uses;
        self.bytes = self.bytes.saturating_add(bytes);
        self.tokens.insert(content, minted);
    }

    /// Where there is no room for so many bytes, those go that do not serve any more, and then
    /// those that were used least recently.
    fn make_room(&mut self, bytes: usize, now: UnixTime) {
        let most = IDENTITY_TOKEN_BYTES.saturating_sub(bytes);
        let mut last = 0;
        while self.bytes > most {
            self.tokens
                .retain(|kept| now < kept.until && kept.used > last);
            let kept = self.tokens.entries().iter();
            self.bytes = kept.map(|(content, kept)| weight(content, kept)).sum();
            let uses = self.tokens.entries().iter().map(|(_, kept)| kept.used);
            let oldest = uses.min().unwrap_or(self.uses);
            // Some at once: the next ones find room without a search.
            last = oldest.saturating_add(self.uses.saturating_sub(oldest) / 8);
        }
    }

    /// How many bytes they take, about, and how many they are.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        (self.bytes, self.tokens.len())
    }
}
