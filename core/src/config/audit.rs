//! What is written about each verdict.

use super::raw::RawAudit;
use crate::{
    audit::{Audit, Lines},
    decode::{At, Problems, words},
};

/// Gives the raw record its meaning.
pub(super) fn audit(
    raw: RawAudit,
    environment: &dyn Fn(&str) -> Option<String>,
    at: At<'_>,
    problems: &mut Problems,
) -> Audit {
    let RawAudit {
        log,
        access_log,
        counters,
        subject,
    } = raw;
    let default = Audit::default();
    Audit {
        log: log.given().unwrap_or(default.log),
        access_log: access_log.given().unwrap_or(default.access_log),
        counters: counters.given().unwrap_or(default.counters),
        subject: subject
            .given()
            .and_then(|subject| subject.with_salt(environment, at.member("subject"), problems))
            .unwrap_or(default.subject),
    }
}

words! {
    impl Lines {
        "all" => All,
        "verifications" => Verifications,
        "denials" => Denials,
        "none" => None,
    }
}
