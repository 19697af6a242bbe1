//! The document that gates fetch (docs/revocation.md), made once for each edition: its entries are
//! bytes that all answers share.

use bytes::Bytes;

/// One edition of a list.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) epoch: u64,
    pub(crate) sequence: u64,
    floor: u64,
    entries: Bytes,
    /// The edition that brought an entry, and where it begins among the bytes.
    starts: Vec<(u64, usize)>,
}

/// A document as it is sent.
#[derive(Debug)]
pub(crate) struct Written {
    /// Names these bytes (RFC 9110 section 8.8.3): a document of another second is another one.
    pub(crate) tag: String,
    pub(crate) parts: [Bytes; 3],
}

/// What a tag says of the document that a gate has: epoch, sequence and date. `None`: it is not
/// one of ours.
pub(crate) fn read_tag(tag: &str) -> Option<(u64, u64, u64)> {
    let tag = tag.strip_prefix('"')?.strip_suffix('"')?;
    let mut numbers = tag.split('.').map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some((next()?, next()?, next()?))
}

impl Document {
    pub(super) fn of<'t>(
        (epoch, sequence, floor): (u64, u64, u64),
        bytes: usize,
        entries: impl Iterator<Item = (u64, &'t str)>,
    ) -> Self {
        let mut text = Vec::with_capacity(bytes);
        let mut starts = Vec::new();
        for (sequence, entry) in entries {
            if !text.is_empty() {
                text.push(b',');
            }
            starts.push((sequence, text.len()));
            text.extend_from_slice(entry.as_bytes());
        }
        Self {
            epoch,
            sequence,
            floor,
            entries: text.into(),
            starts,
        }
    }

    /// How many entries it has.
    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    /// How many bytes they take.
    pub(crate) fn bytes(&self) -> usize {
        self.entries.len()
    }

    /// The document, or what is new in it for a gate that has this edition. A gate whose edition
    /// holds what has gone since, or is of another feed, is sent all of it.
    pub(crate) fn written(&self, after: Option<u64>, generated_at: u64) -> Written {
        let Self {
            epoch, sequence, ..
        } = self;
        let after = after.filter(|after| (self.floor..=*sequence).contains(after));
        let (start, new) = match after {
            None => (0, String::new()),
            Some(after) => {
                let first = self
                    .starts
                    .partition_point(|(sequence, _)| *sequence <= after);
                let start = self.starts.get(first).map(|(_, start)| *start);
                let start = start.unwrap_or(self.entries.len());
                (start, format!(r#""after":{after},"#))
            }
        };
        let head = format!(
            r#"{{"version":1,"epoch":{epoch},"sequence":{sequence},"generated_at":{generated_at},{new}"entries":["#
        );
        let after = after.map_or_else(String::new, |after| format!(".{after}"));
        Written {
            tag: format!("\"{epoch}.{sequence}.{generated_at}{after}\""),
            parts: [
                head.into(),
                self.entries.slice(start..),
                Bytes::from_static(b"]}"),
            ],
        }
    }
}
