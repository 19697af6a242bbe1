//! Files, and folders of them.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Largest file that is read, in bytes: a configuration and what may stand around it.
const FILE_BYTES: u64 = 16 << 20;
/// Folders in folders that are looked into, and files that are read of one folder.
const DEPTH: usize = 32;
const FILES: usize = 10_000;

/// The whole of a file; `-` is standard input.
pub(crate) fn bytes_of(name: &OsStr) -> Result<Vec<u8>, String> {
    let bytes = if name == "-" {
        read(io::stdin())
    } else {
        File::open(name).and_then(read)
    };
    bytes.map_err(|error| unreadable(Path::new(name), &error))
}

/// The files of YAML and JSON in a folder and below it, in the order of their names. Names that
/// begin with a dot, and links to folders, are left out.
pub(crate) fn inside(folder: &OsStr) -> Result<Vec<OsString>, String> {
    let mut files = Vec::new();
    let mut folders = vec![(PathBuf::from(folder), 0_usize)];
    while let Some((folder, depth)) = folders.pop() {
        let told = |error| unreadable(&folder, &error);
        for entry in fs::read_dir(&folder).map_err(told)? {
            let entry = entry.map_err(told)?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(told)?);
            let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
            let ending = path.extension().and_then(OsStr::to_str);
            let is_read = |ending: &str| {
                let mut known = ["yaml", "yml", "json"].into_iter();
                known.any(|known| known.eq_ignore_ascii_case(ending))
            };
            if is_hidden {
            } else if kind.is_dir() {
                if depth >= DEPTH {
                    let shown = path.display();
                    return Err(format!("passgate: {shown}: too many folders in folders\n"));
                }
                folders.push((path, depth.saturating_add(1)));
            } else if ending.is_some_and(is_read) && path.is_file() {
                files.push(path.into_os_string());
            }
        }
        if files.len() > FILES {
            let shown = folder.display();
            return Err(format!("passgate: {shown}: more than {FILES} files\n"));
        }
    }
    files.sort();
    Ok(files)
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("passgate: {}: {error}\n", path.display())
}

fn read(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source
        .take(FILE_BYTES.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|read| read <= FILE_BYTES) {
        return Ok(bytes);
    }
    Err(io::Error::other("larger than 16 MiB"))
}
