//! A module in which calls of the functions that V8 would inline go through the table, but for
//! those that cost less than such a call.
//!
//! The compiler has inlined what is worth it. V8 compiles a module before its first request, and
//! does not know yet which calls are frequent. It inlines again, until functions have a multiple of
//! their size. That is much of the time that Envoy takes longer to start. V8 leaves a call through
//! the table alone. `PASSGATE_WASM=$PWD/target/wasm32-wasip1/release/passgate.wasm bench/cost
//! start` measures the module as it was before.
//!
//! A call through the table is some bytes longer. A function with so many calls that filling it up
//! takes fewer is filled up, with instructions that do nothing, until V8 does not inline it.

use std::{collections::HashMap, convert::Infallible, error::Error};

use wasm_encoder::{
    CodeSection, ConstExpr, ElementSection, Elements, Instruction, Module, TableSection,
    reencode::{self, Reencode, utils},
};
use wasmparser::{
    ElementSectionReader, FunctionBody, Parser, Payload, TypeRef, ValType, Validator,
};

use crate::numbers::count_calls;

/// Bytes of a function that costs less than a call through the table.
const SMALL: usize = 60;

/// Bytes of the largest function that V8 inlines: its flag `wasm_inlining_max_size`.
const INLINED: usize = 500;

/// Bytes by which a call through the table is longer.
const LONGER: usize = 4;

/// The same module, rewritten. Both are valid by the rules of the specification (section 3).
///
/// # Errors
///
/// When the module is not valid, has no table with functions, has several tables, or what was
/// written is not valid.
pub(crate) fn rewrite(module: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    Validator::new().validate_all(module)?;
    let mut rewriter = Rewriter::new(module)?;
    let mut rewritten = Module::new();
    rewriter.parse_core_module(&mut rewritten, Parser::new(0), module)?;
    let rewritten = rewritten.finish();
    let valid = Validator::new().validate_all(&rewritten);
    valid.map_err(|error| format!("what was rewritten is not valid: {error}"))?;
    Ok(rewritten)
}

/// How a function is rewritten, and its calls.
#[derive(Clone, Copy)]
enum Way {
    /// Not at all: V8 does not inline it, or may.
    Stays,
    /// Calls go through the table: its type, and its place there.
    ThroughTable(u32, i32),
    /// Calls stay, and the function is filled up.
    Filled,
}

struct Rewriter {
    /// How many of the first numbers are imports.
    imported: u32,
    /// For each function that is not imported.
    ways: Vec<Way>,
    /// How many bodies are rewritten.
    done: usize,
    /// The first places of the table are taken.
    taken: u64,
    /// The functions that get the next ones, in order.
    placed: Vec<u32>,
}

impl Rewriter {
    fn new(module: &[u8]) -> Result<Self, Box<dyn Error>> {
        let mut imported = 0_u32;
        let (mut arithmetic, mut types, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
        let (mut places, mut is_filled) = (None, false);
        let mut called = HashMap::new();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::TypeSection(section) => {
                    for ty in section.into_iter_err_on_gc_types() {
                        arithmetic.push(is_arithmetic(ty?.params()));
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let is_function = matches!(import?.ty, TypeRef::Func(_));
                        imported = imported.saturating_add(is_function.into());
                    }
                }
                Payload::FunctionSection(section) => {
                    types = section.into_iter().collect::<Result<Vec<u32>, _>>()?;
                }
                Payload::TableSection(section) => {
                    if section.count() > 1 {
                        return Err("it has more than one table".into());
                    }
                    for table in section {
                        places = Some(table?.ty.initial);
                    }
                }
                Payload::ElementSection(_) => is_filled = true,
                Payload::CodeSectionEntry(body) => {
                    count_calls(&body, &mut called)?;
                    sizes.push(body.as_bytes().len());
                }
                _ => {}
            }
        }
        let taken = places.filter(|_| is_filled);
        let mut rewriter = Self {
            imported,
            ways: Vec::new(),
            done: 0,
            taken: taken.ok_or("it has no table with functions")?,
            placed: Vec::new(),
        };
        for (number, (function_type, size)) in (imported..).zip(types.into_iter().zip(sizes)) {
            let is_arithmetic = arithmetic.get(usize::try_from(function_type)?);
            let is_tempting = (SMALL..=INLINED).contains(&size);
            let calls = called.get(&number).copied().unwrap_or_default();
            let way = if calls == 0 || !is_tempting || is_arithmetic == Some(&true) {
                Way::Stays
            } else if calls.saturating_mul(LONGER) > INLINED.saturating_sub(size) {
                Way::Filled
            } else {
                let index = rewriter.taken.saturating_add(rewriter.more());
                rewriter.placed.push(number);
                Way::ThroughTable(function_type, i32::try_from(index)?)
            };
            rewriter.ways.push(way);
        }
        Ok(rewriter)
    }

    /// The type of a function and its place in the table, if it has one.
    fn place(&self, function: u32) -> Option<(u32, i32)> {
        let own = usize::try_from(function.checked_sub(self.imported)?).ok()?;
        match self.ways.get(own)? {
            Way::ThroughTable(function_type, index) => Some((*function_type, *index)),
            Way::Stays | Way::Filled => None,
        }
    }

    /// How many places are added to the table.
    fn more(&self) -> u64 {
        u64::try_from(self.placed.len()).unwrap_or(u64::MAX)
    }
}

