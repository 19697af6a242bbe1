//! Rules that no request can reach: an earlier rule matches all that a later one does.
//!
//! The test is sound, not complete: it compares two rules at a time, and what it is unsure of counts as reachable.

use super::{HostMatch, Matcher, PathMatch};

/// Whether every request that `later` matches is matched by `earlier`.
pub(super) fn covers(earlier: &Matcher, later: &Matcher) -> bool {
    path_covers(earlier, later)
        && hosts_cover(&earlier.hosts, &later.hosts)
        && methods_cover(&earlier.methods, &later.methods)
}

fn path_covers(earlier: &Matcher, later: &Matcher) -> bool {
    let (Some(wide), Some(narrow)) = (text(&earlier.path), text(&later.path)) else {
        return earlier.path == PathMatch::Any;
    };
    let has_case = wide.bytes().any(|b| b.is_ascii_alphabetic());
    if later.ignore_case && !earlier.ignore_case && has_case {
        return false;
    }
    let (wide, narrow) = if earlier.ignore_case {
        (wide.to_ascii_lowercase(), narrow.to_ascii_lowercase())
    } else {
        (wide.to_owned(), narrow.to_owned())
    };
    match (&earlier.path, &later.path) {
        (PathMatch::Any, _) => true,
        (PathMatch::Exact(_), PathMatch::Exact(_)) => narrow == wide,
        (PathMatch::Exact(_), _) => false,
        (PathMatch::Prefix(_), _) => narrow.starts_with(&wide),
        (PathMatch::Segments(_), PathMatch::Prefix(_)) => is_below(&narrow, &wide),
        (PathMatch::Segments(_), _) => narrow == wide || is_below(&narrow, &wide),
    }
}

fn text(path: &PathMatch) -> Option<&str> {
    match path {
        PathMatch::Any => None,
        PathMatch::Exact(text) | PathMatch::Prefix(text) | PathMatch::Segments(text) => Some(text),
    }
}

fn is_below(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent)
        .is_some_and(|rest| rest.starts_with('/'))
}

fn hosts_cover(earlier: &[HostMatch], later: &[HostMatch]) -> bool {
    let covered = |host: &HostMatch| {
        earlier.iter().any(|wide| match (wide, host) {
            (HostMatch::Exact(wide), HostMatch::Exact(host)) => wide == host,
            (HostMatch::Exact(_), HostMatch::Suffix(_)) => false,
            (HostMatch::Suffix(wide), HostMatch::Exact(host)) => {
                host.ends_with(wide) && host.len() > wide.len()
            }
            (HostMatch::Suffix(wide), HostMatch::Suffix(host)) => host.ends_with(wide),
        })
    };
    earlier.is_empty() || (!later.is_empty() && later.iter().all(covered))
}

/// No list means all methods but CONNECT and TRACE.
fn methods_cover(earlier: &[String], later: &[String]) -> bool {
    if earlier.is_empty() {
        return !later
            .iter()
            .any(|method| method == "CONNECT" || method == "TRACE");
    }
    !later.is_empty() && later.iter().all(|method| earlier.contains(method))
}
