//! What is written about each verdict, and how a subject is shown.

use core::fmt;

use super::NamedActors;

/// What is written about each verdict, and whether it is counted.
#[derive(Clone, Debug)]
pub struct Audit {
    /// Which verdicts make a log line.
    pub log: Lines,
    /// Whether each record is handed to the access log.
    pub access_log: bool,
    /// Whether each verdict is counted.
    pub counters: bool,
    /// How the subject is shown.
    pub subject: SubjectForm,
    /// What counters of verdicts name beside rule, provider and product.
    pub labels: Labels,
    /// The actors that they name too, if they name actors.
    pub(crate) actors: Option<NamedActors>,
}

/// What counters of verdicts name of a verified caller.
#[derive(Clone, Copy, Debug, Default)]
pub struct Labels {
    /// Who acts.
    pub kind: bool,
    /// Whether the sign-in proves that it resists phishing.
    pub phishing_resistant: bool,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            log: Lines::Denials,
            access_log: true,
            counters: true,
            subject: SubjectForm::Clear,
            labels: Labels::default(),
            actors: None,
        }
    }
}

/// Which verdicts make a log line. Each choice holds all that the next one holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// Every verdict.
    All,
    /// Every token that was verified, and every refusal.
    Verifications,
    /// Every refusal.
    Denials,
    /// No verdict.
    None,
}

/// How the subject of a verified token is shown.
#[derive(Clone, PartialEq, Eq)]
pub enum SubjectForm {
    /// As it is.
    Clear,
    /// As a keyed hash of issuer and subject (HMAC-SHA-256).
    Hashed {
        /// The key.
        salt: Vec<u8>,
    },
    /// Not at all.
    Omitted,
}

impl fmt::Debug for SubjectForm {
    /// Without the salt, because a reader who knows it can try out subjects.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clear => "Clear",
            Self::Hashed { .. } => "Hashed",
            Self::Omitted => "Omitted",
        })
    }
}
