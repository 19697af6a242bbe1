//! A list of statuses, one, two, four or eight bits each (section 4.1).

use crate::limits;

/// The statuses of a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bits {
    /// How many statuses are in a byte, the first in its lowest bits.
    in_byte: usize,
    bytes: Box<[u8]>,
}

impl Bits {
    /// It is valid (section 7.1). Every other status, known or not, is not.
    pub(crate) const VALID: u8 = 0;

    /// Inflates a list (ZLIB, RFC 1950), within a bound. `None`: it is not one, or too large.
    pub(super) fn inflate(bits: usize, compressed: &[u8]) -> Option<Self> {
        let in_byte = match bits {
            1 => 8,
            2 => 4,
            4 => 2,
            8 => 1,
            _ => return None,
        };
        let most = limits::STATUS_LIST_BYTES;
        let inflated =
            miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(compressed, most).ok()?;
        let bytes = inflated.into_boxed_slice();
        Some(Self { in_byte, bytes })
    }

    /// The status at this place. `None`: the list ends before it.
    pub(crate) fn get(&self, index: usize) -> Option<u8> {
        let byte = self.bytes.get(index.checked_div(self.in_byte)?)?;
        let bits = 8_usize.checked_div(self.in_byte)?;
        let shift = index.checked_rem(self.in_byte)?.checked_mul(bits)?;
        let mask = 0xff_u8.checked_shr(u32::try_from(8_usize.saturating_sub(bits)).ok()?)?;
        let shifted = byte.checked_shr(u32::try_from(shift).ok()?)?;
        Some(shifted & mask)
    }

    /// How many statuses there are.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len().saturating_mul(self.in_byte)
    }
}
