//! Records: objects whose fields are known by name.

use super::{
    at::At,
    field::{Decode, Field, object},
    problems::Problems,
    shape::Shape,
};
use crate::json::Json;

/// A record: an object with fields that are known by name.
pub trait Record: Sized {
    /// What it takes.
    const SHAPE: &'static Shape;

    /// Its fields among the members of an object, whatever else is there.
    fn of(members: &[(Box<str>, Json)], at: At<'_>, problems: &mut Problems) -> Self;
}

/// A record from an object that holds nothing else.
#[inline(never)]
pub fn members_of<'j>(
    json: &'j Json,
    shape: &Shape,
    at: At<'_>,
    problems: &mut Problems,
) -> Option<&'j [(Box<str>, Json)]> {
    let members = object(json, &|| shape.names().join(", "), at, problems)?;
    for (name, _) in members.iter().filter(|(name, _)| !shape.takes(name)) {
        problems.add(
            at.member(name),
            &["unknown here"],
            &[&shape.instead_of(name)],
        );
    }
    Some(members)
}

/// One field of a record. A mandatory one comes with an example for the message when it is missing.
#[inline(never)]
pub fn field<T: Decode>(
    members: &[(Box<str>, Json)],
    name: &str,
    example: Option<&str>,
    at: At<'_>,
    problems: &mut Problems,
) -> Field<T> {
    match member(members, name, example, at, problems) {
        Field::Given(json) => {
            T::decode(json, at.member(name), problems).map_or(Field::Refused, Field::Given)
        }
        Field::Absent => Field::Absent,
        Field::Refused => Field::Refused,
    }
}

/// The JSON of a field. Apart from [`field`], because that is compiled once for each type.
#[inline(never)]
fn member<'j>(
    members: &'j [(Box<str>, Json)],
    name: &str,
    example: Option<&str>,
    at: At<'_>,
    problems: &mut Problems,
) -> Field<&'j Json> {
    if let Some((_, json)) = members.iter().find(|(member, _)| **member == *name) {
        return Field::Given(json);
    }
    let Some(example) = example else {
        return Field::Absent;
    };
    let wanted = ["write ", name, ": ", example];
    problems.add(at.member(name), &["missing"], &wanted);
    Field::Refused
}

/// Declares a record: the struct, its decoder and its JSON Schema.
///
/// - A field with an example (`issuer: Text = "https://…"`) is mandatory.
/// - `as "match"` names a field whose word is Rust's own.
/// - `=> "match"` behind a record: its fields are written inside of `match` and not beside it.
/// - `"jwks": "write local_jwks"` below a field: what to write instead of a member that is not
///   taken.
/// - `..demands: Demands` at the end: the fields of another record are fields of this one.
#[doc(hidden)]
#[macro_export]
macro_rules! __record {
    (
        $(#[doc = $doc:literal])+
        $vis:vis $name:ident $record:literal {
            $(
                $(#[doc = $field_doc:literal])+
                $field:ident $(as $written:literal)? : $ty:ty $(= $example:literal)? $(=> $inside:literal)? ,
                $( $meant:literal : $instead:literal , )*
            )*
            $(
                .. $part:ident : $of:ty ,
                $( $also_meant:literal : $also_instead:literal , )*
            )*
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug)]
        $vis struct $name {
            $( $(#[doc = $field_doc])+ $vis $field: $crate::decode::Field<$ty>, )*
            $( #[doc = "Fields of another record."] $vis $part: $of, )*
        }

        impl $crate::decode::Record for $name {
            const SHAPE: &'static $crate::decode::Shape = &$crate::decode::Shape {
                name: $record,
                fields: &[$( $crate::decode::Taken {
                    name: $crate::decode::record!(@name $field $($written)?),
                    inside: $crate::decode::record!(@inside $ty $(, $inside)?),
                } ),*],
                hints: &[$( $( ($meant, $instead), )* )* $( $( ($also_meant, $also_instead), )* )*],
                parts: &[$( <$of as $crate::decode::Record>::SHAPE ),*],
            };

            #[inline(never)]
            fn of(members: &[(Box<str>, $crate::decode::Json)], at: $crate::decode::At<'_>, problems: &mut $crate::decode::Problems) -> Self {
                // A record may have no fields.
                let _ = (members, at, &problems);
                Self {
                    $( $field: $crate::decode::field(
                        members,
                        $crate::decode::record!(@name $field $($written)?),
                        $crate::decode::record!(@example $($example)?),
                        at,
                        problems,
                    ), )*
                    $( $part: $crate::decode::Record::of(members, at, problems), )*
                }
            }
        }

        impl $crate::decode::Decode for $name {
            const SHAPE: Option<&'static $crate::decode::Shape> = Some(<Self as $crate::decode::Record>::SHAPE);

            fn decode(json: &$crate::decode::Json, at: $crate::decode::At<'_>, problems: &mut $crate::decode::Problems) -> Option<Self> {
                let shape = <Self as $crate::decode::Record>::SHAPE;
                let members = $crate::decode::members_of(json, shape, at, problems)?;
                Some($crate::decode::Record::of(members, at, problems))
            }
        }

        #[cfg(feature = "schema")]
        impl $crate::decode::schema::Schema for $name {
            fn schema() -> $crate::decode::schema::Value {
                $crate::decode::schema::record(
                    concat!($($doc),+),
                    <Self as $crate::decode::schema::Members>::members(),
                )
            }
        }

        #[cfg(feature = "schema")]
        impl $crate::decode::schema::Members for $name {
            fn members() -> Vec<$crate::decode::schema::Member> {
                let own = [$( $crate::decode::schema::Member {
                    name: $crate::decode::record!(@name $field $($written)?),
                    description: concat!($($field_doc),+),
                    example: $crate::decode::record!(@example $($example)?),
                    schema: <$ty as $crate::decode::schema::Schema>::schema(),
                } ),*];
                let own = own.into_iter();
                $( let own = own.chain(<$of as $crate::decode::schema::Members>::members()); )*
                own.collect()
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $written:literal) => { $written };
    (@example) => { None };
    (@example $example:literal) => { Some($example) };
    (@inside $ty:ty) => { None };
    (@inside $ty:ty, $inside:literal) => {
        match <$ty as $crate::decode::Decode>::SHAPE {
            Some(shape) => Some(($inside, shape)),
            None => None,
        }
    };
}
pub use __record as record;
