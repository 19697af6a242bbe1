//! The path of a rule: what its field makes of it, `*` for one whole segment, a final `**` for the
//! rest; and what looks like a pattern of another language, which would be compared letter for
//! letter, fit nothing, and leave its requests to a later rule.

use super::{PathMatch, PathPolicy, path};
use crate::{
    decode::{Fault, shown},
    text::percent,
};

/// The field in which a path stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Path,
    Prefix,
    PathSeparatedPrefix,
}

impl Field {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Prefix => "prefix",
            Self::PathSeparatedPrefix => "path_separated_prefix",
        }
    }
}

/// Why a path is not taken.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) fault: Fault,
    /// What was meant, where it is a pattern and can be told.
    pub(super) meant: Option<PathMatch>,
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self { fault, meant: None }
    }
}

/// What a path in this field means.
pub(super) fn read(field: Field, text: &str, policy: PathPolicy) -> Result<PathMatch, Refused> {
    if text.starts_with('/') && !text.contains(['?', '#']) {
        patterns(field, text, policy)?;
    }
    let normal = path::normalise(text, policy)?;
    let normal = with_stars(text, &normal);
    match field {
        Field::Path => Ok(match normal.strip_suffix("/**") {
            None => PathMatch::Exact(normal),
            Some("") => PathMatch::Prefix("/".to_owned()),
            Some(head) => PathMatch::Segments(head.to_owned()),
        }),
        Field::Prefix if normal.ends_with('/') => Ok(PathMatch::Prefix(normal)),
        Field::Prefix => Err(open_prefix(text).into()),
        Field::PathSeparatedPrefix => match normal.strip_suffix('/') {
            None => Ok(PathMatch::Segments(normal)),
            Some("") => Err(Fault::from(("is every path", "write prefix: /")).into()),
            Some(_) => {
                let path = text.trim_end_matches('/');
                Err(Fault::of(&["ends in a slash"], &["write ", path]).into())
            }
        },
    }
}

fn open_prefix(text: &str) -> Fault {
    if let Some(parent) = text.strip_suffix('*') {
        let wanted = [
            "write path_separated_prefix: ",
            text,
            " for each one and what is below it, or prefix: ",
            parent,
            " for all that is below",
        ];
        return Fault::of(&["ends in *"], &wanted);
    }
    let neighbour = shown::text(&shown::join(&[text, "ary"]));
    Fault::of(
        &["would cover ", &neighbour, " too"],
        &["write path_separated_prefix: ", text],
    )
}

/// The normal form, with the patterns put back: in it a `*` that was written has become `%2A`, and
/// segments stay segments.
fn with_stars(text: &str, normal: &str) -> String {
    let segments = text.split('/').zip(normal.split('/'));
    let segments: Vec<&str> = segments
        .map(|(written, normal)| match written {
            "*" | "**" => written,
            _ => normal,
        })
        .collect();
    segments.join("/")
}

/// Refuses what looks like a pattern and is none.
fn patterns(field: Field, text: &str, policy: PathPolicy) -> Result<(), Refused> {
    if text.contains("/**/") {
        let wanted = "write * for each segment there, since ** is the rest of a path";
        return Err(Fault::from(("holds ** before its end", wanted)).into());
    }
    let last = text.rsplit('/').next().unwrap_or_default();
    let guess = || {
        let guess = guess(field, text)?;
        let meant = read(field, &guess.path, policy).ok()?;
        Some((guess.is_sure.then_some(guess.path), meant))
    };
    if last == "**" && field != Field::Path {
        let (path, meant) = guess().unzip();
        let path = path.flatten();
        let instead = path.as_deref().unwrap_or("prefix: /");
        return Err(Refused {
            fault: Fault::of(
                &["ends in **, which is what ", field.name(), " means"],
                &["write ", instead],
            ),
            meant,
        });
    }
    let odd = |segment: &&str| is_odd(segment) && *segment != "**";
    let end = (last.len() > 1 && last.ends_with('$')).then_some(last);
    let Some(odd) = text.split('/').find(odd).or(end) else {
        return Ok(());
    };
    let (path, meant) = guess().unzip();
    let path = path.flatten();
    let letters = literal(odd).map(|text| [", or ", &text, " for the letters themselves"].concat());
    let wanted = [
        "write ",
        path.as_deref().unwrap_or("the path with * and **"),
        letters.as_deref().unwrap_or_default(),
        " (* is one whole segment, ** at the end the rest)",
    ];
    let seen = [
        "holds ",
        &shown::text(odd),
        ", which is compared letter for letter and fits no other segment",
    ];
    Err(Refused {
        fault: Fault::of(&seen, &wanted),
        meant,
    })
}

