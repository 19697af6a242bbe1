//! How a subject is shown, as people write it.

use crate::{
    audit::SubjectForm,
    decode::{At, Decode, Fault, FromText, Problems, record, shown},
    json::Json,
    limits,
};

/// How the subject is shown, as people write it.
#[derive(Debug)]
pub(super) enum RawSubject {
    Clear,
    /// The name of the variable that holds the salt.
    Hashed(Environment),
    Omitted,
}

impl RawSubject {
    /// What it means, with the salt of the environment.
    pub(super) fn with_salt(
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
        let (hashed, salt) = (at.member("hashed"), "salt");
        let at = hashed.member(salt);
        let at = at.member("env");
        let salt = name.value(environment, at, problems)?.into_bytes();
        name.check(&salt, at, problems)
            .then_some(SubjectForm::Hashed { salt })
    }
}

record! {
    /// The subject as a keyed hash.
    pub(super) RawHashedSubject "subject" {
        /// How it is hashed.
        hashed: RawHashed = "{ salt: { env: PASSGATE_SALT } }",
    }
}

record! {
    /// A keyed hash of issuer and subject.
    pub(super) RawHashed "hashed" {
        /// The key of the hash: at least 16 bytes that nobody can guess. Who knows it can try out
        /// subjects.
        salt: Environment = "{ env: PASSGATE_SALT }",
    }
}

record! {
    /// A secret, by the name of the environment variable that holds it.
    pub(super) RawEnvironment "a secret" {
        /// The variable, which the proxy hands to the filter: `vm_config.environment_variables`.
        env: VariableName = "PASSGATE_SALT",
    }
}

/// The name of the variable that holds a secret.
#[derive(Debug)]
pub(super) struct Environment(VariableName);

impl Environment {
    /// The value, which must be there.
    pub(super) fn value(
        &self,
        environment: &dyn Fn(&str) -> Option<String>,
        at: At<'_>,
        problems: &mut Problems,
    ) -> Option<String> {
        let Self(VariableName(name)) = self;
        let value = environment(name).filter(|value| !value.is_empty());
        if value.is_none() {
            let wanted = "name it under vm_config.environment_variables.host_env_keys";
            problems.add(at, &[name, " is not set for this filter"], &[wanted]);
        }
        value
    }

    /// The variable.
    pub(super) fn name(&self) -> &str {
        let Self(VariableName(name)) = self;
        name
    }

    /// Whether a secret is long enough.
    pub(super) fn check(&self, secret: &[u8], at: At<'_>, problems: &mut Problems) -> bool {
        let Self(VariableName(name)) = self;
        let is_long = secret.len() >= limits::SALT_BYTES;
        if !is_long {
            let bytes = limits::SALT_BYTES.to_string();
            let wanted = ["set at least ", &bytes, " bytes from a random source"];
            problems.add(at, &[name, " can be guessed"], &wanted);
        }
        is_long
    }
}

impl Decode for Environment {
    fn decode(json: &Json, at: At<'_>, problems: &mut Problems) -> Option<Self> {
        if let Json::String(_) = json {
            // Never the value itself.
            problems.add(
                at,
                &["a secret stands in the configuration"],
                &["write { env: NAME }, and the value into that variable"],
            );
            return None;
        }
        let RawEnvironment { env } = RawEnvironment::decode(json, at, problems)?;
        Some(Self(env.given()?))
    }
}

#[cfg(feature = "schema")]
impl crate::decode::schema::Schema for Environment {
    fn schema() -> serde_json::Value {
        <RawEnvironment as crate::decode::schema::Schema>::schema()
    }
}

/// The name of an environment variable (POSIX.1-2017 section 8.1).
#[derive(Debug)]
pub(super) struct VariableName(String);

impl FromText for VariableName {
    const WANTED: &'static str = "the name of an environment variable";
    const PATTERN: &'static str = "^[A-Za-z_][A-Za-z0-9_]*$";

    fn from_text(text: &str) -> Result<Self, Fault> {
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let begins_well = text.bytes().next().is_some_and(|b| !b.is_ascii_digit());
        if begins_well && text.bytes().all(is_name) {
            return Ok(Self(text.to_owned()));
        }
        Err((
            "is not the name of a variable",
            "write letters, digits and _",
        )
            .into())
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
                    let seen = [&shown::text(text), " is unknown here"];
                    let wanted = ["write ", WORDS];
                    problems.add(at, &seen, &wanted);
                    None
                }
            },
            Json::Object(_) => {
                let RawHashedSubject { hashed } = RawHashedSubject::decode(json, at, problems)?;
                let RawHashed { salt } = hashed.given()?;
                Some(Self::Hashed(salt.given()?))
            }
            _ => {
                problems.mismatch(at, json, WORDS);
                None
            }
        }
    }
}

#[cfg(feature = "schema")]
impl crate::decode::schema::Schema for RawSubject {
    fn schema() -> serde_json::Value {
        // Of an object and a string each keyword speaks about one alone, so they stand side by
        // side.
        let mut schema = <RawHashedSubject as crate::decode::schema::Schema>::schema();
        if let Some(members) = schema.as_object_mut() {
            members.insert("type".into(), serde_json::json!(["string", "object"]));
            members.insert("pattern".into(), "^(clear|omitted)$".into());
        }
        schema
    }
}
