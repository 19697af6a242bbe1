//! A module in which no function stands twice, and the functions that are called most have the
//! shortest numbers.
//!
//! Functions that differ only in the types of their source are often the same bytes. The linker
//! folds them in other formats, but not in this one. It numbers functions as they come, and a call
//! says the number: in one byte up to 127, in two above.

use std::{cmp::Reverse, collections::HashMap, convert::Infallible, error::Error};

use wasm_encoder::{
    CodeSection, FunctionSection, Module,
    reencode::{self, Reencode},
};
use wasmparser::{
    CodeSectionReader, CustomSectionReader, FunctionBody, FunctionSectionReader, Operator, Parser,
    Payload, TypeRef, Validator,
};

/// The same module, rewritten. Both are valid by the rules of the specification (section 3).
///
/// # Errors
///
/// When the module is not valid, or what was written is not valid.
pub(crate) fn rewrite(module: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    Validator::new().validate_all(module)?;
    let mut module = module.to_vec();
    // Functions that call what was the same function twice may now be the same.
    loop {
        let mut numbers = Numbers::of(&module)?;
        let mut rewritten = Module::new();
        numbers.parse_core_module(&mut rewritten, Parser::new(0), &module)?;
        module = rewritten.finish();
        if numbers.kept.len() == numbers.new.len() {
            break;
        }
    }
    let valid = Validator::new().validate_all(&module);
    valid.map_err(|error| format!("what was rewritten is not valid: {error}"))?;
    Ok(module)
}

/// The numbers of functions, before and after.
struct Numbers {
    /// The first numbers are those of imports, and stay.
    imported: u32,
    /// For each other function its new number.
    new: Vec<u32>,
    /// For each number after the imports, the function that gets it: its place in the section.
    kept: Vec<usize>,
}

impl Numbers {
    fn of(module: &[u8]) -> Result<Self, Box<dyn Error>> {
        let (mut imported, mut types, mut bodies) = (0_u32, Vec::new(), Vec::new());
        let mut calls = HashMap::new();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let is_function = matches!(import?.ty, TypeRef::Func(_));
                        imported = imported.saturating_add(is_function.into());
                    }
                }
                Payload::FunctionSection(section) => {
                    types = section.into_iter().collect::<Result<Vec<u32>, _>>()?;
                }
                Payload::CodeSectionEntry(body) => {
                    count_calls(&body, &mut calls)?;
                    bodies.push(body.as_bytes());
                }
                _ => {}
            }
        }
        let mut first: HashMap<(u32, &[u8]), usize> = HashMap::new();
        let functions = types.into_iter().zip(bodies).enumerate();
        let same: Vec<usize> = functions
            .map(|(place, function)| *first.entry(function).or_insert(place))
            .collect();
        let mut called = vec![0_usize; same.len()];
        for (number, first) in (imported..).zip(&same) {
            if let (Some(called), Some(calls)) = (called.get_mut(*first), calls.get(&number)) {
                *called = called.saturating_add(*calls);
            }
        }
        let mut kept: Vec<usize> = first.into_values().collect();
        kept.sort_by_key(|place| (Reverse(called.get(*place).copied()), *place));
        let numbers: HashMap<usize, u32> = kept.iter().copied().zip(imported..).collect();
        let new = same.iter().filter_map(|first| numbers.get(first).copied());
        Ok(Self {
            imported,
            new: new.collect(),
            kept,
        })
    }

    /// What a section has for the functions that are kept, in their new order.
    fn pick<T: Clone>(&self, all: &[T]) -> Vec<T> {
        let kept = self.kept.iter();
        kept.filter_map(|place| all.get(*place).cloned()).collect()
    }
}

/// Adds how often a function calls each other one by its number.
///
/// # Errors
///
/// When an instruction cannot be read.
pub(crate) fn count_calls(
    body: &FunctionBody<'_>,
    calls: &mut HashMap<u32, usize>,
) -> wasmparser::Result<()> {
    for operator in body.get_operators_reader()? {
        if let Operator::Call { function_index } = operator? {
            let calls = calls.entry(function_index).or_default();
            *calls = calls.saturating_add(1);
        }
    }
    Ok(())
}