/// Characters that no URI holds (RFC 3986 appendix A), which patterns are made of: `{id}`, `<id>`,
/// `[^/]+`, `(a|b)`.
const NEVER_IN_A_URI: [char; 10] = ['"', '<', '>', '[', ']', '^', '`', '{', '|', '}'];

/// Whether a segment is a pattern of Express, OpenAPI, gRPC, Go, a shell or a regular expression.
/// Others of their characters are letters: `things:cancel`, `Products(5)`, `$metadata`, `a+b`,
/// `@me`, `v1.0`.
fn is_odd(segment: &str) -> bool {
    (segment.contains('*') && segment != "*")
        || segment.starts_with([':', '('])
        || segment.contains("(.")
        || segment.contains(NEVER_IN_A_URI)
        || segment.contains(".+")
        || segment.ends_with("...")
        || holds_parameter(segment)
        || holds_class(segment)
}

/// `u-:id`, `@:id` of Express: a name behind a colon that follows a sign. Behind a letter it is a
/// verb, `things:cancel`, and `:::` is one of Amazon's.
fn holds_parameter(segment: &str) -> bool {
    segment.as_bytes().windows(3).any(|three| match three {
        [sign, b':', name] => {
            b"-._~!$&+,;=@".contains(sign) && (name.is_ascii_alphabetic() || *name == b'_')
        }
        _ => false,
    })
}

/// `\d`, `\S+` of a regular expression; `\data` is a name.
fn holds_class(segment: &str) -> bool {
    let mut behind = segment.split('\\').skip(1).map(str::as_bytes);
    behind.any(|rest| match rest {
        [class, rest @ ..] => {
            b"dDwWsS".contains(class) && !rest.first().is_some_and(u8::is_ascii_alphanumeric)
        }
        [] => false,
    })
}

/// A normal form as one writes it, so that it is not taken for a pattern.
pub(super) fn written(normal: &str) -> String {
    let segments = normal.split('/').map(|segment| {
        let letters = literal(segment).filter(|_| is_odd(segment));
        letters.unwrap_or_else(|| segment.to_owned())
    });
    segments.collect::<Vec<_>>().join("/")
}

/// A path that was meant, perhaps.
struct Guess {
    path: String,
    /// Whether it may be written instead; else it tells only which rules are about the same.
    is_sure: bool,
}

/// `None`: a segment has one end of a pair, as in `/v1/{name=shelves/*}`.
fn guess(field: Field, text: &str) -> Option<Guess> {
    let text = text.trim_end_matches('$');
    let mut path = String::new();
    let mut is_sure = true;
    let mut begins_so = false;
    let mut segments = text.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        let count = |letter: char| segment.matches(letter).count();
        let pairs = [('{', '}'), ('[', ']'), ('(', ')'), ('<', '>')];
        if pairs
            .iter()
            .any(|(open, close)| count(*open) != count(*close))
        {
            return None;
        }
        let head = segment.strip_suffix('*');
        let head = head.filter(|head| !is_odd(head) && !head.ends_with(['.', '*']));
        let instead = match head {
            _ if !is_odd(segment) && segment != "**" => segment,
            _ if is_last && is_the_rest(segment) => "**",
            // All that begins so: `/api*`, `/v*`.
            Some(head) if is_last && !head.is_empty() => {
                begins_so = true;
                head
            }
            // `*` is more than `u-:id`, which would open a public rule.
            _ => {
                let is_part = segment.starts_with(|first: char| first.is_ascii_alphanumeric());
                is_sure &= !is_part && !holds_parameter(segment);
                "*"
            }
        };
        if instead == "**" && field != Field::Path {
            break;
        }
        path.push('/');
        path.push_str(instead);
    }
    if field == Field::Prefix && !path.ends_with('/') {
        path.push('/');
    }
    if begins_so && field == Field::Path {
        path.push_str("/**");
    }
    let is_sure = is_sure && !begins_so;
    Some(Guess { path, is_sure })
}

/// `.*`, `(.+)`, `...`, `{**}`, `{rest=**}`, `{*rest}`, `*rest`
fn is_the_rest(segment: &str) -> bool {
    segment.contains("**")
        || matches!(segment, ".*" | ".+" | "(.*)" | "(.+)" | "...")
        || segment.starts_with("{*")
        || segment.starts_with('*') && segment.len() > 1 && !segment.contains('.')
}

/// A segment as one writes it to mean its letters, if there is a way: a backslash and its encoded
/// form are two, and a dot that is encoded is refused in requests.
fn literal(segment: &str) -> Option<String> {
    if segment.contains('\\') {
        return None;
    }
    let mut literal = String::new();
    for letter in segment.chars() {
        match u8::try_from(letter) {
            Ok(byte) if b"()*:+$\"<>[]^`{|}".contains(&byte) => percent::push(&mut literal, byte),
            _ => literal.push(letter),
        }
    }
    (literal != segment).then_some(literal)
}
