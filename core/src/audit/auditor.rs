//! Where a verdict is written, and in which words.

use std::rc::Rc;

use super::{
    AuditRecord,
    correlation::keyed_hash,
    quota::{Quota, Warned},
    settings::{Audit, Lines, SubjectForm},
};
use crate::time::UnixTime;

/// What is to be written about one verdict: the record as one line of JSON in ASCII.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The record.
    pub record: String,
    /// For the access log.
    pub to_access_log: bool,
    /// For the log.
    pub to_log: bool,
    /// In the log it is a warning, which hosts show that hide what is less.
    pub is_warning: bool,
}

/// Writes the records of one configuration on one worker.
#[derive(Debug)]
pub struct Auditor {
    audit: Audit,
    /// The name of this instance of the filter, and of its property.
    plugin: Rc<str>,
    quota: Quota,
    warned: Warned,
}

/// The name of an instance where the host does not give one.
const NAMELESS: &str = "passgate";

impl Auditor {
    /// `plugin` is the host's name for this instance; characters that a format of an access log
    /// cannot name become `_`.
    #[must_use]
    pub fn new(audit: &Audit, plugin: &str) -> Self {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.~".contains(c);
        let plugin: String = crate::text::shown(plugin)
            .chars()
            .map(|c| if plain(c) { c } else { '_' })
            .collect();
        Self {
            audit: audit.clone(),
            plugin: if plugin.is_empty() {
                NAMELESS.into()
            } else {
                plugin.into()
            },
            quota: Quota::default(),
            warned: Warned::default(),
        }
    }

    /// The property that takes records, `<plugin>.audit`: Envoy makes `wasm.<plugin>.audit` of it.
    #[must_use]
    pub fn property(&self) -> String {
        format!("{}.audit", self.plugin)
    }

    /// What is to be written about this verdict. Where nothing is to be written, nothing is
    /// serialised.
    pub fn write(&mut self, mut record: AuditRecord, now: Option<UnixTime>) -> Written {
        let to_log = self.wants_line(&record, now);
        let to_access_log = self.audit.access_log;
        if !(to_log || to_access_log) {
            return Written::default();
        }
        let is_warning = to_log && self.is_warning(&record, now);
        record.time = now.map(UnixTime::rfc3339);
        record.plugin.clone_from(&self.plugin);
        // A key stands for its holder.
        if self.audit.subject != SubjectForm::Clear
            && let Some(proof) = &mut record.proof
        {
            proof.key = None;
        }
        record.actor = record.actor.take().and_then(|actor| self.actor(actor));
        record.subject = record
            .subject
            .take()
            .and_then(|subject| self.subject(&record, subject));
        Written {
            record: record.to_json(),
            to_access_log,
            to_log,
            is_warning,
        }
    }

    /// What would be refused but for shadow, and the first refusal in a while for its reason.
    fn is_warning(&mut self, record: &AuditRecord, now: Option<UnixTime>) -> bool {
        record.is_refused()
            && (record.shadow.is_some()
                || now.is_some_and(|now| self.warned.is_due(record.reason, now)))
    }

    /// A known caller causes the log line of a token's permit. Anybody can cause the others, in any
    /// number.
    fn wants_line(&mut self, record: &AuditRecord, now: Option<UnixTime>) -> bool {
        let denied = record.is_refused();
        let verified = record.subject.is_some() && !record.remembered;
        let wanted = match self.audit.log {
            Lines::All => true,
            Lines::Verifications => denied || verified,
            Lines::Denials => denied,
            Lines::None => false,
        };
        wanted && (verified && !denied || now.is_none_or(|now| self.quota.admits(now)))
    }

    /// The subject as the configuration wants it shown.
    fn subject(&self, record: &AuditRecord, subject: Rc<str>) -> Option<Rc<str>> {
        match &self.audit.subject {
            SubjectForm::Clear => Some(subject),
            SubjectForm::Omitted => None,
            SubjectForm::Hashed { salt } => {
                keyed_hash(salt, &[record.issuer.as_deref()?, &subject])
            }
        }
    }

    /// The actor in the same way: it may be a person.
    fn actor(&self, actor: Rc<str>) -> Option<Rc<str>> {
        match &self.audit.subject {
            SubjectForm::Clear => Some(actor),
            SubjectForm::Omitted => None,
            SubjectForm::Hashed { salt } => keyed_hash(salt, &[&actor]),
        }
    }

    /// How many lines were left out, when it is time to say so.
    pub fn left_out(&mut self, now: UnixTime) -> Option<LeftOut> {
        self.quota.take_left_out(now).map(LeftOut)
    }

    /// When to ask [`Self::left_out`]; `None`: nothing was left out.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<UnixTime> {
        self.quota.due()
    }
}

/// A count of lines that were left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut(pub u64);

impl core::fmt::Display for LeftOut {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self(count) = self;
        write!(f, "audit: {count} lines left out")
    }
}