impl Reencode for Numbers {
    type Error = Infallible;

    fn function_index(&mut self, number: u32) -> Result<u32, reencode::Error> {
        let own = number.checked_sub(self.imported);
        let own = own.and_then(|own| self.new.get(usize::try_from(own).ok()?));
        Ok(own.copied().unwrap_or(number))
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        for function_type in self.pick(&section.into_iter().collect::<Result<Vec<u32>, _>>()?) {
            functions.function(function_type);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        for body in self.pick(&section.into_iter().collect::<Result<Vec<_>, _>>()?) {
            self.parse_function_body(code, body)?;
        }
        Ok(())
    }

    /// Left out: what has names in it has the old numbers.
    fn parse_custom_section(
        &mut self,
        _module: &mut Module,
        _section: CustomSectionReader<'_>,
    ) -> Result<(), reencode::Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Payload, rewrite};
    use wasmparser::{ElementItems, Operator, Parser};

    /// `$one` and `$two` are the same, and so are then `$first` and `$second`. `$wide` has the same
    /// bytes and another type. `$often` is called most.
    const MODULE: &str = r#"(module
        (import "env" "host" (func $host (param i32)))
        (table 4 4 funcref)
        (elem (i32.const 0) func $first $second $wide $one)
        (func $one (param i32) (result i32) (i32.const 7))
        (func $two (param i32) (result i32) (i32.const 7))
        (func $wide (param i64) (result i32) (i32.const 7))
        (func $first (export "first") (call $host (call $one (i32.const 1))))
        (func $second (export "second") (call $host (call $two (i32.const 1))))
        (func $often (call $host (i32.const 2)))
        (func $caller (export "caller")
            (call $often) (call $often) (call $often) (call $often)
            (call $second)))"#;

    /// The numbers in the table, and for each function those that it calls.
    fn numbers(module: &[u8]) -> (Vec<u32>, Vec<Vec<u32>>) {
        let (mut table, mut calls) = (Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(module) {
            match payload.unwrap() {
                Payload::ElementSection(elements) => {
                    for element in elements {
                        let ElementItems::Functions(functions) = element.unwrap().items else {
                            panic!("functions by number");
                        };
                        table.extend(functions.into_iter().map(Result::unwrap));
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    let operators = body.get_operators_reader().unwrap();
                    let called = operators.into_iter().map(Result::unwrap);
                    let called = called.filter_map(|operator| match operator {
                        Operator::Call { function_index } => Some(function_index),
                        _ => None,
                    });
                    calls.push(called.collect::<Vec<_>>());
                }
                _ => {}
            }
        }
        (table, calls)
    }

    #[test]
    fn a_function_stands_once_and_the_most_called_come_first() {
        let (table, calls) = numbers(&rewrite(&wat::parse_str(MODULE).unwrap()).unwrap());
        // Often, one, second, wide, caller: after the import, by their calls, then as they were.
        assert_eq!(
            calls,
            [vec![0], vec![], vec![2, 0], vec![], vec![1, 1, 1, 1, 3]]
        );
        assert_eq!(table, [3, 3, 4, 2]);
    }

    #[test]
    fn exports_follow_and_names_are_left_out() {
        let rewritten = rewrite(&wat::parse_str(MODULE).unwrap()).unwrap();
        let mut exports = Vec::new();
        for payload in Parser::new(0).parse_all(&rewritten) {
            match payload.unwrap() {
                Payload::ExportSection(section) => {
                    let export = section.into_iter().map(Result::unwrap);
                    exports.extend(export.map(|export| (export.name, export.index)));
                }
                Payload::CustomSection(section) => panic!("{}", section.name()),
                _ => {}
            }
        }
        assert_eq!(exports, [("first", 3), ("second", 3), ("caller", 5)]);
    }

    #[test]
    fn what_was_rewritten_stays_as_it_is() {
        let once = rewrite(&wat::parse_str(MODULE).unwrap()).unwrap();
        assert_eq!(rewrite(&once).unwrap(), once);
        assert!(rewrite(b"\0asm").is_err());
    }
}
