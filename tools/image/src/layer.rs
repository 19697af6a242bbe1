//! A few files in a compressed archive, without anything of the machine that made it.

use flate2::{Compression, GzBuilder};
use std::io::{self, Write};

/// A layer of an image.
pub(crate) struct Layer {
    /// The archive, which an image's configuration names by its digest.
    pub(crate) tar: Vec<u8>,
    /// The same, compressed: what a registry stores.
    pub(crate) gzip: Vec<u8>,
}

/// What lies in a layer.
pub(crate) enum Entry<'c> {
    /// A file of root's, with these rights.
    File(&'c str, u32, &'c [u8]),
    /// A folder of this user and group, for nobody else.
    Folder(&'c str, u64),
}

impl Layer {
    /// An archive with these, of 1970.
    pub(crate) fn of(entries: &[Entry<'_>]) -> io::Result<Self> {
        let mut archive = tar::Builder::new(Vec::new());
        for entry in entries {
            let (kind, name, mode, owner, content) = match *entry {
                Entry::File(name, mode, content) => {
                    (tar::EntryType::Regular, name, mode, 0, content)
                }
                Entry::Folder(name, owner) => {
                    (tar::EntryType::Directory, name, 0o700, owner, &[][..])
                }
            };
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(kind);
            header.set_size(u64::try_from(content.len()).map_err(io::Error::other)?);
            header.set_mode(mode);
            header.set_uid(owner);
            header.set_gid(owner);
            header.set_mtime(0);
            archive.append_data(&mut header, name, content)?;
        }
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
