//! JSON read strictly: one value and nothing after it, no member twice at any level, bounded depth
//! and size, valid UTF-8, and numbers with all their digits. The grammar is `serde_json`'s.
//!
//! RFC 7515 section 4 and RFC 7519 section 4 let a parser keep the last of two members of one name.
//! Parsers that disagree are an attack, so a second one is an error here.

mod slices;

use core::fmt;

use serde::de::{DeserializeSeed, Deserializer as _, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

pub(crate) use self::slices::{Sink, Slices, Unreadable};
use crate::limits;

/// A JSON value whose every level was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, exactly as it was written.
    Number(Box<str>),
    /// A string, unescaped.
    String(Box<str>),
    /// An array.
    Array(Vec<Self>),
    /// An object; its names are distinct and in the order of the document.
    Object(Vec<(Box<str>, Self)>),
}

/// Why a text is not JSON that we accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError(String);

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for JsonError {}

impl JsonError {
    /// The words of the parser, or where they do not say it what the document is instead.
    pub(crate) fn about(self, bytes: &[u8]) -> String {
        let starts_with = |start: &[u8]| bytes.starts_with(start);
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        let what = if starts_with(b"\xef\xbb\xbf") {
            "it starts with a byte order mark, which RFC 8259 section 8.1 forbids"
        } else if starts_with(b"\xff\xfe") || starts_with(b"\xfe\xff") {
            "it is UTF-16, and RFC 8259 section 8.1 wants UTF-8"
        } else if starts_with(b"\x1f\x8b") || starts_with(b"\x28\xb5\x2f\xfd") {
            "it is compressed, though nobody asked for that"
        } else if first == Some(&b'<') {
            "it is HTML or XML: a page to sign in, an error of a proxy, or another address"
        } else if starts_with(b"-----BEGIN ") {
            "it is PEM: a key or a certificate, and not a set of keys"
        } else if first.is_none() {
            "it is empty"
        } else {
            return self.0;
        };
        what.to_owned()
    }
}

impl Json {
    /// Reads one JSON value from all of `bytes`; at most `max_nodes` members and elements.
    ///
    /// # Errors
    /// Says in English what is wrong and where.
    pub fn parse(bytes: &[u8], max_nodes: usize) -> Result<Self, JsonError> {
        let error = |e: serde_json::Error| JsonError(e.to_string());
        let text = core::str::from_utf8(bytes).map_err(|e| JsonError(e.to_string()))?;
        let mut left = NodesLeft { nodes: max_nodes };
        // Nearly always an object: it is read in one go.
        let value = if text.starts_with('{') {
            let mut deserializer = serde_json::Deserializer::from_str(text);
            let object = deserializer.deserialize_map(Container {
                depth: 0,
                left: &mut left,
            });
            object.and_then(|object| deserializer.end().map(|()| object))
        } else {
            serde_json::from_str(text).and_then(|raw| read(raw, 0, &mut left))
        };
        value.map_err(error)
    }

    /// The elements of the list that the object in `bytes` has under `name`, each read for itself:
    /// one that breaks a rule spoils only itself. `None`: it does not have such a list.
    ///
    /// # Errors
    /// When the document as a whole, or another member of it, breaks a rule.
    pub(crate) fn parse_elements(
        bytes: &[u8],
        name: &str,
        max_nodes: usize,
    ) -> Result<Option<Vec<Result<Self, JsonError>>>, JsonError> {
        let error = |e: serde_json::Error| JsonError(e.to_string());
        let text = core::str::from_utf8(bytes).map_err(|e| JsonError(e.to_string()))?;
        let raw: &RawValue = serde_json::from_str(text).map_err(error)?;
        if !raw.get().starts_with('{') {
            return Ok(None);
        }
        let Members(members) = serde_json::from_str(raw.get()).map_err(error)?;
        let mut left = NodesLeft { nodes: max_nodes };
        let mut list = None;
        for (member, value) in members {
            if *member == *name && value.get().starts_with('[') {
                let elements: Vec<&RawValue> = serde_json::from_str(value.get()).map_err(error)?;
                let read_one = |element| read(element, 2, &mut left).map_err(error);
                list = Some(elements.into_iter().map(read_one).collect());
            } else {
                read(value, 1, &mut left).map_err(error)?;
            }
        }
        Ok(list)
    }

    /// The member called `name`, if this is an object that has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => {
                let mut members = members.iter();
                let member = members.find(|(other, _)| are_equal(other, name));
                member.map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The value at the end of a path of member names.
    #[must_use]
    pub fn at(&self, path: &[String]) -> Option<&Self> {
        path.iter().try_fold(self, |value, name| value.get(name))
    }

