//! What we show where we ask, and what a good answer holds.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use form_urlencoded::byte_serialize;
use passgate_core::{Json, limits};

use crate::{
    config::Shows,
    fetch::{Came, Failure, Way},
};

/// What we show: a token.
pub(crate) enum Token {
    Fixed(String),
    Own {
        way: Way,
        authorization: String,
        form: String,
        held: Option<(String, Instant)>,
    },
}

/// Why asking brought nothing: a word for metrics, and what happened.
pub(crate) type Failed = (&'static str, String);

/// Most bytes of what a token endpoint answers.
const TOKEN_BYTES: usize = 64 << 10;
/// A token of ours is used so long if its answer does not say how long it is good.
const LIFETIME: u64 = 60;

impl Token {
    /// As the configuration says; `trusted_ca`: whom to trust at its token endpoint.
    pub(crate) fn of(shows: &Shows, trusted_ca: Option<&Path>) -> Result<Self, Failure> {
        Ok(match shows {
            Shows::Bearer(bearer) => Self::Fixed(format!("Bearer {}", bearer.text())),
            Shows::Client {
                token_uri,
                client_id,
                client_secret,
                scope,
            } => {
                // RFC 6749 section 2.3.1.
                let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
                let (id, secret) = (encoded(client_id), encoded(client_secret.text()));
                let basic = BASE64_STANDARD.encode(format!("{id}:{secret}"));
                let mut form = form_urlencoded::Serializer::new(String::new());
                form.append_pair("grant_type", "client_credentials");
                if let Some(scope) = scope {
                    form.append_pair("scope", scope);
                }
                Self::Own {
                    way: Way::to(token_uri, trusted_ca)?,
                    authorization: format!("Basic {basic}"),
                    form: form.finish(),
                    held: None,
                }
            }
        })
    }

    /// The value of `Authorization`.
    pub(crate) async fn get(&mut self, timeout: Duration) -> Result<String, Failed> {
        let (way, authorization, form, held) = match self {
            Self::Fixed(bearer) => return Ok(bearer.clone()),
            Self::Own {
                way,
                authorization,
                form,
                held,
            } => (way, authorization, form, held),
        };
        if let Some((bearer, until)) = held
            && Instant::now() < *until
        {
            return Ok(bearer.clone());
        }
        let body = ("application/x-www-form-urlencoded", form.clone());
        let came = way.post(body, authorization, (TOKEN_BYTES, timeout)).await;
        let failed = |(_, why): Failed| ("token", format!("the token endpoint: {why}"));
        let answer = came
            .map_err(no_answer)
            .and_then(|came| read(&came, TOKEN_BYTES))
            .map_err(failed)?;
        let token = answer.get("access_token").and_then(Json::as_str);
        let is_plain = |token: &&str| token.bytes().all(|byte| byte.is_ascii_graphic());
        let Some(token) = token.filter(is_plain) else {
            return Err(failed(("", "expected access_token".to_owned())));
        };
        let lifetime = match answer.get("expires_in") {
            Some(Json::Number(seconds)) => seconds.parse().unwrap_or(LIFETIME),
            _ => LIFETIME,
        };
        // Another one is fetched before it is over.
        let lifetime = Duration::from_secs(lifetime.saturating_sub(lifetime / 5));
        let bearer = format!("Bearer {token}");
        let until = Instant::now().checked_add(lifetime);
        *held = until.map(|until| (bearer.clone(), until));
        Ok(bearer)
    }

    /// It was refused: also one that is not over may have been revoked.
    pub(crate) fn forget(&mut self) {
        if let Self::Own { held, .. } = self {
            *held = None;
        }
    }
}

/// Nothing came.
pub(crate) fn no_answer(error: Failure) -> Failed {
    ("no_answer", error.to_string())
}

/// The JSON of a good answer.
pub(crate) fn read(came: &Came, most: usize) -> Result<Json, Failed> {
    if came.status != 200 {
        return Err(("status", format!("status {}", came.status)));
    }
    if came.body.len() > most {
        return Err(("unreadable", "more bytes than are read".to_owned()));
    }
    let json = Json::parse(&came.body, limits::DOCUMENT_JSON_NODES);
    json.map_err(|error| ("unreadable", error.to_string()))
}
