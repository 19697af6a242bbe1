//! `passgate check` of a text, for tests of what it says.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

/// Exit status and output of a check of this text.
pub(crate) fn judged(text: &str) -> (Option<i32>, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_passgate"))
        .args(["check", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut input = program.stdin.take().expect("a pipe");
    input.write_all(text.as_bytes()).expect("it reads");
    drop(input);
    let output = program.wait_with_output().expect("it ends");
    let told = String::from_utf8(output.stdout).expect("UTF-8");
    (output.status.code(), told)
}
