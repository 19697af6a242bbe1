//! Fetches security event tokens (RFC 8936) where a provider does not push them. What was fetched
//! is judged as what is pushed, and acknowledged when it is on disk.

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use form_urlencoded::byte_serialize;
use passgate_core::{Json, limits};
use serde_json::{Map, Value, json};

use crate::{
    config::{Poll, Shows},
    fetch::{Came, Failure, Way},
    http::{Outcome, Service, error_of},
    judge::What,
    log,
};

/// Most tokens of one answer.
const AT_ONCE: usize = 50;
/// Most bytes of one answer.
const BYTES: usize = (limits::EVENT_TOKEN_BYTES + 1_024) * AT_ONCE;
/// Most bytes of what a token endpoint answers.
const TOKEN_BYTES: usize = 64 << 10;
/// Where something came, the next poll tells so after this: a transmitter that sends the same for
/// ever keeps nothing busy.
const NEXT: Duration = Duration::from_millis(200);
/// After many failures it is tried this often.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A token of ours is used so long if its answer does not say how long it is good.
const LIFETIME: u64 = 60;

/// The stream of one provider.
struct Stream {
    service: Arc<Service>,
    /// The provider's place.
    index: usize,
    way: Way,
    token: Token,
    /// What the transmitter is told with the next poll.
    told: Told,
}

/// What became of the tokens of the last answer, by `jti`.
#[derive(Default)]
struct Told {
    acknowledged: Vec<Value>,
    errors: Map<String, Value>,
}

/// What we show to the transmitter.
enum Token {
    Fixed(String),
    Own {
        way: Way,
        authorization: String,
        form: String,
        held: Option<(String, Instant)>,
    },
}

/// Why a poll brought nothing: a word for metrics, and what happened.
type Failed = (&'static str, String);

/// Polls for each provider that says so, until the runtime ends.
pub(crate) fn start(service: &Arc<Service>) -> Result<(), Box<dyn Error>> {
    for (index, provider) in service.config.providers.iter().enumerate() {
        let poll = provider
            .events
            .as_ref()
            .and_then(|events| events.poll.as_ref());
        let Some(poll) = poll else { continue };
        let ways = || -> Result<(Way, Token), Failure> {
            let way = Way::to(&poll.uri, poll.trusted_ca.as_deref())?;
            Ok((way, Token::of(poll)?))
        };
        let (way, token) = ways().map_err(|error| format!("{}: {error}", provider.name))?;
        let stream = Stream {
            service: Arc::clone(service),
            index,
            way,
            token,
            told: Told::default(),
        };
        tokio::spawn(stream.run());
    }
    Ok(())
}

impl Stream {
    async fn run(mut self) {
        let service = Arc::clone(&self.service);
        let Some(provider) = service.config.providers.get(self.index) else {
            return;
        };
        let events = provider.events.as_ref();
        let Some(poll) = events.and_then(|events| events.poll.as_ref()) else {
            return;
        };
        let name = &*provider.name;
        let mut pause = poll.interval;
        loop {
            let outcome = match self.poll(poll).await {
                Ok(is_more) => {
                    pause = if is_more { NEXT } else { poll.interval };
                    "ok"
                }
                Err((outcome, why)) => {
                    pause = pause.saturating_mul(2).clamp(poll.interval, LONGEST_PAUSE);
                    log::warn(
                        "events cannot be fetched",
                        &[("provider", name), ("error", &why)],
                    );
                    outcome
                }
            };
            let labels = [("provider", name), ("outcome", outcome)];
            service.metrics.count("passgate_feed_polls_total", &labels);
            tokio::time::sleep(pause).await;
        }
    }

    /// Tells what became of the last tokens, and fetches the next. True: there is something to tell
    /// or to fetch at once.
    async fn poll(&mut self, poll: &Poll) -> Result<bool, Failed> {
        let body = json!({
            "maxEvents": AT_ONCE,
            "returnImmediately": true,
            "ack": self.told.acknowledged,
            "setErrs": self.told.errors,
        });
        let authorization = self.token.get(poll.timeout).await?;
        let came = self
            .way
            .post(
                ("application/json", body.to_string()),
                &authorization,
                (BYTES, poll.timeout),
            )
            .await
            .map_err(no_answer)?;
        if came.status == 401 {
            // Also a token that is not over may have been revoked.
            self.token.forget();
        }
        let answer = read(&came, BYTES)?;
        self.told = Told::default();
        let Some(Json::Object(sets)) = answer.get("sets") else {
            return Err(("unreadable", "expected sets, an object".to_owned()));
        };
        let service = Arc::clone(&self.service);
        let Some(provider) = service.config.providers.get(self.index) else {
            return Ok(false);
        };
        for (jti, token) in sets {
            let token = token.as_str().unwrap_or_default().to_owned();
            let of = (self.index, provider);
            match service.take(of, What::Security, token).await {
                Outcome::Done => self.told.acknowledged.push(Value::from(&**jti)),
                Outcome::Wrong(fault) => {
                    self.told
                        .errors
                        .insert(String::from(&**jti), error_of(fault));
                }
                // It comes again.
                Outcome::Later(..) => {}
            }
        }
        let Told {
            acknowledged,
            errors,
        } = &self.told;
        Ok(!acknowledged.is_empty() || !errors.is_empty())
    }
}

impl Token {
    fn of(poll: &Poll) -> Result<Self, Failure> {
        Ok(match &poll.shows {
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
                    way: Way::to(token_uri, poll.trusted_ca.as_deref())?,
                    authorization: format!("Basic {basic}"),
                    form: form.finish(),
                    held: None,
                }
            }
        })
    }

    /// The value of `Authorization`.
    async fn get(&mut self, timeout: Duration) -> Result<String, Failed> {
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

    fn forget(&mut self) {
        if let Self::Own { held, .. } = self {
            *held = None;
        }
    }
}

fn no_answer(error: Failure) -> Failed {
    ("no_answer", error.to_string())
}

/// The JSON of a good answer.
fn read(came: &Came, most: usize) -> Result<Json, Failed> {
    if came.status != 200 {
        return Err(("status", format!("status {}", came.status)));
    }
    if came.body.len() > most {
        return Err(("unreadable", "more bytes than 50 tokens have".to_owned()));
    }
    let json = Json::parse(&came.body, limits::DOCUMENT_JSON_NODES);
    json.map_err(|error| ("unreadable", error.to_string()))
}
