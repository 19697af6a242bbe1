//! How the programs of this repository read their command lines.
//!
//! `lexopt` takes the words apart as GNU's programs do: `--name VALUE`, `--name=VALUE`, and `--`
//! before words that begin with a dash. What the programs share is here: which options there are,
//! `--help` and `--version` in any place, and a mistake that is named before the usage.

use std::{
    error::Error,
    ffi::{OsStr, OsString},
    process::ExitCode,
};

use lexopt::Arg;

/// What a command line may hold.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// What `--version` prints before the version, and what is said before a mistake.
    pub name: &'static str,
    /// What `--help` prints, with its last line break.
    pub usage: &'static str,
    /// The options with a value, without their dashes.
    pub options: &'static [&'static str],
    /// The options without a value.
    pub flags: &'static [&'static str],
}

/// What a command line asks for.
#[derive(Debug)]
pub enum Asked {
    /// To print this text and to end well: `--help` and `--version`, whatever else there is.
    Text(String),
    /// To do what this says.
    Line(Line),
}

/// A command line that holds nothing unknown.
#[derive(Debug, Default)]
pub struct Line {
    words: Vec<OsString>,
    options: Vec<(&'static str, OsString)>,
    flags: Vec<&'static str>,
}

impl Program {
    /// Reads the words behind the program's name.
    ///
    /// # Errors
    ///
    /// The first mistake, and the usage: an option that there is not, one without its value or
    /// with an empty one, one that is given twice, a value for a flag.
    pub fn read(&self, words: impl IntoIterator<Item = OsString>) -> Result<Asked, String> {
        let mut parser = lexopt::Parser::from_args(words);
        let (mut line, mut mistake) = (Line::default(), None);
        loop {
            let read = match parser.next() {
                Ok(None) => break,
                Ok(Some(Arg::Short('h') | Arg::Long("help"))) => {
                    return Ok(Asked::Text(self.usage.to_owned()));
                }
                Ok(Some(Arg::Short('V') | Arg::Long("version"))) => {
                    let version = env!("CARGO_PKG_VERSION");
                    return Ok(Asked::Text(format!("{} {version}\n", self.name)));
                }
                Ok(Some(Arg::Value(word))) => {
                    line.words.push(word);
                    Ok(())
                }
                Ok(Some(Arg::Long(name))) => {
                    match (known(self.options, name), known(self.flags, name)) {
                        (Some(name), _) => line.take(name, parser.value().ok()),
                        (None, Some(name)) => {
                            line.flags.push(name);
                            Ok(())
                        }
                        (None, None) => Err(format!("--{name} is not an option")),
                    }
                }
                Ok(Some(Arg::Short(letter))) => Err(format!("-{letter} is not an option")),
                Err(error) => Err(error.to_string()),
            };
            // What comes behind a mistake may still ask for help.
            mistake = mistake.or(read.err());
        }
        match mistake {
            None => Ok(Asked::Line(line)),
            Some(problem) => Err(self.mistake(&problem)),
        }
    }

    /// A mistake in the command line, as it is told.
    #[must_use]
    pub fn mistake(&self, problem: &str) -> String {
        format!("{}: {problem}\n{}", self.name, self.usage)
    }

