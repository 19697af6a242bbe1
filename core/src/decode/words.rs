//! Strings of which a few words are taken. [`words!`](super::words!) makes parser, message and
//! pattern from one text.

use std::borrow::Cow;

use super::{fault::Fault, shown, suggest, text::FromText};

/// Has one value for each of a few words.
pub trait Words: Clone + 'static {
    /// For "write …" when there is no string at all. Empty: the words themselves.
    const WANTED: &'static str = "";
    /// All values, in the order in which messages name their words.
    const ALL: &'static [Self];

    /// The word of this value.
    fn word(&self) -> &'static str;

    /// What is wrong with a text that is not one of the words, where more can be said than which
    /// there are.
    fn why_not(_text: &str) -> Option<Fault> {
        None
    }
}

impl<T: Words> FromText for T {
    const WANTED: &'static str = T::WANTED;

    fn wanted() -> Cow<'static, str> {
        match T::WANTED {
            "" => shown::one_of(&words_of::<T>()).into(),
            wanted => wanted.into(),
        }
    }

    fn pattern() -> Cow<'static, str> {
        shown::join(&["^(", &words_of::<T>().join("|"), ")$"]).into()
    }

    fn from_text(text: &str) -> Result<Self, Fault> {
        let known = T::ALL.iter().find(|value| value.word() == text);
        known
            .cloned()
            .ok_or_else(|| why_not(text, T::why_not, words_of::<T>))
    }
}

#[inline(never)]
fn words_of<T: Words>() -> Vec<&'static str> {
    T::ALL.iter().map(T::word).collect()
}

/// Says what is wrong with a text that is not one of the words, or which words there are.
#[inline(never)]
fn why_not(
    text: &str,
    known: fn(&str) -> Option<Fault>,
    words: fn() -> Vec<&'static str>,
) -> Fault {
    if let Some(fault) = known(text) {
        return fault;
    }
    let words = &*words();
    match suggest::closest(text, words.iter().copied()) {
        Some(word) => Fault::of(&["is unknown here"], &["did you mean ", word, "?"]),
        None => Fault::of(&["is unknown here"], &["write ", &shown::one_of(words)]),
    }
}

/// Declares words: `enum Name { "word" => Variant }` makes the type, `impl Name { … }` takes one
/// that is there.
#[doc(hidden)]
#[macro_export]
macro_rules! __words {
    (
        $(#[doc = $doc:literal])*
        $vis:vis enum $name:ident {
            $( $(#[doc = $word_doc:literal])* $word:literal => $variant:ident , )+
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $name {
            $( $(#[doc = $word_doc])* $variant, )+
        }

        $crate::decode::words! { impl $name { $( $word => $variant , )+ } }
    };
    ( impl $name:ident { $( $word:literal => $variant:ident , )+ } ) => {
        impl $crate::decode::Words for $name {
            const ALL: &'static [Self] = &[$( Self::$variant ),+];

            fn word(&self) -> &'static str {
                match self {
                    $( Self::$variant => $word, )+
                }
            }
        }
    };
}
pub use __words as words;
