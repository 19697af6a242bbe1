//! Strict JSON to values, with every mistake at once.
//!
//! A person who writes a document by hand wants to know all mistakes in one go: where each is, what
//! was seen there, and what to write instead. `serde` stops at the first mistake, and no library
//! that we know goes on after a record that is half good. So this room has a decoder of its own. It
//! knows nothing of what it decodes; the configuration is its user.
//!
//! | Item | What |
//! |---|---|
//! | [`Decode`] | a value from [`Json`], or at least one problem |
//! | [`record!`] | an object with known fields: struct, decoder and JSON Schema from one
//! declaration |
//! | [`words!`], [`Words`] | a string of which a few words are taken: parser, list in messages and
//! pattern of the schema |
//! | [`FromText`] | a string with a grammar of its own; a [`Fault`] says what is wrong with it |
//! | [`Field`], [`List`], [`Filled`], [`Map`] | what a member of a record holds; parts that were
//! refused keep their place |
//! | [`At`], [`Problem`], [`Problems`] | places, what is wrong there, and all of it in the order of
//! the places |
//!
//! # A document and its mistakes
//!
//! ```
//! use passgate_core::{
//!     Json,
//!     decode::{At, Decode as _, Problems, Text, record, words},
//! };
//!
//! words! {
//!     /// How a door opens.
//!     pub enum Opens {
//!         "inwards" => Inwards,
//!         "outwards" => Outwards,
//!     }
//! }
//!
//! record! {
//!     /// A door.
//!     pub Door "door" {
//!         /// What stands on it.
//!         name: Text = "front",
//!         "title": "write name",
//!         /// Which way it opens.
//!         opens: Opens,
//!         /// Whether it is locked. Default: false.
//!         locked: bool,
//!     }
//! }
//!
//! let decode = |text: &str| {
//!     let mut problems = Problems::default();
//!     let door = Json::parse(text.as_bytes(), 100)
//!         .ok()
//!         .and_then(|json| Door::decode(&json, At::Root.member("door"), &mut problems));
//!     (door, problems.into_list())
//! };
//!
//! let (door, problems) = decode(r#"{ "name": "front", "opens": "inwards" }"#);
//! assert_eq!(problems, []);
//! let door = door.unwrap();
//! assert_eq!(door.opens.given(), Some(Opens::Inwards));
//! assert!(door.locked.is_absent());
//!
//! let (_, problems) = decode(r#"{ "title": "x", "lokced": true, "locked": 1, "opens": "inward"
//! }"#);
//! let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
//! assert_eq!(
//!     told,
//!     [
//!         "door.locked: 1 is a number; write true or false",
//!         "door.lokced: unknown here; did you mean locked?",
//!         "door.name: missing; write name: front",
//!         "door.opens: \"inward\" is unknown here; did you mean inwards?",
//!         "door.title: unknown here; write name",
//!     ],
//! );
//! assert_eq!(problems[0].seen, "1 is a number");
//! assert_eq!(problems[0].wanted, "write true or false");
//! ```
//!
//! # How to add a member
//!
//! 1. Write one line into the record, with its documentation above it. The documentation is the
//!    description in the JSON Schema. `= "…"` makes the member mandatory; the example stands in the
//!    message when it is missing.
//! 2. A string with a few words is [`words!`]. A string with a grammar implements [`FromText`].
//!    Another kind of value implements [`Decode`], and `schema::Schema` for the JSON Schema.
//! 3. Write below the field what somebody may write instead of it, and what to say to that:
//!    `"title": "write name"`.
//! 4. Take the new field where the record is read. The compiler names the place, since each reader
//!    takes a record apart by its fields. Rules across fields belong there: they add to the same
//!    [`Problems`].
//! 5. Show a good document and each new message in `cli/tests/corpus/`, and run `make schema`.
//!
//! Fields that several records share are a record of their own. Others take it in with `..`:
//!
//! ```
//! use passgate_core::{
//!     Json,
//!     decode::{At, Decode as _, FromText, Fault, Problems, record},
//! };
//!
//! #[derive(Debug, PartialEq)]
//! pub struct Centimetres(u32);
//!
//! impl FromText for Centimetres {
//!     const WANTED: &'static str = "a length, such as \"80cm\"";
//!     const PATTERN: &'static str = "^[0-9]+cm$";
//!
//!     fn from_text(text: &str) -> Result<Self, Fault> {
//!         let digits = text.strip_suffix("cm").ok_or(("has no unit", "write \"80cm\""))?;
//!         digits.parse().map(Self).map_err(|_| ("is not a length", "write \"80cm\"").into())
//!     }
//! }
//!
//! record! {
//!     /// How large an opening is.
//!     pub Size "size" {
//!         /// From side to side.
//!         width: Centimetres = "80cm",
//!         "breadth": "write width",
//!         /// From bottom to top.
//!         height: Centimetres = "200cm",
//!     }
//! }
//!
//! record! {
//!     /// A window.
//!     pub Window "window" {
//!         /// Whether it opens.
//!         opens: bool,
//!         ..size: Size,
//!     }
//! }
//!
//! record! {
//!     /// A room.
//!     pub Room "room" {
//!         /// Its window. Its members are often written beside it.
//!         window: Window => "window",
//!     }
//! }
//!
//! let mut problems = Problems::default();
//! let json = Json::parse(br#"{ "window": { "width": "80cm", "height": "2m", "breadth": 1 },
//! "opens": true }"#, 100);
//! let room = Room::decode(&json.unwrap(), At::Root, &mut problems).unwrap();
//! let window = room.window.given().unwrap();
//! assert_eq!(window.size.width.given(), Some(Centimetres(80)));
//! assert!(window.size.height.is_refused());
//! let told: Vec<String> = problems.into_list().iter().map(ToString::to_string).collect();
//! assert_eq!(
//!     told,
//!     [
//!         "opens: unknown here; write it inside window",
//!         "window.breadth: unknown here; write width",
//!         "window.height: \"2m\" has no unit; write \"80cm\"",
//!     ],
//! );
//! ```
//!
//! The room is public for the sake of these examples: a doc-test is a crate of its own, and it sees
//! public items only.

mod at;
mod fault;
mod field;
mod problems;
mod record;
#[cfg(feature = "schema")]
pub mod schema;
mod shape;
pub mod shown;
pub mod suggest;
mod text;
mod words;

pub use self::{
    at::At,
    fault::Fault,
    field::{Decode, Field, Filled, List, Map, OrNone},
    problems::{Problem, Problems},
    record::{Record, field, members_of, record},
    shape::{Shape, Taken},
    text::{FromText, Text, texts},
    words::{Words, words},
};
pub use crate::json::Json;
