//! Values from strict JSON: what one field, list or map holds.

use super::{at::At, problems::Problems, shape::Shape};
use crate::json::Json;

/// What a decoder made of a field. `Refused` has been reported already, so nothing more is said
/// about it.
#[derive(Debug)]
pub enum Field<T> {
    /// The object has no such member.
    Absent,
    /// The member was refused, and said so.
    Refused,
    /// The member is good.
    Given(T),
}

impl<T> Field<T> {
    /// The value, if it is given and good.
    pub fn given(self) -> Option<T> {
        match self {
            Self::Given(value) => Some(value),
            Self::Absent | Self::Refused => None,
        }
    }

    /// The value, if it is given and good.
    pub const fn as_ref(&self) -> Option<&T> {
        match self {
            Self::Given(value) => Some(value),
            Self::Absent | Self::Refused => None,
        }
    }

    /// Whether the object has no such member.
    pub const fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Whether the member was refused.
    pub const fn is_refused(&self) -> bool {
        matches!(self, Self::Refused)
    }
}

/// Can be made from JSON. `None` means that at least one problem was added.
pub trait Decode: Sized {
    /// What it takes, where it is a record, or a list or map of them.
    const SHAPE: Option<&'static Shape> = None;

    /// The value of this JSON, which stands there.
    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self>;
}

/// A list; elements that were refused keep their place.
#[derive(Debug)]
pub struct List<T>(Vec<Option<T>>);

impl<T> List<T> {
    /// The number of elements, refused ones too.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no element, not even a refused one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether no element was refused.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.0.iter().all(Option::is_some)
    }

    /// The good elements with their places.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        let numbered = self.0.iter().enumerate();
        numbered.filter_map(|(index, element)| Some((index, element.as_ref()?)))
    }

    /// The good elements with their places.
    pub fn into_numbered(self) -> impl Iterator<Item = (usize, T)> {
        let numbered = self.0.into_iter().enumerate();
        numbered.filter_map(|(index, element)| Some((index, element?)))
    }

    /// The good elements.
    pub fn into_values(self) -> impl Iterator<Item = T> {
        self.0.into_iter().flatten()
    }
}

impl<T: Decode> Decode for List<T> {
    const SHAPE: Option<&'static Shape> = T::SHAPE;

    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        let numbered = elements(json, at, problems)?.iter().enumerate();
        Some(Self(
            numbered
                .map(|(index, element)| T::decode(element, at.element(index), problems))
                .collect(),
        ))
    }
}

/// The elements of a list.
#[inline(never)]
fn elements<'j>(json: &'j Json, at: At<'_>, problems: &mut Problems) -> Option<&'j [Json]> {
    if let Json::Array(elements) = json {
        return Some(elements);
    }
    problems.mismatch(at, json, "a list: [ … ]");
    None
}

/// A list that would mean "anything", or nothing at all, if it were empty.
#[derive(Debug)]
pub struct Filled<T>(
    /// Not empty.
    pub List<T>,
);

impl<T: Decode> Decode for Filled<T> {
    const SHAPE: Option<&'static Shape> = T::SHAPE;

    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        let list = List::decode(json, at, problems)?;
        if list.is_empty() {
            problems.add(at, &["an empty list"], &["name at least one"]);
            return None;
        }
        Some(Self(list))
    }
}

impl<T> Filled<T> {
    /// The good elements with their places.
    pub fn into_numbered(self) -> impl Iterator<Item = (usize, T)> {
        self.0.into_numbered()
    }
}

impl<T> Field<Filled<T>> {
    /// Whether it is absent or every element of it is good.
    pub fn is_whole(&self) -> bool {
        !self.is_refused() && self.as_ref().is_none_or(|list| list.0.is_complete())
    }

    /// The good elements; none when it is absent.
    pub fn into_values(self) -> Vec<T> {
        let list = self.given().into_iter();
        list.flat_map(|list| list.0.into_values()).collect()
    }
}

/// An object whose member names are free; members that were refused keep their name.
#[derive(Debug)]
pub struct Map<T>(
    /// In the order of the document.
    pub Vec<(String, Option<T>)>,
);

impl<T: Decode> Decode for Map<T> {
    const SHAPE: Option<&'static Shape> = T::SHAPE;

    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        let members = object(
            json,
            &|| "a name of your choice for each".to_owned(),
            at,
            problems,
        )?;
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
        problems.mismatch(at, json, "true or false");
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
        problems.mismatch(at, json, "a whole number");
        None
    }
}

/// A number that may be zero.
#[derive(Clone, Copy, Debug)]
pub struct OrNone(
    /// The number.
    pub usize,
);

impl Decode for OrNone {
    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        usize::decode(json, at, problems).map(Self)
    }
}

/// The members of an object.
pub(super) fn object<'j>(
    json: &'j Json,
    takes: &dyn Fn() -> String,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<&'j [(Box<str>, Json)]> {
    if let Json::Object(members) = json {
        return Some(members);
    }
    // Never the value itself: what stands here by mistake may be a key set with a private key in
    // it.
    problems.add(at, &[json.kind()], &["write an object with ", &takes()]);
    None
}
