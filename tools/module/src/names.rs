//! A module whose own callbacks have the names by which a host knows them.
//!
//! The SDK exports each callback of the ABI. A crate that links it cannot define another function
//! with the name of one. So what stands in place of `proxy_X` is called `passgate_X`, and gets its
//! name here, while the SDK's loses it. Before that the SDK's has it, so that a module which nobody
//! has finished judges requests all the same.

use std::{convert::Infallible, error::Error};

use wasm_encoder::{
    ExportSection, Module,
    reencode::{self, Reencode},
};
use wasmparser::{Export, Parser, Payload};

/// How ours begin, and those that a host knows.
const NAMES: [&str; 2] = ["passgate_on_", "proxy_on_"];

/// The same module with these names.
///
/// # Errors
///
/// When the module cannot be read.
pub(crate) fn rewrite(module: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut ours = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ExportSection(exports) = payload? {
            for export in exports {
                ours.extend(known(export?.name));
            }
        }
    }
    let mut rewritten = Module::new();
    Named { ours }.parse_core_module(&mut rewritten, Parser::new(0), module)?;
    Ok(rewritten.finish())
}

/// The name by which a host knows what is called this, if it is one of ours.
fn known(name: &str) -> Option<String> {
    let [own, known] = NAMES;
    name.strip_prefix(own).map(|rest| [known, rest].concat())
}

struct Named {
    /// The names that ours take.
    ours: Vec<String>,
}

impl Reencode for Named {
    type Error = Infallible;

    fn parse_export(
        &mut self,
        exports: &mut ExportSection,
        export: Export<'_>,
    ) -> Result<(), reencode::Error<Infallible>> {
        if self.ours.iter().any(|taken| taken == export.name) {
            return Ok(());
        }
        let name = known(export.name);
        let name = name.as_deref().unwrap_or(export.name);
        reencode::utils::parse_export(self, exports, Export { name, ..export })
    }
}

#[cfg(test)]
mod tests {
    use super::rewrite;
    use wasmparser::{Parser, Payload};

    #[test]
    fn what_stands_in_place_of_a_callback_has_its_name() {
        let text = r#"(module
            (func (export "proxy_on_request_headers"))
            (func (export "passgate_on_request_headers"))
            (func (export "proxy_on_tick"))
            (memory (export "memory") 1))"#;
        let module = rewrite(&wat::parse_str(text).unwrap()).unwrap();
        let mut names = Vec::new();
        for payload in Parser::new(0).parse_all(&module) {
            if let Payload::ExportSection(exports) = payload.unwrap() {
                names.extend(exports.into_iter().map(|export| {
                    let export = export.unwrap();
                    (export.name.to_owned(), export.index)
                }));
            }
        }
        let names: Vec<(&str, u32)> = names
            .iter()
            .map(|(name, index)| (&**name, *index))
            .collect();
        assert_eq!(
            names,
            [
                ("proxy_on_request_headers", 1),
                ("proxy_on_tick", 2),
                ("memory", 0)
            ]
        );
    }
}
