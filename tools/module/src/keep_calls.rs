//! A module in which calls go through the table, but for those of functions that cost less than
//! such a call.
//!
//! The compiler has inlined what is worth it. V8 compiles a module before its first request, and
//! does not know yet which calls are frequent. It inlines again, whatever has fewer bytes than it
//! has left: twice those of the caller, five times if most functions are small, and up to sixty
//! calls (`NoLiftoffBudget` and `should_inline` in V8 14.6). A third of the time that Envoy takes
//! longer to start is that. V8 leaves a call through the table alone.
//! `PASSGATE_WASM=$PWD/target/passgate.opt.wasm bench/cost start` measures the module as it was
//! before.
//!
//! A call through the table is some bytes longer. The functions that are called most get the places
//! below 64, whose numbers take a byte: the linker leaves them free.

use std::{cmp::Reverse, collections::HashMap, convert::Infallible, error::Error};

use wasm_encoder::{
    CodeSection, ConstExpr, ElementSection, Elements, Instruction, Module, TableSection,
    reencode::{self, Reencode, utils},
};
use wasmparser::{
    ElementKind, ElementSectionReader, FunctionBody, Operator, Parser, Payload, TypeRef, ValType,
    Validator,
};

use crate::numbers::count_calls;

/// Bytes of a function that costs less than a call through the table.
const SMALL: usize = 60;

/// Places of the table below this one have a number of one byte (LEB128, with its sign).
const SHORT: i32 = 64;

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

/// Functions that stand in the table from this place on.
#[derive(Default)]
struct Placed {
    first: i32,
    functions: Vec<u32>,
}

struct Rewriter {
    /// For each function that is called through the table its type, and its place there.
    places: HashMap<u32, (u32, i32)>,
    /// Below the functions that were there.
    low: Placed,
    /// Behind them.
    high: Placed,
}

impl Rewriter {
    fn new(module: &[u8]) -> Result<Self, Box<dyn Error>> {
        let mut imported = 0_u32;
        let (mut arithmetic, mut types, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
        let (mut end, mut start) = (None, None);
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
                        end = Some(i32::try_from(table?.ty.initial)?);
                    }
                }
                Payload::ElementSection(section) => {
                    for element in section {
                        let first = first_place(&element?.kind)?;
                        start = Some(start.unwrap_or(first).min(first));
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    count_calls(&body, &mut called)?;
                    sizes.push(body.as_bytes().len());
                }
                _ => {}
            }
        }
        let (Some(start), Some(end)) = (start, end) else {
            return Err("it has no table with functions".into());
        };
        let mut chosen = Vec::new();
        for (number, (ty, size)) in (imported..).zip(types.into_iter().zip(sizes)) {
            let is_arithmetic = arithmetic.get(usize::try_from(ty)?) == Some(&true);
            let calls = called.get(&number).copied().unwrap_or_default();
            if calls > 0 && size >= SMALL && !is_arithmetic {
                chosen.push((Reverse(calls), number, ty));
            }
        }
        chosen.sort_unstable();
        // Nothing stands at 0: for the compiler it is no function.
        let short = 1..start.min(SHORT);
        let mut rewriter = Self {
            places: HashMap::new(),
            low: Placed {
                first: short.start,
                functions: Vec::new(),
            },
            high: Placed {
                first: end,
                functions: Vec::new(),
            },
        };
        let mut free = short.chain(end..);
        for (_, number, ty) in chosen {
            let place = free.next().ok_or("the table is full")?;
            rewriter.places.insert(number, (ty, place));
            let placed = if place < end {
                &mut rewriter.low
            } else {
                &mut rewriter.high
            };
            placed.functions.push(number);
        }
        Ok(rewriter)
    }

    /// How many places are added to the table.
    fn more(&self) -> u64 {
        u64::try_from(self.high.functions.len()).unwrap_or(u64::MAX)
    }
}

