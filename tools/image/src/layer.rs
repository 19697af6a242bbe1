//! One file in a compressed archive, without anything of the machine that made it.

use flate2::{Compression, GzBuilder};
use std::io::{self, Write};

/// A layer of an image.
pub(crate) struct Layer {
    /// The archive, which an image's configuration names by its digest.
    pub(crate) tar: Vec<u8>,
    /// The same, compressed: what a registry stores.
    pub(crate) gzip: Vec<u8>,
}

impl Layer {
    /// An archive with this file alone: owned by root, readable by all, of 1970.
    pub(crate) fn of(name: &str, content: &[u8]) -> io::Result<Self> {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(u64::try_from(content.len()).map_err(io::Error::other)?);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        let mut archive = tar::Builder::new(Vec::new());
        archive.append_data(&mut header, name, content)?;
        let tar = archive.into_inner()?;

        // 255: made on an unknown system, whatever this one is.
        let mut gzip = GzBuilder::new()
            .mtime(0)
            .operating_system(255)
            .write(Vec::new(), Compression::best());
        gzip.write_all(&tar)?;
        let gzip = gzip.finish()?;
        Ok(Self { tar, gzip })
    }
}
