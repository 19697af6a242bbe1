//! From strict JSON to raw records: collects every error of shape instead of stopping at the first.
//!
//! `serde` stops at the first error and cannot say what stands in its way; this layer is the little that is
//! needed. [`record!`] makes a raw struct, its decoder and (natively) its JSON Schema from one declaration.

use super::{InvalidConfig, hints, shown};
use crate::{json::Json, limits};

/// Where in the document we are; a list on the stack, so that a path is written only for an error.
#[derive(Clone, Copy)]
pub(super) enum At<'a> {
    Root,
    Member(&'a At<'a>, &'a str),
    Element(&'a At<'a>, usize),
}

impl<'a> At<'a> {
    pub(super) const fn member(&'a self, name: &'a str) -> At<'a> {
        At::Member(self, name)
    }

    pub(super) const fn element(&'a self, index: usize) -> At<'a> {
        At::Element(self, index)
    }

    /// `rules[1].match.prefix`; a name that could be misread is quoted: `providers["a b"]`.
    pub(super) fn path(self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Element(parent, index) => [&parent.path(), "[", &index.to_string(), "]"].concat(),
            Self::Member(parent, name) => {
                let parent = parent.path();
                let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
                if name.is_empty() || name.len() > limits::SHOWN_BYTES || !name.bytes().all(plain) {
                    [&parent, "[", &shown::text(name), "]"].concat()
                } else if parent.is_empty() {
                    name.to_owned()
                } else {
                    [&parent, ".", name].concat()
                }
            }
        }
    }
}

/// All that is wrong, in the order of discovery.
#[derive(Default)]
pub(super) struct Problems {
    found: Vec<InvalidConfig>,
    more: usize,
}

impl Problems {
    pub(super) fn add(&mut self, at: At<'_>, problem: impl Into<String>) {
        if self.found.len() >= limits::CONFIG_PROBLEMS {
            self.more = self.more.saturating_add(1);
            return;
        }
        self.found.push(InvalidConfig {
            path: at.path(),
            problem: problem.into(),
        });
    }

    pub(super) fn into_list(mut self) -> Vec<InvalidConfig> {
        if self.more > 0 {
            self.found.push(InvalidConfig {
                path: String::new(),
                problem: ["and ", &self.more.to_string(), " more problems"].concat(),
            });
        }
        self.found
    }
}

/// What a decoder made of a field. `Refused` has been reported already, so nothing more is said about it.
#[derive(Debug)]
pub(super) enum Field<T> {
    Absent,
    Refused,
    Given(T),
}

impl<T> Field<T> {
    pub(super) fn given(self) -> Option<T> {
        match self {
            Self::Given(value) => Some(value),
            Self::Absent | Self::Refused => None,
        }
    }

    pub(super) const fn as_ref(&self) -> Option<&T> {
        match self {
            Self::Given(value) => Some(value),
            Self::Absent | Self::Refused => None,
        }
    }

    pub(super) const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

/// Can be made from JSON. `None` means that at least one problem was added.
pub(super) trait Decode: Sized {
    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self>;
}

/// A list; elements that were refused keep their place.
#[derive(Debug)]
pub(super) struct List<T>(Vec<Option<T>>);

impl<T> List<T> {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The good elements with their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        let numbered = self.0.iter().enumerate();
        numbered.filter_map(|(index, element)| Some((index, element.as_ref()?)))
    }

    /// The good elements with their places.
    pub(super) fn into_numbered(self) -> impl Iterator<Item = (usize, T)> {
        let numbered = self.0.into_iter().enumerate();
        numbered.filter_map(|(index, element)| Some((index, element?)))
    }

    /// The good elements.
    pub(super) fn into_values(self) -> impl Iterator<Item = T> {
        self.0.into_iter().flatten()
    }
}

impl<T: Decode> Decode for List<T> {
    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        let Json::Array(elements) = json else {
            problems.add(at, shown::mismatch(json, "a list: [ … ]"));
            return None;
        };
        let numbered = elements.iter().enumerate();
        Some(Self(
            numbered
                .map(|(index, element)| T::decode(element, at.element(index), problems))
                .collect(),
        ))
    }
}

/// A list that would mean "anything", or nothing at all, if it were empty.
#[derive(Debug)]
pub(super) struct Filled<T>(pub(super) List<T>);

