//! What was reviewed of a module: the functions that it imports and exports, and its size.
//!
//! A new import is a new power of the filter, or a new demand on its hosts: a person should look at
//! it. An export that is missing is a callback that hosts take for "go on".

use std::error::Error;

use wasmparser::{ExternalKind, Parser, Payload, TypeRef, Validator};

/// The lines of `tests/module.expected`.
#[derive(Default)]
pub(crate) struct Expected {
    size: usize,
    /// `import MODULE.NAME` and `export NAME`, sorted.
    functions: Vec<String>,
    /// What must not be found anywhere in the module.
    absent: Vec<String>,
}

impl Expected {
    /// Reads a `size <= BYTES` line, an `import MODULE.NAME` line for each imported function, an
    /// `export NAME` line for each exported one, `absent TEXT` lines, and comments after `#`.
    ///
    /// # Errors
    ///
    /// When a line is another one, or the line for the size is missing.
    pub(crate) fn parse(text: &str) -> Result<Self, Box<dyn Error>> {
        let (mut expected, mut size) = (Self::default(), None);
        let lines = text.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(bytes) = line.strip_prefix("size <= ") {
                size = Some(bytes.parse()?);
            } else if let Some(text) = line.strip_prefix("absent ") {
                expected.absent.push(text.to_owned());
            } else if line.starts_with("import ") || line.starts_with("export ") {
                expected.functions.push(line.to_owned());
            } else {
                return Err(format!("{line:?} is not a line about a module").into());
            }
        }
        expected.functions.sort();
        expected.size = size.ok_or("it has no `size <= BYTES` line")?;
        Ok(expected)
    }

    /// Compares a module, and says in a line what it has.
    ///
    /// # Errors
    ///
    /// When the module is not valid, or is not as reviewed: each difference in a line of its own.
    pub(crate) fn compare(&self, module: &[u8]) -> Result<String, Box<dyn Error>> {
        Validator::new().validate_all(module)?;
        let seen = functions(module)?;
        let new = seen.iter().filter(|line| !self.functions.contains(line));
        let gone = self.functions.iter().filter(|line| !seen.contains(line));
        let here = self.absent.iter().filter(|text| holds(module, text));
        let new = new.map(|line| format!("{line}: was not reviewed"));
        let gone = gone.map(|line| format!("{line}: is not there"));
        let here = here.map(|text| format!("it holds {text:?}"));
        let mut problems: Vec<String> = new.chain(gone).chain(here).collect();
        let (size, limit) = (module.len(), self.size);
        if size > limit {
            problems.push(format!("{size} bytes; at most {limit} are expected"));
        }
        if problems.is_empty() {
            let count = seen.len();
            return Ok(format!(
                "{size} bytes of at most {limit}, {count} imports and exports as reviewed"
            ));
        }
        Err(format!("not as reviewed\n{}", problems.join("\n")).into())
    }
}

/// The imported and exported functions, sorted. Hosts offer nothing else, so an import of another
/// kind says what it is.
fn functions(module: &[u8]) -> Result<Vec<String>, Box<dyn Error>> {
    let mut lines = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    let kind = match import.ty {
                        TypeRef::Func(_) => "",
                        _ => " (not a function)",
                    };
                    lines.push(format!("import {}.{}{kind}", import.module, import.name));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    if export.kind == ExternalKind::Func {
                        lines.push(format!("export {}", export.name));
                    }
                }
            }
            _ => {}
        }
    }
    lines.sort();
    Ok(lines)
}

fn holds(module: &[u8], text: &str) -> bool {
    module
        .windows(text.len().max(1))
        .any(|part| part == text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::Expected;

    const REVIEWED: &str = "\
# as reviewed
size <= 120
absent trap
export run
import env.call
";

    fn compare(expected: &str, module: &str) -> Result<String, String> {
        let module = wat::parse_str(module).unwrap();
        let expected = Expected::parse(expected).unwrap();
        expected.compare(&module).map_err(|error| error.to_string())
    }

    #[test]
    fn a_module_as_reviewed_is_told_in_a_line() {
        let module = r#"(module (import "env" "call" (func)) (memory (export "memory") 1)
            (func (export "run") call 0))"#;
        let told = compare(REVIEWED, module).unwrap();
        assert!(
            told.ends_with(" of at most 120, 2 imports and exports as reviewed"),
            "{told}"
        );
    }

    #[test]
    fn every_difference_is_told() {
        let module = r#"(module (import "env" "memory" (memory 1)) (import "env" "other" (func))
            (func (export "walk")) (data (i32.const 0) "a trap, and more than there is room for"))"#;
        assert_eq!(
            compare(&REVIEWED.replace("120", "12"), module).unwrap_err(),
            "not as reviewed\n\
             export walk: was not reviewed\n\
             import env.memory (not a function): was not reviewed\n\
             import env.other: was not reviewed\n\
             export run: is not there\n\
             import env.call: is not there\n\
             it holds \"trap\"\n\
             110 bytes; at most 12 are expected"
        );
    }

    #[test]
    fn a_module_that_is_not_valid_is_not_compared() {
        let error = compare(REVIEWED, "(module (func (result i32)))").unwrap_err();
        assert!(error.starts_with("type mismatch"), "{error}");
    }

    #[test]
    fn an_odd_line_of_a_review_is_an_error() {
        for (text, problem) in [
            ("export run", "it has no `size <= BYTES` line"),
            (
                "size <= 1\nexports run",
                "\"exports run\" is not a line about a module",
            ),
        ] {
            let error = Expected::parse(text).map(|_| ()).unwrap_err();
            assert_eq!(error.to_string(), problem);
        }
    }
}
