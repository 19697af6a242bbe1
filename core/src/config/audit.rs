//! What is written about each verdict, and how a subject is shown.

use super::{
    decode::{self, At, Decode, Field, Problems, record},
    raw::RawAudit,
    shown,
    text::FromText,
    words::unknown_word,
};
use crate::{json::Json, limits};

/// What is written about each verdict, and whether it is counted.
#[derive(Clone, Debug)]
pub struct Audit {
    /// Which verdicts make a line in the log.
    pub log: Lines,
    /// Whether each record is handed to the access log.
    pub access_log: bool,
    /// Whether each verdict is counted.
    pub counters: bool,
    /// How the subject is shown.
    pub subject: SubjectForm,
}

/// Which verdicts make a line in the log: each holds all that the next one holds.
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

impl core::fmt::Debug for SubjectForm {
    /// Without the salt: whoever knows it can try out subjects.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Clear => "Clear",
            Self::Hashed { .. } => "Hashed",
            Self::Omitted => "Omitted",
        })
    }
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            log: Lines::Denials,
            access_log: true,
            counters: true,
            subject: SubjectForm::Clear,
        }
    }
}

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

/// How the subject is shown, as people write it.
#[derive(Debug)]
pub(super) enum RawSubject {
    Clear,
    /// The name of the variable that holds the salt.
    Hashed(String),
    Omitted,
}

impl RawSubject {
    fn with_salt(
        self,
        environment: &dyn Fn(&str) -> Option<String>,
        at: At<'_>,
        problems: &mut Problems,
    ) -> Option<SubjectForm> {
        let name = match self {
            Self::Clear => return Some(SubjectForm::Clear),
            Self::Omitted => return Some(SubjectForm::Omitted),
            Self::Hashed(name) => name,
        };
        let salt = environment(&name).unwrap_or_default();
        if salt.len() >= limits::SALT_BYTES {
            let salt = salt.into_bytes();
            return Some(SubjectForm::Hashed { salt });
        }
        let bytes = limits::SALT_BYTES.to_string();
        let problem = if salt.is_empty() {
            " is not set for this filter; name it under vm_config.environment_variables.host_env_keys".to_owned()
        } else {
            [
                " can be guessed; set at least ",
                &bytes,
                " bytes from a random source",
            ]
            .concat()
        };
        let (hashed, env) = (at.member("hashed"), "env");
        let salt = hashed.member("salt");
        problems.add(salt.member(env), shown::join(&[&name, &problem]));
        None
    }
}

impl FromText for Lines {
    const WANTED: &'static str = "all, verifications, denials or none";
    const PATTERN: &'static str = "^(all|verifications|denials|none)$";

    fn from_text(text: &str) -> Result<Self, String> {
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

record! {
    /// The subject as a keyed hash.
    RawHashedSubject "subject" {
        /// How it is hashed.
        hashed: RawHashed = "{ salt: { env: PASSGATE_SALT } }",
    }
}

record! {
    /// A keyed hash of issuer and subject.
    RawHashed "hashed" {
        /// The key of the hash: at least 16 bytes that nobody can guess. Who knows it can try out subjects.
        salt: Salt = "{ env: PASSGATE_SALT }",
    }
}

record! {
    /// A secret, by the name of the environment variable that holds it.
    RawEnvironment "a secret" {
        /// The variable, which the proxy hands to the filter: `vm_config.environment_variables`.
        env: VariableName = "PASSGATE_SALT",
    }
}

/// The name of the variable that holds the key of a hash.
#[derive(Debug)]
pub(super) struct Salt(VariableName);

impl Decode for Salt {
    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        if let Json::String(_) = json {
            // Never the value itself.
            problems.add(
                at,
                "a secret stands in the configuration; write { env: NAME }, and the value into that variable",
            );
            return None;
        }
        let RawEnvironment { env } = RawEnvironment::decode(json, at, problems)?;
        Some(Self(env.given()?))
    }
}

#[cfg(feature = "schema")]
impl super::schema::Schema for Salt {
    fn schema() -> serde_json::Value {
        <RawEnvironment as super::schema::Schema>::schema()
    }
}

/// The name of an environment variable (POSIX.1-2017 section 8.1).
#[derive(Debug)]
pub(super) struct VariableName(String);

impl FromText for VariableName {
    const WANTED: &'static str = "the name of an environment variable";
    const PATTERN: &'static str = "^[A-Za-z_][A-Za-z0-9_]*$";

    fn from_text(text: &str) -> Result<Self, String> {
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let begins_well = text.bytes().next().is_some_and(|b| !b.is_ascii_digit());
        if begins_well && text.bytes().all(is_name) {
            return Ok(Self(text.to_owned()));
        }
        Err("is not the name of a variable; write letters, digits and _".to_owned())
    }
}

impl Decode for RawSubject {
    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        const WORDS: &str = "clear, omitted or { hashed: { salt: { env: NAME } } }";
        match json {
            Json::String(text) => match &**text {
                "clear" => Some(Self::Clear),
                "omitted" => Some(Self::Omitted),
                _ => {
                    let problem = [&shown::text(text), " is unknown here; write ", WORDS];
                    problems.add(at, shown::join(&problem));
                    None
                }
            },
            Json::Object(_) => {
                let RawHashedSubject { hashed } = RawHashedSubject::decode(json, at, problems)?;
                let RawHashed { salt } = hashed.given()?;
                let Salt(VariableName(name)) = salt.given()?;
                Some(Self::Hashed(name))
            }
            _ => {
                problems.add(at, shown::mismatch(json, WORDS));
                None
            }
        }
    }
}

#[cfg(feature = "schema")]
impl super::schema::Schema for RawSubject {
    fn schema() -> serde_json::Value {
        // Of an object and a string each keyword speaks about one alone, so they stand side by side.
        let mut schema = <RawHashedSubject as super::schema::Schema>::schema();
        if let Some(members) = schema.as_object_mut() {
            members.insert("type".into(), serde_json::json!(["string", "object"]));
            members.insert("pattern".into(), "^(clear|omitted)$".into());
        }
        schema
    }
}