/// Curves are made of multiplications of 64 bits to 128, which the compiler writes as a call. These
/// V8 should inline.
fn is_arithmetic(parameters: &[ValType]) -> bool {
    matches!(parameters, [ValType::I32, numbers @ ..] if numbers == [ValType::I64; 4])
}

type Rewritten = Result<(), reencode::Error>;

impl Reencode for Rewriter {
    type Error = Infallible;

    fn parse_table(
        &mut self,
        tables: &mut TableSection,
        table: wasmparser::Table<'_>,
    ) -> Rewritten {
        let mut ty = self.table_type(table.ty)?;
        ty.minimum = ty.minimum.saturating_add(self.more());
        ty.maximum = ty.maximum.map(|most| most.saturating_add(self.more()));
        tables.table(ty);
        Ok(())
    }

    fn parse_element_section(
        &mut self,
        elements: &mut ElementSection,
        section: ElementSectionReader<'_>,
    ) -> Rewritten {
        utils::parse_element_section(self, elements, section)?;
        let first = ConstExpr::i32_const(i32::try_from(self.taken).unwrap_or(i32::MAX));
        let functions = Elements::Functions(self.placed.as_slice().into());
        elements.active(None, &first, functions);
        Ok(())
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody<'_>) -> Rewritten {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        if matches!(self.ways.get(self.done), Some(Way::Filled)) {
            // With other numbers of functions, a call may get shorter by a byte.
            let mut calls = HashMap::new();
            count_calls(&body, &mut calls)?;
            let size = body.as_bytes().len().saturating_sub(calls.values().sum());
            for _ in size..=INLINED {
                function.instruction(&Instruction::Nop);
            }
        }
        self.done = self.done.saturating_add(1);
        let mut instructions = body.get_operators_reader()?;
        while !instructions.eof() {
            let instruction = self.parse_instruction(&mut instructions)?;
            let place = match &instruction {
                Instruction::Call(number) => self.place(*number),
                _ => None,
            };
            match place {
                None => function.instruction(&instruction),
                Some((type_index, index)) => function
                    .instruction(&Instruction::I32Const(index))
                    .instruction(&Instruction::CallIndirect {
                        type_index,
                        table_index: 0,
                    }),
            };
        }
        code.function(&function);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{INLINED, Payload, rewrite};
    use wasmparser::{Operator, Parser};

