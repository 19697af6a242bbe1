//! What is written about each verdict.

use super::{raw::RawAudit, words::unknown_word};
use crate::{
    audit::{Audit, Lines},
    decode::{At, Fault, FromText, Problems},
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

impl FromText for Lines {
    const WANTED: &'static str = "all, verifications, denials or none";
    const PATTERN: &'static str = "^(all|verifications|denials|none)$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        match text {
            "all" => Ok(Self::All),
            "verifications" => Ok(Self::Verifications),
            "denials" => Ok(Self::Denials),
            "none" => Ok(Self::None),
            _ => Err(unknown_word(
                text,
                &["all", "verifications", "denials", "none"],
            )),
        }
    }
}
