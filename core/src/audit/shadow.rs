//! What would have been done about a request that is only observed. The request is not changed.

use super::Line;
use crate::{headers::Edit, limits, text::shown, verdict::Verdict};

/// What would have been done. Names of headers only, at most [`limits::SHOWN_HEADERS`] of each: the
/// values are credentials, or stand in the record already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shadow {
    /// `allow` or `deny`; the reason stands in the record.
    pub decision: &'static str,
    /// Headers that would have been removed.
    pub removed: Vec<String>,
    /// Headers that would have been written, or written anew without a credential (`cookie`,
    /// `:path`).
    pub written: Vec<String>,
    /// Status of the answer that the client would have got.
    pub status: Option<u16>,
}

impl Shadow {
    pub(crate) fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Allow(permit) => {
                let edits = permit.edits();
                let removed = edits.clone().filter_map(|edit| match edit {
                    Edit::Remove(name) => Some(shown(&String::from_utf8_lossy(name))),
                    Edit::Set(..) => None,
                });
                let written = edits.filter_map(|edit| match edit {
                    Edit::Remove(_) => None,
                    Edit::Set(name, _) => Some(name.clone().into_owned()),
                });
                Self {
                    decision: "allow",
                    removed: removed.take(limits::SHOWN_HEADERS).collect(),
                    written: written.take(limits::SHOWN_HEADERS).collect(),
                    status: None,
                }
            }
            Verdict::Deny(rejection) => Self {
                decision: "deny",
                status: Some(rejection.status),
                ..Self::default()
            },
            Verdict::Serve(document) => Self {
                decision: "allow",
                status: Some(document.status),
                ..Self::default()
            },
        }
    }

    pub(crate) fn write(&self, line: &mut Line) {
        line.string("decision", Some(self.decision));
        line.strings("removed", &self.removed);
        line.strings("written", &self.written);
        line.number("status", self.status);
    }
}
