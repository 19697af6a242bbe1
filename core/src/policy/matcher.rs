//! Which requests a rule is about: path, host, method and call of MCP. Whether one rule takes all
//! that another is about, or some.

use super::McpMatch;
use crate::request::Target;

/// Which requests a rule is about; all members must fit.
#[derive(Clone, Debug)]
pub struct Matcher {
    /// The path, without query.
    pub path: PathMatch,
    /// Compare the path without regard to the case of ASCII letters.
    pub ignore_case: bool,
    /// Any of these; empty: all.
    pub hosts: Vec<HostMatch>,
    /// Any of these; empty: all but CONNECT and TRACE.
    pub methods: Vec<String>,
    /// Without a list it is about CONNECT and TRACE, too: a rule that denies.
    pub all_methods: bool,
    /// One of these calls; `None`: whatever it calls.
    pub mcp: Option<McpMatch>,
}

/// How a path is compared. The texts are in the normal form that requests are brought to, in which
/// no `*` stands; a segment that is `*` stands for any one segment that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathMatch {
    /// Every path.
    Any,
    /// This path.
    Exact(String),
    /// Paths that begin so; ends in `/`.
    Prefix(String),
    /// This path and all below it; does not end in `/`.
    Segments(String),
}

/// How a host is compared; lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostMatch {
    /// This host.
    Exact(String),
    /// Every host that ends so: `.example.com`, from `*.example.com`.
    Suffix(String),
}

/// The segment that stands for any one.
pub(crate) const ONE: &str = "*";

/// Methods that no rule is about unless it names them: a tunnel, and an echo of the client's own
/// headers.
pub(crate) fn must_be_named(method: &str) -> bool {
    matches!(method, "CONNECT" | "TRACE")
}

impl Matcher {
    /// Whether host, method and call fit.
    pub(crate) fn fits_all_but_path(&self, target: &Target<'_>) -> bool {
        let mcp = self.mcp.as_ref();
        mcp.is_none_or(|mcp| mcp.fits(target.mcp.as_ref())) && self.fits_host_and_method(target)
    }

    /// Whether host and method fit.
    pub(crate) fn fits_host_and_method(&self, target: &Target<'_>) -> bool {
        let method = if self.methods.is_empty() {
            self.all_methods || !must_be_named(target.method)
        } else {
            self.methods.iter().any(|method| method == target.method)
        };
        method && (self.hosts.is_empty() || self.names(&target.authority.host))
    }

    /// Whether this host is one of those that the rule names.
    pub(crate) fn names(&self, host: &str) -> bool {
        self.hosts.iter().any(|named| named.fits(host))
    }

    /// Whether it takes every request to this host, or to each of these, as to host.
    pub(crate) fn takes_host(&self, host: &HostMatch) -> bool {
        hosts_cover(&self.hosts, core::slice::from_ref(host))
    }

    /// Whether every request that `later` matches is matched by this one. Sound, not complete:
    /// where it is unsure, no.
    pub(crate) fn covers(&self, later: &Self) -> bool {
        self.path_covers(later)
            && hosts_cover(&self.hosts, &later.hosts)
            && self.methods_cover(later)
            && self.mcp.as_ref().is_none_or(|own| {
                let later = later.mcp.as_ref();
                later.is_some_and(|later| own.covers(later))
            })
    }