impl<T: Decode> Decode for Filled<T> {
    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        let list = List::decode(json, at, problems)?;
        if list.len() == 0 {
            problems.add(at, EMPTY_LIST);
            return None;
        }
        Some(Self(list))
    }
}

const EMPTY_LIST: &str = "an empty list; name at least one, or leave the field out where it may be";

/// An object whose member names are free; members that were refused keep their name.
#[derive(Debug)]
pub(super) struct Map<T>(pub(super) Vec<(String, Option<T>)>);

impl<T: Decode> Decode for Map<T> {
    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        let members = object(json, at, problems)?;
        let decoded = members.iter().map(|(name, value)| {
            let value = T::decode(value, at.member(name), problems);
            (String::from(&**name), value)
        });
        Some(Self(decoded.collect()))
    }
}

impl Decode for bool {
    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        if let Json::Bool(value) = json {
            return Some(*value);
        }
        problems.add(at, shown::mismatch(json, "true or false"));
        None
    }
}

impl Decode for usize {
    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        if let Json::Number(digits) = json
            && let Ok(value) = digits.parse()
        {
            return Some(value);
        }
        problems.add(at, shown::mismatch(json, "a whole number"));
        None
    }
}

/// The members of an object.
pub(super) fn object<'j>(
    json: &'j Json,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<&'j [(Box<str>, Json)]> {
    if let Json::Object(members) = json {
        return Some(members);
    }
    // Never the value itself: what stands here by mistake may be a key set with a private key in it.
    problems.add(at, [json.kind(), "; write an object: { … }"].concat());
    None
}

/// One field of a record. A mandatory one comes with an example for the message when it is missing.
pub(super) fn field<T: Decode>(
    members: &[(Box<str>, Json)],
    name: &str,
    example: Option<&str>,
    at: At<'_>,
    problems: &mut Problems,
) -> Field<T> {
    let at = at.member(name);
    match members.iter().find(|(member, _)| **member == *name) {
        Some((_, json)) => T::decode(json, at, problems).map_or(Field::Refused, Field::Given),
        None => match example {
            None => Field::Absent,
            Some(example) => {
                problems.add(at, ["missing; write ", name, ": ", example].concat());
                Field::Refused
            }
        },
    }
}

/// Names every member that is not a field, with what to write instead.
pub(super) fn refuse_unknown(
    members: &[(Box<str>, Json)],
    record: &str,
    fields: &[&str],
    at: At<'_>,
    problems: &mut Problems,
) {
    for (name, _) in members {
        if !fields.contains(&&**name) {
            problems.add(at.member(name), hints::unknown(record, name, fields));
        }
    }
}

/// Declares a raw record: the struct, its decoder and its JSON Schema.
///
/// A field with an example (`issuer: Text = "https://…"`) is mandatory; `as "match"` names a field whose word is
/// Rust's own.
macro_rules! record {
    (
        $(#[doc = $doc:literal])+
        $name:ident $record:literal {
            $( $(#[doc = $field_doc:literal])+ $field:ident $(as $written:literal)? : $ty:ty $(= $example:literal)? ,)+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub(super) struct $name {
            $( $(#[doc = $field_doc])+ pub(super) $field: Field<$ty>, )+
        }

        impl Decode for $name {
            fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
                const FIELDS: &[&str] = &[$( record!(@name $field $($written)?) ),+];
                let members = decode::object(json, at, problems)?;
                decode::refuse_unknown(members, $record, FIELDS, at, problems);
                Some(Self {
                    $( $field: decode::field(
                        members,
                        record!(@name $field $($written)?),
                        record!(@example $($example)?),
                        at,
                        problems,
                    ), )+
                })
            }
        }

        #[cfg(feature = "schema")]
        impl super::schema::Schema for $name {
            fn schema() -> serde_json::Value {
                super::schema::record(
                    concat!($($doc),+),
                    vec![$( super::schema::Member {
                        name: record!(@name $field $($written)?),
                        description: concat!($($field_doc),+),
                        example: record!(@example $($example)?),
                        schema: <$ty as super::schema::Schema>::schema(),
                    } ),+],
                )
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $written:literal) => { $written };
    (@example) => { None };
    (@example $example:literal) => { Some($example) };
}
pub(super) use record;
