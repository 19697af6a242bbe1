//! The program as people use it, and the files that they give it.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::{
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

/// Exit status, standard output, standard error.
pub(crate) type Outcome = (Option<i32>, String, String);

pub(crate) fn run(arguments: &[&str]) -> Outcome {
    run_on("", arguments)
}

/// Runs it with this standard input.
pub(crate) fn run_on(input: &str, arguments: &[&str]) -> Outcome {
    let mut child = Command::new(env!("CARGO_BIN_EXE_passgate"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // A program that does not read its input may have closed it already.
    let stdin = child.stdin.take();
    let _ = stdin.expect("a pipe").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("the program ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// A folder with these files; gone when dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn with(name: &str, files: &[(&str, &str)]) -> Self {
        let name = format!("passgate-{name}-{}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        for (file, text) in files {
            let path = folder.0.join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        folder
    }

    pub(crate) fn path(&self, file: &str) -> String {
        self.0.join(file).to_str().expect("UTF-8").to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[track_caller]
pub(crate) fn holds_all(output: &str, lines: &[&str]) {
    for line in lines {
        assert!(output.contains(line), "no {line:?} in\n{output}");
    }
}