/// The place of the first function of a segment.
fn first_place(kind: &ElementKind<'_>) -> Result<i32, Box<dyn Error>> {
    if let ElementKind::Active { offset_expr, .. } = kind
        && let Operator::I32Const { value } = offset_expr.get_operators_reader().read()?
    {
        return Ok(value);
    }
    Err("it has functions without a fixed place".into())
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
        for Placed { first, functions } in [&self.low, &self.high] {
            if !functions.is_empty() {
                let functions = Elements::Functions(functions.as_slice().into());
                elements.active(None, &ConstExpr::i32_const(*first), functions);
            }
        }
        Ok(())
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody<'_>) -> Rewritten {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        let mut instructions = body.get_operators_reader()?;
        while !instructions.eof() {
            let instruction = self.parse_instruction(&mut instructions)?;
            let place = match &instruction {
                Instruction::Call(number) => self.places.get(number).copied(),
                _ => None,
            };
            match place {
                None => function.instruction(&instruction),
                Some((type_index, place)) => function
                    .instruction(&Instruction::I32Const(place))
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
    use super::{Payload, rewrite};
    use wasmparser::{Operator, Parser};

    /// `$large` and `$frequent` have more than sixty bytes, `$wide` the type of a multiplication to
    /// 128 bits. Below the function that is in the table, one place is free.
    fn module() -> Vec<u8> {
        let filling = "(i32.store (i32.const 1024) (i32.const 123456))".repeat(8);
        wat::parse_str(format!(
            r#"(module
                (import "env" "host" (func $host (param i32)))
                (memory 1)
                (table 3 3 funcref)
                (elem (i32.const 2) func $small)
                (func $small (param i32))
                (func $large (param i32) (result i32) {filling} (local.get 0))
                (func $wide (param i32 i64 i64 i64 i64) {filling})
                (func $frequent {filling} (call $host (i32.const 1)))
                (func $caller (export "caller")
                    (call $host (i32.const 1))
                    (call $small (i32.const 2))
                    (drop (call $large (i32.const 3)))
                    (call $wide (i32.const 4) (i64.const 0) (i64.const 0) (i64.const 0) (i64.const 0))
                    (call $frequent)
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
            ["call 0", "call 1", "call 2", "call 3", "call 4", "call 4"]
        );
        let rewritten = rewrite(&module).unwrap();
        assert_eq!(
            calls(&rewritten),
            [
                "call 0", "call 1", "place 3", "call 3", "place 1", "place 1"
            ]
        );
    }

    #[test]
    fn the_table_has_the_functions_at_their_places() {
        let rewritten = rewrite(&module()).unwrap();
        let mut segments: Vec<Vec<u32>> = Vec::new();
        for payload in Parser::new(0).parse_all(&rewritten) {
            match payload.unwrap() {
                Payload::TableSection(tables) => {
                    let ty = tables.into_iter().next().unwrap().unwrap().ty;
                    assert_eq!((ty.initial, ty.maximum), (4, Some(4)));
                }
                Payload::ElementSection(elements) => {
                    for element in elements {
                        let wasmparser::ElementItems::Functions(functions) = element.unwrap().items
                        else {
                            panic!("functions by number");
                        };
                        segments.push(functions.into_iter().map(Result::unwrap).collect());
                    }
                }
                _ => {}
            }
        }
        assert_eq!(segments, [[1], [4], [2]]);
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
        let passive = "(module (table 1 funcref) (func) (elem func 0))";
        let error = rewrite(&wat::parse_str(passive).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "it has functions without a fixed place");
        let broken = "(module (table 1 funcref) (func (result i32)) (elem (i32.const 0) func 0))";
        let error = rewrite(&wat::parse_str(broken).unwrap()).unwrap_err();
        assert!(error.to_string().starts_with("type mismatch"), "{error}");
        assert!(rewrite(b"\0asm").is_err());
        assert!(rewrite(&module()[..200]).is_err());
    }
}
