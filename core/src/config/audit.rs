//! What is written about each verdict, and how a subject is shown.

use super::{
    decode::{self, At, Decode, Field, Problems, record},
    raw::RawAudit,
    shown,
    text::FromText,
    words::unknown_word,
};
use crate::{
    audit::{Audit, Lines, SubjectForm},
    json::Json,
    limits,
};

/// Gives the raw record its meaning.
pub(super) fn audit(raw: RawAudit) -> Audit {
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
        subject: subject.given().unwrap_or(default.subject),
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
        hashed: RawHashed = "{ salt: … }",
    }
}

record! {
    /// A keyed hash of issuer and subject.
    RawHashed "hashed" {
        /// The key of the hash: at least 16 bytes that nobody can guess. Who knows it can try out subjects.
        salt: Salt = "\"at least 16 bytes that nobody can guess\"",
    }
}

/// The key of a hash; never shown.
#[derive(Debug)]
pub(super) struct Salt(Vec<u8>);

impl FromText for Salt {
    const WANTED: &'static str = "a string that nobody can guess";
    const PATTERN: &'static str = "^.{16}";

    fn shown(_: &str) -> String {
        "the salt".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, String> {
        if text.len() < limits::SALT_BYTES {
            return Err(shown::join(&[
                "can be guessed; write at least ",
                &limits::SALT_BYTES.to_string(),
                " bytes from a random source",
            ]));
        }
        Ok(Self(text.as_bytes().to_vec()))
    }
}

impl Decode for SubjectForm {
    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        const WORDS: &str = "clear, omitted or { hashed: { salt: … } }";
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
                Some(Self::Hashed {
                    salt: salt.given()?.0,
                })
            }
            _ => {
                problems.add(at, shown::mismatch(json, WORDS));
                None
            }
        }
    }
}

#[cfg(feature = "schema")]
impl super::schema::Schema for SubjectForm {
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