    /// The text, if this is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>().saturating_add(self.boxed())
    }

    /// The same without the value itself, which lies in a list, say.
    fn boxed(&self) -> usize {
        /// What an allocator takes for each box and list.
        const BOX: usize = 16;
        let of_list = |capacity: usize, each: usize, inside: usize| {
            let list = capacity.saturating_mul(each);
            list.saturating_add(inside).saturating_add(BOX)
        };
        match self {
            Self::Null | Self::Bool(_) => 0,
            Self::Number(text) | Self::String(text) => text.len().saturating_add(BOX),
            Self::Array(elements) => {
                let inside = elements.iter().map(Self::boxed).sum();
                of_list(elements.capacity(), size_of::<Self>(), inside)
            }
            Self::Object(members) => {
                let boxed = |(name, value): &(Box<str>, Self)| {
                    let name = name.len().saturating_add(BOX);
                    name.saturating_add(value.boxed())
                };
                let inside = members.iter().map(boxed).sum();
                of_list(members.capacity(), size_of::<(Box<str>, Self)>(), inside)
            }
        }
    }

    /// What kind of value this is, for messages.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

impl fmt::Display for Json {
    /// Compact JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(digits) => f.write_str(digits),
            Self::String(text) => write_string(f, text),
            Self::Array(elements) => {
                f.write_str("[")?;
                for (i, element) in elements.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { "," })?;
                    fmt::Display::fmt(element, f)?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (i, (name, value)) in members.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { "," })?;
                    write_string(f, name)?;
                    write!(f, ":{value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

fn write_string(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)
}

/// What is left of the bounds of one document.
struct NodesLeft {
    nodes: usize,
}

impl NodesLeft {
    fn spend<E: serde::de::Error>(&mut self) -> Result<(), E> {
        self.nodes = self
            .nodes
            .checked_sub(1)
            .ok_or_else(|| E::custom("too many members and elements"))?;
        Ok(())
    }
}

/// Reads a value whose grammar `serde_json` has checked already.
fn read(raw: &RawValue, depth: usize, left: &mut NodesLeft) -> Result<Json, serde_json::Error> {
    let text = raw.get();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    match text.as_bytes().first() {
        Some(b'{' | b'[') if depth >= limits::JSON_DEPTH => {
            Err(serde_json::Error::custom("nested too deeply"))
        }
        Some(b'{') => deserializer.deserialize_map(Container { depth, left }),
        Some(b'[') => deserializer.deserialize_seq(Container { depth, left }),
        Some(b'"') => match text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
        {
            Some(text) if !text.as_bytes().contains(&b'\\') => Ok(Json::String(text.into())),
            _ => serde_json::from_str::<Box<str>>(text).map(Json::String),
        },
        Some(b't') => Ok(Json::Bool(true)),
        Some(b'f') => Ok(Json::Bool(false)),
        Some(b'n') => Ok(Json::Null),
        _ => Ok(Json::Number(text.into())),
    }
}

struct Container<'b> {
    depth: usize,
    left: &'b mut NodesLeft,
}

impl<'de> Visitor<'de> for Container<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        // Most tokens have so many claims.
        let usual = if self.depth == 0 { 12 } else { 0 };
        let mut members: Vec<(Box<str>, Json)> = Vec::with_capacity(usual);
        while let Some(name) = map.next_key::<Box<str>>()? {
            self.left.spend()?;
            let value = map.next_value_seed(Nested {
                depth: self.depth,
                left: self.left,
            })?;
            members.push((name, value));
        }
        refuse_duplicates(&members)?;
        Ok(Json::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element_seed(Nested {
            depth: self.depth,
            left: self.left,
        })? {
            elements.push(element);
        }
        Ok(Json::Array(elements))
    }
}

/// The members of an object, whose values are not read yet.
struct Members<'a>(Vec<(Box<str>, &'a RawValue)>);

impl<'de> serde::Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry::<Box<str>, &RawValue>()? {
            members.push(member);
        }
        refuse_duplicates(&members)?;
        Ok(Members(members))
    }
}

/// One value inside a container.
struct Nested<'b> {
    depth: usize,
    left: &'b mut NodesLeft,
}

impl<'de> DeserializeSeed<'de> for Nested<'_> {
    type Value = Json;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        self.left.spend()?;
        let raw: &RawValue = serde::Deserialize::deserialize(deserializer)?;
        read(raw, self.depth.saturating_add(1), self.left).map_err(D::Error::custom)
    }
}

fn refuse_duplicates<V, E: serde::de::Error>(members: &[(Box<str>, V)]) -> Result<(), E> {
    match first_duplicate(members) {
        Some(name) => Err(E::custom(format_args!("the member {name:?} occurs twice"))),
        None => Ok(()),
    }
}

/// A name that two members have.
fn first_duplicate<V>(members: &[(Box<str>, V)]) -> Option<&str> {
    /// Fewer are compared each with each: most names differ in length or in their first letter.
    const FEW: usize = 24;
    let names = members.iter().map(|(name, _)| &**name);
    if members.len() <= FEW {
        let others = || members.iter().map(|(name, _)| name);
        let occurs_before = |(index, name): &(usize, &str)| {
            others().take(*index).any(|other| are_equal(other, name))
        };
        return names.enumerate().find(occurs_before).map(|(_, name)| name);
    }
    // Sorting takes `n log n`, so a large object costs no more than its size.
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.windows(2).find_map(|pair| match pair {
        [a, b] if a == b => Some(*a),
        _ => None,
    })
}

/// Most names of claims have three letters: the first one tells them apart without a call.
fn are_equal(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.as_bytes().first() == other.as_bytes().first() && one == other
}

#[cfg(test)]
mod tests;
