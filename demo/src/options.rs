//! The command line.

use crate::Result;
use passgate_arguments::{Line, Program};
use std::path::PathBuf;

/// How the demo is called.
pub(crate) const PROGRAM: Program = Program {
    name: "passgate-demo",
    usage: "\
usage: passgate-demo --envoy PATH [OPTIONS]

  --envoy PATH     the Envoy to start
  --func-e PATH    start it through this func-e
  --config PATH    the Envoy file, default envoy/envoy.yaml
  --module PATH    the filter, default dist/passgate.wasm
  --check          make the requests that are shown, once, and exit
",
    options: &["envoy", "func-e", "config", "module"],
    flags: &["check"],
};

/// The module where `make wasm` leaves it and where the Envoy file names it.
pub(crate) const MODULE: &str = "dist/passgate.wasm";

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Options {
    /// The Envoy to start.
    pub(crate) envoy: PathBuf,
    /// Start it through this func-e.
    pub(crate) func_e: Option<PathBuf>,
    /// The Envoy file; its ports and the module's path are replaced by those in use.
    pub(crate) config: PathBuf,
    /// The filter.
    pub(crate) module: PathBuf,
    /// Try the cases and exit.
    pub(crate) check: bool,
}

impl Options {
    pub(crate) fn of(line: &Line) -> Result<Self> {
        if let [word, ..] = line.words().as_slice() {
            return Err(PROGRAM
                .mistake(&format!("unknown argument {}", word.display()))
                .into());
        }
        let path = |name: &str| line.value(name).map(PathBuf::from);
        let envoy = path("envoy").ok_or_else(|| PROGRAM.mistake("--envoy PATH is missing"))?;
        Ok(Self {
            envoy: std::path::absolute(envoy)?,
            func_e: path("func-e").map(std::path::absolute).transpose()?,
            config: path("config").unwrap_or_else(|| "envoy/envoy.yaml".into()),
            module: std::path::absolute(path("module").unwrap_or_else(|| MODULE.into()))?,
            check: line.has("check"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use passgate_arguments::Asked;

    fn parse(arguments: &[&str]) -> Result<Options> {
        match PROGRAM.read(arguments.iter().map(Into::into))? {
            Asked::Line(line) => Options::of(&line),
            Asked::Text(text) => Err(text.into()),
        }
    }

    #[test]
    fn the_envoy_alone_is_enough() {
        let options = parse(&["--envoy", "/e"]).unwrap();
        assert_eq!(options.envoy, PathBuf::from("/e"));
        assert_eq!(options.config, PathBuf::from("envoy/envoy.yaml"));
        assert!(options.func_e.is_none() && !options.check);
    }

    #[test]
    fn every_option_is_read() {
        let words = [
            "--check",
            "--envoy=/e",
            "--func-e=/f",
            "--config=c",
            "--module",
            "/m",
        ];
        let options = parse(&words).unwrap();
        assert_eq!(options.func_e, Some(PathBuf::from("/f")));
        assert_eq!(options.config, PathBuf::from("c"));
        assert_eq!(options.module, PathBuf::from("/m"));
        assert!(options.check);
    }

    #[test]
    fn a_mistake_is_named() {
        for (words, problem) in [
            (&["--check"][..], "--envoy PATH is missing"),
            (&["--envoy", "/e", "--func-e"], "--func-e wants a value"),
            (&["--envoy", "/e", "--chekc"], "--chekc is not an option"),
            (&["--envoy", "/e", "check"], "unknown argument check"),
        ] {
            let error = parse(words).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("passgate-demo: {problem}\n")),
                "{error}"
            );
        }
    }
}