    /// The whole of a program that only works: its exit status is 2 where its command line is
    /// wrong, which `work` says with `None`, and 1 where the work failed.
    pub fn run(
        &self,
        work: impl FnOnce(&mut Line) -> Option<Result<(), Box<dyn Error>>>,
    ) -> ExitCode {
        let mut line = match self.read(std::env::args_os().skip(1)) {
            Ok(Asked::Line(line)) => line,
            Ok(Asked::Text(text)) => {
                print!("{text}");
                return ExitCode::SUCCESS;
            }
            Err(mistake) => {
                eprint!("{mistake}");
                return ExitCode::from(2);
            }
        };
        match work(&mut line) {
            Some(Ok(())) => ExitCode::SUCCESS,
            Some(Err(error)) => {
                eprintln!("{}: {error}", self.name);
                ExitCode::FAILURE
            }
            None => {
                eprint!("{}", self.usage);
                ExitCode::from(2)
            }
        }
    }
}

fn known(names: &[&'static str], name: &str) -> Option<&'static str> {
    names.iter().copied().find(|known| *known == name)
}

impl Line {
    fn take(&mut self, name: &'static str, value: Option<OsString>) -> Result<(), String> {
        if self.options.iter().any(|(known, _)| *known == name) {
            return Err(format!("--{name} is given twice"));
        }
        let value = value.filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| format!("--{name} wants a value"))?;
        self.options.push((name, value));
        Ok(())
    }

    /// What is neither an option nor its value, in order.
    #[must_use]
    pub fn words(&self) -> Vec<&OsStr> {
        self.words.iter().map(OsString::as_os_str).collect()
    }

    /// The same as text; what is not UTF-8 becomes a question mark.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        let words = self.words.iter();
        words
            .map(|word| word.to_string_lossy().into_owned())
            .collect()
    }

    /// The value of an option, where it was given.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&OsStr> {
        let mut options = self.options.iter();
        let found = options.find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_os_str())
    }

    /// Whether an option without a value was given.
    #[must_use]
    pub fn has(&self, flag: &str) -> bool {
        self.flags.contains(&flag)
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, Line, Program};

    const PROGRAM: Program = Program {
        name: "gate",
        usage: "usage: gate FILE\n",
        options: &["config", "at"],
        flags: &["quick"],
    };

    fn read(words: &[&str]) -> Result<Asked, String> {
        PROGRAM.read(words.iter().map(Into::into))
    }

    fn line(words: &[&str]) -> Line {
        match read(words) {
            Ok(Asked::Line(line)) => line,
            other => unreachable!("{words:?}: {other:?}"),
        }
    }

    #[test]
    fn a_value_stands_behind_a_space_or_an_equals_sign() {
        for words in [
            &["--config", "a=b", "x", "--quick", "-"][..],
            &["x", "--quick", "--config=a=b", "-"],
            &["--quick", "--config", "a=b", "--", "x", "-"],
        ] {
            let line = line(words);
            assert_eq!(line.texts(), ["x", "-"], "{words:?}");
            assert_eq!(line.words(), ["x", "-"], "{words:?}");
            assert_eq!(line.value("config"), Some("a=b".as_ref()), "{words:?}");
            assert_eq!((line.value("at"), line.has("quick")), (None, true));
        }
        assert!(!line(&["--", "--quick"]).has("quick"));
    }

    #[test]
    fn help_and_version_are_told_wherever_they_stand() {
        for before in [
            &[][..],
            &["x"],
            &["--quick"],
            &["--colour"],
            &["--config=x"],
        ] {
            for (asked, told) in [
                ("--help", PROGRAM.usage.to_owned()),
                ("-h", PROGRAM.usage.to_owned()),
                ("--version", format!("gate {}\n", env!("CARGO_PKG_VERSION"))),
                ("-V", format!("gate {}\n", env!("CARGO_PKG_VERSION"))),
            ] {
                let words = [before, &[asked]].concat();
                let text = match read(&words) {
                    Ok(Asked::Text(text)) => text,
                    other => unreachable!("{words:?}: {other:?}"),
                };
                assert_eq!(text, told, "{words:?}");
            }
        }
    }

    #[test]
    fn a_mistake_is_named_before_the_usage() {
        for (words, problem) in [
            (&["--colour", "x"][..], "--colour is not an option"),
            (&["-q"], "-q is not an option"),
            (&["--config"], "--config wants a value"),
            (&["--config="], "--config wants a value"),
            (&["--config", ""], "--config wants a value"),
            (&["--at", "1", "--at=2"], "--at is given twice"),
            (&["--colour", "--at"], "--colour is not an option"),
        ] {
            let expected = format!("gate: {problem}\nusage: gate FILE\n");
            assert_eq!(read(words).err(), Some(expected), "{words:?}");
        }
        let mistake = read(&["--quick=yes"]).err().unwrap_or_default();
        assert!(mistake.contains("--quick"), "{mistake}");
    }
}