    /// `$large` has more than sixty bytes, `$huge` more than V8 inlines, `$wide` the type of a
    /// multiplication to 128 bits. `$frequent` is called by the function before the last, more
    /// often than the table is worth.
    fn module() -> Vec<u8> {
        let filling = "(i32.store (i32.const 1024) (i32.const 123456))".repeat(8);
        let more = filling.repeat(8);
        let often = "(call $frequent)".repeat(130);
        wat::parse_str(format!(
            r#"(module
                (import "env" "host" (func $host (param i32)))
                (memory 1)
                (table 2 2 funcref)
                (elem (i32.const 1) func $small)
                (func $small (param i32))
                (func $large (param i32) (result i32) {filling} (local.get 0))
                (func $wide (param i32 i64 i64 i64 i64) {filling})
                (func $huge {more})
                (func $frequent {filling} (call $host (i32.const 1)))
                (func {often})
                (func $caller (export "caller")
                    (call $host (i32.const 1))
                    (call $small (i32.const 2))
                    (drop (call $large (i32.const 3)))
                    (call $wide (i32.const 4) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0))
                    (call $huge)
                    (call $frequent)))"#
        ))
        .unwrap()
    }

    /// The calls of the last function: the number called, or the place in the table.
    fn calls(module: &[u8]) -> Vec<String> {
        let bodies = Parser::new(0).parse_all(module);
        let bodies = bodies.filter_map(|payload| match payload.unwrap() {
            Payload::CodeSectionEntry(body) => Some(body),
            _ => None,
        });
        let (mut calls, mut number) = (Vec::new(), 0);
        for operator in bodies.last().unwrap().get_operators_reader().unwrap() {
            match operator.unwrap() {
                Operator::I32Const { value } => number = value,
                Operator::Call { function_index } => calls.push(format!("call {function_index}")),
                Operator::CallIndirect { .. } => calls.push(format!("place {number}")),
                _ => {}
            }
        }
        calls
    }

    #[test]
    fn only_calls_that_would_be_inlined_go_through_the_table() {
        let module = module();
        assert_eq!(
            calls(&module),
            ["call 0", "call 1", "call 2", "call 3", "call 4", "call 5"]
        );
        let rewritten = rewrite(&module).unwrap();
        assert_eq!(
            calls(&rewritten),
            ["call 0", "call 1", "place 2", "call 3", "call 4", "call 5"]
        );
    }

    #[test]
    fn what_is_called_often_is_too_large_to_be_inlined() {
        let module = module();
        let size = |module: &[u8]| {
            let bodies = Parser::new(0).parse_all(module);
            let bodies = bodies.filter_map(|payload| match payload.unwrap() {
                Payload::CodeSectionEntry(body) => Some(body.as_bytes().len()),
                _ => None,
            });
            bodies.collect::<Vec<_>>()[4]
        };
        assert!(size(&module) < INLINED);
        // A byte more, by which its one call may get shorter.
        assert_eq!(size(&rewrite(&module).unwrap()), INLINED + 2);
    }

    #[test]
    fn the_table_has_the_functions_at_their_places() {
        let rewritten = rewrite(&module()).unwrap();
        let mut segments = Vec::new();
        for payload in Parser::new(0).parse_all(&rewritten) {
            match payload.unwrap() {
                Payload::TableSection(tables) => {
                    let ty = tables.into_iter().next().unwrap().unwrap().ty;
                    assert_eq!((ty.initial, ty.maximum), (3, Some(3)));
                }
                Payload::ElementSection(elements) => {
                    for element in elements {
                        let wasmparser::ElementItems::Functions(functions) = element.unwrap().items
                        else {
                            panic!("functions by number");
                        };
                        segments.push(
                            functions
                                .into_iter()
                                .map(Result::unwrap)
                                .collect::<Vec<_>>(),
                        );
                    }
                }
                _ => {}
            }
        }
        assert_eq!(segments, [[1], [2]]);
    }

    #[test]
    fn what_has_no_table_or_is_no_module_is_an_error() {
        for text in ["(module)", "(module (func))", "(module (table 1 funcref))"] {
            let error = rewrite(&wat::parse_str(text).unwrap()).unwrap_err();
            assert_eq!(error.to_string(), "it has no table with functions");
        }
        let several =
            "(module (table 1 funcref) (table 1 funcref) (func) (elem (i32.const 0) func 0))";
        let error = rewrite(&wat::parse_str(several).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "it has more than one table");
        let broken = "(module (table 1 funcref) (func (result i32)) (elem (i32.const 0) func 0))";
        let error = rewrite(&wat::parse_str(broken).unwrap()).unwrap_err();
        assert!(error.to_string().starts_with("type mismatch"), "{error}");
        assert!(rewrite(b"\0asm").is_err());
        assert!(rewrite(&module()[..200]).is_err());
    }
}
