//! Programs of a control plane. Nobody stops them one by one, if the story does not: they end with
//! the machine of the tests (`tools/isolated`).

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A running program with a folder of its own, where its output goes.
pub struct Program {
    child: Child,
    folder: PathBuf,
}

impl Program {
    /// Starts it in this folder and does not wait for it.
    pub fn start(folder: &Path, command: &mut Command) -> Self {
        fs::create_dir_all(folder).unwrap();
        // To append, so that it can be emptied.
        let mut log = File::options();
        let log = log
            .create(true)
            .append(true)
            .open(folder.join("log"))
            .unwrap();
        let child = command
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", command.get_program().display()));
        let folder = folder.to_owned();
        Self { child, folder }
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(&mut self) {
        let number = self.child.id().to_string();
        // It may have ended by itself.
        let _ = Command::new("kill").args(["-TERM", &number]).status();
        let _ = self.child.wait();
    }

    /// Empties its log.
    pub fn forget(&self) {
        let mut log = File::options();
        let log = log.write(true).truncate(true);
        log.open(self.folder.join("log")).unwrap();
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.folder.join("log")).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Fails with its last words when it has ended.
    #[track_caller]
    pub fn must_live(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(30)..].join("\n");
            panic!("{} ended ({status}):\n{last}", self.folder.display());
        }
    }
}

/// A program beside the gate of one story. It ends with the story, and so does its folder.
pub struct Companion(Program);

impl Companion {
    /// Starts it in this folder and does not wait for it.
    pub fn start(folder: &Path, command: &mut Command) -> Self {
        Self(Program::start(folder, command))
    }

    /// Fails with its last words when it has ended.
    #[track_caller]
    pub fn must_live(&mut self) {
        self.0.must_live();
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        let Self(program) = self;
        let _ = program.child.kill();
        let _ = program.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", program.log());
        }
        let _ = fs::remove_dir_all(&program.folder);
    }
}

/// An address that nobody listens on, for a program that does not say which one it got.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}

/// Runs to the end; what it said, which is a failure of the story when it did not succeed.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// All that it said.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
