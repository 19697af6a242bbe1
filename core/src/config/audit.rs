//! What is written about each verdict.

use super::raw::RawAudit;
use crate::{
    audit::{Audit, Labels, Lines, NamedActors},
    decode::{At, Filled, Problems, Text, shown, words},
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
        labels,
    } = raw;
    let mut named = Labels::default();
    let mut actors = None;
    let labels = labels.given().into_iter();
    for (index, Text(label)) in labels.flat_map(Filled::into_numbered) {
        match &*label {
            "kind" => named.kind = true,
            // Rules are read elsewhere: `actor::are_counted` adds those that they name.
            "actor" => actors = Some(NamedActors::default()),
            "phishing_resistant" => named.phishing_resistant = true,
            _ => {
                let at = at.member("labels");
                let seen = [&shown::text(&label), " is unknown here"];
                problems.add(
                    at.element(index),
                    &seen,
                    &["write kind, phishing_resistant or actor"],
                );
            }
        }
    }
    let default = Audit::default();
    Audit {
        log: log.given().unwrap_or(default.log),
        access_log: access_log.given().unwrap_or(default.access_log),
        counters: counters.given().unwrap_or(default.counters),
        subject: subject
            .given()
            .and_then(|subject| subject.with_salt(environment, at.member("subject"), problems))
            .unwrap_or(default.subject),
        labels: named,
        actors,
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
