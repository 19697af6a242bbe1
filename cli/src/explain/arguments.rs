//! What was asked.

use std::ffi::{OsStr, OsString};

use passgate_core::UnixTime;

/// The options of `passgate explain`.
#[derive(Default)]
pub(super) struct Arguments {
    pub(super) config: OsString,
    pub(super) token: Option<OsString>,
    pub(super) claims: Option<OsString>,
    pub(super) jwks: Option<OsString>,
    pub(super) request: String,
    pub(super) at: Option<UnixTime>,
}

impl Arguments {
    pub(super) fn parse(words: &[OsString]) -> Result<Self, String> {
        let mut read = Self::default();
        let mut request = None;
        let mut words = words.iter();
        while let Some(name) = words.next() {
            let name = name.to_string_lossy();
            let value = words
                .next()
                .ok_or_else(|| usage(&format!("{name} wants a value")))?;
            match &*name {
                "--config" => read.config.clone_from(value),
                "--token" => read.token = Some(value.clone()),
                "--claims" => read.claims = Some(value.clone()),
                "--jwks" => read.jwks = Some(value.clone()),
                "--request" => request = Some(value.to_string_lossy().into_owned()),
                "--at" => read.at = Some(time(value)?),
                _ => return Err(usage(&format!("{name} is no option"))),
            }
        }
        if read.config.is_empty() {
            return Err(usage("--config is missing"));
        }
        if read.token.is_some() && read.claims.is_some() {
            return Err(usage(
                "--token and --claims are both given; give one of them",
            ));
        }
        read.request =
            request.ok_or_else(|| usage("--request is missing, such as 'GET /payments'"))?;
        Ok(read)
    }
}

/// Seconds since the epoch.
fn time(value: &OsStr) -> Result<UnixTime, String> {
    let seconds = value.to_str().and_then(|text| text.parse().ok());
    let seconds = seconds.ok_or_else(|| {
        usage("--at wants seconds since 1970, as `date -d 2027-06-30 +%s` prints")
    })?;
    Ok(UnixTime::from_secs(seconds))
}

fn usage(problem: &str) -> String {
    format!("passgate: {problem}\n{}", crate::USAGE)
}
