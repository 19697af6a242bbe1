//! The command line.

use crate::Result;
use std::path::PathBuf;

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
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let (mut envoy, mut func_e, mut check) = (None, None, false);
        let mut config = PathBuf::from("envoy/envoy.yaml");
        let mut module = PathBuf::from(MODULE);
        while let Some(argument) = arguments.next() {
            let mut path = || {
                let value = arguments.next().filter(|value| !value.is_empty());
                value
                    .map(PathBuf::from)
                    .ok_or(format!("{argument} needs a path"))
            };
            match argument.as_str() {
                "--envoy" => envoy = Some(path()?),
                "--func-e" => func_e = Some(path()?),
                "--config" => config = path()?,
                "--module" => module = path()?,
                "--check" => check = true,
                _ => return Err(format!("unknown argument {argument}").into()),
            }
        }
        Ok(Self {
            envoy: std::path::absolute(envoy.ok_or("--envoy PATH is missing")?)?,
            func_e: func_e.map(std::path::absolute).transpose()?,
            config,
            module: std::path::absolute(module)?,
            check,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options> {
        Options::parse(arguments.iter().map(|&argument| argument.to_owned()))
    }

    #[test]
    fn the_envoy_alone_is_enough() {
        let options = parse(&["--envoy", "/e"]).unwrap();
        assert_eq!(options.envoy, PathBuf::from("/e"));
        assert_eq!(options.config, PathBuf::from("envoy/envoy.yaml"));
        assert!(options.func_e.is_none() && !options.check);
    }

    #[test]
    fn a_path_that_is_missing_is_an_error() {
        let error = parse(&["--envoy", "/e", "--func-e"]).unwrap_err();
        assert_eq!(error.to_string(), "--func-e needs a path");
        assert!(parse(&["--check"]).is_err());
        assert!(parse(&["--envoy", "/e", "--chekc"]).is_err());
    }
}