    /// Whether some request is matched by both, as far as path, host and method tell.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.path_meets(other) && hosts_meet(&self.hosts, &other.hosts) && self.methods_meet(other)
    }

    /// No list means all methods, or all but CONNECT and TRACE.
    fn methods_cover(&self, later: &Self) -> bool {
        let (own, others) = (&self.methods, &later.methods);
        if own.is_empty() {
            let misses = later.all_methods && others.is_empty();
            return self.all_methods || !(misses || others.iter().any(|it| must_be_named(it)));
        }
        !others.is_empty() && others.iter().all(|method| own.contains(method))
    }

    fn methods_meet(&self, other: &Self) -> bool {
        match (&*self.methods, &*other.methods) {
            ([], []) => true,
            ([], named) => self.all_methods || named.iter().any(|it| !must_be_named(it)),
            (named, []) => other.all_methods || named.iter().any(|it| !must_be_named(it)),
            (own, others) => own.iter().any(|method| others.contains(method)),
        }
    }

    fn path_covers(&self, later: &Self) -> bool {
        let (Some(wide), Some(narrow)) = (self.path.parts(), later.path.parts()) else {
            return self.path == PathMatch::Any;
        };
        let (mut wides, mut narrows) = (wide.segments(), narrow.segments());
        loop {
            match (wides.next(), narrows.next()) {
                (Some(wide), Some(narrow)) => {
                    if !self.segment_covers(wide, narrow, later.ignore_case) {
                        return false;
                    }
                }
                (Some(_), None) => return false,
                (None, Some(_)) => return wide.goes_on,
                (None, None) => {
                    return (wide.ends || !narrow.ends) && (wide.goes_on || !narrow.goes_on);
                }
            }
        }
    }

    fn segment_covers(&self, wide: &str, narrow: &str, any_case: bool) -> bool {
        match (wide, narrow) {
            (ONE, narrow) => !narrow.is_empty(),
            (_, ONE) => false,
            _ if self.ignore_case => wide.eq_ignore_ascii_case(narrow),
            _ => wide == narrow && !(any_case && wide.bytes().any(|b| b.is_ascii_alphabetic())),
        }
    }

    fn path_meets(&self, other: &Self) -> bool {
        let (Some(one), Some(two)) = (self.path.parts(), other.path.parts()) else {
            return true;
        };
        let any_case = self.ignore_case || other.ignore_case;
        let (mut ones, mut twos) = (one.segments(), two.segments());
        loop {
            let meet = match (ones.next(), twos.next()) {
                (Some(ONE), Some(segment)) | (Some(segment), Some(ONE)) => !segment.is_empty(),
                (Some(one), Some(two)) if any_case => one.eq_ignore_ascii_case(two),
                (Some(one), Some(two)) => one == two,
                (Some(_), None) => return two.goes_on,
                (None, Some(_)) => return one.goes_on,
                (None, None) => return (one.ends && two.ends) || (one.goes_on && two.goes_on),
            };
            if !meet {
                return false;
            }
        }
    }
}

/// What a path must begin with, segment by segment, and what may follow.
pub(super) struct Parts<'p> {
    /// Each segment with its slash.
    text: &'p str,
    /// Whether the path may end there.
    pub(super) ends: bool,
    /// Whether a further segment may follow, an empty one, too.
    pub(super) goes_on: bool,
}

impl<'p> Parts<'p> {
    pub(super) fn segments(&self) -> impl Iterator<Item = &'p str> + use<'p> {
        self.text.split('/').skip(1)
    }
}

impl PathMatch {
    /// Whether it has characters outside ASCII, which are percent-encoded.
    pub(crate) fn is_beyond_ascii(&self) -> bool {
        let (Self::Exact(text) | Self::Prefix(text) | Self::Segments(text)) = self else {
            return false;
        };
        let mut encoded = text.split('%').skip(1);
        encoded.any(|part| matches!(part.as_bytes(), [b'8'..=b'9' | b'A'..=b'F', ..]))
    }

    /// `None`: every path fits, and what is none.
    pub(super) fn parts(&self) -> Option<Parts<'_>> {
        let (text, ends, goes_on) = match self {
            Self::Any => return None,
            Self::Exact(text) => (text.as_str(), true, false),
            // Of `/` nothing is left: the path has a first segment, whatever it is.
            Self::Prefix(text) => (text.strip_suffix('/').unwrap_or(text), false, true),
            Self::Segments(text) => (text.as_str(), true, true),
        };
        Some(Parts {
            text,
            ends,
            goes_on,
        })
    }
}

impl HostMatch {
    fn fits(&self, host: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == host,
            Self::Suffix(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
        }
    }

    fn covers(&self, host: &Self) -> bool {
        match (self, host) {
            (_, Self::Exact(host)) => self.fits(host),
            (Self::Exact(_), Self::Suffix(_)) => false,
            (Self::Suffix(wide), Self::Suffix(host)) => host.ends_with(wide),
        }
    }
}

fn hosts_cover(earlier: &[HostMatch], later: &[HostMatch]) -> bool {
    let covered = |host: &HostMatch| earlier.iter().any(|wide| wide.covers(host));
    earlier.is_empty() || (!later.is_empty() && later.iter().all(covered))
}

/// Of two hosts that meet, one covers the other.
fn hosts_meet(one: &[HostMatch], two: &[HostMatch]) -> bool {
    let meets = |one: &HostMatch| two.iter().any(|two| one.covers(two) || two.covers(one));
    one.is_empty() || two.is_empty() || one.iter().any(meets)
}

#[cfg(test)]
pub(super) mod tests;
