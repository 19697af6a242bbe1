//! Methods that look typed wrong. For people at a command line: the filter has no use for it.

use super::Rule;
use crate::decode::{At, Problems, shown};

/// The IANA HTTP Method Registry (RFC 9110 section 16.1), and two that are close to some of it:
/// QUERY and TRACK.
const KNOWN: [&str; 41] = [
    "ACL",
    "BASELINE-CONTROL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "CONNECT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LABEL",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "OPTIONS",
    "ORDERPATCH",
    "PATCH",
    "POST",
    "PRI",
    "PROPFIND",
    "PROPPATCH",
    "PUT",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "TRACE",
    "TRACK",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
];

/// A warning for each method that is one slip away from a known one.
pub(super) fn slips(rules: &[Rule], doubts: &mut Problems) {
    let at = At::Root;
    let at = at.member("rules");
    for (index, rule) in rules.iter().enumerate() {
        let at = at.element(index);
        let at = at.member("match");
        let at = at.member("methods");
        for (index, method) in rule.matcher.methods.iter().enumerate() {
            let Some(meant) = meant(method) else { continue };
            let seen = [&*shown::text(method), " is not a registered method"];
            doubts.add(
                at.element(index),
                &seen,
                &["write ", meant, " if that is meant"],
            );
        }
    }
}

/// The known method that a slip made this one of.
fn meant(method: &str) -> Option<&'static str> {
    if KNOWN.contains(&method) {
        return None;
    }
    let is_close = |known: &&str| is_a_slip(method.as_bytes(), known.as_bytes());
    KNOWN.into_iter().find(is_close)
}

/// Whether two neighbours changed places, or one letter behind the first one is another, missing or
/// too many: SET, READ and FIND are words of their own.
fn is_a_slip(written: &[u8], known: &[u8]) -> bool {
    let same = written
        .iter()
        .zip(known)
        .take_while(|(a, b)| a == b)
        .count();
    let (written, known) = (
        written.get(same..).unwrap_or_default(),
        known.get(same..).unwrap_or_default(),
    );
    match (written, known) {
        ([a, b, rest @ ..], [c, d, others @ ..]) if (a, b) == (d, c) => rest == others,
        _ if same == 0 => false,
        ([_, rest @ ..], [_, others @ ..]) => rest == others || rest == known || written == others,
        ([_], []) | ([], [_]) => true,
        _ => false,
    }
}
