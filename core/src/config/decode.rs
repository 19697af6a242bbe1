//! From strict JSON to raw records: collects every error of shape instead of stopping at the first.
//!
//! `serde` stops at the first error and cannot say what stands in its way; this layer is the little that is
//! needed. [`record!`](super::record::record) makes a struct, its decoder and its JSON Schema from one declaration.

pub(super) use super::problems::{At, Problems};
use super::shape::Shape;
use super::shown;
pub(super) use crate::json::Json;

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

    pub(super) const fn is_refused(&self) -> bool {
        matches!(self, Self::Refused)
    }
}

/// Can be made from JSON. `None` means that at least one problem was added.
pub(super) trait Decode: Sized {
    /// What it takes, where it is a record, or a list or map of them.
    const SHAPE: Option<&'static Shape> = None;

    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self>;
}

/// A list; elements that were refused keep their place.
#[derive(Debug)]
pub(super) struct List<T>(Vec<Option<T>>);

impl<T> List<T> {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no element was refused.
    pub(super) fn is_complete(&self) -> bool {
        self.0.iter().all(Option::is_some)
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
    const SHAPE: Option<&'static Shape> = T::SHAPE;

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
    const SHAPE: Option<&'static Shape> = T::SHAPE;

    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        let list = List::decode(json, at, problems)?;
        if list.len() == 0 {
            problems.add(at, "an empty list; name at least one");
            return None;
        }
        Some(Self(list))
    }
}

impl<T> Filled<T> {
    /// The good elements with their places.
    pub(super) fn into_numbered(self) -> impl Iterator<Item = (usize, T)> {
        self.0.into_numbered()
    }
}

impl<T> Field<Filled<T>> {
    /// Whether it is absent or every element of it is good.
    pub(super) fn is_whole(&self) -> bool {
        !self.is_refused() && self.as_ref().is_none_or(|list| list.0.is_complete())
    }

    /// The good elements; none when it is absent.
    pub(super) fn into_values(self) -> Vec<T> {
        let list = self.given().into_iter();
        list.flat_map(|list| list.0.into_values()).collect()
    }
}

/// An object whose member names are free; members that were refused keep their name.
#[derive(Debug)]
pub(super) struct Map<T>(pub(super) Vec<(String, Option<T>)>);

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

/// A number that may be zero.
#[derive(Clone, Copy, Debug)]
pub(super) struct OrNone(pub(super) usize);

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
    // Never the value itself: what stands here by mistake may be a key set with a private key in it.
    problems.add(
        at,
        shown::join(&[json.kind(), "; write an object with ", &takes()]),
    );
    None
}
