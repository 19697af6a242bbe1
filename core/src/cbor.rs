//! CBOR in the canonical form of CTAP2 (Client to Authenticator Protocol 2.1, section 8, "Message
//! Encoding"): shortest numbers, definite lengths, no tags, keys of a map in order and each once,
//! and containers at most four levels deep. Nothing is copied.

/// What stands next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    /// A number that is not negative.
    Unsigned(u64),
    /// The number -1 - n.
    Negative(u64),
    Bytes(&'a [u8]),
    /// UTF-8.
    Text(&'a str),
    /// So many elements follow.
    Array(u64),
    /// So many pairs follow.
    Map(u64),
    /// A truth, null, or a number with a fraction. Nobody here asks which.
    Simple,
}

/// Reads items one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cbor<'a>(&'a [u8]);

/// The keys of one map, as they come.
#[derive(Debug, Default)]
pub(crate) struct Keys<'a> {
    /// The one before, encoded.
    last: &'a [u8],
}

/// How deep containers nest (CTAP 2.1 section 8).
const DEPTH: u8 = 4;

impl<'a> Cbor<'a> {
    /// At the first byte of these.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether all was read.
    pub(crate) const fn is_at_end(self) -> bool {
        self.0.is_empty()
    }

    /// The next item; of a container the head alone. `None`: it is not canonical CBOR.
    pub(crate) fn item(&mut self) -> Option<Item<'a>> {
        let (&first, rest) = self.0.split_first()?;
        let (major, short) = (first >> 5, first & 0x1f);
        let (width, least) = match short {
            0..24 => (0, 0),
            24 => (1, 24),
            25 => (2, 1 << 8),
            26 => (4, 1 << 16),
            27 => (8, 1 << 32),
            _ => return None,
        };
        let (digits, rest) = rest.split_at_checked(width)?;
        let next = |number: u64, digit: &u8| number << 8 | u64::from(*digit);
        let start = if width == 0 { u64::from(short) } else { 0 };
        let number = digits.iter().fold(start, next);
        self.0 = rest;
        if major == 7 {
            // false, true, null, undefined; half, single and double precision.
            return matches!(short, 20..=23 | 25..=27).then_some(Item::Simple);
        }
        if number < least {
            return None;
        }
        Some(match major {
            0 => Item::Unsigned(number),
            1 => Item::Negative(number),
            2 => Item::Bytes(self.take(number)?),
            3 => Item::Text(core::str::from_utf8(self.take(number)?).ok()?),
            4 => Item::Array(number),
            5 => Item::Map(number),
            _ => return None,
        })
    }

    /// The next key of a map: a number or a text, later in the order of keys than the one before.
    pub(crate) fn key(&mut self, keys: &mut Keys<'a>) -> Option<Item<'a>> {
        let from = self.0;
        let key = self.item()?;
        if !matches!(key, Item::Unsigned(_) | Item::Negative(_) | Item::Text(_)) {
            return None;
        }
        let own = from.get(..from.len().checked_sub(self.0.len())?)?;
        // By major type, then by length, then by bytes.
        let rank = |key: &[u8]| (key.first().map(|first| first >> 5), key.len());
        let is_later = (rank(keys.last), keys.last) < (rank(own), own);
        keys.last = own;
        is_later.then_some(key)
    }

    /// Reads over one item, whatever it holds, inside of so many containers.
    pub(crate) fn skip(&mut self, depth: u8) -> Option<()> {
        let (count, is_map) = match self.item()? {
            Item::Array(count) => (count, false),
            Item::Map(count) => (count, true),
            _ => return Some(()),
        };
        let depth = depth.checked_add(1).filter(|depth| *depth <= DEPTH)?;
        let mut keys = Keys::default();
        // Each turn reads a byte at least, so a count that is too high ends with the bytes.
        for _ in 0..count {
            if is_map {
                self.key(&mut keys)?;
            }
            self.skip(depth)?;
        }
        Some(())
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests;
