//! A module whose own callbacks have the names by which a host knows them.
//!
//! The SDK exports each callback of the ABI. A crate that links it cannot define another function
//! with the name of one. So what stands in place of `proxy_X` is called `passgate_X`, and gets its
//! name here.

use std::{convert::Infallible, error::Error};

use wasm_encoder::{
    ExportSection, Module,
    reencode::{self, Reencode},
};
use wasmparser::{Export, Parser};

/// How ours begin, and those that a host knows.
const NAMES: [&str; 2] = ["passgate_on_", "proxy_on_"];

/// The same module with these names.
///
/// # Errors
///
/// When the module cannot be read.
pub(crate) fn rewrite(module: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut rewritten = Module::new();
    Named.parse_core_module(&mut rewritten, Parser::new(0), module)?;
    Ok(rewritten.finish())
}

struct Named;

impl Reencode for Named {
    type Error = Infallible;

    fn parse_export(
        &mut self,
        exports: &mut ExportSection,
        export: Export<'_>,
    ) -> Result<(), reencode::Error<Infallible>> {
        let [own, known] = NAMES;
        let name = export.name.strip_prefix(own);
        let name = name.map(|rest| [known, rest].concat());
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
            (func (export "passgate_on_request_headers"))
            (func (export "proxy_on_tick"))
            (memory (export "memory") 1))"#;
        let module = rewrite(&wat::parse_str(text).unwrap()).unwrap();
        let mut names = Vec::new();
        for payload in Parser::new(0).parse_all(&module) {
            if let Payload::ExportSection(exports) = payload.unwrap() {
                names.extend(
                    exports
                        .into_iter()
                        .map(|export| export.unwrap().name.to_owned()),
                );
            }
        }
        assert_eq!(
            names,
            ["proxy_on_request_headers", "proxy_on_tick", "memory"]
        );
    }
}
