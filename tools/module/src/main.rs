//! What is done with the module that the compiler made.
//!
//! `passgate-module finish MODULE REWRITTEN` is the last step of building it: see [`names`],
//! [`numbers`] and [`mod@keep_calls`].
//!
//! `passgate-module check MODULE EXPECTED` compares it with what was reviewed: see [`reviewed`].

mod keep_calls;
mod names;
mod numbers;
mod reviewed;

use std::{error::Error, ffi::OsStr, fs, process::ExitCode};

use passgate_arguments::Program;

const PROGRAM: Program = Program {
    name: "passgate-module",
    usage: "\
usage: passgate-module finish MODULE REWRITTEN
           write a module that is smaller, and whose calls no virtual machine inlines
       passgate-module check MODULE EXPECTED
           compare size, imports and exports with what was reviewed
",
    options: &[],
    flags: &[],
};

fn main() -> ExitCode {
    PROGRAM.run(|line| match line.words().as_slice() {
        [command, module, rewritten] if *command == "finish" => Some(finish(module, rewritten)),
        [command, module, expected] if *command == "check" => Some(check(module, expected)),
        _ => None,
    })
}

fn finish(module: &OsStr, rewritten: &OsStr) -> Result<(), Box<dyn Error>> {
    // Before, so that a function has one place in the table; after, since fewer calls are left that
    // say a number.
    let steps = [
        names::rewrite,
        numbers::rewrite,
        keep_calls::rewrite,
        numbers::rewrite,
    ];
    let bytes = steps
        .into_iter()
        .try_fold(read(module)?, |bytes, step| step(&bytes));
    Ok(fs::write(rewritten, about(module, bytes)?)?)
}

fn check(module: &OsStr, expected: &OsStr) -> Result<(), Box<dyn Error>> {
    let text = String::from_utf8(read(expected)?)?;
    let expected = about(expected, reviewed::Expected::parse(&text))?;
    println!(
        "{}: {}",
        module.display(),
        about(module, expected.compare(&read(module)?))?
    );
    Ok(())
}

fn read(file: &OsStr) -> Result<Vec<u8>, Box<dyn Error>> {
    about(file, fs::read(file).map_err(Into::into))
}

/// An error names the file that it is about.
fn about<T>(file: &OsStr, result: Result<T, Box<dyn Error>>) -> Result<T, Box<dyn Error>> {
    result.map_err(|error| format!("{}: {error}", file.display()).into())
}
