//! A wall clock for one Envoy, or another program, that a story sets.

use super::bootstrap::workspace;
use super::process::new_folder;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// How far Envoy's wall clock is ahead of the real one. Its timers run as they always do.
pub struct WallClock {
    folder: PathBuf,
}

impl WallClock {
    /// Builds the few lines of C that Envoy is started with.
    pub fn ahead_by(seconds: i64) -> Self {
        let folder = new_folder();
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O2", "-o"])
            .arg(folder.join("clock.so"))
            .arg(workspace().join("tests/harness/src/clock.c"))
            .arg("-ldl")
            .status()
            .expect("a C compiler, which is the linker too");
        assert!(built.success(), "clock.c is built");
        let clock = Self { folder };
        clock.set(seconds);
        clock
    }

    /// Lets it jump.
    pub fn set(&self, seconds: i64) {
        let (new, file) = (self.folder.join("new"), self.file());
        fs::write(&new, seconds.to_string()).unwrap();
        fs::rename(new, file).unwrap();
    }

    /// What to start a program with, so that it has this clock.
    pub fn environment(&self) -> [(&'static str, PathBuf); 2] {
        let library = self.folder.join("clock.so");
        [("LD_PRELOAD", library), ("STORY_CLOCK", self.file())]
    }

    fn file(&self) -> PathBuf {
        self.folder.join("ahead")
    }
}

impl Drop for WallClock {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
